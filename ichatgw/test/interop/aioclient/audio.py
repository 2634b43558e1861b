"""
The tone that the client plays, and what it hears.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from fractions import Fraction
from math import pi, sin
from typing import Any

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

RATE = 48000
FRAME = RATE // 50
HEARD = 16000
"""The rate of what is heard, as it is told."""


class Tone(MediaStreamTrack):  # type: ignore[misc]
    """A sine, 20 ms after 20 ms."""

    kind = "audio"

    def __init__(self, frequency: int) -> None:
        super().__init__()
        self._position = 0
        self._begun = 0.0
        # One second holds whole periods of whole hertz, so it can be played again and again.
        self._second = array("h", (int(9000 * sin(2 * pi * frequency * at / RATE)) for at in range(RATE)))

    async def recv(self) -> Any:
        """The next frame, when it is due."""
        now = asyncio.get_running_loop().time()
        if self._position == 0:
            self._begun = now
        await asyncio.sleep(max(0.0, self._begun + self._position / RATE - now))
        start = self._position % RATE
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(self._second[start : start + FRAME].tobytes())
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._position, Fraction(1, RATE)
        self._position += FRAME
        return frame


async def listen(track: Any, heard: Callable[[bytes], None]) -> None:
    """Give C{heard} what comes of C{track} as 16-bit samples, until that ends."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=HEARD)
    try:
        while True:
            for frame in resampler.resample(await track.recv()):
                heard(bytes(frame.planes[0])[: frame.samples * 2])
    except MediaStreamError:
        return
