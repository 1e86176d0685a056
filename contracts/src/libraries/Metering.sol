// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {FairPlay} from "./FairPlay.sol";
import {Policies} from "./Policies.sol";
import {Records} from "./Records.sol";

/// @title Meter readings and imbalance
/// @notice docs/mechanism.md, section 5; `offchain/metering` is the same in Python.
library Metering {
    /// @notice Type hash of a reading.
    bytes32 internal constant TYPEHASH =
        keccak256("MeterReading(uint32 index,uint32 interval,uint32 consumedWh,uint32 producedWh)");
    /// @notice The largest energy that a reading can tell, Wh.
    uint256 internal constant MAX_WH = 2 ** 30 - 1;

    /// @notice The interval whose readings another one settles.
    /// @param p The policy.
    /// @param interval The interval that settles them.
    /// @return Its number, 0 if none are settled.
    function measured(Policies.Policy memory p, uint256 interval) internal pure returns (uint256) {
        return p.meterLag == 0 || interval <= p.meterLag ? 0 : interval - p.meterLag;
    }

    /// @notice Who signed a reading.
    /// @param m The reading with its signature.
    /// @param separator The market's EIP-712 domain separator.
    /// @return account The signer, address 0 if the signature is none.
    function signer(Records.Reading memory m, bytes32 separator) internal pure returns (address account) {
        bytes32 structHash = keccak256(abi.encode(TYPEHASH, m.index, m.interval, m.consumedWh, m.producedWh));
        (account,,) = ECDSA.tryRecover(MessageHashUtils.toTypedDataHash(separator, structHash), m.v, m.r, m.s);
    }

    /// @notice What a participant pays and is paid for missing its allocation, before credits are scaled.
    /// @param p The policy.
    /// @param s Its state, for the caps of its contract.
    /// @param a Its line of the measured interval.
    /// @param reading Its packed reading, empty if there is none.
    /// @return debit In micro, rounded up.
    /// @return credit In micro, rounded down.
    function imbalance(
        Policies.Policy memory p,
        Records.State memory s,
        Records.Allocation memory a,
        bytes calldata reading
    ) internal pure returns (uint256 debit, uint256 credit) {
        uint256 allowed = a.essential.x + a.flexible.x;
        uint256 used = allowed;
        uint256 delivered = 0;
        if (reading.length != 0) {
            Records.Reading memory m = Records.reading(reading);
            used = _min(m.consumedWh, s.demandCapWh);
            delivered = _min(m.producedWh, s.supplyCapWh);
        }
        uint256 worth = a.priceTicks > p.spread ? a.priceTicks - p.spread : 0;
        uint256 asked = a.supply.pa > a.priceTicks ? a.supply.pa : a.priceTicks;
        debit = (_min(a.priceTicks + p.spread, p.pHi) * _over(used, allowed) + 999) / 1000
            + (_min(asked + p.spread, p.pHi) * _over(a.supply.x, delivered) + 999) / 1000;
        credit = worth * _over(allowed, used) / 1000 + _min(worth, a.supply.pa) * _over(delivered, a.supply.x) / 1000;
    }

    /// @notice Whether what the reserve pays, and the scale of credits, are what its funds allow.
    /// @param p The policy.
    /// @param s The reserve's state before the interval.
    /// @param a Its line.
    /// @param scale The header's scale in ppb.
    /// @param leaves At least as many as participants.
    /// @return False if more is paid than there is, or credits are scaled down further than rounding can.
    function reserveByRule(
        Policies.Policy memory p,
        Records.State memory s,
        Records.Allocation memory a,
        uint256 scale,
        uint256 leaves
    ) internal pure returns (bool) {
        uint256 funds = _over(
            p.reserve + s.credit + a.supplyPay + a.potShare + a.imbalanceCredit,
            s.peak + s.debit + a.energyCost + a.shortfall + a.subscription
        );
        uint256 paid = a.imbalanceDebit;
        if (scale > FairPlay.PPB || paid > funds) return false;
        if (scale == FairPlay.PPB) return true;
        // Scaled at the right rate, each credit is rounded down by less than one, and the rate itself by less than
        // one ppb of all credits. These are at most 2 * 2^30 Wh at p_hi for each participant.
        uint256 ppb = leaves * p.pHi * 2 ** 31 / 1e12;
        if (scale != 0) ppb = _min(ppb, (paid + leaves) / scale);
        return funds - paid <= leaves + ppb;
    }

    function _over(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a - b : 0;
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }
}
