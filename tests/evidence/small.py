"""The evidence in miniature: one small network, few intervals, every experiment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from oracle.evidence.config import EvidenceConfig, load_config
from oracle.evidence.evm import verify
from oracle.evidence.execute import execute
from oracle.evidence.jobs import Job, plan
from oracle.evidence.results import Results
from oracle.evidence.runner import Result
from oracle.evidence.summary import Summary, summarise

NETWORK = "ieee14"


def small_config(intervals: int = 40) -> EvidenceConfig:
    """Every section of the configuration, held to IEEE-14 and one or two values each."""
    config = load_config().shortened().limited(1, intervals)
    return replace(
        config,
        run=replace(config.run, networks=(NETWORK,), seeds=2),
        readings=replace(config.readings, other_network=NETWORK, other_fstar_permille=(950,)),
        sensitivity=replace(
            config.sensitivity,
            network=NETWORK,
            beta_permille=(200,),
            gamma_permille=(0,),
            tau_permille=(0,),
            fstar_permille=(800, 1000),
        ),
        forecast=replace(config.forecast, network=NETWORK, error_permille=(100,)),
        requesting=replace(
            config.requesting,
            network=NETWORK,
            factor_permille=(1000, 3000),
            cap_permille=(0, 1000),
            strategist_permille=200,
        ),
        event_trigger=replace(config.event_trigger, intervals=24, sigma_permille=(50,)),
        operator=replace(config.operator, eta_permille=(500, 1000)),
    )


def finished(config: EvidenceConfig, folder: Path) -> list[tuple[Job, Result]]:
    """All jobs of a configuration, run one after the other."""
    return [(job, execute(job, folder)) for job in plan(config)]


def summary_of(config: EvidenceConfig, pairs: list[tuple[Job, Result]]) -> Summary:
    """The summary of finished jobs."""
    results = Results(pairs)
    sample = verify({NETWORK: results.of("main", "", NETWORK, "fair-play")}, 1)
    return summarise(config, results, sample, quick=True)
