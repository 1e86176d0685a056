// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The log of orders roots and seeds
/// @notice The root of an interval's orders is fixed before its seed can be known, and no void ever rolls it back;
/// only a proven fault of the orders themselves opens it again. The clearing ledger is one with its log: an interval
/// has one slot for its orders, then its inputs, then its header.
interface IOrderLog {
    /// @notice Emitted when the orders of an interval are fixed.
    /// @param interval The interval.
    /// @param ordersRoot Root of the orders tree.
    event OrdersCommitted(uint32 indexed interval, bytes32 ordersRoot);
    /// @notice Emitted when the seed of an interval is fixed.
    /// @param interval The interval.
    /// @param seed The seed.
    /// @param reserved The signer that may post it without being looked up; address 0 if there is none.
    /// @param gridVersion The grid in force for the interval.
    event SeedAccepted(uint32 indexed interval, bytes32 seed, address reserved, uint32 gridVersion);
    /// @notice Emitted when a fault of the orders opens their commitment again.
    /// @param interval The interval.
    event OrdersReopened(uint32 indexed interval);

    /// @notice Emitted when a wrong seed is forgotten; the orders stand and await theirs.
    /// @param interval The interval.
    event SeedReopened(uint32 indexed interval);

    /// @notice Thrown when the interval is not one of the two after the head.
    /// @param interval The interval named.
    /// @param head The newest interval with a header.
    error OrderLog_IntervalNotOpen(uint32 interval, uint32 head);
    /// @notice Thrown when the interval's orders are fixed already.
    /// @param interval The interval.
    error OrderLog_AlreadyCommitted(uint32 interval);
    /// @notice Thrown when the interval's orders are not fixed, or its seed is known already.
    /// @param interval The interval.
    error OrderLog_NotAwaitingSeed(uint32 interval);
    /// @notice Thrown when the signatures of the other signers count no more.
    /// @param until The last block time at which they did.
    error OrderLog_SignaturesEnded(uint32 until);
    /// @notice Thrown when anyone but the randomness beacon brings a seed.
    error OrderLog_OnlyBeacon();

    /// @notice Fix the orders of an interval where one signer suffices (operator only).
    /// @param interval One of the two intervals after the head.
    /// @param ordersRoot Root of its orders tree.
    function commitOrders(uint32 interval, bytes32 ordersRoot) external;

    /// @notice Fix the orders of an interval with the signatures of other signers, as many in all as a header needs:
    /// who fixes orders that nobody may clear brings the market to a stop, so no signer does it alone.
    /// @param interval One of the two intervals after the head.
    /// @param ordersRoot Root of its orders tree.
    /// @param until The last block time at which the signatures count.
    /// @param signatures Compact signatures (EIP-2098) of the EIP-712 `Orders(uint32 interval,bytes32 ordersRoot,uint32
    /// until)` by other signers, in ascending order of their addresses.
    function commitOrdersSigned(uint32 interval, bytes32 ordersRoot, uint32 until, bytes calldata signatures) external;

    /// @notice Fix the seed of the interval after the head, whose orders are fixed (beacon only).
    /// @param interval The interval.
    /// @param seed Its seed.
    function acceptSeed(uint32 interval, bytes32 seed) external;

    /// @notice Block time at which the interval's orders were fixed.
    /// @param interval The interval.
    /// @return committedAt The time while its seed is awaited, otherwise 0.
    function ordersCommittedAt(uint32 interval) external view returns (uint32 committedAt);

    /// @notice Whether these are the fixed inputs of an interval.
    /// @param interval The interval, which has no header.
    /// @param ordersRoot Root of its orders tree.
    /// @param seed Its seed.
    /// @param reserved Who may post it without being looked up; address 0 after a void.
    /// @param gridVersion The grid in force for the interval.
    /// @param termsHash `H(policyHash ‖ sharesRoot ‖ contractsRoot)` of what is in force for it.
    /// @return True if all were fixed to these values.
    function hasInputs(
        uint32 interval,
        bytes32 ordersRoot,
        bytes32 seed,
        address reserved,
        uint32 gridVersion,
        bytes32 termsHash
    ) external view returns (bool);
}
