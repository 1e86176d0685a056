// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICourt} from "../src/interfaces/ICourt.sol";
import {IFaultProofs} from "../src/interfaces/IFaultProofs.sol";
import {IOracleBond} from "../src/interfaces/IOracleBond.sol";
import {AllocationEvidence, HeaderEvidence} from "../src/types/Evidence.sol";
import {Market} from "./support/Market.sol";

/// @dev Whoever copies a waiting proof voids the header, and the reward stays that of who had reserved one.
contract ReservedTest is Market {
    address private constant _COPIER = address(0xbad);
    bytes4 private constant _GONE = bytes4(keccak256("Ledger_UnknownHeader(uint32)"));

    Posted private _lie;
    bytes private _proof;
    bytes private _other;

    function setUp() public override {
        super.setUp();
        Interval memory v = example();
        v.allocations[B].flexible.x += 5;
        v.allocations[C].flexible.x -= 5;
        settle(v);
        complete(v);
        _lie = postInterval(v);
        _proof = _bracket(v, B);
        _other = _bracket(v, C);
    }

    function _bracket(Interval memory v, uint256 i) private view returns (bytes memory) {
        AllocationEvidence memory a = allocationEvidence(v, i);
        return abi.encodeCall(IFaultProofs.bracket, (_lie.header, a));
    }

    function _reserve(address prover, bytes memory proof) private {
        vm.prank(prover);
        faults.commit(keccak256(abi.encode(prover, keccak256(proof))));
    }

    function _send(address sender, bytes memory proof) private returns (bytes4 refusal) {
        vm.prank(sender);
        (bool done, bytes memory reason) = address(faults).call(proof);
        return done ? bytes4(0) : bytes4(reason);
    }

    function _nextBlock() private {
        vm.roll(vm.getBlockNumber() + 1);
    }

    /// @dev The same header on the same orders and seed, which a void leaves.
    function _postAgain() private {
        vm.prank(OPERATOR);
        ledger.postInstead(sentOf(_lie), "", address(0));
    }

    function _fallen() private view returns (bytes32) {
        return ledger.hashHeader(_lie.header);
    }

    function _assertBurned(uint256 slashes) private {
        bond.distribute();
        assertTrue(2 * token.balanceOf(bond.BURN()) >= slashes * PENALTY, "half is burned");
        assertEq(bond.bonded(), BOND - slashes * PENALTY);
    }

    function test_whoIsOvertakenByACopyCollectsByTheSameCall() public {
        _reserve(WATCHER, _proof);
        _nextBlock();
        assertTrue(_send(_COPIER, _proof) == 0, "a proof that nobody reserved voids too");
        assertEq(ledger.head(), 0);
        (uint256 amount,, uint256 until) = bond.aside(_fallen());
        assertEq(amount, REWARD);
        assertEq(until, block.timestamp + DELAY);
        assertTrue(_send(_COPIER, _proof) == _GONE, "the copier is paid nothing");
        assertTrue(_send(WATCHER, _proof) == 0, "the prover's own call in the same block");
        assertEq(token.balanceOf(WATCHER), REWARD);
        assertTrue(_send(WATCHER, _proof) == _GONE, "once");
        assertEq(token.balanceOf(_COPIER), 0);
        _assertBurned(1);
        assertEq(token.balanceOf(RELIEF), PENALTY / 2 - REWARD);
        assertEq(token.balanceOf(address(bond)), bond.bonded());
    }

    function test_anAlteredCopyTakesNothingEither() public {
        bytes[3] memory copies = [bytes.concat(_proof, hex"00"), _other, bytes.concat(_other, hex"00")];
        _reserve(address(this), _proof); // a contract proves
        _nextBlock();
        uint256 before = token.balanceOf(address(this));
        for (uint256 i = 0; i < copies.length; ++i) {
            uint256 snapshot = vm.snapshotState();
            assertTrue(_send(_COPIER, copies[i]) == 0, "a copy voids");
            assertTrue(_send(address(this), _proof) == 0, "whatever the copy looked like");
            assertEq(token.balanceOf(address(this)), before + REWARD);
            vm.revertToState(snapshot);
        }
    }

    function test_whoReservesInTheBlockOfTheCopyOrLaterCollectsNothing() public {
        _reserve(_COPIER, _proof);
        assertTrue(_send(_COPIER, _proof) == 0, "voided");
        assertTrue(_send(_COPIER, _proof) == _GONE, "in the same block");
        _reserve(WATCHER, _proof);
        _nextBlock();
        assertTrue(_send(_COPIER, _proof) == _GONE, "a block later");
        assertTrue(_send(WATCHER, _proof) == _GONE, "reserved with the void");
        _reserve(WATCHER, _other);
        _nextBlock();
        assertTrue(_send(WATCHER, _other) == _GONE, "reserved after the void");
    }

    function test_ofSeveralWhoHadReservedTheFirstCollects() public {
        _reserve(WATCHER, _proof);
        _reserve(address(0xcafe), _other);
        _nextBlock();
        assertTrue(_send(_COPIER, _proof) == 0, "voided");
        assertTrue(_send(address(0xcafe), _other) == 0, "first");
        assertTrue(_send(WATCHER, _proof) == _GONE, "second");
        assertEq(token.balanceOf(address(0xcafe)), REWARD);
        assertEq(token.balanceOf(WATCHER), 0);
    }

    function test_aReservationOfWhatShowsNothingCollectsNothing() public {
        bytes memory nothing = _bracket(example(), S);
        bytes memory honest = abi.encodeCall(IFaultProofs.forcedCursor, (_lie.header));
        _reserve(WATCHER, nothing);
        _reserve(WATCHER, honest);
        _nextBlock();
        assertTrue(_send(_COPIER, _proof) == 0, "voided");
        assertTrue(_send(WATCHER, nothing) == ICourt.Fault_NotCommitted.selector, "not in this header");
        assertTrue(_send(WATCHER, honest) == ICourt.Fault_NotProven.selector, "nothing is wrong there");
    }

    function test_whatNobodyCollectsGoesToRelief() public {
        _reserve(WATCHER, _proof);
        _nextBlock();
        assertTrue(_send(_COPIER, _proof) == 0, "voided");
        bytes32 fallen = _fallen();
        vm.expectRevert(IOracleBond.Bond_NotDue.selector);
        bond.lapse(bytes32("never voided"));
        vm.warp(vm.getBlockTimestamp() + DELAY - 1);
        vm.expectRevert(IOracleBond.Bond_NotDue.selector);
        bond.lapse(fallen);
        vm.warp(vm.getBlockTimestamp() + 1);
        uint256 due = vm.snapshotState();
        assertTrue(_send(WATCHER, _proof) == 0, "until somebody sends it there");
        vm.expectRevert(IOracleBond.Bond_NotDue.selector);
        bond.lapse(fallen);
        vm.revertToState(due);
        bond.lapse(fallen);
        assertTrue(_send(WATCHER, _proof) == _GONE, "too late");
        _assertBurned(1);
        assertEq(token.balanceOf(RELIEF), PENALTY / 2);
        assertEq(token.balanceOf(address(bond)), bond.bonded());
    }

    function test_theSameHeaderVoidedTwiceAddsUpForWhoHadReservedBeforeTheFirst() public {
        _reserve(WATCHER, _proof);
        _nextBlock();
        assertTrue(_send(_COPIER, _proof) == 0, "voided");
        _reserve(_COPIER, _other);
        _postAgain();
        _nextBlock();
        assertTrue(_send(address(0xcafe), _proof) == 0, "voided again");
        assertTrue(_send(_COPIER, _other) == _GONE, "reserved between");
        assertTrue(_send(WATCHER, _proof) == 0, "reserved before both");
        assertEq(token.balanceOf(WATCHER), 2 * REWARD);
        _assertBurned(2);
    }

    function test_aHeaderThatStandsAgainIsVoidedBeforeAnythingIsCollected() public {
        _reserve(WATCHER, _proof);
        _nextBlock();
        assertTrue(_send(_COPIER, _proof) == 0, "voided");
        _postAgain();
        assertTrue(_send(WATCHER, _proof) == 0, "voided by the prover");
        assertEq(ledger.head(), 0);
        assertEq(token.balanceOf(WATCHER), REWARD);
        assertTrue(_send(WATCHER, _proof) == 0, "and what the copy had left");
        assertEq(token.balanceOf(WATCHER), 2 * REWARD);
        _assertBurned(2);
        assertEq(token.balanceOf(address(bond)), bond.bonded());
    }

    function test_anEmptyBondSetsNothingAside() public {
        for (uint256 i = 0; i < BOND / PENALTY; ++i) {
            vm.prank(address(faults));
            bond.slashUnreserved(bytes32(i));
        }
        assertEq(bond.bonded(), 0);
        _reserve(WATCHER, _proof);
        _nextBlock();
        assertTrue(_send(_COPIER, _proof) == 0, "voided all the same");
        assertTrue(_send(WATCHER, _proof) == _GONE, "nothing to collect");
    }

    function test_onlyTheProofsSetAsideAndPay() public {
        vm.expectRevert(IOracleBond.Bond_Unauthorised.selector);
        bond.slashUnreserved(bytes32(0));
        vm.expectRevert(IOracleBond.Bond_Unauthorised.selector);
        bond.payReserved(bytes32(0), address(this), 0);
    }

    /// @dev Any moves in any order: what is set aside is never bonded money, and half of every slash is burned.
    function test_theBondHoldsWhatItOwesAfterAnyMoves(uint8[32] memory moves) public {
        uint256 taken;
        for (uint256 i = 0; i < moves.length; ++i) {
            bytes32 fallen = bytes32(uint256(moves[i] / 8 % 4));
            taken += _move(moves[i] % 8, fallen);
            uint256 owed = bond.bonded() + bond.credit(WATCHER);
            for (uint256 k = 0; k < 4; ++k) {
                (uint256 amount,,) = bond.aside(bytes32(k));
                owed += amount;
            }
            uint256 snapshot = vm.snapshotState();
            bond.distribute();
            assertEq(token.balanceOf(address(bond)), owed);
            assertTrue(2 * token.balanceOf(bond.BURN()) >= taken, "half is burned");
            vm.revertToState(snapshot);
        }
    }

    function _move(uint256 which, bytes32 fallen) private returns (uint256 taken) {
        uint256 before = bond.bonded();
        if (which < 5) vm.prank(address(faults));
        if (which == 0) bond.slash(WATCHER, true);
        else if (which == 1) bond.slash(WATCHER, false);
        else if (which < 4) bond.slashUnreserved(fallen);
        else if (which == 4) bond.payReserved(fallen, WATCHER, vm.getBlockNumber() - 1);
        else if (which == 5) bond.distribute();
        else if (which == 6) _lapse(fallen);
        else _collect();
        taken = which < 4 ? before - bond.bonded() : 0;
    }

    function _lapse(bytes32 fallen) private {
        (uint256 amount,, uint256 until) = bond.aside(fallen);
        if (amount == 0) return;
        if (vm.getBlockTimestamp() < until) vm.warp(until);
        bond.lapse(fallen);
    }

    function _collect() private {
        vm.prank(WATCHER);
        bond.collect(WATCHER);
    }
}
