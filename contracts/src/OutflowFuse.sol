// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOutflowFuse} from "./interfaces/IOutflowFuse.sol";

/// @title OutflowFuse
/// @notice See IOutflowFuse. The escrow's part that bounds what a false header can carry off to who never put money in.
abstract contract OutflowFuse is IOutflowFuse {
    /// @inheritdoc IOutflowFuse
    uint64 public immutable outflowCap;
    /// @inheritdoc IOutflowFuse
    uint64 public immutable outflowStake;
    /// @inheritdoc IOutflowFuse
    uint32 public immutable outflowWindow;

    /// @dev The running window and what has flowed out in it, in one slot.
    struct Flow {
        uint64 window;
        uint64 spent;
    }

    Flow private _flow;

    /// @notice Set the bounds.
    /// @param cap Most that flows out in one window, in micro.
    /// @param stake Deposits from which on an account is not bounded, in micro.
    /// @param window Length of a window in seconds.
    constructor(uint64 cap, uint64 stake, uint32 window) {
        if (cap == 0 || stake == 0 || window == 0) revert Fuse_BadConfig();
        outflowCap = cap;
        outflowStake = stake;
        outflowWindow = window;
    }

    /// @inheritdoc IOutflowFuse
    function outflowLeft() public view returns (uint64) {
        Flow memory f = _flow;
        return f.window == block.timestamp / outflowWindow ? outflowCap - f.spent : outflowCap;
    }

    /// @notice How much of a payment of earnings may be made now, counting it as made.
    /// @param staked Whether all that the account has ever deposited reaches the stake.
    /// @param amount What is due.
    /// @return What may be paid; the rest stays due.
    function _fused(bool staked, uint64 amount) internal returns (uint64) {
        if (staked || amount == 0) return amount;
        uint64 left = outflowLeft();
        if (amount > left) {
            emit OutflowHeld(amount - left);
            amount = left;
        }
        _flow = Flow(uint64(block.timestamp / outflowWindow), outflowCap - left + amount);
        return amount;
    }
}
