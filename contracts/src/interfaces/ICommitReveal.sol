// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRandomnessBeacon} from "./IRandomnessBeacon.sol";

/// @title Seeds from the hash chains of several parties
/// @notice Party p draws a secret s_p, hashes it n times and commits the result. Each seed consumes the next preimage
/// of every chain, so no party can choose a value after it has seen another's: it can only withhold. The seed is
/// `H(domainHash ‖ interval u32 ‖ preimage_0 ‖ preimage_1 ...)`, independent of block time and of who sends it.
interface ICommitReveal is IRandomnessBeacon {
    /// @notice Emitted when the chains have advanced by one.
    /// @param interval The interval that received the seed.
    /// @param seed The seed.
    event Revealed(uint32 indexed interval, bytes32 seed);

    /// @notice Thrown when the deployment names no party.
    error CommitReveal_NoParty();
    /// @notice Thrown when the number of preimages is not the number of parties.
    error CommitReveal_WrongCount();
    /// @notice Thrown when a preimage does not hash to the end of its party's chain.
    /// @param party Number of the party.
    error CommitReveal_WrongPreimage(uint256 party);

    /// @notice Thrown when the interval is not the one after the head.
    /// @param interval The interval named.
    error CommitReveal_NotNext(uint32 interval);

    /// @notice Advance every chain by one and hand the seed to the ledger. Anyone may send the preimages.
    /// @param interval The interval after the head, whose orders are fixed and whose seed is not.
    /// @param preimages One per party, in the order of deployment.
    /// @return seed The seed.
    function reveal(uint32 interval, bytes32[] calldata preimages) external returns (bytes32 seed);

    /// @notice Number of parties.
    function parties() external view returns (uint256);

    /// @notice The value the party's next preimage must hash to.
    /// @param party Number of the party.
    function tip(uint256 party) external view returns (bytes32);
}
