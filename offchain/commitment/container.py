"""The container of published data: a magic line, then sections of name, length and bytes.

There is exactly one way to write given sections, and reading refuses everything else: another
order, a missing or unknown section, a length that does not fit, bytes left over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from offchain.errors import InputError

MAGIC: Final = b"clearwatt bundle 1\n"
_LENGTH_BYTES: Final = 8
_MANIFEST_BYTES: Final = 1024


def write_sections(sections: Mapping[str, bytes], magic: bytes = MAGIC) -> bytes:
    """The container of named sections, in their order; without magic, the rest of one."""
    parts = [magic]
    for name, data in sections.items():
        label = name.encode("ascii")
        parts += [bytes([len(label)]), label, len(data).to_bytes(_LENGTH_BYTES, "big"), data]
    return b"".join(parts)


def read_sections(data: bytes, names: Sequence[str]) -> dict[str, bytes]:
    """The sections of a container that must have exactly these names, in this order.

    Raises:
        InputError: the bytes are not such a container.
    """
    if not data.startswith(MAGIC):
        raise InputError("bundle: does not start with 'clearwatt bundle 1'; give a bundle file")
    at = len(MAGIC)
    sections = {}
    for name in names:
        label = bytes([len(name)]) + name.encode("ascii")
        body = at + len(label) + _LENGTH_BYTES
        if data[at : at + len(label)] != label or body > len(data):
            raise InputError(
                f"bundle.{name}: section expected at byte {at}; fetch the bundle again"
            )
        size = int.from_bytes(data[at + len(label) : body], "big")
        at = body + size
        if at > len(data):
            raise InputError(
                f"bundle.{name}: {size} bytes announced, {len(data) - body} left; "
                "fetch the bundle again"
            )
        sections[name] = data[body:at]
    if at != len(data):
        raise InputError(f"bundle: {len(data) - at} bytes after the end; fetch the bundle again")
    return sections


def write_manifest(manifest: Mapping[str, object]) -> bytes:
    """Canonical JSON: sorted keys, no spaces, ASCII."""
    return json.dumps(
        manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode("ascii")


def read_manifest(data: bytes, keys: Sequence[str]) -> dict[str, int | str]:
    """The manifest with exactly these keys; values are integers that are not negative, or strings.

    Raises:
        InputError: it is not the canonical JSON of such an object.
    """
    # A bound on the size bounds how deep the parser can be led.
    if len(data) > _MANIFEST_BYTES:
        raise InputError(f"bundle.manifest: {len(data)} bytes; at most {_MANIFEST_BYTES}")
    try:
        manifest = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"bundle.manifest: not JSON ({error}); fetch the bundle again") from error
    if not isinstance(manifest, dict) or sorted(manifest) != sorted(keys):
        raise InputError(f"bundle.manifest: must have exactly the keys {', '.join(sorted(keys))}")
    for key, value in manifest.items():
        if type(value) not in (int, str) or (isinstance(value, int) and value < 0):
            raise InputError(f"bundle.manifest.{key}: must be a whole number or a text")
    if write_manifest(manifest) != data:
        raise InputError("bundle.manifest: not canonical JSON; write it sorted, without spaces")
    return manifest
