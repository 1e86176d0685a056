// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICourt} from "../src/interfaces/ICourt.sol";
import {Policies} from "../src/libraries/Policies.sol";
import {Records} from "../src/libraries/Records.sol";
import {AllocationEvidence, HeaderEvidence, LeafEvidence} from "../src/types/Evidence.sol";
import {Market} from "./support/Market.sol";

/// @dev An order that its owner could not pay for counts as none. It stands in the tree, whoever fixed it, so that
/// nobody can be driven to serve it.
contract UncoveredTest is Market {
    bytes4 private constant _NOT_PROVEN = ICourt.Fault_NotProven.selector;

    function _announce(uint256 i, uint64 amount) private {
        vm.prank(owner(i));
        escrow.announceWithdrawal(uint32(i), amount);
    }

    /// @dev What A's order costs at the highest price, and what A owes before the third interval.
    function _needed() private view returns (uint256) {
        Records.State memory s = following(example()).post[A];
        return s.peak + s.debit - s.credit + policy().pHi * example().orders[A].flexibleWh / 1000;
    }

    /// @dev The third interval, from whose gate on A has so much collateral: all are served.
    function _third(uint256 kept) private returns (Interval memory v) {
        _announce(A, DEPOSIT - uint64(kept));
        v = example();
        postInterval(v);
        v = following(v);
        postInterval(v);
        v = following(v);
    }

    /// @dev The same interval in which nobody's demand counts. What is offered stands, and is not sold.
    function _hush(Interval memory v) private pure {
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            Records.Allocation memory a = v.allocations[i];
            (a.flexible.q, a.flexible.x, a.supply.x, a.potShare) = (0, 0, 0, 0);
        }
        v.theta = [int64(0), 0, 0];
        v.pi = [int64(0), 0, 0];
        v.mu = 0;
        settle(v);
        complete(v);
    }

    function _prove(Interval memory v, HeaderEvidence memory h, uint256 i) private {
        AllocationEvidence memory a = allocationEvidence(v, i);
        LeafEvidence memory o = orderEvidence(v, i);
        LeafEvidence memory pre = stateEvidence(v.pre, i);
        covers().uncovered(h, a, o, pre, packedPolicy());
    }

    function _refuse(Interval memory v, HeaderEvidence memory h, uint256 i) private {
        AllocationEvidence memory a = allocationEvidence(v, i);
        LeafEvidence memory o = orderEvidence(v, i);
        LeafEvidence memory pre = stateEvidence(v.pre, i);
        vm.expectRevert(_NOT_PROVEN);
        covers().uncovered(h, a, o, pre, packedPolicy());
    }

    /* ------------------------------------------------ HONEST ------------------------------------------------- */

    function test_whoServesOnlyWhatIsCoveredCannotBeConvicted() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            _refuse(v, h, i);
        }
    }

    function test_whoCountsUncoveredOrdersAsNoneCannotBeConvicted() public {
        _announce(B, DEPOSIT);
        _announce(C, DEPOSIT);
        _announce(D, DEPOSIT);
        Interval memory v = _third(0);
        _hush(v);
        HeaderEvidence memory h = postInterval(v).header;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            _refuse(v, h, i);
            AllocationEvidence memory a = allocationEvidence(v, i);
            LeafEvidence memory o = orderEvidence(v, i);
            LeafEvidence memory pre = stateEvidence(v.pre, i);
            LeafEvidence memory post = stateEvidence(v.post, i);
            vm.expectRevert(_NOT_PROVEN);
            faults.copied(h, a, o);
            vm.expectRevert(_NOT_PROVEN);
            faults.bracket(h, a);
            vm.expectRevert(_NOT_PROVEN);
            faults.key(h, a, pre, packedPolicy());
            vm.expectRevert(_NOT_PROVEN);
            faults.transition(h, a, statesEvidence(v, i), packedPolicy());
            vm.expectRevert(_NOT_PROVEN);
            faults.orderTerms(h, o, pre, packedPolicy());
            vm.expectRevert(_NOT_PROVEN);
            covers().overdrawn(h, pre, post);
        }
    }

    /* ------------------------------------------------ LIES --------------------------------------------------- */

    function test_servedWithOneLessThanWhatIsNeeded() public {
        Interval memory v = _third(_needed() - 1);
        HeaderEvidence memory h = postInterval(v).header;
        _refuse(v, h, B);
        _prove(v, h, A);
        assertEq(ledger.head(), 2);
        assertEq(bond.bonded(), BOND - PENALTY);
    }

    function test_leftOutWithExactlyWhatIsNeeded() public {
        Interval memory v = _third(_needed());
        _hush(v);
        HeaderEvidence memory h = postInterval(v).header;
        _prove(v, h, A);
        assertEq(ledger.head(), 2);
        assertEq(bond.bonded(), BOND - PENALTY);
    }

    function test_servedInPart() public {
        Interval memory v = _third(0);
        v.allocations[A].flexible.q -= 1;
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        uint256 snapshot = vm.snapshotState();
        _prove(v, h, A);
        assertEq(ledger.head(), 2);
        vm.revertToState(snapshot);
        faults.copied(h, allocationEvidence(v, A), orderEvidence(v, A));
        assertEq(ledger.head(), 2);
    }

    /// @dev Whatever A has: its line may be its order, or nothing, and never both.
    function testFuzz_oneOfTwoLinesIsRight(uint256 kept, bool isServed) public {
        uint256 needed = _needed();
        kept = isServed ? kept % (2 * needed) : needed - 5 + kept % 10;
        Interval memory v = _third(kept);
        if (!isServed) _hush(v);
        HeaderEvidence memory h = postInterval(v).header;
        if (isServed == (kept >= needed)) _refuse(v, h, A);
        else _prove(v, h, A);
    }

    /* ------------------------------------------------ COPIED ------------------------------------------------- */

    function test_copied_believesThatAnOrderMayCountAsNone() public {
        Interval memory v = example();
        _hush(v);
        HeaderEvidence memory h = postInterval(v).header;
        AllocationEvidence memory a = allocationEvidence(v, A);
        LeafEvidence memory o = orderEvidence(v, A);
        vm.expectRevert(_NOT_PROVEN);
        faults.copied(h, a, o);
        _prove(v, h, A);
        assertEq(ledger.head(), 0);
    }

    function test_copied_convictsWhereWhatOnlyOffersIsLeftOut() public {
        Interval memory v = example();
        _hush(v);
        Records.Allocation memory a = v.allocations[R];
        (a.supply.q, a.supply.pa, a.supply.pb) = (0, 0, policy().wS);
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        _refuse(v, h, R);
        faults.copied(h, allocationEvidence(v, R), orderEvidence(v, R));
        assertEq(ledger.head(), 0);
    }

    /* ------------------------------------------------ MALFORMED ---------------------------------------------- */

    function test_evidenceIsHeldToItsRoots() public {
        Interval memory v = _third(0);
        HeaderEvidence memory h = postInterval(v).header;
        AllocationEvidence memory a = allocationEvidence(v, A);
        LeafEvidence memory o = orderEvidence(v, A);
        LeafEvidence memory pre = stateEvidence(v.pre, A);
        LeafEvidence memory post = stateEvidence(v.post, A);
        LeafEvidence memory other = orderEvidence(v, B);
        bytes memory wrong = packedPolicy();
        wrong[51] ^= 0x01;
        vm.expectRevert(ICourt.Fault_NotCommitted.selector);
        covers().uncovered(h, a, o, post, packedPolicy());
        vm.expectRevert(ICourt.Fault_Malformed.selector);
        covers().uncovered(h, a, other, pre, packedPolicy());
        other = stateEvidence(v.pre, B);
        vm.expectRevert(ICourt.Fault_Malformed.selector);
        covers().uncovered(h, a, o, other, packedPolicy());
        vm.expectRevert(Policies.Policies_WrongPolicy.selector);
        covers().uncovered(h, a, o, pre, wrong);
        o.record[16] ^= 0x01;
        vm.expectRevert(ICourt.Fault_NotCommitted.selector);
        covers().uncovered(h, a, o, pre, packedPolicy());
    }

    function test_whereNothingWasOrderedThereIsNothingToJudge() public {
        Interval memory v = example();
        v.orders[RESERVE].index = NO_ORDER;
        HeaderEvidence memory h = postInterval(v).header;
        AllocationEvidence memory a = allocationEvidence(v, RESERVE);
        LeafEvidence memory none = orderEvidence(v, RESERVE);
        LeafEvidence memory pre = stateEvidence(v.pre, RESERVE);
        vm.expectRevert(Records.Records_Length.selector);
        covers().uncovered(h, a, none, pre, packedPolicy());
    }
}
