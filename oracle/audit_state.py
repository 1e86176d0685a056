"""What an interrupted or earlier audit found clean, kept in a file so that it need not be judged again.

A line counts only if this machine wrote it, which its authentication code shows, and if everything that the interval
was judged by is the same as now: its header and all before it, their inputs, the grids, the deposits, the genesis and
the code that judges. Whoever forges, cuts or exchanges the file can make the audit slower, and hide nothing. Faults and
what could not be judged are never kept.
"""

from __future__ import annotations

import hmac
import json
import os
import platform
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

from offchain.audit.findings import Rule
from offchain.audit.published import PublishedMarket
from offchain.audit.verdict import Judgement
from offchain.errors import InputError

_FORMAT: Final = "clearwatt audit state 1"
_KEY_BYTES: Final = 32
_OFFCHAIN: Final = Path(__file__).resolve().parent.parent / "offchain"
_LIBRARIES: Final = ("numpy", "numba", "coincurve", "safe-pysha3", "py_ecc")


def state_directory() -> Path:
    """Where this user's states and the key of their authentication codes are kept."""
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "clearwatt"


def default_file(market: PublishedMarket) -> Path:
    """Where the state of a market's audits is kept if no file is named."""
    domain = market.domain
    return state_directory() / f"audit-{domain.chain_id}-{domain.ledger.hex()}.jsonl"


def local_key() -> bytes:
    """The key of this user on this machine; made on first use, readable by nobody else.

    Raises:
        InputError: It can be neither read nor made.
    """
    path = state_directory() / "audit.key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            place = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(place, "wb") as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
        key = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"resume: cannot use {path} ({error.strerror}); set XDG_STATE_HOME, or give --afresh"
        ) from None
    if len(key) != _KEY_BYTES:
        raise InputError(f"resume: {path} is damaged; remove it, and everything is judged again")
    return key


def fingerprints(market: PublishedMarket, genesis: bytes) -> list[bytes]:
    """For each interval from 0, a hash of everything that it is judged by, and all before it."""
    domain = market.domain
    running = sha256(_code())
    fixed = (market.policy_hash, market.shares_root, market.genesis_hash, market.public_key)
    for part in (domain.hash(), *fixed):
        running.update(sha256(part).digest())
    running.update(sha256(genesis).digest())
    changes, filed = defaultdict(list), defaultdict(list)
    amended = defaultdict(list)
    for terms in market.amendments:
        packed = market.policies.get(terms.policy_hash, b"").hex()
        amended[terms.first].append((terms.grid_version, terms.hash().hex(), packed))
    for change in market.collateral:
        changes[change.interval].append(f"{change.index} {change.micro}")
    for forced in market.forced:
        filed[forced.due].append(forced.record.hex())
    for reading in market.filed:
        filed[reading.due].append(reading.record.hex())
    grids = {grid: sha256(packed).digest() for grid, packed in market.grids.items()}
    every = b"".join(b"%d %b" % (grid, digest) for grid, digest in sorted(grids.items()))
    prints = [running.digest()]
    for interval, posted in enumerate(market.headers, start=1):
        told = (
            interval,
            posted.previous_hash.hex(),
            posted.payload.hex(),
            sha256(posted.certificate).hexdigest(),
            posted.header_hash.hex(),
            market.orders_roots.get(interval, b"").hex(),
            market.seeds.get(interval, b"").hex(),
            amended[interval],
            repr(market.draws.get(interval)),
            changes[interval],
            filed[interval],
        )
        running.update(json.dumps(told).encode())
        prints.append(sha256(running.digest() + every).digest())
    return prints


def _code() -> bytes:
    """A hash of the code that judges, and the versions of what it stands on."""
    running = sha256(platform.python_version().encode())
    for path in sorted(_OFFCHAIN.rglob("*.py")):
        running.update(path.relative_to(_OFFCHAIN).as_posix().encode())
        running.update(sha256(path.read_bytes()).digest())
    for library in _LIBRARIES:
        running.update(f"{library} {version(library)}".encode())
    return running.digest()


class AuditState:
    """The clean judgements of one market's audits in a file."""

    def __init__(self, path: Path, key: bytes, market: PublishedMarket, genesis: bytes) -> None:
        """Take up a file, or begin one.

        Args:
            path: The file.
            key: For authentication codes, of `local_key`.
            market: What is audited.
            genesis: Its genesis bundle.

        Raises:
            InputError: The file is something else, of another market, or cannot be written.
        """
        domain = market.domain
        self._path = path
        self._key = key
        self._prints = fingerprints(market, genesis)
        self._head = json.dumps(
            {"format": _FORMAT, "chain": domain.chain_id, "ledger": domain.ledger.hex()}
        )
        self.clean: dict[int, Judgement] = {}
        self.refused = 0
        try:
            self._take_up(path.read_text(errors="replace").splitlines() if path.exists() else [])
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(path.name + ".new")
            lines = [self._head, *map(self._line, self.clean.values())]
            draft.write_text("".join(f"{line}\n" for line in lines))
            draft.replace(path)
        except OSError as error:
            raise InputError(
                f"resume: cannot use {path} ({error.strerror}); name another file"
            ) from None

    def _take_up(self, lines: list[str]) -> None:
        if lines and lines[0] != self._head:
            raise InputError(
                f"resume: {self._path} is not the state of an audit of this ledger on this chain; "
                "name another file"
            )
        for line in lines[1:]:
            judgement = self._read(line)
            if judgement is None:
                self.refused += 1
            elif judgement.interval:
                self.clean[judgement.interval] = judgement

    def _read(self, line: str) -> Judgement | None:
        """A line's judgement; interval 0 if it was of other data or code, None if it is not from here."""
        body, _, code = line.rpartition(" ")
        if not hmac.compare_digest(self._code_of(body), code.encode(errors="replace")):
            return None
        interval, seen, compared = json.loads(body)
        same = interval < len(self._prints) and self._prints[interval].hex() == seen
        if not same:
            return Judgement(0)
        return Judgement(interval, {Rule(rule): count for rule, count in compared.items()})

    def _code_of(self, body: str) -> bytes:
        told = f"{self._head}\n{body}".encode(errors="replace")
        return hmac.digest(self._key, told, "sha256").hex().encode()

    def _line(self, judgement: Judgement) -> str:
        seen = self._prints[judgement.interval].hex()
        body = json.dumps([judgement.interval, seen, judgement.compared])
        return f"{body} {self._code_of(body).decode()}"

    def keep(self, judgements: Iterable[Judgement]) -> None:
        """Write down those that are clean, at once."""
        lines = list(self._clean_lines(judgements))
        if lines:
            with self._path.open("a") as file:
                file.write("".join(f"{line}\n" for line in lines))

    def _clean_lines(self, judgements: Iterable[Judgement]) -> Iterator[str]:
        for judgement in judgements:
            if judgement.unjudged is None and not judgement.faults:
                yield self._line(judgement)
