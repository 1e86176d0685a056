// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HeaderEvidence, SeedEvidence} from "../types/Evidence.sol";
import {IOrderLog} from "./IOrderLog.sol";

/// @title The chain of interval headers
/// @notice One header per interval. The ledger checks what concerns the header alone and, when eager, the physics of
/// the grid; everything about one participant is disproved within the window by FaultProofs. A header whose window
/// has passed is final and cannot be voided.
interface IClearingLedger is IOrderLog {
    /// @notice What a ledger is deployed with; none of it ever changes.
    /// @param registry The grid registry.
    /// @param beacon The randomness adapter.
    /// @param bond The oracle bond, which knows the signers.
    /// @param faults The only contract that may void.
    /// @param terms What is in force in each interval, once anything has changed.
    /// @param policyHash Hash of the packed policy.
    /// @param contractsRoot Root of the contracts tree at genesis.
    /// @param sharesRoot Root of the shares tree.
    /// @param genesisStateRoot Root of the state tree before interval 1.
    /// @param genesisNonce Makes two markets with equal settings different.
    /// @param gridVersion Version of the grid.
    /// @param participants How many registration numbers the trees have room for.
    /// @param windowSeconds How long a header can be disputed.
    /// @param deadlineSeconds How long after a header the next one may come before anyone may freeze the ledger.
    /// @param ringSize Number of slots, 4 to 1,280; more than twice the window in intervals, and more than the window
    /// and the meter lag together.
    /// @param signatures How many signers each header needs, the sender included.
    /// @param eager Whether each header brings its network certificate.
    struct Config {
        address registry;
        address beacon;
        address bond;
        address faults;
        address terms;
        bytes32 policyHash;
        bytes32 contractsRoot;
        bytes32 sharesRoot;
        bytes32 genesisStateRoot;
        bytes32 genesisNonce;
        uint32 gridVersion;
        uint32 participants;
        uint32 windowSeconds;
        uint32 deadlineSeconds;
        uint32 ringSize;
        uint8 signatures;
        bool eager;
    }

    /// @notice Emitted for every header; what was sent of it and its certificate are the transaction's calldata.
    /// @param interval The interval.
    /// @param headerHash Its header hash.
    event HeaderPosted(uint32 indexed interval, bytes32 headerHash);
    /// @notice Emitted when a proven fault voids a header and all after it.
    /// @param interval The first voided interval; the head is now the one before.
    /// @param formerHead The head until now.
    event HeadersVoided(uint32 indexed interval, uint32 formerHead);
    /// @notice Emitted when orders and seed of a header that fell with one before it stand again.
    /// @param interval The interval.
    event InputsRestored(uint32 indexed interval);
    /// @notice Emitted when the deadline for the next header has been missed.
    /// @param head The last header that stands.
    event Frozen(uint32 indexed head);

    /// @notice Thrown when the deployment's settings contradict each other.
    error Ledger_BadConfig();
    /// @notice Thrown when a payload does not have 436 bytes, or what is sent of a header fewer than 356.
    error Ledger_PayloadLength();
    /// @notice Thrown when the payload is not for the interval after the head.
    /// @param expected The interval after the head.
    error Ledger_WrongInterval(uint32 expected);
    /// @notice Thrown when the hash given is not that of the header before.
    error Ledger_WrongPrevious();
    /// @notice Thrown when orders root, seed, grid, policy, shares and contracts are not those fixed for the interval.
    error Ledger_WrongInputs();
    /// @notice Thrown when the certificate does not give the committed bus vector.
    error Ledger_WrongBusVector();
    /// @notice Thrown when the sender is not a bonded signer.
    error Ledger_NotSigner();
    /// @notice Thrown when the interval is reserved for another signer than the sender, or for none: use postInstead,
    /// naming that signer.
    error Ledger_NotReserved();
    /// @notice Thrown when too few signers have signed, or their signatures are not in ascending order of address.
    error Ledger_TooFewSignatures();
    /// @notice Thrown when the sender may not do this.
    error Ledger_Unauthorised();
    /// @notice Thrown when the ledger is frozen.
    error Ledger_IsFrozen();
    /// @notice Thrown when the deadline has not passed.
    /// @param deadline The time after which anyone may freeze.
    error Ledger_NotLate(uint256 deadline);
    /// @notice Thrown when a header is final and therefore cannot be voided.
    error Ledger_AlreadyFinal();
    /// @notice Thrown when a header that can still be disputed would lose the header before it, or its inputs.
    error Ledger_RingFull();
    /// @notice Thrown when a header can still be disputed.
    /// @param interval The interval named.
    error Ledger_NotFinal(uint32 interval);
    /// @notice Thrown when a header is not, or no longer, the ledger's.
    /// @param interval The interval named.
    error Ledger_UnknownHeader(uint32 interval);

