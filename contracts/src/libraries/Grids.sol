// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGridRegistry} from "../interfaces/IGridRegistry.sol";

/// @title The packed grid
/// @notice docs/protocol.md, section 5: head (38 bytes), lines (28 each), boxes (8 per bus), then the holarchy: tree
/// depth, positions (2 per bus), number of layers, layers (11 each).
library Grids {
    uint256 internal constant HEAD = 38;
    uint256 internal constant LINE = 28;
    uint256 internal constant BOX = 8;
    uint256 internal constant LAYER = 11;
    /// @dev Above this a sum of 2^16 injections might leave 64 bits.
    uint256 internal constant MAX_LIMIT_WH = 2 ** 40;
    /// @dev As in `offchain/grid/bounds.py`: a grid that Python does not take could be neither cleared nor audited.
    uint256 private constant _MAX_SUSCEPTANCE = 2 ** 53 - 1;
    uint256 private constant _LEAST_MARGIN_WH = 2;
    uint256 private constant _MAX_ANGLE = 2 ** 62 - 1;

    /// @notice Check that bytes are one well-formed grid inside the ranges that the network check needs. What follows
    /// from the lines (angle boxes, tolerance, import limits) is not computed here; `offchain/grid/checks.py` does.
    /// @param packed The bytes.
    /// @return buses Number of buses.
    /// @return lines Number of lines.
    function validate(bytes memory packed) internal pure returns (uint16 buses, uint16 lines) {
        if (packed.length < HEAD) revert IGridRegistry.GridRegistry_MalformedGrid();
        buses = uint16(_number(packed, 0, 2));
        lines = uint16(_number(packed, 2, 2));
        uint256 holarchy = HEAD + LINE * lines + BOX * buses;
        if (buses == 0 || packed.length < holarchy + 3 + 2 * uint256(buses)) {
            revert IGridRegistry.GridRegistry_MalformedGrid();
        }
        if (_number(packed, 5, 1) != 0) revert IGridRegistry.GridRegistry_OutOfRange();
        for (uint256 i = 0; i < lines; ++i) {
            _validateLine(_number(packed, HEAD + LINE * i, LINE), buses);
        }
        for (uint256 i = 0; i < buses; ++i) {
            if (_number(packed, holarchy - BOX * (i + 1), BOX) > _MAX_ANGLE) {
                revert IGridRegistry.GridRegistry_OutOfRange();
            }
        }
        _validateHolarchy(packed, holarchy, buses);
    }

    /// @dev Bytes as a number; what is asked for lies within the data.
    function _number(bytes memory packed, uint256 offset, uint256 size) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(sub(256, shl(3, size)), mload(add(add(packed, 0x20), offset)))
        }
    }

    /// @dev A line is `from u16 ‖ to u16 ‖ b u64 ‖ limit u64 ‖ margin u64`.
    function _validateLine(uint256 line, uint256 buses) private pure {
        uint256 from = line >> 208;
        uint256 to = (line >> 192) & 0xffff;
        uint256 b = (line >> 128) & type(uint64).max;
        uint256 limit = (line >> 64) & type(uint64).max;
        uint256 margin = line & type(uint64).max;
        if (from >= buses || to >= buses || from == to) revert IGridRegistry.GridRegistry_MalformedGrid();
        if (b == 0 || b > _MAX_SUSCEPTANCE || limit >= MAX_LIMIT_WH || margin < _LEAST_MARGIN_WH || margin >= limit) {
            revert IGridRegistry.GridRegistry_OutOfRange();
        }
    }

    /// @dev Every bus has a position and a layer of its own, the system has one, and none has two: with buses at one
    /// place nobody could lay out a tree, and a price that is the highest of countless layers could not be disproved.
    function _validateHolarchy(bytes memory packed, uint256 start, uint256 buses) private pure {
        uint256 depth = _number(packed, start, 1);
        if (depth > 16) revert IGridRegistry.GridRegistry_OutOfRange();
        // One bit for each node of the tree, numbered as in a heap from 1; layers are ticked off, then buses.
        uint256[] memory layer = new uint256[]((1 << depth) / 128 + 1);
        uint256 positions = start + 1;
        start = positions + 2 * buses;
        uint256 layers = _number(packed, start, 2);
        start += 2;
        if (packed.length != start + LAYER * layers) revert IGridRegistry.GridRegistry_MalformedGrid();
        for (uint256 i = 0; i < layers; ++i) {
            uint256 level = _number(packed, start + LAYER * i, 1);
            uint256 position = _number(packed, start + LAYER * i + 1, 2);
            if (level > depth || position >> (depth - level) != 0) {
                revert IGridRegistry.GridRegistry_MalformedGrid();
            }
            _flip(layer, (1 << (depth - level)) + position, 0);
        }
        if (layer[0] & 2 == 0) revert IGridRegistry.GridRegistry_MalformedGrid();
        for (uint256 i = 0; i < buses; ++i) {
            uint256 position = _number(packed, positions + 2 * i, 2);
            if (position >> depth != 0) revert IGridRegistry.GridRegistry_MalformedGrid();
            _flip(layer, (1 << depth) + position, 1);
        }
    }

    /// @dev Change a bit that must have a value.
    function _flip(uint256[] memory bits, uint256 place, uint256 from) private pure {
        uint256 word = bits[place >> 8];
        if ((word >> (place & 0xff)) & 1 != from) revert IGridRegistry.GridRegistry_MalformedGrid();
        bits[place >> 8] = word ^ (1 << (place & 0xff));
    }
}
