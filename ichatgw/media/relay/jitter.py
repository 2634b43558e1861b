# -*- test-case-name: ichatgw.test.media.relay.test_jitter -*-
"""
How unevenly packets come to us: the interarrival jitter of RFC 3550 section 6.4.1, of pairs of packets now and then.
"""

from __future__ import annotations

from attrs import define, field

MOST = 1.0
"""Seconds; what comes earlier or later than that begins anew, or is not sent by the clock of its format."""

GAIN = 1 / 16
"""How much each pair counts."""


@define(eq=False)
class ArrivalJitter:
    """
    @ivar value: seconds; C{None} if no two packets were looked at.
    """

    value: float | None = field(default=None, init=False)
    _first: tuple[float, int] | None = field(default=None, init=False)

    def first(self, now: float, timestamp: int) -> None:
        """
        A packet has come.

        @param now: seconds.
        @param timestamp: by the clock of RTP, 32 bits.
        """
        self._first = now, timestamp

    def second(self, now: float, timestamp: int, rate: float) -> None:
        """
        The next packet has come.

        @param rate: hertz of the clock of RTP.
        """
        first, self._first = self._first, None
        if first is None or timestamp == first[1]:  # packets of one key, or of one frame
            return
        passed = (timestamp - first[1] + 0x80000000 & 0xFFFFFFFF) - 0x80000000
        difference = abs(now - first[0] - passed / rate)
        if difference > MOST:
            return
        before = self.value or 0.0
        self.value = before + (difference - before) * GAIN

    def interrupt(self) -> None:
        """The next packet goes on with another stream."""
        self._first = None
