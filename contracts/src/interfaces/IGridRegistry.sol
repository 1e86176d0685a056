// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The grids that certificates are checked against
/// @notice Grid data never changes once registered. Each grid lies in code pages; its version is the creation nonce
/// of its first page, so that a reader finds the pages by arithmetic instead of by storage.
interface IGridRegistry {
    /// @notice Emitted when a grid has been written into code.
    /// @param version Number by which headers name the grid.
    /// @param gridHash `H(0x09 ‖ packed grid)`.
    /// @param buses Number of buses.
    /// @param lines Number of lines.
    event GridRegistered(uint32 indexed version, bytes32 indexed gridHash, uint16 buses, uint16 lines);

    /// @notice Thrown when the bytes are not one well-formed grid (docs/protocol.md, section 5).
    error GridRegistry_MalformedGrid();
    /// @notice Thrown when a number lies outside the range for which the verifier's arithmetic is proven.
    error GridRegistry_OutOfRange();
    /// @notice Thrown when a code page could not be created.
    error GridRegistry_PageFailed();
    /// @notice Thrown when no grid has this version.
    /// @param version The version asked for.
    error GridRegistry_UnknownVersion(uint32 version);

    /// @notice Write a grid into code pages. Anyone may; a ledger uses only the versions it has adopted.
    /// @param packed The packed grid.
    /// @return version Its version.
    function registerGrid(bytes calldata packed) external returns (uint32 version);

    /// @notice `H(0x09 ‖ packed grid)` of a version.
    /// @param version The version.
    /// @return The hash; reverts for an unknown version.
    function gridHash(uint32 version) external view returns (bytes32);

    /// @notice The packed grid of a version.
    /// @param version The version.
    /// @return The bytes that were registered.
    function packedGrid(uint32 version) external view returns (bytes memory);

    /// @notice The first code page of a version.
    /// @param version The version.
    /// @return Its address; the data follow one STOP byte.
    function page(uint32 version) external view returns (address);

    /// @notice The version registered last, 0 before the first.
    function latestVersion() external view returns (uint32);
}
