// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LeafEvidence} from "../types/Evidence.sol";

/// @title Deposits in, payments out
/// @notice Every participant has a deposit and one cumulative number paid. A final state leaf says what it has earned
/// and owes over its whole life, so one claim settles any number of intervals. For every participant `deposit +
/// credit - debit - paid` is what the escrow still owes it.
interface ISettlementEscrow {
    /// @notice A participant's account, in micro.
    /// @param owner Who may act for it and is paid.
    /// @param since First interval whose state can contain it.
    /// @param withdrawableFrom First interval whose finality releases the announced amount.
    /// @param deposit What was put in and not taken back.
    /// @param paid Net earnings paid out so far.
    /// @param announced Part of the deposit that is to be taken back.
    /// @param escaped Whether it has left after a freeze.
    struct Account {
        address owner;
        uint32 since;
        uint32 withdrawableFrom;
        uint64 deposit;
        uint64 paid;
        uint64 announced;
        bool escaped;
    }

    /// @notice Emitted when a participant is registered.
    /// @param index Registration number.
    /// @param owner Its owner.
    event Registered(uint32 indexed index, address indexed owner);
    /// @notice Emitted when a deposit grows.
    /// @param index Registration number.
    /// @param amount By how much.
    event Deposited(uint32 indexed index, uint64 amount);
    /// @notice Emitted when what an account covers changes.
    /// @param index Registration number.
    /// @param from First interval for which the change counts; 0 for a registration before the first header.
    /// @param micro What it covers from then on.
    event CollateralChanged(uint32 indexed index, uint32 indexed from, uint64 micro);
    /// @notice Emitted when earnings are paid out.
    /// @param index Registration number.
    /// @param interval Interval of the final header.
    /// @param amount How much.
    event Claimed(uint32 indexed index, uint32 indexed interval, uint64 amount);
    /// @notice Emitted when a withdrawal is announced.
    /// @param index Registration number.
    /// @param amount How much of the deposit.
    /// @param withdrawableFrom First interval whose finality releases it.
    event WithdrawalAnnounced(uint32 indexed index, uint64 amount, uint32 withdrawableFrom);
    /// @notice Emitted when an announced withdrawal is paid.
    /// @param index Registration number.
    /// @param amount How much.
    event Withdrawn(uint32 indexed index, uint64 amount);
    /// @notice Emitted when a participant leaves a frozen market.
    /// @param index Registration number.
    /// @param amount All that it was owed.
    event Escaped(uint32 indexed index, uint64 amount);

    /// @notice Thrown when the sender is neither the owner nor otherwise entitled.
    error Escrow_Unauthorised();
    /// @notice Thrown when a registration number is taken or the owner is missing.
    /// @param index Registration number.
    error Escrow_CannotRegister(uint32 index);
    /// @notice Thrown when the market's trees have no place for a registration number.
    /// @param index Registration number.
    error Escrow_BeyondTrees(uint32 index);
    /// @notice Thrown when nobody is registered under the number, or it has left.
    /// @param index Registration number.
    error Escrow_NotRegistered(uint32 index);
    /// @notice Thrown when a leaf is not in the header's state, or is another's.
    error Escrow_WrongLeaf();
    /// @notice Thrown when there is nothing to pay.
    error Escrow_NothingDue();
    /// @notice Thrown when more is announced than was deposited.
    error Escrow_BeyondDeposit();
    /// @notice Thrown when the header is older than the announcement allows, or nothing was announced.
    error Escrow_NotReleased();
    /// @notice Thrown when the ledger is not frozen, or a header can still be voided.
    error Escrow_NotEscapable();

    /// @notice Register a participant (registrar only). The sender pays the deposit, which may be 0.
    /// @param owner Its owner.
    /// @param index Registration number; 0 is the community reserve.
    /// @param amount Its first deposit.
    function register(address owner, uint32 index, uint64 amount) external;

