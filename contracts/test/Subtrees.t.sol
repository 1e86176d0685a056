// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDataRequests} from "../src/interfaces/IDataRequests.sol";
import {BusEvidence, HeaderEvidence, Question} from "../src/types/Evidence.sol";
import {Build} from "./support/Build.sol";
import {Market} from "./support/Market.sol";

/// @dev All leaves of a subtree, asked for and shown at once.
contract SubtreesTest is Market {
    uint8 private constant _BEFORE = 8;
    uint8 private constant _LINES = 9;
    uint8 private constant _BUSES = 10;
    uint256 private constant _WEALTH = 1e24;
    bytes4 private constant _WRONG = IDataRequests.Requests_WrongAnswer.selector;

    function setUp() public override {
        super.setUp();
        vm.deal(WATCHER, _WEALTH);
        vm.fee(10 gwei);
    }

    function _ask(HeaderEvidence memory h, BusEvidence memory bus, uint8 kind, uint8 height, uint32 position) private {
        vm.prank(WATCHER);
        requests.askLeaves{value: 1 ether}(h, bus, kind, height, position);
    }

    function _question(HeaderEvidence memory h, bytes32 root, uint8 kind, uint8 depth, uint8 height, uint32 position)
        private
        view
        returns (Question memory)
    {
        return Question(ledger.hashHeader(h), root, kind, depth, height, position);
    }

    function _answer(Question memory q, bytes memory shown, bytes memory path) private {
        uint256 had = OPERATOR.balance;
        uint256 gas = gasleft();
        vm.prank(OPERATOR);
        requests.answerLeaves(q, shown, path);
        gas -= gasleft();
        assertEq(requests.answerBy(q), 1);
        // As EIP-7623 counts: by the calldata alone, or by what is done with it.
        uint256 sent = shown.length + path.length + 450;
        uint256 used = gas + 16 * sent > 40 * sent ? gas + 16 * sent : 40 * sent;
        assertTrue(OPERATOR.balance - had > 10 gwei * (21_000 + used), "an answer costs more than it brings");
    }

    function _wrong(Question memory q, bytes memory shown, bytes memory path) private {
        vm.expectRevert(_WRONG);
        requests.answerLeaves(q, shown, path);
    }

    /* ------------------------------------------------ WITHOUT SUMS ------------------------------------------- */

    /// @dev Records of a tree from `first` on, with their mask.
    function _records(Interval memory v, uint8 kind, uint256 first, uint256 width) private pure returns (bytes memory) {
        uint32 mask = 0;
        bytes memory records;
        for (uint256 i = 0; i < width && first + i < PARTICIPANTS; ++i) {
            bytes memory one = _record(v, kind, first + i);
            if (one.length != 0) mask |= uint32(1 << i);
            records = bytes.concat(records, one);
        }
        return bytes.concat(bytes4(mask), records);
    }

    function _record(Interval memory v, uint8 kind, uint256 i) private pure returns (bytes memory) {
        if (kind == 1) return orderEvidence(v, i).record;
        if (kind == 3) return stateEvidence(v.post, i).record;
        if (kind == 4) return contractEvidence(i).record;
        if (kind == 6) return shareEvidence(v, i).record;
        return stateEvidence(v.pre, i).record;
    }

    /// @dev The path of a participant's leaf, less its first steps.
    function _path(Interval memory v, uint8 kind, uint256 i, uint256 height) private pure returns (bytes memory) {
        bytes memory path;
        if (kind == 1) path = orderEvidence(v, i).path;
        if (kind == 3) path = stateEvidence(v.post, i).path;
        if (kind == 4) path = contractEvidence(i).path;
        if (kind == 6) path = shareEvidence(v, i).path;
        if (kind == _BEFORE) path = stateEvidence(v.pre, i).path;
        return tail(path, 32 * height);
    }

    function _rootOf(Interval memory v, uint8 kind) private pure returns (bytes32) {
        if (kind == 1) return ordersRoot(v);
        if (kind == 3) return v.stateRoot;
        if (kind == 4) return contractsRoot(v);
        if (kind == 6) return sharesRoot(v);
        return stateRoot(v.pre);
    }

    function test_everySubtreeOfAnHonestHeaderCanBeShown() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        BusEvidence memory none;
        for (uint8 kind = 1; kind < 9; ++kind) {
            if (kind == 2 || kind == 5 || kind == 7) continue;
            for (uint8 height = 0; height <= TREE_DEPTH; ++height) {
                for (uint32 place = 0; place << height < PARTICIPANTS; ++place) {
                    _ask(h, none, kind, height, place);
                    bytes memory shown = _records(v, kind, place << height, 1 << height);
                    uint8 named = kind == _BEFORE ? 3 : kind;
                    Question memory q = _question(h, _rootOf(v, kind), named, uint8(TREE_DEPTH), height, place);
                    _answer(q, shown, _path(v, kind, place << height, height));
                }
            }
        }
    }

    function test_shownRecordsMustBeThoseOfTheRoot() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        BusEvidence memory none;
        _ask(h, none, 3, 1, 0);
        Question memory q = _question(h, v.stateRoot, 3, uint8(TREE_DEPTH), 1, 0);
        bytes memory shown = _records(v, 3, 0, 2);
        bytes memory path = _path(v, 3, 0, 1);
        _wrong(q, "", path);
        _wrong(q, hex"000000", path);
        _wrong(q, tail(shown, 1), path);
        _wrong(q, part(shown, 0, shown.length - 1), path);
        _wrong(q, bytes.concat(shown, hex"00"), path);
        _wrong(q, shown, tail(path, 32));
        // A leaf more than the subtree has, one that is not there, one fewer, another value, another place.
        _wrong(q, bytes.concat(hex"00000007", tail(shown, 4)), path);
        _wrong(q, bytes.concat(hex"00000001", part(shown, 4, 89)), path);
        shown[100] ^= 0x01;
        _wrong(q, shown, path);
        shown[100] ^= 0x01;
        _wrong(q, _records(v, 3, 2, 2), path);
        q.position = 1;
        _wrong(q, shown, path);
        q.position = 0;
        // Of a height that nobody asked for.
        q.height = 2;
        bytes memory all = _records(v, 3, 0, 4);
        bytes memory rest = _path(v, 3, 0, 2);
        vm.expectRevert(IDataRequests.Requests_NotOpen.selector);
        requests.answerLeaves(q, all, rest);
        q.height = 1;
        _answer(q, shown, path);
    }

    function test_aLeafAloneDoesNotAnswerForItsSubtree() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        BusEvidence memory none;
        _ask(h, none, 1, 1, 0);
        Question memory q = _question(h, ordersRoot(v), 1, uint8(TREE_DEPTH), 1, 0);
        vm.expectRevert(_WRONG);
        requests.answerLeaf(q, orderEvidence(v, 0));
        q.kind = 11;
        _wrong(q, _records(v, 1, 0, 2), _path(v, 1, 0, 1));
    }

    function test_askingForMoreThanASubtreeOf32LeavesOrBeyondTheTreeIsRefused() public {
        HeaderEvidence memory h = postInterval(example()).header;
        BusEvidence memory none;
        uint8[7] memory kind = [uint8(1), 1, 1, 0, 5, 7, 11];
        uint8[7] memory height = [uint8(6), 4, 1, 0, 0, 0, 0];
        uint32[7] memory position_ = [uint32(0), 0, 4, 0, 0, 0, 0];
        for (uint256 i = 0; i < kind.length; ++i) {
            vm.expectRevert(IDataRequests.Requests_NoSuchNode.selector);
            requests.askLeaves(h, none, kind[i], height[i], position_[i]);
        }
    }

    /* ------------------------------------------------ WITH SUMS ---------------------------------------------- */

    /// @dev Both lines of the last bus, with what is hashed of the node above them.
    function _lines(Interval memory v) private pure returns (bytes memory) {
        bytes memory sums =
            bytes.concat(Build.sums(Build.add(leafSums(v.allocations[B]), leafSums(v.allocations[C]))), _salt(1, 0));
        bytes memory records = bytes.concat(Build.allocation(v.allocations[B]), Build.allocation(v.allocations[C]));
        return bytes.concat(hex"00000003", records, sums);
    }

    function _salt(uint8 level, uint32 place) private pure returns (bytes16) {
        return bytes16(keccak256(abi.encodePacked(uint8(5), SALT_KEY, uint16(2), level, place)));
    }

    function test_theLinesOfABusAreShownWithTheirSums() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        BusEvidence memory b = busEvidence(v, 2);
        bytes memory lower = _lines(v);
        bytes memory path = tail(busTree(v, 2, 0).path, 64);
        _ask(h, b, 2, 1, 0);
        Question memory q = _question(h, v.buses[2].root, _LINES, 2, 1, 0);
        lower[lower.length - 1] ^= 0x01;
        _wrong(q, lower, path);
        lower[lower.length - 1] ^= 0x01;
        _wrong(q, part(lower, 0, lower.length - 64), path);
        _wrong(q, lower, "");
        vm.expectRevert(_WRONG);
        requests.answerNode(q, part(lower, 4, 142), path);
        _answer(q, lower, path);
    }

    function test_anEmptyPartOfABusIsShownByItsHeight() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        BusEvidence memory b = busEvidence(v, 2);
        _ask(h, b, 2, 0, 3);
        Question memory q = _question(h, v.buses[2].root, _LINES, 2, 0, 3);
        bytes memory path = busTree(v, 2, 3).path;
        _wrong(q, hex"01", path);
        _wrong(q, hex"ff", path);
        _answer(q, hex"00", path);
    }

    function test_allBusesAreShownAtOnce() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        BusEvidence memory none;
        _ask(h, none, 2, 2, 0);
        bytes memory records;
        uint32 mask = 0;
        for (uint256 bus = 0; bus < 3; ++bus) {
            mask |= uint32(1 << position(bus));
        }
        for (uint256 place = 0; place < 4; ++place) {
            for (uint256 bus = 0; bus < 3; ++bus) {
                if (position(bus) == place) records = bytes.concat(records, Build.bus(v.buses[bus]));
            }
        }
        bytes memory sums;
        for (uint256 side = 0; side < 2; ++side) {
            sums = bytes.concat(sums, _sideSums(v, side));
        }
        bytes memory whole = Build.sums(Build.add(Build.add(v.buses[0].sums, v.buses[1].sums), v.buses[2].sums));
        bytes memory shown = bytes.concat(bytes4(mask), records, sums, whole, bytes16(0));
        _answer(_question(h, busesTree(v, 0).root, _BUSES, 2, 2, 0), shown, "");
    }

    /// @dev What is hashed of the node above two positions.
    function _sideSums(Interval memory v, uint256 side) private pure returns (bytes memory) {
        uint256[2] memory found = [uint256(3), 3];
        for (uint256 bus = 0; bus < 3; ++bus) {
            if (position(bus) >> 1 == side) found[found[0] == 3 ? 0 : 1] = bus;
        }
        if (found[0] == 3) return "";
        if (found[1] == 3) return bytes.concat(Build.sums(v.buses[found[0]].sums), bytes16(0));
        return bytes.concat(Build.sums(Build.add(v.buses[found[0]].sums, v.buses[found[1]].sums)), bytes16(0));
    }

    /* ------------------------------------------------ WITHHOLDING -------------------------------------------- */

    function test_withheld_ofASubtreeOfNothing() public {
        Interval memory v = example();
        v.stateRoot = keccak256("nothing");
        HeaderEvidence memory h = postInterval(v).header;
        BusEvidence memory none;
        _ask(h, none, 3, 3, 0);
        vm.warp(block.timestamp + ANSWER + 1);
        Question memory q = _question(h, v.stateRoot, 3, uint8(TREE_DEPTH), 3, 0);
        vm.prank(WATCHER);
        inputs().withheld(h, q);
        assertEq(ledger.head(), 0);
        assertEq(token.balanceOf(WATCHER), REWARD);
    }

    function test_askingForASubtreeCostsLittleMoreThanOneLeaf() public {
        HeaderEvidence memory h = postInterval(example()).header;
        BusEvidence memory none;
        uint256 had = WATCHER.balance;
        _ask(h, none, 3, 3, 0);
        uint256 whole = had - WATCHER.balance;
        vm.prank(WATCHER);
        requests.askLeaf{value: 1 ether}(h, 3, 0);
        uint256 leaf = had - whole - WATCHER.balance;
        assertTrue(whole < 2 * leaf, "eight leaves at once cost as much as two");
        assertTrue(whole > leaf, "eight leaves at once cost less than one");
    }
}
