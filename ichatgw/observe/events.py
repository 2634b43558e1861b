# -*- test-case-name: ichatgw.test.observe.test_stream,ichatgw.test.observe.test_registry,ichatgw.test.observe.test_legtrails -*-  # noqa: E501
"""
What happens, as frozen values.  Each is published once, by the part where it happens, see L{ichatgw.observe.stream}.

What they carry is as it came: a reader that shows a message hides what is secret first (C{shown}).
"""

from __future__ import annotations

from attrs import field, frozen

from ichatgw.log.redaction import Content, redacted
from ichatgw.model import Ending, EndReason, TransportAddress


@frozen
class Event:
    """
    @ivar time: seconds of the monotonic clock; differences of these are intervals.
    @ivar wall: seconds since 1970, for people's eyes only.
    """

    time: float
    wall: float


# Calls and their legs.


@frozen
class CallEvent(Event):
    """@ivar call: the call's name, as in the log."""

    call: str


@frozen
class LegEvent(CallEvent):
    """@ivar leg: the leg's name, as in the log."""

    leg: str


@frozen
class CallArrived(LegEvent):
    """
    A call arrives; nothing is decided.

    @ivar kind: of the leg: C{sip}, C{jingle} or C{ichat}.
    @ivar caller: who, as a URI.
    @ivar called: whom, as a URI, before the rules.
    @ivar source: where the call came from; C{None} if that is not seen.
    @ivar codecs: the names of the formats that are offered, in order.
    """

    kind: str
    caller: str
    called: str
    source: TransportAddress | None
    codecs: tuple[str, ...]


@frozen
class CallRouted(LegEvent):
    """
    The rules have said where the call leads; C{leg} is the one that is dialled.

    @ivar kind: of that leg.
    @ivar caller: who calls, as the called party is told.
    @ivar route: whom it calls, as a URI, after the rules.
    """

    kind: str
    caller: str
    route: str


@frozen
class LegStarted(LegEvent):
    """
    A leg is one of the two of a call from now on.

    @ivar role: C{caller} or C{callee}.
    @ivar kind: C{sip}, C{jingle} or C{ichat}; C{xmpp} as long as it is not known which of the last two.
    @ivar party: who is at its far end, as a URI.
    @ivar trails: see L{TrailBegan}.
    """

    role: str
    kind: str
    party: str
    trails: tuple[str, ...] = ()


@frozen
class TrailBegan(LegEvent):
    """
    Messages with this mark belong to that leg of that call.  It may come after the first of them.

    @ivar kind: of the leg, which may not have been known before: C{sip}, C{jingle} or C{ichat}; empty if it is the
        same, or only one leg within it says so.
    @ivar trail: the Call-ID of a SIP dialog, the C{sid} of a Jingle session, or L{pair} of an iChat and our address.
    """

    kind: str
    trail: str


@frozen
class CallRang(LegEvent):
    """The party of C{leg} is alerted; said once of each."""


@frozen
class CallAnswered(LegEvent):
    """
    The party of C{leg} has accepted.

    @ivar codecs: the names of the formats that were agreed on.
    """

    codecs: tuple[str, ...]


@frozen
class LegEnded(LegEvent):
    """
    A leg is over.

    @ivar ending: as it ended at this end; C{None} if it never said so and was written off.
    """

    ending: Ending | None


@frozen
class CallEnded(CallEvent):
    """
    A call is over, or was refused.

    @ivar by: C{the caller}, C{the callee} or C{the gateway}.
    @ivar ending: why; the first that was heard.
    @ivar wasAnswered: did the two talk?
    """

    by: str
    ending: Ending
    wasAnswered: bool


# Messages.


@frozen
class Message(Event):
    """
    @ivar protocol: C{SIP} or C{XMPP}.
    @ivar transport: C{udp}, C{tcp}, C{tls}, or C{xmpp}.
    @ivar data: as it went over the wire, after any decryption; of XMPP UTF-8.
    @ivar remote: the far end; of XMPP the server, if known.
    @ivar local: our own address, if known.
    """

    protocol: str
    transport: str
    data: bytes = field(repr=False)
    remote: TransportAddress | None
    local: TransportAddress | None = None

    @property
    def text(self) -> str:
        """Whole, and with all secrets in it."""
        return self.data.decode("utf-8", "replace")

    def shown(self, content: Content = Content.DIGITS) -> str:
        """What may be shown of it, see L{ichatgw.log.redaction}."""
        return redacted(self.text, content)


@frozen
class MessageReceived(Message):
    """A message has come; it may be refused as soon as it is read."""


@frozen
class MessageSent(Message):
    """A message was handed to the network."""


# Media.


@frozen
class MediaEvent(CallEvent):
    """@ivar side: whose media it is, C{caller}, C{callee}, or C{other party} for one who may take a place."""

    side: str


