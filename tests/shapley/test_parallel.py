"""Coalition values on several cores: the same values in the same order, and no process left."""

import multiprocessing
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import pytest

from offchain.errors import InputError
from offchain.shapley import parallel
from offchain.shapley.parallel import (
    CHUNK,
    WORKERS_PAY,
    _here,
    coalition_values,
    game_table,
)


@dataclass(frozen=True)
class Counting:
    """Worth its members squared, plus the place in its chunk: as if a warm start left a trace."""

    n_players: int
    broken_at: int = -1
    effort: int = 1

    def evaluate(self, masks: Sequence[int]) -> Sequence[int]:
        if self.broken_at in masks:
            raise InputError("coalition: broken on purpose")
        return [mask.bit_count() ** 2 + place for place, mask in enumerate(masks)]


def test_any_number_of_processes_gives_the_same_values_in_the_same_order() -> None:
    masks = list(range(300))[::-1]
    alone = coalition_values(Counting(9), masks, processes=1)
    assert list(alone) == masks
    assert coalition_values(Counting(9), masks, processes=2) == alone
    assert list(coalition_values(Counting(9), masks, processes=2)) == masks


def test_workers_are_started_where_they_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []

    def spread(
        game: Counting, chunks: Sequence[Sequence[int]], workers: int
    ) -> Generator[Sequence[int], None, None]:
        started.append(workers)
        return _here(game, chunks)

    monkeypatch.setattr(parallel, "available_cores", lambda: 2)
    monkeypatch.setattr(parallel, "_spread", spread)
    coalition_values(Counting(8, effort=WORKERS_PAY // 200), range(200))
    assert started == []
    coalition_values(Counting(8, effort=WORKERS_PAY // 100), range(200))
    assert started == [2]


def test_progress_counts_every_coalition_but_the_empty_one() -> None:
    seen: list[tuple[int, int]] = []
    coalition_values(Counting(8), range(200), 1, lambda done, of: seen.append((done, of)))
    assert seen == [(CHUNK, 199), (2 * CHUNK, 199), (3 * CHUNK, 199), (199, 199)]


def test_nobody_is_worth_nothing_and_is_never_asked() -> None:
    assert coalition_values(Counting(2, broken_at=0), [0, 0]) == {0: 0}


def test_a_coalition_named_twice_is_evaluated_once() -> None:
    seen: list[tuple[int, int]] = []
    coalition_values(Counting(2), [1, 1, 1], 1, lambda done, of: seen.append((done, of)))
    assert seen == [(1, 1)]


@pytest.mark.parametrize("processes", [1, 2])
def test_what_goes_wrong_in_a_worker_is_raised_here(processes: int) -> None:
    with pytest.raises(InputError, match="broken on purpose"):
        coalition_values(Counting(8, broken_at=100), range(256), processes)
    assert multiprocessing.active_children() == []


def test_an_interrupt_ends_the_workers() -> None:
    def interrupt(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        coalition_values(Counting(8), range(256), 2, interrupt)
    assert multiprocessing.active_children() == []


def test_a_table_holds_every_coalition() -> None:
    assert game_table(Counting(2), 1).tolist() == [0, 1, 2, 6]


def test_a_table_of_thirteen_players_is_refused_before_the_work() -> None:
    with pytest.raises(InputError, match="13 are too many"):
        game_table(Counting(13, broken_at=1))
