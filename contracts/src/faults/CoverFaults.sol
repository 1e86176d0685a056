// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICoverFaults} from "../interfaces/ICoverFaults.sol";
import {Committed} from "../libraries/Committed.sol";
import {Cover} from "../libraries/Cover.sol";
import {Headers} from "../libraries/Headers.sol";
import {Orders} from "../libraries/Orders.sol";
import {Policies} from "../libraries/Policies.sol";
import {Records} from "../libraries/Records.sol";
import {AllocationEvidence, HeaderEvidence, LeafEvidence} from "../types/Evidence.sol";
import {Court} from "./Court.sol";

/// @title Faults of what collateral covers
/// @notice See ICoverFaults.
abstract contract CoverFaults is Court, ICoverFaults {
    using Headers for bytes;

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

    /// @inheritdoc ICoverFaults
    function uncovered(
        HeaderEvidence calldata header,
        AllocationEvidence calldata allocation,
        LeafEvidence calldata order,
        LeafEvidence calldata preState,
        bytes calldata policy
    ) external {
        bytes calldata h = header.payload;
        (Records.Allocation memory a,) = Committed.allocation(h, allocation);
        Committed.leaf(h.ordersRoot(), _treeDepth, Records.KIND_ORDER, a.index, order);
        Committed.leaf(h.preStateRoot(), _treeDepth, Records.KIND_STATE, a.index, preState);
        Records.Order memory o = Records.order(order.record);
        uint256 room = Cover.room(_collateral(a.index, h.interval()), Records.state(preState.record));
        bool isCovered = Cover.affords(room, o, Policies.open(policy, h.policyHash()).pHi);
        // What asks for nothing needs no cover and must be carried: that is `copied`.
        _convict(header, Orders.demand(o) != 0 && Orders.isSilent(a) == isCovered);
    }
}
