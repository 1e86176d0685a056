// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICoverFaults} from "../../src/interfaces/ICoverFaults.sol";
import {IFaultProofs} from "../../src/interfaces/IFaultProofs.sol";
import {IMeterFaults} from "../../src/interfaces/IMeterFaults.sol";
import {ISettlementEscrow} from "../../src/interfaces/ISettlementEscrow.sol";
import {Records} from "../../src/libraries/Records.sol";
import {AllocationEvidence, HeaderEvidence, LeafEvidence} from "../../src/types/Evidence.sol";
import {Market} from "../support/Market.sol";

/// @dev A market in which everybody does anything at any time, with an operator that is honest.
contract Handler is Market {
    /// @dev Slot of the ring's first place (contracts/snapshots/interfaces/ClearingLedger.json).
    uint256 private constant _ENTRIES = 1;

    /// @dev The intervals that stand and their headers, encoded; interval t at place t - 1.
    bytes[] private _intervals;
    bytes[] private _evidence;

    /// @dev Every lie that was voided.
    Final[] private _voided;

    /// @dev How often an honest header was voided by evidence.
    uint256 public wrongVerdicts;
    /// @dev Whether a counter that may only grow has shrunk.
    bool public shrunk;

    uint64[7] private _paid;

    constructor() {
        setUp();
    }

    modifier afterwards(uint256 wait) {
        vm.warp(block.timestamp + wait % WINDOW);
        _;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            uint64 paid = escrow.account(uint32(i)).paid;
            if (paid < _paid[i]) shrunk = true;
            _paid[i] = paid;
        }
    }

    /* ------------------------------------------------ THE OPERATOR ------------------------------------------- */

    function post(uint256 wait) external afterwards(wait) {
        if (ledger.frozen()) return;
        Interval memory v = _next();
        if (_ringIsFull(v.number)) return;
        Posted memory p;
        if (_inputsStand(v)) {
            p = commitment(v, _seed[v.number], ledger.gridVersion());
            p.header.previousHash = _previousHash();
            _postStanding(p);
        } else {
            lastHash = _previousHash();
            p = postInterval(v);
            _seed[v.number] = _seedOf(p.header.payload);
        }
        _intervals.push(abi.encode(v));
        _evidence.push(abi.encode(p.header));
    }

    mapping(uint32 interval => bytes32 seed) private _seed;

    function _inputsStand(Interval memory v) private returns (bool) {
        bytes32 seed = _seed[v.number];
        HeaderEvidence memory fallen = _fallen[v.number];
        if (fallen.payload.length != 0) {
            try ledger.restoreInputs(fallen) {} catch {} // solhint-disable-line no-empty-blocks
        }
        return ledger.hasInputs(v.number, ordersRoot(v), seed, OPERATOR, 1, opening())
            || ledger.hasInputs(v.number, ordersRoot(v), seed, address(0), 1, opening());
    }

    /// @dev The header of each interval that was voided last.
    mapping(uint32 interval => HeaderEvidence header) private _fallen;

    /// @dev Post upon inputs that a void has left, or that nobody has used yet.
    function _postStanding(Posted memory p) private {
        uint32 interval = ledger.head() + 1;
        bytes memory payload = p.header.payload;
        bytes32 root;
        assembly ("memory-safe") {
            root := mload(add(payload, 36))
        }
        address reserved =
            ledger.hasInputs(interval, root, _seed[interval], OPERATOR, 1, opening()) ? OPERATOR : address(0);
        vm.prank(OPERATOR);
        ledger.postInstead(sentOf(p), "", reserved);
    }

    function _previousHash() private view returns (bytes32) {
        return _evidence.length == 0 ? ledger.genesisHash() : ledger.hashHeader(_header(_evidence.length));
    }

    function _seedOf(bytes memory payload) private pure returns (bytes32 seed) {
        assembly ("memory-safe") {
            seed := mload(add(payload, 328))
        }
    }

    function _next() private view returns (Interval memory) {
        return _charged(_intervals.length == 0 ? example() : following(_interval(_intervals.length)));
    }

    /// @dev Who could not pay for its order is not served; then, for simplicity, nobody is. Fees are charged as far as
    /// anything is left of what covers them.
    function _charged(Interval memory v) private view returns (Interval memory) {
        uint256[] memory collateral = new uint256[](PARTICIPANTS);
        bool isAffordable = true;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            collateral[i] = escrow.collateralAt(uint32(i), v.number);
            isAffordable = isAffordable && policy().pHi * v.orders[i].flexibleWh <= 1000 * room(v, collateral, i);
        }
        if (!isAffordable) idle(v);
        charge(v, collateral, new uint256[](PARTICIPANTS));
        return v;
    }

    /// @dev So dear that deposits are soon used up.
    function fee(uint256 i) internal pure override returns (uint256) {
        return i == RESERVE ? 0 : 900_000;
    }

    function _ringIsFull(uint32 interval) private view returns (bool) {
        // where a void has left its inputs there was room before
        if (interval + 3 <= RING || interval + 2 < ledger.nextGate()) return false;
        return ledger.finalHead() < interval + 3 - RING;
    }

    /// @dev What a proven fault does: only the ledger's own rules protect what is final.
    function void(uint256 interval, uint256 wait) external afterwards(wait) {
        if (_intervals.length == 0) return;
        interval = interval % _intervals.length + 1;
        if (interval <= ledger.finalHead()) return;
        voidFrom(_header(interval), false);
        while (_intervals.length >= interval) {
            _fallen[uint32(_intervals.length)] = _header(_intervals.length);
            _intervals.pop();
            _evidence.pop();
        }
    }

    /// @dev Another operator posts up to four headers with states of its own, and all of them are voided.
    function lie(uint256 count, uint256 wait) external afterwards(wait) {
        if (ledger.frozen()) return;
        Interval memory v = _next();
        uint32 first = v.number;
        bytes32 previous = _previousHash();
        HeaderEvidence memory lowest;
        for (uint256 n = 0; n <= count % 4 && !_ringIsFull(v.number); ++n) {
            bool standing = _inputsStand(v);
            if (!standing) _seed[v.number] = fixInputs(v);
            Posted memory p = commitment(v, _seed[v.number], ledger.gridVersion());
            bytes32 stolen = keccak256(abi.encode("stolen", block.timestamp, v.number, _voided.length));
            bytes memory payload = p.header.payload;
            bytes32 before = n == 0 ? bytes32(0) : _voided[_voided.length - 1].stateRoot;
            assembly ("memory-safe") {
                if before { mstore(add(payload, 100), before) }
                mstore(add(payload, 132), stolen)
            }
            p.header.previousHash = previous;
            if (standing) {
                _postStanding(p);
            } else {
                vm.prank(OPERATOR);
                ledger.post(sentOf(p));
            }
            if (n == 0) lowest = p.header;
            _fallen[v.number] = p.header;
            previous = ledger.hashHeader(p.header);
            _voided.push(Final(v.number, previous, stolen));
            v = _charged(following(v));
        }
        if (v.number == first) return;
        voidFrom(lowest, false);
    }

    function freeze(uint256 wait) external afterwards(wait) {
        // rarely, so that markets live for a while
        if (wait % 16 != 0 || ledger.frozen()) return;
        vm.warp(block.timestamp + DEADLINE + 1);
        ledger.freeze();
    }

    /* ------------------------------------------------ PARTICIPANTS ------------------------------------------- */

    function deposit(uint256 i, uint64 amount, uint256 wait) external afterwards(wait) {
        i %= PARTICIPANTS;
        amount %= DEPOSIT;
        token.mint(address(this), amount);
        token.approve(address(escrow), amount);
        escrow.deposit(uint32(i), amount);
    }

    function announce(uint256 i, uint64 amount, uint256 wait) external afterwards(wait) {
        i = 1 + i % (PARTICIPANTS - 1); // the reserve cannot take its deposit back
        amount = uint64(amount % (uint256(escrow.account(uint32(i)).deposit) + 1));
        vm.prank(owner(i));
        escrow.announceWithdrawal(uint32(i), amount);
    }

    /// @dev Any final header that the ring still keeps.
    function _anyFinal(uint256 back) private view returns (uint32 picked) {
        uint32 last = ledger.finalHead();
        uint32 kept = ledger.nextGate() > RING ? ledger.nextGate() - RING : 1;
        return last < kept ? 0 : uint32(last - back % (last - kept + 1));
    }

    function withdraw(uint256 i, uint256 back, uint256 wait) external afterwards(wait) {
        i %= PARTICIPANTS;
        uint32 last = _anyFinal(back);
        ISettlementEscrow.Account memory a = escrow.account(uint32(i));
        if (last == 0 || a.announced == 0 || last < a.withdrawableFrom) return;
        bytes32 headerHash = ledger.hashHeader(_header(last));
        LeafEvidence memory leaf = stateEvidence(_interval(last).post, i);
        vm.prank(owner(i));
        escrow.withdraw(last, headerHash, leaf);
    }

    function claim(uint256 i, uint256 back, uint256 wait) external afterwards(wait) {
        i %= PARTICIPANTS;
        uint32 last = _anyFinal(back);
        if (last == 0) return;
        Records.State memory s = _interval(last).post[i];
        if (s.credit <= s.debit + escrow.account(uint32(i)).paid) return;
        escrow.claim(last, ledger.hashHeader(_header(last)), stateEvidence(_interval(last).post, i));
    }

    /* ------------------------------------------------ FALSE ACCUSERS ----------------------------------------- */

    function accuse(uint256 interval, uint256 i, uint256 j, uint256 wait) external afterwards(wait) {
        if (_intervals.length == 0) return;
        interval = interval % _intervals.length + 1;
        if (ledger.head() - interval >= RING) return;
        (i, j) = (i % PARTICIPANTS, j % PARTICIPANTS);
        Interval memory v = _interval(interval);
        HeaderEvidence memory h = _header(interval);
        AllocationEvidence memory a = allocationEvidence(v, i);
        LeafEvidence memory post_ = stateEvidence(v.post, i);
        _accuse(abi.encodeCall(IFaultProofs.payment, (h, a)));
        _accuse(abi.encodeCall(IFaultProofs.misplaced, (h, a)));
        _accuse(abi.encodeCall(IFaultProofs.copied, (h, a, orderEvidence(v, i))));
        _accuse(abi.encodeCall(IFaultProofs.pot, (h, a, shareEvidence(v, i))));
        _accuse(abi.encodeCall(IFaultProofs.placement, (h, a, uint32(j), contractEvidence(j))));
        _accuse(abi.encodeCall(IFaultProofs.key, (h, a, stateEvidence(v.pre, i), packedPolicy())));
        _accuse(abi.encodeCall(ICoverFaults.overdrawn, (h, stateEvidence(v.pre, i), post_)));
        LeafEvidence memory order_ = orderEvidence(v, i);
        _accuse(abi.encodeCall(ICoverFaults.uncovered, (h, a, order_, stateEvidence(v.pre, i), packedPolicy())));
        _accuse(abi.encodeCall(IMeterFaults.subscription, (h, a, stateEvidence(v.pre, i))));
        _accuse(abi.encodeCall(IFaultProofs.orderSignature, (h, orderEvidence(v, i))));
        bytes memory transition_ = abi.encodeCall(IFaultProofs.transition, (h, a, statesEvidence(v, i), packedPolicy()));
        _accuse(transition_);
        // and with a byte of the evidence changed
        transition_[4 + j * 131 % (transition_.length - 4)] ^= 0x01;
        _accuse(transition_);
    }

    function _accuse(bytes memory data) private {
        (bool ok,) = address(faults).call(data);
        if (ok) ++wrongVerdicts;
    }

    /* ------------------------------------------------ WHAT MUST HOLD ----------------------------------------- */

    /// @dev Nobody owes more than it has, and the escrow holds exactly what it owes.
    function solvent() external view returns (bool) {
        uint32 last = ledger.finalHead();
        Records.State[] memory state = last == 0 ? example().pre : _interval(last).post;
        uint256 owed;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            ISettlementEscrow.Account memory a = escrow.account(uint32(i));
            if (a.deposit + state[i].credit < state[i].debit + a.paid) return false;
            owed += a.deposit + state[i].credit - state[i].debit - a.paid;
        }
        return owed == token.balanceOf(address(escrow));
    }

    /// @dev Whatever has happened: freeze, wait, and everyone leaves with everything.
    function everyoneLeaves() external returns (bool) {
        if (!ledger.frozen()) {
            vm.warp(block.timestamp + DEADLINE + 1);
            ledger.freeze();
        }
        vm.warp(block.timestamp + WINDOW);
        uint256 last = _intervals.length;
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            if (last == 0) escrow.escapeUnlisted(uint32(i));
            else escrow.escape(ledger.hashHeader(_header(last)), uint32(i), stateEvidence(_interval(last).post, i));
        }
        return token.balanceOf(address(escrow)) == 0;
    }

    /// @dev What was voided answers for no interval, its own or another's.
    function noVoidedStateIsFinal() external view returns (bool) {
        uint32 end = ledger.nextGate() + RING;
        for (uint256 i = 0; i < _voided.length; ++i) {
            Final memory state = _voided[i];
            for (state.interval = 0; state.interval < end; ++state.interval) {
                try ledger.requireFinal(state.interval, state.headerHash, state.stateRoot) {
                    return false;
                } catch {} // solhint-disable-line no-empty-blocks
            }
        }
        return true;
    }

    /// @dev A header that stands and is not final can be voided only because the ring still holds the one before it.
    function theFinalHeadIsKept() external view returns (bool) {
        uint32 last = ledger.finalHead();
        if (last == 0) {
            // genesis cannot be voided, but pays nobody within its first window
            if (block.timestamp < START + WINDOW) return ledger.postedAt(0) == START;
            ledger.requireFinal(0, ledger.genesisHash(), stateRoot(example().pre));
        } else {
            Final memory f = stateOf(_header(last));
            ledger.requireFinal(f.interval, f.headerHash, f.stateRoot);
        }
        return true;
    }

    /// @dev However many intervals there were, the ledger has written none of the array's slots beyond its ring: the next
    /// ones and the last stand for all.
    function onlyTheRingIsWritten() external view returns (bool) {
        uint256 end = ledger.MAX_RING();
        for (uint256 place = RING; place < 4 * RING; ++place) {
            if (vm.load(address(ledger), bytes32(_ENTRIES + place)) != 0) return false;
        }
        bool first = vm.load(address(ledger), bytes32(_ENTRIES)) != 0;
        return first && vm.load(address(ledger), bytes32(_ENTRIES + end - 1)) == 0;
    }

    function headIsWhatStands() external view returns (bool) {
        return ledger.head() == _intervals.length;
    }

    function _interval(uint256 number) private view returns (Interval memory) {
        return abi.decode(_intervals[number - 1], (Interval));
    }

    function _header(uint256 number) private view returns (HeaderEvidence memory) {
        return abi.decode(_evidence[number - 1], (HeaderEvidence));
    }
}
