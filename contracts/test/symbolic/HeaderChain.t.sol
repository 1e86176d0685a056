// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingLedger} from "../../src/interfaces/IClearingLedger.sol";
import {HeaderEvidence} from "../../src/types/Evidence.sol";
import {Built} from "./Built.sol";

/// @notice Which headers the ledger takes and how long they can fall, for all payloads, senders and times at once
/// (halmos; forge does not run `check_`). The test is registry, bond, beacon and fault proofs.
contract HeaderChainSymbolic is Built {
    uint256 private constant START = 1_800_000_000;
    uint32 private constant WINDOW = 3600;
    uint32 private constant DEADLINE = 7200;
    bytes32 private constant POLICY = bytes32("policy");
    bytes32 private constant CONTRACTS = bytes32("contracts");
    bytes32 private constant SHARES = bytes32("shares");
    bytes32 private constant GENESIS = bytes32("state");
    address private constant OPERATOR = address(0x0123);

    IClearingLedger private ledger;

    /* ------------------------------------------------ AS REGISTRY AND BOND ----------------------------------- */

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
            ringSize: 8,
            signatures: 1,
            eager: false
        });
        ledger = IClearingLedger(createBuilt("ClearingLedger", abi.encode(c)));
    }

    function check_onlyTheNextHeaderIsTakenAndTheRestIsTheLedgers(address sender, bytes memory sent) public {
        vm.assume(sent.length == 356);
        fixInputs();
        vm.prank(sender);
        try ledger.post(sent) {
            assert(ledger.head() == 1);
            assert(sender == OPERATOR);
            assert(word(sent, 0) == ledger.genesisHash());
            assert(number(sent, 32, 4) == 1);
            assert(word(sent, 100) == GENESIS);
            assert(number(sent, 228, 4) == 1);
            assert(word(sent, 232) == bytes32("seed"));
        } catch {
            assert(ledger.head() == 0);
        }
    }

    function check_onlyFaultsVoidAndNeverWhatIsFinal(address sender, bytes32 previousHash, uint32 later, bool orders)
        public
    {
        fixInputs();
        assert(post(OPERATOR));
        vm.warp(START + later);
        vm.prank(sender);
        try ledger.voidFrom(HeaderEvidence(previousHash, honest()), orders) returns (uint32 interval) {
            assert(sender == address(this));
            assert(previousHash == ledger.genesisHash());
            assert(interval == 1);
            assert(later < WINDOW);
            assert(ledger.head() == 0);
        } catch {
            assert(ledger.head() == 1);
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

    function check_nothingIsPostedAfterAFreeze(address sender, bytes memory sent) public {
        vm.assume(sent.length == 356);
        fixInputs();
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

    /* ------------------------------------------------ HELPERS ------------------------------------------------ */

    function fixInputs() private {
        vm.prank(OPERATOR);
        ledger.commitOrders(1, bytes32("orders"));
        ledger.acceptSeed(1, bytes32("seed"));
    }

    function post(address sender) private returns (bool done) {
        bytes memory sent = bytes.concat(
            abi.encodePacked(ledger.genesisHash(), uint32(1), bytes32("orders"), bytes32(0), GENESIS),
            abi.encodePacked(bytes32("state 1"), bytes32(0), bytes32(0), uint32(1), bytes32("seed"), bytes32(0)),
            new bytes(60)
        );
        vm.prank(sender);
        try ledger.post(sent) {
            done = true;
        } catch {
            done = false;
        }
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
