# -*- test-case-name: ichatgw.test.media.rtp.test_tones -*-
"""
Tones in G.711.
"""

from __future__ import annotations

from functools import lru_cache
from math import pi, sin

from ichatgw.media.rtp.g711 import MAX_STEP, ULAW_STEPS

RATE = 8000
"""Samples in a second."""


@lru_cache(maxsize=8)
def tone(hertz: int, level: float) -> bytes:
    """
    One second of a sine in mu-law, which can be repeated without a gap.

    @param hertz: in whole numbers.
    @param level: in dB below full scale, a negative number.
    """
    amplitude = MAX_STEP * 10 ** (level / 20)
    step = 2 * pi * hertz / RATE
    return bytes(_nearest(round(amplitude * sin(step * sample))) for sample in range(RATE))


@lru_cache(maxsize=4096)
def _nearest(sample: int) -> int:
    """The octet that comes closest to a sample in steps of mu-law."""
    return min(range(256), key=lambda octet: abs(ULAW_STEPS[octet] - sample))
