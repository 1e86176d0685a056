"""Every mechanism by its name."""

from __future__ import annotations

from typing import Final

from offchain.errors import InputError
from offchain.mechanisms.mechanism import Mechanism
from offchain.mechanisms.nodal import DoubleAuction, Lmp
from offchain.mechanisms.priority import (
    EQUAL_WEIGHT,
    EQUAL_WEIGHT_RANDOM,
    FAIR_PLAY,
    INVERSE_FAIRNESS,
)

_ALL: Final[tuple[Mechanism, ...]] = (
    FAIR_PLAY,
    EQUAL_WEIGHT,
    EQUAL_WEIGHT_RANDOM,
    INVERSE_FAIRNESS,
    Lmp(),
    DoubleAuction(),
    DoubleAuction(one_zone=True),
)

MECHANISM_NAMES: Final = tuple(mechanism.name for mechanism in _ALL)


def mechanism(name: str) -> Mechanism:
    """The mechanism of a name.

    Raises:
        InputError: there is no such mechanism.
    """
    for candidate in _ALL:
        if candidate.name == name:
            return candidate
    raise InputError(f"mechanism: there is no '{name}'; choose one of {', '.join(MECHANISM_NAMES)}")
