"""A watcher judges what can still be disputed, and somebody hears of it when anything is wrong."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy.chain import Chain, ChainError
from oracle import cli
from oracle.demo import DemoRun
from oracle.watch import Event, Kind, Watcher
from oracle.webhook import Webhook
from tests.oracle.markets import LAST, outlast_window, undone

GRACE_S = 100


@pytest.fixture
def run(lying_run: DemoRun, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoRun]:
    """The same behind every URL; the chain is set back after each test."""
    monkeypatch.setattr("oracle.commands.watch.connect", lambda _: lying_run.chain)
    with undone(lying_run.chain):
        yield lying_run


class Place:
    """What a watcher sees of the world: a node that may be away, bundles that may be missing, a clock."""

    def __init__(self, run: DemoRun, *, challenge: bool = False) -> None:
        self.run, self.away, self.now = run, False, 0.0
        self.missing: set[int] = set()
        self.watcher = Watcher(
            self.connect,
            run.contracts.ledger.address,
            self.read,
            grace_s=GRACE_S,
            challenge=challenge,
            clock=lambda: self.now,
        )

    def connect(self) -> Chain:
        if self.away:
            raise ChainError("rpc: the node does not answer (ConnectionError); check the URL")
        return self.run.chain

    def read(self, interval: int) -> bytes | None:
        if self.away:
            raise ConnectionError
        return None if interval in self.missing else self.run.out.read(interval)

    def look(self) -> list[Event]:
        return self.watcher.look()


def kinds(events: list[Event]) -> list[tuple[Kind, int | None]]:
    """Kind and interval of events."""
    return [(event.kind, event.interval) for event in events]


def test_every_open_header_is_judged_once_and_a_lie_is_an_alarm(run: DemoRun) -> None:
    place = Place(run)
    events = place.look()
    judged = [(Kind.JUDGED, t) for t in range(1, LAST)]
    assert kinds(events) == [*judged, (Kind.FAULT, LAST)]
    alarm = events[-1]
    assert alarm.alarm
    assert "payment" in alarm.rules
    assert "the rules give" in alarm.words
    ledger = run.contracts.ledger.functions
    window = int(ledger.windowSeconds().call())
    assert alarm.disputable_until == int(ledger.postedAt(LAST).call()) + window
    assert place.watcher.exit_code == 1
    assert place.look() == []


def test_what_is_final_is_not_judged(run: DemoRun) -> None:
    outlast_window(run)
    place = Place(run)
    assert place.look() == []
    assert place.watcher.exit_code == 0


def test_a_missing_bundle_is_an_alarm_after_its_grace_and_judged_when_it_comes(
    run: DemoRun,
) -> None:
    place = Place(run)
    place.missing = {LAST}
    assert (Kind.DATA, LAST) not in kinds(place.look())
    assert place.watcher.exit_code == 0
    place.now += GRACE_S
    (alarm,) = place.look()
    assert (alarm.kind, alarm.interval) == (Kind.DATA, LAST)
    assert "its bundle is missing" in alarm.words
    assert place.watcher.exit_code == 2
    place.now += GRACE_S
    assert place.look() == []
    place.missing = set()
    assert kinds(place.look()) == [(Kind.FAULT, LAST)]
    assert place.watcher.exit_code == 1


def test_without_the_genesis_nothing_can_be_judged(run: DemoRun) -> None:
    place = Place(run)
    place.missing = {0}
    events = place.look()  # all but the last were posted long enough ago
    place.now += GRACE_S
    events += place.look()
    assert kinds(events) == [(Kind.DATA, t) for t in range(1, LAST + 1)]
    assert all("genesis" in event.words for event in events)


def test_a_node_briefly_away_is_waited_for(run: DemoRun) -> None:
    place = Place(run)
    place.away = True
    assert place.look() == []
    place.now += GRACE_S / 2
    place.away = False
    assert len(place.look()) == LAST
    assert Kind.NODE not in {event.kind for event in place.look()}


def test_a_node_away_for_long_is_an_alarm_once_and_its_return_is_told(run: DemoRun) -> None:
    place = Place(run)
    place.away = True
    place.look()
    place.now += GRACE_S
    assert kinds(place.look()) == [(Kind.NODE, None)]
    assert place.watcher.exit_code == 2
    assert place.look() == []
    place.away = False
    events = place.look()
    assert events[0].kind is Kind.BACK
    assert len(events) == 1 + LAST
    assert place.watcher.exit_code == 1


def test_a_fault_is_challenged_where_that_is_wished(run: DemoRun) -> None:
    place = Place(run, challenge=True)
    done = place.look()[-1]
    assert (done.kind, done.interval) == (Kind.CHALLENGE, LAST)
    assert "is void: proof payment" in done.words
    assert int(run.contracts.ledger.functions.head().call()) == LAST - 1
    assert kinds(place.look()) == [(Kind.VOID, LAST)]
    assert place.watcher.exit_code == 1


def test_a_challenge_that_fails_is_told_and_not_tried_for_ever(
    run: DemoRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise ChainError("payment: the chain refused it: no coins")

    monkeypatch.setattr("oracle.watch.Court.submit", refused)
    place = Place(run, challenge=True)
    told = [event for _ in range(6) for event in place.look() if event.kind is Kind.CHALLENGE]
    assert len(told) == 3
    assert all("could not be challenged" in event.words for event in told)


# THE COMMAND


def command(run: DemoRun, *more: str, bundles: Path | None = None) -> list[str]:
    """A watch of the market."""
    place = str(bundles or run.out.path)
    ledger = run.contracts.ledger.address
    return ["watch", "--rpc", "http://x", "--ledger", ledger, "--bundles", place, *more]


def test_once_tells_by_its_exit_code_and_one_object_a_line(
    run: DemoRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(command(run, "--once", "--json")) == 1
    out, err = capsys.readouterr()
    told = [json.loads(line) for line in out.splitlines()]
    assert [body["interval"] for body in told if body["alarm"]] == [LAST]
    assert any(f"Z fault: interval {LAST}, payment" in line for line in err.splitlines())
    seen = {name: told[-1][name] for name in ("kind", "judged", "disputable", "final")}
    assert seen == {"kind": "looked", "judged": LAST, "disputable": LAST, "final": 0}


def test_once_says_that_nothing_is_open_and_who_judges_what_is_final(
    run: DemoRun, capsys: pytest.CaptureFixture[str]
) -> None:
    outlast_window(run)
    assert cli.run(command(run, "--once", "--json")) == 0
    out, err = capsys.readouterr()
    (told,) = map(json.loads, out.splitlines())
    assert (told["judged"], told["disputable"], told["final"]) == (0, 0, LAST)
    assert err.splitlines()[-1].endswith(
        f"looked: 0 headers can still be disputed; 1 ... {LAST} are final: `clearwatt audit` judges those"
    )


def test_once_with_the_node_away_does_not_say_that_nothing_is_open(
    run: DemoRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(_: str) -> Chain:
        raise ChainError("rpc: the node does not answer (ConnectionError); check the URL")

    monkeypatch.setattr("oracle.commands.watch.connect", away)
    cli.run(command(run, "--once", "--json"))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1].endswith("looked: the node did not answer; nothing was judged")


def test_once_without_a_bundle_cannot_tell(
    run: DemoRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for bundle in run.out.path.iterdir():
        if not bundle.name.startswith(f"{LAST:05d}"):
            (tmp_path / bundle.name).write_bytes(bundle.read_bytes())
    assert cli.run(command(run, "--once", "--grace", "0", bundles=tmp_path)) == 2
    assert "its bundle is missing" in capsys.readouterr().err
    assert cli.run(command(run, "--once", "--grace", "10000000", bundles=tmp_path)) == 0


def test_another_ledger_is_refused(run: DemoRun, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = command(run, "--once")
    arguments[arguments.index("--ledger") + 1] = "0x" + "11" * 20
    assert cli.run(arguments) == 2
    assert "no clearwatt ClearingLedger" in capsys.readouterr().err


@pytest.mark.parametrize("how", ["ctrl-c", "sigterm"])
@pytest.mark.parametrize(("late", "code"), [(False, 1), (True, 130)])
def test_it_ends_cleanly_and_its_exit_code_tells_what_was_wrong(
    how: str,
    late: bool,
    code: int,
    run: DemoRun,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def end(_: float) -> None:
        if how == "ctrl-c":
            raise KeyboardInterrupt
        os.kill(os.getpid(), signal.SIGTERM)

    if late:
        outlast_window(run)
    monkeypatch.setattr(time, "sleep", end)
    assert cli.run(command(run)) == code
    err = capsys.readouterr().err
    assert err.splitlines()[-1].endswith("ended: nothing is watched any more")
    assert "Traceback" not in err
    assert signal.getsignal(signal.SIGTERM) is before


# THE WEBHOOK


class Ear:
    """A server on this machine that hears POSTs; it can refuse some first."""

    def __init__(self, refuse: int = 0) -> None:
        self.heard: list[dict[str, Any]] = []
        self.asked = 0
        ear = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = json.loads(self.rfile.read(length))
                ear.asked += 1
                if ear.asked > refuse:
                    ear.heard.append(body)
                self.send_response(204 if ear.asked > refuse else 503)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?token=secret"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Ear:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_a_webhook_hears_alarms_and_challenges_but_not_every_judgement(
    run: DemoRun, capsys: pytest.CaptureFixture[str]
) -> None:
    with Ear() as ear:
        assert cli.run(command(run, "--once", "--challenge", "--webhook", ear.url)) == 1
    assert [body["kind"] for body in ear.heard] == ["fault", "challenge"]
    alarm = ear.heard[0]
    assert alarm["interval"] == LAST
    assert alarm["ledger"] == run.contracts.ledger.address
    assert "payment" in alarm["rules"]
    assert "secret" not in capsys.readouterr().err


def test_a_webhook_that_refuses_at_first_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("oracle.webhook._FIRST_PAUSE_S", 0.01)
    lost: list[str] = []
    with Ear(refuse=2) as ear:
        hook = Webhook(ear.url, lost.append)
        hook.send({"kind": "fault"})
        hook.close()
        assert ear.heard == [{"kind": "fault"}]
    assert ear.asked == 3
    assert lost == []


def test_tries_are_bounded_and_the_loss_is_told_without_the_url(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("oracle.webhook._FIRST_PAUSE_S", 0.01)
    lost: list[str] = []
    with Ear(refuse=1000) as ear:
        hook = Webhook(ear.url, lost.append)
        hook.send({"kind": "fault"})
        hook.close()
        assert ear.asked == 4
    assert lost == ["not delivered after 4 tries (status 503)"]


def test_sending_never_blocks_and_what_is_too_much_is_dropped() -> None:
    lost: list[str] = []
    silent = threading.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Webhook, "_deliver", lambda *_: silent.wait())
        hook = Webhook("http://127.0.0.1:9/", lost.append)
        for number in range(150):
            hook.send({"number": number})
        assert 48 <= len(lost) <= 50
        hook.close(patience_s=0.05)
        assert "were not delivered in time" in lost[-1]
        silent.set()


def test_a_webhook_must_be_a_url(run: DemoRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(command(run, "--once", "--webhook", "ftp://x")) == 2
    assert "webhook: not a URL" in capsys.readouterr().err
