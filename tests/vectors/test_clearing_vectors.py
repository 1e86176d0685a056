"""The checker's vectors: what Python and Solidity both accept and both reject."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest

from offchain.clearing.certificate import Certificate, Ramps, brackets, check_network, responses
from offchain.grid.model import unpack

HERE = Path(__file__).resolve().parent
MAKE = runpy.run_path(str(HERE / "make_clearing.py"))
NETWORK = json.loads((HERE / "network.json").read_text())
GRIDS = [unpack(bytes.fromhex(packed[2:])) for packed in NETWORK["grids"]["packed"]]
CERTIFICATES = list(zip(*NETWORK["certificates"].values(), strict=True))


def test_the_responses_are_what_the_code_computes() -> None:
    remedy = "run python tests/vectors/make_clearing.py and review every changed number"
    assert (HERE / "response.json").read_text() == MAKE["text"](MAKE["response"]()), remedy


@pytest.mark.parametrize("supply", [False, True])
def test_arrays_give_the_responses_and_brackets_of_python_integers(supply: bool) -> None:
    table = {
        name: np.array([int(text) for text in column])
        for name, column in json.loads((HERE / "response.json").read_text())["responses"].items()
    }
    k = len(table["q"])
    side = "supply" if supply else "demand"
    bus = np.zeros(k, np.int32)
    ramps = Ramps(bus, np.full(k, supply), table["q"], table["pa"], table["pb"])
    assert np.array_equal(responses(ramps, table["price"]), table[side])
    least, most = brackets(ramps, table["price"])
    assert np.array_equal(least, table[f"{side}Least"])
    assert np.array_equal(most, table[f"{side}Most"])


@pytest.mark.parametrize(
    ("grid", "packed", "injections", "valid"),
    [row[1:] for row in CERTIFICATES],
    ids=[row[0] for row in CERTIFICATES],
)
def test_the_verdict_on_a_certificate(grid: str, packed: str, injections: str, valid: str) -> None:
    registered = GRIDS[int(grid)]
    certificate = Certificate.unpack(bytes.fromhex(packed[2:]), registered.n_bus)
    assert certificate.packed().hex() == packed[2:]
    check = check_network(registered, certificate)
    assert check.ok == (valid == "1"), check.violations
    if check.ok:
        assert np.array(check.injection_wh, dtype=">i8").tobytes().hex() == injections[2:]
