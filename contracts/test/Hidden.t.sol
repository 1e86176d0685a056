// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingLedger} from "../src/interfaces/IClearingLedger.sol";
import {ICourt} from "../src/interfaces/ICourt.sol";
import {IDataRequests} from "../src/interfaces/IDataRequests.sol";
import {IDrandBeacon} from "../src/interfaces/IDrandBeacon.sol";
import {IInputFaults} from "../src/interfaces/IInputFaults.sol";
import {IOrderLog} from "../src/interfaces/IOrderLog.sol";
import {Records} from "../src/libraries/Records.sol";
import {
    BusEvidence,
    HeaderEvidence,
    LeafEvidence,
    Question,
    SeedEvidence,
    SumEvidence
} from "../src/types/Evidence.sol";
import {Build} from "./support/Build.sol";
import {Market} from "./support/Market.sol";

/// @dev What nobody could open, held to the header all the same.
contract HiddenTest is Market {
    bytes4 private constant _NOT_PROVEN = ICourt.Fault_NotProven.selector;
    bytes32 private constant _NOTHING = keccak256("nothing");
    bytes16 private constant _SALT = bytes16(uint128(1));
    uint256 private constant _WEALTH = 1e24;
    address private constant _OTHER = address(0x0def);

    function setUp() public override {
        super.setUp();
        vm.deal(WATCHER, _WEALTH);
        vm.deal(_OTHER, _WEALTH);
    }

    function _proofs() private view returns (IInputFaults) {
        return inputs();
    }

    function _assertVoided() private view {
        assertEq(ledger.head(), 0);
        assertEq(bond.bonded(), BOND - PENALTY);
    }

    /* ------------------------------------------------ DEEP BUSES --------------------------------------------- */

    function _deepBus(uint256 depth) private returns (HeaderEvidence memory h, BusEvidence memory b) {
        Interval memory v = example();
        v.buses[2].depth = depth;
        v.buses[2].root = _NOTHING;
        h = postInterval(v).header;
        b = busEvidence(v, 2);
    }

    function test_busPlacement_aBusDeeperThanAnyWhoseRootNobodyCanOpen() public {
        (HeaderEvidence memory h, BusEvidence memory b) = _deepBus(21);
        faults.busPlacement(h, 2, b);
        _assertVoided();
    }

    function test_busPlacement_aBusOfTheGreatestDepthIsAskedForInstead() public {
        (HeaderEvidence memory h, BusEvidence memory b) = _deepBus(20);
        vm.expectRevert(_NOT_PROVEN);
        faults.busPlacement(h, 2, b);
        vm.prank(WATCHER);
        requests.askNode{value: 1 ether}(h, b, 0, 0);
    }

    /* ------------------------------------------------ SALTS OF SUMS ------------------------------------------ */

    /// @dev An interval whose zone of buses 1 and 2, and whose root, have salts of choice.
    function _salted(bytes16 zoneSalt, bytes16 rootSalt)
        private
        returns (HeaderEvidence memory h, SumEvidence memory zone, SumEvidence memory root)
    {
        Interval memory v = example();
        bytes memory bus1 = Build.bus(v.buses[1]);
        bytes memory bus2 = Build.bus(v.buses[2]);
        bytes memory both = bytes.concat(_busNode(bus1), _busNode(bus2));
        Records.Sums memory right = Build.add(v.buses[1].sums, v.buses[2].sums);
        Records.Sums memory left = v.buses[0].sums;
        root.left = bytes.concat(_busNode(Build.bus(v.buses[0])), keccak256(hex"04"), Build.sums(left), bytes16(0));
        root.right = bytes.concat(both, Build.sums(right), zoneSalt);
        bytes32 leftNode = keccak256(bytes.concat(hex"02", part(root.left, 0, 64), Build.sumsHash(left, bytes16(0))));
        bytes32 rightNode = keccak256(bytes.concat(hex"02", both, Build.sumsHash(right, zoneSalt)));
        Records.Sums memory all = Build.add(left, right);
        root.parent.preimage = bytes.concat(leftNode, rightNode, Build.sums(all), rootSalt);
        zone.parent.preimage = root.right;
        zone.parent.position = 1;
        zone.parent.upper = bytes.concat(leftNode, Build.sumsHash(all, rootSalt));
        zone.left = bus1;
        zone.right = bus2;
        Posted memory p = ready(v, 1);
        bytes32 top = keccak256(bytes.concat(hex"02", leftNode, rightNode, Build.sumsHash(all, rootSalt)));
        p.header.payload = bytes.concat(part(p.header.payload, 0, 36), top, tail(p.header.payload, 68));
        vm.prank(OPERATOR);
        ledger.post(sentOf(p));
        h = p.header;
    }

    function _busNode(bytes memory bus) private pure returns (bytes32) {
        return keccak256(bytes.concat(hex"03", bus));
    }

    function test_sumNode_aSaltedSumOfAZone() public {
        (HeaderEvidence memory h, SumEvidence memory zone, SumEvidence memory root) = _salted(_SALT, 0);
        vm.expectRevert(_NOT_PROVEN);
        faults.sumNode(h, root);
        faults.sumNode(h, zone);
        _assertVoided();
    }

    function test_sumNode_aSaltedSumOfTheWhole() public {
        (HeaderEvidence memory h, SumEvidence memory zone, SumEvidence memory root) = _salted(0, _SALT);
        vm.expectRevert(_NOT_PROVEN);
        faults.sumNode(h, zone);
        faults.sumNode(h, root);
        _assertVoided();
    }

    function test_sumNode_ofABusMayHaveASalt() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        assertTrue(Build.salt(2, B) != 0, "the example has no salts");
        SumEvidence memory e;
        Records.Sums memory sums = Build.add(leafSums(v.allocations[B]), leafSums(v.allocations[C]));
        e.left = Build.allocation(v.allocations[B]);
        e.right = Build.allocation(v.allocations[C]);
        bytes16 salt = bytes16(keccak256(abi.encodePacked(uint8(5), SALT_KEY, uint16(2), uint8(1), uint32(0))));
        e.parent.preimage = bytes.concat(Build.leaf(2, e.left), Build.leaf(2, e.right), Build.sums(sums), salt);
        e.parent.lower = tail(busTree(v, 2, 0).path, 64);
        e.parent.bus = Build.bus(v.buses[2]);
        e.parent.position = position(2);
        e.parent.upper = busEvidence(v, 2).upper;
        vm.expectRevert(_NOT_PROVEN);
        faults.sumNode(h, e);
        // Nor by passing it off as a node above the buses.
        e.parent.upper = bytes.concat(e.parent.lower, e.parent.upper);
        e.parent.lower = "";
        e.parent.bus = "";
        vm.expectRevert(ICourt.Fault_NotCommitted.selector);
        faults.sumNode(h, e);
    }

    /* ------------------------------------------------ POSTED AGAIN ------------------------------------------- */

    function _ask(HeaderEvidence memory h, uint8 kind, address asker) private returns (uint256 fee) {
        fee = requests.price(97 + 32 * TREE_DEPTH);
        vm.prank(asker);
        requests.askLeaf{value: fee}(h, kind, uint32(A));
    }

    function _assertAsked(HeaderEvidence memory h) private {
        vm.expectRevert(IDataRequests.Requests_AlreadyAsked.selector);
        vm.prank(_OTHER);
        requests.askLeaf{value: 1 ether}(h, 3, uint32(A));
    }

    function _question(HeaderEvidence memory h, uint8 kind) private view returns (Question memory) {
        Interval memory v = example();
        bytes32 root = kind == 1 ? ordersRoot(v) : v.stateRoot;
        return Question(ledger.hashHeader(h), root, kind, uint8(TREE_DEPTH), 0, uint32(A));
    }

    /// @dev Whoever asked has all of its fees back.
    function _collected(address asker) private {
        vm.prank(asker);
        requests.collect(payable(asker));
        assertEq(asker.balance, _WEALTH);
    }

    function _postAgain(Posted memory p) private {
        vm.warp(block.timestamp + 1);
        vm.prank(OPERATOR);
        ledger.postInstead(sentOf(p), "", address(0));
        assertEq(ledger.head(), 1);
    }

    /// @dev A state asked for in vain, the header void, and the very same header posted again.
    function _postedAgain(address asker) private returns (HeaderEvidence memory h, Question memory q, uint256 fee) {
        Posted memory p = postInterval(example());
        h = p.header;
        q = _question(h, 3);
        fee = _ask(h, 3, asker);
        vm.warp(block.timestamp + ANSWER + 1);
        _assertAsked(h);
        _proofs().withheld(h, q);
        _assertVoided();
        assertEq(bond.credit(asker), REWARD);
        _postAgain(p);
    }

    function test_withheld_whatWasAskedBeforeDoesNotVoidTheSameHeaderPostedAgain() public {
        (HeaderEvidence memory h, Question memory q,) = _postedAgain(WATCHER);
        vm.expectRevert(_NOT_PROVEN);
        _proofs().withheld(h, q);
        assertEq(ledger.head(), 1);
        assertEq(bond.bonded(), BOND - PENALTY);
    }

    function test_withheld_anewOfTheSameHeaderPostedAgain() public {
        (HeaderEvidence memory h, Question memory q,) = _postedAgain(WATCHER);
        uint256 fee = _ask(h, 3, _OTHER);
        _collected(WATCHER);
        assertEq(address(requests).balance, fee);
        vm.expectRevert(_NOT_PROVEN);
        _proofs().withheld(h, q);
        _assertAsked(h);
        vm.warp(block.timestamp + ANSWER + 1);
        _proofs().withheld(h, q);
        assertEq(ledger.head(), 0);
        assertEq(bond.bonded(), BOND - 2 * PENALTY);
        assertEq(bond.credit(_OTHER), REWARD);
        requests.refund(q);
        _collected(_OTHER);
        assertEq(address(requests).balance, 0);
    }

    function test_withheld_notOnceTheSameHeaderPostedAgainIsAnsweredFor() public {
        (HeaderEvidence memory h, Question memory q,) = _postedAgain(WATCHER);
        _ask(h, 3, _OTHER);
        LeafEvidence memory leaf = stateEvidence(example().post, A);
        vm.prank(OPERATOR);
        requests.answerLeaf(q, leaf);
        vm.warp(block.timestamp + ANSWER + 1);
        vm.expectRevert(_NOT_PROVEN);
        _proofs().withheld(h, q);
        _assertAsked(h);
    }

    function test_askingAnew_givesBackNoFeeTwice() public {
        (HeaderEvidence memory h, Question memory q,) = _postedAgain(WATCHER);
        requests.refund(q);
        _collected(WATCHER);
        uint256 fee = _ask(h, 3, _OTHER);
        _collected(WATCHER);
        assertEq(address(requests).balance, fee);
    }

    function test_askingAnew_whoeverAskedBeforeAndTakesNoMoneyCannotPreventIt() public {
        // A contract that cannot be paid.
        vm.deal(address(token), _WEALTH);
        (HeaderEvidence memory h, Question memory q, uint256 former) = _postedAgain(address(token));
        uint256 fee = _ask(h, 3, _OTHER);
        assertEq(address(requests).balance, former + fee);
        assertEq(requests.credit(address(token)), former);
        vm.warp(block.timestamp + ANSWER + 1);
        _proofs().withheld(h, q);
        assertEq(bond.credit(_OTHER), REWARD);
        requests.refund(q);
        _collected(_OTHER);
        // It names somebody who takes it.
        vm.prank(address(token));
        requests.collect(payable(RELIEF));
        assertEq(RELIEF.balance, former);
        assertEq(address(requests).balance, 0);
    }

    function test_withheld_anAskerWhoseMoneyIsFrozenKeepsNobodyFromProving() public {
        Posted memory p = postInterval(example());
        Question memory q = _question(p.header, 3);
        _ask(p.header, 3, WATCHER);
        vm.warp(block.timestamp + ANSWER + 1);
        bytes memory payment = abi.encodeWithSignature("transfer(address,uint256)", WATCHER, REWARD);
        vm.mockCallRevert(address(token), payment, "frozen");
        vm.expectRevert("frozen");
        vm.prank(WATCHER);
        _proofs().withheld(p.header, q);
        _proofs().withheld(p.header, q);
        _assertVoided();
        vm.prank(WATCHER);
        bond.collect(_OTHER);
        assertEq(token.balanceOf(_OTHER), REWARD);
    }

    function test_askingAnew_whileTheFormerQuestionIsStillOpen() public {
        Posted memory p = postInterval(example());
        Question memory q = _question(p.header, 3);
        _ask(p.header, 3, WATCHER);
        uint256 until = requests.answerBy(q);
        voidFrom(p.header, false);
        _postAgain(p);
        _ask(p.header, 3, _OTHER);
        _collected(WATCHER);
        // The question of before falls due, the one of now does not.
        vm.warp(until + 1);
        vm.expectRevert(_NOT_PROVEN);
        _proofs().withheld(p.header, q);
        vm.warp(until + 2);
        _proofs().withheld(p.header, q);
        assertEq(ledger.head(), 0);
    }

    /* ------------------------------------------------ ORDERS OF NOTHING -------------------------------------- */

    function test_withheld_ofOrdersThatNobodyCanShowTheyAreCommittedAnew() public {
        Posted memory p = postInterval(example());
        _ask(p.header, 1, WATCHER);
        vm.warp(block.timestamp + ANSWER + 1);
        _proofs().withheld(p.header, _question(p.header, 1));
        _assertVoided();
        vm.prank(OPERATOR);
        ledger.commitOrders(1, bytes32("other orders"));
        assertTrue(ledger.ordersCommittedAt(1) == block.timestamp, "the orders were not committed anew");
    }

    function test_withheld_ofAnythingElseTheOrdersStand() public {
        Posted memory p = postInterval(example());
        _ask(p.header, 3, WATCHER);
        vm.warp(block.timestamp + ANSWER + 1);
        _proofs().withheld(p.header, _question(p.header, 3));
        vm.expectRevert(abi.encodeWithSelector(IOrderLog.OrderLog_AlreadyCommitted.selector, 1));
        vm.prank(OPERATOR);
        ledger.commitOrders(1, bytes32("other orders"));
    }
}

