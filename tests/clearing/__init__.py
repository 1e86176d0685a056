"""The clearing program, its certificate and the engines behind it."""
