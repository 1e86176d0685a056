"""One interface to every chain: it sends transactions and waits for them, deploys, reads events, and tells the time.

On a development chain time travels; on any other it is waited for. Nothing here knows a contract.
"""

import ast
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast

import requests
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import ABI, BlockNumber, ChecksumAddress, HexStr
from hexbytes import HexBytes
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import Web3Exception
from web3.types import LogReceipt, TxParams, TxReceipt, Wei

from offchain.errors import ClearwattError, InputError
from offchain.keccak import keccak

PRIVATE_KEY_VARIABLE: Final = "CLEARWATT_PRIVATE_KEY"
"""Environment variable with the private key that pays where a node holds no unlocked account."""

_GWEI = 10**9
_DEVNET_GAS = 12_000_000
_DEVNET_MAX_FEE = 100 * _GWEI
_RECEIPT_PATIENCE_S = 180
_POLL_S = 1.0
_LOG_RANGE = 2_000
_ASKED_AT_ONCE = 8
_FORK_BLOCKS = 64
"""Deeper than a fork of the chain goes."""
_LONGEST_REASON = 300


class ChainError(ClearwattError):
    """A chain cannot be reached, or refused a transaction; the message says which and why."""


@dataclass(frozen=True)
class Engine:
    """What differs between chains.

    Attributes:
        name: `embedded`, `anvil` or `rpc`.
        travel: Makes the next block's time at least the given one; None where time cannot be made
            to pass.
        close: Ends what was started.
        events: Every event of a contract, oldest first; None where the node is asked for them.
        refusals: Exceptions by which the chain refuses what it is asked.
    """

    name: str
    travel: Callable[[int], None] | None
    close: Callable[[], None]
    events: Callable[[ChecksumAddress], Iterator[LogReceipt]] | None = None
    refusals: tuple[type[Exception], ...] = (Web3Exception, ValueError)


def development_key(label: str, index: int) -> LocalAccount:
    """A key that anyone can derive, the same in every run: for development chains only."""
    return cast(
        LocalAccount, Account.from_key(keccak(f"clearwatt development {label} {index}".encode()))
    )


