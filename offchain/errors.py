"""The errors of clearwatt: one clear line, naming the field and the remedy."""

from __future__ import annotations


class ClearwattError(Exception):
    """Base of every error clearwatt raises on purpose; the message is one line for a person."""


class InputError(ClearwattError):
    """Bad input: the message names the field and the remedy; nothing was changed."""
