// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICourt} from "../src/interfaces/ICourt.sol";
import {IMeterFaults} from "../src/interfaces/IMeterFaults.sol";
import {ISettlementEscrow} from "../src/interfaces/ISettlementEscrow.sol";
import {Policies} from "../src/libraries/Policies.sol";
import {Records} from "../src/libraries/Records.sol";
import {AllocationEvidence, HeaderEvidence, LeafEvidence} from "../src/types/Evidence.sol";
import {Build} from "./support/Build.sol";
import {Market} from "./support/Market.sol";

/// @dev What collateral covers: nobody can be charged or served beyond it, and nobody can make an honest header
/// look as if it had. Every interval settles the readings of the one before.
contract CoverTest is Market {
    bytes4 private constant _NOT_PROVEN = ICourt.Fault_NotProven.selector;
    uint256 private constant _OPERATOR_KEY = 1;
    uint256 private constant _FEE = 50_000;
    /// @dev Price and spread, 0.20 + 0.02, for each Wh.
    uint256 private constant _EXCESS = 220;

    Interval private _before;
    HeaderEvidence private _past;

    function policy() internal pure override returns (Policies.Policy memory p) {
        p = super.policy();
        p.meterLag = 1;
        p.reserve = 1000;
        p.meterOperator = vm.addr(_OPERATOR_KEY);
    }

    function fee(uint256 i) internal pure override returns (uint256) {
        return i == RESERVE ? 0 : _FEE;
    }

    function _proofs() private view returns (IMeterFaults) {
        return IMeterFaults(address(faults));
    }

    function _collateral(uint32 t) private view returns (uint256[] memory all) {
        all = new uint256[](PARTICIPANTS);
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            all[i] = escrow.collateralAt(uint32(i), t);
        }
    }

    /// @dev The next interval, honest: whoever consumed more than it was allocated, or delivered less, owes for that.
    function _next(uint256[PARTICIPANTS] memory missed, bool isIdle) private view returns (Interval memory v) {
        v = _before.number == 0 ? example() : following(_before);
        if (isIdle) idle(v);
        uint256[] memory debit = new uint256[](PARTICIPANTS);
        if (v.number > 1) {
            v.readings = new Records.Reading[](PARTICIPANTS);
            for (uint256 i = 1; i < PARTICIPANTS; ++i) {
                debit[i] = _read(v, i, missed[i]);
            }
            v.meterRoot = meterRoot(v);
        }
        charge(v, _collateral(v.number), debit);
    }

    function _read(Interval memory v, uint256 i, uint256 missed) private view returns (uint256 due) {
        Records.Allocation memory then = _before.allocations[i];
        uint256 consumed = then.flexible.x;
        uint256 produced = then.supply.x;
        if (then.supply.x == 0) {
            consumed += missed % 2000;
            due = _EXCESS * (missed % 2000);
        } else {
            produced -= missed % (produced + 1);
            uint256 price = then.supply.pa > 200_000 ? then.supply.pa : 200_000;
            due = ((price + 20_000) * (then.supply.x - produced) + 999) / 1000;
        }
        Records.Reading memory m = v.readings[i];
        (m.index, m.interval, m.consumedWh, m.producedWh) = (i, v.number - 1, consumed, produced);
        bytes32 typeHash = keccak256("MeterReading(uint32 index,uint32 interval,uint32 consumedWh,uint32 producedWh)");
        bytes32 structHash = keccak256(abi.encode(typeHash, i, m.interval, consumed, produced));
        (m.v, m.r, m.s) = vm.sign(_OPERATOR_KEY, keccak256(abi.encodePacked(hex"1901", separator, structHash)));
    }

    function _post(Interval memory v) private returns (HeaderEvidence memory h) {
        h = postInterval(v).header;
    }

    function _go(Interval memory v, HeaderEvidence memory h) private {
        _before = v;
        _past = h;
    }

    function _announce(uint256 i, uint64 amount) private {
        vm.prank(owner(i));
        escrow.announceWithdrawal(uint32(i), amount);
    }

    /// @dev No proof about money works against an interval.
    function _assertHonest(Interval memory v, HeaderEvidence memory h) private {
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            AllocationEvidence memory a = allocationEvidence(v, i);
            LeafEvidence memory pre = stateEvidence(v.pre, i);
            LeafEvidence memory post = stateEvidence(v.post, i);
            vm.expectRevert(_NOT_PROVEN);
            covers().overdrawn(h, pre, post);
            vm.expectRevert(_NOT_PROVEN);
            _proofs().subscription(h, a, pre);
            if (i == RESERVE || v.number == 1) continue;
            AllocationEvidence memory earlier = allocationEvidence(_before, i);
            LeafEvidence memory reading = readingEvidence(v, i);
            vm.expectRevert(_NOT_PROVEN);
            _proofs().imbalance(h, a, _past, earlier, pre, reading, packedPolicy());
        }
        AllocationEvidence memory own = allocationEvidence(v, RESERVE);
        LeafEvidence memory state = stateEvidence(v.pre, RESERVE);
        bytes memory root = rootOpened(v);
        vm.expectRevert(_NOT_PROVEN);
        _proofs().reserve(h, own, root, state, packedPolicy());
    }

    function _imbalance(Interval memory v, HeaderEvidence memory h, uint256 i) private {
        AllocationEvidence memory a = allocationEvidence(v, i);
        AllocationEvidence memory earlier = allocationEvidence(_before, i);
        LeafEvidence memory pre = stateEvidence(v.pre, i);
        _proofs().imbalance(h, a, _past, earlier, pre, readingEvidence(v, i), packedPolicy());
    }

    /// @dev A's collateral ends with the second interval; in the third nobody is served.
    function _third(uint64 kept) private returns (Interval memory v) {
        uint256[PARTICIPANTS] memory missed;
        _announce(A, DEPOSIT - kept);
        for (uint256 t = 1; t < 3; ++t) {
            v = _next(missed, false);
            _go(v, _post(v));
        }
        missed[A] = 100;
        v = _next(missed, true);
    }

    /* ------------------------------------------------ HONEST ------------------------------------------------- */

    function test_whoOwesAndTakesItsDepositBackMakesNoHeaderOverdrawn() public {
        Interval memory v = _third(0);
        assertTrue(v.pre[A].debit != 0, "it owes something");
        assertEq(v.allocations[A].subscription + v.allocations[A].imbalanceDebit, 0);
        assertEq(v.allocations[RESERVE].imbalanceCredit, _FEE * 5);
        _assertHonest(v, _post(v));
    }

    function test_feesComeBeforeImbalanceAndBothOnlyOfWhatIsLeft() public {
        Interval memory v = _third(uint64(2 * (240_000 + _FEE) + _FEE + 1));
        assertEq(v.allocations[A].subscription, _FEE);
        assertEq(v.allocations[A].imbalanceDebit, 1);
        _assertHonest(v, _post(v));
    }

    function test_whoIsPaidInAnIntervalOwesFromThat() public {
        uint256[PARTICIPANTS] memory missed;
        Interval memory v;
        _announce(R, DEPOSIT);
        for (uint256 t = 1; t < 3; ++t) {
            v = _next(missed, false);
            _go(v, _post(v));
        }
        missed[R] = 700;
        v = _next(missed, false);
        assertEq(v.allocations[R].supplyPay, 175_000);
        assertEq(v.allocations[R].subscription, _FEE);
        assertEq(v.allocations[R].imbalanceDebit, 125_000);
        _assertHonest(v, _post(v));
    }

    /* ------------------------------------------------ LIES --------------------------------------------------- */

    function _recharged(Interval memory v, uint256 fee_, uint256 debit) private pure {
        v.allocations[A].subscription = fee_;
        v.allocations[A].imbalanceDebit = debit;
        v.post[A] = transition(v.pre[A], v.allocations[A]);
        complete(v);
    }

    function test_aFeeBeyondWhatIsCovered() public {
        Interval memory v = _third(0);
        _recharged(v, 1, 0);
        v.allocations[RESERVE].imbalanceCredit += 1;
        v.post[RESERVE] = transition(v.pre[RESERVE], v.allocations[RESERVE]);
        complete(v);
        HeaderEvidence memory h = _post(v);
        uint256 snapshot = vm.snapshotState();
        _proofs().subscription(h, allocationEvidence(v, A), stateEvidence(v.pre, A));
        assertEq(ledger.head(), 2);
        vm.revertToState(snapshot);
        covers().overdrawn(h, stateEvidence(v.pre, A), stateEvidence(v.post, A));
        assertEq(ledger.head(), 2);
    }

    function test_aFeeBelowWhatIsCovered() public {
        Interval memory v = _third(DEPOSIT);
        _recharged(v, _FEE - 1, v.allocations[A].imbalanceDebit + 1);
        _proofs().subscription(_post(v), allocationEvidence(v, A), stateEvidence(v.pre, A));
        assertEq(ledger.head(), 2);
    }

    function test_imbalanceBeyondAndBelowWhatIsCovered() public {
        for (uint256 by = 0; by < 3; by += 2) {
            uint256 snapshot = vm.snapshotState();
            Interval memory v = _third(uint64(2 * (240_000 + _FEE) + _FEE + 5));
            assertEq(v.allocations[A].imbalanceDebit, 5);
            _recharged(v, _FEE, 4 + by);
            v.allocations[RESERVE].imbalanceCredit = v.allocations[RESERVE].imbalanceCredit + by - 1;
            v.post[RESERVE] = transition(v.pre[RESERVE], v.allocations[RESERVE]);
            complete(v);
            _imbalance(v, _post(v), A);
            assertEq(ledger.head(), 2);
            vm.revertToState(snapshot);
        }
    }

    /* ------------------------------------------------ FORCED ORDERS ------------------------------------------ */

    function _forced(uint64 kept) private returns (HeaderEvidence memory h, Interval memory v, bytes memory filed) {
        Records.Order memory o;
        o.index = A;
        o.seq = 2;
        o.validFrom = 1;
        o.validTo = 100;
        o.essentialWh = 3;
        o.flexibleWh = 7;
        sign(o, key(A));
        filed = Build.order(o);
        forced.file(filed);
        v = _third(kept);
        v.forcedCursor = 1;
        h = _post(v);
    }

    /// @dev Beyond the room it counts as none, so taking it does nobody harm.
    function test_forced_mustBeTakenWhateverTheRoomIs() public {
        (HeaderEvidence memory h, Interval memory v, bytes memory filed) = _forced(2 * (240_000 + 50_000));
        inputs().forcedIgnored(h, 0, filed, orderEvidence(v, A), stateEvidence(v.pre, A), packedPolicy());
        assertEq(ledger.head(), 2);
    }

    /* ------------------------------------------------ SOLVENCY ----------------------------------------------- */

    /// @dev Whatever is kept as collateral and however much is owed for imbalance: no proof works against the honest
    /// interval, the escrow holds what it owes, and all of them leave.
    function testFuzz_nobodyIsPaidByADebtWithoutCover(uint64[7] memory kept, uint256[7] memory missed) public {
        for (uint256 i = 1; i < PARTICIPANTS; ++i) {
            _announce(i, DEPOSIT - kept[i] % (i % 2 == 0 ? DEPOSIT : 1_000_000));
        }
        Interval memory v;
        for (uint256 t = 1; t < 5; ++t) {
            v = _next(missed, t > 2);
            HeaderEvidence memory h = _post(v);
            if (t == 3) _assertHonest(v, h);
            _go(v, h);
        }
        passWindow();
        bytes32 headerHash = lastHash;
        for (uint256 i = 1; i < PARTICIPANTS; ++i) {
            LeafEvidence memory leaf = stateEvidence(v.post, i);
            if (escrow.account(uint32(i)).announced == 0) continue;
            vm.prank(owner(i));
            escrow.withdraw(v.number, headerHash, leaf);
        }
        uint256 owed;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            ISettlementEscrow.Account memory a = escrow.account(uint32(i));
            owed += over(a.deposit + v.post[i].credit, v.post[i].debit + a.paid);
        }
        assertTrue(owed <= token.balanceOf(address(escrow)), "it owes more than it holds");
        vm.warp(block.timestamp + DEADLINE + 1);
        ledger.freeze();
        vm.warp(block.timestamp + WINDOW);
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            escrow.escape(headerHash, uint32(i), stateEvidence(v.post, i));
        }
        assertEq(token.balanceOf(address(escrow)), 0);
    }
}
