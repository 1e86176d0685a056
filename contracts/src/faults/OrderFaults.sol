// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFaultProofs} from "../interfaces/IFaultProofs.sol";
import {ISettlementEscrow} from "../interfaces/ISettlementEscrow.sol";
import {Committed} from "../libraries/Committed.sol";
import {Headers} from "../libraries/Headers.sol";
import {Orders} from "../libraries/Orders.sol";
import {Policies} from "../libraries/Policies.sol";
import {Records} from "../libraries/Records.sol";
import {HeaderEvidence, LeafEvidence} from "../types/Evidence.sol";
import {Court} from "./Court.sol";

/// @title Faults of orders and of collateral
/// @notice See IFaultProofs.
abstract contract OrderFaults is Court, IFaultProofs {
    using Headers for bytes;

    /// @inheritdoc IFaultProofs
    function orderTerms(
        HeaderEvidence calldata header,
        LeafEvidence calldata order,
        LeafEvidence calldata preState,
        bytes calldata policy
    ) external {
        bytes calldata h = header.payload;
        Records.Order memory o = _order(header, order);
        Committed.leaf(h.preStateRoot(), _treeDepth, Records.KIND_STATE, o.index, preState);
        Policies.Policy memory p = Policies.open(policy, h.policyHash());
        // An order of nobody is beyond every contract.
        bool ofSomebody = preState.record.length != 0;
        _convictOrders(header, !ofSomebody || !_admissible(o, Records.state(preState.record), p, h.interval()));
    }

    /// @inheritdoc IFaultProofs
    function orderSignature(HeaderEvidence calldata header, LeafEvidence calldata order) external {
        Records.Order memory o = _order(header, order);
        address owner = escrow.ownerOf(uint32(o.index));
        _convictOrders(header, owner == address(0) || Orders.signer(o, ledger.domainSeparator()) != owner);
    }

    /// @inheritdoc IFaultProofs
    function forcedIgnored(
        HeaderEvidence calldata header,
        uint256 id,
        bytes calldata filed,
        LeafEvidence calldata order,
        LeafEvidence calldata preState,
        bytes calldata policy
    ) external {
        bytes calldata h = header.payload;
        uint256 t = h.interval();
        if (!forced.holds(id, filed) || forced.dueAt(id) > t) revert Fault_NotCommitted();
        Records.Order memory f = Records.order(filed);
        Committed.leaf(h.ordersRoot(), _treeDepth, Records.KIND_ORDER, f.index, order);
        Committed.leaf(h.preStateRoot(), _treeDepth, Records.KIND_STATE, f.index, preState);
        bool admissible = preState.record.length != 0
            && _admissible(f, Records.state(preState.record), Policies.open(policy, h.policyHash()), t);
        bool taken = false;
        if (order.record.length != 0) {
            uint256 seq = Records.order(order.record).seq;
            taken = seq > f.seq || (seq == f.seq && keccak256(order.record) == keccak256(filed));
        }
        _convictOrders(header, admissible && !taken);
    }

    /// @inheritdoc IFaultProofs
    function forcedCursor(HeaderEvidence calldata header) external {
        bytes calldata h = header.payload;
        _convict(header, h.forcedCursor() != forced.dueBy(h.interval()));
    }

    /// @inheritdoc IFaultProofs
    function overdrawn(HeaderEvidence calldata header, LeafEvidence calldata postState) external {
        Records.State memory s = Records.state(postState.record);
        Committed.leaf(header.payload.stateRoot(), _treeDepth, Records.KIND_STATE, s.index, postState);
        ISettlementEscrow.Account memory a = escrow.account(uint32(s.index));
        // Announced before the gate of this interval, and so no longer collateral for it.
        uint256 announced = header.payload.interval() >= a.withdrawableFrom ? a.announced : 0;
        _convict(header, s.peak + s.debit > s.credit + a.deposit - announced);
    }

    function _admissible(Records.Order memory o, Records.State memory s, Policies.Policy memory p, uint256 interval)
        private
        pure
        returns (bool)
    {
        return interval >= o.validFrom && interval <= o.validTo && o.essentialWh + o.flexibleWh <= s.demandCapWh
            && o.supplyWh <= s.supplyCapWh && o.bidTicks <= p.maxBid;
    }

    function _order(HeaderEvidence calldata header, LeafEvidence calldata order)
        private
        view
        returns (Records.Order memory o)
    {
        o = Records.order(order.record);
        Committed.leaf(header.payload.ordersRoot(), _treeDepth, Records.KIND_ORDER, o.index, order);
    }
}
