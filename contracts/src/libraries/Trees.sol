// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Hashes and paths of the committed trees
/// @notice docs/protocol.md, section 2. The first byte of every preimage names its type and no hash is commutative,
/// so neither an inner node nor a 64-byte record can pose as something else.
library Trees {
    /// @notice Hash of the empty leaf, `H(0x04)`.
    bytes32 internal constant EMPTY_LEAF = keccak256(hex"04");

    /// @notice Thrown when a path is not a whole number of steps, or too short for the index.
    error Trees_MalformedPath();

    /// @notice Hash of a record as a leaf; an empty record stands for the empty leaf.
    /// @param kind The record kind.
    /// @param record The packed record.
    /// @return node `H(0x00 ‖ kind ‖ record)`.
    function leaf(uint8 kind, bytes calldata record) internal pure returns (bytes32 node) {
        if (record.length == 0) return EMPTY_LEAF;
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, shl(240, kind))
            calldatacopy(add(free, 2), record.offset, record.length)
            node := keccak256(free, add(record.length, 2))
        }
    }

    /// @notice Root of a plain tree from a node and its path.
    /// @param node The node at the lower end.
    /// @param index Its position in its level, whose bits, lowest first, say on which side the path comes from.
    /// @param path Siblings from below, 32 bytes each.
    /// @return root The root; reverts if the path cannot hold the index.
    function plainRoot(bytes32 node, uint256 index, bytes calldata path) internal pure returns (bytes32 root) {
        uint256 length = path.length;
        if (length & 31 != 0 || length > 1024 || index >> (length >> 5) != 0) revert Trees_MalformedPath();
        assembly ("memory-safe") {
            // 0x01 ‖ left ‖ right in the scratch space and the first byte of the free memory pointer, which is 0.
            mstore8(0, 1)
            root := node
            let step := path.offset
            for { let end := add(step, length) } lt(step, end) { step := add(step, 32) } {
                let place := or(1, and(shl(5, index), 0x20))
                mstore(place, root)
                mstore(xor(place, 0x20), calldataload(step))
                root := keccak256(0, 0x41)
                index := shr(1, index)
            }
            mstore8(0x40, 0)
        }
    }

    /// @notice Root of a tree with sums from a node and its path.
    /// @param node The node at the lower end.
    /// @param index Its position in its level.
    /// @param path Steps from below, `sibling ‖ sumsHash` of the node above, 64 bytes each.
    /// @return root The root; reverts if the path cannot hold the index.
    function sumRoot(bytes32 node, uint256 index, bytes calldata path) internal pure returns (bytes32 root) {
        uint256 length = path.length;
        if (length & 63 != 0 || length > 2048 || index >> (length >> 6) != 0) revert Trees_MalformedPath();
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, 2)
            let left := add(free, 0x01)
            let both := xor(left, add(left, 0x20))
            let sums := add(free, 0x41)
            root := node
            let step := path.offset
            for { let end := add(step, length) } lt(step, end) { step := add(step, 64) } {
                let place := xor(left, mul(both, and(index, 1)))
                mstore(place, root)
                mstore(xor(place, both), calldataload(step))
                mstore(sums, calldataload(add(step, 32)))
                root := keccak256(free, 0x61)
                index := shr(1, index)
            }
        }
    }

    /// @notice Inner node of a plain tree.
    /// @param left Left child.
    /// @param right Right child.
    /// @return node `H(0x01 ‖ left ‖ right)`.
    function inner(bytes32 left, bytes32 right) internal pure returns (bytes32 node) {
        return keccak256(abi.encodePacked(uint8(1), left, right));
    }

    /// @notice Inner node of a tree with sums.
    /// @param left Left child.
    /// @param right Right child.
    /// @param sumsHash `H(sums ‖ salt)`.
    /// @return node `H(0x02 ‖ left ‖ right ‖ sumsHash)`.
    function sumInner(bytes32 left, bytes32 right, bytes32 sumsHash) internal pure returns (bytes32 node) {
        return keccak256(abi.encodePacked(uint8(2), left, right, sumsHash));
    }

    /// @notice Hash of a bus record.
    /// @param record The packed bus record.
    /// @return node `H(0x03 ‖ record)`.
    function bus(bytes calldata record) internal pure returns (bytes32 node) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, 3)
            calldatacopy(add(free, 1), record.offset, record.length)
            node := keccak256(free, add(record.length, 1))
        }
    }

    /// @notice Hash of a bus record whose last field, the root below, is given apart.
    /// @param record The packed bus record without it.
    /// @param root The root.
    /// @return node `H(0x03 ‖ record ‖ root)`.
    function busAbove(bytes calldata record, bytes32 root) internal pure returns (bytes32 node) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore8(free, 3)
            calldatacopy(add(free, 1), record.offset, record.length)
            mstore(add(free, add(record.length, 1)), root)
            node := keccak256(free, add(record.length, 33))
        }
    }

    /// @notice Root of an empty plain subtree.
    /// @param levels Its height.
    /// @return node The empty leaf, hashed with itself that many times.
    function emptyRoot(uint256 levels) internal pure returns (bytes32 node) {
        node = EMPTY_LEAF;
        for (uint256 i = 0; i < levels; ++i) {
            node = inner(node, node);
        }
    }
}
