"""An audit's verdict as the commands print it."""

from __future__ import annotations

from offchain.audit.verdict import Verdict


def verdict_json(verdict: Verdict) -> dict[str, object]:
    """A verdict as a JSON object; `faults` names the broken rules, `findings` tells each in words."""
    return {
        "ok": verdict.ok,
        "intervals": verdict.intervals,
        "checks": verdict.checks,
        "faults": sorted({fault.rule.value for fault in verdict.faults}),
        "findings": [str(fault) for fault in verdict.faults],
        "unjudged": {str(interval): reason for interval, reason in verdict.unjudged.items()},
    }
