"""Published bundles in a directory: `genesis.bundle`, then `00001.bundle`, `00002.bundle` ..."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from offchain.errors import InputError

SUFFIX = ".bundle"


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
        return self.path / (f"{interval:05d}{SUFFIX}" if interval else f"genesis{SUFFIX}")

    def write(self, interval: int, data: bytes) -> None:
        """Publish the bundle of an interval."""
        self.file(interval).write_bytes(data)

    def read(self, interval: int) -> bytes | None:
        """The bundle of an interval, or None if it is not there."""
        try:
            return self.file(interval).read_bytes()
        except FileNotFoundError:
            return None
