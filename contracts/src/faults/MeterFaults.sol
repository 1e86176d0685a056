// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMeterFaults} from "../interfaces/IMeterFaults.sol";
import {Committed} from "../libraries/Committed.sol";
import {FairPlay} from "../libraries/FairPlay.sol";
import {Headers} from "../libraries/Headers.sol";
import {Metering} from "../libraries/Metering.sol";
import {Policies} from "../libraries/Policies.sol";
import {Records} from "../libraries/Records.sol";
import {Trees} from "../libraries/Trees.sol";
import {AllocationEvidence, HeaderEvidence, LeafEvidence} from "../types/Evidence.sol";
import {Court} from "./Court.sol";

/// @title Faults of readings, fees and the reserve
/// @notice See IMeterFaults.
abstract contract MeterFaults is Court, IMeterFaults {
    using Headers for bytes;

    /// @inheritdoc IMeterFaults
    function subscription(
        HeaderEvidence calldata header,
        AllocationEvidence calldata allocation,
        LeafEvidence calldata preState
    ) external {
        (Records.Allocation memory a,) = Committed.allocation(header.payload, allocation);
        Records.State memory s = _state(header, a.index, preState);
        _convict(header, a.subscription != s.subscription);
    }

    /// @inheritdoc IMeterFaults
    function meterReading(
        HeaderEvidence calldata header,
        uint32 index,
        LeafEvidence calldata reading,
        bytes calldata policy
    ) external {
        Policies.Policy memory p = Policies.open(policy, header.payload.policyHash());
        uint256 measured = Metering.measured(p, header.payload.interval());
        bytes32 root = header.payload.meterRoot();
        if (measured == 0) {
            _convict(header, root != Trees.EMPTY_LEAF);
            return;
        }
        if (root == Trees.EMPTY_LEAF && _treeDepth != 0) {
            _convict(header, true);
            return;
        }
        Committed.leaf(root, _treeDepth, Records.KIND_READING, index, reading);
        Records.Reading memory m = Records.reading(reading.record);
        _convict(
            header,
            m.interval != measured || m.consumedWh > Metering.MAX_WH || m.producedWh > Metering.MAX_WH
                || Metering.signer(m, ledger.domainSeparator()) != p.meterOperator
        );
    }

    /// @inheritdoc IMeterFaults
    function imbalance(
        HeaderEvidence calldata header,
        AllocationEvidence calldata allocation,
        HeaderEvidence calldata past,
        AllocationEvidence calldata earlier,
        LeafEvidence calldata preState,
        LeafEvidence calldata reading,
        bytes calldata policy
    ) external {
        (Records.Allocation memory a,) = Committed.allocation(header.payload, allocation);
        if (a.index == 0) revert Fault_Malformed();
        // An interval is settled by the policy that it was cleared by; all of a market have the same lag.
        uint256 named = 0;
        bytes32 committed = header.payload.policyHash();
        if (past.payload.length != 0) {
            named = ledger.requireHeader(past);
            committed = past.payload.policyHash();
        }
        Policies.Policy memory p = Policies.open(policy, committed);
        if (Metering.measured(p, header.payload.interval()) != named) revert Fault_NotCommitted();
        uint256 debit = 0;
        uint256 credit = 0;
        if (named != 0) {
            (Records.Allocation memory m,) = Committed.allocation(past.payload, earlier);
            if (m.index != a.index) revert Fault_Malformed();
            Committed.leaf(header.payload.meterRoot(), _treeDepth, Records.KIND_READING, a.index, reading);
            (debit, credit) = Metering.imbalance(p, _state(header, a.index, preState), m, reading.record);
        }
        credit = credit * header.payload.imbalanceScale() / FairPlay.PPB;
        _convict(header, a.imbalanceDebit != debit || a.imbalanceCredit != credit);
    }

    /// @inheritdoc IMeterFaults
    function reserve(
        HeaderEvidence calldata header,
        AllocationEvidence calldata allocation,
        bytes calldata root,
        LeafEvidence calldata preState,
        bytes calldata policy
    ) external {
        (Records.Allocation memory a,) = Committed.allocation(header.payload, allocation);
        if (a.index != 0) revert Fault_Malformed();
        (bytes32 hash, Records.Sums memory all) = Committed.open(root);
        if (hash != header.payload.allocationRoot()) revert Fault_NotCommitted();
        // What all receive beside energy is what the reserve pays, and what itself receives.
        bool isCounterpart = all.energyCredit + a.imbalanceDebit + a.imbalanceCredit == all.credit;
        Policies.Policy memory p = Policies.open(policy, header.payload.policyHash());
        Records.State memory s = _state(header, 0, preState);
        uint256 scale = header.payload.imbalanceScale();
        _convict(header, !isCounterpart || !Metering.reserveByRule(p, s, a, scale, 1 << _treeDepth));
    }

    /// @dev A participant's state before the interval; without one its line is another fault.
    function _state(HeaderEvidence calldata header, uint256 index, LeafEvidence calldata preState)
        private
        view
        returns (Records.State memory)
    {
        Committed.leaf(header.payload.preStateRoot(), _treeDepth, Records.KIND_STATE, index, preState);
        return Records.state(preState.record);
    }
}
