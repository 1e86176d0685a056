// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IClearingLedger} from "./interfaces/IClearingLedger.sol";
import {IDataRequests} from "./interfaces/IDataRequests.sol";
import {Committed} from "./libraries/Committed.sol";
import {GridData} from "./libraries/GridData.sol";
import {Headers} from "./libraries/Headers.sol";
import {Records} from "./libraries/Records.sol";
import {Subtrees} from "./libraries/Subtrees.sol";
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

    /// @dev What was asked lately, as gas of the answers: it drains at an even pace.
    struct Load {
        uint192 gas;
        uint64 time;
    }

    /// @notice The least time to answer: five blocks of the slowest chain, or nobody can rely on an answer to be mined.
    uint32 public constant LEAST_ANSWER_SECONDS = 60;

    uint8 private constant _VECTOR = 7;
    uint8 private constant _STATE_BEFORE = 8;
    uint256 private constant _MAX_BUS_DEPTH = 20;
    /// @dev Gas of an answer besides its data: transaction, slots, events and payment.
    uint256 private constant _GAS = 90_000;
    /// @dev Gas of a byte of data by the floor of EIP-7623.
    uint256 private constant _GAS_PER_BYTE = 40;
    /// @dev Gas of answers that doubles the price: so much for each second that they may take, which is a five
    /// hundredth of what Ethereum carries; at least what one transaction may use (EIP-7825), or one question would.
    uint256 private constant _STEP_PER_SECOND = 10_000;
    uint256 private constant _LEAST_STEP = 1 << 24;
    uint256 private constant _MAX_DOUBLINGS = 32;
    address payable private constant _BURN = payable(0x000000000000000000000000000000000000dEaD);

    /// @notice The ledger whose headers are asked about.
    IClearingLedger public immutable ledger;
    /// @inheritdoc IDataRequests
    uint32 public immutable answerSeconds;
    /// @inheritdoc IDataRequests
    uint64 public immutable leastGasPrice;

    /// @inheritdoc IDataRequests
    uint256 public immutable step;

    /// @inheritdoc IDataRequests
    mapping(address account => uint256 amount) public credit;
    mapping(bytes32 key => Open open) private _open;
    Load private _load;

    /// @notice Bind the requests to a market.
    /// @param ledger_ The ledger.
    /// @param answerSeconds_ How long a question waits for its answer; at least LEAST_ANSWER_SECONDS, at most a third
    /// of the ledger's window.
    /// @param leastGasPrice_ Least price of gas that a fee reckons with, in wei.
    constructor(IClearingLedger ledger_, uint32 answerSeconds_, uint64 leastGasPrice_) {
        uint256 most = ledger_.windowSeconds() / 3;
        if (answerSeconds_ < LEAST_ANSWER_SECONDS || answerSeconds_ > most) {
            revert Requests_BadAnswerSeconds(LEAST_ANSWER_SECONDS, most);
        }
        if (leastGasPrice_ == 0) revert Requests_BadConfig();
        ledger = ledger_;
        answerSeconds = answerSeconds_;
        leastGasPrice = leastGasPrice_;
        uint256 step_ = _STEP_PER_SECOND * answerSeconds_;
        step = step_ < _LEAST_STEP ? _LEAST_STEP : step_;
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
        Question memory q = _plain(h, headerHash, kind, 0, index);
        return _ask(q, Records.ORDER_LENGTH + 32 * uint256(q.depth), h.interval());
    }

    /// @inheritdoc IDataRequests
    function askLeaves(
        HeaderEvidence calldata header,
        BusEvidence calldata bus,
        uint8 kind,
        uint8 height,
        uint32 position
    ) external payable returns (bytes32 key) {
        bytes calldata h = header.payload;
        bytes32 headerHash = _disputable(header);
        if (height > Subtrees.MAX_HEIGHT) revert Requests_NoSuchNode();
        Question memory q;
        uint256 pathBytes = 32;
        if (kind == Records.KIND_ALLOCATION) {
            q = _summed(h, headerHash, bus, height, position);
            q.kind = bus.bus.length == 0 ? Subtrees.BUSES : Subtrees.LINES;
            pathBytes = 64;
        } else {
            q = _plain(h, headerHash, kind, height, position);
        }
        return _ask(q, Subtrees.size(q.kind, height) + pathBytes * (q.depth - height), h.interval());
    }

    /// @inheritdoc IDataRequests
    function askNode(HeaderEvidence calldata header, BusEvidence calldata bus, uint8 height, uint32 position)
        external
        payable
        returns (bytes32 key)
    {
        bytes calldata h = header.payload;
        Question memory q = _summed(h, _disputable(header), bus, height, position);
        return _ask(q, Records.ALLOCATION_LENGTH + 64 * uint256(q.depth), h.interval());
    }

    /* ------------------------------------------------ ANSWERING ---------------------------------------------- */

    /// @inheritdoc IDataRequests
    function answerLeaf(Question calldata question, LeafEvidence calldata leaf) external {
        if (question.height != 0 || question.kind == _VECTOR || _hasSums(question.kind)) revert Requests_WrongAnswer();
        Committed.leaf(question.root, question.depth, question.kind, question.position, leaf);
        _pay(question, leaf.record, leaf.path);
    }

    /// @inheritdoc IDataRequests
    function answerLeaves(Question calldata question, bytes calldata shown, bytes calldata path) external {
        (uint8 kind, uint256 height, uint256 position) = (question.kind, question.height, question.position);
        if (Subtrees.recordLength(kind) == 0) revert Requests_WrongAnswer();
        bytes32 node;
        if (shown.length == 1) {
            // As of answerNode.
            height = uint8(shown[0]);
            if (height < question.height || height > 32) revert Requests_WrongAnswer();
            node = Trees.emptyRoot(height);
            position >>= height - question.height;
        } else {
            node = Subtrees.root(shown, kind, height, position << height);
        }
        bool sums = _hasSums(kind);
        if (
            height > question.depth || path.length != (question.depth - height) * (sums ? 64 : 32)
                || (sums ? Trees.sumRoot(node, position, path) : Trees.plainRoot(node, position, path)) != question.root
        ) revert Requests_WrongAnswer();
        _pay(question, shown, path);
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
        _pay(question, opening, path);
    }

    /// @inheritdoc IDataRequests
    function answerVector(Question calldata question, bytes calldata vector) external {
        if (question.kind != _VECTOR || keccak256(vector) != question.root) revert Requests_WrongAnswer();
        _pay(question, vector, vector[vector.length:]);
    }

    /// @inheritdoc IDataRequests
    function refund(Question calldata question) external {
        bytes32 key = _key(question);
        address asker = overdue(question);
        uint256 amount = uint256(_open[key].feeGwei) * 1 gwei;
        if (asker == address(0) || amount == 0) revert Requests_NotOverdue();
        // It stays overdue: the header can still be voided for it.
        _open[key].feeGwei = 0;
        _credit(key, asker, amount);
    }

    /// @inheritdoc IDataRequests
    function collect(address payable to) external {
        uint256 amount = credit[msg.sender];
        credit[msg.sender] = 0;
        emit Collected(msg.sender, to, amount);
        Address.sendValue(to, amount);
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
    function load() public view returns (uint256 gas) {
        Load memory kept = _load;
        uint256 drained = (block.timestamp - kept.time) * step / answerSeconds;
        return kept.gas > drained ? kept.gas - drained : 0;
    }

    /// @inheritdoc IDataRequests
    function price(uint256 bytesAsked) external view returns (uint256) {
        return _price(bytesAsked, load());
    }

    /* ------------------------------------------------ INTERNAL ----------------------------------------------- */

    /// @dev What an answer is paid: twice what its gas costs now, so that the price of gas may double meanwhile.
    function _cost(uint256 bytesAsked) private view returns (uint256) {
        uint256 gasPrice = 2 * block.basefee;
        if (gasPrice < leastGasPrice) gasPrice = leastGasPrice;
        // Whole gwei, rounded up, because that is what is kept.
        return (_gas(bytesAsked) * gasPrice + 1 gwei - 1) / 1 gwei * 1 gwei;
    }

    function _price(uint256 bytesAsked, uint256 load_) private view returns (uint256) {
        uint256 doublings = load_ / step;
        return _cost(bytesAsked) << (doublings > _MAX_DOUBLINGS ? _MAX_DOUBLINGS : doublings);
    }

    /// @dev Gas of an answer.
    function _gas(uint256 bytesAsked) private pure returns (uint256) {
        return _GAS + _GAS_PER_BYTE * bytesAsked;
    }

    function _ask(Question memory q, uint256 bytesAsked, uint32 interval) private returns (bytes32 key) {
        uint256 load_ = load();
        uint256 fee = _price(bytesAsked, load_);
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
        _open[key] = Open(msg.sender, uint32(until), SafeCast.toUint64(fee / 1 gwei));
        _load = Load(SafeCast.toUint192(load_ + _gas(bytesAsked)), uint64(block.timestamp));
        emit Asked(key, q, msg.sender, until);
        if (earlier.feeGwei != 0) _credit(key, earlier.asker, uint256(earlier.feeGwei) * 1 gwei);
        if (msg.value > fee) Address.sendValue(payable(msg.sender), msg.value - fee);
    }

    /// @dev The asker collects it: whoever takes no money must keep nobody from asking, or from clearing up.
    function _credit(bytes32 key, address asker, uint256 amount) private {
        credit[asker] += amount;
        emit Refunded(key, asker, amount);
    }

    /// @dev Pay whoever answers what the answer costs, out of the fee, and burn the rest.
    function _pay(Question calldata question, bytes calldata shown, bytes calldata path) private {
        bytes32 key = _key(question);
        Open memory o = _open[key];
        if (o.asker == address(0) || block.timestamp > o.answerBy) revert Requests_NotOpen();
        // Not 0: who asks again is told that the answer is there.
        _open[key] = Open(address(0), 1, 0);
        uint256 fee = uint256(o.feeGwei) * 1 gwei;
        uint256 paid = _cost(shown.length + path.length);
        if (paid > fee) paid = fee;
        // Below the floor of EIP-7623 a log costs nothing more, and whatever called this, everybody can read it.
        emit Answered(key, msg.sender, paid, msg.sig, shown, path);
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

    /// @dev A node of a tree without sums.
    function _plain(bytes calldata h, bytes32 headerHash, uint8 kind, uint8 height, uint32 position)
        private
        view
        returns (Question memory)
    {
        uint8 depth = ledger.treeDepth();
        bytes32 root = _root(h, kind);
        // Without readings to settle there is no tree of them.
        if (kind == Records.KIND_READING && root == Trees.EMPTY_LEAF) revert Requests_NoSuchNode();
        if (height > depth || position >> (depth - height) != 0) revert Requests_NoSuchNode();
        if (kind == _STATE_BEFORE) kind = Records.KIND_STATE;
        return Question(headerHash, root, kind, depth, height, position);
    }

    /// @dev A node of the allocation tree.
    function _summed(bytes calldata h, bytes32 headerHash, BusEvidence calldata bus, uint8 height, uint32 position)
        private
        view
        returns (Question memory q)
    {
        q = Question(headerHash, h.allocationRoot(), Records.KIND_ALLOCATION, 0, height, position);
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
    }

    function _hasSums(uint8 kind) private pure returns (bool) {
        return kind == Records.KIND_ALLOCATION || kind == Subtrees.LINES || kind == Subtrees.BUSES;
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
