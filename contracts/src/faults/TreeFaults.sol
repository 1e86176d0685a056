// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFaultProofs} from "../interfaces/IFaultProofs.sol";
import {Committed} from "../libraries/Committed.sol";
import {FairPlay} from "../libraries/FairPlay.sol";
import {GridData} from "../libraries/GridData.sol";
import {Headers} from "../libraries/Headers.sol";
import {Policies} from "../libraries/Policies.sol";
import {Records} from "../libraries/Records.sol";
import {Trees} from "../libraries/Trees.sol";
import {AllocationEvidence, BusEvidence, HeaderEvidence, NodeEvidence, SumEvidence} from "../types/Evidence.sol";
import {Court} from "./Court.sol";

/// @title Faults of sums, buses and the form of trees
/// @notice See IFaultProofs.
abstract contract TreeFaults is Court, IFaultProofs {
    using GridData for GridData.Holarchy;
    using Headers for bytes;

    /// @dev Buses hold at most 2^20 participants.
    uint256 private constant _MAX_BUS_DEPTH = 20;

    /// @inheritdoc IFaultProofs
    function sumNode(HeaderEvidence calldata header, SumEvidence calldata node) external {
        bytes calldata parent = node.parent.preimage;
        if (parent.length != Committed.OPENED_LENGTH) revert Fault_Malformed();
        (bytes32 hash, Records.Sums memory s) = Committed.open(parent);
        Committed.node(header.payload, hash, node.parent, _holarchy(header).depth);
        (bytes32 left, Records.Sums memory m) = Committed.open(node.left);
        (bytes32 right, Records.Sums memory r) = Committed.open(node.right);
        if (left != bytes32(Records.number(parent, 0, 32)) || right != bytes32(Records.number(parent, 32, 32))) {
            revert Fault_NotCommitted();
        }
        _convict(
            header,
            s.requested != m.requested + r.requested || s.offered != m.offered + r.offered
                || s.served != m.served + r.served || s.dispatched != m.dispatched + r.dispatched
                || s.credit != m.credit + r.credit || s.debit != m.debit + r.debit
                || s.energyCredit != m.energyCredit + r.energyCredit || s.energyDebit != m.energyDebit + r.energyDebit
                // Sums above the buses are public; with a salt nobody could hold a price to them.
                || (node.parent.bus.length == 0 && Records.number(parent, 128, 16) != 0)
        );
    }

    /// @inheritdoc IFaultProofs
    function busRoot(HeaderEvidence calldata header, BusEvidence calldata bus, bytes calldata root) external {
        Records.Bus memory b = Committed.bus(header.payload, bus);
        (bytes32 hash, Records.Sums memory s) = Committed.open(root);
        if (hash != b.root) revert Fault_NotCommitted();
        _convict(header, keccak256(abi.encode(s)) != keccak256(abi.encode(b.sums)));
    }

    /// @inheritdoc IFaultProofs
    function busVector(HeaderEvidence calldata header, BusEvidence calldata bus, bytes calldata vector) external {
        Records.Bus memory b = Committed.bus(header.payload, bus);
        if (keccak256(vector) != header.payload.busVectorHash()) revert Fault_NotCommitted();
        uint256 buses = _holarchy(header).buses;
        // A vector too short for the grid, or a bus that the grid does not have, are faults like any other.
        if (vector.length < 24 * buses || b.bus >= buses) {
            _convict(header, true);
            return;
        }
        int64 theta = int64(uint64(Records.number(vector, 16 * b.bus, 8)));
        int64 pi = int64(uint64(Records.number(vector, 16 * b.bus + 8, 8)));
        int64 injection = int64(uint64(Records.number(vector, vector.length - 8 * (buses - b.bus), 8)));
        _convict(
            header,
            theta != b.theta || pi != b.pi || int256(b.sums.dispatched) - int256(b.sums.served) != int256(injection)
        );
    }

    /// @inheritdoc IFaultProofs
    function busPlacement(HeaderEvidence calldata header, uint16 number, BusEvidence calldata bus) external {
        GridData.Holarchy memory g = _holarchy(header);
        uint256 steps = bus.upper.length >> 6;
        if (bus.bus.length == 0) {
            if (steps > g.depth) revert Fault_Malformed();
            // The path may start above an empty subtree that contains the position.
            uint256 height = g.depth - steps;
            bytes32 subtree = Trees.emptyRoot(height);
            if (Trees.sumRoot(subtree, bus.position >> height, bus.upper) != header.payload.allocationRoot()) {
                revert Fault_NotCommitted();
            }
            _convict(header, number < g.buses && g.position(number) == bus.position);
            return;
        }
        if (steps != g.depth) revert Fault_Malformed();
        Records.Bus memory b = Committed.bus(header.payload, bus);
        // A deeper tree cannot be asked for, and a false root of one not be opened: the record alone is the fault.
        _convict(header, b.bus >= g.buses || g.position(b.bus) != bus.position || b.depth > _MAX_BUS_DEPTH);
    }

    /// @inheritdoc IFaultProofs
    function busDepth(HeaderEvidence calldata header, AllocationEvidence calldata slot) external {
        if (slot.record.length != 0) revert Fault_Malformed();
        uint256 depth = Committed.emptySlot(header.payload, slot).depth;
        // Slots leave no gap, so in a tree no deeper than it must be somebody is right of the middle: the first there.
        _convict(header, depth != 0 && slot.slot == 1 << (depth - 1));
    }

    /// @inheritdoc IFaultProofs
    function totals(HeaderEvidence calldata header, bytes calldata root) external {
        bytes calldata h = header.payload;
        (bytes32 hash, Records.Sums memory s) = Committed.open(root);
        if (hash != h.allocationRoot()) revert Fault_NotCommitted();
        _convict(
            header,
            s.requested != h.requested() || s.offered != h.offered() || s.served != h.served()
                || s.dispatched != h.dispatched() || s.credit != h.creditSum() || s.debit != h.debitSum()
                || s.energyCredit != s.energyDebit || (h.pot() != 0 && h.shortfall() != 0)
        );
    }

    /// @inheritdoc IFaultProofs
    function price(HeaderEvidence calldata header, BusEvidence calldata bus, bytes calldata sums, bytes calldata policy)
        external
    {
        Records.Bus memory b = Committed.bus(header.payload, bus);
        GridData.Holarchy memory g = _holarchy(header);
        if (bus.upper.length != 64 * g.depth || sums.length != Records.SUMS_LENGTH * g.depth) revert Fault_Malformed();
        Records.Sums[] memory layer = new Records.Sums[](g.depth + 1);
        layer[0] = b.sums;
        for (uint256 i = 1; i <= g.depth; ++i) {
            // Sums above the buses are public: their salt is zero.
            uint256 from = Records.SUMS_LENGTH * (i - 1);
            bytes32 hash = keccak256(abi.encodePacked(sums[from:from + Records.SUMS_LENGTH], bytes16(0)));
            if (hash != bytes32(Records.number(bus.upper, 64 * (i - 1) + 32, 32))) revert Fault_NotCommitted();
            layer[i] = Records.sums(sums, from);
        }
        uint256 tau = _tightest(g.layers(), layer, bus.position);
        _convict(header, b.priceTicks != FairPlay.price(Policies.open(policy, header.payload.policyHash()), tau));
    }

    /// @inheritdoc IFaultProofs
    function network(HeaderEvidence calldata header, bytes calldata vector) external {
        bytes32 committed = header.payload.busVectorHash();
        if (keccak256(vector) != committed) revert Fault_NotCommitted();
        uint256 tail = 8 * _holarchy(header).buses;
        if (vector.length < tail) {
            _convict(header, true);
            return;
        }
        bool holds;
        try verifier.check(header.payload.gridVersion(), vector[:vector.length - tail]) returns (bytes32 hash) {
            holds = hash == committed;
        } catch (bytes memory reason) {
            // Running out of gas gives no reason; only a rule broken does.
            if (reason.length < 4) revert Fault_Malformed();
        }
        _convict(header, !holds);
    }

    /// @inheritdoc IFaultProofs
    function allocationForm(HeaderEvidence calldata header, NodeEvidence calldata node) external {
        bytes calldata preimage = node.preimage;
        uint256 height = Committed.node(header.payload, keccak256(preimage), node, _holarchy(header).depth);
        bool belowBus = node.bus.length != 0;
        bool wellFormed;
        if (belowBus && Records.bus(node.bus).depth > _MAX_BUS_DEPTH) {
            wellFormed = false;
        } else if (height != 0) {
            wellFormed =
                (preimage.length == 97 && preimage[0] == 0x02) || keccak256(preimage) == Trees.emptyRoot(height);
        } else if (preimage.length == 1) {
            wellFormed = preimage[0] == 0x04;
        } else if (belowBus) {
            wellFormed = preimage.length == 2 + Records.ALLOCATION_LENGTH && preimage[0] == 0x00
                && uint8(preimage[1]) == Records.KIND_ALLOCATION;
        } else {
            wellFormed = preimage.length == 1 + Records.BUS_LENGTH && preimage[0] == 0x03;
        }
        _convict(header, !wellFormed);
    }

    /// @inheritdoc IFaultProofs
    function recordForm(
        HeaderEvidence calldata header,
        uint8 kind,
        bytes calldata preimage,
        uint32 index,
        bytes calldata path
    ) external {
        (bytes32 root, uint256 length) = _plainTree(header.payload, kind);
        if (Trees.plainRoot(keccak256(preimage), index, path) != root) revert Fault_NotCommitted();
        uint256 steps = path.length >> 5;
        if (steps > _treeDepth) revert Fault_Malformed();
        bool wellFormed;
        if (steps < _treeDepth) {
            wellFormed = preimage.length == 65 && preimage[0] == 0x01;
        } else if (preimage.length == 1) {
            wellFormed = preimage[0] == 0x04;
        } else {
            wellFormed = preimage.length == 2 + length && preimage[0] == 0x00 && uint8(preimage[1]) == kind
                && Records.number(preimage, 2, 4) == index;
        }
        if (kind == Records.KIND_ORDER) _convictOrders(header, !wellFormed);
        else _convict(header, !wellFormed);
    }

    function _tightest(bytes memory layers, Records.Sums[] memory sums, uint256 position)
        private
        pure
        returns (uint256 tau)
    {
        uint256 total = sums[sums.length - 1].offered;
        for (uint256 i = 0; i < layers.length; i += 11) {
            uint256 word;
            assembly ("memory-safe") {
                word := mload(add(add(layers, 0x20), i))
            }
            uint256 level = word >> 248;
            if (position >> level != (word >> 232) & 0xffff) continue;
            uint256 own =
                FairPlay.tightness(sums[level].requested, sums[level].offered, total, (word >> 168) & type(uint64).max);
            if (own > tau) tau = own;
        }
    }

    function _plainTree(bytes calldata h, uint8 kind) private pure returns (bytes32 root, uint256 length) {
        if (kind == Records.KIND_ORDER) return (h.ordersRoot(), Records.ORDER_LENGTH);
        if (kind == Records.KIND_STATE) return (h.stateRoot(), Records.STATE_LENGTH);
        // Without readings to settle there is no tree to be well formed.
        if (kind == Records.KIND_READING && h.meterRoot() != Trees.EMPTY_LEAF) {
            return (h.meterRoot(), Records.READING_LENGTH);
        }
        if (kind == Records.KIND_SHARE) return (h.sharesRoot(), Records.SHARE_LENGTH);
        revert Fault_Malformed();
    }

    function _holarchy(HeaderEvidence calldata header) private view returns (GridData.Holarchy memory) {
        return GridData.holarchy(_registry, header.payload.gridVersion());
    }
}
