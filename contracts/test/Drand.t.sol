// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DevBeacon} from "../src/dev/DevBeacon.sol";
import {ICourt} from "../src/interfaces/ICourt.sol";
import {IClearingLedger} from "../src/interfaces/IClearingLedger.sol";
import {IDrandBeacon} from "../src/interfaces/IDrandBeacon.sol";
import {IInputFaults} from "../src/interfaces/IInputFaults.sol";
import {IOrderLog} from "../src/interfaces/IOrderLog.sol";
import {Bls} from "../src/libraries/Bls.sol";
import {HeaderEvidence, SeedEvidence} from "../src/types/Evidence.sol";
import {Market} from "./support/Market.sol";

/// @dev A market on the rounds of the League of Entropy's quicknet: genuine ones, wrong ones, and what becomes of those.
contract DrandTest is Market {
    uint32 private constant _DELAY = 10;
    uint64 private constant _ROUND = 1000;
    /// @dev When round 1000 came out.
    uint256 private constant _TIME = 1_692_806_364;

    string private _json;
    bytes[] private _signature;
    uint256[] private _round;
    uint256[] private _signed;
    bytes private _key;

    function setUp() public override {
        _json = vm.readFile("../tests/vectors/drand.json");
        _round = vm.parseJsonUintArray(_json, ".rounds.round");
        _signature = vm.parseJsonBytesArray(_json, ".rounds.signature");
        _signed = vm.parseJsonUintArray(_json, ".rounds.signed");
        _key = vm.parseJsonBytesArray(_json, ".network.evmKey")[0];
        vm.warp(_TIME - _DELAY);
        deploy(1, true);
    }

    function createBeacon() internal override returns (address) {
        return create("DrandBeacon", _arguments(_key, 1_692_803_367, 3, _DELAY));
    }

    /// @dev By the operator, right.
    function drawSeed(uint32 interval) internal override returns (bytes32) {
        return _draw(interval, _signature[0]);
    }

    function _draw(uint32 interval, bytes memory signature) private returns (bytes32) {
        vm.warp(_TIME);
        vm.prank(OPERATOR);
        return _drand().submit(interval, signature);
    }

    function _arguments(bytes memory key_, uint64 genesis, uint32 period, uint32 delay)
        private
        view
        returns (bytes memory)
    {
        return abi.encode(address(ledger), address(bond), key_, genesis, period, delay);
    }

    function _drand() private view returns (IDrandBeacon) {
        return IDrandBeacon(address(beacon));
    }

    function _proofs() private view returns (IInputFaults) {
        return inputs();
    }

    function _accepted(bytes32 root) private view returns (SeedEvidence memory) {
        return SeedEvidence(1, root, OPERATOR, 1, opening());
    }

    /* ------------------------------------------------ VERIFYING ---------------------------------------------- */

    function test_isSigned_asPythonJudges() public view {
        assertTrue(_round.length > 10, "there are vectors");
        for (uint256 i = 0; i < _round.length; ++i) {
            assertEq(_drand().isSigned(uint64(_round[i]), _signature[i]) ? 1 : 0, _signed[i]);
        }
    }

    function test_isSigned_onlyOf48Bytes() public view {
        assertTrue(!_drand().isSigned(_ROUND, ""), "empty");
        assertTrue(!_drand().isSigned(_ROUND, bytes.concat(_signature[0], hex"00")), "one byte more");
    }

    function test_seedOf_asPythonComputes() public view {
        uint256[] memory interval = vm.parseJsonUintArray(_json, ".seeds.interval");
        bytes32[] memory domain = vm.parseJsonBytes32Array(_json, ".seeds.domainHash");
        bytes32[] memory seed = vm.parseJsonBytes32Array(_json, ".seeds.seed");
        for (uint256 i = 0; i < seed.length; ++i) {
            uint32 t = uint32(interval[i]);
            bytes memory rest = abi.encodePacked(t, uint64(_round[i]), _signature[i]);
            assertEq(keccak256(bytes.concat(domain[i], rest)), seed[i]);
            bytes32 own = keccak256(bytes.concat(ledger.domainHash(), rest));
            assertEq(_drand().seedOf(t, uint64(_round[i]), _signature[i]), own);
        }
        assertTrue(seed.length == 4, "there are vectors");
    }

    function test_isSigned_withTooLittleGasSaysNothing() public view {
        (bool done, bytes memory reason) =
            address(beacon).staticcall{gas: 420_000}(abi.encodeCall(IDrandBeacon.isSigned, (_ROUND, _signature[0])));
        assertTrue(!done && bytes4(reason) == Bls.Bls_Unavailable.selector, "it judged without the gas to judge");
    }

    /* ------------------------------------------------ DEPLOYING ---------------------------------------------- */

    function test_deploy_refusesWhatCannotWork() public {
        bytes memory zero = new bytes(256);
        bytes memory off = bytes.concat(_key);
        off[255] ^= 0x01;
        bytes[7] memory wrong = [
            _arguments(_key, 1_692_803_367, 0, _DELAY),
            _arguments(_key, 1_692_803_367, 3, 0),
            _arguments(_key, 5, 3, _DELAY),
            _arguments(_key, 1 << 32, 3, _DELAY),
            _arguments(zero, 1_692_803_367, 3, _DELAY),
            _arguments(off, 1_692_803_367, 3, _DELAY),
            _arguments(tail(_key, 1), 1_692_803_367, 3, _DELAY)
        ];
        for (uint256 i = 0; i < wrong.length; ++i) {
            assertEq(tryCreate("DrandBeacon", wrong[i]), address(0));
        }
    }

    function test_devBeacon_onlyOnDevelopmentChains() public {
        bytes memory arguments = abi.encode(address(ledger));
        vm.chainId(1);
        assertEq(tryCreate("DevBeacon", arguments), address(0));
        uint64[3] memory development = [uint64(31_337), 1337, 131_277_322_940_537];
        for (uint256 i = 0; i < 3; ++i) {
            vm.chainId(development[i]);
            assertEq(DevBeacon(create("DevBeacon", arguments)).ledger(), address(ledger));
        }
    }

    /* ------------------------------------------------ BRINGING A SEED ---------------------------------------- */

    function _commit() private returns (bytes32 root) {
        root = ordersRoot(example());
        vm.prank(OPERATOR);
        ledger.commitOrders(1, root);
    }

    function test_submit_theFirstRoundAfterTheDelay() public {
        vm.expectRevert(abi.encodeWithSelector(IDrandBeacon.Drand_NotAwaited.selector, 1));
        _drand().awaitedRound(1);
        _commit();
        assertEq(_drand().awaitedRound(1), _ROUND);
        vm.warp(block.timestamp + 1);
        vm.prank(OPERATOR);
        ledger.commitOrders(2, bytes32("orders"));
        assertEq(_drand().awaitedRound(2), _ROUND + 1);
        vm.expectRevert(abi.encodeWithSelector(IDrandBeacon.Drand_NotYet.selector, _ROUND, _TIME));
        vm.prank(OPERATOR);
        _drand().submit(1, _signature[0]);
        assertEq(_draw(1, _signature[0]), _drand().seedOf(1, _ROUND, _signature[0]));
        vm.expectRevert(abi.encodeWithSelector(IDrandBeacon.Drand_NotAwaited.selector, 1));
        vm.prank(OPERATOR);
        _drand().submit(1, _signature[0]);
    }

    function test_submit_beforeTheNetworkBeganAwaitsItsFirstRound() public {
        vm.warp(1_692_803_367 - 100);
        _commit();
        assertEq(_drand().awaitedRound(1), 1);
    }

    function test_submit_byAnybodyIsVerifiedAtOnce() public {
        _commit();
        vm.warp(_TIME);
        vm.expectRevert(IDrandBeacon.Drand_WrongSignature.selector);
        vm.prank(WATCHER);
        _drand().submit(1, _signature[1]);
        vm.expectRevert(IDrandBeacon.Drand_WrongSignature.selector);
        _drand().submit(1, tail(_signature[0], 1));
        vm.prank(WATCHER);
        bytes32 seed = _drand().submit(1, _signature[0]);
        assertTrue(
            ledger.hasInputs(1, ordersRoot(example()), seed, OPERATOR, 1, opening()), "a right seed was not taken"
        );
    }

    /* ------------------------------------------------ PROVING ------------------------------------------------ */

    /// @dev An interval under a seed of one of the vectors, posted.
    function _post(bytes memory signature) private returns (HeaderEvidence memory) {
        Interval memory v = example();
        _commit();
        bytes32 seed = _draw(1, signature);
        Posted memory p = commitment(v, seed, ledger.gridVersion());
        p.header.previousHash = ledger.genesisHash();
        vm.prank(OPERATOR);
        ledger.post(sentOf(p));
        return p.header;
    }

    function test_seed_aGenuineRoundCannotBeVoided() public {
        HeaderEvidence memory h = _post(_signature[0]);
        vm.expectRevert(ICourt.Fault_NotProven.selector);
        _proofs().seed(h, _ROUND, _signature[0]);
        bytes32 root = ordersRoot(example());
        // What has a header is not ahead.
        vm.expectRevert(ICourt.Fault_NotCommitted.selector);
        _proofs().seedAhead(_accepted(root), _ROUND, _signature[0]);
        // Anything else is not what the seed is made of.
        for (uint256 i = 1; i < _round.length; ++i) {
            vm.expectRevert(ICourt.Fault_NotCommitted.selector);
            _proofs().seed(h, uint64(_round[i]), _signature[i]);
            vm.expectRevert(ICourt.Fault_NotCommitted.selector);
            _proofs().seedAhead(_accepted(root), uint64(_round[i]), _signature[i]);
        }
        vm.expectRevert(ICourt.Fault_NotCommitted.selector);
        _proofs().seedAhead(_accepted(bytes32("other")), _ROUND, _signature[0]);
        assertEq(ledger.head(), 1);
    }

    function test_seed_everyWrongSignatureIsVoidedAndItsOrdersAwaitTheSameRound() public {
        for (uint256 i = 0; i < _round.length; ++i) {
            if (_signed[i] == 1 || _round[i] != _ROUND) continue;
            uint256 snapshot = vm.snapshotState();
            HeaderEvidence memory h = _post(_signature[i]);
            _proofs().seed(h, _ROUND, _signature[i]);
            assertEq(ledger.head(), 0);
            assertEq(bond.bonded(), BOND - PENALTY);
            assertEq(_drand().awaitedRound(1), _ROUND);
            vm.expectRevert(abi.encodeWithSelector(IOrderLog.OrderLog_AlreadyCommitted.selector, 1));
            vm.prank(OPERATOR);
            ledger.commitOrders(1, bytes32("other orders"));
            bytes32 seed = _draw(1, _signature[0]);
            assertTrue(
                ledger.hasInputs(1, ordersRoot(example()), seed, address(0), 1, opening()), "not the same orders"
            );
            vm.revertToState(snapshot);
        }
    }

    /// @dev Else one of several signers could have the common bond slashed without the others, again and again.
    function test_submit_whereSeveralSignNoneIsBelieved() public {
        deploy(2, true);
        vm.warp(_TIME - _DELAY);
        fixOrders(1, ordersRoot(example()));
        vm.warp(_TIME);
        vm.expectRevert(IDrandBeacon.Drand_WrongSignature.selector);
        vm.prank(OPERATOR);
        _drand().submit(1, _signature[1]);
        vm.prank(OPERATOR);
        _drand().submit(1, _signature[0]);
        assertEq(ledger.ordersCommittedAt(1), 0);
    }

    function test_seedAhead_aGenuineSeedStands() public {
        bytes32 root = _commit();
        _draw(1, _signature[0]);
        vm.expectRevert(ICourt.Fault_NotProven.selector);
        _proofs().seedAhead(_accepted(root), _ROUND, _signature[0]);
    }

    function test_seedAhead_beforeAnyHeader() public {
        bytes32 root = _commit();
        _draw(1, _signature[1]);
        _proofs().seedAhead(_accepted(root), _ROUND, _signature[1]);
        assertEq(bond.bonded(), BOND - PENALTY);
        assertEq(_drand().awaitedRound(1), _ROUND);
        vm.expectRevert(ICourt.Fault_NotCommitted.selector);
        _proofs().seedAhead(_accepted(root), _ROUND, _signature[1]);
    }

    function test_seed_neverOfAFinalHeader() public {
        HeaderEvidence memory h = _post(_signature[1]);
        passWindow();
        vm.expectRevert(IClearingLedger.Ledger_AlreadyFinal.selector);
        _proofs().seed(h, _ROUND, _signature[1]);
        bytes32 root = ordersRoot(example());
        vm.expectRevert(ICourt.Fault_NotCommitted.selector);
        _proofs().seedAhead(_accepted(root), _ROUND, _signature[1]);
    }

    function test_voidSeed_onlyByTheProofsAndOnlyWhatWasAccepted() public {
        HeaderEvidence memory h = _post(_signature[1]);
        SeedEvidence memory accepted = _accepted(ordersRoot(example()));
        bytes32 seed = _drand().seedOf(1, _ROUND, _signature[0]);
        vm.expectRevert(IClearingLedger.Ledger_Unauthorised.selector);
        ledger.voidSeed(h, 1);
        vm.expectRevert(IClearingLedger.Ledger_Unauthorised.selector);
        ledger.reopenSeed(accepted, seed, 1);
        vm.expectRevert(IClearingLedger.Ledger_WrongInputs.selector);
        vm.prank(address(faults));
        ledger.reopenSeed(accepted, bytes32("other"), 1);
        vm.expectRevert(abi.encodeWithSelector(IClearingLedger.Ledger_UnknownHeader.selector, 1));
        h.previousHash = bytes32("other");
        _proofs().seed(h, _ROUND, _signature[1]);
    }

    /* ------------------------------------------------ OVERTAKEN BY A COPY ------------------------------------ */

    function _overtaken(bytes memory proof) private {
        vm.prank(WATCHER);
        faults.commit(keccak256(abi.encode(WATCHER, keccak256(proof))));
        vm.roll(vm.getBlockNumber() + 1);
        (bool done,) = address(faults).call(bytes.concat(proof, hex"00"));
        assertTrue(done, "a copy that nobody reserved voids too");
        (done,) = address(faults).call(proof);
        assertTrue(!done, "and its sender collects nothing");
        vm.prank(WATCHER);
        (done,) = address(faults).call(proof);
        assertTrue(done, "the prover's own call");
        assertEq(token.balanceOf(WATCHER), REWARD);
        assertEq(bond.bonded(), BOND - PENALTY);
    }

    function test_seed_whoIsOvertakenByACopyCollects() public {
        HeaderEvidence memory h = _post(_signature[1]);
        _overtaken(abi.encodeCall(IInputFaults.seed, (h, _ROUND, _signature[1])));
    }

    function test_seedAhead_whoIsOvertakenByACopyCollects() public {
        bytes32 root = _commit();
        _draw(1, _signature[1]);
        _overtaken(abi.encodeCall(IInputFaults.seedAhead, (_accepted(root), _ROUND, _signature[1])));
    }
}

/// @dev A market whose seeds everybody knows, for development.
contract DevBeaconTest is Market {
    function createBeacon() internal override returns (address) {
        return create("DevBeacon", abi.encode(address(ledger)));
    }

    function drawSeed(uint32 interval) internal override returns (bytes32) {
        return DevBeacon(address(beacon)).draw(interval);
    }

    function test_anIntervalIsClearedUnderIt() public {
        postInterval(example());
        assertEq(ledger.head(), 1);
    }
}
