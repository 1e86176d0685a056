// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Meter readings that no operator can overlook
/// @notice Whoever fears that a signed reading is left out files it here. From the interval on at which it is due, a
/// header that settles its interval and holds no reading of its participant can be voided (`readingIgnored`).
///
/// A reading is due in the first interval whose seed nobody could bring when it was filed: two after the head, or
/// after the highest head that was ever voided. Who clears an interval needs its seed first, and so has seen every
/// reading that is due in it. A reading of m is settled by m + meter_lag; to count it is filed before the header of
/// m + meter_lag - 1 is posted.
interface IFiledReadings {
    /// @notice Emitted when a reading is filed for the first time.
    /// @param index Registration number of the participant.
    /// @param interval The interval that was measured.
    /// @param due First interval whose header may not leave it out.
    /// @param reading The packed reading with its signature.
    event Filed(uint32 indexed index, uint32 indexed interval, uint32 due, bytes reading);

    /// @notice Thrown when the interval is 0 or an energy is 2^30 Wh or more.
    error Readings_OutOfRange();

    /// @notice File a reading. Anyone may; whose signature it must bear is the policy's affair and judged with the
    /// proof. A reading that is filed already keeps the interval at which it became due.
    /// @param reading The packed reading with its signature.
    /// @return due First interval whose header may not leave it out.
    function file(bytes calldata reading) external returns (uint32 due);

    /// @notice First interval whose header may not leave a reading out; 0 if it was never filed.
    /// @param readingHash Hash of the packed reading with its signature.
    function dueOf(bytes32 readingHash) external view returns (uint32);
}
