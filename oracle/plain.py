"""What was assumed, as JSON can carry it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def plain(assumed: DataclassInstance) -> dict[str, Any]:
    """The fields of a dataclass and of those inside it by name, bytes as 0x and hexadecimal digits."""
    return asdict(assumed, dict_factory=_fields)


def _fields(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: f"0x{v.hex()}" if isinstance(v, bytes) else v for name, v in items}
