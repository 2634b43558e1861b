# -*- test-case-name: ichatgw.test.jingle.test_protocol -*-
# mypy: allow-untyped-calls
"""
The Jingle part of the gateway between a stream and a switch that are not there, and the stanzas of clients.
"""

from __future__ import annotations

from itertools import count
from typing import cast

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import define, field
from twisted.internet.task import Clock
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from twisted.words.xish.utility import EventDispatcher
from wokkel.generic import parseXml

from ichatgw.errors import NoRoute
from ichatgw.jingle.inbound import InboundLeg
from ichatgw.jingle.options import JingleOptions
from ichatgw.jingle.outbound import OutboundLeg
from ichatgw.jingle.protocol import JingleProtocol
from ichatgw.jingle.stanzas.namespaces import NS_ICE_UDP, NS_JINGLE, NS_MESSAGE, NS_RTP, NS_RTP_AUDIO
from ichatgw.model import PCMU, Codec, Party, SessionDescription
from ichatgw.test.support.fakes import FakeArrivals, FakeCall
from ichatgw.test.support.media.fakerelays import FakeSide
from ichatgw.test.support.media.transports import FakeTransport, FakeTransports
from ichatgw.xmpp.presence.presence import Resource

COMPONENT = "gw.jabber.example"
ALICE = JID("alice@jabber.example")
PHONE = JID("alice@jabber.example/phone")
LAPTOP = JID("alice@jabber.example/laptop")
NUMBER = JID(f"72@{COMPONENT}")
US = JID(f"72@{COMPONENT}/gw")
BELL = Party("sip:bell@sip.example", "Bell")
BELL_JID = JID(f"bell\\40sip.example@{COMPONENT}/gw")
PROPOSED = [f"presence {BELL_JID.full()} to {ALICE.full()}", f"propose to {ALICE.full()}"]
OPUS = Codec("opus", 48000, 96, 2)
PCMA = Codec("PCMA", 8000, 8)
OFFER = SessionDescription((OPUS, PCMA, PCMU))

SESSIONS = frozenset({NS_JINGLE, NS_RTP, NS_RTP_AUDIO, NS_ICE_UDP})
MESSAGES = SESSIONS | {NS_MESSAGE}

FINGERPRINT = ":".join(["CD"] * 32)
DESCRIPTION = (
    "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>"
    "<payload-type id='111' name='opus' clockrate='48000' channels='2'/>"
    "<payload-type id='0' name='PCMU' clockrate='8000'/>"
    "<rtcp-mux/></description>"
)


def shown(jid: JID) -> str:
    """What L{World.said} says when Bell shows himself to a client."""
    return f"presence {BELL_JID.full()} to {jid.full()}"


def transport(
    inside: str = "", ufrag: str = "abcd", password: str = "efghijklmnopqrstuvwxyz", setup: str = "actpass"
) -> str:
    if setup:
        attributes = f"xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='{setup}'"
        inside += f"<fingerprint {attributes}>{FINGERPRINT}</fingerprint>"
    return (
        f"<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='{ufrag}' pwd='{password}'>{inside}</transport>"
    )


def content(inside: str | None = None, name: str = "0", attributes: str = "") -> str:
    inside = DESCRIPTION + transport() if inside is None else inside
    return f"<content creator='initiator' name='{name}' {attributes}>{inside}</content>"


@define(eq=False)
class FakeClients:
    """
    What is known of users; the test fills it.

    @ivar known: the clients online, with what they can; C{None} if that is not known.
    @ivar words: what they were shown.
    """

    known: dict[JID, frozenset[str] | None] = field(factory=dict)
    iChats: set[JID] = field(factory=set)
    probes: list[JID] = field(factory=list)
    words: list[str] = field(factory=list)

    def show(self, client: JID, ours: JID) -> None:
        self.words.append(f"presence {ours.full()} to {client.full()}")

    def resources(self, bare: JID) -> tuple[Resource, ...]:
        return tuple(
            Resource(jid, "", 0, "apple:ichat:caps" if jid in self.iChats else "c", "1", frozenset())
            for jid in self.known
            if jid.userhostJID() == bare
        )

    def features(self, resource: Resource) -> frozenset[str] | None:
        return self.known[resource.jid]

    def probe(self, user: JID) -> None:
        self.probes.append(user)


