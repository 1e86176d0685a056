"""What meters say after the fact, and what is settled for it."""

from offchain.metering.imbalance import Corrections, Deviations, correct, deviations
from offchain.metering.readings import ReadingTable, check_readings, no_readings

__all__ = [
    "Corrections",
    "Deviations",
    "ReadingTable",
    "check_readings",
    "correct",
    "deviations",
    "no_readings",
]
