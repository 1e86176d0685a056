"""Published bundles: `genesis.bundle`, then `00001.bundle`, `00002.bundle` ..., in a directory or below a URL."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Final

import requests

from offchain.errors import ClearwattError, InputError

SUFFIX = ".bundle"

_TIMEOUT_S: Final = 30
_PATIENCE_S: Final = (0.5, 2.0)
_MOST_BYTES: Final = 2**30
_PIECE_BYTES: Final = 2**20


def bundle_name(interval: int) -> str:
    """The file name of an interval's bundle; 0 is the genesis."""
    return f"{interval:05d}{SUFFIX}" if interval else f"genesis{SUFFIX}"


@dataclass(frozen=True)
class BundleDirectory:
    """A directory of bundles.

    Attributes:
        path: The directory.
    """

    path: Path

    @classmethod
    def create(cls, path: Path) -> BundleDirectory:
        """A directory to write into; it is made if need be and must hold no bundles of another run.

        Raises:
            InputError: When it cannot be written, or holds bundles already.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"out: cannot make {path} ({error.strerror}); name another directory"
            ) from None
        if any(path.glob(f"*{SUFFIX}")):
            raise InputError(f"out: {path} already holds bundles; name an empty directory")
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> BundleDirectory:
        """A directory to read from.

        Raises:
            InputError: When there is none.
        """
        if not path.is_dir():
            raise InputError(f"bundles: {path} is not a directory; name the one with the bundles")
        return cls(path)

    def file(self, interval: int) -> Path:
        """Where the bundle of an interval is; 0 is the genesis."""
        return self.path / bundle_name(interval)

    def write(self, interval: int, data: bytes) -> None:
        """Publish the bundle of an interval."""
        self.file(interval).write_bytes(data)

    def read(self, interval: int) -> bytes | None:
        """The bundle of an interval, or None if it is not there."""
        try:
            return self.file(interval).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            name = self.file(interval).name
            raise InputError(
                f"bundles: cannot read {name} ({error.strerror}); check the file"
            ) from None

    def newest(self) -> int:
        """The newest interval that has a bundle here; 0 if none has."""
        stems = [path.stem for path in self.path.glob(f"*{SUFFIX}")]
        return max((int(stem) for stem in stems if stem.isascii() and stem.isdigit()), default=0)


@dataclass(frozen=True)
class BundleSite:
    """Bundles below a URL, as a static web server gives them. What they are worth, their hashes tell.

    Attributes:
        url: What stands before `/00001.bundle`.
    """

    url: str

    def read(self, interval: int) -> bytes | None:
        """The bundle of an interval, or None if the server says that there is none.

        Raises:
            ClearwattError: The server does not answer, or answers with an error or without an end.
        """
        where = f"{self.url.rstrip('/')}/{bundle_name(interval)}"
        for patience_s in _PATIENCE_S:
            try:
                return _fetch(where, interval)
            except requests.RequestException:
                time.sleep(patience_s)
        try:
            return _fetch(where, interval)
        except requests.RequestException as error:
            status = getattr(error.response, "status_code", None)
            why = f"status {status}" if status else type(error).__name__
            raise ClearwattError(
                f"bundles: the server does not give {bundle_name(interval)} ({why}); "
                "check the URL, or try again later"
            ) from None


BundleSource = BundleDirectory | BundleSite


def bundle_source(place: str) -> BundleSource:
    """Where bundles come from: a directory or a URL.

    Raises:
        InputError: It is neither.
    """
    if "://" not in place:
        return BundleDirectory.open(Path(place))
    if not place.startswith(("http://", "https://")):
        raise InputError("bundles: give a directory, or a URL that begins with http:// or https://")
    return BundleSite(place)


@cache
def _session() -> requests.Session:
    """One session for all fetches of this process."""
    return requests.Session()


def _fetch(where: str, interval: int) -> bytes | None:
    """One try; requests.RequestException where it fails."""
    data = bytearray()
    with _session().get(where, timeout=_TIMEOUT_S, stream=True) as answer:
        if answer.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            return None
        answer.raise_for_status()
        for piece in answer.iter_content(_PIECE_BYTES):
            data += piece
            if len(data) > _MOST_BYTES:
                raise ClearwattError(
                    f"bundles: {bundle_name(interval)} is longer than {_MOST_BYTES} bytes; "
                    "no market that can be audited has such a bundle"
                )
    return bytes(data)
