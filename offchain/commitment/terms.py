"""What is in force in each interval: grid, policy, shares and contracts (docs/protocol.md, section 9)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from offchain.keccak import keccak


@dataclass(frozen=True)
class Terms:
    """What is in force from an interval on.

    Attributes:
        first: The first interval for which it holds; 0 for what a market opened with.
        grid_version: Number under which the grid is registered.
        policy_hash: Hash of the policy.
        shares_root: Root of the shares.
        contracts_root: Root of the contracts.
    """

    first: int
    grid_version: int
    policy_hash: bytes
    shares_root: bytes
    contracts_root: bytes

    def hash(self) -> bytes:
        """``H(policy_hash ‖ shares_root ‖ contracts_root)``, 32 bytes: what the ledger keeps beside the version."""
        return keccak(self.policy_hash + self.shares_root + self.contracts_root)


def terms_at(schedule: Sequence[Terms], interval: int) -> Terms:
    """What is in force for an interval.

    Args:
        schedule: Everything that ever was, by ascending first interval; the first of them from 0 on. Of several from
            one interval on the last counts.
        interval: From 1.
    """
    return schedule[bisect_right([terms.first for terms in schedule], interval) - 1]
