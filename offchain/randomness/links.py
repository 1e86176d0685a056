"""One party's hash chain, as CommitReveal.sol consumes it (docs/protocol.md, section 8)."""

from __future__ import annotations

from offchain.errors import InputError
from offchain.keccak import keccak


class HashChain:
    """One party's secret, hashed again and again: each seed takes the value before the last that was taken.

    The party publishes the end of the chain when the market opens; it can withhold a value later, but not choose it.
    Where orders were opened again the next value is skipped, because it may have been seen before they were: so what to
    reveal follows from what the contract holds, and not from the interval.
    """

    def __init__(self, secret: bytes, length: int) -> None:
        """Compute the chain.

        Args:
            secret: 32 bytes that nobody else knows.
            length: How many values it must serve, those that are skipped included.
        """
        values = [secret]
        for _ in range(length):
            values.append(keccak(values[-1]))
        self._values = values
        self._place = {value: place for place, value in enumerate(values)}

    @property
    def tip(self) -> bytes:
        """The end of the chain, which is published."""
        return self._values[-1]

    def link(self, tip: bytes, skipped: int = 0) -> bytes:
        """The value to reveal next.

        Args:
            tip: The value that was taken last, as the contract holds it; the end of the chain at first.
            skipped: How many values are skipped before it, as the contract says.

        Raises:
            InputError: The tip is none of this chain, or the chain is used up.
        """
        place = self._place.get(tip)
        if place is None:
            raise InputError("tip: not a value of this chain; use the secret that it was made of")
        if place < 1 + skipped:
            raise InputError(
                f"chain: {place} values are left and {1 + skipped} are needed; the market can draw no more seeds"
            )
        return self._values[place - 1 - skipped]
