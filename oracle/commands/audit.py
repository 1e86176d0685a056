"""`clearwatt audit`: every rule again, from a chain and published bundles alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console

from deploy.devnet import connect
from offchain.audit.findings import Fault, Rule, words
from offchain.audit.genesis import GENESIS
from offchain.audit.published import PublishedMarket
from offchain.audit.verdict import Verdict
from offchain.errors import InputError
from oracle.audit_run import run_audit, wanted_intervals
from oracle.audit_state import AuditState, default_file, local_key
from oracle.bundles import BundleSource, bundle_source
from oracle.market_contracts import ForeignCodeError
from oracle.reader import read_market
from oracle.report.write import write_report
from oracle.terminal import Reporter
from oracle.unjudged import why_unjudged
from oracle.verdict import print_verdict, verdict_json

EXIT_FAULT = 1


@click.command()
@click.option("--rpc", metavar="URL", required=True, help="A node of the market's chain.")
@click.option("--ledger", metavar="ADDRESS", required=True, help="The market's ClearingLedger.")
@click.option(
    "--bundles",
    metavar="DIR|URL",
    required=True,
    help="Where genesis.bundle, 00001.bundle and so on are.",
)
@click.option("--from", "first", metavar="T", type=click.IntRange(1), help="First interval.")
@click.option(
    "--to", "last", metavar="T", type=click.IntRange(1), help="Last interval; the newest."
)
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(1),
    help="Processes; one for each core where there is enough to do.",
)
@click.option(
    "--resume",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep here what is found clean, and go on from it; a file of this user's if not given.",
)
@click.option("--afresh", is_flag=True, help="Judge everything, whatever earlier runs found.")
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
@click.option(
    "--report",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the verdict as one HTML page that needs no network.",
)
@click.pass_context
def audit(
    context: click.Context,
    rpc: str,
    ledger: str,
    bundles: str,
    first: int | None,
    last: int | None,
    jobs: int | None,
    resume: Path | None,
    afresh: bool,
    json_wanted: bool,
    report: Path | None,
) -> None:
    r"""Check every interval of a market again, trusting nobody.

    Headers, certificates, orders roots, seeds, deposits and code come from the chain, everything behind them from the
    bundles; both are compared, and every rule is computed again. Nothing is sent, and no account is needed.

    With --from, the first interval starts from the state in the bundle before it. What earlier runs on this machine
    found clean, by the very same data and code, is not judged again; after Ctrl-C the same command goes on.

    \b
    Exit codes:
      0  every interval was cleared by the rules
      1  a rule was broken: the first leaf that breaks it is named with both numbers
      2  it cannot be told, because data are missing or are not what the chain names

    \b
    Examples:
      clearwatt audit --rpc http://127.0.0.1:8545 --ledger 0x... --bundles bundles
      clearwatt audit --rpc URL --ledger 0x... --bundles https://example.org/bundles --jobs 4
      clearwatt audit --rpc URL --ledger 0x... --bundles bundles --from 1000 --to 1100 --json
      clearwatt audit --rpc URL --ledger 0x... --bundles bundles --report report.html
    """
    source = bundle_source(bundles)
    chain = connect(rpc)
    reporter = Reporter()
    head = None
    try:
        with reporter.phase("Reading the chain", 1) as phase:
            market = read_market(chain, ledger)
            phase.step(f"{len(market.headers)} headers")
    except ForeignCodeError as error:
        if error.code.contract == "ClearingLedger":
            raise
        verdict = _foreign(error)
        if report is not None:
            print("clearwatt: no report is written of a market that is none", file=sys.stderr)
    else:
        state = None if afresh else _state(resume, market, source)
        verdict = audited(reporter, market, source, state, first, last, jobs)
        head = market.headers[verdict.last - 1].header_hash.hex() if verdict.last else None
        if report is not None:
            write_report(report, market, verdict, source.read, reporter)
    if json_wanted:
        click.echo(json.dumps({**verdict_json(verdict), "head": head}, indent=1))
    else:
        console = Console(highlight=False)
        print_verdict(verdict, console)
        if head is not None:
            console.print(f"Header of interval {verdict.last}: 0x{head}", soft_wrap=True)
    finish(context, verdict)


def audited(
    reporter: Reporter,
    market: PublishedMarket,
    source: BundleSource,
    state: AuditState | None = None,
    first: int | None = None,
    last: int | None = None,
    jobs: int | None = None,
) -> Verdict:
    """The verdict of an audit that is watched; arguments as `oracle.audit_run.run_audit`."""
    total = len(wanted_intervals(market, first, last))
    done = 0
    try:
        with reporter.phase("Auditing", total) as phase:

            def step(verdict: Verdict, count: int) -> None:
                nonlocal done
                done += count
                phase.step(f"{verdict.checks:,} checks, {len(verdict.faults)} faults", count)

            return run_audit(
                market, source, first=first, last=last, jobs=jobs, state=state, step=step
            )
    except KeyboardInterrupt:
        if state is not None:
            told = f"clearwatt: {done} of {total} intervals judged; the same command goes on"
            print(told, file=sys.stderr)
        raise


def finish(context: click.Context, verdict: Verdict) -> None:
    """End a command as its verdict demands.

    Raises:
        InputError: Something could not be judged, and nothing was found wrong.
    """
    if verdict.faults:
        context.exit(EXIT_FAULT)
    if verdict.unjudged:
        why = why_unjudged(verdict, askable=context.info_name == "audit")
        raise InputError(f"{context.info_name}: {why}")


def _state(resume: Path | None, market: PublishedMarket, source: BundleSource) -> AuditState | None:
    """What earlier runs found clean; None where nothing can be kept and no file was asked for."""
    genesis = source.read(GENESIS)
    if genesis is None:
        return None
    try:
        state = AuditState(resume or default_file(market), local_key(), market, genesis)
    except InputError as error:
        if resume is not None:
            raise
        print(f"clearwatt: nothing is kept for a later run: {error}", file=sys.stderr)
        return None
    if state.refused:
        lines = f"{state.refused} lines of the state were not written here, or were damaged"
        print(f"clearwatt: {lines}; those intervals are judged again", file=sys.stderr)
    return state


def _foreign(error: ForeignCodeError) -> Verdict:
    """A ledger as published that names a contract with other code: nothing such a market says can be relied on."""
    code = error.code
    where = f"the code of the {code.contract} at {code.address}"
    verdict = Verdict(unjudged={GENESIS: "the market's contracts are not the published ones"})
    verdict.compared[Rule.CODE] = 1
    verdict.faults.append(Fault(GENESIS, Rule.CODE, where, words(code.expected), words(code.found)))
    return verdict
