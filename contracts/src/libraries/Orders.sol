// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Policies} from "./Policies.sol";
import {Records} from "./Records.sol";

/// @title Signed orders
/// @notice EIP-712 of docs/protocol.md, section 3; `offchain/orders/signing.py` is the same in Python.
library Orders {
    /// @notice Type hash of an order.
    bytes32 internal constant TYPEHASH = keccak256(
        "Order(uint32 index,uint32 seq,uint32 validFrom,uint32 validTo,"
        "uint32 essentialWh,uint32 flexibleWh,uint32 supplyWh,uint32 bidTicks)"
    );

    /// @notice Type hash of a receipt.
    bytes32 internal constant RECEIPT_TYPEHASH =
        keccak256("Receipt(uint32 index,uint32 seq,uint32 interval,bytes32 orderHash)");

    /// @notice Struct hash of the receipt by which a signer says that an order came in time for an interval.
    /// @param o The order.
    /// @param interval The interval.
    /// @param orderHash Hash of the packed order with its signature.
    /// @return The hash.
    function receipt(Records.Order memory o, uint32 interval, bytes32 orderHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(RECEIPT_TYPEHASH, o.index, o.seq, interval, orderHash));
    }

    /// @notice Whether an order is valid in an interval, within its contract and the highest bid.
    /// @param o The order.
    /// @param s Its owner's state, which carries the contract.
    /// @param p The policy.
    /// @param interval The interval.
    function admissible(Records.Order memory o, Records.State memory s, Policies.Policy memory p, uint256 interval)
        internal
        pure
        returns (bool)
    {
        return interval >= o.validFrom && interval <= o.validTo && demand(o) <= s.demandCapWh
            && o.supplyWh <= s.supplyCapWh && o.bidTicks <= p.maxBid;
    }

    /// @notice Whether a line carries an order: its three quantities and its bid.
    /// @param a The line.
    /// @param o The order; all zero for none.
    function isCarried(Records.Allocation memory a, Records.Order memory o) internal pure returns (bool) {
        return a.essential.q == o.essentialWh && a.flexible.q == o.flexibleWh && a.supply.q == o.supplyWh
            && a.supply.pa == o.bidTicks;
    }

    /// @notice Whether a line carries nothing, as one without an order does.
    /// @param a The line.
    function isSilent(Records.Allocation memory a) internal pure returns (bool) {
        return (a.essential.q | a.flexible.q | a.supply.q | a.supply.pa) == 0;
    }

    /// @notice What an order asks for, in Wh.
    /// @param o The order.
    function demand(Records.Order memory o) internal pure returns (uint256) {
        return o.essentialWh + o.flexibleWh;
    }

    /// @notice Who signed an order.
    /// @param o The order with its signature.
    /// @param separator The market's EIP-712 domain separator.
    /// @return account The signer, address 0 if the signature is none.
    function signer(Records.Order memory o, bytes32 separator) internal pure returns (address account) {
        bytes32 structHash = keccak256(
            abi.encode(
                TYPEHASH, o.index, o.seq, o.validFrom, o.validTo, o.essentialWh, o.flexibleWh, o.supplyWh, o.bidTicks
            )
        );
        (account,,) = ECDSA.tryRecover(MessageHashUtils.toTypedDataHash(separator, structHash), o.v, o.r, o.s);
    }
}
