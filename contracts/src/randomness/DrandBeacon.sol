// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingLedger} from "../interfaces/IClearingLedger.sol";
import {IDrandBeacon} from "../interfaces/IDrandBeacon.sol";
import {IOracleBond} from "../interfaces/IOracleBond.sol";
import {IRandomnessBeacon} from "../interfaces/IRandomnessBeacon.sol";
import {Bls} from "../libraries/Bls.sol";

/// @title DrandBeacon
/// @notice See IDrandBeacon. The round follows from the chain's own time of the orders and is part of the seed, so it
/// needs no memory here. Needs a chain with the precompiles of EIP-2537.
contract DrandBeacon is IDrandBeacon {
    /// @inheritdoc IRandomnessBeacon
    address public immutable ledger;
    /// @inheritdoc IDrandBeacon
    address public immutable bond;
    /// @inheritdoc IDrandBeacon
    uint64 public immutable genesisTime;
    /// @inheritdoc IDrandBeacon
    uint32 public immutable period;
    /// @inheritdoc IDrandBeacon
    uint32 public immutable delaySeconds;
    /// @inheritdoc IDrandBeacon
    bytes public publicKey;

    /// @notice Bind the adapter to a market and to a network of the quicknet scheme.
    /// @param ledger_ The ledger, which may not be deployed yet.
    /// @param bond_ The bond, which may not be deployed yet.
    /// @param key The network's public key as EIP-2537 takes it.
    /// @param genesisTime_ When round 1 came out.
    /// @param period_ Seconds between two rounds.
    /// @param delaySeconds_ Least time between orders and round: longer than a fork of the chain can be.
    constructor(
        address ledger_,
        address bond_,
        bytes memory key,
        uint64 genesisTime_,
        uint32 period_,
        uint32 delaySeconds_
    ) {
        // Times stay within 32 bits, so that the ledger can keep them.
        if (
            period_ == 0 || delaySeconds_ == 0 || genesisTime_ <= delaySeconds_ || genesisTime_ > type(uint32).max
                || !Bls.isKey(key)
        ) revert Drand_BadConfig();
        ledger = ledger_;
        bond = bond_;
        publicKey = key;
        genesisTime = genesisTime_;
        period = period_;
        delaySeconds = delaySeconds_;
    }

    /// @inheritdoc IDrandBeacon
    function submit(uint32 interval, bytes calldata signature) external returns (bytes32 seed) {
        if (signature.length != Bls.SIGNATURE_LENGTH) revert Drand_WrongSignature();
        uint64 round = awaitedRound(interval);
        uint256 time = _timeOf(round);
        if (block.timestamp < time) revert Drand_NotYet(round, time);
        // A signer is believed until somebody disproves it, but not where it takes several to bring the bond at risk.
        bool believed = IOracleBond(bond).mayPost(msg.sender) && IClearingLedger(ledger).signatures() == 1;
        if (!believed && !isSigned(round, signature)) revert Drand_WrongSignature();
        seed = seedOf(interval, round, signature);
        emit Drawn(interval, round, signature, seed);
        IClearingLedger(ledger).acceptSeed(interval, seed);
    }

    /// @inheritdoc IRandomnessBeacon
    /// @dev Nothing to do: orders fixed anew await a round that comes out after that.
    // solhint-disable-next-line no-empty-blocks, use-natspec
    function renew() external {}

    /// @inheritdoc IDrandBeacon
    function awaitedRound(uint32 interval) public view returns (uint64 round) {
        uint256 committedAt = IClearingLedger(ledger).ordersCommittedAt(interval);
        if (committedAt == 0) revert Drand_NotAwaited(interval);
        uint256 earliest = committedAt + delaySeconds;
        if (earliest <= genesisTime) return 1;
        return uint64((earliest - genesisTime + period - 1) / period + 1);
    }

    /// @inheritdoc IDrandBeacon
    function seedOf(uint32 interval, uint64 round, bytes calldata signature) public view returns (bytes32) {
        return keccak256(abi.encodePacked(IClearingLedger(ledger).domainHash(), interval, round, signature));
    }

    /// @inheritdoc IDrandBeacon
    function isSigned(uint64 round, bytes calldata signature) public view returns (bool) {
        return Bls.isSigned(publicKey, round, signature);
    }

    /// @inheritdoc IDrandBeacon
    function committedAtOf(uint64 round) external view returns (uint32) {
        return uint32(_timeOf(round) - delaySeconds);
    }

    function _timeOf(uint64 round) private view returns (uint256) {
        return genesisTime + (uint256(round) - 1) * period;
    }
}
