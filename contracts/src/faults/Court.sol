// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingLedger} from "../interfaces/IClearingLedger.sol";
import {ICourt} from "../interfaces/ICourt.sol";
import {IForcedOrders} from "../interfaces/IForcedOrders.sol";
import {INetworkVerifier} from "../interfaces/INetworkVerifier.sol";
import {IOracleBond} from "../interfaces/IOracleBond.sol";
import {ISettlementEscrow} from "../interfaces/ISettlementEscrow.sol";
import {HeaderEvidence} from "../types/Evidence.sol";

/// @title What follows from a proven fault
/// @notice Voids the header, slashes the bond and settles who is rewarded.
abstract contract Court is ICourt {
    /// @notice The ledger whose headers are judged.
    IClearingLedger public immutable ledger;
    /// @notice The bond that pays for a fault.
    IOracleBond public immutable bond;
    /// @notice The escrow that knows owners and deposits.
    ISettlementEscrow public immutable escrow;
    /// @notice The network check, for ledgers that do not run it when a header is posted.
    INetworkVerifier public immutable verifier;
    /// @notice The orders that every header must hold.
    IForcedOrders public immutable forced;

    /// @dev The ledger's grid registry and the depth of its trees, read once.
    address internal immutable _registry;
    uint256 internal immutable _treeDepth;

    /// @notice Block in which a proof was reserved.
    mapping(bytes32 commitment => uint256 blockNumber) public committedIn;

    /// @notice Bind the proofs to a market, of which only the ledger must be deployed already.
    /// @param ledger_ The ledger.
    /// @param bond_ The bond.
    /// @param escrow_ The escrow.
    /// @param verifier_ The network check.
    /// @param forced_ The forced orders.
    constructor(
        IClearingLedger ledger_,
        IOracleBond bond_,
        ISettlementEscrow escrow_,
        INetworkVerifier verifier_,
        IForcedOrders forced_
    ) {
        ledger = ledger_;
        bond = bond_;
        escrow = escrow_;
        verifier = verifier_;
        forced = forced_;
        _registry = ledger_.registry();
        _treeDepth = ledger_.treeDepth();
    }

    /// @inheritdoc ICourt
    function commit(bytes32 commitment) external {
        if (committedIn[commitment] == 0) committedIn[commitment] = block.number;
    }

    /// @notice Void a header for a fault of its clearing: same orders, same seed, next operator.
    /// @param header The header.
    /// @param proven Whether the fault was shown.
    function _convict(HeaderEvidence calldata header, bool proven) internal {
        _void(header, proven, false);
    }

    /// @notice Void a header for a fault of its orders, which are then committed anew under another seed.
    /// @param header The header.
    /// @param proven Whether the fault was shown.
    function _convictOrders(HeaderEvidence calldata header, bool proven) internal {
        _void(header, proven, true);
    }

    function _void(HeaderEvidence calldata header, bool proven, bool ordersFault) private {
        if (!proven) revert Fault_NotProven();
        uint32 interval = ledger.voidFrom(header, ordersFault);
        emit FaultProven(interval, msg.sig, msg.sender);
        uint256 reserved = committedIn[keccak256(abi.encode(msg.sender, keccak256(msg.data)))];
        bond.slash(reserved != 0 && reserved < block.number ? msg.sender : address(0));
    }
}
