"""Mechanisms, on the real clearing program."""
