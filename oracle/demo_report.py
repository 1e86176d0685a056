"""The end of a demo: one JSON object, or a summary for people."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from rich.console import Console

from oracle.demo import DemoResult, median
from oracle.lottery import ServiceTally
from oracle.scenario import Scenario
from oracle.verdict import verdict_json

_DIGITS = 6


def as_json(result: DemoResult) -> dict[str, object]:
    """The figures of a demo: energies in Wh, prices in ticks, money in micro; `seconds` alone is not repeatable."""
    config, gas = result.scenario.config, result.gas
    state = result.final.market.state
    credit, debit = int(state["credit"].sum()), int(state["debit"].sum())
    low, high = _prices(result)
    return {
        "case": config.case,
        "chain": result.chain,
        "chain_id": result.chain_id,
        "ledger": result.ledger,
        "intervals": config.intervals,
        "participants": config.participants,
        "seed": config.seed,
        "audit": verdict_json(result.verdict),
        "dc_violations": result.dc_violations,
        "payments_sum": credit - debit,
        "credit_sum": credit,
        "debit_sum": debit,
        "claimed": result.claimed_micro,
        "requested_wh": sum(i.header.requested for i in result.intervals),
        "served_wh": sum(i.header.served for i in result.intervals),
        "price": {"min": low, "max": high},
        "fairness": {"before": _service(result.lottery), "after": _service(result.fair)},
        "gas": {
            "deploy_total": gas.deploy,
            "register_total": gas.register,
            "orders_median": median(gas.orders),
            "seed_median": median(gas.seeds),
            "header_median": median(gas.headers),
            "header_max": max(gas.headers),
            "claim_median": median(gas.claims),
        },
        "head_hash": result.final.header_hash.hex(),
        "headers": [
            {
                "interval": i.header.interval,
                "hash": i.header_hash.hex(),
                "allocation_root": i.header.allocation_root.hex(),
                "state_root": i.header.state_root.hex(),
            }
            for i in result.intervals
        ],
        "changes": [{"interval": interval, "what": what} for interval, what in result.changes],
        "seconds": round(result.seconds, 1),
    }


def _prices(result: DemoResult) -> tuple[int, int]:
    """The lowest and the highest price of the run, in ticks."""
    prices = [i.outcome.bus_price_ticks for i in result.intervals]
    return min(int(p.min()) for p in prices), max(int(p.max()) for p in prices)


def _service(tally: ServiceTally) -> dict[str, float]:
    return {
        "jain": round(tally.jain, _DIGITS),
        "worst": round(tally.worst, _DIGITS),
        "overall": round(tally.overall, _DIGITS),
    }


def print_summary(
    result: DemoResult, console: Console, out: Path | None, rpc: str | None = None
) -> None:
    """Tell a person who is no programmer what happened; `rpc` is a node that outlives the demo."""
    figures = as_json(result)
    asked, served = (
        sum(getattr(i.header, name) for i in result.intervals) for name in ("requested", "served")
    )
    state = result.final.market.state
    paid_in, paid_out = int(state["debit"].sum()), int(state["credit"].sum())
    low, high = _prices(result)
    fair, lottery = result.fair, result.lottery
    rows = (
        ("Market", _market(result.scenario)),
        ("Energy asked for", f"{asked / 1e6:,.2f} MWh"),
        ("Energy served", f"{served / 1e6:,.2f} MWh ({100 * served / asked:.1f} %)"),
        ("Lines overloaded", f"{result.dc_violations}"),
        *((f"From half-hour {interval}", what) for interval, what in result.changes),
        ("", ""),
        (_when(result.scenario), "share of flexible energy served"),
        ("  by lot", _shares(lottery)),
        ("  with Fair Play", _shares(fair)),
        ("", ""),
        ("Pot shares", result.shares_words),
        ("Price per kWh", f"{low / 1e6:.3f} to {high / 1e6:.3f}"),
        ("Paid in", f"{paid_in / 1e6:,.2f}"),
        ("Paid out", f"{paid_out / 1e6:,.2f}"),
        ("Sum of all payments", f"{paid_out - paid_in}"),
        ("", ""),
        ("Gas per interval", _gas(result)),
        *((("Ledger", result.ledger),) if rpc is not None else ()),
        ("Head of the chain", str(figures["head_hash"])),
        ("Audit", _verdict(result)),
    )
    width = max(len(name) for name, _ in rows)
    console.print()
    for name, value in rows:
        console.print(f"{name:<{width}}  {value}".rstrip(), soft_wrap=True)
    for fault in result.verdict.faults[:5]:
        console.print(f"  {fault}", soft_wrap=True)
    if out is not None:
        console.print(
            f"\nThe bundles are in {out}; `clearwatt bundle show {out}/00001.bundle` opens one."
        )
    if out is not None and rpc is not None:
        command = f"clearwatt audit --rpc {quote(rpc)} --ledger {result.ledger} --bundles {quote(str(out))}"
        console.print(f"Audit it yourself:\n  {command}", soft_wrap=True, markup=False)


def _market(scenario: Scenario) -> str:
    config = scenario.config
    stations = scenario.kind.count("power station")
    return (
        f"{config.case}: {config.participants - stations} consumers, {stations} power stations, "
        f"{config.intervals} half-hours"
    )


def _when(scenario: Scenario) -> str:
    short = int(scenario.scarce.sum())
    if short == 0:
        return "In all half-hours"
    return f"While supply was short ({short} half-hour{'s' if short > 1 else ''})"


def _shares(tally: ServiceTally) -> str:
    return f"worst off {100 * tally.worst:.0f} %, all {100 * tally.overall:.0f} %, fairness index {tally.jain:.3f}"


def _gas(result: DemoResult) -> str:
    gas = result.gas
    parts = (("orders", gas.orders), ("seed", gas.seeds), ("header with certificate", gas.headers))
    return ", ".join(f"{name} {median(values):,}" for name, values in parts)


def _verdict(result: DemoResult) -> str:
    verdict = result.verdict
    if verdict.faults:
        return f"FAILED: {len(verdict.faults)} rules broken in {verdict.intervals} intervals"
    if verdict.unjudged:
        return f"INCOMPLETE: {len(verdict.unjudged)} intervals could not be judged"
    return f"passed: {verdict.checks:,} checks in {verdict.intervals} intervals, no fault"
