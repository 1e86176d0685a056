// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGridRegistry} from "../src/interfaces/IGridRegistry.sol";
import {INetworkVerifier} from "../src/interfaces/INetworkVerifier.sol";
import {TestBase} from "./support/Vm.sol";

/// @dev Grids that are registered page by page.
contract LargeGridTest is TestBase {
    uint256 private constant PAGE = 24_575;
    uint256 private constant CAP = 16_777_216;
    uint256 private constant BUSES = 1500;
    address private constant OTHER = address(0x0bad);

    IGridRegistry private _registry;
    INetworkVerifier private _verifier;

    function setUp() public {
        _registry = IGridRegistry(create("GridRegistry", ""));
        _verifier = INetworkVerifier(create("NetworkVerifier", abi.encode(_registry)));
    }

    /* ------------------------------------------------ BUILDING ----------------------------------------------- */

    /// @dev A chain of buses, its limits telling it from another.
    function _grid(uint256 buses, uint64 limit) private pure returns (bytes memory) {
        bytes memory lines = new bytes(28 * (buses - 1));
        bytes memory positions = new bytes(2 * buses);
        bytes memory layers = new bytes(11 * buses);
        for (uint256 i = 0; i < buses; ++i) {
            if (i + 1 < buses) {
                // from u16 ‖ to u16 ‖ b u64 ‖ limit u64 ‖ margin u64 from the top of a word
                uint256 line = (i << 240) | ((i + 1) << 224) | (256_000 << 160) | (uint256(limit) << 96) | (2 << 32);
                bytes memory packed = abi.encodePacked(line);
                for (uint256 j = 0; j < 28; ++j) {
                    lines[28 * i + j] = packed[j];
                }
            }
            (positions[2 * i], positions[2 * i + 1]) = (bytes1(uint8(i >> 8)), bytes1(uint8(i)));
            (layers[11 * i + 1], layers[11 * i + 2]) = (positions[2 * i], positions[2 * i + 1]);
        }
        return bytes.concat(
            abi.encodePacked(uint16(buses), uint16(buses - 1), uint8(20), uint8(0), uint256(1)),
            lines,
            new bytes(8 * buses),
            buses > 2048 ? bytes1(0x0d) : bytes1(0x0b),
            positions,
            abi.encodePacked(uint16(buses + 1), buses > 2048 ? bytes1(0x0d) : bytes1(0x0b), new bytes(10)),
            layers
        );
    }

    function _hash(bytes memory packed) private pure returns (bytes32) {
        return keccak256(bytes.concat(hex"09", packed));
    }

    function _part(bytes memory data, uint256 from, uint256 size) private pure returns (bytes memory part) {
        if (from + size > data.length) size = data.length - from;
        part = new bytes(size);
        for (uint256 i = 0; i < size; ++i) {
            part[i] = data[from + i];
        }
    }

    function _write(bytes memory packed) private returns (uint32[] memory pages) {
        pages = new uint32[]((packed.length + PAGE - 1) / PAGE);
        for (uint256 i = 0; i < pages.length; ++i) {
            pages[i] = _registry.writePage(_part(packed, PAGE * i, PAGE));
        }
    }

    function _refused(bytes32 hash, uint32[] memory pages, bytes memory reason) private {
        uint32 before = _registry.latestVersion();
        vm.expectRevert(reason);
        _registry.registerPages(hash, pages);
        assertEq(_registry.latestVersion(), before);
    }

    function _list(uint32 a, uint32 b, uint32 c) private pure returns (uint32[] memory pages) {
        pages = new uint32[](3);
        (pages[0], pages[1], pages[2]) = (a, b, c);
    }

    /* ------------------------------------------------ REGISTERED --------------------------------------------- */

    function test_aGridComesBackAsItWas() public {
        bytes memory packed = _grid(BUSES, 5000);
        uint32[] memory pages = _write(packed);
        assertEq(pages.length, 3);
        assertEq(_registry.latestVersion(), 0);
        uint32 version = _registry.registerPages(_hash(packed), pages);
        assertEq(version, 4);
        assertEq(_registry.latestVersion(), 4);
        assertEq(_registry.gridHash(version), _hash(packed));
        assertEq(keccak256(_registry.packedGrid(version)), keccak256(packed));
        assertEq(_registry.page(version), vm.computeCreateAddress(address(_registry), 4));
    }

    function test_itIsCheckedAgainstLikeOneOfOneTransaction() public {
        bytes memory packed = _grid(BUSES, 5000);
        uint32 large = _registry.registerPages(_hash(packed), _write(packed));
        uint32 whole = _registry.registerGrid(packed);
        assertEq(whole, 5);
        assertEq(_registry.registerGrid(_grid(3, 5000)), 8);
        bytes memory certificate = new bytes(16 * BUSES);
        bytes32 hash = _verifier.check(large, certificate);
        assertEq(hash, _verifier.check(whole, certificate));
        assertEq(hash, keccak256(new bytes(24 * BUSES)));
        assertEq(_verifier.injections(large, certificate).length, BUSES);
    }

    function test_aSmallGridCanHaveAnIndexToo() public {
        bytes memory packed = _grid(3, 5000);
        uint32 version = _registry.registerPages(_hash(packed), _write(packed));
        assertEq(_verifier.check(version, new bytes(48)), keccak256(new bytes(72)));
    }

    function test_nobodyComesBetween() public {
        bytes memory mine = _grid(BUSES, 5000);
        bytes memory theirs = _grid(BUSES, 4000);
        uint32[] memory my = new uint32[](3);
        uint32[] memory their = new uint32[](3);
        for (uint256 i = 0; i < 3; ++i) {
            my[i] = _registry.writePage(_part(mine, PAGE * i, PAGE));
            // in another order
            vm.prank(OTHER);
            their[2 - i] = _registry.writePage(_part(theirs, PAGE * (2 - i), PAGE));
            // and whole grids as well
            vm.prank(OTHER);
            _registry.registerGrid(_grid(3, 4000));
        }
        vm.prank(OTHER);
        uint32 second = _registry.registerPages(_hash(theirs), their);
        uint32 first = _registry.registerPages(_hash(mine), my);
        assertEq(keccak256(_registry.packedGrid(first)), keccak256(mine));
        assertEq(keccak256(_registry.packedGrid(second)), keccak256(theirs));
    }

    function test_pagesServeAgain() public {
        bytes memory packed = _grid(BUSES, 5000);
        uint32[] memory pages = _write(packed);
        uint32 first = _registry.registerPages(_hash(packed), pages);
        vm.prank(OTHER);
        uint32 second = _registry.registerPages(_hash(packed), pages);
        assertEq(second, first + 1);
        assertEq(_registry.gridHash(second), _registry.gridHash(first));
    }

    function test_noTransactionIsAboveTheCap() public {
        bytes memory packed = _grid(4600, 5000);
        uint32[] memory pages = new uint32[]((packed.length + PAGE - 1) / PAGE);
        for (uint256 i = 0; i < pages.length; ++i) {
            bytes memory part = _part(packed, PAGE * i, PAGE);
            uint256 page = gasleft();
            pages[i] = _registry.writePage(part);
            assertTrue(page - gasleft() + 16 * PAGE + 21_000 < CAP, "page");
        }
        bytes32 hash = _hash(packed);
        uint256 whole = gasleft();
        _registry.registerPages(hash, pages);
        assertTrue(whole - gasleft() + 30_000 < CAP, "whole");
    }

    /* ------------------------------------------------ REFUSED ------------------------------------------------ */

    function test_pagesAreNoVersion() public {
        uint32[] memory pages = _write(_grid(BUSES, 5000));
        for (uint256 i = 0; i < pages.length; ++i) {
            bytes memory unknown = abi.encodeWithSelector(IGridRegistry.GridRegistry_UnknownVersion.selector, pages[i]);
            vm.expectRevert(unknown);
            _registry.gridHash(pages[i]);
            vm.expectRevert(unknown);
            _registry.packedGrid(pages[i]);
            vm.expectRevert(unknown);
            _verifier.check(pages[i], "");
        }
    }

    function test_aWrongHashIsRefused() public {
        bytes memory packed = _grid(BUSES, 5000);
        uint32[] memory pages = _write(packed);
        _refused(
            _hash(_grid(BUSES, 4000)),
            pages,
            abi.encodeWithSelector(IGridRegistry.GridRegistry_OtherGrid.selector, _hash(packed))
        );
    }

    function test_pagesLeftOutOrOutOfOrderAreRefused() public {
        bytes memory packed = _grid(BUSES, 5000);
        bytes32 hash = _hash(packed);
        uint32[] memory pages = _write(packed);
        bytes memory malformed = abi.encodeWithSelector(IGridRegistry.GridRegistry_MalformedGrid.selector);
        bytes memory short = abi.encodeWithSelector(IGridRegistry.GridRegistry_PageLength.selector);
        uint32[] memory two = new uint32[](2);
        (two[0], two[1]) = (pages[0], pages[1]);
        _refused(hash, two, malformed); // ended early
        two[1] = pages[2];
        _refused(hash, two, malformed); // a gap
        _refused(hash, _list(pages[0], pages[2], pages[1]), short); // the last is not full
        bytes memory range = abi.encodeWithSelector(IGridRegistry.GridRegistry_OutOfRange.selector);
        _refused(hash, _list(pages[0], pages[0], pages[2]), range); // one twice
        _registry.registerPages(hash, pages);
    }

    function test_onlyPagesOfTheRegistryAreTaken() public {
        bytes memory packed = _grid(BUSES, 5000);
        bytes32 hash = _hash(packed);
        uint32[] memory pages = _write(packed);
        uint32 index = _registry.registerPages(hash, pages);
        uint32[4] memory numbers = [0, index, index + 1, uint32((1 << 24) | pages[2])];
        for (uint256 i = 0; i < numbers.length; ++i) {
            bytes memory unknown = abi.encodeWithSelector(IGridRegistry.GridRegistry_UnknownPage.selector, numbers[i]);
            _refused(hash, _list(pages[0], pages[1], numbers[i]), unknown);
        }
        bytes memory count = abi.encodeWithSelector(IGridRegistry.GridRegistry_PageCount.selector);
        _refused(hash, new uint32[](0), count);
        _refused(hash, new uint32[](769), count);
    }

    function test_aPageHasALength() public {
        vm.expectRevert(IGridRegistry.GridRegistry_PageLength.selector);
        _registry.writePage("");
        bytes memory long = new bytes(PAGE + 1);
        vm.expectRevert(IGridRegistry.GridRegistry_PageLength.selector);
        _registry.writePage(long);
    }

    function test_whatIsNoGridOnTheLastPageIsRefused() public {
        bytes memory packed = _grid(BUSES, 5000);
        packed[packed.length - 10] = 0xff; // a layer beyond the tree
        packed[packed.length - 9] = 0xff;
        bytes memory malformed = abi.encodeWithSelector(IGridRegistry.GridRegistry_MalformedGrid.selector);
        _refused(_hash(packed), _write(packed), malformed);
        packed = bytes.concat(_grid(BUSES, 5000), hex"00");
        _refused(_hash(packed), _write(packed), malformed);
        packed = _grid(BUSES, 1 << 40);
        bytes memory range = abi.encodeWithSelector(IGridRegistry.GridRegistry_OutOfRange.selector);
        _refused(_hash(packed), _write(packed), range);
    }
}
