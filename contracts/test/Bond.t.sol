// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OracleBond} from "../src/OracleBond.sol";
import {IClearingLedger} from "../src/interfaces/IClearingLedger.sol";
import {IOracleBond} from "../src/interfaces/IOracleBond.sol";
import {Market} from "./support/Market.sol";

/// @dev What signers stand to lose, and how they change.
contract BondTest is Market {
    function _slash(address prover) private {
        vm.prank(address(faults));
        bond.slash(prover, true);
    }

    function test_slash_burnsAtLeastHalf() public {
        _slash(WATCHER);
        assertEq(token.balanceOf(WATCHER), REWARD);
        assertEq(bond.bonded(), BOND - PENALTY);
        assertEq(token.balanceOf(address(bond)), BOND - REWARD);
        vm.prank(WATCHER);
        bond.distribute();
        assertEq(token.balanceOf(bond.BURN()), PENALTY / 2);
        assertEq(token.balanceOf(RELIEF), PENALTY / 2 - REWARD);
        bond.distribute();
        assertEq(token.balanceOf(RELIEF), PENALTY / 2 - REWARD);
        assertEq(token.balanceOf(address(bond)), BOND - PENALTY);
    }

    function test_slash_takesWhatIsLeftWhenThatIsLess() public {
        for (uint256 i = 0; i < 10; ++i) {
            _slash(WATCHER);
        }
        assertEq(bond.bonded(), 0);
        _slash(WATCHER);
        bond.distribute();
        assertEq(token.balanceOf(address(bond)), 0);
    }

    function test_slash_neverRewardsMoreThanHalf(uint256 left) public {
        left %= 3 * PENALTY;
        vm.prank(TREASURER);
        bond.announceWithdrawal(BOND - left);
        vm.warp(block.timestamp + DELAY);
        if (left != BOND) {
            vm.prank(TREASURER);
            bond.withdraw();
        }
        _slash(WATCHER);
        bond.distribute();
        uint256 taken = left < PENALTY ? left : PENALTY;
        assertTrue(2 * token.balanceOf(bond.BURN()) >= taken, "half is burned");
        assertTrue(token.balanceOf(WATCHER) <= REWARD, "no more than the reward");
        assertEq(token.balanceOf(address(bond)), left - taken);
    }

    function test_slash_whoDidNotSendTheProofCollectsItsReward() public {
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(address(faults));
            bond.slash(WATCHER, false);
        }
        assertEq(token.balanceOf(WATCHER), 0);
        assertEq(bond.credit(WATCHER), 2 * REWARD);
        bond.distribute();
        assertEq(token.balanceOf(address(bond)), BOND - 2 * PENALTY + 2 * REWARD);
        address elsewhere = address(0xe15e);
        vm.prank(WATCHER);
        bond.collect(elsewhere);
        assertEq(token.balanceOf(elsewhere), 2 * REWARD);
        vm.prank(WATCHER);
        bond.collect(elsewhere);
        bond.collect(address(this));
        assertEq(token.balanceOf(address(bond)), BOND - 2 * PENALTY);
    }

    function test_slash_onlyByFaultProofs() public {
        vm.expectRevert(IOracleBond.Bond_Unauthorised.selector);
        bond.slash(WATCHER, true);
    }

    function test_withdraw_waitsAndStopsPosting() public {
        vm.expectRevert(IOracleBond.Bond_Unauthorised.selector);
        bond.announceWithdrawal(1);
        vm.startPrank(TREASURER);
        vm.expectRevert(IOracleBond.Bond_Insufficient.selector);
        bond.announceWithdrawal(BOND + 1);
        vm.expectRevert(IOracleBond.Bond_NotDue.selector);
        bond.withdraw();
        bond.announceWithdrawal(BOND);
        vm.warp(block.timestamp + DELAY - 1);
        vm.expectRevert(IOracleBond.Bond_NotDue.selector);
        bond.withdraw();
        vm.warp(block.timestamp + 1);
        bond.withdraw();
        vm.stopPrank();
        assertEq(token.balanceOf(TREASURER), BOND);
        vm.expectRevert(IClearingLedger.Ledger_NotSigner.selector);
        vm.prank(OPERATOR);
        ledger.commitOrders(1, bytes32("x"));
    }

    function test_announcedWithdrawal_standsBehindNoNewHeader() public {
        postInterval(example());
        vm.prank(TREASURER);
        bond.announceWithdrawal(BOND - PENALTY + 1);
        assertTrue(ledger.operator() == address(0), "the one who posted last is looked up anew");
        assertTrue(!bond.mayPost(OPERATOR), "less than the minimum stays");
        vm.expectRevert(IClearingLedger.Ledger_NotSigner.selector);
        vm.prank(OPERATOR);
        ledger.commitOrders(2, bytes32("x"));
        vm.prank(TREASURER);
        bond.announceWithdrawal(BOND - PENALTY);
        assertTrue(bond.mayPost(OPERATOR), "the minimum stays");
        vm.prank(TREASURER);
        bond.announceWithdrawal(BOND);
        vm.prank(TREASURER);
        bond.announceWithdrawal(0);
        assertTrue(bond.mayPost(OPERATOR), "taken back");
    }

    function test_withdraw_leavesTheMinimumBehindWhatCanBeDisputed() public {
        vm.prank(TREASURER);
        bond.announceWithdrawal(BOND - PENALTY);
        vm.warp(block.timestamp + DELAY);
        postInterval(example());
        uint256 open = vm.snapshotState();
        vm.prank(TREASURER);
        bond.withdraw();
        assertTrue(bond.bonded() == PENALTY, "the rest may leave at any time");
        vm.revertToState(open);
        // a bond whose delay is shorter than the window, after a slash
        vm.prank(address(faults));
        bond.slash(WATCHER, true);
        vm.expectRevert(IOracleBond.Bond_HeaderOpen.selector);
        vm.prank(TREASURER);
        bond.withdraw();
        passWindow();
        vm.prank(TREASURER);
        bond.withdraw();
        assertEq(bond.bonded(), 0);
    }

    function test_withdraw_cannotTakeWhatWasSlashedMeanwhile() public {
        vm.prank(TREASURER);
        bond.announceWithdrawal(BOND);
        vm.warp(block.timestamp + DELAY);
        _slash(WATCHER);
        vm.expectRevert(IOracleBond.Bond_Insufficient.selector);
        vm.prank(TREASURER);
        bond.withdraw();
    }

    function test_signers_changeAfterTheDelay() public {
        postInterval(example());
        assertEq(ledger.operator(), OPERATOR);
        vm.expectRevert(IOracleBond.Bond_Unauthorised.selector);
        bond.announceSigner(OPERATOR, false);
        vm.expectRevert(IOracleBond.Bond_NotDue.selector);
        bond.setSigner(OPERATOR);
        vm.prank(TREASURER);
        bond.announceSigner(OPERATOR, false);
        vm.expectRevert(IOracleBond.Bond_NotDue.selector);
        bond.setSigner(OPERATOR);
        vm.warp(START + DELAY);
        bond.setSigner(OPERATOR);
        assertEq(ledger.operator(), address(0));
        vm.expectRevert(IClearingLedger.Ledger_NotSigner.selector);
        vm.prank(OPERATOR);
        ledger.commitOrders(2, bytes32("x"));
        vm.prank(TREASURER);
        bond.announceSigner(WATCHER, true);
        vm.warp(START + 2 * DELAY);
        bond.setSigner(WATCHER);
        assertTrue(bond.mayPost(WATCHER), "a new signer");
    }

    function test_deploy_refusesContradictions() public {
        OracleBond.Config memory c = OracleBond.Config(
            token, address(ledger), address(faults), TREASURER, RELIEF, PENALTY, PENALTY, PENALTY / 2 + 1, DELAY
        );
        address[] memory signers = new address[](1);
        signers[0] = OPERATOR;
        _refused(c, signers);
        c.reward = 0;
        c.penalty = 0;
        _refused(c, signers);
        c.penalty = PENALTY;
        c.minimum = PENALTY - 1;
        vm.expectRevert(abi.encodeWithSelector(IOracleBond.Bond_MinimumBelowPenalty.selector, PENALTY - 1, PENALTY));
        tryCreate("OracleBond", abi.encode(c, signers));
        c.minimum = PENALTY;
        c.delaySeconds = WINDOW + 4 * DEADLINE;
        vm.expectRevert(abi.encodeWithSelector(IOracleBond.Bond_DelayTooShort.selector, WINDOW + 4 * DEADLINE + 1));
        tryCreate("OracleBond", abi.encode(c, signers));
        c.delaySeconds = DELAY;
        c.penalty = 1;
        c.relief = address(0);
        _refused(c, signers);
        c.relief = RELIEF;
        c.treasurer = address(0);
        _refused(c, signers);
        c.treasurer = TREASURER;
        _refused(c, new address[](0));
        _refused(c, new address[](1));
    }

    function _refused(OracleBond.Config memory c, address[] memory signers) private {
        vm.expectRevert(IOracleBond.Bond_BadConfig.selector);
        tryCreate("OracleBond", abi.encode(c, signers));
    }
}
