"""What happens to a network before it is registered changes no flow, or says so."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from offchain.errors import InputError
from offchain.grid.assemble import assemble
from offchain.grid.flows import DcNetwork
from offchain.grid.options import Options
from offchain.grid.raw import RawBus, RawGenerator, RawLine, RawNetwork
from offchain.grid.reduce import (
    combine_parallel_lines,
    merge_stiff_lines,
    resolve_negative_reactance,
)


def network(lines: list[RawLine], loads_mw: list[float]) -> RawNetwork:
    """Buses with these loads; one generator at the first bus serves them."""
    total = sum(loads_mw)
    return RawNetwork(
        "made",
        tuple(RawBus(f"b{i}", load) for i, load in enumerate(loads_mw)),
        tuple(lines),
        (RawGenerator("plant", 0, total, 0.0, 2 * total, slack=True),),
        "reactance-tap",
    )


def line(name: str, start: int, end: int, x: float, limit_mw: float = 100.0) -> RawLine:
    return RawLine(name, start, end, 1 / x if x else math.inf, limit_mw=limit_mw)


def signed_flows(raw: RawNetwork) -> dict[str, float]:
    """Flows of the load from the first bus, with negative susceptances as they are."""
    ends = np.array([[line.start, line.end] for line in raw.lines], dtype=np.int32)
    b = np.array([line.susceptance_mw for line in raw.lines])
    injection = -np.array([bus.load_mw for bus in raw.buses])
    injection[0] -= injection.sum()
    flow = DcNetwork(len(raw.buses), ends[:, 0], ends[:, 1], b).flows(injection)
    return dict(zip((line.name for line in raw.lines), flow.tolist(), strict=True))


def test_a_negative_reactance_in_series_changes_no_flow() -> None:
    raw = network(
        [
            line("p", 0, 1, 0.2, 40),
            line("q", 2, 1, 0.3, 30),
            line("minus", 3, 2, -0.1, 20),
            line("r", 0, 3, 0.25),
            line("s", 3, 4, 0.4),
            line("t", 4, 1, 0.4),
        ],
        [0, 5, 0, 3, 2],
    )
    solved = resolve_negative_reactance(raw, "merge")
    assert [bus.name for bus in solved.buses] == ["b0", "b1", "b3", "b4"]
    joined = next(line for line in solved.lines if line.name == "q + minus")
    assert 1 / joined.susceptance_mw == pytest.approx(0.2)
    assert joined.limit_mw == 20
    before, after = signed_flows(raw), signed_flows(solved)
    assert after == pytest.approx(
        {"q + minus": before["q"], **{name: before[name] for name in "prst"}}
    )


def test_a_longer_chain_of_negative_reactances_is_joined_as_far_as_it_takes() -> None:
    raw = network(
        [
            line("p", 0, 1, 0.2),
            line("minus", 1, 2, -0.3),
            line("q", 2, 3, 0.05),
            line("r", 3, 4, 0.5),
            line("s", 0, 4, 0.6),
        ],
        [0, 0, 0, 0, 5],
    )
    solved = resolve_negative_reactance(raw, "merge")
    assert len(solved.lines) == 2
    assert signed_flows(solved)["s"] == pytest.approx(signed_flows(raw)["s"])


def test_other_negative_reactances_are_taken_as_none_and_named() -> None:
    raw = network(
        [line("p", 0, 1, 0.2), line("minus", 1, 2, -0.1), line("q", 0, 2, 0.3)], [0, 4, 5]
    )
    case = assemble(raw, Options())
    assert case.grid.bus_names == ("b0", "b1")
    assert case.notes[0].text == "minus: negative reactance taken as none"
    with pytest.raises(InputError, match="minus: its reactance is negative"):
        assemble(raw, Options(negative_reactance="refuse"))


def test_zero_impedance_joins_buses_and_adds_their_loads() -> None:
    raw = network(
        [
            line("p", 0, 1, 0.2),
            line("tie", 1, 2, 0.0, math.inf),
            line("tie too", 2, 3, 0.0, 7.0),
            line("shorted", 1, 3, 0.5),
            line("q", 3, 4, 0.3),
        ],
        [0, 1, 2, 3, 4],
    )
    case = assemble(raw, Options())
    assert case.grid.bus_names == ("b0", "b1", "b4")
    assert (case.load_wh / case.wh_per_mw).tolist() == [0, 6, 4]
    texts = {note.kind: note.text for note in case.notes}
    assert texts["merged"].endswith("b2 and b3 are one bus; its limit of 7 MW is lost")
    assert texts["dropped"] == "shorted: both ends are bus b1"


def test_a_branch_far_stronger_than_the_others_counts_as_none() -> None:
    lines = [line("p", 0, 1, 0.2), line("q", 1, 2, 0.2), line("strong", 2, 3, 1e-8)]
    merged = merge_stiff_lines(network(lines, [0, 1, 1, 1]))
    assert len(merged.buses) == 3
    kept = merge_stiff_lines(network([*lines[:2], line("strong", 2, 3, 1e-5)], [0, 1, 1, 1]))
    assert len(kept.buses) == 4


def test_a_shifter_without_impedance_is_refused() -> None:
    shifter = replace(line("shifter", 1, 2, 0.0), shift_rad=0.1)
    with pytest.raises(InputError, match="shifter: shifts the phase without impedance"):
        merge_stiff_lines(network([line("p", 0, 1, 0.2), shifter], [0, 1, 1]))


def test_parallel_lines_of_a_tree_become_one_with_the_limit_of_the_first_to_fill() -> None:
    raw = network(
        [line("one", 0, 1, 0.2, 10), line("two", 1, 0, 0.1, 12), line("tail", 1, 2, 0.3)], [0, 4, 5]
    )
    combined = combine_parallel_lines(raw)
    assert [line.name for line in combined.lines] == ["one + two", "tail"]
    assert combined.lines[0].susceptance_mw == pytest.approx(15)
    assert combined.lines[0].limit_mw == pytest.approx(12 * 15 / 10)
    share = signed_flows(raw)
    assert signed_flows(combined)["one + two"] == pytest.approx(share["one"] - share["two"])


def test_parallel_lines_of_a_mesh_stay_apart() -> None:
    raw = network(
        [line("one", 0, 1, 0.2), line("two", 0, 1, 0.1), line("q", 1, 2, 0.3), line("r", 2, 0, 1)],
        [0, 4, 5],
    )
    assert combine_parallel_lines(raw) is raw


def test_without_any_limit_a_line_is_bounded_by_load_generation_and_angle() -> None:
    raw = network(
        [
            line("weak", 0, 1, 1.0, math.inf),
            line("strong", 1, 2, 0.01, math.inf),
            line("r", 2, 0, 0.01, 5),
        ],
        [0, 1.5, 2],
    )
    case = assemble(raw, Options())
    limit_mw = case.grid.limit_wh / case.wh_per_mw
    assert case.unlimited == (0, 1)
    assert limit_mw == pytest.approx([math.pi / 6, 2 * 2 * 3.5, 5], rel=1e-5)


def test_the_bound_by_angle_never_cuts_the_base_case() -> None:
    raw = network(
        [line("weak", 0, 1, 1.0, math.inf), line("p", 1, 2, 1.0), line("q", 2, 0, 1.0)],
        [0, 30, 0],
    )
    case = assemble(raw, Options())
    assert case.grid.limit_wh[0] == pytest.approx(1.15 * case.base_flow_wh[0], abs=1)


def test_a_line_that_nothing_bounds_is_refused() -> None:
    bare = RawNetwork("bare", (RawBus("a"), RawBus("b")), (RawLine("l", 0, 1, 5.0),), (), "given")
    with pytest.raises(InputError, match="l: has no limit, and there is neither load"):
        assemble(bare, Options())


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"load_wh": 0.0}, "load_wh: 0.0 is not above 0"),
        ({"load_wh": math.inf}, "load_wh: inf is not above 0"),
        ({"interval_s": 0}, "interval_s: 0 is not in 1"),
        ({"limit_rule": "headroom"}, "limit_rule: 'headroom' is unknown"),
        ({"limit_rule": "headroom-0"}, "limit_rule: 'headroom-0' is unknown"),
        ({"limit_rule": "headroom-nan"}, "limit_rule: 'headroom-nan' is unknown"),
        ({"limit_rule": "none"}, "limit_rule: 'none' is unknown"),
        ({"phase_shift": "drop"}, "phase_shift: 'drop' is unknown"),
        ({"negative_reactance": "keep"}, "negative_reactance: 'keep' is unknown"),
    ],
)
def test_choices_are_checked(choice: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Options(**choice)  # type: ignore[arg-type]


def test_rules_that_need_a_load_say_so() -> None:
    bare = RawNetwork(
        "bare", (RawBus("a"), RawBus("b")), (RawLine("l", 0, 1, 5.0, limit_mw=1),), (), "given"
    )
    with pytest.raises(InputError, match="load_wh: the network has no load to scale"):
        assemble(bare, Options(load_wh=5.0))
    with pytest.raises(InputError, match="limit_rule: headroom needs a nominal load"):
        assemble(bare, Options(limit_rule="headroom-1.15"))
    assert assemble(bare, Options()).grid.limit_wh.tolist() == [500_000]
