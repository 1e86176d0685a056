// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Grids} from "./Grids.sol";

/// @title Whether a grid only tightens another
/// @notice docs/protocol.md, section 9. What may take effect at the next gate, because whoever dislikes it cannot leave
/// before, must be provably no loosening. Two changes are, and nothing else is taken:
///
/// - *A lower limit.* Same angles, same flows, fewer of them admitted.
/// - *A line removed whose removal cuts an island in two.* It closes no loop, so the flows of the others do not depend
///   on it: what the new grid admits is what the old one admits with no flow on it. Removing a line that closes a loop
///   frees the others of Kirchhoff's second law and can admit more than before; it is refused.
///
/// What follows from the lines is computed here again: angle boxes, tolerance of prices and import limits. A box or a
/// tolerance of the signer's choice would excuse prices that are not optimal, an import limit would set prices. Margins
/// stay as they were: they do not depend on limits, and cutting an island in two makes none larger.
library Tightening {
    /// @notice Thrown when buses, unit of angles or the tree of layers differ.
    error Tightening_OtherShape();
    /// @notice Thrown when a line is not, in this order, one of the grid in force with its ends, susceptance and
    /// margin.
    /// @param line The line of the new grid.
    error Tightening_OtherLine(uint256 line);
    /// @notice Thrown when a limit is above that of the grid in force.
    /// @param line The line of the new grid.
    error Tightening_LimitRaised(uint256 line);
    /// @notice Thrown when a limit leaves no room above the margin, so that no honest certificate could price the line.
    /// @param line The line of the new grid.
    error Tightening_NoRoom(uint256 line);
    /// @notice Thrown when a line that was removed closes a loop.
    /// @param line The line of the grid in force.
    error Tightening_ClosesLoop(uint256 line);
    /// @notice Thrown when an angle box is not the shortest path from the one reference of its island.
    error Tightening_WrongAngles();
    /// @notice Thrown when the tolerance of prices does not follow from the grid, or is above that of the grid in
    /// force.
    error Tightening_WrongTolerance();
    /// @notice Thrown when an import limit is not the sum of the limits of the lines that cross the layer's boundary.
    /// @param layer The layer.
    error Tightening_WrongImport(uint256 layer);

    /// @dev Everything of a line but its limit, in a word that starts with the line.
    uint256 private constant _IDENTITY = ~(uint256(type(uint64).max) << 96 | type(uint32).max);
    /// @dev What rounding may leave of prices at each line: bounds.PRICE_ROUNDINGS, doubled.
    uint256 private constant _ROUNDINGS = 6;
    uint256 private constant _MAX_SHIFT = 115;
    /// @dev What lies below a number at the top of a word.
    uint256 private constant _BOX_SHIFT = 256 - 8 * Grids.BOX;
    uint256 private constant _LAYER_SHIFT = 256 - 8 * Grids.LAYER;

    /// @notice Check that a grid only tightens another; reverts with the first reason why not.
    /// @param old The packed grid in force, well-formed.
    /// @param next The packed grid to take its place, well-formed.
    function check(bytes memory old, bytes memory next) internal pure {
        uint256 buses = _number(next, 0, 2);
        uint256 shift = _number(next, 4, 1);
        // A greater shift would give angles beyond their 62 bits for any susceptance.
        if (_number(old, 0, 2) != buses || _number(old, 4, 1) != shift || shift > _MAX_SHIFT) {
            revert Tightening_OtherShape();
        }
        uint256[] memory root = new uint256[](buses);
        assembly ("memory-safe") {
            for { let i := 0 } lt(i, buses) { i := add(i, 1) } { mstore(add(add(root, 0x20), shl(5, i)), i) }
        }
        uint256 islands = _checkLines(old, next, root);
        _checkBoxes(old, next, islands);
        _checkLayers(old, next);
    }

    /// @dev Walk both lists of lines. What the new one passes over is removed, and must join two islands of what stays.
    function _checkLines(bytes memory old, bytes memory next, uint256[] memory root)
        private
        pure
        returns (uint256 islands)
    {
        uint256 count = _number(next, 2, 2);
        uint256 before = _number(old, 2, 2);
        uint256[] memory removed = new uint256[](before);
        uint256 gone = 0;
        uint256 row = 0;
        islands = root.length;
        unchecked {
            for (uint256 i = 0; i < count; ++i) {
                uint256 line = _line(next, i);
                uint256 former = _line(old, row);
                while (row < before && (former ^ line) & _IDENTITY != 0) {
                    removed[gone] = row;
                    ++gone;
                    ++row;
                    former = _line(old, row);
                }
                if (row == before) revert Tightening_OtherLine(i);
                uint256 limit = _limit(line);
                if (limit > _limit(former)) revert Tightening_LimitRaised(i);
                ++row;
                if (limit <= (line >> 32) & type(uint64).max) revert Tightening_NoRoom(i);
                if (_unite(root, line)) --islands;
            }
            for (; row < before; ++row) {
                removed[gone] = row;
                ++gone;
            }
        }
        uint256 kept = islands;
        for (uint256 i = 0; i < gone; ++i) {
            if (!_unite(root, _line(old, removed[i]))) revert Tightening_ClosesLoop(removed[i]);
        }
        return kept;
    }

    /// @dev Join the islands of a line's ends; false if they are one already. Lines are joined to the lower root, and
    /// paths halved on the way.
    function _unite(uint256[] memory root, uint256 line) private pure returns (bool) {
        uint256 a = _find(root, line >> 240);
        uint256 b = _find(root, (line >> 224) & 0xffff);
        if (a == b) return false;
        root[a < b ? b : a] = a < b ? a : b;
        return true;
    }

    /// @dev The root of a bus, which is a bus of the grid.
    function _find(uint256[] memory root, uint256 bus) private pure returns (uint256 found) {
        assembly ("memory-safe") {
            let first := add(root, 0x20)
            let place := add(first, shl(5, bus))
            found := bus
            for { let up := mload(place) } iszero(eq(up, found)) { up := mload(place) } {
                let above := mload(add(first, shl(5, up)))
                mstore(place, above)
                found := above
                place := add(first, shl(5, above))
            }
        }
    }

    /// @dev Along each line boxes differ by at most its largest angle, and every box but 0 is reached by one: so each
    /// is the length of a shortest path from a 0. With as many zeros as islands, each island has one. The tolerance is
    /// what rounding may leave of prices at all lines.
    function _checkBoxes(bytes memory old, bytes memory next, uint256 islands) private pure {
        uint256 buses = _number(next, 0, 2);
        uint256 lines = _number(next, 2, 2);
        uint256 shift = _number(next, 4, 1);
        uint256 boxes = Grids.HEAD + Grids.LINE * lines;
        bool[] memory reached = new bool[](buses);
        uint256 sum = 0;
        // Limits, susceptances and boxes have 64 bits, the shift is at most 115, and there are 2^16 lines at most.
        unchecked {
            for (uint256 i = 0; i < lines; ++i) {
                uint256 line = _line(next, i);
                uint256 boxFrom = _word(next, boxes + Grids.BOX * (line >> 240)) >> _BOX_SHIFT;
                uint256 boxTo = _word(next, boxes + Grids.BOX * ((line >> 224) & 0xffff)) >> _BOX_SHIFT;
                uint256 b = (line >> 160) & type(uint64).max;
                uint256 angle = ((((_limit(line) << 8) + 1) << shift) + b - 1) / b;
                if (boxFrom > boxTo + angle || boxTo > boxFrom + angle) revert Tightening_WrongAngles();
                _mark(reached, line >> 240, boxFrom == boxTo + angle);
                _mark(reached, (line >> 224) & 0xffff, boxTo == boxFrom + angle);
                sum += _ROUNDINGS * (boxFrom + boxTo) * b;
            }
            for (uint256 bus = 0; bus < buses; ++bus) {
                if (_word(next, boxes + Grids.BOX * bus) >> _BOX_SHIFT == 0) {
                    if (islands == 0) revert Tightening_WrongAngles();
                    --islands;
                } else if (!reached[bus]) {
                    revert Tightening_WrongAngles();
                }
            }
        }
        if (_number(next, 6, 32) != sum || sum > _number(old, 6, 32)) revert Tightening_WrongTolerance();
    }

    /// @dev Note that a bus, which is one of the grid, is reached.
    function _mark(bool[] memory reached, uint256 bus, bool now_) private pure {
        assembly ("memory-safe") {
            let place := add(add(reached, 0x20), shl(5, bus))
            mstore(place, or(mload(place), now_))
        }
    }

    /// @dev The tree of layers as before, its import limits as the lines' limits now sum up.
    function _checkLayers(bytes memory old, bytes memory next) private pure {
        uint256 buses = _number(next, 0, 2);
        uint256 start = Grids.HEAD + Grids.LINE * _number(next, 2, 2) + Grids.BOX * buses;
        uint256 oldStart = Grids.HEAD + Grids.LINE * _number(old, 2, 2) + Grids.BOX * buses;
        if (next.length - start != old.length - oldStart) revert Tightening_OtherShape();
        uint256 head = 3 + 2 * buses;
        if (_hash(next, start, head) != _hash(old, oldStart, head)) revert Tightening_OtherShape();
        uint256 depth = _number(next, start, 1);
        uint256[] memory crossing = _crossing(next, start + 1, depth);
        uint256 layers = _number(next, start + head - 2, 2);
        // A layer is `height u8 ‖ position u16 ‖ import limit u64`; the registry has seen that each is in the tree.
        unchecked {
            for (uint256 i = 0; i < layers; ++i) {
                uint256 mine = _word(next, start + head + Grids.LAYER * i) >> _LAYER_SHIFT;
                uint256 theirs = _word(old, oldStart + head + Grids.LAYER * i) >> _LAYER_SHIFT;
                if (mine >> 64 != theirs >> 64) revert Tightening_OtherShape();
                // The same place, so the numbers compare as the limits do.
                if (mine > theirs) revert Tightening_WrongImport(i);
                uint256 node = (1 << (depth - (mine >> 80))) + ((mine >> 64) & 0xffff);
                if (mine & type(uint64).max != crossing[node]) revert Tightening_WrongImport(i);
            }
        }
    }

    /// @dev Limits of the lines that cross the boundary of each subtree, numbered as in a heap: 1 is the whole tree,
    /// the children of k are 2 k and 2 k + 1.
    function _crossing(bytes memory next, uint256 positions, uint256 depth)
        private
        pure
        returns (uint256[] memory crossing)
    {
        crossing = new uint256[](2 << depth);
        uint256 lines = _number(next, 2, 2);
        for (uint256 i = 0; i < lines;) {
            uint256 line = _line(next, i);
            uint256 from = _word(next, positions + 2 * (line >> 240)) >> 240;
            uint256 to = _word(next, positions + 2 * ((line >> 224) & 0xffff)) >> 240;
            _cross(crossing, from | 1 << depth, to | 1 << depth, _limit(line));
            unchecked {
                ++i;
            }
        }
        uint256 inner = (1 << depth) - 1;
        assembly ("memory-safe") {
            let first := add(crossing, 0x20)
            for { let node := inner } node { node := sub(node, 1) } {
                let children := add(first, shl(6, node))
                let place := add(first, shl(5, node))
                mstore(place, add(mload(place), add(mload(children), mload(add(children, 0x20)))))
            }
        }
    }

    /// @dev Count a line at both of its ends, which the registry has seen in the tree, and, twice the other way, at the
    /// smallest subtree that holds both: added up from the leaves it counts once wherever it crosses. Below zero in
    /// between it wraps, and back again.
    function _cross(uint256[] memory crossing, uint256 a, uint256 b, uint256 limit) private pure {
        assembly ("memory-safe") {
            let first := add(crossing, 0x20)
            let place := add(first, shl(5, a))
            mstore(place, add(mload(place), limit))
            place := add(first, shl(5, b))
            mstore(place, add(mload(place), limit))
            // All ones from the highest bit that the ends differ in: positions have 16 bits.
            let below := xor(a, b)
            below := or(below, shr(1, below))
            below := or(below, shr(2, below))
            below := or(below, shr(4, below))
            below := or(below, shr(8, below))
            place := add(first, shl(5, div(a, add(below, 1))))
            mstore(place, sub(mload(place), shl(1, limit)))
        }
    }

    /// @dev A line, `from u16 ‖ to u16 ‖ b u64 ‖ limit u64 ‖ margin u64`, from the top of the word.
    function _line(bytes memory packed, uint256 i) private pure returns (uint256 word) {
        uint256 offset = 0x20 + Grids.HEAD + Grids.LINE * i;
        assembly ("memory-safe") {
            word := mload(add(packed, offset))
        }
    }

    function _limit(uint256 line) private pure returns (uint256) {
        return (line >> 96) & type(uint64).max;
    }

    function _hash(bytes memory packed, uint256 from, uint256 size) private pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := keccak256(add(add(packed, 0x20), from), size)
        }
    }

    function _number(bytes memory packed, uint256 from, uint256 size) private pure returns (uint256 value) {
        return _word(packed, from) >> (256 - 8 * size);
    }

    /// @dev A number from a place on, at the top of the word.
    function _word(bytes memory packed, uint256 from) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(packed, 0x20), from))
        }
    }
}
