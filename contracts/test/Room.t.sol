// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingLedger} from "../src/interfaces/IClearingLedger.sol";
import {Policies} from "../src/libraries/Policies.sol";
import {HeaderEvidence} from "../src/types/Evidence.sol";
import {Market} from "./support/Market.sol";

/// @dev Whatever can be disputed keeps in the ring what it is disputed with, at any pace and through any voids: itself,
/// the header before it, and the one whose readings it settles. Headers are made to measure: only the ring matters.
abstract contract RoomTest is Market {
    bytes32 private constant _SEED = bytes32("a seed");

    struct Kept {
        HeaderEvidence header;
        uint256 postedAt;
        bytes32 ordersRoot;
        address reserved;
    }

    /// @dev By interval; of one that fell, as it was posted last.
    Kept[] private _kept;
    uint32 private _head;
    uint32 private _fixed;
    uint32 private _seeded;
    uint256 private _number;
    bytes32 private _sharesRoot;
    bytes32 private _contractsRoot;
    bytes32 private _genesisRoot;

    function setUp() public override {
        vm.warp(START);
        deploy(1, false);
        _kept.push();
        lastHash = ledger.genesisHash();
        _sharesRoot = ledger.sharesRoot();
        _contractsRoot = ledger.contractsRoot();
        _genesisRoot = stateRoot(example().pre);
    }

    function policy() internal pure override returns (Policies.Policy memory p) {
        p = super.policy();
        p.meterLag = lag();
        p.meterOperator = OPERATOR;
    }

    function lag() internal pure virtual returns (uint256);

    /* ------------------------------------------------ MOVES -------------------------------------------------- */

    function _fix(uint32 interval) private {
        if (_kept.length <= interval) _kept.push();
        _kept[interval].ordersRoot = keccak256(abi.encode("orders", ++_number));
        fixOrders(interval, _kept[interval].ordersRoot);
        _fixed = interval;
    }

    /// @dev The header whose finality the seed of an interval waits for; 0 is genesis.
    function _awaited(uint32 interval) private pure returns (uint256) {
        uint256 third = uint256(interval) + 3 + lag();
        return third > RING ? third - RING : 0;
    }

    function _isFinal(uint256 interval) private view returns (bool) {
        return interval == 0 || block.timestamp >= _kept[interval].postedAt + WINDOW;
    }

    /// @dev Bring the seed of the next interval; refused exactly while what it waits for can be disputed.
    function _seed(uint32 interval) private returns (bool accepted) {
        accepted = _isFinal(_awaited(interval));
        if (!accepted) vm.expectRevert(IClearingLedger.Ledger_RingFull.selector);
        vm.prank(address(beacon));
        ledger.acceptSeed(interval, _SEED);
        if (!accepted) return false;
        _seeded = interval;
        _kept[interval].reserved = ledger.operator();
    }

    /// @dev The next header, orders and seed with it where they are not fixed yet; after a void what fell, again.
    function _advance() private returns (bool) {
        uint32 next = _head + 1;
        if (next > _fixed) _fix(next);
        if (next > _seeded && !_seed(next)) return false;
        bytes memory payload = _payload(next);
        bytes memory sent = sentOf(lastHash, payload, "");
        vm.prank(OPERATOR);
        ledger.postInstead(sent, "", _kept[next].reserved);
        _kept[next].header = HeaderEvidence(lastHash, payload);
        _kept[next].postedAt = block.timestamp;
        lastHash = ledger.hashHeader(_kept[next].header);
        _head = next;
        return true;
    }

    function _mustAdvance() private {
        assertTrue(_advance(), "the next header is taken");
    }

    function _payload(uint32 interval) private returns (bytes memory) {
        bytes32 before = _head == 0 ? _genesisRoot : _stateRoot(_head);
        bytes memory roots = abi.encodePacked(
            interval, _kept[interval].ordersRoot, bytes32(0), before, keccak256(abi.encode("state", ++_number))
        );
        return bytes.concat(
            roots,
            abi.encodePacked(_contractsRoot, bytes32(0), bytes32(0), _sharesRoot, policyHash()),
            abi.encodePacked(ledger.gridVersion(), _SEED, new bytes(108))
        );
    }

    function _stateRoot(uint256 interval) private view returns (bytes32) {
        return bytes32(part(_kept[interval].header.payload, 100, 32));
    }

    /// @dev Void a header that can be disputed; what fell stands as inputs again. Orders at fault are fixed anew.
    function _void(uint32 interval, bool ordersFault) private {
        voidFrom(_kept[interval].header, ordersFault);
        for (uint32 t = interval; t <= _head; ++t) {
            if (t > interval) ledger.restoreInputs(_kept[t].header);
            _kept[t].reserved = address(0);
        }
        lastHash = _kept[interval].header.previousHash;
        _head = interval - 1;
        if (!ordersFault) return;
        uint32 fixed_ = _fixed;
        _fix(interval);
        _fixed = fixed_;
        _kept[interval].reserved = ledger.operator();
        // What was accepted once had room: this is never refused.
        vm.prank(address(beacon));
        ledger.acceptSeed(interval, _SEED);
    }

    function _assertDisputable() private view {
        for (uint32 t = _head; t != 0 && !_isFinal(t); --t) {
            assertEq(ledger.requireHeader(_kept[t].header), t);
            if (t > 1) assertEq(ledger.requireHeader(_kept[t - 1].header), t - 1);
            if (t > lag()) assertEq(ledger.requireHeader(_kept[t - lag()].header), t - lag());
        }
    }

    /* ------------------------------------------------ PROMISES ----------------------------------------------- */

    /// @dev The operator pauses for a window, posts a header whose imbalance is a lie, and posts on as fast as it can.
    function test_rushingOnAfterAPauseLosesNothingThatALieIsDisprovedWith() public {
        for (uint256 i = 0; i < RING + lag(); ++i) {
            passWindow();
            _mustAdvance();
        }
        passWindow();
        _mustAdvance();
        uint32 t = _head;
        while (_advance()) {}
        // stopped by the lie itself, not earlier
        assertEq(_awaited(_head + 1), t);
        // not by a second, and with all orders fixed that can be
        _fix(_head + 2);
        vm.warp(_kept[t].postedAt + WINDOW - 1);
        assertTrue(!_seed(_head + 1), "a second too early");
        assertEq(ledger.requireHeader(_kept[t].header), t);
        assertEq(ledger.requireHeader(_kept[t - lag()].header), t - lag());
        voidFrom(_kept[t].header, false);
        assertEq(ledger.head(), t - 1);
    }

    function test_theSeedIsTakenAsSoonAsNothingCanBeDisputedThatNeedsTheRoom() public {
        while (_advance()) {}
        passWindow();
        _mustAdvance();
    }

    /// @dev A ring longer by three than the lag and the intervals of a window never keeps an honest operator waiting.
    function test_anHonestPaceIsNeverHeldUp() public {
        uint256 open = RING - 4 - lag();
        for (uint256 i = 0; i < 4 * RING; ++i) {
            _mustAdvance();
            _assertDisputable();
            _fix(_head + 1);
            vm.warp(block.timestamp + (open == 0 ? WINDOW : WINDOW / open));
        }
    }

    function test_whatFellIsPostedAgainWithoutWaiting() public {
        for (uint256 i = 0; i < RING; ++i) {
            passWindow();
            _advance();
        }
        passWindow();
        uint32 first = _head + 1;
        while (_advance()) {}
        uint32 former = _head;
        _void(first, false);
        while (_head < former) {
            _mustAdvance();
            _assertDisputable();
        }
        assertTrue(!_advance(), "what stands again can be disputed anew");
        passWindow();
        _mustAdvance();
    }

    function test_ordersThatAreOpenedAgainFindTheirRoom() public {
        for (uint256 i = 0; i < RING; ++i) {
            passWindow();
            _advance();
        }
        passWindow();
        uint32 first = _head + 1;
        while (_advance()) {}
        uint32 former = _head;
        for (uint32 t = former; t >= first; --t) {
            _void(t, true);
            while (_head < former) {
                _mustAdvance();
                _assertDisputable();
            }
        }
    }

    function testFuzz_whateverCanBeDisputedKeepsWhatItNeeds(uint256 moves) public {
        for (uint256 i = 0; i < 64; ++i) {
            moves = uint256(keccak256(abi.encode(moves)));
            uint256 kind = moves % 16;
            if (kind < 9) {
                _advance();
            } else if (kind < 11) {
                if (_fixed == _head + 1) _fix(_head + 2);
            } else if (kind < 14) {
                vm.warp(block.timestamp + (moves >> 8) % (WINDOW * 2 / 3));
            } else if (_head != 0 && !_isFinal(_head)) {
                uint32 t = _head;
                for (uint256 back = (moves >> 8) % RING; back != 0 && t > 1 && !_isFinal(t - 1); --back) {
                    --t;
                }
                _void(t, kind == 15);
            }
            _assertDisputable();
        }
    }
}

contract RoomWithoutReadingsTest is RoomTest {
    function lag() internal pure override returns (uint256) {
        return 0;
    }
}

contract RoomForReadingsOneLateTest is RoomTest {
    function lag() internal pure override returns (uint256) {
        return 1;
    }
}

contract RoomForReadingsTwoLateTest is RoomTest {
    function lag() internal pure override returns (uint256) {
        return 2;
    }
}

contract RoomForReadingsAsLateAsTheRingAllowsTest is RoomTest {
    function lag() internal pure override returns (uint256) {
        return RING - 4;
    }
}
