"""The shared vectors are what the code computes: a change of any committed rule shows here."""

import runpy
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
MAKE = runpy.run_path(str(HERE / "make.py"))


@pytest.mark.parametrize("name", MAKE["FILES"])
def test_the_file_is_what_the_code_computes(name: str) -> None:
    remedy = "run python tests/vectors/make.py and review every changed number"
    assert (HERE / f"{name}.json").read_text() == MAKE["content"](name), remedy
