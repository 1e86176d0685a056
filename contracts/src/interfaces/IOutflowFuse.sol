// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A bound on what flows out to who never put money in
/// @notice Earnings of accounts that have deposited less than `outflowStake` in their life are paid up to `outflowCap`
/// in each window; what exceeds it stays due and can be claimed in the next. Nobody else is slowed.
interface IOutflowFuse {
    /// @notice Emitted when part of a payment has to wait for a later window.
    /// @param amount How much, in micro.
    event OutflowHeld(uint256 amount);

    /// @notice Thrown when a bound is zero, which would hold money for good.
    error Fuse_BadConfig();
    /// @notice Thrown when nothing can be paid before the next window.
    error Fuse_Spent();

    /// @notice Most that flows out in one window, in micro.
    function outflowCap() external view returns (uint64);

    /// @notice Deposits from which on an account is not bounded, in micro.
    function outflowStake() external view returns (uint64);

    /// @notice Length of a window in seconds.
    function outflowWindow() external view returns (uint32);

    /// @notice What can still flow out in the running window, in micro.
    function outflowLeft() external view returns (uint64);
}