/// @dev Who brought a wrong seed and has no bond left.
contract UnbondedTest is Market {
    uint32 private constant _DELAY = 10;
    /// @dev When round 1000 of quicknet came out.
    uint256 private constant _TIME = 1_692_806_364;

    bytes private _key;
    bytes[] private _signature;

    function setUp() public override {
        string memory json = vm.readFile("../tests/vectors/drand.json");
        _signature = vm.parseJsonBytesArray(json, ".rounds.signature");
        _key = vm.parseJsonBytesArray(json, ".network.evmKey")[0];
        vm.warp(_TIME - _DELAY);
        deploy(1, true);
    }

    function createBeacon() internal override returns (address) {
        return create("DrandBeacon", _arguments(1_692_803_367));
    }

    function _arguments(uint64 genesis) private view returns (bytes memory) {
        return abi.encode(address(ledger), address(bond), _key, genesis, 3, _DELAY);
    }

    /// @dev Wrong.
    function drawSeed(uint32) internal override returns (bytes32) {
        return _draw(OPERATOR, _signature[1]);
    }

    function _draw(address by, bytes memory signature) private returns (bytes32) {
        vm.warp(_TIME);
        vm.prank(by);
        return IDrandBeacon(address(beacon)).submit(1, signature);
    }

    /// @dev The operator's seed was wrong, which cost so many penalties that one more or less is left.
    function _slashed(uint256 penalties) private {
        for (uint256 i = 1; i < penalties; ++i) {
            vm.prank(address(faults));
            bond.slash(WATCHER, true);
        }
        Interval memory v = example();
        fixInputs(v);
        SeedEvidence memory accepted = SeedEvidence(1, ordersRoot(v), OPERATOR, 1, opening());
        inputs().seedAhead(accepted, 1000, _signature[1]);
        assertEq(bond.bonded(), BOND - penalties * PENALTY);
    }

    /// @dev The interval under its right seed, reserved for nobody.
    function _honest() private returns (bytes memory) {
        Posted memory p = commitment(example(), _draw(WATCHER, _signature[0]), 1);
        p.header.previousHash = ledger.genesisHash();
        return sentOf(p);
    }

    function test_deploy_aRoundMustHaveANumberFromTheFirstSecondOn() public {
        assertEq(tryCreate("DrandBeacon", _arguments(_DELAY)), address(0));
        assertTrue(tryCreate("DrandBeacon", _arguments(_DELAY + 1)) != address(0), "refused what can work");
    }

    function test_seedAhead_withoutABondTheOperatorFixesNoMoreOrders() public {
        _slashed(10);
        vm.expectRevert(IClearingLedger.Ledger_NotSigner.selector);
        vm.prank(OPERATOR);
        ledger.commitOrders(2, bytes32("orders"));
    }

    function test_seedAhead_withoutABondTheOperatorPostsNoMore() public {
        _slashed(10);
        bytes memory sent = _honest();
        vm.expectRevert(IClearingLedger.Ledger_NotSigner.selector);
        vm.prank(OPERATOR);
        ledger.post(sent);
        vm.expectRevert(IClearingLedger.Ledger_NotSigner.selector);
        vm.prank(OPERATOR);
        ledger.postInstead(sent, "", address(0));
    }

    function test_seedAhead_withBondLeftTheOperatorIsLookedUpAndGoesOn() public {
        _slashed(9);
        bytes memory sent = _honest();
        vm.expectRevert(IClearingLedger.Ledger_NotReserved.selector);
        vm.prank(OPERATOR);
        ledger.post(sent);
        vm.prank(OPERATOR);
        ledger.postInstead(sent, "", address(0));
        assertEq(ledger.head(), 1);
        vm.prank(OPERATOR);
        ledger.commitOrders(2, bytes32("orders"));
    }
}
