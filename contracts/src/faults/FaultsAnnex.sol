// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingLedger} from "../interfaces/IClearingLedger.sol";
import {IDataRequests} from "../interfaces/IDataRequests.sol";
import {IFiledReadings} from "../interfaces/IFiledReadings.sol";
import {IForcedOrders} from "../interfaces/IForcedOrders.sol";
import {INetworkVerifier} from "../interfaces/INetworkVerifier.sol";
import {IOracleBond} from "../interfaces/IOracleBond.sol";
import {ISettlementEscrow} from "../interfaces/ISettlementEscrow.sol";
import {Court} from "./Court.sol";
import {CoverFaults} from "./CoverFaults.sol";
import {InputFaults} from "./InputFaults.sol";
import {MeterFaults} from "./MeterFaults.sol";

/// @title FaultsAnnex
/// @notice The code of proofs that FaultProofs is too large to hold. It runs on behalf of FaultProofs; called directly
/// it can do nothing.
contract FaultsAnnex is MeterFaults, CoverFaults, InputFaults {
    /// @notice Bind the proofs to a market.
    /// @param ledger_ The ledger.
    /// @param bond_ The bond.
    /// @param escrow_ The escrow.
    /// @param verifier_ The network check.
    /// @param forced_ The forced orders.
    /// @param requests_ The questions about data.
    /// @param readings_ The filed readings.
    constructor(
        IClearingLedger ledger_,
        IOracleBond bond_,
        ISettlementEscrow escrow_,
        INetworkVerifier verifier_,
        IForcedOrders forced_,
        IDataRequests requests_,
        IFiledReadings readings_
    ) Court(ledger_, bond_, escrow_, verifier_, forced_, requests_) MeterFaults(readings_) {}
}
