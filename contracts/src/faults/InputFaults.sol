// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IDrandBeacon} from "../interfaces/IDrandBeacon.sol";
import {IInputFaults} from "../interfaces/IInputFaults.sol";
import {Committed} from "../libraries/Committed.sol";
import {Headers} from "../libraries/Headers.sol";
import {Orders} from "../libraries/Orders.sol";
import {Records} from "../libraries/Records.sol";
import {HeaderEvidence, LeafEvidence, Question, SeedEvidence} from "../types/Evidence.sol";
import {Court} from "./Court.sol";

/// @title Faults of seeds, received orders and withheld data
/// @notice See IInputFaults.
abstract contract InputFaults is Court, IInputFaults {
    using Headers for bytes;

    /// @dev Bytes of a receipt's signature, `r ‖ s ‖ v`.
    uint256 private constant _SIGNATURE = 65;

    /// @inheritdoc IInputFaults
    function seed(HeaderEvidence calldata header, uint64 round, bytes calldata signature) external {
        bytes calldata h = header.payload;
        uint32 interval = ledger.requireHeader(header);
        IDrandBeacon beacon = IDrandBeacon(ledger.beacon());
        if (beacon.seedOf(interval, round, signature) != h.seed()) revert Fault_NotCommitted();
        if (beacon.isSigned(round, signature)) revert Fault_NotProven();
        emit FaultProven(interval, msg.sig, msg.sender);
        ledger.voidSeed(header, beacon.committedAtOf(round));
        bond.slash(_reservedBy(msg.sender), true);
    }

    /// @inheritdoc IInputFaults
    function seedAhead(SeedEvidence calldata accepted, uint64 round, bytes calldata signature) external {
        IDrandBeacon beacon = IDrandBeacon(ledger.beacon());
        bytes32 seed_ = beacon.seedOf(accepted.interval, round, signature);
        if (!ledger.hasInputs(
                accepted.interval,
                accepted.ordersRoot,
                seed_,
                accepted.reserved,
                accepted.gridVersion,
                accepted.termsHash
            )) revert Fault_NotCommitted();
        if (beacon.isSigned(round, signature)) revert Fault_NotProven();
        emit FaultProven(accepted.interval, msg.sig, msg.sender);
        ledger.reopenSeed(accepted, seed_, beacon.committedAtOf(round));
        bond.slash(_reservedBy(msg.sender), true);
    }

    /// @inheritdoc IInputFaults
    function omitted(
        HeaderEvidence calldata header,
        bytes calldata received,
        bytes calldata receipts,
        LeafEvidence calldata order
    ) external {
        bytes calldata h = header.payload;
        Records.Order memory o = Records.order(received);
        bytes32 separator = ledger.domainSeparator();
        // The owner's own signature too: a receipt alone does not make an order.
        address owner = escrow.ownerOf(uint32(o.index));
        if (owner == address(0) || Orders.signer(o, separator) != owner) revert Fault_Malformed();
        bytes32 orderHash = keccak256(received);
        bytes32 digest = MessageHashUtils.toTypedDataHash(separator, Orders.receipt(o, h.interval(), orderHash));
        _requireReceived(digest, receipts);
        Committed.leaf(h.ordersRoot(), _treeDepth, Records.KIND_ORDER, o.index, order);
        bool taken = false;
        if (order.record.length != 0) {
            taken = Records.order(order.record).seq >= o.seq;
        }
        _convictOrders(header, !taken);
    }

    /// @inheritdoc IInputFaults
    function withheld(HeaderEvidence calldata header, Question calldata question) external {
        if (question.headerHash != ledger.hashHeader(header)) revert Fault_NotCommitted();
        // The same header may be posted again after a void; only who was asked since then has not answered.
        uint256 postedAt = ledger.postedAt(ledger.requireHeader(header));
        if (requests.answerBy(question) < postedAt + requests.answerSeconds()) revert Fault_NotProven();
        // Orders that nobody can show cannot be cleared by anybody else either.
        _convictFor(header, requests.overdue(question), question.kind == Records.KIND_ORDER);
    }

    /// @dev As many signers have given the receipt as a header needs: whoever could post falsely could lie about it.
    function _requireReceived(bytes32 digest, bytes calldata receipts) private view {
        if (receipts.length % _SIGNATURE != 0 || receipts.length / _SIGNATURE < ledger.signatures()) {
            revert Fault_Malformed();
        }
        address last = address(0);
        for (uint256 from = 0; from < receipts.length; from += _SIGNATURE) {
            (address signer,,) = ECDSA.tryRecover(digest, receipts[from:from + _SIGNATURE]);
            if (signer <= last || !bond.isSigner(signer)) revert Fault_Malformed();
            last = signer;
        }
    }
}
