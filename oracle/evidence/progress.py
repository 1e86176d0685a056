"""Tells how far a long run has come: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_SECONDS_BETWEEN_LINES: Final = 30.0


class Steps:
    """Progress over jobs of different weights, on stderr.

    Args:
        jobs: how many there are.
        weight: their weights, added up.
    """

    def __init__(self, jobs: int, weight: int) -> None:
        self._jobs, self._weight = jobs, max(weight, 1)
        self._done, self._done_weight = 0, 0
        self._started = self._told = time.monotonic()
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:3.0f} %"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task(self._description(), total=self._weight)

    @property
    def done(self) -> int:
        """How many jobs ended."""
        return self._done

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, weight: int) -> None:
        """One job more is done."""
        self._done += 1
        self._done_weight += weight
        if self._bar is not None:
            self._bar.update(self._task, advance=weight, description=self._description())
        elif time.monotonic() - self._told >= _SECONDS_BETWEEN_LINES:
            self._told = time.monotonic()
            spent = self._told - self._started
            left = spent * (self._weight - self._done_weight) / self._done_weight
            print(f"{self._description()}, about {left / 60:.0f} min left", file=sys.stderr)

    def _description(self) -> str:
        return f"{self._done} of {self._jobs} scenarios"