    /// @notice Register several participants (registrar only).
    /// @param owners Their owners.
    /// @param firstIndex Registration number of the first; the others follow.
    /// @param amount First deposit of each, paid by the sender.
    function registerMany(address[] calldata owners, uint32 firstIndex, uint64 amount) external;

    /// @notice Add to a deposit. Anyone may.
    /// @param index Registration number.
    /// @param amount How much.
    function deposit(uint32 index, uint64 amount) external;

    /// @notice Add to a deposit with an ERC-2612 permit instead of an approval.
    /// @param index Registration number.
    /// @param amount How much.
    /// @param deadline Until when the permit holds.
    /// @param v Signature.
    /// @param r Signature.
    /// @param s Signature.
    function depositWithPermit(uint32 index, uint64 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external;

    /// @notice Pay out what a participant has earned up to a final header. Anyone may call; the owner is paid.
    /// @param interval Interval of a final header.
    /// @param headerHash Its hash.
    /// @param leaf The participant's state leaf under it.
    /// @return amount What was paid.
    function claim(uint32 interval, bytes32 headerHash, LeafEvidence calldata leaf) external returns (uint64 amount);

    /// @notice Pay out several participants from one header; those with nothing due are passed over.
    /// @param interval Interval of a final header.
    /// @param headerHash Its hash.
    /// @param leaves Their state leaves.
    /// @return amount What was paid in all.
    function claimMany(uint32 interval, bytes32 headerHash, LeafEvidence[] calldata leaves)
        external
        returns (uint64 amount);

    /// @notice Announce that part of a deposit is to be taken back (owner only). A new announcement replaces the old.
    /// @param index Registration number.
    /// @param amount How much.
    function announceWithdrawal(uint32 index, uint64 amount) external;

    /// @notice Pay an announced withdrawal, as far as the deposit is not owed (owner only: an older header, in which
    /// less was due, would spend the announcement). All that the participant was ever ahead by is claimed with it,
    /// because an older leaf could still claim it afterwards. What the fuse holds back of that stays announced.
    /// @param interval Interval of a final header not older than the announcement allows.
    /// @param headerHash Its hash.
    /// @param leaf The participant's state leaf under it.
    /// @return amount What was paid of the deposit.
    function withdraw(uint32 interval, bytes32 headerHash, LeafEvidence calldata leaf) external returns (uint64 amount);

    /// @notice Pay an announced withdrawal to the owner of a number that has no state (owner only): it owes nothing.
    /// @param interval Interval of a final header not older than the announcement allows.
    /// @param headerHash Its hash.
    /// @param index Registration number.
    /// @param path Siblings from its empty leaf up, 32 bytes each.
    /// @return amount What was paid.
    function withdrawUnlisted(uint32 interval, bytes32 headerHash, uint32 index, bytes calldata path)
        external
        returns (uint64 amount);

    /// @notice Leave a frozen market with everything owed. Anyone may call; the owner is paid.
    /// @param headerHash Hash of the last header that stands.
    /// @param index Registration number.
    /// @param leaf Its state leaf under it; an empty record proves that the state does not contain it.
    /// @return amount What was paid.
    function escape(bytes32 headerHash, uint32 index, LeafEvidence calldata leaf) external returns (uint64 amount);

    /// @notice Leave a frozen market whose last header is older than the registration: the deposit is paid back.
    /// @param index Registration number.
    /// @return amount What was paid.
    function escapeUnlisted(uint32 index) external returns (uint64 amount);

    /// @notice A participant's account.
    /// @param index Registration number.
    function account(uint32 index) external view returns (Account memory);

    /// @notice What a participant's deposit covers in an interval: deposits from the gate after they were made, less
    /// what was announced to leave from its gate on.
    /// @param index Registration number.
    /// @param interval The interval.
    /// @return In micro.
    function collateralAt(uint32 index, uint32 interval) external view returns (uint64);

    /// @notice Owner of a registration number, address 0 if unregistered.
    /// @param index Registration number.
    function ownerOf(uint32 index) external view returns (address);
}