    /// @notice Post the header of the next interval, as the signer it is reserved for (where one suffices).
    /// @param sent What is sent of the header, 356 bytes (docs/protocol.md, section 4), then its network certificate.
    function post(bytes calldata sent) external;

    /// @notice Post the header of the next interval with the signatures of further signers.
    /// @param sent As of post.
    /// @param signatures EIP-712 signatures of `Header(bytes32 headerHash)`, 64 bytes each (EIP-2098), in ascending
    /// order of signer.
    function postSigned(bytes calldata sent, bytes calldata signatures) external;

    /// @notice Post the header of the next interval as any bonded signer, which is looked up.
    /// @param sent As of post.
    /// @param signatures As of postSigned, empty where one signer suffices; but after a void, or once the bond has
    /// forgotten who fixed the orders, of `HeaderAnew(bytes32 headerHash,uint32 restartedAt)` with the ledger's: what
    /// fell is signed anew or not posted again.
    /// @param reserved Whom the interval was reserved for when its seed was accepted; address 0 after a void.
    function postInstead(bytes calldata sent, bytes calldata signatures, address reserved) external;

    /// @notice Post the header of the next interval where policy, shares or contracts are not those of the genesis any
    /// more; a changed grid alone needs no other call. As the signer it is reserved for, or as any bonded one.
    /// @param sent What is sent of it, and the network certificate.
    /// @param signatures As of postSigned, or where the sender is not reserved as of postInstead.
    /// @param reserved The sender, or as of postInstead.
    /// @param policyHash Hash of the policy in force.
    /// @param sharesRoot Root of the shares in force.
    /// @param contractsRoot Root of the contracts in force.
    function postAmended(
        bytes calldata sent,
        bytes calldata signatures,
        address reserved,
        bytes32 policyHash,
        bytes32 sharesRoot,
        bytes32 contractsRoot
    ) external;

    /// @notice Void a header and all after it (fault proofs only, never a final one). Its orders and seed stand again,
    /// for any signer, unless the fault is in the orders, which are then opened.
    /// @param header The first header to void.
    /// @param ordersFault Whether the fault is in the orders.
    /// @return interval Its interval; reverts if the ledger does not hold it.
    function voidFrom(HeaderEvidence calldata header, bool ordersFault) external returns (uint32 interval);

    /// @notice Forget a wrong seed, and void the header made with it and all after it (fault proofs only). The orders
    /// stand and await the seed that they awaited before.
    /// @param header The header, not final.
    /// @param committedAt A time of the orders that asks for the same seed again.
    /// @return interval Its interval; reverts if the ledger does not hold it.
    function voidSeed(HeaderEvidence calldata header, uint32 committedAt) external returns (uint32 interval);

    /// @notice Forget a wrong seed with which no header was made yet (fault proofs only). The orders stand and await
    /// the seed that they awaited before.
    /// @param accepted What was fixed of the interval then.
    /// @param seed The seed that was accepted for it.
    /// @param committedAt A time of the orders that asks for the same seed again.
    function reopenSeed(SeedEvidence calldata accepted, bytes32 seed, uint32 committedAt) external;

