"""What the checker promises: an honest clearing passes, and nothing else beyond the tolerance."""

from dataclasses import replace

import numpy as np
import pytest

from offchain.clearing.certificate import Certificate, Ramps, check_network
from offchain.clearing.program import Clearer, Clearing
from offchain.clearing.ramps import check_brackets
from offchain.clearing.reference import clear_reference, exact_welfare
from offchain.clearing.tolerance import bracket_wh, gap_wh, tolerance
from offchain.errors import InputError
from offchain.grid.model import Grid
from tests.clearing.markets import P_CAP, random_grid, random_ramps

Market = tuple[Grid, Ramps, Clearing]


def market(seed: int) -> Market:
    """A congested market: the first of a row of random ones in which two lines have a price."""
    rng = np.random.default_rng(seed)
    while True:
        grid = random_grid(rng, most_buses=25)
        ramps = random_ramps(rng, grid.n_bus)
        clearing = Clearer(grid).clear(ramps)
        if len(clearing.certificate.mu) >= 2:
            return grid, ramps, clearing


@pytest.fixture(scope="module", params=range(4))
def congested(request: pytest.FixtureRequest) -> Market:
    return market(request.param)


def put(values: tuple[int, ...], at: int, by: int) -> tuple[int, ...]:
    return (*values[:at], values[at] + by, *values[at + 1 :])


def accepted(grid: Grid, clearing: Clearing, certificate: Certificate) -> bool:
    """Whether the network rules hold and the injections are the committed ones."""
    check = check_network(grid, certificate)
    return check.ok and check.injection_wh == tuple(clearing.injection_wh.tolist())


def strength(grid: Grid, bus: int) -> int:
    return int(grid.b[(grid.line_from == bus) | (grid.line_to == bus)].sum())


def connected(grid: Grid) -> list[int]:
    return [bus for bus in range(grid.n_bus) if strength(grid, bus)]


def test_every_angle_moved_by_a_wh_is_rejected(congested: Market) -> None:
    grid, _, clearing = congested
    honest = clearing.certificate
    for bus in connected(grid):
        wh = (256 << int(grid.shift)) // strength(grid, bus) + 1
        for by in (wh, -wh, 100 * wh):
            certificate = replace(honest, theta=put(honest.theta, bus, by))
            assert not accepted(grid, clearing, certificate), bus


def test_angles_moved_within_their_rounding_change_no_injection(congested: Market) -> None:
    grid, _, clearing = congested
    honest = clearing.certificate
    for bus in connected(grid):
        assert accepted(grid, clearing, replace(honest, theta=put(honest.theta, bus, 1)))


def test_every_price_moved_beyond_the_gap_is_rejected(congested: Market) -> None:
    grid, _, clearing = congested
    honest = clearing.certificate
    for bus in connected(grid):
        enough = int(grid.eps_grid) // (2 * max(1, int(grid.theta_box[bus])) * strength(grid, bus))
        by = 2 * enough + 2
        if grid.theta_box[bus] == 0:  # the bus the angles are bounded from: its neighbours tell
            by = int(grid.eps_grid)
        for change in (by, -by):
            certificate = replace(honest, pi=put(honest.pi, bus, change))
            assert not accepted(grid, clearing, certificate), bus


def test_a_price_of_a_line_left_out_turned_or_doubled_is_rejected(congested: Market) -> None:
    grid, _, clearing = congested
    honest = clearing.certificate
    for i, (line, mu) in enumerate(honest.mu):
        before, after = honest.mu[:i], honest.mu[i + 1 :]
        others = [(), ((line, 0),), ((line, -mu),), ((line, 2 * mu),), ((line, mu),) * 2]
        for other in others:
            certificate = replace(honest, mu=(*before, *other, *after))
            assert not accepted(grid, clearing, certificate), (line, other)


def test_a_price_on_a_line_that_is_not_full_is_rejected(congested: Market) -> None:
    grid, _, clearing = congested
    honest = clearing.certificate
    flows = np.abs(check_network(grid, honest).flows)
    slack = np.flatnonzero(flows < 256 * (grid.limit_wh - 2 * grid.margin_wh))
    for line in slack.tolist():
        for mu in (1, -1):
            certificate = replace(honest, mu=tuple(sorted((*honest.mu, (line, mu)))))
            assert not check_network(grid, certificate).ok


def test_line_prices_out_of_order_or_beyond_the_grid_are_rejected(congested: Market) -> None:
    grid, _, clearing = congested
    honest = clearing.certificate
    assert not check_network(grid, replace(honest, mu=honest.mu[::-1])).ok
    assert not check_network(grid, replace(honest, mu=(*honest.mu, (grid.n_line, 1)))).ok


def test_a_flow_above_its_limit_is_rejected(congested: Market) -> None:
    grid, _, clearing = congested
    honest = clearing.certificate
    twice = replace(honest, theta=tuple(2 * theta for theta in honest.theta))
    assert any("limit" in violation for violation in check_network(grid, twice).violations)


def test_every_allocation_moved_out_of_its_bracket_is_rejected(congested: Market) -> None:
    _, ramps, clearing = congested
    width = ramps.pb_ticks - ramps.pa_ticks
    away = np.array(
        [int(2 * bracket_wh(int(q), int(w))) + 3 for q, w in zip(ramps.q_wh, width, strict=True)]
    )
    for sign in (1, -1):
        outside = check_brackets(ramps, clearing.x_wh + sign * away, clearing.certificate.pi)
        assert len(outside) == len(ramps)


def test_all_prices_moved_together_fail_the_brackets(congested: Market) -> None:
    """A common shift leaves no residual: it is stopped by the brackets and the balance."""
    grid, ramps, clearing = congested
    pi = tuple(price + (20 << 16) for price in clearing.certificate.pi)
    assert accepted(grid, clearing, replace(clearing.certificate, pi=pi))
    assert len(check_brackets(ramps, clearing.x_wh, pi)) > 0


def test_packed_bytes_come_back(congested: Market) -> None:
    grid, _, clearing = congested
    packed = clearing.certificate.packed()
    assert len(packed) == 16 * grid.n_bus + 10 * len(clearing.certificate.mu)
    assert Certificate.unpack(packed, grid.n_bus) == clearing.certificate


def test_bytes_that_fit_no_certificate_are_refused() -> None:
    with pytest.raises(InputError, match="certificate: 17 bytes; give 16 per bus"):
        Certificate.unpack(bytes(17), 1)


def test_a_certificate_of_another_grid_is_refused(congested: Market) -> None:
    grid, _, clearing = congested
    with pytest.raises(InputError, match="give one theta and one pi per bus"):
        check_network(grid, replace(clearing.certificate, pi=clearing.certificate.pi[1:]))


def test_honest_clearings_use_a_part_of_the_gap_only(congested: Market) -> None:
    _, _, clearing = congested
    assert clearing.report.residual <= 0.56 * clearing.report.eps_grid


@pytest.mark.parametrize("seed", range(6))
def test_no_allocation_beats_a_certified_one_by_more_than_the_tolerance(seed: int) -> None:
    grid, ramps, clearing = market(seed)
    best = clear_reference(grid, ramps)
    lost = float(exact_welfare(ramps, best.x_wh) - exact_welfare(ramps, clearing.x_wh)) / P_CAP
    allowed = tolerance(grid, ramps, clearing.certificate, P_CAP)
    assert lost <= allowed.total_wh
    assert allowed.gap_wh == gap_wh(grid, P_CAP)
    assert f"{allowed.total_wh:.3g} Wh" in str(allowed)
