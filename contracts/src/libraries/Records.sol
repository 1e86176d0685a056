// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Decoding of packed records
/// @notice The byte layouts of docs/protocol.md, section 3; `offchain/records.py` is the same in Python. Quantities
/// are widened to uint256, so that sums and products of a few of them cannot overflow.
library Records {
    uint8 internal constant KIND_ORDER = 1;
    uint8 internal constant KIND_ALLOCATION = 2;
    uint8 internal constant KIND_STATE = 3;
    uint8 internal constant KIND_CONTRACT = 4;
    uint8 internal constant KIND_READING = 5;
    uint8 internal constant KIND_SHARE = 6;

    uint256 internal constant ORDER_LENGTH = 97;
    uint256 internal constant ALLOCATION_LENGTH = 142;
    uint256 internal constant STATE_LENGTH = 89;
    uint256 internal constant CONTRACT_LENGTH = 30;
    uint256 internal constant READING_LENGTH = 81;
    uint256 internal constant SHARE_LENGTH = 8;
    uint256 internal constant BUS_LENGTH = 119;
    uint256 internal constant ROOTLESS_BUS_LENGTH = 87;
    uint256 internal constant SUMS_LENGTH = 64;

    /// @notice Thrown when a record does not have the length of its kind.
    error Records_Length();

    /// @notice One signed order of a participant; energies in Wh per interval, bid in ticks.
    struct Order {
        uint256 index;
        uint256 seq;
        uint256 validFrom;
        uint256 validTo;
        uint256 essentialWh;
        uint256 flexibleWh;
        uint256 supplyWh;
        uint256 bidTicks;
        bytes32 r;
        bytes32 s;
        uint8 v;
    }

    /// @notice One ramp and what it was allocated; Wh and ticks.
    struct Ramp {
        uint256 q;
        uint256 pa;
        uint256 pb;
        uint256 x;
    }

    /// @notice One participant's line of an interval; money in micro.
    struct Allocation {
        uint256 index;
        uint256 interval;
        uint256 bus;
        uint256 slot;
        Ramp essential;
        Ramp flexible;
        Ramp supply;
        uint256 keyTicks;
        uint256 priceTicks;
        uint256 energyCost;
        uint256 supplyPay;
        uint256 potShare;
        uint256 shortfall;
        uint256 subscription;
        uint256 imbalanceDebit;
        uint256 imbalanceCredit;
    }

    /// @notice What a line says of its participant's state; Wh and micro.
    struct Flow {
        uint256 asked;
        uint256 served;
        uint256 gained;
        uint256 spent;
    }

    /// @notice What a participant carries from interval to interval.
    struct State {
        uint256 index;
        uint256 rank;
        uint256 fstarPpb;
        uint256 rateWh;
        uint256 demandCapWh;
        uint256 supplyCapWh;
        uint256 memoryPpb;
        uint256 deficit;
        uint256 credit;
        uint256 debit;
        uint256 peak;
        uint256 subscription;
    }

    /// @notice What a meter says of an interval; Wh.
    struct Reading {
        uint256 index;
        uint256 interval;
        uint256 consumedWh;
        uint256 producedWh;
        bytes32 r;
        bytes32 s;
        uint8 v;
    }

    /// @notice Sums of a subtree; Wh and micro. The energy sums are the parts of credit and debit that the cleared
    /// energy makes; the rest is settled with the reserve.
    struct Sums {
        uint256 requested;
        uint256 offered;
        uint256 served;
        uint256 dispatched;
        uint256 credit;
        uint256 debit;
        uint256 energyCredit;
        uint256 energyDebit;
    }

    /// @notice A bus of the allocation tree; price in ticks, theta in the grid's angle unit, pi in 2^-16 tick.
    struct Bus {
        uint256 bus;
        uint256 depth;
        uint256 priceTicks;
        int256 theta;
        int256 pi;
        Sums sums;
        bytes32 root;
    }

    /// @notice Bytes of a record as an unsigned number.
    /// @param record The record.
    /// @param offset Where the number starts.
    /// @param size How many bytes it has, 1 to 32.
    /// @return value The number. Beyond the record it reads what follows in the calldata, so check lengths first.
    function number(bytes calldata record, uint256 offset, uint256 size) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(sub(256, shl(3, size)), calldataload(add(record.offset, offset)))
        }
    }

    /// @notice Decode an order.
    /// @param record The packed record.
    /// @return o The order.
    function order(bytes calldata record) internal pure returns (Order memory o) {
        if (record.length != ORDER_LENGTH) revert Records_Length();
        o.index = number(record, 0, 4);
        o.seq = number(record, 4, 4);
        o.validFrom = number(record, 8, 4);
        o.validTo = number(record, 12, 4);
        o.essentialWh = number(record, 16, 4);
        o.flexibleWh = number(record, 20, 4);
        o.supplyWh = number(record, 24, 4);
        o.bidTicks = number(record, 28, 4);
        o.r = bytes32(number(record, 32, 32));
        o.s = bytes32(number(record, 64, 32));
        o.v = uint8(number(record, 96, 1));
    }

    /// @notice Decode an allocation.
    /// @param record The packed record.
    /// @return a The allocation.
    function allocation(bytes calldata record) internal pure returns (Allocation memory a) {
        if (record.length != ALLOCATION_LENGTH) revert Records_Length();
        a.index = number(record, 0, 4);
        a.interval = number(record, 4, 4);
        a.bus = number(record, 8, 2);
        a.slot = number(record, 10, 4);
        a.essential = _ramp(record, 14);
        a.flexible = _ramp(record, 30);
        a.supply = _ramp(record, 46);
        a.keyTicks = number(record, 62, 4);
        a.priceTicks = number(record, 66, 4);
        a.energyCost = number(record, 70, 8);
        a.supplyPay = number(record, 78, 8);
        a.potShare = number(record, 86, 8);
        a.shortfall = number(record, 94, 8);
        a.subscription = number(record, 102, 8);
        a.imbalanceDebit = number(record, 110, 8);
        a.imbalanceCredit = number(record, 118, 8);
    }

    /// @notice Decode as much of an allocation as the next state needs.
    /// @param record The packed record.
    /// @return f Flexible energy, and what was earned and owed in all.
    function flow(bytes calldata record) internal pure returns (Flow memory f) {
        if (record.length != ALLOCATION_LENGTH) revert Records_Length();
        f.asked = number(record, 30, 4);
        f.served = number(record, 42, 4);
        f.gained = number(record, 78, 8) + number(record, 86, 8) + number(record, 118, 8);
        f.spent = number(record, 70, 8) + number(record, 94, 8) + number(record, 102, 8) + number(record, 110, 8);
    }

    /// @notice Decode a state.
    /// @param record The packed record.
    /// @return s The state.
    function state(bytes calldata record) internal pure returns (State memory s) {
        if (record.length != STATE_LENGTH) revert Records_Length();
        s.index = number(record, 0, 4);
        s.rank = number(record, 4, 1);
        s.fstarPpb = number(record, 5, 4);
        s.rateWh = number(record, 9, 4);
        s.demandCapWh = number(record, 13, 4);
        s.supplyCapWh = number(record, 17, 4);
        s.memoryPpb = number(record, 21, 4);
        s.deficit = number(record, 25, 16);
        s.credit = number(record, 41, 8);
        s.debit = number(record, 49, 8);
        s.peak = number(record, 57, 8);
        s.subscription = number(record, 65, 8);
    }

    /// @notice Decode a meter reading.
    /// @param record The packed record.
    /// @return m The reading.
    function reading(bytes calldata record) internal pure returns (Reading memory m) {
        if (record.length != READING_LENGTH) revert Records_Length();
        m.index = number(record, 0, 4);
        m.interval = number(record, 4, 4);
        m.consumedWh = number(record, 8, 4);
        m.producedWh = number(record, 12, 4);
        m.r = bytes32(number(record, 16, 32));
        m.s = bytes32(number(record, 48, 32));
        m.v = uint8(number(record, 80, 1));
    }

    /// @notice Decode a bus.
    /// @param record The packed record.
    /// @return b The bus.
    function bus(bytes calldata record) internal pure returns (Bus memory b) {
        if (record.length != BUS_LENGTH) revert Records_Length();
        b = _bus(record);
        b.root = bytes32(number(record, ROOTLESS_BUS_LENGTH, 32));
    }

    /// @notice Decode a bus whose last field is given apart.
    /// @param record The packed record without its root.
    /// @param root The root.
    /// @return b The bus.
    function rootlessBus(bytes calldata record, bytes32 root) internal pure returns (Bus memory b) {
        if (record.length != ROOTLESS_BUS_LENGTH) revert Records_Length();
        b = _bus(record);
        b.root = root;
    }

    function _bus(bytes calldata record) private pure returns (Bus memory b) {
        b.bus = number(record, 0, 2);
        b.depth = number(record, 2, 1);
        b.priceTicks = number(record, 3, 4);
        b.theta = int64(uint64(number(record, 7, 8)));
        b.pi = int64(uint64(number(record, 15, 8)));
        b.sums = sums(record, 23);
    }

    /// @notice Decode sums out of a longer record.
    /// @param record The bytes.
    /// @param offset Where the 64 bytes start.
    /// @return s The sums.
    function sums(bytes calldata record, uint256 offset) internal pure returns (Sums memory s) {
        s.requested = number(record, offset, 8);
        s.offered = number(record, offset + 8, 8);
        s.served = number(record, offset + 16, 8);
        s.dispatched = number(record, offset + 24, 8);
        s.credit = number(record, offset + 32, 8);
        s.debit = number(record, offset + 40, 8);
        s.energyCredit = number(record, offset + 48, 8);
        s.energyDebit = number(record, offset + 56, 8);
    }

    function _ramp(bytes calldata record, uint256 offset) private pure returns (Ramp memory r) {
        r.q = number(record, offset, 4);
        r.pa = number(record, offset + 4, 4);
        r.pb = number(record, offset + 8, 4);
        r.x = number(record, offset + 12, 4);
    }
}
