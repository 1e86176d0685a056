// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingLedger} from "./interfaces/IClearingLedger.sol";
import {IOracleBond} from "./interfaces/IOracleBond.sol";
import {Entries} from "./libraries/Entries.sol";

/// @title IntervalRing
/// @notice What the parts of the ledger share: one slot per interval in a ring, and one for the market as a whole.
///
/// A header is posted without a look at the latter. So the head kept there may be one behind: it is brought up when a
/// seed is accepted, and the slot of the interval after it says whether that has been posted since.
abstract contract IntervalRing is IClearingLedger {
    /// @dev What concerns the market as a whole, in one slot.
    /// @param operator The signer that fixed orders last; address 0 if it must be looked up.
    /// @param head The newest interval with a header, or the one before it.
    /// @param ahead How far the highest head that was ever voided lies beyond it: orders up to two intervals after that
    /// one are fixed still.
    /// @param amended Whether anything in force has changed since the deployment.
    /// @param restartedAt Time of the deployment or of the last void; the next deadline is not counted from earlier.
    /// @param frozen Whether posting has ended for good.
    struct Status {
        address operator;
        uint32 head;
        uint16 ahead;
        bool amended;
        uint32 restartedAt;
        bool frozen;
    }

    /// @notice The most headers that can be kept: voiding all of them in one transaction must stay far below its limit.
    uint32 public constant MAX_RING = 1280;

    /// @notice The oracle bond.
    address public immutable bond;
    /// @inheritdoc IClearingLedger
    uint32 public immutable windowSeconds;
    /// @inheritdoc IClearingLedger
    uint32 public immutable ringSize;

    Status internal _status;
    uint256[MAX_RING] internal _entries;

    /// @notice Set up an empty ring.
    /// @param bond_ The oracle bond, which may not be deployed yet.
    /// @param windowSeconds_ How long a header can be disputed.
    /// @param ringSize_ Number of slots.
    constructor(address bond_, uint32 windowSeconds_, uint32 ringSize_) {
        if (ringSize_ < 4 || ringSize_ > MAX_RING || bond_ == address(0)) revert Ledger_BadConfig();
        bond = bond_;
        windowSeconds = windowSeconds_;
        ringSize = ringSize_;
        _status = Status(address(0), 0, 0, false, uint32(block.timestamp), false);
    }

    /// @inheritdoc IClearingLedger
    function head() public view returns (uint32) {
        return _headOf(_status);
    }

    /// @notice The newest interval with a header.
    /// @param s The status.
    /// @return head_ It.
    function _headOf(Status memory s) internal view returns (uint32 head_) {
        head_ = s.head;
        if (_stands(head_ + 1)) ++head_;
    }

    /// @notice Move the head, keeping how far it ever was.
    /// @param s The status.
    /// @param head_ The newest interval with a header; never more than a ring behind what ever was.
    function _moveHead(Status memory s, uint32 head_) internal pure {
        uint32 former = s.head + s.ahead;
        s.head = head_;
        s.ahead = former > head_ ? uint16(former - head_) : 0;
    }

    /// @notice Check that orders are fixed and headers posted at all, and that the sender is a bonded signer.
    /// @param s The status; a sender that was looked up is its operator afterwards.
    /// @return changed Whether it was looked up.
    function _admit(Status memory s) internal view returns (bool changed) {
        if (s.frozen) revert Ledger_IsFrozen();
        if (msg.sender == s.operator) return false;
        if (!IOracleBond(bond).mayPost(msg.sender)) revert Ledger_NotSigner();
        s.operator = msg.sender;
        return true;
    }

    /// @notice Let nobody post the next interval without being looked up.
    /// @param head_ The newest interval with a header.
    function _unreserve(uint256 head_) internal {
        uint256 entry = _entry(head_ + 1);
        if (Entries.tagOf(entry) == _tag(head_ + 1, Entries.SEEDED)) {
            _keep(head_ + 1, Entries.inPhase(entry, Entries.OPEN));
        }
    }

    /// @notice What is kept of an interval, or of one whole laps from it.
    /// @param interval The interval.
    /// @return entry The entry.
    function _entry(uint256 interval) internal view returns (uint256 entry) {
        uint256 size = ringSize;
        assembly ("memory-safe") {
            // the size is not 0 and at most the array's
            entry := sload(add(_entries.slot, mod(interval, size)))
        }
    }

    /// @notice Keep something of an interval.
    /// @param interval The interval.
    /// @param entry The entry.
    function _keep(uint256 interval, uint256 entry) internal {
        uint256 size = ringSize;
        assembly ("memory-safe") {
            sstore(add(_entries.slot, mod(interval, size)), entry)
        }
    }

    /// @notice Whether the slot of an interval holds a header that stands.
    /// @param interval An interval less than 31 laps from the one in the slot.
    /// @return Whether it does.
    function _stands(uint256 interval) internal view returns (bool) {
        return Entries.tagOf(_entry(interval)) == _tag(interval, Entries.POSTED);
    }

    /// @notice Lap and phase of an interval.
    /// @param interval The interval.
    /// @param phase The phase.
    /// @return The byte.
    function _tag(uint256 interval, uint256 phase) internal view returns (uint256) {
        return Entries.tag(interval, ringSize, phase);
    }

    /// @notice Whether what was posted at a time can be disputed no more.
    /// @param time The time.
    /// @return Whether the window has passed.
    function _isPast(uint32 time) internal view returns (bool) {
        return block.timestamp >= uint256(time) + windowSeconds;
    }
}
