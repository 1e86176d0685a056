// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICourt} from "../src/interfaces/ICourt.sol";
import {IClearingLedger} from "../src/interfaces/IClearingLedger.sol";
import {IDataRequests} from "../src/interfaces/IDataRequests.sol";
import {IInputFaults} from "../src/interfaces/IInputFaults.sol";
import {BusEvidence, HeaderEvidence, LeafEvidence, Question} from "../src/types/Evidence.sol";
import {Build} from "./support/Build.sol";
import {Market} from "./support/Market.sol";

/// @dev Data asked for on the chain: an honest operator can always answer and is paid for it, a withholding one loses
/// its header.
contract RequestsTest is Market {
    uint8 private constant _BEFORE = 8;
    uint8 private constant _VECTOR = 7;
    uint256 private constant _WEALTH = 1e24;

    function setUp() public override {
        super.setUp();
        vm.deal(WATCHER, _WEALTH);
        vm.fee(10 gwei);
    }

    // Paid like anybody who answers.
    // solhint-disable-next-line no-empty-blocks
    receive() external payable {}

    function _proofs() private view returns (IInputFaults) {
        return inputs();
    }

    function _question(HeaderEvidence memory h, bytes32 root, uint8 kind, uint8 depth, uint8 height, uint32 position)
        private
        view
        returns (Question memory)
    {
        return Question(ledger.hashHeader(h), root, kind, depth, height, position);
    }

    function _askLeaf(HeaderEvidence memory h, uint8 kind, uint32 index) private {
        vm.prank(WATCHER);
        requests.askLeaf{value: 1 ether}(h, kind, index);
    }

    function _askNode(HeaderEvidence memory h, BusEvidence memory bus, uint8 height, uint32 position) private {
        vm.prank(WATCHER);
        requests.askNode{value: 1 ether}(h, bus, height, position);
    }

    function _answer(Question memory q, LeafEvidence memory leaf) private {
        vm.prank(OPERATOR);
        requests.answerLeaf(q, leaf);
        assertEq(requests.answerBy(q), 1);
    }

    /* ------------------------------------------------ ANSWERING ---------------------------------------------- */

    function test_everyLeafOfAnHonestHeaderCanBeAnswered() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        for (uint32 i = 0; i < PARTICIPANTS; ++i) {
            for (uint8 kind = 1; kind < 9; ++kind) {
                if (kind == 2 || kind == 5 || kind == _VECTOR) continue;
                LeafEvidence memory leaf;
                bytes32 root;
                if (kind == 1) (leaf, root) = (orderEvidence(v, i), ordersRoot(v));
                if (kind == 3) (leaf, root) = (stateEvidence(v.post, i), v.stateRoot);
                if (kind == 4) (leaf, root) = (contractEvidence(i), contractsRoot(v));
                if (kind == 6) (leaf, root) = (shareEvidence(v, i), sharesRoot(v));
                if (kind == _BEFORE) (leaf, root) = (stateEvidence(v.pre, i), stateRoot(v.pre));
                _askLeaf(h, kind, i);
                _answer(_question(h, root, kind == _BEFORE ? 3 : kind, uint8(TREE_DEPTH), 0, i), leaf);
            }
        }
    }

    function test_anEmptyLeafIsAnAnswer() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        _askLeaf(h, 4, 7);
        _answer(_question(h, contractsRoot(v), 4, uint8(TREE_DEPTH), 0, 7), emptyContract(7));
    }

    function test_everyNodeOfAnHonestAllocationTreeCanBeAnswered() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        bytes32 root = busesTree(v, 0).root;
        BusEvidence memory none;
        // Buses, and the empty position beside them.
        for (uint256 bus = 0; bus < 3; ++bus) {
            BusEvidence memory e = busEvidence(v, bus);
            _askNode(h, none, 0, e.position);
            vm.prank(OPERATOR);
            requests.answerNode(_question(h, root, 2, 2, 0, e.position), e.bus, e.upper);
        }
        uint32 vacant = 6 - position(0) - position(1) - position(2);
        _askNode(h, none, 0, vacant);
        vm.prank(OPERATOR);
        requests.answerNode(_question(h, root, 2, 2, 0, vacant), hex"00", busesTree(v, vacant).path);
        // Lines and inner nodes of a bus.
        BusEvidence memory b = busEvidence(v, 2);
        bytes32 busRoot = v.buses[2].root;
        _askNode(h, b, 0, 0);
        vm.prank(OPERATOR);
        requests.answerNode(
            _question(h, busRoot, 2, 2, 0, 0), Build.allocation(v.allocations[B]), busTree(v, 2, 0).path
        );
        _askNode(h, b, 0, 3);
        vm.prank(OPERATOR);
        requests.answerNode(_question(h, busRoot, 2, 2, 0, 3), hex"00", busTree(v, 2, 3).path);
        _askNode(h, b, 1, 0);
        bytes memory opened = bytes.concat(
            Build.leaf(2, Build.allocation(v.allocations[B])),
            Build.leaf(2, Build.allocation(v.allocations[C])),
            Build.sums(Build.add(leafSums(v.allocations[B]), leafSums(v.allocations[C]))),
            bytes16(keccak256(abi.encodePacked(uint8(5), SALT_KEY, uint16(2), uint8(1), uint32(0))))
        );
        vm.prank(OPERATOR);
        requests.answerNode(_question(h, busRoot, 2, 2, 1, 0), opened, tail(busTree(v, 2, 0).path, 64));
    }

    function test_theBusVectorIsAnAnswer() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        bytes memory vector = certificateOf(v);
        for (uint256 b = 0; b < 3; ++b) {
            int256 injection = int256(v.buses[b].sums.dispatched) - int256(v.buses[b].sums.served);
            vector = bytes.concat(vector, abi.encodePacked(int64(injection)));
        }
        _askLeaf(h, _VECTOR, 0);
        Question memory q = _question(h, keccak256(vector), _VECTOR, 0, 0, 0);
        vm.expectRevert(IDataRequests.Requests_WrongAnswer.selector);
        requests.answerVector(q, tail(vector, 1));
        requests.answerVector(q, vector);
        assertEq(requests.answerBy(q), 1);
    }

    function test_whoAnswersIsPaidMoreThanItsGas() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        uint256 before = WATCHER.balance;
        _askLeaf(h, 1, uint32(A));
        uint256 fee = before - WATCHER.balance;
        assertEq(fee, address(requests).balance);
        Question memory q = _question(h, ordersRoot(v), 1, uint8(TREE_DEPTH), 0, uint32(A));
        LeafEvidence memory leaf = orderEvidence(v, A);
        uint256 gas = gasleft();
        _answer(q, leaf);
        gas -= gasleft();
        assertTrue(OPERATOR.balance > 10 gwei * (gas + 21_000 + 40 * 700), "an answer costs more than it brings");
        assertEq(address(requests).balance, 0);
    }

    function test_anAnswerMustBeWhatTheRootCommitsTo() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        BusEvidence memory b = busEvidence(v, 2);
        bytes memory line = Build.allocation(v.allocations[B]);
        bytes memory path = busTree(v, 2, 0).path;
        _askLeaf(h, 1, uint32(A));
        _askNode(h, b, 0, 0);
        Question memory leaf = _question(h, ordersRoot(v), 1, uint8(TREE_DEPTH), 0, uint32(A));
        Question memory node = _question(h, v.buses[2].root, 2, 2, 0, 0);
        LeafEvidence memory order = orderEvidence(v, B);
        vm.expectRevert(ICourt.Fault_Malformed.selector);
        requests.answerLeaf(leaf, order);
        order.record = Build.order(v.orders[A]);
        vm.expectRevert(ICourt.Fault_NotCommitted.selector);
        requests.answerLeaf(leaf, order);
        vm.expectRevert(IDataRequests.Requests_WrongAnswer.selector);
        requests.answerNode(leaf, line, path);
        vm.expectRevert(IDataRequests.Requests_WrongAnswer.selector);
        requests.answerVector(leaf, "");
        vm.expectRevert(IDataRequests.Requests_WrongAnswer.selector);
        requests.answerLeaf(node, order);
        vm.expectRevert(IDataRequests.Requests_WrongAnswer.selector);
        requests.answerNode(node, line, tail(path, 64));
        vm.expectRevert(IDataRequests.Requests_WrongAnswer.selector);
        requests.answerNode(node, Build.allocation(v.allocations[C]), path);
        node.height = 1;
        vm.expectRevert(IDataRequests.Requests_WrongAnswer.selector);
        requests.answerNode(node, hex"00", path);
        node.height = 0;
        node.kind = _VECTOR;
        vm.expectRevert(IDataRequests.Requests_WrongAnswer.selector);
        requests.answerLeaf(node, order);
        // Nobody asked this.
        node = _question(h, v.buses[2].root, 2, 2, 0, 1);
        vm.expectRevert(IDataRequests.Requests_NotOpen.selector);
        requests.answerNode(node, Build.allocation(v.allocations[C]), busTree(v, 2, 1).path);
    }

    /* ------------------------------------------------ ASKING ------------------------------------------------- */

    function test_askingForWhatCannotBeThereIsRefused() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        uint8[6] memory kind = [0, 1, 2, 5, _VECTOR, 9];
        uint32[6] memory index = [uint32(0), 8, 0, 0, 1, 0];
        for (uint256 i = 0; i < 6; ++i) {
            vm.expectRevert(IDataRequests.Requests_NoSuchNode.selector);
            requests.askLeaf(h, kind[i], index[i]);
        }
        BusEvidence memory none;
        vm.expectRevert(IDataRequests.Requests_NoSuchNode.selector);
        requests.askNode(h, none, 3, 0);
        vm.expectRevert(IDataRequests.Requests_NoSuchNode.selector);
        requests.askNode(h, none, 1, 2);
        BusEvidence memory b = busEvidence(v, 2);
        b.position ^= 1;
        vm.expectRevert(ICourt.Fault_NotCommitted.selector);
        requests.askNode(h, b, 0, 0);
    }

    function test_aBusDeeperThanAnyIsAFaultAndNoQuestion() public {
        Interval memory v = example();
        v.buses[2].depth = 21;
        HeaderEvidence memory h = postInterval(v).header;
        BusEvidence memory b = busEvidence(v, 2);
        vm.expectRevert(IDataRequests.Requests_NoSuchNode.selector);
        requests.askNode(h, b, 0, 0);
    }

    function test_askingCostsThePriceAndTheRestComesBack() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        uint256 price = requests.price(97 + 32 * TREE_DEPTH);
        vm.expectRevert(abi.encodeWithSelector(IDataRequests.Requests_FeeTooLow.selector, price));
        vm.prank(WATCHER);
        requests.askLeaf{value: price - 1}(h, 1, 0);
        vm.prank(WATCHER);
        requests.askLeaf{value: price}(h, 1, 0);
        assertEq(WATCHER.balance, _WEALTH - price);
        vm.expectRevert(IDataRequests.Requests_AlreadyAsked.selector);
        _askLeaf(h, 1, 0);
        _answer(_question(h, ordersRoot(v), 1, uint8(TREE_DEPTH), 0, 0), orderEvidence(v, 0));
        vm.expectRevert(IDataRequests.Requests_AlreadyAsked.selector);
        _askLeaf(h, 1, 0);
        vm.fee(0);
        assertEq(requests.price(0), 90_000 * GAS_PRICE);
    }

    function test_askingOnlyWhileAnAnswerAndAProofStillFitIntoTheWindow() public {
        HeaderEvidence memory h = postInterval(example()).header;
        vm.warp(START + WINDOW - 2 * ANSWER + 1);
        vm.expectRevert(IDataRequests.Requests_TooLate.selector);
        _askLeaf(h, 1, 0);
        vm.warp(START + WINDOW - 2 * ANSWER);
        _askLeaf(h, 1, 0);
        // The last moment to answer leaves as long to prove.
        vm.warp(START + WINDOW - 1);
        _proofs().withheld(h, _question(h, ordersRoot(example()), 1, uint8(TREE_DEPTH), 0, 0));
        assertEq(ledger.head(), 0);
    }

    /// @dev Everything that can be asked for of a header's plain trees.
    function _flood(HeaderEvidence memory h) private {
        BusEvidence memory none;
        for (uint8 kind = 1; kind < 9; ++kind) {
            if (kind == 2 || kind == 5 || kind == _VECTOR) continue;
            for (uint8 height = 0; height < 4; ++height) {
                for (uint32 i = 0; i < 8 >> height; ++i) {
                    vm.prank(WATCHER);
                    requests.askLeaves{value: 1 ether}(h, none, kind, height, i);
                }
            }
        }
    }

    function test_flooding_costsTwiceAsMuchForEachStepWhicheverHeaderIsAskedAbout() public {
        uint256 step = requests.step();
        assertEq(step, 1 << 24);
        uint256 price = requests.price(100);
        Interval memory v = example();
        _flood(postInterval(v).header);
        assertTrue(requests.load() > 7e6 && requests.load() < step, "a header of 8 participants is within a step");
        assertEq(requests.price(100), price);
        for (uint256 i = 0; i < 2; ++i) {
            v = following(v);
            _flood(postInterval(v).header);
        }
        uint256 load = requests.load();
        assertTrue(load > step && load < 2 * step, "three of them are more than a step");
        assertEq(requests.price(100), 2 * price);
        // It drains at an even pace.
        vm.warp(block.timestamp + ANSWER / 2);
        assertEq(requests.load(), load - step / 2);
        assertEq(requests.price(100), price);
        vm.warp(block.timestamp + 2 * ANSWER);
        assertEq(requests.load(), 0);
    }

    function test_flooding_whatExceedsTheCostOfAnAnswerIsBurned() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        uint256 price = requests.price(100);
        _load(4 * requests.step());
        assertEq(requests.price(100), 16 * price);
        _askLeaf(h, _BEFORE, uint32(A));
        uint256 burned = address(0xdEaD).balance;
        uint256 had = OPERATOR.balance;
        _answer(_question(h, stateRoot(v.pre), 3, uint8(TREE_DEPTH), 0, uint32(A)), stateEvidence(v.pre, A));
        assertTrue(address(0xdEaD).balance - burned >= 15 * (OPERATOR.balance - had), "the surcharge is not burned");
    }

    function test_flooding_thePriceHasAnEnd() public {
        uint256 price = requests.price(100);
        _load(1000 * requests.step());
        assertEq(requests.price(100), price << 32);
    }

    /// @dev As if so much had been asked for just now.
    function _load(uint256 gas) private {
        vm.store(address(requests), bytes32(uint256(2)), bytes32(block.timestamp << 192 | gas));
        assertEq(requests.load(), gas);
    }

    /* ------------------------------------------------ WITHHOLDING -------------------------------------------- */

    /// @dev An interval whose state root is the hash of nothing.
    function _hidden() private returns (HeaderEvidence memory h, Question memory q) {
        Interval memory v = example();
        v.stateRoot = keccak256("nothing");
        h = postInterval(v).header;
        _askLeaf(h, 3, uint32(A));
        q = _question(h, v.stateRoot, 3, uint8(TREE_DEPTH), 0, uint32(A));
    }

    function test_withheld_voidsAndPaysTheAskerWhoeverProves() public {
        (HeaderEvidence memory h, Question memory q) = _hidden();
        vm.expectRevert(ICourt.Fault_NotProven.selector);
        _proofs().withheld(h, q);
        vm.expectRevert(IDataRequests.Requests_NotOverdue.selector);
        requests.refund(q);
        vm.warp(block.timestamp + ANSWER);
        vm.expectRevert(ICourt.Fault_NotProven.selector);
        _proofs().withheld(h, q);
        vm.warp(block.timestamp + 1);
        vm.prank(address(0x5e11));
        _proofs().withheld(h, q);
        assertEq(ledger.head(), 0);
        assertEq(bond.bonded(), BOND - PENALTY);
        assertEq(bond.credit(WATCHER), REWARD);
        requests.refund(q);
        vm.prank(WATCHER);
        requests.collect(payable(WATCHER));
        assertEq(WATCHER.balance, _WEALTH);
        vm.expectRevert(IDataRequests.Requests_NotOverdue.selector);
        requests.refund(q);
    }

    function test_withheld_notAfterAnAnswer() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        _askLeaf(h, 1, uint32(A));
        Question memory q = _question(h, ordersRoot(v), 1, uint8(TREE_DEPTH), 0, uint32(A));
        _answer(q, orderEvidence(v, A));
        vm.warp(block.timestamp + ANSWER + 1);
        vm.expectRevert(ICourt.Fault_NotProven.selector);
        _proofs().withheld(h, q);
        vm.expectRevert(IDataRequests.Requests_NotOverdue.selector);
        requests.refund(q);
        LeafEvidence memory again = orderEvidence(v, A);
        vm.expectRevert(IDataRequests.Requests_NotOpen.selector);
        requests.answerLeaf(q, again);
    }

    function test_withheld_anAnswerTooLateIsNone() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        _askLeaf(h, 1, uint32(A));
        Question memory q = _question(h, ordersRoot(v), 1, uint8(TREE_DEPTH), 0, uint32(A));
        vm.warp(block.timestamp + ANSWER + 1);
        LeafEvidence memory late = orderEvidence(v, A);
        vm.expectRevert(IDataRequests.Requests_NotOpen.selector);
        requests.answerLeaf(q, late);
    }

    function test_withheld_ofThisHeaderOnly() public {
        (HeaderEvidence memory h, Question memory q) = _hidden();
        vm.warp(block.timestamp + ANSWER + 1);
        HeaderEvidence memory other = HeaderEvidence(bytes32("other"), h.payload);
        vm.expectRevert(ICourt.Fault_NotCommitted.selector);
        _proofs().withheld(other, q);
        q.headerHash = ledger.hashHeader(other);
        vm.expectRevert(abi.encodeWithSelector(IClearingLedger.Ledger_UnknownHeader.selector, 1));
        _proofs().withheld(other, q);
    }

    function test_withheld_neverOfAFinalHeader() public {
        (HeaderEvidence memory h, Question memory q) = _hidden();
        passWindow();
        vm.expectRevert(IClearingLedger.Ledger_AlreadyFinal.selector);
        _proofs().withheld(h, q);
        requests.refund(q);
        vm.prank(WATCHER);
        requests.collect(payable(WATCHER));
        assertEq(WATCHER.balance, _WEALTH);
    }

    function test_withheld_anAskerThatProvesItselfIsPaidAtOnce() public {
        (HeaderEvidence memory h, Question memory q) = _hidden();
        vm.warp(block.timestamp + ANSWER + 1);
        vm.prank(WATCHER);
        _proofs().withheld(h, q);
        assertEq(token.balanceOf(WATCHER), REWARD);
        assertEq(bond.credit(WATCHER), 0);
    }

    function test_deploy_refusesTimesThatDoNotFitTheWindow() public {
        assertEq(tryCreate("DataRequests", abi.encode(address(ledger), 59, GAS_PRICE)), address(0));
        assertEq(tryCreate("DataRequests", abi.encode(address(ledger), WINDOW / 3 + 1, GAS_PRICE)), address(0));
        assertEq(tryCreate("DataRequests", abi.encode(address(ledger), ANSWER, 0)), address(0));
    }
}
