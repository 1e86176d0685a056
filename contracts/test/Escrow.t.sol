// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingLedger} from "../src/interfaces/IClearingLedger.sol";
import {ISettlementEscrow} from "../src/interfaces/ISettlementEscrow.sol";
import {Records} from "../src/libraries/Records.sol";
import {HeaderEvidence, LeafEvidence} from "../src/types/Evidence.sol";
import {Build} from "./support/Build.sol";
import {Market} from "./support/Market.sol";

/// @dev Money in and out, whatever is posted and whenever anyone leaves.
contract EscrowTest is Market {
    function _final() private returns (Final memory h, Interval memory v) {
        v = example();
        h = stateOf(postInterval(v).header);
        passWindow();
    }

    function _earned(Interval memory v, uint256 i) private pure returns (uint256) {
        return v.post[i].credit - v.post[i].debit;
    }

    /* ------------------------------------------------ IN ----------------------------------------------------- */

    function test_register_onlyByTheRegistrarAndOnce() public {
        vm.expectRevert(ISettlementEscrow.Escrow_Unauthorised.selector);
        vm.prank(WATCHER);
        escrow.register(WATCHER, 7, 0);
        vm.expectRevert(ISettlementEscrow.Escrow_Unauthorised.selector);
        vm.prank(WATCHER);
        escrow.registerMany(new address[](1), 7, 0);
        vm.expectRevert(abi.encodeWithSelector(ISettlementEscrow.Escrow_CannotRegister.selector, 1));
        escrow.register(WATCHER, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(ISettlementEscrow.Escrow_CannotRegister.selector, 7));
        escrow.register(address(0), 7, 0);
        escrow.register(WATCHER, 7, 0);
        assertEq(escrow.ownerOf(7), WATCHER);
        assertEq(escrow.account(7).since, 1);
    }

    function test_deposit_anyoneMayAdd() public {
        token.mint(WATCHER, 5);
        vm.startPrank(WATCHER);
        token.approve(address(escrow), 5);
        escrow.deposit(uint32(A), 5);
        vm.expectRevert(abi.encodeWithSelector(ISettlementEscrow.Escrow_NotRegistered.selector, 9));
        escrow.deposit(9, 5);
        vm.stopPrank();
        assertEq(escrow.account(uint32(A)).deposit, DEPOSIT + 5);
    }

    function _permit(uint256 amount) private view returns (uint8 v, bytes32 r, bytes32 s) {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"),
                owner(A),
                address(escrow),
                amount,
                token.nonces(owner(A)),
                type(uint256).max
            )
        );
        return vm.sign(key(A), keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), structHash)));
    }

    function test_depositWithPermit_needsNoApproval() public {
        token.mint(owner(A), 5);
        (uint8 v, bytes32 r, bytes32 s) = _permit(5);
        vm.prank(owner(A));
        escrow.depositWithPermit(uint32(A), 5, type(uint256).max, v, r, s);
        assertEq(escrow.account(uint32(A)).deposit, DEPOSIT + 5);
    }

    function test_depositWithPermit_survivesAPermitThatSomebodyElseSent() public {
        token.mint(owner(A), 5);
        (uint8 v, bytes32 r, bytes32 s) = _permit(5);
        token.permit(owner(A), address(escrow), 5, type(uint256).max, v, r, s);
        vm.prank(owner(A));
        escrow.depositWithPermit(uint32(A), 5, type(uint256).max, v, r, s);
        assertEq(escrow.account(uint32(A)).deposit, DEPOSIT + 5);
    }

    /* ------------------------------------------------ CLAIM -------------------------------------------------- */

    function test_claim_paysWhatWasEarnedOnce() public {
        (Final memory h, Interval memory v) = _final();
        LeafEvidence memory leaf = stateEvidence(v.post, S);
        escrow.claim(h.interval, h.headerHash, leaf);
        assertEq(token.balanceOf(owner(S)), _earned(v, S));
        vm.expectRevert(ISettlementEscrow.Escrow_NothingDue.selector);
        escrow.claim(h.interval, h.headerHash, leaf);
    }

    function test_claim_oneForAnyNumberOfIntervals() public {
        Interval memory v = example();
        postInterval(v);
        v = following(v);
        Final memory h = stateOf(postInterval(v).header);
        passWindow();
        escrow.claim(h.interval, h.headerHash, stateEvidence(v.post, S));
        assertEq(token.balanceOf(owner(S)), _earned(v, S));
    }

    function test_claim_notBeforeTheHeaderIsFinal() public {
        Interval memory v = example();
        Final memory h = stateOf(postInterval(v).header);
        LeafEvidence memory leaf = stateEvidence(v.post, S);
        vm.expectRevert(abi.encodeWithSignature("Ledger_NotFinal(uint32)", 1));
        escrow.claim(h.interval, h.headerHash, leaf);
    }

    function test_claim_notFromAVoidHeader() public {
        Interval memory v = example();
        HeaderEvidence memory posted = postInterval(v).header;
        Final memory h = stateOf(posted);
        voidFrom(posted, false);
        passWindow();
        LeafEvidence memory leaf = stateEvidence(v.post, S);
        vm.expectRevert(abi.encodeWithSignature("Ledger_UnknownHeader(uint32)", 1));
        escrow.claim(h.interval, h.headerHash, leaf);
    }

    function test_claim_refusesForgedLeaves() public {
        (Final memory h, Interval memory v) = _final();
        LeafEvidence memory leaf = stateEvidence(v.post, S);
        v.post[S].credit += 1;
        leaf.record = Build.state(v.post[S]);
        _isUnderNoHeader(h, leaf);
        v.post[S].credit -= 1;
        leaf = stateEvidence(v.pre, S);
        _isUnderNoHeader(h, leaf);
        leaf = stateEvidence(v.post, S);
        leaf.path = stateEvidence(v.post, R).path;
        _isUnderNoHeader(h, leaf);
        leaf = stateEvidence(v.post, S);
        leaf.path = bytes.concat(leaf.path, bytes32(0));
        _refused(h, leaf);
        leaf.record = "";
        _refused(h, leaf);
    }

    /// @dev The ledger keeps a header's hash and its state root in one digest: a false leaf leads to another one.
    function _isUnderNoHeader(Final memory h, LeafEvidence memory leaf) private {
        vm.expectRevert(abi.encodeWithSignature("Ledger_UnknownHeader(uint32)", h.interval));
        escrow.claim(h.interval, h.headerHash, leaf);
    }

    function _refused(Final memory h, LeafEvidence memory leaf) private {
        vm.expectRevert(ISettlementEscrow.Escrow_WrongLeaf.selector);
        escrow.claim(h.interval, h.headerHash, leaf);
    }

    function test_claim_nothingForWhoOwes() public {
        (Final memory h, Interval memory v) = _final();
        LeafEvidence memory leaf = stateEvidence(v.post, A);
        vm.expectRevert(ISettlementEscrow.Escrow_NothingDue.selector);
        escrow.claim(h.interval, h.headerHash, leaf);
    }

    function test_claimMany_passesOverWhoHasNothing() public {
        (Final memory h, Interval memory v) = _final();
        LeafEvidence[] memory leaves = new LeafEvidence[](PARTICIPANTS);
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            leaves[i] = stateEvidence(v.post, i);
        }
        uint64 paid = escrow.claimMany(h.interval, h.headerHash, leaves);
        assertEq(paid, _earned(v, S) + _earned(v, R) + _earned(v, RESERVE));
        assertEq(escrow.claimMany(h.interval, h.headerHash, leaves), 0);
    }

    /* ------------------------------------------------ WITHDRAW ----------------------------------------------- */

    function test_withdraw_waitsForAGateAfterTheAnnouncement() public {
        vm.prank(owner(R));
        escrow.announceWithdrawal(uint32(R), 4);
        Interval memory v = example();
        Final memory h = stateOf(postInterval(v).header);
        passWindow();
        LeafEvidence memory leaf = stateEvidence(v.post, R);
        vm.expectRevert(ISettlementEscrow.Escrow_NotReleased.selector);
        vm.prank(owner(R));
        escrow.withdraw(h.interval, h.headerHash, leaf);
        v = following(v);
        postInterval(v);
        v = following(v);
        h = stateOf(postInterval(v).header);
        passWindow();
        leaf = stateEvidence(v.post, R);
        vm.expectRevert(ISettlementEscrow.Escrow_Unauthorised.selector);
        escrow.withdraw(h.interval, h.headerHash, leaf);
        vm.prank(owner(R));
        assertEq(escrow.withdraw(h.interval, h.headerHash, leaf), 4);
        assertEq(escrow.account(uint32(R)).deposit, DEPOSIT - 4);
        vm.expectRevert(ISettlementEscrow.Escrow_NotReleased.selector);
        vm.prank(owner(R));
        escrow.withdraw(h.interval, h.headerHash, leaf);
    }

    function test_withdraw_onlyWhatIsNotOwed() public {
        vm.prank(owner(B));
        escrow.announceWithdrawal(uint32(B), DEPOSIT);
        Interval memory v = example();
        postInterval(v);
        v = following(v);
        postInterval(v);
        v = following(v);
        Final memory h = stateOf(postInterval(v).header);
        passWindow();
        LeafEvidence memory leaf = stateEvidence(v.post, B);
        vm.prank(owner(B));
        assertEq(escrow.withdraw(h.interval, h.headerHash, leaf), DEPOSIT - v.post[B].debit);
    }

    /// @dev Deposit 10, credit 12 and then debit 9: entitled to 13. An older leaf says 12 still.
    function test_withdraw_claimsWhatAnOlderLeafStillCould() public {
        uint64 million = 1_000_000;
        Interval memory v = _moved(example(), 12 * million, 0);
        Final memory old = stateOf(postInterval(v).header);
        LeafEvidence memory older = stateEvidence(v.post, A);
        vm.prank(owner(A));
        escrow.announceWithdrawal(uint32(A), DEPOSIT);
        Final memory h;
        for (uint256 i = 0; i < 3; ++i) {
            v = _moved(following(v), 12 * million, 9 * million);
            h = stateOf(postInterval(v).header);
        }
        passWindow();
        LeafEvidence memory leaf = stateEvidence(v.post, A);
        vm.prank(owner(A));
        // Of the deposit 1 is left: 12 were earned and 9 are owed.
        assertEq(escrow.withdraw(h.interval, h.headerHash, leaf), million);
        assertEq(token.balanceOf(owner(A)), 13 * million);
        assertEq(escrow.account(uint32(A)).paid, 12 * million);
        vm.expectRevert(ISettlementEscrow.Escrow_NothingDue.selector);
        escrow.claim(old.interval, old.headerHash, older);
        vm.expectRevert(ISettlementEscrow.Escrow_NothingDue.selector);
        escrow.claim(h.interval, h.headerHash, leaf);
    }

    /// @dev An interval after which A has these counters.
    function _moved(Interval memory v, uint64 credit, uint64 debit) private pure returns (Interval memory) {
        v.post[A].credit = credit;
        v.post[A].debit = debit;
        v.post[A].peak = v.pre[A].peak;
        if (credit > debit && credit - debit > v.post[A].peak) v.post[A].peak = credit - debit;
        complete(v);
        return v;
    }

    Final[] private _headers;
    bytes[] private _leaves;
    uint256 private _done;

    /// @dev Whatever is earned and spent within the cover, and in whatever order claims with any leaf and withdrawals
    /// come: it brings what one is entitled to, and after a freeze all of it.
    function testFuzz_noOrderOfMovesBringsMoreThanThereIs(
        uint24[5] memory earned,
        uint24[5] memory spent,
        uint32[15] memory moves
    ) public {
        Records.State memory s;
        Interval memory v;
        for (uint256 t = 0; t < 5; ++t) {
            s.credit += uint256(earned[t]);
            s.debit += _within(s, spent[t]);
            if (s.credit > s.debit && s.credit - s.debit > s.peak) s.peak = s.credit - s.debit;
            v = _moved(t == 0 ? example() : following(v), uint64(s.credit), uint64(s.debit));
            assertEq(v.post[A].peak, s.peak);
            _headers.push(stateOf(postInterval(v).header));
            _leaves.push(abi.encode(stateEvidence(v.post, A)));
            passWindow();
            for (uint256 i = 0; i < 3; ++i) {
                _move(moves[3 * t + i]);
            }
            assertTrue(token.balanceOf(owner(A)) + s.debit <= DEPOSIT + s.credit, "more than there is");
        }
        vm.warp(block.timestamp + DEADLINE + 1);
        ledger.freeze();
        escrow.escape(_headers[4].headerHash, uint32(A), stateEvidence(v.post, A));
        assertEq(token.balanceOf(owner(A)), DEPOSIT + s.credit - s.debit);
    }

    /// @dev What of a debit is within the cover, from the collateral of the interval.
    function _within(Records.State memory s, uint256 debit) private view returns (uint256) {
        uint256 ahead = s.credit > s.debit ? s.credit - s.debit : 0;
        uint256 peak = ahead > s.peak ? ahead : s.peak;
        uint256 most = uint256(escrow.collateralAt(uint32(A), ledger.head() + 1)) + s.credit;
        uint256 room = most > peak + s.debit ? most - peak - s.debit : 0;
        return debit < room ? debit : room;
    }

    function _move(uint256 move) private {
        Final memory h = _headers[(move >> 8) % _headers.length];
        LeafEvidence memory leaf = abi.decode(_leaves[(move >> 8) % _headers.length], (LeafEvidence));
        bytes memory call_ = move % 3 == 0
            ? abi.encodeCall(escrow.claim, (h.interval, h.headerHash, leaf))
            : abi.encodeCall(escrow.withdraw, (h.interval, h.headerHash, leaf));
        if (move % 3 == 1) call_ = abi.encodeCall(escrow.announceWithdrawal, (uint32(A), uint64(move % DEPOSIT)));
        vm.prank(owner(A));
        (bool done,) = address(escrow).call(call_);
        if (done) ++_done; // what is refused brings nothing
    }

    /// @dev A number that nobody has a state of: what was deposited for it is taken back by its empty leaf.
    function test_withdrawUnlisted_takesBackWhatHasNoState() public {
        escrow.register(WATCHER, 7, 0);
        token.mint(address(this), 5);
        token.approve(address(escrow), 5);
        escrow.deposit(7, 5);
        vm.prank(WATCHER);
        escrow.announceWithdrawal(7, 4);
        Interval memory v = example();
        Final memory h = stateOf(postInterval(v).header);
        passWindow();
        bytes memory path = emptyState(v.post, 7).path;
        vm.expectRevert(ISettlementEscrow.Escrow_NotReleased.selector);
        vm.prank(WATCHER);
        escrow.withdrawUnlisted(h.interval, h.headerHash, 7, path);
        for (uint256 i = 0; i < 2; ++i) {
            v = following(v);
            h = stateOf(postInterval(v).header);
        }
        passWindow();
        path = emptyState(v.post, 7).path;
        vm.expectRevert(ISettlementEscrow.Escrow_Unauthorised.selector);
        escrow.withdrawUnlisted(h.interval, h.headerHash, 7, path);
        vm.prank(WATCHER);
        assertEq(escrow.withdrawUnlisted(h.interval, h.headerHash, 7, path), 4);
        assertEq(escrow.account(7).deposit, 1);
        assertEq(token.balanceOf(WATCHER), 4);
        // Not by who has a state.
        bytes memory wrong = stateEvidence(v.post, A).path;
        vm.expectRevert(abi.encodeWithSelector(IClearingLedger.Ledger_UnknownHeader.selector, h.interval));
        vm.prank(owner(A));
        escrow.withdrawUnlisted(h.interval, h.headerHash, uint32(A), wrong);
    }

    /* ------------------------------------------------ COLLATERAL --------------------------------------------- */

    function _post(uint256 count) private {
        for (; count != 0; --count) {
            _last = _last.number == 0 ? example() : following(_last);
            postInterval(_last);
        }
    }

    Interval private _last;

    function test_collateral_isKnownForEveryInterval() public {
        uint32 a = uint32(A);
        assertEq(escrow.collateralAt(a, 1), DEPOSIT);
        token.mint(address(this), 50);
        token.approve(address(escrow), 50);
        escrow.deposit(a, 20);
        vm.prank(owner(A));
        escrow.announceWithdrawal(a, 7);
        assertEq(escrow.collateralAt(a, 2), DEPOSIT);
        assertEq(escrow.collateralAt(a, 3), DEPOSIT + 13);
        _post(2);
        escrow.deposit(a, 30);
        vm.prank(owner(A));
        escrow.announceWithdrawal(a, 0);
        for (uint32 t = 0; t < 8; ++t) {
            assertEq(escrow.collateralAt(a, t), t < 3 ? DEPOSIT : t < 5 ? DEPOSIT + 13 : DEPOSIT + 50);
        }
    }

    function test_collateral_ofWhoComesLaterCountsFromTheNextGate() public {
        _post(1);
        token.mint(address(this), 9);
        token.approve(address(escrow), 9);
        escrow.register(owner(A), 7, 9);
        assertEq(escrow.collateralAt(7, 3), 0);
        assertEq(escrow.collateralAt(7, 4), 9);
        assertEq(escrow.account(7).since, 2);
    }

    function test_collateral_ofThePastIsKnownOfWhoHasLeft() public {
        _post(1);
        vm.warp(block.timestamp + DEADLINE + 1);
        ledger.freeze();
        escrow.escape(lastHash, uint32(A), stateEvidence(_last.post, A));
        assertEq(escrow.account(uint32(A)).deposit, 0);
        assertEq(escrow.collateralAt(uint32(A), 1), DEPOSIT);
    }

    function test_announce_onlyByTheOwnerAndNotMoreThanThereIs() public {
        vm.expectRevert(ISettlementEscrow.Escrow_Unauthorised.selector);
        escrow.announceWithdrawal(uint32(A), 1);
        vm.expectRevert(ISettlementEscrow.Escrow_BeyondDeposit.selector);
        vm.prank(owner(A));
        escrow.announceWithdrawal(uint32(A), DEPOSIT + 1);
    }

    /* ------------------------------------------------ ESCAPE ------------------------------------------------- */

    function test_escape_everyoneLeavesWithEverythingToTheLastUnit() public {
        Interval memory v = example();
        postInterval(v);
        v = following(v);
        Final memory h = stateOf(postInterval(v).header);
        passWindow();
        // one has collected before
        escrow.claim(h.interval, h.headerHash, stateEvidence(v.post, S));
        vm.warp(block.timestamp + DEADLINE + 1);
        ledger.freeze();
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            escrow.escape(h.headerHash, uint32(i), stateEvidence(v.post, i));
            assertEq(token.balanceOf(owner(i)), DEPOSIT + v.post[i].credit - v.post[i].debit);
        }
        assertEq(token.balanceOf(address(escrow)), 0);
        LeafEvidence memory leaf = stateEvidence(v.post, A);
        vm.expectRevert(abi.encodeWithSelector(ISettlementEscrow.Escrow_NotRegistered.selector, A));
        escrow.escape(h.headerHash, uint32(A), leaf);
    }

    function test_register_onlyWhereTheTreesHaveAPlace() public {
        uint32 places = uint32(1) << ledger.treeDepth();
        vm.expectRevert(abi.encodeWithSelector(ISettlementEscrow.Escrow_BeyondTrees.selector, places));
        escrow.register(WATCHER, places, 0);
        address[] memory two = new address[](2);
        (two[0], two[1]) = (WATCHER, WATCHER);
        vm.expectRevert(abi.encodeWithSelector(ISettlementEscrow.Escrow_BeyondTrees.selector, places));
        escrow.registerMany(two, places - 1, 0);
        escrow.register(WATCHER, places - 1, 0);
    }

    function test_claimMany_passesOverWhoHasLeft() public {
        Interval memory v = example();
        Final memory h = stateOf(postInterval(v).header);
        vm.warp(block.timestamp + DEADLINE + 1);
        ledger.freeze();
        escrow.escape(h.headerHash, uint32(A), stateEvidence(v.post, A));
        uint256 left = token.balanceOf(owner(A));
        LeafEvidence[] memory leaves = new LeafEvidence[](2);
        leaves[0] = stateEvidence(v.post, A);
        leaves[1] = stateEvidence(v.post, S);
        uint64 paid = escrow.claimMany(h.interval, h.headerHash, leaves);
        assertTrue(paid != 0 && token.balanceOf(owner(S)) == paid, "the other is paid");
        assertTrue(token.balanceOf(owner(A)) == left, "who has left is not");
        vm.expectRevert(ISettlementEscrow.Escrow_NothingDue.selector);
        escrow.claim(h.interval, h.headerHash, leaves[0]);
    }

    function test_escape_fromAMarketThatNeverPosted() public {
        vm.warp(block.timestamp + DEADLINE + 1);
        ledger.freeze();
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            assertEq(escrow.escapeUnlisted(uint32(i)), DEPOSIT);
        }
        assertEq(token.balanceOf(address(escrow)), 0);
    }

    function test_escape_ofWhoCameAfterTheLastHeader() public {
        Interval memory v = example();
        Final memory h = stateOf(postInterval(v).header);
        token.mint(address(this), 3);
        token.approve(address(escrow), 3);
        escrow.register(WATCHER, 7, 3);
        _freeze();
        vm.expectRevert(ISettlementEscrow.Escrow_WrongLeaf.selector);
        escrow.escapeUnlisted(uint32(A));
        assertEq(escrow.escapeUnlisted(7), 3);
        h;
    }

    function test_escape_ofWhoIsMissingInTheState() public {
        token.mint(address(this), 3);
        token.approve(address(escrow), 3);
        escrow.register(WATCHER, 7, 3);
        Interval memory v = example();
        Final memory h = stateOf(postInterval(v).header);
        _freeze();
        LeafEvidence memory absent = emptyState(v.post, 7);
        assertEq(escrow.escape(h.headerHash, 7, absent), 3);
        LeafEvidence memory lie = emptyState(v.post, A);
        vm.expectRevert(abi.encodeWithSignature("Ledger_UnknownHeader(uint32)", 1));
        escrow.escape(h.headerHash, uint32(A), lie);
        LeafEvidence memory another = stateEvidence(v.post, S);
        vm.expectRevert(ISettlementEscrow.Escrow_WrongLeaf.selector);
        escrow.escape(h.headerHash, uint32(A), another);
    }

    function _freeze() private {
        vm.warp(block.timestamp + DEADLINE + 1);
        ledger.freeze();
    }

    function test_escape_onlyWhenFrozenAndFromTheLastHeader() public {
        Interval memory v = example();
        Final memory h = stateOf(postInterval(v).header);
        LeafEvidence memory leaf = stateEvidence(v.post, A);
        vm.expectRevert(ISettlementEscrow.Escrow_NotEscapable.selector);
        escrow.escape(h.headerHash, uint32(A), leaf);
        vm.expectRevert(ISettlementEscrow.Escrow_NotEscapable.selector);
        escrow.escapeUnlisted(uint32(A));
        Interval memory w = following(v);
        Final memory last = stateOf(postInterval(w).header);
        _freeze();
        vm.expectRevert(abi.encodeWithSignature("Ledger_UnknownHeader(uint32)", 2));
        escrow.escape(h.headerHash, uint32(A), leaf);
        escrow.escape(last.headerHash, uint32(A), stateEvidence(w.post, A));
    }

    function test_escape_waitsForTheWindowOfTheLastHeader() public {
        deploy(1, true);
        Interval memory v = example();
        voidFrom(postInterval(v).header, false);
        vm.warp(block.timestamp + DEADLINE + 1);
        ledger.freeze();
        assertTrue(ledger.escapable(), "genesis is final");
        assertEq(escrow.escapeUnlisted(uint32(A)), DEPOSIT);
    }

    function test_escape_whoOwesMoreThanItsDepositGetsNothing() public {
        Interval memory v = example();
        v.post[A].debit = DEPOSIT + 1;
        complete(v);
        Final memory h = stateOf(postInterval(v).header);
        _freeze();
        assertEq(escrow.escape(h.headerHash, uint32(A), stateEvidence(v.post, A)), 0);
    }

    /* ------------------------------------------------ SOLVENCY ----------------------------------------------- */

    function test_solvency_theBalanceIsWhatIsOwed() public {
        Interval memory v = example();
        for (uint256 i = 0; i < 3; ++i) {
            Final memory h = stateOf(postInterval(v).header);
            passWindow();
            _assertSolvent(v);
            escrow.claim(h.interval, h.headerHash, stateEvidence(v.post, i == 1 ? R : S));
            _assertSolvent(v);
            v = following(v);
        }
    }

    function _assertSolvent(Interval memory v) private view {
        uint256 owed;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            ISettlementEscrow.Account memory a = escrow.account(uint32(i));
            Records.State memory s = v.post[i];
            owed += a.deposit + s.credit - s.debit - a.paid;
        }
        assertEq(owed, token.balanceOf(address(escrow)));
    }
}
