"""Registering a grid: in one transaction where it fits a code page, otherwise page by page."""

from collections.abc import Callable, Iterator
from typing import Final

from web3.contract import Contract
from web3.logs import DISCARD
from web3.types import Nonce
from web3.utils.address import get_create_address

from deploy.chain import Chain
from offchain.keccak import keccak

PAGE_BYTES: Final = 24_575
"""Bytes of a packed grid that a full code page holds."""

Told = Callable[[str, int], None]
"""Hears of every step and its gas; 0 where the step had been taken before."""


def silent(step: str, gas: int) -> None:
    """Tell nobody."""


def register_grid(chain: Chain, registry: Contract, packed: bytes, told: Told = silent) -> int:
    """Register a grid, if it is not the one registered last.

    A grid of several pages takes one transaction for each and one for the whole. Pages that lie in the registry
    already, of an interrupted run or of anybody, are used and not written again.

    Args:
        chain: Where; its payer pays.
        registry: GridRegistry.
        packed: The packed grid.
        told: Hears of every step.

    Returns:
        The grid's version.

    Raises:
        ChainError: When the chain refuses; call again to go on.
    """
    call = registry.functions
    version = int(call.latestVersion().call())
    if version and bytes(call.packedGrid(version).call()) == packed:
        told("grid", 0)
        return version
    if len(packed) <= PAGE_BYTES:
        register = call.registerGrid(packed)
    else:
        register = call.registerPages(
            keccak(b"\x09" + packed), _write_pages(chain, registry, packed, told)
        )
    receipt = chain.transact(register)
    told("grid", receipt["gasUsed"])
    # Not the latest: that may be another's by now.
    (event,) = registry.events.GridRegistered().process_receipt(receipt, errors=DISCARD)
    return int(event["args"]["version"])


def _write_pages(chain: Chain, registry: Contract, packed: bytes, told: Told) -> list[int]:
    """Numbers of a grid's pages, written where they are missing."""
    pages = [packed[at : at + PAGE_BYTES] for at in range(0, len(packed), PAGE_BYTES)]
    there = {data: number for number, data in _written(chain, registry)}
    numbers = []
    for place, data in enumerate(pages, 1):
        step = f"grid page {place} of {len(pages)}"
        if data in there:
            told(step, 0)
        else:
            call = registry.functions.writePage(data)
            receipt = chain.transact(call)
            (event,) = registry.events.PageWritten().process_receipt(receipt)
            there[data] = int(event["args"]["page"])
            told(step, receipt["gasUsed"])
        numbers.append(there[data])
    return numbers


def _written(chain: Chain, registry: Contract) -> Iterator[tuple[int, bytes]]:
    """Number and data of every page that a registry has written."""
    for number in range(1, chain.web3.eth.get_transaction_count(registry.address)):
        at = get_create_address(registry.address, Nonce(number))
        code = bytes(chain.web3.eth.get_code(at))
        if code[:1] == b"\0":
            yield number, code[1:]
