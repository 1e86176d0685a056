"""From a failed audit to a voided header: find the proof, try it for nothing, reserve it, send it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from rich.console import Console
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.logs import DISCARD
from web3.types import TxParams, TxReceipt, Wei

from deploy.chain import Chain
from deploy.contracts import artifact
from offchain.audit.findings import Fault, Rule
from offchain.audit.history import ReadBundle
from offchain.audit.published import PublishedMarket
from offchain.errors import InputError
from offchain.keccak import keccak
from offchain.orders.receipts import Receipt
from offchain.proofs import RULES, Proof, bare_claim, kebab, proofs, published_claim

#: More than any proof needs but that of the network of the largest grids.
_CALL_GAS: Final = 16_000_000
#: The most that paying the reward takes beyond setting it aside, as in a call before the reservation.
_REWARD_GAS: Final = 20_000
_OVERTAKEN: Final = (
    " Somebody's copy was faster: the bond had set the reward aside for who had reserved the proof."
)
#: Proofs that need no reservation: the reward is that of who asked for the data, whoever proves.
UNRESERVED: Final = ("withheld",)


@dataclass(frozen=True)
class Challenge:
    """A proof that the chain accepts, and what became of it.

    Attributes:
        interval: Whose header it voids.
        proof: The function of FaultProofs, in kebab case.
        rules: The audit's rules that it answers.
        reward_micro: What the prover is paid: expected before, received after it was sent.
        gas: Of the proof; the most before, used after it was sent.
        reserve_gas: Of its reservation, likewise.
        cost_wei: What both cost in the chain's own coin: at its present gas price, or as paid.
        voided: Whether the header is void.
        bond_micro: What is left of the bond.
        overtaken: Whether somebody's copy voided the header before the proof, which then collected the reward that
            was set aside for who had reserved it.
    """

    interval: int
    proof: str
    rules: tuple[Rule, ...]
    reward_micro: int
    gas: int
    reserve_gas: int
    cost_wei: int
    voided: bool
    bond_micro: int
    overtaken: bool = False


@dataclass(frozen=True)
class Court:
    """The contracts of a market that judge faults."""

    chain: Chain
    ledger: Contract
    faults: Contract
    bond: Contract

    @classmethod
    def of(cls, chain: Chain, ledger_address: str) -> Court:
        """The court of a ledger that `read_market` has read."""

        def at(name: str, address: ChecksumAddress) -> Contract:
            return chain.web3.eth.contract(address=address, abi=artifact(name).abi)

        ledger = at("ClearingLedger", Web3.to_checksum_address(ledger_address))
        faults = at("FaultProofs", ledger.functions.faults().call())
        bond = at("OracleBond", ledger.functions.bond().call())
        return cls(chain, ledger, faults, bond)

    def call(self, proof: Proof) -> ContractFunction:
        """A proof as a call of the contract."""
        function: ContractFunction = getattr(self.faults.functions, proof.function)
        return function(*map(plain, proof.arguments))

    def accepts(self, proof: Proof, sender: ChecksumAddress) -> bool:
        """Whether a proof would void the header now; costs nothing."""
        fields: TxParams = {"from": sender, "gas": _CALL_GAS}
        return self.chain.refusal(self.call(proof), fields) is None

    def find(
        self,
        market: PublishedMarket,
        read: ReadBundle,
        interval: int,
        sender: ChecksumAddress,
        receipts: tuple[Receipt, ...] = (),
    ) -> Iterator[Proof]:
        """The proofs against an interval that the chain accepts, one of each kind.

        Where its bundle is missing, nothing but the header is known; then it can be proven that its data were asked
        for in vain.
        """
        try:
            claim = published_claim(market, read, interval, receipts)
        except InputError:
            claim = bare_claim(market, read, interval)
        for proof in proofs(claim):
            if self.accepts(proof, sender):
                yield proof

    def estimate(self, interval: int, proof: Proof, sender: ChecksumAddress) -> Challenge:
        """What a proof would cost and bring; nothing is sent."""
        fields: TxParams = {"from": sender, "value": Wei(0)}
        call = self.call(proof)
        reserve = self.faults.functions.commit(_reservation(sender, call))
        gas = call.estimate_gas(fields) + _REWARD_GAS
        reserve_gas = 0 if proof.function in UNRESERVED else reserve.estimate_gas(fields)
        return Challenge(
            interval=interval,
            proof=kebab(proof.function),
            rules=RULES[proof.function],
            reward_micro=self._reward(),
            gas=gas,
            reserve_gas=reserve_gas,
            cost_wei=(gas + reserve_gas) * self.chain.web3.eth.gas_price,
            voided=False,
            bond_micro=int(self.bond.functions.bonded().call()),
        )

    def _reward(self) -> int:
        """What a proven fault brings its prover, in micro; less when less is left of the bond."""
        reward, penalty, bonded = (
            int(getattr(self.bond.functions, name)().call())
            for name in ("reward", "penalty", "bonded")
        )
        return min(reward, min(penalty, bonded) // 2)

    def submit(self, interval: int, proof: Proof, account: LocalAccount | None = None) -> Challenge:
        """Reserve a proof and send it; the reservation makes copying it worthless.

        Who sends a copy first voids the header, and the reward waits in the bond: the proof itself then collects it.

        Args:
            interval: Whose header it voids.
            proof: One that the chain accepts.
            account: Who sends it; the chain's payer if not given.

        Raises:
            ChainError: When the chain refuses it: somebody was faster who had reserved a proof too, or the window has
                passed.
        """
        sender = account.address if account else self.chain.payer
        call = self.call(proof)
        receipts = []
        if proof.function not in UNRESERVED:
            commit = self.faults.functions.commit(_reservation(sender, call))
            receipts.append(self.chain.transact(commit, account))
        reserve_gas = sum(int(receipt["gasUsed"]) for receipt in receipts)
        receipt = self.chain.transact(call, account)
        reward, overtaken = self._paid(receipt)
        return Challenge(
            interval=interval,
            proof=kebab(proof.function),
            rules=RULES[proof.function],
            reward_micro=reward,
            gas=int(receipt["gasUsed"]),
            reserve_gas=reserve_gas,
            cost_wei=sum(
                int(r["gasUsed"]) * int(r["effectiveGasPrice"]) for r in (*receipts, receipt)
            ),
            voided=int(self.ledger.functions.head().call()) < interval,
            bond_micro=int(self.bond.functions.bonded().call()),
            overtaken=overtaken,
        )

    def _paid(self, receipt: TxReceipt) -> tuple[int, bool]:
        """The reward that a proof brought, in micro, and whether a copy had come before it."""
        events = self.bond.events
        for slashed in events.Slashed().process_receipt(receipt, errors=DISCARD):
            args = slashed["args"]
            return (0 if int(args["prover"], 16) == 0 else int(args["reward"])), False
        (paid,) = events.ReservedPaid().process_receipt(receipt, errors=DISCARD)
        return int(paid["args"]["amount"]), True


def _reservation(sender: ChecksumAddress, call: ContractFunction) -> bytes:
    """What binds a proof to who sends it: ``H(abi.encode(sender, H(calldata)))``."""
    encoded = bytes.fromhex(str(call._encode_transaction_data()).removeprefix("0x"))
    return keccak(bytes.fromhex(sender[2:]).rjust(32, b"\0") + keccak(encoded))


def plain(argument: object) -> object:
    """An argument as web3 takes it: named tuples have to be plain ones."""
    return tuple(map(plain, argument)) if isinstance(argument, tuple) else argument


def first_proof(
    court: Court,
    market: PublishedMarket,
    read: ReadBundle,
    faults: Iterable[Fault],
    sender: ChecksumAddress,
    receipts: tuple[Receipt, ...] = (),
) -> tuple[int, Proof]:
    """A proof against the earliest interval that has one; it voids all later ones too.

    Of the proofs that the chain accepts, one that answers a rule which the audit named goes before others. An interval
    without a bundle is judged by what was shown of it on the chain.

    Args:
        court: Of the market.
        market: What its chain says.
        read: Where bundles come from.
        faults: What an audit found.
        sender: Who would send it.
        receipts: For orders that may have been left out.

    Raises:
        InputError: When the chain accepts no proof against any of the intervals; it tells why of each.
    """
    rules: dict[int, set[Rule]] = {}
    for fault in faults:
        rules.setdefault(fault.interval, set()).add(fault.rule)
    for receipt in receipts:
        if 1 <= receipt.interval <= len(market.headers):
            rules.setdefault(receipt.interval, set()).add(Rule.OMITTED)
    shown = {answer.question.header_hash for answer in market.answers}
    for interval, header in enumerate(market.headers, start=1):
        if header.header_hash in shown and read(interval) is None:
            rules.setdefault(interval, set())
    final = int(court.ledger.functions.finalHead().call())
    reasons = []
    for interval in sorted(rules):
        if interval <= final:
            reasons.append(f"interval {interval} is final, its window has passed")
            continue
        accepted: list[Proof] = []
        try:
            for proof in court.find(market, read, interval, sender, receipts):
                if rules[interval] & set(RULES[proof.function]):
                    return interval, proof
                accepted.append(proof)
        except InputError as error:
            reasons.append(f"interval {interval}: {error}")
        if accepted:
            return interval, accepted[0]
        reasons.append(
            f"interval {interval} has no proof that the chain accepts: it is void already, "
            "or the records behind a root were not published"
        )
    raise InputError(f"challenge: nothing can be proven; {'; '.join(reasons) or 'no fault'}")


def challenge_json(challenge: Challenge, fault: str) -> dict[str, object]:
    """A challenge as one JSON object; `fault` is the rule that the audit named."""
    return {
        "interval": challenge.interval,
        "fault": fault,
        "proof": challenge.proof,
        "voided": challenge.voided,
        "gas": challenge.gas,
        "reserve_gas": challenge.reserve_gas,
        "cost_wei": challenge.cost_wei,
        "reward": challenge.reward_micro,
        "bond_left": challenge.bond_micro,
        "overtaken": challenge.overtaken,
    }


def print_challenge(challenge: Challenge, console: Console) -> None:
    """Tell a person what a challenge did, or would do."""
    did, takes, pays, sends = (
        ("is void", "took", "paid", "sent")
        if challenge.voided
        else ("can be voided", "takes", "pays", "sends")
    )
    others = ", ".join(rule for rule in challenge.rules if rule != challenge.proof)
    rules = f" ({others})" if others else ""
    gas = challenge.gas + challenge.reserve_gas
    console.print(
        f"\nInterval {challenge.interval} {did}: the proof `{challenge.proof}`{rules} with its reservation "
        f"{takes} {gas:,} gas, {challenge.cost_wei / 10**18:.6f} of the chain's coin, and {pays} "
        f"{challenge.reward_micro / 10**6:,.2f} of the market's currency to who {sends} it; "
        f"{challenge.bond_micro / 10**6:,.2f} are in the operator's bond."
        f"{_OVERTAKEN if challenge.overtaken else ''}",
        soft_wrap=True,
    )
