"""Public randomness that nobody in a market can know or choose: rounds of a drand network."""
