"""What a transaction costs: by the rules in force, and by a schedule that is announced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple
from unittest.mock import patch

from eth.vm.state import BaseState
from eth_typing import Address
from hexbytes import HexBytes
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from deploy.chain import Chain

_BASE: Final = 21_000
#: A slot's first and every later write with its first access, today (EIP-2200, EIP-2929) ...
_NEW_SLOT, _UPDATE = 22_100, 5_000
#: ... and as announced for Glamsterdam, with the floor for calldata.
_LATER_NEW_SLOT, _LATER_UPDATE, _LATER_FLOOR = 110_000, 12_100, 64

#: What a byte of code costs, today and as announced (EIP-8037), and a new account as announced.
_CODE_BYTE, _LATER_CODE_BYTE, _LATER_ACCOUNT = 200, 1_530, 120 * 1_530

#: What an update of a slot will cost more.
UPDATE_RISE: Final = _LATER_UPDATE - _UPDATE

Slots = Mapping[tuple[bytes, int], tuple[int, int]]
"""Value before and after, by account and slot."""


class Cost(NamedTuple):
    """Gas of a step by two schedules.

    Attributes:
        now: as used on the embedded chain (Prague; Osaka charges these steps the same).
        later: the same with slots and calldata at the announced prices. Where the floor for calldata was what counted,
            this takes it for execution, and so is an upper bound.
    """

    now: int
    later: int

    @classmethod
    def of(cls, gas_used: int, data: bytes, slots: Slots, codes: Sequence[int] = ()) -> Cost:
        """What a transaction cost.

        Args:
            gas_used: by its receipt.
            data: its calldata.
            slots: that it wrote.
            codes: length of the code of each contract that it created. What these cost by the announced schedule is
                metered apart, outside of what a transaction may use; what they cost today for being created stays in.
        """
        new = sum(before == 0 and after != 0 for before, after in slots.values())
        updates = sum(before != 0 and before != after for before, after in slots.values())
        executed = gas_used + new * (_LATER_NEW_SLOT - _NEW_SLOT)
        executed += updates * UPDATE_RISE
        executed += sum(_LATER_ACCOUNT + n * (_LATER_CODE_BYTE - _CODE_BYTE) for n in codes)
        return cls(gas_used, max(executed, _BASE + _LATER_FLOOR * len(data)))

    def less(self, other: Cost) -> Cost:
        """The difference."""
        return Cost(self.now - other.now, self.later - other.later)

    def each(self, count: int) -> Cost:
        """The part of one of many."""
        return Cost(self.now // count, self.later // count)


@contextmanager
def written_slots() -> Iterator[dict[tuple[bytes, int], tuple[int, int]]]:
    """The slots that the embedded chain writes meanwhile."""
    slots: dict[tuple[bytes, int], tuple[int, int]] = {}
    genuine = BaseState.set_storage

    def noted(state: BaseState, address: Address, slot: int, value: int) -> None:
        before = state.get_storage(address, slot, from_journal=False)
        slots[address, slot] = (slots.get((address, slot), (before, 0))[0], value)
        genuine(state, address, slot, value)

    with patch.object(BaseState, "set_storage", noted):
        yield slots


@contextmanager
def noted_costs(chain: Chain) -> Iterator[list[Cost]]:
    """What each call of a contract on the embedded chain costs meanwhile."""
    costs: list[Cost] = []
    codes: list[int] = []
    genuine, set_code = chain.transact, BaseState.set_code

    def created(state: BaseState, address: Address, code: bytes) -> None:
        codes.append(len(code))
        set_code(state, address, code)

    def noted(call: ContractFunction) -> TxReceipt:
        codes.clear()
        with written_slots() as slots, patch.object(BaseState, "set_code", created):
            receipt = genuine(call)
        data = bytes(HexBytes(call._encode_transaction_data()))
        costs.append(Cost.of(receipt["gasUsed"], data, slots, codes))
        return receipt

    with patch.object(chain, "transact", noted):
        yield costs
