// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev Registered grids on the fly: lines in, everything that follows from them computed slowly and plainly.
library TestGrids {
    struct Line {
        uint16 from;
        uint16 to;
        uint64 b;
        uint64 limit;
        uint64 margin;
    }

    uint8 internal constant SHIFT = 20;
    uint256 private constant FAR = type(uint64).max;

    function line(uint16 from, uint16 to, uint64 limit) internal pure returns (Line memory) {
        return Line(from, to, 256_000, limit, 2);
    }

    /// @dev Boxes by relaxation from the references.
    function boxes(Line[] memory lines, uint256 buses, uint16[] memory references)
        internal
        pure
        returns (uint256[] memory box)
    {
        box = new uint256[](buses);
        for (uint256 i = 0; i < buses; ++i) {
            box[i] = FAR;
        }
        for (uint256 i = 0; i < references.length; ++i) {
            box[references[i]] = 0;
        }
        for (uint256 round = 0; round < buses; ++round) {
            for (uint256 i = 0; i < lines.length; ++i) {
                Line memory l = lines[i];
                uint256 angle = ((((uint256(l.limit) << 8) + 1) << SHIFT) + l.b - 1) / l.b;
                if (box[l.from] + angle < box[l.to]) box[l.to] = box[l.from] + angle;
                if (box[l.to] + angle < box[l.from]) box[l.from] = box[l.to] + angle;
            }
        }
    }

    /// @dev A grid with one layer per bus and the system; bus i lies at position i of a tree of the depth given.
    function pack(Line[] memory lines, uint256 buses, uint8 depth, uint16[] memory references)
        internal
        pure
        returns (bytes memory packed)
    {
        uint256[] memory box = boxes(lines, buses, references);
        uint256 eps = 0;
        bytes memory rows;
        for (uint256 i = 0; i < lines.length; ++i) {
            Line memory l = lines[i];
            eps += 6 * (box[l.from] + box[l.to]) * l.b;
            rows = bytes.concat(rows, abi.encodePacked(l.from, l.to, l.b, l.limit, l.margin));
        }
        bytes memory last;
        for (uint256 bus = 0; bus < buses; ++bus) {
            last = bytes.concat(last, abi.encodePacked(uint64(box[bus])));
        }
        last = bytes.concat(last, abi.encodePacked(depth));
        for (uint256 bus = 0; bus < buses; ++bus) {
            last = bytes.concat(last, abi.encodePacked(uint16(bus)));
        }
        last = bytes.concat(last, abi.encodePacked(uint16(buses + 1), depth, uint16(0), uint64(0)));
        for (uint256 bus = 0; bus < buses; ++bus) {
            uint64 crossing = 0;
            for (uint256 i = 0; i < lines.length; ++i) {
                if (lines[i].from == bus || lines[i].to == bus) crossing += lines[i].limit;
            }
            last = bytes.concat(last, abi.encodePacked(uint8(0), uint16(bus), crossing));
        }
        packed = bytes.concat(abi.encodePacked(uint16(buses), uint16(lines.length), SHIFT, uint8(0), eps), rows, last);
    }

    /// @dev The same lines without one of them.
    function without(Line[] memory lines, uint256 gone) internal pure returns (Line[] memory rest) {
        rest = new Line[](lines.length - 1);
        for (uint256 i = 0; i < rest.length; ++i) {
            rest[i] = lines[i < gone ? i : i + 1];
        }
    }
}
