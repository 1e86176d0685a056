"""`clearwatt evidence`: what a paper claims, run again and put beside what came out."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from offchain.errors import InputError
from offchain.mechanisms.priority import FAIR_PLAY
from oracle.commands.robustness import robustness
from oracle.evidence.config import EvidenceConfig, load_config
from oracle.evidence.evm import verify
from oracle.evidence.jobs import Job, plan
from oracle.evidence.progress import Steps
from oracle.evidence.report import write_document, write_report
from oracle.evidence.results import Results
from oracle.evidence.runner import Finished, prepare, read_result, run, weight
from oracle.evidence.summary import Summary, summarise

_INCOMPLETE = 1


@click.group()
def evidence() -> None:
    """Rerun published results and write tables, figures and a page."""


evidence.add_command(robustness)


@evidence.command("fair-play")
@click.option("--quick", is_flag=True, help="A short run of everything, in about a minute or two.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("evidence-fair-play"),
    show_default=True,
    help="Folder for everything that is written.",
)
@click.option("--seeds", type=click.IntRange(1, 1000), help="Seeds of the main comparison.")
@click.option("--intervals", type=click.IntRange(10, 100_000), help="Intervals of each run.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes; by default one per core.")
@click.option(
    "--config", type=click.Path(path_type=Path), help="Other assumptions than ours (TOML)."
)
@click.option("--resume", is_flag=True, help="Go on in a folder that holds results.")
@click.option(
    "--document",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Also write the report as documentation into this folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
def fair_play(
    quick: bool,
    out: Path,
    seeds: int | None,
    intervals: int | None,
    jobs: int | None,
    config: Path | None,
    resume: bool,
    document: Path | None,
    as_json: bool,
) -> int:
    r"""The Fair Play AMM paper's results, reproduced and pushed further.

    Writes tables (CSV, Markdown), figures (PNG, SVG), the roots of every committed interval and one
    HTML page. What is finished is kept: after Ctrl-C, the same command with --resume goes on.

    \b
    Examples:
      clearwatt evidence fair-play --quick --out quick
      clearwatt evidence fair-play --out full --jobs 2
      clearwatt evidence fair-play --out full --resume --document docs/evidence
      clearwatt evidence fair-play --seeds 1 --intervals 500 --json
    """
    assumed = load_config(config)
    assumed = (assumed.shortened() if quick else assumed).limited(seeds, intervals)
    planned = plan(assumed)
    prepare(out, resume=resume)
    failed = _run(planned, out, jobs or os.cpu_count() or 1)
    summary = _summary(assumed, planned, out, quick=quick)
    page = write_report(summary, out)
    if document is not None:
        write_document(summary, document)
    for ended in failed:
        where = f"{ended.job.part} {ended.job.variant}".strip()
        print(f"clearwatt: {ended.job.network}, {where}: {ended.failure}", file=sys.stderr)
    click.echo(json.dumps(_figures(summary, page, len(failed)), indent=2) if as_json else page)
    return _INCOMPLETE if failed or not _sound(summary) else 0


def _run(planned: list[Job], out: Path, processes: int) -> list[Finished]:
    """Run what is not finished yet; returns what could not be run."""
    missing = [job for job in planned if read_result(out, job) is None]
    failed: list[Finished] = []
    with Steps(len(missing), sum(map(weight, missing))) as steps:

        def finished(ended: Finished) -> None:
            steps.advance(weight(ended.job))
            if ended.failure:
                failed.append(ended)

        try:
            run(missing, out, processes, finished)
        except KeyboardInterrupt:
            kept = len(planned) - len(missing) + steps.done
            print(
                f"clearwatt: {kept} of {len(planned)} scenarios are kept; go on with --resume",
                file=sys.stderr,
            )
            raise
    return failed


def _summary(config: EvidenceConfig, planned: list[Job], out: Path, *, quick: bool) -> Summary:
    pairs = [(job, result) for job in planned if (result := read_result(out, job)) is not None]
    results = Results(pairs)
    if not pairs:
        raise InputError("evidence: no scenario could be run; see the messages above")
    committed = {
        network: found
        for network in config.run.networks
        if (found := results.of("main", "", network, FAIR_PLAY.name))
    }
    sample = verify(committed, config.sample.tampered_per_network)
    return summarise(config, results, sample, quick)


def _sound(summary: Summary) -> bool:
    """Whether nothing was found wrong with any interval."""
    return all(
        row["certified"] == row["intervals"] and row["dc_violations"] == row["payments_sum"] == 0
        for row in summary["checked"]
    ) and all(
        row["checked"] == row["accepted"] == row["as_committed"] == row["chained"]
        and row["altered"] == row["altered_refused"]
        for row in summary["evm"]
    )


def _figures(summary: Summary, page: Path, failed: int) -> dict[str, Any]:
    """What a program wants to know."""
    checked = summary["checked"]
    return {
        "page": str(page),
        "failed": failed,
        "intervals": sum(row["intervals"] for row in checked),
        "certified": sum(row["certified"] for row in checked),
        "committed": sum(row["committed"] for row in checked),
        "dc_violations": sum(row["dc_violations"] for row in checked),
        "payments_sum": sum(row["payments_sum"] for row in checked),
        "summary": summary,
    }
