"""Where drand rounds come from: a file, a directory, or a relay's URL that the operator names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import requests

from offchain.errors import InputError
from offchain.randomness.drand import Network, read_round

PLACE: Final = "{round}"
"""What stands in a source for the number of the round."""
_PATIENCE_S: Final = 20


def fetch_round(source: str, round_: int, network: Network) -> bytes:
    """The signature of a round, verified.

    Args:
        source: A relay's URL or a file's path, with `{round}` where the number belongs; the file or the answer is
            JSON with round and signature.
        round_: Which.
        network: Whose.

    Raises:
        InputError: It is not there, or not signed by the network.
    """
    place = source.replace(PLACE, str(round_))
    text = _relay(place) if place.startswith(("http://", "https://")) else _file(place)
    try:
        told = json.loads(text)
    except ValueError:
        raise InputError(f"rounds: {source} does not give JSON for round {round_}") from None
    return read_round(told, round_, network.public_key)


def _file(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError):
        raise InputError(f"rounds: cannot read {path}; fetch the round into it") from None


def _relay(url: str) -> str:
    try:
        answer = requests.get(url, timeout=_PATIENCE_S)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise InputError(
            f"rounds: {url} does not give the round ({type(error).__name__}); try again or name another relay"
        ) from None
    return answer.text
