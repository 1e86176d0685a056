// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICourt} from "../src/interfaces/ICourt.sol";
import {IFaultProofs} from "../src/interfaces/IFaultProofs.sol";
import {Records} from "../src/libraries/Records.sol";
import {Trees} from "../src/libraries/Trees.sol";
import {
    AllocationEvidence,
    BusEvidence,
    HeaderEvidence,
    LeafEvidence,
    NodeEvidence,
    SumEvidence
} from "../src/types/Evidence.sol";
import {Build} from "./support/Build.sol";
import {Market} from "./support/Market.sol";

/// @dev Lies in sums, bus records, totals, prices and the form of trees.
contract TreeFaultsTest is Market {
    bytes4 private constant _NOT_PROVEN = ICourt.Fault_NotProven.selector;
    bytes4 private constant _NOT_COMMITTED = ICourt.Fault_NotCommitted.selector;
    bytes4 private constant _MALFORMED = ICourt.Fault_Malformed.selector;

    function _assertVoided() private view {
        assertEq(ledger.head(), 0);
    }

    /* ------------------------------------------------ EVIDENCE ----------------------------------------------- */

    function _leafOpening(Interval memory v, uint256 i) private pure returns (bytes memory) {
        return Build.allocation(v.allocations[i]);
    }

    function _nodeSalt(uint16 bus, uint8 level, uint32 position_) private pure returns (bytes16) {
        return bytes16(keccak256(abi.encodePacked(uint8(5), SALT_KEY, bus, level, position_)));
    }

    /// @dev Bus 2 holds B, C, R and an empty slot: its left node, opened.
    function _leftOfBus2(Interval memory v) private pure returns (bytes memory) {
        return bytes.concat(
            Build.leaf(2, _leafOpening(v, B)),
            Build.leaf(2, _leafOpening(v, C)),
            Build.sums(Build.add(leafSums(v.allocations[B]), leafSums(v.allocations[C]))),
            _nodeSalt(2, 1, 0)
        );
    }

    function _rightOfBus2(Interval memory v) private pure returns (bytes memory) {
        return bytes.concat(
            Build.leaf(2, _leafOpening(v, R)),
            keccak256(hex"04"),
            Build.sums(leafSums(v.allocations[R])),
            _nodeSalt(2, 1, 1)
        );
    }

    function _hashOpened(bytes memory opened) private pure returns (bytes32) {
        bytes memory sums = new bytes(80);
        bytes memory children = new bytes(64);
        for (uint256 i = 0; i < 80; ++i) {
            if (i < 64) children[i] = opened[i];
            sums[i] = opened[64 + i];
        }
        return keccak256(bytes.concat(hex"02", children, keccak256(sums)));
    }

    function _rootOfBus2(Interval memory v) private pure returns (bytes memory) {
        return bytes.concat(
            _hashOpened(_leftOfBus2(v)),
            _hashOpened(_rightOfBus2(v)),
            Build.sums(busTree(v, 2, 0).sums),
            _nodeSalt(2, 2, 0)
        );
    }

    /// @dev The node over slots 0 and 1 of bus 2 with its children.
    function _lowNode(Interval memory v) private pure returns (SumEvidence memory e) {
        AllocationEvidence memory a = allocationEvidence(v, B);
        e.parent.preimage = _leftOfBus2(v);
        e.parent.lower = tail(a.lower, 64);
        e.parent.bus = Build.bus(v.buses[2]);
        e.parent.position = a.position;
        e.parent.upper = a.upper;
        e.left = _leafOpening(v, B);
        e.right = _leafOpening(v, C);
    }

    /// @dev The root of bus 2 with its children.
    function _highNode(Interval memory v) private pure returns (SumEvidence memory e) {
        e = _lowNode(v);
        e.parent.preimage = _rootOfBus2(v);
        e.parent.lower = "";
        e.left = _leftOfBus2(v);
        e.right = _rightOfBus2(v);
    }

    /// @dev The zone of buses 1 and 2.
    function _zoneNode(Interval memory v) private pure returns (SumEvidence memory e) {
        BusEvidence memory b = busEvidence(v, 1);
        Records.Sums memory zone = Build.add(v.buses[1].sums, v.buses[2].sums);
        bytes memory bus1 = Build.bus(v.buses[1]);
        bytes memory bus2 = Build.bus(v.buses[2]);
        e.parent.preimage = bytes.concat(
            keccak256(bytes.concat(hex"03", bus1)), keccak256(bytes.concat(hex"03", bus2)), Build.sums(zone), bytes16(0)
        );
        e.parent.position = b.position >> 1;
        e.parent.upper = tail(b.upper, 64);
        e.left = bus1;
        e.right = bus2;
    }

    function _layerSums(Interval memory v, uint256 bus) private pure returns (bytes memory) {
        Records.Sums memory zone = Build.add(v.buses[1].sums, v.buses[2].sums);
        Records.Sums memory all = Build.add(v.buses[0].sums, zone);
        return bytes.concat(Build.sums(bus == 0 ? v.buses[0].sums : zone), Build.sums(all));
    }

    function _vector(Interval memory v) private pure returns (bytes memory vector) {
        vector = certificateOf(v);
        for (uint256 b = 0; b < 3; ++b) {
            Records.Sums memory s = v.buses[b].sums;
            vector = bytes.concat(vector, abi.encodePacked(int64(int256(s.dispatched) - int256(s.served))));
        }
    }

    /* ------------------------------------------------ HONEST ------------------------------------------------- */

    function test_noProofWorksAgainstAnHonestInterval() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        SumEvidence[3] memory nodes = [_lowNode(v), _highNode(v), _zoneNode(v)];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(_NOT_PROVEN);
            faults.sumNode(h, nodes[i]);
        }
        bytes memory root = _rootOfBus2(v);
        bytes memory top = rootOpened(v);
        bytes memory vector = _vector(v);
        BusEvidence memory bus = busEvidence(v, 2);
        vm.expectRevert(_NOT_PROVEN);
        faults.busRoot(h, bus, root);
        vm.expectRevert(_NOT_PROVEN);
        faults.totals(h, top);
        vm.expectRevert(_NOT_PROVEN);
        faults.network(h, vector);
        for (uint256 b = 0; b < 3; ++b) {
            bus = busEvidence(v, b);
            bytes memory sums = _layerSums(v, b);
            vm.expectRevert(_NOT_PROVEN);
            faults.busVector(h, bus, vector);
            vm.expectRevert(_NOT_PROVEN);
            faults.price(h, bus, sums, packedPolicy());
            for (uint16 number = 0; number < 4; ++number) {
                vm.expectRevert(_NOT_PROVEN);
                faults.busPlacement(h, number, bus);
            }
        }
        assertEq(ledger.head(), 1);
    }

    function test_noFormProofWorksAgainstAnHonestInterval() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        NodeEvidence[5] memory nodes;
        // a line, an empty slot, an inner node, a bus, a node above the buses
        AllocationEvidence memory a = allocationEvidence(v, R);
        (uint16 busOfR,) = place(R);
        bytes memory rBus = Build.bus(v.buses[busOfR]);
        nodes[0] = NodeEvidence(bytes.concat(hex"0002", a.record), a.slot, a.lower, rBus, a.position, a.upper);
        AllocationEvidence memory e = emptySlotEvidence(v, 2, 3);
        nodes[1] = NodeEvidence(hex"04", 3, e.lower, Build.bus(v.buses[2]), e.position, e.upper);
        bytes memory left = _leftOfBus2(v);
        SumEvidence memory low = _lowNode(v);
        nodes[2] = low.parent;
        nodes[2].preimage = _sumPreimage(left);
        BusEvidence memory b = busEvidence(v, 1);
        nodes[3] = NodeEvidence(bytes.concat(hex"03", b.bus), 0, "", "", b.position, b.upper);
        nodes[4] = _zoneNode(v).parent;
        nodes[4].preimage = _sumPreimage(nodes[4].preimage);
        for (uint256 i = 0; i < 5; ++i) {
            vm.expectRevert(_NOT_PROVEN);
            faults.allocationForm(h, nodes[i]);
        }
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            bytes memory order = bytes.concat(hex"0001", Build.order(v.orders[i]));
            bytes memory state = bytes.concat(hex"0003", Build.state(v.post[i]));
            bytes memory share = bytes.concat(hex"0006", shareEvidence(v, i).record);
            bytes memory orderPath = orderEvidence(v, i).path;
            bytes memory statePath = stateEvidence(v.post, i).path;
            bytes memory sharePath = shareEvidence(v, i).path;
            vm.expectRevert(_NOT_PROVEN);
            faults.recordForm(h, 1, order, uint32(i), orderPath);
            vm.expectRevert(_NOT_PROVEN);
            faults.recordForm(h, 3, state, uint32(i), statePath);
            vm.expectRevert(_NOT_PROVEN);
            faults.recordForm(h, 6, share, uint32(i), sharePath);
        }
        bytes memory path = stateEvidence(v.post, 6).path;
        bytes memory pair = bytes.concat(hex"01", Build.leaf(3, Build.state(v.post[6])), keccak256(hex"04"));
        vm.expectRevert(_NOT_PROVEN);
        faults.recordForm(h, 3, pair, 3, tail(path, 32));
        vm.expectRevert(_NOT_PROVEN);
        faults.recordForm(h, 3, hex"04", 7, bytes.concat(Build.leaf(3, Build.state(v.post[6])), tail(path, 32)));
    }

    function _sumPreimage(bytes memory opened) private pure returns (bytes memory) {
        bytes memory sums = new bytes(80);
        bytes memory children = new bytes(64);
        for (uint256 i = 0; i < 80; ++i) {
            if (i < 64) children[i] = opened[i];
            sums[i] = opened[64 + i];
        }
        return bytes.concat(hex"02", children, keccak256(sums));
    }

    /* ------------------------------------------------ SUMS --------------------------------------------------- */

    /// @dev A bus whose record claims other sums than its root has.
    function _wrongBus(uint256 field) private view returns (Interval memory v) {
        v = example();
        _raise(v.buses[2].sums, field);
    }

    function _raise(Records.Sums memory s, uint256 field) private pure {
        if (field == 0) s.requested += 1;
        if (field == 1) s.offered += 1;
        if (field == 2) s.served += 1;
        if (field == 3) s.dispatched += 1;
        if (field == 4) s.credit += 1;
        if (field == 5) s.debit += 1;
        if (field == 6) s.energyCredit += 1;
        if (field == 7) s.energyDebit += 1;
    }

    function test_busRoot_everySum() public {
        for (uint256 field = 0; field < 8; ++field) {
            uint256 snapshot = vm.snapshotState();
            Interval memory v = _wrongBus(field);
            HeaderEvidence memory h = _postLazily(v);
            faults.busRoot(h, busEvidence(v, 2), _rootOfBus2(v));
            _assertVoided();
            vm.revertToState(snapshot);
        }
    }

    function test_sumNode_aZoneThatAddsWrongly() public {
        for (uint256 field = 0; field < 8; ++field) {
            uint256 snapshot = vm.snapshotState();
            Interval memory v = example();
            // The zone's sums are made from a bus record of other sums than the one committed.
            SumEvidence memory e = _zoneNode(v);
            Records.Sums memory zone = Build.add(v.buses[1].sums, v.buses[2].sums);
            _raise(zone, field);
            e.parent.preimage = bytes.concat(
                keccak256(bytes.concat(hex"03", e.left)),
                keccak256(bytes.concat(hex"03", e.right)),
                Build.sums(zone),
                bytes16(0)
            );
            bytes32 root = _rootFrom(_hashOpened(e.parent.preimage), e.parent.position, e.parent.upper);
            HeaderEvidence memory h = _postWithAllocationRoot(v, root);
            faults.sumNode(h, e);
            _assertVoided();
            vm.revertToState(snapshot);
        }
    }

    function test_sumNode_aNodeInsideABusThatAddsWrongly() public {
        Interval memory v = example();
        SumEvidence memory e = _highNode(v);
        Records.Sums memory s = busTree(v, 2, 0).sums;
        s.credit -= 1;
        e.parent.preimage = bytes.concat(_hashOpened(e.left), _hashOpened(e.right), Build.sums(s), _nodeSalt(2, 2, 0));
        v.buses[2].root = _hashOpened(e.parent.preimage);
        v.buses[2].sums = s;
        e.parent.bus = Build.bus(v.buses[2]);
        e.parent.upper = busesTree(v, position(2)).path;
        HeaderEvidence memory h = postInterval(v).header;
        faults.sumNode(h, e);
        _assertVoided();
    }

    function test_sumNode_refusesChildrenThatAreNot() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        SumEvidence memory e = _lowNode(v);
        e.left = _leafOpening(v, R);
        vm.expectRevert(_NOT_COMMITTED);
        faults.sumNode(h, e);
        e = _lowNode(v);
        e.right = hex"00";
        vm.expectRevert(_NOT_COMMITTED);
        faults.sumNode(h, e);
        e.right = hex"0102";
        vm.expectRevert(_MALFORMED);
        faults.sumNode(h, e);
        e = _lowNode(v);
        e.parent.preimage = _leafOpening(v, B);
        vm.expectRevert(_MALFORMED);
        faults.sumNode(h, e);
    }

    function test_totals_everyTotal() public {
        for (uint256 field = 0; field < 4; ++field) {
            uint256 snapshot = vm.snapshotState();
            Interval memory v = example();
            if (field == 0) v.totals[0] += 1;
            if (field == 1) (v.totals[1], v.totals[3]) = (v.totals[1] + 1, v.totals[3] + 1);
            if (field == 2) v.totals[2] += 1;
            if (field == 3) (v.totals[4], v.totals[5]) = (v.totals[4] + 1, v.totals[5] + 1);
            HeaderEvidence memory h = postInterval(v).header;
            faults.totals(h, rootOpened(v));
            _assertVoided();
            vm.revertToState(snapshot);
        }
    }

    function test_totals_potAndShortfallTogether() public {
        Interval memory v = example();
        v.totals[7] = 1;
        HeaderEvidence memory h = postInterval(v).header;
        faults.totals(h, rootOpened(v));
        _assertVoided();
    }

    /* ------------------------------------------------ BUSES -------------------------------------------------- */

    function test_busVector_everyField() public {
        for (uint256 field = 0; field < 3; ++field) {
            uint256 snapshot = vm.snapshotState();
            Interval memory v = example();
            bytes memory vector = _vector(v);
            bytes32 hash = keccak256(vector);
            if (field == 0) v.buses[1].theta += 1;
            if (field == 1) v.buses[1].pi -= 1;
            if (field == 2) v.buses[1].sums.dispatched += 1;
            HeaderEvidence memory h = _postWithVector(v, hash);
            faults.busVector(h, busEvidence(v, 1), vector);
            _assertVoided();
            vm.revertToState(snapshot);
        }
    }

    function test_busVector_aBusThatTheGridHasNot() public {
        Interval memory v = example();
        v.buses[1].bus = 3;
        bytes memory vector = _vector(v);
        HeaderEvidence memory h = postInterval(v).header;
        faults.busVector(h, busEvidence(v, 1), vector);
        _assertVoided();
    }

    function test_busVector_refusesAnotherVector() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        BusEvidence memory bus = busEvidence(v, 1);
        v.pi[0] += 1;
        bytes memory other = _vector(v);
        vm.expectRevert(_NOT_COMMITTED);
        faults.busVector(h, bus, other);
    }

    function test_busPlacement_twoExchanged() public {
        Interval memory v = example();
        (v.buses[1].bus, v.buses[2].bus) = (2, 1);
        HeaderEvidence memory h = postInterval(v).header;
        faults.busPlacement(h, 0, busEvidence(v, 1));
        _assertVoided();
    }

    function test_busPlacement_aBusLeftOut() public {
        Interval memory v = example();
        v.buses[1].bus = NO_BUS;
        HeaderEvidence memory h = postInterval(v).header;
        BusEvidence memory e = busEvidence(v, 1);
        e.bus = "";
        faults.busPlacement(h, 1, e);
        _assertVoided();
    }

    function test_busPlacement_anEmptyPositionOfNoBusIsHonest() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        BusEvidence memory e = BusEvidence("", 1, busesTree(v, 1).path);
        for (uint16 number = 0; number < 4; ++number) {
            vm.expectRevert(_NOT_PROVEN);
            faults.busPlacement(h, number, e);
        }
    }

    /* ------------------------------------------------ DEPTH OF A BUS ----------------------------------------- */

    /// @dev Bus 1 with its one line under more levels than none, and the empty right half of its tree.
    function _deeper(uint256 levels) private returns (HeaderEvidence memory h, AllocationEvidence memory e) {
        Interval memory v = example();
        bytes32 sums = Build.sumsHash(v.buses[1].sums, bytes16(0));
        for (uint256 i = 0; i < levels; ++i) {
            bytes32 below = v.buses[1].root;
            v.buses[1].root = keccak256(bytes.concat(hex"02", below, Trees.emptyRoot(i), sums));
            e.lower = bytes.concat(below, sums);
        }
        v.buses[1].depth = levels;
        e.slot = uint32(1 << (levels - 1));
        e.bus = Build.rootlessBus(v.buses[1]);
        e.position = position(1);
        e.upper = busesTree(v, position(1)).path;
        h = postInterval(v).header;
    }

    function testFuzz_busDepth_moreLevelsThanParticipantsNeed(uint256 levels) public {
        (HeaderEvidence memory h, AllocationEvidence memory e) = _deeper(1 + levels % 32);
        faults.busDepth(h, e);
        _assertVoided();
    }

    function test_busDepth_byTheFirstSlotOfTheRightHalfOnly() public {
        (HeaderEvidence memory h, AllocationEvidence memory e) = _deeper(3);
        for (uint32 slot = 5; slot < 8; ++slot) {
            e.slot = slot;
            vm.expectRevert(_NOT_PROVEN);
            faults.busDepth(h, e);
        }
        e.slot = 0;
        vm.expectRevert(_NOT_COMMITTED);
        faults.busDepth(h, e);
        e.slot = 4;
        e.record = hex"00";
        vm.expectRevert(_MALFORMED);
        faults.busDepth(h, e);
        e.record = "";
        e.lower = new bytes(64 * 4);
        vm.expectRevert(_MALFORMED);
        faults.busDepth(h, e);
    }

    function test_busDepth_ofHonestBusesThatSlotIsTaken() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        for (uint256 bus = 0; bus < 3; bus += 2) {
            AllocationEvidence memory e = emptySlotEvidence(v, bus, 3);
            vm.expectRevert(_NOT_PROVEN);
            faults.busDepth(h, e);
            e = emptySlotEvidence(v, bus, 2);
            vm.expectRevert(_NOT_COMMITTED);
            faults.busDepth(h, e);
        }
    }

    function test_busDepth_aBusOfNobodyHasNoLevel() public {
        Interval memory v = example();
        v.allocations[A].index = NO_LINE;
        complete(v);
        HeaderEvidence memory h = _postLazily(v);
        AllocationEvidence memory e = emptySlotEvidence(v, 1, 0);
        vm.expectRevert(_NOT_PROVEN);
        faults.busDepth(h, e);
    }

    function test_placement_aBusTooShallowForOneOfItsParticipants() public {
        Interval memory v = example();
        v.buses[2].depth = 1;
        v.buses[2].root = _hashOpened(_leftOfBus2(v));
        HeaderEvidence memory h = postInterval(v).header;
        AllocationEvidence memory e = allocationEvidence(v, B);
        e.lower = part(e.lower, 0, 64);
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            LeafEvidence memory c = contractEvidence(i);
            if (i == R) continue;
            vm.expectRevert(_NOT_PROVEN);
            faults.placement(h, e, uint32(i), c);
        }
        faults.placement(h, e, uint32(R), contractEvidence(R));
        _assertVoided();
    }

    /* ------------------------------------------------ PRICE -------------------------------------------------- */

    function test_price_notThatOfTheTightestLayer() public {
        Interval memory v = example();
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            v.allocations[i].priceTicks += 1;
        }
        settle(v);
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        faults.price(h, busEvidence(v, 2), _layerSums(v, 2), packedPolicy());
        _assertVoided();
    }

    function test_price_ofATightSystem() public {
        Interval memory v = example();
        // requests of 4000 Wh against offers of 3500: tau = 1 - 0.875 = 0.125
        v.orders[S].supplyWh = 2800;
        sign(v.orders[S], key(S));
        v.allocations[S].supply.q = 2800;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            v.allocations[i].priceTicks = 212_500;
        }
        settle(v);
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        for (uint256 b = 0; b < 3; ++b) {
            BusEvidence memory bus = busEvidence(v, b);
            bytes memory sums = _layerSums(v, b);
            vm.expectRevert(_NOT_PROVEN);
            faults.price(h, bus, sums, packedPolicy());
        }
    }

    function test_price_refusesSumsThatWereNotCommitted() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        BusEvidence memory bus = busEvidence(v, 2);
        bytes memory sums = _layerSums(v, 0);
        vm.expectRevert(_NOT_COMMITTED);
        faults.price(h, bus, sums, packedPolicy());
        vm.expectRevert(_MALFORMED);
        faults.price(h, bus, hex"00", packedPolicy());
    }

    /* ------------------------------------------------ NETWORK, WHERE IT IS NOT POSTED ------------------------- */

    function test_network_aFlowAboveItsLimit() public {
        deploy(1, false);
        Interval memory v = example();
        v.theta[2] -= 10_000;
        bytes memory vector = _vector(v);
        HeaderEvidence memory h = postInterval(v).header;
        faults.network(h, vector);
        _assertVoided();
    }

    function test_network_injectionsThatAreNotThoseOfTheAngles() public {
        deploy(1, false);
        Interval memory v = example();
        v.buses[0].sums.served += 1;
        v.buses[1].sums.served -= 1;
        bytes memory vector = _vector(v);
        HeaderEvidence memory h = postInterval(v).header;
        faults.network(h, vector);
        _assertVoided();
    }

    function test_network_aVectorTooShortForTheGrid() public {
        deploy(1, false);
        Interval memory v = example();
        HeaderEvidence memory h = _postWithVector(v, keccak256(hex"00"));
        faults.network(h, hex"00");
        _assertVoided();
    }

    function test_network_anHonestCertificateWithoutEnoughGasProvesNothing() public {
        deploy(1, false);
        Interval memory v = example();
        bytes memory vector = _vector(v);
        HeaderEvidence memory h = postInterval(v).header;
        for (uint256 gas_ = 20_000; gas_ < 200_000; gas_ += 2500) {
            (bool ok,) = address(faults).call{gas: gas_}(abi.encodeCall(IFaultProofs.network, (h, vector)));
            assertTrue(!ok, "an honest header was voided");
        }
        assertEq(ledger.head(), 1);
    }

    /* ------------------------------------------------ FORM --------------------------------------------------- */

    function test_allocationForm_aLineOfAnotherKind() public {
        Interval memory v = example();
        AllocationEvidence memory a = allocationEvidence(v, B);
        bytes memory preimage = bytes.concat(hex"0007", a.record);
        _provenForm(v, NodeEvidence(preimage, a.slot, a.lower, Build.bus(v.buses[2]), a.position, a.upper));
    }

    function test_allocationForm_aLineTooShort() public {
        Interval memory v = example();
        AllocationEvidence memory a = allocationEvidence(v, B);
        _provenForm(v, NodeEvidence(hex"000201", a.slot, a.lower, Build.bus(v.buses[2]), a.position, a.upper));
    }

    function test_allocationForm_aLineWhereAnInnerNodeBelongs() public {
        Interval memory v = example();
        AllocationEvidence memory a = allocationEvidence(v, B);
        bytes memory preimage = bytes.concat(hex"0002", a.record);
        _provenForm(v, NodeEvidence(preimage, 0, tail(a.lower, 64), Build.bus(v.buses[2]), a.position, a.upper));
    }

    function test_allocationForm_anInnerNodeWithoutSums() public {
        Interval memory v = example();
        AllocationEvidence memory a = allocationEvidence(v, B);
        bytes memory preimage = bytes.concat(hex"01", bytes32(uint256(1)), bytes32(uint256(2)));
        _provenForm(v, NodeEvidence(preimage, 0, tail(a.lower, 64), Build.bus(v.buses[2]), a.position, a.upper));
    }

    function test_allocationForm_somethingElseWhereABusBelongs() public {
        Interval memory v = example();
        BusEvidence memory b = busEvidence(v, 1);
        NodeEvidence memory n = NodeEvidence(hex"0002", 0, "", "", b.position, b.upper);
        bytes32 root = _rootFrom(keccak256(n.preimage), n.position, n.upper);
        HeaderEvidence memory h = _postWithAllocationRoot(v, root);
        faults.allocationForm(h, n);
        _assertVoided();
    }

    function test_allocationForm_aBusTooDeep() public {
        Interval memory v = example();
        v.buses[1].depth = 21;
        AllocationEvidence memory a = allocationEvidence(v, A);
        NodeEvidence memory n = NodeEvidence(
            bytes.concat(hex"0002", a.record), a.slot, a.lower, Build.bus(v.buses[1]), a.position, a.upper
        );
        HeaderEvidence memory h = postInterval(v).header;
        faults.allocationForm(h, n);
        _assertVoided();
    }

    /// @dev Commit to the node as it is, and prove its form.
    function _provenForm(Interval memory v, NodeEvidence memory n) private {
        v.buses[2].root = _rootFrom(keccak256(n.preimage), n.slot, n.lower);
        n.bus = Build.bus(v.buses[2]);
        n.upper = busesTree(v, position(2)).path;
        HeaderEvidence memory h = postInterval(v).header;
        faults.allocationForm(h, n);
        _assertVoided();
    }

    function test_recordForm_aRecordAtAnothersPlace() public {
        Interval memory v = example();
        (v.post[A], v.post[B]) = (v.post[B], v.post[A]);
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        bytes memory preimage = bytes.concat(hex"0003", Build.state(v.post[A]));
        faults.recordForm(h, 3, preimage, uint32(A), stateEvidence(v.post, A).path);
        _assertVoided();
    }

    function test_recordForm_anOrderAtAnothersPlaceOpensTheOrdersAgain() public {
        Interval memory v = example();
        (v.orders[A], v.orders[B]) = (v.orders[B], v.orders[A]);
        HeaderEvidence memory h = postInterval(v).header;
        bytes memory preimage = bytes.concat(hex"0001", Build.order(v.orders[A]));
        faults.recordForm(h, 1, preimage, uint32(A), orderEvidence(v, A).path);
        _assertVoided();
        vm.prank(OPERATOR);
        ledger.commitOrders(1, bytes32("corrected"));
    }

    function test_recordForm_aLeafWhereAnInnerNodeBelongs() public {
        Interval memory v = example();
        bytes memory record = Build.state(v.post[A]);
        bytes memory path = bytes.concat(bytes32(uint256(1)), bytes32(uint256(2)));
        v.stateRoot = _plainRootFrom(Build.leaf(3, record), 1, path);
        HeaderEvidence memory h = postInterval(v).header;
        faults.recordForm(h, 3, bytes.concat(hex"0003", record), 1, path);
        _assertVoided();
    }

    function test_recordForm_refusesTreesItDoesNotKnow() public {
        HeaderEvidence memory h = postInterval(example()).header;
        vm.expectRevert(_MALFORMED);
        faults.recordForm(h, 2, hex"04", 0, "");
    }

    /* ------------------------------------------------ POSTING WHAT IS WRONG ---------------------------------- */

    function _rootFrom(bytes32 node, uint256 index, bytes memory path) private pure returns (bytes32) {
        for (uint256 i = 0; i < path.length; i += 64) {
            (bytes32 sibling, bytes32 sums) = (_word(path, i), _word(path, i + 32));
            node = index & 1 == 0
                ? keccak256(bytes.concat(hex"02", node, sibling, sums))
                : keccak256(bytes.concat(hex"02", sibling, node, sums));
            index >>= 1;
        }
        return node;
    }

    function _plainRootFrom(bytes32 node, uint256 index, bytes memory path) private pure returns (bytes32) {
        for (uint256 i = 0; i < path.length; i += 32) {
            bytes32 sibling = _word(path, i);
            node = index & 1 == 0
                ? keccak256(bytes.concat(hex"01", node, sibling))
                : keccak256(bytes.concat(hex"01", sibling, node));
            index >>= 1;
        }
        return node;
    }

    function _word(bytes memory data, uint256 offset) private pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x20), offset))
        }
    }

    /// @dev Post with one of the payload's words replaced, on a ledger that does not look at the certificate.
    function _postWithWord(Interval memory v, uint256 offset, bytes32 word) private returns (HeaderEvidence memory h) {
        deploy(1, false);
        bytes32 seed = fixInputs(v);
        h = commitment(v, seed, ledger.gridVersion()).header;
        h.previousHash = ledger.genesisHash();
        bytes memory payload = h.payload;
        assembly ("memory-safe") {
            mstore(add(add(payload, 0x20), offset), word)
        }
        vm.prank(OPERATOR);
        ledger.post(sentOf(h.previousHash, payload, ""));
    }

    function _postWithAllocationRoot(Interval memory v, bytes32 root) private returns (HeaderEvidence memory) {
        return _postWithWord(v, 36, root);
    }

    function _postWithVector(Interval memory v, bytes32 hash) private returns (HeaderEvidence memory) {
        return _postWithWord(v, 164, hash);
    }

    function _postLazily(Interval memory v) private returns (HeaderEvidence memory) {
        deploy(1, false);
        return postInterval(v).header;
    }
}
