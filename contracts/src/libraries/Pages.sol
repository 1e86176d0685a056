// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Data kept as contract code
/// @notice A page is a contract whose code is one STOP byte and then data. Pages of one writer are found by its
/// creation nonce (EIP-161: a contract's first creation has nonce 1), so nothing about them needs storage. Data run over
/// the pages from a nonce on, or, where an index lies at that nonce, over the pages that it names. An index is a
/// contract whose code is one INVALID byte and then the addresses of pages, a word each.
library Pages {
    /// @notice Data bytes of a full page: the code size limit of EIP-170 less the STOP byte.
    uint256 internal constant CAPACITY = 24_575;
    /// @notice Most pages that an index can name.
    uint256 internal constant INDEX_CAPACITY = CAPACITY / 32;
    /// @notice First byte of a page.
    uint8 internal constant DATA = 0x00;
    /// @notice First byte of an index.
    uint8 internal constant INDEX = 0xfe;

    /// @notice Write data into a new page.
    /// @param data At most CAPACITY bytes.
    /// @return page Its address, 0 if it could not be created.
    function write(bytes memory data) internal returns (address page) {
        return _create(DATA, data);
    }

    /// @notice Write an index.
    /// @param pages At most INDEX_CAPACITY pages, every one full except the last.
    /// @return index Its address, 0 if it could not be created.
    function writeIndex(address[] memory pages) internal returns (address index) {
        return _create(INDEX, abi.encodePacked(pages));
    }

    function _create(uint8 first, bytes memory data) private returns (address page) {
        // PUSH2 length+1, DUP1, PUSH1 10, RETURNDATASIZE, CODECOPY, RETURNDATASIZE, RETURN: returns what follows it.
        bytes memory code = abi.encodePacked(hex"61", uint16(data.length + 1), hex"80600a3d393df3", first, data);
        assembly ("memory-safe") {
            page := create(0, add(code, 0x20), mload(code))
        }
    }

    /// @notice First byte of the code at an address, 0 where there is none.
    /// @param page The address.
    /// @return first DATA, INDEX or that of another contract.
    function mark(address page) internal view returns (uint256 first) {
        assembly ("memory-safe") {
            mstore(0, 0)
            extcodecopy(page, 31, 0, 1)
            first := mload(0)
        }
    }

    /// @notice A page that an index names.
    /// @param index Address of the index.
    /// @param place Which of its pages, from 0.
    /// @return page Its address, 0 beyond the last.
    function entry(address index, uint256 place) internal view returns (address page) {
        assembly ("memory-safe") {
            extcodecopy(index, 0, add(1, shl(5, place)), 32)
            page := mload(0)
        }
    }

    /// @notice Where a writer's page lies.
    /// @param writer The writing contract.
    /// @param nonce Its creation nonce, 1 to 2^24 - 1.
    /// @return page The address, whether or not anything has been created there.
    function locate(address writer, uint256 nonce) internal pure returns (address page) {
        // CREATE takes the hash of the recursive-length-prefix list [writer, nonce]: head, `0x94 ‖ writer`, and the
        // nonce as one byte, or as its length and two or three.
        uint256 size = nonce < 0x80 ? 1 : nonce < 0x100 ? 2 : nonce < 0x10000 ? 3 : 4;
        if (nonce >= 0x80) nonce |= (0x7f + size) << (8 * (size - 1));
        assembly ("memory-safe") {
            let list := or(shl(248, add(0xd5, size)), or(shl(240, 0x94), shl(80, writer)))
            mstore(0, or(list, shl(sub(80, shl(3, size)), nonce)))
            page := and(keccak256(0, add(22, size)), 0xffffffffffffffffffffffffffffffffffffffff)
        }
    }

    /// @notice Read data that run over pages of a writer.
    /// @param writer The writing contract.
    /// @param nonce Creation nonce of the first page, or of the index.
    /// @param from Where to start in the data.
    /// @param length How many bytes.
    /// @return data The bytes; zeros beyond what was written.
    function read(address writer, uint256 nonce, uint256 from, uint256 length)
        internal
        view
        returns (bytes memory data)
    {
        data = new bytes(length);
        uint256 to;
        assembly ("memory-safe") {
            to := add(data, 0x20)
        }
        copy(writer, nonce, from, length, to);
    }

    /// @notice Copy data that run over pages of a writer into memory that the caller has reserved.
    /// @param writer The writing contract.
    /// @param nonce Creation nonce of the first page, or of the index.
    /// @param from Where to start in the data.
    /// @param length How many bytes.
    /// @param to The memory address.
    function copy(address writer, uint256 nonce, uint256 from, uint256 length, uint256 to) internal view {
        address index = locate(writer, nonce);
        bool byIndex = mark(index) == INDEX;
        uint256 number = from / CAPACITY;
        from %= CAPACITY;
        while (length != 0) {
            uint256 part = CAPACITY - from;
            if (part > length) part = length;
            address page = byIndex ? entry(index, number) : locate(writer, nonce + number);
            assembly ("memory-safe") {
                extcodecopy(page, to, add(from, 1), part)
            }
            to += part;
            length -= part;
            from = 0;
            ++number;
        }
    }
}
