// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestToken} from "../../src/dev/TestToken.sol";
import {ISettlementEscrow} from "../../src/interfaces/ISettlementEscrow.sol";
import {LeafEvidence} from "../../src/types/Evidence.sol";
import {Built} from "./Built.sol";

/// @notice What the escrow pays, for all counters at once (halmos; forge does not run `check_`). The test is registrar
/// and ledger: every state that it names is final, so that nothing but the escrow's own rules stands before the money.
contract ClaimsSymbolic is Built {
    address private constant OWNER = address(0x0abc);
    uint32 private constant INDEX = 1;

    TestToken private token;
    ISettlementEscrow private escrow;
    bool private left;
    bytes32 private onlyRoot;

    /* ------------------------------------------------ AS LEDGER ---------------------------------------------- */

    function treeDepth() external pure returns (uint8) {
        return 1;
    }

    function head() external pure returns (uint32) {
        return 0;
    }

    function nextGate() external pure returns (uint32) {
        return 3;
    }

    function windowSeconds() external pure returns (uint32) {
        return 1;
    }

    function escapable() external view returns (bool) {
        return left;
    }

    /// @dev Every root is that of a final header, unless only one is.
    function requireFinal(uint32, bytes32, bytes32 stateRoot) external view {
        require(onlyRoot == 0 || stateRoot == onlyRoot);
    }

    /* ------------------------------------------------ CHECKS ------------------------------------------------- */

    function setUp() public {
        token = TestToken(createBuilt("TestToken", ""));
        bytes memory arguments = abi.encode(address(token), address(this), address(this), type(uint64).max, uint64(1));
        escrow = ISettlementEscrow(createBuilt("SettlementEscrow", arguments));
        token.mint(address(this), type(uint64).max);
        token.approve(address(escrow), type(uint256).max);
        // what belongs to others, and must not become anybody's prey
        token.mint(address(escrow), type(uint128).max);
    }

    function check_aClaimPaysNetEarnings(uint64 credit, uint64 debit) public {
        escrow.register(OWNER, INDEX, 0);
        bool paid = claim(credit, debit);
        assert(paid == (credit > debit));
        assert(token.balanceOf(OWNER) == above(credit, debit));
    }

    function check_noMoneyIsPaidTwice(uint64 credit1, uint64 debit1, uint64 credit2, uint64 debit2) public {
        escrow.register(OWNER, INDEX, 0);
        claim(credit1, debit1);
        claim(credit2, debit2);
        uint256 first = above(credit1, debit1);
        uint256 second = above(credit2, debit2);
        assert(token.balanceOf(OWNER) == (first > second ? first : second));
        assert(escrow.account(INDEX).paid == token.balanceOf(OWNER));
    }

    function check_anEscapePaysWhatIsOwed(uint64 deposit, uint64 credit1, uint64 debit1, uint64 credit2, uint64 debit2)
        public
    {
        vm.assume(uint256(deposit) + credit2 <= type(uint64).max);
        escrow.register(OWNER, INDEX, deposit);
        claim(credit1, debit1);
        uint256 before = token.balanceOf(OWNER);
        left = true;
        assert(escape(credit2, debit2));
        assert(token.balanceOf(OWNER) - before == above(uint256(deposit) + credit2, uint256(debit2) + before));
        assert(!escape(credit2, debit2));
        assert(!claim(credit2, debit2));
    }

    function check_nobodyEscapesEarlier(uint64 deposit, uint64 credit, uint64 debit) public {
        escrow.register(OWNER, INDEX, deposit);
        assert(!escape(credit, debit));
    }

    function check_noOtherLeafIsPaid(
        uint64 credit,
        uint64 debit,
        bytes32 sibling,
        uint64 otherCredit,
        uint64 otherDebit,
        bytes32 otherSibling
    ) public {
        escrow.register(OWNER, INDEX, 0);
        onlyRoot = rootOf(recordOf(credit, debit), sibling);
        LeafEvidence memory leaf = LeafEvidence(recordOf(otherCredit, otherDebit), abi.encodePacked(otherSibling));
        try escrow.claim(1, 0, leaf) {
            assert(otherCredit == credit);
            assert(otherDebit == debit);
            assert(otherSibling == sibling);
        } catch {
            assert(token.balanceOf(OWNER) == 0);
        }
    }

    /* ------------------------------------------------ HELPERS ------------------------------------------------ */

    function claim(uint64 credit, uint64 debit) private returns (bool done) {
        LeafEvidence memory leaf = evidence(credit, debit);
        try escrow.claim(1, 0, leaf) {
            done = true;
        } catch {
            done = false;
        }
    }

    function escape(uint64 credit, uint64 debit) private returns (bool done) {
        LeafEvidence memory leaf = evidence(credit, debit);
        try escrow.escape(0, INDEX, leaf) {
            done = true;
        } catch {
            done = false;
        }
    }

    function evidence(uint64 credit, uint64 debit) private pure returns (LeafEvidence memory) {
        return LeafEvidence(recordOf(credit, debit), abi.encodePacked(bytes32(0)));
    }

    /// @dev docs/protocol.md, section 3: index 4, 37 bytes that do not matter here, credit, debit, peak 8,
    /// subscription 8, salt 16.
    function recordOf(uint64 credit, uint64 debit) private pure returns (bytes memory) {
        return abi.encodePacked(INDEX, bytes32(0), bytes5(0), credit, debit, bytes32(0));
    }

    function rootOf(bytes memory record, bytes32 sibling) private pure returns (bytes32) {
        bytes32 leaf = keccak256(abi.encodePacked(uint8(0), uint8(3), record));
        return keccak256(abi.encodePacked(uint8(1), sibling, leaf));
    }

    function above(uint256 assets, uint256 spent) private pure returns (uint256) {
        return assets > spent ? assets - spent : 0;
    }
}
