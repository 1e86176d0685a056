"""Coalition values on all cores, in the same order and to the same digit however many there are.

Coalitions are handed out in chunks of fixed size, and a game is evaluated afresh for every chunk:
whatever an evaluator keeps from one coalition to the next (a warm start) cannot depend on the
number of processes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Final, Protocol

from offchain.errors import InputError
from offchain.shapley.exact import MAX_PLAYERS, Table, as_table

#: Coalitions per chunk: small enough for a bar that moves, large enough to pay for the hand-over.
CHUNK: Final = 64

#: Coalitions times effort from which workers save more time than they take to start.
WORKERS_PAY: Final = 300_000

#: Called with the number of coalitions evaluated so far and the number of all.
Progress = Callable[[int, int], None]


class Game(Protocol):
    """What can be evaluated: it must survive pickling, and answer the same for the same chunk."""

    @property
    def n_players(self) -> int:
        """How many players there are."""
        ...

    @property
    def effort(self) -> int:
        """What one coalition costs: buses times intervals to be cleared."""
        ...

    def evaluate(self, masks: Sequence[int]) -> Sequence[int]:
        """v(mask) for each mask, in order, from a fresh start."""
        ...


_game: Game | None = None


def _enter(game: Game) -> None:
    """Prepare a worker: it holds the game, and leaves Ctrl-C to its parent."""
    global _game  # noqa: PLW0603  # the one place where a worker process can keep its game
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _game = game


def _evaluate(masks: Sequence[int]) -> Sequence[int]:
    assert _game is not None, "workers are made by coalition_values"
    return _game.evaluate(masks)


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def coalition_values(
    game: Game,
    masks: Sequence[int],
    processes: int | None = None,
    progress: Progress | None = None,
) -> dict[int, int]:
    """Evaluate coalitions.

    Args:
        game: what to evaluate.
        masks: coalitions, in any order; the empty one is never evaluated, its value is 0.
        processes: worker processes; default one for each core where they pay, otherwise none.
        progress: told after every chunk.

    Returns:
        v(mask) by mask, in the order of ``masks``.

    Raises:
        KeyboardInterrupt: Ctrl-C; all workers are gone by then.
        Whatever the game raises, also in a worker.
    """
    wanted = [mask for mask in dict.fromkeys(masks) if mask]
    chunks = [wanted[at : at + CHUNK] for at in range(0, len(wanted), CHUNK)]
    pays = len(wanted) * game.effort >= WORKERS_PAY
    workers = min(processes or (available_cores() if pays else 1), len(chunks))
    found = dict.fromkeys(masks, 0)
    done = 0
    with closing(
        _here(game, chunks) if workers <= 1 else _spread(game, chunks, workers)
    ) as results:
        for chunk, values in zip(chunks, results, strict=True):
            found.update(zip(chunk, values, strict=True))
            done += len(chunk)
            if progress is not None:
                progress(done, len(wanted))
    return found


def _here(game: Game, chunks: Sequence[Sequence[int]]) -> Generator[Sequence[int], None, None]:
    """Results in the order of the chunks, from this process."""
    for chunk in chunks:
        yield game.evaluate(chunk)


def _spread(
    game: Game, chunks: Sequence[Sequence[int]], workers: int
) -> Generator[Sequence[int], None, None]:
    """Results in the order of the chunks, from spawned processes; leaving early ends them."""
    with multiprocessing.get_context("spawn").Pool(workers, _enter, (game,)) as pool:
        yield from pool.imap(_evaluate, chunks)


def game_table(game: Game, processes: int | None = None, progress: Progress | None = None) -> Table:
    """All 2^n coalition values; arguments and errors as `coalition_values`.

    Raises:
        InputError: more than 12 players.
    """
    if game.n_players > MAX_PLAYERS:
        raise InputError(
            f"players: {game.n_players} are too many for a table, {MAX_PLAYERS} is the most; "
            "group them (Owen value) or sample permutations"
        )
    values = coalition_values(game, range(1 << game.n_players), processes, progress)
    return as_table(list(values.values()))
