// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HeaderEvidence, LeafEvidence} from "../types/Evidence.sol";

/// @title One entry point per lie about what collateral covers
/// @notice Called at the address of FaultProofs, like all proofs (docs/mechanism.md, section 5).
interface ICoverFaults {
    /// @notice A participant owes more than its collateral for the interval, and more than before it.
    /// @param header The header.
    /// @param preState The participant's state before the interval.
    /// @param postState The participant's state after it.
    function overdrawn(HeaderEvidence calldata header, LeafEvidence calldata preState, LeafEvidence calldata postState)
        external;
}
