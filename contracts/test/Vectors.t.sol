// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GridRegistry} from "../src/GridRegistry.sol";
import {Draw} from "../src/libraries/Draw.sol";
import {FairPlay} from "../src/libraries/FairPlay.sol";
import {Headers} from "../src/libraries/Headers.sol";
import {Network} from "../src/libraries/Network.sol";
import {Orders} from "../src/libraries/Orders.sol";
import {Policies} from "../src/libraries/Policies.sol";
import {Records} from "../src/libraries/Records.sol";
import {Response} from "../src/libraries/Response.sol";
import {Tightening} from "../src/libraries/Tightening.sol";
import {Trees} from "../src/libraries/Trees.sol";
import {TestBase} from "./support/Vm.sol";

/// @dev The libraries give the same integers and bytes as the Python that made tests/vectors.
contract VectorsTest is TestBase {
    string private _json;

    function _open(string memory name) private {
        _json = vm.readFile(string.concat("../tests/vectors/", name, ".json"));
    }

    function _uints(string memory column) private view returns (uint256[] memory) {
        return vm.parseJsonUintArray(_json, string.concat(".", column));
    }

    function _ints(string memory column) private view returns (int256[] memory) {
        return vm.parseJsonIntArray(_json, string.concat(".", column));
    }

    function _words(string memory column) private view returns (bytes32[] memory) {
        return vm.parseJsonBytes32Array(_json, string.concat(".", column));
    }

    function _blobs(string memory column) private view returns (bytes[] memory) {
        return vm.parseJsonBytesArray(_json, string.concat(".", column));
    }

    /* ------------------------------------------------ DRAW --------------------------------------------------- */

    function test_draw() public {
        _open("draw");
        bytes32[] memory seed = _words("draws.seed");
        uint256[] memory index = _uints("draws.index");
        uint256[] memory g = _uints("draws.g");
        for (uint256 i = 0; i < g.length; ++i) {
            assertEq(Draw.draw(seed[i], index[i]), g[i]);
        }
        uint256[] memory h = _uints("gumbel.h");
        g = _uints("gumbel.g");
        for (uint256 i = 0; i < g.length; ++i) {
            assertEq(Draw.gumbel(h[i]), g[i]);
        }
        uint256[] memory x = _uints("log2Complement.x");
        uint256[] memory y = _uints("log2Complement.y");
        for (uint256 i = 0; i < x.length; ++i) {
            assertEq(Draw.log2Complement(x[i]), y[i]);
        }
        assertTrue(g.length != 0 && x.length != 0, "there are vectors");
    }

    /* ------------------------------------------------ RESPONSE ----------------------------------------------- */

    function test_response() public {
        _open("response");
        uint256[] memory q = _uints("responses.q");
        int256[] memory price = _ints("responses.price");
        uint256[] memory demand = _uints("responses.demand");
        uint256[] memory supply = _uints("responses.supply");
        for (uint256 i = 0; i < q.length; ++i) {
            Records.Ramp memory r = _ramp(i, q[i]);
            assertEq(Response.demand(r, price[i]), demand[i]);
            assertEq(Response.supply(r, price[i]), supply[i]);
        }
        assertTrue(q.length != 0, "there are vectors");
    }

    function _ramp(uint256 i, uint256 q) private view returns (Records.Ramp memory) {
        return Records.Ramp(q, _uints("responses.pa")[i], _uints("responses.pb")[i], 0);
    }

    function test_bracketEndsAreInsideAndTheirNeighboursOutside() public {
        _open("response");
        uint256[] memory q = _uints("responses.q");
        int256[] memory price = _ints("responses.price");
        uint256[] memory least = _uints("responses.demandLeast");
        uint256[] memory most = _uints("responses.demandMost");
        uint256[] memory supplyLeast = _uints("responses.supplyLeast");
        uint256[] memory supplyMost = _uints("responses.supplyMost");
        for (uint256 i = 0; i < q.length; ++i) {
            Records.Ramp memory r = _ramp(i, q[i]);
            _expectInside(r, price[i], least[i], most[i], false);
            _expectInside(r, price[i], supplyLeast[i], supplyMost[i], true);
        }
    }

    function _expectInside(Records.Ramp memory r, int256 price, uint256 least, uint256 most, bool supply) private pure {
        assertTrue(_inside(r, price, least, supply), "the least");
        assertTrue(_inside(r, price, most, supply), "the most");
        assertTrue(!_inside(r, price, most + 1, supply), "more than the most");
        if (least != 0) assertTrue(!_inside(r, price, least - 1, supply), "less than the least");
    }

    function _inside(Records.Ramp memory r, int256 price, uint256 x, bool supply) private pure returns (bool) {
        r.x = x;
        return supply ? Response.supplyInside(r, price) : Response.demandInside(r, price);
    }

    /* ------------------------------------------------ FAIRNESS AND PRICE ------------------------------------- */

    function test_memoryAndDeficit() public {
        _open("fairness");
        uint256[] memory memory_ = _uints("memories.memory");
        uint256[] memory beta = _uints("memories.beta");
        uint256[] memory fstar = _uints("memories.fstar");
        uint256[] memory asked = _uints("memories.requested");
        uint256[] memory served = _uints("memories.served");
        uint256[] memory next = _uints("memories.next");
        for (uint256 i = 0; i < memory_.length; ++i) {
            assertEq(FairPlay.nextMemory(beta[i], memory_[i], fstar[i], asked[i], served[i]), next[i]);
        }
        uint256[] memory deficit = _uints("deficits.deficit");
        fstar = _uints("deficits.fstar");
        asked = _uints("deficits.requested");
        served = _uints("deficits.served");
        next = _uints("deficits.next");
        for (uint256 i = 0; i < deficit.length; ++i) {
            assertEq(FairPlay.nextDeficit(deficit[i], fstar[i], asked[i], served[i]), next[i]);
        }
        assertTrue(memory_.length != 0 && deficit.length != 0, "there are vectors");
    }

    function test_key() public {
        _open("fairness");
        uint256[] memory key = _uints("keys.key");
        uint256[] memory g = _uints("keys.g");
        for (uint256 i = 0; i < key.length; ++i) {
            Policies.Policy memory p;
            p.gamma = _uints("keys.gamma")[i];
            p.tau = _uints("keys.tau")[i];
            p.v = _uints("keys.v")[i];
            p.kMax = _uints("keys.kMax")[i];
            Records.State memory s;
            s.memoryPpb = _uints("keys.memory")[i];
            s.deficit = _uints("keys.deficit")[i];
            s.rateWh = _uints("keys.rate")[i];
            assertEq(FairPlay.keyOf(p, s, g[i]), key[i]);
        }
        assertTrue(key.length != 0, "there are vectors");
    }

    function test_price() public {
        _open("price");
        uint256[] memory tau = _uints("layers.tau");
        for (uint256 i = 0; i < tau.length; ++i) {
            uint256 actual = FairPlay.tightness(
                _uints("layers.requested")[i],
                _uints("layers.offered")[i],
                _uints("layers.total")[i],
                _uints("layers.limit")[i]
            );
            assertEq(actual, tau[i]);
        }
        uint256[] memory price = _uints("prices.price");
        for (uint256 i = 0; i < price.length; ++i) {
            Policies.Policy memory p;
            p.priceCurve = _uints("prices.curve")[i];
            p.pLo = _uints("prices.pLo")[i];
            p.pHi = _uints("prices.pHi")[i];
            assertEq(FairPlay.price(p, _uints("prices.tau")[i]), price[i]);
        }
        assertTrue(tau.length != 0 && price.length != 0, "there are vectors");
    }

    /* ------------------------------------------------ HASHES AND TREES --------------------------------------- */

    function plainRoot(uint8 kind, bytes calldata record, uint256 index, bytes calldata path)
        external
        pure
        returns (bytes32, bytes32)
    {
        bytes32 leaf = Trees.leaf(kind, record);
        return (leaf, Trees.plainRoot(leaf, index, path));
    }

    function test_plainTrees() public {
        _open("commitment");
        uint256[] memory kind = _uints("leaves.kind");
        bytes[] memory record = _blobs("leaves.record");
        bytes[] memory path = _blobs("leaves.path");
        for (uint256 i = 0; i < kind.length; ++i) {
            (bytes32 leaf, bytes32 root) = this.plainRoot(uint8(kind[i]), record[i], _uints("leaves.index")[i], path[i]);
            assertEq(leaf, _words("leaves.leaf")[i]);
            assertEq(root, _words("leaves.root")[i]);
        }
        bytes32[] memory empty = _words("empty.root");
        for (uint256 i = 0; i < empty.length; ++i) {
            assertEq(Trees.emptyRoot(i), empty[i]);
        }
        assertTrue(kind.length != 0, "there are vectors");
    }

    function allocationRoots(
        bytes calldata record,
        uint256 slot,
        bytes calldata lower,
        bytes calldata bus,
        uint256 position,
        bytes calldata upper
    ) external pure returns (bytes32 busRoot, bytes32 expected, bytes32 root) {
        busRoot = Trees.sumRoot(Trees.leaf(Records.KIND_ALLOCATION, record), slot, lower);
        expected = Records.bus(bus).root;
        root = Trees.sumRoot(Trees.bus(bus), position, upper);
    }

    function test_allocationTree() public {
        _open("commitment");
        uint256[] memory slot = _uints("lines.slot");
        for (uint256 i = 0; i < slot.length; ++i) {
            (bytes32 busRoot, bytes32 expected, bytes32 root) = this.allocationRoots(
                _blobs("lines.record")[i],
                slot[i],
                _blobs("lines.lower")[i],
                _blobs("lines.bus")[i],
                _uints("lines.position")[i],
                _blobs("lines.upper")[i]
            );
            assertEq(busRoot, expected);
            assertEq(root, _words("lines.root")[i]);
        }
        assertTrue(slot.length != 0, "there are vectors");
    }

    function headerHash(bytes32 domainHash, bytes32 previous, bytes calldata payload) external pure returns (bytes32) {
        return Headers.hash(domainHash, previous, payload);
    }

    function test_headers() public {
        _open("commitment");
        bytes32 domainHash = _words("domain.domainHash")[0];
        bytes[] memory payload = _blobs("headers.payload");
        for (uint256 i = 0; i < payload.length; ++i) {
            bytes32 hash = this.headerHash(domainHash, _words("headers.previous")[i], payload[i]);
            assertEq(hash, _words("headers.hash")[i]);
        }
        assertTrue(payload.length != 0, "there are vectors");
    }

    function openPolicy(bytes calldata packed, bytes32 hash) external pure returns (Policies.Policy memory) {
        return Policies.open(packed, hash);
    }

    function test_policy() public {
        _open("commitment");
        Policies.Policy memory p = this.openPolicy(_blobs("domain.policy")[0], _words("domain.policyHash")[0]);
        assertEq(p.pCap, 300_000);
        assertEq(p.maxBid, 250_000);
    }

    function orderSigner(bytes calldata record, bytes32 separator) external pure returns (address) {
        return Orders.signer(Records.order(record), separator);
    }

    function test_orderSignatures() public {
        _open("order");
        bytes[] memory record = _blobs("orders.record");
        bytes[] memory signer = _blobs("orders.signer");
        for (uint256 i = 0; i < record.length; ++i) {
            address expected = signer[i].length == 0 ? address(0) : address(bytes20(signer[i]));
            assertEq(this.orderSigner(record[i], _words("orders.separator")[i]), expected);
        }
        assertTrue(record.length != 0, "there are vectors");
    }

    /* ------------------------------------------------ NETWORK ------------------------------------------------ */

    function checkNetwork(address registry, uint256 version, bytes calldata certificate)
        external
        view
        returns (bytes32)
    {
        return Network.check(registry, version, certificate);
    }

    function test_network() public {
        _open("network");
        GridRegistry registry = GridRegistry(create("GridRegistry", ""));
        bytes[] memory packed = _blobs("grids.packed");
        uint32[] memory version = new uint32[](packed.length);
        for (uint256 g = 0; g < packed.length; ++g) {
            version[g] = registry.registerGrid(packed[g]);
            assertEq(registry.gridHash(version[g]), keccak256(bytes.concat(hex"09", packed[g])));
        }
        bytes[] memory certificate = _blobs("certificates.certificate");
        bytes[] memory injections = _blobs("certificates.injections");
        uint256[] memory grid = _uints("certificates.grid");
        uint256[] memory valid = _uints("certificates.valid");
        for (uint256 i = 0; i < certificate.length; ++i) {
            try this.checkNetwork(address(registry), version[grid[i]], certificate[i]) returns (bytes32 hash) {
                assertEq(valid[i], 1);
                assertEq(hash, keccak256(bytes.concat(certificate[i], injections[i])));
            } catch {
                assertEq(valid[i], 0);
            }
        }
        assertTrue(certificate.length != 0, "there are vectors");
    }

    /* ------------------------------------------------ TIGHTENING --------------------------------------------- */

    function tightens(bytes calldata old, bytes calldata next) external pure {
        Tightening.check(old, next);
    }

    function test_tightening() public {
        _open("tightening");
        bytes[] memory old = _blobs("pairs.old");
        bytes[] memory next = _blobs("pairs.new");
        uint256[] memory expected = _uints("pairs.tightens");
        for (uint256 i = 0; i < old.length; ++i) {
            try this.tightens(old[i], next[i]) {
                assertEq(expected[i], 1);
            } catch {
                assertEq(expected[i], 0);
            }
        }
        assertTrue(old.length != 0, "there are vectors");
    }
}
