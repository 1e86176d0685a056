// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Records} from "./Records.sol";

/// @title The response of a ramp to a nodal price
/// @notice docs/mechanism.md, section 1. Prices of ramps in ticks, nodal prices in 2^-16 tick, energy in Wh.
/// @dev q and ramp ends have 32 bits and the nodal price 64, so no product below exceeds 2^130.
library Response {
    uint256 private constant FRACTION_BITS = 16;

    /// @notice What a demand takes at a nodal price.
    /// @param ramp The ramp, pa < pb.
    /// @param price The nodal price.
    /// @return The response in Wh.
    function demand(Records.Ramp memory ramp, int256 price) internal pure returns (uint256) {
        int256 low = int256(ramp.pa << FRACTION_BITS);
        int256 high = int256(ramp.pb << FRACTION_BITS);
        if (price <= low) return ramp.q;
        if (price >= high) return 0;
        return ramp.q * uint256(high - price) / uint256(high - low);
    }

    /// @notice What a supply gives at a nodal price.
    /// @param ramp The ramp, pa < pb.
    /// @param price The nodal price.
    /// @return The response in Wh.
    function supply(Records.Ramp memory ramp, int256 price) internal pure returns (uint256) {
        int256 low = int256(ramp.pa << FRACTION_BITS);
        int256 high = int256(ramp.pb << FRACTION_BITS);
        if (price <= low) return 0;
        if (price >= high) return ramp.q;
        return ramp.q * uint256(price - low) / uint256(high - low);
    }

    /// @notice Whether a demand's allocation is inside its bracket.
    /// @param ramp The ramp and its allocation.
    /// @param price The nodal price.
    /// @return True if inside; a ramp of no energy is inside only with no allocation.
    function demandInside(Records.Ramp memory ramp, int256 price) internal pure returns (bool) {
        if (ramp.q == 0) return ramp.x == 0;
        return _inside(ramp, demand(ramp, price + 1), demand(ramp, price - 1));
    }

    /// @notice Whether a supply's allocation is inside its bracket.
    /// @param ramp The ramp and its allocation.
    /// @param price The nodal price.
    /// @return True if inside; a ramp of no energy is inside only with no allocation.
    function supplyInside(Records.Ramp memory ramp, int256 price) internal pure returns (bool) {
        if (ramp.q == 0) return ramp.x == 0;
        return _inside(ramp, supply(ramp, price - 1), supply(ramp, price + 1));
    }

    /// @dev max(0, least - 1) <= x <= min(q, most + 1)
    function _inside(Records.Ramp memory ramp, uint256 least, uint256 most) private pure returns (bool) {
        return ramp.x + 1 >= least && ramp.x <= most + 1 && ramp.x <= ramp.q;
    }
}
