"""Every rule of the audit in a sentence, for readers who have not read the protocol."""

from __future__ import annotations

from typing import Final

from offchain.audit.findings import Rule

#: In the order in which an interval is made.
WORDS: Final[dict[Rule, str]] = {
    Rule.BUNDLE: "the published data are those of the header",
    Rule.CHAIN: "each header follows the one before",
    Rule.INPUTS: "orders and seed are those fixed before",
    Rule.POLICY: "the market's policy was applied",
    Rule.GRID: "the registered network was used",
    Rule.SHARES: "the pot's shares are those agreed",
    Rule.RANGE: "every number is within its range",
    Rule.CONTRACT: "everybody's contract is as agreed",
    Rule.SIGNATURE: "every order is signed by its owner",
    Rule.ORDER: "every order is valid and within its contract",
    Rule.FORCED: "orders filed on the chain were taken",
    Rule.CARRIED: "everybody is down for what was ordered",
    Rule.MISPLACED: "every line is where it belongs",
    Rule.RAMP: "every order enters by its price",
    Rule.KEY: "who was short before goes first, as owed",
    Rule.NETWORK: "no wire is overloaded, and the clearing is the best there is",
    Rule.BUS_VECTOR: "energy at each bus is what the wires carry",
    Rule.BRACKET: "everybody got what the clearing price gives",
    Rule.PRICE: "the price is that of the tightest layer",
    Rule.PAYMENT: "quantity times price is what is paid",
    Rule.POT: "what was left over was shared as agreed",
    Rule.SHORTFALL: "what was missing was borne as agreed",
    Rule.METER: "readings are the meter operator's",
    Rule.IGNORED: "readings filed on the chain were settled",
    Rule.SUBSCRIPTION: "fees are those of the contracts",
    Rule.IMBALANCE: "deviations are settled by the readings",
    Rule.RESERVE: "the reserve pays what it has, and all it can",
    Rule.MEMORY: "shortage is remembered by the rule",
    Rule.DEFICIT: "what is still owed is carried on",
    Rule.BALANCE: "everybody's balance moves by its payments",
    Rule.UNCOVERED: "orders count if their owners can pay, and else do not",
    Rule.OVERDRAWN: "nobody owes more than its deposit",
    Rule.ROOT: "the hashes on the chain are those of the data",
    Rule.TOTALS: "the totals add up, and payments sum to zero",
    Rule.SEED: "the seed is that of its public round",
    Rule.OMITTED: "orders with a receipt were taken",
    Rule.WITHHELD: "data asked for on the chain were shown",
    Rule.CODE: "the contracts have the published code",
    Rule.ESCROW: "the escrow holds what it owes",
}
