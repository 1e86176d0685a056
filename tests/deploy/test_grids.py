"""Grids too large for one transaction: registered page by page, and a certificate of them checked in one call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from web3.contract import Contract

from deploy.chain import Chain, ChainError, development_key
from deploy.contracts import artifact
from deploy.deployment import rehearse
from deploy.devnet import embedded
from deploy.grids import PAGE_BYTES, register_grid
from deploy.pilot import read_pilot
from offchain.clearing.certificate import check_network
from offchain.clearing.program import Clearer
from offchain.commitment.header import bus_vector_hash
from offchain.grid.case import CaseGrid
from offchain.grid.load import load_grid
from tests.vectors.make_clearing import orders

EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "pilot.example.toml"
CAP = 16_777_216
"""Gas that a transaction may use."""
PAGES = 4
"""Of case1354pegase."""


class ProcessEndedError(Exception):
    """The process ends here."""


@pytest.fixture
def chain() -> Iterator[Chain]:
    with embedded() as opened:
        yield opened


@pytest.fixture
def registry(chain: Chain) -> Contract:
    return create(chain, "GridRegistry")


@pytest.fixture(scope="module")
def case() -> CaseGrid:
    return load_grid("case1354pegase")


def create(chain: Chain, name: str, *arguments: object) -> Contract:
    compiled = artifact(name)
    return chain.deploy(name, compiled.abi, compiled.bytecode, *arguments)[0]


class Steps(dict[str, int]):
    """Gas by step; the process ends after one of them."""

    def __init__(self, last: str = "") -> None:
        super().__init__()
        self._last = last

    def __call__(self, step: str, gas: int) -> None:
        self[step] = gas
        if step == self._last:
            raise ProcessEndedError


def test_a_certificate_of_a_grid_of_several_pages_is_checked_in_one_call(
    chain: Chain, registry: Contract, case: CaseGrid
) -> None:
    packed, steps = case.grid.packed(), Steps()
    version = register_grid(chain, registry, packed, steps)
    assert [*steps] == [f"grid page {i} of {PAGES}" for i in range(1, PAGES + 1)] + ["grid"]
    assert 0 < max(steps.values()) < CAP
    assert bytes(registry.functions.gridHash(version).call()) == case.grid.hash()
    assert bytes(registry.functions.packedGrid(version).call()) == packed

    stations = [(g.bus, g.p_max_wh) for g in case.generators if g.p_max_wh > 0]
    clearing = Clearer(case.grid).clear(orders("large", case.load_wh * 1.2, stations))
    certificate = clearing.certificate.packed()
    checked = check_network(case.grid, clearing.certificate)
    verifier = create(chain, "NetworkVerifier", registry.address)
    found = verifier.functions.check(version, certificate).call({"gas": CAP})
    assert bytes(found) == bus_vector_hash(certificate, list(checked.injection_wh))
    angle = bytearray(certificate)
    angle[4] ^= 1
    refusal = chain.refusal(verifier.functions.check(version, bytes(angle)), {"gas": CAP})
    assert refusal is not None
    assert refusal.startswith("Network_")


def test_in_one_transaction_such_a_grid_would_be_above_the_cap(
    chain: Chain, registry: Contract, case: CaseGrid
) -> None:
    whole = registry.functions.registerGrid(case.grid.packed())
    assert chain.refusal(whole, {"gas": CAP}) is not None


def test_an_interrupted_registration_goes_on_where_it_was(
    chain: Chain, registry: Contract, case: CaseGrid
) -> None:
    packed = case.grid.packed()
    for page in (1, 2, 3):
        with pytest.raises(ProcessEndedError):
            register_grid(chain, registry, packed, Steps(f"grid page {page} of {PAGES}"))
        assert registry.functions.latestVersion().call() == 0
    steps = Steps()
    version = register_grid(chain, registry, packed, steps)
    there = [step for step, gas in steps.items() if gas == 0]
    assert there == [f"grid page {i} of {PAGES}" for i in (1, 2, 3)]
    assert register_grid(chain, registry, packed, again := Steps()) == version
    assert again == {"grid": 0}


def test_whoever_writes_in_between_changes_nothing(
    chain: Chain, registry: Contract, case: CaseGrid
) -> None:
    other = development_key("somebody", 1)
    chain.transfer(other.address, 10**20)
    packed, small = case.grid.packed(), load_grid("ieee14").grid.packed()

    def told(step: str, gas: int) -> None:
        calls: tuple[Any, ...] = (
            registry.functions.writePage(packed[:PAGE_BYTES][::-1]),
            registry.functions.registerGrid(small),
        )
        if step != "grid":
            for call in calls:
                chain.transact(call, other)

    version = register_grid(chain, registry, packed, told)
    assert bytes(registry.functions.packedGrid(version).call()) == packed


def test_a_version_is_that_of_the_grid_that_was_sent_whoever_registers_another_after_it(
    chain: Chain, registry: Contract
) -> None:
    other = development_key("somebody", 1)
    chain.transfer(other.address, 10**20)
    packed, foreign = load_grid("ieee14").grid.packed(), load_grid("ieee118").grid.packed()

    def told(step: str, gas: int) -> None:
        chain.transact(registry.functions.registerGrid(foreign), other)

    version = register_grid(chain, registry, packed, told)
    assert bytes(registry.functions.packedGrid(version).call()) == packed


def test_a_small_grid_takes_one_transaction(chain: Chain, registry: Contract) -> None:
    steps = Steps()
    assert register_grid(chain, registry, load_grid("ieee118").grid.packed(), steps) == 1
    assert [*steps] == ["grid"]


def test_pages_of_no_grid_are_refused_by_name(
    chain: Chain, registry: Contract, case: CaseGrid
) -> None:
    with pytest.raises(ChainError, match="GridRegistry_MalformedGrid"):
        register_grid(chain, registry, case.grid.packed() + b"\0")
    assert registry.functions.latestVersion().call() == 0


def test_a_rehearsal_counts_every_page(case: CaseGrid) -> None:
    pilot = replace(read_pilot(EXAMPLE), grid=case.grid)
    steps = rehearse(pilot, development_key("payer", 0).address)
    of_grid = [step for step in steps if step.startswith("grid")]
    assert of_grid == [f"grid page {i} of {PAGES}" for i in range(1, PAGES + 1)] + ["grid"]
    assert all(0 < steps[step] < CAP for step in of_grid)