@frozen
class MediaStarted(MediaEvent):
    """
    The first packet of a party was relayed.

    @ivar source: where it came from.
    """

    source: TransportAddress | None


@frozen
class MediaStats(MediaEvent):
    """
    What has come of a party's stream since the call began.

    @ivar packets: that were relayed.
    @ivar octets: of RTP in these.
    @ivar lost: packets that never came to us, by the gaps in their numbers.
    @ivar jitter: seconds, between us and the party's far end as the B{receiving} party has reported it last (RFC 3550
        section 6.4.1); C{None} if it reports none.
    @ivar lostBeyond: packets that the receiving party has reported as lost, of all that it should have had; C{None}
        likewise.
    @ivar roundTrip: seconds from us to the receiving party and back, C{None} if that cannot be told.
    @ivar dropped: packets that were not relayed, by reason.
    @ivar source: where the party sends from.
    @ivar isLast: nothing more will come.
    @ivar arrivalJitter: seconds, between the party and us, measured here (RFC 3550 section 6.4.1); C{None} if too
        little has come.
    """

    packets: int
    octets: int
    lost: int
    jitter: float | None
    lostBeyond: int | None
    roundTrip: float | None
    dropped: tuple[tuple[str, int], ...]
    source: TransportAddress | None
    isLast: bool = False
    arrivalJitter: float | None = None


@frozen
class ReportReceived(MediaEvent):
    """
    RTCP of a party has come.

    @ivar data: the compound packet, after any decryption.
    @ivar remote: where it came from.
    @ivar local: our own address, if known.
    """

    data: bytes = field(repr=False)
    remote: TransportAddress | None
    local: TransportAddress | None = None


@frozen
class IceState(MediaEvent):
    """
    @ivar state: C{connected} or C{failed}.
    @ivar text: to where, or why not.
    """

    state: str
    text: str


@frozen
class DtlsState(MediaEvent):
    """
    Media is protected, or cannot be.

    @ivar state: C{secured} or C{failed}.
    @ivar text: by which suite, with keys from where; or why not.
    """

    state: str
    text: str


# What lasts longer than calls.


@frozen
class Registered(Event):
    """
    @ivar address: of record.
    @ivar seconds: for how long.
    """

    address: str
    seconds: int


@frozen
class RegistrationFailed(Event):
    """
    @ivar address: of record.
    @ivar text: why.
    @ivar again: seconds until it is tried again.
    """

    address: str
    text: str
    again: float


@frozen
class Unregistered(Event):
    """@ivar address: of record."""

    address: str


@frozen
class LinkUp(Event):
    """
    The XMPP server has taken us.

    @ivar where: its host and port.
    @ivar name: our name there.
    """

    where: str
    name: str


@frozen
class LinkDown(Event):
    """
    The XMPP server has gone, or an attempt to reach it has failed.

    @ivar where: its host and port.
    @ivar text: why.
    """

    where: str
    text: str


@frozen
class Refused(Event):
    """
    A caller or a sender was refused.

    @ivar reason: the neutral reason; C{None} for a message that became no call.
    @ivar text: in words.
    @ivar source: who; empty if not known.
    @ivar call: the call that it would have been; empty if none was made.
    """

    reason: EndReason | None
    text: str
    source: str
    call: str = ""


@frozen
class TurnedAway(Event):
    """
    A call of one that may call was refused before it was made: the gateway is not ready, is full or has too much to do,
    or what they sent cannot be taken.

    @ivar ending: why.
    @ivar kind: by what the caller is reached: C{sip}, C{jingle} or C{ichat}.
    @ivar caller: who called, as a URI; empty if that cannot be read.
    @ivar called: whom, likewise.
    @ivar source: where the call came from; C{None} if that is not seen.
    """

    ending: Ending
    kind: str
    caller: str
    called: str
    source: TransportAddress | None


@frozen
class Limit(Event):
    """
    A limit keeps calls out.

    @ivar name: of the setting, or what there is no more of.
    @ivar text: in words.
    """

    name: str
    text: str


@frozen
class Stall(Event):
    """
    A turn of the reactor took long.

    @ivar seconds: how long.
    @ivar what: what was done.
    """

    seconds: float
    what: str


def pair(theirs: str, ours: str) -> str:
    """The trail of an iChat: its bare address and ours, the same in both directions."""
    return f"{theirs.partition('/')[0]} {ours.partition('/')[0]}".lower()


def _kinds(base: type[Event]) -> tuple[type[Event], ...]:
    found = tuple(kind for each in base.__subclasses__() for kind in _kinds(each))
    return found or (base,)


def kindsOf(base: type[Event]) -> tuple[type[Event], ...]:
    """The kinds of events that are published and are of that class."""
    return tuple(dict.fromkeys(_kinds(base)))
