"""Where chains come from: embedded in this process, Foundry's anvil, or any node by its URL."""

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import requests
from eth_typing import BlockNumber, ChecksumAddress
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3
from web3.exceptions import Web3Exception
from web3.types import LogReceipt, RPCEndpoint

from deploy.chain import Chain, ChainError, Engine, unreachable
from offchain.errors import InputError

__all__ = ["Chain", "anvil", "anvil_binary", "connect", "embedded", "open_chain"]

_CONTRACTS = Path(__file__).resolve().parent.parent / "contracts"


def embedded() -> Chain:
    """A chain inside this process: nothing to install, gone when the process ends."""
    from eth_tester import EthereumTester, PyEVMBackend  # type: ignore[import-untyped]
    from eth_tester.exceptions import TransactionFailed  # type: ignore[import-untyped]
    from eth_utils.exceptions import ValidationError
    from web3 import EthereumTesterProvider

    tester = EthereumTester(backend=PyEVMBackend())
    web3 = Web3(EthereumTesterProvider(tester))

    def travel(moment: int) -> None:
        tester.time_travel(moment)
        tester.mine_block()

    def events(address: ChecksumAddress) -> Iterator[LogReceipt]:
        yield from _stored_events(tester.backend.chain, address)

    refusals = (TransactionFailed, ValidationError, Web3Exception, ValueError)
    return Chain(web3, Engine("embedded", travel, lambda: None, events, refusals))


def _stored_events(store: Any, address: ChecksumAddress) -> Iterator[LogReceipt]:  # noqa: ANN401 - py-evm
    """A contract's events from the embedded chain's own receipts.

    Asked by web3, that chain searches all its blocks for every transaction.
    """
    wanted = bytes.fromhex(address[2:])
    for number in range(1, store.get_canonical_head().block_number + 1):
        block = store.get_canonical_block_by_number(number)
        for position, receipt in enumerate(block.get_receipts(store.chaindb)):
            for place, log in enumerate(receipt.logs):
                if log.address == wanted:
                    yield LogReceipt(
                        address=address,
                        blockHash=HexBytes(block.hash),
                        blockNumber=BlockNumber(number),
                        data=HexBytes(log.data),
                        logIndex=place,
                        removed=False,
                        topics=[HexBytes(topic.to_bytes(32, "big")) for topic in log.topics],
                        transactionHash=HexBytes(block.transactions[position].hash),
                        transactionIndex=position,
                    )


def connect(url: str) -> Chain:
    """A chain behind a node's RPC URL; time travels if the node is a development chain.

    Raises:
        ChainError: When the node does not answer, or nobody can pay.
        InputError: When the URL is none.
    """
    return Chain(_http(url), Engine("rpc", _http_travel(_http(url)), lambda: None))


def _http(url: str) -> Web3:
    if not url.startswith(("http://", "https://")):
        msg = "rpc: not a URL; give one that begins with http:// or https://"
        raise InputError(msg)
    web3 = Web3(
        HTTPProvider(url, request_kwargs={"timeout": 30}, exception_retry_configuration=None)
    )
    try:
        web3.eth.block_number  # noqa: B018 - asks the node
    except (requests.RequestException, Web3Exception, ValueError) as error:
        raise unreachable(error) from error
    return web3


def _http_travel(web3: Web3) -> Callable[[int], None] | None:
    """How to make time pass on a node, or None if it is not a development chain."""

    def ask(method: str, *parameters: Any) -> bool:  # noqa: ANN401 - JSON
        return "error" not in web3.provider.make_request(RPCEndpoint(method), list(parameters))

    def travel(moment: int) -> None:
        if not ask("evm_setNextBlockTimestamp", moment) or not ask("evm_mine"):
            msg = "rpc: the development chain refused to let time pass"
            raise ChainError(msg)

    return travel if ask("evm_increaseTime", 0) else None


def anvil_binary() -> Path:
    """Where anvil is: as npm brought it, or on the PATH.

    Raises:
        InputError: When it is nowhere.
    """
    packages = _CONTRACTS / "node_modules" / "@foundry-rs"
    for binary in sorted(packages.glob("anvil-*/bin/anvil")):
        return binary
    on_path = shutil.which("anvil")
    if on_path is None:
        msg = "chain: anvil is not installed; run `make setup-node`, or use --chain embedded"
        raise InputError(msg)
    return Path(on_path)


def anvil(hardfork: str = "prague") -> Chain:
    """Start Foundry's anvil on a free port of this machine; `close` ends it.

    Args:
        hardfork: The rules of its chain.
    """
    process = subprocess.Popen(
        [str(anvil_binary()), "--port", "0", "--hardfork", hardfork, "--order", "fifo"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )

    def close() -> None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        if process.stdout is not None:
            process.stdout.close()

    try:
        url = next(_listening(process))
        web3 = _http(url)
        return Chain(web3, Engine("anvil", _http_travel(web3), close))
    except StopIteration:
        close()
        msg = "chain: anvil did not start; run it by hand to see why"
        raise ChainError(msg) from None
    except BaseException:
        close()
        raise


def _listening(process: "subprocess.Popen[str]") -> Iterator[str]:
    """The URL that anvil prints once it listens."""
    for line in process.stdout or ():
        if line.startswith("Listening on "):
            yield f"http://{line.removeprefix('Listening on ').strip()}"


def open_chain(kind: str, url: str | None = None) -> Chain:
    """Open the chain that a user named.

    Args:
        kind: `embedded` or `anvil`; not looked at when there is a URL.
        url: RPC URL of a node, or None.
    """
    if url is not None:
        return connect(url)
    return {"embedded": embedded, "anvil": anvil}[kind]()
