// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HeaderEvidence, LeafEvidence, Question, SeedEvidence} from "../types/Evidence.sol";

/// @title One entry point per lie about what goes into a clearing
/// @notice Called at the address of FaultProofs, like all proofs.
interface IInputFaults {
    /// @notice A header's seed is made of a signature that is not that of its drand round. The header is void; its
    /// orders stand and await the same round.
    /// @param header The header.
    /// @param round The round that the seed is made of.
    /// @param signature What was said to be the round's signature.
    function seed(HeaderEvidence calldata header, uint64 round, bytes calldata signature) external;

    /// @notice The same of an interval that has no header yet.
    /// @param accepted What was fixed of the interval when its seed was accepted.
    /// @param round The round that the seed is made of.
    /// @param signature What was said to be the round's signature.
    function seedAhead(SeedEvidence calldata accepted, uint64 round, bytes calldata signature) external;

    /// @notice A forced order that is due and admissible is not in the orders tree, nor one of its owner with the same
    /// or a higher number.
    /// @param header The header.
    /// @param id Number of the forced order.
    /// @param filed The packed order as filed.
    /// @param order The participant's order leaf, empty if there is none.
    /// @param preState The participant's state before the interval, which carries its contract; empty if there is none.
    /// @param policy The packed policy.
    function forcedIgnored(
        HeaderEvidence calldata header,
        uint256 id,
        bytes calldata filed,
        LeafEvidence calldata order,
        LeafEvidence calldata preState,
        bytes calldata policy
    ) external;

    /// @notice An order for whose arrival in time as many signers gave a receipt as a header needs is not in the orders
    /// tree, nor one of its owner with the same or a higher number, although it was admissible.
    /// @param header The header.
    /// @param received The packed order with its owner's signature.
    /// @param receipts The signers' EIP-712 signatures of the order's receipt for the interval, 65 bytes each, in
    /// ascending order of signer.
    /// @param order The owner's order leaf, empty if there is none.
    /// @param preState The owner's state before the interval, which carries its contract; empty if there is none.
    /// @param policy The packed policy.
    function omitted(
        HeaderEvidence calldata header,
        bytes calldata received,
        bytes calldata receipts,
        LeafEvidence calldata order,
        LeafEvidence calldata preState,
        bytes calldata policy
    ) external;

    /// @notice Data behind the header were asked for on the chain and not shown in time. Only a question asked since
    /// the header was last posted counts: cleared anew it may be the same, and who posts it again must be asked again.
    /// The asker is rewarded, whoever sends the proof; unless it does so itself it collects its reward from the bond.
    /// @param header The header.
    /// @param question The question.
    function withheld(HeaderEvidence calldata header, Question calldata question) external;
}
