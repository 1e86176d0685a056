// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICourt} from "../src/interfaces/ICourt.sol";
import {IMeterFaults} from "../src/interfaces/IMeterFaults.sol";
import {Pages} from "../src/libraries/Pages.sol";
import {Policies} from "../src/libraries/Policies.sol";
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

/// @dev Evidence of the wrong length, under another root or of another kind proves nothing, and says what is wrong.
contract MalformedTest is Market {
    bytes4 private constant _NOT_COMMITTED = ICourt.Fault_NotCommitted.selector;
    bytes4 private constant _MALFORMED = ICourt.Fault_Malformed.selector;
    bytes4 private constant _LENGTH = Records.Records_Length.selector;
    bytes4 private constant _PATH = Trees.Trees_MalformedPath.selector;

    function _posted() private returns (Interval memory v, HeaderEvidence memory h) {
        v = example();
        h = postInterval(v).header;
    }

    function _short(bytes memory data) private pure returns (bytes memory) {
        return tail(data, 1);
    }

    function _opened(bytes32 left, bytes32 right, Records.Sums memory sums, bytes16 salt)
        private
        pure
        returns (bytes memory)
    {
        return bytes.concat(left, right, Build.sums(sums), salt);
    }

    /* ------------------------------------------------ RECORDS ------------------------------------------------ */

    function test_recordsHaveTheLengthOfTheirKind() public {
        (Interval memory v, HeaderEvidence memory h) = _posted();
        AllocationEvidence memory line = allocationEvidence(v, A);
        LeafEvidence memory order = orderEvidence(v, A);
        LeafEvidence memory pre = stateEvidence(v.pre, A);
        LeafEvidence memory state = stateEvidence(v.post, A);
        AllocationEvidence memory wrong = allocationEvidence(v, A);
        wrong.record = _short(line.record);
        vm.expectRevert(_LENGTH);
        faults.payment(h, wrong);
        wrong.record = line.record;
        wrong.bus = _short(line.bus);
        vm.expectRevert(_LENGTH);
        faults.payment(h, wrong);
        order.record = _short(order.record);
        vm.expectRevert(_LENGTH);
        faults.orderSignature(h, order);
        state.record = _short(state.record);
        vm.expectRevert(_LENGTH);
        covers().overdrawn(h, pre, state);
        vm.expectRevert(_LENGTH);
        inputs().omitted(h, order.record, new bytes(65), orderEvidence(v, A), pre, packedPolicy());
        vm.expectRevert(_LENGTH);
        forced.file(order.record);
    }

    function test_pathsHoldWholeStepsAndTheIndex() public {
        (Interval memory v, HeaderEvidence memory h) = _posted();
        AllocationEvidence memory line = allocationEvidence(v, A);
        line.upper = _short(line.upper);
        vm.expectRevert(_PATH);
        faults.payment(h, line);
        line = allocationEvidence(v, A);
        line.slot = uint32(1) << uint32(line.lower.length / 64);
        vm.expectRevert(_PATH);
        faults.payment(h, line);
        line = allocationEvidence(v, A);
        line.lower = new bytes(64 * 33);
        vm.expectRevert(_PATH);
        faults.payment(h, line);
        bytes memory leaf = bytes.concat(hex"0003", Build.state(v.post[A]));
        vm.expectRevert(_PATH);
        faults.recordForm(h, 3, leaf, uint32(A), new bytes(33));
        vm.expectRevert(_PATH);
        faults.recordForm(h, 3, leaf, uint32(A), new bytes(32 * 33));
        vm.expectRevert(_PATH);
        faults.recordForm(h, 3, leaf, 8, stateEvidence(v.post, A).path);
    }

    function test_leavesAreHeldToTheirIndexAndTheTreesDepth() public {
        (Interval memory v, HeaderEvidence memory h) = _posted();
        LeafEvidence memory pre = stateEvidence(v.pre, A);
        LeafEvidence memory state = stateEvidence(v.post, A);
        state.path = tail(state.path, 32);
        vm.expectRevert(_MALFORMED);
        covers().overdrawn(h, pre, state);
        AllocationEvidence memory line = allocationEvidence(v, A);
        LeafEvidence memory other = orderEvidence(v, B);
        vm.expectRevert(_MALFORMED);
        faults.copied(h, line, other);
        state = stateEvidence(v.pre, A);
        vm.expectRevert(_NOT_COMMITTED);
        covers().overdrawn(h, pre, state);
    }

    function test_policiesAreHeldToTheirHash() public {
        (Interval memory v, HeaderEvidence memory h) = _posted();
        AllocationEvidence memory line = allocationEvidence(v, A);
        bytes memory states = statesEvidence(v, A);
        bytes memory shortened = _short(packedPolicy());
        vm.expectRevert(Policies.Policies_WrongPolicy.selector);
        faults.transition(h, line, states, shortened);
        bytes memory other = packedPolicy();
        other[46] ^= 0x01;
        vm.expectRevert(Policies.Policies_WrongPolicy.selector);
        faults.transition(h, line, states, other);
    }

    function test_statesInOnePieceAreHeldToBothRoots() public {
        (Interval memory v, HeaderEvidence memory h) = _posted();
        AllocationEvidence memory line = allocationEvidence(v, A);
        bytes memory good = statesEvidence(v, A);
        vm.expectRevert(_MALFORMED);
        faults.transition(h, line, "", packedPolicy());
        bytes memory shortened = bytes.concat(hex"03", tail(good, 2));
        vm.expectRevert(_MALFORMED);
        faults.transition(h, line, shortened, packedPolicy());
        bytes memory unknown = bytes.concat(hex"07", tail(good, 1));
        vm.expectRevert(_MALFORMED);
        faults.transition(h, line, unknown, packedPolicy());
        bytes memory another = statesEvidence(v, B);
        vm.expectRevert(_MALFORMED);
        faults.transition(h, line, another, packedPolicy());
        // A record of the state before in place of the one after, and none where there is one.
        LeafEvidence memory pre = stateEvidence(v.pre, A);
        LeafEvidence memory post = stateEvidence(v.post, A);
        bytes memory twice = bytes.concat(hex"03", pre.record, pre.record, pre.path, post.path);
        vm.expectRevert(_NOT_COMMITTED);
        faults.transition(h, line, twice, packedPolicy());
        bytes memory hidden = bytes.concat(hex"01", pre.record, pre.path, post.path);
        vm.expectRevert(_NOT_COMMITTED);
        faults.transition(h, line, hidden, packedPolicy());
        hidden = bytes.concat(hex"02", post.record, pre.path, post.path);
        vm.expectRevert(_NOT_COMMITTED);
        faults.transition(h, line, hidden, packedPolicy());
    }

    /* ------------------------------------------------ LINES -------------------------------------------------- */

    function test_pot_refusesAShareOfAnotherLength() public {
        (Interval memory v, HeaderEvidence memory h) = _posted();
        AllocationEvidence memory line = allocationEvidence(v, A);
        LeafEvidence memory share = shareEvidence(v, A);
        share.record = bytes.concat(share.record, hex"00");
        vm.expectRevert(_NOT_COMMITTED);
        faults.pot(h, line, share);
    }

    function test_shortfall_theRootIsTheRoot() public {
        (Interval memory v, HeaderEvidence memory h) = _posted();
        AllocationEvidence memory line = allocationEvidence(v, A);
        bytes memory root = rootOpened(v);
        root[0] ^= 0x01;
        vm.expectRevert(_NOT_COMMITTED);
        faults.shortfall(h, line, root, packedPolicy());
    }

    function test_reserve_theRootIsTheRoot() public {
        (Interval memory v, HeaderEvidence memory h) = _posted();
        AllocationEvidence memory line = allocationEvidence(v, RESERVE);
        LeafEvidence memory pre = stateEvidence(v.pre, RESERVE);
        bytes memory root = rootOpened(v);
        root[127] ^= 0x01;
        vm.expectRevert(_NOT_COMMITTED);
        IMeterFaults(address(faults)).reserve(h, line, root, pre, packedPolicy());
    }

    function test_placement_refusesAContractOfAnotherLength() public {
        (Interval memory v, HeaderEvidence memory h) = _posted();
        AllocationEvidence memory line = allocationEvidence(v, A);
        LeafEvidence memory contract_ = contractEvidence(A);
        contract_.record = bytes.concat(contract_.record, hex"00");
        vm.expectRevert(_NOT_COMMITTED);
        faults.placement(h, line, uint32(A), contract_);
    }

    function test_placement_anEmptySlotIsHeldToItsBus() public {
        (Interval memory v, HeaderEvidence memory h) = _posted();
        LeafEvidence memory contract_ = contractEvidence(A);
        AllocationEvidence memory slot = emptySlotEvidence(v, 2, 3);
        slot.slot = 2;
        vm.expectRevert(_NOT_COMMITTED);
        faults.placement(h, slot, uint32(A), contract_);
        slot = emptySlotEvidence(v, 2, 3);
        slot.lower = bytes.concat(slot.lower, new bytes(64));
        vm.expectRevert(_MALFORMED);
        faults.placement(h, slot, uint32(A), contract_);
        slot = emptySlotEvidence(v, 2, 3);
        slot.position ^= 1;
        vm.expectRevert(_NOT_COMMITTED);
        faults.placement(h, slot, uint32(A), contract_);
    }

    function test_placement_aBusTooDeepHasNoSlots() public {
        Interval memory v = example();
        v.buses[2].depth = 33;
        HeaderEvidence memory h = postInterval(v).header;
        AllocationEvidence memory slot = emptySlotEvidence(v, 2, 3);
        LeafEvidence memory contract_ = contractEvidence(A);
        vm.expectRevert(_MALFORMED);
        faults.placement(h, slot, uint32(A), contract_);
    }

    function test_meterProofs_areOfTheReserveOrOfOthers() public {
        (Interval memory v, HeaderEvidence memory h) = _posted();
        AllocationEvidence memory line = allocationEvidence(v, A);
        LeafEvidence memory pre = stateEvidence(v.pre, A);
        vm.expectRevert(_MALFORMED);
        IMeterFaults(address(faults)).reserve(h, line, rootOpened(v), pre, packedPolicy());
    }

    /* ------------------------------------------------ SUMS, BUSES, TREES ------------------------------------- */

    /// @dev The node over slots 0 and 1 of bus 2, honest.
    function _sumNode(Interval memory v) private pure returns (SumEvidence memory e) {
        AllocationEvidence memory a = allocationEvidence(v, B);
        bytes memory left = Build.allocation(v.allocations[B]);
        bytes memory right = Build.allocation(v.allocations[C]);
        bytes16 salt = bytes16(keccak256(abi.encodePacked(uint8(5), SALT_KEY, uint16(2), uint8(1), uint32(0))));
        Records.Sums memory sums = Build.add(leafSums(v.allocations[B]), leafSums(v.allocations[C]));
        e.parent.preimage = _opened(Build.leaf(2, left), Build.leaf(2, right), sums, salt);
        e.parent.lower = tail(a.lower, 64);
        e.parent.bus = Build.bus(v.buses[2]);
        e.parent.position = a.position;
        e.parent.upper = a.upper;
        e.left = left;
        e.right = right;
    }

    function test_sumNode_opensWhatTheNodeIs() public {
        (Interval memory v, HeaderEvidence memory h) = _posted();
        SumEvidence memory e = _sumNode(v);
        vm.expectRevert(ICourt.Fault_NotProven.selector);
        faults.sumNode(h, e);
        e.parent.preimage = _short(e.parent.preimage);
        vm.expectRevert(_MALFORMED);
        faults.sumNode(h, e);
        e = _sumNode(v);
        e.left = hex"0000";
        vm.expectRevert(_MALFORMED);
        faults.sumNode(h, e);
        e.left = hex"21";
        vm.expectRevert(_MALFORMED);
        faults.sumNode(h, e);
        e.left = hex"00";
        vm.expectRevert(_NOT_COMMITTED);
        faults.sumNode(h, e);
        e = _sumNode(v);
        e.right = Build.bus(v.buses[1]);
        vm.expectRevert(_NOT_COMMITTED);
        faults.sumNode(h, e);
    }

    function test_nodes_areHeldToTheirTree() public {
        (Interval memory v, HeaderEvidence memory h) = _posted();
        SumEvidence memory e = _sumNode(v);
        e.parent.upper = tail(e.parent.upper, 64);
        vm.expectRevert(_MALFORMED);
        faults.sumNode(h, e);
        e = _sumNode(v);
        e.parent.slot = 1;
        vm.expectRevert(_NOT_COMMITTED);
        faults.sumNode(h, e);
        e = _sumNode(v);
        e.parent.position ^= 1;
        vm.expectRevert(_NOT_COMMITTED);
        faults.sumNode(h, e);
    }

    function test_nodes_belowTheLowestLevelAreNone() public {
        Interval memory v = example();
        v.buses[2].depth = 1;
        HeaderEvidence memory h = postInterval(v).header;
        AllocationEvidence memory a = allocationEvidence(v, B);
        NodeEvidence memory node = NodeEvidence(
            bytes.concat(hex"0002", Build.allocation(v.allocations[B])),
            a.slot,
            a.lower,
            Build.bus(v.buses[2]),
            a.position,
            a.upper
        );
        vm.expectRevert(_MALFORMED);
        faults.allocationForm(h, node);
    }

    function test_busRoot_andTotals_openTheRootThatIsCommitted() public {
        (Interval memory v, HeaderEvidence memory h) = _posted();
        BusEvidence memory bus = busEvidence(v, 2);
        bytes memory other = _sumNode(v).parent.preimage;
        vm.expectRevert(_NOT_COMMITTED);
        faults.busRoot(h, bus, other);
        vm.expectRevert(_NOT_COMMITTED);
        faults.totals(h, other);
        bus.position ^= 1;
        vm.expectRevert(_NOT_COMMITTED);
        faults.busRoot(h, bus, other);
    }

    function test_busPlacement_pathsAreOfTheHolarchy() public {
        (Interval memory v, HeaderEvidence memory h) = _posted();
        BusEvidence memory bus = busEvidence(v, 2);
        bus.upper = tail(bus.upper, 64);
        vm.expectRevert(_MALFORMED);
        faults.busPlacement(h, 0, bus);
        BusEvidence memory none = BusEvidence("", 0, new bytes(64 * 3));
        vm.expectRevert(_MALFORMED);
        faults.busPlacement(h, 0, none);
        none.upper = busesTree(v, 0).path;
        vm.expectRevert(_NOT_COMMITTED);
        faults.busPlacement(h, 0, none);
    }

    function test_price_takesAllSumsAboveTheBus() public {
        (Interval memory v, HeaderEvidence memory h) = _posted();
        BusEvidence memory bus = busEvidence(v, 2);
        vm.expectRevert(_MALFORMED);
        faults.price(h, bus, new bytes(64), packedPolicy());
        vm.expectRevert(_NOT_COMMITTED);
        faults.price(h, bus, new bytes(128), packedPolicy());
    }

    function test_network_takesTheCommittedVectorOnly() public {
        (, HeaderEvidence memory h) = _posted();
        vm.expectRevert(_NOT_COMMITTED);
        faults.network(h, hex"00");
        Interval memory v = example();
        BusEvidence memory bus = busEvidence(v, 1);
        vm.expectRevert(_NOT_COMMITTED);
        faults.busVector(h, bus, hex"00");
    }

    function test_recordForm_refusesWhatIsNotUnderTheRoot() public {
        (Interval memory v, HeaderEvidence memory h) = _posted();
        LeafEvidence memory state = stateEvidence(v.post, A);
        vm.expectRevert(_NOT_COMMITTED);
        faults.recordForm(h, 3, hex"04", uint32(A), state.path);
        vm.expectRevert(_MALFORMED);
        faults.recordForm(h, 5, hex"04", uint32(A), state.path);
        vm.expectRevert(_MALFORMED);
        faults.recordForm(h, 2, hex"04", uint32(A), state.path);
    }

    function test_recordForm_belowTheLowestLevelThereIsNothing() public {
        Interval memory v = example();
        bytes32 sibling = keccak256("sibling");
        bytes32 low = keccak256(hex"0304");
        // A tree one level too deep at one leaf.
        bytes32[] memory leaves = new bytes32[](8);
        leaves[0] = keccak256(bytes.concat(hex"01", low, sibling));
        bytes memory path;
        (v.stateRoot, path) = Build.plainTree(leaves, TREE_DEPTH, 0);
        HeaderEvidence memory h = postInterval(v).header;
        bytes memory longer = bytes.concat(sibling, path);
        vm.expectRevert(_MALFORMED);
        faults.recordForm(h, 3, hex"0304", 0, longer);
        // The leaf itself is an inner node, and that is a fault.
        faults.recordForm(h, 3, bytes.concat(hex"01", low, sibling), 0, path);
        assertEq(ledger.head(), 0);
    }

    /* ------------------------------------------------ ELSEWHERE ---------------------------------------------- */

    function test_commitReveal_needsAParty() public {
        assertEq(tryCreate("CommitReveal", abi.encode(address(ledger), new bytes32[](0))), address(0));
    }

    function test_pages_lieWhereTheChainCreatesThem() public view {
        uint256[8] memory nonces = [uint256(1), 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0xffffff];
        for (uint256 i = 0; i < nonces.length; ++i) {
            assertEq(Pages.locate(address(this), nonces[i]), vm.computeCreateAddress(address(this), nonces[i]));
        }
    }

    function test_withdraw_fromAStateThatOwesMoreThanMoneyCanCount() public {
        Interval memory v = example();
        Records.State memory s;
        s.index = A;
        s.credit = type(uint64).max;
        bytes32[] memory leaves = new bytes32[](8);
        leaves[A] = Build.leaf(3, Build.state(s));
        LeafEvidence memory leaf;
        leaf.record = Build.state(s);
        (v.stateRoot, leaf.path) = Build.plainTree(leaves, TREE_DEPTH, A);
        vm.prank(owner(A));
        escrow.announceWithdrawal(uint32(A), 5);
        Final memory state;
        Interval memory w = v;
        for (uint32 t = 1; t < 4; ++t) {
            w.number = t;
            HeaderEvidence memory h = _postAs(w, t);
            state = stateOf(h);
        }
        passWindow();
        vm.prank(owner(A));
        assertEq(escrow.withdraw(state.interval, state.headerHash, leaf), 5);
    }

    /// @dev Post an interval whose states before and after are the given roots, whatever they are.
    function _postAs(Interval memory v, uint32 t) private returns (HeaderEvidence memory) {
        bytes32 seed = fixInputs(v);
        Posted memory p = commitment(v, seed, ledger.gridVersion());
        if (t > 1) {
            bytes memory payload = p.header.payload;
            bytes32 root = v.stateRoot;
            assembly ("memory-safe") {
                mstore(add(payload, 100), root)
            }
        }
        p.header.previousHash = t == 1 ? ledger.genesisHash() : lastHash;
        vm.prank(OPERATOR);
        ledger.post(sentOf(p));
        lastHash = ledger.hashHeader(p.header);
        return p.header;
    }
}
