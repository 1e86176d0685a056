"""The operator's compiled check decides as the checker does, and leaves to it what is beyond its ranges."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.clearing import program
from offchain.clearing.certificate import Certificate, Ramps, check_network
from offchain.clearing.network import Network
from offchain.clearing.program import Clearer, Clearing, ClearingError
from offchain.clearing.ramps import check_brackets
from offchain.clearing.self_check import SelfCheck, _product, inside_brackets
from offchain.clearing.table import table_of
from offchain.grid.model import Grid
from tests.clearing.markets import ramps_of, random_grid, random_ramps

#: Sizes of a change: rounding, whole Wh, far off, beyond the ranges of the compiled check, the ends of int64.
SIZES = [0, 1, 2, 3, 63, 64, 65, 255, 257, 2**16, 2**20, 2**31, 2**40, 2**50, 2**61, 2**62]


def judged(grid: Grid, certificate: Certificate, injection: tuple[int, ...]) -> int | None:
    check = check_network(grid, certificate)
    return check.residual_sum if check.ok and check.injection_wh == injection else None


def quickly(grid: Grid, certificate: Certificate, injection: tuple[int, ...]) -> int | None:
    mu = np.zeros(grid.n_line, dtype=np.int64)
    for line, price in certificate.mu:
        mu[line] = price
    columns = (certificate.theta, certificate.pi)
    theta, pi = (np.array(column, dtype=np.int64) for column in columns)
    check = SelfCheck(grid, Network(grid).island)
    return check.residual(theta, pi, mu, np.array(injection, dtype=np.int64))


def fits(certificate: Certificate) -> bool:
    """Whether the numbers are within the ranges the compiled check states."""
    prices = (*certificate.pi, *(mu for _, mu in certificate.mu))
    return max(map(abs, certificate.theta)) < 2**61 and max(map(abs, prices)) < 2**50


def changed(
    rng: np.random.Generator, grid: Grid, clearing: Clearing
) -> tuple[Certificate, tuple[int, ...]]:
    """The certificate and injections of a clearing with some numbers moved."""
    honest = clearing.certificate
    theta, pi, mu = list(honest.theta), list(honest.pi), dict(honest.mu)
    injection = clearing.injection_wh.tolist()
    for _ in range(int(rng.integers(0, 4))):
        by = int(rng.choice(SIZES)) * int(rng.choice([-1, 1]))
        bus, line = int(rng.integers(0, grid.n_bus)), int(rng.integers(0, max(grid.n_line, 1)))
        match int(rng.integers(0, 5)):
            case 0:
                theta[bus] += by
            case 1:
                pi[bus] += by
            case 2 if grid.n_line:
                mu[line] = mu.get(line, 0) + by
            case 3:
                injection[bus] += by
            case _ if mu:
                line = int(rng.choice(list(mu)))
                mu[line] = -mu[line] if rng.random() < 0.5 else mu[line] + by
    priced = tuple(sorted((line, price) for line, price in mu.items() if price))
    theta, pi = ([int(np.clip(v, -(2**63), 2**63 - 1)) for v in column] for column in (theta, pi))
    moved = Certificate(tuple(theta), tuple(pi), priced)
    return moved, tuple(injection)


@pytest.mark.parametrize("seed", range(30))
def test_both_checks_decide_alike_on_honest_and_on_altered_certificates(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grid = random_grid(rng, most_buses=20)
    clearing = Clearer(grid).clear(random_ramps(rng, grid.n_bus))
    honest = clearing.certificate, tuple(clearing.injection_wh.tolist())
    assert quickly(grid, *honest) == judged(grid, *honest) == clearing.report.residual
    accepted = 0
    for _ in range(150):
        certificate, injection = changed(rng, grid, clearing)
        expected = judged(grid, certificate, injection)
        found = quickly(grid, certificate, injection)
        accepted += expected is not None
        if fits(certificate):
            assert found == expected
        else:
            assert found in (None, expected)
    assert 0 < accepted < 150


@given(st.integers(1, 2**53 - 1), st.integers(-(2**62) + 1, 2**62 - 1))
def test_the_two_words_of_a_product_are_the_product(b: int, d: int) -> None:
    high, low = _product(b, d)
    assert 0 <= low < 2**62
    assert (int(high) << 62) + int(low) == b * d


@pytest.mark.parametrize(
    ("b", "d"), list(product([1, 2**31 - 1, 2**31, 2**53 - 1], [-(2**62) + 1, -1, 0, 2**62 - 1]))
)
def test_products_at_the_ends_of_the_ranges_are_exact(b: int, d: int) -> None:
    high, low = _product(b, d)
    assert (int(high) << 62) + int(low) == b * d


prices = st.one_of(
    st.integers(-(2**50), 2**50), st.integers(-(2**18), 2**18).map(lambda p: (p << 16) + p % 3 - 1)
)


@given(
    st.booleans(),
    st.sampled_from([0, 1, 2, 999, 2**30 - 1]),
    st.integers(-(2**17), 2**17),
    st.sampled_from([1, 2, 1_024, 2**17 - 1]),
    prices,
    st.integers(-2, 2),
)
def test_brackets_are_the_checkers_at_every_price(
    supply: bool, q: int, pa: int, width: int, price: int, beside: int
) -> None:
    ramps = ramps_of((0, supply, q, pa, pa + width))
    table = table_of(ramps, 1)
    orders = (table.start, table.supply, table.q, table.bottom, table.width)
    pi = np.array([price], dtype=np.int64)
    distance = min(max((price - (pa << 16)), 0), width << 16)
    given_up = q * distance // (width << 16)
    for x in {0, q, (given_up if supply else q - given_up) + beside}:
        x_wh = np.array([x], dtype=np.int64)
        assert inside_brackets(orders, pi, x_wh) == (len(check_brackets(ramps, x_wh, pi)) == 0)


def test_what_the_compiled_check_does_not_accept_the_checker_judges(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(1)
    grid = random_grid(rng)
    ramps: Ramps = random_ramps(rng, grid.n_bus)
    first = Clearer(grid).clear(ramps)
    monkeypatch.setattr(SelfCheck, "residual", lambda *_: None)
    assert Clearer(grid).clear(ramps).report == first.report
    wrong = replace(check_network(grid, first.certificate), violations=("gap: made up",))
    monkeypatch.setattr(program, "check_network", lambda *_: wrong)
    with pytest.raises(ClearingError, match="gap: made up"):
        Clearer(grid).clear(ramps)
