"""All tables of the evidence, in the order in which they are shown, and the rows behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from oracle.evidence import tables_beyond, tables_fairness, tables_theorems
from oracle.evidence.summary import Summary
from oracle.evidence.table import Table

_MAKERS: Final[tuple[Callable[[Summary], Table], ...]] = (
    tables_fairness.readings,
    tables_fairness.comparators,
    tables_fairness.targets,
    tables_fairness.stations,
    tables_fairness.convergence,
    tables_theorems.rates,
    tables_theorems.memory,
    tables_theorems.operator,
    tables_theorems.event_trigger,
    tables_fairness.mechanisms,
    tables_theorems.checked,
    tables_theorems.evm,
    tables_theorems.heads,
    tables_beyond.sensitivity,
    tables_beyond.forecast,
    tables_beyond.requesting,
    tables_beyond.large,
)

#: Which rows of the summary each CSV file holds.
CSV_FILES: Final = {
    "mechanisms": "mechanisms",
    "readings": "reductions",
    "convergence": "convergence",
    "windows": "windows",
    "rates": "rates",
    "memory": "memory",
    "operator": "operator",
    "event-trigger": "event_trigger",
    "checked": "checked",
    "evm": "evm",
    "sensitivity": "sensitivity",
    "forecast": "forecast",
    "requesting": "requesting",
    "large": "large",
    "roots": "roots",
}


def tables(summary: Summary) -> dict[str, Table]:
    """All tables by name, in the order in which they are shown."""
    made = [make(summary) for make in _MAKERS]
    return {table.name: table for table in made if table.rows}
