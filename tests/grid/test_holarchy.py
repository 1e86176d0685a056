"""Layers are aligned subtrees, and import what the lines across their boundary carry."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from offchain.errors import InputError
from offchain.grid.holarchy import Holarchy, derive_holarchy
from tests.grid.small import triangle

NONE = np.zeros(0, dtype=np.int32)


def layout(areas: Sequence[tuple[str, ...]]) -> Holarchy:
    """A holarchy of buses without lines."""
    names = [f"bus {i}" for i in range(len(areas))]
    return derive_holarchy(areas, names, NONE, NONE, np.zeros(0, dtype=np.int64))


def members(holarchy: Holarchy, name: str) -> set[int]:
    layer = next(layer for layer in holarchy.layers if layer.name == name)
    inside = holarchy.position >> layer.level == layer.position
    return set(np.flatnonzero(inside).tolist())


def test_a_layer_holds_its_buses_and_no_other() -> None:
    areas = [("north", "hill"), ("north", "lake"), ("south",), ("north", "hill"), ("north", "lake")]
    holarchy = layout([*areas, ("south",), ("north",)])
    assert members(holarchy, "system") == set(range(7))
    assert members(holarchy, "north") == {0, 1, 3, 4, 6}
    assert members(holarchy, "hill") == {0, 3}
    assert members(holarchy, "lake") == {1, 4}
    assert members(holarchy, "south") == {2, 5}
    for bus in range(7):
        assert members(holarchy, f"bus {bus}") == {bus}


@pytest.mark.parametrize("seed", range(20))
def test_nested_areas_never_overlap_whatever_their_sizes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    areas = [(f"o{a}", f"o{a} i{b}") for a, b in rng.integers(0, 4, (n, 2)).tolist()]
    holarchy = layout(areas)
    assert len(set(holarchy.position.tolist())) == n
    for layer in holarchy.layers[1 : len(holarchy.layers) - n]:
        wanted = {bus for bus, path in enumerate(areas) if layer.name in path}
        assert members(holarchy, layer.name) == wanted


def test_the_tree_is_no_deeper_than_nested_powers_of_two_need() -> None:
    assert layout([()] * 8).depth == 3
    assert layout([()] * 9).depth == 4
    assert layout([("a",)] * 4 + [("b",)] * 3 + [("c",)]).depth == 4


def test_areas_that_say_nothing_new_are_left_out() -> None:
    whole = layout([("town", "all")] * 3)
    assert [layer.name for layer in whole.layers] == ["system", "bus 0", "bus 1", "bus 2"]
    single = layout([("a",), ("a",), ("b",)])
    assert [layer.name for layer in single.layers][:2] == ["system", "a"]


def test_imports_are_the_limits_of_the_lines_that_cross() -> None:
    layers = {layer.name: layer.import_limit_wh for layer in triangle().holarchy.layers}
    assert layers["system"] == 0
    assert layers["west"] == layers["east"] == 30_000 + 20_000
    assert layers["a"] == 40_000 + 20_000
    assert layers["d"] == 9_000 + 8_000


def test_too_deep_a_tree_is_refused() -> None:
    with pytest.raises(InputError, match="depth 17, above 16"):
        layout([(f"a{i // 3}",) for i in range(2**16 - 1)])
