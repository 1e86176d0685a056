// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGridRegistry} from "./interfaces/IGridRegistry.sol";
import {INetworkVerifier} from "./interfaces/INetworkVerifier.sol";
import {Network} from "./libraries/Network.sol";

/// @title The network check, for anyone to call
/// @notice Holds nothing. The ledger runs the same library inside the posting transaction.
contract NetworkVerifier is INetworkVerifier {
    /// @notice The registry whose grids are used.
    IGridRegistry public immutable registry;

    /// @notice Bind the verifier to a registry.
    /// @param registry_ The grid registry.
    constructor(IGridRegistry registry_) {
        registry = registry_;
    }

    /// @inheritdoc INetworkVerifier
    function check(uint32 version, bytes calldata certificate) external view returns (bytes32 busVectorHash) {
        registry.gridHash(version);
        return Network.check(address(registry), version, certificate);
    }

    /// @inheritdoc INetworkVerifier
    function injections(uint32 version, bytes calldata certificate) external view returns (int64[] memory) {
        registry.gridHash(version);
        return Network.injections(address(registry), version, certificate);
    }
}
