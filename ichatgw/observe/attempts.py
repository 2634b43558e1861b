# -*- test-case-name: ichatgw.test.observe.test_attempts -*-
"""
Attempts to call that came to nothing before there was a call.
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from ichatgw.model import Ending, TransportAddress
from ichatgw.observe.events import Refused, TurnedAway
from ichatgw.observe.stream import UNREAD, Events
from ichatgw.runtime.ratelimit import RateLimit

MAX_TOLD = 20
"""So many are told of in a second: a flood, even of one that may call, must not fill a disk."""

MAX_ADDRESS = 300
"""Characters of an address that are kept: what cannot be read may be long."""


@define(eq=False)
class Attempts:
    """
    Tells of the attempts of those who may call: a host of C{AllowedSIPPeers} or of a trunk, a user who has logged in,
    or one of XMPP who may call.  What strangers try is not told of here: they may try as often as they like.

    @ivar kind: by what they are reached: C{sip}, C{jingle} or C{ichat}.
    @ivar events: the stream.
    """

    _clock: IReactorTime
    kind: str
    events: Events = UNREAD
    _limit: RateLimit = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._limit = RateLimit(self._clock, MAX_TOLD, MAX_TOLD, mostSources=1)

    @property
    def areTold(self) -> bool:
        """Does anybody want to know of the next one?"""
        return self.events.isOn(TurnedAway) and self._limit.allow(None)

    def tell(self, caller: str, called: str, source: TransportAddress | None, ending: Ending) -> None:
        """
        Publish one, see L{TurnedAway}; only if L{areTold}.

        @param caller: a URI, as far as it can be read.
        @param called: likewise.
        @param source: where it came from; C{None} for XMPP.
        """
        events = self.events
        caller, called = caller[:MAX_ADDRESS], called[:MAX_ADDRESS]
        events.publish(TurnedAway(*events.now(), ending, self.kind, caller, called, source))

    def refused(self, caller: str, called: str, source: TransportAddress | None, ending: Ending) -> None:
        """The same, and counted as refused; whether it is told of or not."""
        events = self.events
        if events.isOn(Refused):
            events.publish(Refused(*events.now(), ending.reason, ending.text, str(source or caller)))
        if self.areTold:
            self.tell(caller, called, source, ending)
