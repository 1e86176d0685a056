// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingLedger} from "./interfaces/IClearingLedger.sol";
import {IForcedOrders} from "./interfaces/IForcedOrders.sol";
import {ISettlementEscrow} from "./interfaces/ISettlementEscrow.sol";
import {Orders} from "./libraries/Orders.sol";
import {Records} from "./libraries/Records.sol";

/// @title ForcedOrders
/// @notice See IForcedOrders.
///
/// An entry is `first 28 bytes of H(order) ‖ due u32`. The next gate never goes back, so entries fall due in the
/// order in which they were filed.
contract ForcedOrders is IForcedOrders {
    /// @notice The ledger whose headers must hold the orders.
    IClearingLedger public immutable ledger;
    /// @notice The escrow that knows the owners.
    ISettlementEscrow public immutable escrow;

    uint256[] private _entries;
    mapping(uint256 index => uint256 seqPlusOne) private _nextSeq;

    /// @notice Bind the queue to a market.
    /// @param ledger_ The ledger.
    /// @param escrow_ The escrow.
    constructor(IClearingLedger ledger_, ISettlementEscrow escrow_) {
        ledger = ledger_;
        escrow = escrow_;
    }

    /// @inheritdoc IForcedOrders
    function file(bytes calldata order) external returns (uint256 id) {
        Records.Order memory o = Records.order(order);
        address owner = escrow.ownerOf(uint32(o.index));
        if (owner == address(0) || Orders.signer(o, ledger.domainSeparator()) != owner) revert Forced_NotSigned();
        if (o.seq < _nextSeq[o.index]) revert Forced_Superseded(uint32(_nextSeq[o.index] - 1));
        uint32 due = ledger.nextGate();
        id = _entries.length;
        if (o.validTo < due) revert Forced_Expired(due);
        _nextSeq[o.index] = o.seq + 1;
        _entries.push(_digest(order) | due);
        emit Filed(id, uint32(o.index), due, order);
    }

    /// @inheritdoc IForcedOrders
    function holds(uint256 id, bytes calldata order) external view returns (bool) {
        return id < _entries.length && _entries[id] == _digest(order) | dueAt(id);
    }

    /// @inheritdoc IForcedOrders
    function dueAt(uint256 id) public view returns (uint32) {
        return uint32(_entries[id]);
    }

    /// @inheritdoc IForcedOrders
    function count() external view returns (uint256) {
        return _entries.length;
    }

    /// @inheritdoc IForcedOrders
    function dueBy(uint32 interval) external view returns (uint256 low) {
        uint256 high = _entries.length;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (dueAt(middle) <= interval) low = middle + 1;
            else high = middle;
        }
    }

    function _digest(bytes calldata order) private pure returns (uint256) {
        return uint256(keccak256(order)) >> 32 << 32;
    }
}
