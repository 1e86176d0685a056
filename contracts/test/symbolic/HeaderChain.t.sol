// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingLedger} from "../../src/interfaces/IClearingLedger.sol";
import {HeaderEvidence} from "../../src/types/Evidence.sol";
import {Built} from "./Built.sol";

/// @notice Which headers the ledger takes and how long they can fall, for all payloads, senders and times at once
/// (halmos; forge does not run `check_`). The test is registry, bond, beacon and fault proofs.
///
/// A digest of the ledger is 27 bytes of a hash. To the solver a hash is one of its whole input, but two that differ
/// may agree in 27 bytes; `apart` says that nobody finds such a pair, and nothing else is assumed of hashes.
contract HeaderChainSymbolic is Built {
    uint256 private constant START = 1_800_000_000;
    uint32 private constant WINDOW = 3600;
    uint32 private constant DEADLINE = 7200;
    uint256 private constant RING = 8;
    uint256 private constant SENT = 356;
    bytes32 private constant POLICY = keccak256(abi.encodePacked(uint8(0x0a), new bytes(94)));
    bytes32 private constant CONTRACTS = bytes32("contracts");
    bytes32 private constant SHARES = bytes32("shares");
    bytes32 private constant GENESIS = bytes32("state");
    address private constant OPERATOR = address(0x0123);

    IClearingLedger private ledger;

    /* ------------------------------------------------ AS REGISTRY, BOND AND BEACON --------------------------- */

    // solhint-disable-next-line no-empty-blocks
    function renew() external {}

    function gridHash(uint32) external pure returns (bytes32) {
        return bytes32("grid");
    }

    function mayPost(address account) external pure returns (bool) {
        return account == OPERATOR;
    }

    /* ------------------------------------------------ CHECKS ------------------------------------------------- */

    function setUp() public {
        vm.warp(START);
        address me = address(this);
        IClearingLedger.Config memory c = IClearingLedger.Config({
            registry: me,
            beacon: me,
            bond: me,
            faults: me,
            terms: address(1),
            policyHash: POLICY,
            contractsRoot: CONTRACTS,
            sharesRoot: SHARES,
            genesisStateRoot: GENESIS,
            genesisNonce: 0,
            gridVersion: 1,
            participants: 2,
            windowSeconds: WINDOW,
            deadlineSeconds: DEADLINE,
            ringSize: uint32(RING),
            signatures: 1,
            eager: false
        });
        ledger = IClearingLedger(createBuilt("ClearingLedger", abi.encode(c, new bytes(94))));
    }

    /// @dev Whoever sends what: taken is only the next interval's header, on the one before it, with its inputs.
    /// @custom:halmos --array-lengths sent=356 --loop 9
    function check_onlyTheNextHeaderIsTakenAndTheRestIsTheLedgers(address sender, uint256 slot, bytes memory sent)
        public
    {
        placed(sent, slot);
        fixInputs();
        distinct(sent, sender);
        vm.prank(sender);
        try ledger.post(sent) {
            assert(ledger.head() == 1);
            assert(sender == OPERATOR);
            assert(word(sent, 0) == ledger.genesisHash());
            assert(number(sent, 32, 4) == 1);
            assert(word(sent, 36) == bytes32("orders"));
            assert(word(sent, 100) == GENESIS);
            assert(number(sent, 228, 4) == 1);
            assert(word(sent, 232) == bytes32("seed"));
        } catch {
            assert(ledger.head() == 0);
        }
    }

    /// @dev The same where any bonded signer may post, which says for whom the interval was reserved.
    /// @custom:halmos --array-lengths sent=356 --loop 9
    function check_insteadOnlyASignerPosts(address sender, uint256 slot, bytes memory sent) public {
        // Nobody can sign for address 0, which is remembered where no operator is.
        vm.assume(sender != address(0));
        placed(sent, slot);
        fixInputs();
        distinct(sent, OPERATOR);
        vm.prank(sender);
        try ledger.postInstead(sent, "", OPERATOR) {
            assert(ledger.head() == 1);
            assert(sender == OPERATOR);
            assert(word(sent, 0) == ledger.genesisHash());
            assert(number(sent, 32, 4) == 1);
            assert(word(sent, 100) == GENESIS);
            assert(word(sent, 232) == bytes32("seed"));
        } catch {
            assert(ledger.head() == 0);
        }
    }

    /// @dev Under no other policy, shares or contracts than those that were in force when the seed was taken.
    /// @custom:halmos --array-lengths sent=356 --loop 9
    function check_otherTermsAreRefused(
        address sender,
        uint256 slot,
        bytes memory sent,
        bytes32 policy,
        bytes32 shares,
        bytes32 contracts
    ) public {
        vm.assume(sender != address(0));
        placed(sent, slot);
        fixInputs();
        apart(
            inputs(sent, OPERATOR, keccak256(abi.encodePacked(policy, shares, contracts))),
            inputs(known(), OPERATOR, keccak256(abi.encodePacked(POLICY, SHARES, CONTRACTS)))
        );
        apart(before(sent), before(known()));
        vm.prank(sender);
        try ledger.postAmended(sent, "", OPERATOR, policy, shares, contracts) {
            assert(ledger.head() == 1);
            assert(sender == OPERATOR);
            assert(policy == POLICY);
            assert(shares == SHARES);
            assert(contracts == CONTRACTS);
        } catch {
            assert(ledger.head() == 0);
        }
    }

    /// @dev Nothing but what the ledger knows can have a header refused: the operator can always go on.
    /// @custom:halmos --array-lengths roots=64,tail=60
    function check_whatFollowsTheInputsIsTaken(
        bytes32 allocation,
        bytes32 state,
        bytes memory roots,
        bytes32 bundle,
        bytes memory tail
    ) public {
        fixInputs();
        bytes memory sent = bytes.concat(
            abi.encodePacked(ledger.genesisHash(), uint32(1), bytes32("orders"), allocation, GENESIS, state),
            roots,
            abi.encodePacked(uint32(1), bytes32("seed"), bundle),
            tail
        );
        vm.prank(OPERATOR);
        ledger.post(sent);
        assert(ledger.head() == 1);
    }

    function check_onlyFaultsVoidAndNeverWhatIsFinal(address sender, bytes32 previousHash, uint32 later, bool orders)
        public
    {
        fixInputs();
        assert(post(OPERATOR));
        HeaderEvidence memory named = HeaderEvidence(previousHash, honest());
        HeaderEvidence memory posted = HeaderEvidence(ledger.genesisHash(), honest());
        apart(
            abi.encodePacked(ledger.hashHeader(named), bytes32("state 1"), uint32(1)),
            abi.encodePacked(ledger.hashHeader(posted), bytes32("state 1"), uint32(1))
        );
        vm.warp(START + later);
        vm.prank(sender);
        try ledger.voidFrom(named, orders) returns (uint32 interval) {
            assert(sender == address(this));
            assert(previousHash == ledger.genesisHash());
            assert(interval == 1);
            assert(later < WINDOW);
            assert(ledger.head() == 0);
        } catch {
            assert(ledger.head() == 1);
            assert(sender != address(this) || previousHash != ledger.genesisHash() || later >= WINDOW);
        }
    }

    function check_anyoneFreezesAfterTheDeadlineAndNotBefore(address sender, uint32 later) public {
        vm.warp(START + later);
        vm.prank(sender);
        try ledger.freeze() {
            assert(later > DEADLINE);
            assert(ledger.frozen());
        } catch {
            assert(later <= DEADLINE);
            assert(!ledger.frozen());
        }
    }

    /// @custom:halmos --array-lengths sent=356 --loop 9
    function check_nothingIsPostedAfterAFreeze(address sender, uint256 slot, bytes memory sent) public {
        placed(sent, slot);
        fixInputs();
        distinct(sent, sender);
        vm.warp(START + DEADLINE + 1);
        ledger.freeze();
        vm.prank(sender);
        try ledger.post(sent) {
            assert(false);
        } catch {} // solhint-disable-line no-empty-blocks
        vm.prank(sender);
        try ledger.postInstead(sent, "", OPERATOR) {
            assert(false);
        } catch {} // solhint-disable-line no-empty-blocks
        assert(ledger.head() == 0);
    }

    function check_aFrozenMarketCanAlwaysBeLeft(uint32 later) public {
        fixInputs();
        assert(post(OPERATOR));
        vm.warp(START + DEADLINE + 1);
        ledger.freeze();
        vm.warp(START + DEADLINE + 1 + uint256(later));
        assert(ledger.escapable());
    }

    /* ------------------------------------------------ ASSUMPTIONS -------------------------------------------- */

    /// @dev Any interval, with the slot it has in the ring told apart: what is symbolic cannot be the address of a
    /// slot, so there is a case for each of them, and every interval is in one.
    function placed(bytes memory sent, uint256 slot) private pure {
        vm.assume(sent.length == SENT);
        vm.assume(slot < RING);
        for (uint256 i = 0; i < RING; ++i) {
            if (slot == i) slot = i;
        }
        bytes1 lowest = sent[35];
        sent[35] = (lowest & 0xf8) | bytes1(uint8(slot));
    }

    /// @dev No two different inputs of the ledger's digests agree in 27 bytes.
    function distinct(bytes memory sent, address reserved) private view {
        bytes32 terms = keccak256(abi.encodePacked(POLICY, SHARES, CONTRACTS));
        apart(ordersRoot(sent), ordersRoot(known()));
        apart(inputs(sent, reserved, terms), inputs(known(), OPERATOR, terms));
        apart(before(sent), before(known()));
    }

    function apart(bytes memory a, bytes memory b) private pure {
        bytes32 one = keccak256(a);
        bytes32 two = keccak256(b);
        vm.assume(one == two || one >> 40 != two >> 40);
    }

    function ordersRoot(bytes memory sent) private pure returns (bytes memory) {
        return abi.encodePacked(word(sent, 36));
    }

    /// @dev docs/protocol.md, section 8: digest of the orders root 27, 0, interval, seed, reserved 20, 0 (8 bytes), grid, terms.
    function inputs(bytes memory sent, address reserved, bytes32 terms) private pure returns (bytes memory) {
        return abi.encodePacked(
            bytes27(keccak256(ordersRoot(sent))),
            bytes1(0),
            uint32(number(sent, 32, 4)),
            word(sent, 232),
            reserved,
            bytes8(0),
            uint32(number(sent, 228, 4)),
            terms
        );
    }

    /// @dev The header before, its state root and its interval.
    function before(bytes memory sent) private pure returns (bytes memory) {
        unchecked {
            return abi.encodePacked(word(sent, 0), word(sent, 100), uint32(number(sent, 32, 4)) - 1);
        }
    }

    /* ------------------------------------------------ HELPERS ------------------------------------------------ */

    function fixInputs() private {
        vm.prank(OPERATOR);
        ledger.commitOrders(1, bytes32("orders"));
        ledger.acceptSeed(1, bytes32("seed"));
    }

    function post(address sender) private returns (bool done) {
        bytes memory sent = known();
        vm.prank(sender);
        try ledger.post(sent) {
            done = true;
        } catch {
            done = false;
        }
    }

    /// @dev What is sent of `honest`.
    function known() private view returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(ledger.genesisHash(), uint32(1), bytes32("orders"), bytes32(0), GENESIS),
            abi.encodePacked(bytes32("state 1"), bytes32(0), bytes32(0), uint32(1), bytes32("seed"), bytes32(0)),
            new bytes(60)
        );
    }

    /// @dev docs/protocol.md, section 4: a header after genesis in which nothing happens.
    function honest() private pure returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(uint32(1), bytes32("orders"), bytes32(0), GENESIS, bytes32("state 1"), CONTRACTS),
            abi.encodePacked(bytes32(0), bytes32(0), SHARES, POLICY, uint32(1), bytes32("seed"), bytes32(0)),
            new bytes(76)
        );
    }

    function word(bytes memory payload, uint256 offset) private pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := mload(add(add(payload, 0x20), offset))
        }
    }

    function number(bytes memory payload, uint256 offset, uint256 size) private pure returns (uint256) {
        return uint256(word(payload, offset)) >> (256 - 8 * size);
    }
}