    /// @notice Let orders and seed of a header that fell with one before it stand again. Anyone may.
    /// @param header The header as it was posted.
    function restoreInputs(HeaderEvidence calldata header) external;

    /// @notice Forget which signer fixed orders last, so that the next one is looked up anew (bond only). What was
    /// reserved for it is open to any signer.
    function forgetOperator() external;

    /// @notice Admit or dismiss a signer, and forget the operator (bond only).
    /// @param signer The signer.
    /// @param admitted Whether it is one now.
    function setSigner(address signer, bool admitted) external;

    /// @notice Ask the terms from now on what is in force (terms only).
    function beginAmendments() external;

    /// @notice Freeze the ledger after a missed deadline. Headers in their window still become final.
    function freeze() external;

    /// @notice Check that a header is the ledger's.
    /// @param header The header as posted.
    /// @return interval Its interval; reverts if the ledger does not hold it.
    function requireHeader(HeaderEvidence calldata header) external view returns (uint32 interval);

    /// @notice Check that a state is that of one of the ledger's headers, and that the header is final.
    /// @param interval The header's interval.
    /// @param headerHash Its hash.
    /// @param stateRoot Its state root; reverts if unknown or still open to dispute.
    function requireFinal(uint32 interval, bytes32 headerHash, bytes32 stateRoot) external view;

    /// @notice Hash of a header in this market.
    /// @param header The header.
    function hashHeader(HeaderEvidence calldata header) external view returns (bytes32);

    /// @notice The newest interval with a header; 0 is genesis.
    function head() external view returns (uint32);

    /// @notice The newest final interval.
    function finalHead() external view returns (uint32);

    /// @notice The first interval whose orders cannot be fixed yet. What happens now happened before its gate.
    function nextGate() external view returns (uint32);

    /// @notice Whether the ledger is frozen.
    function frozen() external view returns (bool);

    /// @notice Whether the ledger is frozen and no header can be voided any more, so that everyone may leave.
    function escapable() external view returns (bool);

    /// @notice Block time at which the header of an interval was posted.
    /// @param interval An interval that the ring still holds.
    function postedAt(uint32 interval) external view returns (uint32);

    /// @notice What is in force in each interval, once anything has changed.
    function terms() external view returns (address);

    /// @notice The grid version at genesis.
    function gridVersion() external view returns (uint32);

    /// @notice Block time of the last void, or of the deployment: what other signers sign of a header that is not
    /// reserved for its sender, and what the next deadline is not counted from before.
    function restartedAt() external view returns (uint32);

    /// @notice The signer that fixed orders last, address 0 if it must be looked up anew.
    function operator() external view returns (address);

    /// @notice Hash of the genesis header.
    function genesisHash() external view returns (bytes32);

    /// @notice Hash of version, chain, ledger and market (docs/protocol.md, section 4).
    function domainHash() external view returns (bytes32);

    /// @notice EIP-712 domain separator of orders and header signatures, with the market id as its salt.
    function domainSeparator() external view returns (bytes32);

    /// @notice Hash of the market's settings.
    function marketId() external view returns (bytes32);

    /// @notice Hash of the packed policy at genesis.
    function policyHash() external view returns (bytes32);

    /// @notice Root of the contracts tree at genesis.
    function contractsRoot() external view returns (bytes32);

    /// @notice Root of the shares tree at genesis.
    function sharesRoot() external view returns (bytes32);

    /// @notice Depth of the trees over registration numbers.
    function treeDepth() external view returns (uint8);

    /// @notice The randomness adapter.
    function beacon() external view returns (address);

    /// @notice The grid registry.
    function registry() external view returns (address);

    /// @notice How long a header can be disputed, in seconds.
    function windowSeconds() external view returns (uint32);

    /// @notice How long after a header the next one may come, in seconds.
    function deadlineSeconds() external view returns (uint32);

    /// @notice Number of headers kept.
    function ringSize() external view returns (uint32);

    /// @notice How many signers each header needs.
    function signatures() external view returns (uint8);

    /// @notice Whether each header brings its network certificate.
    function eager() external view returns (bool);
}
