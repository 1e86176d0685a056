// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IClearingLedger} from "./interfaces/IClearingLedger.sol";
import {IOracleBond} from "./interfaces/IOracleBond.sol";

/// @title OracleBond
/// @notice See IOracleBond.
contract OracleBond is IOracleBond {
    using SafeERC20 for IERC20;

    /// @notice What a bond is deployed with; none of it ever changes.
    /// @param token The currency.
    /// @param ledger The ledger.
    /// @param faults The only contract that may slash.
    /// @param treasurer Who may announce withdrawals and changes of signers.
    /// @param relief Who receives what the prover does not: the harmed and the replacement operator.
    /// @param minimum Below this nobody can post, in micro; at least the penalty, or a header could stand that cannot
    /// pay for its fault.
    /// @param penalty What one proven fault costs, in micro.
    /// @param reward What the prover receives of it, at most half.
    /// @param delaySeconds How long announced changes wait: longer than withdrawals, window and deadline together.
    struct Config {
        IERC20 token;
        address ledger;
        address faults;
        address treasurer;
        address relief;
        uint256 minimum;
        uint256 penalty;
        uint256 reward;
        uint256 delaySeconds;
    }

    /// @dev An announced change of one signer.
    struct Change {
        uint64 executableAt;
        bool admitted;
    }

    /* ------------------------------------------------ IMMUTABLES --------------------------------------------- */

    /// @notice Where burned money goes: an address without a key.
    address public constant BURN = 0x000000000000000000000000000000000000dEaD;

    /// @notice The currency.
    IERC20 public immutable token;
    /// @notice The ledger.
    address public immutable ledger;
    /// @notice The only contract that may slash.
    address public immutable faults;
    /// @notice Who may announce withdrawals and changes of signers.
    address public immutable treasurer;
    /// @notice Who receives what the prover does not.
    address public immutable relief;
    /// @notice Below this nobody can post, in micro.
    uint256 public immutable minimum;
    /// @notice What one proven fault costs, in micro.
    uint256 public immutable penalty;
    /// @notice What the prover receives of it.
    uint256 public immutable reward;
    /// @notice How long announced changes wait.
    uint256 public immutable delaySeconds;

    /* ------------------------------------------------ STORAGE ------------------------------------------------ */

    /// @dev Whose money this contract holds, in one slot, all in micro.
    /// @param bonded What stands behind the signers.
    /// @param burning What is to be burned.
    /// @param relieving What is to go to the relief fund.
    struct Stake {
        uint96 bonded;
        uint80 burning;
        uint80 relieving;
    }

    /// @dev A reward whose header fell to a proof that nobody had reserved, in one slot.
    /// @param amount In micro.
    /// @param blockNumber The block of that proof; of the first one if the same was voided again meanwhile.
    /// @param until From then on it may go to the relief fund.
    struct Aside {
        uint96 amount;
        uint64 blockNumber;
        uint64 until;
    }

    Stake private _stake;
    /// @inheritdoc IOracleBond
    mapping(address account => bool admitted) public isSigner;
    /// @inheritdoc IOracleBond
    mapping(address account => uint256 amount) public credit;
    /// @inheritdoc IOracleBond
    mapping(bytes32 fallen => Aside reward) public aside;
    /// @notice Announced changes of signers.
    mapping(address account => Change change) public changes;
    /// @notice Amount announced to be withdrawn.
    uint256 public withdrawing;
    /// @notice When it may be withdrawn.
    uint256 public withdrawableAt;

    /* ------------------------------------------------ CONSTRUCTOR -------------------------------------------- */

    /// @notice Set up the bond and its first signers.
    /// @param c The settings.
    /// @param signers The first signers.
    constructor(Config memory c, address[] memory signers) {
        if (
            2 * c.reward > c.penalty || c.penalty == 0 || c.penalty > type(uint64).max || signers.length == 0
                || c.treasurer == address(0) || c.relief == address(0)
        ) revert Bond_BadConfig();
        if (c.minimum < c.penalty) revert Bond_MinimumBelowPenalty(c.minimum, c.penalty);
        // A withdrawal is released by the third header at most after its announcement (MarketTerms waits as long).
        uint256 open = uint256(IClearingLedger(c.ledger).windowSeconds()) + 4
            * uint256(IClearingLedger(c.ledger).deadlineSeconds());
        if (c.delaySeconds <= open) revert Bond_DelayTooShort(open + 1);
        token = c.token;
        ledger = c.ledger;
        faults = c.faults;
        treasurer = c.treasurer;
        relief = c.relief;
        minimum = c.minimum;
        penalty = c.penalty;
        reward = c.reward;
        delaySeconds = c.delaySeconds;
        for (uint256 i = 0; i < signers.length; ++i) {
            if (signers[i] == address(0)) revert Bond_BadConfig();
            _setSigner(signers[i], true);
        }
    }

    modifier onlyTreasurer() {
        if (msg.sender != treasurer) revert Bond_Unauthorised();
        _;
    }

    /* ------------------------------------------------ BOND --------------------------------------------------- */

    /// @inheritdoc IOracleBond
    function bond(uint256 amount) external {
        _stake.bonded += SafeCast.toUint96(amount);
        emit Bonded(msg.sender, amount);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IOracleBond
    function announceWithdrawal(uint256 amount) external onlyTreasurer {
        if (amount > _stake.bonded) revert Bond_Insufficient();
        withdrawing = amount;
        withdrawableAt = block.timestamp + delaySeconds;
        emit WithdrawalAnnounced(amount, withdrawableAt);
        IClearingLedger(ledger).forgetOperator();
    }

    /// @inheritdoc IOracleBond
    function withdraw() external onlyTreasurer {
        uint256 amount = withdrawing;
        if (amount == 0 || block.timestamp < withdrawableAt) revert Bond_NotDue();
        if (amount > _stake.bonded) revert Bond_Insufficient();
        uint256 left = _stake.bonded - amount;
        if (left < minimum && IClearingLedger(ledger).finalHead() != IClearingLedger(ledger).head()) {
            revert Bond_HeaderOpen();
        }
        _stake.bonded = uint96(left);
        withdrawing = 0;
        emit Withdrawn(amount);
        IClearingLedger(ledger).forgetOperator();
        token.safeTransfer(treasurer, amount);
    }

    /// @inheritdoc IOracleBond
    function slash(address prover, bool atOnce) external {
        uint256 paid = _slash(prover);
        if (paid == 0) return;
        if (atOnce) token.safeTransfer(prover, paid);
        else credit[prover] += paid;
    }

    /// @inheritdoc IOracleBond
    function slashUnreserved(bytes32 fallen) external {
        uint256 paid = _slash(address(0));
        if (paid == 0) return;
        Aside memory a = aside[fallen];
        if (a.amount == 0) a.blockNumber = uint64(block.number);
        a.amount += uint96(paid);
        a.until = uint64(block.timestamp + delaySeconds);
        aside[fallen] = a;
        emit SetAside(fallen, a.amount, a.until);
    }

    /// @inheritdoc IOracleBond
    function payReserved(bytes32 fallen, address prover, uint256 reservedIn) external returns (uint256 amount) {
        if (msg.sender != faults) revert Bond_Unauthorised();
        amount = aside[fallen].amount;
        if (amount == 0 || reservedIn >= aside[fallen].blockNumber) return 0;
        delete aside[fallen];
        emit ReservedPaid(fallen, prover, amount);
        token.safeTransfer(prover, amount);
    }

    /// @inheritdoc IOracleBond
    function lapse(bytes32 fallen) external {
        Aside memory a = aside[fallen];
        if (a.amount == 0 || block.timestamp < a.until) revert Bond_NotDue();
        delete aside[fallen];
        _stake.relieving += uint80(a.amount);
        emit Lapsed(fallen, a.amount);
    }

    /// @inheritdoc IOracleBond
    function collect(address to) external {
        uint256 amount = credit[msg.sender];
        credit[msg.sender] = 0;
        emit Collected(msg.sender, to, amount);
        token.safeTransfer(to, amount);
    }

    /// @inheritdoc IOracleBond
    function distribute() external {
        (uint256 burning, uint256 relieving) = (_stake.burning, _stake.relieving);
        (_stake.burning, _stake.relieving) = (0, 0);
        emit Distributed(burning, relieving);
        if (burning != 0) token.safeTransfer(BURN, burning);
        if (relieving != 0) token.safeTransfer(relief, relieving);
    }

    /* ------------------------------------------------ SIGNERS ------------------------------------------------ */

    /// @inheritdoc IOracleBond
    function announceSigner(address signer, bool admitted) external onlyTreasurer {
        uint256 executableAt = block.timestamp + delaySeconds;
        changes[signer] = Change(uint64(executableAt), admitted);
        emit SignerAnnounced(signer, admitted, executableAt);
    }

    /// @inheritdoc IOracleBond
    function setSigner(address signer) external {
        Change memory change = changes[signer];
        if (change.executableAt == 0 || block.timestamp < change.executableAt) revert Bond_NotDue();
        delete changes[signer];
        _setSigner(signer, change.admitted);
    }

    /// @inheritdoc IOracleBond
    function mayPost(address account) external view returns (bool) {
        return isSigner[account] && _stake.bonded >= minimum + withdrawing;
    }

    /// @inheritdoc IOracleBond
    function bonded() external view returns (uint256) {
        return _stake.bonded;
    }

    /// @dev Take the penalty and divide it; returns the prover's part.
    function _slash(address prover) private returns (uint256 paid) {
        if (msg.sender != faults) revert Bond_Unauthorised();
        Stake memory s = _stake;
        uint256 amount = penalty < s.bonded ? penalty : s.bonded;
        // Half of what is left is burned even when less than the penalty is left.
        uint256 shared = amount / 2;
        paid = reward < shared ? reward : shared;
        s.bonded -= uint96(amount);
        s.burning += uint80(amount - shared);
        s.relieving += uint80(shared - paid);
        _stake = s;
        emit Slashed(prover, paid, shared - paid, amount - shared);
    }

    /// @dev The ledger keeps its own copy, for signatures.
    function _setSigner(address signer, bool admitted) private {
        isSigner[signer] = admitted;
        emit SignerSet(signer, admitted);
        IClearingLedger(ledger).setSigner(signer, admitted);
    }
}
