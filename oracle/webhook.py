"""Tells a URL what happened, without ever holding up who tells it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import requests

from offchain.errors import InputError

_WAITING: Final = 100
_TRIES: Final = 4
_TIMEOUT_S: Final = 5
_FIRST_PAUSE_S: Final = 0.5


class Webhook:
    """Posts JSON bodies one after the other, from a thread of its own.

    Each is tried a few times with growing pauses, then given up; if more wait than the queue holds, the newest are
    dropped. Both are told to `lost`.
    """

    def __init__(self, url: str, lost: Callable[[str], None]) -> None:
        """Start the thread.

        Args:
            url: Where to post.
            lost: Hears why something was not delivered; the URL, which may hold a secret, is not repeated.

        Raises:
            InputError: When the URL is none.
        """
        if not url.startswith(("http://", "https://")):
            raise InputError("webhook: not a URL; give one that begins with http:// or https://")
        self._url, self._lost = url, lost
        self._queue: queue.Queue[Mapping[str, Any]] = queue.Queue(_WAITING)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def send(self, body: Mapping[str, Any]) -> None:
        """Have a body posted, and return at once."""
        try:
            self._queue.put_nowait(body)
        except queue.Full:
            self._lost(f"{_WAITING} messages wait already; one was dropped")

    def close(self, patience_s: float = 10) -> None:
        """Let what waits be posted, for so long at most, and end."""
        deadline = time.monotonic() + patience_s
        while self._queue.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.02)
        if self._queue.unfinished_tasks:
            self._lost(f"{self._queue.unfinished_tasks} messages were not delivered in time")
        self._ended.set()

    def _run(self) -> None:
        while True:
            body = self._queue.get()
            try:
                self._deliver(body)
            finally:
                self._queue.task_done()

    def _deliver(self, body: Mapping[str, Any]) -> None:
        pause, why = _FIRST_PAUSE_S, ""
        for attempt in range(_TRIES):
            if attempt and self._ended.wait(pause):
                break
            pause *= 2
            try:
                answer = requests.post(self._url, json=dict(body), timeout=_TIMEOUT_S)
            except requests.RequestException as error:
                why = type(error).__name__
                continue
            if answer.ok:
                return
            why = f"status {answer.status_code}"
        self._lost(f"not delivered after {_TRIES} tries ({why})")
