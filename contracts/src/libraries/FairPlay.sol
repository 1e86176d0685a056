// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Draw} from "./Draw.sol";
import {Policies} from "./Policies.sol";
import {Records} from "./Records.sol";

/// @title The rules of Fair Play
/// @notice docs/mechanism.md, sections 2 and 5, for one participant; `offchain/fairness` and `offchain/pricing.py`
/// are the same in Python. Record fields have at most 128 bits and policy fields 64, so no product overflows.
library FairPlay {
    uint256 internal constant PPB = 1e9;

    /// @notice The key of a flexible order.
    /// @param p The policy.
    /// @param s The participant's state before the interval.
    /// @param seed The interval's seed.
    /// @return The key in ticks.
    function key(Policies.Policy memory p, Records.State memory s, bytes32 seed) internal pure returns (uint256) {
        return keyOf(p, s, Draw.draw(seed, s.index));
    }

    /// @notice The key of a flexible order, its draw given.
    /// @param p The policy.
    /// @param s The participant's state before the interval.
    /// @param g The draw, in 2^-24.
    /// @return The key in ticks.
    function keyOf(Policies.Policy memory p, Records.State memory s, uint256 g) internal pure returns (uint256) {
        uint256 owed = s.rateWh == 0 ? 0 : s.deficit / s.rateWh;
        if (owed > p.kMax * PPB) owed = p.kMax * PPB;
        uint256 sum = p.gamma * p.v / PPB * s.memoryPpb / PPB + owed * p.v / PPB + ((p.tau * p.v / PPB * g) >> 24);
        return sum < p.kMax * p.v ? sum : p.kMax * p.v;
    }

    /// @notice Whether the ramps of a line are those of the rule.
    /// @param p The policy.
    /// @param s The participant's state before the interval.
    /// @param a The line, whose key is taken as given.
    /// @return True if every ramp starts and ends where it must.
    function rampsByRule(Policies.Policy memory p, Records.State memory s, Records.Allocation memory a)
        internal
        pure
        returns (bool)
    {
        uint256 rankTicks = p.v * (p.kMax + p.kappa + 1);
        uint256 essential = p.pCap + p.essentialRank * rankTicks;
        uint256 flexible = p.pCap + s.rank * rankTicks + a.keyTicks;
        uint256 width = p.v * p.kappa;
        return a.essential.pa == essential && a.essential.pb == essential + width && a.flexible.pa == flexible
            && a.flexible.pb == flexible + width && a.supply.pb == a.supply.pa + p.wS;
    }

    /// @notice Whether a state follows from the one before and the line between.
    /// @param beta Of the policy, in ppb.
    /// @param pre The packed state before the interval.
    /// @param post The packed state after it.
    /// @param f What the line says of it.
    /// @return True if every field is what the rule gives, its salt apart.
    function follows(uint256 beta, bytes calldata pre, bytes calldata post, Records.Flow memory f)
        internal
        pure
        returns (bool)
    {
        uint256 fstar = Records.number(pre, 5, 4);
        uint256 credit = Records.number(pre, 41, 8) + f.gained;
        uint256 debit = Records.number(pre, 49, 8) + f.spent;
        uint256 peak = Records.number(pre, 57, 8);
        if (credit > debit + peak) peak = credit - debit;
        // Contract fields stay: index to supply cap, the first 21 bytes, and the subscription.
        return Records.number(post, 0, 21) == Records.number(pre, 0, 21)
            && Records.number(post, 21, 4) == nextMemory(beta, Records.number(pre, 21, 4), fstar, f.asked, f.served)
            && Records.number(post, 25, 16) == nextDeficit(Records.number(pre, 25, 16), fstar, f.asked, f.served)
            && Records.number(post, 41, 8) == credit && Records.number(post, 49, 8) == debit
            && Records.number(post, 57, 8) == peak && Records.number(post, 65, 8) == Records.number(pre, 65, 8);
    }

    /// @notice The shortage memory after an interval.
    /// @param beta Of the policy, in ppb.
    /// @param memory_ The memory before it, in ppb.
    /// @param fstar The share that is owed, in ppb.
    /// @param asked Flexible energy that was asked for, Wh.
    /// @param served Of which was served, Wh.
    /// @return In ppb.
    function nextMemory(uint256 beta, uint256 memory_, uint256 fstar, uint256 asked, uint256 served)
        internal
        pure
        returns (uint256)
    {
        uint256 target = fstar * asked / PPB;
        if (target == 0) return memory_;
        uint256 ratio = served * PPB / target;
        uint256 shortage = ratio < PPB ? PPB - ratio : 0;
        return ((PPB - beta) * memory_ + beta * shortage) / PPB;
    }

    /// @notice The deficit after an interval.
    /// @param deficit The deficit before it, in ppb-Wh.
    /// @param fstar The share that is owed, in ppb.
    /// @param asked Flexible energy that was asked for, Wh.
    /// @param served Of which was served, Wh.
    /// @return In ppb-Wh.
    function nextDeficit(uint256 deficit, uint256 fstar, uint256 asked, uint256 served)
        internal
        pure
        returns (uint256)
    {
        uint256 due = deficit + fstar * asked;
        uint256 given = served * PPB;
        return due > given ? due - given : 0;
    }

    /// @notice Tightness of a layer.
    /// @param requested Requests inside it, Wh.
    /// @param offered Offers inside it, Wh.
    /// @param total Offers of the whole market, Wh.
    /// @param importLimit Limits of the lines across its boundary, Wh.
    /// @return In ppb.
    function tightness(uint256 requested, uint256 offered, uint256 total, uint256 importLimit)
        internal
        pure
        returns (uint256)
    {
        uint256 outside = total > offered ? total - offered : 0;
        uint256 deliverable = offered + (importLimit < outside ? importLimit : outside);
        return deliverable >= requested ? 0 : PPB - deliverable * PPB / requested;
    }

    /// @notice Price at a tightness, by the policy's curve: 0 linear, 1 piecewise, 2 smooth.
    /// @param p The policy.
    /// @param tau Tightness in ppb.
    /// @return In ticks.
    function price(Policies.Policy memory p, uint256 tau) internal pure returns (uint256) {
        uint256 phi = tau;
        if (p.priceCurve == 1) phi = (2 * tau <= PPB ? tau : 3 * tau - PPB) / 2;
        else if (p.priceCurve == 2) phi = tau * tau * (3 * PPB - 2 * tau) / (PPB * PPB);
        return p.pLo + (p.pHi - p.pLo) * phi / PPB;
    }
}
