// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGridRegistry} from "../src/interfaces/IGridRegistry.sol";
import {Network} from "../src/libraries/Network.sol";
import {Market} from "./support/Market.sol";

/// @dev Grids in code, and the rules of the certificate one by one.
contract RegistryTest is Market {
    /* ------------------------------------------------ REGISTRATION ------------------------------------------- */

    function test_aGridComesBackAsItWas() public {
        assertEq(keccak256(registry.packedGrid(1)), keccak256(packedGrid()));
        assertEq(registry.gridHash(1), keccak256(bytes.concat(hex"09", packedGrid())));
        uint32 second = registry.registerGrid(packedGrid());
        assertEq(second, 2);
        assertEq(registry.latestVersion(), 2);
        assertTrue(registry.page(2) != registry.page(1), "a page of its own");
    }

    function test_unknownVersionsAreRefused() public {
        vm.expectRevert(abi.encodeWithSelector(IGridRegistry.GridRegistry_UnknownVersion.selector, 9));
        registry.gridHash(9);
        vm.expectRevert(abi.encodeWithSelector(IGridRegistry.GridRegistry_UnknownVersion.selector, 9));
        registry.packedGrid(9);
        vm.expectRevert(abi.encodeWithSelector(IGridRegistry.GridRegistry_UnknownVersion.selector, 9));
        verifier.check(9, "");
    }

    /// @dev A chain of buses long enough for three pages.
    function _longGrid(uint256 buses) private pure returns (bytes memory packed) {
        bytes memory lines = new bytes(28 * (buses - 1));
        for (uint256 i = 0; i + 1 < buses; ++i) {
            bytes memory line = packedLine(uint16(i), uint16(i + 1), 256_000, 5000, 2);
            for (uint256 j = 0; j < 28; ++j) {
                lines[28 * i + j] = line[j];
            }
        }
        bytes memory positions = new bytes(2 * buses);
        bytes memory layers = new bytes(11 * buses);
        for (uint256 i = 0; i < buses; ++i) {
            (positions[2 * i], positions[2 * i + 1]) = (bytes1(uint8(i >> 8)), bytes1(uint8(i)));
            (layers[11 * i + 1], layers[11 * i + 2]) = (positions[2 * i], positions[2 * i + 1]);
        }
        packed = bytes.concat(
            abi.encodePacked(uint16(buses), uint16(buses - 1), uint8(20), uint8(0), uint256(1)),
            lines,
            new bytes(8 * buses),
            hex"0b",
            positions,
            abi.encodePacked(uint16(buses + 1), packedLayer(11, 0, 0)),
            layers
        );
    }

    function test_aGridOfSeveralPages() public {
        bytes memory packed = _longGrid(1500);
        uint32 version = registry.registerGrid(packed);
        assertEq(keccak256(registry.packedGrid(version)), keccak256(packed));
        // the next version follows after the pages of this one
        assertEq(registry.registerGrid(packedGrid()), version + 3);
        bytes memory flat = new bytes(16 * 1500);
        bytes32 hash = verifier.check(version, flat);
        assertEq(hash, keccak256(new bytes(24 * 1500)));
    }

    function _refused(bytes memory packed, bytes4 reason) private {
        vm.expectRevert(reason);
        registry.registerGrid(packed);
    }

    function test_malformedGridsAreRefused() public {
        bytes4 malformed = IGridRegistry.GridRegistry_MalformedGrid.selector;
        bytes4 range = IGridRegistry.GridRegistry_OutOfRange.selector;
        bytes memory g = packedGrid();
        _refused("", malformed);
        _refused(tail(g, 1), malformed);
        _refused(bytes.concat(g, hex"00"), malformed);
        _refused(_changed(g, 5, 1), range); // slack
        _refused(_changed(g, 1, 0), malformed); // no bus
        _refused(_changed(g, 39, 3), malformed); // line from a bus that is not there
        _refused(_changed(g, 41, 0), malformed); // line from a bus to itself
        _refused(_changed(g, 50, 1), range); // a limit of 2^56
        _refused(_changed(g, 58, 1), range); // a margin above the limit
        uint256 holarchy = 38 + 3 * 28 + 3 * 8;
        _refused(_changed(g, holarchy, 17), range); // too deep
        _refused(_changed(g, holarchy + 2, 4), malformed); // a position beyond the tree
        _refused(_changed(g, holarchy + 9, 3), malformed); // a layer above the root
        _refused(_changed(g, holarchy + 22, 2), malformed); // a layer beyond the tree
    }

    /// @dev What no honest operator could clear, or nobody disprove a price of, is no grid to be put in force.
    function test_gridsThatNobodyCouldClearOrJudgeAreRefused() public {
        bytes4 malformed = IGridRegistry.GridRegistry_MalformedGrid.selector;
        bytes4 range = IGridRegistry.GridRegistry_OutOfRange.selector;
        bytes memory g = packedGrid();
        uint256 line = 38;
        _refused(_set(g, line + 4, 8, 0), range); // no susceptance: nothing would ever flow
        _refused(_set(g, line + 4, 8, 2 ** 53), range); // one that floats do not hold
        _refused(_set(g, line + 20, 8, 1), range); // no room for rounding
        _refused(_set(g, line + 20, 8, 5000), range); // and none for anything else
        uint256 boxes = line + 3 * 28;
        _refused(_set(g, boxes + 8, 8, 2 ** 62), range);
        uint256 positions = boxes + 3 * 8 + 1;
        _refused(_set(g, positions + 2, 2, position(0)), malformed); // two buses at one place
        uint256 layers = positions + 3 * 2 + 2;
        _refused(_set(g, layers + 2 * 11, 3, 0x000003), malformed); // a layer twice, and a bus without
        _refused(_set(g, layers, 3, 0x010000), malformed); // no system
        bytes memory more = bytes.concat(_set(g, layers - 2, 2, 6), packedLayer(1, 1, 5900));
        _refused(more, malformed); // a layer twice, nothing missing
        registry.registerGrid(_set(g, layers - 2, 2, 5));
    }

    /// @dev A number in place of what was there.
    function _set(bytes memory data, uint256 offset, uint256 size, uint256 value)
        private
        pure
        returns (bytes memory copy)
    {
        copy = bytes.concat(data);
        for (uint256 i = 0; i < size; ++i) {
            copy[offset + i] = bytes1(uint8(value >> (8 * (size - 1 - i))));
        }
    }

    function _changed(bytes memory data, uint256 offset, uint8 value) private pure returns (bytes memory copy) {
        copy = bytes.concat(data);
        copy[offset] = bytes1(value);
    }

    /* ------------------------------------------------ THE RULES ---------------------------------------------- */

    function _check(Interval memory v) private view returns (bytes32) {
        return verifier.check(1, certificateOf(v));
    }

    function test_check_theExample() public view {
        Interval memory v = example();
        assertEq(_check(v), busVectorHash(v));
        int64[] memory injections = verifier.injections(1, certificateOf(v));
        assertEq(injections.length, 3);
        assertTrue(injections[0] == 1950 && injections[1] == -1200 && injections[2] == -750, "as by hand");
    }

    function test_rule1_aBusInFractions() public {
        Interval memory v = example();
        v.theta[1] += 500;
        bytes memory c = certificateOf(v);
        vm.expectPartialRevert(Network.Network_BusUnbalanced.selector);
        verifier.check(1, c);
    }

    function test_rule1_theSystem() public {
        // Four buses that are each a quarter of a watt-hour above a whole number: together one too many.
        bytes memory g = bytes.concat(
            abi.encodePacked(uint16(4), uint16(3), uint8(0), uint8(0), uint256(0)),
            packedLine(0, 1, 1, 5000, 2),
            packedLine(0, 2, 1, 5000, 2),
            packedLine(0, 3, 1, 5000, 2),
            new bytes(32),
            hex"020000000100020003",
            bytes.concat(abi.encodePacked(uint16(5)), packedLayer(2, 0, 0), packedLayer(0, 0, 15_000)),
            bytes.concat(packedLayer(0, 1, 5000), packedLayer(0, 2, 5000), packedLayer(0, 3, 5000))
        );
        uint32 version = registry.registerGrid(g);
        bytes memory leaf = abi.encodePacked(int64(64), int64(0));
        bytes memory c = bytes.concat(new bytes(16), leaf, leaf, leaf);
        vm.expectRevert(Network.Network_SystemUnbalanced.selector);
        verifier.check(version, c);
    }

    function test_rule2_aboveTheLimit() public {
        Interval memory v = example();
        v.theta[2] -= 10_000;
        bytes memory c = certificateOf(v);
        vm.expectRevert(abi.encodeWithSelector(Network.Network_FlowOverLimit.selector, 2));
        verifier.check(1, c);
        v.theta[2] = -v.theta[2];
        c = certificateOf(v);
        vm.expectPartialRevert(Network.Network_FlowOverLimit.selector);
        verifier.check(1, c);
    }

    function test_rule3_aPriceOnASlackLine() public {
        Interval memory v = example();
        bytes memory c = bytes.concat(tail(certificateOf(v), 0));
        c[49] = 0x01; // line 2 becomes line 1
        vm.expectRevert(abi.encodeWithSelector(Network.Network_PriceOnSlackLine.selector, 1));
        verifier.check(1, c);
    }

    function test_rule3_aPriceAgainstTheFlowOrOfNothing() public {
        Interval memory v = example();
        v.mu = -v.mu;
        bytes memory c = certificateOf(v);
        vm.expectRevert(abi.encodeWithSelector(Network.Network_PriceOnSlackLine.selector, 2));
        verifier.check(1, c);
        v.mu = 0;
        c = bytes.concat(certificateOf(v), hex"00020000000000000000");
        vm.expectRevert(abi.encodeWithSelector(Network.Network_PriceOnSlackLine.selector, 2));
        verifier.check(1, c);
    }

    function test_rule3_linesTwiceOutOfOrderOrBeyondTheGrid() public {
        bytes memory c = certificateOf(example());
        bytes memory priced = tail(c, 48);
        bytes memory twice = bytes.concat(c, priced);
        vm.expectRevert(Network.Network_PricedLines.selector);
        verifier.check(1, twice);
        c[49] = 0x03;
        vm.expectRevert(Network.Network_PricedLines.selector);
        verifier.check(1, c);
    }

    function test_rule5_pricesThatAreNotOptimal() public {
        Interval memory v = example();
        v.pi[1] += 10;
        bytes memory c = certificateOf(v);
        vm.expectRevert(Network.Network_NotOptimal.selector);
        verifier.check(1, c);
        v.pi[1] -= 10;
        v.mu += 1000;
        c = certificateOf(v);
        vm.expectRevert(Network.Network_NotOptimal.selector);
        verifier.check(1, c);
    }

    function test_certificatesOfAnotherLength() public {
        bytes memory c = certificateOf(example());
        vm.expectRevert(Network.Network_CertificateLength.selector);
        verifier.check(1, "");
        bytes memory longer = bytes.concat(c, hex"00");
        vm.expectRevert(Network.Network_CertificateLength.selector);
        verifier.check(1, longer);
    }

    /// @dev The same rules in plain Solidity, on any angles and prices.
    function testFuzz_theAssemblyIsThePlainCheck(int64[3] memory theta, int64[3] memory pi, int64 mu, bool priced)
        public
        view
    {
        Interval memory v = example();
        for (uint256 i = 0; i < 3; ++i) {
            v.theta[i] += theta[i] % 4000;
            v.pi[i] += pi[i] % 8;
        }
        v.mu = priced ? v.mu + mu % 8 : int64(0);
        bool holds = _plainCheck(v);
        try verifier.check(1, certificateOf(v)) {
            assertTrue(holds, "accepted what breaks a rule");
        } catch {
            assertTrue(!holds, "refused what keeps every rule");
        }
    }

    function _plainCheck(Interval memory v) private pure returns (bool) {
        uint8[2][3] memory ends = [[0, 1], [1, 2], [0, 2]];
        int256[3] memory limit = [int256(5000), 5000, 900];
        int256[3] memory box = [int256(0), 5_242_880, 943_719];
        int256[3] memory sum;
        int256[3] memory residual;
        for (uint256 l = 0; l < 3; ++l) {
            (uint256 from, uint256 to) = (ends[l][0], ends[l][1]);
            int256 flow = (256_000 * (int256(v.theta[from]) - v.theta[to])) >> 20;
            int256 size = flow < 0 ? -flow : flow;
            if (size > 256 * limit[l]) return false;
            int256 mu = l == 2 ? v.mu : int256(0);
            if (mu != 0) {
                int256 distance = size - 256 * (limit[l] - 2);
                if ((distance < 0 ? -distance : distance) > 512 || mu > 0 != flow > 0) return false;
            }
            sum[from] += flow;
            sum[to] -= flow;
            int256 term = 256_000 * (int256(v.pi[from]) - v.pi[to] + mu);
            residual[from] += term;
            residual[to] -= term;
        }
        int256 total;
        int256 weighted;
        for (uint256 n = 0; n < 3; ++n) {
            int256 injection = (sum[n] + 128) >> 8;
            int256 rest = sum[n] - 256 * injection;
            if (rest > 64 || rest < -64) return false;
            total += injection;
            weighted += 2 * box[n] * (residual[n] < 0 ? -residual[n] : residual[n]);
        }
        return total == 0 && weighted <= 2 * 5_242_880 * 3 * 512_000 + 2 * 943_719 * 3 * 512_000;
    }
}
