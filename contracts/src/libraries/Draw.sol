// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The seeded draw of the key
/// @notice Integer Gumbel variates, word for word those of `offchain/fairness/draw.py`; derivation, ranges and
/// monotonicity in docs/mechanism.md, section 2. Every quantity is below 2^64, so nothing here can overflow.
library Draw {
    uint256 private constant _TAIL = 1 << 45;
    uint256 private constant _TAIL_OFFSET = 838_319_485_111;
    uint256 private constant _ORIGIN = 774_611_408_087;
    uint256 private constant _LN2 = 186_065_279;
    /// @dev round(2^36 log2(16 / (9 + k))), 64 bits each, k = 0 lowest.
    uint256 private constant _OCTAVES_LOW =
        57_042_319_553 | 46_596_746_509 << 64 | 37_147_576_307 << 128 | 28_521_159_776 << 192;
    uint256 private constant _OCTAVES_HIGH = 20_585_625_820 | 13_238_468_952 << 64 | 6_398_429_549 << 128;

    /// @notice The draw of a participant.
    /// @param seed The interval's seed.
    /// @param index Its registration number.
    /// @return The variate less the least one, in 2^-24; below 2^30.
    function draw(bytes32 seed, uint256 index) internal pure returns (uint256) {
        return gumbel(uint256(keccak256(abi.encodePacked(uint8(0x0b), seed, uint32(index)))) >> 204);
    }

    /// @notice The variate of a uniform number `(h + 1/2) / 2^52`.
    /// @param h Below 2^52.
    /// @return The variate less the least one, in 2^-24.
    function gumbel(uint256 h) internal pure returns (uint256) {
        uint256 u = 2 * h + 1;
        uint256 v = (1 << 53) - u;
        uint256 ratio;
        if (v < _TAIL) {
            uint256 a = v >> 13;
            uint256 b = a * a;
            uint256 e = (v << 7) + (b >> 21) + ((b >> 32) * a) / (3 << 28);
            ratio = log2Complement(e) + _TAIL_OFFSET;
        } else {
            ratio = log2Complement(log2Complement(u)) - _ORIGIN;
        }
        return ((ratio >> 6) * _LN2) >> 34;
    }

    /// @notice `53 - log2 x` in 2^-36.
    /// @param x From 1 to 2^53 - 1.
    /// @return The complement, rounded down at every step.
    function log2Complement(uint256 x) internal pure returns (uint256) {
        uint256 zeros = 53;
        for (uint256 rest = x; rest != 0; rest >>= 1) {
            --zeros;
        }
        uint256 m = x << zeros;
        uint256 k = (m >> 49) - 8;
        uint256 c = (k + 9) << 49;
        uint256 z = ((c - m) << 14) / ((c + m) >> 22);
        uint256 y = (z * z) >> 36;
        uint256 s = 442_594_858;
        s = 619_632_802 + ((s * y) >> 36);
        s = 1_032_721_336 + ((s * y) >> 36);
        s = 3_098_164_009 + ((s * y) >> 36);
        return (zeros << 36) + _octave(k) + ((s * z) >> 30);
    }

    /// @dev The k-th constant.
    function _octave(uint256 k) private pure returns (uint256) {
        return ((k < 4 ? _OCTAVES_LOW : _OCTAVES_HIGH) >> (64 * (k & 3))) & type(uint64).max;
    }
}
