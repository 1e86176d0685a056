// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Where seeds come from
/// @notice An adapter brings exactly one seed per interval to the ledger, after the interval's orders are fixed
/// there.
interface IRandomnessBeacon {
    /// @notice The ledger the seeds are for.
    function ledger() external view returns (address);

    /// @notice Orders of an interval were opened again: whatever may be known of its seed by now must not become one
    /// (ledger only).
    function renew() external;
}
