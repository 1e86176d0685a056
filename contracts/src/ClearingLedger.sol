// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IntervalRing} from "./IntervalRing.sol";
import {OrderLog} from "./OrderLog.sol";
import {IClearingLedger} from "./interfaces/IClearingLedger.sol";
import {IGridRegistry} from "./interfaces/IGridRegistry.sol";
import {IOrderLog} from "./interfaces/IOrderLog.sol";
import {IOracleBond} from "./interfaces/IOracleBond.sol";
import {IRandomnessBeacon} from "./interfaces/IRandomnessBeacon.sol";
import {Entries} from "./libraries/Entries.sol";
import {Headers} from "./libraries/Headers.sol";
import {Network} from "./libraries/Network.sol";
import {Policies} from "./libraries/Policies.sol";
import {HeaderEvidence, SeedEvidence} from "./types/Evidence.sol";

/// @title ClearingLedger
/// @notice See IClearingLedger.
contract ClearingLedger is OrderLog {
    using Headers for bytes;

    /* ------------------------------------------------ CONSTANTS ---------------------------------------------- */

    bytes32 private constant _DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)");
    bytes32 private constant _HEADER_TYPEHASH = keccak256("Header(bytes32 headerHash)");
    bytes32 private constant _ANEW_TYPEHASH = keccak256("HeaderAnew(bytes32 headerHash,uint32 restartedAt)");
    bytes32 private constant _ORDERS_TYPEHASH = keccak256("Orders(uint32 interval,bytes32 ordersRoot,uint32 until)");
    /// @dev Bytes of a compact signature (EIP-2098).
    uint256 private constant _SIGNATURE = 64;

    /* ------------------------------------------------ IMMUTABLES --------------------------------------------- */

    /// @inheritdoc IClearingLedger
    address public immutable registry;
    /// @notice The only contract that may void.
    address public immutable faults;
    /// @inheritdoc IClearingLedger
    bytes32 public immutable policyHash;
    /// @inheritdoc IClearingLedger
    bytes32 public immutable contractsRoot;
    /// @inheritdoc IClearingLedger
    bytes32 public immutable sharesRoot;
    /// @inheritdoc IClearingLedger
    uint8 public immutable treeDepth;
    /// @inheritdoc IClearingLedger
    bytes32 public immutable marketId;
    /// @inheritdoc IClearingLedger
    bytes32 public immutable domainHash;
    /// @inheritdoc IClearingLedger
    bytes32 public immutable domainSeparator;
    /// @inheritdoc IClearingLedger
    bytes32 public immutable genesisHash;
    /// @inheritdoc IClearingLedger
    uint32 public immutable deadlineSeconds;
    /// @inheritdoc IClearingLedger
    uint8 public immutable signatures;
    /// @inheritdoc IClearingLedger
    bool public immutable eager;

    /* ------------------------------------------------ STORAGE ------------------------------------------------ */

    /// @dev The bond's signers, kept here so that a signature costs one slot and no call.
    mapping(address account => bool admitted) private _signers;

    /* ------------------------------------------------ CONSTRUCTOR -------------------------------------------- */

    /// @notice Open a market at its genesis state.
    /// @param c The settings, see IClearingLedger.Config. `bond` and `faults` may not be deployed yet.
    /// @param policy The packed policy at genesis; what it says of meters never changes.
    constructor(Config memory c, bytes memory policy)
        IntervalRing(c.bond, c.windowSeconds, c.ringSize)
        OrderLog(
            c.beacon,
            c.terms,
            c.gridVersion,
            Headers.hashTerms(c.policyHash, c.sharesRoot, c.contractsRoot),
            Policies.meterLag(policy, c.policyHash)
        )
    {
        if (c.signatures == 0 || c.faults == address(0) || c.deadlineSeconds == 0 || c.windowSeconds == 0) {
            revert Ledger_BadConfig();
        }
        registry = c.registry;
        faults = c.faults;
        policyHash = c.policyHash;
        contractsRoot = c.contractsRoot;
        sharesRoot = c.sharesRoot;
        treeDepth = uint8(Math.log2(c.participants == 0 ? 1 : c.participants, Math.Rounding.Ceil));
        deadlineSeconds = c.deadlineSeconds;
        signatures = c.signatures;
        eager = c.eager;
        marketId = keccak256(
            abi.encodePacked(
                uint8(0x07),
                c.policyHash,
                IGridRegistry(c.registry).gridHash(c.gridVersion),
                c.contractsRoot,
                c.genesisStateRoot,
                c.genesisNonce
            )
        );
        domainHash = keccak256(abi.encode(uint256(1), block.chainid, address(this), marketId));
        domainSeparator = keccak256(
            abi.encode(_DOMAIN_TYPEHASH, keccak256("clearwatt"), keccak256("1"), block.chainid, address(this), marketId)
        );
        genesisHash = keccak256(abi.encodePacked(uint8(0x08), domainHash, c.genesisStateRoot));
        uint256 tag = Entries.tag(0, c.ringSize, Entries.POSTED);
        _entries[0] = Entries.posted(tag, 0, genesisHash, c.genesisStateRoot, uint32(block.timestamp));
    }

    /* ------------------------------------------------ ORDERS ------------------------------------------------- */

    /// @inheritdoc IOrderLog
    function commitOrders(uint32 interval, bytes32 ordersRoot) external {
        if (signatures != 1) revert Ledger_TooFewSignatures();
        _commitOrders(interval, ordersRoot);
    }

    /// @inheritdoc IOrderLog
    function commitOrdersSigned(uint32 interval, bytes32 ordersRoot, uint32 until, bytes calldata signatures_)
        external
    {
        if (block.timestamp > until) revert OrderLog_SignaturesEnded(until);
        _commitOrders(interval, ordersRoot);
        _requireSigned(keccak256(abi.encode(_ORDERS_TYPEHASH, interval, ordersRoot, until)), signatures_);
    }

    /* ------------------------------------------------ POSTING ------------------------------------------------ */

    /// @inheritdoc IClearingLedger
    function post(bytes calldata sent) external {
        if (signatures != 1) revert Ledger_TooFewSignatures();
        _post(sent, msg.sender, Entries.SEEDED, policyHash, sharesRoot, contractsRoot, _openingTerms);
    }

    /// @inheritdoc IClearingLedger
    function postSigned(bytes calldata sent, bytes calldata signatures_) external {
        bytes32 headerHash =
            _post(sent, msg.sender, Entries.SEEDED, policyHash, sharesRoot, contractsRoot, _openingTerms);
        _requireSigned(_structHash(headerHash), signatures_);
    }

    /// @inheritdoc IClearingLedger
    function postInstead(bytes calldata sent, bytes calldata signatures_, address reserved) external {
        (Status memory s, uint256 phase) = _admitInstead(sent);
        bytes32 headerHash = _post(sent, reserved, phase, policyHash, sharesRoot, contractsRoot, _openingTerms);
        _requireSigned(_structHash(headerHash, phase, s), signatures_);
        _settle(s, sent);
    }

    /// @inheritdoc IClearingLedger
    function postAmended(
        bytes calldata sent,
        bytes calldata signatures_,
        address reserved,
        bytes32 policyHash_,
        bytes32 sharesRoot_,
        bytes32 contractsRoot_
    ) external {
        bytes32 termsHash = Headers.hashTerms(policyHash_, sharesRoot_, contractsRoot_);
        bool isReserved = reserved == msg.sender;
        (Status memory s, uint256 phase) = isReserved ? (_status, Entries.SEEDED) : _admitInstead(sent);
        bytes32 headerHash = _post(sent, reserved, phase, policyHash_, sharesRoot_, contractsRoot_, termsHash);
        _requireSigned(_structHash(headerHash, phase, s), signatures_);
        if (!isReserved) _settle(s, sent);
    }

    /// @dev Look the sender up: reserved or not, it may post. No seed was accepted for an interval that was open, so
    /// its head is brought up once the header is taken.
    function _admitInstead(bytes calldata sent) private view returns (Status memory s, uint256 phase) {
        s = _status;
        s.operator = address(0);
        _admit(s);
        if (sent.length < Headers.SENT_LENGTH) revert Ledger_PayloadLength();
        uint32 interval = sent.sentInterval();
        phase = Entries.tagOf(_entry(interval)) & 7;
        if (phase != Entries.SEEDED) phase = Entries.OPEN;
    }

    /// @dev Keep what was looked up once the header is taken.
    function _settle(Status memory s, bytes calldata sent) private {
        _moveHead(s, sent.sentInterval() - 1);
        _status = s;
    }

    function _post(
        bytes calldata sent,
        address reserved,
        uint256 phase,
        bytes32 policyHash_,
        bytes32 sharesRoot_,
        bytes32 contractsRoot_,
        bytes32 termsHash
    ) private returns (bytes32 headerHash) {
        if (sent.length < Headers.SENT_LENGTH) revert Ledger_PayloadLength();
        uint256 interval = sent.sentInterval();
        // The digest covers the state root too: this header starts where the one before it ended. And the inputs are
        // those of an interval that has none yet, so this is the one after the head.
        if (!_follows(sent, interval) || !_isFor(sent, interval, reserved, phase, termsHash)) _refuse(sent, phase);
        if (eager) {
            bytes calldata certificate = sent[Headers.SENT_LENGTH:];
            if (Network.check(registry, sent.sentGridVersion(), certificate) != sent.sentBusVectorHash()) {
                revert Ledger_WrongBusVector();
            }
        }
        headerHash = Headers.hashSent(domainHash, sent, contractsRoot_, sharesRoot_, policyHash_);
        uint256 tag = _tag(interval, Entries.POSTED);
        _keep(interval, Entries.posted(tag, interval, headerHash, sent.sentStateRoot(), uint32(block.timestamp)));
        emit HeaderPosted(uint32(interval), headerHash);
    }

    /// @dev Whether these are the inputs fixed for an interval that has no header.
    function _isFor(bytes calldata sent, uint256 interval, address reserved, uint256 phase, bytes32 termsHash)
        private
        view
        returns (bool)
    {
        uint256 tag = _tag(interval, phase);
        return _entry(interval)
            == Entries.inputs(
            tag,
            interval,
            Entries.digestOf(sent.sentOrdersRoot()),
            sent.sentSeed(),
            reserved,
            sent.sentGridVersion(),
            termsHash
        );
    }

    /// @dev Whether the header before an interval is the one that was named, and stands.
    function _follows(bytes calldata sent, uint256 interval) private view returns (bool) {
        unchecked {
            uint256 before = interval - 1;
            uint256 kept = _entry(before);
            uint256 tag = _tag(before, Entries.POSTED);
            return kept == Entries.posted(tag, before, sent.sentPreviousHash(), sent.sentPreStateRoot(), uint32(kept));
        }
    }

    /// @dev Why a header is not taken. What posting does not read is read here.
    function _refuse(bytes calldata sent, uint256 phase) private view {
        Status memory s = _status;
        if (s.frozen) revert Ledger_IsFrozen();
        uint32 next = _headOf(s) + 1;
        if (sent.sentInterval() != next) revert Ledger_WrongInterval(next);
        if (!_follows(sent, next)) revert Ledger_WrongPrevious();
        if (!IOracleBond(bond).mayPost(msg.sender)) revert Ledger_NotSigner();
        uint256 tag = Entries.tagOf(_entry(next));
        if (phase == Entries.SEEDED) {
            if (tag == _tag(next, Entries.OPEN)) revert Ledger_NotReserved();
            if (tag == _tag(next, Entries.SEEDED) && msg.sender != s.operator) revert Ledger_NotReserved();
        }
        revert Ledger_WrongInputs();
    }

    function _requireSigned(bytes32 structHash, bytes calldata signatures_) private view {
        uint256 count = signatures_.length / _SIGNATURE;
        if (signatures_.length % _SIGNATURE != 0 || count + 1 < signatures) revert Ledger_TooFewSignatures();
        if (count == 0) return;
        bytes32 digest = MessageHashUtils.toTypedDataHash(domainSeparator, structHash);
        address last = address(0);
        unchecked {
            for (uint256 from = 0; from < signatures_.length; from += _SIGNATURE) {
                bytes32 r;
                bytes32 vs;
                assembly ("memory-safe") {
                    r := calldataload(add(signatures_.offset, from))
                    vs := calldataload(add(signatures_.offset, add(from, 32)))
                }
                address signer = ECDSA.recover(digest, r, vs);
                if (signer <= last || signer == msg.sender) revert Ledger_TooFewSignatures();
                if (!_signers[signer]) revert Ledger_NotSigner();
                last = signer;
            }
        }
    }

    /// @dev Where a header has fallen others sign anew, or their mistake could be repeated without them.
    function _structHash(bytes32 headerHash, uint256 phase, Status memory s) private pure returns (bytes32) {
        if (phase != Entries.OPEN) return _structHash(headerHash);
        return keccak256(abi.encode(_ANEW_TYPEHASH, headerHash, s.restartedAt));
    }

    function _structHash(bytes32 headerHash) private pure returns (bytes32 hash) {
        bytes32 typeHash = _HEADER_TYPEHASH;
        assembly ("memory-safe") {
            mstore(0, typeHash)
            mstore(0x20, headerHash)
            hash := keccak256(0, 0x40)
        }
    }

    /* ------------------------------------------------ VOID AND FREEZE ---------------------------------------- */

    /// @inheritdoc IClearingLedger
    function voidFrom(HeaderEvidence calldata header, bool ordersFault) external returns (uint32 interval) {
        if (msg.sender != faults) revert Ledger_Unauthorised();
        interval = _void(header);
        if (ordersFault) {
            _keep(interval, Entries.REOPENED);
            emit OrdersReopened(interval);
            // A reveal may have been waiting, for all to see, when this void came before it.
            IRandomnessBeacon(beacon).renew();
        } else {
            _open(interval, header.payload);
        }
    }

    /// @inheritdoc IClearingLedger
    function voidSeed(HeaderEvidence calldata header, uint32 committedAt) external returns (uint32 interval) {
        if (msg.sender != faults) revert Ledger_Unauthorised();
        interval = _void(header);
        _awaitSeed(interval, header.payload.ordersRoot(), committedAt);
    }

    /// @inheritdoc IClearingLedger
    function reopenSeed(SeedEvidence calldata a, bytes32 seed, uint32 committedAt) external {
        if (msg.sender != faults) revert Ledger_Unauthorised();
        if (!hasInputs(a.interval, a.ordersRoot, seed, a.reserved, a.gridVersion, a.termsHash)) {
            revert Ledger_WrongInputs();
        }
        _status.operator = address(0);
        _awaitSeed(a.interval, a.ordersRoot, committedAt);
    }

    /// @inheritdoc IClearingLedger
    function restoreInputs(HeaderEvidence calldata header) external {
        if (header.payload.length != Headers.LENGTH) revert Ledger_PayloadLength();
        uint32 interval = header.payload.interval();
        _requireEntry(interval, Entries.VOIDED, _hash(header), header.payload.stateRoot());
        _open(interval, header.payload);
        emit InputsRestored(interval);
    }

    /// @dev Void a header and all after it. What becomes of its own slot is the caller's.
    function _void(HeaderEvidence calldata header) private returns (uint32 interval) {
        uint256 entry;
        (interval, entry) = _requireHeader(header);
        if (_isPast(uint32(entry))) revert Ledger_AlreadyFinal();
        Status memory s = _status;
        uint32 head_ = _headOf(s);
        emit HeadersVoided(interval, head_);
        // Each slot tells the truth by itself, so that nobody has to ask how far the headers stand.
        for (uint256 later = uint256(interval) + 1; later <= head_; ++later) {
            _keep(later, Entries.inPhase(_entry(later), Entries.VOIDED));
        }
        _unreserve(head_);
        _moveHead(s, head_);
        _moveHead(s, interval - 1);
        s.operator = address(0);
        s.restartedAt = uint32(block.timestamp);
        _status = s;
    }

    /// @dev The orders, the seed and the terms of a header that was voided stand, for whoever posts next.
    function _open(uint256 interval, bytes calldata payload) private {
        uint256 tag = _tag(interval, Entries.OPEN);
        _keep(
            interval,
            Entries.inputs(
                tag,
                interval,
                Entries.digestOf(payload.ordersRoot()),
                payload.seed(),
                address(0),
                payload.gridVersion(),
                Headers.hashTerms(payload.policyHash(), payload.sharesRoot(), payload.contractsRoot())
            )
        );
    }

    /// @inheritdoc IClearingLedger
    function forgetOperator() external {
        if (msg.sender != bond) revert Ledger_Unauthorised();
        _forget();
    }

    /// @inheritdoc IClearingLedger
    function setSigner(address signer, bool admitted) external {
        if (msg.sender != bond) revert Ledger_Unauthorised();
        _signers[signer] = admitted;
        _forget();
    }

    function _forget() private {
        _unreserve(head());
        _status.operator = address(0);
    }

    /// @inheritdoc IClearingLedger
    function beginAmendments() external {
        if (msg.sender != terms) revert Ledger_Unauthorised();
        _status.amended = true;
    }

    /// @inheritdoc IClearingLedger
    function freeze() external {
        Status memory s = _status;
        if (s.frozen) revert Ledger_IsFrozen();
        uint32 head_ = _headOf(s);
        uint256 last = uint32(_entry(head_));
        if (s.restartedAt > last) last = s.restartedAt;
        if (block.timestamp <= last + deadlineSeconds) revert Ledger_NotLate(last + deadlineSeconds);
        _unreserve(head_);
        _status.frozen = true;
        emit Frozen(head_);
    }

    /* ------------------------------------------------ GETTERS ------------------------------------------------ */

    /// @inheritdoc IClearingLedger
    function requireHeader(HeaderEvidence calldata header) external view returns (uint32 interval) {
        (interval,) = _requireHeader(header);
    }

    /// @inheritdoc IClearingLedger
    function requireFinal(uint32 interval, bytes32 headerHash, bytes32 stateRoot) external view {
        uint256 entry = _requireEntry(interval, Entries.POSTED, headerHash, stateRoot);
        if (!_isPast(uint32(entry))) revert Ledger_NotFinal(interval);
    }

    /// @inheritdoc IClearingLedger
    function hashHeader(HeaderEvidence calldata header) external view returns (bytes32) {
        return _hash(header);
    }

    /// @inheritdoc IClearingLedger
    function finalHead() external view returns (uint32 interval) {
        interval = head();
        while (!_isFinal(interval)) --interval;
    }

    /// @inheritdoc IClearingLedger
    function nextGate() external view returns (uint32) {
        Status memory s = _status;
        uint32 head_ = _headOf(s);
        uint32 former = s.head + s.ahead;
        return (head_ > former ? head_ : former) + 3;
    }

    /// @inheritdoc IClearingLedger
    function frozen() external view returns (bool) {
        return _status.frozen;
    }

    /// @inheritdoc IClearingLedger
    function escapable() external view returns (bool) {
        return _status.frozen && _isFinal(head());
    }

    /// @inheritdoc IClearingLedger
    function postedAt(uint32 interval) external view returns (uint32) {
        uint32 head_ = head();
        if (interval > head_ || head_ - interval >= ringSize || !_stands(interval)) {
            revert Ledger_UnknownHeader(interval);
        }
        return uint32(_entry(interval));
    }

    /// @inheritdoc IClearingLedger
    function restartedAt() external view returns (uint32) {
        return _status.restartedAt;
    }

    /// @inheritdoc IClearingLedger
    function operator() external view returns (address) {
        return _status.operator;
    }

    /* ------------------------------------------------ INTERNAL ----------------------------------------------- */

    function _requireHeader(HeaderEvidence calldata header) private view returns (uint32 interval, uint256 entry) {
        if (header.payload.length != Headers.LENGTH) revert Ledger_PayloadLength();
        interval = header.payload.interval();
        entry = _requireEntry(interval, Entries.POSTED, _hash(header), header.payload.stateRoot());
    }

    /// @dev Digest and lap name the interval, so what another has left in the slot does not answer for it.
    function _requireEntry(uint32 interval, uint256 phase, bytes32 headerHash, bytes32 stateRoot)
        private
        view
        returns (uint256 entry)
    {
        entry = _entry(interval);
        if (entry != Entries.posted(_tag(interval, phase), interval, headerHash, stateRoot, uint32(entry))) {
            revert Ledger_UnknownHeader(interval);
        }
    }

    /// @dev Genesis cannot be disputed and is final at once.
    function _isFinal(uint32 interval) private view returns (bool) {
        return interval == 0 || _isPast(uint32(_entry(interval)));
    }

    function _hash(HeaderEvidence calldata header) private view returns (bytes32) {
        return Headers.hash(domainHash, header.previousHash, header.payload);
    }
}
