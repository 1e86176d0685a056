// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestBase, Vm} from "../support/Vm.sol";
import {Handler} from "./Handler.sol";

/// @dev What holds whatever anyone does in whatever order; contracts/README.md lists it in words.
contract InvariantsTest is TestBase {
    Handler private _handler;

    function setUp() public {
        _handler = new Handler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    function targetSelectors() external view returns (Vm.FuzzSelector[] memory targets) {
        targets = new Vm.FuzzSelector[](1);
        bytes4[] memory selectors = new bytes4[](9);
        selectors[0] = Handler.post.selector;
        selectors[1] = Handler.void.selector;
        selectors[2] = Handler.freeze.selector;
        selectors[3] = Handler.deposit.selector;
        selectors[4] = Handler.announce.selector;
        selectors[5] = Handler.withdraw.selector;
        selectors[6] = Handler.claim.selector;
        selectors[7] = Handler.accuse.selector;
        selectors[8] = Handler.lie.selector;
        targets[0] = Vm.FuzzSelector(address(_handler), selectors);
    }

    function invariant_theEscrowHoldsWhatItOwesAndNobodyOwesMore() external view {
        assertTrue(_handler.solvent(), "solvent");
    }

    function invariant_noEvidenceVoidsAnHonestHeader() external view {
        assertEq(_handler.wrongVerdicts(), 0);
        assertTrue(_handler.headIsWhatStands(), "the head");
    }

    function invariant_whatWasVoidedAnswersForNothing() external view {
        assertTrue(_handler.noVoidedStateIsFinal(), "a voided state");
        assertTrue(_handler.theFinalHeadIsKept(), "the last final state");
    }

    function invariant_noIntervalTakesANewSlot() external view {
        assertTrue(_handler.onlyTheRingIsWritten(), "a slot beyond the ring");
    }

    function invariant_whatWasPaidOnlyGrows() external view {
        assertTrue(!_handler.shrunk(), "paid");
    }

    /// @dev After every run: a freeze lets everyone out to the last unit.
    function afterInvariant() external {
        assertTrue(_handler.everyoneLeaves(), "everyone has left");
    }
}
