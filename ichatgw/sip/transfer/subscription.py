# -*- test-case-name: ichatgw.test.sip.transfer.test_subscription -*-
"""
The subscription that each REFER creates: its sender is notified of the outcome (RFC 3515 section 2.4, RFC 6665).
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from sippy.MsgBody import MsgBody
from sippy.SipResponse import SipResponse
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ichatgw.runtime.clock import cancel
from ichatgw.sip.message.bodies import bodyOf

LIFETIME = 180
"""Seconds that a subscription lasts by itself; nothing rings longer by default."""

SIPFRAG = "message/sipfrag;version=2.0"
TRYING = "100 Trying"

_log = Logger()

Ask = Callable[[Callable[[SipResponse], None], list[tuple[str, str]], MsgBody | None], None]
"""
Sends a NOTIFY: who gets the final response, the headers, the body.

@raise OSError: if there is no way.
"""


class Subscription:
    """
    Tells one after another, the latest news only; over with the last word, when its time is up, or when the far end
    does not want to hear any more.

    @ivar identity: C{id} in C{Event}; empty for the first REFER of a dialog.
    @ivar isOver: nothing will be told any more.
    @param over: called when that is so.
    """

    def __init__(
        self,
        clock: IReactorTime,
        ask: Ask,
        identity: str = "",
        over: Callable[[Subscription], None] = lambda subscription: None,
        lifetime: int = LIFETIME,
    ) -> None:
        self.identity = identity
        self.isOver = False
        self._clock = clock
        self._ask = ask
        self._told = over
        self._status = TRYING
        self._awaits = False
        self._waiting = False
        self._needsNoAnswers = False
        self._reason = ""
        self._until = clock.seconds() + lifetime
        self._timer: IDelayedCall | None = clock.callLater(lifetime, self.end, "timeout")
        self._soon: IDelayedCall | None = None

    def begin(self) -> None:
        """The REFER is accepted; what is told comes after the response."""
        self._waiting = True
        self._soon = self._clock.callLater(0, self._beginNow)

    def tell(self, status: str) -> None:
        """The news: a status line without its version."""
        if not self.isOver and not self._reason:
            self._status = status
            self._next()

    def finish(self, status: str) -> None:
        """Send the last NOTIFY, with the final status."""
        if not self.isOver and not self._reason:
            self._status = status
            self.end("noresource")

    def end(self, reason: str) -> None:
        """Say that no more will be said."""
        if not self.isOver and not self._reason:
            self._stopTimer()
            self._reason = reason
            self._next()

    def renew(self, seconds: int) -> int:
        """
        The far end wants to hear for so many seconds from now, or with 0 no more (RFC 6665 section 4.2.1).

        @return: the seconds granted.
        """
        if self.isOver or self._reason:
            return 0
        granted = min(seconds, LIFETIME)
        self._stopTimer()
        self._until = self._clock.seconds() + granted
        if granted:
            self._timer = self._clock.callLater(granted, self.end, "timeout")
            self._waiting = True
        else:
            self._reason = "timeout"
            self._waiting = True
        if self._soon is None:
            self._soon = self._clock.callLater(0, self._begun)
        return granted

    def expectNoAnswers(self) -> None:
        """The referrer's call is over: a NOTIFY from now on need not be answered (RFC 5057 section 4.1)."""
        self._needsNoAnswers = True
        self._awaits = False
        if self._waiting:
            self._next()

    def drop(self) -> None:
        """End the subscription without a NOTIFY."""
        self._over()
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None

    def _over(self) -> None:
        self._stopTimer()
        if not self.isOver:
            self.isOver = True
            self._told(self)

    def _stopTimer(self) -> None:
        cancel(self._timer)
        self._timer = None

    def _beginNow(self) -> None:
        """The first news is always that it is tried, whatever has become of it by now."""
        news, self._status, self._reason = (self._status, self._reason), TRYING, ""
        self._begun()
        self._status, self._reason = news
        if self._status != TRYING or self._reason:
            self._next()

    def _begun(self) -> None:
        self._soon = None
        self._next()

    def _next(self) -> None:
        """NOTIFYs never overtake each other: the next goes out when the last is answered."""
        self._waiting = True
        if self._awaits or self._soon is not None or self.isOver:
            return
        self._waiting = False
        left = max(0, ceil(self._until - self._clock.seconds()))
        state = f"terminated;reason={self._reason}" if self._reason else f"active;expires={left}"
        headers = [
            ("event", f"refer;id={self.identity}" if self.identity else "refer"),
            ("subscription-state", state),
        ]
        self._awaits = not self._needsNoAnswers
        try:
            self._ask(self._answered, headers, bodyOf(f"SIP/2.0 {self._status}\r\n", SIPFRAG))
        except OSError as problem:
            _log.debug("NOTIFY cannot be sent: {problem!r}", problem=problem)
            self.drop()
        if self._reason:
            self._over()

    def _answered(self, response: SipResponse) -> None:
        self._awaits = False
        if self.isOver:
            return
        if response.getSCode()[0] >= 300:
            self.drop()
        elif self._waiting:
            self._next()
