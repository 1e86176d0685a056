// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What is in force in each interval
/// @notice A market opens with a grid, a policy, contracts and shares. This is where they change afterwards, and never
/// for an interval whose orders may be fixed already.
///
/// *The long way*, for everything: who is responsible announces a change and the gate from which on it is meant to
/// hold. Anyone adopts it once the delay has passed, so that whoever dislikes it had the time to leave: to announce a
/// withdrawal, see it released by a final header, and take the money. It holds from the next gate on.
///
/// *The fast way*, for the grid alone and only to tighten it (libraries/Tightening.sol): the grid operator's signature
/// is enough, and it holds from the next gate on.
///
/// Four things, three roles, named at deployment for ever: the grid operator announces grids; the market operator the
/// policy, and the shares if the registrar has signed them too; the registrar contracts, if the market operator and
/// everyone concerned have signed them too. None of them can do anything else here.
interface IMarketTerms {
    /// @notice What can change.
    enum Kind {
        Grid,
        Policy,
        Shares,
        Contracts
    }

    /// @notice An announced change.
    /// @param value The grid's version, the policy's hash, or a root; 0 if nothing is announced.
    /// @param gate The first interval for which it is meant to hold.
    /// @param leaveBy The gate before which withdrawals count that were announced when it was; it must be final.
    /// @param adoptableAt When it can be adopted.
    struct Announcement {
        bytes32 value;
        uint32 gate;
        uint32 leaveBy;
        uint64 adoptableAt;
    }

    /// @notice One participant's leaf of the contracts tree, before and after.
    /// @param before The packed contract in force; its owner is nobody if the place is vacant.
    /// @param next The packed contract to take its place: same index, and same owner but for a vacant place.
    /// @param path Siblings of the leaf after the changes listed before it.
    /// @param signature Of the owner; empty where only the slot changes.
    struct ContractChange {
        bytes before;
        bytes next;
        bytes path;
        bytes signature;
    }

    /// @notice Emitted when a change is announced.
    /// @param kind What is to change.
    /// @param value The grid's version, the policy's hash, or a root.
    /// @param gate The first interval for which it is meant to hold.
    /// @param adoptableAt When it can be adopted.
    event Announced(Kind indexed kind, bytes32 value, uint32 gate, uint256 adoptableAt);
    /// @notice Emitted with the announcement of a policy, so that everyone can read it.
    /// @param policyHash Its hash.
    /// @param packed Its bytes.
    event PolicyPublished(bytes32 indexed policyHash, bytes packed);
    /// @notice Emitted when an announcement is taken back, or a tightened grid makes it void.
    /// @param kind What was to change.
    /// @param value To what.
    event Withdrawn(Kind indexed kind, bytes32 value);
    /// @notice Emitted when something has changed: all that is in force from an interval on.
    /// @param kind What has changed.
    /// @param from The first interval for which it holds.
    /// @param gridVersion The grid.
    /// @param policyHash Hash of the policy.
    /// @param sharesRoot Root of the shares.
    /// @param contractsRoot Root of the contracts.
    event Amended(
        Kind indexed kind,
        uint32 indexed from,
        uint32 gridVersion,
        bytes32 policyHash,
        bytes32 sharesRoot,
        bytes32 contractsRoot
    );

    /// @notice Thrown when the deployment's settings contradict each other.
    error Terms_BadConfig();
    /// @notice Thrown when the sender is not who may announce this.
    error Terms_Unauthorised();
    /// @notice Thrown when a signature is not that of who must sign.
    error Terms_NotSigned();
    /// @notice Thrown when the market is frozen: what is in force stays so.
    error Terms_IsFrozen();
    /// @notice Thrown when a gate is named that may have been passed.
    /// @param next The first that cannot have been.
    error Terms_GatePassed(uint32 next);
    /// @notice Thrown when nothing of this kind is announced.
    error Terms_NotAnnounced();
    /// @notice Thrown when the delay has not passed.
    /// @param adoptableAt When it will have.
    error Terms_TooEarly(uint256 adoptableAt);
    /// @notice Thrown when the next gate comes before the one that was named.
    /// @param next The next gate.
    error Terms_BeforeGate(uint32 next);
    /// @notice Thrown when a withdrawal announced with the change may not have been released yet.
    /// @param final_ The newest final interval.
    error Terms_StillLeaving(uint32 final_);
    /// @notice Thrown when a grid has fewer buses than the one in force, so that a contract may name one it lacks.
    error Terms_FewerBuses();
    /// @notice Thrown when a policy changes what must stay, or its numbers break a promise of the mechanism.
    /// @param offset Offset of the field in the packed policy (docs/protocol.md, section 6).
    error Terms_BadPolicy(uint256 offset);
    /// @notice Thrown when a contract is not the one in force, or changes what must stay.
    /// @param change Its place in the list.
    error Terms_BadContract(uint256 change);

