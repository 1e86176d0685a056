// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BusEvidence, HeaderEvidence, LeafEvidence, Question} from "../types/Evidence.sol";

/// @title Data behind a header, asked for on the chain
/// @notice A root can be the hash of what nobody shows. So anybody may ask for a leaf, for 32 leaves at once, or for a
/// node under any root of a header that can be disputed, for a fee that covers the answer. Whoever answers first, in
/// calldata and with its path, is paid; a question unanswered in time voids the header (IInputFaults.withheld), and the
/// asker has its fee back and the reward for a proven fault. Only what was asked since a header was last posted counts:
/// cleared anew it may be the same header, and who posts it again must be asked again.
///
/// An answer makes records public. The chain cannot check that something was encrypted to its owner, and a leaf that
/// only its owner could ask for is where a lie would hide; so everybody may ask, and the fee is what curbs curiosity.
///
/// Questions are never refused for being many, or an operator could ask itself and keep others out. What was asked
/// lately is added up instead, as gas of the answers, and drains away: a `step` of it in the time that an answer may
/// take. Each full step doubles the price, and what exceeds an answer's cost is burned. So whatever is asked, and about
/// how many headers, an operator has no more than a few steps to answer at a time, and is paid for it.
interface IDataRequests {
    /// @notice Emitted when a question is asked.
    /// @param key Hash of the question.
    /// @param question The question.
    /// @param asker Who asked.
    /// @param answerBy Until when it can be answered.
    event Asked(bytes32 indexed key, Question question, address indexed asker, uint256 answerBy);
    /// @notice Emitted when a question is answered.
    /// @param key Hash of the question.
    /// @param answerer Who answered.
    /// @param paid What it was paid, in wei.
    /// @param how Selector of the function that was called.
    /// @param shown What it showed: record, leaves, node or bus vector.
    /// @param path The path of that.
    event Answered(bytes32 indexed key, address indexed answerer, uint256 paid, bytes4 how, bytes shown, bytes path);
    /// @notice Emitted when the fee of an unanswered question is its asker's again, to be collected.
    /// @param key Hash of the question.
    /// @param asker Whose it is.
    /// @param amount How much, in wei.
    event Refunded(bytes32 indexed key, address indexed asker, uint256 amount);
    /// @notice Emitted when somebody collects what came back.
    /// @param account Whose it was.
    /// @param to Where it went.
    /// @param amount How much, in wei.
    event Collected(address indexed account, address to, uint256 amount);

    /// @notice Thrown when the deployment's settings contradict each other.
    error Requests_BadConfig();
    /// @notice Thrown when the time to answer is too short to rely on, or too long for the window.
    /// @param least The least, in seconds.
    /// @param most The most, in seconds; where it is less, the window is too short.
    error Requests_BadAnswerSeconds(uint256 least, uint256 most);
    /// @notice Thrown when no such node can be in the tree.
    error Requests_NoSuchNode();
    /// @notice Thrown when the header becomes final too soon for a question, an answer and a proof.
    error Requests_TooLate();
    /// @notice Thrown when less than the price was sent.
    /// @param price The price, in wei.
    error Requests_FeeTooLow(uint256 price);
    /// @notice Thrown when the question has been asked already; its answer, or the lack of one, serves everybody.
    error Requests_AlreadyAsked();
    /// @notice Thrown when the question was not asked, has been answered, or its time has passed.
    error Requests_NotOpen();
    /// @notice Thrown when an answer is not what the root commits to there.
    error Requests_WrongAnswer();
    /// @notice Thrown when the question can still be answered, or was.
    error Requests_NotOverdue();

    /// @notice Ask for a leaf of the orders (1), state after (3), contracts (4), readings (5) or shares (6) tree, of
    /// the state tree before (8), or for the bus vector (7, index 0).
    /// @param header The header.
    /// @param kind Which.
    /// @param index The leaf's position.
    /// @return key Hash of the question.
    function askLeaf(HeaderEvidence calldata header, uint8 kind, uint32 index) external payable returns (bytes32 key);

