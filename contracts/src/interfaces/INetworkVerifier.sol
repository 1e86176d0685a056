// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The integer check of a clearing's network certificate
/// @notice Rules 1 to 5 of docs/mechanism.md, section 4, in the same integers as `offchain/clearing/certificate.py`.
interface INetworkVerifier {
    /// @notice Check a certificate against a registered grid. Free for anyone as a call; reverts on the first rule
    /// broken.
    /// @param version The grid's version.
    /// @param certificate `theta i64 ‖ pi i64` per bus, then `line u16 ‖ mu i64` per priced line, in line order.
    /// @return busVectorHash `H(certificate ‖ injections)`, to be compared with the header's.
    function check(uint32 version, bytes calldata certificate) external view returns (bytes32 busVectorHash);

    /// @notice The injections that a certificate implies, after the same check.
    /// @param version The grid's version.
    /// @param certificate The certificate.
    /// @return injections Dispatched minus served per bus, in Wh.
    function injections(uint32 version, bytes calldata certificate) external view returns (int64[] memory injections);
}