    /// @notice Announce another grid (grid operator only).
    /// @param version A registered grid.
    /// @param gate The first interval for which it is meant to hold.
    function announceGrid(uint32 version, uint32 gate) external;

    /// @notice Announce another policy (market operator only).
    /// @param before The packed policy in force.
    /// @param next The packed policy to take its place; interval, ranks, meter lag and reserve stay.
    /// @param gate The first interval for which it is meant to hold.
    function announcePolicy(bytes calldata before, bytes calldata next, uint32 gate) external;

    /// @notice Announce the shares of another period (market operator only).
    /// @param root Their root.
    /// @param gate The first interval for which they are meant to hold.
    /// @param signature The registrar's EIP-712 signature of `Shares(bytes32 sharesRoot,uint32 gate)`.
    function announceShares(bytes32 root, uint32 gate, bytes calldata signature) external;

    /// @notice Announce changed contracts (registrar only), each signed by its owner as
    /// `Contract(uint32 index,address owner,uint16 bus,uint32 slot,uint32 gate)`.
    /// @param changes What changes, leaf by leaf.
    /// @param gate The first interval for which they are meant to hold.
    /// @param signature The market operator's EIP-712 signature of `Contracts(bytes32 contractsRoot,uint32 gate)`.
    /// @return root The root after all changes.
    function announceContracts(ContractChange[] calldata changes, uint32 gate, bytes calldata signature)
        external
        returns (bytes32 root);

    /// @notice Take an announcement back (who may announce it only).
    /// @param kind What was to change.
    function cancel(Kind kind) external;

    /// @notice Put an announced change in force from the next gate on. Anyone may, once the delay has passed.
    /// @param kind What changes.
    /// @return from The first interval for which it holds.
    function adopt(Kind kind) external returns (uint32 from);

    /// @notice Tighten the grid from the next gate on. Anyone may bring the grid operator's signature of
    /// `GridTightening(uint32 change,bytes32 gridHash,uint32 lastGate)`. What was announced for the grid is void: it
    /// was meant for other wires.
    /// @param version A registered grid that only tightens the one in force.
    /// @param lastGate The last gate for which the signature was given.
    /// @param signature The signature.
    /// @return from The first interval for which it holds.
    function tighten(uint32 version, uint32 lastGate, bytes calldata signature) external returns (uint32 from);

    /// @notice What is in force for an interval whose orders may be fixed.
    /// @param interval An interval before the next gate.
    /// @return gridVersion The grid.
    /// @return termsHash `H(policyHash ‖ sharesRoot ‖ contractsRoot)`.
    function inForce(uint32 interval) external view returns (uint32 gridVersion, bytes32 termsHash);

    /// @notice What is in force from the last change on.
    /// @return gridVersion The grid.
    /// @return policyHash Hash of the policy.
    /// @return sharesRoot Root of the shares.
    /// @return contractsRoot Root of the contracts.
    function latest()
        external
        view
        returns (uint32 gridVersion, bytes32 policyHash, bytes32 sharesRoot, bytes32 contractsRoot);

    /// @notice What is announced of a kind.
    /// @param kind The kind.
    /// @return The announcement; its value is 0 if there is none.
    function announced(Kind kind) external view returns (Announcement memory);

    /// @notice How often the grid has changed: the number that the next tightening must be signed with.
    function gridChanges() external view returns (uint32);

    /// @notice How long an announced change waits, in seconds.
    function delaySeconds() external view returns (uint256);

    /// @notice Who announces and tightens grids.
    function gridOperator() external view returns (address);

    /// @notice Who announces policies and shares.
    function marketOperator() external view returns (address);

    /// @notice Who announces contracts.
    function registrar() external view returns (address);
}
