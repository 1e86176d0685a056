"""The contracts as compiled: reading the committed artefacts, and deploying them in one call."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from eth_typing import ABI

from offchain.errors import ClearwattError

ARTIFACTS: Final = Path(__file__).resolve().parent / "artifacts"


@dataclass(frozen=True)
class Artifact:
    """A compiled contract.

    Attributes:
        name: The contract's name.
        abi: Its interface.
        bytecode: Code that creates it, hexadecimal with 0x.
        deployed: Code that stays on the chain, hexadecimal with 0x; immutable values are zero in
            it.
        immutable_at: Where in that code immutable values stand, as (start, length) in bytes.
    """

    name: str
    abi: ABI
    bytecode: str
    deployed: str
    immutable_at: tuple[tuple[int, int], ...]


@cache
def artifact(name: str) -> Artifact:
    """Read the committed artefact of a contract.

    Raises:
        ClearwattError: When it is missing, or needs a library that is not part of it.
    """
    path = ARTIFACTS / f"{name}.json"
    try:
        compiled = json.loads(path.read_text())
    except FileNotFoundError:
        raise ClearwattError(
            f"artefact: {name} is missing in {ARTIFACTS.name}/; run `make contracts`"
        ) from None
    if compiled["linkReferences"]:
        raise ClearwattError(f"artefact: {name} is not linked; make its libraries internal")
    return Artifact(
        name=name,
        abi=compiled["abi"],
        bytecode=compiled["bytecode"],
        deployed=compiled["deployedBytecode"],
        immutable_at=tuple((r["start"], r["length"]) for r in compiled["immutableReferences"]),
    )
