// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IClearingLedger} from "./interfaces/IClearingLedger.sol";
import {IMarketTerms} from "./interfaces/IMarketTerms.sol";
import {IGridRegistry} from "./interfaces/IGridRegistry.sol";
import {IOracleBond} from "./interfaces/IOracleBond.sol";
import {Headers} from "./libraries/Headers.sol";
import {Network} from "./libraries/Network.sol";
import {OrderLog} from "./OrderLog.sol";
import {HeaderEvidence, StateEvidence} from "./types/Evidence.sol";

/// @title ClearingLedger
/// @notice See IClearingLedger.
///
/// A ring slot holds `digest (28 bytes) ‖ postedAt u32` with digest = first 28 bytes of
/// `H(headerHash ‖ stateRoot ‖ interval u32)`. Two headers with one digest of 224 bits take 2^112 hashes to find. What
/// a void leaves in a slot is the digest of an interval beyond the head, so it answers for no interval that stands; a
/// new header of that interval overwrites it.
contract ClearingLedger is IClearingLedger, OrderLog {
    using Headers for bytes;

    /// @dev Everything that changes with each header, in one slot.
    /// @param operator The signer that posted last; address 0 if it must be looked up.
    /// @param head The newest interval with a header.
    /// @param amended Whether anything in force has changed since the deployment.
    /// @param restartedAt Time of the deployment or of the last void; the next deadline is not counted from earlier.
    /// @param frozen Whether posting has ended for good.
    struct Status {
        address operator;
        uint32 head;
        bool amended;
        uint32 restartedAt;
        bool frozen;
    }

    /* ------------------------------------------------ CONSTANTS ---------------------------------------------- */

    bytes32 private constant _DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)");
    bytes32 private constant _HEADER_TYPEHASH = keccak256("Header(bytes32 headerHash)");

    /* ------------------------------------------------ IMMUTABLES --------------------------------------------- */

    /// @inheritdoc IClearingLedger
    address public immutable registry;
    /// @notice The randomness adapter.
    address public immutable beacon;
    /// @notice The oracle bond.
    address public immutable bond;
    /// @notice The only contract that may void.
    address public immutable faults;
    /// @inheritdoc IClearingLedger
    address public immutable terms;
    /// @inheritdoc IClearingLedger
    uint32 public immutable gridVersion;
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
    uint32 public immutable windowSeconds;
    /// @inheritdoc IClearingLedger
    uint32 public immutable deadlineSeconds;
    /// @inheritdoc IClearingLedger
    uint32 public immutable ringSize;
    /// @inheritdoc IClearingLedger
    uint8 public immutable signatures;
    /// @inheritdoc IClearingLedger
    bool public immutable eager;

    /* ------------------------------------------------ STORAGE ------------------------------------------------ */

    Status private _status;
    /// @dev The highest head that was ever voided: orders up to two intervals after it are fixed still.
    uint32 private _formerHead;
    mapping(uint256 slot => uint256 entry) private _headers;

    /* ------------------------------------------------ CONSTRUCTOR -------------------------------------------- */

    /// @notice Open a market at its genesis state.
    /// @param c The settings, see IClearingLedger.Config. `bond` and `faults` may not be deployed yet.
    constructor(Config memory c) {
        if (
            c.ringSize < 4 || c.signatures == 0 || c.beacon == address(0) || c.bond == address(0)
                || c.faults == address(0) || c.terms == address(0) || c.deadlineSeconds == 0
        ) revert Ledger_BadConfig();
        registry = c.registry;
        beacon = c.beacon;
        bond = c.bond;
        faults = c.faults;
        terms = c.terms;
        gridVersion = c.gridVersion;
        policyHash = c.policyHash;
        contractsRoot = c.contractsRoot;
        sharesRoot = c.sharesRoot;
        treeDepth = uint8(Math.log2(c.participants == 0 ? 1 : c.participants, Math.Rounding.Ceil));
        windowSeconds = c.windowSeconds;
        deadlineSeconds = c.deadlineSeconds;
        ringSize = c.ringSize;
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
        _status = Status(address(0), 0, false, uint32(block.timestamp), false);
        _headers[0] = _entry(0, genesisHash, c.genesisStateRoot, block.timestamp);
    }

    /* ------------------------------------------------ POSTING ------------------------------------------------ */

    /// @inheritdoc IClearingLedger
    function post(bytes32 previousHash, bytes calldata payload, bytes calldata certificate) external {
        if (signatures != 1) revert Ledger_TooFewSignatures();
        _post(previousHash, payload, certificate);
    }

    /// @inheritdoc IClearingLedger
    function postSigned(
        bytes32 previousHash,
        bytes calldata payload,
        bytes calldata certificate,
        bytes[] calldata signatures_
    ) external {
        if (signatures_.length + 1 < signatures) revert Ledger_TooFewSignatures();
        bytes32 headerHash = _post(previousHash, payload, certificate);
        bytes32 digest =
            MessageHashUtils.toTypedDataHash(domainSeparator, keccak256(abi.encode(_HEADER_TYPEHASH, headerHash)));
        address last = address(0);
        for (uint256 i = 0; i < signatures_.length; ++i) {
            address signer = ECDSA.recover(digest, signatures_[i]);
            if (signer <= last || signer == msg.sender) revert Ledger_TooFewSignatures();
            if (!IOracleBond(bond).isSigner(signer)) revert Ledger_NotSigner();
            last = signer;
        }
    }

    function _post(bytes32 previousHash, bytes calldata payload, bytes calldata certificate)
        private
        returns (bytes32 headerHash)
    {
        if (payload.length != Headers.LENGTH) revert Ledger_PayloadLength();
        Status memory s = _admit();
        uint32 interval = s.head + 1;
        if (payload.interval() != interval) revert Ledger_WrongInterval(interval);
        // The digest covers the state root too: this header starts where the one before it ended.
        uint256 previous = _headers[s.head % ringSize];
        if (_entry(s.head, previousHash, payload.preStateRoot(), uint32(previous)) != previous) {
            revert Ledger_WrongPrevious();
        }
        if (!hasInputs(interval, payload.ordersRoot(), payload.seed())) revert Ledger_WrongInputs();
        (uint32 grid, bytes32 termsHash) = s.amended
            ? IMarketTerms(terms).inForce(interval)
            : (gridVersion, keccak256(abi.encodePacked(policyHash, sharesRoot, contractsRoot)));
        if (
            payload.gridVersion() != grid
                || keccak256(abi.encodePacked(payload.policyHash(), payload.sharesRoot(), payload.contractsRoot()))
                    != termsHash
        ) revert Ledger_WrongTerms();
        if (payload.served() != payload.dispatched()) revert Ledger_EnergyUnbalanced();
        if (payload.creditSum() != payload.debitSum()) revert Ledger_MoneyUnbalanced();
        if (eager && Network.check(registry, grid, certificate) != payload.busVectorHash()) {
            revert Ledger_WrongBusVector();
        }

        headerHash = Headers.hash(domainHash, previousHash, payload);
        // Whatever may still be voided keeps its predecessor and its inputs: this header takes the slot of a lap ago,
        // and the orders of the two intervals after it take theirs. So the header a lap before the second of them must
        // be final. What a void has left is overwritten at once.
        uint256 ahead = uint256(interval) + 2;
        if (ahead > ringSize && !_isPast(uint32(_headers[ahead % ringSize])) && interval > _formerHead) {
            revert Ledger_RingFull();
        }
        _headers[interval % ringSize] = _entry(interval, headerHash, payload.stateRoot(), block.timestamp);
        s.head = interval;
        _status = s;
        emit HeaderPosted(interval, headerHash);
    }

    /* ------------------------------------------------ VOID AND FREEZE ---------------------------------------- */

    /// @inheritdoc IClearingLedger
    function voidFrom(uint32 interval, bool ordersFault) external {
        if (msg.sender != faults) revert Ledger_Unauthorised();
        Status memory s = _status;
        if (interval == 0) revert Ledger_UnknownHeader(interval);
        _requireKept(interval);
        if (_isFinal(interval)) revert Ledger_AlreadyFinal();
        emit HeadersVoided(interval, s.head);
        if (s.head > _formerHead) _formerHead = s.head;
        s.head = interval - 1;
        s.operator = address(0);
        s.restartedAt = uint32(block.timestamp);
        _status = s;
        if (ordersFault) _reopenOrders(interval);
    }

    /// @inheritdoc IClearingLedger
    function forgetOperator() external {
        if (msg.sender != bond) revert Ledger_Unauthorised();
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
        uint256 last = _postedAt(s.head);
        if (s.restartedAt > last) last = s.restartedAt;
        if (block.timestamp <= last + deadlineSeconds) revert Ledger_NotLate(last + deadlineSeconds);
        _status.frozen = true;
        emit Frozen(s.head);
    }

    /* ------------------------------------------------ GETTERS ------------------------------------------------ */

    /// @inheritdoc IClearingLedger
    function requireHeader(HeaderEvidence calldata header) public view returns (uint32 interval) {
        if (header.payload.length != Headers.LENGTH) revert Ledger_PayloadLength();
        interval = header.payload.interval();
        bytes32 hash = Headers.hash(domainHash, header.previousHash, header.payload);
        _requireEntry(interval, hash, header.payload.stateRoot());
    }

    /// @inheritdoc IClearingLedger
    function requireFinal(StateEvidence calldata state) external view {
        uint256 entry = _requireEntry(state.interval, state.headerHash, state.stateRoot);
        if (!_isPast(uint32(entry))) revert Ledger_NotFinal(state.interval);
    }

    /// @inheritdoc IClearingLedger
    function hashHeader(HeaderEvidence calldata header) external view returns (bytes32) {
        return Headers.hash(domainHash, header.previousHash, header.payload);
    }

    /// @inheritdoc IClearingLedger
    function head() external view returns (uint32) {
        return _status.head;
    }

    /// @inheritdoc IClearingLedger
    function finalHead() external view returns (uint32 interval) {
        interval = _status.head;
        while (!_isFinal(interval)) --interval;
    }

    /// @inheritdoc IClearingLedger
    function nextGate() external view returns (uint32) {
        uint32 head_ = _status.head;
        return (head_ > _formerHead ? head_ : _formerHead) + 3;
    }

    /// @inheritdoc IClearingLedger
    function frozen() external view returns (bool) {
        return _status.frozen;
    }

    /// @inheritdoc IClearingLedger
    function escapable() external view returns (bool) {
        return _status.frozen && _isFinal(_status.head);
    }

    /// @inheritdoc IClearingLedger
    function postedAt(uint32 interval) external view returns (uint32) {
        _requireKept(interval);
        return _postedAt(interval);
    }

    /// @inheritdoc IClearingLedger
    function operator() external view returns (address) {
        return _status.operator;
    }

    /* ------------------------------------------------ INTERNAL ----------------------------------------------- */

    /// @dev Check that posting goes on and that the sender is a bonded signer, remembering it if it was looked up.
    function _admit() private view returns (Status memory s) {
        s = _status;
        if (s.frozen) revert Ledger_IsFrozen();
        if (msg.sender != s.operator) {
            if (!IOracleBond(bond).mayPost(msg.sender)) revert Ledger_NotSigner();
            s.operator = msg.sender;
        }
    }

    /// @notice See OrderLog.
    function _admitOrders() internal view override returns (uint32) {
        return _admit().head;
    }

    /// @notice See OrderLog.
    function _ring() internal view override returns (uint32) {
        return ringSize;
    }

    /// @notice See OrderLog.
    function _beacon() internal view override returns (address) {
        return beacon;
    }

    /// @dev Check that an interval stands and that its slot is still its own: voided headers hold theirs as well.
    function _requireKept(uint32 interval) private view {
        uint32 head_ = _status.head;
        uint32 newest = head_ > _formerHead ? head_ : _formerHead;
        if (interval > head_ || newest - interval >= ringSize) revert Ledger_UnknownHeader(interval);
    }

    /// @dev The digest names the interval, so what another has left in the slot does not answer for it.
    function _requireEntry(uint32 interval, bytes32 headerHash, bytes32 stateRoot)
        private
        view
        returns (uint256 entry)
    {
        if (interval > _status.head) revert Ledger_UnknownHeader(interval);
        entry = _headers[interval % ringSize];
        if (_entry(interval, headerHash, stateRoot, uint32(entry)) != entry) revert Ledger_UnknownHeader(interval);
    }

    function _postedAt(uint32 interval) private view returns (uint32) {
        return uint32(_headers[interval % ringSize]);
    }

    /// @dev Genesis cannot be disputed and is final at once.
    function _isFinal(uint32 interval) private view returns (bool) {
        return interval == 0 || _isPast(_postedAt(interval));
    }

    function _isPast(uint32 time) private view returns (bool) {
        return block.timestamp >= uint256(time) + windowSeconds;
    }

    function _entry(uint32 interval, bytes32 headerHash, bytes32 stateRoot, uint256 time)
        private
        pure
        returns (uint256 entry)
    {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(0, headerHash)
            mstore(0x20, stateRoot)
            mstore(0x40, shl(224, interval))
            entry := or(shl(32, shr(32, keccak256(0, 0x44))), time)
            mstore(0x40, free)
        }
    }
}
