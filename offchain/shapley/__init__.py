"""Shapley: what each supplier is worth to the market, as shares of a period (docs/shapley.md)."""
