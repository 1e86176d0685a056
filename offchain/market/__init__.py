"""One interval of the market: state, orders and seed in; what is settled and committed out."""

from offchain.market.amend import amend
from offchain.market.genesis import Genesis, genesis, register
from offchain.market.interval import Interval, MarketState, clear_interval
from offchain.market.rules import Clears, Market, Outcome, apply_rules

__all__ = [
    "Clears",
    "Genesis",
    "Interval",
    "Market",
    "MarketState",
    "Outcome",
    "amend",
    "apply_rules",
    "clear_interval",
    "genesis",
    "register",
]
