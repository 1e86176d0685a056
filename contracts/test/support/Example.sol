// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Policies} from "../../src/libraries/Policies.sol";
import {Records} from "../../src/libraries/Records.sol";
import {AllocationEvidence, BusEvidence, HeaderEvidence, LeafEvidence} from "../../src/types/Evidence.sol";
import {Build} from "./Build.sol";
import {TestBase} from "./Vm.sol";

/// @dev Three buses, four requests, two offers, one full line: the example that docs/mechanism.md can be followed on
/// by hand. Every number below follows from it; tests change one and post the result.
abstract contract Example is TestBase {
    uint256 internal constant PARTICIPANTS = 7;
    uint256 internal constant SHORT_PRICE = 100_003;
    uint256 internal constant RESERVE = 0;
    uint256 internal constant A = 1;
    uint256 internal constant B = 2;
    uint256 internal constant C = 3;
    uint256 internal constant D = 4;
    uint256 internal constant S = 5;
    uint256 internal constant R = 6;

    /// @dev As index of an order, line or state: it is left out.
    uint256 internal constant NO_ORDER = type(uint32).max;
    uint256 internal constant NO_LINE = type(uint32).max;
    uint256 internal constant NO_STATE = type(uint32).max;
    uint256 internal constant NO_BUS = type(uint16).max;

    uint256 internal constant TREE_DEPTH = 3;
    /// @dev Of buses 0 and 2, which have three participants each; bus 1 has one.
    uint256 internal constant BUS_DEPTH = 2;
    uint256 internal constant HOLARCHY_DEPTH = 2;
    bytes32 internal constant SALT_KEY = bytes32("salt key");

    /// @dev An interval before it is committed to.
    struct Interval {
        uint32 number;
        Records.Order[] orders;
        Records.Allocation[] allocations;
        Records.State[] pre;
        Records.State[] post;
        uint32[] shares;
        int64[3] theta;
        int64[3] pi;
        int64 mu;
        Records.Bus[] buses;
        uint64[8] totals;
        bytes32 stateRoot;
        uint64 forcedCursor;
        Records.Reading[] readings;
        bytes32 meterRoot;
        uint32 scale;
    }

    /// @dev A committed interval.
    struct Posted {
        HeaderEvidence header;
        bytes certificate;
    }

    /// @dev EIP-712 domain of the market that orders are signed for.
    bytes32 internal separator;

    /* ------------------------------------------------ SETTINGS ----------------------------------------------- */

    function policy() internal pure virtual returns (Policies.Policy memory) {
        return Policies.Policy({
            pCap: 300_000,
            v: 100_000,
            kappa: 1,
            wS: 1024,
            kMax: 1024,
            essentialRank: 2,
            gamma: 1e9,
            tau: 0,
            beta: 5e7,
            pLo: 200_000,
            pHi: 300_000,
            maxBid: 250_000,
            priceCurve: 0,
            meterLag: 0,
            spread: 20_000,
            reserve: 0,
            meterOperator: address(0)
        });
    }

    /// @dev What a participant's contract costs in each interval.
    function fee(uint256) internal pure virtual returns (uint256) {
        return 0;
    }

    function packedPolicy() internal pure returns (bytes memory) {
        return Build.policy(policy());
    }

    function policyHash() internal pure returns (bytes32) {
        return keccak256(bytes.concat(hex"0a", packedPolicy()));
    }

    /// @dev Lines 0-1, 1-2, 0-2 of 1000 Wh per unit of angle, the angle counted in 2^-20.
    function packedGrid() internal pure returns (bytes memory) {
        uint256 eps = 2 * 5_242_880 * 3 * 512_000 + 2 * 943_719 * 3 * 512_000;
        return bytes.concat(
            abi.encodePacked(uint16(3), uint16(3), uint8(20), uint8(0), eps),
            packedLine(0, 1, 256_000, 5000, 2),
            packedLine(1, 2, 256_000, 5000, 2),
            packedLine(0, 2, 256_000, 900, 2),
            abi.encodePacked(uint64(0), uint64(5_242_880), uint64(943_719)),
            abi.encodePacked(uint8(HOLARCHY_DEPTH), position(0), position(1), position(2), uint16(5)),
            packedLayer(2, 0, 0),
            packedLayer(1, 1, 5900),
            packedLayer(0, 0, 5900),
            packedLayer(0, 2, 10_000),
            packedLayer(0, 3, 5900)
        );
    }

    function packedLine(uint16 from, uint16 to, uint64 b, uint64 limit, uint64 margin)
        internal
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(from, to, b, limit, margin);
    }

    function packedLayer(uint8 level, uint16 position_, uint64 importLimit) internal pure returns (bytes memory) {
        return abi.encodePacked(level, position_, importLimit);
    }

    function position(uint256 bus) internal pure returns (uint16) {
        return bus == 0 ? 0 : uint16(bus + 1);
    }

    function key(uint256 index) internal pure returns (uint256) {
        return 1000 + index;
    }

    function owner(uint256 index) internal pure returns (address) {
        return vm.addr(key(index));
    }

    function place(uint256 index) internal pure returns (uint16 bus, uint32 slot) {
        if (index == RESERVE) return (0, 2);
        if (index == A) return (1, 0);
        if (index == B) return (2, 0);
        if (index == C) return (2, 1);
        if (index == D) return (0, 0);
        if (index == S) return (0, 1);
        return (2, 2);
    }

    /* ------------------------------------------------ THE INTERVAL ------------------------------------------- */

    /// @dev Interval 1, honest.
    function example() internal view returns (Interval memory v) {
        v.number = 1;
        v.orders = new Records.Order[](PARTICIPANTS);
        v.allocations = new Records.Allocation[](PARTICIPANTS);
        v.pre = new Records.State[](PARTICIPANTS);
        v.shares = new uint32[](PARTICIPANTS);
        v.meterRoot = keccak256(hex"04");
        v.scale = 1e9;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            Records.State memory s = v.pre[i];
            s.index = i;
            s.fstarPpb = 9e8;
            s.rateWh = 1000;
            s.demandCapWh = 4000;
            s.supplyCapWh = 8000;
            s.subscription = fee(i);
        }
        v.pre[A].memoryPpb = 5e8;
        v.pre[C].memoryPpb = 75e7;
        v.pre[C].deficit = 500e9;
        v.pre[D].memoryPpb = 25e7;
        v.shares[RESERVE] = 5e8;
        v.shares[S] = 5e8;
        _line(v, RESERVE, 0, 0, 0, 0, 0, 0);
        _line(v, A, 1200, 1200, 50_000, 0, 0, 0);
        _line(v, B, 1500, 550, 0, 0, 0, 0);
        _line(v, C, 900, 900, 125_000, 0, 0, 0);
        _line(v, D, 400, 400, 25_000, 0, 0, 0);
        _line(v, S, 0, 0, 0, 6000, 2350, 120_000);
        _line(v, R, 0, 0, 0, 700, 700, 250_000);
        v.theta = [int64(0), -1_101_005, -943_718];
        int64 pi0 = (120_000 << 16) + int64((int256(1024 * 2350) << 16) / 6000);
        int64 pi2 = (300_000 << 16) + int64((int256(100_000 * 950) << 16) / 1500);
        int64 pi1 = (pi0 + pi2) / 2;
        v.pi = [pi0, pi1, pi2];
        v.mu = pi1 + pi2 - 2 * pi0;
        settle(v);
        complete(v);
    }

    /// @dev The next interval: the same orders again, from where the last one ended.
    function following(Interval memory v) internal view returns (Interval memory w) {
        Policies.Policy memory p = policy();
        w = example();
        w.number = v.number + 1;
        w.pre = v.post;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            Records.Allocation memory a = w.allocations[i];
            a.interval = w.number;
            // without a draw and below the highest key: memory and deficit alone
            a.keyTicks = p.v * w.pre[i].memoryPpb / 1e9 + (w.pre[i].deficit / w.pre[i].rateWh) * p.v / 1e9;
            a.flexible.pa = p.pCap + a.keyTicks;
            a.flexible.pb = a.flexible.pa + p.v * p.kappa;
        }
        settle(w);
        complete(w);
    }

    /// @dev What everybody is charged besides its energy, as far as its collateral covers it, and what the reserve gets.
    /// @param v An interval that is settled.
    /// @param collateral What everybody has for it.
    /// @param debit What everybody owes for its imbalance.
    function charge(Interval memory v, uint256[] memory collateral, uint256[] memory debit) internal pure {
        uint256 received;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            Records.Allocation memory a = v.allocations[i];
            uint256 left = over(room(v, collateral, i) + a.supplyPay + a.potShare, a.energyCost + a.shortfall);
            a.subscription = v.pre[i].subscription < left ? v.pre[i].subscription : left;
            left -= a.subscription;
            a.imbalanceDebit = debit[i] < left ? debit[i] : left;
            received += a.subscription + a.imbalanceDebit;
        }
        v.allocations[RESERVE].imbalanceCredit += received;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            v.post[i] = transition(v.pre[i], v.allocations[i]);
        }
        complete(v);
    }

    function room(Interval memory v, uint256[] memory collateral, uint256 i) internal pure returns (uint256) {
        return over(collateral[i] + v.pre[i].credit, v.pre[i].peak + v.pre[i].debit);
    }

    function over(uint256 a, uint256 b) internal pure returns (uint256) {
        return a > b ? a - b : 0;
    }

    /// @dev The same interval in which nobody asks or offers anything.
    function idle(Interval memory v) internal pure {
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            v.orders[i].index = NO_ORDER;
            Records.Allocation memory a = v.allocations[i];
            (a.flexible.q, a.flexible.x, a.supply.q, a.supply.x) = (0, 0, 0, 0);
            (a.supply.pa, a.supply.pb, a.potShare) = (0, policy().wS, 0);
        }
        v.theta = [int64(0), 0, 0];
        v.pi = [int64(0), 0, 0];
        v.mu = 0;
        settle(v);
        complete(v);
    }

    /// @dev An interval at a price so low that the bids cost more than is collected.
    function shortInterval() internal view returns (Interval memory v) {
        v = example();
        uint256 cost;
        uint256 pay;
        uint256 headroom;
        uint256 price = SHORT_PRICE;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            Records.Allocation memory a = v.allocations[i];
            a.priceTicks = price;
            a.energyCost = price * a.flexible.x / 1000;
            a.potShare = 0;
            cost += a.energyCost;
            pay += a.supplyPay;
            headroom += policy().pHi * a.flexible.x / 1000 - a.energyCost;
        }
        uint256 left = pay - cost;
        v.totals[6] = 0;
        v.totals[7] = uint64(left);
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            Records.Allocation memory a = v.allocations[i];
            a.shortfall = (pay - cost) * (policy().pHi * a.flexible.x / 1000 - a.energyCost) / headroom;
            left -= a.shortfall;
        }
        // at most one more for each consumer
        for (uint256 i = 0; left != 0; ++i) {
            if (v.allocations[i].shortfall != 0) {
                v.allocations[i].shortfall += 1;
                --left;
            }
        }
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            v.post[i] = transition(v.pre[i], v.allocations[i]);
        }
        complete(v);
    }

    function _line(
        Interval memory v,
        uint256 i,
        uint256 demand,
        uint256 served,
        uint256 keyTicks,
        uint256 supply,
        uint256 dispatched,
        uint256 bid
    ) private view {
        Records.Order memory o = v.orders[i];
        o.index = i;
        o.seq = 1;
        o.validFrom = 1;
        o.validTo = 1000;
        o.flexibleWh = demand;
        o.supplyWh = supply;
        o.bidTicks = bid;
        sign(o, key(i));
        Policies.Policy memory p = policy();
        Records.Allocation memory a = v.allocations[i];
        a.index = i;
        a.interval = v.number;
        (a.bus, a.slot) = place(i);
        uint256 essential = p.pCap + p.v * p.essentialRank * (p.kMax + p.kappa + 1);
        a.essential = Records.Ramp(0, essential, essential + p.v * p.kappa, 0);
        a.flexible = Records.Ramp(demand, p.pCap + keyTicks, p.pCap + keyTicks + p.v * p.kappa, served);
        a.supply = Records.Ramp(supply, bid, bid + p.wS, dispatched);
        a.keyTicks = keyTicks;
        a.priceTicks = p.pLo;
    }

    function sign(Records.Order memory o, uint256 privateKey) internal view {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Order(uint32 index,uint32 seq,uint32 validFrom,uint32 validTo,uint32 essentialWh,uint32 flexibleWh,uint32 supplyWh,uint32 bidTicks)"
                ),
                o.index,
                o.seq,
                o.validFrom,
                o.validTo,
                o.essentialWh,
                o.flexibleWh,
                o.supplyWh,
                o.bidTicks
            )
        );
        (o.v, o.r, o.s) = vm.sign(privateKey, keccak256(abi.encodePacked(hex"1901", separator, structHash)));
    }

    /// @dev Payments and the state they lead to.
    function settle(Interval memory v) internal pure {
        uint256 cost;
        uint256 pay;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            Records.Allocation memory a = v.allocations[i];
            a.energyCost = a.priceTicks * (a.essential.x + a.flexible.x) / 1000;
            a.supplyPay = (a.supply.pa * a.supply.x + 999) / 1000;
            cost += a.energyCost;
            pay += a.supplyPay;
        }
        uint256 left = cost - pay;
        v.totals[6] = uint64(left);
        v.post = new Records.State[](PARTICIPANTS);
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            v.allocations[i].potShare = (cost - pay) * v.shares[i] / 1e9;
            left -= v.allocations[i].potShare;
        }
        // with two shares the floors leave one unit at most
        v.allocations[S].potShare += left;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            v.post[i] = transition(v.pre[i], v.allocations[i]);
        }
    }

    function transition(Records.State memory s, Records.Allocation memory a)
        internal
        pure
        returns (Records.State memory t)
    {
        t = abi.decode(abi.encode(s), (Records.State));
        uint256 target = s.fstarPpb * a.flexible.q / 1e9;
        if (target != 0) {
            uint256 ratio = a.flexible.x * 1e9 / target;
            uint256 v = ratio > 1e9 ? 0 : 1e9 - ratio;
            t.memoryPpb = ((1e9 - policy().beta) * s.memoryPpb + policy().beta * v) / 1e9;
        }
        uint256 due = s.deficit + s.fstarPpb * a.flexible.q;
        t.deficit = due > a.flexible.x * 1e9 ? due - a.flexible.x * 1e9 : 0;
        t.credit += a.supplyPay + a.potShare + a.imbalanceCredit;
        t.debit += a.energyCost + a.shortfall + a.subscription + a.imbalanceDebit;
        if (t.credit > t.debit && t.credit - t.debit > t.peak) t.peak = t.credit - t.debit;
    }

    /// @dev Bus records, totals and state root from the leaves.
    function complete(Interval memory v) internal pure {
        v.buses = new Records.Bus[](3);
        Records.Sums memory all;
        for (uint256 b = 0; b < 3; ++b) {
            Build.SumTree memory t = busTree(v, b, 0);
            v.buses[b] = Records.Bus(b, depthOf(b), v.allocations[A].priceTicks, v.theta[b], v.pi[b], t.sums, t.root);
            all = Build.add(all, t.sums);
        }
        v.totals[0] = uint64(all.requested);
        v.totals[1] = uint64(all.served);
        v.totals[2] = uint64(all.offered);
        v.totals[3] = uint64(all.dispatched);
        v.totals[4] = uint64(all.credit);
        v.totals[5] = uint64(all.debit);
        v.stateRoot = stateRoot(v.post);
    }

    /* ------------------------------------------------ COMMITMENT --------------------------------------------- */

    function leafSums(Records.Allocation memory a) internal pure returns (Records.Sums memory) {
        return Records.Sums(
            a.essential.q + a.flexible.q,
            a.supply.q,
            a.essential.x + a.flexible.x,
            a.supply.x,
            a.supplyPay + a.potShare + a.imbalanceCredit,
            a.energyCost + a.shortfall + a.subscription + a.imbalanceDebit,
            a.supplyPay + a.potShare,
            a.energyCost + a.shortfall
        );
    }

    function busTree(Interval memory v, uint256 bus, uint256 slot) internal pure returns (Build.SumTree memory) {
        bytes32[] memory leaves = new bytes32[](1 << BUS_DEPTH);
        Records.Sums[] memory sums = new Records.Sums[](1 << BUS_DEPTH);
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            (uint16 b, uint32 s) = place(i);
            if (b != bus || v.allocations[i].index == NO_LINE) continue;
            leaves[s] = Build.leaf(2, Build.allocation(v.allocations[i]));
            sums[s] = leafSums(v.allocations[i]);
        }
        return Build.sumTree(leaves, sums, depthOf(bus), slot, SALT_KEY, uint16(bus));
    }

    function depthOf(uint256 bus) internal pure returns (uint256) {
        return bus == 1 ? 0 : BUS_DEPTH;
    }

    function busesTree(Interval memory v, uint256 position_) internal pure returns (Build.SumTree memory) {
        bytes32[] memory nodes = new bytes32[](1 << HOLARCHY_DEPTH);
        Records.Sums[] memory sums = new Records.Sums[](1 << HOLARCHY_DEPTH);
        for (uint256 b = 0; b < 3; ++b) {
            if (v.buses[b].bus == NO_BUS) continue;
            nodes[position(b)] = keccak256(bytes.concat(hex"03", Build.bus(v.buses[b])));
            sums[position(b)] = v.buses[b].sums;
        }
        return Build.sumTree(nodes, sums, HOLARCHY_DEPTH, position_, 0, 0);
    }

    /// @dev The allocation root as proofs open it: children, sums and a salt of zero.
    function rootOpened(Interval memory v) internal pure returns (bytes memory) {
        bytes32 bus0 = keccak256(bytes.concat(hex"03", Build.bus(v.buses[0])));
        bytes32 left =
            keccak256(bytes.concat(hex"02", bus0, keccak256(hex"04"), Build.sumsHash(v.buses[0].sums, bytes16(0))));
        bytes32 bus1 = keccak256(bytes.concat(hex"03", Build.bus(v.buses[1])));
        bytes32 bus2 = keccak256(bytes.concat(hex"03", Build.bus(v.buses[2])));
        Records.Sums memory zone = Build.add(v.buses[1].sums, v.buses[2].sums);
        bytes32 right = keccak256(bytes.concat(hex"02", bus1, bus2, Build.sumsHash(zone, bytes16(0))));
        return bytes.concat(left, right, Build.sums(Build.add(v.buses[0].sums, zone)), bytes16(0));
    }

    function certificateOf(Interval memory v) internal pure returns (bytes memory certificate) {
        for (uint256 b = 0; b < 3; ++b) {
            certificate = bytes.concat(certificate, abi.encodePacked(v.theta[b], v.pi[b]));
        }
        if (v.mu != 0) certificate = bytes.concat(certificate, abi.encodePacked(uint16(2), v.mu));
    }

    function busVectorHash(Interval memory v) internal pure returns (bytes32) {
        bytes memory vector = certificateOf(v);
        for (uint256 b = 0; b < 3; ++b) {
            Records.Sums memory s = v.buses[b].sums;
            vector = bytes.concat(vector, abi.encodePacked(int64(int256(s.dispatched) - int256(s.served))));
        }
        return keccak256(vector);
    }

    function commitment(Interval memory v, bytes32 seed, uint32 gridVersion)
        internal
        pure
        returns (Posted memory posted)
    {
        posted.certificate = certificateOf(v);
        posted.header.payload = bytes.concat(
            abi.encodePacked(
                v.number,
                ordersRoot(v),
                busesTree(v, 0).root,
                stateRoot(v.pre),
                v.stateRoot,
                contractsRoot(v),
                busVectorHash(v),
                v.meterRoot,
                sharesRoot(v)
            ),
            abi.encodePacked(policyHash(), gridVersion, seed, keccak256("bundle")),
            abi.encodePacked(v.totals[0], v.totals[1], v.totals[2], v.totals[3]),
            abi.encodePacked(v.totals[4], v.totals[5], v.totals[6], v.totals[7]),
            abi.encodePacked(v.scale, v.forcedCursor)
        );
    }

    function ordersRoot(Interval memory v) internal pure returns (bytes32 root) {
        (root,) = Build.plainTree(_orderLeaves(v), TREE_DEPTH, 0);
    }

    function stateRoot(Records.State[] memory states) internal pure returns (bytes32 root) {
        (root,) = Build.plainTree(_stateLeaves(states), TREE_DEPTH, 0);
    }

    function contractsRoot(Interval memory) internal pure returns (bytes32 root) {
        (root,) = Build.plainTree(_contractLeaves(), TREE_DEPTH, 0);
    }

    function sharesRoot(Interval memory v) internal pure returns (bytes32 root) {
        (root,) = Build.plainTree(_shareLeaves(v), TREE_DEPTH, 0);
    }

    function _orderLeaves(Interval memory v) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](PARTICIPANTS);
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            if (v.orders[i].index != NO_ORDER) leaves[i] = Build.leaf(1, Build.order(v.orders[i]));
        }
    }

    function _stateLeaves(Records.State[] memory states) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](states.length);
        for (uint256 i = 0; i < states.length; ++i) {
            if (states[i].index != NO_STATE) leaves[i] = Build.leaf(3, Build.state(states[i]));
        }
    }

    function _contractLeaves() private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](PARTICIPANTS);
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            leaves[i] = Build.leaf(4, contractRecord(i));
        }
    }

    function _readingLeaves(Interval memory v) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](PARTICIPANTS);
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            if (v.readings[i].v != 0) leaves[i] = Build.leaf(5, Build.reading(v.readings[i]));
        }
    }

    function _shareLeaves(Interval memory v) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](PARTICIPANTS);
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            leaves[i] = Build.leaf(6, abi.encodePacked(uint32(i), v.shares[i]));
        }
    }

    function contractRecord(uint256 index) internal pure returns (bytes memory) {
        (uint16 bus, uint32 slot) = place(index);
        return abi.encodePacked(uint32(index), owner(index), bus, slot);
    }

    /* ------------------------------------------------ EVIDENCE ----------------------------------------------- */

    function allocationEvidence(Interval memory v, uint256 index) internal pure returns (AllocationEvidence memory e) {
        (uint16 bus, uint32 slot) = place(index);
        if (v.allocations[index].index != NO_LINE) e.record = Build.allocation(v.allocations[index]);
        e.slot = slot;
        e.lower = busTree(v, bus, slot).path;
        e.bus = Build.rootlessBus(v.buses[bus]);
        e.position = position(bus);
        e.upper = busesTree(v, position(bus)).path;
    }

    function busEvidence(Interval memory v, uint256 bus) internal pure returns (BusEvidence memory e) {
        if (v.buses[bus].bus != NO_BUS) e.bus = Build.bus(v.buses[bus]);
        e.position = position(bus);
        e.upper = busesTree(v, position(bus)).path;
    }

    function stateEvidence(Records.State[] memory states, uint256 index) internal pure returns (LeafEvidence memory e) {
        if (states[index].index != NO_STATE) e.record = Build.state(states[index]);
        (, e.path) = Build.plainTree(_stateLeaves(states), TREE_DEPTH, index);
    }

    /// @dev A participant's states before and after an interval in one piece.
    function statesEvidence(Interval memory v, uint256 index) internal pure returns (bytes memory) {
        LeafEvidence memory pre = stateEvidence(v.pre, index);
        LeafEvidence memory post = stateEvidence(v.post, index);
        bytes1 which = bytes1((pre.record.length != 0 ? 1 : 0) + (post.record.length != 0 ? 2 : 0));
        return bytes.concat(which, pre.record, post.record, pre.path, post.path);
    }

    function emptyState(Records.State[] memory states, uint256 index) internal pure returns (LeafEvidence memory e) {
        (, e.path) = Build.plainTree(_stateLeaves(states), TREE_DEPTH, index);
    }

    function orderEvidence(Interval memory v, uint256 index) internal pure returns (LeafEvidence memory e) {
        if (v.orders[index].index != NO_ORDER) e.record = Build.order(v.orders[index]);
        (, e.path) = Build.plainTree(_orderLeaves(v), TREE_DEPTH, index);
    }

    function contractEvidence(uint256 index) internal pure returns (LeafEvidence memory e) {
        e.record = contractRecord(index);
        (, e.path) = Build.plainTree(_contractLeaves(), TREE_DEPTH, index);
    }

    function emptyContract(uint256 index) internal pure returns (LeafEvidence memory e) {
        (, e.path) = Build.plainTree(_contractLeaves(), TREE_DEPTH, index);
    }

    function emptySlotEvidence(Interval memory v, uint256 bus, uint32 slot)
        internal
        pure
        returns (AllocationEvidence memory e)
    {
        e.slot = slot;
        e.lower = busTree(v, bus, slot).path;
        e.bus = Build.rootlessBus(v.buses[bus]);
        e.position = position(bus);
        e.upper = busesTree(v, position(bus)).path;
    }

    function tail(bytes memory data, uint256 from) internal pure returns (bytes memory rest) {
        rest = new bytes(data.length - from);
        for (uint256 i = 0; i < rest.length; ++i) {
            rest[i] = data[from + i];
        }
    }

    /// @dev A reading, empty if there is none.
    function readingEvidence(Interval memory v, uint256 index) internal pure returns (LeafEvidence memory e) {
        if (v.readings[index].v != 0) e.record = Build.reading(v.readings[index]);
        (, e.path) = Build.plainTree(_readingLeaves(v), TREE_DEPTH, index);
    }

    function meterRoot(Interval memory v) internal pure returns (bytes32 root) {
        (root,) = Build.plainTree(_readingLeaves(v), TREE_DEPTH, 0);
    }

    function shareEvidence(Interval memory v, uint256 index) internal pure returns (LeafEvidence memory e) {
        e.record = abi.encodePacked(uint32(index), v.shares[index]);
        (, e.path) = Build.plainTree(_shareLeaves(v), TREE_DEPTH, index);
    }
}
