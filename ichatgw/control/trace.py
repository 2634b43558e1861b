# -*- test-case-name: ichatgw.test.control.test_trace -*-
"""
Writes the messages of some parties' calls to the log in full, whatever its level, but for secrets.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

from twisted.logger import Logger

from ichatgw.address import Address
from ichatgw.control.protocol import Answer, OrderError
from ichatgw.control.server import Orders
from ichatgw.log.redaction import Content
from ichatgw.observe.events import (
    CallArrived,
    CallRouted,
    LegEvent,
    LegStarted,
    Message,
    MessageReceived,
    TrailBegan,
)
from ichatgw.observe.registry import LiveCalls
from ichatgw.observe.snapshots import CallSnapshot
from ichatgw.observe.stream import Events
from ichatgw.observe.trails import Trails
from ichatgw.runtime.turns import Sweep, Turns

MAX_PARTIES = 20
"""Parties that can be traced at a time."""

MAX_CALLS = 200
"""Calls of them that are remembered; those that began first are forgotten first."""

PIECE = 1500
"""Characters of a message in one line of the log."""

_log = Logger()


class Traces:
    """
    The parties that are traced.  While there is none, nothing reads the stream for it.
    """

    def __init__(
        self,
        turns: Turns,
        events: Events,
        trails: Trails,
        known: LiveCalls,
        content: Callable[[], Content] = lambda: Content.DIGITS,
    ) -> None:
        """
        @param content: what of messages is left out besides secrets.
        """
        self._content = content
        self._events = events
        self._trails = trails
        self._known = known
        self._parties: dict[str, None] = {}
        self._calls: OrderedDict[str, dict[int, Message]] = OrderedDict()
        self._ends: list[Callable[[], None]] = []
        self._looking: Sweep[CallSnapshot] = turns.sweep(self._look)

    def addTo(self, orders: Orders) -> None:
        """Carry out such orders."""
        orders.add("trace", self.trace)

    def trace(self, words: Mapping[str, str]) -> Answer:
        """
        Begin or end to trace a party, or only say which are traced.

        @raise OrderError: if it is none, or too many are.
        """
        party, wish = bareOf(words.get("party", "")), words.get("wish", "")
        if wish == "on":
            self._begin(party)
        elif wish == "off":
            if party not in self._parties:
                raise OrderError(f"{party[:80]!r} is not traced: see ichatgw trace")
            del self._parties[party]
        elif wish:
            raise OrderError(f"{wish[:20]!r} is neither on nor off")
        if not self._parties:
            self._stop()
        return Answer({"parties": list(self._parties)})

    def _begin(self, party: str) -> None:
        if not party or len(party) > 256:
            raise OrderError("that is no party: name a number, or an address such as kim@example.com")
        if party not in self._parties and len(self._parties) >= MAX_PARTIES:
            raise OrderError(f"{MAX_PARTIES} parties are traced already: end one by ichatgw trace off")
        self._parties[party] = None
        if not self._ends:
            self._ends = [
                self._events.subscribe(self._arrived, CallArrived),
                self._events.subscribe(self._routed, CallRouted),
                self._events.subscribe(self._followed, LegStarted, TrailBegan),
                self._events.subscribe(self._message, Message),
            ]
        self._looking.start(self._known.live)

    def _stop(self) -> None:
        self._looking.stop()
        ends, self._ends = self._ends, []
        for end in ends:
            end()
        self._calls.clear()

    def _isWanted(self, *addresses: str) -> bool:
        for address in addresses:
            bare = bareOf(address)
            if bare in self._parties or bare.partition("@")[0] in self._parties:
                return True
        return False

    def _look(self, call: CallSnapshot) -> None:
        """Is it a call of one of them that is up already?"""
        if self._isWanted(call.caller, call.called, call.route):
            self._adopt(call.id)

    def _arrived(self, event: CallArrived) -> None:
        if self._isWanted(event.caller, event.called):
            self._adopt(event.call)

    def _routed(self, event: CallRouted) -> None:
        if self._isWanted(event.caller, event.route):
            self._adopt(event.call)

    def _adopt(self, call: str) -> None:
        if call not in self._calls:
            self._calls[call] = {}
            if len(self._calls) > MAX_CALLS:
                self._calls.popitem(last=False)
            self._catchUp(call)

    def _followed(self, event: LegEvent) -> None:
        if event.call in self._calls:
            self._catchUp(event.call)

    def _catchUp(self, call: str) -> None:
        """What came before it was known whose it is."""
        for rung in self._known.ladder(call):
            if isinstance(rung.event, Message):
                self._say(call, rung.leg, rung.event)

    def _message(self, message: Message) -> None:
        owner = self._trails.of(self._trails.trailOf(message))
        if owner is not None and owner.call in self._calls:
            self._say(owner.call, owner.leg, message)

    def _say(self, call: str, leg: str, message: Message) -> None:
        said = self._calls[call]
        if id(message) in said:
            return
        said[id(message)] = message
        text = message.shown(self._content())
        pieces = [text[at : at + PIECE] for at in range(0, len(text), PIECE)]
        for number, piece in enumerate(pieces, 1):
            _log.info(
                "call={call} leg={leg} traced, {way} {remote} over {transport}{part}: {piece}",
                call=call,
                leg=leg,
                way="from" if isinstance(message, MessageReceived) else "to",
                remote=message.remote or "the XMPP server",
                transport=message.transport,
                part=f" ({number} of {len(pieces)})" if len(pieces) > 1 else "",
                piece=piece,
            )


def bareOf(address: str) -> str:
    """A party as it is compared: an address without scheme, port, parameters and resource, in small letters."""
    text = address.strip()
    said = Address(text)
    return (said if said.scheme in ("sip", "sips", "xmpp", "tel") else Address(f"sip:{text}")).bare
