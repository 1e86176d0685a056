"""The running service: intake, interval pipeline, chain client, store and command line."""
