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

    /// @dev Creation nonce of the next page; a new contract's nonce is 1.
    uint32 private _nextNonce = 1;

    mapping(uint32 version => bytes32 hash) private _hashes;
    mapping(uint32 version => uint256 length) private _lengths;

    /* ------------------------------------------------ REGISTER ----------------------------------------------- */

    /// @inheritdoc IGridRegistry
    function registerGrid(bytes calldata packed) external returns (uint32 version) {
        (uint16 buses, uint16 lines) = Grids.validate(packed);
        version = _nextNonce;
        uint32 nonce = version;
        for (uint256 from = 0; from < packed.length; from += Pages.CAPACITY) {
            uint256 to = from + Pages.CAPACITY;
            address page_ = Pages.write(packed[from:to < packed.length ? to : packed.length]);
            if (page_ != Pages.locate(address(this), nonce)) revert GridRegistry_PageFailed();
            ++nonce;
        }
        bytes32 hash = keccak256(abi.encodePacked(uint8(0x09), packed));
        _hashes[version] = hash;
        _lengths[version] = packed.length;
        _nextNonce = nonce;
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
