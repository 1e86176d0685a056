// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICourt} from "../src/interfaces/ICourt.sol";
import {IFaultProofs} from "../src/interfaces/IFaultProofs.sol";
import {Policies} from "../src/libraries/Policies.sol";
import {Records} from "../src/libraries/Records.sol";
import {Trees} from "../src/libraries/Trees.sol";
import {AllocationEvidence, HeaderEvidence, LeafEvidence} from "../src/types/Evidence.sol";
import {Build} from "./support/Build.sol";
import {Market} from "./support/Market.sol";

/// @dev Lies in one participant's line: each is proven by its own function, and an honest line by none.
contract AllocationFaultsTest is Market {
    bytes4 private constant _NOT_PROVEN = ICourt.Fault_NotProven.selector;
    bytes4 private constant _NOT_COMMITTED = ICourt.Fault_NotCommitted.selector;
    bytes4 private constant _MALFORMED = ICourt.Fault_Malformed.selector;

    function _assertVoided() private view {
        assertEq(ledger.head(), 0);
        assertEq(bond.bonded(), BOND - PENALTY);
    }

    /* ------------------------------------------------ HONEST ------------------------------------------------- */

    function test_noProofWorksAgainstAnHonestInterval() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            AllocationEvidence memory a = allocationEvidence(v, i);
            LeafEvidence memory pre = stateEvidence(v.pre, i);
            LeafEvidence memory post = stateEvidence(v.post, i);
            vm.expectRevert(_NOT_PROVEN);
            faults.bracket(h, a);
            vm.expectRevert(_NOT_PROVEN);
            faults.payment(h, a);
            vm.expectRevert(_NOT_PROVEN);
            faults.misplaced(h, a);
            vm.expectRevert(_NOT_PROVEN);
            faults.copied(h, a, orderEvidence(v, i));
            vm.expectRevert(_NOT_PROVEN);
            faults.key(h, a, pre, packedPolicy());
            vm.expectRevert(_NOT_PROVEN);
            faults.pot(h, a, shareEvidence(v, i));
            vm.expectRevert(_NOT_PROVEN);
            faults.shortfall(h, a, rootOpened(v), packedPolicy());
            vm.expectRevert(_NOT_PROVEN);
            faults.transition(h, a, statesEvidence(v, i), packedPolicy());
            vm.expectRevert(_NOT_PROVEN);
            faults.orphan(h, uint32(i), contractEvidence(i), post);
            for (uint256 j = 0; j < PARTICIPANTS; ++j) {
                vm.expectRevert(_NOT_PROVEN);
                faults.placement(h, a, uint32(j), contractEvidence(j));
            }
        }
        assertEq(ledger.head(), 1);
    }

    function test_noProofWorksAgainstTheIntervalAfter() public {
        Interval memory v = example();
        postInterval(v);
        Interval memory w = following(v);
        HeaderEvidence memory h = postInterval(w).header;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            AllocationEvidence memory a = allocationEvidence(w, i);
            vm.expectRevert(_NOT_PROVEN);
            faults.key(h, a, stateEvidence(w.pre, i), packedPolicy());
            vm.expectRevert(_NOT_PROVEN);
            faults.transition(h, a, statesEvidence(w, i), packedPolicy());
        }
    }

    /* ------------------------------------------------ BRACKET ------------------------------------------------ */

    function test_bracket_favouringANeighbour() public {
        Interval memory v = example();
        v.allocations[B].flexible.x += 5;
        v.allocations[C].flexible.x -= 5;
        settle(v);
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        faults.bracket(h, allocationEvidence(v, B));
        _assertVoided();
    }

    function test_bracket_oneWattHourIsRounding() public {
        Interval memory v = example();
        v.allocations[B].flexible.x += 1;
        v.allocations[C].flexible.x -= 1;
        settle(v);
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        vm.expectRevert(_NOT_PROVEN);
        faults.bracket(h, allocationEvidence(v, B));
        vm.expectRevert(_NOT_PROVEN);
        faults.bracket(h, allocationEvidence(v, C));
    }

    function test_bracket_aboveTheOrder() public {
        Interval memory v = example();
        v.allocations[C].flexible.x += 1;
        v.allocations[B].flexible.x -= 1;
        settle(v);
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        faults.bracket(h, allocationEvidence(v, C));
        _assertVoided();
    }

    function test_bracket_energyWithoutAnOrder() public {
        Interval memory v = example();
        v.allocations[R].essential.x = 1;
        v.allocations[B].flexible.x -= 1;
        settle(v);
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        faults.bracket(h, allocationEvidence(v, R));
        _assertVoided();
    }

    function test_bracket_refusesALeafThatWasNotCommitted() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        v.allocations[B].flexible.x += 5;
        AllocationEvidence memory a = allocationEvidence(v, B);
        vm.expectRevert(_NOT_COMMITTED);
        faults.bracket(h, a);
    }

    function test_bracket_refusesAnInnerNodeAsALeaf() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        AllocationEvidence memory a = allocationEvidence(v, B);
        a.record = bytes.concat(a.record, hex"00");
        vm.expectRevert(Records.Records_Length.selector);
        faults.bracket(h, a);
    }

    function test_bracket_refusesAPathOfHalfAStep() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        AllocationEvidence memory a = allocationEvidence(v, B);
        a.lower = bytes.concat(a.lower, bytes32(0));
        vm.expectRevert(Trees.Trees_MalformedPath.selector);
        faults.bracket(h, a);
    }

    function test_bracket_refusesABusOfAnotherInterval() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        AllocationEvidence memory a = allocationEvidence(v, B);
        v.buses[2].pi += 1e9;
        a.bus = Build.rootlessBus(v.buses[2]);
        vm.expectRevert(_NOT_COMMITTED);
        faults.bracket(h, a);
    }

    function test_bracket_refusesAHeaderThatWasNotPosted() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        v.allocations[B].flexible.x += 5;
        complete(v);
        Posted memory other = commitment(v, bytes32(0), 1);
        other.header.previousHash = h.previousHash;
        AllocationEvidence memory a = allocationEvidence(v, B);
        vm.expectPartialRevert(bytes4(keccak256("Ledger_UnknownHeader(uint32)")));
        faults.bracket(other.header, a);
    }

    /* ------------------------------------------------ PAYMENT ------------------------------------------------ */

    function test_payment_overcharging() public {
        Interval memory v = example();
        v.allocations[A].energyCost += 1;
        v.allocations[RESERVE].potShare += 1;
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        faults.payment(h, allocationEvidence(v, A));
        _assertVoided();
    }

    function test_payment_paySupplierAboveItsBid() public {
        Interval memory v = example();
        v.allocations[S].supplyPay += 1;
        v.allocations[RESERVE].potShare -= 1;
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        faults.payment(h, allocationEvidence(v, S));
        _assertVoided();
    }

    /* ------------------------------------------------ REPEATED FIELDS ---------------------------------------- */

    function test_misplaced_anotherInterval() public {
        Interval memory v = example();
        v.allocations[A].interval = 2;
        _provenMisplaced(v, A);
    }

    function test_misplaced_anotherBus() public {
        Interval memory v = example();
        v.allocations[A].bus = 2;
        _provenMisplaced(v, A);
    }

    function test_misplaced_anotherSlot() public {
        Interval memory v = example();
        v.allocations[A].slot = 1;
        _provenMisplaced(v, A);
    }

    function test_misplaced_anotherPrice() public {
        Interval memory v = example();
        v.allocations[B].priceTicks -= 1;
        _provenMisplaced(v, B);
    }

    function test_misplaced_indexBeyondTheTrees() public {
        Interval memory v = example();
        v.allocations[A].index = 8;
        _provenMisplaced(v, A);
    }

    function _provenMisplaced(Interval memory v, uint256 i) private {
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        faults.misplaced(h, allocationEvidence(v, i));
        _assertVoided();
    }

    /* ------------------------------------------------ ORDER COPIED ------------------------------------------- */

    function test_copied_everyField() public {
        for (uint256 field = 0; field < 4; ++field) {
            uint256 snapshot = vm.snapshotState();
            Interval memory v = example();
            if (field == 0) v.allocations[R].essential.q = 1;
            if (field == 1) v.allocations[R].flexible.q = 1;
            if (field == 2) v.allocations[R].supply.q += 1;
            if (field == 3) v.allocations[R].supply.pa += 1;
            complete(v);
            HeaderEvidence memory h = postInterval(v).header;
            faults.copied(h, allocationEvidence(v, R), orderEvidence(v, R));
            _assertVoided();
            vm.revertToState(snapshot);
        }
    }

    function test_copied_inventedDemandOfSomebodyWithoutAnOrder() public {
        Interval memory v = example();
        v.orders[RESERVE].index = NO_ORDER;
        v.allocations[RESERVE].flexible.q = 10;
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        faults.copied(h, allocationEvidence(v, RESERVE), orderEvidence(v, RESERVE));
        _assertVoided();
    }

    function test_copied_nothingForSomebodyWithoutAnOrderIsHonest() public {
        Interval memory v = example();
        v.orders[RESERVE].index = NO_ORDER;
        HeaderEvidence memory h = postInterval(v).header;
        AllocationEvidence memory a = allocationEvidence(v, RESERVE);
        LeafEvidence memory nothing = orderEvidence(v, RESERVE);
        vm.expectRevert(_NOT_PROVEN);
        faults.copied(h, a, nothing);
    }

    function test_copied_refusesAnothersOrder() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        AllocationEvidence memory a = allocationEvidence(v, A);
        LeafEvidence memory another = orderEvidence(v, B);
        vm.expectRevert(_MALFORMED);
        faults.copied(h, a, another);
    }

    function test_copied_refusesAnEmptyLeafThatIsNone() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        AllocationEvidence memory a = allocationEvidence(v, A);
        LeafEvidence memory o = orderEvidence(v, A);
        o.record = "";
        vm.expectRevert(_NOT_COMMITTED);
        faults.copied(h, a, o);
    }

    /* ------------------------------------------------ KEY ---------------------------------------------------- */

    function test_key_everyField() public {
        for (uint256 field = 0; field < 6; ++field) {
            uint256 snapshot = vm.snapshotState();
            Interval memory v = example();
            Records.Allocation memory a = v.allocations[B];
            if (field == 0) a.keyTicks += 1;
            if (field == 1) a.flexible.pa += 1;
            if (field == 2) a.flexible.pb += 1;
            if (field == 3) a.essential.pa += 1;
            if (field == 4) a.essential.pb += 1;
            if (field == 5) a.supply.pb += 1;
            complete(v);
            HeaderEvidence memory h = postInterval(v).header;
            faults.key(h, allocationEvidence(v, B), stateEvidence(v.pre, B), packedPolicy());
            _assertVoided();
            vm.revertToState(snapshot);
        }
    }

    function test_key_jumpingTheQueueConsistently() public {
        Interval memory v = example();
        v.allocations[B].keyTicks += 1000;
        v.allocations[B].flexible.pa += 1000;
        v.allocations[B].flexible.pb += 1000;
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        faults.key(h, allocationEvidence(v, B), stateEvidence(v.pre, B), packedPolicy());
        _assertVoided();
    }

    function test_key_refusesAnotherPolicy() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        AllocationEvidence memory a = allocationEvidence(v, C);
        LeafEvidence memory pre = stateEvidence(v.pre, C);
        Policies.Policy memory p = policy();
        p.gamma = 0;
        bytes memory other = Build.policy(p);
        vm.expectRevert(Policies.Policies_WrongPolicy.selector);
        faults.key(h, a, pre, other);
    }

    function test_key_refusesTheStateAfterTheInterval() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        AllocationEvidence memory a = allocationEvidence(v, C);
        LeafEvidence memory post = stateEvidence(v.post, C);
        vm.expectRevert(_NOT_COMMITTED);
        faults.key(h, a, post, packedPolicy());
    }

    /* ------------------------------------------------ POT AND SHORTFALL -------------------------------------- */

    function test_pot_twoUnitsToAFriend() public {
        Interval memory v = example();
        v.allocations[S].potShare += 2;
        v.allocations[RESERVE].potShare -= 2;
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        faults.pot(h, allocationEvidence(v, S), shareEvidence(v, S));
        _assertVoided();
    }

    function test_pot_somethingWithoutAShare() public {
        Interval memory v = example();
        v.allocations[A].potShare += 1;
        v.allocations[RESERVE].potShare -= 1;
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        faults.pot(h, allocationEvidence(v, A), shareEvidence(v, A));
        _assertVoided();
    }

    function test_pot_aRemainderMayGoEitherWay() public {
        Interval memory v = example();
        // a bid that makes the pot odd: half a unit each, which one of the two must give up
        v.allocations[S].supply.pa += 1;
        settle(v);
        assertEq(v.totals[6] % 2, 1);
        (v.allocations[S].potShare, v.allocations[RESERVE].potShare) =
        (v.allocations[RESERVE].potShare, v.allocations[S].potShare);
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            AllocationEvidence memory a = allocationEvidence(v, i);
            LeafEvidence memory share = shareEvidence(v, i);
            vm.expectRevert(_NOT_PROVEN);
            faults.pot(h, a, share);
        }
    }

    function test_shortfall_whenNothingIsMissing() public {
        Interval memory v = example();
        v.allocations[A].shortfall = 1;
        v.allocations[RESERVE].potShare += 1;
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        faults.shortfall(h, allocationEvidence(v, A), rootOpened(v), packedPolicy());
        _assertVoided();
    }

    function test_shortfall_byHeadroom() public {
        Interval memory v = shortInterval();
        HeaderEvidence memory h = postInterval(v).header;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            AllocationEvidence memory a = allocationEvidence(v, i);
            vm.expectRevert(_NOT_PROVEN);
            faults.shortfall(h, a, rootOpened(v), packedPolicy());
        }
    }

    function test_shortfall_shiftedToAnother() public {
        Interval memory v = shortInterval();
        v.allocations[A].shortfall += 2;
        v.allocations[B].shortfall -= 2;
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        faults.shortfall(h, allocationEvidence(v, A), rootOpened(v), packedPolicy());
        _assertVoided();
    }

    /* ------------------------------------------------ TRANSITION --------------------------------------------- */

    function test_transition_everyField() public {
        for (uint256 field = 0; field < 10; ++field) {
            uint256 snapshot = vm.snapshotState();
            Interval memory v = example();
            Records.State memory s = v.post[B];
            if (field == 0) s.rank += 1;
            if (field == 1) s.fstarPpb += 1;
            if (field == 2) s.rateWh += 1;
            if (field == 3) s.demandCapWh += 1;
            if (field == 4) s.supplyCapWh += 1;
            if (field == 5) s.memoryPpb += 1;
            if (field == 6) s.deficit += 1;
            if (field == 7) s.credit += 1;
            if (field == 8) s.debit -= 1;
            if (field == 9) s.peak += 1;
            complete(v);
            HeaderEvidence memory h = postInterval(v).header;
            _proveTransition(h, v);
            _assertVoided();
            vm.revertToState(snapshot);
        }
    }

    function _proveTransition(HeaderEvidence memory h, Interval memory v) private {
        faults.transition(h, allocationEvidence(v, B), statesEvidence(v, B), packedPolicy());
    }

    function test_transition_aStateThatVanishes() public {
        Interval memory v = example();
        v.post[B].index = NO_STATE;
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        _proveTransition(h, v);
        _assertVoided();
    }

    function test_orphan_aStateOfNobody() public {
        Interval memory v = example();
        Records.State[] memory more = new Records.State[](PARTICIPANTS + 1);
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            more[i] = v.post[i];
        }
        more[PARTICIPANTS].index = PARTICIPANTS;
        more[PARTICIPANTS].credit = 1e12;
        v.post = more;
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        faults.orphan(h, uint32(PARTICIPANTS), emptyContract(PARTICIPANTS), stateEvidence(v.post, PARTICIPANTS));
        _assertVoided();
    }

    /* ------------------------------------------------ PLACEMENT ---------------------------------------------- */

    function test_placement_twoExchanged() public {
        Interval memory v = example();
        (v.allocations[B], v.allocations[C]) = (v.allocations[C], v.allocations[B]);
        (v.allocations[B].slot, v.allocations[C].slot) = (v.allocations[C].slot, v.allocations[B].slot);
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        // what lies where B belongs is C
        faults.placement(h, allocationEvidence(v, B), uint32(B), contractEvidence(B));
        _assertVoided();
    }

    function test_placement_aLineOfNobody() public {
        Interval memory v = example();
        v.allocations[RESERVE].index = PARTICIPANTS;
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        faults.placement(h, allocationEvidence(v, RESERVE), uint32(PARTICIPANTS), emptyContract(PARTICIPANTS));
        _assertVoided();
    }

    function test_placement_aLineLeftOut() public {
        Interval memory v = example();
        v.allocations[S].potShare += v.allocations[RESERVE].potShare;
        v.allocations[RESERVE].index = NO_LINE;
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        // its neighbour's slot is empty too, so the path starts above both
        AllocationEvidence memory a = allocationEvidence(v, RESERVE);
        a.lower = tail(a.lower, 64);
        faults.placement(h, a, uint32(RESERVE), contractEvidence(RESERVE));
        _assertVoided();
    }

    function test_placement_anEmptySlotOfNobodyIsHonest() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        AllocationEvidence memory a = emptySlotEvidence(v, 0, 3);
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            LeafEvidence memory c = contractEvidence(i);
            vm.expectRevert(_NOT_PROVEN);
            faults.placement(h, a, uint32(i), c);
        }
    }

    /* ------------------------------------------------ REWARD ------------------------------------------------- */

    function _lie() private returns (HeaderEvidence memory h, AllocationEvidence memory a) {
        Interval memory v = example();
        v.allocations[B].flexible.x += 5;
        v.allocations[C].flexible.x -= 5;
        settle(v);
        complete(v);
        h = postInterval(v).header;
        a = allocationEvidence(v, B);
    }

    function _commitment(address prover, HeaderEvidence memory h, AllocationEvidence memory a)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(prover, keccak256(abi.encodeCall(IFaultProofs.bracket, (h, a)))));
    }

    function test_reward_goesToWhoReservedTheProof() public {
        (HeaderEvidence memory h, AllocationEvidence memory a) = _lie();
        vm.prank(WATCHER);
        faults.commit(_commitment(WATCHER, h, a));
        vm.roll(block.number + 1);
        vm.prank(WATCHER);
        faults.bracket(h, a);
        assertEq(token.balanceOf(WATCHER), REWARD);
        bond.distribute();
        assertEq(token.balanceOf(RELIEF), PENALTY / 2 - REWARD);
        assertEq(token.balanceOf(bond.BURN()), PENALTY / 2);
    }

    function test_reward_notToWhoCopiedTheProof() public {
        (HeaderEvidence memory h, AllocationEvidence memory a) = _lie();
        vm.prank(WATCHER);
        faults.commit(_commitment(WATCHER, h, a));
        vm.roll(block.number + 1);
        vm.prank(address(0xbad));
        faults.bracket(h, a);
        assertEq(token.balanceOf(address(0xbad)), 0);
        (uint256 amount,,) = bond.aside(ledger.hashHeader(h));
        assertEq(amount, REWARD);
        bond.distribute();
        assertEq(token.balanceOf(RELIEF), PENALTY / 2 - REWARD);
    }

    function test_reward_notInTheBlockOfTheReservation() public {
        (HeaderEvidence memory h, AllocationEvidence memory a) = _lie();
        vm.startPrank(WATCHER);
        faults.commit(_commitment(WATCHER, h, a));
        faults.bracket(h, a);
        vm.stopPrank();
        assertEq(token.balanceOf(WATCHER), 0);
        _assertVoided();
    }

    function test_aFinalHeaderIsBeyondProof() public {
        (HeaderEvidence memory h, AllocationEvidence memory a) = _lie();
        passWindow();
        vm.expectRevert(bytes4(keccak256("Ledger_AlreadyFinal()")));
        faults.bracket(h, a);
    }
}
