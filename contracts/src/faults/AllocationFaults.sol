// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFaultProofs} from "../interfaces/IFaultProofs.sol";
import {Committed} from "../libraries/Committed.sol";
import {FairPlay} from "../libraries/FairPlay.sol";
import {Headers} from "../libraries/Headers.sol";
import {Orders} from "../libraries/Orders.sol";
import {Policies} from "../libraries/Policies.sol";
import {Records} from "../libraries/Records.sol";
import {Response} from "../libraries/Response.sol";
import {AllocationEvidence, HeaderEvidence, LeafEvidence} from "../types/Evidence.sol";
import {Court} from "./Court.sol";

/// @title Faults of one participant's line
/// @notice See IFaultProofs.
abstract contract AllocationFaults is Court, IFaultProofs {
    using Headers for bytes;

    /// @inheritdoc IFaultProofs
    function bracket(HeaderEvidence calldata header, AllocationEvidence calldata allocation) external {
        (Records.Allocation memory a, Records.Bus memory b) = Committed.allocation(header.payload, allocation);
        bool inside = Response.demandInside(a.essential, b.pi) && Response.demandInside(a.flexible, b.pi)
            && Response.supplyInside(a.supply, b.pi);
        _convict(header, !inside);
    }

    /// @inheritdoc IFaultProofs
    function payment(HeaderEvidence calldata header, AllocationEvidence calldata allocation) external {
        (Records.Allocation memory a,) = Committed.allocation(header.payload, allocation);
        uint256 cost = a.priceTicks * (a.essential.x + a.flexible.x) / 1000;
        uint256 pay = (a.supply.pa * a.supply.x + 999) / 1000;
        _convict(header, a.energyCost != cost || a.supplyPay != pay);
    }

    /// @inheritdoc IFaultProofs
    function misplaced(HeaderEvidence calldata header, AllocationEvidence calldata allocation) external {
        (Records.Allocation memory a, Records.Bus memory b) = Committed.allocation(header.payload, allocation);
        _convict(
            header,
            a.index >> _treeDepth != 0 || a.interval != header.payload.interval() || a.bus != b.bus
                || a.slot != allocation.slot || a.priceTicks != b.priceTicks
        );
    }

    /// @inheritdoc IFaultProofs
    function copied(HeaderEvidence calldata header, AllocationEvidence calldata allocation, LeafEvidence calldata order)
        external
    {
        (Records.Allocation memory a,) = Committed.allocation(header.payload, allocation);
        Committed.leaf(header.payload.ordersRoot(), _treeDepth, Records.KIND_ORDER, a.index, order);
        Records.Order memory o;
        if (order.record.length != 0) o = Records.order(order.record);
        // An order that asks for energy may count as none; whether it may is judged by `uncovered`.
        bool mayBeSilent = Orders.demand(o) != 0 && Orders.isSilent(a);
        _convict(header, !mayBeSilent && !Orders.isCarried(a, o));
    }

    /// @inheritdoc IFaultProofs
    function key(
        HeaderEvidence calldata header,
        AllocationEvidence calldata allocation,
        LeafEvidence calldata preState,
        bytes calldata policy
    ) external {
        (Records.Allocation memory a,) = Committed.allocation(header.payload, allocation);
        Committed.leaf(header.payload.preStateRoot(), _treeDepth, Records.KIND_STATE, a.index, preState);
        Records.State memory s = Records.state(preState.record);
        Policies.Policy memory p = Policies.open(policy, header.payload.policyHash());
        _convict(header, a.keyTicks != FairPlay.key(p, s, header.payload.seed()) || !FairPlay.rampsByRule(p, s, a));
    }

    /// @inheritdoc IFaultProofs
    function pot(HeaderEvidence calldata header, AllocationEvidence calldata allocation, LeafEvidence calldata share)
        external
    {
        (Records.Allocation memory a,) = Committed.allocation(header.payload, allocation);
        Committed.leaf(header.payload.sharesRoot(), _treeDepth, Records.KIND_SHARE, a.index, share);
        uint256 ppb = 0;
        if (share.record.length != 0) {
            if (share.record.length != Records.SHARE_LENGTH) revert Fault_Malformed();
            ppb = Records.number(share.record, 4, 4);
        }
        _convict(header, !_isPart(a.potShare, header.payload.pot(), ppb, FairPlay.PPB));
    }

    /// @inheritdoc IFaultProofs
    function shortfall(
        HeaderEvidence calldata header,
        AllocationEvidence calldata allocation,
        bytes calldata root,
        bytes calldata policy
    ) external {
        bytes calldata h = header.payload;
        (Records.Allocation memory a,) = Committed.allocation(h, allocation);
        (bytes32 hash, Records.Sums memory s) = Committed.open(root);
        if (hash != h.allocationRoot()) revert Fault_NotCommitted();
        Policies.Policy memory p = Policies.open(policy, h.policyHash());
        uint256 missing = h.shortfall();
        if (missing == 0) {
            _convict(header, a.shortfall != 0);
            return;
        }
        uint256 top = p.pHi * (a.essential.x + a.flexible.x) / 1000;
        uint256 headroom = top > a.energyCost ? top - a.energyCost : 0;
        // All energy costs together are the energy debits less the shortfall; p_hi is a multiple of 1000.
        uint256 costs = s.energyDebit > missing ? s.energyDebit - missing : 0;
        uint256 all = p.pHi * h.served() / 1000;
        _convict(
            header, a.shortfall > headroom || all <= costs || !_isPart(a.shortfall, missing, headroom, all - costs)
        );
    }

    /// @inheritdoc IFaultProofs
    function transition(
        HeaderEvidence calldata header,
        AllocationEvidence calldata allocation,
        bytes calldata states,
        bytes calldata policy
    ) external {
        bytes calldata h = header.payload;
        Committed.line(h, allocation);
        Records.Flow memory f = Records.flow(allocation.record);
        uint256 index = Records.number(allocation.record, 0, 4);
        (bytes calldata pre, bytes calldata post) =
            Committed.states(h.preStateRoot(), h.stateRoot(), _treeDepth, index, states);
        // A line without a state before it, or without one after it, belongs to nobody.
        bool holds = pre.length != 0 && post.length != 0
            && FairPlay.follows(Policies.beta(policy, h.policyHash()), pre, post, f);
        _convict(header, !holds);
    }

    /// @inheritdoc IFaultProofs
    function placement(
        HeaderEvidence calldata header,
        AllocationEvidence calldata allocation,
        uint32 index,
        LeafEvidence calldata contract_
    ) external {
        bytes calldata h = header.payload;
        Committed.leaf(h.contractsRoot(), _treeDepth, Records.KIND_CONTRACT, index, contract_);
        bool named = contract_.record.length == Records.CONTRACT_LENGTH;
        if (!named && contract_.record.length != 0) revert Fault_Malformed();
        Records.Bus memory b;
        bool isHis = false;
        if (allocation.record.length == 0) {
            b = Committed.emptySlot(h, allocation);
        } else {
            Records.Allocation memory a;
            (a, b) = Committed.allocation(h, allocation);
            isHis = a.index == index;
        }
        bool isHisPlace = false;
        bool hasPlace = true;
        if (named && Records.number(contract_.record, 24, 2) == b.bus) {
            uint256 slot = Records.number(contract_.record, 26, 4);
            isHisPlace = slot == allocation.slot;
            hasPlace = slot >> b.depth == 0;
        }
        _convict(header, isHis != isHisPlace || !hasPlace);
    }

    /// @inheritdoc IFaultProofs
    function orphan(
        HeaderEvidence calldata header,
        uint32 index,
        LeafEvidence calldata contract_,
        LeafEvidence calldata postState
    ) external {
        Committed.leaf(header.payload.contractsRoot(), _treeDepth, Records.KIND_CONTRACT, index, contract_);
        Committed.leaf(header.payload.stateRoot(), _treeDepth, Records.KIND_STATE, index, postState);
        _convict(header, contract_.record.length == 0 && postState.record.length != 0);
    }

    /// @dev Whether a part is what largest remainders can give: the exact quota rounded down, or up if not whole.
    function _isPart(uint256 part, uint256 amount, uint256 weight, uint256 total) private pure returns (bool) {
        uint256 quota = amount * weight;
        uint256 scaled = part * total;
        return scaled > quota ? scaled - quota < total : quota - scaled < total;
    }
}
