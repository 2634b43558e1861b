# -*- test-case-name: ichatgw.test.media.rtp.test_dtmf -*-
"""
Plays keys to a party as telephone events (RFC 4733), between the packets of the other one.
"""

from __future__ import annotations

from collections import deque
from struct import Struct
from typing import Protocol

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from ichatgw.media.rtp.comfort import Format
from ichatgw.media.rtp.rtp import FRAME_SECONDS
from ichatgw.model import Tone

MAX_WAITING = 32
"""As many keys may wait for those before them."""

GAP = 3
"""Frames of 20 ms between two keys, by which a receiver tells that they are two."""

ENDS = 3
"""How often the end of a key is said (RFC 4733 section 2.5.1.4)."""

_EVENT = Struct("!BBH")
_NUMBERS = {key: number for number, key in enumerate("0123456789*#ABCD")}
_END = 0x80
_VOLUME = 10
_LONGEST = 0xFFFF


class Stream(Protocol):
    """The packets that a party is sent."""

    @property
    def keyFormat(self) -> Format | None:
        """How the party wants to be told of keys; C{None} if it does not."""

    def insert(self, payloadType: int, payload: bytes, timestamp: int | None) -> int | None:
        """
        Send a packet of ours.

        @param timestamp: C{None} for now, which makes it the first of its kind.
        @return: its timestamp; C{None} if nothing can be sent.
        """


@define
class _Press:
    """
    A key that is being played.

    @ivar event: its number.
    @ivar frames: how long it is, in frames of 20 ms.
    @ivar told: how many packets have told of it.
    """

    event: int
    format: Format
    frames: int
    told: int = 0
    timestamp: int | None = None


@define(eq=False)
class TelephoneEventPlayer:
    """One after the other; its timer runs only while there is something to play."""

    _clock: IReactorTime
    _stream: Stream
    _waiting: deque[Tone] = field(factory=deque, init=False)
    _press: _Press | None = field(default=None, init=False)
    _rest: int = field(default=0, init=False)
    _timer: LoopingCall | None = field(default=None, init=False)

    def play(self, tone: Tone) -> bool:
        """
        Play it, after those that wait.

        @return: whether the party can be told so.
        """
        if self._stream.keyFormat is None or len(self._waiting) >= MAX_WAITING:
            return False
        self._waiting.append(tone)
        if self._timer is None:
            self._timer = LoopingCall(self._next)
            self._timer.clock = self._clock
            self._timer.start(FRAME_SECONDS)
        return True

    def close(self) -> None:
        """Idempotent."""
        self._waiting.clear()
        self._press = None
        if self._timer is not None:
            timer, self._timer = self._timer, None
            timer.stop()

    def _next(self) -> None:
        """Every 20 ms."""
        if self._rest:
            self._rest -= 1
            return
        if self._press is None:
            self._press = self._begin()
        press = self._press
        if press is None or not self._tell(press):
            self.close()
        elif press.told == press.frames + ENDS - 1:
            self._press, self._rest = None, GAP

    def _begin(self) -> _Press | None:
        format = self._stream.keyFormat
        if not self._waiting or format is None:
            return None
        tone = self._waiting.popleft()
        frames = min(max(round(tone.milliseconds / 20), 2), _LONGEST // format.frame)
        return _Press(_NUMBERS[tone.key], format, frames)

    def _tell(self, press: _Press) -> bool:
        press.told += 1
        frames = min(press.told, press.frames)
        end = _END if frames == press.frames else 0
        payload = _EVENT.pack(press.event, end | _VOLUME, frames * press.format.frame)
        press.timestamp = self._stream.insert(press.format.payloadType, payload, press.timestamp)
        return press.timestamp is not None
