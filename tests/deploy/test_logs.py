"""A node is asked for a contract's events once: what no fork can change is kept."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from web3 import Web3

from deploy.chain import Chain, Engine

ADDRESS = Web3.to_checksum_address("0x" + "11" * 20)


class Node:
    """A chain with an event in every tenth block, which notes what it is asked."""

    chain_id = 1

    def __init__(self) -> None:
        self.block_number = 0
        self.asked: list[tuple[int, int]] = []
        self.fork = ""

    def get_logs(self, wanted: dict[str, Any]) -> list[dict[str, Any]]:
        first, last = wanted["fromBlock"], wanted["toBlock"]
        self.asked.append((first, last))
        return [
            {"blockNumber": n, "data": self.fork if n > self.block_number - 64 else ""}
            for n in range(first, last + 1)
            if n % 10 == 0
        ]


def chain_of(node: Node) -> Chain:
    """A chain behind the node."""
    web3 = cast(Web3, SimpleNamespace(eth=node))
    return Chain(web3, Engine("rpc", None, lambda: None))


def test_the_second_look_asks_only_for_what_a_fork_could_change_and_what_is_new() -> None:
    node = Node()
    chain = chain_of(node)
    node.block_number = 4_500
    first = list(chain.logs(ADDRESS))
    assert node.asked == [(0, 1999), (2000, 3999), (4000, 4500)]
    node.asked.clear()
    node.block_number = 4_520
    again = list(chain.logs(ADDRESS))
    assert node.asked == [(4_500 - 64 + 1, 4_520)]
    assert [log["blockNumber"] for log in again] == list(range(0, 4_521, 10))
    assert again[: len(first)] == first


def test_a_fork_of_the_newest_blocks_is_seen() -> None:
    node = Node()
    chain = chain_of(node)
    node.block_number = 500
    list(chain.logs(ADDRESS))
    node.fork = "forked"
    seen = {int(log["blockNumber"]): str(log["data"]) for log in chain.logs(ADDRESS)}
    assert seen[500] == seen[440] == "forked"
    assert seen[430] == ""


def test_events_after_the_given_block_are_left_out() -> None:
    node = Node()
    chain = chain_of(node)
    node.block_number = 500
    list(chain.logs(ADDRESS))
    assert [log["blockNumber"] for log in chain.logs(ADDRESS, 35)] == [0, 10, 20, 30]
    assert [log["blockNumber"] for log in chain.logs(ADDRESS)][-1] == 500


def test_a_young_chain_keeps_nothing() -> None:
    node = Node()
    chain = chain_of(node)
    node.block_number = 30
    assert list(chain.logs(ADDRESS)) == list(chain.logs(ADDRESS))
    assert node.asked == [(0, 30), (0, 30)]
