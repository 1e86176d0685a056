"""MATPOWER and PGLib case files: what is read, and what is refused by name."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import cvxpy
import numpy as np
import pytest

from offchain.errors import InputError
from offchain.grid.assemble import assemble
from offchain.grid.case import CaseGrid
from offchain.grid.load import load_grid
from offchain.grid.matpower import read_matpower
from offchain.grid.options import Options

# cvxpy builds its functions at run time, out of sight of the type checker.
cp: Any = cvxpy
PGLIB = Path(
    os.environ.get(
        "CLEARWATT_PGLIB", Path(__file__).resolve().parents[3] / "shared" / "data" / "pglib"
    )
)
#: Published with PGLib-OPF v23.07 (BASELINE.md, DC), in $/h, five digits.
PUBLISHED = {
    "case5_pjm": 1.7480e04,
    "case14_ieee": 2.0515e03,
    "case30_ieee": 7.4728e03,
    "case57_ieee": 3.4773e04,
    "case118_ieee": 9.3101e04,
}

CASE = """
function mpc = village
% a comment; with = signs and [brackets]
mpc.version = '2';
mpc.baseMVA = 10;
mpc.bus = [
  1 3 0   0 0   0 1 1 0 20 1 1.1 0.9;  % the grid
  2 1 3.0 0 0.5 0 1 1 0 20 1 1.1 0.9
  4 1 2.0, 0, 0 0 1 1 0 20 1 1.1 0.9; 9 4 1 0 0 0 1 1 0 20 1 1.1 0.9;
];
mpc.gen = [
  1 4 0 9 -9 1 10 1 8 0.5;
  4 1 0 9 -9 1 10 1 2 0;
  2 1 0 9 -9 1 10 0 2 0;
];
mpc.branch = [
  1 2 0.03 0.04 0 5 0 0 0    0   1 -30 30;
  2 4 0.01 0.08 0 0 0 0 0    0   1 -360 360;
  1 4 0.02 0.05 0 4 0 0 0.98 0.0 1 ...
    -1.0 2.0;
  1 4 0.02 0.05 0 4 0 0 0    0   0 0 0;
  4 9 0.02 0.05 0 4 0 0 0    0   1 0 0;
];
mpc.gencost = [
  2 0 0 3 0.5 20 7;
  2 0 0 2 30 0 0;
  2 0 0 1 5 0 0;
];
mpc.bus_name = { 'one'; 'two' };
"""


@pytest.fixture
def case_file(tmp_path: Path) -> Path:
    path = tmp_path / "village.m"
    path.write_text(CASE)
    return path


def load(path: Path, old: str = "", new: str = "", convention: str = "reactance-tap") -> CaseGrid:
    if old:
        assert path.read_text().count(old) == 1
        path.write_text(path.read_text().replace(old, new))
    return assemble(read_matpower(path, convention), Options())


def optimum(case: CaseGrid) -> float:
    """The least cost per hour at which the whole load can be served, by a DC optimal power flow."""
    grid, scale = case.grid, 1 / case.wh_per_mw
    incidence = np.zeros((grid.n_line, grid.n_bus))
    incidence[np.arange(grid.n_line), grid.line_from] = 1
    incidence[np.arange(grid.n_line), grid.line_to] = -1
    assert grid.angle_bits is not None
    susceptance = grid.b * 2.0 ** (grid.angle_bits - grid.shift - 8) * scale
    at_bus = np.zeros((grid.n_bus, len(case.generators)))
    for column, generator in enumerate(case.generators):
        at_bus[generator.bus, column] = 1
    theta, power = cp.Variable(grid.n_bus), cp.Variable(len(case.generators))
    flow = cp.multiply(susceptance, incidence @ theta)
    cost = sum(
        g.cost_quadratic * cp.square(power[i]) + g.cost_linear * power[i] + g.cost_constant
        for i, g in enumerate(case.generators)
    )
    problem = cp.Problem(
        cp.Minimize(cost),
        [
            at_bus @ power - case.load_wh * scale == incidence.T @ flow,
            cp.abs(flow) <= grid.limit_wh * scale,
            power >= [g.p_min_wh * scale for g in case.generators],
            power <= [g.p_max_wh * scale for g in case.generators],
        ],
    )
    return float(problem.solve(solver=cp.CLARABEL))


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_optima_are_reached_to_their_digits(name: str) -> None:
    path = PGLIB / f"pglib_opf_{name}.m"
    if not path.exists():
        pytest.skip("the PGLib case files are not here; name their folder in CLEARWATT_PGLIB")
    value = optimum(load_grid(path, convention="series-reactance"))
    assert f"{value:.4e}" == f"{PUBLISHED[name]:.4e}"


@pytest.mark.parametrize(("name", "expected"), [("case30_ieee", 7504.4), ("case118_ieee", 93133)])
def test_the_other_convention_gives_another_optimum(name: str, expected: float) -> None:
    path = PGLIB / f"pglib_opf_{name}.m"
    if not path.exists():
        pytest.skip("the PGLib case files are not here; name their folder in CLEARWATT_PGLIB")
    assert optimum(load_grid(path, convention="reactance-tap")) == pytest.approx(expected, rel=1e-5)


def test_a_case_is_read(case_file: Path) -> None:
    case = load(case_file)
    assert (case.grid.name, case.grid.bus_names) == ("village", ("1", "2", "4"))
    assert (case.load_wh / case.wh_per_mw).tolist() == [0, 3.5, 2.0]
    names = ("branch 1 (1 - 2)", "branch 2 (2 - 4)", "branch 3 (1 - 4)")
    assert case.grid.line_names == names
    first, second = case.generators
    assert (first.name, first.bus, second.bus) == ("generator 1", 0, 2)
    assert (first.p_min_wh / case.wh_per_mw, first.p_max_wh / case.wh_per_mw) == (0.5, 8)
    assert (first.cost_quadratic, first.cost_linear, first.cost_constant) == (0.5, 20, 7)
    assert (second.cost_quadratic, second.cost_linear) == (0, 30)
    dropped = {note.text for note in case.notes if note.kind == "dropped"}
    assert dropped == {
        "bus 9: isolated",
        "generator 3: out of service",
        "branch 4 (1 - 4): out of service",
        "branch 5 (4 - 9): an end is isolated",
    }


def test_susceptances_follow_the_named_convention(case_file: Path) -> None:
    def ratios(case: CaseGrid) -> list[float]:
        return (case.grid.b / case.grid.b[0]).tolist()

    tapped = ratios(load(case_file))
    assert tapped == pytest.approx([1, 0.04 / 0.08, 0.04 / (0.05 * 0.98)])
    first = 0.04 / (0.03**2 + 0.04**2)
    series = [x / (r * r + x * x) / first for r, x in ((0.03, 0.04), (0.01, 0.08), (0.02, 0.05))]
    assert ratios(load(case_file, convention="series-reactance")) == pytest.approx(series)


def test_limits_are_the_least_of_rating_and_angle(case_file: Path) -> None:
    case = load(case_file)
    limit_mw = case.grid.limit_wh / case.wh_per_mw
    assert limit_mw[0] == pytest.approx(5)
    assert case.unlimited == (1,)
    assert limit_mw[2] == pytest.approx(10 / (0.05 * 0.98) * math.radians(1.0), rel=1e-6)
    changed = [note.text for note in case.notes if note.kind == "changed"]
    assert changed == ["branch 3 (1 - 4): angle limits differ, the narrower counts both ways"]


def test_the_base_case_is_balanced_by_the_reference_bus(case_file: Path) -> None:
    case = load(case_file)
    inflow = (case.base_flow_wh[0] + case.base_flow_wh[2]) / case.wh_per_mw
    assert inflow == pytest.approx(5.5 - 1.0)


def test_a_negative_load_feeds(case_file: Path) -> None:
    case = load(case_file, "2 1 3.0 0 0.5", "2 1 -3.0 0 0.5")
    feed = case.generators[-1]
    assert (feed.name, feed.bus) == ("feed-in at bus 2", 1)
    assert feed.p_max_wh / case.wh_per_mw == 2.5


def test_phase_shifts_count_in_one_convention_only(case_file: Path) -> None:
    shifted = load(case_file, "0.98 0.0 1", "0.98 0.4 1")
    assert np.abs(shifted.loop_flow_wh).min() > 0
    assert not load(case_file, convention="series-reactance").loop_flow_wh.any()


def test_islands_are_kept(case_file: Path) -> None:
    case = load(case_file, "1 2 0.03 0.04 0 5 0 0 0    0   1", "1 2 0.03 0.04 0 5 0 0 0    0   0")
    case = load(case_file, "2 4 0.01 0.08 0 0 0 0 0    0   1", "2 4 0.01 0.08 0 0 0 0 0    0   0")
    assert (case.grid.theta_box == 0).sum() == 2
    warnings = [note.text for note in case.notes if note.kind == "warning"]
    assert "the island of bus 2 has no generator" in warnings


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("mpc.baseMVA = 10", "mpc.baseMVA = 0", "baseMVA is missing or not above 0"),
        ("2 4 0.01 0.08", "2 5 0.01 0.08", r"branch 2 \(2 - 5\): there is no bus 5"),
        ("2 4 0.01 0.08", "2 4 0.01 nan", r"branch 2 \(2 - 4\): r, x or tap ratio is not a finite"),
        ("2 4 0.01 0.08 0 0", "2 4 0.01 0.08 0 -1", r"branch 2 .*: limit -1 MW is not 0 or more"),
        ("0.98 0.0 1", "-0.98 0.0 1", r"branch 3 \(1 - 4\): tap ratio -0.98 is not positive"),
        ("-1.0 2.0", "1.0 2.0", r"branch 3 \(1 - 4\): its angle limits 1 ... 2 degrees leave no"),
        ("1 4 0 9 -9 1 10 1 8 0.5", "1 4 0 9 -9 1 10 1 0.1 0.5", "generator 1: Pmin 0.5 and Pmax"),
        ("2 0 0 3 0.5 20 7", "1 0 0 1 0 0 5 100", "generator 1: its cost is piecewise linear"),
        ("2 0 0 3 0.5 20 7", "2 0 0 4 .1 .5 20 7", "generator 1: its cost is above degree 2"),
        ("2 0 0 3 0.5 20 7", "2 0 0 5 .5 20 7", "generator 1: gencost names 5 coefficients"),
        ("  2 0 0 2 30 0 0;\n  2 0 0 1 5 0 0;\n", "", "gencost: 1 rows for 3 generators"),
        ("  2 1 3.0", "  2 1 inf", "bus 2: Pd or Gs is not a finite number"),
        ("  2 1 3.0", "  1 1 3.0", "bus 1: not a whole number, or given twice"),
        ("  2 1 3.0", "  two 1 3.0", "village.m line 8: 'two' is not a number"),
        ("  1 4 0 9 -9 1 10 1 8 0.5", "  1 4 0", "row 1 of mpc.gen has 3 columns"),
        ("mpc.gen = [", "mpc.generators = [", "has no mpc.gen"),
        ("mpc.bus_name", "mpc.bus(:, 3) = 2 * 3;\nmpc.bus_name", "computes with the matrices"),
        ("mpc.bus_name", "mpc.dcline = [1 2 1 5];\nmpc.bus_name", "dcline 1: a DC flow does not"),
        ("  2 0 0 1 5 0 0;\n];", "  2 0 0 1 5 0 0;", "mpc.gencost has no closing bracket"),
    ],
)
def test_what_cannot_be_carried_is_refused_by_name(
    case_file: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load(case_file, old, new)


def test_a_direct_current_line_out_of_service_is_no_obstacle(case_file: Path) -> None:
    load(case_file, "mpc.bus_name", "mpc.dcline = [1 2 0 5];\nmpc.bus_name")


def test_a_branch_without_reactance_is_merged_or_refused(case_file: Path) -> None:
    case = load(case_file, "2 4 0.01 0.08", "2 4 0.01 0")
    assert case.grid.bus_names == ("1", "2")
    assert case.load_wh[1] / case.wh_per_mw == 5.5
    with pytest.raises(InputError, match=r"branch 2 \(2 - 4\): without reactance it carries"):
        load(case_file, convention="series-reactance")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.m: cannot be read"):
        read_matpower(tmp_path / "none.m")
