"""The committed bytes: what is packed comes back, and nothing else passes."""

from __future__ import annotations

import numpy as np
import pytest

from offchain.errors import InputError
from offchain.grid.model import Grid, unpack
from offchain.keccak import keccak
from tests.grid.small import random_grid, triangle

HEAD, LINE = 38, 28


def margin_bytes(grid: Grid) -> set[int]:
    """Where margins stand: the one field that other fields do not determine."""
    return {HEAD + LINE * line + 20 + byte for line in range(grid.n_line) for byte in range(8)}


def test_the_layout_is_the_one_of_the_protocol() -> None:
    grid = triangle()
    data = grid.packed()
    assert data[0:4] == bytes([0, 4, 0, 5])
    assert (data[4], data[5]) == (grid.shift, 0)
    assert int.from_bytes(data[6:38], "big") == grid.eps_grid
    second = data[HEAD + LINE : HEAD + 2 * LINE]
    assert second[0:4] == bytes([0, 1, 0, 2])
    assert int.from_bytes(second[4:12], "big") == grid.b[1]
    assert int.from_bytes(second[12:20], "big") == grid.limit_wh[1] == 30_000
    assert int.from_bytes(second[20:28], "big") == grid.margin_wh[1]
    after = HEAD + 5 * LINE
    boxes = [int.from_bytes(data[after + 8 * i : after + 8 * i + 8], "big") for i in range(4)]
    assert boxes == grid.theta_box.tolist()
    assert data[after + 32] == grid.holarchy.depth == 2
    layers = after + 33 + 8
    assert int.from_bytes(data[layers : layers + 2], "big") == len(grid.holarchy.layers) == 7
    assert data[layers + 2 : layers + 13] == bytes([2]) + bytes(10)
    assert len(data) == layers + 2 + 7 * 11


def test_the_hash_is_domain_separated() -> None:
    assert triangle().hash() == keccak(b"\x09" + triangle().packed())


@pytest.mark.parametrize("seed", range(30))
def test_what_is_packed_comes_back(seed: int) -> None:
    grid = random_grid(np.random.default_rng(seed))
    again = unpack(grid.packed())
    assert again.packed() == grid.packed()
    np.testing.assert_array_equal(again.b, grid.b)
    np.testing.assert_array_equal(again.holarchy.position, grid.holarchy.position)
    assert (again.shift, again.eps_grid) == (grid.shift, grid.eps_grid)
    assert again.angle_bits is None


def test_no_shorter_and_no_longer_bytes_pass() -> None:
    data = triangle().packed()
    for length in range(len(data)):
        with pytest.raises(InputError, match=r"packed grid: .* needs"):
            unpack(data[:length])
    with pytest.raises(InputError, match="1 bytes too many"):
        unpack(data + b"\x00")


def test_every_flipped_bit_is_refused_but_in_a_margin_that_stays_in_range() -> None:
    grid = triangle()
    data = grid.packed()
    free = margin_bytes(grid)
    passed = set()
    for position in range(len(data)):
        for bit in range(8):
            altered = bytearray(data)
            altered[position] ^= 1 << bit
            try:
                unpack(bytes(altered))
            except InputError:
                continue
            passed.add(position)
    assert passed <= free


def test_a_refusal_names_the_field() -> None:
    data = bytearray(triangle().packed())

    def altered(position: int, value: bytes) -> bytes:
        return bytes(data[:position] + value + data[position + len(value) :])

    box = HEAD + 5 * LINE
    cases = {
        "margin_slack must be 0": altered(5, b"\x01"),
        "117 bytes too many": altered(0, bytes(2)),
        "b of line 0 is above": altered(HEAD + 4, b"\x80"),
        "line 0: b 0 is not in": altered(HEAD + 4, bytes(8)),
        "limit_wh of line 1 is above": altered(HEAD + LINE + 12, b"\x01"),
        "margin_wh of line 2 is above": altered(HEAD + 2 * LINE + 20, b"\xff"),
        "line 2: its limit of 20000 Wh leaves no room": altered(
            HEAD + 2 * LINE + 20, (20_001).to_bytes(8, "big")
        ),
        "line 3: ends at a bus that is not there": altered(HEAD + 3 * LINE, b"\x00\x09"),
        "shift: .* too small": altered(4, b"\x04"),
        "theta_box of bus 1 is out of range": altered(box + 8, b"\xff"),
        "theta_box: bus bus .* is not at its shortest path": altered(box + 7, b"\x01"),
        "eps_grid: does not follow": altered(6, b"\x01"),
        "tree depth: 17 is not in": altered(box + 32, b"\x11"),
        "position: two buses share one": altered(box + 33, bytes(4)),
        "layers: the first must be the system": altered(box + 43, b"\x00"),
        "layer 1: import limit": altered(box + 43 + 11 + 10, b"\x01"),
    }
    for message, wrong in cases.items():
        with pytest.raises(InputError, match=message):
            unpack(wrong)


def test_two_references_in_one_island_are_refused() -> None:
    """Boxes from two references are too small, and would let a tighter tolerance be registered."""
    grid = triangle()
    data = bytearray(grid.packed())
    box = HEAD + 5 * LINE
    data[box : box + 32] = bytes(32)
    with pytest.raises(InputError, match="two references"):
        unpack(bytes(data))
