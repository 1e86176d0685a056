"""Tables of the theorems measured, and of what was checked."""

from __future__ import annotations

from oracle.evidence import words
from oracle.evidence.summary import Summary
from oracle.evidence.table import Table, table


def rates(summary: Summary) -> Table:
    """The speed of convergence in three regimes."""
    return table(
        "rates",
        "Speed of convergence: slope of ln(mean gap) over ln(t)",
        "In an ergodic environment, with lines wide enough that supply alone binds. The gap is the "
        "mean over buses and seeds; ± is the standard error over seeds, by leaving each out once.",
        ("network", "target", "F*", "seeds", "slope measured", "slope expected",
         "mean gap at the end"),
        (
            (
                words.network(row["network"]),
                words.REGIMES[row["regime"]],
                f"{row['fstar']:.3f}",
                words.count(row["seeds"]),
                words.with_error(row["slope"], row["slope_error"], 2),
                words.number(row["expected"], 1),
                words.small(row["last_mean"]),
            )
            for row in summary["rates"]
        ),
    )  # fmt: skip


def memory(summary: Summary) -> Table:
    """T1 measured."""
    return table(
        "memory",
        "The shortage memory: contraction for the same service",
        "The greatest ratio of successive differences between two memories, 0 and 1 at the start, "
        "of every bus and seed; flooring to 1 ppb may add 1e-7. All memories stayed in the range.",
        ("network", "1 − beta", "greatest ratio", "range of the memory"),
        (
            (
                words.network(row["network"]),
                words.number(row["bound"], 3),
                words.number(row["contraction"], 7),
                f"{words.number(row['least'], 3)} to {words.number(row['greatest'], 3)}",
            )
            for row in summary["memory"]
        ),
    )


def operator(summary: Summary) -> Table:
    """T2 measured."""
    return table(
        "operator",
        "The clearing operator: measured contraction q and its bound",
        "Errors in the norm W from one projection to the next, on the integer program, in scarce "
        "intervals, from nothing served and from everything served; whole ticks and Wh add a "
        "little. clearwatt clears with one full step, eta = 1.",
        ("network", "eta", "bound, |1 − eta|", "q, greatest", "q, mean", "runs", "projections"),
        (
            (
                words.network(row["network"]),
                words.number(row["eta"], 2),
                words.number(row["bound"], 3),
                words.number(row["greatest"], 4),
                words.number(row["mean"], 4),
                words.count(row["clearings"]),
                words.count(row["steps"]),
            )
            for row in summary["operator"]
        ),
    )


def event_trigger(summary: Summary) -> Table:
    """T4 measured."""
    return table(
        "event-trigger",
        "Event-triggered clearing: what it saves and what it costs",
        "Errors are energy-weighted root mean square differences between held and freshly cleared "
        "service ratios; the bound is known without clearing. Saved: median over seeds, range in "
        "brackets; error and bound: mean or greatest over all intervals of all seeds.",
        ("network", "noise, %", "sigma", "clearings saved, %", "error, mean", "error, most",
         "bound, most", "bound kept"),
        (
            (
                words.network(row["network"]),
                words.number(row["noise_permille"] / 10, 0),
                words.number(row["sigma"], 2),
                words.percent(
                    {"median": row["saved"], "least": row["saved_least"], "most": row["saved_most"]}
                ),
                words.number(row["error_mean"], 4),
                words.number(row["error_most"], 4),
                words.number(row["bound_most"], 4),
                "yes" if row["bound_kept"] else "NO",
            )
            for row in summary["event_trigger"]
        ),
    )  # fmt: skip


def checked(summary: Summary) -> Table:
    """What the integer checker found."""
    return table(
        "checked",
        "Every interval before the integer checker",
        "Certified: balance, limits, prices and every allocation pass in exact integers. "
        "Committed: settled, hashed and chained from genesis, roots in the output.",
        ("network", "part", "runs", "intervals", "certified", "DC violations", "committed",
         "sum of all payments"),
        (
            (
                words.network(row["network"]),
                row["part"],
                words.count(row["runs"]),
                words.count(row["intervals"]),
                words.count(row["certified"]),
                words.count(row["dc_violations"]),
                words.count(row["committed"]),
                words.count(row["payments_sum"]),
            )
            for row in summary["checked"]
        ),
    )  # fmt: skip


def evm(summary: Summary) -> Table:
    """What the contract said."""
    return table(
        "evm",
        "A sample of the certificates before the contract NetworkVerifier, in an EVM",
        "As committed: the contract computed the hash that the interval's header carries. Chained: "
        "header and recorded header hash agree. Altered, as a control: one angle moved so that its "
        "bus sends half a Wh more.",
        ("network", "checked", "accepted", "as committed", "chained", "altered", "of these refused"),
        (
            (
                words.network(row["network"]),
                *(
                    words.count(row[name])
                    for name in (
                        "checked", "accepted", "as_committed", "chained", "altered",
                        "altered_refused",
                    )
                ),
            )
            for row in summary["evm"]
        ),
    )  # fmt: skip


def heads(summary: Summary) -> Table:
    """Where every committed chain ends."""
    return table(
        "heads",
        "The header hash of the last interval of every committed run",
        "It binds all roots of its run. The same code on any machine reaches the same; a change "
        "of the mechanism, of a byte layout or of prices among equals moves it.",
        ("network", "seed", "intervals", "hash of the last header"),
        (
            (
                words.network(row["network"]),
                words.count(row["seed"]),
                words.count(row["intervals"]),
                f"`{row['last_header_hash']}`",
            )
            for row in summary["roots"]
        ),
    )
