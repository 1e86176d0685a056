// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingLedger} from "./interfaces/IClearingLedger.sol";
import {IFaultProofs} from "./interfaces/IFaultProofs.sol";
import {IOracleBond} from "./interfaces/IOracleBond.sol";
import {Committed} from "./libraries/Committed.sol";
import {Records} from "./libraries/Records.sol";
import {Response} from "./libraries/Response.sol";
import {AllocationEvidence, HeaderEvidence} from "./types/Evidence.sol";

/// @title FaultProofs
/// @notice See IFaultProofs.
contract FaultProofs is IFaultProofs {
    /* ------------------------------------------------ IMMUTABLES --------------------------------------------- */

    /// @notice The ledger whose headers are judged.
    IClearingLedger public immutable ledger;
    /// @notice The bond that pays for a fault.
    IOracleBond public immutable bond;

    /* ------------------------------------------------ STORAGE ------------------------------------------------ */

    /// @notice Block in which a proof was reserved.
    mapping(bytes32 commitment => uint256 blockNumber) public committedIn;

    /* ------------------------------------------------ CONSTRUCTOR -------------------------------------------- */

    /// @notice Bind the proofs to a ledger and its bond, which may not be deployed yet.
    /// @param ledger_ The ledger.
    /// @param bond_ The bond.
    constructor(IClearingLedger ledger_, IOracleBond bond_) {
        ledger = ledger_;
        bond = bond_;
    }

    /* ------------------------------------------------ RESERVE ------------------------------------------------ */

    /// @inheritdoc IFaultProofs
    function commit(bytes32 commitment) external {
        if (committedIn[commitment] == 0) committedIn[commitment] = block.number;
    }

    /* ------------------------------------------------ FAULTS ------------------------------------------------- */

    /// @inheritdoc IFaultProofs
    function bracket(HeaderEvidence calldata header, AllocationEvidence calldata allocation) external {
        (Records.Allocation memory a, Records.Bus memory bus) = Committed.allocation(header.payload, allocation);
        if (
            Response.demandInside(a.essential, bus.pi) && Response.demandInside(a.flexible, bus.pi)
                && Response.supplyInside(a.supply, bus.pi)
        ) revert Fault_NotProven();
        _void(header, false);
    }

    /// @inheritdoc IFaultProofs
    function payment(HeaderEvidence calldata header, AllocationEvidence calldata allocation) external {
        (Records.Allocation memory a,) = Committed.allocation(header.payload, allocation);
        uint256 cost = a.priceTicks * (a.essential.x + a.flexible.x) / 1000;
        uint256 pay = (a.supply.pa * a.supply.x + 999) / 1000;
        if (a.energyCost == cost && a.supplyPay == pay) revert Fault_NotProven();
        _void(header, false);
    }

    /* ------------------------------------------------ INTERNAL ----------------------------------------------- */

    function _void(HeaderEvidence calldata header, bool ordersFault) private {
        uint32 interval = ledger.requireHeader(header);
        emit FaultProven(interval, msg.sig, msg.sender);
        ledger.voidFrom(interval, ordersFault);
        uint256 reserved = committedIn[keccak256(abi.encode(msg.sender, keccak256(msg.data)))];
        bond.slash(reserved != 0 && reserved < block.number ? msg.sender : address(0));
    }
}
