// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRandomnessBeacon} from "./IRandomnessBeacon.sol";

/// @title Seeds from the hash chains of several parties
/// @notice Party p draws a secret s_p, hashes it n times and commits the result. Each seed consumes the next preimage
/// of every chain, so no party can choose a value after it has seen another's: it can only withhold. The seed is
/// `H(domainHash ‖ interval u32 ‖ preimage_0 ‖ preimage_1 ...)`, independent of block time and of who sends it.
///
/// A void can overtake a reveal that waits to be mined: everybody has seen the preimages then, and orders that a proven
/// fault has opened again could be chosen to suit them. So each time orders are opened again every chain skips a link.
/// It is spent unused; only a proven fault, which costs the operator a penalty, can spend one.
interface ICommitReveal is IRandomnessBeacon {
    /// @notice Emitted when the chains have advanced by one.
    /// @param interval The interval that received the seed.
    /// @param seed The seed.
    event Revealed(uint32 indexed interval, bytes32 seed);

    /// @notice Thrown when the deployment names no party, or more than 32.
    error CommitReveal_BadPartyCount();
    /// @notice Thrown when anyone but the ledger says that orders were opened again.
    error CommitReveal_OnlyLedger();
    /// @notice Thrown when the number of preimages is not the number of parties.
    error CommitReveal_WrongCount();
    /// @notice Thrown when a preimage does not hash to the end of its party's chain, over as many links as are skipped.
    /// @param party Number of the party.
    error CommitReveal_WrongPreimage(uint256 party);

    /// @notice Thrown when the interval is not the one after the head.
    /// @param interval The interval named.
    error CommitReveal_NotNext(uint32 interval);

    /// @notice Advance every chain past what is skipped by one, and hand the seed to the ledger. Anyone may send the
    /// preimages.
    /// @param interval The interval after the head, whose orders are fixed and whose seed is not.
    /// @param preimages One per party, in the order of deployment.
    /// @return seed The seed.
    function reveal(uint32 interval, bytes32[] calldata preimages) external returns (bytes32 seed);

    /// @notice Number of parties.
    function parties() external view returns (uint256);

    /// @notice The value the party's next preimage must hash to, hashed `skipped` times more often than once.
    /// @param party Number of the party.
    function tip(uint256 party) external view returns (bytes32);

    /// @notice How many links of each chain are skipped by the next reveal.
    function skipped() external view returns (uint256);
}
