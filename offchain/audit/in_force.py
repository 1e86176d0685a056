"""What each interval is judged by: what the market opened with, and what has been changed on its chain since."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from offchain.audit.context import Context
from offchain.audit.findings import Findings, Rule
from offchain.audit.published import PublishedMarket
from offchain.audit.rebuild import Table, ints
from offchain.commitment.allocation import Layout
from offchain.commitment.bundle import Bundle
from offchain.commitment.header import Header
from offchain.commitment.terms import Terms, terms_at
from offchain.commitment.trees import PlainTree
from offchain.errors import InputError
from offchain.grid.registered import unpack
from offchain.policy import Policy
from offchain.records import KIND_CONTRACT


class InForce:
    """The terms of a market, and the context that each of them makes."""

    def __init__(self, market: PublishedMarket, opened: Context) -> None:
        """Begin with what a market opened with."""
        self._market = market
        self._opened = opened
        self._schedule = (opened.terms, *market.amendments)
        self._made: dict[bytes, Context] = {}

    def terms(self, interval: int) -> Terms:
        """What is in force for an interval."""
        return terms_at(self._schedule, interval)

    def policy(self, interval: int) -> Policy:
        """The policy in force for an interval.

        Raises:
            InputError: It was never published, so that nothing can be judged by it.
        """
        policy_hash = self.terms(interval).policy_hash
        if policy_hash == self._opened.terms.policy_hash:
            return self._opened.policy
        try:
            policy = Policy.unpack(self._market.policies[policy_hash])
        except KeyError:
            raise InputError(f"the policy 0x{policy_hash.hex()} is not on the chain") from None
        if policy.hash() != policy_hash:
            raise InputError(f"the chain has other bytes for the policy 0x{policy_hash.hex()}")
        return policy

    def context(self, interval: int, bundle: Bundle) -> Context:
        """What an interval is judged by.

        Contracts that were changed are those of the bundle, if their root is the one in force and they can be those of
        this market: the same numbers, a place at a bus for each.

        Raises:
            InputError: What is in force is not known.
        """
        header, terms = bundle.header, self.terms(interval)
        if not self._market.on_chain:
            _require_unchanged(
                terms, header.grid_version, header.policy_hash, header.contracts_root
            )
        if terms == self._opened.terms:
            return self._opened
        key = terms.grid_version.to_bytes(4, "big") + terms.hash()
        if key not in self._made:
            opened, version = self._opened, terms.grid_version
            grid = opened.grids.get(version)
            if grid is None:
                grid = unpack(self._market.grids[version])
            contracts = opened.contracts
            if terms.contracts_root != opened.terms.contracts_root:
                contracts = _contracts(terms.contracts_root, bundle.contracts, grid.n_bus)
                _require_owners(contracts, self._market.owners)
            self._made[key] = replace(
                opened,
                terms=terms,
                policy=self.policy(interval),
                grids={version: grid},
                contracts=contracts,
                layouts={version: Layout.of(contracts, grid.holarchy)},
            )
        return self._made[key]

    def check(self, findings: Findings, interval: int, header: Header) -> None:
        """Hold a header to the grid and contracts in force where anything has changed; the rest is the checker's."""
        if self._market.amendments:
            terms, same = self.terms(interval), findings.equal
            same(Rule.GRID, "the grid in force", terms.grid_version, header.grid_version)
            same(Rule.CONTRACT, "the contracts root", terms.contracts_root, header.contracts_root)


def _require_unchanged(terms: Terms, grid: int, policy_hash: bytes, contracts_root: bytes) -> None:
    """Without the chain nobody can say whether what a header names was in force."""
    for name, known in (
        ("grid", grid == terms.grid_version),
        ("policy", policy_hash == terms.policy_hash),
        ("contracts root", contracts_root == terms.contracts_root),
    ):
        if not known:
            raise InputError(
                f"its header names another {name} than the genesis, and only the chain says whether it was in force"
            )


def _require_owners(contracts: Table, owners: dict[int, bytes]) -> None:
    """The escrow pays whom the contracts name; a vacant place has nobody yet."""
    for index, owner in enumerate(contracts["owner"].tolist()):
        if any(owner) and owners.get(index) != owner:
            raise InputError(
                f"the escrow knows another owner of participant {index} than its contract"
            )


def _contracts(root: bytes, contracts: Table, buses: int) -> Table:
    if PlainTree.of_table(KIND_CONTRACT, contracts, len(contracts)).root != root:
        raise InputError("its bundle has other contracts than those in force; fetch it again")
    order = np.lexsort((contracts["slot"], contracts["bus"]))
    places = list(
        zip(
            ints(contracts, "bus")[order].tolist(),
            ints(contracts, "slot")[order].tolist(),
            strict=True,
        )
    )
    first = places[0][1] == 0 and places[-1][0] < buses
    steps = (
        slot == (last[1] + 1 if bus == last[0] else 0) for last, (bus, slot) in pairwise(places)
    )
    if not np.array_equal(contracts["index"], np.arange(len(contracts))) or not (
        first and all(steps)
    ):
        raise InputError(
            "the contracts in force leave a slot of a bus empty or fill it twice; no header can be right by them"
        )
    return contracts
