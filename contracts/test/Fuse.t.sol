// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOutflowFuse} from "../src/interfaces/IOutflowFuse.sol";
import {ISettlementEscrow} from "../src/interfaces/ISettlementEscrow.sol";
import {Records} from "../src/libraries/Records.sol";
import {LeafEvidence} from "../src/types/Evidence.sol";
import {Build} from "./support/Build.sol";
import {Market} from "./support/Market.sol";

/// @dev What a false header could carry off to accounts that never deposited is bounded, and nobody's money is trapped.
contract FuseTest is Market {
    uint64 private constant _CAP = 1000;
    /// @dev The two numbers that nobody of the example has; they never deposit.
    uint256 private constant _GUEST = 7;

    function outflowCap() internal pure override returns (uint64) {
        return _CAP;
    }

    /// @dev A final state in which a guest, and A, have earned 2,500 each.
    function _final() private returns (Final memory state, LeafEvidence[] memory leaves) {
        escrow.register(WATCHER, uint32(_GUEST), 0);
        bytes32[] memory tree = new bytes32[](8);
        leaves = new LeafEvidence[](2);
        uint256[2] memory who = [_GUEST, A];
        for (uint256 i = 0; i < 2; ++i) {
            Records.State memory s;
            s.index = who[i];
            s.credit = 2500;
            leaves[i].record = Build.state(s);
            tree[who[i]] = Build.leaf(3, leaves[i].record);
        }
        Interval memory v = example();
        for (uint256 i = 0; i < 2; ++i) {
            (v.stateRoot, leaves[i].path) = Build.plainTree(tree, TREE_DEPTH, who[i]);
        }
        state = stateOf(postInterval(v).header);
        vm.warp((block.timestamp / WINDOW + 2) * WINDOW);
    }

    function test_claim_ofWhoNeverDepositedIsSpreadOverWindows() public {
        (Final memory state, LeafEvidence[] memory leaves) = _final();
        uint64[3] memory parts = [_CAP, _CAP, 500];
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(escrow.claim(state.interval, state.headerHash, leaves[0]), parts[i]);
            if (parts[i] == _CAP) {
                assertEq(escrow.outflowLeft(), 0);
                vm.expectRevert(ISettlementEscrow.Escrow_NothingDue.selector);
                escrow.claim(state.interval, state.headerHash, leaves[0]);
            }
            vm.warp(block.timestamp + WINDOW);
        }
        assertEq(token.balanceOf(WATCHER), 2500);
    }

    function test_claim_ofWhoDepositedIsNotSlowed() public {
        (Final memory state, LeafEvidence[] memory leaves) = _final();
        assertEq(escrow.claim(state.interval, state.headerHash, leaves[1]), 2500);
        assertEq(escrow.outflowLeft(), _CAP);
    }

    function test_claimMany_paysEverybodyElseInFull() public {
        (Final memory state, LeafEvidence[] memory leaves) = _final();
        assertEq(escrow.claimMany(state.interval, state.headerHash, leaves), 2500 + _CAP);
        assertEq(escrow.claimMany(state.interval, state.headerHash, leaves), 0);
    }

    function test_claim_afterADepositTheRestAtOnce() public {
        (Final memory state, LeafEvidence[] memory leaves) = _final();
        escrow.claim(state.interval, state.headerHash, leaves[0]);
        token.mint(address(this), 1);
        token.approve(address(escrow), 1);
        escrow.deposit(uint32(_GUEST), 1);
        assertEq(escrow.claim(state.interval, state.headerHash, leaves[0]), 1500);
    }

    function test_escape_takesOutEverythingOverWindows() public {
        (Final memory state, LeafEvidence[] memory leaves) = _final();
        vm.warp(block.timestamp + DEADLINE + 1);
        ledger.freeze();
        vm.warp((block.timestamp / WINDOW + 1) * WINDOW);
        assertEq(escrow.escape(state.headerHash, uint32(_GUEST), leaves[0]), _CAP);
        vm.expectRevert(IOutflowFuse.Fuse_Spent.selector);
        escrow.escape(state.headerHash, uint32(_GUEST), leaves[0]);
        assertEq(escrow.escape(state.headerHash, uint32(A), leaves[1]), DEPOSIT + 2500);
        vm.warp(block.timestamp + WINDOW);
        assertEq(escrow.escape(state.headerHash, uint32(_GUEST), leaves[0]), _CAP);
        vm.warp(block.timestamp + WINDOW);
        assertEq(escrow.escape(state.headerHash, uint32(_GUEST), leaves[0]), 500);
        assertTrue(escrow.account(uint32(_GUEST)).escaped, "it has not left");
        assertEq(token.balanceOf(WATCHER), 2500);
    }

    function test_deploy_refusesAFuseThatHoldsMoneyForGood() public {
        bytes memory token_ = abi.encode(address(token), address(ledger), address(this));
        assertEq(tryCreate("SettlementEscrow", bytes.concat(token_, abi.encode(0, 1))), address(0));
        assertEq(tryCreate("SettlementEscrow", bytes.concat(token_, abi.encode(1, 0))), address(0));
    }
}
