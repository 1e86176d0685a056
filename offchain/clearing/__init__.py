"""The clearing program, and the integer certificate by which its result is accepted."""
