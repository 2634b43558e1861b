# -*- test-case-name: ichatgw.test.gateway.matrix.test_interop_ear -*-
"""
What a client hears, tenth of a second by tenth of a second.
"""

from __future__ import annotations

import wave
from array import array
from collections.abc import Callable
from pathlib import Path

from attrs import define, field

from ichatgw.test.e2e.support.tone import share

RATE = 16000
WINDOW = RATE // 10
LOUD = 300
"""The highest sample of a window with less than this is silence."""

PURE = 0.7
"""Which share of the energy makes a window one of the tone."""

MOST = RATE * 2 * 600
"""Bytes of a recording that are kept."""


@define(eq=False)
class ToneDetector:
    """
    @ivar seconds: gives the time.
    @ivar frequency: the tone to hear.
    @ivar heard: for how long it was heard.
    @ivar silent: for how long there was silence.
    @ivar other: for how long there was something else.
    @ivar first: when the tone was heard first; C{None} if never.
    @ivar last: when it was heard last.
    """

    seconds: Callable[[], float]
    frequency: float
    heard: float = field(default=0.0, init=False)
    silent: float = field(default=0.0, init=False)
    other: float = field(default=0.0, init=False)
    first: float | None = field(default=None, init=False)
    last: float | None = field(default=None, init=False)
    _recording: bytearray = field(factory=bytearray, init=False)
    _judged: int = field(default=0, init=False)

    def feed(self, samples: bytes) -> None:
        """Take 16-bit samples, little-endian, mono."""
        if len(self._recording) < MOST:
            self._recording += samples
        while len(self._recording) - self._judged >= 2 * WINDOW:
            window = array("h", bytes(self._recording[self._judged : self._judged + 2 * WINDOW]))
            self._judged += 2 * WINDOW
            self._judge(window)

    def save(self, path: Path) -> None:
        """Write all that was heard."""
        with wave.open(str(path), "wb") as recording:
            recording.setnchannels(1)
            recording.setsampwidth(2)
            recording.setframerate(RATE)
            recording.writeframes(bytes(self._recording))

    def _judge(self, window: array[int]) -> None:
        if max(window) < LOUD:
            self.silent += 0.1
        elif share(window, RATE, self.frequency) < PURE:
            self.other += 0.1
        else:
            self.heard += 0.1
            self.last = self.seconds()
            if self.first is None:
                self.first = self.last

    def __str__(self) -> str:
        return (
            f"{self.frequency:.0f} Hz for {self.heard:.1f} s, silence for {self.silent:.1f} s,"
            f" else for {self.other:.1f} s"
        )
