# -*- test-case-name: ichatgw.test.sim.media.test_tone -*-
"""
A tone to send and an ear to hear it with: G.711 mu-law and A-law (ITU-T G.711), a sine source and a Goertzel detector.
"""

from __future__ import annotations

from functools import cache
from math import cos, log10, pi, sin

from attrs import define, field

RATE = 8000
FRAME = 160
"""Samples, and in mu-law also bytes, in 20 ms."""

_BIAS = 0x84
_CLIP = 32635
_FULL_SCALE = 32124.0


def encodeSample(sample: int) -> int:
    """One 16-bit sample as mu-law."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = magnitude.bit_length() - 8
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~(sign | exponent << 4 | mantissa) & 0xFF


def decodeSample(code: int) -> int:
    """One mu-law byte as a 16-bit sample."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + _BIAS) << ((code >> 4) & 7)
    return _BIAS - magnitude if code & 0x80 else magnitude - _BIAS


_DECODED = [decodeSample(code) for code in range(256)]


def decodeALaw(code: int) -> int:
    """One A-law byte as a 16-bit sample."""
    code ^= 0x55
    exponent = (code >> 4) & 7
    magnitude = ((code & 0x0F) << 4) + (0x108 if exponent else 8)
    magnitude <<= max(0, exponent - 1)
    return magnitude if code & 0x80 else -magnitude


_ALAW = sorted((decodeALaw(code), code) for code in range(256))
TO_ALAW = bytes(min(_ALAW, key=lambda each: abs(each[0] - decodeSample(code)))[1] for code in range(256))
"""The A-law byte next to each mu-law byte, for C{bytes.translate}."""

FROM_ALAW = bytes(encodeSample(decodeALaw(code)) for code in range(256))
"""The other way."""


def encode(samples: list[int]) -> bytes:
    """16-bit samples as mu-law."""
    return bytes(encodeSample(sample) for sample in samples)


def decode(payload: bytes) -> list[int]:
    """Mu-law as 16-bit samples."""
    return [_DECODED[code] for code in payload]


@cache
def _frames(frequency: int, level: float) -> tuple[bytes, ...]:
    """A second of a tone."""
    amplitude = _FULL_SCALE * 10 ** (level / 20)
    step = 2 * pi * frequency / RATE
    second = encode([round(amplitude * sin(step * n)) for n in range(RATE)])
    return tuple(second[at : at + FRAME] for at in range(0, RATE, FRAME))


@define(eq=False)
class ToneSource:
    """
    A sine as RTP payloads of 20 ms.

    @ivar frequency: in whole Hz, so that the wave repeats each second.
    @ivar level: in dB below full scale, a negative number.
    """

    frequency: int
    level: float = -10.0
    _frames: tuple[bytes, ...] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._frames = _frames(self.frequency, self.level)

    def frame(self, number: int) -> bytes:
        """The payload of the frame with this number, counted from 0."""
        return self._frames[number % len(self._frames)]


@define(eq=False)
class ToneDetector:
    """
    Listens for one frequency.

    @ivar frequency: what to listen for, in Hz.
    @ivar seconds: how much of what came was this tone.
    @ivar other: how much of what came was something else, silence included.
    @ivar level: of the tone's last frame, in dB below full scale.
    """

    frequency: int
    seconds: float = field(default=0.0, init=False)
    other: float = field(default=0.0, init=False)
    level: float = field(default=-99.0, init=False)

    def hear(self, payload: bytes) -> None:
        """Take in some mu-law."""
        if not payload:
            return
        level, purity = measure(decode(payload), self.frequency)
        duration = len(payload) / RATE
        if purity > 0.6 and level > -45:
            self.seconds += duration
            self.level = level
        else:
            self.other += duration

    def __str__(self) -> str:
        return f"heard {self.frequency} Hz for {self.seconds:.1f} s, level {self.level:.0f} dB"


def measure(samples: list[int], frequency: int) -> tuple[float, float]:
    """
    Goertzel's algorithm for one frequency.

    @return: the level in dB below full scale, and which share of all the energy is at that frequency.
    """
    coefficient = 2 * cos(2 * pi * frequency / RATE)
    before = last = 0.0
    energy = 0.0
    for sample in samples:
        before, last = last, sample + coefficient * last - before
        energy += sample * sample
    power = before * before + last * last - coefficient * before * last
    count = len(samples)
    amplitude = 2 * max(power, 0.0) ** 0.5 / count
    level = 20 * log10(amplitude / _FULL_SCALE) if amplitude >= 1 else -99.0
    return level, (2 * power / (count * energy) if energy else 0.0)
