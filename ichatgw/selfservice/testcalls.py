# -*- test-case-name: ichatgw.test.selfservice.test_testcalls -*-
"""
Test calls: legs whose party is the gateway itself, which says a tone and then what it hears.

A user calls the test address, or is called by it.  Either leg is one like any other, and its media goes through the
relay; so the call proves all of the way to the user's client, and nothing beyond.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import ClassVar

from attrs import define, field, frozen
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.calls.limits import callerKey
from ichatgw.calls.nulls import NoCall
from ichatgw.errors import CallError, Congested, NoRoute, Refused
from ichatgw.interfaces import (
    Arrival,
    IArrivals,
    ICall,
    IChange,
    IDialer,
    IInboundLeg,
    ILeg,
    IMediaSide,
    IMessage,
    IOutboundLeg,
)
from ichatgw.model import PCMA, PCMU, Codec, Ending, EndReason, Farewell, Party, SessionDescription
from ichatgw.runtime.clock import cancel
from ichatgw.runtime.nulls import unheard
from ichatgw.selfservice.echomedia import EchoMedia, chosen

SCHEME = "echo"
"""Of the test address, after the rules."""

BACK = "echo-to"
"""Of a user whom the gateway calls."""

NAME = "Echo"

MAX_SECONDS = 60.0
"""How long a test call lasts."""

MAX_CALLS, MAX_OF_CALLER = 20, 2
"""How many test calls there are at a time, and how many of them one caller may have."""

OFFER = SessionDescription((PCMU, PCMA, Codec("opus", 48000, 111, 2, "minptime=10;useinbandfec=1")))
"""What a user who is called is offered; there is no tone in the last one."""

_log = Logger()
_numbers = count(1)


@define(eq=False)
class TestCalls:
    """
    The test calls that are up.

    @ivar address: the test address, C{user@domain}, bare.
    @ivar makeMedia: makes the far end of the media.
    @ivar arrivals: takes the calls to users.
    """

    clock: IReactorTime
    address: str
    makeMedia: Callable[[], EchoMedia]
    arrivals: IArrivals
    awaited: str = field(default="", init=False)
    _live: set[EchoLeg] = field(factory=set, init=False)

    @property
    def party(self) -> Party:
        """Who is called, and calls."""
        return Party(f"{SCHEME}:{self.address}", NAME)

    def begin(self, leg: EchoLeg) -> None:
        """
        A leg wants to live.

        @raise CallError: if there are enough of them.
        """
        if len(self._live) >= MAX_CALLS:
            raise Congested(f"{MAX_CALLS} test calls are up")
        if sum(other.key == leg.key for other in self._live) >= MAX_OF_CALLER:
            raise Refused(f"this caller has {MAX_OF_CALLER} test calls")
        self._live.add(leg)

    def over(self, leg: EchoLeg) -> None:
        """It lives no more."""
        self._live.discard(leg)

    def call(self, user: str) -> None:
        """
        Call a user.

        @param user: C{user@domain}.
        @raise CallError: if there can be no call.
        """
        leg = EchoCaller(self, self.party, callerKey(Party(f"xmpp:{user}")))
        self.begin(leg)
        self.awaited = f"{BACK}:{user}"
        try:
            self.arrivals.arrived(leg, Arrival(self.party, self.awaited, OFFER))
        finally:
            self.awaited = ""
        if leg.refusal is not None:
            raise CallError(leg.refusal.text or leg.refusal.reason.value)


@implementer(ILeg)
@define(eq=False)
class EchoLeg:
    """
    What both legs have in common.

    @ivar key: tells apart those for whom test calls are made.
    @ivar refusal: how it ended, before a call had it.
    """

    tests: TestCalls
    party: Party
    key: str
    kind: ClassVar[str] = "echo"
    trail: ClassVar[str] = ""
    id: str = field(init=False, factory=lambda: f"echo-{next(_numbers)}")
    call: ICall = field(init=False, factory=NoCall)
    side: IMediaSide = field(init=False)
    refusal: Ending | None = field(init=False, default=None)
    _media: EchoMedia | None = field(init=False, default=None)
    _timer: IDelayedCall | None = field(init=False, default=None)
    _isOver: bool = field(init=False, default=False)

    def change(self, change: IChange) -> None:
        """See L{ILeg}: it goes along with all that it can echo."""
        codecs = chosen(change.offer.codecs)
        if self._media is None or not codecs:
            change.refuse(Ending(EndReason.INCOMPATIBLE, "no such format"))
            return
        self._media.speak(codecs)
        answer = SessionDescription(codecs, self._media.address)
        self.side.connect(answer)
        change.agree(answer)

    def hand(self, message: IMessage) -> None:
        """See L{ILeg}."""
        message.undeliverable()

    def farewells(self) -> tuple[Farewell, ...]:
        """See L{ILeg}."""
        return ()

    def hangup(self, ending: Ending) -> None:
        """See L{ILeg}."""
        if self._isOver:
            return
        self._isOver = True
        cancel(self._timer)
        self._timer = None
        if self._media is not None:
            self._media.close()
        self.tests.over(self)
        self.refusal = ending
        _log.info("call={call} leg={leg} of a test has ended", call=self.call.id, leg=self.id)
        self.call.ended(self, ending)

    def _talk(self, codecs: tuple[Codec, ...]) -> SessionDescription | None:
        """
        Open the media.

        @return: what is spoken, and where; C{None} if there is no way: then the leg has ended.
        """
        media = self.tests.makeMedia()
        try:
            ours = SessionDescription(codecs, media.open())
            self._media = media
            port = self.side.local(media.host).port
            self.side.connect(ours)
        except CallError as problem:
            self.hangup(Ending(problem.reason, str(problem)))
            return None
        media.start(port, codecs)
        enough = Ending(EndReason.HANGUP, "the test is over")
        self._timer = self.tests.clock.callLater(MAX_SECONDS, self.hangup, enough)
        return ours


@implementer(IOutboundLeg)
@define(eq=False)
class EchoCallee(EchoLeg):
    """The test address is called."""

    isTaken: ClassVar[bool] = True

    def start(self, offer: SessionDescription) -> None:
        """See L{IOutboundLeg}: it answers at once."""
        if self._isOver or self._media is not None:
            return
        codecs = chosen(offer.codecs)
        if not codecs:
            self.hangup(Ending(EndReason.INCOMPATIBLE, "there is no audio"))
            return
        try:
            self.tests.begin(self)
        except CallError as problem:
            self.hangup(Ending(problem.reason, str(problem)))
            return
        ours = self._talk(codecs)
        if ours is not None:
            self.call.answered(self, ours)


@implementer(IInboundLeg)
@define(eq=False)
class EchoCaller(EchoLeg):
    """The test address calls a user."""

    # Nobody hears how it rings at the user's end.
    ring = progress = unheard

    def answer(self, answer: SessionDescription) -> None:
        """See L{IInboundLeg}."""
        if self._isOver or self._media is not None:
            return
        codecs = chosen(tuple(each for each in OFFER.codecs if answer.hears(each) is not None))
        if not codecs:
            self.hangup(Ending(EndReason.INCOMPATIBLE, "there is no such audio"))
            return
        self._talk(codecs)


@implementer(IDialer)
@frozen
class EchoDialer:
    """Makes legs to the test address."""

    tests: TestCalls

    def dial(self, called: str, caller: Party) -> IOutboundLeg:
        """See L{IDialer}."""
        return EchoCallee(self.tests, self.tests.party, callerKey(caller))


@implementer(IDialer)
@frozen
class BackDialer:
    """
    Makes legs to users who have ordered a test call: to themselves, wherever their calls are forwarded.

    @ivar users: dials users of XMPP.
    """

    tests: TestCalls
    users: IDialer

    def dial(self, called: str, caller: Party) -> IOutboundLeg:
        """
        See L{IDialer}.

        @raise NoRoute: if that user has ordered none now.
        """
        if not called or called != self.tests.awaited:
            raise NoRoute("no test call has been ordered")
        return self.users.dial(f"xmpp:{called.partition(':')[2]}", caller)
