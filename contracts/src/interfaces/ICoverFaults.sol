// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HeaderEvidence, LeafEvidence} from "../types/Evidence.sol";

/// @title One entry point per lie about what collateral covers
/// @notice Called at the address of FaultProofs, like all proofs (docs/mechanism.md, section 5).
interface ICoverFaults {
    /// @notice A forced order that is due, admissible and within its owner's room is not in the orders tree, nor one of
    /// its owner with the same or a higher number.
    /// @param header The header.
    /// @param id Number of the forced order.
    /// @param filed The packed order as filed.
    /// @param order The participant's order leaf, empty if there is none.
    /// @param preState The participant's state before the interval, which carries its contract.
    /// @param policy The packed policy.
    function forcedIgnored(
        HeaderEvidence calldata header,
        uint256 id,
        bytes calldata filed,
        LeafEvidence calldata order,
        LeafEvidence calldata preState,
        bytes calldata policy
    ) external;

    /// @notice A participant owes more than its collateral for the interval, and more than before it.
    /// @param header The header.
    /// @param preState The participant's state before the interval.
    /// @param postState The participant's state after it.
    function overdrawn(HeaderEvidence calldata header, LeafEvidence calldata preState, LeafEvidence calldata postState)
        external;
}
