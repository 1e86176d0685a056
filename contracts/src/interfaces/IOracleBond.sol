// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The signers and what they stand to lose
/// @notice One bond stands behind all signers. A proven fault burns at least half of the penalty; the rest pays the
/// prover and the relief fund. While the bond, less what is announced to leave, is below its minimum nobody can post.
interface IOracleBond {
    /// @notice Emitted when the bond grows.
    /// @param from Who paid.
    /// @param amount How much, in micro.
    event Bonded(address indexed from, uint256 amount);
    /// @notice Emitted when the bond is slashed.
    /// @param prover Who proved the fault; address 0 if its reward is set aside.
    /// @param reward What the prover received, or may collect, or what is set aside.
    /// @param relief What is put aside for the relief fund.
    /// @param burned What is put aside to be burned.
    event Slashed(address indexed prover, uint256 reward, uint256 relief, uint256 burned);
    /// @notice Emitted when what was slashed for them has been sent away.
    /// @param burned What nobody receives.
    /// @param relief What the relief fund received.
    event Distributed(uint256 burned, uint256 relief);
    /// @notice Emitted when a prover collects rewards that it was not sent.
    /// @param prover Whose they were.
    /// @param to Where they went.
    /// @param amount How much.
    event Collected(address indexed prover, address to, uint256 amount);
    /// @notice Emitted when a reward is set aside, because a fault was proven by who had not reserved the proof.
    /// @param fallen What was voided.
    /// @param amount What is set aside for it in all, in micro.
    /// @param until When it may go to the relief fund.
    event SetAside(bytes32 indexed fallen, uint256 amount, uint256 until);
    /// @notice Emitted when a reward that was set aside is paid to who had reserved a proof before.
    /// @param fallen What was voided.
    /// @param prover Who had.
    /// @param amount How much, in micro.
    event ReservedPaid(bytes32 indexed fallen, address indexed prover, uint256 amount);
    /// @notice Emitted when a reward that nobody has collected goes to the relief fund.
    /// @param fallen What was voided.
    /// @param amount How much, in micro.
    event Lapsed(bytes32 indexed fallen, uint256 amount);
    /// @notice Emitted when the treasurer announces that it will take bond back.
    /// @param amount How much.
    /// @param executableAt When at the earliest.
    event WithdrawalAnnounced(uint256 amount, uint256 executableAt);
    /// @notice Emitted when bond has been taken back.
    /// @param amount How much.
    event Withdrawn(uint256 amount);
    /// @notice Emitted when a change of signers is announced.
    /// @param signer The signer.
    /// @param admitted Whether it is to be a signer.
    /// @param executableAt When at the earliest.
    event SignerAnnounced(address indexed signer, bool admitted, uint256 executableAt);
    /// @notice Emitted when the set of signers has changed.
    /// @param signer The signer.
    /// @param admitted Whether it is a signer now.
    event SignerSet(address indexed signer, bool admitted);

    /// @notice Thrown when the deployment's settings contradict each other.
    error Bond_BadConfig();
    /// @notice Thrown when a header could stand that cannot pay for its fault.
    /// @param minimum The minimum, in micro.
    /// @param penalty The penalty, in micro.
    error Bond_MinimumBelowPenalty(uint256 minimum, uint256 penalty);
    /// @notice Thrown when bond or signer could leave before what they stand for is final, or a new signer act before
    /// whoever does not trust it has left.
    /// @param least The shortest delay, in seconds: longer than the ledger's window and four deadlines together.
    error Bond_DelayTooShort(uint256 least);
    /// @notice Thrown when the sender may not do this.
    error Bond_Unauthorised();
    /// @notice Thrown when an announced change or what is set aside is not due, or there is none.
    error Bond_NotDue();
    /// @notice Thrown when more is asked for than the bond holds.
    error Bond_Insufficient();
    /// @notice Thrown when less than the minimum would stand behind a header that can still be disputed.
    error Bond_HeaderOpen();

    /// @notice Add to the bond.
    /// @param amount How much, in micro.
    function bond(uint256 amount) external;

    /// @notice Announce that bond is to be taken back (treasurer only). From now on it stands behind no new header.
    /// @param amount How much; it replaces what was announced before, and 0 takes that back.
    function announceWithdrawal(uint256 amount) external;

    /// @notice Take announced bond back once the delay has passed (treasurer only); below the minimum only while no
    /// header can be disputed.
    function withdraw() external;

    /// @notice Announce that a signer is to be admitted or dismissed (treasurer only).
    /// @param signer The signer.
    /// @param admitted Whether it is to be a signer.
    function announceSigner(address signer, bool admitted) external;

    /// @notice Carry out an announced change of signers once the delay has passed. Anyone may.
    /// @param signer The signer.
    function setSigner(address signer) external;

    /// @notice Take the penalty for a proven fault (fault proofs only).
    /// @param prover Who proved it.
    /// @param atOnce Whether it is sent its reward now. Whoever did not send the proof itself collects it, so that an
    /// account that can receive nothing keeps nobody from proving.
    function slash(address prover, bool atOnce) external;

    /// @notice Take the penalty for a fault that was proven by who had not reserved the proof (fault proofs only). The
    /// reward is set aside for whoever had reserved one in an earlier block; if the same falls again before it is
    /// collected, both are, by the first block.
    /// @param fallen What was voided: a header's hash, or that of a seed's evidence.
    function slashUnreserved(bytes32 fallen) external;

    /// @notice Pay what is set aside to who had reserved a proof before the block of the one that was not (fault proofs
    /// only).
    /// @param fallen What was voided.
    /// @param prover Who brings a proof of the same.
    /// @param reservedIn The block in which it had reserved it.
    /// @return amount What it was paid, in micro; 0 if nothing is there, or it came no earlier.
    function payReserved(bytes32 fallen, address prover, uint256 reservedIn) external returns (uint256 amount);

    /// @notice Leave to the relief fund what was set aside and nobody has collected in `delaySeconds`. Anyone may.
    /// @param fallen What was voided.
    function lapse(bytes32 fallen) external;

    /// @notice Collect the sender's rewards that it was not sent.
    /// @param to Where they go.
    function collect(address to) external;

    /// @notice Send away what was slashed to be burned and for the relief fund; it stands behind nobody already. Anyone
    /// may.
    function distribute() external;

    /// @notice Whether an address is a signer.
    /// @param account The address.
    function isSigner(address account) external view returns (bool);

    /// @notice Whether an address is a signer and the bond is sufficient without what is announced to leave.
    /// @param account The address.
    function mayPost(address account) external view returns (bool);

    /// @notice Rewards that an account was not sent and has not collected, in micro.
    /// @param account The account.
    function credit(address account) external view returns (uint256);

    /// @notice A reward that waits for who had reserved a proof of what fell to one that was not reserved.
    /// @param fallen What was voided: a header's hash, or that of a seed's evidence.
    /// @return amount In micro.
    /// @return blockNumber Who had reserved before this block may collect it.
    /// @return until From then on it may go to the relief fund.
    function aside(bytes32 fallen) external view returns (uint96 amount, uint64 blockNumber, uint64 until);

    /// @notice What the bond holds, in micro.
    function bonded() external view returns (uint256);
}
