# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Finds a tone in a recording (the algorithm of Goertzel).
"""

from __future__ import annotations

import math
import wave
from array import array
from pathlib import Path


def share(samples: array[int], rate: int, frequency: float) -> float:
    """How much of the power of C{samples} is at C{frequency}: 0..1."""
    total = float(sum(sample * sample for sample in samples))
    if not total:
        return 0.0
    coefficient = 2 * math.cos(2 * math.pi * frequency / rate)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + coefficient * last - before
    power = last * last + before * before - coefficient * last * before
    return 2 * power / (len(samples) * total)


def secondsOf(recording: Path, frequency: float) -> float:
    """For how long the first channel of C{recording} (16 bits) holds mostly C{frequency}."""
    with wave.open(str(recording)) as reader:
        rate, channels = reader.getframerate(), reader.getnchannels()
        samples = array("h", reader.readframes(reader.getnframes()))[::channels]
    window = rate // 10
    heard = 0
    for start in range(0, len(samples) - window + 1, window):
        piece = samples[start : start + window]
        if max(piece) > 300 and share(piece, rate, frequency) > 0.7:
            heard += 1
    return heard / 10
