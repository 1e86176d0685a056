// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {IClearingLedger} from "./interfaces/IClearingLedger.sol";
import {IGridRegistry} from "./interfaces/IGridRegistry.sol";
import {IMarketTerms} from "./interfaces/IMarketTerms.sol";
import {Headers} from "./libraries/Headers.sol";
import {Pages} from "./libraries/Pages.sol";
import {Policies} from "./libraries/Policies.sol";
import {Records} from "./libraries/Records.sol";
import {Tightening} from "./libraries/Tightening.sol";
import {Trees} from "./libraries/Trees.sol";

/// @title MarketTerms
/// @notice See IMarketTerms.
///
/// A change is written with the next gate as its first interval, and the next gate never falls: so the list ascends,
/// and what it says of an interval whose orders may be fixed is never written again.
contract MarketTerms is IMarketTerms {
    /// @dev What is in force from an interval on.
    struct Entry {
        uint32 from;
        uint32 gridVersion;
        bytes32 termsHash;
    }

    /* ------------------------------------------------ CONSTANTS ---------------------------------------------- */

    bytes32 private constant _TIGHTENING_TYPEHASH =
        keccak256("GridTightening(uint32 change,bytes32 gridHash,uint32 lastGate)");
    bytes32 private constant _SHARES_TYPEHASH = keccak256("Shares(bytes32 sharesRoot,uint32 gate)");
    bytes32 private constant _CONTRACTS_TYPEHASH = keccak256("Contracts(bytes32 contractsRoot,uint32 gate)");
    bytes32 private constant _CONTRACT_TYPEHASH =
        keccak256("Contract(uint32 index,address owner,uint16 bus,uint32 slot,uint32 gate)");
    /// @dev A withdrawal is released by the third header at most after its announcement, each of them in its time.
    uint256 private constant _HEADERS_TO_LEAVE = 3;

    /* ------------------------------------------------ IMMUTABLES --------------------------------------------- */

    /// @notice The ledger.
    IClearingLedger public immutable ledger;
    /// @notice Its grid registry.
    IGridRegistry public immutable registry;
    /// @inheritdoc IMarketTerms
    address public immutable gridOperator;
    /// @inheritdoc IMarketTerms
    address public immutable marketOperator;
    /// @inheritdoc IMarketTerms
    address public immutable registrar;
    /// @inheritdoc IMarketTerms
    uint256 public immutable delaySeconds;

    /* ------------------------------------------------ STORAGE ------------------------------------------------ */

    /// @inheritdoc IMarketTerms
    uint32 public gridChanges;
    bytes32 private _policyHash;
    bytes32 private _sharesRoot;
    bytes32 private _contractsRoot;
    Entry[] private _entries;
    mapping(Kind kind => Announcement announcement) private _announced;

    /* ------------------------------------------------ CONSTRUCTOR -------------------------------------------- */

    /// @notice Start with what the ledger was deployed with.
    /// @param ledger_ The ledger.
    /// @param gridOperator_ Who announces and tightens grids.
    /// @param marketOperator_ Who announces policies and shares.
    /// @param registrar_ Who announces contracts.
    /// @param delaySeconds_ How long announced changes wait: longer than a withdrawal, the window and the posting
    /// deadline together.
    constructor(
        IClearingLedger ledger_,
        address gridOperator_,
        address marketOperator_,
        address registrar_,
        uint256 delaySeconds_
    ) {
        uint256 leaving = _HEADERS_TO_LEAVE * ledger_.deadlineSeconds() + ledger_.windowSeconds();
        if (
            gridOperator_ == address(0) || marketOperator_ == address(0) || registrar_ == address(0)
                || delaySeconds_ <= leaving + ledger_.deadlineSeconds() || delaySeconds_ > type(uint32).max
        ) revert Terms_BadConfig();
        ledger = ledger_;
        registry = IGridRegistry(ledger_.registry());
        gridOperator = gridOperator_;
        marketOperator = marketOperator_;
        registrar = registrar_;
        delaySeconds = delaySeconds_;
        _policyHash = ledger_.policyHash();
        _sharesRoot = ledger_.sharesRoot();
        _contractsRoot = ledger_.contractsRoot();
        _entries.push(Entry(0, ledger_.gridVersion(), _termsHash()));
    }

    /* ------------------------------------------------ ANNOUNCE ----------------------------------------------- */

    /// @inheritdoc IMarketTerms
    function announceGrid(uint32 version, uint32 gate) external {
        if (msg.sender != gridOperator) revert Terms_Unauthorised();
        if (_buses(version) < _buses(_last().gridVersion)) revert Terms_FewerBuses();
        _announce(Kind.Grid, bytes32(uint256(version)), gate);
    }

    /// @inheritdoc IMarketTerms
    function announcePolicy(bytes calldata before, bytes calldata next, uint32 gate) external {
        if (msg.sender != marketOperator) revert Terms_Unauthorised();
        Policies.hold(before, _policyHash);
        Policies.requireSuccessor(before, next);
        bytes32 policyHash = keccak256(abi.encodePacked(uint8(0x0a), next));
        emit PolicyPublished(policyHash, next);
        _announce(Kind.Policy, policyHash, gate);
    }

    /// @inheritdoc IMarketTerms
    function announceShares(bytes32 root, uint32 gate, bytes calldata signature) external {
        if (msg.sender != marketOperator) revert Terms_Unauthorised();
        _requireSigned(registrar, keccak256(abi.encode(_SHARES_TYPEHASH, root, gate)), signature);
        _announce(Kind.Shares, root, gate);
    }

    /// @inheritdoc IMarketTerms
    function announceContracts(ContractChange[] calldata changes, uint32 gate, bytes calldata signature)
        external
        returns (bytes32 root)
    {
        if (msg.sender != registrar) revert Terms_Unauthorised();
        root = _contractsRoot;
        uint256 pathLength = 32 * uint256(ledger.treeDepth());
        uint256 buses = _buses(_last().gridVersion);
        for (uint256 i = 0; i < changes.length; ++i) {
            ContractChange calldata c = changes[i];
            uint256 index = _requireContract(c, i, gate, buses);
            if (
                c.path.length != pathLength
                    || Trees.plainRoot(Trees.leaf(Records.KIND_CONTRACT, c.before), index, c.path) != root
            ) revert Terms_BadContract(i);
            root = Trees.plainRoot(Trees.leaf(Records.KIND_CONTRACT, c.next), index, c.path);
        }
        _requireSigned(marketOperator, keccak256(abi.encode(_CONTRACTS_TYPEHASH, root, gate)), signature);
        _announce(Kind.Contracts, root, gate);
    }

    /// @inheritdoc IMarketTerms
    function cancel(Kind kind) external {
        address who = kind == Kind.Grid ? gridOperator : kind == Kind.Contracts ? registrar : marketOperator;
        if (msg.sender != who) revert Terms_Unauthorised();
        if (_announced[kind].value == 0) revert Terms_NotAnnounced();
        _withdraw(kind);
    }

    /* ------------------------------------------------ CHANGE ------------------------------------------------- */

    /// @inheritdoc IMarketTerms
    function adopt(Kind kind) external returns (uint32 from) {
        Announcement memory a = _announced[kind];
        if (a.value == 0) revert Terms_NotAnnounced();
        if (block.timestamp < a.adoptableAt) revert Terms_TooEarly(a.adoptableAt);
        from = _nextGate();
        if (from < a.gate) revert Terms_BeforeGate(from);
        uint32 finalHead = ledger.finalHead();
        if (finalHead < a.leaveBy) revert Terms_StillLeaving(finalHead);
        delete _announced[kind];
        _amend(kind, a.value, from);
    }

    /// @inheritdoc IMarketTerms
    function tighten(uint32 version, uint32 lastGate, bytes calldata signature) external returns (uint32 from) {
        from = _nextGate();
        if (from > lastGate) revert Terms_GatePassed(from);
        bytes32 gridHash = registry.gridHash(version);
        _requireSigned(
            gridOperator, keccak256(abi.encode(_TIGHTENING_TYPEHASH, gridChanges, gridHash, lastGate)), signature
        );
        Tightening.check(registry.packedGrid(_last().gridVersion), registry.packedGrid(version));
        if (_announced[Kind.Grid].value != 0) _withdraw(Kind.Grid);
        _amend(Kind.Grid, bytes32(uint256(version)), from);
    }

    /* ------------------------------------------------ GETTERS ------------------------------------------------ */

    /// @inheritdoc IMarketTerms
    function inForce(uint32 interval) external view returns (uint32 gridVersion, bytes32 termsHash) {
        uint256 i = _entries.length - 1;
        while (_entries[i].from > interval) --i;
        Entry storage entry = _entries[i];
        return (entry.gridVersion, entry.termsHash);
    }

    /// @inheritdoc IMarketTerms
    function latest()
        external
        view
        returns (uint32 gridVersion, bytes32 policyHash, bytes32 sharesRoot, bytes32 contractsRoot)
    {
        return (_last().gridVersion, _policyHash, _sharesRoot, _contractsRoot);
    }

    /// @inheritdoc IMarketTerms
    function announced(Kind kind) external view returns (Announcement memory) {
        return _announced[kind];
    }

    /* ------------------------------------------------ INTERNAL ----------------------------------------------- */

    function _announce(Kind kind, bytes32 value, uint32 gate) private {
        uint32 next = _nextGate();
        if (gate < next) revert Terms_GatePassed(next);
        uint256 adoptableAt = block.timestamp + delaySeconds;
        _announced[kind] = Announcement(value, gate, next, uint64(adoptableAt));
        emit Announced(kind, value, gate, adoptableAt);
    }

    function _withdraw(Kind kind) private {
        emit Withdrawn(kind, _announced[kind].value);
        delete _announced[kind];
    }

    function _amend(Kind kind, bytes32 value, uint32 from) private {
        Entry storage last = _last();
        uint32 gridVersion = last.gridVersion;
        if (kind == Kind.Grid) {
            gridVersion = uint32(uint256(value));
            ++gridChanges;
        } else if (kind == Kind.Policy) {
            _policyHash = value;
        } else if (kind == Kind.Shares) {
            _sharesRoot = value;
        } else {
            _contractsRoot = value;
        }
        if (last.from == from) {
            // What has not begun is replaced, so that looking back never takes more steps than there are gates ahead.
            last.gridVersion = gridVersion;
            last.termsHash = _termsHash();
        } else {
            _entries.push(Entry(from, gridVersion, _termsHash()));
            if (_entries.length == 2) ledger.beginAmendments();
        }
        emit Amended(kind, from, gridVersion, _policyHash, _sharesRoot, _contractsRoot);
    }

    /// @dev The first interval whose orders cannot be fixed yet, in a market that goes on.
    function _nextGate() private view returns (uint32) {
        if (ledger.frozen()) revert Terms_IsFrozen();
        return ledger.nextGate();
    }

    function _last() private view returns (Entry storage) {
        return _entries[_entries.length - 1];
    }

    function _termsHash() private view returns (bytes32) {
        return Headers.hashTerms(_policyHash, _sharesRoot, _contractsRoot);
    }

    function _buses(uint32 version) private view returns (uint256) {
        registry.gridHash(version);
        return uint256(uint16(bytes2(Pages.read(address(registry), version, 0, 2))));
    }

    /// @dev A participant moves with its owner's signature; a vacant place is taken by whoever signs for it.
    function _requireContract(ContractChange calldata c, uint256 number, uint32 gate, uint256 buses)
        private
        view
        returns (uint256 index)
    {
        if (c.before.length != Records.CONTRACT_LENGTH || c.next.length != Records.CONTRACT_LENGTH) {
            revert Terms_BadContract(number);
        }
        index = Records.number(c.next, 0, 4);
        address before = address(uint160(Records.number(c.before, 4, 20)));
        address owner = address(uint160(Records.number(c.next, 4, 20)));
        uint256 bus = Records.number(c.next, 24, 2);
        if (
            Records.number(c.before, 0, 4) != index || owner == address(0) || (before != owner && before != address(0))
                || bus >= buses
        ) revert Terms_BadContract(number);
        // A slot is only a place in the tree: who moves out leaves his to the last at the bus.
        if (before == owner && Records.number(c.before, 24, 2) == bus) return index;
        _requireSigned(
            owner,
            keccak256(abi.encode(_CONTRACT_TYPEHASH, index, owner, bus, Records.number(c.next, 26, 4), gate)),
            c.signature
        );
    }

    function _requireSigned(address signer, bytes32 structHash, bytes calldata signature) private view {
        bytes32 digest = MessageHashUtils.toTypedDataHash(ledger.domainSeparator(), structHash);
        if (!SignatureChecker.isValidSignatureNow(signer, digest, signature)) revert Terms_NotSigned();
    }
}
