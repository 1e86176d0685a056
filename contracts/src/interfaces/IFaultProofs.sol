// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {
    AllocationEvidence,
    BusEvidence,
    HeaderEvidence,
    LeafEvidence,
    NodeEvidence,
    SumEvidence
} from "../types/Evidence.sol";
import {ICourt} from "./ICourt.sol";

/// @title One entry point per lie
/// @notice Each function takes one header and the evidence of one fault in it. If the fault is there, the header and
/// all after it are void and the bond is slashed; if not, the call reverts and changes nothing. No bond is asked of
/// the prover. To own the reward, commit to the proof at least one block before sending it; if a copy of it is faster,
/// send it all the same (ICourt, `commit`).
interface IFaultProofs is ICourt {
    /* ------------------------------------------------ ONE LINE ----------------------------------------------- */

    /// @notice An allocation lies outside its bracket at its bus's price, or above its order (docs/mechanism.md,
    /// section 1).
    /// @param header The header.
    /// @param allocation The leaf, its bus and its path.
    function bracket(HeaderEvidence calldata header, AllocationEvidence calldata allocation) external;

    /// @notice A leaf's energy cost or supply pay is not what its quantities, price and bid give (section 5).
    /// @param header The header.
    /// @param allocation The leaf, its bus and its path.
    function payment(HeaderEvidence calldata header, AllocationEvidence calldata allocation) external;

    /// @notice A leaf repeats another interval, bus, slot or price than those it lies under.
    /// @param header The header.
    /// @param allocation The leaf, its bus and its path.
    function misplaced(HeaderEvidence calldata header, AllocationEvidence calldata allocation) external;

    /// @notice A leaf's quantities or bid are not those of the participant's order, or not zero without one. All zero
    /// they may be where an order asks for energy: ICoverFaults, `uncovered`.
    /// @param header The header.
    /// @param allocation The leaf, its bus and its path.
    /// @param order The order leaf of the same participant, empty if there is none.
    function copied(HeaderEvidence calldata header, AllocationEvidence calldata allocation, LeafEvidence calldata order)
        external;

    /// @notice A leaf's key or ramps are not those of the rule (section 2).
    /// @param header The header.
    /// @param allocation The leaf, its bus and its path.
    /// @param preState The participant's state before the interval.
    /// @param policy The packed policy.
    function key(
        HeaderEvidence calldata header,
        AllocationEvidence calldata allocation,
        LeafEvidence calldata preState,
        bytes calldata policy
    ) external;

    /// @notice A leaf's part of the pot is not its committed share of it, rounded down or up.
    /// @param header The header.
    /// @param allocation The leaf, its bus and its path.
    /// @param share The share leaf of the same participant, empty if it has none.
    function pot(HeaderEvidence calldata header, AllocationEvidence calldata allocation, LeafEvidence calldata share)
        external;

    /// @notice A leaf's part of the shortfall is not in proportion to its headroom, rounded down or up.
    /// @param header The header.
    /// @param allocation The leaf, its bus and its path.
    /// @param root The allocation root, opened as in SumEvidence, which tells all energy costs together.
    /// @param policy The packed policy.
    function shortfall(
        HeaderEvidence calldata header,
        AllocationEvidence calldata allocation,
        bytes calldata root,
        bytes calldata policy
    ) external;

    /// @notice A state after the interval does not follow from the one before it and the participant's line.
    /// @param header The header.
    /// @param allocation The leaf, its bus and its path.
    /// @param states The participant's states before and after it: `which u8 ‖ records ‖ path before ‖ path after`,
    /// where bit 0 of the first byte says whether there is a record before, bit 1 whether there is one after.
    /// @param policy The packed policy.
    function transition(
        HeaderEvidence calldata header,
        AllocationEvidence calldata allocation,
        bytes calldata states,
        bytes calldata policy
    ) external;

    /// @notice A participant's line lies elsewhere than its contract says, something else lies in its place, or the
    /// tree of its bus is too shallow to have its place.
    /// @param header The header.
    /// @param allocation What lies in a slot; an empty record for an empty slot. Any slot shows how deep the tree is.
    /// @param index The participant's registration number.
    /// @param contract_ The participant's contract leaf, empty if it has none.
    function placement(
        HeaderEvidence calldata header,
        AllocationEvidence calldata allocation,
        uint32 index,
        LeafEvidence calldata contract_
    ) external;

