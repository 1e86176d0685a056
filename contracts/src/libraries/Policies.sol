// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Records} from "./Records.sol";

/// @title The packed policy
/// @notice docs/protocol.md, section 6. Proofs that need the policy bring it along and are held to its hash.
library Policies {
    uint256 internal constant LENGTH = 94;

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

    /// @notice The one number that a state's transition needs, of a policy held to its hash.
    /// @param packed The packed policy.
    /// @param expected The committed hash.
    /// @return In ppb.
    function beta(bytes calldata packed, bytes32 expected) internal pure returns (uint256) {
        _hold(packed, expected);
        return Records.number(packed, 43, 4);
    }

    /// @notice Decode a policy and hold it to its hash.
    /// @param packed The packed policy.
    /// @param expected The committed hash.
    /// @return p The policy.
    function open(bytes calldata packed, bytes32 expected) internal pure returns (Policy memory p) {
        _hold(packed, expected);
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

    function _hold(bytes calldata packed, bytes32 expected) private pure {
        if (packed.length != LENGTH || keccak256(abi.encodePacked(uint8(0x0a), packed)) != expected) {
            revert Policies_WrongPolicy();
        }
    }
}
