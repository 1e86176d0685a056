// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Fields of a header payload
/// @notice The byte layout of docs/protocol.md, section 4. Callers check the length once; the getters do not.
///
/// What is sent of a header to be posted leaves out what the ledger knows: `previous hash ‖ payload[0:132] ‖
/// payload[164:228] ‖ payload[292:384] ‖ payload[392:400] ‖ payload[408:436]`. Contracts root, shares root and policy
/// are those in force, dispatched is served, and the debit sum is the credit sum.
library Headers {
    uint256 internal constant LENGTH = 436;
    uint256 internal constant SENT_LENGTH = 356;

    function interval(bytes calldata p) internal pure returns (uint32) {
        return uint32(_number(p, 0, 4));
    }

    function ordersRoot(bytes calldata p) internal pure returns (bytes32) {
        return _word(p, 4);
    }

    function allocationRoot(bytes calldata p) internal pure returns (bytes32) {
        return _word(p, 36);
    }

    function preStateRoot(bytes calldata p) internal pure returns (bytes32) {
        return _word(p, 68);
    }

    function stateRoot(bytes calldata p) internal pure returns (bytes32) {
        return _word(p, 100);
    }

    function contractsRoot(bytes calldata p) internal pure returns (bytes32) {
        return _word(p, 132);
    }

    function busVectorHash(bytes calldata p) internal pure returns (bytes32) {
        return _word(p, 164);
    }

    function meterRoot(bytes calldata p) internal pure returns (bytes32) {
        return _word(p, 196);
    }

    function sharesRoot(bytes calldata p) internal pure returns (bytes32) {
        return _word(p, 228);
    }

    function policyHash(bytes calldata p) internal pure returns (bytes32) {
        return _word(p, 260);
    }

    function gridVersion(bytes calldata p) internal pure returns (uint32) {
        return uint32(_number(p, 292, 4));
    }

    function seed(bytes calldata p) internal pure returns (bytes32) {
        return _word(p, 296);
    }

    function requested(bytes calldata p) internal pure returns (uint256) {
        return _number(p, 360, 8);
    }

    function served(bytes calldata p) internal pure returns (uint256) {
        return _number(p, 368, 8);
    }

    function offered(bytes calldata p) internal pure returns (uint256) {
        return _number(p, 376, 8);
    }

    function dispatched(bytes calldata p) internal pure returns (uint256) {
        return _number(p, 384, 8);
    }

    function creditSum(bytes calldata p) internal pure returns (uint256) {
        return _number(p, 392, 8);
    }

    function debitSum(bytes calldata p) internal pure returns (uint256) {
        return _number(p, 400, 8);
    }

    function pot(bytes calldata p) internal pure returns (uint256) {
        return _number(p, 408, 8);
    }

    function shortfall(bytes calldata p) internal pure returns (uint256) {
        return _number(p, 416, 8);
    }

    function imbalanceScale(bytes calldata p) internal pure returns (uint256) {
        return _number(p, 424, 4);
    }

    function forcedCursor(bytes calldata p) internal pure returns (uint64) {
        return uint64(_number(p, 428, 8));
    }

    /// @notice Hash of a header: `H(previous ‖ H(domainHash ‖ payload))`.
    /// @param domainHash Hash of version, chain, ledger and market.
    /// @param previousHash Hash of the header before it.
    /// @param p The payload.
    /// @return headerHash The hash.
    function hash(bytes32 domainHash, bytes32 previousHash, bytes calldata p)
        internal
        pure
        returns (bytes32 headerHash)
    {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, domainHash)
            calldatacopy(add(free, 0x20), p.offset, p.length)
            mstore(0x20, keccak256(free, add(p.length, 0x20)))
            mstore(0, previousHash)
            headerHash := keccak256(0, 0x40)
        }
    }

    function sentPreviousHash(bytes calldata sent) internal pure returns (bytes32) {
        return _word(sent, 0);
    }

    function sentInterval(bytes calldata sent) internal pure returns (uint32) {
        return uint32(_number(sent, 32, 4));
    }

    function sentOrdersRoot(bytes calldata sent) internal pure returns (bytes32) {
        return _word(sent, 36);
    }

    function sentPreStateRoot(bytes calldata sent) internal pure returns (bytes32) {
        return _word(sent, 100);
    }

    function sentStateRoot(bytes calldata sent) internal pure returns (bytes32) {
        return _word(sent, 132);
    }

    function sentBusVectorHash(bytes calldata sent) internal pure returns (bytes32) {
        return _word(sent, 164);
    }

    function sentGridVersion(bytes calldata sent) internal pure returns (uint32) {
        return uint32(_number(sent, 228, 4));
    }

    function sentSeed(bytes calldata sent) internal pure returns (bytes32) {
        return _word(sent, 232);
    }

    /// @notice Hash of what is in force beside the grid.
    /// @param policyHash_ Hash of the policy.
    /// @param sharesRoot_ Root of the shares.
    /// @param contractsRoot_ Root of the contracts.
    /// @return termsHash `H(policyHash ‖ sharesRoot ‖ contractsRoot)`.
    function hashTerms(bytes32 policyHash_, bytes32 sharesRoot_, bytes32 contractsRoot_)
        internal
        pure
        returns (bytes32 termsHash)
    {
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(0, policyHash_)
            mstore(0x20, sharesRoot_)
            mstore(0x40, contractsRoot_)
            termsHash := keccak256(0, 0x60)
            mstore(0x40, free)
        }
    }

    /// @notice Hash of a header that is sent, completed by what the ledger knows.
    /// @param domainHash Hash of version, chain, ledger and market.
    /// @param sent What was sent, SENT_LENGTH bytes.
    /// @param contractsRoot_ The market's contracts.
    /// @param sharesRoot_ The market's shares.
    /// @param policyHash_ The market's policy.
    /// @return headerHash The hash.
    function hashSent(
        bytes32 domainHash,
        bytes calldata sent,
        bytes32 contractsRoot_,
        bytes32 sharesRoot_,
        bytes32 policyHash_
    ) internal pure returns (bytes32 headerHash) {
        assembly ("memory-safe") {
            let free := mload(0x40)
            let from := sent.offset
            mstore(free, domainHash)
            let to := add(free, 0x20)
            calldatacopy(to, add(from, 32), 132)
            mstore(add(to, 132), contractsRoot_)
            calldatacopy(add(to, 164), add(from, 164), 64)
            mstore(add(to, 228), sharesRoot_)
            mstore(add(to, 260), policyHash_)
            // up to served and offered, then served again
            calldatacopy(add(to, 292), add(from, 228), 92)
            calldatacopy(add(to, 384), add(from, 304), 8)
            calldatacopy(add(to, 392), add(from, 320), 8)
            calldatacopy(add(to, 400), add(from, 320), 8)
            calldatacopy(add(to, 408), add(from, 328), 28)
            mstore(0x20, keccak256(free, 468))
            mstore(0, calldataload(from))
            headerHash := keccak256(0, 0x40)
        }
    }

    function _word(bytes calldata p, uint256 offset) private pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := calldataload(add(p.offset, offset))
        }
    }

    function _number(bytes calldata p, uint256 offset, uint256 size) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(sub(256, shl(3, size)), calldataload(add(p.offset, offset)))
        }
    }
}
