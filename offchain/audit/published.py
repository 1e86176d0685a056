"""What an auditor is given: a market as its chain tells it. Nothing here is believed but that the chain says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from offchain.commitment.header import Domain
from offchain.commitment.terms import Terms


@dataclass(frozen=True)
class PostedHeader:
    """A header as the chain has it.

    Attributes:
        previous_hash: What it was posted on.
        payload: Its 436 bytes.
        certificate: The network certificate posted with it.
        header_hash: Its hash, as the ledger announced it.
    """

    previous_hash: bytes
    payload: bytes
    certificate: bytes
    header_hash: bytes


@dataclass(frozen=True)
class ForcedOrder:
    """An order filed on the chain because the operator did not take it.

    Attributes:
        due: First interval that must hold it.
        record: The packed order with its signature.
    """

    due: int
    record: bytes


@dataclass(frozen=True)
class FiledReading:
    """A meter reading filed on the chain, so that no operator can overlook it.

    Attributes:
        due: First interval whose header may not leave it out.
        record: The packed reading with its signature.
    """

    due: int
    record: bytes


@dataclass(frozen=True)
class CollateralChange:
    """A deposit that grew or shrank.

    Attributes:
        interval: First interval for which the change counts.
        index: Registration number.
        micro: By how much; negative where something was taken back.
    """

    interval: int
    index: int
    micro: int


@dataclass(frozen=True)
class Account:
    """What the escrow's books say of a participant, micro.

    Attributes:
        deposit: What it has put in and not taken back; 0 once it has left.
        paid: What it has been paid of its earnings.
        left: Whether it took all that it was owed and left.
    """

    deposit: int = 0
    paid: int = 0
    left: bool = False


@dataclass(frozen=True)
class Escrow:
    """The escrow at the block at which the chain was read.

    Attributes:
        final: The newest interval whose header was final; 0 if none was.
        balance: What it held of the currency, micro.
        accounts: Its books by registration number.
    """

    final: int
    balance: int
    accounts: dict[int, Account]


@dataclass(frozen=True)
class Code:
    """A contract's code on the chain beside the published one; immutable values are left out of both.

    Attributes:
        contract: Its name.
        address: Where it lies.
        expected: Hash of the published code.
        found: Hash of the code there.
    """

    contract: str
    address: str
    expected: bytes
    found: bytes


@dataclass(frozen=True)
class Draw:
    """What a seed is said to be made of, where rounds of a drand network make them.

    Attributes:
        round: Number of the round.
        signature: What was said to be its signature.
    """

    round: int
    signature: bytes


class Question(NamedTuple):
    """Data behind a header as something to ask for on the chain; the fields are those of types/Evidence.sol."""

    header_hash: bytes
    root: bytes
    kind: int
    depth: int
    height: int
    position: int


@dataclass(frozen=True)
class Answer:
    """What was shown on the chain, which the contract held to the root that was asked about.

    Attributes:
        question: What was asked.
        function: Of DataRequests, by which it was shown.
        given: What that showed, and the path of it.
    """

    question: Question
    function: str
    given: tuple[bytes, bytes]


@dataclass(frozen=True)
class Asked:
    """A question on the chain that nobody has answered.

    Attributes:
        question: What is asked for.
        answer_by: Until when it can be answered, seconds since 1970.
    """

    question: Question
    answer_by: int


@dataclass(frozen=True)
class PublishedMarket:
    """A market as a chain has it, or as its bundles alone tell it.

    Attributes:
        domain: Chain, ledger and market id.
        policy_hash: Hash of the policy that it opened with.
        shares_root: Root of the shares that it opened with.
        genesis_hash: Header hash before interval 1.
        grids: The registered bytes of every grid that a header names or that was ever in force, by version.
        orders_roots: Root of the orders of each interval.
        seeds: Seed of each interval.
        headers: The headers that stand, from interval 1; up to the first that cannot be read back.
        owners: Who acts for each registration number, 20 bytes each.
        collateral: What was deposited and taken back, by ascending interval.
        forced: Orders filed on the chain, in the order of filing.
        unreadable: Intervals whose headers stand after those, and why they are not among them.
        grid_hashes: Hash under which each of the grids was registered.
        escrow: What the escrow holds and owes; None where that is not known.
        code: The code of the market's contracts.
        amendments: What was in force from an interval on, at each change since, by ascending first interval.
        policies: The packed policies that were announced since, by hash.
        on_chain: Whether a chain said all this. If not, inputs, owners, deposits and forced orders are unknown, and the
            rules about them are left out.
        public_key: Of the drand network that makes the seeds, 96 bytes; empty where none does.
        draws: What the seed of each interval is said to be made of.
        asked: Questions about data that nobody has answered.
        signers: Who may sign headers and receipts, 20 bytes each.
        signatures: How many of them a header, and so a received order, needs.
        answers: What was shown on the chain of headers.
        now: Time of the newest block.
        filed: Meter readings filed on the chain, in the order of filing.
        meter_lag: How many intervals later the ledger reckons that readings are settled: so much longer it keeps the
            headers that they are settled against. None where no ledger is known.
    """

    domain: Domain
    policy_hash: bytes
    shares_root: bytes
    genesis_hash: bytes
    grids: dict[int, bytes]
    orders_roots: dict[int, bytes]
    seeds: dict[int, bytes]
    headers: tuple[PostedHeader, ...]
    owners: dict[int, bytes]
    collateral: tuple[CollateralChange, ...]
    forced: tuple[ForcedOrder, ...]
    unreadable: dict[int, str] = field(default_factory=dict)
    grid_hashes: dict[int, bytes] = field(default_factory=dict)
    escrow: Escrow | None = None
    code: tuple[Code, ...] = ()
    amendments: tuple[Terms, ...] = ()
    policies: dict[bytes, bytes] = field(default_factory=dict)
    on_chain: bool = True
    public_key: bytes = b""
    draws: dict[int, Draw] = field(default_factory=dict)
    asked: tuple[Asked, ...] = ()
    signers: frozenset[bytes] = frozenset()
    signatures: int = 1
    answers: tuple[Answer, ...] = ()
    now: int = 0
    filed: tuple[FiledReading, ...] = ()
    meter_lag: int | None = None
