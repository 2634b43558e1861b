"""
Events for tests, and a stream of them.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock

from ichatgw.model import Ending, EndReason, TransportAddress
from ichatgw.observe.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallRang,
    CallRouted,
    Event,
    LegEnded,
    LegStarted,
    Message,
    MessageReceived,
    MessageSent,
    TrailBegan,
)
from ichatgw.observe.messages import Messages
from ichatgw.observe.registry import LiveCalls
from ichatgw.observe.stream import Events
from ichatgw.observe.trails import Trails

PHONE = TransportAddress("192.0.2.7", 5060)
OURS = TransportAddress("192.0.2.1", 5060)
NOON = 1_700_000_000.0
"""When the tests begin, by the clock on the wall."""

HUNG_UP = Ending(EndReason.HANGUP, "BYE")


def sip(startLine: str, callId: str, *more: str) -> bytes:
    """A message of SIP."""
    method = startLine.split(" ")[0]
    lines = [startLine, "Via: SIP/2.0/UDP 192.0.2.7", f"Call-ID: {callId}", f"CSeq: 1 {method}", *more, "", ""]
    return "\r\n".join(lines).encode()


class Scene:
    """
    A stream, and what can happen on it.

    @ivar seen: all that was published.
    @ivar trails: whose messages are whose, once calls are followed.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.events = Events(self.clock, lambda: NOON + self.clock.seconds())
        self.seen: list[Event] = []
        self.trails = Trails()
        self.messages = Messages(self.clock, self.trails)

    def watch(self) -> None:
        """Keep all in C{seen}."""
        self.events.subscribe(self.seen.append, Event)

    def follow(self, kept: int = 1000) -> tuple[LiveCalls, Callable[[], None]]:
        """
        Follow the calls from now on.

        @param kept: how many of those that are over are remembered.
        @return: the calls, and what ends their reading.
        """
        self.trails.read(self.events)
        self.messages.read(self.events)
        calls = LiveCalls(self.clock, self.messages, kept)
        return calls, calls.read(self.events)

    def publish(self, kind: type[Event], *what: object) -> Event:
        """Something happens now."""
        event = kind(*self.events.now(), *what)
        self.events.publish(event)
        return event

    def says(self, data: bytes, protocol: str = "SIP", sent: bool = False) -> Message:
        """A message passes."""
        kind: type[Message] = MessageSent if sent else MessageReceived
        event = self.publish(kind, protocol, "udp" if protocol == "SIP" else "xmpp", data, PHONE, OURS)
        assert isinstance(event, Message)
        return event

    def arrives(self, call: str = "c-1", leg: str = "sip-in-1", callId: str = "one@phone") -> None:
        """A phone calls."""
        caller = "sip:alice@example.net"
        self.says(sip("INVITE sip:72@gw SIP/2.0", callId))
        self.publish(CallArrived, call, leg, "sip", caller, "sip:72@gw", PHONE, ("PCMU", "opus"))
        self.publish(LegStarted, call, leg, "caller", "sip", caller, (callId,))

    def routes(self, call: str = "c-1", leg: str = "sip-out-1", callId: str = "two@gw") -> None:
        """It leads to another one, which gets an INVITE."""
        self.publish(CallRouted, call, leg, "sip", "sip:alice@gw", "sip:bob@pbx")
        self.publish(LegStarted, call, leg, "callee", "sip", "sip:bob@pbx")
        self.says(sip("INVITE sip:bob@pbx SIP/2.0", callId), sent=True)
        self.publish(TrailBegan, call, leg, "sip", callId)

    def talks(self, call: str = "c-1", leg: str = "sip-out-1") -> None:
        """That one rings for two seconds, and answers."""
        self.publish(CallRang, call, leg)
        self.clock.advance(2)
        self.publish(CallAnswered, call, leg, ("PCMU",))

    def ends(self, call: str = "c-1", ending: Ending = HUNG_UP, by: str = "the callee") -> None:
        """It is over."""
        for leg in ("sip-out-1", "sip-in-1"):
            self.publish(LegEnded, call, leg, ending)
        self.publish(CallEnded, call, by, ending, True)
