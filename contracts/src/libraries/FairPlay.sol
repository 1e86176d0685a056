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

    /// @notice The state that an interval leads to.
    /// @param p The policy.
    /// @param s The state before it.
    /// @param a The participant's line.
    /// @return t The state after it: contract fields unchanged.
    function transition(Policies.Policy memory p, Records.State memory s, Records.Allocation memory a)
        internal
        pure
        returns (Records.State memory t)
    {
        t = Records.State({
            index: s.index,
            rank: s.rank,
            fstarPpb: s.fstarPpb,
            rateWh: s.rateWh,
            demandCapWh: s.demandCapWh,
            supplyCapWh: s.supplyCapWh,
            memoryPpb: _memory(p, s, a.flexible),
            deficit: 0,
            credit: s.credit + a.supplyPay + a.potShare + a.imbalanceCredit,
            debit: s.debit + a.energyCost + a.shortfall + a.subscription + a.imbalanceDebit,
            peak: s.peak,
            subscription: s.subscription
        });
        uint256 due = s.deficit + s.fstarPpb * a.flexible.q;
        uint256 given = a.flexible.x * PPB;
        if (due > given) t.deficit = due - given;
        if (t.credit > t.debit + t.peak) t.peak = t.credit - t.debit;
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

    function _memory(Policies.Policy memory p, Records.State memory s, Records.Ramp memory flexible)
        private
        pure
        returns (uint256)
    {
        uint256 target = s.fstarPpb * flexible.q / PPB;
        if (target == 0) return s.memoryPpb;
        uint256 ratio = flexible.x * PPB / target;
        uint256 shortage = ratio < PPB ? PPB - ratio : 0;
        return ((PPB - p.beta) * s.memoryPpb + p.beta * shortage) / PPB;
    }
}
