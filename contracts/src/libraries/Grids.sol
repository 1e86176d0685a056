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

    /// @notice Check that bytes are one well-formed grid inside the ranges that the network check needs.
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
        uint256 limit = (line >> 64) & type(uint64).max;
        if (from >= buses || to >= buses || from == to) revert IGridRegistry.GridRegistry_MalformedGrid();
        if (limit >= MAX_LIMIT_WH || line & type(uint64).max > limit) revert IGridRegistry.GridRegistry_OutOfRange();
    }

    function _validateHolarchy(bytes memory packed, uint256 start, uint256 buses) private pure {
        uint256 depth = _number(packed, start, 1);
        if (depth > 16) revert IGridRegistry.GridRegistry_OutOfRange();
        for (uint256 i = 0; i < buses; ++i) {
            if (_number(packed, start + 1 + 2 * i, 2) >> depth != 0) {
                revert IGridRegistry.GridRegistry_MalformedGrid();
            }
        }
        start += 1 + 2 * buses;
        uint256 layers = _number(packed, start, 2);
        start += 2;
        if (packed.length != start + LAYER * layers) revert IGridRegistry.GridRegistry_MalformedGrid();
        for (uint256 i = 0; i < layers; ++i) {
            uint256 level = _number(packed, start + LAYER * i, 1);
            uint256 position = _number(packed, start + LAYER * i + 1, 2);
            if (level > depth || position >> (depth - level) != 0) {
                revert IGridRegistry.GridRegistry_MalformedGrid();
            }
        }
    }
}
