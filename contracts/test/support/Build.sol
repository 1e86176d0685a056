// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Policies} from "../../src/libraries/Policies.sol";
import {Records} from "../../src/libraries/Records.sol";

/// @dev Packing and trees written once more, for tests, straight from docs/protocol.md.
library Build {
    function order(Records.Order memory o) internal pure returns (bytes memory) {
        return abi.encodePacked(
            uint32(o.index),
            uint32(o.seq),
            uint32(o.validFrom),
            uint32(o.validTo),
            uint32(o.essentialWh),
            uint32(o.flexibleWh),
            uint32(o.supplyWh),
            uint32(o.bidTicks),
            o.r,
            o.s,
            o.v
        );
    }

    function ramp(Records.Ramp memory r) internal pure returns (bytes memory) {
        return abi.encodePacked(uint32(r.q), uint32(r.pa), uint32(r.pb), uint32(r.x));
    }

    function allocation(Records.Allocation memory a) internal pure returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(uint32(a.index), uint32(a.interval), uint16(a.bus), uint32(a.slot)),
            ramp(a.essential),
            ramp(a.flexible),
            ramp(a.supply),
            abi.encodePacked(
                uint32(a.keyTicks),
                uint32(a.priceTicks),
                uint64(a.energyCost),
                uint64(a.supplyPay),
                uint64(a.potShare),
                uint64(a.shortfall),
                uint64(a.subscription),
                uint64(a.imbalanceDebit),
                uint64(a.imbalanceCredit),
                salt(2, a.index)
            )
        );
    }

    function state(Records.State memory s) internal pure returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(
                uint32(s.index),
                uint8(s.rank),
                uint32(s.fstarPpb),
                uint32(s.rateWh),
                uint32(s.demandCapWh),
                uint32(s.supplyCapWh),
                uint32(s.memoryPpb)
            ),
            abi.encodePacked(
                uint128(s.deficit),
                uint64(s.credit),
                uint64(s.debit),
                uint64(s.peak),
                uint64(s.subscription),
                salt(3, s.index)
            )
        );
    }

    function reading(Records.Reading memory m) internal pure returns (bytes memory) {
        return abi.encodePacked(
            uint32(m.index), uint32(m.interval), uint32(m.consumedWh), uint32(m.producedWh), m.r, m.s, m.v
        );
    }

    function sums(Records.Sums memory s) internal pure returns (bytes memory) {
        return abi.encodePacked(
            uint64(s.requested),
            uint64(s.offered),
            uint64(s.served),
            uint64(s.dispatched),
            uint64(s.credit),
            uint64(s.debit),
            uint64(s.energyCredit),
            uint64(s.energyDebit)
        );
    }

    function bus(Records.Bus memory b) internal pure returns (bytes memory) {
        return bytes.concat(rootlessBus(b), b.root);
    }

    function rootlessBus(Records.Bus memory b) internal pure returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(uint16(b.bus), uint8(b.depth), uint32(b.priceTicks), int64(b.theta), int64(b.pi)),
            sums(b.sums)
        );
    }

    function policy(Policies.Policy memory p) internal pure returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(
                uint16(1),
                uint32(1800),
                uint32(p.pCap),
                uint32(p.v),
                uint32(p.kappa),
                uint32(p.wS),
                uint32(p.kMax),
                uint8(p.essentialRank),
                uint64(p.gamma),
                uint64(p.tau)
            ),
            abi.encodePacked(
                uint32(p.beta), uint32(p.pLo), uint32(p.pHi), uint32(p.maxBid), uint8(0), uint8(p.priceCurve)
            ),
            abi.encodePacked(uint8(p.meterLag), uint32(p.spread), uint64(p.reserve), p.meterOperator)
        );
    }

    function salt(uint8 kind, uint256 index) internal pure returns (bytes16) {
        return bytes16(keccak256(abi.encodePacked(uint8(6), bytes32("salt key"), kind, uint32(index))));
    }

    function leaf(uint8 kind, bytes memory record) internal pure returns (bytes32) {
        return keccak256(bytes.concat(hex"00", bytes1(kind), record));
    }

    function add(Records.Sums memory a, Records.Sums memory b) internal pure returns (Records.Sums memory) {
        return Records.Sums(
            a.requested + b.requested,
            a.offered + b.offered,
            a.served + b.served,
            a.dispatched + b.dispatched,
            a.credit + b.credit,
            a.debit + b.debit,
            a.energyCredit + b.energyCredit,
            a.energyDebit + b.energyDebit
        );
    }

    function sumsHash(Records.Sums memory s, bytes16 salt_) internal pure returns (bytes32) {
        return keccak256(bytes.concat(sums(s), salt_));
    }

    /// @dev Root of a plain tree of a given depth and the path of one of its leaves.
    function plainTree(bytes32[] memory leaves, uint256 depth, uint256 index)
        internal
        pure
        returns (bytes32 root, bytes memory path)
    {
        bytes32[] memory level = new bytes32[](1 << depth);
        for (uint256 i = 0; i < level.length; ++i) {
            level[i] = i < leaves.length && leaves[i] != 0 ? leaves[i] : keccak256(hex"04");
        }
        for (; level.length > 1; index >>= 1) {
            path = bytes.concat(path, level[index ^ 1]);
            bytes32[] memory above = new bytes32[](level.length / 2);
            for (uint256 i = 0; i < above.length; ++i) {
                above[i] = keccak256(bytes.concat(hex"01", level[2 * i], level[2 * i + 1]));
            }
            level = above;
        }
        root = level[0];
    }

    struct SumTree {
        bytes32 root;
        Records.Sums sums;
        bytes path;
    }

    /// @dev A sum tree; `saltKey` 0 means salts of zero, as above the buses. Empty nodes are given as 0.
    function sumTree(
        bytes32[] memory leaves,
        Records.Sums[] memory leafSums,
        uint256 depth,
        uint256 index,
        bytes32 saltKey,
        uint16 bus_
    ) internal pure returns (SumTree memory t) {
        bytes32[] memory level = new bytes32[](1 << depth);
        Records.Sums[] memory below = new Records.Sums[](1 << depth);
        bytes32 empty = keccak256(hex"04");
        for (uint256 i = 0; i < level.length; ++i) {
            bool used = i < leaves.length && leaves[i] != 0;
            level[i] = used ? leaves[i] : empty;
            if (used) below[i] = leafSums[i];
        }
        for (uint256 height = 1; level.length > 1; ++height) {
            bytes32[] memory above = new bytes32[](level.length / 2);
            Records.Sums[] memory aboveSums = new Records.Sums[](level.length / 2);
            for (uint256 i = 0; i < above.length; ++i) {
                aboveSums[i] = add(below[2 * i], below[2 * i + 1]);
                bytes16 salt_ = saltKey == 0
                    ? bytes16(0)
                    : bytes16(keccak256(abi.encodePacked(uint8(5), saltKey, bus_, uint8(height), uint32(i))));
                bytes32 h = sumsHash(aboveSums[i], salt_);
                if (index >> 1 == i) t.path = bytes.concat(t.path, level[index ^ 1], h);
                above[i] = level[2 * i] == empty && level[2 * i + 1] == empty
                    ? keccak256(bytes.concat(hex"01", empty, empty))
                    : keccak256(bytes.concat(hex"02", level[2 * i], level[2 * i + 1], h));
            }
            empty = keccak256(bytes.concat(hex"01", empty, empty));
            level = above;
            below = aboveSums;
            index >>= 1;
        }
        t.root = level[0];
        t.sums = below[0];
    }
}
