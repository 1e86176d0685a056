// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingLedger} from "./interfaces/IClearingLedger.sol";
import {IFiledReadings} from "./interfaces/IFiledReadings.sol";
import {Metering} from "./libraries/Metering.sol";
import {Records} from "./libraries/Records.sol";

/// @title FiledReadings
/// @notice See IFiledReadings. A slot for each reading, paid by who files it.
contract FiledReadings is IFiledReadings {
    /// @notice The ledger whose headers must hold the readings.
    IClearingLedger public immutable ledger;

    /// @inheritdoc IFiledReadings
    mapping(bytes32 readingHash => uint32 due) public dueOf;

    /// @notice Bind the readings to a market.
    /// @param ledger_ The ledger.
    constructor(IClearingLedger ledger_) {
        ledger = ledger_;
    }

    /// @inheritdoc IFiledReadings
    function file(bytes calldata reading) external returns (uint32 due) {
        Records.Reading memory m = Records.reading(reading);
        if (m.interval == 0 || m.consumedWh > Metering.MAX_WH || m.producedWh > Metering.MAX_WH) {
            revert Readings_OutOfRange();
        }
        bytes32 readingHash = keccak256(reading);
        due = dueOf[readingHash];
        if (due != 0) return due;
        // Orders are fixed up to two intervals after the head, a seed is taken for the next one only.
        due = ledger.nextGate() - 1;
        dueOf[readingHash] = due;
        emit Filed(uint32(m.index), uint32(m.interval), due, reading);
    }
}
