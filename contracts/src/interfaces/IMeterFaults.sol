// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AllocationEvidence, HeaderEvidence, LeafEvidence} from "../types/Evidence.sol";

/// @title One entry point per lie about meters, fees and the reserve
/// @notice Called at the address of FaultProofs, like all proofs (docs/mechanism.md, section 5).
interface IMeterFaults {
    /// @notice A leaf's subscription is not that of the participant's contract.
    /// @param header The header.
    /// @param allocation The leaf, its bus and its path.
    /// @param preState The participant's state before the interval.
    function subscription(
        HeaderEvidence calldata header,
        AllocationEvidence calldata allocation,
        LeafEvidence calldata preState
    ) external;

    /// @notice A settled reading is not of the interval that must be settled, out of range or not signed by the
    /// metering operator; or readings are settled where none may be, or none where they must.
    /// @param header The header.
    /// @param index The registration number of the reading.
    /// @param reading The reading; not looked at where the meter root alone is wrong.
    /// @param policy The packed policy.
    function meterReading(
        HeaderEvidence calldata header,
        uint32 index,
        LeafEvidence calldata reading,
        bytes calldata policy
    ) external;

    /// @notice A leaf's imbalance lines are not what its earlier allocation and its reading give. The reserve's own
    /// line has its own proof.
    /// @param header The header.
    /// @param allocation The leaf, its bus and its path.
    /// @param past The header of the measured interval, as kept by the ledger; its payload is empty if none is
    /// measured.
    /// @param earlier The participant's leaf of that interval, its bus and its path.
    /// @param preState The participant's state before the header's interval, for the caps of its contract.
    /// @param reading Its reading, empty if there is none.
    /// @param policy The packed policy of the measured interval; of the header's if none is measured.
    function imbalance(
        HeaderEvidence calldata header,
        AllocationEvidence calldata allocation,
        HeaderEvidence calldata past,
        AllocationEvidence calldata earlier,
        LeafEvidence calldata preState,
        LeafEvidence calldata reading,
        bytes calldata policy
    ) external;

    /// @notice The reserve pays more than it has, or something else than the others receive; or credits are scaled down
    /// although it could pay them.
    /// @param header The header.
    /// @param allocation The reserve's leaf, its bus and its path.
    /// @param root The allocation root, opened as in SumEvidence.
    /// @param preState The reserve's state before the interval.
    /// @param policy The packed policy.
    function reserve(
        HeaderEvidence calldata header,
        AllocationEvidence calldata allocation,
        bytes calldata root,
        LeafEvidence calldata preState,
        bytes calldata policy
    ) external;
}
