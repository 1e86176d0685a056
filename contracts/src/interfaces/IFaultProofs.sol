// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AllocationEvidence, HeaderEvidence} from "../types/Evidence.sol";

/// @title One entry point per lie
/// @notice Each function takes one header and the evidence of one fault in it. If the fault is there, the header and
/// all after it are void and the bond is slashed; if not, the call reverts and changes nothing. No bond is asked of
/// the prover. To own the reward, commit to the proof at least one block before sending it.
interface IFaultProofs {
    /// @notice Emitted when a fault has been proven.
    /// @param interval Interval of the voided header.
    /// @param fault Selector of the function that proved it.
    /// @param prover Who sent the proof.
    event FaultProven(uint32 indexed interval, bytes4 indexed fault, address indexed prover);

    /// @notice Thrown when the evidence is genuine and shows nothing wrong.
    error Fault_NotProven();
    /// @notice Thrown when a record is not under the root that the header commits to.
    error Fault_NotCommitted();
    /// @notice Thrown when evidence does not have the form that its record kind asks for.
    error Fault_Malformed();

    /// @notice Reserve a proof, so that nobody who sees it in a pool of waiting transactions can take its reward.
    /// @param commitment `H(abi.encode(sender, H(calldata of the proof)))`.
    function commit(bytes32 commitment) external;

    /// @notice An allocation lies outside its bracket at its bus's price (docs/mechanism.md, section 1).
    /// @param header The header.
    /// @param allocation The leaf, its bus and its path.
    function bracket(HeaderEvidence calldata header, AllocationEvidence calldata allocation) external;

    /// @notice A leaf's energy cost or supply pay is not what its quantities, price and bid give (section 5).
    /// @param header The header.
    /// @param allocation The leaf, its bus and its path.
    function payment(HeaderEvidence calldata header, AllocationEvidence calldata allocation) external;
}