    /// @notice A state exists for a registration number that has no contract.
    /// @param header The header.
    /// @param index The registration number.
    /// @param contract_ Its contract leaf, which is empty.
    /// @param postState Its state after the interval, which is not.
    function orphan(
        HeaderEvidence calldata header,
        uint32 index,
        LeafEvidence calldata contract_,
        LeafEvidence calldata postState
    ) external;

    /* ------------------------------------------------ SUMS, BUSES, FORM -------------------------------------- */

    /// @notice The sums of a node are not those of its children together.
    /// @param header The header.
    /// @param node The node, both children and its path.
    function sumNode(HeaderEvidence calldata header, SumEvidence calldata node) external;

    /// @notice The sums in a bus record are not those of its participants' root.
    /// @param header The header.
    /// @param bus The bus and its path.
    /// @param root The root, opened as in SumEvidence.
    function busRoot(HeaderEvidence calldata header, BusEvidence calldata bus, bytes calldata root) external;

    /// @notice A bus record's angle, price or injection are not those of the checked bus vector.
    /// @param header The header.
    /// @param bus The bus and its path.
    /// @param vector The certificate and all injections, whose hash the header carries.
    function busVector(HeaderEvidence calldata header, BusEvidence calldata bus, bytes calldata vector) external;

    /// @notice A bus lies elsewhere than the grid says, or nothing lies in its place.
    /// @param header The header.
    /// @param number The bus that is missing, where the record is empty.
    /// @param bus What lies at a position; an empty record for an empty position, whose path may start above an empty
    /// subtree that contains it.
    function busPlacement(HeaderEvidence calldata header, uint16 number, BusEvidence calldata bus) external;

    /// @notice A bus's tree is deeper than its participants need: the first slot of its right half is empty.
    /// @param header The header.
    /// @param slot That slot, 2^(depth - 1), with an empty record; its path may start above an empty subtree that
    /// contains it.
    function busDepth(HeaderEvidence calldata header, AllocationEvidence calldata slot) external;

    /// @notice The header's totals are not the sums of the allocation root, energy is not paid for by energy alone, or
    /// there are both a pot and a shortfall.
    /// @param header The header.
    /// @param root The root, opened as in SumEvidence.
    function totals(HeaderEvidence calldata header, bytes calldata root) external;

    /// @notice A bus's price is not that of its tightest layer (section 5).
    /// @param header The header.
    /// @param bus The bus and its path.
    /// @param sums The sums of every node above the bus, from below, 64 bytes each.
    /// @param policy The packed policy.
    function price(HeaderEvidence calldata header, BusEvidence calldata bus, bytes calldata sums, bytes calldata policy)
        external;

    /// @notice The certificate behind the bus vector breaks a rule of the network (only where it was not posted).
    /// @param header The header.
    /// @param vector The certificate and all injections, whose hash the header carries.
    function network(HeaderEvidence calldata header, bytes calldata vector) external;

    /// @notice A node of the allocation tree is not of a type that can stand where it stands.
    /// @param header The header.
    /// @param node The node's preimage and its path.
    function allocationForm(HeaderEvidence calldata header, NodeEvidence calldata node) external;

    /// @notice A node of the orders, state, readings or shares tree is not of a type that can stand where it stands,
    /// or a record is not at the place of its index.
    /// @param header The header.
    /// @param kind Record kind of the tree: 1 orders, 3 state, 5 readings, 6 shares.
    /// @param preimage What the node is the hash of.
    /// @param index Position of the node in its level.
    /// @param path Siblings from the node up, 32 bytes each.
    function recordForm(
        HeaderEvidence calldata header,
        uint8 kind,
        bytes calldata preimage,
        uint32 index,
        bytes calldata path
    ) external;

    /* ------------------------------------------------ ORDERS AND COLLATERAL ---------------------------------- */

    /// @notice An order is not valid in the interval, above its contract, above the highest bid, or of nobody.
    /// @param header The header.
    /// @param order The order leaf.
    /// @param preState The participant's state before the interval, which carries its contract.
    /// @param policy The packed policy.
    function orderTerms(
        HeaderEvidence calldata header,
        LeafEvidence calldata order,
        LeafEvidence calldata preState,
        bytes calldata policy
    ) external;

    /// @notice An order is not signed by the registered owner.
    /// @param header The header.
    /// @param order The order leaf.
    function orderSignature(HeaderEvidence calldata header, LeafEvidence calldata order) external;

    /// @notice The header's cursor is not the number of forced orders that are due.
    /// @param header The header.
    function forcedCursor(HeaderEvidence calldata header) external;
}
