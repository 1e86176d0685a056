// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICoverFaults} from "../interfaces/ICoverFaults.sol";
import {Committed} from "../libraries/Committed.sol";
import {Cover} from "../libraries/Cover.sol";
import {Headers} from "../libraries/Headers.sol";
import {Orders} from "../libraries/Orders.sol";
import {Policies} from "../libraries/Policies.sol";
import {Records} from "../libraries/Records.sol";
import {HeaderEvidence, LeafEvidence} from "../types/Evidence.sol";
import {Court} from "./Court.sol";

/// @title Faults of what collateral covers
/// @notice See ICoverFaults.
abstract contract CoverFaults is Court, ICoverFaults {
    using Headers for bytes;

    /// @inheritdoc ICoverFaults
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
        bool due = false;
        if (preState.record.length != 0) {
            Records.State memory s = Records.state(preState.record);
            Policies.Policy memory p = Policies.open(policy, h.policyHash());
            due = Orders.admissible(f, s, p, t) && Cover.affords(Cover.room(_collateral(f.index, t), s), f, p.pHi);
        }
        bool taken = order.record.length != 0 && Records.order(order.record).seq >= f.seq;
        _convictOrders(header, due && !taken);
    }

    /// @inheritdoc ICoverFaults
    function overdrawn(HeaderEvidence calldata header, LeafEvidence calldata preState, LeafEvidence calldata postState)
        external
    {
        bytes calldata h = header.payload;
        Records.State memory post = Records.state(postState.record);
        Committed.leaf(h.stateRoot(), _treeDepth, Records.KIND_STATE, post.index, postState);
        Committed.leaf(h.preStateRoot(), _treeDepth, Records.KIND_STATE, post.index, preState);
        uint256 collateral = _collateral(post.index, h.interval());
        _convict(header, Cover.isOverdrawn(collateral, Records.state(preState.record), post));
    }
}
