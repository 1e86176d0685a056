"""Every chain behaves the same behind its interface: time, payers, errors in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from web3.contract import Contract
from web3.exceptions import ContractCustomError

from deploy import devnet
from deploy.chain import PRIVATE_KEY_VARIABLE, Chain, ChainError, development_key
from deploy.contracts import artifact, has_code_of
from offchain.errors import ClearwattError, InputError

ETHER = 10**18


def engines() -> list[object]:
    """The embedded chain, and anvil where it is installed."""
    try:
        devnet.anvil_binary()
    except InputError as error:
        return ["embedded", pytest.param("anvil", marks=pytest.mark.skip(reason=str(error)))]
    return ["embedded", pytest.param("anvil", marks=pytest.mark.anvil)]


@pytest.fixture(params=engines())
def chain(request: pytest.FixtureRequest) -> Iterator[Chain]:
    """A development chain."""
    with devnet.open_chain(request.param) as opened:
        yield opened


def token(chain: Chain) -> Contract:
    """A test currency."""
    compiled = artifact("TestToken")
    deployed, gas = chain.deploy("TestToken", compiled.abi, compiled.bytecode)
    assert gas > 21_000
    return deployed


def test_time_passes_when_told_to(chain: Chain) -> None:
    begun = chain.now()
    chain.wait_until(begun + 5_000)
    assert begun + 5_000 <= chain.now() <= begun + 5_010
    chain.wait_until(begun)
    assert chain.now() >= begun + 5_000


def test_the_payer_pays_and_others_sign_with_their_own_keys(chain: Chain) -> None:
    someone = development_key("somebody", 1)
    chain.transfer(someone.address, 10 * ETHER)
    currency = token(chain)
    chain.transact(currency.functions.mint(someone.address, 100))
    chain.transact(currency.functions.transfer(chain.payer, 30), someone)
    chain.transact(currency.functions.transfer(chain.payer, 30), someone)
    assert currency.functions.balanceOf(someone.address).call() == 40


def test_a_refused_call_is_told_by_the_contract_s_own_error(chain: Chain) -> None:
    currency = token(chain)
    with pytest.raises(ChainError, match=r"transfer: .*ERC20InsufficientBalance"):
        chain.transact(currency.functions.transfer(development_key("a", 1).address, 1))


def test_an_error_whose_data_look_like_python_bytes_is_still_told(chain: Chain) -> None:
    data = "0xfeedbee5" + 31 * "00" + "5b"  # ends as a literal of bytes begins
    error = ContractCustomError(data, data=data)
    assert data in chain._reason(error)


def test_events_can_be_read_back(chain: Chain) -> None:
    first, second = token(chain), token(chain)
    for amount in (1, 2):
        chain.transact(first.functions.mint(chain.payer, amount))
    chain.transact(second.functions.mint(chain.payer, 3))
    logs = list(chain.logs(first.address))
    amounts = [first.events.Transfer().process_log(log)["args"]["value"] for log in logs]
    assert amounts == [1, 2]
    data = chain.input_of(logs[1])
    assert data is not None
    sent = first.decode_function_input(data)[1]
    assert sent["amount"] == 2


def test_code_is_told_from_other_code(chain: Chain) -> None:
    """Immutable values differ from deployment to deployment; everything else must not."""
    currency = token(chain)
    assert has_code_of(chain.web3, "TestToken", currency.address)
    assert not has_code_of(chain.web3, "ClearingLedger", currency.address)
    assert not has_code_of(chain.web3, "TestToken", chain.payer)


def test_a_development_key_is_the_same_in_every_run() -> None:
    assert development_key("participant", 7).address == development_key("participant", 7).address
    assert development_key("participant", 7).address != development_key("participant", 8).address
    assert development_key("relief", 7).address != development_key("participant", 7).address


def test_a_key_from_the_environment_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    key = development_key("payer", 0)
    monkeypatch.setenv(PRIVATE_KEY_VARIABLE, "0x" + bytes(key.key).hex())
    with devnet.embedded() as chain:
        assert chain.payer == key.address
        with pytest.raises(ChainError, match="refused"):
            chain.transfer(development_key("a", 1).address, 1)


def test_a_missing_anvil_is_named_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(devnet, "_CONTRACTS", tmp_path)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="make setup-node"):
        devnet.anvil()


def test_a_missing_artefact_is_named_with_its_remedy() -> None:
    with pytest.raises(ClearwattError, match=r"Nothing is missing .* `make contracts`"):
        artifact("Nothing")
