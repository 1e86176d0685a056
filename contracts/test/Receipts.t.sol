// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICourt} from "../src/interfaces/ICourt.sol";
import {Policies} from "../src/libraries/Policies.sol";
import {Records} from "../src/libraries/Records.sol";
import {HeaderEvidence, LeafEvidence} from "../src/types/Evidence.sol";
import {Build} from "./support/Build.sol";
import {Market} from "./support/Market.sol";

/// @dev A signer's receipt for an order holds it to that order or a later one, and to nothing else.
contract ReceiptsTest is Market {
    /// @dev Key of a signer of the market.
    uint256 private constant _SIGNER = 101;

    function _receipt(Records.Order memory o, uint32 interval, uint256 privateKey) private view returns (bytes memory) {
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("Receipt(uint32 index,uint32 seq,uint32 interval,bytes32 orderHash)"),
                o.index,
                o.seq,
                interval,
                keccak256(Build.order(o))
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(privateKey, keccak256(abi.encodePacked(hex"1901", separator, structHash)));
        return abi.encodePacked(r, s, v);
    }

    /// @dev An order of A, signed by a key.
    function _order(uint256 seq, uint256 flexibleWh, uint256 privateKey) private view returns (Records.Order memory o) {
        o = example().orders[A];
        o.seq = seq;
        o.flexibleWh = flexibleWh;
        sign(o, privateKey);
    }

    function _prove(HeaderEvidence memory h, Interval memory v, Records.Order memory o, bytes memory receipt) private {
        inputs().omitted(h, Build.order(o), receipt, orderEvidence(v, A), stateEvidence(v.pre, A), packedPolicy());
    }

    function _assertVoidedWithOrders() private {
        assertEq(ledger.head(), 0);
        assertEq(bond.bonded(), BOND - PENALTY);
        fixOrders(1, bytes32("corrected orders"));
    }

    function test_omitted_leftOut() public {
        Interval memory v = example();
        Records.Order memory o = example().orders[A];
        bytes memory receipt = _receipt(o, 1, _SIGNER);
        v.orders[A].index = NO_ORDER;
        HeaderEvidence memory h = postInterval(v).header;
        _prove(h, v, o, receipt);
        _assertVoidedWithOrders();
    }

    function test_omitted_anEarlierOrderInItsPlace() public {
        Interval memory v = example();
        Records.Order memory o = _order(v.orders[A].seq + 1, 7, key(A));
        _prove(postInterval(v).header, v, o, _receipt(o, 1, _SIGNER));
        _assertVoidedWithOrders();
    }

    /// @dev Its owner signed both, and which of them was received nobody else can know.
    function test_omitted_anotherOrderOfTheSameNumberIsTaken() public {
        Interval memory v = example();
        Records.Order memory o = _order(v.orders[A].seq, 7, key(A));
        HeaderEvidence memory h = postInterval(v).header;
        bytes memory receipt = _receipt(o, 1, _SIGNER);
        vm.expectRevert(ICourt.Fault_NotProven.selector);
        _prove(h, v, o, receipt);
    }

    function test_omitted_anHonestHeaderStands() public {
        Interval memory v = example();
        Records.Order memory former = _order(5, 100, key(A));
        v.orders[A].seq = 6;
        sign(v.orders[A], key(A));
        Records.Order memory o = v.orders[A];
        HeaderEvidence memory h = postInterval(v).header;
        bytes memory receipt = _receipt(o, 1, _SIGNER);
        vm.expectRevert(ICourt.Fault_NotProven.selector);
        _prove(h, v, o, receipt);
        // A receipt for what was replaced since.
        receipt = _receipt(former, 1, _SIGNER);
        vm.expectRevert(ICourt.Fault_NotProven.selector);
        _prove(h, v, former, receipt);
        assertEq(ledger.head(), 1);
    }

    function test_omitted_aCancelledOrderStaysCancelled() public {
        Interval memory v = example();
        Records.Order memory former = example().orders[A];
        bytes memory receipt = _receipt(former, 1, _SIGNER);
        // Zero quantities and a higher number cancel it; the line asks nothing then.
        Records.Order memory o = v.orders[A];
        o.seq += 1;
        o.essentialWh = 0;
        o.flexibleWh = 0;
        o.supplyWh = 0;
        sign(o, key(A));
        HeaderEvidence memory h = postInterval(v).header;
        vm.expectRevert(ICourt.Fault_NotProven.selector);
        _prove(h, v, former, receipt);
    }

    function test_omitted_aReceiptMustBeASignersForThisOrderAndInterval() public {
        Interval memory v = example();
        Records.Order memory o = _order(9, 7, key(A));
        HeaderEvidence memory h = postInterval(v).header;
        bytes[5] memory wrong = [
            _receipt(o, 1, key(A)),
            _receipt(o, 2, _SIGNER),
            _receipt(_order(9, 8, key(A)), 1, _SIGNER),
            new bytes(65),
            bytes("")
        ];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(ICourt.Fault_Malformed.selector);
            _prove(h, v, o, wrong[i]);
        }
    }

    function test_omitted_aReceiptAloneMakesNoOrder() public {
        Interval memory v = example();
        HeaderEvidence memory h = postInterval(v).header;
        Records.Order memory o = _order(9, 7, key(B));
        bytes memory receipt = _receipt(o, 1, _SIGNER);
        vm.expectRevert(ICourt.Fault_Malformed.selector);
        _prove(h, v, o, receipt);
        // Of a number that nobody has.
        o.index = 7;
        sign(o, key(B));
        receipt = _receipt(o, 1, _SIGNER);
        vm.expectRevert(ICourt.Fault_Malformed.selector);
        _prove(h, v, o, receipt);
    }

    function test_omitted_aDismissedSignersReceiptCountsNoMore() public {
        Interval memory v = example();
        Records.Order memory o = _order(9, 7, key(A));
        bytes memory receipt = _receipt(o, 1, _SIGNER);
        address signer = vm.addr(_SIGNER);
        vm.prank(TREASURER);
        bond.announceSigner(signer, false);
        vm.warp(block.timestamp + DELAY);
        bond.setSigner(signer);
        HeaderEvidence memory h = postInterval(v).header;
        vm.expectRevert(ICourt.Fault_Malformed.selector);
        _prove(h, v, o, receipt);
    }

    function test_omitted_theLeafIsHeldToTheRoot() public {
        Interval memory v = example();
        Records.Order memory o = _order(9, 7, key(A));
        bytes memory receipt = _receipt(o, 1, _SIGNER);
        HeaderEvidence memory h = postInterval(v).header;
        v.orders[B].bidTicks += 1;
        vm.expectRevert(ICourt.Fault_NotCommitted.selector);
        _prove(h, v, o, receipt);
    }

    /// @dev Whoever took it would be convicted of its terms, so nobody is of having left it out.
    function test_omitted_anOrderThatNobodyMayTakeShowsNothing() public {
        Interval memory v = example();
        Records.Order[5] memory wrong;
        for (uint256 i = 0; i < wrong.length; ++i) {
            wrong[i] = _order(9, 7, key(A));
        }
        wrong[0].validFrom = 2;
        wrong[1].validTo = 0;
        wrong[1].validFrom = 0;
        wrong[2].flexibleWh = uint256(v.pre[A].demandCapWh) + 1;
        wrong[3].supplyWh = uint256(v.pre[A].supplyCapWh) + 1;
        wrong[4].bidTicks = uint256(policy().maxBid) + 1;
        HeaderEvidence memory h = postInterval(v).header;
        for (uint256 i = 0; i < wrong.length; ++i) {
            sign(wrong[i], key(A));
            bytes memory receipt = _receipt(wrong[i], 1, _SIGNER);
            vm.expectRevert(ICourt.Fault_NotProven.selector);
            _prove(h, v, wrong[i], receipt);
        }
        assertEq(ledger.head(), 1);
    }

    function test_omitted_stateAndPolicyAreHeldToTheHeader() public {
        Interval memory v = example();
        Records.Order memory o = _order(9, 7, key(A));
        bytes memory record = Build.order(o);
        bytes memory receipt = _receipt(o, 1, _SIGNER);
        HeaderEvidence memory h = postInterval(v).header;
        LeafEvidence memory order = orderEvidence(v, A);
        LeafEvidence memory pre = stateEvidence(v.pre, A);
        bytes memory policy_ = packedPolicy();
        LeafEvidence memory others = stateEvidence(v.post, A);
        vm.expectRevert(ICourt.Fault_NotCommitted.selector);
        inputs().omitted(h, record, receipt, order, others, policy_);
        policy_[0] = bytes1(uint8(policy_[0]) ^ 1);
        vm.expectRevert(Policies.Policies_WrongPolicy.selector);
        inputs().omitted(h, record, receipt, order, pre, policy_);
        assertEq(ledger.head(), 1);
    }

    /* ------------------------------------------------ SEVERAL SIGNERS ---------------------------------------- */

    /// @dev The same market where each header needs two of its three signers.
    function _cosigned(uint256 seq) private returns (HeaderEvidence memory h, Records.Order memory o) {
        deploy(2, true);
        Interval memory v = example();
        o = _order(seq, 7, key(A));
        Posted memory p = ready(v, 1);
        h = p.header;
        _postBoth(p);
    }

    function _postBoth(Posted memory p) private {
        bytes memory signature = cosigned(headerStruct(ledger.hashHeader(p.header), 0), 1);
        vm.prank(OPERATOR);
        ledger.postSigned(sentOf(p), signature);
    }

    /// @dev Receipts of both signers with a key, in ascending order of address or the other way round.
    function _both(Records.Order memory o, bool ascending) private view returns (bytes memory) {
        (bytes memory a, bytes memory b) = (_receipt(o, 1, _SIGNER), _receipt(o, 1, 102));
        return (vm.addr(_SIGNER) < vm.addr(102)) == ascending ? bytes.concat(a, b) : bytes.concat(b, a);
    }

    function test_omitted_takesReceiptsOfAsManySignersAsAHeader() public {
        (HeaderEvidence memory h, Records.Order memory o) = _cosigned(9);
        _prove(h, example(), o, _both(o, true));
        _assertVoidedWithOrders();
    }

    function test_omitted_neitherOneSignerAloneNorOneTwiceNorInDescendingOrder() public {
        (HeaderEvidence memory h, Records.Order memory o) = _cosigned(9);
        bytes memory one = _receipt(o, 1, _SIGNER);
        bytes[7] memory wrong = [
            one,
            bytes.concat(one, one),
            _both(o, false),
            bytes.concat(_both(o, true), hex"00"),
            bytes.concat(one, _receipt(o, 1, key(A))),
            bytes.concat(one, new bytes(65)),
            bytes("")
        ];
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(ICourt.Fault_Malformed.selector);
            _prove(h, example(), o, wrong[i]);
        }
        assertEq(ledger.head(), 1);
    }

    function test_omitted_severalReceiptsForWhatIsThereShowNothing() public {
        (HeaderEvidence memory h,) = _cosigned(9);
        Records.Order memory o = example().orders[A];
        bytes memory receipts = _both(o, true);
        vm.expectRevert(ICourt.Fault_NotProven.selector);
        _prove(h, example(), o, receipts);
    }
}
