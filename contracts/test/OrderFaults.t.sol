// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICourt} from "../src/interfaces/ICourt.sol";
import {IForcedOrders} from "../src/interfaces/IForcedOrders.sol";
import {Records} from "../src/libraries/Records.sol";
import {HeaderEvidence, LeafEvidence} from "../src/types/Evidence.sol";
import {Build} from "./support/Build.sol";
import {Market} from "./support/Market.sol";

/// @dev Orders that must not be there, orders that must, and debts beyond collateral.
contract OrderFaultsTest is Market {
    bytes4 private constant _NOT_PROVEN = ICourt.Fault_NotProven.selector;
    bytes4 private constant _NOT_COMMITTED = ICourt.Fault_NotCommitted.selector;

    function _assertVoided(uint32 head) private view {
        assertEq(ledger.head(), head);
        assertEq(bond.bonded(), BOND - PENALTY);
    }

    function test_noProofWorksAgainstHonestOrders() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            LeafEvidence memory o = orderEvidence(v, i);
            LeafEvidence memory pre = stateEvidence(v.pre, i);
            LeafEvidence memory post = stateEvidence(v.post, i);
            vm.expectRevert(_NOT_PROVEN);
            faults.orderTerms(h, o, pre, packedPolicy());
            vm.expectRevert(_NOT_PROVEN);
            faults.orderSignature(h, o);
            vm.expectRevert(_NOT_PROVEN);
            covers().overdrawn(h, pre, post);
        }
        vm.expectRevert(_NOT_PROVEN);
        faults.forcedCursor(h);
    }

    /* ------------------------------------------------ TERMS -------------------------------------------------- */

    function test_orderTerms_everyTerm() public {
        for (uint256 term = 0; term < 6; ++term) {
            uint256 snapshot = vm.snapshotState();
            Interval memory v = example();
            Records.Order memory o = v.orders[A];
            if (term == 0) o.validFrom = 2;
            if (term == 1) o.validTo = 0;
            if (term == 2) o.essentialWh = 4000;
            if (term == 3) o.flexibleWh = 4001;
            if (term == 4) o.supplyWh = 8001;
            if (term == 5) o.bidTicks = 250_001;
            sign(o, key(A));
            HeaderEvidence memory h = postInterval(v).header;
            faults.orderTerms(h, orderEvidence(v, A), stateEvidence(v.pre, A), packedPolicy());
            _assertVoided(0);
            vm.revertToState(snapshot);
        }
    }

    function test_orderTerms_opensTheOrdersUnderAnotherSeed() public {
        Interval memory v = example();
        v.orders[A].validTo = 0;
        HeaderEvidence memory h = postInterval(v).header;
        faults.orderTerms(h, orderEvidence(v, A), stateEvidence(v.pre, A), packedPolicy());
        bytes32 former = _seedOf(h);
        v.orders[A].validTo = 1000;
        HeaderEvidence memory corrected = postInterval(v).header;
        assertTrue(_seedOf(corrected) != former, "the seed was known before the orders");
        assertEq(ledger.head(), 1);
    }

    function _seedOf(HeaderEvidence memory h) private pure returns (bytes32 seed) {
        bytes memory payload = h.payload;
        assembly ("memory-safe") {
            seed := mload(add(payload, 328))
        }
    }

    /* ------------------------------------------------ SIGNATURE ---------------------------------------------- */

    function test_orderSignature_ofAnother() public {
        Interval memory v = example();
        sign(v.orders[A], key(B));
        _provenSignature(v);
    }

    function test_orderSignature_ofOtherTerms() public {
        Interval memory v = example();
        v.orders[A].flexibleWh += 1;
        _provenSignature(v);
    }

    function test_orderSignature_none() public {
        Interval memory v = example();
        (v.orders[A].v, v.orders[A].r, v.orders[A].s) = (0, 0, 0);
        _provenSignature(v);
    }

    function test_orderSignature_ofAnotherMarket() public {
        Interval memory v = example();
        separator = keccak256("another market");
        sign(v.orders[A], key(A));
        _provenSignature(v);
    }

    function test_orderSignature_theMirroredOne() public {
        Interval memory v = example();
        uint256 n = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
        v.orders[A].s = bytes32(n - uint256(v.orders[A].s));
        v.orders[A].v = v.orders[A].v == 27 ? 28 : 27;
        _provenSignature(v);
    }

    function _provenSignature(Interval memory v) private {
        HeaderEvidence memory h = postInterval(v).header;
        faults.orderSignature(h, orderEvidence(v, A));
        _assertVoided(0);
    }

    function test_orderSignature_refusesAnOrderThatWasNotCommitted() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        v.orders[A].flexibleWh += 1;
        LeafEvidence memory o = orderEvidence(v, A);
        vm.expectRevert(_NOT_COMMITTED);
        faults.orderSignature(h, o);
    }

    /* ------------------------------------------------ COLLATERAL --------------------------------------------- */

    function _indebted(uint64 debit) private view returns (Interval memory v) {
        v = example();
        v.post[A].debit = debit;
        complete(v);
    }

    function test_overdrawn_oneBeyondTheDeposit() public {
        Interval memory v = _indebted(DEPOSIT + 1);
        HeaderEvidence memory h = postInterval(v).header;
        covers().overdrawn(h, stateEvidence(v.pre, A), stateEvidence(v.post, A));
        _assertVoided(0);
    }

    function test_overdrawn_notByTheWholeDeposit() public {
        Interval memory v = _indebted(DEPOSIT);
        HeaderEvidence memory h = postInterval(v).header;
        LeafEvidence memory pre = stateEvidence(v.pre, A);
        LeafEvidence memory post = stateEvidence(v.post, A);
        vm.expectRevert(_NOT_PROVEN);
        covers().overdrawn(h, pre, post);
    }

    function test_overdrawn_aWithdrawalAnnouncedAfterTheGateChangesNothing() public {
        Interval memory v = _indebted(DEPOSIT);
        HeaderEvidence memory h = postInterval(v).header;
        vm.prank(owner(A));
        escrow.announceWithdrawal(uint32(A), DEPOSIT);
        LeafEvidence memory pre = stateEvidence(v.pre, A);
        LeafEvidence memory post = stateEvidence(v.post, A);
        vm.expectRevert(_NOT_PROVEN);
        covers().overdrawn(h, pre, post);
    }

    function test_overdrawn_whatIsAnnouncedBeforeTheGateIsNoCollateral() public {
        vm.prank(owner(A));
        escrow.announceWithdrawal(uint32(A), DEPOSIT);
        Interval memory v = example();
        postInterval(v);
        Interval memory w = following(v);
        postInterval(w);
        Interval memory x = following(w);
        HeaderEvidence memory h = postInterval(x).header;
        covers().overdrawn(h, stateEvidence(x.pre, A), stateEvidence(x.post, A));
        _assertVoided(2);
    }

    /* ------------------------------------------------ FORCED ORDERS ------------------------------------------ */

    function _forcedOrder() private view returns (Records.Order memory o) {
        o.index = RESERVE;
        o.seq = 2;
        o.validFrom = 1;
        o.validTo = 100;
        o.flexibleWh = 10;
        sign(o, key(RESERVE));
    }

    /// @dev File an order now and post three intervals that know nothing of it.
    function _ignore(Records.Order memory o) private returns (HeaderEvidence memory h, Interval memory v) {
        forced.file(Build.order(o));
        v = example();
        postInterval(v);
        v = following(v);
        postInterval(v);
        v = following(v);
        v.forcedCursor = 1;
        h = postInterval(v).header;
    }

    function test_forced_ignored() public {
        Records.Order memory o = _forcedOrder();
        (HeaderEvidence memory h, Interval memory v) = _ignore(o);
        inputs()
            .forcedIgnored(
                h, 0, Build.order(o), orderEvidence(v, RESERVE), stateEvidence(v.pre, RESERVE), packedPolicy()
            );
        _assertVoided(2);
    }

    function test_forced_ignoredAlthoughThereIsNoOrderAtAll() public {
        Records.Order memory o = _forcedOrder();
        forced.file(Build.order(o));
        Interval memory v = example();
        postInterval(v);
        v = following(v);
        postInterval(v);
        v = following(v);
        v.orders[RESERVE].index = NO_ORDER;
        HeaderEvidence memory h = postInterval(v).header;
        inputs()
            .forcedIgnored(
                h, 0, Build.order(o), orderEvidence(v, RESERVE), stateEvidence(v.pre, RESERVE), packedPolicy()
            );
        _assertVoided(2);
    }

    function test_forced_takenIsHonest() public {
        Records.Order memory o = _forcedOrder();
        forced.file(Build.order(o));
        Interval memory v = example();
        postInterval(v);
        v = following(v);
        postInterval(v);
        v = following(v);
        v.orders[RESERVE] = o;
        v.forcedCursor = 1;
        _refused(v, o);
    }

    function test_forced_aLaterOrderOfTheSameParticipantIsHonest() public {
        Records.Order memory o = _forcedOrder();
        forced.file(Build.order(o));
        Interval memory v = example();
        postInterval(v);
        v = following(v);
        postInterval(v);
        v = following(v);
        v.orders[RESERVE].seq = 3;
        sign(v.orders[RESERVE], key(RESERVE));
        v.forcedCursor = 1;
        _refused(v, o);
    }

    function test_forced_aboveTheContractNeedNotBeTaken() public {
        Records.Order memory o = _forcedOrder();
        o.flexibleWh = 4001;
        sign(o, key(RESERVE));
        (HeaderEvidence memory h, Interval memory v) = _ignore(o);
        LeafEvidence memory order = orderEvidence(v, RESERVE);
        LeafEvidence memory pre = stateEvidence(v.pre, RESERVE);
        bytes memory filed = Build.order(o);
        vm.expectRevert(_NOT_PROVEN);
        inputs().forcedIgnored(h, 0, filed, order, pre, packedPolicy());
    }

    function _refused(Interval memory v, Records.Order memory o) private {
        HeaderEvidence memory h = postInterval(v).header;
        LeafEvidence memory order = orderEvidence(v, RESERVE);
        LeafEvidence memory pre = stateEvidence(v.pre, RESERVE);
        bytes memory filed = Build.order(o);
        vm.expectRevert(_NOT_PROVEN);
        inputs().forcedIgnored(h, 0, filed, order, pre, packedPolicy());
        vm.expectRevert(_NOT_PROVEN);
        faults.forcedCursor(h);
    }

    function test_forced_notBeforeItIsDue() public {
        Records.Order memory o = _forcedOrder();
        forced.file(Build.order(o));
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        LeafEvidence memory order = orderEvidence(v, RESERVE);
        LeafEvidence memory pre = stateEvidence(v.pre, RESERVE);
        bytes memory filed = Build.order(o);
        vm.expectRevert(_NOT_COMMITTED);
        inputs().forcedIgnored(h, 0, filed, order, pre, packedPolicy());
        vm.expectRevert(_NOT_PROVEN);
        faults.forcedCursor(h);
    }

    function test_forced_cursor() public {
        Records.Order memory o = _forcedOrder();
        forced.file(Build.order(o));
        Interval memory v = example();
        postInterval(v);
        v = following(v);
        postInterval(v);
        v = following(v);
        HeaderEvidence memory h = postInterval(v).header;
        faults.forcedCursor(h);
        _assertVoided(2);
    }

    function test_forced_filedAfterAVoidIsNotDueInIntervalsWhoseOrdersAreFixed() public {
        Interval memory v = example();
        v.post[A].debit = DEPOSIT + 1;
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        vm.prank(OPERATOR);
        ledger.commitOrders(3, bytes32("fixed"));
        covers().overdrawn(h, stateEvidence(v.pre, A), stateEvidence(v.post, A));
        forced.file(Build.order(_forcedOrder()));
        assertEq(forced.dueAt(0), 4);
    }

    function test_file_refusesWhatNobodyCouldTake() public {
        Records.Order memory o = _forcedOrder();
        sign(o, key(A));
        bytes memory record = Build.order(o);
        vm.expectRevert(IForcedOrders.Forced_NotSigned.selector);
        forced.file(record);

        o.validTo = 2;
        sign(o, key(RESERVE));
        record = Build.order(o);
        vm.expectRevert(abi.encodeWithSelector(IForcedOrders.Forced_Expired.selector, 3));
        forced.file(record);

        record = Build.order(_forcedOrder());
        forced.file(record);
        vm.expectRevert(abi.encodeWithSelector(IForcedOrders.Forced_Superseded.selector, 2));
        forced.file(record);
        assertTrue(forced.holds(0, record), "the entry is the order");
        assertTrue(!forced.holds(1, record), "there is no second entry");
        assertEq(forced.dueBy(2), 0);
        assertEq(forced.dueBy(3), 1);
    }
}
