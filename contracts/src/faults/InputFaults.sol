// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IDrandBeacon} from "../interfaces/IDrandBeacon.sol";
import {IInputFaults} from "../interfaces/IInputFaults.sol";
import {Committed} from "../libraries/Committed.sol";
import {Headers} from "../libraries/Headers.sol";
import {Orders} from "../libraries/Orders.sol";
import {Policies} from "../libraries/Policies.sol";
import {Records} from "../libraries/Records.sol";
import {HeaderEvidence, LeafEvidence, Question, SeedEvidence} from "../types/Evidence.sol";
import {Court} from "./Court.sol";

/// @title Faults of seeds, orders that had to be taken, and withheld data
/// @notice See IInputFaults.
abstract contract InputFaults is Court, IInputFaults {
    using Headers for bytes;

    /// @dev Bytes of a receipt's signature, `r ‖ s ‖ v`.
    uint256 private constant _SIGNATURE = 65;

    /// @inheritdoc IInputFaults
    function seed(HeaderEvidence calldata header, uint64 round, bytes calldata signature) external {
        bytes calldata h = header.payload;
        IDrandBeacon beacon = IDrandBeacon(ledger.beacon());
        if (beacon.seedOf(h.interval(), round, signature) != h.seed()) revert Fault_NotCommitted();
        if (beacon.isSigned(round, signature)) revert Fault_NotProven();
        try ledger.voidSeed(header, beacon.committedAtOf(round)) returns (uint32 interval) {
            emit FaultProven(interval, msg.sig, msg.sender);
            _slash(header);
        } catch (bytes memory reason) {
            _collect(ledger.hashHeader(header), reason);
        }
    }

    /// @inheritdoc IInputFaults
    function seedAhead(SeedEvidence calldata accepted, uint64 round, bytes calldata signature) external {
        IDrandBeacon beacon = IDrandBeacon(ledger.beacon());
        bytes32 seed_ = beacon.seedOf(accepted.interval, round, signature);
        bytes32 fallen = keccak256(abi.encode(accepted, seed_));
        if (!ledger.hasInputs(
                accepted.interval,
                accepted.ordersRoot,
                seed_,
                accepted.reserved,
                accepted.gridVersion,
                accepted.termsHash
            )) return _collect(fallen, abi.encodeWithSelector(Fault_NotCommitted.selector));
        if (beacon.isSigned(round, signature)) revert Fault_NotProven();
        emit FaultProven(accepted.interval, msg.sig, msg.sender);
        ledger.reopenSeed(accepted, seed_, beacon.committedAtOf(round));
        if (_isReserved()) bond.slash(msg.sender, true);
        else bond.slashUnreserved(fallen);
    }

    /// @inheritdoc IInputFaults
    function forcedIgnored(
        HeaderEvidence calldata header,
        uint256 id,
        bytes calldata filed,
        LeafEvidence calldata order,
        LeafEvidence calldata preState,
        bytes calldata policy
    ) external {
        if (!forced.holds(id, filed) || forced.dueAt(id) > header.payload.interval()) {
            revert Fault_NotCommitted();
        }
        _convictOrders(header, _isLeftOut(header.payload, Records.order(filed), order, preState, policy));
    }

    /// @inheritdoc IInputFaults
    function omitted(
        HeaderEvidence calldata header,
        bytes calldata received,
        bytes calldata receipts,
        LeafEvidence calldata order,
        LeafEvidence calldata preState,
        bytes calldata policy
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
        _convictOrders(header, _isLeftOut(h, o, order, preState, policy));
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

    /// @dev Whether an order that had to be taken was not, nor one of its owner with the same or a higher number. Only
    /// an admissible one had to be: any other would convict whoever takes it.
    function _isLeftOut(
        bytes calldata h,
        Records.Order memory o,
        LeafEvidence calldata order,
        LeafEvidence calldata preState,
        bytes calldata policy
    ) private view returns (bool) {
        Committed.leaf(h.ordersRoot(), _treeDepth, Records.KIND_ORDER, o.index, order);
        Committed.leaf(h.preStateRoot(), _treeDepth, Records.KIND_STATE, o.index, preState);
        Policies.Policy memory p = Policies.open(policy, h.policyHash());
        if (order.record.length != 0 && Records.order(order.record).seq >= o.seq) return false;
        if (preState.record.length == 0) return false;
        return Orders.admissible(o, Records.state(preState.record), p, h.interval());
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
