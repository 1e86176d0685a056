// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingLedger} from "../interfaces/IClearingLedger.sol";
import {ICommitReveal} from "../interfaces/ICommitReveal.sol";
import {IRandomnessBeacon} from "../interfaces/IRandomnessBeacon.sol";

/// @title CommitReveal
/// @notice See ICommitReveal. With one party alone, that party knows every seed beforehand; with several it takes all
/// of them together.
contract CommitReveal is ICommitReveal {
    /// @inheritdoc IRandomnessBeacon
    address public immutable ledger;

    bytes32[] private _tips;

    /// @notice Bind the adapter to a ledger and to the ends of the parties' chains.
    /// @param ledger_ The ledger, which may not be deployed yet.
    /// @param tips End of each party's chain: the last hash.
    constructor(address ledger_, bytes32[] memory tips) {
        if (tips.length == 0) revert CommitReveal_NoParty();
        ledger = ledger_;
        _tips = tips;
    }

    /// @inheritdoc ICommitReveal
    function reveal(uint32 interval, bytes32[] calldata preimages) external returns (bytes32 seed) {
        if (preimages.length != _tips.length) revert CommitReveal_WrongCount();
        // One link per interval and in order: whoever sees the preimages waiting cannot spend them on another
        // interval.
        if (interval != IClearingLedger(ledger).head() + 1) revert CommitReveal_NotNext(interval);
        for (uint256 p = 0; p < preimages.length; ++p) {
            if (keccak256(abi.encodePacked(preimages[p])) != _tips[p]) revert CommitReveal_WrongPreimage(p);
            _tips[p] = preimages[p];
        }
        seed = keccak256(abi.encodePacked(IClearingLedger(ledger).domainHash(), interval, preimages));
        emit Revealed(interval, seed);
        IClearingLedger(ledger).acceptSeed(interval, seed);
    }

    /// @inheritdoc ICommitReveal
    function parties() external view returns (uint256) {
        return _tips.length;
    }

    /// @inheritdoc ICommitReveal
    function tip(uint256 party) external view returns (bytes32) {
        return _tips[party];
    }
}
