// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A header as it was posted: enough to recompute its hash.
/// @param previousHash Hash of the header before it.
/// @param payload The 436 committed bytes (docs/protocol.md, section 4).
struct HeaderEvidence {
    bytes32 previousHash;
    bytes payload;
}

/// @notice A leaf of a plain tree (orders, state, contracts, shares) and its path.
/// @param record The packed record; empty stands for the empty leaf.
/// @param path Siblings from the leaf up, 32 bytes each.
struct LeafEvidence {
    bytes record;
    bytes path;
}

/// @notice A leaf of the allocation tree and its whole path.
/// @param record The packed allocation record; empty stands for the empty leaf.
/// @param slot Where it lies below its bus.
/// @param lower `sibling ‖ sumsHash` steps from the leaf to its bus's root, 64 bytes each.
/// @param bus The packed bus record less its root, which leaf and path give: 87 bytes.
/// @param position Where the bus lies in the grid's holarchy.
/// @param upper `sibling ‖ sumsHash` steps from the bus node to the allocation root, 64 bytes each.
struct AllocationEvidence {
    bytes record;
    uint32 slot;
    bytes lower;
    bytes bus;
    uint32 position;
    bytes upper;
}

/// @notice Any node of the allocation tree by its preimage.
/// @param preimage What the node is the hash of.
/// @param slot Position of the node in its level below the bus; 0 above the buses.
/// @param lower Steps from the node to its bus's root; empty above the buses.
/// @param bus The packed bus record; empty above the buses.
/// @param position Position of the bus, or of the node in its level above the buses.
/// @param upper Steps from the bus node, or from the node, to the allocation root.
struct NodeEvidence {
    bytes preimage;
    uint32 slot;
    bytes lower;
    bytes bus;
    uint32 position;
    bytes upper;
}

/// @notice An inner node of the allocation tree, opened together with both of its children.
/// @param parent The node; its preimage here is `left 32 ‖ right 32 ‖ sums 64 ‖ salt 16`.
/// @param left What the left child is: one byte (height of an empty subtree), an allocation record, a bus record, or
/// 144 bytes as of `parent`.
/// @param right What the right child is.
struct SumEvidence {
    NodeEvidence parent;
    bytes left;
    bytes right;
}

/// @notice A bus node of the allocation tree and its path.
/// @param bus The packed bus record.
/// @param position Where the bus lies in the grid's holarchy.
/// @param upper `sibling ‖ sumsHash` steps from the bus node to the allocation root, 64 bytes each.
struct BusEvidence {
    bytes bus;
    uint32 position;
    bytes upper;
}

/// @notice An interval without a header whose seed was accepted.
/// @param interval The interval.
/// @param ordersRoot Root of its orders.
/// @param reserved Whom it was reserved for, as announced with the seed; address 0 where it is open to any signer.
/// @param gridVersion The grid in force, as announced with the seed.
/// @param termsHash `H(policyHash ‖ sharesRoot ‖ contractsRoot)` of what is in force.
struct SeedEvidence {
    uint32 interval;
    bytes32 ordersRoot;
    address reserved;
    uint32 gridVersion;
    bytes32 termsHash;
}

/// @notice One node of a committed tree, all leaves of a subtree, or the bus vector, as something to ask for.
/// @param headerHash The header whose data are asked for.
/// @param root Root of the tree: of the header, or of a bus of its allocation tree; or the hash of the bus vector.
/// @param kind Record kind of the tree's leaves; 2 for any node of the allocation tree, 7 for the bus vector, 9 for
/// lines of a bus, 10 for buses.
/// @param depth Depth of the tree.
/// @param height Height of the node above the leaves; but for kind 2 all leaves below it are asked for.
/// @param position Position of the node in its level.
struct Question {
    bytes32 headerHash;
    bytes32 root;
    uint8 kind;
    uint8 depth;
    uint8 height;
    uint32 position;
}
