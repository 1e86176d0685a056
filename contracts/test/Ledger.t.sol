// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingLedger} from "../src/interfaces/IClearingLedger.sol";
import {ICommitReveal} from "../src/interfaces/ICommitReveal.sol";
import {IOrderLog} from "../src/interfaces/IOrderLog.sol";
import {Policies} from "../src/libraries/Policies.sol";
import {HeaderEvidence} from "../src/types/Evidence.sol";
import {Market} from "./support/Market.sol";

/// @dev The life of a header: orders, seed, post, void, final, frozen.
contract LedgerTest is Market {
    function test_anHonestHeaderIsPostedAndBecomesFinal() public {
        Posted memory p = postInterval(example());
        assertEq(ledger.head(), 1);
        assertEq(ledger.finalHead(), 0);
        assertEq(ledger.requireHeader(p.header), 1);
        Final memory state = stateOf(p.header);
        vm.expectRevert(abi.encodeWithSelector(IClearingLedger.Ledger_NotFinal.selector, 1));
        ledger.requireFinal(state.interval, state.headerHash, state.stateRoot);
        passWindow();
        assertEq(ledger.finalHead(), 1);
        ledger.requireFinal(state.interval, state.headerHash, state.stateRoot);
        state.stateRoot = keccak256("another");
        vm.expectRevert(abi.encodeWithSelector(IClearingLedger.Ledger_UnknownHeader.selector, 1));
        ledger.requireFinal(state.interval, state.headerHash, state.stateRoot);
    }

    function test_intervalsFollowEachOtherRoundTheRing() public {
        Interval memory v = example();
        Posted memory first = postInterval(v);
        for (uint256 i = 1; i < 2 * RING; ++i) {
            passWindow();
            v = following(v);
            postInterval(v);
        }
        assertEq(ledger.head(), 2 * RING);
        vm.expectRevert(abi.encodeWithSelector(IClearingLedger.Ledger_UnknownHeader.selector, 1));
        ledger.requireHeader(first.header);
    }

    function test_marketAndHashesAreThoseOfTheProtocol() public view {
        Interval memory v = example();
        bytes32 gridHash = keccak256(bytes.concat(hex"09", packedGrid()));
        bytes32 marketId = keccak256(
            abi.encodePacked(
                uint8(7), policyHash(), gridHash, contractsRoot(v), stateRoot(v.pre), keccak256("a test market")
            )
        );
        bytes32 domainHash = keccak256(abi.encode(uint256(1), block.chainid, address(ledger), marketId));
        assertEq(ledger.marketId(), marketId);
        assertEq(ledger.domainHash(), domainHash);
        assertEq(ledger.genesisHash(), keccak256(abi.encodePacked(uint8(8), domainHash, stateRoot(v.pre))));
        Posted memory p = commitment(v, bytes32("seed"), 1);
        p.header.previousHash = ledger.genesisHash();
        bytes32 body = keccak256(bytes.concat(domainHash, p.header.payload));
        assertEq(ledger.hashHeader(p.header), keccak256(bytes.concat(p.header.previousHash, body)));
    }

    /* ------------------------------------------------ REFUSED ------------------------------------------------ */

    struct Draft {
        bytes32 previousHash;
        bytes payload;
        bytes certificate;
    }

    function _draft() private returns (Draft memory d) {
        Interval memory v = example();
        Posted memory p = commitment(v, fixInputs(v), ledger.gridVersion());
        d = Draft(ledger.genesisHash(), p.header.payload, p.certificate);
    }

    function _refused(Draft memory d, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(OPERATOR);
        ledger.post(_sent(d));
        assertEq(ledger.head(), 0);
    }

    function _sent(Draft memory d) private pure returns (bytes memory) {
        return sentOf(d.previousHash, d.payload, d.certificate);
    }

    function _selector(bytes4 selector) private pure returns (bytes memory) {
        return abi.encodePacked(selector);
    }

    /// @dev What is kept of a root is a digest of all of it.
    function test_post_everyByteOfTheOrdersRootCounts() public {
        Draft memory d = _draft();
        for (uint256 i = 4; i < 36; ++i) {
            d.payload[i] = bytes1(uint8(d.payload[i]) ^ 1);
            _refused(d, _selector(IClearingLedger.Ledger_WrongInputs.selector));
            d.payload[i] = bytes1(uint8(d.payload[i]) ^ 1);
        }
    }

    function test_post_refusesEveryWrongField() public {
        Draft memory d = _draft();
        uint256 snapshot = vm.snapshotState();
        uint256[6] memory offsets = [uint256(0), 4, 68, 164, 292, 296];
        bytes[6] memory reasons = [
            abi.encodeWithSelector(IClearingLedger.Ledger_WrongInterval.selector, 1),
            _selector(IClearingLedger.Ledger_WrongInputs.selector),
            _selector(IClearingLedger.Ledger_WrongPrevious.selector),
            _selector(IClearingLedger.Ledger_WrongBusVector.selector),
            _selector(IClearingLedger.Ledger_WrongInputs.selector),
            _selector(IClearingLedger.Ledger_WrongInputs.selector)
        ];
        for (uint256 i = 0; i < offsets.length; ++i) {
            d.payload[offsets[i]] = bytes1(uint8(d.payload[offsets[i]]) ^ 1);
            _refused(d, reasons[i]);
            d.payload[offsets[i]] = bytes1(uint8(d.payload[offsets[i]]) ^ 1);
        }
        vm.revertToState(snapshot);
    }

    function test_post_putsInWhatTheMarketFixesWhateverTheOperatorThinks() public {
        Draft memory d = _draft();
        bytes32 honest = ledger.hashHeader(HeaderEvidence(d.previousHash, d.payload));
        // contracts, shares, policy, dispatched, debit sum
        uint256[5] memory offsets = [uint256(132), 228, 260, 384, 400];
        for (uint256 i = 0; i < offsets.length; ++i) {
            bytes memory payload = bytes.concat(d.payload);
            payload[offsets[i]] ^= 0x01;
            uint256 snapshot = vm.snapshotState();
            vm.prank(OPERATOR);
            ledger.post(sentOf(d.previousHash, payload, d.certificate));
            ledger.requireHeader(HeaderEvidence(d.previousHash, d.payload));
            assertTrue(ledger.hashHeader(HeaderEvidence(d.previousHash, payload)) != honest, "it was another header");
            vm.revertToState(snapshot);
        }
    }

    function test_post_refusesTooFewBytes() public {
        Draft memory d = _draft();
        bytes memory sent = part(_sent(d), 0, 355);
        vm.startPrank(OPERATOR);
        vm.expectRevert(IClearingLedger.Ledger_PayloadLength.selector);
        ledger.post(sent);
        vm.expectRevert(IClearingLedger.Ledger_PayloadLength.selector);
        ledger.postInstead(sent, "", OPERATOR);
    }

    function test_post_refusesAnotherPreviousHash() public {
        Draft memory d = _draft();
        d.previousHash = keccak256("another");
        _refused(d, _selector(IClearingLedger.Ledger_WrongPrevious.selector));
    }

    function test_post_refusesWhoIsNoSigner() public {
        Draft memory d = _draft();
        vm.expectRevert(IClearingLedger.Ledger_NotSigner.selector);
        vm.prank(WATCHER);
        ledger.post(_sent(d));
        vm.expectRevert(IClearingLedger.Ledger_NotSigner.selector);
        vm.prank(WATCHER);
        ledger.postInstead(_sent(d), "", OPERATOR);
    }

    function test_post_isReservedForWhoFixedTheOrdersAndAnotherSignerPostsInstead() public {
        Draft memory d = _draft();
        vm.expectRevert(IClearingLedger.Ledger_NotReserved.selector);
        vm.prank(vm.addr(101));
        ledger.post(_sent(d));
        vm.expectRevert(IClearingLedger.Ledger_NotReserved.selector);
        vm.prank(vm.addr(101));
        ledger.postInstead(_sent(d), "", vm.addr(101));
        vm.prank(vm.addr(101));
        ledger.postInstead(_sent(d), "", OPERATOR);
        assertEq(ledger.operator(), vm.addr(101));
        assertEq(ledger.head(), 1);
    }

    function test_post_isNoLongerReservedForWhomTheBondHasForgotten() public {
        Draft memory d = _draft();
        uint256 reserved = vm.snapshotState();
        vm.prank(TREASURER);
        bond.announceWithdrawal(BOND);
        _refused(d, _selector(IClearingLedger.Ledger_NotSigner.selector));
        vm.expectRevert(IClearingLedger.Ledger_NotSigner.selector);
        vm.prank(OPERATOR);
        ledger.postInstead(_sent(d), "", OPERATOR);
        // the same with a seed that comes only then
        vm.revertToState(reserved);
        vm.prank(TREASURER);
        bond.announceWithdrawal(1);
        _refused(d, _selector(IClearingLedger.Ledger_NotReserved.selector));
        vm.prank(OPERATOR);
        ledger.postInstead(_sent(d), "", OPERATOR);
        assertEq(ledger.head(), 1);
    }

    function test_post_bySomebodyDismissedIsRefused() public {
        Draft memory d = _draft();
        vm.prank(TREASURER);
        bond.announceSigner(OPERATOR, false);
        vm.warp(block.timestamp + DELAY);
        bond.setSigner(OPERATOR);
        _refused(d, _selector(IClearingLedger.Ledger_NotSigner.selector));
        vm.expectRevert(IClearingLedger.Ledger_NotSigner.selector);
        vm.prank(OPERATOR);
        ledger.postInstead(_sent(d), "", OPERATOR);
    }

    function test_post_aSeedWithoutAnOperatorIsReservedForNobody() public {
        Interval memory v = example();
        vm.prank(OPERATOR);
        ledger.commitOrders(1, ordersRoot(v));
        vm.prank(address(bond));
        ledger.forgetOperator();
        bytes32 seed = beacon.reveal(1, preimages());
        Posted memory p = commitment(v, seed, ledger.gridVersion());
        Draft memory d = Draft(ledger.genesisHash(), p.header.payload, p.certificate);
        assertTrue(ledger.hasInputs(1, ordersRoot(v), seed, address(0), 1, opening()), "open to any signer");
        _refused(d, _selector(IClearingLedger.Ledger_NotReserved.selector));
        vm.prank(vm.addr(102));
        ledger.postInstead(_sent(d), "", address(0));
        assertEq(ledger.head(), 1);
        // and it goes on from there
        lastHash = ledger.hashHeader(HeaderEvidence(d.previousHash, d.payload));
        postInterval(following(v));
        assertEq(ledger.head(), 2);
    }

    function test_post_refusesBeforeOrdersAreFixed() public {
        Interval memory v = example();
        Posted memory p = commitment(v, bytes32("seed"), ledger.gridVersion());
        Draft memory d = Draft(ledger.genesisHash(), p.header.payload, p.certificate);
        _refused(d, _selector(IClearingLedger.Ledger_WrongInputs.selector));
    }

    function test_post_refusesBeforeTheSeedIsKnown() public {
        Interval memory v = example();
        vm.prank(OPERATOR);
        ledger.commitOrders(1, ordersRoot(v));
        Posted memory p = commitment(v, bytes32(0), ledger.gridVersion());
        Draft memory d = Draft(ledger.genesisHash(), p.header.payload, p.certificate);
        _refused(d, _selector(IClearingLedger.Ledger_WrongInputs.selector));
    }

    function test_acceptSeed_refusesWhatWouldOverwriteWhatCanStillBeDisputed() public {
        Interval memory v = example();
        postInterval(v);
        // a header needs the one before it, and orders are fixed for two intervals more
        for (uint256 i = 1; i < RING - 3; ++i) {
            v = following(v);
            postInterval(v);
        }
        v = following(v);
        vm.prank(OPERATOR);
        ledger.commitOrders(v.number, ordersRoot(v));
        bytes32[] memory p = preimages();
        vm.expectRevert(IClearingLedger.Ledger_RingFull.selector);
        beacon.reveal(v.number, p);
        passWindow();
        beacon.reveal(v.number, p);
    }

    function test_deploy_refusesContradictions() public {
        IClearingLedger.Config memory c = _config();
        c.ringSize = 3;
        _refusedConfig(c);
        c.ringSize = ledger.MAX_RING() + 1;
        _refusedConfig(c);
        c = _config();
        c.signatures = 0;
        _refusedConfig(c);
        c = _config();
        c.beacon = address(0);
        _refusedConfig(c);
        c = _config();
        c.deadlineSeconds = 0;
        _refusedConfig(c);
        c = _config();
        c.gridVersion = 7;
        vm.expectRevert(abi.encodeWithSignature("GridRegistry_UnknownVersion(uint32)", 7));
        tryCreate("ClearingLedger", abi.encode(c, packedPolicy()));
    }

    /// @dev The ledger keeps what readings are settled against as long as that can be disputed.
    function test_deploy_hasRoomForLateReadings() public {
        IClearingLedger.Config memory c = _config();
        bytes memory late = packedPolicy();
        vm.expectRevert(Policies.Policies_WrongPolicy.selector);
        tryCreate("ClearingLedger", abi.encode(c, new bytes(94)));
        late[61] = bytes1(uint8(2));
        vm.expectRevert(Policies.Policies_WrongPolicy.selector);
        tryCreate("ClearingLedger", abi.encode(c, late));
        c.policyHash = keccak256(abi.encodePacked(uint8(0x0a), late));
        c.ringSize = 5;
        vm.expectRevert(IClearingLedger.Ledger_BadConfig.selector);
        tryCreate("ClearingLedger", abi.encode(c, late));
        c.ringSize = 6;
        create("ClearingLedger", abi.encode(c, late));
    }

    function _refusedConfig(IClearingLedger.Config memory c) private {
        vm.expectRevert(IClearingLedger.Ledger_BadConfig.selector);
        tryCreate("ClearingLedger", abi.encode(c, packedPolicy()));
    }

    function _config() private view returns (IClearingLedger.Config memory) {
        return IClearingLedger.Config({
            registry: address(registry),
            beacon: address(beacon),
            bond: address(bond),
            faults: address(faults),
            terms: address(terms),
            policyHash: policyHash(),
            contractsRoot: 0,
            sharesRoot: 0,
            genesisStateRoot: 0,
            genesisNonce: 0,
            gridVersion: 1,
            participants: 0,
            windowSeconds: 1,
            deadlineSeconds: 1,
            ringSize: 4,
            signatures: 1,
            eager: true
        });
    }

    /* ------------------------------------------------ SIGNERS ------------------------------------------------ */

    function _signatures(bytes32 headerHash) private view returns (bytes memory list) {
        bytes32 structHash = headerStruct(headerHash, 0);
        return cosigned(structHash, 2);
    }

    function _threeSigners() private returns (Draft memory d, bytes memory list) {
        deploy(3, true);
        d = _draft();
        list = _signatures(ledger.hashHeader(HeaderEvidence(d.previousHash, d.payload)));
    }

    function test_postSigned_takesAllThree() public {
        (Draft memory d, bytes memory list) = _threeSigners();
        vm.prank(OPERATOR);
        ledger.postSigned(_sent(d), list);
        assertEq(ledger.head(), 1);
    }

    function test_postSigned_refusesTooFewDoubledForeignOrNone() public {
        (Draft memory d, bytes memory list) = _threeSigners();
        bytes memory sent = _sent(d);
        vm.expectRevert(IClearingLedger.Ledger_TooFewSignatures.selector);
        vm.prank(OPERATOR);
        ledger.post(sent);
        bytes memory first = part(list, 0, 64);
        _refusedSignatures(d, first, IClearingLedger.Ledger_TooFewSignatures.selector);
        _refusedSignatures(d, bytes.concat(list, hex"00"), IClearingLedger.Ledger_TooFewSignatures.selector);
        bytes memory doubled = bytes.concat(first, first);
        _refusedSignatures(d, doubled, IClearingLedger.Ledger_TooFewSignatures.selector);
        bytes memory foreign = _signatures(keccak256("another header"));
        _refusedSignatures(d, foreign, IClearingLedger.Ledger_NotSigner.selector);
        vm.expectRevert(IClearingLedger.Ledger_TooFewSignatures.selector);
        vm.prank(OPERATOR);
        ledger.postInstead(sent, first, OPERATOR);
    }

    function test_postSigned_refusesWhoWasDismissed() public {
        (Draft memory d, bytes memory list) = _threeSigners();
        vm.prank(address(bond));
        ledger.setSigner(vm.addr(102), false);
        vm.expectRevert(IClearingLedger.Ledger_NotSigner.selector);
        vm.prank(OPERATOR);
        ledger.postInstead(_sent(d), list, OPERATOR);
    }

    function _refusedSignatures(Draft memory d, bytes memory list, bytes4 reason) private {
        vm.expectPartialRevert(reason);
        vm.prank(OPERATOR);
        ledger.postSigned(_sent(d), list);
    }

    /// @dev A second signer's one mistake costs one penalty: what has fallen does not stand again on its old signature.
    function test_postInstead_whatFellIsSignedAnew() public {
        (Draft memory d, bytes memory list) = _threeSigners();
        HeaderEvidence memory h = HeaderEvidence(d.previousHash, d.payload);
        bytes32 hash = ledger.hashHeader(h);
        vm.prank(OPERATOR);
        ledger.postSigned(_sent(d), list);
        vm.warp(START + 50);
        vm.prank(address(faults));
        ledger.voidFrom(h, false);
        assertEq(ledger.restartedAt(), START + 50);
        bytes memory sent = _sent(d);
        vm.expectPartialRevert(IClearingLedger.Ledger_NotSigner.selector);
        vm.prank(OPERATOR);
        ledger.postInstead(sent, list, address(0));
        bytes memory anew = cosigned(headerStruct(hash, ledger.restartedAt()), 2);
        vm.prank(OPERATOR);
        ledger.postInstead(sent, anew, address(0));
        assertEq(ledger.head(), 1);
        // and once more
        vm.warp(START + 60);
        vm.prank(address(faults));
        ledger.voidFrom(h, false);
        vm.expectPartialRevert(IClearingLedger.Ledger_NotSigner.selector);
        vm.prank(OPERATOR);
        ledger.postInstead(sent, anew, address(0));
        // nor by the call for other terms
        (bytes32 p, bytes32 s, bytes32 c) = (ledger.policyHash(), ledger.sharesRoot(), ledger.contractsRoot());
        vm.expectPartialRevert(IClearingLedger.Ledger_NotSigner.selector);
        vm.prank(OPERATOR);
        ledger.postAmended(sent, anew, address(0), p, s, c);
        anew = cosigned(headerStruct(hash, ledger.restartedAt()), 2);
        vm.prank(OPERATOR);
        ledger.postAmended(sent, anew, address(0), p, s, c);
        assertEq(ledger.head(), 1);
    }

    /* ------------------------------------------------ ORDERS OF SEVERAL SIGNERS ------------------------------- */

    function _ordersSigned(uint32 interval, bytes32 root, uint32 until, uint256 count)
        private
        view
        returns (bytes memory)
    {
        return cosigned(keccak256(abi.encode(ORDERS_TYPEHASH, interval, root, until)), count);
    }

    function _refusedOrders(uint32 until, bytes memory list, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(OPERATOR);
        ledger.commitOrdersSigned(1, bytes32("orders"), until, list);
    }

    /// @dev Whoever fixes orders that nobody may clear stops the market, so it takes as many as a header does.
    function test_commitOrdersSigned_noSignerFixesOrdersAlone() public {
        deploy(3, true);
        uint32 until = uint32(block.timestamp);
        bytes memory tooFew = _selector(IClearingLedger.Ledger_TooFewSignatures.selector);
        vm.expectRevert(tooFew);
        vm.prank(OPERATOR);
        ledger.commitOrders(1, bytes32("orders"));
        _refusedOrders(until, "", tooFew);
        _refusedOrders(until, _ordersSigned(1, bytes32("orders"), until, 1), tooFew);
        bytes memory list = _ordersSigned(1, bytes32("orders"), until, 2);
        _refusedOrders(until, bytes.concat(part(list, 0, 64), part(list, 0, 64)), tooFew);
        _refusedOrders(until, bytes.concat(list, hex"00"), tooFew);
        assertEq(ledger.ordersCommittedAt(1), 0);
        vm.prank(OPERATOR);
        ledger.commitOrdersSigned(1, bytes32("orders"), until, list);
        assertEq(ledger.ordersCommittedAt(1), block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(IOrderLog.OrderLog_AlreadyCommitted.selector, 1));
        vm.prank(OPERATOR);
        ledger.commitOrdersSigned(1, bytes32("orders"), until, list);
    }

    function test_commitOrdersSigned_signaturesAreForTheseOrdersAndEnd() public {
        deploy(3, true);
        uint32 until = uint32(block.timestamp + 10);
        bytes memory notSigner = _selector(IClearingLedger.Ledger_NotSigner.selector);
        _refusedOrders(until, _ordersSigned(2, bytes32("orders"), until, 2), notSigner);
        _refusedOrders(until, _ordersSigned(1, bytes32("others"), until, 2), notSigner);
        _refusedOrders(until, _ordersSigned(1, bytes32("orders"), until + 1, 2), notSigner);
        bytes memory list = _ordersSigned(1, bytes32("orders"), until, 2);
        vm.warp(until + 1);
        _refusedOrders(until, list, abi.encodeWithSelector(IOrderLog.OrderLog_SignaturesEnded.selector, until));
        vm.warp(until);
        vm.expectRevert(IClearingLedger.Ledger_NotSigner.selector);
        vm.prank(address(0xbad));
        ledger.commitOrdersSigned(1, bytes32("orders"), until, list);
        vm.prank(address(bond));
        ledger.setSigner(vm.addr(102), false);
        _refusedOrders(until, list, notSigner);
    }

    /// @dev Where one signer suffices the list may be empty, and who is on it must be a signer all the same.
    function test_commitOrdersSigned_alsoWhereOneSuffices() public {
        uint32 until = uint32(block.timestamp);
        vm.prank(OPERATOR);
        ledger.commitOrdersSigned(1, bytes32("orders"), until, "");
        assertEq(ledger.ordersCommittedAt(1), block.timestamp);
    }

    /* ------------------------------------------------ ORDERS AND SEEDS --------------------------------------- */

    function test_commitOrders_onlyTheTwoIntervalsAfterTheHead() public {
        vm.startPrank(OPERATOR);
        vm.expectRevert(abi.encodeWithSelector(IOrderLog.OrderLog_IntervalNotOpen.selector, 0, 0));
        ledger.commitOrders(0, bytes32("x"));
        vm.expectRevert(abi.encodeWithSelector(IOrderLog.OrderLog_IntervalNotOpen.selector, 3, 0));
        ledger.commitOrders(3, bytes32("x"));
        ledger.commitOrders(2, bytes32("x"));
        ledger.commitOrders(1, bytes32("x"));
        assertEq(ledger.ordersCommittedAt(1), uint32(block.timestamp));
        vm.expectRevert(abi.encodeWithSelector(IOrderLog.OrderLog_AlreadyCommitted.selector, 1));
        ledger.commitOrders(1, bytes32("y"));
        vm.stopPrank();
        vm.expectRevert(IClearingLedger.Ledger_NotSigner.selector);
        ledger.commitOrders(1, bytes32("x"));
    }

    function test_commitOrders_isFinalAlsoAfterTheSeedIsKnown() public {
        Interval memory v = example();
        bytes32 seed = fixInputs(v);
        assertTrue(ledger.hasInputs(1, ordersRoot(v), seed, OPERATOR, 1, opening()), "both inputs are fixed");
        assertTrue(!ledger.hasInputs(1, ordersRoot(v), bytes32(0), OPERATOR, 1, opening()), "and nothing else");
        vm.expectRevert(abi.encodeWithSelector(IOrderLog.OrderLog_AlreadyCommitted.selector, 1));
        vm.prank(OPERATOR);
        ledger.commitOrders(1, bytes32("better"));
    }

    function test_acceptSeed_onlyFromTheBeaconAndOnce() public {
        vm.expectRevert(IOrderLog.OrderLog_OnlyBeacon.selector);
        ledger.acceptSeed(1, bytes32("mine"));
        vm.expectRevert(abi.encodeWithSelector(IOrderLog.OrderLog_NotAwaitingSeed.selector, 1));
        vm.prank(address(beacon));
        ledger.acceptSeed(1, bytes32("early"));
        fixInputs(example());
        vm.expectRevert(abi.encodeWithSelector(IOrderLog.OrderLog_NotAwaitingSeed.selector, 1));
        vm.prank(address(beacon));
        ledger.acceptSeed(1, bytes32("again"));
    }

    function test_reveal_isTheFormulaOfTheProtocol() public {
        Interval memory v = example();
        bytes32[] memory p = preimages();
        bytes32 seed = fixInputs(v);
        assertEq(seed, keccak256(abi.encodePacked(ledger.domainHash(), uint32(1), p[0], p[1])));
    }

    function test_reveal_refusesWrongLinks() public {
        vm.prank(OPERATOR);
        ledger.commitOrders(1, bytes32("x"));
        bytes32[] memory p = preimages();
        vm.expectRevert(abi.encodeWithSelector(ICommitReveal.CommitReveal_NotNext.selector, 2));
        beacon.reveal(2, p);
        p[1] = bytes32("chosen");
        vm.expectRevert(abi.encodeWithSelector(ICommitReveal.CommitReveal_WrongPreimage.selector, 1));
        beacon.reveal(1, p);
        vm.expectRevert(ICommitReveal.CommitReveal_WrongCount.selector);
        beacon.reveal(1, new bytes32[](1));
    }

    function test_reveal_keepsItsLinksWhenOrdersAreNotFixed() public {
        bytes32 tip = beacon.tip(0);
        bytes32[] memory p = preimages();
        vm.expectRevert(abi.encodeWithSelector(IOrderLog.OrderLog_NotAwaitingSeed.selector, 1));
        beacon.reveal(1, p);
        assertEq(beacon.tip(0), tip);
    }

    /* ------------------------------------------------ VOID --------------------------------------------------- */

    function test_void_takesTheHeadBackAndTheSameInputsStand() public {
        Interval memory v = example();
        Posted memory p = postInterval(v);
        voidFrom(p.header, false);
        assertEq(ledger.head(), 0);
        assertEq(ledger.operator(), address(0));
        vm.expectRevert(abi.encodeWithSelector(IClearingLedger.Ledger_UnknownHeader.selector, 1));
        ledger.requireHeader(p.header);
        // the next operator clears the same orders under the same seed
        vm.expectRevert(IClearingLedger.Ledger_NotReserved.selector);
        vm.prank(OPERATOR);
        ledger.post(sentOf(p));
        vm.prank(vm.addr(102));
        ledger.postInstead(sentOf(p), "", address(0));
        assertEq(ledger.head(), 1);
    }

    function test_void_everythingAfterItToo() public {
        Interval memory v = example();
        postInterval(v);
        Interval memory w = following(v);
        Posted memory second = postInterval(w);
        Posted memory third = postInterval(following(w));
        // the fourth has its seed already
        Interval memory x = following(following(w));
        bytes32 seed = fixInputs(x);
        voidFrom(second.header, false);
        assertEq(ledger.head(), 1);
        vm.expectRevert(abi.encodeWithSelector(IClearingLedger.Ledger_UnknownHeader.selector, 3));
        ledger.requireHeader(third.header);
        vm.expectRevert(abi.encodeWithSelector(IClearingLedger.Ledger_WrongInterval.selector, 2));
        vm.prank(OPERATOR);
        ledger.post(sentOf(third));
        // all of them stand again with their orders and seeds, one after the other
        _instead(second);
        vm.expectRevert(IClearingLedger.Ledger_WrongInputs.selector);
        vm.prank(OPERATOR);
        ledger.postInstead(sentOf(third), "", address(0));
        vm.expectRevert(abi.encodeWithSelector(IClearingLedger.Ledger_UnknownHeader.selector, 2));
        ledger.restoreInputs(second.header);
        vm.prank(WATCHER);
        ledger.restoreInputs(third.header);
        vm.expectRevert(abi.encodeWithSelector(IClearingLedger.Ledger_UnknownHeader.selector, 3));
        ledger.restoreInputs(third.header);
        _instead(third);
        assertTrue(ledger.hasInputs(4, ordersRoot(x), seed, OPERATOR, 1, opening()), "the seed of the fourth stands");
        Posted memory fourth = commitment(x, seed, ledger.gridVersion());
        fourth.header.previousHash = ledger.hashHeader(third.header);
        vm.expectRevert(IClearingLedger.Ledger_NotReserved.selector);
        vm.prank(OPERATOR);
        ledger.post(sentOf(fourth));
        vm.prank(OPERATOR);
        ledger.postInstead(sentOf(fourth), "", OPERATOR);
        assertEq(ledger.head(), 4);
        // and headers go on as before
        lastHash = ledger.hashHeader(fourth.header);
        postInterval(following(x));
        assertEq(ledger.head(), 5);
    }

    function _instead(Posted memory p) private {
        vm.prank(vm.addr(101));
        ledger.postInstead(sentOf(p), "", address(0));
    }

    function test_void_ofOrdersOpensThemAloneAndKeepsLaterOnes() public {
        Interval memory v = example();
        Posted memory first = postInterval(v);
        Posted memory second = postInterval(following(v));
        voidFrom(first.header, true);
        assertEq(ledger.head(), 0);
        vm.expectRevert(abi.encodeWithSelector(IClearingLedger.Ledger_UnknownHeader.selector, 1));
        ledger.restoreInputs(first.header);
        ledger.restoreInputs(second.header);
        vm.expectRevert(IClearingLedger.Ledger_WrongInputs.selector);
        vm.prank(OPERATOR);
        ledger.postInstead(sentOf(first), "", address(0));
        vm.startPrank(OPERATOR);
        vm.expectRevert(abi.encodeWithSelector(IOrderLog.OrderLog_AlreadyCommitted.selector, 2));
        ledger.commitOrders(2, bytes32("better"));
        ledger.commitOrders(1, bytes32("corrected"));
        vm.stopPrank();
        beacon.reveal(1, preimages());
    }

    function test_void_neverAFinalOneNorAnUnknownOne() public {
        HeaderEvidence memory h = postInterval(example()).header;
        HeaderEvidence memory unknown = HeaderEvidence(lastHash, bytes.concat(h.payload));
        vm.startPrank(address(faults));
        vm.expectRevert(abi.encodeWithSelector(IClearingLedger.Ledger_UnknownHeader.selector, 1));
        ledger.voidFrom(unknown, false);
        unknown.payload[3] = 0x02;
        vm.expectRevert(abi.encodeWithSelector(IClearingLedger.Ledger_UnknownHeader.selector, 2));
        ledger.voidFrom(unknown, false);
        unknown.payload[3] = 0x00;
        vm.expectRevert(abi.encodeWithSelector(IClearingLedger.Ledger_UnknownHeader.selector, 0));
        ledger.voidFrom(unknown, false);
        unknown.payload = "";
        vm.expectRevert(IClearingLedger.Ledger_PayloadLength.selector);
        ledger.voidFrom(unknown, false);
        vm.warp(block.timestamp + WINDOW);
        vm.expectRevert(IClearingLedger.Ledger_AlreadyFinal.selector);
        ledger.voidFrom(h, false);
    }

    /// @dev Post an interval with a state of the operator's own.
    function _postLie(Interval memory v, bytes32 stolen) private returns (Final memory, HeaderEvidence memory h) {
        Posted memory p = commitment(v, fixInputs(v), ledger.gridVersion());
        bytes memory payload = p.header.payload;
        assembly ("memory-safe") { mstore(add(payload, 132), stolen) }
        vm.prank(OPERATOR);
        ledger.post(sentOf(lastHash, payload, p.certificate));
        h = HeaderEvidence(lastHash, payload);
        lastHash = ledger.hashHeader(h);
        return (Final(v.number, lastHash, stolen), h);
    }

    function test_void_whatIsLeftInTheRingAnswersForNoInterval() public {
        Interval memory v = example();
        postInterval(v);
        for (uint256 i = 1; i < RING; ++i) {
            passWindow();
            v = following(v);
            postInterval(v);
        }
        passWindow();
        (Final memory lie, HeaderEvidence memory header) = _postLie(following(v), keccak256("stolen"));
        assertEq(lie.interval, RING + 1);
        voidFrom(header, false);
        passWindow();
        for (lie.interval = 0; lie.interval < 3 * RING; ++lie.interval) {
            vm.expectRevert(abi.encodeWithSelector(IClearingLedger.Ledger_UnknownHeader.selector, lie.interval));
            ledger.requireFinal(lie.interval, lie.headerHash, lie.stateRoot);
        }
        vm.expectRevert(abi.encodeWithSelector(IClearingLedger.Ledger_UnknownHeader.selector, 1));
        ledger.postedAt(1);
    }

    function test_void_ofAsMuchAsTheRingAllowsLeavesTheLastFinalHeaderAndAllInputs() public {
        Interval memory v = example();
        postInterval(v);
        passWindow();
        bytes32 final_ = lastHash;
        Final memory last = Final(1, final_, stateRoot(v.post));
        v = following(v);
        Posted memory second = postInterval(v);
        Interval memory w = v;
        for (uint256 i = 1; i < RING - 3; ++i) {
            w = following(w);
            postInterval(w);
        }
        // the longest run of disputable headers, and orders fixed as far ahead as they may be
        uint32 head = ledger.head();
        assertEq(head, RING - 2);
        vm.startPrank(OPERATOR);
        ledger.commitOrders(head + 1, bytes32("ahead"));
        ledger.commitOrders(head + 2, bytes32("further ahead"));
        vm.stopPrank();
        bytes32 voided = lastHash;
        bytes32 root = stateRoot(w.post);
        voidFrom(second.header, false);
        assertEq(ledger.finalHead(), 1);
        ledger.requireFinal(last.interval, last.headerHash, last.stateRoot);
        vm.expectPartialRevert(IClearingLedger.Ledger_UnknownHeader.selector);
        ledger.requireFinal(1, voided, root);
        vm.expectRevert(IClearingLedger.Ledger_WrongPrevious.selector);
        vm.prank(OPERATOR);
        ledger.postInstead(sentOf(voided, second.header.payload, second.certificate), "", address(0));
        vm.expectPartialRevert(IOrderLog.OrderLog_AlreadyCommitted.selector);
        vm.prank(OPERATOR);
        ledger.commitOrders(2, bytes32("better"));
        vm.prank(OPERATOR);
        ledger.postInstead(sentOf(final_, second.header.payload, second.certificate), "", address(0));
        assertEq(ledger.head(), 2);
    }

    function test_void_onlyByFaultProofs() public {
        HeaderEvidence memory h = postInterval(example()).header;
        vm.expectRevert(IClearingLedger.Ledger_Unauthorised.selector);
        ledger.voidFrom(h, false);
        vm.expectRevert(IClearingLedger.Ledger_Unauthorised.selector);
        ledger.forgetOperator();
        vm.expectRevert(IClearingLedger.Ledger_Unauthorised.selector);
        ledger.setSigner(WATCHER, true);
    }

    function test_nextGate_neverGoesBack() public {
        Interval memory v = example();
        assertEq(ledger.nextGate(), 3);
        HeaderEvidence memory first = postInterval(v).header;
        postInterval(following(v));
        assertEq(ledger.nextGate(), 5);
        voidFrom(first, false);
        assertEq(ledger.nextGate(), 5);
    }

    function test_nextGate_remembersAVoidUntilTheHeadIsThereAgain() public {
        Interval memory v = example();
        Interval memory w = following(v);
        Posted memory first = postInterval(v);
        Posted memory second = postInterval(w);
        Interval memory x = following(w);
        Posted memory third = postInterval(x);
        voidFrom(first.header, true);
        assertEq(ledger.nextGate(), 6);
        // new orders, a new seed and a header like any other
        first = postInterval(v);
        assertEq(ledger.nextGate(), 6);
        ledger.restoreInputs(second.header);
        second.header.previousHash = ledger.hashHeader(first.header);
        _instead(second);
        assertEq(ledger.nextGate(), 6);
        ledger.restoreInputs(third.header);
        third.header.previousHash = ledger.hashHeader(second.header);
        _instead(third);
        assertEq(ledger.head(), 3);
        assertEq(ledger.nextGate(), 6);
        lastHash = ledger.hashHeader(third.header);
        postInterval(following(x));
        assertEq(ledger.nextGate(), 7);
    }

    /* ------------------------------------------------ FREEZE ------------------------------------------------- */

    function test_freeze_afterAMissedDeadlineAndNotBefore() public {
        postInterval(example());
        uint256 deadline = block.timestamp + DEADLINE;
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(IClearingLedger.Ledger_NotLate.selector, deadline));
        ledger.freeze();
        vm.warp(deadline + 1);
        vm.prank(WATCHER);
        ledger.freeze();
        assertTrue(ledger.frozen() && ledger.escapable(), "everyone may leave");
        vm.expectRevert(IClearingLedger.Ledger_IsFrozen.selector);
        ledger.freeze();
        vm.expectRevert(IClearingLedger.Ledger_IsFrozen.selector);
        vm.prank(OPERATOR);
        ledger.commitOrders(2, bytes32("late"));
    }

    function test_freeze_endsWhatWasReservedAlready() public {
        Draft memory d = _draft();
        vm.warp(block.timestamp + DEADLINE + 1);
        ledger.freeze();
        _refused(d, _selector(IClearingLedger.Ledger_IsFrozen.selector));
        vm.expectRevert(IClearingLedger.Ledger_IsFrozen.selector);
        vm.prank(OPERATOR);
        ledger.postInstead(_sent(d), "", OPERATOR);
    }

    function test_freeze_takesNoSeedAnyMore() public {
        vm.prank(OPERATOR);
        ledger.commitOrders(1, bytes32("x"));
        vm.warp(block.timestamp + DEADLINE + 1);
        ledger.freeze();
        bytes32[] memory p = preimages();
        vm.expectRevert(IClearingLedger.Ledger_IsFrozen.selector);
        beacon.reveal(1, p);
    }

    function test_freeze_aVoidGivesTheNextOperatorItsTime() public {
        postInterval(example());
        passWindow();
        Interval memory w = following(example());
        HeaderEvidence memory second = postInterval(w).header;
        vm.warp(block.timestamp + WINDOW - 1);
        voidFrom(second, false);
        vm.warp(block.timestamp + DEADLINE);
        vm.expectPartialRevert(IClearingLedger.Ledger_NotLate.selector);
        ledger.freeze();
        vm.warp(block.timestamp + 1);
        ledger.freeze();
    }

    /* ------------------------------------------------ STORAGE ------------------------------------------------ */

    function test_noNewStorageSlotAfterTheFirstLap() public {
        Interval memory v = example();
        postInterval(v);
        for (uint256 i = 1; i < 2 * RING; ++i) {
            passWindow();
            v = following(v);
            bytes32 seed = fixInputs(v);
            Posted memory p = commitment(v, seed, ledger.gridVersion());
            uint256 before = vm.snapshotState();
            vm.record();
            p.header.previousHash = lastHash;
            vm.prank(OPERATOR);
            ledger.post(sentOf(p));
            (, bytes32[] memory writes) = vm.accesses(address(ledger));
            assertEq(writes.length, 1);
            bytes32 posted = ledger.hashHeader(p.header);
            if (i >= RING) {
                vm.revertToState(before);
                for (uint256 w = 0; w < writes.length; ++w) {
                    assertTrue(vm.load(address(ledger), writes[w]) != 0, "the slot was in use");
                }
                vm.prank(OPERATOR);
                ledger.post(sentOf(p));
            }
            lastHash = posted;
        }
    }
}
