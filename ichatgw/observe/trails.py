# -*- test-case-name: ichatgw.test.observe.test_trails -*-
"""
To which call and leg a message belongs.

Who reads a message from the wire does not know yet what it belongs to, and need not: legs say by which mark their
messages are known, and readers of the stream look the mark up.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from html import unescape

from attrs import define, field, frozen

from ichatgw.observe.events import CallEnded, Event, LegStarted, Message, MessageSent, TrailBegan, pair
from ichatgw.observe.stream import Events

MAX_TRAILS = 50_000
"""How many are remembered of calls that are up; those of the oldest call go first."""

MAX_OVER = 5000
"""How many are remembered of calls that are over, for what comes late; the oldest go first."""

MAX_ASKED = 5000
"""How many requests of XMPP are remembered, for their answers, which name nothing but an id."""

_CALL_ID = re.compile(rb"\n(?:call-id|i)[ \t]*:\s*([^\s;]+)", re.IGNORECASE)
_USUAL_CALL_ID = b"\nCall-ID: "
_SESSION = re.compile(rb"<(?:[\w-]+:)?jingle\b[^>]*?\ssid=(?:'([^']*)'|\"([^\"]*)\")")
_PROPOSAL = re.compile(
    rb"<(?:[\w-]+:)?(?:propose|retract|accept|proceed|reject|ringing|finish)\b(?=[^>]*jingle-message)"
    rb"[^>]*?\sid=(?:'([^']*)'|\"([^\"]*)\")"
)
_RECEIPT = re.compile(rb"<(?:[\w-]+:)?received\b(?=[^>]*urn:xmpp:receipts)[^>]*?\sid=(?:'([^']*)'|\"([^\"]*)\")")
_HEAD = re.compile(rb"<(?:[\w-]+:)?(?:iq|message|presence)\b[^>]*>")
_ATTRIBUTE = re.compile(rb"\s(from|to|id|type)=(?:'([^']*)'|\"([^\"]*)\")")


@frozen
class Owner:
    """The call and the leg that a message belongs to."""

    call: str
    leg: str


@define(eq=False)
class Trails:
    """
    Knows the marks of the legs that live or have lived.  It has to read the stream before who asks it.

    @ivar of: tells whose a mark is; C{None} if that is not known, or not yet.
    """

    of: Callable[[str], Owner | None] = field(init=False)
    _owners: dict[str, Owner] = field(factory=dict, init=False)
    _live: dict[str, dict[str, None]] = field(factory=dict, init=False)
    _over: OrderedDict[str, None] = field(factory=OrderedDict, init=False)
    _asked: OrderedDict[tuple[str, str], str] = field(factory=OrderedDict, init=False)

    def __attrs_post_init__(self) -> None:
        self.of = self._owners.get

    def read(self, events: Events) -> None:
        """Learn from this stream."""
        events.subscribe(self._began, LegStarted, TrailBegan)
        events.subscribe(self._ended, CallEnded)

    def _began(self, event: Event) -> None:
        if isinstance(event, TrailBegan):
            self._add(event.trail, Owner(event.call, event.leg))
        elif isinstance(event, LegStarted):
            for trail in event.trails:
                self._add(trail, Owner(event.call, event.leg))

    def _add(self, trail: str, owner: Owner) -> None:
        self._owners[trail] = owner
        self._over.pop(trail, None)
        self._live.setdefault(owner.call, {})[trail] = None
        while len(self._owners) - len(self._over) > MAX_TRAILS:
            self._forget(next(iter(self._live)))

    def _ended(self, event: Event) -> None:
        if isinstance(event, CallEnded):
            self._forget(event.call)

    def _forget(self, call: str) -> None:
        """What comes late still finds its call, for a while."""
        for trail in self._live.pop(call, ()):
            owner = self._owners.get(trail)
            if owner is not None and owner.call == call:
                self._over[trail] = None
        while len(self._over) > MAX_OVER:
            del self._owners[self._over.popitem(last=False)[0]]

    def trailOf(self, message: Message) -> str:
        """The mark that a message has; empty if it is of no call."""
        return callIdOf(message.data) if message.protocol == "SIP" else self._ofStanza(message)

    def _ofStanza(self, message: Message) -> str:
        data = message.data
        head = _HEAD.match(data)
        if head is None:
            return ""
        attributes = {found[1]: _text(found[2] or found[3]) for found in _ATTRIBUTE.finditer(head[0])}
        theirs, ours = attributes.get(b"from", ""), attributes.get(b"to", "")
        if isinstance(message, MessageSent):
            theirs, ours = ours, theirs
        asked = theirs, attributes.get(b"id", "")
        if attributes.get(b"type") in ("result", "error") and asked in self._asked:
            return self._asked[asked]
        receipt = _RECEIPT.search(data) if b"urn:xmpp:receipts" in data else None
        if receipt is not None:  # XEP-0184 names the message that has come, and not what that was about
            return self._asked.get((theirs, _text(receipt[1] or receipt[2])), "")
        trail = _markIn(data) or (pair(theirs, ours) if b"apple:iq:vc:" in data else "")
        if trail and asked[1]:
            self._asked[asked] = trail
            if len(self._asked) > MAX_ASKED:
                self._asked.popitem(last=False)
        return trail


def _markIn(data: bytes) -> str:
    found = _SESSION.search(data) or _PROPOSAL.search(data)
    return "" if found is None else _text(found[1] or found[2])


def _text(value: bytes | None) -> str:
    return unescape((value or b"").decode("utf-8", "replace"))


def callIdOf(data: bytes) -> str:
    """The Call-ID of a SIP message, as it is written; empty if it has none."""
    at = data.find(_USUAL_CALL_ID)
    if at >= 0:
        at += len(_USUAL_CALL_ID)
        end = data.find(b"\r", at)
        if end > at:
            return data[at:end].decode("utf-8", "replace").strip()
    found = _CALL_ID.search(data)
    return "" if found is None else found[1].decode("utf-8", "replace")
