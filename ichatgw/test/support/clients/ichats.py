# -*- test-case-name: ichatgw.test.ichat.test_protocol -*-
# mypy: allow-untyped-calls
"""
The iChat part of the gateway between a stream and a switch that are not there, and the stanzas of iChats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import define, field
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from twisted.words.xish.utility import EventDispatcher
from wokkel.generic import parseXml

from ichatgw.calls.nulls import Unanswered
from ichatgw.ichat.connectdata import decode
from ichatgw.ichat.inbound import InboundLeg
from ichatgw.ichat.options import IChatOptions
from ichatgw.ichat.outbound import OutboundLeg
from ichatgw.ichat.protocol import IChatProtocol
from ichatgw.model import Codec, Ending, EndReason, Invitation, Party, SessionDescription, Tone, TransportAddress
from ichatgw.test.support.fakes import (
    OFFER,
    FakeArrivals,
    FakeCall,
    FakeDialer,
    FakeLeg,
    FakeMessage,
    agree,
    refuse,
    tell,
)
from ichatgw.test.support.legs import ANSWER, HELD
from ichatgw.test.support.media.fakerelays import FakeSide
from ichatgw.xmpp.presence.presence import Resource

COMPONENT = "gw.jabber.example"
CONTROL = JID(f"control@{COMPONENT}")
SCOTT = JID("scott@jabber.example")
ICHAT = JID("scott@jabber.example/iChat")
MINI = JID("scott@jabber.example/Mini")
NUMBER = JID(f"72@{COMPONENT}")
BELL = Party("sip:bell@sip.example", "Bell")
IDENTITY = Party("sip:ichat-gw@sip.example", "iChat-gw")

#: eth0, 192.0.2.10:5070
OUR_DATA = "0000000065746830000000000000000000000000c000020a00000000000000000000000013ce0000"
#: en0, 198.51.100.7:16402
ICHAT_DATA = "00000000656e30000000000000000000000000" + "00" + "c633640700000000000000000000000040120000"
ICHAT_ADDRESS = TransportAddress("198.51.100.7", 16402)


def ichat(jid: JID = ICHAT, show: str = "", priority: int = 0, ext: str = "avavail avcap audio") -> Resource:
    """An iChat that is online."""
    return Resource(jid, show, priority, "apple:ichat:caps", "388", frozenset(ext.split()))


@define(eq=False)
class FakePresence:
    """
    A table that the test fills.

    @ivar sent: the probes and presences, in words.
    """

    sent: list[str]
    known: list[Resource] = field(factory=list)

    def resources(self, bare: JID) -> tuple[Resource, ...]:
        return tuple(resource for resource in self.known if resource.jid.userhostJID() == bare)

    def probe(self, user: JID) -> None:
        self.sent.append(f"probe {user.full()}")

    def show(self, to: JID, from_: JID, withCaps: bool) -> None:
        self.sent.append(f"presence {from_.full()} to {to.full()}{' with caps' if withCaps else ''}")


@define(eq=False)
class Sent:
    """
    Stands for the link to the server.

    @ivar stanzas: what was sent.
    @ivar words: the same in short, among what L{FakePresence} sent.
    @ivar reaction: called after each, as if an iChat responded within no time.
    """

    words: list[str]
    stanzas: list[Element] = field(factory=list)
    reaction: Callable[[], object] = lambda: None

    def send(self, stanza: Element) -> None:
        self.stanzas.append(stanza)
        child = stanza.firstChildElement()
        kind = stanza["type"]
        if kind == "set" and child is not None:
            kind = (child.uri or "").rpartition(":")[2]
        elif kind == "error":
            kind = f"error {_conditionOf(stanza)}"
        response = [str(e) for e in child.elements() if e.name == "response"] if child is not None else []
        self.words.append(" ".join([kind, *response, "to", stanza["to"]]))
        self.reaction()


def _conditionOf(stanza: Element) -> str:
    error = next(child for child in stanza.elements() if child.name == "error")
    return str(error.firstChildElement().name)


@define(eq=False)
class World:
    """
    An L{IChatProtocol} with everything around it faked.

    @ivar words: all that was sent over XMPP, in order and in short.
    """

    waitingLimit: int = 4
    slow: bool = False
    clock: Clock = field(factory=Clock)
    words: list[str] = field(factory=list)
    presence: FakePresence = field(init=False)
    link: Sent = field(init=False)
    arrivals: FakeArrivals = field(factory=FakeArrivals)
    dialer: FakeDialer = field(init=False)
    stream: EventDispatcher = field(init=False)
    protocol: IChatProtocol = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.presence = FakePresence(self.words)
        self.link = Sent(self.words)
        self.dialer = FakeDialer(slow=self.slow)
        self.protocol = IChatProtocol(
            self.clock,
            COMPONENT,
            CONTROL,
            self.presence,
            self.dialer,
            IChatOptions(IDENTITY, lambda: decode(OUR_DATA), waitingLimit=self.waitingLimit),
        )
        self.protocol.arrivals = self.arrivals
        self.protocol.parent = self.link
        self.connect()

    def connect(self) -> None:
        """A fresh stream."""
        self.stream = EventDispatcher()
        self.protocol.makeConnection(self.stream)
        self.protocol.connectionInitialized()

    # What comes over XMPP

    def receive(self, xml: str) -> Element:
        """The server sends a stanza."""
        stanza = cast(Element, parseXml(xml.encode()))
        self.stream.dispatch(stanza)
        return stanza

    def set(self, what: str, children: str, from_: JID = ICHAT, to: JID = NUMBER) -> Element:
        """An iChat sends an IQ set."""
        return self.receive(
            f"<iq type='set' id='iChat_1FFF40D4' from='{from_.full()}' to='{to.full()}'>"
            f"<query xmlns='apple:iq:vc:{what}'>{children}</query></iq>"
        )

    def request(self, from_: JID = ICHAT, to: JID = NUMBER, data: str = "\n" + ICHAT_DATA) -> Element:
        """An iChat calls."""
        children = f"<VCNewCallerIPPortData>{data}</VCNewCallerIPPortData><isAudioOnly>1</isAudioOnly>"
        children += "<extSIPPort>16402</extSIPPort><extIPAddr>198.51.100.7</extIPAddr>"
        return self.set("request", children + "<VCProtocolVersion>1</VCProtocolVersion>", from_, to)

    def accept(self, from_: JID = ICHAT, to: str = "bell", data: str = "\n" + ICHAT_DATA) -> Element:
        """An iChat takes a call."""
        children = f"<response>0</response><connectData>{data}</connectData><responseData>1</responseData>"
        return self.set("response", children + "<VCProtocolVersion>1</VCProtocolVersion>", from_, _ours(to))

    def decline(self, from_: JID = ICHAT, to: str = "bell") -> Element:
        """An iChat declines a call."""
        return self.set("response", "<response>1</response><connectData/>", from_, _ours(to))

    def cancel(self, from_: JID = ICHAT, to: JID = NUMBER) -> Element:
        """An iChat that called gives up."""
        return self.set("cancel", "<VCProtocolVersion>1</VCProtocolVersion>", from_, to)

    def error(self, condition: str, from_: JID = ICHAT, to: str = "bell", kind: str = "vcRequest") -> None:
        """A stanza of ours comes back."""
        self.receive(
            f"<iq type='error' id='{kind}-1' from='{from_.full()}' to='{_ours(to).full()}'><error type='cancel'>"
            f"<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        )

    # What comes over SIP

    def dial(
        self, *resources: Resource, caller: Party = BELL, called: str = "xmpp:scott@jabber.example"
    ) -> OutboundLeg:
        """A phone calls an iChat."""
        self.presence.known.extend(known for known in resources if known not in self.presence.known)
        leg = cast(OutboundLeg, self.protocol.dial(called, caller))
        leg.call = FakeCall()
        leg.side = FakeSide()
        leg.start(OFFER)
        return leg

    def goesOffline(self, jid: JID = ICHAT) -> None:
        """A client of the user, or with a bare JID all, go offline."""
        gone = [known for known in self.presence.known if jid in (known.jid, known.jid.userhostJID())]
        self.presence.known = [known for known in self.presence.known if known not in gone]
        self.protocol.unavailable(jid)

    def invite(
        self,
        from_: str = "scott@jabber.example",
        to: str = "72@gw.jabber.example",
        source: TransportAddress = ICHAT_ADDRESS,
        userAgent: str = "Viceroy 1.4.1",
        writtenAt: Iterable[str] = (),
    ) -> FakeLeg:
        """An INVITE arrives; this is its leg."""
        inner = FakeLeg(Party("sip:user@198.51.100.7"), slow=self.slow)
        invitation = Invitation(source, userAgent, from_, to, frozenset(writtenAt))
        assert self.protocol.claims(invitation)
        self.protocol.invited(inner, invitation)
        return inner

    # What can be seen

    @property
    def arrived(self) -> InboundLeg:
        """The leg that arrived last."""
        return cast(InboundLeg, self.arrivals.arrivals[-1][0])

    def isEmpty(self) -> bool:
        """Does nothing of a call remain?"""
        protocol = self.protocol
        return not (protocol.legs or len(protocol._waiting) or protocol._outbound or self.clock.getDelayedCalls())


def _ours(user: str) -> JID:
    return JID(f"{user}@{COMPONENT}" if user else COMPONENT)


def news(leg: InboundLeg | OutboundLeg) -> FakeCall:
    """The call that heard of it."""
    return cast(FakeCall, leg.call)


class IChatCase(SynchronousTestCase):
    """Calls of iChats, or to them."""

    def setUp(self) -> None:
        self.world = World()

    def assertEnded(self, leg: InboundLeg | OutboundLeg, reason: EndReason) -> None:
        """It ended once, for this reason, and nothing of it remains."""
        self.assertEqual(news(leg).reasons, [reason])
        self.assertTrue(self.world.isEmpty())

    def assertWithinTheCall(self, leg: InboundLeg | OutboundLeg, inner: FakeLeg) -> None:
        """While they talk, the leg answers for its iChat, and its inner leg is told only what it has asked for."""
        before = inner.orders[:]
        tell(leg, HELD)
        tell(leg, SessionDescription((Codec("opus", 48000, 96, 2),)))
        leg.hand(Unanswered(Tone("1")))
        self.assertEqual(news(leg).news[-2:], ["agreed", "refused"])
        self.assertEqual(news(leg).refusals[0].reason, EndReason.INCOMPATIBLE)
        self.assertEqual(inner.orders, before)
        inner.partyUpdates(HELD)
        inner.partyUpdates(ANSWER)
        inner.partyPresses(Tone("2"))
        self.assertEqual(news(leg).news[-3:], ["changed", "changed", "handed"])
        self.assertEqual((news(leg).updates, news(leg).tones), ([HELD, ANSWER], [Tone("2")]))
        agree(leg, ANSWER)
        refuse(leg, Ending(EndReason.INCOMPATIBLE))
        agree(leg, HELD)
        self.assertEqual(inner.orders, [*before, "agree", "refuse", "agree"])
        first, second = FakeMessage(), FakeMessage()
        inner.partySays(first)
        leg.hand(second)
        self.assertEqual((first.receipts, second.receipts, news(leg).news[-1]), ([None], [None], "handed"))
