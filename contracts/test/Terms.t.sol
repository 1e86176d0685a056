// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MarketTerms} from "../src/MarketTerms.sol";
import {IClearingLedger} from "../src/interfaces/IClearingLedger.sol";
import {IGridRegistry} from "../src/interfaces/IGridRegistry.sol";
import {IMarketTerms} from "../src/interfaces/IMarketTerms.sol";
import {Policies} from "../src/libraries/Policies.sol";
import {Tightening} from "../src/libraries/Tightening.sol";
import {LeafEvidence} from "../src/types/Evidence.sol";
import {Build} from "./support/Build.sol";
import {Market} from "./support/Market.sol";

/// @dev What is in force when, and who can change it how fast.
contract TermsTest is Market {
    uint256 private constant STRANGER_KEY = 301;
    IMarketTerms.Kind private constant GRID = IMarketTerms.Kind.Grid;
    IMarketTerms.Kind private constant POLICY = IMarketTerms.Kind.Policy;
    IMarketTerms.Kind private constant SHARES = IMarketTerms.Kind.Shares;
    IMarketTerms.Kind private constant CONTRACTS = IMarketTerms.Kind.Contracts;

    Interval private last;
    bool private begun;

    /* ------------------------------------------------ BUILDING ----------------------------------------------- */

    /// @dev The example's grid with other limits of its three lines, and all that follows.
    function _grid(uint64 a, uint64 b, uint64 c) private pure returns (bytes memory) {
        uint256 angleA = _angle(a);
        uint256 angleC = _angle(c);
        uint256 box1 = angleA < angleC + _angle(b) ? angleA : angleC + _angle(b);
        uint256 box2 = angleC < angleA + _angle(b) ? angleC : angleA + _angle(b);
        return bytes.concat(
            abi.encodePacked(uint16(3), uint16(3), uint8(20), uint8(0), 6 * 512_000 * (box1 + box2)),
            packedLine(0, 1, 256_000, a, 2),
            packedLine(1, 2, 256_000, b, 2),
            packedLine(0, 2, 256_000, c, 2),
            abi.encodePacked(uint64(0), uint64(box1), uint64(box2)),
            abi.encodePacked(uint8(HOLARCHY_DEPTH), position(0), position(1), position(2), uint16(5)),
            packedLayer(2, 0, 0),
            packedLayer(1, 1, a + c),
            packedLayer(0, 0, a + c),
            packedLayer(0, 2, a + b),
            packedLayer(0, 3, b + c)
        );
    }

    function _angle(uint256 limit) private pure returns (uint256) {
        return ((((limit << 8) + 1) << 20) + 255_999) / 256_000;
    }

    function _digest(bytes32 structHash) private view returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", separator, structHash));
    }

    function _sign(uint256 key_, bytes32 structHash) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key_, _digest(structHash));
        return abi.encodePacked(r, s, v);
    }

    function _tighteningHash(uint32 change, bytes32 gridHash, uint32 lastGate) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("GridTightening(uint32 change,bytes32 gridHash,uint32 lastGate)"), change, gridHash, lastGate
            )
        );
    }

    function _signed(uint32 version, uint32 lastGate) private view returns (bytes memory) {
        return _sign(GRID_KEY, _tighteningHash(terms.gridChanges(), registry.gridHash(version), lastGate));
    }

    /// @dev Register a grid and tighten to it.
    function _tighten(bytes memory packed) private returns (uint32 version, uint32 from) {
        version = registry.registerGrid(packed);
        from = terms.tighten(version, 1000, _signed(version, 1000));
    }

    /// @dev Clear and post the next interval, by the terms in force.
    function _next() private returns (Posted memory) {
        last = begun ? following(last) : example();
        begun = true;
        return postInterval(last);
    }

    /// @dev The compiler takes block.timestamp for the same all through a test.
    function _pass(uint256 time) private {
        vm.warp(vm.getBlockTimestamp() + time);
    }

    /// @dev Post intervals, each within its deadline, until a time.
    function _postUntil(uint256 time) private {
        while (vm.getBlockTimestamp() < time) {
            _pass(DEADLINE);
            _next();
        }
    }

    function _gridOf(uint32 interval) private view returns (uint32 version) {
        (version,) = terms.inForce(interval);
    }

    function _announceGrid(uint32 version, uint32 gate) private {
        vm.prank(vm.addr(GRID_KEY));
        terms.announceGrid(version, gate);
    }

    /* ------------------------------------------------ TIGHTENING --------------------------------------------- */

    function test_aTighterGridHoldsFromTheNextGateOn() public {
        (uint32 version, uint32 from) = _tighten(_grid(4000, 5000, 900));
        assertEq(from, 3);
        assertEq(_gridOf(2), 1);
        assertEq(_gridOf(3), version);
        _next();
        _next();
        Posted memory third = _next();
        assertEq(uint256(uint32(bytes4(tail(third.header.payload, 292)))), version);
        assertEq(ledger.head(), 3);
    }

    function test_ordersThatAreFixedKeepTheirGrid() public {
        _next();
        vm.startPrank(OPERATOR);
        ledger.commitOrders(2, keccak256("orders of 2"));
        ledger.commitOrders(3, keccak256("orders of 3"));
        vm.stopPrank();
        (uint32 version, uint32 from) = _tighten(_grid(4000, 5000, 900));
        assertEq(from, 4);
        assertEq(_gridOf(3), 1);
        assertEq(_gridOf(4), version);
    }

    function test_aVoidDoesNotBringTheNextGateBack() public {
        _next();
        Posted memory second = _next();
        _next();
        voidFrom(second.header, false);
        assertEq(ledger.head(), 1);
        (, uint32 from) = _tighten(_grid(4000, 5000, 900));
        assertEq(from, 6);
        assertEq(_gridOf(5), 1);
    }

    function test_aHeaderOfTheOldGridIsRefusedFromThenOn() public {
        (uint32 version,) = _tighten(_grid(4000, 5000, 900));
        _next();
        _next();
        uint256 snapshot = vm.snapshotState();
        bytes memory sent = sentOf(ready(following(last), 1));
        vm.expectRevert(IClearingLedger.Ledger_WrongInputs.selector);
        vm.prank(OPERATOR);
        ledger.post(sent);
        vm.revertToState(snapshot);
        postWith(following(last), version);
    }

    function test_tighteningAgainReplacesWhatHasNotBegun() public {
        (uint32 first, uint32 from) = _tighten(_grid(4000, 5000, 900));
        (uint32 second, uint32 again) = _tighten(_grid(4000, 3000, 900));
        assertEq(from, again);
        assertEq(_gridOf(from), second);
        assertTrue(first != second, "two grids");
        assertEq(_gridOf(from - 1), 1);
    }

    function test_onlyTheGridOperatorTightens() public {
        uint32 version = registry.registerGrid(_grid(4000, 5000, 900));
        bytes32 message = _tighteningHash(0, registry.gridHash(version), 1000);
        bytes memory signature = _sign(STRANGER_KEY, message);
        vm.expectRevert(IMarketTerms.Terms_NotSigned.selector);
        terms.tighten(version, 1000, signature);
        signature = _sign(MARKET_KEY, message);
        vm.expectRevert(IMarketTerms.Terms_NotSigned.selector);
        terms.tighten(version, 1000, signature);
        vm.expectRevert(IMarketTerms.Terms_NotSigned.selector);
        terms.tighten(version, 1000, "");
    }

    function test_aSignatureIsForOneGridOneGateAndOneMarket() public {
        uint32 version = registry.registerGrid(_grid(4000, 5000, 900));
        uint32 other = registry.registerGrid(_grid(3000, 5000, 900));
        bytes memory signature = _signed(version, 1000);
        vm.expectRevert(IMarketTerms.Terms_NotSigned.selector);
        terms.tighten(other, 1000, signature);
        vm.expectRevert(IMarketTerms.Terms_NotSigned.selector);
        terms.tighten(version, 1001, signature);
        separator = keccak256("another market");
        signature = _signed(version, 1000);
        vm.expectRevert(IMarketTerms.Terms_NotSigned.selector);
        terms.tighten(version, 1000, signature);
    }

    function test_aSignatureEndsWithItsLastGate() public {
        uint32 version = registry.registerGrid(_grid(4000, 5000, 900));
        bytes memory signature = _signed(version, 3);
        _next();
        vm.expectRevert(abi.encodeWithSelector(IMarketTerms.Terms_GatePassed.selector, 4));
        terms.tighten(version, 3, signature);
    }

    function test_aSignatureIsSpentWithTheChange() public {
        uint32 version = registry.registerGrid(_grid(4000, 5000, 900));
        bytes memory signature = _signed(version, 1000);
        terms.tighten(version, 1000, signature);
        // back to the first grid by the long way; the old signature is of no use then
        _announceGrid(1, ledger.nextGate());
        _postUntil(vm.getBlockTimestamp() + TERMS_DELAY);
        _pass(WINDOW);
        terms.adopt(GRID);
        vm.expectRevert(IMarketTerms.Terms_NotSigned.selector);
        terms.tighten(version, 1000, signature);
    }

    function test_looseningInDisguiseIsRefused() public {
        uint32 version = registry.registerGrid(_grid(4000, 3000, 901));
        bytes memory signature = _signed(version, 1000);
        vm.expectRevert(abi.encodeWithSelector(Tightening.Tightening_LimitRaised.selector, 2));
        terms.tighten(version, 1000, signature);
        // tighter than the first grid, looser than the one in force
        _tighten(_grid(4000, 5000, 800));
        version = registry.registerGrid(_grid(4000, 5000, 850));
        signature = _signed(version, 1000);
        vm.expectRevert(abi.encodeWithSelector(Tightening.Tightening_LimitRaised.selector, 2));
        terms.tighten(version, 1000, signature);
    }

    function test_anUnknownGridIsRefused() public {
        vm.expectRevert(abi.encodeWithSelector(IGridRegistry.GridRegistry_UnknownVersion.selector, 9));
        terms.tighten(9, 1000, "");
        vm.prank(vm.addr(GRID_KEY));
        vm.expectRevert(abi.encodeWithSelector(IGridRegistry.GridRegistry_UnknownVersion.selector, 9));
        terms.announceGrid(9, 3);
    }

    function test_aFrozenMarketKeepsItsTerms() public {
        uint32 version = registry.registerGrid(_grid(4000, 5000, 900));
        bytes memory signature = _signed(version, 1000);
        _announceGrid(version, 3);
        _pass(TERMS_DELAY);
        ledger.freeze();
        vm.expectRevert(IMarketTerms.Terms_IsFrozen.selector);
        terms.tighten(version, 1000, signature);
        vm.expectRevert(IMarketTerms.Terms_IsFrozen.selector);
        terms.adopt(GRID);
        vm.prank(vm.addr(GRID_KEY));
        vm.expectRevert(IMarketTerms.Terms_IsFrozen.selector);
        terms.announceGrid(version, 3);
        assertEq(_gridOf(3), 1);
    }

    /* ------------------------------------------------ THE LONG WAY ------------------------------------------- */

    function test_aLooserGridWaits() public {
        uint32 version = registry.registerGrid(_grid(5000, 5000, 1200));
        _announceGrid(version, 4);
        uint256 due = vm.getBlockTimestamp() + TERMS_DELAY;
        vm.expectRevert(abi.encodeWithSelector(IMarketTerms.Terms_TooEarly.selector, due));
        terms.adopt(GRID);
        _postUntil(due - DEADLINE);
        vm.warp(due - 1);
        vm.expectRevert(abi.encodeWithSelector(IMarketTerms.Terms_TooEarly.selector, due));
        terms.adopt(GRID);
        vm.warp(due);
        uint32 from = terms.adopt(GRID);
        assertEq(from, ledger.head() + 3);
        assertEq(_gridOf(from - 1), 1);
        assertEq(_gridOf(from), version);
        vm.expectRevert(IMarketTerms.Terms_NotAnnounced.selector);
        terms.adopt(GRID);
    }

    function test_aChangeWaitsForItsGate() public {
        uint32 version = registry.registerGrid(_grid(5000, 5000, 1200));
        _announceGrid(version, 20);
        _postUntil(vm.getBlockTimestamp() + TERMS_DELAY);
        uint32 gate = ledger.nextGate();
        vm.expectRevert(abi.encodeWithSelector(IMarketTerms.Terms_BeforeGate.selector, gate));
        terms.adopt(GRID);
        while (ledger.nextGate() < 20) {
            _pass(DEADLINE);
            _next();
        }
        assertEq(terms.adopt(GRID), 20);
    }

    /// @dev Every header at the last moment, and the decision to leave a whole deadline after the announcement.
    function test_whoeverDislikesAChangeIsOutBeforeIt() public {
        _announceGrid(registry.registerGrid(_grid(5000, 5000, 1200)), 3);
        uint256 due = vm.getBlockTimestamp() + TERMS_DELAY;
        _pass(DEADLINE);
        vm.prank(owner(A));
        escrow.announceWithdrawal(uint32(A), 1_000_000);
        uint32 released = ledger.nextGate();
        Posted memory p = _next();
        while (ledger.head() < released) {
            _pass(DEADLINE);
            p = _next();
        }
        _pass(WINDOW);
        assertTrue(vm.getBlockTimestamp() < due, "before the change can be adopted");
        bytes32 headerHash = ledger.hashHeader(p.header);
        LeafEvidence memory leaf = stateEvidence(last.post, A);
        vm.prank(owner(A));
        escrow.withdraw(last.number, headerHash, leaf);
        assertEq(token.balanceOf(owner(A)), 1_000_000);
    }

    function test_aChangeWaitsWhileAWithdrawalMayBeHeldUp() public {
        _announceGrid(registry.registerGrid(_grid(5000, 5000, 1200)), 3);
        // headers come, but the third is not final yet
        _next();
        _next();
        _pass(DEADLINE);
        _pass(TERMS_DELAY);
        _next();
        vm.expectRevert(abi.encodeWithSelector(IMarketTerms.Terms_StillLeaving.selector, 2));
        terms.adopt(GRID);
        _pass(WINDOW);
        terms.adopt(GRID);
    }

    function test_everyoneAnnouncesTheirOwnOnly() public {
        address[3] memory who = [vm.addr(STRANGER_KEY), vm.addr(MARKET_KEY), address(this)];
        bytes memory p = packedPolicy();
        IMarketTerms.ContractChange[] memory none = new IMarketTerms.ContractChange[](0);
        for (uint256 i = 0; i < 3; ++i) {
            vm.startPrank(who[i]);
            vm.expectRevert(IMarketTerms.Terms_Unauthorised.selector);
            terms.announceGrid(1, 3);
            vm.expectRevert(IMarketTerms.Terms_Unauthorised.selector);
            terms.cancel(GRID);
            if (i != 1) {
                vm.expectRevert(IMarketTerms.Terms_Unauthorised.selector);
                terms.announcePolicy(p, p, 3);
                vm.expectRevert(IMarketTerms.Terms_Unauthorised.selector);
                terms.announceShares(keccak256("shares"), 3, "");
                vm.expectRevert(IMarketTerms.Terms_Unauthorised.selector);
                terms.cancel(POLICY);
            }
            if (i != 2) {
                vm.expectRevert(IMarketTerms.Terms_Unauthorised.selector);
                terms.announceContracts(none, 3, "");
                vm.expectRevert(IMarketTerms.Terms_Unauthorised.selector);
                terms.cancel(CONTRACTS);
            }
            vm.stopPrank();
        }
    }

    function test_aGateThatHasPassedIsRefused() public {
        vm.prank(vm.addr(GRID_KEY));
        vm.expectRevert(abi.encodeWithSelector(IMarketTerms.Terms_GatePassed.selector, 3));
        terms.announceGrid(1, 2);
    }

    function test_aGridKeepsItsBuses() public {
        bytes memory two = bytes.concat(
            abi.encodePacked(uint16(2), uint16(1), uint8(20), uint8(0), uint256(0)),
            packedLine(0, 1, 256_000, 5000, 2),
            new bytes(16),
            hex"01000000010003",
            bytes.concat(packedLayer(1, 0, 0), packedLayer(0, 0, 5000), packedLayer(0, 1, 5000))
        );
        uint32 version = registry.registerGrid(two);
        vm.prank(vm.addr(GRID_KEY));
        vm.expectRevert(IMarketTerms.Terms_FewerBuses.selector);
        terms.announceGrid(version, 3);
    }

    function test_whatIsCancelledIsNotAdopted() public {
        _announceGrid(1, 3);
        assertEq(terms.announced(GRID).value, bytes32(uint256(1)));
        vm.prank(vm.addr(GRID_KEY));
        terms.cancel(GRID);
        assertEq(terms.announced(GRID).value, 0);
        _postUntil(vm.getBlockTimestamp() + TERMS_DELAY);
        vm.expectRevert(IMarketTerms.Terms_NotAnnounced.selector);
        terms.adopt(GRID);
        vm.prank(vm.addr(GRID_KEY));
        vm.expectRevert(IMarketTerms.Terms_NotAnnounced.selector);
        terms.cancel(GRID);
    }

    function test_whatIsAdoptedIsNotCancelled() public {
        uint32 version = registry.registerGrid(_grid(5000, 5000, 1200));
        _announceGrid(version, 3);
        _postUntil(vm.getBlockTimestamp() + TERMS_DELAY);
        uint32 from = terms.adopt(GRID);
        vm.prank(vm.addr(GRID_KEY));
        vm.expectRevert(IMarketTerms.Terms_NotAnnounced.selector);
        terms.cancel(GRID);
        assertEq(_gridOf(from), version);
    }

    function test_announcingAgainStartsTheDelayAnew() public {
        uint32 version = registry.registerGrid(_grid(5000, 5000, 1200));
        _announceGrid(1, 3);
        _postUntil(vm.getBlockTimestamp() + TERMS_DELAY);
        _announceGrid(version, ledger.nextGate());
        vm.expectPartialRevert(IMarketTerms.Terms_TooEarly.selector);
        terms.adopt(GRID);
    }

    function test_tighteningVoidsWhatWasAnnouncedForTheGrid() public {
        _announceGrid(registry.registerGrid(_grid(5000, 5000, 1200)), 3);
        _postUntil(vm.getBlockTimestamp() + TERMS_DELAY);
        _tighten(_grid(5000, 5000, 400));
        vm.expectRevert(IMarketTerms.Terms_NotAnnounced.selector);
        terms.adopt(GRID);
    }

    /* ------------------------------------------------ POLICY ------------------------------------------------- */

    function _policyWith(uint256 offset, bytes memory value) private pure returns (bytes memory p) {
        p = packedPolicy();
        for (uint256 i = 0; i < value.length; ++i) {
            p[offset + i] = value[i];
        }
    }

    function test_aPolicyHoldsFromItsGateOn() public {
        bytes memory p = _policyWith(62, abi.encodePacked(uint32(10_000)));
        vm.prank(vm.addr(MARKET_KEY));
        terms.announcePolicy(packedPolicy(), p, 3);
        _postUntil(vm.getBlockTimestamp() + TERMS_DELAY);
        uint32 from = terms.adopt(POLICY);
        bytes32 hash = keccak256(bytes.concat(hex"0a", p));
        (, bytes32 inForce,,) = terms.latest();
        assertEq(inForce, hash);
        Interval memory v = example();
        (, bytes32 before) = terms.inForce(from - 1);
        (, bytes32 termsHash) = terms.inForce(from);
        assertEq(before, keccak256(abi.encodePacked(policyHash(), sharesRoot(v), contractsRoot(v))));
        assertEq(termsHash, keccak256(abi.encodePacked(hash, sharesRoot(v), contractsRoot(v))));
    }

    function test_aPolicyFollowsTheOneInForce() public {
        bytes memory p = packedPolicy();
        bytes memory other = _policyWith(62, abi.encodePacked(uint32(10_000)));
        vm.startPrank(vm.addr(MARKET_KEY));
        vm.expectRevert(Policies.Policies_WrongPolicy.selector);
        terms.announcePolicy(other, p, 3);
        bytes memory longer = bytes.concat(p, hex"00");
        vm.expectRevert(abi.encodeWithSelector(IMarketTerms.Terms_BadPolicy.selector, 94));
        terms.announcePolicy(p, longer, 3);
        vm.stopPrank();
    }

    function _badPolicy(uint256 offset, bytes memory value) private {
        _badPolicy(offset, value, offset);
    }

    function _badPolicy(uint256 offset, bytes memory value, uint256 named) private {
        bytes memory p = packedPolicy();
        bytes memory next = _policyWith(offset, value);
        vm.expectRevert(abi.encodeWithSelector(IMarketTerms.Terms_BadPolicy.selector, named));
        vm.prank(vm.addr(MARKET_KEY));
        terms.announcePolicy(p, next, 3);
    }

    function test_whatStatesAndSettledIntervalsRestOnStays() public {
        _badPolicy(0, hex"0002");
        _badPolicy(2, abi.encodePacked(uint32(900)));
        _badPolicy(26, hex"03");
        _badPolicy(59, hex"01");
        _badPolicy(61, hex"01");
        _badPolicy(66, abi.encodePacked(uint64(5)));
    }

    function test_aPolicyKeepsThePromisesOfTheMechanism() public {
        _badPolicy(6, abi.encodePacked(uint32(251_023)));
        _badPolicy(6, abi.encodePacked(uint32(2 ** 29)));
        _badPolicy(10, abi.encodePacked(uint32(0)));
        _badPolicy(10, abi.encodePacked(uint32(2 ** 17)));
        _badPolicy(14, abi.encodePacked(uint32(0)));
        _badPolicy(14, abi.encodePacked(uint32(2)), 10);
        _badPolicy(18, abi.encodePacked(uint32(0)));
        _badPolicy(18, abi.encodePacked(uint32(2 ** 17)));
        _badPolicy(22, abi.encodePacked(uint32(0)));
        _badPolicy(22, abi.encodePacked(uint32(5000)), 6);
        _badPolicy(27, abi.encodePacked(uint64(2 ** 62)));
        _badPolicy(35, abi.encodePacked(uint64(2 ** 62)));
        _badPolicy(43, abi.encodePacked(uint32(1e9 + 1)));
        _badPolicy(47, abi.encodePacked(uint32(300_001)));
        _badPolicy(51, abi.encodePacked(uint32(300_001)));
        _badPolicy(51, abi.encodePacked(uint32(250_000)));
        _badPolicy(55, abi.encodePacked(uint32(299_500)), 6);
        _badPolicy(60, hex"03");
        _badPolicy(62, abi.encodePacked(uint32(50_001)));
    }

    /* ------------------------------------------------ POSTING UNDER OTHER TERMS ------------------------------ */

    /// @dev Another metering operator, which nothing of the example depends on.
    function _otherPolicy() private pure returns (bytes memory) {
        return _policyWith(74, abi.encodePacked(address(0xbeef)));
    }

    function _hashOf(bytes memory packed) private pure returns (bytes32) {
        return keccak256(bytes.concat(hex"0a", packed));
    }

    /// @dev Everything up to the first header under another policy, which is yet to be posted.
    function _amended() private returns (Posted memory p, bytes32 hash) {
        vm.prank(vm.addr(MARKET_KEY));
        terms.announcePolicy(packedPolicy(), _otherPolicy(), 3);
        _postUntil(vm.getBlockTimestamp() + TERMS_DELAY);
        uint32 from = terms.adopt(POLICY);
        while (ledger.head() + 1 < from) {
            _next();
        }
        last = following(last);
        p = ready(last, 1);
        hash = _hashOf(_otherPolicy());
        for (uint256 i = 0; i < 32; ++i) {
            p.header.payload[260 + i] = hash[i];
        }
    }

    function _postAmended(Posted memory p, address reserved, bytes32 hash) private {
        Interval memory v = example();
        ledger.postAmended(sentOf(p), "", reserved, hash, sharesRoot(v), contractsRoot(v));
    }

    function test_aHeaderNamesThePolicyInForce() public {
        (Posted memory p, bytes32 hash) = _amended();
        bytes memory sent = sentOf(p);
        vm.startPrank(OPERATOR);
        vm.expectRevert(IClearingLedger.Ledger_WrongInputs.selector);
        ledger.post(sent);
        bytes32 old = policyHash();
        bytes32 shares = sharesRoot(last);
        bytes32 places = contractsRoot(last);
        vm.expectRevert(IClearingLedger.Ledger_WrongInputs.selector);
        ledger.postAmended(sent, "", OPERATOR, old, shares, places);
        vm.expectRevert(IClearingLedger.Ledger_WrongInputs.selector);
        ledger.postAmended(sent, "", OPERATOR, hash, places, shares);
        ledger.postAmended(sent, "", OPERATOR, hash, shares, places);
        vm.stopPrank();
        assertEq(ledger.head(), last.number);
        ledger.requireHeader(p.header);
    }

    function test_aVoidedHeaderKeepsItsTerms() public {
        (Posted memory p, bytes32 hash) = _amended();
        vm.prank(OPERATOR);
        _postAmended(p, OPERATOR, hash);
        voidFrom(p.header, false);
        assertEq(ledger.head(), last.number - 1);
        vm.startPrank(vm.addr(102));
        bytes memory sent = sentOf(p);
        vm.expectRevert(IClearingLedger.Ledger_WrongInputs.selector);
        ledger.postInstead(sent, "", address(0));
        _postAmended(p, address(0), hash);
        vm.stopPrank();
        assertEq(ledger.head(), last.number);
        ledger.requireHeader(p.header);
    }

    function test_onlySignersPostUnderOtherTerms() public {
        (Posted memory p, bytes32 hash) = _amended();
        bytes memory sent = sentOf(p);
        bytes32 shares = sharesRoot(last);
        bytes32 places = contractsRoot(last);
        vm.startPrank(WATCHER);
        vm.expectRevert(IClearingLedger.Ledger_NotSigner.selector);
        ledger.postAmended(sent, "", OPERATOR, hash, shares, places);
        vm.expectRevert(IClearingLedger.Ledger_NotSigner.selector);
        ledger.postAmended(sent, "", WATCHER, hash, shares, places);
        vm.stopPrank();
    }

    /// @dev Whatever happens, what was in force for an interval before the next gate stays so.
    function test_whatIsInForceBehindTheNextGateNeverChanges(uint256 moves) public {
        bytes32[] memory seen = new bytes32[](40);
        uint64 limit = 5000;
        bool voided = false;
        Posted memory p;
        for (uint256 step = 0; step < 10; ++step) {
            uint256 move = moves % 4;
            moves /= 4;
            if (move == 3 && begun && !voided) {
                voidFrom(p.header, moves % 2 == 0);
                voided = true;
            } else if (move == 0 || voided) {
                limit -= 1;
                _tighten(_grid(limit, 5000, 900));
            } else {
                // what a lap ago was posted must be final
                _pass(WINDOW);
                p = _next();
            }
            for (uint32 t = 1; t < ledger.nextGate(); ++t) {
                (uint32 version, bytes32 termsHash) = terms.inForce(t);
                bytes32 now_ = keccak256(abi.encode(version, termsHash));
                assertTrue(seen[t] == 0 || seen[t] == now_, "unchanged");
                seen[t] = now_;
            }
        }
    }

    /* ------------------------------------------------ SHARES ------------------------------------------------- */

    function test_sharesNeedBothHands() public {
        // the registrar of these tests is a contract without a key: deploy with one that has
        MarketTerms mine = _termsWith(vm.addr(STRANGER_KEY));
        bytes32 root = keccak256("shares of the next period");
        bytes32 message = keccak256(abi.encode(keccak256("Shares(bytes32 sharesRoot,uint32 gate)"), root, uint32(5)));
        bytes memory signature = _sign(STRANGER_KEY, message);
        bytes memory own = _sign(MARKET_KEY, message);
        vm.startPrank(vm.addr(MARKET_KEY));
        vm.expectRevert(IMarketTerms.Terms_NotSigned.selector);
        mine.announceShares(root, 5, own);
        vm.expectRevert(IMarketTerms.Terms_NotSigned.selector);
        mine.announceShares(root, 6, signature);
        mine.announceShares(root, 5, signature);
        vm.stopPrank();
        assertEq(mine.announced(SHARES).value, root);
        assertEq(uint256(mine.announced(SHARES).gate), 5);
    }

    /// @dev EIP-1271: the registrar of these tests is a contract, which signs by a key of its own that it could change.
    function isValidSignature(bytes32 digest, bytes calldata signature) external pure returns (bytes4) {
        (bytes32 r, bytes32 s, uint8 v) =
            (bytes32(signature[:32]), bytes32(signature[32:64]), uint8(bytes1(signature[64:65])));
        return ecrecover(digest, v, r, s) == vm.addr(STRANGER_KEY) ? this.isValidSignature.selector : bytes4(0);
    }

    function test_sharesThatAContractSignedHoldOnceTheyHaveWaited() public {
        bytes32 root = keccak256("shares of the next period");
        bytes32 message = keccak256(abi.encode(keccak256("Shares(bytes32 sharesRoot,uint32 gate)"), root, uint32(5)));
        vm.startPrank(vm.addr(MARKET_KEY));
        bytes memory foreign = _sign(GRID_KEY, message);
        vm.expectRevert(IMarketTerms.Terms_NotSigned.selector);
        terms.announceShares(root, 5, foreign);
        terms.announceShares(root, 5, _sign(STRANGER_KEY, message));
        vm.stopPrank();
        _postUntil(vm.getBlockTimestamp() + TERMS_DELAY);
        uint32 from = terms.adopt(SHARES);
        (, bytes32 policy, bytes32 shares, bytes32 contracts) = terms.latest();
        assertEq(shares, root);
        (, bytes32 before) = terms.inForce(from - 1);
        assertEq(before, opening());
        (, bytes32 then_) = terms.inForce(from);
        assertEq(then_, keccak256(abi.encodePacked(policy, root, contracts)));
    }

    function _termsWith(address registrar) private returns (MarketTerms) {
        return MarketTerms(
            create(
                "MarketTerms",
                abi.encode(address(ledger), vm.addr(GRID_KEY), vm.addr(MARKET_KEY), registrar, TERMS_DELAY)
            )
        );
    }

    /* ------------------------------------------------ CONTRACTS ---------------------------------------------- */

    function _contract(uint256 index, address owner_, uint16 bus, uint32 slot) private pure returns (bytes memory) {
        return abi.encodePacked(uint32(index), owner_, bus, slot);
    }

    function _contractHash(uint256 index, address owner_, uint16 bus, uint32 slot, uint32 gate)
        private
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                keccak256("Contract(uint32 index,address owner,uint16 bus,uint32 slot,uint32 gate)"),
                index,
                owner_,
                bus,
                slot,
                gate
            )
        );
    }

    function _places() private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](PARTICIPANTS);
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            leaves[i] = Build.leaf(4, contractRecord(i));
        }
    }

    /// @dev A moves from bus 1 to bus 0, as its fourth.
    function _move() private view returns (IMarketTerms.ContractChange[] memory changes, bytes32 root) {
        bytes32[] memory leaves = _places();
        changes = new IMarketTerms.ContractChange[](1);
        changes[0].before = contractRecord(A);
        changes[0].next = _contract(A, owner(A), 0, 3);
        (, changes[0].path) = Build.plainTree(leaves, TREE_DEPTH, A);
        changes[0].signature = _sign(key(A), _contractHash(A, owner(A), 0, 3, 5));
        leaves[A] = Build.leaf(4, changes[0].next);
        (root,) = Build.plainTree(leaves, TREE_DEPTH, A);
    }

    function _cosigned(bytes32 root) private view returns (bytes memory) {
        return _sign(
            MARKET_KEY,
            keccak256(abi.encode(keccak256("Contracts(bytes32 contractsRoot,uint32 gate)"), root, uint32(5)))
        );
    }

    function test_aParticipantMovesWithItsSignature() public {
        (IMarketTerms.ContractChange[] memory changes, bytes32 root) = _move();
        assertEq(terms.announceContracts(changes, 5, _cosigned(root)), root);
        _postUntil(vm.getBlockTimestamp() + TERMS_DELAY);
        terms.adopt(CONTRACTS);
        (,,, bytes32 inForce) = terms.latest();
        assertEq(inForce, root);
    }

    function test_nobodyMovesAnother() public {
        (IMarketTerms.ContractChange[] memory changes, bytes32 root) = _move();
        bytes memory both = _cosigned(root);
        changes[0].signature = _sign(key(B), _contractHash(A, owner(A), 0, 3, 5));
        vm.expectRevert(IMarketTerms.Terms_NotSigned.selector);
        terms.announceContracts(changes, 5, both);
        changes[0].signature = _sign(key(A), _contractHash(A, owner(A), 0, 3, 6));
        vm.expectRevert(IMarketTerms.Terms_NotSigned.selector);
        terms.announceContracts(changes, 5, both);
        (changes,) = _move();
        vm.expectRevert(IMarketTerms.Terms_NotSigned.selector);
        terms.announceContracts(changes, 5, "");
    }

    function test_aContractKeepsIndexAndOwnerAndABusOfTheGrid() public {
        bytes memory reason = abi.encodeWithSelector(IMarketTerms.Terms_BadContract.selector, 0);
        (IMarketTerms.ContractChange[] memory changes,) = _move();
        bytes[5] memory wrong = [
            _contract(B, owner(A), 0, 3),
            _contract(A, owner(B), 0, 3),
            _contract(A, address(0), 0, 3),
            _contract(A, owner(A), 3, 3),
            bytes("")
        ];
        for (uint256 i = 0; i < 5; ++i) {
            changes[0].next = wrong[i];
            vm.expectRevert(reason);
            terms.announceContracts(changes, 5, "");
        }
        (changes,) = _move();
        changes[0].path = tail(changes[0].path, 32);
        vm.expectRevert(reason);
        terms.announceContracts(changes, 5, "");
        (changes,) = _move();
        changes[0].before = _contract(A, owner(A), 1, 1); // not what is in force
        vm.expectRevert(reason);
        terms.announceContracts(changes, 5, "");
    }

    function test_slotsOfABusMayBeExchangedWithoutSignature() public {
        bytes32[] memory leaves = _places();
        IMarketTerms.ContractChange[] memory changes = new IMarketTerms.ContractChange[](2);
        (uint256[2] memory who, uint32[2] memory slots) = ([B, C], [uint32(1), 0]);
        bytes32 root;
        for (uint256 i = 0; i < 2; ++i) {
            changes[i].before = contractRecord(who[i]);
            changes[i].next = _contract(who[i], owner(who[i]), 2, slots[i]);
            (, changes[i].path) = Build.plainTree(leaves, TREE_DEPTH, who[i]);
            leaves[who[i]] = Build.leaf(4, changes[i].next);
            (root,) = Build.plainTree(leaves, TREE_DEPTH, 0);
        }
        assertEq(terms.announceContracts(changes, 5, _cosigned(root)), root);
    }

    /* ------------------------------------------------ DEPLOYMENT --------------------------------------------- */

    function _notDeployed(address grid, address market, address registrar, uint256 delay) private {
        vm.expectRevert(IMarketTerms.Terms_BadConfig.selector);
        tryCreate("MarketTerms", abi.encode(address(ledger), grid, market, registrar, delay));
    }

    function test_rolesAndDelayMustMakeSense() public {
        address some = address(1);
        _notDeployed(address(0), some, some, TERMS_DELAY);
        _notDeployed(some, address(0), some, TERMS_DELAY);
        _notDeployed(some, some, address(0), TERMS_DELAY);
        _notDeployed(some, some, some, TERMS_DELAY - 1);
        _notDeployed(some, some, some, uint256(2) ** 32);
    }

    function test_onlyTheTermsOfAMarketBeginItsAmendments() public {
        vm.expectPartialRevert(bytes4(keccak256("Ledger_Unauthorised()")));
        ledger.beginAmendments();
        // terms that the ledger does not name cannot change anything
        MarketTerms foreign = _termsWith(address(this));
        uint32 version = registry.registerGrid(_grid(4000, 5000, 900));
        bytes memory signature = _signed(version, 1000);
        vm.expectPartialRevert(bytes4(keccak256("Ledger_Unauthorised()")));
        foreign.tighten(version, 1000, signature);
    }
}
