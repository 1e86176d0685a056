// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMarketTerms} from "../interfaces/IMarketTerms.sol";
import {Records} from "./Records.sol";

/// @title The packed policy
/// @notice docs/protocol.md, section 6. Proofs that need the policy bring it along and are held to its hash.
library Policies {
    uint256 internal constant LENGTH = 94;
    /// @dev Prices are below the one, ramps at most as wide as the other.
    uint256 private constant _MAX_TICKS = 2 ** 29;
    uint256 private constant _MAX_RAMP_TICKS = 2 ** 17 - 1;

    /// @notice Thrown when the bytes are not the policy whose hash was committed.
    error Policies_WrongPolicy();

    /// @notice The parameters of the mechanism; prices in ticks, fractions in ppb.
    struct Policy {
        uint256 pCap;
        uint256 v;
        uint256 kappa;
        uint256 wS;
        uint256 kMax;
        uint256 essentialRank;
        uint256 gamma;
        uint256 tau;
        uint256 beta;
        uint256 pLo;
        uint256 pHi;
        uint256 maxBid;
        uint256 priceCurve;
        uint256 meterLag;
        uint256 spread;
        uint256 reserve;
        address meterOperator;
    }

    /// @notice Hold a packed policy to its hash.
    /// @param packed The packed policy.
    /// @param expected The committed hash.
    function hold(bytes calldata packed, bytes32 expected) internal pure {
        if (packed.length != LENGTH || keccak256(abi.encodePacked(uint8(0x0a), packed)) != expected) {
            revert Policies_WrongPolicy();
        }
    }

    /// @notice The one number that a state's transition needs, of a policy held to its hash.
    /// @param packed The packed policy.
    /// @param expected The committed hash.
    /// @return In ppb.
    function beta(bytes calldata packed, bytes32 expected) internal pure returns (uint256) {
        hold(packed, expected);
        return Records.number(packed, 43, 4);
    }

    /// @notice Decode a policy and hold it to its hash.
    /// @param packed The packed policy.
    /// @param expected The committed hash.
    /// @return p The policy.
    function open(bytes calldata packed, bytes32 expected) internal pure returns (Policy memory p) {
        hold(packed, expected);
        p.pCap = Records.number(packed, 6, 4);
        p.v = Records.number(packed, 10, 4);
        p.kappa = Records.number(packed, 14, 4);
        p.wS = Records.number(packed, 18, 4);
        p.kMax = Records.number(packed, 22, 4);
        p.essentialRank = Records.number(packed, 26, 1);
        p.gamma = Records.number(packed, 27, 8);
        p.tau = Records.number(packed, 35, 8);
        p.beta = Records.number(packed, 43, 4);
        p.pLo = Records.number(packed, 47, 4);
        p.pHi = Records.number(packed, 51, 4);
        p.maxBid = Records.number(packed, 55, 4);
        p.priceCurve = Records.number(packed, 60, 1);
        p.meterLag = Records.number(packed, 61, 1);
        p.spread = Records.number(packed, 62, 4);
        p.reserve = Records.number(packed, 66, 8);
        p.meterOperator = address(uint160(Records.number(packed, 74, 20)));
    }

    /// @notice How many intervals later readings are settled, of a policy held to its hash.
    /// @param packed The packed policy.
    /// @param expected The committed hash.
    /// @return The lag; 0 if none are settled.
    function meterLag(bytes memory packed, bytes32 expected) internal pure returns (uint256) {
        if (packed.length != LENGTH || keccak256(abi.encodePacked(uint8(0x0a), packed)) != expected) {
            revert Policies_WrongPolicy();
        }
        return uint8(packed[61]);
    }

    /// @notice Check that a policy may follow another: what states and settled intervals rest on stays, and every
    /// number keeps within the promises of docs/mechanism.md; `offchain/policy.py` is the same in Python.
    /// @param before The packed policy in force.
    /// @param next The packed policy to take its place; reverts with the offset of the field that will not do.
    function requireSuccessor(bytes calldata before, bytes calldata next) internal pure {
        if (next.length != LENGTH) revert IMarketTerms.Terms_BadPolicy(LENGTH);
        _require(_same(before, next, 0, 2), 0);
        _require(_same(before, next, 2, 4), 2);
        _require(_same(before, next, 26, 1), 26);
        _require(_same(before, next, 59, 1), 59);
        _require(_same(before, next, 61, 1), 61);
        _require(_same(before, next, 66, 8), 66);
        Policy memory p = open(next, keccak256(abi.encodePacked(uint8(0x0a), next)));
        _require(p.v != 0 && p.v * p.kappa <= _MAX_RAMP_TICKS, 10);
        _require(p.kappa != 0, 14);
        _require(p.wS != 0 && p.wS <= _MAX_RAMP_TICKS, 18);
        _require(p.kMax != 0, 22);
        uint256 top = p.pCap + p.essentialRank * p.v * (p.kMax + p.kappa + 1) + p.v * p.kappa;
        _require(p.pCap >= p.maxBid + p.wS && top < _MAX_TICKS, 6);
        _require(p.gamma * p.v < 2 ** 62, 27);
        _require(p.tau * p.v < 2 ** 62, 35);
        _require(p.beta <= 1e9, 43);
        _require(p.pLo <= p.pHi, 47);
        _require(p.pHi < _MAX_TICKS && p.pHi % 1000 == 0 && p.pHi >= p.maxBid + 1000, 51);
        _require(p.priceCurve < 3, 60);
        _require(p.maxBid + p.spread <= p.pHi, 62);
        _require(p.meterLag == 0 || p.meterOperator != address(0), 74);
    }

    function _require(bool holds, uint256 offset) private pure {
        if (!holds) revert IMarketTerms.Terms_BadPolicy(offset);
    }

    function _same(bytes calldata before, bytes calldata next, uint256 offset, uint256 size)
        private
        pure
        returns (bool)
    {
        return Records.number(before, offset, size) == Records.number(next, offset, size);
    }
}
