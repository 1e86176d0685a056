"""Networks of pandapower carry the flows that pandapower computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandapower
import pandapower.networks
import pytest

from offchain.errors import InputError
from offchain.grid.assemble import assemble
from offchain.grid.case import CaseGrid
from offchain.grid.flows import DcNetwork
from offchain.grid.options import Options
from offchain.grid.pandapower_case import IEEE_CASES, NETWORKS, load_case
from offchain.grid.pandapower_net import quiet, read_net
from tests.grid.small import nodal_errors

QUICK = (
    *("case5", "case14", "case30", "case33bw", "case57", "case118", "case89pegase", "case300"),
    *("GBreducednetwork", "create_cigre_network_hv", "create_cigre_network_mv"),
    *("create_cigre_network_lv", "example_multivoltage", "mv_oberrhein"),
)
#: Loads that pandapower's DC model leaves out, so that its flows are none.
WITHOUT_LOADS = ("ieee_european_lv_asymmetric",)
#: A negative reactance that is in series with no other branch is taken as none; the largest change
#: of a flow in MW, of flows in the hundreds.
CHANGED_MW = {
    **{"case145": 320.0, "case1888rte": 50.0, "case2848rte": 50.0, "case3120sp": 15.0},
    "iceland": 0.01,
}
#: Phase shifters drive more than a limit through a loop: refused unless they are ignored.
REFUSED = ("case6470rte", "case6495rte", "case6515rte")


def shipped(name: str) -> Any:  # noqa: ANN401
    with quiet():
        return getattr(pandapower.networks, name)()


def flows_mw(net: Any) -> dict[str, float]:  # noqa: ANN401
    """DC flows by element as pandapower computes them, in MW at the from or high-voltage side."""
    flows = {f"line {i}": value for i, value in net.res_line.p_from_mw.items()}
    flows |= {f"trafo {i}": value for i, value in net.res_trafo.p_hv_mw.items()}
    flows |= {f"impedance {i}": value for i, value in net.res_impedance.p_from_mw.items()}
    flows |= {f"trafo3w {i} hv": value for i, value in net.res_trafo3w.p_hv_mw.items()}
    for side in ("mv", "lv"):
        column = net.res_trafo3w[f"p_{side}_mw"]
        flows |= {f"trafo3w {i} {side}": -value for i, value in column.items()}
    return flows


def assert_same_flows(case: CaseGrid, net: Any, tolerance_mw: float) -> None:  # noqa: ANN401
    expected = flows_mw(net)
    flow_mw = (case.base_flow_wh + case.loop_flow_wh) / case.wh_per_mw
    compared = 0
    for line, name in enumerate(case.grid.line_names):
        # A branch that took up a negative one in series keeps its own name in front.
        element = name.partition(" (")[0]
        if element in expected:
            assert flow_mw[line] == pytest.approx(expected[element], abs=tolerance_mw), name
            compared += 1
    assert compared >= 0.9 * case.grid.n_line


def compare(name: str) -> None:
    net = shipped(name)
    raw = read_net(net, name)
    case = assemble(raw, Options())
    largest = float(np.abs(net.res_line.p_from_mw).max())
    assert_same_flows(case, net, CHANGED_MW.get(name, 1e-9 * max(1.0, largest)))


@pytest.mark.parametrize("name", QUICK)
def test_flows_equal_those_of_pandapower(name: str) -> None:
    compare(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*NETWORKS} - {*QUICK, *WITHOUT_LOADS, *REFUSED}))
def test_flows_equal_those_of_pandapower_in_every_network_it_ships(name: str) -> None:
    compare(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_phase_shifters_that_overload_a_line_are_refused_by_its_name(name: str) -> None:
    raw = read_net(shipped(name), name)
    with pytest.raises(InputError, match=r"(line|trafo) \d+ .*phase shifters alone drive"):
        assemble(raw, Options())
    assert assemble(raw, Options(phase_shift="ignore")).grid.n_bus > 6000


@pytest.mark.parametrize("name", [*IEEE_CASES, "case300", "mv_oberrhein"])
def test_whole_injections_have_angles_that_the_checker_accepts(name: str) -> None:
    case = load_case(name)
    grid = case.grid
    dc = DcNetwork(grid.n_bus, grid.line_from, grid.line_to, grid.b.astype(np.float64))
    injection = np.rint(-case.load_wh).astype(np.int64)
    for generator in case.generators:
        injection[generator.bus] += round(generator.p_max_wh / 3)
    for number in range(dc.n_island):
        members = np.flatnonzero(dc.island == number)
        injection[members[0]] -= injection[members].sum()
    angles = dc.angles(256 * injection.astype(np.float64))
    theta = [round(value * 2.0**grid.shift) for value in angles.tolist()]
    assert np.abs(nodal_errors(grid, theta, injection.tolist())).max() <= 16


def test_the_ieee_names_come_with_limits_by_headroom() -> None:
    case = load_case("ieee57", load_wh=400_000)
    assert case.load_wh.sum() == pytest.approx(400_000)
    assert case.bus_load_share.sum() == pytest.approx(1)
    expected = np.maximum(1.15 * np.abs(case.base_flow_wh), 4_000)
    np.testing.assert_array_equal(case.grid.limit_wh, np.floor(expected))
    assert (case.limit_rule, case.unlimited) == ("headroom-1.15", ())


def test_scaling_is_linear() -> None:
    small, large = load_case("ieee14", load_wh=1e6), load_case("ieee14", load_wh=3e6)
    np.testing.assert_allclose(large.base_flow_wh, 3 * small.base_flow_wh, rtol=1e-12)
    np.testing.assert_array_equal(large.grid.margin_wh, small.grid.margin_wh)
    assert large.generators[0].p_max_wh == pytest.approx(3 * small.generators[0].p_max_wh)
    assert load_case("ieee14", interval_s=900).wh_per_mw == 250_000


def test_generators_bring_their_cost() -> None:
    case = load_case("ieee14")
    first = case.generators[0]
    assert (first.name, first.bus, first.cost_linear) == ("ext_grid 0", 0, 20.0)
    p_mw = first.p_max_wh / case.wh_per_mw
    assert p_mw == pytest.approx(332.4)
    assert case.bid_hint_ticks(first) == round(1000 * (20 + first.cost_quadratic * p_mw))


def test_both_conventions_are_offered() -> None:
    tapped = load_case("ieee14")
    series = load_case("ieee14", convention="series-reactance")
    assert (tapped.convention, series.convention) == ("reactance-tap", "series-reactance")
    ratio = series.grid.b / 2.0**series.grid.shift / (tapped.grid.b / 2.0**tapped.grid.shift)
    ratio *= 2.0 ** ((series.grid.angle_bits or 0) - (tapped.grid.angle_bits or 0))
    r, x, tap = 0.01938, 0.05917, 0.978
    assert ratio[0] == pytest.approx(x * x / (r * r + x * x), rel=1e-9)
    assert ratio[15] == pytest.approx(tap, rel=1e-9)


def test_unknown_names_and_conventions_are_refused() -> None:
    with pytest.raises(InputError, match="ieee15: pandapower ships no such network"):
        load_case("ieee15")
    with pytest.raises(InputError, match="convention: 'tap' is unknown"):
        load_case("ieee14", convention="tap")
