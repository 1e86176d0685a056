"""The shares of a period: three games, one table, one verdict (docs/shapley.md, section 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from offchain.shapley.exact import Table, combine, monotone_cover, shapley_shares
from offchain.shapley.parallel import Progress, game_table
from offchain.shapley.shares import ShareTable, share_table
from offchain.shapley.value import Period


@dataclass(frozen=True, eq=False)
class PeriodShares:
    """The shares of a period, with all that is needed to check them.

    Attributes:
        adequacy: v(mask) in Wh, int64[2^n].
        flexibility: as ``adequacy``.
        location: as ``adequacy``.
        combined: the table whose Shapley shares are committed; `exact.verify_share` checks them.
        shares: records.SHARE[n], the committed table.
    """

    adequacy: Table
    flexibility: Table
    location: Table
    combined: Table
    shares: ShareTable


def period_shares(
    period: Period,
    index: ArrayLike,
    weight_ppb: Sequence[int],
    processes: int | None = None,
    progress: Progress | None = None,
) -> PeriodShares:
    """Exact shares of up to 12 suppliers.

    Args:
        period: what they could deliver.
        index: their n registration numbers, in the order of the period's suppliers.
        weight_ppb: parts of the pot that reward adequacy, flexibility and location; they sum to
            1e9. A part in which nobody is worth anything (no rising demand, no full line) passes
            its weight to the others.
        processes: as `parallel.coalition_values`.
        progress: told coalitions done and all, over the three games.

    Raises:
        InputError: more than 12 suppliers; weights or registration numbers out of form.
        ClearingError: as `value.SupplyGame.evaluate`.
    """
    games = (period.adequacy(), period.flexibility(), period.location())
    each = (1 << len(period.bus)) - 1
    tables = []
    for number, game in enumerate(games):

        def told(done: int, _: int, before: int = number * each) -> None:
            if progress is not None:
                progress(before + done, len(games) * each)

        tables.append(monotone_cover(game_table(game, processes, told)))
    adequacy, flexibility, location = tables
    combined = combine(tables, weight_ppb)
    shares = share_table(index, shapley_shares(combined))
    return PeriodShares(adequacy, flexibility, location, combined, shares)
