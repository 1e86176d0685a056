// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AllocationEvidence, HeaderEvidence, LeafEvidence} from "../types/Evidence.sol";

/// @title One entry point per lie about what collateral covers
/// @notice Called at the address of FaultProofs, like all proofs (docs/mechanism.md, section 5).
interface ICoverFaults {
    /// @notice A participant owes more than its collateral for the interval, and more than before it.
    /// @param header The header.
    /// @param preState The participant's state before the interval.
    /// @param postState The participant's state after it.
    function overdrawn(HeaderEvidence calldata header, LeafEvidence calldata preState, LeafEvidence calldata postState)
        external;

    /// @notice An order counts although its owner could not pay for it at the highest price, or a covered one counts
    /// as none. Without an order or a state before there is nothing to judge, and the evidence is malformed.
    /// @param header The header.
    /// @param allocation The participant's line.
    /// @param order Its order in the orders tree.
    /// @param preState Its state before the interval.
    /// @param policy The packed policy of the header's policy hash.
    function uncovered(
        HeaderEvidence calldata header,
        AllocationEvidence calldata allocation,
        LeafEvidence calldata order,
        LeafEvidence calldata preState,
        bytes calldata policy
    ) external;
}
