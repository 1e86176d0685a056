// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFaultProofs} from "../interfaces/IFaultProofs.sol";
import {AllocationEvidence} from "../types/Evidence.sol";
import {Headers} from "./Headers.sol";
import {Records} from "./Records.sol";
import {Trees} from "./Trees.sol";

/// @title Evidence held to the header that commits to it
/// @notice Every function reverts unless the evidence is under the header's root. Where a record lies is part of the
/// evidence, not of the record: a leaf in the wrong place is judged like any other, and its place is a fault of its
/// own.
library Committed {
    using Headers for bytes;

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
        a = Records.allocation(e.record);
        b = Records.bus(e.bus);
        bytes32 leaf = Trees.leaf(Records.KIND_ALLOCATION, e.record);
        bytes32 node = Trees.bus(e.bus);
        if (
            Trees.sumRoot(leaf, e.slot, e.lower) != b.root
                || Trees.sumRoot(node, e.position, e.upper) != payload.allocationRoot()
        ) revert IFaultProofs.Fault_NotCommitted();
    }
}
