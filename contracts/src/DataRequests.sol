// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {IClearingLedger} from "./interfaces/IClearingLedger.sol";
import {IDataRequests} from "./interfaces/IDataRequests.sol";
import {Committed} from "./libraries/Committed.sol";
import {GridData} from "./libraries/GridData.sol";
import {Headers} from "./libraries/Headers.sol";
import {Records} from "./libraries/Records.sol";
import {Trees} from "./libraries/Trees.sol";
import {BusEvidence, HeaderEvidence, LeafEvidence, Question} from "./types/Evidence.sol";

/// @title DataRequests
/// @notice See IDataRequests. A question is one slot, `asker ‖ answerBy u32 ‖ fee in gwei u64`, which its answer sets
/// to 1.
contract DataRequests is IDataRequests {
    using Headers for bytes;

    /// @dev What was paid for a question, and by whom.
    struct Open {
        address asker;
        uint32 answerBy;
        uint64 feeGwei;
    }

    uint8 private constant _VECTOR = 7;
    uint8 private constant _STATE_BEFORE = 8;
    uint256 private constant _MAX_BUS_DEPTH = 20;
    /// @dev Gas of an answer besides its data: transaction, slots, events and payment.
    uint256 private constant _GAS = 90_000;
    /// @dev Gas of a byte of data by the floor of EIP-7623.
    uint256 private constant _GAS_PER_BYTE = 40;
    /// @dev So many questions about a header cost the same; each further as many double the price.
    uint256 private constant _PER_PRICE = 32;
    uint256 private constant _MAX_DOUBLINGS = 32;
    /// @dev Gas for who is given a fee back by somebody else's question.
    uint256 private constant _STIPEND = 30_000;
    address payable private constant _BURN = payable(0x000000000000000000000000000000000000dEaD);

    /// @notice The ledger whose headers are asked about.
    IClearingLedger public immutable ledger;
    /// @inheritdoc IDataRequests
    uint32 public immutable answerSeconds;
    /// @inheritdoc IDataRequests
    uint64 public immutable leastGasPrice;

    /// @notice How often each header has been asked about.
    mapping(bytes32 headerHash => uint256 count) public asked;
    mapping(bytes32 key => Open open) private _open;

    /// @notice Bind the requests to a market.
    /// @param ledger_ The ledger.
    /// @param answerSeconds_ How long a question waits for its answer; at most a third of the ledger's window.
    /// @param leastGasPrice_ Least price of gas that a fee reckons with, in wei.
    constructor(IClearingLedger ledger_, uint32 answerSeconds_, uint64 leastGasPrice_) {
        if (answerSeconds_ == 0 || 3 * uint256(answerSeconds_) > ledger_.windowSeconds() || leastGasPrice_ == 0) {
            revert Requests_BadConfig();
        }
        ledger = ledger_;
        answerSeconds = answerSeconds_;
        leastGasPrice = leastGasPrice_;
    }

    /* ------------------------------------------------ ASKING ------------------------------------------------- */

    /// @inheritdoc IDataRequests
    function askLeaf(HeaderEvidence calldata header, uint8 kind, uint32 index) external payable returns (bytes32 key) {
        bytes calldata h = header.payload;
        bytes32 headerHash = _disputable(header);
        if (kind == _VECTOR) {
            if (index != 0) revert Requests_NoSuchNode();
            return _ask(Question(headerHash, h.busVectorHash(), kind, 0, 0, 0), _vectorBytes(h), h.interval());
        }
        uint8 depth = ledger.treeDepth();
        bytes32 root = _root(h, kind);
        // Without readings to settle there is no tree of them.
        if (kind == Records.KIND_READING && root == Trees.EMPTY_LEAF) revert Requests_NoSuchNode();
        if (index >> depth != 0) revert Requests_NoSuchNode();
        if (kind == _STATE_BEFORE) kind = Records.KIND_STATE;
        return _ask(
            Question(headerHash, root, kind, depth, 0, index), Records.ORDER_LENGTH + 32 * uint256(depth), h.interval()
        );
    }

    /// @inheritdoc IDataRequests
    function askNode(HeaderEvidence calldata header, BusEvidence calldata bus, uint8 height, uint32 position)
        external
        payable
        returns (bytes32 key)
    {
        bytes calldata h = header.payload;
        Question memory q =
            Question(_disputable(header), h.allocationRoot(), Records.KIND_ALLOCATION, 0, height, position);
        if (bus.bus.length == 0) {
            q.depth = uint8(GridData.holarchy(ledger.registry(), h.gridVersion()).depth);
        } else {
            Records.Bus memory b = Committed.bus(h, bus);
            // A deeper bus is a fault of its own.
            if (b.depth > _MAX_BUS_DEPTH) revert Requests_NoSuchNode();
            q.root = b.root;
            q.depth = uint8(b.depth);
        }
        if (height > q.depth || position >> (q.depth - height) != 0) revert Requests_NoSuchNode();
        return _ask(q, Records.ALLOCATION_LENGTH + 64 * uint256(q.depth), h.interval());
    }

    /* ------------------------------------------------ ANSWERING ---------------------------------------------- */

    /// @inheritdoc IDataRequests
    function answerLeaf(Question calldata question, LeafEvidence calldata leaf) external {
        if (question.kind == Records.KIND_ALLOCATION || question.kind == _VECTOR) revert Requests_WrongAnswer();
        Committed.leaf(question.root, question.depth, question.kind, question.position, leaf);
        _pay(question, leaf.record.length + leaf.path.length);
    }

    /// @inheritdoc IDataRequests
    function answerNode(Question calldata question, bytes calldata opening, bytes calldata path) external {
        if (question.kind != Records.KIND_ALLOCATION) revert Requests_WrongAnswer();
        (bytes32 node,) = Committed.open(opening);
        uint256 steps = path.length >> 6;
        uint256 height = question.height;
        if (opening.length == 1) {
            // The path of what lies in an empty subtree starts at the top of that.
            height = uint8(opening[0]);
            if (height < question.height) revert Requests_WrongAnswer();
        }
        if (
            steps + height != question.depth
                || Trees.sumRoot(node, question.position >> (height - question.height), path) != question.root
        ) revert Requests_WrongAnswer();
        _pay(question, opening.length + path.length);
    }

    /// @inheritdoc IDataRequests
    function answerVector(Question calldata question, bytes calldata vector) external {
        if (question.kind != _VECTOR || keccak256(vector) != question.root) revert Requests_WrongAnswer();
        _pay(question, vector.length);
    }

    /// @inheritdoc IDataRequests
    function refund(Question calldata question) external {
        bytes32 key = _key(question);
        address asker = overdue(question);
        uint256 amount = uint256(_open[key].feeGwei) * 1 gwei;
        if (asker == address(0) || amount == 0) revert Requests_NotOverdue();
        // It stays overdue: the header can still be voided for it.
        _open[key].feeGwei = 0;
        emit Refunded(key, amount);
        Address.sendValue(payable(asker), amount);
    }

    /* ------------------------------------------------ GETTERS ------------------------------------------------ */

    /// @inheritdoc IDataRequests
    function overdue(Question calldata question) public view returns (address asker) {
        Open memory o = _open[_key(question)];
        return block.timestamp > o.answerBy ? o.asker : address(0);
    }

    /// @inheritdoc IDataRequests
    function answerBy(Question calldata question) external view returns (uint256) {
        return _open[_key(question)].answerBy;
    }

    /// @inheritdoc IDataRequests
    function price(bytes32 headerHash, uint256 bytesAsked) public view returns (uint256) {
        uint256 doublings = asked[headerHash] / _PER_PRICE;
        if (doublings > _MAX_DOUBLINGS) doublings = _MAX_DOUBLINGS;
        return _cost(bytesAsked) << doublings;
    }

    /* ------------------------------------------------ INTERNAL ----------------------------------------------- */

    /// @dev What an answer is paid: twice what its gas costs now, so that the price of gas may double meanwhile.
    function _cost(uint256 bytesAsked) private view returns (uint256) {
        uint256 gasPrice = 2 * block.basefee;
        if (gasPrice < leastGasPrice) gasPrice = leastGasPrice;
        // Whole gwei, rounded up, because that is what is kept.
        return ((_GAS + _GAS_PER_BYTE * bytesAsked) * gasPrice + 1 gwei - 1) / 1 gwei * 1 gwei;
    }

    function _ask(Question memory q, uint256 bytesAsked, uint32 interval) private returns (bytes32 key) {
        uint256 fee = price(q.headerHash, bytesAsked);
        if (msg.value < fee) revert Requests_FeeTooLow(fee);
        key = keccak256(abi.encode(q));
        Open memory earlier = _open[key];
        // What nobody answered can be asked again once the same header was posted again.
        if (
            earlier.answerBy != 0
                && (earlier.asker == address(0)
                    || earlier.answerBy >= uint256(ledger.postedAt(interval)) + answerSeconds)
        ) revert Requests_AlreadyAsked();
        uint256 until = block.timestamp + answerSeconds;
        _open[key] = Open(msg.sender, uint32(until), uint64(fee / 1 gwei));
        ++asked[q.headerHash];
        emit Asked(key, q, msg.sender, until);
        if (earlier.feeGwei != 0) {
            // Whoever asked then and refuses its fee must not keep anybody from asking now.
            // solhint-disable-next-line avoid-low-level-calls
            (bool sent,) = earlier.asker.call{value: uint256(earlier.feeGwei) * 1 gwei, gas: _STIPEND}("");
            if (sent) emit Refunded(key, uint256(earlier.feeGwei) * 1 gwei);
        }
        if (msg.value > fee) Address.sendValue(payable(msg.sender), msg.value - fee);
    }

    /// @dev Pay whoever answers what the answer costs, out of the fee, and burn the rest.
    function _pay(Question calldata question, uint256 bytesShown) private {
        bytes32 key = _key(question);
        Open memory o = _open[key];
        if (o.asker == address(0) || block.timestamp > o.answerBy) revert Requests_NotOpen();
        // Not 0: who asks again is told that the answer is there.
        _open[key] = Open(address(0), 1, 0);
        uint256 fee = uint256(o.feeGwei) * 1 gwei;
        uint256 paid = _cost(bytesShown);
        if (paid > fee) paid = fee;
        emit Answered(key, msg.sender, paid);
        Address.sendValue(payable(msg.sender), paid);
        if (fee > paid) Address.sendValue(_BURN, fee - paid);
    }

    /// @dev Hash of a header of the ledger that stays open to dispute for question, answer and proof.
    function _disputable(HeaderEvidence calldata header) private view returns (bytes32) {
        uint32 interval = ledger.requireHeader(header);
        uint256 end = uint256(ledger.postedAt(interval)) + ledger.windowSeconds();
        if (block.timestamp + 2 * uint256(answerSeconds) > end) revert Requests_TooLate();
        return ledger.hashHeader(header);
    }

    function _root(bytes calldata h, uint8 kind) private pure returns (bytes32) {
        if (kind == Records.KIND_ORDER) return h.ordersRoot();
        if (kind == Records.KIND_STATE) return h.stateRoot();
        if (kind == Records.KIND_CONTRACT) return h.contractsRoot();
        if (kind == Records.KIND_READING) return h.meterRoot();
        if (kind == Records.KIND_SHARE) return h.sharesRoot();
        if (kind == _STATE_BEFORE) return h.preStateRoot();
        revert Requests_NoSuchNode();
    }

    /// @dev The longest bus vector of the grid: angle, price and injection of each bus, and a price for each line.
    function _vectorBytes(bytes calldata h) private view returns (uint256) {
        (uint256 buses, uint256 lines) = GridData.extent(ledger.registry(), h.gridVersion());
        return 24 * buses + 10 * lines;
    }

    function _key(Question calldata question) private pure returns (bytes32) {
        return keccak256(abi.encode(question));
    }
}
