// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingLedger} from "../interfaces/IClearingLedger.sol";
import {IRandomnessBeacon} from "../interfaces/IRandomnessBeacon.sol";

/// @title DevBeacon
/// @notice FOR DEVELOPMENT CHAINS ONLY: everybody knows every seed beforehand. It cannot be deployed elsewhere.
contract DevBeacon is IRandomnessBeacon {
    /// @inheritdoc IRandomnessBeacon
    address public immutable ledger;

    /// @notice Emitted when a seed is brought.
    /// @param interval The interval.
    /// @param seed The seed.
    event Drawn(uint32 indexed interval, bytes32 seed);

    /// @notice Thrown on any chain that is not known as a development chain.
    /// @param chainId The chain.
    error DevBeacon_LiveChain(uint256 chainId);

    /// @notice Bind the adapter to a ledger.
    /// @param ledger_ The ledger, which may not be deployed yet.
    constructor(address ledger_) {
        // Of anvil and hardhat, of geth and ganache, and of the chain inside a Python process.
        if (block.chainid != 31_337 && block.chainid != 1337 && block.chainid != 131_277_322_940_537) {
            revert DevBeacon_LiveChain(block.chainid);
        }
        ledger = ledger_;
    }

    /// @notice Bring the seed of an interval whose orders are fixed. Anyone may.
    /// @param interval The interval.
    /// @return seed `H(domainHash ‖ interval u32)`.
    function draw(uint32 interval) external returns (bytes32 seed) {
        seed = keccak256(abi.encodePacked(IClearingLedger(ledger).domainHash(), interval));
        emit Drawn(interval, seed);
        IClearingLedger(ledger).acceptSeed(interval, seed);
    }

    /// @inheritdoc IRandomnessBeacon
    /// @dev Nothing to do: its seeds are known anyway.
    // solhint-disable-next-line no-empty-blocks, use-natspec
    function renew() external {}
}
