# -*- test-case-name: ichatgw.test.media.rtp.test_g711 -*-
"""
The two laws of G.711, each octet of one in the other (ITU-T G.711, tables 1a to 2b).
"""

from __future__ import annotations

_BIAS = 33

# The sign (mu-law has a zero of either) and the magnitude that an octet stands for, in the steps of mu-law: 14 bits.
_Sample = tuple[bool, int]


def _fromULaw(octet: int) -> _Sample:
    octet ^= 0xFF
    return octet > 0x7F, ((octet & 0x0F) * 2 + _BIAS << (octet >> 4 & 7)) - _BIAS


def _fromALaw(octet: int) -> _Sample:
    """Its steps are twice as large."""
    octet ^= 0x55
    segment, step = octet >> 4 & 7, octet & 0x0F
    return octet <= 0x7F, 2 * (step * 2 + 1 if segment == 0 else step * 2 + _BIAS << segment - 1)


def _nearest(values: list[_Sample], others: list[_Sample]) -> bytes:
    """For each octet the one of the other law that comes closest, with the same sign; of two the quieter one."""
    bySign: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    for octet, (isNegative, magnitude) in enumerate(others):
        bySign[isNegative].append((magnitude, octet))
    found = bytearray()
    for isNegative, magnitude in values:
        found.append(min((abs(other - magnitude), other, octet) for other, octet in bySign[isNegative])[2])
    return bytes(found)


_ULAW = [_fromULaw(octet) for octet in range(256)]
_ALAW = [_fromALaw(octet) for octet in range(256)]

ULAW_TO_ALAW = _nearest(_ULAW, _ALAW)
"""For C{bytes.translate}."""

ALAW_TO_ULAW = _nearest(_ALAW, _ULAW)
"""The same."""

MAX_STEP = max(magnitude for _, magnitude in _ULAW)
"""Full scale, in the steps of mu-law."""

ULAW_STEPS = [-magnitude if isNegative else magnitude for isNegative, magnitude in _ULAW]
"""What each octet of mu-law stands for."""