    /// @notice Ask for all leaves of a subtree at once: of a tree as of askLeaf, lines of a bus, or buses.
    /// @param header The header.
    /// @param bus The bus whose lines are asked for and its path; an empty record for the buses, and for other trees.
    /// @param kind Which tree, as of askLeaf; 2 for lines and buses.
    /// @param height Height of the subtree: 2^height leaves, at most 32.
    /// @param position Its position among the subtrees of that height.
    /// @return key Hash of the question.
    function askLeaves(
        HeaderEvidence calldata header,
        BusEvidence calldata bus,
        uint8 kind,
        uint8 height,
        uint32 position
    ) external payable returns (bytes32 key);

    /// @notice Ask for a node of the allocation tree, the buses included.
    /// @param header The header.
    /// @param bus The bus in whose tree it lies and its path; an empty record for nodes above and for buses.
    /// @param height Height of the node above the leaves of its tree.
    /// @param position Its position in its level.
    /// @return key Hash of the question.
    function askNode(HeaderEvidence calldata header, BusEvidence calldata bus, uint8 height, uint32 position)
        external
        payable
        returns (bytes32 key);

    /// @notice Answer with a leaf of a tree without sums.
    /// @param question The question.
    /// @param leaf The leaf and its path.
    function answerLeaf(Question calldata question, LeafEvidence calldata leaf) external;

    /// @notice Answer with all leaves of a subtree.
    /// @param question The question.
    /// @param shown `mask u32 ‖ records ‖ sums and salts of the inner nodes` (docs/protocol.md, section 8); one byte,
    /// the height of its top, for an empty subtree that is it or holds it.
    /// @param path Siblings from the subtree to the root; in the allocation tree `sibling ‖ sumsHash`.
    function answerLeaves(Question calldata question, bytes calldata shown, bytes calldata path) external;

    /// @notice Answer with a node of the allocation tree.
    /// @param question The question.
    /// @param opening The node as in SumEvidence; one byte for an empty subtree that is it or holds it.
    /// @param path `sibling ‖ sumsHash` steps from the node, or from that subtree, to the root.
    function answerNode(Question calldata question, bytes calldata opening, bytes calldata path) external;

    /// @notice Answer with the bus vector.
    /// @param question The question.
    /// @param vector The certificate and all injections.
    function answerVector(Question calldata question, bytes calldata vector) external;

    /// @notice Give the fee of a question back that was not answered in time. Anyone may; the asker collects it.
    /// @param question The question.
    function refund(Question calldata question) external;

    /// @notice Collect what came back to the sender.
    /// @param to Where it goes.
    function collect(address payable to) external;

    /// @notice Who asked a question that was not answered in time; address 0 if there is no such question.
    /// @param question The question.
    /// @return asker Who is rewarded.
    function overdue(Question calldata question) external view returns (address asker);

    /// @notice What the next question costs, in wei.
    /// @param bytesAsked Bytes of records and path together.
    function price(uint256 bytesAsked) external view returns (uint256);

    /// @notice Gas of the answers to what was asked lately, less what has drained since.
    /// @return gas It.
    function load() external view returns (uint256 gas);

    /// @notice Gas of answers that doubles the price, and that drains in `answerSeconds`.
    function step() external view returns (uint256);

    /// @notice What came back to an account and was not collected, in wei.
    /// @param account The account.
    function credit(address account) external view returns (uint256);

    /// @notice Until when a question can be answered; 0 if it was not asked or has been answered.
    /// @param question The question.
    function answerBy(Question calldata question) external view returns (uint256);

    /// @notice How long a question waits for its answer, in seconds.
    function answerSeconds() external view returns (uint32);

    /// @notice Least price of gas that a fee reckons with, in wei.
    function leastGasPrice() external view returns (uint64);
}
