// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AllocationFaults} from "./faults/AllocationFaults.sol";
import {Court} from "./faults/Court.sol";
import {FaultsAnnex} from "./faults/FaultsAnnex.sol";
import {OrderFaults} from "./faults/OrderFaults.sol";
import {TreeFaults} from "./faults/TreeFaults.sol";
import {IClearingLedger} from "./interfaces/IClearingLedger.sol";
import {IDataRequests} from "./interfaces/IDataRequests.sol";
import {IFiledReadings} from "./interfaces/IFiledReadings.sol";
import {IForcedOrders} from "./interfaces/IForcedOrders.sol";
import {INetworkVerifier} from "./interfaces/INetworkVerifier.sol";
import {IOracleBond} from "./interfaces/IOracleBond.sol";
import {ISettlementEscrow} from "./interfaces/ISettlementEscrow.sol";

/// @title FaultProofs
/// @notice See IFaultProofs. Every way in which a posted interval can differ from the rules has one entry here.
contract FaultProofs is AllocationFaults, TreeFaults, OrderFaults {
    /// @notice The code of the proofs of IMeterFaults, ICoverFaults and IInputFaults, which are called here like all
    /// others.
    address public immutable annex;

    /// @notice Bind the proofs to a market, of which only the ledger must be deployed already.
    /// @param ledger_ The ledger.
    /// @param bond_ The bond.
    /// @param escrow_ The escrow.
    /// @param verifier_ The network check.
    /// @param forced_ The forced orders.
    /// @param requests_ The questions about data.
    /// @param readings_ The filed readings, which the annex alone asks.
    constructor(
        IClearingLedger ledger_,
        IOracleBond bond_,
        ISettlementEscrow escrow_,
        INetworkVerifier verifier_,
        IForcedOrders forced_,
        IDataRequests requests_,
        IFiledReadings readings_
    ) Court(ledger_, bond_, escrow_, verifier_, forced_, requests_) {
        annex = address(new FaultsAnnex(ledger_, bond_, escrow_, verifier_, forced_, requests_, readings_));
    }

    /// @notice Run a proof of the annex here: same sender, same calldata, and this contract's right to void.
    // The analyser does not see the notice of a function without a name.
    // solhint-disable-next-line no-complex-fallback, use-natspec
    fallback() external {
        address code = annex;
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, 0, calldatasize())
            let done := delegatecall(gas(), code, free, calldatasize(), 0, 0)
            returndatacopy(free, 0, returndatasize())
            if iszero(done) { revert(free, returndatasize()) }
            return(free, returndatasize())
        }
    }
}
