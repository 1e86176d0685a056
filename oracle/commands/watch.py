"""`clearwatt watch`: audit, and if wished challenge, for as long as headers can be disputed."""

from __future__ import annotations

import datetime
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from typing import Final

import click

from deploy.devnet import connect
from oracle.bundles import bundle_source
from oracle.commands.market import bundles_option, chain_options
from oracle.watch import Event, Watcher
from oracle.webhook import Webhook

_INTERRUPTED: Final = 130


@click.command()
@chain_options
@bundles_option
@click.option(
    "--interval",
    "pause_s",
    type=click.FloatRange(min=0, min_open=True),
    default=30,
    show_default=True,
    metavar="S",
    help="Seconds between looks.",
)
@click.option(
    "--grace",
    "grace_s",
    type=click.FloatRange(min=0),
    default=600,
    show_default=True,
    metavar="S",
    help="How long a bundle may be missing, or the node away, before it is an alarm.",
)
@click.option("--once", is_flag=True, help="Look once and tell by the exit code.")
@click.option("--challenge", is_flag=True, help="Prove what is found; that costs gas.")
@click.option("--webhook", metavar="URL", help="Post every alarm and challenge there, as JSON.")
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object a line.")
@click.pass_context
def watch(
    context: click.Context,
    rpc: str,
    ledger: str,
    bundles: str,
    pause_s: float,
    grace_s: float,
    once: bool,
    challenge: bool,
    webhook: str | None,
    json_wanted: bool,
) -> None:
    r"""Judge every header while it can still be disputed, and raise an alarm if something is wrong.

    Each header is judged once, as soon as its bundle is there, from the state that the bundle before it holds.
    A broken rule, a bundle that does not come and a node that does not answer are alarms: a line on stderr, a POST
    to the webhook, and the exit code. A node that is briefly away is waited for. With --challenge a fault is proven
    on the chain at once. What was final before the watch began is left to `clearwatt audit`.

    \b
    Exit codes, with --once or when it is ended by Ctrl-C or SIGTERM:
      0    every header that can be disputed was judged, and every rule was kept (--once)
      1    a rule was broken
      2    a bundle is missing, or the node does not answer, for longer than --grace
      130  it was ended and nothing was wrong

    \b
    Examples:
      clearwatt watch --rpc URL --ledger 0x... --bundles bundles
      clearwatt watch --rpc URL --ledger 0x... --bundles bundles --challenge --webhook https://...
      clearwatt watch --rpc URL --ledger 0x... --bundles bundles --once --grace 0
    """
    source = bundle_source(bundles)
    watcher = Watcher(
        lambda: connect(rpc), ledger, source.read, grace_s=grace_s, challenge=challenge
    )
    with ExitStack() as stack:
        hook = None
        if webhook is not None:
            hook = Webhook(webhook, lambda why: _log("webhook", why))
            stack.callback(hook.close)
        stack.enter_context(_ended_by_sigterm())
        try:
            while True:
                for event in watcher.look():
                    _tell(event, ledger, hook, json_wanted)
                if once:
                    _close(watcher.summary(), ledger, json_wanted)
                    break
                time.sleep(pause_s)
        except KeyboardInterrupt:
            _log("ended", "nothing is watched any more")
            context.exit(watcher.exit_code or _INTERRUPTED)
    context.exit(watcher.exit_code)


def _tell(event: Event, ledger: str, hook: Webhook | None, json_wanted: bool) -> None:
    body = {"ledger": ledger, "alarm": event.alarm, **asdict(event)}
    _log(event.kind, event.words)
    if json_wanted:
        click.echo(json.dumps(body))
        sys.stdout.flush()
    if hook is not None and event.kind not in _QUIET:
        hook.send(body)


def _close(saw: dict[str, int] | None, ledger: str, json_wanted: bool) -> None:
    """Say how much was looked at, also where that is nothing."""
    if saw is None:
        _log("looked", "the node did not answer; nothing was judged")
        return
    open_ones, final = saw["disputable"], saw["final"]
    headers = "1 header" if open_ones == 1 else f"{open_ones} headers"
    words = f"{headers} can still be disputed"
    if open_ones:
        words = f"{words}, {saw['judged']} of them judged"
    if final:
        finals = "1 is" if final == 1 else f"1 ... {final} are"
        words = f"{words}; {finals} final: `clearwatt audit` judges those"
    _log("looked", words)
    if json_wanted:
        body = {"ledger": ledger, "alarm": False, "kind": "looked", "words": words, **saw}
        click.echo(json.dumps(body))


_QUIET: Final = ("judged",)
"""What no webhook is told."""


def _log(kind: str, words: str) -> None:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    print(f"{now} {kind}: {words}", file=sys.stderr, flush=True)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Take the polite signal of service managers for a Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
