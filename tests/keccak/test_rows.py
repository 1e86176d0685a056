"""Many messages hashed side by side have the hashes they have one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.keccak import keccak
from offchain.keccak.rows import keccak_rows


def test_the_hash_is_that_of_the_evm() -> None:
    assert keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak(b"abc").hex() == (
        "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"
    )


@pytest.mark.parametrize("size", [0, 1, 33, 65, 97, 118, 134, 135, 136, 137, 271, 272, 288, 436])
@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 20])
def test_every_length_around_the_block_and_every_number_of_lanes(size: int, n: int) -> None:
    rows = np.random.default_rng(size).integers(0, 256, (n, size), dtype=np.uint8)
    assert [row.tobytes() for row in keccak_rows(rows)] == [keccak(row.tobytes()) for row in rows]


@given(st.integers(0, 300).flatmap(lambda size: st.lists(st.binary(min_size=size, max_size=size))))
def test_any_messages_of_one_length(messages: list[bytes]) -> None:
    size = len(messages[0]) if messages else 0
    rows = np.frombuffer(b"".join(messages), dtype=np.uint8).reshape(len(messages), size)
    assert [row.tobytes() for row in keccak_rows(rows)] == [keccak(m) for m in messages]
