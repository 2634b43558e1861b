# -*- test-case-name: ichatgw.test.sip.dialog.test_prack,ichatgw.test.sip.dialog.test_sessiontimer -*-
"""
Provisional responses that do not get lost (RFC 3262), at both ends.

As the called one we send them only to callers that demand it; as the caller we acknowledge what comes.
"""

from __future__ import annotations

from collections.abc import Callable
from secrets import randbelow

from sippy.SipHeader import SipHeader
from sippy.SipMsg import SipMsg
from sippy.SipResponse import SipResponse
from sippy.Time.Timeout import Timeout

from ichatgw.sip.sippylib.clock import Timer

TAG = "100rel"

FIRST_WAIT = 0.5
"""Seconds until a response is sent again for the first time: T1; then it doubles."""

LAST_WAIT = 32.0
"""Seconds until it is given up: 64*T1 (section 3)."""

MAX_WAITING = 10


def demands(message: SipMsg, option: str = TAG) -> bool:
    """Does a message require that option?"""
    return _names(message, "require", option)


def supports(message: SipMsg, option: str) -> bool:
    """Does its sender know that option?"""
    return _names(message, "supported", option) or demands(message, option)


def _names(message: SipMsg, header: str, option: str) -> bool:
    words = (word.strip().lower() for body in message.getHFBodys(header) for word in str(body).split(","))
    return option in words


def number(message: SipMsg, header: str) -> int | None:
    """The number in the first header of that name."""
    bodies = message.getHFBodys(header)
    text = str(bodies[0]).partition(";")[0].split() if bodies else []
    return int(text[0][:10]) if text and text[0].isascii() and text[0].isdigit() else None


class Sender:
    """
    Reliable responses to one INVITE, one after the other, and its end after the last of them.

    @param send: sends a response.
    @param failed: called if one was never acknowledged.
    """

    def __init__(self, send: Callable[[SipResponse], None], failed: Callable[[], None]) -> None:
        self._send = send
        self._failed = failed
        self._number = 1 + randbelow(2**31 - 1)
        self._waiting: list[SipResponse] = []
        self._timer: Timer | None = None
        self._wait = FIRST_WAIT
        self._waited = 0.0
        self._end: Callable[[], None] | None = None

    @property
    def holdsEnd(self) -> bool:
        """Does the final response wait?"""
        return self._end is not None

    def provisional(self, response: SipResponse) -> None:
        """Send a response, as soon as those before it are acknowledged."""
        if len(self._waiting) >= MAX_WAITING:
            return
        response.appendHeader(SipHeader(name="require", bodys=TAG))
        self._waiting.append(response)
        if len(self._waiting) == 1:
            self._next()

    def final(self, send: Callable[[], None]) -> None:
        """C{send} the final response when all others are acknowledged."""
        if self._waiting:
            self._end = send
        else:
            send()

    def acknowledged(self, rack: str) -> SipResponse | None:
        """
        PRACK.

        @param rack: its C{RAck}.
        @return: the response that it acknowledges; C{None} if there is none.
        """
        words = rack.split()
        if not self._waiting or len(words) != 3 or words[2].upper() != "INVITE":
            return None
        response = self._waiting[0]
        cseq = response.getHFBody("cseq").getCSeqNum()
        if words[0] != str(self._number) or words[1] != str(cseq):
            return None
        self._stop()
        del self._waiting[0]
        self._number += 1
        return response

    def goOn(self) -> None:
        """PRACK is answered: send what waits."""
        if self._waiting:
            self._next()
        elif self._end is not None:
            end, self._end = self._end, None
            end()

    def over(self) -> None:
        """Nothing more is sent."""
        self._stop()
        self._waiting.clear()
        self._end = None

    def _next(self) -> None:
        self._waiting[0].appendHeader(SipHeader(name="rseq", bodys=str(self._number)))
        self._wait, self._waited = FIRST_WAIT, 0.0
        self._transmit()

    def _transmit(self) -> None:
        self._timer = Timeout(self._again, self._wait)
        self._send(self._waiting[0])

    def _again(self) -> None:
        self._timer = None
        self._waited += self._wait
        self._wait *= 2
        if self._waited >= LAST_WAIT - FIRST_WAIT:
            self.over()
            self._failed()
        else:
            self._transmit()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Receiver:
    """Reliable responses to one INVITE of ours, from all phones that it has reached."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def heard(self, response: SipResponse, most: int) -> str | None:
        """
        A provisional response.

        @param most: of so many forks, responses are taken.
        @return: the C{RAck} of the PRACK that it needs; empty if it needs none; C{None} if it has been heard before, or
            one before it has not (section 4).
        """
        rseq = number(response, "rseq")
        if not demands(response) or rseq is None:
            return ""
        tag = response.getHFBody("to").getTag()
        if tag is None or not response.countHFs("contact"):
            return None
        last = self._last.get(tag)
        if (last is None and len(self._last) >= most) or (last is not None and rseq != last + 1):
            return None
        self._last[tag] = rseq
        return f"{rseq} {response.getHFBody('cseq').getCSeqNum()} INVITE"
