// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Signatures of drand's quicknet scheme
/// @notice BLS12-381 with signatures on G1 and keys on G2, messages hashed to G1 as RFC 9380 says for the suite
/// BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_; points go through the precompiles of EIP-2537. Numbers of the field
/// have 64 bytes there, the first 16 of them zero.
library Bls {
    /// @notice Bytes of a compressed signature.
    uint256 internal constant SIGNATURE_LENGTH = 48;
    /// @notice Bytes of a public key as the precompiles take it.
    uint256 internal constant KEY_LENGTH = 256;

    bytes private constant _SUITE = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

    address private constant _MODEXP = address(0x05);
    address private constant _G1_ADD = address(0x0b);
    address private constant _PAIRING = address(0x0f);
    address private constant _MAP_TO_G1 = address(0x10);
    /// @dev Two pairs cost 102,900 in Prague. A precompile burns what it is given when it refuses a point.
    uint256 private constant _PAIRING_GAS = 130_000;
    /// @dev So that the least sixty-fourth that a call holds back never shortens what the pairing is given.
    uint256 private constant _GAS_AT_HAND = 450_000;

    /// @dev The field's prime, (p + 1) / 4 and (p - 1) / 2, in words of 16 and 32 bytes.
    uint256 private constant _P_HIGH = 0x1a0111ea397fe69a4b1ba7b6434bacd7;
    uint256 private constant _P_LOW = 0x64774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab;
    uint256 private constant _ROOT_HIGH = 0x0680447a8e5ff9a692c6e9ed90d2eb35;
    uint256 private constant _ROOT_LOW = 0xd91dd2e13ce144afd9cc34a83dac3d8907aaffffac54ffffee7fbfffffffeaab;
    uint256 private constant _HALF_HIGH = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 private constant _HALF_LOW = 0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;

    /// @dev The generator of G1, and that of G2 negated.
    bytes private constant _G1 = hex"0000000000000000000000000000000017f1d3a73197d7942695638c4fa9ac0f"
        hex"c3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb"
        hex"0000000000000000000000000000000008b3f481e3aaa0f1a09e30ed741d8ae4"
        hex"fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1";
    bytes private constant _MINUS_G2 = hex"00000000000000000000000000000000024aa2b2f08f0a91260805272dc51051"
        hex"c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"
        hex"0000000000000000000000000000000013e02b6052719f607dacd3a088274f65"
        hex"596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e"
        hex"000000000000000000000000000000000d1b3cc2c7027888be51d9ef691d77bc"
        hex"b679afda66c73f17f9ee3837a55024f78c71363275a75d75d86bab79f74782aa"
        hex"0000000000000000000000000000000013fa4d4a0ad8b1ce186ed5061789213d"
        hex"993923066dddaf1040bc3ff59f825c78df74f2d75467e25e0f55f8a00fa030ed";

    /// @notice Thrown when the chain lacks the precompiles, or too little gas is at hand to ask them: neither says
    /// anything about a signature.
    error Bls_Unavailable();

    /// @notice Whether a signature is that of a round under a key.
    /// @param key The public key: x0, x1, y0, y1 in 64 bytes each.
    /// @param round Number of the round.
    /// @param signature The compressed point.
    /// @return True if it is. False if not, also if it is no point of the group in canonical form.
    function isSigned(bytes memory key, uint64 round, bytes calldata signature) internal view returns (bool) {
        (bool known, bytes memory point) = _decompressed(signature);
        if (!known) return false;
        bytes memory hash = hashToG1(abi.encodePacked(sha256(abi.encodePacked(round))));
        return pairsToOne(bytes.concat(point, _MINUS_G2, hash, key));
    }

    /// @notice Whether a key is a point of its group that the precompiles take, other than the point at infinity.
    /// @param key The public key.
    /// @return True if it is.
    function isKey(bytes memory key) internal view returns (bool) {
        // Any point of the group and its inverse pair to one; what is no point of it is refused.
        if (key.length != KEY_LENGTH || keccak256(key) == keccak256(new bytes(KEY_LENGTH))) return false;
        bytes memory minus = bytes.concat(_G1);
        _negate(minus);
        return pairsToOne(bytes.concat(_G1, key, minus, key));
    }

    /// @notice Hash a message to G1.
    /// @param message The message.
    /// @return point x and y.
    function hashToG1(bytes memory message) internal view returns (bytes memory point) {
        bytes memory tail = abi.encodePacked(_SUITE, uint8(_SUITE.length));
        bytes32 b0 = sha256(abi.encodePacked(new bytes(64), message, uint16(128), uint8(0), tail));
        bytes32[4] memory b;
        bytes32 last = 0;
        for (uint8 i = 0; i < 4; ++i) {
            last = sha256(abi.encodePacked(b0 ^ last, i + 1, tail));
            b[i] = last;
        }
        bytes memory one = _mapped(b[0], b[1]);
        bytes memory two = _mapped(b[2], b[3]);
        return _asked(_G1_ADD, bytes.concat(one, two), 128);
    }

    /// @notice Whether the product of pairings is one.
    /// @param pairs Points of G1 and G2 in turn, two pairs.
    /// @return True if it is; false if not, or if a point is none of its group. Reverts if the chain cannot tell.
    function pairsToOne(bytes memory pairs) internal view returns (bool) {
        if (gasleft() < _GAS_AT_HAND) revert Bls_Unavailable();
        (bool done, bytes memory answer) = _PAIRING.staticcall{gas: _PAIRING_GAS}(pairs);
        if (done && answer.length == 32) return abi.decode(answer, (uint256)) == 1;
        // A refusal speaks of the points only where the same gas suffices for points that are good.
        bytes memory minus = bytes.concat(_G1);
        _negate(minus);
        bytes memory good = bytes.concat(_G1, _MINUS_G2, minus, _MINUS_G2);
        (done, answer) = _PAIRING.staticcall{gas: _PAIRING_GAS}(good);
        if (!done || answer.length != 32) revert Bls_Unavailable();
        return false;
    }

    /// @dev The point of a compressed one, not yet known to be on the curve; false if its form is not canonical.
    function _decompressed(bytes calldata signature) private view returns (bool known, bytes memory point) {
        if (signature.length != SIGNATURE_LENGTH) return (false, "");
        uint256 high = uint128(bytes16(signature[:16]));
        uint256 low = uint256(bytes32(signature[16:48]));
        // Compressed, and not infinity.
        if (high >> 126 != 2) return (false, "");
        bool larger = high >> 125 & 1 == 1;
        high &= (1 << 125) - 1;
        if (!_below(high, low, _P_HIGH, _P_LOW)) return (false, "");
        bytes memory square = _power(high, low, 0, 3);
        uint256 squareHigh = _word(square, 0);
        uint256 squareLow = _word(square, 32);
        unchecked {
            squareLow += 4;
            if (squareLow < 4) ++squareHigh;
        }
        bytes memory y = _power(squareHigh, squareLow, _ROOT_HIGH, _ROOT_LOW);
        point = bytes.concat(abi.encode(high, low), y);
        if (_below(_HALF_HIGH, _HALF_LOW, _word(y, 0), _word(y, 32)) != larger) _negate(point);
        return (true, point);
    }

    /// @dev Replace y of a point by p - y, which is not zero in this group.
    function _negate(bytes memory point) private pure {
        uint256 high = _word(point, 64);
        uint256 low = _word(point, 96);
        unchecked {
            uint256 newLow = _P_LOW - low;
            high = _P_HIGH - high - (low > _P_LOW ? 1 : 0);
            low = newLow;
        }
        assembly ("memory-safe") {
            mstore(add(point, 0x60), high)
            mstore(add(point, 0x80), low)
        }
    }

    function _mapped(bytes32 first, bytes32 second) private view returns (bytes memory) {
        return _asked(_MAP_TO_G1, _power(uint256(first), uint256(second), 0, 1), 128);
    }

    /// @dev A number of 64 bytes to a power, modulo p, in 64 bytes.
    function _power(uint256 high, uint256 low, uint256 exponentHigh, uint256 exponentLow)
        private
        view
        returns (bytes memory)
    {
        return _asked(_MODEXP, abi.encode(64, 64, 64, high, low, exponentHigh, exponentLow, _P_HIGH, _P_LOW), 64);
    }

    function _asked(address precompile, bytes memory input, uint256 length) private view returns (bytes memory) {
        (bool done, bytes memory answer) = precompile.staticcall(input);
        if (!done || answer.length != length) revert Bls_Unavailable();
        return answer;
    }

    function _below(uint256 high, uint256 low, uint256 otherHigh, uint256 otherLow) private pure returns (bool) {
        return high < otherHigh || (high == otherHigh && low < otherLow);
    }

    function _word(bytes memory data, uint256 offset) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 0x20), offset))
        }
    }
}