class Chain:
    """A connection to a chain, with the account that pays for the operator's transactions."""

    def __init__(self, web3: Web3, engine: Engine) -> None:
        self.web3 = web3
        self.engine = engine
        self.chain_id = web3.eth.chain_id
        self._nonces: dict[ChecksumAddress, int] = {}
        self._errors: dict[str, str] = {}
        self._settled: dict[ChecksumAddress, tuple[int, list[LogReceipt]]] = {}
        self._inputs: dict[tuple[bytes, int, ChecksumAddress], HexBytes | None] = {}

    @property
    def is_devnet(self) -> bool:
        """Whether time can be made to pass."""
        return self.engine.travel is not None

    @property
    def payer(self) -> ChecksumAddress:
        """The address that pays where no other account is named."""
        return self._payer.address if isinstance(self._payer, LocalAccount) else self._payer

    @cached_property
    def _payer(self) -> LocalAccount | ChecksumAddress:
        secret = os.environ.get(PRIVATE_KEY_VARIABLE)
        if secret:
            try:
                return cast(LocalAccount, Account.from_key(secret))
            except (ValueError, TypeError):  # and never show what was given
                msg = f"{PRIVATE_KEY_VARIABLE}: not a private key; give 32 bytes in hexadecimal"
                raise InputError(msg) from None
        unlocked = list(self.web3.eth.accounts)
        if unlocked:
            return unlocked[0]
        msg = (
            "rpc: the node holds no unlocked account; "
            f"put a funded private key into {PRIVATE_KEY_VARIABLE}"
        )
        raise ChainError(msg)

    # TIME

    def now(self) -> int:
        """Time of the newest block, in seconds since 1970."""
        return int(self.web3.eth.get_block("latest")["timestamp"])

    def wait_until(self, moment: int) -> None:
        """Let time pass, by travelling or by waiting, until a block is as late as a moment."""
        if self.now() >= moment:
            return
        if self.engine.travel is not None:
            self.engine.travel(moment)
            return
        while self.now() < moment:
            time.sleep(_POLL_S)

    # TRANSACTIONS

    def nonce(self) -> int:
        """The number of the payer's next transaction."""
        return self._nonces.get(self.payer) or self.web3.eth.get_transaction_count(self.payer)

    def transact(
        self, call: ContractFunction, account: LocalAccount | None = None, wei: int = 0
    ) -> TxReceipt:
        """Call a contract in a transaction and wait until it is in a block.

        Args:
            call: The contract's function with its arguments.
            account: Who signs; the chain's payer if not given.
            wei: What is sent along of the chain's own coin.

        Raises:
            ChainError: When the transaction is refused or reverts, naming the contract's own error.
        """
        self._learn_errors(call.contract_abi)
        data = cast(HexStr, call._encode_transaction_data())
        return self._send(
            call.fn_name, {"to": call.address, "data": data, "value": Wei(wei)}, account
        )

    def refusal(self, call: ContractFunction, fields: TxParams | None = None) -> str | None:
        """Why the chain would refuse a call now, by the contract's own error; None if it would not."""
        self._learn_errors(call.contract_abi)
        try:
            call.call(fields or {})
        except self.engine.refusals as error:
            return self._reason(error)
        return None

    def transfer(self, to: ChecksumAddress, wei: int) -> TxReceipt:
        """Send the chain's own coin from the payer."""
        return self._send("transfer", {"to": to, "value": Wei(wei)}, None)

    def deploy(
        self, name: str, abi: ABI, bytecode: str, *arguments: object
    ) -> tuple[Contract, int]:
        """Create a contract; returns it and the gas that it took."""
        factory = self.web3.eth.contract(abi=abi, bytecode=HexStr(bytecode))
        self._learn_errors(abi)
        data = factory.constructor(*arguments).data_in_transaction
        receipt = self._send(f"deployment of {name}", {"data": data}, None)
        address = receipt["contractAddress"]
        if address is None:
            msg = f"deployment of {name}: the chain gave no address"
            raise ChainError(msg)
        return self.web3.eth.contract(address=address, abi=abi), receipt["gasUsed"]

    def _learn_errors(self, abi: ABI) -> None:
        for entry in abi:
            if entry["type"] == "error":
                types = ",".join(_canonical(parameter) for parameter in entry.get("inputs", []))
                signature = f"{entry['name']}({types})"
                self._errors[keccak(signature.encode())[:4].hex()] = signature

    def _send(self, what: str, fields: TxParams, account: LocalAccount | None) -> TxReceipt:
        signer = account or self._payer
        sender = signer.address if isinstance(signer, LocalAccount) else signer
        transaction: TxParams = {"from": sender, "chainId": self.chain_id, **fields}
        try:
            transaction = self._with_gas(transaction)
            if isinstance(signer, LocalAccount):
                nonce = self._nonces.get(sender)
                if nonce is None:
                    nonce = self.web3.eth.get_transaction_count(sender)
                unsigned = {k: v for k, v in transaction.items() if k != "from"}
                signed = signer.sign_transaction(cast(Any, unsigned | {"nonce": nonce}))
                tx_hash = self.web3.eth.send_raw_transaction(signed.raw_transaction)
                self._nonces[sender] = nonce + 1
            else:
                tx_hash = self.web3.eth.send_transaction(transaction)
            receipt = self.web3.eth.wait_for_transaction_receipt(tx_hash, _RECEIPT_PATIENCE_S)
        except requests.RequestException as error:
            raise unreachable(error) from error
        except self.engine.refusals as error:
            msg = f"{what}: the chain refused it: {self._reason(error)}"
            raise ChainError(msg) from error
        if receipt["status"] != 1:
            msg = f"{what}: the transaction reverted: {self._replayed(transaction, receipt)}"
            raise ChainError(msg)
        return receipt

    def _with_gas(self, transaction: TxParams) -> TxParams:
        """Name gas and fee, so that no library has to ask for them; only a live chain is asked."""
        if self.is_devnet:
            return {
                "gas": _DEVNET_GAS,
                "maxFeePerGas": Wei(_DEVNET_MAX_FEE),
                "maxPriorityFeePerGas": Wei(0),
                **transaction,
            }
        return {
            "gas": self.web3.eth.estimate_gas(transaction) * 6 // 5,
            "maxFeePerGas": Wei(2 * self.web3.eth.gas_price),
            "maxPriorityFeePerGas": self.web3.eth.max_priority_fee,
            **transaction,
        }

    def _replayed(self, transaction: TxParams, receipt: TxReceipt) -> str:
        """Why a transaction reverted, learnt by calling it again on the block before."""
        replay = cast(TxParams, {k: v for k, v in transaction.items() if "Fee" not in k})
        try:
            self.web3.eth.call(replay, receipt["blockNumber"] - 1)
        except self.engine.refusals as error:
            return self._reason(error)
        return f"no reason given, {receipt['gasUsed']} gas used"

    def _reason(self, error: Exception) -> str:
        """An exception of web3 in words: the contract's own error if it is one that we know."""
        data = getattr(error, "data", None)
        text = str(error)
        if not isinstance(data, str):
            # the embedded chain shows what was returned as Python would write it
            shown = re.search(r"(?<!\w)b(['\"]).*\1", text, re.DOTALL)
            data = shown and bytes(ast.literal_eval(shown.group())).hex()
        name = self._errors.get(data.removeprefix("0x")[:8]) if isinstance(data, str) else None
        return name or " ".join(text.split())[:_LONGEST_REASON] or type(error).__name__

    # EVENTS

    def logs(self, address: ChecksumAddress, until: int | None = None) -> Iterator[LogReceipt]:
        """Every event that a contract has emitted, oldest first; up to a block, if one is given.

        A node is asked once: what no fork can change any more is kept, for whoever looks again and again.
        """
        newest = self.web3.eth.block_number if until is None else until
        if self.engine.events is not None:
            for log in self.engine.events(address):
                if log["blockNumber"] <= newest:
                    yield log
            return
        settled, kept = self._settled.get(address, (-1, []))
        yield from (log for log in kept if log["blockNumber"] <= newest)
        for first in range(settled + 1, newest + 1, _LOG_RANGE):
            last = min(newest, first + _LOG_RANGE - 1)
            logs = self.web3.eth.get_logs(
                {"address": address, "fromBlock": BlockNumber(first), "toBlock": BlockNumber(last)}
            )
            settled = max(settled, min(last, newest - _FORK_BLOCKS))
            kept = [*kept, *(log for log in logs if log["blockNumber"] <= settled)]
            self._settled[address] = (settled, kept)
            yield from logs

    def input_of(self, log: LogReceipt) -> HexBytes | None:
        """What the transaction that made a contract emit an event sent to that contract.

        None where the transaction called another contract, which then called this one: whatever
        such a transaction carries, it need not be what this contract was given.
        """
        place = (bytes(log["blockHash"]), log["transactionIndex"], log["address"])
        if place not in self._inputs:
            self._inputs[place] = self._input_of(log)
        return self._inputs[place]

    def _input_of(self, log: LogReceipt) -> HexBytes | None:
        transaction = self.web3.eth.get_transaction_by_block(
            log["blockNumber"], log["transactionIndex"]
        )
        called = transaction.get("to")
        if not called or HexBytes(called) != HexBytes(log["address"]):
            return None
        # the embedded chain has its own name for it
        return HexBytes(cast(bytes, transaction.get("input", transaction.get("data"))))

    def inputs_of(self, logs: Sequence[LogReceipt]) -> list[HexBytes | None]:
        """`input_of` of many events; a node is asked several things at once."""
        if self.engine.events is not None:
            return [self.input_of(log) for log in logs]
        with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
            return list(pool.map(self.input_of, logs))

    # LIFE

    def close(self) -> None:
        """End what was started for this connection."""
        self.engine.close()

    def __enter__(self) -> "Chain":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def unreachable(error: Exception) -> ChainError:
    """The error for a node that does not answer; the URL may hold a secret and is not repeated."""
    return ChainError(f"rpc: the node does not answer ({type(error).__name__}); check the URL")


def _canonical(parameter: Any) -> str:  # noqa: ANN401 - ABI JSON
    kind: str = parameter["type"]
    if kind.startswith("tuple"):
        inner = ",".join(_canonical(component) for component in parameter["components"])
        return f"({inner}){kind.removeprefix('tuple')}"
    return kind
