// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {IClearingLedger} from "./interfaces/IClearingLedger.sol";
import {ISettlementEscrow} from "./interfaces/ISettlementEscrow.sol";
import {Records} from "./libraries/Records.sol";
import {Trees} from "./libraries/Trees.sol";
import {OutflowFuse} from "./OutflowFuse.sol";
import {LeafEvidence} from "./types/Evidence.sol";

/// @title SettlementEscrow
/// @notice See ISettlementEscrow. Nothing here can stop a participant from being paid: there is no pause and no
/// owner.
contract SettlementEscrow is ISettlementEscrow, OutflowFuse {
    using Checkpoints for Checkpoints.Trace224;
    using SafeERC20 for IERC20;

    /// @dev The two slots of a participant, both written at registration. A claim needs only the first. `staked` is
    /// whether all that it ever deposited reaches the fuse's stake; `deposited` is one more than that, so that the
    /// second slot is in use for life and no later step pays for a new one.
    struct Slots {
        address owner;
        uint64 paid;
        bool escaped;
        bool staked;
        uint64 deposit;
        uint64 announced;
        uint32 since;
        uint32 withdrawableFrom;
        uint64 deposited;
    }

    /* ------------------------------------------------ IMMUTABLES --------------------------------------------- */

    /// @notice The currency.
    IERC20 public immutable token;
    /// @notice The ledger whose final headers are paid.
    IClearingLedger public immutable ledger;
    /// @notice Who admits participants, and can do nothing else.
    address public immutable registrar;
    /// @dev Length of a path in the state tree. Held to it, no registration number can have two leaves.
    uint256 private immutable _pathLength;

    /* ------------------------------------------------ STORAGE ------------------------------------------------ */

    mapping(uint256 index => Slots slots) private _accounts;
    /// @dev What each account covers, by first interval; empty where nothing has changed since the market opened.
    mapping(uint256 index => Checkpoints.Trace224 history) private _collateral;

    /// @dev The next gate of a market in which no header was ever posted.
    uint32 private constant _FIRST_GATE = 3;

    /* ------------------------------------------------ CONSTRUCTOR -------------------------------------------- */

    /// @notice Bind the escrow to its currency, ledger and registrar.
    /// @param token_ The currency.
    /// @param ledger_ The ledger.
    /// @param registrar_ Who admits participants.
    /// @param outflowCap_ Most that is paid in one window to who never deposited, in micro.
    /// @param outflowStake_ Deposits from which on an account is not bounded so, in micro.
    constructor(IERC20 token_, IClearingLedger ledger_, address registrar_, uint64 outflowCap_, uint64 outflowStake_)
        OutflowFuse(outflowCap_, outflowStake_, ledger_.windowSeconds())
    {
        token = token_;
        ledger = ledger_;
        registrar = registrar_;
        _pathLength = 32 * uint256(ledger_.treeDepth());
    }

    /* ------------------------------------------------ IN ----------------------------------------------------- */

    /// @inheritdoc ISettlementEscrow
    function register(address owner, uint32 index, uint64 amount) external {
        if (msg.sender != registrar) revert Escrow_Unauthorised();
        _register(owner, index, amount, ledger.nextGate());
        if (amount != 0) token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc ISettlementEscrow
    function registerMany(address[] calldata owners, uint32 firstIndex, uint64 amount) external {
        if (msg.sender != registrar) revert Escrow_Unauthorised();
        uint32 gate = ledger.nextGate();
        for (uint32 i = 0; i < owners.length; ++i) {
            _register(owners[i], firstIndex + i, amount, gate);
        }
        if (amount != 0) token.safeTransferFrom(msg.sender, address(this), owners.length * amount);
    }

    /// @inheritdoc ISettlementEscrow
    function deposit(uint32 index, uint64 amount) external {
        _deposit(index, amount);
    }

    /// @inheritdoc ISettlementEscrow
    function depositWithPermit(uint32 index, uint64 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        // Someone may have used the permit already; then the allowance is there and the transfer decides.
        // solhint-disable-next-line no-empty-blocks
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _deposit(index, amount);
    }

    /* ------------------------------------------------ OUT ---------------------------------------------------- */

    /// @inheritdoc ISettlementEscrow
    function claim(uint32 interval, bytes32 headerHash, LeafEvidence calldata leaf) external returns (uint64 amount) {
        (uint32 index, bytes32 root) = _leaf(leaf);
        ledger.requireFinal(interval, headerHash, root);
        address owner;
        (owner, amount) = _claim(interval, index, leaf.record);
        if (amount == 0) revert Escrow_NothingDue();
        token.safeTransfer(owner, amount);
    }

    /// @inheritdoc ISettlementEscrow
    function claimMany(uint32 interval, bytes32 headerHash, LeafEvidence[] calldata leaves)
        external
        returns (uint64 amount)
    {
        bytes32 common;
        for (uint256 i = 0; i < leaves.length; ++i) {
            (uint32 index, bytes32 root) = _leaf(leaves[i]);
            if (i == 0) {
                common = root;
                ledger.requireFinal(interval, headerHash, root);
            } else if (root != common) {
                revert Escrow_WrongLeaf();
            }
            (address owner, uint64 part) = _claim(interval, index, leaves[i].record);
            if (part != 0) {
                amount += part;
                token.safeTransfer(owner, part);
            }
        }
    }

    /// @inheritdoc ISettlementEscrow
    function announceWithdrawal(uint32 index, uint64 amount) external {
        Slots storage a = _open(index);
        // The reserve owes what it deposited to everybody, so it stays while the market runs.
        if (msg.sender != a.owner || index == 0) revert Escrow_Unauthorised();
        if (amount > a.deposit) revert Escrow_BeyondDeposit();
        uint64 before = a.deposit;
        a.announced = amount;
        uint32 from = _cover(index, before, before - amount);
        a.withdrawableFrom = from;
        emit WithdrawalAnnounced(index, amount, from);
    }

    /// @inheritdoc ISettlementEscrow
    function withdraw(uint32 interval, bytes32 headerHash, LeafEvidence calldata leaf)
        external
        returns (uint64 amount)
    {
        (uint32 index, bytes32 root) = _leaf(leaf);
        ledger.requireFinal(interval, headerHash, root);
        Slots storage a = _released(index, interval);
        // Any leaf of a final header that the ledger still keeps can be claimed with. So whatever one was ahead by
        // counts as paid, and is: else a withdrawal and an older leaf would together bring more than there is.
        uint256 peak = Records.number(leaf.record, 57, 8);
        uint64 earned = 0;
        if (peak > a.paid) {
            earned = _fused(a.staked, uint64(peak - a.paid));
            a.paid += earned;
            if (earned != 0) emit Claimed(index, interval, earned);
        }
        (uint256 credit, uint256 debit) = _counters(leaf.record);
        bool isHeldBack = peak > a.paid;
        uint256 free = _above(a.deposit + credit, debit + (isHeldBack ? peak : a.paid));
        amount = a.announced;
        if (amount > free) amount = uint64(free);
        if (isHeldBack && amount == 0 && earned == 0) revert Fuse_Spent();
        _take(a, index, amount, isHeldBack ? a.announced - amount : 0);
        token.safeTransfer(a.owner, uint256(amount) + earned);
    }

    /// @inheritdoc ISettlementEscrow
    function withdrawUnlisted(uint32 interval, bytes32 headerHash, uint32 index, bytes calldata path)
        external
        returns (uint64 amount)
    {
        ledger.requireFinal(interval, headerHash, _rootOf(Trees.EMPTY_LEAF, index, path));
        Slots storage a = _released(index, interval);
        amount = a.announced;
        _take(a, index, amount, 0);
        token.safeTransfer(a.owner, amount);
    }

    /// @inheritdoc ISettlementEscrow
    function escape(bytes32 headerHash, uint32 index, LeafEvidence calldata leaf) external returns (uint64 amount) {
        if (!ledger.escapable()) revert Escrow_NotEscapable();
        uint32 found = index;
        bytes32 root;
        bool isListed = leaf.record.length != 0;
        if (isListed) (found, root) = _leaf(leaf);
        else root = _rootOf(Trees.EMPTY_LEAF, index, leaf.path);
        if (found != index) revert Escrow_WrongLeaf();
        ledger.requireFinal(ledger.head(), headerHash, root);
        Slots storage a = _open(index);
        amount = isListed ? _owed(a, leaf.record) : a.deposit;
        uint64 earned = amount > a.deposit ? amount - a.deposit : 0;
        uint64 now_ = _fused(a.staked, earned);
        if (now_ == earned) {
            _leave(a, index, amount);
            return amount;
        }
        // What the fuse holds back is left for later windows, and the deposit with it.
        if (now_ == 0) revert Fuse_Spent();
        a.paid += now_;
        emit Claimed(index, ledger.head(), now_);
        token.safeTransfer(a.owner, now_);
        return now_;
    }

    /// @inheritdoc ISettlementEscrow
    function escapeUnlisted(uint32 index) external returns (uint64 amount) {
        if (!ledger.escapable()) revert Escrow_NotEscapable();
        Slots storage a = _open(index);
        if (a.since <= ledger.head()) revert Escrow_WrongLeaf();
        amount = a.deposit;
        _leave(a, index, amount);
    }

    /* ------------------------------------------------ GETTERS ------------------------------------------------ */

    /// @inheritdoc ISettlementEscrow
    function account(uint32 index) external view returns (Account memory) {
        Slots storage a = _accounts[index];
        uint64 deposit_ = a.escaped ? 0 : a.deposit;
        return Account(a.owner, a.since, a.withdrawableFrom, deposit_, a.paid, a.announced, a.escaped);
    }

    /// @inheritdoc ISettlementEscrow
    function collateralAt(uint32 index, uint32 interval) external view returns (uint64) {
        Checkpoints.Trace224 storage history = _collateral[index];
        if (history.length() == 0) return _accounts[index].deposit;
        return uint64(history.upperLookup(interval));
    }

    /// @inheritdoc ISettlementEscrow
    function ownerOf(uint32 index) external view returns (address) {
        return _accounts[index].owner;
    }

    /* ------------------------------------------------ INTERNAL ----------------------------------------------- */

    function _register(address owner, uint32 index, uint64 amount, uint32 gate) private {
        if (index >> (_pathLength / 32) != 0) revert Escrow_BeyondTrees(index);
        if (owner == address(0) || _accounts[index].owner != address(0)) revert Escrow_CannotRegister(index);
        bool opening = gate == _FIRST_GATE;
        uint32 since = opening ? 1 : ledger.head() + 1;
        uint64 deposited = amount + 1;
        _accounts[index] = Slots(owner, 0, false, amount >= outflowStake, amount, 0, since, 0, deposited);
        emit Registered(index, owner);
        if (amount == 0) return;
        emit Deposited(index, amount);
        if (opening) emit CollateralChanged(index, 0, amount);
        else _cover(index, 0, amount);
    }

    function _deposit(uint32 index, uint64 amount) private {
        Slots storage a = _open(index);
        uint64 before = a.deposit;
        a.deposit = before + amount;
        a.deposited += amount;
        _cover(index, before, before + amount - a.announced);
        if (a.deposited > outflowStake) a.staked = true;
        emit Deposited(index, amount);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @dev Book what is due; the caller pays. Earnings are paid only beyond what was paid before, and nothing is due
    /// to who has left: its leaf holds nobody else up.
    function _claim(uint32 interval, uint32 index, bytes calldata record)
        private
        returns (address owner, uint64 amount)
    {
        Slots storage a = _accounts[index];
        owner = a.owner;
        if (owner == address(0)) revert Escrow_NotRegistered(index);
        if (a.escaped) return (owner, 0);
        (uint256 credit, uint256 debit) = _counters(record);
        uint256 spent = debit + a.paid;
        if (credit > spent) {
            amount = _fused(a.staked, uint64(credit - spent));
            if (amount == 0) return (owner, 0);
            a.paid += amount;
            emit Claimed(index, interval, amount);
        }
    }

    /// @dev Note what an account covers from the next gate on; if nothing was noted yet, its deposit before the change
    /// is what it covered all along.
    function _cover(uint32 index, uint64 before, uint64 micro) private returns (uint32 from) {
        from = ledger.nextGate();
        Checkpoints.Trace224 storage history = _collateral[index];
        if (before != 0 && history.length() == 0) history.push(0, before);
        history.push(from, micro);
        emit CollateralChanged(index, from, micro);
    }

    /// @dev An account whose announcement its owner may have paid by a header.
    function _released(uint32 index, uint32 interval) private view returns (Slots storage a) {
        a = _open(index);
        if (msg.sender != a.owner) revert Escrow_Unauthorised();
        if (a.announced == 0 || interval < a.withdrawableFrom) revert Escrow_NotReleased();
    }

    /// @dev Book part of a deposit as taken back, and what stays announced.
    function _take(Slots storage a, uint32 index, uint64 amount, uint64 announced) private {
        uint64 before = a.deposit;
        a.announced = announced;
        a.deposit = before - amount;
        _cover(index, before, before - amount - announced);
        emit Withdrawn(index, amount);
    }

    function _leave(Slots storage a, uint32 index, uint64 amount) private {
        // The deposit stays written for collateralAt; who has left cannot act any more.
        a.escaped = true;
        emit Escaped(index, amount);
        token.safeTransfer(a.owner, amount);
    }

    function _open(uint32 index) private view returns (Slots storage a) {
        a = _accounts[index];
        if (a.owner == address(0) || a.escaped) revert Escrow_NotRegistered(index);
    }

    /// @dev The root that a leaf of a state tree is under, at the place of its own registration number.
    function _leaf(LeafEvidence calldata leaf) private view returns (uint32 index, bytes32 root) {
        bytes calldata record = leaf.record;
        if (record.length != Records.STATE_LENGTH) revert Escrow_WrongLeaf();
        index = uint32(Records.number(record, 0, 4));
        root = _rootOf(Trees.leaf(Records.KIND_STATE, record), index, leaf.path);
    }

    function _rootOf(bytes32 node, uint256 index, bytes calldata path) private view returns (bytes32) {
        if (path.length != _pathLength) revert Escrow_WrongLeaf();
        return Trees.plainRoot(node, index, path);
    }

    function _counters(bytes calldata record) private pure returns (uint256 credit, uint256 debit) {
        credit = Records.number(record, 41, 8);
        debit = Records.number(record, 49, 8);
    }

    /// @dev deposit + credit - debit - paid, or 0 where a participant owes more than it deposited.
    function _owed(Slots storage a, bytes calldata record) private view returns (uint64) {
        (uint256 credit, uint256 debit) = _counters(record);
        uint256 owed = _above(a.deposit + credit, debit + a.paid);
        return owed > type(uint64).max ? type(uint64).max : uint64(owed);
    }

    function _above(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a - b : 0;
    }
}
