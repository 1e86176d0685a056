"""A first walk through a market on the workbench; the rules themselves are tested with forge."""

import brownie
from brownie import chain, web3

from conftest import BOND, DEADLINE_S, DELAY_S, DEPOSIT, POLICY, SECRET, packed_grid


def test_the_grid_is_kept_as_it_was_registered(market):
    assert market.registry.packedGrid(1) == "0x" + packed_grid().hex()
    assert market.registry.gridHash(1) == web3.keccak(b"\x09" + packed_grid()).to_0x_hex()


def test_orders_are_fixed_once_and_then_the_seed_is_drawn(market):
    root = "0x" + "11" * 32
    with brownie.reverts():
        market.ledger.commitOrders(1, root, {"from": market.stranger})
    market.ledger.commitOrders(1, root, {"from": market.operator})
    with brownie.reverts():
        market.ledger.commitOrders(1, root, {"from": market.operator})
    seed = market.beacon.reveal(1, [SECRET], {"from": market.stranger}).events["Revealed"]["seed"]
    opening = web3.keccak(web3.keccak(b"\x0a" + POLICY) + bytes(64))  # no shares and contracts
    assert market.ledger.hasInputs(1, root, seed, market.operator, 1, opening)


def test_everybody_leaves_a_market_without_an_operator(market):
    with brownie.reverts():
        market.ledger.freeze({"from": market.stranger})
    chain.sleep(DEADLINE_S + 10)
    chain.mine()
    market.ledger.freeze({"from": market.stranger})
    assert market.ledger.escapable()
    market.escrow.escapeUnlisted(1, {"from": market.stranger})
    assert market.token.balanceOf(market.owner) == DEPOSIT
    assert market.token.balanceOf(market.escrow) == 0


def test_the_bond_is_taken_back_only_after_its_delay(market):
    with brownie.reverts():
        market.bond.announceWithdrawal(BOND, {"from": market.stranger})
    market.bond.announceWithdrawal(BOND, {"from": market.treasurer})
    with brownie.reverts():
        market.bond.withdraw({"from": market.treasurer})
    chain.sleep(DELAY_S + 100)
    chain.mine()
    market.bond.withdraw({"from": market.treasurer})
    assert market.token.balanceOf(market.treasurer) == BOND
    assert not market.bond.mayPost(market.operator)
