// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFaultProofs} from "../interfaces/IFaultProofs.sol";
import {Committed} from "../libraries/Committed.sol";
import {Headers} from "../libraries/Headers.sol";
import {Orders} from "../libraries/Orders.sol";
import {Policies} from "../libraries/Policies.sol";
import {Records} from "../libraries/Records.sol";
import {HeaderEvidence, LeafEvidence} from "../types/Evidence.sol";
import {Court} from "./Court.sol";

/// @title Faults of orders
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
        _convictOrders(header, !ofSomebody || !Orders.admissible(o, Records.state(preState.record), p, h.interval()));
    }

    /// @inheritdoc IFaultProofs
    function orderSignature(HeaderEvidence calldata header, LeafEvidence calldata order) external {
        Records.Order memory o = _order(header, order);
        address owner = escrow.ownerOf(uint32(o.index));
        _convictOrders(header, owner == address(0) || Orders.signer(o, ledger.domainSeparator()) != owner);
    }

    /// @inheritdoc IFaultProofs
    function forcedCursor(HeaderEvidence calldata header) external {
        bytes calldata h = header.payload;
        _convict(header, h.forcedCursor() != forced.dueBy(h.interval()));
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
