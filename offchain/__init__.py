"""The market as pure functions: no network, clock, disk or randomness of its own."""
