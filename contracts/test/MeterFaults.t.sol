// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingLedger} from "../src/interfaces/IClearingLedger.sol";
import {ICourt} from "../src/interfaces/ICourt.sol";
import {IMeterFaults} from "../src/interfaces/IMeterFaults.sol";
import {Policies} from "../src/libraries/Policies.sol";
import {Records} from "../src/libraries/Records.sol";
import {AllocationEvidence, HeaderEvidence, LeafEvidence} from "../src/types/Evidence.sol";
import {Market} from "./support/Market.sol";

/// @dev Lies about meters, fees and the reserve. Interval 2 settles the readings of interval 1: A consumed 100 Wh
/// less than its 1200, B 50 Wh more than its 550, S delivered all, R (700 Wh at a bid of 0.25) was not read. Prices
/// are 0.20, the spread 0.02, so that A is owed 18,000 micro and B owes 11,000, R 189,000.
contract MeterFaultsTest is Market {
    bytes4 private constant _NOT_PROVEN = ICourt.Fault_NotProven.selector;
    uint256 private constant _OPERATOR_KEY = 1;
    address private constant _OPERATOR = 0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf;

    HeaderEvidence private _past;

    function policy() internal pure override returns (Policies.Policy memory p) {
        p = super.policy();
        p.meterLag = 1;
        p.reserve = 1000;
        p.meterOperator = _OPERATOR;
    }

    function _proofs() private view returns (IMeterFaults) {
        return IMeterFaults(address(faults));
    }

    function _read(Records.Reading memory m, uint256 index, uint256 consumed, uint256 produced, uint256 key_)
        private
        view
    {
        m.index = index;
        m.interval = 1;
        m.consumedWh = consumed;
        m.producedWh = produced;
        bytes32 typeHash = keccak256("MeterReading(uint32 index,uint32 interval,uint32 consumedWh,uint32 producedWh)");
        bytes32 structHash = keccak256(abi.encode(typeHash, index, m.interval, consumed, produced));
        (m.v, m.r, m.s) = vm.sign(key_, keccak256(abi.encodePacked(hex"1901", separator, structHash)));
    }

    /// @dev Interval 1 posted, interval 2 honest and not posted yet.
    function _metered() private returns (Interval memory v, Interval memory w) {
        v = example();
        _past = postInterval(v).header;
        w = following(v);
        w.readings = new Records.Reading[](PARTICIPANTS);
        _read(w.readings[A], A, 1100, 0, _OPERATOR_KEY);
        _read(w.readings[B], B, 600, 0, _OPERATOR_KEY);
        _read(w.readings[C], C, 900, 0, _OPERATOR_KEY);
        _read(w.readings[D], D, 400, 0, _OPERATOR_KEY);
        _read(w.readings[S], S, 0, 2350, _OPERATOR_KEY);
        w.allocations[A].imbalanceCredit = 18_000;
        w.allocations[B].imbalanceDebit = 11_000;
        w.allocations[R].imbalanceDebit = 189_000;
        w.allocations[RESERVE].imbalanceCredit = 200_000;
        w.allocations[RESERVE].imbalanceDebit = 18_000;
        _finish(w);
    }

    function _finish(Interval memory w) private pure {
        w.meterRoot = meterRoot(w);
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            w.post[i] = transition(w.pre[i], w.allocations[i]);
        }
        complete(w);
    }

    function _imbalance(Interval memory v, Interval memory w, HeaderEvidence memory h, uint256 i) private {
        AllocationEvidence memory a = allocationEvidence(w, i);
        AllocationEvidence memory earlier = allocationEvidence(v, i);
        _proofs().imbalance(h, a, _past, earlier, stateEvidence(w.pre, i), readingEvidence(w, i), packedPolicy());
    }

    function _proveReserve(Interval memory w, HeaderEvidence memory h) private {
        AllocationEvidence memory line = allocationEvidence(w, RESERVE);
        bytes memory root = rootOpened(w);
        _proofs().reserve(h, line, root, stateEvidence(w.pre, RESERVE), packedPolicy());
    }

    function _assertVoided(uint32 head) private view {
        assertEq(ledger.head(), head);
        assertEq(bond.bonded(), BOND - PENALTY);
    }

    /* ------------------------------------------------ HONEST ------------------------------------------------- */

    function test_noProofWorksAgainstHonestMetering() public {
        (Interval memory v, Interval memory w) = _metered();
        HeaderEvidence memory h = postInterval(w).header;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            AllocationEvidence memory a = allocationEvidence(w, i);
            LeafEvidence memory pre = stateEvidence(w.pre, i);
            vm.expectRevert(_NOT_PROVEN);
            _proofs().subscription(h, a, pre);
            vm.expectRevert(_NOT_PROVEN);
            faults.transition(h, a, statesEvidence(w, i), packedPolicy());
            vm.expectRevert(_NOT_PROVEN);
            faults.shortfall(h, a, rootOpened(w), packedPolicy());
            AllocationEvidence memory earlier = allocationEvidence(v, i);
            LeafEvidence memory reading = readingEvidence(w, i);
            vm.expectRevert(i == RESERVE ? ICourt.Fault_Malformed.selector : _NOT_PROVEN);
            _proofs().imbalance(h, a, _past, earlier, pre, reading, packedPolicy());
            if (w.readings[i].v == 0) continue;
            vm.expectRevert(_NOT_PROVEN);
            _proofs().meterReading(h, uint32(i), reading, packedPolicy());
        }
        bytes memory root = rootOpened(w);
        AllocationEvidence memory line_ = allocationEvidence(w, RESERVE);
        LeafEvidence memory pre_ = stateEvidence(w.pre, RESERVE);
        vm.expectRevert(_NOT_PROVEN);
        _proofs().reserve(h, line_, root, pre_, packedPolicy());
        vm.expectRevert(_NOT_PROVEN);
        faults.totals(h, root);
        assertEq(ledger.head(), 2);
    }

    function test_theFirstIntervalSettlesNoReadings() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        LeafEvidence memory none;
        HeaderEvidence memory noHeader;
        AllocationEvidence memory noLine;
        AllocationEvidence memory a = allocationEvidence(v, A);
        vm.expectRevert(_NOT_PROVEN);
        _proofs().meterReading(h, 0, none, packedPolicy());
        vm.expectRevert(_NOT_PROVEN);
        _proofs().imbalance(h, a, noHeader, noLine, none, none, packedPolicy());
    }

    function test_onlyFaultProofsCanVoid() public {
        Interval memory v = example();
        v.allocations[A].subscription = 1;
        v.allocations[RESERVE].imbalanceCredit = 1;
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        AllocationEvidence memory a = allocationEvidence(v, A);
        LeafEvidence memory pre = stateEvidence(v.pre, A);
        IMeterFaults direct = IMeterFaults(faults.annex());
        vm.expectRevert(IClearingLedger.Ledger_Unauthorised.selector);
        direct.subscription(h, a, pre);
        _proofs().subscription(h, a, pre);
        _assertVoided(0);
    }

    /* ------------------------------------------------ LIES --------------------------------------------------- */

    function test_imbalance_creditTooHigh() public {
        (Interval memory v, Interval memory w) = _metered();
        w.allocations[A].imbalanceCredit += 1;
        w.allocations[RESERVE].imbalanceDebit += 1;
        _finish(w);
        _imbalance(v, w, postInterval(w).header, A);
        _assertVoided(1);
    }

    function test_imbalance_aMissingStationKeepsItsPay() public {
        (Interval memory v, Interval memory w) = _metered();
        w.allocations[R].imbalanceDebit = 0;
        w.allocations[RESERVE].imbalanceCredit = 11_000;
        _finish(w);
        _imbalance(v, w, postInterval(w).header, R);
        _assertVoided(1);
    }

    function test_imbalance_settledWhereNothingIsMeasured() public {
        Interval memory v = example();
        v.allocations[A].imbalanceCredit = 1;
        v.allocations[RESERVE].imbalanceDebit = 1;
        complete(v);
        HeaderEvidence memory h = postInterval(v).header;
        LeafEvidence memory none;
        HeaderEvidence memory noHeader;
        AllocationEvidence memory noLine;
        _proofs().imbalance(h, allocationEvidence(v, A), noHeader, noLine, none, none, packedPolicy());
        _assertVoided(0);
    }

    function test_meterReading_notSignedByTheOperator() public {
        (, Interval memory w) = _metered();
        _read(w.readings[B], B, 550, 0, key(B));
        w.allocations[B].imbalanceDebit = 0;
        w.allocations[RESERVE].imbalanceCredit = 189_000;
        _finish(w);
        HeaderEvidence memory h = postInterval(w).header;
        _proofs().meterReading(h, uint32(B), readingEvidence(w, B), packedPolicy());
        _assertVoided(1);
    }

    function test_meterReading_noneWhereSomeMustBeSettled() public {
        (, Interval memory w) = _metered();
        w.meterRoot = keccak256(hex"04");
        HeaderEvidence memory h = postInterval(w).header;
        LeafEvidence memory none;
        _proofs().meterReading(h, 0, none, packedPolicy());
        _assertVoided(1);
    }

    function test_meterReading_someWhereNoneMayBeSettled() public {
        Interval memory v = example();
        v.meterRoot = bytes32(uint256(1));
        HeaderEvidence memory h = postInterval(v).header;
        LeafEvidence memory none;
        _proofs().meterReading(h, 0, none, packedPolicy());
        _assertVoided(0);
    }

    function test_reserve_paysMoreThanItHas() public {
        (, Interval memory w) = _metered();
        w.allocations[A].imbalanceCredit = 400_000;
        w.allocations[RESERVE].imbalanceDebit = 400_000;
        _finish(w);
        HeaderEvidence memory h = postInterval(w).header;
        _proveReserve(w, h);
        _assertVoided(1);
    }

    function test_reserve_scalesDownWhatItCouldPay() public {
        (, Interval memory w) = _metered();
        w.scale = 5e8;
        w.allocations[A].imbalanceCredit = 9000;
        w.allocations[RESERVE].imbalanceDebit = 9000;
        _finish(w);
        HeaderEvidence memory h = postInterval(w).header;
        _proveReserve(w, h);
        _assertVoided(1);
    }

    function test_reserve_thatNamesMoreOnBothSidesRoundsNoMore() public {
        (, Interval memory w) = _metered();
        w.scale = 5e8;
        w.allocations[A].imbalanceCredit = 9000;
        w.allocations[RESERVE].imbalanceCredit += 1e15;
        w.allocations[RESERVE].imbalanceDebit = 9000 + 1e15;
        _finish(w);
        HeaderEvidence memory h = postInterval(w).header;
        _proveReserve(w, h);
        _assertVoided(1);
    }

    function test_reserve_namesMoreOnBothSidesThanTheOthersTell() public {
        (, Interval memory w) = _metered();
        w.allocations[RESERVE].imbalanceCredit += 1;
        w.allocations[RESERVE].imbalanceDebit += 1;
        _finish(w);
        HeaderEvidence memory h = postInterval(w).header;
        _proveReserve(w, h);
        _assertVoided(1);
    }

    function test_reserve_isNotGivenThePot() public {
        (, Interval memory w) = _metered();
        uint256 pot = w.totals[6];
        assertTrue(pot != 0, "there is a pot");
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            w.allocations[i].potShare = 0;
        }
        w.totals[6] = 0;
        w.allocations[RESERVE].imbalanceCredit += pot;
        _finish(w);
        HeaderEvidence memory h = postInterval(w).header;
        faults.totals(h, rootOpened(w));
        _assertVoided(1);
    }

    function test_reserve_doesNotPayIntoThePot() public {
        (, Interval memory w) = _metered();
        w.totals[6] += 10;
        w.allocations[S].potShare += 10;
        w.allocations[RESERVE].imbalanceCredit -= 10;
        _finish(w);
        HeaderEvidence memory h = postInterval(w).header;
        faults.totals(h, rootOpened(w));
        _assertVoided(1);
    }

    function test_reserve_thatHasMoneyCannotPayNothing() public {
        (, Interval memory w) = _metered();
        w.scale = 0;
        w.allocations[A].imbalanceCredit = 0;
        w.allocations[RESERVE].imbalanceDebit = 0;
        _finish(w);
        HeaderEvidence memory h = postInterval(w).header;
        _proveReserve(w, h);
        _assertVoided(1);
    }
}
