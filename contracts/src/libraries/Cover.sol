// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Orders} from "./Orders.sol";
import {Records} from "./Records.sol";

/// @title What a participant may owe
/// @notice docs/mechanism.md, section 5; `offchain/metering/cover.py` is the same in Python. Money in micro.
library Cover {
    /// @notice How much more a participant may owe, from its state before an interval.
    /// @param collateral What it has for the interval.
    /// @param s Its state before.
    function room(uint256 collateral, Records.State memory s) internal pure returns (uint256) {
        return _over(collateral + s.credit, s.peak + s.debit);
    }

    /// @notice Whether an order fits the room even if all it asks is served at the highest price.
    /// @param room_ The room.
    /// @param o The order.
    /// @param pHi The highest price in ticks.
    function affords(uint256 room_, Records.Order memory o, uint256 pHi) internal pure returns (bool) {
        return pHi * Orders.demand(o) <= 1000 * room_;
    }

    /// @notice What of the room, and of what the interval itself brings, is left once the energy is paid.
    /// @param room_ The room.
    /// @param a The participant's line.
    function left(uint256 room_, Records.Allocation memory a) internal pure returns (uint256) {
        return _over(room_ + a.supplyPay + a.potShare, a.energyCost + a.shortfall);
    }

    /// @notice What is charged of an amount due: no more than what is left.
    /// @param due The amount.
    /// @param left_ What is left.
    function charged(uint256 due, uint256 left_) internal pure returns (uint256) {
        return due < left_ ? due : left_;
    }

    /// @notice Whether an interval took a participant beyond its collateral.
    /// @param collateral What it has for the interval.
    /// @param pre Its state before.
    /// @param post Its state after.
    /// @return True if it owes more than its collateral, and more than before.
    function isOverdrawn(uint256 collateral, Records.State memory pre, Records.State memory post)
        internal
        pure
        returns (bool)
    {
        uint256 owed = post.peak + post.debit;
        return owed > post.credit + collateral && owed + pre.credit > pre.peak + pre.debit + post.credit;
    }

    function _over(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a - b : 0;
    }
}
