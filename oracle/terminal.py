"""What a person sees while something runs: live progress on a terminal, plain lines anywhere else; always stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_PLAIN_LINES = 8
"""How many lines a phase prints where there is no terminal."""

_WORTH_TELLING_S = 5
"""What is done sooner needs no forecast."""


class Reporter:
    """Reports phases of work and the steps of each."""

    def __init__(self, console: Console | None = None) -> None:
        """Report to a console; stderr if none is given."""
        self._console = console or Console(stderr=True, highlight=False)

    @contextmanager
    def phase(self, title: str, total: int) -> Iterator[Phase]:
        """Do a phase of `total` steps."""
        if not self._console.is_terminal:
            print(title, file=sys.stderr, flush=True)
            yield Phase(None, title, total)
            return
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=self._console,
        ) as progress:
            progress.add_task(f"{title:<34}", total=total, note="")
            yield Phase(progress, title, total)


class Phase:
    """One phase; every step may come with a note on what just happened."""

    def __init__(self, progress: Progress | None, title: str, total: int) -> None:
        """Use Reporter.phase."""
        self._progress = progress
        self._title = title
        self._total = total
        self._done = 0
        self._begun = time.monotonic()

    def step(self, note: str = "", count: int = 1) -> None:
        """One more step is done, or some more."""
        lines = self._done // self._every
        self._done += count
        if self._progress is not None:
            task = self._progress.task_ids[0]
            self._progress.update(task, completed=self._done, note=note)
        elif (
            note and self._done and (self._done == self._total or self._done // self._every > lines)
        ):
            print(
                f"  {self._done}/{self._total}  {note}{self._left()}", file=sys.stderr, flush=True
            )

    def _left(self) -> str:
        """How long the rest will take at the pace so far, where that is worth a word."""
        seconds = (time.monotonic() - self._begun) * (self._total - self._done) / max(1, self._done)
        if seconds < _WORTH_TELLING_S:
            return ""
        return (
            f", about {seconds / 60:.0f} min left"
            if seconds > _WORTH_TELLING_S * 20
            else f", {seconds:.0f} s left"
        )

    @property
    def _every(self) -> int:
        return max(1, self._total // _PLAIN_LINES)
