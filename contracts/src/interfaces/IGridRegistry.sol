// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The grids that certificates are checked against
/// @notice Grid data never changes once registered. Each grid lies in code pages; its version is the creation nonce
/// of its first page, so that a reader finds the pages by arithmetic instead of by storage. A grid too large for one
/// transaction is written page by page, by anyone and in any order, and then registered by an index of its pages; its
/// version is the creation nonce of that index. Pages have no owner and no upload is open: a page is only bytes with a
/// number, and what counts is that the registered whole is well-formed and has the hash that its sender expects.
interface IGridRegistry {
    /// @notice Emitted when a grid has been written into code.
    /// @param version Number by which headers name the grid.
    /// @param gridHash `H(0x09 ‖ packed grid)`.
    /// @param buses Number of buses.
    /// @param lines Number of lines.
    event GridRegistered(uint32 indexed version, bytes32 indexed gridHash, uint16 buses, uint16 lines);

    /// @notice Emitted when a page has been written on its own.
    /// @param page Number by which `registerPages` takes it.
    /// @param dataHash Hash of its bytes.
    event PageWritten(uint32 indexed page, bytes32 indexed dataHash);

    /// @notice Thrown when the bytes are not one well-formed grid (docs/protocol.md, section 5).
    error GridRegistry_MalformedGrid();
    /// @notice Thrown when a number lies outside the range for which the verifier's arithmetic is proven.
    error GridRegistry_OutOfRange();
    /// @notice Thrown when a code page could not be created.
    error GridRegistry_PageFailed();
    /// @notice Thrown when a page is empty or longer than a page can be, or when one before the last is not full.
    error GridRegistry_PageLength();
    /// @notice Thrown when no page has this number.
    /// @param page The number.
    error GridRegistry_UnknownPage(uint32 page);
    /// @notice Thrown when no pages, or more than an index can hold, are to be a grid.
    error GridRegistry_PageCount();
    /// @notice Thrown when the pages hold another grid than was expected.
    /// @param gridHash `H(0x09 ‖ packed grid)` of what they hold.
    error GridRegistry_OtherGrid(bytes32 gridHash);
    /// @notice Thrown when no grid has this version.
    /// @param version The version asked for.
    error GridRegistry_UnknownVersion(uint32 version);

    /// @notice Write a grid into code pages. Anyone may; a ledger uses only the versions it has adopted.
    /// @param packed The packed grid.
    /// @return version Its version.
    function registerGrid(bytes calldata packed) external returns (uint32 version);

    /// @notice Write a part of a grid that is too large for one transaction. Anyone may; it is no grid yet.
    /// @param data 24,575 bytes of the packed grid; fewer only at its end.
    /// @return number Number of the page.
    function writePage(bytes calldata data) external returns (uint32 number);

    /// @notice Make pages that have been written a grid, after the same checks as `registerGrid`.
    /// @param expectedHash `H(0x09 ‖ packed grid)`.
    /// @param pages Numbers of the pages, whoever wrote them, in the order of the grid's bytes.
    /// @return version The grid's version.
    function registerPages(bytes32 expectedHash, uint32[] calldata pages) external returns (uint32 version);

    /// @notice `H(0x09 ‖ packed grid)` of a version.
    /// @param version The version.
    /// @return The hash; reverts for an unknown version.
    function gridHash(uint32 version) external view returns (bytes32);

    /// @notice The packed grid of a version.
    /// @param version The version.
    /// @return The bytes that were registered.
    function packedGrid(uint32 version) external view returns (bytes memory);

    /// @notice The first code page of a version, or the index of its pages.
    /// @param version The version.
    /// @return Its address; data follow one STOP byte, addresses of pages, a word each, one INVALID byte.
    function page(uint32 version) external view returns (address);

    /// @notice The version registered last, 0 before the first.
    function latestVersion() external view returns (uint32);
}
