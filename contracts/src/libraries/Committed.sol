// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICourt} from "../interfaces/ICourt.sol";
import {AllocationEvidence, BusEvidence, LeafEvidence, NodeEvidence} from "../types/Evidence.sol";
import {Headers} from "./Headers.sol";
import {Records} from "./Records.sol";
import {Trees} from "./Trees.sol";

/// @title Evidence held to the header that commits to it
/// @notice Every function reverts unless the evidence is under the header's root. Where a record lies is part of the
/// evidence, not of the record: a leaf in the wrong place is judged like any other, and its place is a fault of its
/// own.
library Committed {
    using Headers for bytes;

    /// @dev Bytes of an opened inner node: `left ‖ right ‖ sums ‖ salt`.
    uint256 internal constant OPENED_LENGTH = 144;

    /// @notice Open a participant's line of an interval.
    /// @param payload The header's payload.
    /// @param e The leaf, its bus and its path.
    /// @return a The line.
    /// @return b Its bus.
    function allocation(bytes calldata payload, AllocationEvidence calldata e)
        internal
        pure
        returns (Records.Allocation memory a, Records.Bus memory b)
    {
        bytes calldata record = e.record;
        a = Records.allocation(record);
        b = _above(payload, Trees.sumRoot(Trees.leaf(Records.KIND_ALLOCATION, record), e.slot, e.lower), e);
    }

    /// @notice Hold a participant's line of an interval to the header, unread.
    /// @param payload The header's payload.
    /// @param e The leaf, its bus and its path.
    function line(bytes calldata payload, AllocationEvidence calldata e) internal pure {
        if (e.bus.length != Records.ROOTLESS_BUS_LENGTH) revert Records.Records_Length();
        bytes32 root = Trees.sumRoot(Trees.leaf(Records.KIND_ALLOCATION, e.record), e.slot, e.lower);
        _requireBus(payload, Trees.busAbove(e.bus, root), e.position, e.upper);
    }

    /// @notice Show that a slot of a bus is empty.
    /// @param payload The header's payload.
    /// @param e The slot and its path; the path may start above an empty subtree that contains the slot.
    /// @return b The bus.
    function emptySlot(bytes calldata payload, AllocationEvidence calldata e)
        internal
        pure
        returns (Records.Bus memory b)
    {
        if (e.bus.length != Records.ROOTLESS_BUS_LENGTH) revert Records.Records_Length();
        uint256 depth = Records.number(e.bus, 2, 1);
        uint256 steps = e.lower.length >> 6;
        if (steps > depth || depth > 32) revert ICourt.Fault_Malformed();
        uint256 height = depth - steps;
        b = _above(payload, Trees.sumRoot(Trees.emptyRoot(height), e.slot >> height, e.lower), e);
    }

    /// @notice Open a bus.
    /// @param payload The header's payload.
    /// @param e The bus and its path.
    /// @return b The bus.
    function bus(bytes calldata payload, BusEvidence calldata e) internal pure returns (Records.Bus memory b) {
        b = Records.bus(e.bus);
        _requireBus(payload, Trees.bus(e.bus), e.position, e.upper);
    }

    /// @notice Hold a leaf of a plain tree to its root.
    /// @param root The tree's root.
    /// @param depth Its depth.
    /// @param kind The record kind.
    /// @param index Where the leaf lies; a record that is not empty must name it.
    /// @param e The leaf and its path.
    function leaf(bytes32 root, uint256 depth, uint8 kind, uint256 index, LeafEvidence calldata e) internal pure {
        if (e.path.length != 32 * depth) revert ICourt.Fault_Malformed();
        if (e.record.length != 0 && Records.number(e.record, 0, 4) != index) revert ICourt.Fault_Malformed();
        if (Trees.plainRoot(Trees.leaf(kind, e.record), index, e.path) != root) {
            revert ICourt.Fault_NotCommitted();
        }
    }

    /// @notice Hold the states of one participant before and after an interval to their roots.
    /// @param preRoot Root of the state tree before.
    /// @param postRoot Root of the state tree after.
    /// @param depth Depth of both.
    /// @param index The participant.
    /// @param both `which u8 ‖ records ‖ path before ‖ path after`; bit 0 of the first byte says whether there is a
    /// record before, bit 1 whether there is one after. One piece, because every word of an offset costs calldata.
    /// @return pre The record before, empty if there is none.
    /// @return post The record after, empty if there is none.
    function states(bytes32 preRoot, bytes32 postRoot, uint256 depth, uint256 index, bytes calldata both)
        internal
        pure
        returns (bytes calldata pre, bytes calldata post)
    {
        uint256 which = both.length == 0 ? 4 : uint8(both[0]);
        uint256 first = 1 + (which & 1) * Records.STATE_LENGTH;
        uint256 second = first + (which >> 1) * Records.STATE_LENGTH;
        if (which > 3 || both.length != second + 64 * depth) revert ICourt.Fault_Malformed();
        pre = both[1:first];
        post = both[first:second];
        uint256 middle = second + 32 * depth;
        _state(preRoot, index, pre, both[second:middle]);
        _state(postRoot, index, post, both[middle:]);
    }

    /// @notice Hold any node of the allocation tree to its root.
    /// @param payload The header's payload.
    /// @param lowest The node.
    /// @param e Where it lies; its preimage is not looked at.
    /// @param upperDepth Depth of the tree above the buses.
    /// @return height Height of the node above the leaves of its tree, which are participants or buses.
    function node(bytes calldata payload, bytes32 lowest, NodeEvidence calldata e, uint256 upperDepth)
        internal
        pure
        returns (uint256 height)
    {
        uint256 depth = upperDepth;
        uint256 steps = e.upper.length >> 6;
        if (e.bus.length != 0) {
            if (steps != upperDepth) revert ICourt.Fault_Malformed();
            Records.Bus memory b = Records.bus(e.bus);
            if (Trees.sumRoot(lowest, e.slot, e.lower) != b.root) revert ICourt.Fault_NotCommitted();
            lowest = Trees.bus(e.bus);
            depth = b.depth;
            steps = e.lower.length >> 6;
        }
        _requireBus(payload, lowest, e.position, e.upper);
        if (steps > depth) revert ICourt.Fault_Malformed();
        height = depth - steps;
    }

    /// @notice Open a node with sums by what it is.
    /// @param opening One byte (height of an empty subtree), an allocation record, a bus record, or an inner node as
    /// `left ‖ right ‖ sums ‖ salt`; the four have different lengths.
    /// @return hash The node.
    /// @return s Its sums.
    function open(bytes calldata opening) internal pure returns (bytes32 hash, Records.Sums memory s) {
        if (opening.length == OPENED_LENGTH) {
            s = Records.sums(opening, 64);
            hash = Trees.sumInner(
                bytes32(Records.number(opening, 0, 32)),
                bytes32(Records.number(opening, 32, 32)),
                keccak256(opening[64:])
            );
        } else if (opening.length == Records.ALLOCATION_LENGTH) {
            Records.Allocation memory a = Records.allocation(opening);
            s = Records.Sums({
                requested: a.essential.q + a.flexible.q,
                offered: a.supply.q,
                served: a.essential.x + a.flexible.x,
                dispatched: a.supply.x,
                credit: a.supplyPay + a.potShare + a.imbalanceCredit,
                debit: a.energyCost + a.shortfall + a.subscription + a.imbalanceDebit,
                energyCredit: a.supplyPay + a.potShare,
                energyDebit: a.energyCost + a.shortfall
            });
            hash = Trees.leaf(Records.KIND_ALLOCATION, opening);
        } else if (opening.length == Records.BUS_LENGTH) {
            s = Records.sums(opening, 23);
            hash = Trees.bus(opening);
        } else if (opening.length == 1 && uint8(opening[0]) <= 32) {
            hash = Trees.emptyRoot(uint8(opening[0]));
        } else {
            revert ICourt.Fault_Malformed();
        }
    }

    function _state(bytes32 root, uint256 index, bytes calldata record, bytes calldata path) private pure {
        if (record.length != 0 && Records.number(record, 0, 4) != index) revert ICourt.Fault_Malformed();
        if (Trees.plainRoot(Trees.leaf(Records.KIND_STATE, record), index, path) != root) {
            revert ICourt.Fault_NotCommitted();
        }
    }

    /// @dev Open the bus of a line: its record less the root, which the path below gives.
    function _above(bytes calldata payload, bytes32 root, AllocationEvidence calldata e)
        private
        pure
        returns (Records.Bus memory b)
    {
        bytes calldata record = e.bus;
        b = Records.rootlessBus(record, root);
        _requireBus(payload, Trees.busAbove(record, root), e.position, e.upper);
    }

    function _requireBus(bytes calldata payload, bytes32 node_, uint256 position, bytes calldata upper) private pure {
        if (Trees.sumRoot(node_, position, upper) != payload.allocationRoot()) {
            revert ICourt.Fault_NotCommitted();
        }
    }
}
