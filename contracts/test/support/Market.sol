// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ClearingLedger} from "../../src/ClearingLedger.sol";
import {DataRequests} from "../../src/DataRequests.sol";
import {FaultProofs} from "../../src/FaultProofs.sol";
import {FiledReadings} from "../../src/FiledReadings.sol";
import {ForcedOrders} from "../../src/ForcedOrders.sol";
import {GridRegistry} from "../../src/GridRegistry.sol";
import {MarketTerms} from "../../src/MarketTerms.sol";
import {NetworkVerifier} from "../../src/NetworkVerifier.sol";
import {OracleBond} from "../../src/OracleBond.sol";
import {SettlementEscrow} from "../../src/SettlementEscrow.sol";
import {TestToken} from "../../src/dev/TestToken.sol";
import {IClearingLedger} from "../../src/interfaces/IClearingLedger.sol";
import {ICoverFaults} from "../../src/interfaces/ICoverFaults.sol";
import {IInputFaults} from "../../src/interfaces/IInputFaults.sol";
import {CommitReveal} from "../../src/randomness/CommitReveal.sol";
import {HeaderEvidence} from "../../src/types/Evidence.sol";
import {Example} from "./Example.sol";

/// @dev A deployed market at the genesis of the example.
abstract contract Market is Example {
    /// @dev What a claim needs of a posted header.
    struct Final {
        uint32 interval;
        bytes32 headerHash;
        bytes32 stateRoot;
    }

    bytes32 internal constant ORDERS_TYPEHASH = keccak256("Orders(uint32 interval,bytes32 ordersRoot,uint32 until)");

    uint256 internal constant START = 1_800_000_000;
    uint32 internal constant WINDOW = 3600;
    uint32 internal constant DEADLINE = 7200;
    uint32 internal constant RING = 8;
    uint64 internal constant DEPOSIT = 10_000_000;
    uint256 internal constant BOND = 1_000_000_000;
    uint256 internal constant PENALTY = 100_000_000;
    uint256 internal constant REWARD = 20_000_000;
    uint256 internal constant DELAY = 100_000;
    uint32 internal constant ANSWER = 900;
    uint64 internal constant GAS_PRICE = 1 gwei;

    /// @dev Just longer than three headers, the window and a deadline.
    uint256 internal constant TERMS_DELAY = 4 * DEADLINE + WINDOW + 1;
    uint256 internal constant GRID_KEY = 201;
    uint256 internal constant MARKET_KEY = 202;

    address internal constant OPERATOR = address(0x0123);
    address internal constant TREASURER = address(0x0456);
    address internal constant RELIEF = address(0x0789);
    address internal constant WATCHER = address(0x0abc);

    TestToken internal token;
    GridRegistry internal registry;
    ClearingLedger internal ledger;
    OracleBond internal bond;
    FaultProofs internal faults;
    CommitReveal internal beacon;
    SettlementEscrow internal escrow;
    NetworkVerifier internal verifier;
    ForcedOrders internal forced;
    DataRequests internal requests;
    MarketTerms internal terms;
    FiledReadings internal readings;

    bytes32[] internal chainA;
    bytes32[] internal chainB;

    function setUp() public virtual {
        vm.warp(START);
        deploy(1, true);
    }

    function deploy(uint8 signatures, bool eager) internal {
        token = TestToken(create("TestToken", ""));
        registry = GridRegistry(create("GridRegistry", ""));
        uint32 version = registry.registerGrid(packedGrid());
        uint256 nonce = vm.getNonce(address(this));
        address bondAt = vm.computeCreateAddress(address(this), nonce + 1);
        address faultsAt = vm.computeCreateAddress(address(this), nonce + 2);
        address beaconAt = vm.computeCreateAddress(address(this), nonce + 3);
        Interval memory genesis = example();
        IClearingLedger.Config memory c = IClearingLedger.Config({
            registry: address(registry),
            beacon: beaconAt,
            bond: bondAt,
            faults: faultsAt,
            terms: vm.computeCreateAddress(address(this), nonce + 8),
            policyHash: policyHash(),
            contractsRoot: contractsRoot(genesis),
            sharesRoot: sharesRoot(genesis),
            genesisStateRoot: stateRoot(genesis.pre),
            genesisNonce: keccak256("a test market"),
            gridVersion: version,
            participants: uint32(PARTICIPANTS),
            windowSeconds: WINDOW,
            deadlineSeconds: DEADLINE,
            ringSize: RING,
            signatures: signatures,
            eager: eager
        });
        ledger = ClearingLedger(create("ClearingLedger", abi.encode(c, packedPolicy())));
        address[] memory signers = new address[](3);
        signers[0] = OPERATOR;
        signers[1] = vm.addr(101);
        signers[2] = vm.addr(102);
        OracleBond.Config memory stake =
            OracleBond.Config(token, address(ledger), faultsAt, TREASURER, RELIEF, PENALTY, PENALTY, REWARD, DELAY);
        bond = OracleBond(create("OracleBond", abi.encode(stake, signers)));
        address escrowAt = vm.computeCreateAddress(address(this), nonce + 4);
        address verifierAt = vm.computeCreateAddress(address(this), nonce + 5);
        address forcedAt = vm.computeCreateAddress(address(this), nonce + 6);
        address requestsAt = vm.computeCreateAddress(address(this), nonce + 7);
        address readingsAt = vm.computeCreateAddress(address(this), nonce + 9);
        bytes memory peers = abi.encode(address(ledger), bondAt, escrowAt, verifierAt, forcedAt, requestsAt, readingsAt);
        faults = FaultProofs(create("FaultProofs", peers));
        beacon = CommitReveal(createBeacon());
        escrow = SettlementEscrow(
            create("SettlementEscrow", abi.encode(address(token), address(ledger), address(this), outflowCap(), 1))
        );
        verifier = NetworkVerifier(create("NetworkVerifier", abi.encode(address(registry))));
        forced = ForcedOrders(create("ForcedOrders", abi.encode(address(ledger), escrowAt)));
        requests = DataRequests(create("DataRequests", abi.encode(address(ledger), ANSWER, GAS_PRICE)));
        assertEq(address(requests), requestsAt);
        terms = MarketTerms(
            create(
                "MarketTerms",
                abi.encode(address(ledger), vm.addr(GRID_KEY), vm.addr(MARKET_KEY), address(this), TERMS_DELAY)
            )
        );
        readings = FiledReadings(create("FiledReadings", abi.encode(address(ledger))));
        assertEq(address(readings), readingsAt);
        assertEq(address(terms), ledger.terms());
        assertEq(address(bond), bondAt);
        assertEq(address(faults), faultsAt);
        assertEq(address(beacon), beaconAt);

        token.mint(address(this), BOND + 7 * DEPOSIT);
        token.approve(address(bond), BOND);
        bond.bond(BOND);
        token.approve(address(escrow), 7 * DEPOSIT);
        address[] memory owners = new address[](PARTICIPANTS);
        for (uint256 i = 0; i < PARTICIPANTS; ++i) {
            owners[i] = owner(i);
        }
        escrow.registerMany(owners, 0, DEPOSIT);
        separator = ledger.domainSeparator();
    }

    /// @dev The proofs about collateral, which are called at the address of all.
    function covers() internal view returns (ICoverFaults) {
        return ICoverFaults(address(faults));
    }

    /// @dev The proofs about what goes into a clearing, likewise.
    function inputs() internal view returns (IInputFaults) {
        return IInputFaults(address(faults));
    }

    /// @dev Where seeds come from.
    function createBeacon() internal virtual returns (address) {
        return create("CommitReveal", abi.encode(address(ledger), _tips()));
    }

    /// @dev Bring the seed of an interval.
    function drawSeed(uint32 interval) internal virtual returns (bytes32) {
        return beacon.reveal(interval, preimages());
    }

    /// @dev What may flow out in a window to who never deposited.
    function outflowCap() internal pure virtual returns (uint64) {
        return type(uint64).max;
    }

    /// @dev Two parties with chains of 64 links.
    function _tips() private returns (bytes32[] memory tips) {
        tips = new bytes32[](2);
        delete chainA;
        delete chainB;
        chainA.push("party a");
        chainB.push("party b");
        for (uint256 i = 0; i < 64; ++i) {
            chainA.push(keccak256(abi.encodePacked(chainA[i])));
            chainB.push(keccak256(abi.encodePacked(chainB[i])));
        }
        tips[0] = chainA[64];
        tips[1] = chainB[64];
    }

    function preimages() internal view returns (bytes32[] memory p) {
        p = new bytes32[](2);
        uint256 skipped = beacon.skipped();
        for (uint256 i = skipped; i < 64; ++i) {
            if (chainA[i + 1] == beacon.tip(0)) p[0] = chainA[i - skipped];
            if (chainB[i + 1] == beacon.tip(1)) p[1] = chainB[i - skipped];
        }
    }

    /// @dev Fix the orders, reveal the seed, and complete the interval's header with both.
    function fixInputs(Interval memory v) internal returns (bytes32 seed) {
        uint32 interval = ledger.head() + 1;
        fixOrders(interval, ordersRoot(v));
        seed = drawSeed(interval);
    }

    /// @dev Fix orders, by as many signers as a header needs.
    function fixOrders(uint32 interval, bytes32 root) internal {
        uint256 more = ledger.signatures() - 1;
        if (more == 0) {
            vm.prank(OPERATOR);
            ledger.commitOrders(interval, root);
        } else {
            uint32 until = uint32(block.timestamp);
            bytes32 structHash = keccak256(abi.encode(ORDERS_TYPEHASH, interval, root, until));
            bytes memory list = cosigned(structHash, more);
            vm.prank(OPERATOR);
            ledger.commitOrdersSigned(interval, root, until, list);
        }
    }

    /// @dev What others sign of a header; of one after a void with its time.
    function headerStruct(bytes32 headerHash, uint32 restartedAt) internal pure returns (bytes32) {
        if (restartedAt == 0) return keccak256(abi.encode(keccak256("Header(bytes32 headerHash)"), headerHash));
        bytes32 typeHash = keccak256("HeaderAnew(bytes32 headerHash,uint32 restartedAt)");
        return keccak256(abi.encode(typeHash, headerHash, restartedAt));
    }

    /// @dev Compact signatures of one or both of the other signers, in ascending order of address.
    function cosigned(bytes32 structHash, uint256 count) internal view returns (bytes memory) {
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", ledger.domainSeparator(), structHash));
        (uint256 low, uint256 high) = vm.addr(101) < vm.addr(102) ? (101, 102) : (102, 101);
        return count == 1
            ? compactSignature(101, digest)
            : bytes.concat(compactSignature(low, digest), compactSignature(high, digest));
    }

    /// @dev EIP-2098: the parity of v is the first bit of s.
    function compactSignature(uint256 privateKey, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(privateKey, digest);
        return abi.encodePacked(r, bytes32(uint256(s) | uint256(v - 27) << 255));
    }

    /// @dev Everything up to a posted header; returns it as evidence.
    function postInterval(Interval memory v) internal returns (Posted memory posted) {
        (uint32 version,) = terms.inForce(ledger.head() + 1);
        posted = postWith(v, version);
    }

    /// @dev The same on a grid of the test's choice.
    function postWith(Interval memory v, uint32 version) internal returns (Posted memory posted) {
        posted = ready(v, version);
        vm.prank(OPERATOR);
        ledger.post(sentOf(posted));
        lastHash = ledger.hashHeader(posted.header);
    }

    /// @dev Everything up to a header that is yet to be posted.
    function ready(Interval memory v, uint32 version) internal returns (Posted memory posted) {
        bytes32 seed = fixInputs(v);
        posted = commitment(v, seed, version);
        posted.header.previousHash = ledger.head() == 0 ? ledger.genesisHash() : lastHash;
    }

    /// @dev Policy, shares and contracts at genesis.
    function opening() internal view returns (bytes32) {
        Interval memory v = example();
        return keccak256(abi.encodePacked(policyHash(), sharesRoot(v), contractsRoot(v)));
    }

    function sentOf(Posted memory p) internal pure returns (bytes memory) {
        return sentOf(p.header.previousHash, p.header.payload, p.certificate);
    }

    /// @dev What the operator sends of a header: without what the ledger puts in itself.
    function sentOf(bytes32 previousHash, bytes memory payload, bytes memory certificate)
        internal
        pure
        returns (bytes memory)
    {
        return bytes.concat(
            bytes.concat(previousHash, part(payload, 0, 132), part(payload, 164, 64), part(payload, 292, 92)),
            part(payload, 392, 8),
            part(payload, 408, 28),
            certificate
        );
    }

    function part(bytes memory data, uint256 from, uint256 length) internal pure returns (bytes memory cut) {
        cut = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            cut[i] = data[from + i];
        }
    }

    /// @dev What a proven fault does.
    function voidFrom(HeaderEvidence memory header, bool ordersFault) internal {
        vm.prank(address(faults));
        ledger.voidFrom(header, ordersFault);
    }

    bytes32 internal lastHash;

    /// @dev What a claim needs of a posted header.
    function stateOf(HeaderEvidence memory h) internal view returns (Final memory e) {
        bytes memory payload = h.payload;
        uint32 interval;
        bytes32 root;
        assembly ("memory-safe") {
            interval := shr(224, mload(add(payload, 0x20)))
            root := mload(add(payload, 132))
        }
        return Final(interval, ledger.hashHeader(h), root);
    }

    /// @dev Let the dispute window of everything posted pass.
    function passWindow() internal {
        vm.warp(block.timestamp + WINDOW);
    }
}
