// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Tightening} from "../src/libraries/Tightening.sol";
import {TestGrids} from "./support/Grids.sol";
import {TestBase} from "./support/Vm.sol";

/// @dev The library's functions are internal; this lets a test see them revert.
contract TighteningHarness {
    function check(bytes memory old, bytes memory next) external pure {
        Tightening.check(old, next);
    }
}

/// @dev What counts as tightening a grid, and everything that only looks like it.
contract TighteningTest is TestBase {
    using TestGrids for TestGrids.Line[];

    TighteningHarness internal harness = new TighteningHarness();

    /// @dev A ring of 0, 1, 2 with a spur 2-3-4: lines 0-1, 1-2, 0-2, 2-3, 3-4.
    function _lines() private pure returns (TestGrids.Line[] memory lines) {
        lines = new TestGrids.Line[](5);
        lines[0] = TestGrids.line(0, 1, 5000);
        lines[1] = TestGrids.line(1, 2, 5000);
        lines[2] = TestGrids.line(0, 2, 900);
        lines[3] = TestGrids.line(2, 3, 700);
        lines[4] = TestGrids.line(3, 4, 300);
    }

    function _at(uint16 first) private pure returns (uint16[] memory references) {
        references = new uint16[](1);
        references[0] = first;
    }

    function _at(uint16 first, uint16 second) private pure returns (uint16[] memory references) {
        references = new uint16[](2);
        (references[0], references[1]) = (first, second);
    }

    function _pack(TestGrids.Line[] memory lines, uint16[] memory references) private pure returns (bytes memory) {
        return lines.pack(5, 3, references);
    }

    function _old() private pure returns (bytes memory) {
        return _pack(_lines(), _at(2));
    }

    function _refused(bytes memory next, bytes memory reason) private {
        vm.expectRevert(reason);
        harness.check(_old(), next);
    }

    function _line(bytes4 selector, uint256 number) private pure returns (bytes memory) {
        return abi.encodeWithSelector(selector, number);
    }

    /* ------------------------------------------------ TAKEN -------------------------------------------------- */

    function test_aGridTightensItself() public view {
        harness.check(_old(), _old());
    }

    function test_anyLimitsMayFall(uint64[5] memory lower) public view {
        TestGrids.Line[] memory lines = _lines();
        for (uint256 i = 0; i < 5; ++i) {
            lines[i].limit -= lower[i] % (lines[i].limit - 2);
        }
        harness.check(_old(), _pack(lines, _at(2)));
    }

    function test_aLineThatClosesNoLoopMayGo() public view {
        harness.check(_old(), _pack(_lines().without(3), _at(2, 3)));
        harness.check(_old(), _pack(_lines().without(4), _at(2, 4)));
    }

    function test_severalLinesMayGoIfEachCutsAnIslandInTwo() public view {
        uint16[] memory three = new uint16[](3);
        (three[0], three[1], three[2]) = (2, 3, 4);
        harness.check(_old(), _pack(_lines().without(4).without(3), three));
    }

    /* ------------------------------------------------ REFUSED ------------------------------------------------ */

    function test_aLimitMayNotRise() public {
        for (uint256 i = 0; i < 5; ++i) {
            TestGrids.Line[] memory lines = _lines();
            lines[i].limit += 1;
            _refused(_pack(lines, _at(2)), _line(Tightening.Tightening_LimitRaised.selector, i));
        }
    }

    function test_oneLimitMayNotRiseWhileAllOthersFall() public {
        TestGrids.Line[] memory lines = _lines();
        for (uint256 i = 0; i < 5; ++i) {
            lines[i].limit -= 100;
        }
        lines[2].limit = 901;
        _refused(_pack(lines, _at(2)), _line(Tightening.Tightening_LimitRaised.selector, 2));
    }

    function test_aLimitNeedsRoomAboveItsMargin() public {
        TestGrids.Line[] memory lines = _lines();
        lines[4].limit = 2;
        _refused(_pack(lines, _at(2)), _line(Tightening.Tightening_NoRoom.selector, 4));
    }

    function test_aLineThatClosesALoopStays() public {
        _refused(_pack(_lines().without(0), _at(2)), _line(Tightening.Tightening_ClosesLoop.selector, 0));
        _refused(_pack(_lines().without(2), _at(2)), _line(Tightening.Tightening_ClosesLoop.selector, 2));
        // both lines of bus 0: an island of its own, but what goes through it before could go nowhere else after
        _refused(_pack(_lines().without(2).without(0), _at(2, 0)), _line(Tightening.Tightening_ClosesLoop.selector, 2));
    }

    function test_aLineMayNotComeTurnRoundMoveOrGrowStronger() public {
        bytes4 other = Tightening.Tightening_OtherLine.selector;
        TestGrids.Line[] memory lines = _lines();
        lines[1].b += 1;
        _refused(_pack(lines, _at(2)), _line(other, 1));
        lines = _lines();
        (lines[1].from, lines[1].to) = (2, 1);
        _refused(_pack(lines, _at(2)), _line(other, 1));
        lines = _lines();
        lines[4].from = 2;
        _refused(_pack(lines, _at(2)), _line(other, 4));
        lines = _lines();
        (lines[0], lines[1]) = (lines[1], lines[0]);
        _refused(_pack(lines, _at(2)), _line(other, 1));
        lines = new TestGrids.Line[](6);
        for (uint256 i = 0; i < 5; ++i) {
            lines[i] = _lines()[i];
        }
        lines[5] = TestGrids.line(0, 4, 100);
        _refused(_pack(lines, _at(2)), _line(other, 5));
    }

    function test_aMarginMayNotChange() public {
        TestGrids.Line[] memory lines = _lines();
        lines[2].margin = 400;
        _refused(_pack(lines, _at(2)), _line(Tightening.Tightening_OtherLine.selector, 2));
        lines[2].margin = 1;
        _refused(_pack(lines, _at(2)), _line(Tightening.Tightening_OtherLine.selector, 2));
    }

    /// @dev Boxes of 0 would let any prices pass as optimal.
    function test_boxesFollowFromTheLines() public {
        bytes memory wrong = abi.encodePacked(Tightening.Tightening_WrongAngles.selector);
        uint256 boxes = 38 + 28 * 5;
        for (uint256 bus = 0; bus < 5; ++bus) {
            bytes memory next = _old();
            next[boxes + 8 * bus + 7] = bytes1(uint8(next[boxes + 8 * bus + 7]) ^ 1);
            _refused(next, wrong);
            for (uint256 i = 0; i < 8; ++i) {
                next[boxes + 8 * bus + i] = 0;
            }
            if (bus != 2) _refused(next, wrong);
        }
        _refused(_pack(_lines(), _at(2, 4)), wrong); // two references in one island
        _refused(_unreached(), wrong); // an island without one
    }

    /// @dev Bus 3 and 4 are an island without a reference, their boxes as they were.
    function _unreached() private pure returns (bytes memory next) {
        next = _pack(_lines().without(3), _at(2, 3));
        uint256 boxes = 38 + 28 * 4;
        for (uint256 bus = 3; bus < 5; ++bus) {
            next[boxes + 8 * bus] = 0x01;
        }
    }

    function test_theToleranceOfPricesFollowsAndNeverGrows() public {
        bytes memory wrong = abi.encodePacked(Tightening.Tightening_WrongTolerance.selector);
        bytes memory next = _old();
        next[37] = bytes1(uint8(next[37]) ^ 1);
        _refused(next, wrong);
        // consistent in itself, but from a reference at the end of the spur
        _refused(_pack(_lines(), _at(4)), wrong);
    }

    function test_importLimitsFollowFromTheLines() public {
        uint256 first = _old().length - 11 * 6;
        for (uint256 layer = 0; layer < 6; ++layer) {
            bytes memory next = _old();
            next[first + 11 * layer + 10] = bytes1(uint8(next[first + 11 * layer + 10]) ^ 1);
            _refused(next, _line(Tightening.Tightening_WrongImport.selector, layer));
        }
    }

    function test_busesUnitAndLayersStay() public {
        bytes memory other = abi.encodePacked(Tightening.Tightening_OtherShape.selector);
        bytes memory next = _old();
        next[4] = 0x13;
        _refused(next, other);
        _refused(_lines().pack(6, 3, _at(2, 5)), other);
        _refused(_lines().pack(5, 4, _at(2)), other);
        next = _old();
        uint256 positions = 38 + 28 * 5 + 8 * 5 + 1;
        (next[positions + 1], next[positions + 3]) = (next[positions + 3], next[positions + 1]);
        _refused(next, other);
        next = _old();
        next[next.length - 9] = 0x05; // another layer's position
        _refused(next, other);
        _refused(bytes.concat(_old(), hex"00"), other);
    }
}
