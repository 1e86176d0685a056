// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Grids} from "./Grids.sol";
import {Pages} from "./Pages.sol";

/// @title Reading a registered grid's holarchy
/// @notice The bytes were validated at registration, so nothing is checked again here.
library GridData {
    /// @dev Where a grid's holarchy lies.
    /// @param registry The grid registry.
    /// @param version The grid's version.
    /// @param buses Number of buses.
    /// @param depth Depth of the tree above the buses.
    /// @param positions Offset of the positions.
    struct Holarchy {
        address registry;
        uint256 version;
        uint256 buses;
        uint256 depth;
        uint256 positions;
    }

    /// @notice Find a grid's holarchy.
    /// @param registry The grid registry.
    /// @param version The grid's version.
    /// @return h Where it lies.
    function holarchy(address registry, uint256 version) internal view returns (Holarchy memory h) {
        uint256 head = _number(registry, version, 0, 4);
        h.registry = registry;
        h.version = version;
        h.buses = head >> 16;
        uint256 start = Grids.HEAD + Grids.LINE * (head & 0xffff) + Grids.BOX * h.buses;
        h.depth = _number(registry, version, start, 1);
        h.positions = start + 1;
    }

    /// @notice How large a grid is.
    /// @param registry The grid registry.
    /// @param version The grid's version.
    /// @return buses Number of buses.
    /// @return lines Number of lines.
    function extent(address registry, uint256 version) internal view returns (uint256 buses, uint256 lines) {
        uint256 head = _number(registry, version, 0, 4);
        return (head >> 16, head & 0xffff);
    }

    /// @notice Position of a bus among the leaves of the tree above the buses.
    /// @param h The holarchy.
    /// @param bus A bus of the grid.
    /// @return The position.
    function position(Holarchy memory h, uint256 bus) internal view returns (uint256) {
        return _number(h.registry, h.version, h.positions + 2 * bus, 2);
    }

    /// @notice All layers, 11 bytes each: `level u8 ‖ position u16 ‖ import limit u64`.
    /// @param h The holarchy.
    /// @return The bytes.
    function layers(Holarchy memory h) internal view returns (bytes memory) {
        uint256 start = h.positions + 2 * h.buses;
        uint256 count = _number(h.registry, h.version, start, 2);
        return Pages.read(h.registry, h.version, start + 2, Grids.LAYER * count);
    }

    function _number(address registry, uint256 version, uint256 from, uint256 size) private view returns (uint256) {
        return uint256(bytes32(Pages.read(registry, version, from, size))) >> (256 - 8 * size);
    }
}
