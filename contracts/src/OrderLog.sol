// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOrderLog} from "./interfaces/IOrderLog.sol";

/// @title OrderLog
/// @notice See IOrderLog. The part of the ledger that a void never rolls back.
///
/// One slot of a ring per interval, overwritten in place: `digest (27 bytes) ‖ lap u8 ‖ committedAt u32`. While the
/// seed is awaited the digest is the root's first 27 bytes; afterwards `committedAt` is 0 and the digest is that of
/// those 27 bytes and the seed. The lap (interval / ring size, plus one, modulo 256) tells an interval's entry from
/// what the lap before left in the slot. Two inputs with one digest of 216 bits take 2^108 hashes to find.
abstract contract OrderLog is IOrderLog {
    mapping(uint256 slot => uint256 entry) private _inputs;

    /// @inheritdoc IOrderLog
    function commitOrders(uint32 interval, bytes32 ordersRoot) external {
        uint32 head_ = _admitOrders();
        unchecked {
            // One or two ahead; what is not ahead wraps around and is far beyond.
            if (interval - head_ - 1 > 1) revert OrderLog_IntervalNotOpen(interval, head_);
        }
        uint256 slot = interval % _ring();
        uint256 lap = _lap(interval);
        if (_lapOf(_inputs[slot]) == lap) revert OrderLog_AlreadyCommitted(interval);
        _inputs[slot] = _pack(ordersRoot, lap, uint32(block.timestamp));
        emit OrdersCommitted(interval, ordersRoot);
    }

    /// @inheritdoc IOrderLog
    function acceptSeed(uint32 interval, bytes32 seed) external {
        if (msg.sender != _beacon()) revert OrderLog_OnlyBeacon();
        uint256 slot = interval % _ring();
        uint256 entry = _inputs[slot];
        uint256 lap = _lap(interval);
        if (_lapOf(entry) != lap || uint32(entry) == 0) revert OrderLog_NotAwaitingSeed(interval);
        _inputs[slot] = _pack(_digest(bytes32(entry), seed), lap, 0);
        emit SeedAccepted(interval, seed);
    }

    /// @inheritdoc IOrderLog
    function ordersCommittedAt(uint32 interval) external view returns (uint32) {
        uint256 entry = _inputs[interval % _ring()];
        return _lapOf(entry) == _lap(interval) ? uint32(entry) : 0;
    }

    /// @inheritdoc IOrderLog
    function hasInputs(uint32 interval, bytes32 ordersRoot, bytes32 seed) public view returns (bool) {
        return _inputs[interval % _ring()] == _pack(_digest(ordersRoot, seed), _lap(interval), 0);
    }

    /// @notice Forget the inputs of an interval, so that corrected orders can be committed.
    /// @param interval The interval.
    function _reopenOrders(uint32 interval) internal {
        // Not 0: a slot once used is never cleared, so that no later interval pays for a new one.
        _inputs[interval % _ring()] = 1;
        emit OrdersReopened(interval);
    }

    /// @notice Forget the seed of an interval but not its orders, which await their seed as they did before.
    /// @param interval The interval.
    /// @param ordersRoot Root of its orders tree.
    /// @param committedAt When they were fixed, not 0.
    function _reopenSeed(uint32 interval, bytes32 ordersRoot, uint32 committedAt) internal {
        _inputs[interval % _ring()] = _pack(ordersRoot, _lap(interval), committedAt);
        emit SeedReopened(interval);
    }

    /// @notice Check that the sender may commit orders now.
    /// @return The newest interval with a header.
    function _admitOrders() internal virtual returns (uint32);

    /// @notice Number of intervals kept, more than 2.
    function _ring() internal view virtual returns (uint32);

    /// @notice The only account that may bring seeds.
    function _beacon() internal view virtual returns (address);

    function _pack(bytes32 digest, uint256 lap, uint32 committedAt) private pure returns (uint256) {
        return uint256(digest) >> 40 << 40 | lap << 32 | committedAt;
    }

    function _digest(bytes32 ordersRoot, bytes32 seed) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes27(ordersRoot), seed));
    }

    /// @dev 1 to 255, so that no lap is that of an unused or reopened slot.
    function _lap(uint32 interval) private view returns (uint256) {
        return interval / _ring() % 255 + 1;
    }

    function _lapOf(uint256 entry) private pure returns (uint256) {
        return uint8(entry >> 32);
    }
}
