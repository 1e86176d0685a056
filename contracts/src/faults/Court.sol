// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IClearingLedger} from "../interfaces/IClearingLedger.sol";
import {ICourt} from "../interfaces/ICourt.sol";
import {IDataRequests} from "../interfaces/IDataRequests.sol";
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
    /// @notice The questions about data that every header must answer.
    IDataRequests public immutable requests;

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
    /// @param requests_ The questions about data.
    constructor(
        IClearingLedger ledger_,
        IOracleBond bond_,
        ISettlementEscrow escrow_,
        INetworkVerifier verifier_,
        IForcedOrders forced_,
        IDataRequests requests_
    ) {
        ledger = ledger_;
        bond = bond_;
        escrow = escrow_;
        verifier = verifier_;
        forced = forced_;
        requests = requests_;
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
        _judge(header, proven, false);
    }

    /// @notice Void a header for a fault of its orders, which are then committed anew under another seed.
    /// @param header The header.
    /// @param proven Whether the fault was shown.
    function _convictOrders(HeaderEvidence calldata header, bool proven) internal {
        _judge(header, proven, true);
    }

    /// @notice Void a header for a fault that somebody has shown beforehand, who is rewarded whoever sends the proof.
    /// @param header The header.
    /// @param prover Who has shown it; address 0 if nobody has.
    /// @param ordersFault Whether its orders are what is missing, which are then committed anew.
    function _convictFor(HeaderEvidence calldata header, address prover, bool ordersFault) internal {
        if (prover == address(0)) revert Fault_NotProven();
        emit FaultProven(ledger.voidFrom(header, ordersFault), msg.sig, msg.sender);
        bond.slash(prover, prover == msg.sender);
    }

    /// @notice Slash for a header that has just been voided.
    /// @param header The header.
    function _slash(HeaderEvidence calldata header) internal {
        if (_isReserved()) bond.slash(msg.sender, true);
        else bond.slashUnreserved(ledger.hashHeader(header));
    }

    /// @notice Collect what was set aside when somebody who had not reserved a proof was faster.
    /// @param fallen What was voided: a header's hash, or that of a seed's evidence.
    /// @param reason The error if there is nothing for the sender to collect.
    function _collect(bytes32 fallen, bytes memory reason) internal {
        uint256 reserved = committedIn[_reservation()];
        if (reserved != 0 && bond.payReserved(fallen, msg.sender, reserved) != 0) return;
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }

    /// @notice Whether the sender has reserved this very call in an earlier block.
    function _isReserved() internal view returns (bool) {
        uint256 reserved = committedIn[_reservation()];
        return reserved != 0 && reserved < block.number;
    }

    /// @notice What a participant's deposit covers in an interval, in micro.
    /// @param index The participant.
    /// @param interval The interval.
    function _collateral(uint256 index, uint256 interval) internal view returns (uint256) {
        return escrow.collateralAt(uint32(index), uint32(interval));
    }

    /// @dev A fault that was shown voids the header; where somebody was faster, its prover is paid what is set aside.
    function _judge(HeaderEvidence calldata header, bool proven, bool ordersFault) private {
        if (!proven) revert Fault_NotProven();
        try ledger.voidFrom(header, ordersFault) returns (uint32 interval) {
            emit FaultProven(interval, msg.sig, msg.sender);
            _slash(header);
        } catch (bytes memory reason) {
            _collect(ledger.hashHeader(header), reason);
        }
    }

    function _reservation() private view returns (bytes32) {
        return keccak256(abi.encode(msg.sender, keccak256(msg.data)));
    }
}
