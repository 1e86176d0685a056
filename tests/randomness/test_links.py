"""A party's hash chain gives what the contract will take, and what was skipped never again."""

from __future__ import annotations

import pytest

from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.randomness.links import HashChain

SECRET = keccak(b"secret")


def test_each_link_hashes_to_the_one_before() -> None:
    chain = HashChain(SECRET, 5)
    tip = chain.tip
    for _ in range(5):
        link = chain.link(tip)
        assert keccak(link) == tip
        tip = link
    assert tip == SECRET


def test_skipped_links_lie_between() -> None:
    chain = HashChain(SECRET, 5)
    link = chain.link(chain.tip, 2)
    assert keccak(keccak(keccak(link))) == chain.tip
    assert chain.link(link) == chain.link(chain.tip, 3)


def test_a_chain_that_is_used_up_says_so() -> None:
    chain = HashChain(SECRET, 2)
    assert chain.link(chain.tip, 1) == SECRET
    with pytest.raises(InputError, match="chain: 2 values are left and 3 are needed"):
        chain.link(chain.tip, 2)
    with pytest.raises(InputError, match="chain: 0 values are left and 1 are needed"):
        chain.link(SECRET)


def test_another_chains_tip_is_refused() -> None:
    with pytest.raises(InputError, match="tip: not a value of this chain"):
        HashChain(SECRET, 2).link(keccak(b"another"))
