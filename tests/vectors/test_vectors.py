"""The shared vectors are what the code computes: a change of any committed rule shows here."""

import pytest

from tests.vectors.make import FILES, HERE, dumped
from tests.vectors.make_commitment import commitment
from tests.vectors.make_tightening import tightening

MAKERS = {**FILES, "commitment": commitment, "tightening": tightening}


@pytest.mark.parametrize("name", MAKERS)
def test_the_file_is_what_the_code_computes(name: str) -> None:
    remedy = "run python -m tests.vectors.make (make_commitment, make_tightening) and review every changed number"
    assert (HERE / f"{name}.json").read_text() == dumped(MAKERS[name]()), remedy
