// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICommitReveal} from "../src/interfaces/ICommitReveal.sol";
import {IRandomnessBeacon} from "../src/interfaces/IRandomnessBeacon.sol";
import {CommitReveal} from "../src/randomness/CommitReveal.sol";
import {HeaderEvidence} from "../src/types/Evidence.sol";
import {Market} from "./support/Market.sol";

/// @dev Links that everybody has seen before orders were opened again never make their seed.
contract RevealTest is Market {
    bytes32 private constant _CHOSEN = bytes32("chosen, knowing the seed");

    function _commit(uint32 interval, bytes32 root) private {
        vm.prank(OPERATOR);
        ledger.commitOrders(interval, root);
    }

    function _refused(uint32 interval, bytes32[] memory p) private {
        vm.expectRevert(abi.encodeWithSelector(ICommitReveal.CommitReveal_WrongPreimage.selector, 0));
        beacon.reveal(interval, p);
    }

    /// @dev The next interval's orders fixed, and the links that wait to be mined for it.
    function _waiting(uint256 posted) private returns (HeaderEvidence[] memory headers, bytes32[] memory links) {
        Interval memory v = example();
        headers = new HeaderEvidence[](posted);
        for (uint256 i = 0; i < posted; ++i) {
            if (i != 0) v = following(v);
            headers[i] = postInterval(v).header;
        }
        _commit(uint32(posted) + 1, bytes32("orders"));
        links = preimages();
    }

    function test_renew_linksThatWaitAreWorthlessOnceOrdersAreOpen() public {
        (HeaderEvidence[] memory h, bytes32[] memory seen) = _waiting(1);
        voidFrom(h[0], true);
        assertEq(beacon.skipped(), 1);
        _commit(1, _CHOSEN);
        _refused(1, seen);
        // The one after them, which nobody has seen yet, does.
        bytes32[] memory p = preimages();
        assertEq(keccak256(abi.encodePacked(p[0])), seen[0]);
        bytes32 seed = beacon.reveal(1, p);
        assertEq(seed, keccak256(abi.encodePacked(ledger.domainHash(), uint32(1), p[0], p[1])));
        assertEq(beacon.skipped(), 0);
        assertEq(beacon.tip(0), p[0]);
    }

    function test_renew_theHonestRetryGoesOn() public {
        (HeaderEvidence[] memory h,) = _waiting(1);
        voidFrom(h[0], true);
        // The first begins anew; the second interval's orders stand.
        postInterval(example());
        assertEq(ledger.head(), 1);
        assertTrue(ledger.ordersCommittedAt(2) != 0, "the second's orders stand");
        beacon.reveal(2, preimages());
        assertTrue(ledger.ordersCommittedAt(2) == 0, "the second has its seed");
    }

    function test_renew_eachTimeOrdersAreOpenedAnotherLinkIsSkipped() public {
        (HeaderEvidence[] memory h, bytes32[] memory first) = _waiting(2);
        voidFrom(h[1], true);
        _commit(2, bytes32("orders anew"));
        bytes32[] memory second = preimages();
        voidFrom(h[0], true);
        assertEq(beacon.skipped(), 2);
        _commit(1, _CHOSEN);
        _refused(1, first);
        _refused(1, second);
        beacon.reveal(1, preimages());
        assertEq(beacon.skipped(), 0);
    }

    /// @dev The links of a reveal that failed are known, even if orders are opened only by a later void.
    function test_renew_linksSeenBeforeAVoidOfAnotherKindAreSkippedToo() public {
        (HeaderEvidence[] memory h, bytes32[] memory seen) = _waiting(2);
        voidFrom(h[1], false);
        voidFrom(h[0], true);
        _commit(1, _CHOSEN);
        _refused(1, seen);
    }

    function test_renew_aFaultOfTheClearingSkipsNothing() public {
        (HeaderEvidence[] memory h,) = _waiting(1);
        voidFrom(h[0], false);
        assertEq(beacon.skipped(), 0);
    }

    function test_renew_onlyByTheLedger() public {
        vm.expectRevert(ICommitReveal.CommitReveal_OnlyLedger.selector);
        IRandomnessBeacon(address(beacon)).renew();
    }

    /// @dev Whoever opens as many as a ring holds can delay no reveal beyond what a transaction bears.
    function test_renew_anyNumberOfLinksFitsOneReveal() public {
        _commit(1, bytes32("orders"));
        bytes32[] memory tips = new bytes32[](32);
        bytes32[] memory p = new bytes32[](32);
        uint256 most = ledger.MAX_RING();
        for (uint256 i = 0; i < 32; ++i) {
            p[i] = bytes32(i);
            bytes32 link = p[i];
            for (uint256 j = 0; j <= most; ++j) {
                link = keccak256(abi.encodePacked(link));
            }
            tips[i] = link;
        }
        CommitReveal crowded = CommitReveal(create("CommitReveal", abi.encode(address(this), tips)));
        for (uint256 i = 0; i < most; ++i) {
            crowded.renew();
        }
        uint256 gas = gasleft();
        crowded.reveal(1, p);
        assertTrue(gas - gasleft() < 8_000_000, "a reveal does not fit a transaction");
    }

    function test_deploy_refusesTooFewAndTooManyParties() public {
        assertEq(tryCreate("CommitReveal", abi.encode(address(ledger), new bytes32[](0))), address(0));
        assertEq(tryCreate("CommitReveal", abi.encode(address(ledger), new bytes32[](33))), address(0));
        assertTrue(create("CommitReveal", abi.encode(address(ledger), new bytes32[](32))) != address(0), "32 parties");
    }

    /* ------------------------------------------------ AS A LEDGER -------------------------------------------- */

    function head() external pure returns (uint32) {
        return 0;
    }

    function domainHash() external pure returns (bytes32) {
        return bytes32("domain");
    }

    // solhint-disable-next-line no-empty-blocks
    function acceptSeed(uint32, bytes32) external {}
}
