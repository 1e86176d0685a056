// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingLedger} from "../interfaces/IClearingLedger.sol";
import {ICommitReveal} from "../interfaces/ICommitReveal.sol";
import {IRandomnessBeacon} from "../interfaces/IRandomnessBeacon.sol";

/// @title CommitReveal
/// @notice See ICommitReveal. With one party alone, that party knows every seed beforehand; with several it takes all
/// of them together.
contract CommitReveal is ICommitReveal {
    /// @notice The most parties: each costs every interval a slot.
    uint256 public constant MAX_PARTIES = 32;

    /// @inheritdoc IRandomnessBeacon
    address public immutable ledger;

    /// @dev In one slot, so that a reveal learns of links to skip without reading another.
    uint128 private _parties;
    uint128 private _skipped;
    bytes32[MAX_PARTIES] private _tips;

    /// @notice Bind the adapter to a ledger and to the ends of the parties' chains.
    /// @param ledger_ The ledger, which may not be deployed yet.
    /// @param tips End of each party's chain: the last hash.
    constructor(address ledger_, bytes32[] memory tips) {
        if (tips.length == 0 || tips.length > MAX_PARTIES) revert CommitReveal_BadPartyCount();
        ledger = ledger_;
        _parties = uint128(tips.length);
        for (uint256 p = 0; p < tips.length; ++p) {
            _tips[p] = tips[p];
        }
    }

    /// @inheritdoc ICommitReveal
    function reveal(uint32 interval, bytes32[] calldata preimages) external returns (bytes32 seed) {
        uint256 skipped_ = _skipped;
        if (preimages.length != _parties) revert CommitReveal_WrongCount();
        // One link per interval and in order: whoever sees the preimages waiting cannot spend them on another
        // interval.
        if (interval != IClearingLedger(ledger).head() + 1) revert CommitReveal_NotNext(interval);
        for (uint256 p = 0; p < preimages.length; ++p) {
            if (_hashed(preimages[p], skipped_ + 1) != _tips[p]) revert CommitReveal_WrongPreimage(p);
            _tips[p] = preimages[p];
        }
        if (skipped_ != 0) _skipped = 0;
        seed = keccak256(abi.encodePacked(IClearingLedger(ledger).domainHash(), interval, preimages));
        emit Revealed(interval, seed);
        IClearingLedger(ledger).acceptSeed(interval, seed);
    }

    /// @inheritdoc IRandomnessBeacon
    function renew() external {
        if (msg.sender != ledger) revert CommitReveal_OnlyLedger();
        ++_skipped;
    }

    /// @inheritdoc ICommitReveal
    function parties() external view returns (uint256) {
        return _parties;
    }

    /// @inheritdoc ICommitReveal
    function tip(uint256 party) external view returns (bytes32) {
        return _tips[party];
    }

    /// @inheritdoc ICommitReveal
    function skipped() external view returns (uint256) {
        return _skipped;
    }

    function _hashed(bytes32 link, uint256 times) private pure returns (bytes32 end) {
        end = link;
        assembly ("memory-safe") {
            for {} times { times := sub(times, 1) } {
                mstore(0, end)
                end := keccak256(0, 0x20)
            }
        }
    }
}