@define(eq=False)
class World:
    """
    A L{JingleProtocol} with everything around it faked.

    @ivar wallTime: the seconds since 1970.
    @ivar words: all that was sent, in order and in short.
    """

    options: JingleOptions = field(factory=JingleOptions)
    wallTime: float = 1_700_000_000.0
    clock: Clock = field(factory=Clock)
    words: list[str] = field(factory=list)
    stanzas: list[Element] = field(factory=list)
    clients: FakeClients = field(factory=FakeClients)
    transports: FakeTransports = field(factory=FakeTransports)
    arrivals: FakeArrivals = field(factory=FakeArrivals)
    routes: dict[str, str] = field(factory=dict)
    stream: EventDispatcher = field(init=False)
    protocol: JingleProtocol = field(init=False)
    _ids: count[int] = field(factory=lambda: count(1))

    def __attrs_post_init__(self) -> None:
        self.clients.words = self.words
        self.protocol = JingleProtocol(
            self.clock,
            lambda: self.wallTime,
            COMPONENT,
            self.clients,
            self.transports,
            self.translate,
            lambda jid: jid.host == "jabber.example",
            self.options,
        )
        self.protocol.arrivals = self.arrivals
        self.protocol.parent = self
        self.stream = EventDispatcher()
        self.protocol.makeConnection(self.stream)
        self.protocol.connectionInitialized()

    def translate(self, address: str) -> str:
        try:
            return self.routes[address]
        except KeyError:
            raise NoRoute(address) from None

    def send(self, stanza: Element) -> None:
        """The protocol's parent."""
        # What is sent must be what a server can read.
        self.stanzas.append(cast(Element, parseXml(stanza.toXml().encode())))
        self.words.append(_inShort(stanza))

    # What comes

    def receive(self, xml: str) -> Element:
        """The server sends a stanza."""
        stanza = cast(Element, parseXml(xml.encode()))
        self.stream.dispatch(stanza)
        return stanza

    def message(
        self, word: str, inside: str = "", sid: str = "s1", from_: JID = PHONE, to: JID = NUMBER, more: str = ""
    ) -> None:
        """A client sends a message of a call."""
        self.receive(
            f"<message type='chat' id='m1' from='{from_.full()}' to='{to.full()}'>"
            f"<{word} xmlns='urn:xmpp:jingle-message:0' id='{sid}'>{inside}</{word}>{more}</message>"
        )

    def propose(
        self, sid: str = "s1", from_: JID = PHONE, to: JID = NUMBER, media: tuple[str, ...] = ("audio",)
    ) -> InboundLeg:
        """A client proposes a call."""
        inside = "".join(f"<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='{one}'/>" for one in media)
        self.message("propose", inside, sid, from_, to, "<request xmlns='urn:xmpp:receipts'/>")
        return self.arrived if self.arrivals.arrivals else cast(InboundLeg, None)

    def jingle(self, action: str, inside: str = "", sid: str = "s1", from_: JID = PHONE, to: JID = US) -> str:
        """A client sends a request of a session; this is what it is answered, in short."""
        id = f"c{next(self._ids)}"
        self.receive(
            f"<iq type='set' id='{id}' from='{from_.full()}' to='{to.full()}'>"
            f"<jingle xmlns='urn:xmpp:jingle:1' action='{action}' sid='{sid}'>{inside}</jingle></iq>"
        )
        answers = [stanza for stanza in self.stanzas if stanza.getAttribute("id") == id]
        assert len(answers) == 1, answers
        return _inShort(answers[0]).partition(" to ")[0]

    def initiate(self, sid: str = "s1", from_: JID = PHONE, to: JID = US, inside: str | None = None) -> str:
        return self.jingle("session-initiate", content() if inside is None else inside, sid, from_, to)

    def dial(
        self,
        *,
        called: str = "xmpp:alice@jabber.example",
        caller: Party = BELL,
        offer: SessionDescription = OFFER,
        **known: frozenset[str] | None,
    ) -> OutboundLeg:
        """A phone calls a user, of whom clients of these names are online."""
        self.clients.known.update({JID(f"alice@jabber.example/{name}"): features for name, features in known.items()})
        leg = cast(OutboundLeg, self.protocol.dial(called, caller))
        leg.call = FakeCall()
        leg.side = FakeSide()
        leg.start(offer)
        return leg

    def accept(self, from_: JID, sid: str, inside: str | None = None) -> str:
        """A client accepts a session of ours."""
        inside = content(DESCRIPTION + transport(setup="active"), "audio") if inside is None else inside
        return self.jingle("session-accept", inside, sid, from_, BELL_JID)

    def answerRequest(self, kind: str, condition: str = "", index: int = -1) -> None:
        """A client answers the latest, or another, request of ours."""
        asked = [stanza for stanza in self.stanzas if stanza.getAttribute("type") == "set"][index]
        error = (
            f"<error type='cancel'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
            if condition
            else ""
        )
        self.receive(f"<iq type='{kind}' id='{asked['id']}' from='{asked['to']}' to='{asked['from']}'>{error}</iq>")

    # What can be seen

    @property
    def arrived(self) -> InboundLeg:
        """The leg that arrived last."""
        return cast(InboundLeg, self.arrivals.arrivals[-1][0])

    @property
    def media(self) -> FakeTransport:
        """The transport that was made last."""
        return self.transports.made[-1]

    def said(self) -> list[str]:
        """What was sent since this was last asked, in short."""
        said = self.words[:]
        self.words.clear()
        return said

    def last(self, action: str) -> Element:
        """The last request of ours with that action: its C{<jingle/>}."""
        found = [stanza.jingle for stanza in self.stanzas if stanza.name == "iq" and stanza.jingle is not None]
        return cast(Element, [jingle for jingle in found if jingle["action"] == action][-1])

    def isEmpty(self) -> bool:
        """Does nothing of a call remain?"""
        calls = self.protocol.calls
        left = (calls.legs, calls.sessions, calls.questions, calls.inbound, calls.outbound)
        return not (any(left) or self.transports.open or self.clock.getDelayedCalls())


def _inShort(stanza: Element) -> str:
    to = f" to {stanza['to']}"
    if stanza.getAttribute("type") == "error":
        error = next(child for child in stanza.elements() if child.name == "error")
        return " ".join(["error", *(child.name for child in error.elements() if child.name != "text")]) + to
    child = stanza.firstChildElement()
    if child is None:
        return f"{stanza['type']}{to}"
    if child.name == "jingle":
        words = [child["action"]]
        reason = next((one for one in child.elements() if one.name == "reason"), None)
        if reason is not None:
            words.append(reason.firstChildElement().name)
        elif child["action"] == "session-info":
            words.append(child.firstChildElement().name)
        return " ".join(words) + to
    reason = next((one for one in child.elements() if one.name == "reason"), None)
    return " ".join([child.name] + ([reason.firstChildElement().name] if reason is not None else [])) + to


def news(leg: InboundLeg | OutboundLeg) -> FakeCall:
    """The call that heard of it."""
    return cast(FakeCall, leg.call)
