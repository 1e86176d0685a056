"""Readings of "peak weak-bus fairness error", on numbers that can be checked by hand."""

from __future__ import annotations

import pytest

from oracle.evidence.readings import reduction, weak_bus


def result(
    windows: list[list[float]], delivered: list[int], farthest: int = 7
) -> dict[str, object]:
    """Three consumers at buses 5, 6 and 7 that asked for 100 Wh each."""
    return {
        "electrically_farthest": farthest,
        "consumers": {
            "bus": [5, 6, 7],
            "window_ratio": windows,
            "least_cumulative": [min(w) for w in zip(*windows, strict=True)],
            "least_day": [min(w) for w in zip(*windows, strict=True)],
            "least_interval": [min(w) / 2 for w in zip(*windows, strict=True)],
            "most_gap": [(1 - min(w)) / 10 for w in zip(*windows, strict=True)],
            "requested_wh": [100, 100, 100],
            "delivered_wh": delivered,
        },
    }


BASELINE = result([[0.8, 0.5, 0.7], [0.6, 0.9, 0.7]], [80, 85, 90])
FAIR = result([[0.8, 0.7, 0.6], [0.8, 0.7, 0.7]], [88, 88, 88])


@pytest.mark.parametrize(
    ("which", "place"),
    [
        ("least served in the run", 0),
        ("least served in a window", 1),
        ("electrically farthest", 2),
    ],
)
def test_the_weak_bus_is_the_baselines(which: str, place: int) -> None:
    assert weak_bus(BASELINE, which) == place


@pytest.mark.parametrize(
    ("which", "share"),
    [
        ("least served in the run", 1 - 0.1 / 0.3),
        ("least served in a window", 1 - 0.2 / 0.4),
        ("electrically farthest", 1 - 0.3 / 0.2),
        ("worst of each", 1 - 0.3 / 0.4),
    ],
)
def test_a_reduction_compares_the_peak_errors_of_the_same_bus(which: str, share: float) -> None:
    assert reduction(FAIR, BASELINE, which, "window", 0.9) == pytest.approx(share)


@pytest.mark.parametrize(
    ("error", "share"),
    [
        ("window", 1 - 0.3 / 0.4),
        ("interval", 1 - (0.9 - 0.3) / (0.9 - 0.25)),
        ("counted", 1 - 0.04 / 0.05),
    ],
)
def test_each_error_looks_at_its_own_figures(error: str, share: float) -> None:
    assert reduction(FAIR, BASELINE, "worst of each", error, 0.9) == pytest.approx(share)


def test_the_worst_of_each_leaves_no_bus_out() -> None:
    only_another_bus_is_worse = result([[0.9, 0.9, 0.2]], [90, 90, 20])
    assert (
        reduction(only_another_bus_is_worse, BASELINE, "least served in the run", "window", 0.9)
        == 1
    )
    worst = reduction(only_another_bus_is_worse, BASELINE, "worst of each", "window", 0.9)
    assert worst is not None
    assert worst < 0


def test_where_the_baseline_makes_no_error_there_is_nothing_to_reduce() -> None:
    assert reduction(FAIR, BASELINE, "least served in the run", "window", 0.5) is None
