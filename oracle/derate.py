"""A demo in which a line loses half its limit on the way: at the next gate, and back again after the long delay."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from deploy.chain import Chain, development_key
from deploy.contracts import MarketSettings
from offchain.errors import InputError
from offchain.grid.model import Grid
from offchain.grid.tighten import tighten
from offchain.market import Genesis
from oracle.bundles import BundleDirectory
from oracle.demo import POLICY, DemoRun
from oracle.scenario import Scenario
from oracle.terminal import Reporter
from oracle.terms import ENDLESS, Kind, TermsOffice, sign_message

GATES_AHEAD = 2
"""Orders of so many intervals may be fixed before one is cleared; a tightening holds from the next on."""

_DEADLINE_INTERVALS = 2
_OPERATOR_WEI = 10 * 10**18


@dataclass(frozen=True)
class Derating:
    """A line that loses half of its limit.

    Attributes:
        line: Its number.
        interval: The first interval for which it has.
    """

    line: int
    interval: int


def read_derating(text: str, intervals: int) -> Derating:
    """Read LINE@T.

    Raises:
        InputError: It is no such text, or the interval is not in the run.
    """
    match = re.fullmatch(r"(\d+)@(\d+)", text)
    if match is None:
        raise InputError(f"derate: '{text}' will not do; give LINE@T, such as 0@10")
    derating = Derating(int(match[1]), int(match[2]))
    if not GATES_AHEAD < derating.interval <= intervals:
        raise InputError(
            f"derate: half-hour {derating.interval} is not in {GATES_AHEAD + 1} ... {intervals}; "
            "the orders of the first two may be fixed when the market opens"
        )
    return derating


class DeratedRun(DemoRun):
    """A demo whose grid operator tightens a line, and announces that it will be as before."""

    def __init__(
        self,
        scenario: Scenario,
        chain: Chain,
        out: BundleDirectory,
        reporter: Reporter,
        derating: Derating,
    ) -> None:
        """See DemoRun.

        Raises:
            InputError: The network has no such line.
        """
        super().__init__(scenario, chain, out, reporter)
        grid, line = scenario.network.grid, derating.line
        if line >= grid.n_line:
            raise InputError(f"derate: line {line} is not one of 0 ... {grid.n_line - 1}")
        half = max(int(grid.limit_wh[line]) // 2, int(grid.margin_wh[line]) + 1)
        self._derating = derating
        self._grids = {"before": grid, "derated": tighten(grid, {line: half})}
        self._operator = development_key("grid operator", 0)
        self._ahead: dict[int, tuple[Grid, int]] = {}
        self._words = f"{grid.line_names[line]} may carry {{}} Wh instead of {{}}"

    def settings(self, draft: Genesis) -> MarketSettings:
        """A short deadline, so that the long delay passes within the run."""
        return replace(
            super().settings(draft),
            grid_operator=self._operator.address,
            deadline_seconds=_DEADLINE_INTERVALS * POLICY.interval_s,
        )

    def begin(self, interval: int) -> None:
        """Tighten the line in time, announce its return, and adopt that once it can be."""
        if interval == self._derating.interval - GATES_AHEAD:
            self._tighten()
        elif interval > self._derating.interval - GATES_AHEAD:
            self._restore()
        if interval in self._ahead:
            self.move_to(*self._ahead.pop(interval))

    def _tighten(self) -> None:
        office, derated = self._office(), self._grids["derated"]
        self.chain.transfer(self._operator.address, _OPERATOR_WEI)
        version = office.registered(derated)
        message = office.tightening_message(derated.hash(), ENDLESS)
        first = office.tighten(version, ENDLESS, sign_message(message, self._operator))
        self._change(first, "derated", version)
        office.announce_grid(self.contracts.grid_version, first, self._operator)

    def _restore(self) -> None:
        office = self._office()
        announced = office.announced(Kind.GRID)
        if announced is not None and office.waits_for(announced) is None:
            self._change(office.adopt(Kind.GRID), "before", self.contracts.grid_version)

    def _office(self) -> TermsOffice:
        contracts = self.contracts
        return TermsOffice(self.chain, contracts.ledger, contracts.terms, contracts.registry)

    def _change(self, first: int, name: str, version: int) -> None:
        self._ahead[first] = (self._grids[name], version)
        line = self._derating.line
        now, before = (
            int(grid.limit_wh[line])
            for grid in (
                self._grids[name],
                self._grids["before" if name == "derated" else "derated"],
            )
        )
        self.changes.append((first, self._words.format(f"{now:,}", f"{before:,}")))
