// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Orders that no operator can overlook
/// @notice A participant whose orders are not taken files them here. From the interval on at which an order is due, a
/// header whose orders tree does not hold it, or a later one of the same participant, can be voided. To cancel, the
/// participant signs an order of a higher sequence number.
interface IForcedOrders {
    /// @notice Emitted when an order is filed.
    /// @param id Number of the entry.
    /// @param index Registration number of the participant.
    /// @param due First interval that must hold the order.
    /// @param order The packed order with its signature.
    event Filed(uint256 indexed id, uint32 indexed index, uint32 due, bytes order);

    /// @notice Thrown when the order is not signed by the registered owner.
    error Forced_NotSigned();
    /// @notice Thrown when an order of this or a higher sequence number is filed already.
    /// @param seq The highest sequence number filed.
    error Forced_Superseded(uint32 seq);
    /// @notice Thrown when the order ends before it could become due.
    /// @param due First interval that must hold it.
    error Forced_Expired(uint32 due);

    /// @notice File an order. Anyone may; the signature counts.
    /// @param order The packed order with its signature.
    /// @return id Number of the entry.
    function file(bytes calldata order) external returns (uint256 id);

    /// @notice Whether an entry is this order.
    /// @param id Number of the entry.
    /// @param order The packed order with its signature.
    function holds(uint256 id, bytes calldata order) external view returns (bool);

    /// @notice First interval that must hold an entry's order.
    /// @param id Number of the entry.
    function dueAt(uint256 id) external view returns (uint32);

    /// @notice Number of entries.
    function count() external view returns (uint256);

    /// @notice How many entries are due at an interval: what its header's cursor must say.
    /// @param interval The interval.
    function dueBy(uint32 interval) external view returns (uint256);
}
