"""Every kind of element of a pandapower net is carried, left out with a note, or refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandapower as pp
import pytest

from offchain.errors import InputError
from offchain.grid.assemble import assemble
from offchain.grid.case import CaseGrid
from offchain.grid.options import Options
from offchain.grid.pandapower_net import quiet, read_file, read_net
from tests.grid.test_pandapower import assert_same_flows

Net = Any


@pytest.fixture
def net() -> Net:
    """110 kV and 20 kV, two transformers, a ring of lines with a load at each of its buses."""
    with quiet():
        net = pp.create_empty_network()
        high = pp.create_bus(net, 110.0, name="high")
        ring = [pp.create_bus(net, 20.0, name=f"ring {i}") for i in range(4)]
        pp.create_ext_grid(net, high, max_p_mw=60.0, min_p_mw=0.0)
        for i in (0, 1):
            pp.create_transformer(net, high, ring[i], "25 MVA 110/20 kV")
        for i in range(4):
            cable = "NA2XS2Y 1x185 RM/25 12/20 kV"
            pp.create_line(net, ring[i], ring[(i + 1) % 4], 1.0 + i, cable)
            pp.create_load(net, ring[i], p_mw=2.0 + i)
    return net


def load(net: Net, **choices: str | int) -> CaseGrid:
    raw = read_net(net, "made", str(choices.pop("convention", "reactance-tap")))
    case = assemble(raw, Options(**choices))  # type: ignore[arg-type]
    if not choices:
        assert_same_flows(case, net, 1e-9)
    return case


def notes(case: CaseGrid, kind: str) -> list[str]:
    return [note.text for note in case.notes if note.kind == kind]


def test_limits_are_the_thermal_ones(net: Net) -> None:
    net.line.loc[1, ["parallel", "df", "max_loading_percent"]] = [2, 0.5, 80.0]
    case = load(net)
    limit_mw = dict(zip(case.grid.line_names, case.grid.limit_wh / case.wh_per_mw, strict=True))
    ampacity = float(net.line.max_i_ka.at[0]) * 20 * 3**0.5
    assert limit_mw["line 0 (ring 0 - ring 1)"] == pytest.approx(ampacity, abs=1e-5)
    assert limit_mw["line 1 (ring 1 - ring 2)"] == pytest.approx(0.8 * ampacity, abs=1e-5)
    assert limit_mw["trafo 0 (high - ring 0)"] == pytest.approx(25)


def test_parallel_lines_count_by_their_number(net: Net) -> None:
    net.line.loc[0, "parallel"] = 3
    load(net)


def test_taps_and_equal_shifts_are_carried(net: Net) -> None:
    net.trafo["tap_pos"] = [3, -2]
    assert net.trafo.shift_degree.eq(150).all()
    case = load(net)
    assert not case.loop_flow_wh.any()


def test_shifts_that_differ_drive_a_loop_flow_that_is_taken_off_the_limits(net: Net) -> None:
    plain = load(net)
    net.trafo.loc[1, "shift_degree"] += 1.0
    case = load(net)
    loop_mw = case.loop_flow_wh / case.wh_per_mw
    line = case.grid.line_names.index("line 0 (ring 0 - ring 1)")
    assert abs(loop_mw[line]) > 1
    taken = plain.grid.limit_wh[line] - case.grid.limit_wh[line]
    assert taken == pytest.approx(abs(case.loop_flow_wh[line]), abs=2)
    assert "phase shifters drive flows of their own over 6 lines" in notes(case, "changed")[0]


def test_shifts_can_be_refused_or_ignored(net: Net) -> None:
    net.trafo.loc[1, "shift_degree"] += 1.0
    with pytest.raises(InputError, match=r"trafo [01] \(high - ring [01]\): its phase shift"):
        load(net, phase_shift="refuse")
    assert not load(net, phase_shift="ignore").loop_flow_wh.any()
    assert not load(net, convention="series-reactance", interval_s=60).loop_flow_wh.any()


def test_a_shift_beyond_a_limit_is_refused_by_the_name_of_the_line(net: Net) -> None:
    net.trafo.loc[1, "shift_degree"] += 40.0
    with pytest.raises(InputError, match=r"(line|trafo) \d .*: phase shifters alone drive"):
        load(net)


def test_elements_out_of_service_are_named(net: Net) -> None:
    net.line.loc[2, "in_service"] = False
    net.load.loc[1, "in_service"] = False
    net.bus.loc[4, "in_service"] = False
    case = load(net)
    dropped = notes(case, "dropped")
    assert {"line 2: out of service", "load 1: out of service"} <= set(dropped)
    assert "bus ring 3: out of service" in dropped
    assert "line 3: open at one end" in dropped
    assert case.grid.bus_names == ("high", "ring 0", "ring 1", "ring 2")


def test_an_open_line_switch_takes_the_line_out(net: Net) -> None:
    pp.create_switch(net, 3, 2, et="l", closed=False)
    case = load(net)
    assert "line 2: open at one end" in notes(case, "dropped")
    assert case.grid.n_line == 5


def test_an_open_transformer_switch_takes_the_transformer_out(net: Net) -> None:
    pp.create_switch(net, 1, 0, et="t", closed=False)
    assert "trafo 0: open at one end" in notes(load(net), "dropped")


def test_closed_bus_switches_make_one_bus(net: Net) -> None:
    busbar = pp.create_bus(net, 20.0, name="busbar")
    pp.create_switch(net, 4, busbar, et="b", closed=True)
    pp.create_load(net, busbar, p_mw=1.5)
    case = load(net)
    assert "bus busbar: one with bus ring 3 by closed switches" in notes(case, "merged")
    at = case.grid.bus_names.index("ring 3")
    assert case.load_wh[at] / case.wh_per_mw == pytest.approx(5.0 + 1.5)


def test_switches_with_impedance_are_lines(net: Net) -> None:
    busbar = pp.create_bus(net, 20.0, name="busbar")
    pp.create_switch(net, 4, busbar, et="b", closed=True, z_ohm=0.2)
    pp.create_load(net, busbar, p_mw=1.5)
    case = assemble(read_net(net, "made"), Options())
    assert any(name.startswith("switch 0 (") for name in case.grid.line_names) or any(
        text.startswith("switch 0") for text in notes(case, "merged")
    )
    assert case.load_wh.sum() / case.wh_per_mw == pytest.approx(14 + 1.5)


def test_open_bus_switches_leave_an_unsupplied_bus_out(net: Net) -> None:
    busbar = pp.create_bus(net, 20.0, name="busbar")
    pp.create_switch(net, 4, busbar, et="b", closed=False)
    pp.create_gen(net, busbar, p_mw=1.0)
    case = load(net)
    dropped = notes(case, "dropped")
    assert "bus busbar: no external grid reaches it" in dropped
    assert "gen 0: its bus is not supplied" in dropped


def test_every_external_grid_supplies_its_island(net: Net) -> None:
    other = pp.create_bus(net, 20.0, name="other")
    pp.create_ext_grid(net, other, max_p_mw=5.0)
    case = load(net)
    assert case.grid.bus_names[-1] == "other"
    assert (case.grid.theta_box == 0).sum() == 2


def test_three_winding_transformers_are_stars(net: Net) -> None:
    low = pp.create_bus(net, 10.0, name="low")
    pp.create_transformer3w(net, 0, 1, low, "63/25/38 MVA 110/20/10 kV", tap_pos=2)
    pp.create_load(net, low, p_mw=3.0)
    net.trafo["shift_degree"] = 0.0
    case = load(net)
    assert "star of trafo3w 0" in case.grid.bus_names
    assert {f"trafo3w 0 {side}" for side in ("hv", "mv", "lv")} <= {
        name.partition(" (")[0] for name in case.grid.line_names
    }


def test_impedances_wards_and_generation_are_carried(net: Net) -> None:
    pp.create_impedance(net, 2, 4, rft_pu=0.01, xft_pu=0.2, sn_mva=10.0)
    pp.create_ward(net, 3, ps_mw=0.4, qs_mvar=0, pz_mw=0.3, qz_mvar=0)
    pp.create_xward(net, 3, 0.2, 0, 0.1, 0, r_ohm=0.1, x_ohm=2.0, vm_pu=1.0)
    pp.create_shunt(net, 2, q_mvar=0, p_mw=0.25)
    pp.create_sgen(net, 2, p_mw=1.5, scaling=0.5)
    pp.create_gen(net, 3, p_mw=1.0, min_p_mw=0.25, max_p_mw=4.0)
    pp.create_poly_cost(net, 0, "gen", cp1_eur_per_mw=40.0, cp2_eur_per_mw2=0.5)
    pp.create_storage(net, 4, p_mw=-0.5, max_e_mwh=1.0)
    case = load(net)
    assert case.load_wh.sum() / case.wh_per_mw == pytest.approx(14 + 0.7 + 0.3 + 0.25 - 0.5)
    by_name = {g.name: g for g in case.generators}
    assert by_name["sgen 0"].p_max_wh / case.wh_per_mw == pytest.approx(0.75)
    gen = by_name["gen 0"]
    assert (gen.p_min_wh / case.wh_per_mw, gen.p_max_wh / case.wh_per_mw) == (0.25, 4.0)
    assert (gen.cost_quadratic, gen.cost_linear) == (0.5, 40.0)


def test_a_bus_that_only_feeds_becomes_a_generator(net: Net) -> None:
    pp.create_load(net, 1, p_mw=-6.0)
    case = load(net)
    feed = next(g for g in case.generators if g.name == "feed-in at ring 0")
    assert feed.p_max_wh / case.wh_per_mw == pytest.approx(4.0)
    assert case.load_wh[feed.bus] == 0


def test_missing_limits_are_bounded(net: Net) -> None:
    net.line.loc[1, "max_i_ka"] = float("nan")
    net.trafo.loc[0, "sn_mva"] = 99_999.0
    case = load(net)
    names = {case.grid.line_names[line].partition(" (")[0] for line in case.unlimited}
    assert names == {"line 1", "trafo 0"}
    assert case.grid.limit_wh.max() / case.wh_per_mw <= 2 * 60.0


def test_an_external_grid_without_a_bound_is_bounded_by_the_load(net: Net) -> None:
    net.ext_grid.loc[0, "max_p_mw"] = float("nan")
    case = load(net)
    assert "ext_grid 0: no max_p_mw, bounded at 14 MW" in notes(case, "changed")


def test_piecewise_linear_costs_are_left_out_by_name(net: Net) -> None:
    pp.create_pwl_cost(net, 0, "ext_grid", [[0, 60, 1.0]])
    assert "ext_grid 0: piecewise linear cost left out" in notes(load(net), "changed")


def test_lines_without_impedance_are_merged_or_refused(net: Net) -> None:
    pp.create_bus(net, 20.0, name="next door")
    pp.create_line_from_parameters(net, 4, 5, 0.001, 1e-9, 1e-9, 0, 0.3)
    pp.create_load(net, 5, p_mw=1.0)
    case = assemble(read_net(net, "made"), Options())
    (text,) = notes(case, "merged")
    assert text.startswith("line 4 (ring 3 - next door): no reactance to speak of")
    assert "its limit of 10.3923 MW is lost" in text
    assert case.load_wh.sum() / case.wh_per_mw == pytest.approx(15)


def test_direct_current_lines_are_refused_by_name(net: Net) -> None:
    pp.create_dcline(net, 1, 3, p_mw=1.0, loss_percent=0, loss_mw=0, vm_from_pu=1, vm_to_pu=1)
    with pytest.raises(InputError, match="dcline 0: a DC flow does not determine its power"):
        load(net)
    net.dcline.loc[0, "in_service"] = False
    load(net)


def test_a_net_that_cannot_be_run_is_refused(net: Net) -> None:
    net.ext_grid.loc[0, "in_service"] = False
    with pytest.raises(InputError, match="made: pandapower cannot run its DC power flow"):
        load(net)


def test_names_that_are_not_unique_become_numbers(net: Net) -> None:
    net.bus["name"] = "same"
    assert load(net).grid.bus_names == tuple(f"bus {i}" for i in range(5))


def test_a_net_is_read_from_the_file_pandapower_writes(net: Net, tmp_path: Path) -> None:
    file = tmp_path / "town.json"
    with quiet():
        pp.to_json(net, str(file))
    raw = read_file(file)
    assert raw.name == "town"
    assert assemble(raw, Options()).grid.hash() == load(net).grid.hash()


def test_voltage_levels_and_transformer_areas_are_layers(net: Net) -> None:
    far = [pp.create_bus(net, 20.0, name=f"far {i}") for i in range(2)]
    pp.create_transformer(net, 0, far[0], "25 MVA 110/20 kV")
    pp.create_line(net, far[0], far[1], 1.0, "NA2XS2Y 1x185 RM/25 12/20 kV")
    case = load(net)
    layers = [layer for layer in case.grid.holarchy.layers if layer.level > 0]
    assert [layer.name for layer in layers] == [
        "system", "20 kV", "area of ring 0", "area of far 0",
    ]  # fmt: skip
    mw = [layer.import_limit_wh / case.wh_per_mw for layer in layers]
    assert mw == pytest.approx([0, 75, 50, 25])
