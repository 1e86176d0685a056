// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What the ledger keeps of an interval
/// @notice One word, `digest (27 bytes) ‖ lap (5 bits) ‖ phase (3 bits) ‖ time u32`, that goes through the phases of
/// the interval's life and is overwritten by the interval a lap later:
///
/// | phase | digest | time |
/// |---|---|---|
/// | committed: orders are fixed | of the orders root | of the commitment |
/// | seeded: the seed is known, and one signer may post without being looked up | of the inputs | 0 |
/// | open: any bonded signer may post, and is looked up | of the inputs | 0 |
/// | posted: the header stands | of header hash, state root and interval | of posting |
/// | voided: the header was voided with one before it; its inputs can be restored | the same | the same |
///
/// The lap (interval / ring size, modulo 31, plus one) tells an interval's entry from what the lap before left. Two
/// inputs or two headers with one digest of 216 bits take 2^108 hashes to find.
library Entries {
    uint256 internal constant COMMITTED = 1;
    uint256 internal constant SEEDED = 2;
    uint256 internal constant OPEN = 3;
    uint256 internal constant POSTED = 4;
    uint256 internal constant VOIDED = 5;
    /// @notice An interval whose orders are open again: of no lap and no phase, but not 0, because a slot once used is
    /// never cleared, so that no later interval pays for a new one.
    uint256 internal constant REOPENED = 1;

    /// @notice Lap and phase as they stand in an entry.
    /// @param interval The interval.
    /// @param ringSize Number of slots.
    /// @param phase The phase.
    /// @return tag_ The byte.
    function tag(uint256 interval, uint256 ringSize, uint256 phase) internal pure returns (uint256 tag_) {
        assembly ("memory-safe") {
            tag_ := or(shl(3, add(mod(div(interval, ringSize), 31), 1)), phase)
        }
    }

    /// @notice Lap and phase of an entry.
    /// @param entry The entry.
    /// @return The byte.
    function tagOf(uint256 entry) internal pure returns (uint256) {
        return uint8(entry >> 32);
    }

    /// @notice The same entry in another phase.
    /// @param entry The entry.
    /// @param phase The phase.
    /// @return The entry.
    function inPhase(uint256 entry, uint256 phase) internal pure returns (uint256) {
        return entry & ~uint256(7 << 32) | phase << 32;
    }

    /// @notice Fixed orders.
    /// @param tag_ Lap and phase.
    /// @param ordersRoot Root of the orders tree.
    /// @param time When they were fixed.
    /// @return The entry.
    function committed(uint256 tag_, bytes32 ordersRoot, uint256 time) internal pure returns (uint256) {
        return uint256(digestOf(ordersRoot)) >> 40 << 40 | tag_ << 32 | time;
    }

    /// @notice Digest of an orders root, as an entry keeps it of fixed orders.
    /// @param ordersRoot Root of the orders tree.
    /// @return digest The digest; only its first 27 bytes count.
    function digestOf(bytes32 ordersRoot) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            mstore(0, ordersRoot)
            digest := keccak256(0, 0x20)
        }
    }

    /// @notice Everything that is fixed of an interval before it is cleared.
    /// @param tag_ Lap and phase.
    /// @param interval The interval.
    /// @param ordersDigest Digest of its orders root, in its first 27 bytes; the rest does not count.
    /// @param seed Its seed.
    /// @param reserved The signer that may post without being looked up.
    /// @param gridVersion The grid in force.
    /// @param termsHash Hash of policy, shares and contracts in force.
    /// @return entry The entry.
    function inputs(
        uint256 tag_,
        uint256 interval,
        bytes32 ordersDigest,
        bytes32 seed,
        address reserved,
        uint256 gridVersion,
        bytes32 termsHash
    ) internal pure returns (uint256 entry) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(0, or(shl(40, shr(40, ordersDigest)), interval))
            mstore(0x20, seed)
            mstore(0x40, or(shl(96, reserved), gridVersion))
            mstore(0x60, termsHash)
            entry := or(shl(40, shr(40, keccak256(0, 0x80))), shl(32, tag_))
            mstore(0x60, 0)
            mstore(0x40, free)
        }
    }

    /// @notice A header.
    /// @param tag_ Lap and phase.
    /// @param interval The interval.
    /// @param headerHash Its header hash.
    /// @param stateRoot Its state root.
    /// @param time When it was posted.
    /// @return entry The entry.
    function posted(uint256 tag_, uint256 interval, bytes32 headerHash, bytes32 stateRoot, uint256 time)
        internal
        pure
        returns (uint256 entry)
    {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(0, headerHash)
            mstore(0x20, stateRoot)
            mstore(0x40, shl(224, interval))
            entry := or(or(shl(40, shr(40, keccak256(0, 0x44))), shl(32, tag_)), time)
            mstore(0x40, free)
        }
    }
}
