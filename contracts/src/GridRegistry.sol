// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGridRegistry} from "./interfaces/IGridRegistry.sol";
import {Grids} from "./libraries/Grids.sol";
import {Pages} from "./libraries/Pages.sol";

/// @title GridRegistry
/// @notice See IGridRegistry.
contract GridRegistry is IGridRegistry {
    /* ------------------------------------------------ STORAGE ------------------------------------------------ */

    /// @inheritdoc IGridRegistry
    uint32 public latestVersion;

    /// @dev Creation nonce of the next page or index; a new contract's nonce is 1.
    uint32 private _nextNonce = 1;

    mapping(uint32 version => bytes32 hash) private _hashes;
    mapping(uint32 version => uint256 length) private _lengths;

    /* ------------------------------------------------ REGISTER ----------------------------------------------- */

    /// @inheritdoc IGridRegistry
    function registerGrid(bytes calldata packed) external returns (uint32 version) {
        version = _nextNonce;
        _register(version, packed);
        for (uint256 from = 0; from < packed.length; from += Pages.CAPACITY) {
            uint256 to = from + Pages.CAPACITY;
            _number(Pages.write(packed[from:to < packed.length ? to : packed.length]));
        }
    }

    /// @inheritdoc IGridRegistry
    function writePage(bytes calldata data) external returns (uint32 number) {
        if (data.length == 0 || data.length > Pages.CAPACITY) revert GridRegistry_PageLength();
        number = _number(Pages.write(data));
        emit PageWritten(number, keccak256(data));
    }

    /// @inheritdoc IGridRegistry
    function registerPages(bytes32 expectedHash, uint32[] calldata pages) external returns (uint32 version) {
        (address[] memory found, uint256 length) = _find(pages);
        version = _number(Pages.writeIndex(found));
        // Checked as every reader will read it.
        bytes32 hash = _register(version, Pages.read(address(this), version, 0, length));
        if (hash != expectedHash) revert GridRegistry_OtherGrid(hash);
    }

    /// @dev Where pages lie, and how long the data are that run over them.
    function _find(uint32[] calldata pages) private view returns (address[] memory found, uint256 length) {
        uint256 count = pages.length;
        if (count == 0 || count > Pages.INDEX_CAPACITY) revert GridRegistry_PageCount();
        found = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint32 number = pages[i];
            // Numbers beyond the nonces there have been are not located: three bytes of them might name a page.
            if (number == 0 || number >= _nextNonce) revert GridRegistry_UnknownPage(number);
            address page_ = Pages.locate(address(this), number);
            if (Pages.mark(page_) != Pages.DATA) revert GridRegistry_UnknownPage(number);
            uint256 size = page_.code.length - 1;
            if (i + 1 < count && size != Pages.CAPACITY) revert GridRegistry_PageLength();
            found[i] = page_;
            length += size;
        }
    }

    /// @dev The number of what has just been created.
    function _number(address created) private returns (uint32 number) {
        number = _nextNonce;
        if (created != Pages.locate(address(this), number)) revert GridRegistry_PageFailed();
        _nextNonce = number + 1;
    }

    /// @dev Check a grid and give it its version.
    function _register(uint32 version, bytes memory packed) private returns (bytes32 hash) {
        (uint16 buses, uint16 lines) = Grids.validate(packed);
        hash = keccak256(abi.encodePacked(uint8(0x09), packed));
        _hashes[version] = hash;
        _lengths[version] = packed.length;
        latestVersion = version;
        emit GridRegistered(version, hash, buses, lines);
    }

    /* ------------------------------------------------ GETTERS ------------------------------------------------ */

    /// @inheritdoc IGridRegistry
    function gridHash(uint32 version) public view returns (bytes32 hash) {
        hash = _hashes[version];
        if (hash == 0) revert GridRegistry_UnknownVersion(version);
    }

    /// @inheritdoc IGridRegistry
    function page(uint32 version) external view returns (address) {
        gridHash(version);
        return Pages.locate(address(this), version);
    }

    /// @inheritdoc IGridRegistry
    function packedGrid(uint32 version) external view returns (bytes memory) {
        gridHash(version);
        return Pages.read(address(this), version, 0, _lengths[version]);
    }
}
