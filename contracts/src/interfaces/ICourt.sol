// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What all fault proofs share
/// @notice Reserving a proof, and what its evidence can come to.
interface ICourt {
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
    /// Should somebody be faster who has reserved nothing, the header falls and the reward is set aside; the same call,
    /// sent all the same, then collects it from the bond instead of reverting.
    /// @param commitment `H(abi.encode(sender, H(calldata of the proof)))`.
    function commit(bytes32 commitment) external;
}
