"""What a committed run leaves behind: the roots of every interval, and a sample of certificates."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from offchain.grid.model import Grid
from offchain.market import Interval

ROOTS_FOLDER: Final = "roots"
COLUMNS: Final = ("interval", "allocation_root", "state_root", "header_hash")


class Chronicle:
    """Takes down a committed run.

    Args:
        name: of the run and of its file of roots.
        samples: how many intervals to keep with their certificates, half of them scarce.
        scarce: bool[T].
    """

    def __init__(self, name: str, samples: int, scarce: npt.NDArray[np.bool_]) -> None:
        self._name = name
        self._rows: list[tuple[int, str, str, str]] = []
        self._wanted = _spread(np.flatnonzero(scarce) + 1, (samples + 1) // 2)
        self._wanted |= _spread(np.flatnonzero(~scarce) + 1, samples // 2)
        self._samples: list[dict[str, Any]] = []
        self._start: dict[str, str] = {}

    def begin(self, domain_hash: bytes, genesis_hash: bytes, grid: Grid) -> None:
        """Take down where the run starts."""
        self._start = {
            "domain_hash": domain_hash.hex(),
            "genesis_hash": genesis_hash.hex(),
            "grid_hash": grid.hash().hex(),
            "grid": grid.packed().hex() if self._wanted else "",
        }

    def add(self, interval: Interval) -> None:
        """Take down an interval."""
        header = interval.header
        self._rows.append(
            (
                header.interval,
                header.allocation_root.hex(),
                header.state_root.hex(),
                interval.header_hash.hex(),
            )
        )
        if header.interval in self._wanted:
            self._samples.append(
                {
                    "interval": header.interval,
                    "previous_hash": interval.before.header_hash.hex(),
                    "header_hash": interval.header_hash.hex(),
                    "payload": interval.payload.hex(),
                    "certificate": interval.certificate.hex(),
                    "priced_lines": len(interval.outcome.clearing.certificate.mu),
                }
            )

    def finish(self, folder: Path) -> dict[str, Any]:
        """Write the file of roots and return the rest."""
        path = folder / ROOTS_FOLDER / f"{self._name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(self._rows)
        return {
            **self._start,
            "name": self._name,
            "file": f"{ROOTS_FOLDER}/{path.name}",
            "intervals": len(self._rows),
            "last": dict(zip(COLUMNS, self._rows[-1], strict=True)),
            "samples": self._samples,
        }


def _spread(numbers: npt.NDArray[np.intp], count: int) -> set[int]:
    """So many of the numbers, evenly spread."""
    if count == 0 or len(numbers) == 0:
        return set()
    at = (2 * np.arange(count) + 1) * len(numbers) // (2 * count)
    return set(numbers[at].tolist())
