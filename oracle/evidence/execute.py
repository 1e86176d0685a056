"""Runs one job and returns its result as a JSON object."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from offchain.mechanisms.event_trigger import EventTrigger
from offchain.mechanisms.event_trigger import run as run_trigger
from offchain.mechanisms.mechanism import Mechanism, placed
from offchain.mechanisms.participants import Participants, community_shares
from offchain.mechanisms.priority import FAIR_PLAY, PriorityMechanism
from offchain.mechanisms.registry import mechanism
from offchain.mechanisms.tally import Tally
from offchain.mechanisms.trial import Trial
from offchain.orders.table import Quantities
from offchain.policy import Policy
from oracle.evidence.asking import drawn, requests, strategists, with_requests
from oracle.evidence.committed import Caps, CommittedTrial
from oracle.evidence.config import EQUAL_WEIGHT_LP, MEMORY_ONLY
from oracle.evidence.draws import kept_draw
from oracle.evidence.jobs import Job, MarketJob, OperatorJob, TriggerJob, described
from oracle.evidence.linear import EqualWeightLinear
from oracle.evidence.memory_only import memory_keys
from oracle.evidence.operator import contraction
from oracle.evidence.record import Record
from oracle.evidence.roots import Chronicle
from oracle.evidence.weakness import farthest_bus
from oracle.simulate import interval_seed
from oracle.study import Study


def execute(job: Job, folder: Path) -> dict[str, Any]:
    """Run a job.

    Args:
        job: which.
        folder: for the roots of committed intervals.

    Returns:
        What it was and what came out.
    """
    started = time.process_time()
    if isinstance(job, MarketJob):
        result = _market(job, folder)
    elif isinstance(job, TriggerJob):
        result = _trigger(job)
    else:
        result = _operator(job)
    return {"job": described(job), "seconds": time.process_time() - started, **result}


def _market(job: MarketJob, folder: Path) -> dict[str, Any]:
    study = drawn(job.study)
    market = with_requests(study, requests(study, job.asking))
    participants = _participants(market, job.policy)
    rule = _mechanism(job.mechanism)
    chronicle = None
    trial: Trial | CommittedTrial
    if job.committed:
        name = f"{job.network}-seed{job.study.seed}"
        chronicle = Chronicle(name, job.samples, market.scarce)
        trial = CommittedTrial(
            market.network.grid,
            job.policy,
            participants,
            _caps(market),
            name.encode(),
            chronicle.add,
        )
        chronicle.begin(trial.domain_hash, trial.genesis_hash, market.network.grid)
    else:
        trial = Trial(rule, market.network.grid, job.policy, participants)
    tally = Tally(participants, market.scarce)
    record = Record(participants, study.flexible_wh, market.scarce, job.span)
    for interval, quantities in enumerate(_intervals(market), 1):
        step = trial.step(quantities, interval_seed(job.study.seed, interval))
        payments = rule.billing.bill(step.outcome)
        tally.add(step, trial.standing, {rule.billing.name: payments})
        record.add(step, trial.standing, payments)
    bill = tally.bills[rule.billing.name]
    result: dict[str, Any] = {
        "intervals": tally.intervals,
        "certified": tally.certified,
        "dc_violations": tally.dc_violations,
        "requested_wh": tally.requested_wh,
        "served_wh": tally.served_wh,
        "offered_wh": tally.offered_wh,
        "supply_cost_micro": tally.supply_cost,
        "energy_cost_micro": bill.energy_cost,
        "payments_sum": bill.payments_sum,
        "binding_mean": float(np.mean(tally.binding)),
        "binding_most": max(tally.binding),
        "engines": dict(tally.engines),
        "fairness": asdict(tally.fairness()),
        "consumers": record.report(),
        "strategists": strategists(study, job.asking)[study.flexible_wh.any(axis=0)].tolist(),
        "electrically_farthest": farthest_bus(study),
        "buses": market.network.grid.n_bus,
        "lines": market.network.grid.n_line,
    }
    if chronicle is not None:
        result["committed"] = chronicle.finish(folder)
        result["memory"] = record.memory_contraction(job.policy.beta_ppb)
    return result


def _trigger(job: TriggerJob) -> dict[str, Any]:
    market = drawn(job.study)
    report = run_trigger(
        EventTrigger(job.sigma_ppb, job.tightness_ppb),
        job.policy,
        market.network.grid,
        _participants(market, job.policy),
        _intervals(market),
    )
    held = report.held
    return {
        "intervals": len(held),
        "saved": report.saved,
        "error_most": float(report.error.max()),
        "error_mean": float(report.error.mean()),
        "bound_most": float(report.bound.max()),
        "bound_kept": bool(np.all(report.error <= report.bound)),
    }


def _operator(job: OperatorJob) -> dict[str, Any]:
    market = drawn(job.study)
    trial = Trial(FAIR_PLAY, market.network.grid, job.policy, _participants(market, job.policy))
    left = job.scarce_intervals
    rows: list[dict[str, Any]] = []
    for interval, quantities in enumerate(_intervals(market), 1):
        if market.scarce[interval - 1] and left:
            left -= 1
            columns = FAIR_PLAY.ramps(
                job.policy,
                trial.participants,
                trial.standing,
                quantities,
                interval_seed(job.study.seed, interval),
            )
            ramps = placed(columns, trial.participants.bus)
            for eta in job.eta_permille:
                for full in (False, True):
                    found = contraction(
                        market.network.grid, ramps, eta / 1000, job.iterations, full=full
                    )
                    where = {"interval": interval, "eta_permille": eta, "full": full}
                    rows.append({**where, **asdict(found)})
        if not left:
            break
        trial.step(quantities, interval_seed(job.study.seed, interval))
    return {"rows": rows}


def _mechanism(name: str) -> Mechanism:
    if name == MEMORY_ONLY:
        return PriorityMechanism(MEMORY_ONLY, memory_keys, kept_draw)
    if name == EQUAL_WEIGHT_LP:
        return EqualWeightLinear(EQUAL_WEIGHT_LP)
    rule = mechanism(name)
    if isinstance(rule, PriorityMechanism) and rule.draw is not None:
        return replace(rule, draw=kept_draw)
    return rule


def _participants(market: Study, policy: Policy) -> Participants:
    """The study's contracts; the pot goes to the community reserve."""
    n = len(market.bus)
    return Participants(
        bus=market.bus.astype(np.int32),
        rank=market.rank,
        fstar_ppb=market.fstar_ppb,
        rate_wh=market.rate_wh,
        value_ticks=np.full(n, policy.p_hi_ticks),
        share_ppb=community_shares(n),
    )


def _caps(market: Study) -> Caps:
    """Contracts that allow whatever the study asks and offers."""
    asked = market.essential_wh + market.flexible_wh
    return Caps(asked.max(axis=0), market.supply_wh.max(axis=0))


def _intervals(market: Study) -> Iterator[Quantities]:
    for interval in range(len(market.scarce)):
        yield Quantities(
            market.essential_wh[interval],
            market.flexible_wh[interval],
            market.supply_wh[interval],
            market.bid_ticks,
        )
