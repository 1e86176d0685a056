"""Bundles from a web server are what it gives, or a clear error; whether they are right their hashes tell."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from offchain.errors import ClearwattError, InputError
from oracle import bundles
from oracle.audit_run import run_audit
from oracle.bundles import BundleDirectory, BundleSite, bundle_source
from tests.audit.honest import honest_market


class _Silent(SimpleHTTPRequestHandler):
    """Serves a directory, and an error for interval 99."""

    def do_GET(self) -> None:
        if self.path.endswith("/00099.bundle"):
            self.send_error(500)
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """An honest market's bundles behind a URL."""
    directory = BundleDirectory.create(tmp_path / "bundles")
    for interval, data in honest_market().bundles.items():
        directory.write(interval, data)
    handler = partial(_Silent, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/bundles"
        server.shutdown()
        thread.join()


def test_a_market_is_audited_from_a_web_server(site: str) -> None:
    assert run_audit(honest_market().published, bundle_source(site + "/")).ok


def test_a_bundle_that_the_server_does_not_have_is_missing(site: str) -> None:
    assert BundleSite(site).read(42) is None


def test_another_file_than_the_header_names_is_not_judged(site: str, tmp_path: Path) -> None:
    directory = BundleDirectory.open(tmp_path / "bundles")
    directory.write(2, honest_market().bundles[1])
    verdict = run_audit(honest_market().published, bundle_source(site))
    assert verdict.unjudged == {
        2: "its bundle is not the one whose hash is in the header; fetch it again",
        3: "the state before it is not known",
    }
    assert verdict.faults == []


@pytest.mark.parametrize(("url", "why"), [(None, "status 500"), ("http://127.0.0.1:1", "Error")])
def test_a_server_that_fails_is_tried_again_and_then_named(
    site: str, monkeypatch: pytest.MonkeyPatch, url: str | None, why: str
) -> None:
    monkeypatch.setattr(bundles, "_PATIENCE_S", (0.0,))
    with pytest.raises(ClearwattError, match=f"00099.bundle .*{why}"):
        BundleSite(url or site).read(99)


def test_a_bundle_without_an_end_is_not_read_to_it(
    site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundles, "_MOST_BYTES", 100)
    with pytest.raises(ClearwattError, match="longer than 100 bytes"):
        BundleSite(site).read(1)


@pytest.mark.parametrize("place", ["ftp://example.org/bundles", "nowhere/to/be/found"])
def test_what_is_neither_a_directory_nor_a_url_is_refused(place: str) -> None:
    with pytest.raises(InputError, match="bundles: "):
        bundle_source(place)


def test_the_newest_bundle_of_a_directory_is_found(tmp_path: Path) -> None:
    directory = BundleDirectory.create(tmp_path)
    assert directory.newest() == 0
    for interval in (0, 2, 10):
        directory.write(interval, b"")
    (tmp_path / "notes.bundle").write_bytes(b"")
    assert directory.newest() == 10
