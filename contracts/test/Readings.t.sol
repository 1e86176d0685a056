// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingLedger} from "../src/interfaces/IClearingLedger.sol";
import {ICourt} from "../src/interfaces/ICourt.sol";
import {IFiledReadings} from "../src/interfaces/IFiledReadings.sol";
import {IMeterFaults} from "../src/interfaces/IMeterFaults.sol";
import {IOrderLog} from "../src/interfaces/IOrderLog.sol";
import {Policies} from "../src/libraries/Policies.sol";
import {Records} from "../src/libraries/Records.sol";
import {Trees} from "../src/libraries/Trees.sol";
import {AllocationEvidence, HeaderEvidence, LeafEvidence} from "../src/types/Evidence.sol";
import {Build} from "./support/Build.sol";
import {Market} from "./support/Market.sol";

/// @dev A reading filed on the chain cannot be left out, and filing one convicts nobody who could not know of it.
/// Interval 3 settles the readings of interval 1, so what is filed before header 2 counts.
contract ReadingsTest is Market {
    bytes4 private constant _NOT_PROVEN = ICourt.Fault_NotProven.selector;
    bytes4 private constant _NOT_COMMITTED = ICourt.Fault_NotCommitted.selector;
    bytes4 private constant _OUT_OF_RANGE = IFiledReadings.Readings_OutOfRange.selector;
    uint256 private constant _OPERATOR_KEY = 1;
    address private constant _OPERATOR = 0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf;

    function policy() internal pure override returns (Policies.Policy memory p) {
        p = super.policy();
        p.meterLag = 2;
        p.reserve = 1000;
        p.meterOperator = _OPERATOR;
    }

    function _reading(uint256 index, uint256 interval, uint256 consumed, uint256 key_)
        private
        view
        returns (Records.Reading memory m)
    {
        m.index = index;
        m.interval = interval;
        m.consumedWh = consumed;
        bytes32 typeHash = keccak256("MeterReading(uint32 index,uint32 interval,uint32 consumedWh,uint32 producedWh)");
        bytes32 structHash = keccak256(abi.encode(typeHash, index, interval, consumed, m.producedWh));
        (m.v, m.r, m.s) = vm.sign(key_, keccak256(abi.encodePacked(hex"1901", separator, structHash)));
    }

    function _genuine() private view returns (bytes memory) {
        return Build.reading(_reading(B, 1, 600, _OPERATOR_KEY));
    }

    /// @dev The interval after another, settling the reading of A alone.
    function _next(Interval memory v) private view returns (Interval memory w) {
        w = following(v);
        w.readings = new Records.Reading[](PARTICIPANTS);
        if (w.number <= 2) return w;
        w.readings[A] = _reading(A, w.number - 2, 1200, _OPERATOR_KEY);
        w.meterRoot = meterRoot(w);
    }

    /// @dev Three intervals, a reading filed when the first stands; the third leaves it out.
    function _leftOut(bytes memory filed) private returns (Interval memory w, HeaderEvidence memory h) {
        Interval memory v = example();
        postInterval(v);
        readings.file(filed);
        v = _next(v);
        postInterval(v);
        w = _next(v);
        h = postInterval(w).header;
    }

    function _prove(Interval memory w, HeaderEvidence memory h, bytes memory filed, uint256 index) private {
        LeafEvidence memory reading = readingEvidence(w, index);
        LeafEvidence memory pre = stateEvidence(w.pre, index);
        IMeterFaults(address(faults)).readingIgnored(h, filed, reading, pre, packedPolicy());
    }

    function _assertRefused(Interval memory w, HeaderEvidence memory h, bytes memory filed, bytes4 refusal) private {
        LeafEvidence memory reading = readingEvidence(w, B);
        LeafEvidence memory pre = stateEvidence(w.pre, B);
        vm.expectRevert(refusal);
        IMeterFaults(address(faults)).readingIgnored(h, filed, reading, pre, packedPolicy());
    }

    /* ------------------------------------------------ FILING ------------------------------------------------- */

    function test_file_refusesWhatIsNoReading() public {
        bytes memory short = tail(_genuine(), 1);
        vm.expectRevert(Records.Records_Length.selector);
        readings.file(short);
        bytes memory wrong = Build.reading(_reading(B, 0, 600, _OPERATOR_KEY));
        vm.expectRevert(_OUT_OF_RANGE);
        readings.file(wrong);
        wrong = Build.reading(_reading(B, 1, 1 << 30, _OPERATOR_KEY));
        vm.expectRevert(_OUT_OF_RANGE);
        readings.file(wrong);
        Records.Reading memory m = _reading(B, 1, 600, _OPERATOR_KEY);
        m.producedWh = 1 << 30;
        wrong = Build.reading(m);
        vm.expectRevert(_OUT_OF_RANGE);
        readings.file(wrong);
        m.producedWh = m.consumedWh = (1 << 30) - 1;
        assertEq(readings.file(Build.reading(m)), 2);
    }

    function test_file_twiceKeepsTheEarlierInterval() public {
        bytes memory filed = _genuine();
        assertEq(readings.dueOf(keccak256(filed)), 0);
        vm.expectEmit(true, true, true, true);
        emit IFiledReadings.Filed(uint32(B), 1, 2, filed);
        vm.prank(WATCHER);
        assertEq(readings.file(filed), 2);
        Interval memory v = example();
        postInterval(v);
        assertEq(readings.file(filed), 2);
        assertEq(readings.dueOf(keccak256(filed)), 2);
        assertEq(readings.file(Build.reading(_reading(B, 1, 601, _OPERATOR_KEY))), 3);
    }

    /* ------------------------------------------------ IGNORED ------------------------------------------------ */

    function test_readingIgnored() public {
        bytes memory filed = _genuine();
        (Interval memory w, HeaderEvidence memory h) = _leftOut(filed);
        _prove(w, h, filed, B);
        assertEq(ledger.head(), 2);
        assertEq(bond.bonded(), BOND - PENALTY);
    }

    function test_readingIgnored_takenIsHonest() public {
        Interval memory v = example();
        postInterval(v);
        bytes memory filed = _genuine();
        readings.file(filed);
        v = _next(v);
        postInterval(v);
        Interval memory w = _next(v);
        w.readings[B] = _reading(B, 1, 600, _OPERATOR_KEY);
        w.meterRoot = meterRoot(w);
        HeaderEvidence memory h = postInterval(w).header;
        _assertRefused(w, h, filed, _NOT_PROVEN);
    }

    function test_readingIgnored_anotherSignedReadingInItsPlaceIsHonest() public {
        Interval memory v = example();
        postInterval(v);
        bytes memory filed = _genuine();
        readings.file(filed);
        v = _next(v);
        postInterval(v);
        Interval memory w = _next(v);
        w.readings[B] = _reading(B, 1, 500, _OPERATOR_KEY);
        w.meterRoot = meterRoot(w);
        HeaderEvidence memory h = postInterval(w).header;
        _assertRefused(w, h, filed, _NOT_PROVEN);
    }

    function test_readingIgnored_ofAnotherIntervalNeedNotBeTaken() public {
        bytes memory filed = Build.reading(_reading(B, 2, 600, _OPERATOR_KEY));
        (Interval memory w, HeaderEvidence memory h) = _leftOut(filed);
        _assertRefused(w, h, filed, _NOT_PROVEN);
    }

    function test_readingIgnored_signedByAnotherNeedNotBeTaken() public {
        bytes memory filed = Build.reading(_reading(B, 1, 600, key(B)));
        (Interval memory w, HeaderEvidence memory h) = _leftOut(filed);
        _assertRefused(w, h, filed, _NOT_PROVEN);
    }

    function test_readingIgnored_withTheOtherSignatureOfTheSameWordsNeedNotBeTaken() public {
        Records.Reading memory m = _reading(B, 1, 600, _OPERATOR_KEY);
        m.s = bytes32(0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 - uint256(m.s));
        m.v = 55 - m.v;
        bytes memory filed = Build.reading(m);
        (Interval memory w, HeaderEvidence memory h) = _leftOut(filed);
        _assertRefused(w, h, filed, _NOT_PROVEN);
    }

    function test_readingIgnored_ofNobodyNeedNotBeTaken() public {
        bytes memory filed = Build.reading(_reading(PARTICIPANTS, 1, 600, _OPERATOR_KEY));
        (Interval memory w, HeaderEvidence memory h) = _leftOut(filed);
        LeafEvidence memory reading;
        (, reading.path) = Build.plainTree(_leaves(w), TREE_DEPTH, PARTICIPANTS);
        LeafEvidence memory pre;
        bytes32[] memory states = new bytes32[](PARTICIPANTS);
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            states[i] = Build.leaf(3, Build.state(w.pre[i]));
        }
        (, pre.path) = Build.plainTree(states, TREE_DEPTH, PARTICIPANTS);
        vm.expectRevert(_NOT_PROVEN);
        IMeterFaults(address(faults)).readingIgnored(h, filed, reading, pre, packedPolicy());
        // A number beyond the trees cannot pose as the one with the same lower bits.
        filed = Build.reading(_reading(B + (1 << TREE_DEPTH), 1, 600, _OPERATOR_KEY));
        readings.file(filed);
        _assertRefused(w, h, filed, _NOT_COMMITTED);
    }

    function test_readingIgnored_beyondTheTreesIsNoIndex() public {
        bytes memory filed = Build.reading(_reading(B + (1 << TREE_DEPTH), 1, 600, _OPERATOR_KEY));
        (Interval memory w, HeaderEvidence memory h) = _leftOut(filed);
        _assertRefused(w, h, filed, Trees.Trees_MalformedPath.selector);
    }

    function test_readingIgnored_malformedEvidenceProvesNothing() public {
        bytes memory filed = _genuine();
        (Interval memory w, HeaderEvidence memory h) = _leftOut(filed);
        _assertRefused(w, h, Build.reading(_reading(B, 1, 601, _OPERATOR_KEY)), _NOT_COMMITTED);
        IMeterFaults proofs = IMeterFaults(address(faults));
        LeafEvidence memory reading = readingEvidence(w, B);
        LeafEvidence memory pre = stateEvidence(w.pre, B);
        LeafEvidence memory other = readingEvidence(w, D);
        vm.expectRevert(_NOT_COMMITTED);
        proofs.readingIgnored(h, filed, other, pre, packedPolicy());
        other = stateEvidence(w.pre, C);
        vm.expectRevert(ICourt.Fault_Malformed.selector);
        proofs.readingIgnored(h, filed, reading, other, packedPolicy());
        other = emptyState(w.pre, B);
        vm.expectRevert(_NOT_COMMITTED);
        proofs.readingIgnored(h, filed, reading, other, packedPolicy());
        other = LeafEvidence(pre.record, tail(pre.path, 32));
        vm.expectRevert(ICourt.Fault_Malformed.selector);
        proofs.readingIgnored(h, filed, reading, other, packedPolicy());
        Policies.Policy memory p = policy();
        p.spread += 1;
        bytes memory another = Build.policy(p);
        vm.expectRevert(Policies.Policies_WrongPolicy.selector);
        proofs.readingIgnored(h, filed, reading, pre, another);
    }

    /* ------------------------------------------------ SETTLED AGAINST ---------------------------------------- */

    /// @dev After a pause, header 3 is posted on finals; it credits A one micro for energy that A did not leave. The
    /// operator then goes on as fast as the ledger lets it, to have header 1 forgotten before anybody proves it.
    function test_imbalance_isProvableHoweverFastTheOperatorGoesOn() public {
        Interval memory v = example();
        HeaderEvidence memory past = postInterval(v).header;
        Interval memory w = _next(v);
        postInterval(w);
        passWindow();
        w = _next(w);
        w.allocations[A].imbalanceCredit = 1;
        w.allocations[RESERVE].imbalanceDebit = 1;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            w.post[i] = transition(w.pre[i], w.allocations[i]);
        }
        complete(w);
        Interval memory lie = w;
        HeaderEvidence memory h = postInterval(lie).header;
        while (ledger.head() < 5) {
            w = _next(w);
            postInterval(w);
        }
        for (uint32 t = 6; t < 8; ++t) {
            fixOrders(t, ordersRoot(w));
        }
        bytes32[] memory p = preimages();
        vm.warp(ledger.postedAt(3) + WINDOW - 1);
        vm.expectRevert(IClearingLedger.Ledger_RingFull.selector);
        beacon.reveal(6, p);
        AllocationEvidence memory line = allocationEvidence(lie, A);
        AllocationEvidence memory earlier = allocationEvidence(v, A);
        LeafEvidence memory pre = stateEvidence(lie.pre, A);
        LeafEvidence memory reading = readingEvidence(lie, A);
        IMeterFaults(address(faults)).imbalance(h, line, past, earlier, pre, reading, packedPolicy());
        assertEq(ledger.head(), 2);
        assertEq(bond.bonded(), BOND - PENALTY);
    }

    /* ------------------------------------------------ THE RACE ----------------------------------------------- */

    function test_readingIgnored_filedOnceTheHeaderBeforeStandsIsTooLate() public {
        Interval memory v = example();
        postInterval(v);
        v = _next(v);
        postInterval(v);
        bytes memory filed = _genuine();
        assertEq(readings.file(filed), 4);
        Interval memory w = _next(v);
        HeaderEvidence memory h = postInterval(w).header;
        _assertRefused(w, h, filed, _NOT_COMMITTED);
    }

    /// @dev Whenever it is filed, between any two moves of a market and after a void, a reading is due in an interval
    /// that nobody has a seed of, and in the first of these that may follow the head.
    function test_file_isNeverDueWhereASeedWasDrawn() public {
        uint32 seeded = 0;
        Interval memory v = example();
        HeaderEvidence memory h;
        for (uint32 t = 1; t < 5; ++t) {
            _assertDue(seeded, t + 1);
            vm.prank(OPERATOR);
            ledger.commitOrders(t, ordersRoot(v));
            _assertDue(seeded, t + 1);
            bytes32 seed = drawSeed(t);
            seeded = t;
            _assertDue(seeded, t + 1);
            Posted memory p = commitment(v, seed, 1);
            p.header.previousHash = t == 1 ? ledger.genesisHash() : lastHash;
            vm.prank(OPERATOR);
            ledger.post(sentOf(p));
            lastHash = ledger.hashHeader(p.header);
            _assertDue(seeded, t + 2);
            // The seed of 4 waits for header 1; header 3 can still fall.
            if (t == 2) passWindow();
            if (t == 3) h = p.header;
            v = _next(v);
        }
        voidFrom(h, false);
        assertEq(ledger.head(), 2);
        _assertDue(seeded, 6);
    }

    uint256 private _count;

    function _assertDue(uint32 seeded, uint32 due) private {
        bytes memory filed = Build.reading(_reading(B, 1, ++_count, _OPERATOR_KEY));
        assertEq(readings.file(filed), due);
        assertTrue(due > seeded, "nobody could bring the seed before");
        vm.prank(address(beacon));
        vm.expectRevert(abi.encodeWithSelector(IOrderLog.OrderLog_NotAwaitingSeed.selector, due));
        ledger.acceptSeed(due, bytes32("a seed"));
    }

    function test_readingIgnored_filedAfterAVoidConvictsNobodyWhoPostsAgain() public {
        Interval memory v = example();
        postInterval(v);
        v = _next(v);
        postInterval(v);
        Interval memory w = _next(v);
        Posted memory p = postWith(w, 1);
        voidFrom(p.header, false);
        bytes memory filed = _genuine();
        assertEq(readings.file(filed), 5);
        vm.prank(OPERATOR);
        ledger.postInstead(sentOf(p), "", address(0));
        assertEq(ledger.head(), 3);
        _assertRefused(w, p.header, filed, _NOT_COMMITTED);
    }

    function test_readingIgnored_filedWhileOrdersAreOpenAgainConvictsNobody() public {
        Interval memory v = example();
        postInterval(v);
        v = _next(v);
        postInterval(v);
        Interval memory w = _next(v);
        Posted memory p = postWith(w, 1);
        voidFrom(p.header, true);
        bytes memory filed = _genuine();
        assertEq(readings.file(filed), 5);
        lastHash = p.header.previousHash;
        HeaderEvidence memory h = postInterval(w).header;
        _assertRefused(w, h, filed, _NOT_COMMITTED);
    }

    function test_readingIgnored_wasDueBeforeAVoidAndIsSo() public {
        bytes memory filed = _genuine();
        (Interval memory w, HeaderEvidence memory h) = _leftOut(filed);
        voidFrom(h, true);
        lastHash = h.previousHash;
        assertEq(readings.file(filed), 3);
        h = postInterval(w).header;
        _prove(w, h, filed, B);
        assertEq(ledger.head(), 2);
    }

    function _leaves(Interval memory w) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](PARTICIPANTS);
        leaves[A] = Build.leaf(5, Build.reading(w.readings[A]));
    }
}
