// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Pages} from "./Pages.sol";

/// @title The network certificate in integers
/// @notice Rules 1 to 5 of docs/mechanism.md, section 4.
///
/// Ranges, with the grid held to them by the registry (limit < 2^40 Wh, at most 2^16 lines and buses, everything else
/// 64 bits wide): a product b (theta_from - theta_to) or b (pi_from - pi_to + mu) stays below 2^130; a flow that
/// passes rule 2 is at most 2^48, a bus's sum of flows 2^64 and of stationarity terms 2^146; the weighted residual
/// stays below 2^228. So no step can overflow 256 bits, and one word carries both sums of a bus: flows above bit 160,
/// terms below.
library Network {
    /// @notice Thrown when the version has no grid.
    error Network_UnknownGrid();
    /// @notice Thrown when the certificate's length fits no number of priced lines.
    error Network_CertificateLength();
    /// @notice Thrown when priced lines are out of order, named twice or beyond the grid (rule 3).
    error Network_PricedLines();
    /// @notice Thrown when a flow exceeds its limit (rule 2).
    /// @param line The line.
    error Network_FlowOverLimit(uint256 line);
    /// @notice Thrown when a line has a price but is not full in that direction (rule 3).
    /// @param line The line.
    error Network_PriceOnSlackLine(uint256 line);
    /// @notice Thrown when the flows at a bus do not meet in whole watt-hours (rule 1).
    /// @param bus The bus.
    error Network_BusUnbalanced(uint256 bus);
    /// @notice Thrown when the injections do not sum to zero (rule 1).
    error Network_SystemUnbalanced();
    /// @notice Thrown when prices are further from optimal than the grid's tolerance (rule 5).
    error Network_NotOptimal();

    /// @dev Why the lines' loop stopped; no address of a row is as low.
    uint256 private constant _OVER_LIMIT = 1;
    uint256 private constant _SLACK_LINE = 2;
    /// @dev Bytes of the packed grid before its lines.
    uint256 private constant GRID_HEAD = 38;

    /// @dev Memory addresses and sizes of one check.
    struct Workspace {
        uint256 buses;
        uint256 lines;
        uint256 shift;
        uint256 tolerance;
        uint256 grid;
        uint256 certificate;
        uint256 priced;
        uint256 injections;
        uint256 sums;
    }

    /// @notice Check a certificate; reverts on the first rule broken.
    /// @param registry The grid registry.
    /// @param version The grid's version.
    /// @param certificate The certificate.
    /// @return busVectorHash `H(certificate ‖ injections)`.
    function check(address registry, uint256 version, bytes calldata certificate)
        internal
        view
        returns (bytes32 busVectorHash)
    {
        Workspace memory w = _prepare(registry, version, certificate);
        _checkLines(w);
        _checkBuses(w);
        uint256 length = certificate.length + 8 * w.buses;
        uint256 start = w.certificate;
        assembly ("memory-safe") {
            busVectorHash := keccak256(start, length)
        }
    }

    /// @notice Check a certificate and tell the injections it implies.
    /// @param registry The grid registry.
    /// @param version The grid's version.
    /// @param certificate The certificate.
    /// @return list Dispatched minus served per bus, in Wh.
    function injections(address registry, uint256 version, bytes calldata certificate)
        internal
        view
        returns (int64[] memory list)
    {
        Workspace memory w = _prepare(registry, version, certificate);
        _checkLines(w);
        _checkBuses(w);
        list = new int64[](w.buses);
        for (uint256 i = 0; i < w.buses; ++i) {
            uint256 position = w.injections + 8 * i;
            int256 value;
            assembly ("memory-safe") {
                value := sar(192, mload(position))
            }
            list[i] = int64(value);
        }
    }

    /// @dev Lay out memory: grid, certificate with room for the injections behind it, and one zeroed word per bus.
    function _prepare(address registry, uint256 version, bytes calldata certificate)
        private
        view
        returns (Workspace memory w)
    {
        address page = Pages.locate(registry, version);
        (uint256 head, uint256 tolerance) = _head(page);
        if (head >> 248 == Pages.INDEX) {
            page = Pages.entry(page, 0);
            (head, tolerance) = _head(page);
        }
        w.buses = (head >> 232) & 0xffff;
        w.lines = (head >> 216) & 0xffff;
        w.shift = (head >> 208) & 0xff;
        w.tolerance = tolerance;
        if (w.buses == 0) revert Network_UnknownGrid();
        uint256 pairs = 16 * w.buses;
        if (certificate.length < pairs || (certificate.length - pairs) % 10 != 0) {
            revert Network_CertificateLength();
        }

        uint256 free;
        assembly ("memory-safe") {
            free := mload(0x40)
        }
        uint256 gridBytes = 28 * w.lines + 8 * w.buses;
        w.grid = free;
        w.certificate = w.grid + gridBytes + 32;
        w.priced = w.certificate + pairs;
        w.injections = w.certificate + certificate.length;
        w.sums = w.injections + pairs / 2 + 32;
        assembly ("memory-safe") {
            let sumsAt := mload(add(w, 0x100))
            calldatacopy(mload(add(w, 0xa0)), certificate.offset, certificate.length)
            // Copying from beyond the calldata writes zeros.
            calldatacopy(sumsAt, calldatasize(), mul(pairs, 2))
            mstore(0x40, add(sumsAt, mul(pairs, 2)))
        }
        if (GRID_HEAD + gridBytes > Pages.CAPACITY) {
            Pages.copy(registry, version, GRID_HEAD, gridBytes, w.grid);
        } else {
            assembly ("memory-safe") {
                extcodecopy(page, free, add(GRID_HEAD, 1), gridBytes)
            }
        }
    }

    /// @dev The start of a page, zeros where there is none: `mark u8 ‖ buses u16 ‖ lines u16 ‖ shift u8 ‖ margin_slack u8`
    /// from the top of the first word, then the tolerance.
    function _head(address page) private view returns (uint256 head, uint256 tolerance) {
        assembly ("memory-safe") {
            extcodecopy(page, 0, 0, add(GRID_HEAD, 1))
            head := mload(0)
            tolerance := mload(7)
        }
    }

    /// @dev Rules 2 and 3 line by line, gathering both sums of rules 1 and 4 at the buses. Few variables live at
    /// once, so that all stay on the stack: when a rule is broken the loop stops with `row` at the line and `next`
    /// telling why.
    function _checkLines(Workspace memory w) private pure {
        uint256 row = w.grid;
        uint256 rows = row + 28 * w.lines;
        uint256 priced = w.priced;
        // Address of the row whose price comes next; beyond all rows when none is left.
        uint256 next = _pricedRow(w, priced);
        assembly ("memory-safe") {
            let shift := mload(add(w, 0x40))
            let pairs := mload(add(w, 0xa0))
            let sumsAt := mload(add(w, 0x100))
            for {} lt(row, rows) { row := add(row, 28) } {
                // from u16 ‖ to u16 ‖ b u64 ‖ limit u64 ‖ margin u64, from the top of the word
                let line := mload(row)
                let b := and(shr(160, line), 0xffffffffffffffff)
                let flow
                let slope
                {
                    // theta i64 ‖ pi i64 of both ends
                    let from := mload(add(pairs, and(shr(236, line), 0xffff0)))
                    let to := mload(add(pairs, and(shr(220, line), 0xffff0)))
                    flow := sar(shift, mul(b, sub(sar(192, from), sar(192, to))))
                    slope := sub(sar(192, shl(64, from)), sar(192, shl(64, to)))
                }
                // in 2^-8 Wh; -limit <= flow <= limit as one unsigned comparison
                let limit := and(shr(88, line), 0xffffffffffffffff00)
                let over := gt(add(flow, limit), shl(1, limit))
                if or(over, eq(row, next)) {
                    if over {
                        next := _OVER_LIMIT
                        break
                    }
                    let mu := sar(192, mload(add(priced, 2)))
                    let margins := and(shr(23, line), 0x1fffffffffffffffe00)
                    let size := flow
                    if slt(flow, 0) { size := sub(0, flow) }
                    // limit - 2 margin <= size <= limit, and mu (not 0) has the sign of flow (not 0)
                    if or(gt(add(sub(size, limit), margins), margins), iszero(sgt(mul(mu, flow), 0))) {
                        next := _SLACK_LINE
                        break
                    }
                    slope := add(slope, mu)
                    priced := add(priced, 10)
                    next := not(0)
                    if lt(priced, mload(add(w, 0xe0))) {
                        next := add(mload(add(w, 0x80)), mul(28, shr(240, mload(priced))))
                    }
                }
                {
                    // Both sums of a bus in one word.
                    let terms := add(shl(160, flow), mul(b, slope))
                    let end := add(sumsAt, and(shr(235, line), 0x1fffe0))
                    mstore(end, add(mload(end), terms))
                    end := add(sumsAt, and(shr(219, line), 0x1fffe0))
                    mstore(end, sub(mload(end), terms))
                }
            }
        }
        if (row < rows) {
            uint256 line = (row - w.grid) / 28;
            if (next == _OVER_LIMIT) revert Network_FlowOverLimit(line);
            revert Network_PriceOnSlackLine(line);
        }
        // Rows are visited in ascending order, so a price out of order is never reached.
        if (priced == w.injections) return;
        revert Network_PricedLines();
    }

    function _pricedRow(Workspace memory w, uint256 priced) private pure returns (uint256 row) {
        if (priced == w.injections) return type(uint256).max;
        assembly ("memory-safe") {
            row := shr(240, mload(priced))
        }
        return w.grid + 28 * row;
    }

    /// @dev Rules 1 and 5 bus by bus, writing the injections behind the certificate. The loop stops with `sum` at a
    /// bus that is not balanced.
    function _checkBuses(Workspace memory w) private pure {
        uint256 sum = w.sums;
        uint256 end = sum + 32 * w.buses;
        uint256 box = w.grid + 28 * w.lines;
        uint256 out = w.injections;
        int256 total;
        uint256 residual;
        assembly ("memory-safe") {
            for {} lt(sum, end) { sum := add(sum, 32) } {
                let flows := mload(sum)
                let term := signextend(19, flows)
                flows := sar(160, sub(flows, term))
                let injection := sar(8, add(flows, 128))
                // -64 <= flows - 256 injection <= 64 as one unsigned comparison
                if gt(add(sub(flows, shl(8, injection)), 64), 128) { break }
                total := add(total, injection)
                // Writes 24 bytes too many, which the next bus or nobody reads.
                mstore(out, shl(192, injection))
                out := add(out, 8)
                // of either sign
                let sign := sar(255, term)
                residual := add(residual, mul(shr(192, mload(box)), sub(xor(term, sign), sign)))
                box := add(box, 8)
            }
        }
        if (sum < end) revert Network_BusUnbalanced((sum - w.sums) / 32);
        if (total != 0) revert Network_SystemUnbalanced();
        if (2 * residual <= w.tolerance) return;
        revert Network_NotOptimal();
    }
}
