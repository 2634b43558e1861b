"""
An administrator's browser and Prometheus, for C{bench/mixed.py}: they ask over HTTP for as long as a row takes.
"""

from __future__ import annotations

import http.client
import threading
import time

from attrs import define, field

HOST = "127.0.0.1"

METRICS_SECONDS = 1.0
"""How often the metrics are scraped."""

PAGE_SECONDS = 2.0
"""How often an open page asks for its parts, as C{data-seconds} of the templates says."""


@define(eq=False)
class Onlooker:
    """
    Asks for one path again and again, in a thread of its own: the generator of calls does not wait for answers.

    @ivar port: of C{HTTPPort}.
    @ivar path: what is asked for.
    @ivar interval: seconds from one request to the next.
    @ivar took: seconds of each answer, until its last octet.
    @ivar failed: how many requests had no answer, or another one than 200.
    """

    port: int
    path: str
    interval: float
    took: list[float] = field(factory=list)
    failed: int = 0
    _stopped: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def start(self) -> None:
        """Begin to ask."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopped.set()
        self._thread.join(10)

    def _run(self) -> None:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        while not self._stopped.wait(self.interval):
            began = time.monotonic()
            try:
                connection.request("GET", self.path)
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException):
                connection.close()
                status = 0
            if status == 200:
                self.took.append(time.monotonic() - began)
            else:
                self.failed += 1
        connection.close()
