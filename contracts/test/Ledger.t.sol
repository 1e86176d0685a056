// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Market} from "./support/Market.sol";

/// @dev The life of a header.
contract LedgerTest is Market {
    function test_anHonestHeaderIsPostedAndBecomesFinal() public {
        Posted memory p = postInterval(example());
        assertEq(ledger.head(), 1);
        assertEq(ledger.finalHead(), 0);
        assertEq(ledger.requireHeader(p.header), 1);
        passWindow();
        assertEq(ledger.finalHead(), 1);
        assertEq(ledger.requireFinal(p.header), 1);
    }

    function test_intervalsFollowEachOther() public {
        Interval memory v = example();
        postInterval(v);
        postInterval(following(v));
        assertEq(ledger.head(), 2);
    }
}
