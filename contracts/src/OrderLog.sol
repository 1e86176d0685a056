// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IntervalRing} from "./IntervalRing.sol";
import {IClearingLedger} from "./interfaces/IClearingLedger.sol";
import {IMarketTerms} from "./interfaces/IMarketTerms.sol";
import {IOrderLog} from "./interfaces/IOrderLog.sol";
import {Entries} from "./libraries/Entries.sol";

/// @title OrderLog
/// @notice See IOrderLog. The part of the ledger that a void never rolls back.
abstract contract OrderLog is IntervalRing {
    /// @inheritdoc IClearingLedger
    address public immutable beacon;
    /// @inheritdoc IClearingLedger
    address public immutable terms;
    /// @inheritdoc IClearingLedger
    uint32 public immutable gridVersion;
    /// @dev Policy, shares and contracts at genesis, as one hash.
    bytes32 internal immutable _openingTerms;
    /// @dev How far before a header lies the one whose imbalance it settles.
    uint256 private immutable _meterLag;

    /// @notice Bind the log to what brings its seeds and to what says what is in force.
    /// @param beacon_ The randomness adapter, which may not be deployed yet.
    /// @param terms_ The terms, which may not be deployed yet.
    /// @param gridVersion_ The grid at genesis.
    /// @param openingTerms `H(policyHash ‖ sharesRoot ‖ contractsRoot)` at genesis.
    /// @param meterLag Intervals from a header to the one that settles its readings.
    constructor(address beacon_, address terms_, uint32 gridVersion_, bytes32 openingTerms, uint256 meterLag) {
        if (beacon_ == address(0) || terms_ == address(0) || ringSize < meterLag + 4) revert Ledger_BadConfig();
        beacon = beacon_;
        terms = terms_;
        gridVersion = gridVersion_;
        _openingTerms = openingTerms;
        _meterLag = meterLag;
    }

    /// @inheritdoc IOrderLog
    /// @dev When this interval is posted, orders can be fixed for the two after it, in the slots of headers of a lap
    /// ago. So it is taken only when the header a lap before the third after it, and as many more as readings are late,
    /// is final: then nothing that can be disputed needs what those orders overwrite, neither as a header nor as the
    /// one before it nor as the one whose imbalance it settles.
    function acceptSeed(uint32 interval, bytes32 seed) external {
        if (msg.sender != beacon) revert OrderLog_OnlyBeacon();
        Status memory s = _status;
        if (s.frozen) revert Ledger_IsFrozen();
        uint32 head_ = _headOf(s);
        uint256 entry = _entry(interval);
        if (uint256(interval) != uint256(head_) + 1 || Entries.tagOf(entry) != _tag(interval, Entries.COMMITTED)) {
            revert OrderLog_NotAwaitingSeed(interval);
        }
        _requireRoom(uint256(interval) + 3 + _meterLag);
        // Nobody is reserved for where the bond has forgotten who fixed the orders.
        uint256 tag = _tag(interval, s.operator == address(0) ? Entries.OPEN : Entries.SEEDED);
        // No change can hold for an interval whose orders are fixed that was not written before they were.
        (uint32 grid, bytes32 termsHash) =
            s.amended ? IMarketTerms(terms).inForce(interval) : (gridVersion, _openingTerms);
        _keep(interval, Entries.inputs(tag, interval, bytes32(entry), seed, s.operator, grid, termsHash));
        if (s.head != head_) {
            _moveHead(s, head_);
            _status = s;
        }
        emit SeedAccepted(interval, seed, s.operator, grid);
    }

    /// @inheritdoc IOrderLog
    function ordersCommittedAt(uint32 interval) external view returns (uint32) {
        uint256 entry = _entry(interval);
        return Entries.tagOf(entry) == _tag(interval, Entries.COMMITTED) ? uint32(entry) : 0;
    }

    /// @inheritdoc IOrderLog
    function hasInputs(
        uint32 interval,
        bytes32 ordersRoot,
        bytes32 seed,
        address reserved,
        uint32 gridVersion_,
        bytes32 termsHash
    ) public view returns (bool) {
        uint256 entry = _entry(interval);
        uint256 tag = Entries.tagOf(entry);
        return (tag == _tag(interval, Entries.SEEDED) || tag == _tag(interval, Entries.OPEN))
            && entry
                == Entries.inputs(tag, interval, Entries.digestOf(ordersRoot), seed, reserved, gridVersion_, termsHash);
    }

    /// @notice Fix the orders of an interval by the sender, which is looked up unless it was last.
    /// @dev The slot still holds the header of a lap ago, which nothing needs any more: see acceptSeed.
    /// @param interval The interval.
    /// @param ordersRoot Root of its orders tree.
    function _commitOrders(uint32 interval, bytes32 ordersRoot) internal {
        if (msg.sender != _status.operator || _status.frozen) {
            Status memory s = _status;
            if (_admit(s)) _status = s;
        }
        // The head is the one kept or one more; an interval up to it is found committed below.
        uint256 kept = _status.head;
        if (interval <= kept || interval > kept + 3 || (interval == kept + 3 && !_stands(interval - 2))) {
            revert OrderLog_IntervalNotOpen(interval, head());
        }
        uint256 tag = _tag(interval, Entries.COMMITTED);
        // Whatever is in its slot of its own lap: only what was opened again has none.
        if (Entries.tagOf(_entry(interval)) >> 3 == tag >> 3) revert OrderLog_AlreadyCommitted(interval);
        _keep(interval, Entries.committed(tag, ordersRoot, uint32(block.timestamp)));
        emit OrdersCommitted(interval, ordersRoot);
    }

    /// @notice Forget the seed of an interval but not its orders, which await their seed as they did before.
    /// @param interval The interval.
    /// @param ordersRoot Root of its orders tree.
    /// @param committedAt When they were fixed, not 0.
    function _awaitSeed(uint32 interval, bytes32 ordersRoot, uint32 committedAt) internal {
        _keep(interval, Entries.committed(_tag(interval, Entries.COMMITTED), ordersRoot, committedAt));
        emit SeedReopened(interval);
    }

    /// @dev Genesis cannot be disputed. After a void a slot may hold its own interval again, for which there was room.
    function _requireRoom(uint256 interval) private view {
        if (interval <= ringSize) return;
        uint256 entry = _entry(interval);
        bool isOwn = Entries.tagOf(entry) >> 3 == _tag(interval, 0) >> 3;
        if (!isOwn && !_isPast(uint32(entry))) revert IClearingLedger.Ledger_RingFull();
    }
}
