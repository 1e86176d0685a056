"""Looks at a market again and again while its headers can be disputed, and tells what is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import requests
from web3.exceptions import Web3Exception

from deploy.chain import Chain, ChainError
from offchain.audit.findings import Fault
from offchain.audit.genesis import GENESIS
from offchain.audit.history import ReadBundle, open_market
from offchain.audit.published import PublishedMarket
from offchain.audit.verdict import Judgement
from offchain.errors import ClearwattError, InputError
from oracle.challenge import Court, first_proof
from oracle.reader import read_market
from oracle.terms import Kind as Change
from oracle.terms import TermsOffice

#: How often a proof is tried against one header before somebody has to look.
_TRIES: Final = 3
#: What a node that is away, or falls silent in the middle, makes web3 raise.
_AWAY: Final = (requests.RequestException, Web3Exception, ChainError, OSError)


class Kind(StrEnum):
    """What a watcher tells."""

    JUDGED = "judged"
    FAULT = "fault"
    DATA = "data"
    NODE = "node"
    BACK = "back"
    VOID = "void"
    CHALLENGE = "challenge"
    TERMS = "terms"


ALARMS: Final = (Kind.FAULT, Kind.DATA, Kind.NODE, Kind.TERMS)


@dataclass(frozen=True)
class Event:
    """Something that a watcher noticed.

    Attributes:
        kind: What it is; those of `ALARMS` call for somebody.
        words: What happened, in a sentence.
        interval: The interval it is about; None if about none.
        header_hash: Of its header, hexadecimal; empty if about none.
        rules: The rules that are broken.
        disputable_until: Block time until which a proof voids it; 0 where it does not matter.
    """

    kind: Kind
    words: str
    interval: int | None = None
    header_hash: str = ""
    rules: tuple[str, ...] = ()
    disputable_until: int = 0

    @property
    def alarm(self) -> bool:
        """Whether somebody should come."""
        return self.kind in ALARMS


class Watcher:
    """Judges every header once, as soon as its bundle is there; each alarm is told once."""

    def __init__(
        self,
        connect: Callable[[], Chain],
        ledger: str,
        read: ReadBundle,
        *,
        grace_s: float,
        challenge: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch a market.

        Args:
            connect: Opens the chain, and again after the node was away.
            ledger: Address of the ledger.
            read: Where bundles come from.
            grace_s: How long a bundle may be missing, or the node away, before it is an alarm.
            challenge: Whether to prove what is found; that costs gas.
            clock: Seconds that never go back.
        """
        self._connect, self._ledger, self._source = connect, ledger, read
        self._grace_s, self._challenge, self._clock = grace_s, challenge, clock
        self._chain: Chain | None = None
        self._away_since: float | None = None
        self._judged: dict[bytes, tuple[Fault, ...]] = {}
        self._waiting: dict[bytes, float] = {}
        self._tries: dict[bytes, int] = {}
        self._told: set[tuple[Kind, bytes]] = set()
        self._standing: dict[int, bytes] = {}
        self._stand, self._final = 0, 0
        self.found_fault = False
        self.unjudged: set[bytes] = set()

    @property
    def exit_code(self) -> int:
        """1 if a fault was found, 2 if something cannot be judged or the node is away too long, else 0."""
        if self.found_fault:
            return 1
        away = (Kind.NODE, b"") in self._told
        return 2 if away or self.unjudged else 0

    def summary(self) -> dict[str, int] | None:
        """What the last look saw; None where the node did not answer.

        Returns:
            `disputable`: how many headers can be disputed; `judged`: how many of these were judged, now or before;
            `final`: the newest header that cannot be disputed, 0 if there is none.
        """
        if self._away_since is not None:
            return None
        judged = sum(
            self._standing.get(t) in self._judged for t in range(self._final + 1, self._stand + 1)
        )
        return {"judged": judged, "disputable": self._stand - self._final, "final": self._final}

    def look(self) -> list[Event]:
        """Look once.

        Returns:
            What is new.

        Raises:
            InputError: When there is no market of ours at the address.
        """
        try:
            chain = self._chain or self._connect()
            self._chain = chain
            market = read_market(chain, self._ledger)
            court = Court.of(chain, self._ledger)
            events = self._back() + self._voided(market) + self._intervals(court, market)
            events += self._announced(TermsOffice.of(chain, self._ledger))
        except InputError:
            raise
        except _AWAY as error:
            self._chain = None
            return self._away(error)
        if self._challenge:
            events += self._prove(court, market)
        return events

    def _read(self, interval: int) -> bytes | None:
        """A bundle; a server that does not give it is told like data that are missing."""
        try:
            return self._source(interval)
        except ClearwattError as error:
            raise InputError(str(error)) from error

    # THE NODE

    def _away(self, error: Exception) -> list[Event]:
        now = self._clock()
        if self._away_since is None:
            self._away_since = now
        away_s = now - self._away_since
        if away_s < self._grace_s or not self._first(Kind.NODE):
            return []
        words = f"the node has not answered for {away_s:.0f} s ({type(error).__name__})"
        return [Event(Kind.NODE, words)]

    def _back(self) -> list[Event]:
        self._away_since = None
        if (Kind.NODE, b"") not in self._told:
            return []
        self._told.discard((Kind.NODE, b""))
        return [Event(Kind.BACK, "the node answers again")]

    # HEADERS

    def _voided(self, market: PublishedMarket) -> list[Event]:
        """Headers that stood at the last look and stand no more."""
        stands = {t: posted.header_hash for t, posted in enumerate(market.headers, start=1)}
        gone = {t: h for t, h in self._standing.items() if stands.get(t) != h}
        self._standing = stands
        self.unjudged -= set(gone.values())
        return [
            Event(Kind.VOID, f"the header of interval {t} is void", t, header_hash.hex())
            for t, header_hash in sorted(gone.items())
        ]

    def _intervals(self, court: Court, market: PublishedMarket) -> list[Event]:
        final = int(court.ledger.functions.finalHead().call())
        window = int(court.ledger.functions.windowSeconds().call())
        self._stand, self._final = len(market.headers) + len(market.unreadable), final
        events: list[Event] = []
        new = [
            interval
            for interval, posted in enumerate(market.headers, start=1)
            if interval > final and posted.header_hash not in self._judged
        ]
        if new:
            try:
                opening, auditor = open_market(market, self._read)
            except InputError as error:
                opening, auditor = Judgement(GENESIS, unjudged=str(error)), None
            for interval in new:
                judgement = auditor.judge(interval) if auditor else _unopened(opening)
                posted_at = int(court.ledger.functions.postedAt(interval).call())
                age_s, until = court.chain.now() - posted_at, posted_at + window
                header_hash = market.headers[interval - 1].header_hash
                events += self._take(judgement, interval, header_hash, age_s, until)
        for interval, reason in market.unreadable.items():
            if interval > final and self._first(Kind.DATA, b"%d" % interval):
                self.unjudged.add(b"%d" % interval)
                events.append(Event(Kind.DATA, f"interval {interval}: {reason}", interval))
        return events

    def _take(
        self, judgement: Judgement, interval: int, header_hash: bytes, age_s: int, until: int
    ) -> list[Event]:
        """Take up the judgement of one interval."""
        about = (interval, header_hash.hex())
        if judgement.unjudged is not None:
            since = self._waiting.setdefault(header_hash, self._clock())
            waited = max(float(age_s), self._clock() - since)
            if waited < self._grace_s or not self._first(Kind.DATA, header_hash):
                return []
            self.unjudged.add(header_hash)
            words = f"interval {interval} cannot be judged, {waited:.0f} s after it was posted: {judgement.unjudged}"
            return [Event(Kind.DATA, words, *about, disputable_until=until)]
        self._judged[header_hash] = judgement.faults
        self.unjudged.discard(header_hash)
        if not judgement.faults:
            checks = sum(judgement.compared.values())
            words = f"interval {interval}: {checks:,} checks, every rule was kept"
            return [Event(Kind.JUDGED, words, *about)]
        self.found_fault = True
        rules = tuple(str(fault.rule) for fault in judgement.faults)
        words = "; ".join(map(str, judgement.faults))
        return [Event(Kind.FAULT, words, *about, rules, until)]

    def _announced(self, office: TermsOffice) -> list[Event]:
        """Changes to come: whoever dislikes one has until it can be adopted to leave."""
        events = []
        for kind in Change:
            change = office.announced(kind)
            if change is None or not self._first(Kind.TERMS, repr(change).encode()):
                continue
            words = (
                f"another {kind.name.lower()} is announced for interval {change.gate}, adoptable from block time "
                f"{change.adoptable_at}; whoever is to be out before announces a withdrawal now"
            )
            if kind is Change.GRID:
                words += _flaw(office, int.from_bytes(change.value, "big"))
            events.append(Event(Kind.TERMS, words))
        return events

    def _first(self, kind: Kind, about: bytes = b"") -> bool:
        """Whether this is told for the first time."""
        new = (kind, about) not in self._told
        self._told.add((kind, about))
        return new

    # PROOFS

    def _prove(self, court: Court, market: PublishedMarket) -> list[Event]:
        """Prove the earliest fault among the headers that stand."""
        final = int(court.ledger.functions.finalHead().call())
        for interval, posted in enumerate(market.headers, start=1):
            faults = self._judged.get(posted.header_hash)
            tries = self._tries.get(posted.header_hash, 0)
            if interval <= final or not faults or tries >= _TRIES:
                continue
            self._tries[posted.header_hash] = tries + 1
            about = (interval, posted.header_hash.hex())
            try:
                sender = court.chain.payer
                found, proof = first_proof(court, market, self._read, faults, sender)
                done = court.submit(found, proof)
            except (ClearwattError, *_AWAY) as error:
                words = f"interval {interval} could not be challenged: {error}"
                return [Event(Kind.CHALLENGE, words, *about)]
            words = (
                f"interval {interval} {'is void' if done.voided else 'still stands'}: proof {done.proof}, "
                f"{done.gas + done.reserve_gas:,} gas, reward {done.reward_micro} micro"
                f"{', set aside when a copy of it was faster' if done.overtaken else ''}"
            )
            return [Event(Kind.CHALLENGE, words, *about, tuple(map(str, done.rules)))]
        return []


def _flaw(office: TermsOffice, version: int) -> str:
    """What is wrong with a grid that the registry took; nothing if it can be cleared and audited."""
    try:
        office.grid(version)
    except InputError as error:
        return f". Nobody can clear or audit under it: {error}"
    return ""


def _unopened(opening: Judgement) -> Judgement:
    """No interval can be judged where the market's beginning cannot."""
    why = opening.unjudged or "it breaks a rule"
    return Judgement(opening.interval, unjudged=f"the genesis: {why}")
