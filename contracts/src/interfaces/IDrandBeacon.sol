// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRandomnessBeacon} from "./IRandomnessBeacon.sol";

/// @title Seeds from a drand network
/// @notice The seed of an interval is made of the signature of the first round that comes out `delaySeconds` or more
/// after the block that fixed the orders. Nobody can know or choose it, neither the operator nor who makes the blocks.
/// A bonded signer's word is taken at first and can be disproved (IInputFaults.seed); anybody else's is checked at
/// once.
interface IDrandBeacon is IRandomnessBeacon {
    /// @notice Emitted when a seed is brought.
    /// @param interval The interval.
    /// @param round The round it is made of.
    /// @param signature What is said to be the round's signature, 48 bytes.
    /// @param seed The seed.
    event Drawn(uint32 indexed interval, uint64 indexed round, bytes signature, bytes32 seed);

    /// @notice Thrown when the deployment's settings contradict each other, or the key is no point of its group.
    error Drand_BadConfig();
    /// @notice Thrown when the interval's orders are not fixed, or its seed is known.
    /// @param interval The interval.
    error Drand_NotAwaited(uint32 interval);
    /// @notice Thrown when the round is not out yet.
    /// @param round The round.
    /// @param time When it comes out.
    error Drand_NotYet(uint64 round, uint256 time);
    /// @notice Thrown when a signature does not have 48 bytes, or one that must be right at once is wrong.
    error Drand_WrongSignature();

    /// @notice Bring the seed of an interval. A bonded signer puts the bond at stake for the signature; from anybody
    /// else it is verified here.
    /// @param interval The interval, whose orders are fixed.
    /// @param signature The round's signature, compressed.
    /// @return seed `H(domainHash ‖ interval u32 ‖ round u64 ‖ signature)`.
    function submit(uint32 interval, bytes calldata signature) external returns (bytes32 seed);

    /// @notice The round that an interval awaits.
    /// @param interval The interval, whose orders are fixed and whose seed is not known.
    /// @return round Its number.
    function awaitedRound(uint32 interval) external view returns (uint64 round);

    /// @notice The seed that a signature makes.
    /// @param interval The interval.
    /// @param round The round.
    /// @param signature Its signature.
    function seedOf(uint32 interval, uint64 round, bytes calldata signature) external view returns (bytes32);

    /// @notice Whether a signature is that of a round; reverts only where the chain cannot tell.
    /// @param round The round.
    /// @param signature The signature.
    function isSigned(uint64 round, bytes calldata signature) external view returns (bool);

    /// @notice A time at which orders can have been fixed that await a round.
    /// @param round The round.
    function committedAtOf(uint64 round) external view returns (uint32);

    /// @notice Who may bring a seed without proof.
    function bond() external view returns (address);

    /// @notice The network's public key as EIP-2537 takes it, 256 bytes.
    function publicKey() external view returns (bytes memory);

    /// @notice When round 1 came out.
    function genesisTime() external view returns (uint64);

    /// @notice Seconds between two rounds.
    function period() external view returns (uint32);

    /// @notice Least time between the block that fixes the orders and the round.
    function delaySeconds() external view returns (uint32);
}
