"""How a network is turned into a grid: the choices every importer shares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, Self, TypedDict, get_args

from offchain.errors import InputError

PhaseShift = Literal["fold", "ignore", "refuse"]
NegativeReactance = Literal["merge", "refuse"]

AS_GIVEN: Final = "as-given"
_HEADROOM: Final = "headroom-"
_DEFAULT_INTERVAL_S: Final = 1800
_WH_PER_MWH: Final = 1e6
_SECONDS_PER_HOUR: Final = 3600.0


class Choices(TypedDict, total=False):
    """The fields of `Options` as keyword arguments; None stands for the default."""

    load_wh: float | None
    interval_s: int | None
    limit_rule: str | None
    phase_shift: PhaseShift | None
    negative_reactance: NegativeReactance | None


@dataclass(frozen=True)
class Options:
    """Choices of an import.

    Attributes:
        load_wh: nominal load of the whole network per interval; everything is scaled linearly to
            it. None: no scaling but that of time.
        interval_s: length of an interval; 1 MW is ``interval_s / 3600`` MWh. Only without load_wh.
        limit_rule: ``as-given``: the source's limits. ``headroom-H``, for sources that have none:
            limit = max(H |base-case DC flow|, 1 % of the nominal load).
        phase_shift: ``fold``: a shift that drives no flow by itself vanishes into the angles, and
            what loop flow the others drive is taken off the limits. ``ignore``: shifts count for
            nothing. ``refuse``: an error names the first shifter that drives a flow.
        negative_reactance: ``merge``: exactly in series with the next branch where that is
            possible, else as no reactance at all. ``refuse``: an error names it.
    """

    load_wh: float | None = None
    interval_s: int = _DEFAULT_INTERVAL_S
    limit_rule: str = AS_GIVEN
    phase_shift: PhaseShift = "fold"
    negative_reactance: NegativeReactance = "merge"

    def __post_init__(self) -> None:
        if self.load_wh is not None and not (math.isfinite(self.load_wh) and self.load_wh > 0):
            raise InputError(f"load_wh: {self.load_wh} is not above 0; give Wh per interval")
        if not 1 <= self.interval_s <= 86_400:
            raise InputError(f"interval_s: {self.interval_s} is not in 1 ... 86400; give seconds")
        if self.phase_shift not in get_args(PhaseShift):
            raise InputError(
                f"phase_shift: {self.phase_shift!r} is unknown; use fold, ignore or refuse"
            )
        if self.negative_reactance not in get_args(NegativeReactance):
            raise InputError(
                f"negative_reactance: {self.negative_reactance!r} is unknown; use merge or refuse"
            )
        if self.limit_rule != AS_GIVEN:
            self.headroom()

    @classmethod
    def chosen(cls, choices: Choices, *, limit_rule: str = AS_GIVEN) -> Self:
        """Options from keyword arguments.

        Args:
            choices: what was chosen.
            limit_rule: the default rule.

        Raises:
            InputError: a choice is out of range.
        """
        given = {name: value for name, value in choices.items() if value is not None}
        return cls(**{"limit_rule": limit_rule, **given})  # type: ignore[arg-type]

    def headroom(self) -> float | None:
        """The factor of the headroom rule, None for limits as given.

        Raises:
            InputError: the rule is neither.
        """
        if self.limit_rule == AS_GIVEN:
            return None
        try:
            factor = float(self.limit_rule.removeprefix(_HEADROOM))
        except ValueError:
            factor = math.nan
        if not self.limit_rule.startswith(_HEADROOM) or not 0 < factor < math.inf:
            raise InputError(
                f"limit_rule: {self.limit_rule!r} is unknown; use as-given, or headroom-H with a "
                "factor above 0, such as headroom-1.15"
            )
        return factor

    def wh_per_mw(self, nominal_load_mw: float) -> float:
        """What 1 MW of the source is in Wh per interval.

        Raises:
            InputError: there is no load to scale.
        """
        if self.load_wh is None:
            return _WH_PER_MWH * self.interval_s / _SECONDS_PER_HOUR
        if nominal_load_mw <= 0:
            raise InputError("load_wh: the network has no load to scale; leave load_wh out")
        return self.load_wh / nominal_load_mw
