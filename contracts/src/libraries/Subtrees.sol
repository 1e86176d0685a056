// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataRequests} from "../interfaces/IDataRequests.sol";
import {Committed} from "./Committed.sol";
import {Records} from "./Records.sol";
import {Trees} from "./Trees.sol";

/// @title A subtree by all its leaves
/// @notice Shown as `mask u32 ‖ records ‖ sums`: bit i of the mask says whether leaf i is there, then come the records
/// of those that are, in order, without separators. In a tree with sums these are followed by what is hashed of each
/// inner node that is not empty, `sums ‖ salt`: level by level from the lowest, in order. They need not add up, so that
/// wrong ones can be shown as well.
library Subtrees {
    /// @notice The most levels: 32 leaves.
    uint8 internal constant MAX_HEIGHT = 5;
    /// @notice Kinds of a question beside those of records: all lines of a part of a bus, all buses of a part of the
    /// tree above.
    uint8 internal constant LINES = 9;
    uint8 internal constant BUSES = 10;

    uint256 private constant _MASK = 4;
    uint256 private constant _SUMS = Committed.OPENED_LENGTH - 64;

    /// @notice The node that leaves hash up to.
    /// @param shown The leaves.
    /// @param kind The record kind, LINES or BUSES.
    /// @param height Height of the node, at most MAX_HEIGHT.
    /// @param first Position of the first leaf; a record of a plain tree must name its own.
    /// @return node The node; reverts if nothing of that form can be there.
    function root(bytes calldata shown, uint8 kind, uint256 height, uint256 first)
        internal
        pure
        returns (bytes32 node)
    {
        if (shown.length < _MASK) revert IDataRequests.Requests_WrongAnswer();
        uint256 mask = uint32(bytes4(shown));
        uint256 width = 1 << height;
        if (mask >> width != 0) revert IDataRequests.Requests_WrongAnswer();
        (bytes32[] memory nodes, uint256 from) = _leaves(shown, kind, width, first);
        bytes32 empty = Trees.EMPTY_LEAF;
        bool sums = kind == LINES || kind == BUSES;
        for (width >>= 1; width != 0; width >>= 1) {
            uint256 above = 0;
            empty = Trees.inner(empty, empty);
            for (uint256 i = 0; i < width; ++i) {
                if (mask >> 2 * i & 3 == 0) {
                    nodes[i] = empty;
                    continue;
                }
                above |= 1 << i;
                (bytes32 left, bytes32 right) = (nodes[2 * i], nodes[2 * i + 1]);
                if (sums) {
                    nodes[i] = Trees.sumInner(left, right, keccak256(_part(shown, from, _SUMS)));
                    from += _SUMS;
                } else {
                    nodes[i] = Trees.inner(left, right);
                }
            }
            mask = above;
        }
        if (from != shown.length) revert IDataRequests.Requests_WrongAnswer();
        node = nodes[0];
    }

    /// @notice The most bytes that a subtree is shown with.
    /// @param kind The record kind, LINES or BUSES.
    /// @param height Height of the node.
    /// @return The bytes.
    function size(uint8 kind, uint256 height) internal pure returns (uint256) {
        uint256 width = 1 << height;
        bool sums = kind == LINES || kind == BUSES;
        return _MASK + width * recordLength(kind) + (sums ? (width - 1) * _SUMS : 0);
    }

    /// @notice Bytes of a record.
    /// @param kind The record kind, LINES or BUSES.
    /// @return The bytes; 0 if there is no such kind.
    function recordLength(uint8 kind) internal pure returns (uint256) {
        if (kind == Records.KIND_ORDER) return Records.ORDER_LENGTH;
        if (kind == Records.KIND_STATE) return Records.STATE_LENGTH;
        if (kind == Records.KIND_CONTRACT) return Records.CONTRACT_LENGTH;
        if (kind == Records.KIND_READING) return Records.READING_LENGTH;
        if (kind == Records.KIND_SHARE) return Records.SHARE_LENGTH;
        if (kind == LINES) return Records.ALLOCATION_LENGTH;
        return kind == BUSES ? Records.BUS_LENGTH : 0;
    }

    function _leaves(bytes calldata shown, uint8 kind, uint256 width, uint256 first)
        private
        pure
        returns (bytes32[] memory nodes, uint256 from)
    {
        nodes = new bytes32[](width);
        uint256 mask = uint32(bytes4(shown));
        uint256 length = recordLength(kind);
        from = _MASK;
        for (uint256 i = 0; i < width; ++i) {
            if (mask >> i & 1 == 0) {
                nodes[i] = Trees.EMPTY_LEAF;
                continue;
            }
            bytes calldata record = _part(shown, from, length);
            from += length;
            if (kind == BUSES) {
                nodes[i] = Trees.bus(record);
            } else if (kind == LINES) {
                nodes[i] = Trees.leaf(Records.KIND_ALLOCATION, record);
            } else {
                if (Records.number(record, 0, 4) != first + i) revert IDataRequests.Requests_WrongAnswer();
                nodes[i] = Trees.leaf(kind, record);
            }
        }
    }

    function _part(bytes calldata shown, uint256 from, uint256 length) private pure returns (bytes calldata) {
        if (from + length > shown.length) revert IDataRequests.Requests_WrongAnswer();
        return shown[from:from + length];
    }
}
