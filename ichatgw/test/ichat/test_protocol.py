# -*- test-case-name: ichatgw.test.ichat.test_protocol -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.ichat.protocol}.
"""

from __future__ import annotations

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from zope.interface.verify import verifyObject

from ichatgw.calls.nulls import NoCall
from ichatgw.errors import NoRoute
from ichatgw.ichat.leg import Inside
from ichatgw.interfaces import Arrival, ICall, IDialer, IInboundLeg, IInvitationMatcher
from ichatgw.model import Ending, EndReason, Party, Tone
from ichatgw.observe.events import TurnedAway
from ichatgw.test.marks import slow
from ichatgw.test.support.clients.ichats import (
    BELL,
    ICHAT,
    ICHAT_DATA,
    MINI,
    NUMBER,
    OUR_DATA,
    SCOTT,
    World,
    ichat,
    news,
)
from ichatgw.test.support.events import Scene
from ichatgw.test.support.fakes import OFFER, FakeArrivals, FakeLeg
from ichatgw.test.support.legs import ANSWER
from ichatgw.xmpp.presence.presence import IPresenceListener

MALLORY = JID("mallory@evil.example/iChat")
BELL_JID = JID("bell@gw.jabber.example")


class BrokenArrivals(FakeArrivals):
    """A switch with a bug."""

    def arrived(self, leg: IInboundLeg, arrival: Arrival) -> None:
        super().arrived(leg, arrival)
        raise RuntimeError("a bug")


class ProtocolTests(SynchronousTestCase):
    """L{IChatProtocol}."""

    def setUp(self) -> None:
        self.world = World()

    def test_interfaces(self) -> None:
        """It is what it says, and so are the calls that it makes up."""
        for interface in (IDialer, IInvitationMatcher, IPresenceListener):
            verifyObject(interface, self.world.protocol)
        leg = self.world.dial(ichat())
        verifyObject(ICall, Inside(leg, leg.machine))
        verifyObject(ICall, NoCall())

    def test_nobodyListens(self) -> None:
        """L{NoCall} hears nothing."""
        leg = FakeLeg(call=NoCall())
        leg.partyRings()
        leg.partyProgresses()
        leg.partyAnswers()
        leg.partyUpdates()
        leg.partyPresses(Tone("0"))
        leg.partyHangsUp()
        self.assertEqual(leg.orders, [])

    def test_setsAreAnswered(self) -> None:
        """Every set of an iChat is marked as dealt with, and gets a result with its id and the addresses swapped."""
        self.world.dial(ichat())
        self.world.request()
        for receive in (
            self.world.request,
            lambda: self.world.set("counterProposal", "<connectData/>"),
            self.world.cancel,
            self.world.accept,
        ):
            stanza = receive()
            self.assertTrue(stanza.handled)
            results = [sent for sent in self.world.link.stanzas if sent["type"] == "result"]
            self.assertEqual(results[-1]["id"], "iChat_1FFF40D4")
            self.assertEqual((results[-1]["to"], results[-1]["from"]), (stanza["from"], stanza["to"]))
            self.assertEqual(results[-1].children, [])

    def test_malformed(self) -> None:
        """What cannot be read is answered C{bad-request} and changes nothing."""
        self.world.request()
        leg = self.world.arrived
        for what in ("request", "response", "cancel", "counterProposal"):
            del self.world.words[:]
            stanza = self.world.receive(
                f"<iq type='set' id='1' from='{ICHAT.full()}' to='{NUMBER.full()}'>"
                f"<query xmlns='apple:iq:vc:{what}'/><other/></iq>"
            )
            self.assertTrue(stanza.handled)
            self.assertEqual(self.world.words, ["error bad-request to scott@jabber.example/iChat"])
        self.world.request(data="zz" * 40, to=JID("73@gw.jabber.example"))
        self.world.request(data="0" * 1_000_000, to=JID("73@gw.jabber.example"))
        self.assertEqual(self.world.protocol.legs, (leg,))

    def test_stanzasOfOthers(self) -> None:
        """Gets, results and other IQs are left to others."""
        for kind in ("get", "result", "error"):
            stanza = self.world.receive(
                f"<iq type='{kind}' id='1' from='{ICHAT.full()}' to='{NUMBER.full()}'>"
                "<query xmlns='apple:iq:vc:request'/></iq>"
            )
            self.assertNotIn("handled", vars(stanza))
        self.assertEqual(self.world.words, [])
        self.assertTrue(self.world.isEmpty())

    def test_attempts(self) -> None:
        """A call of one who may call that becomes none is told of, with who called whom and why; of strangers none."""
        scene = Scene()
        scene.watch()
        self.world.protocol.attempts.events = scene.events
        broken = f"<iq type='set' id='1' from='{{}}' to='{NUMBER.full()}'><query xmlns='apple:iq:vc:request'/><x/></iq>"
        self.world.request(to=JID("gw.jabber.example"))
        self.world.receive(broken.format(ICHAT.full()))
        told = [event for event in scene.seen if isinstance(event, TurnedAway)]
        self.assertEqual(
            [(event.kind, event.caller, event.called, event.ending.reason) for event in told],
            [
                ("ichat", f"xmpp:{ICHAT.userhost()}", "xmpp:gw.jabber.example", EndReason.NOT_FOUND),
                ("ichat", f"xmpp:{ICHAT.userhost()}", f"xmpp:{NUMBER.userhost()}", EndReason.FAILED),
            ],
        )
        self.world.request(MALLORY)
        self.world.receive(broken.format(MALLORY.full()))
        self.assertEqual(len([event for event in scene.seen if isinstance(event, TurnedAway)]), 2)

    def test_strangers(self) -> None:
        """By default only users of the component's own server may call."""
        self.world.request(MALLORY)
        self.assertEqual(self.world.words, ["error forbidden to mallory@evil.example/iChat"])
        self.world.request(JID("bell@gw.jabber.example/x"))
        self.world.request(JID("scott@sub.gw.jabber.example/x"))
        self.assertEqual(self.world.arrivals.arrivals, [])
        self.assertTrue(self.world.isEmpty())

    def test_refusalIsSaid(self) -> None:
        """Who may not call hears why, and each such call is a line with caller and called; a flood is not."""
        with capturedLogs() as events:
            for number in range(50):
                self.world.request(MALLORY, JID(f"{number}@gw.jabber.example"))
        answer = str(self.world.link.stanzas[-1].toXml())
        self.assertIn(">not among AllowedXMPPDomains</text>", answer)
        lines = [str(formatEvent(event)) for event in events]
        self.assertEqual(len(lines), 5)
        self.assertEqual(
            lines[1],
            "A call of 'mallory@evil.example/iChat' to '1@gw.jabber.example' was refused:"
            " 'not among AllowedXMPPDomains'",
        )

    def test_nobodyCalled(self) -> None:
        """A request to the component itself calls nobody."""
        self.world.request(to=JID("gw.jabber.example"))
        self.assertEqual(self.world.words, ["error item-not-found to scott@jabber.example/iChat"])
        self.assertTrue(self.world.isEmpty())

    def test_resourceOfOurs(self) -> None:
        """A resource on an address of ours makes no difference."""
        self.world.request(to=JID("72@gw.jabber.example/x"))
        self.assertEqual(self.world.arrivals.arrivals[0][1], "xmpp:72@gw.jabber.example")
        self.world.cancel()
        self.assertTrue(self.world.isEmpty())
        leg = self.world.dial(ichat())
        self.world.set("response", "", to=JID("bell@gw.jabber.example/x"))
        self.assertEqual(news(leg).reasons, [EndReason.DECLINED])

    def test_forgedVerdict(self) -> None:
        """Nobody but the user can answer for the user, nor can the user answer another's call."""
        leg = self.world.dial(ichat())
        for from_ in (MALLORY, JID("scott@evil.example/iChat"), JID("scotty@jabber.example/iChat")):
            self.world.accept(from_)
            self.world.decline(from_)
            self.world.error("item-not-found", from_)
        self.world.accept(to="alice")
        self.world.accept(to="")
        self.assertEqual(news(leg).news, ["ringing"])

    def test_forgedCancel(self) -> None:
        """Nobody but the iChat that called can cancel its call."""
        self.world.request()
        for from_ in (MALLORY, MINI, SCOTT, JID("scott@jabber.example/iChat2")):
            self.world.cancel(from_)
        self.assertEqual(news(self.world.arrived).news, [])

    def test_cancelOfNothing(self) -> None:
        """A cancel for no call, or a response to none, is answered and leaves nothing."""
        self.world.cancel()
        self.world.accept()
        self.assertEqual(self.world.words, ["result to scott@jabber.example/iChat"] * 2)
        self.assertTrue(self.world.isEmpty())

    def test_counterProposal(self) -> None:
        """A counterProposal in a call is answered with our addresses, from us to the iChat."""
        self.world.dial(ichat())
        self.world.set("counterProposal", f"<connectData>{ICHAT_DATA}</connectData>", to=BELL_JID)
        answer = self.world.link.stanzas[-1]
        self.assertEqual((answer["type"], answer["to"], answer["from"]), ("set", ICHAT.full(), BELL_JID.full()))
        self.assertNotEqual(answer["id"], "iChat_1FFF40D4")
        self.assertIn(f"<connectData>{OUR_DATA}</connectData>", answer.toXml())

    def test_counterProposalOfNoCall(self) -> None:
        """A counterProposal outside a call is refused."""
        self.world.set("counterProposal", "")
        self.assertEqual(self.world.words, ["error item-not-found to scott@jabber.example/iChat"])

    def test_errorsOfOthers(self) -> None:
        """An error for a cancel, for a result, or for nothing of ours ends no call."""
        out = self.world.dial(ichat())
        self.world.request()
        self.world.arrived.answer(ANSWER)
        for kind in ("vcCancel", "vcCounterProposal", "other", ""):
            self.world.error("item-not-found", kind=kind)
            self.world.error("item-not-found", to="72", kind=kind)
        self.world.error("item-not-found", to="72", kind="vcRequest")
        self.world.error("item-not-found", to="bell", kind="vcResponse")
        self.assertEqual((news(out).reasons, news(self.world.arrived).reasons), ([], []))

    def test_bothWaysAtOnce(self) -> None:
        """A user may call the very address that calls the user: the two calls do not touch."""
        out = self.world.dial(ichat())
        self.world.request(to=BELL_JID)
        into = self.world.arrived
        self.world.cancel(to=BELL_JID)
        self.assertEqual((news(out).reasons, news(into).reasons), ([], [EndReason.CANCELLED]))
        self.world.decline()
        self.assertEqual(news(out).reasons, [EndReason.DECLINED])

    def test_badAddresses(self) -> None:
        """What is no address of an iChat is not dialled."""
        for called in (
            "xmpp:",
            "xmpp:jabber.example",
            "xmpp:@jabber.example",
            "xmpp:a b@jabber.example",
            "sip:scott@jabber.example",
            "scott@jabber.example",
            "xmpp:" + "x" * 5000 + "@jabber.example",
            "xmpp:72@gw.jabber.example",
            "xmpp:72@GW.jabber.example/iChat",
        ):
            self.assertRaises(NoRoute, self.world.protocol.dial, called, BELL)

    def test_queryOfTheAddress(self) -> None:
        """The query part of an C{xmpp:} URI (RFC 5122) is left out."""
        leg = self.world.protocol.dial("XMPP:Scott@jabber.example?call", BELL)
        self.assertEqual(leg.party, Party("xmpp:scott@jabber.example"))

    def test_lostLink(self) -> None:
        """A lost link ends no call; on the next stream they go on."""
        out = self.world.dial(ichat())
        self.world.request()
        into = self.world.arrived
        self.world.protocol.connectionLost(None)
        self.world.connect()
        self.assertEqual(len(self.world.protocol.legs), 2)
        self.world.accept()
        self.world.cancel()
        self.assertEqual(len(self.world.dialer.legs), 1)
        self.assertEqual((news(out).reasons, news(into).reasons), ([], [EndReason.CANCELLED]))

    def test_stop(self) -> None:
        """C{stop} ends every leg, in whatever state."""
        ringing = self.world.dial(ichat())
        talking = self.world.dial(ichat(), caller=Party("sip:alice@sip.example"))
        self.world.accept(to="alice")
        self.world.request()
        self.world.protocol.stop()
        for leg in (ringing, talking, self.world.arrived):
            self.assertEqual(news(leg).reasons, [EndReason.SHUTDOWN])
        self.assertIn("cancel to scott@jabber.example/iChat", self.world.words)
        self.assertIn("response 1 to scott@jabber.example/iChat", self.world.words)
        self.assertTrue(self.world.isEmpty())

    def test_noStream(self) -> None:
        """Without a parent nothing is sent, and nothing fails."""
        self.world.protocol.parent = None
        leg = self.world.dial(ichat())
        self.world.request()
        self.world.request(MALLORY)
        leg.hangup(Ending(EndReason.CANCELLED))
        self.world.arrived.hangup(Ending(EndReason.CANCELLED))
        self.assertTrue(self.world.isEmpty())

    def test_brokenSwitch(self) -> None:
        """A call that cannot be taken for a bug of ours ends, alone, and the iChat is told."""
        self.world.protocol.arrivals = BrokenArrivals()
        self.world.request()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(self.world.words[-1], "response 1 to scott@jabber.example/iChat")
        self.assertTrue(self.world.isEmpty())

    def test_presenceOfOthers(self) -> None:
        """Presence of users whom nobody calls is no matter."""
        leg = self.world.dial(ichat())
        tim = JID("tim@jabber.example/iChat")
        self.world.protocol.available(ichat(tim))
        self.world.protocol.unavailable(tim)
        self.world.protocol.failed(tim, "item-not-found", 404)
        self.assertEqual(news(leg).news, ["ringing"])

    @slow
    def test_manyCalls(self) -> None:
        """After a hundred calls each way nothing is left."""
        for number in range(100):
            user = JID(f"user{number}@jabber.example/iChat")
            self.world.request(user)
            self.world.arrived.answer(ANSWER)
            inner = self.world.invite(user.userhost())
            self.assertEqual(inner.orders, ["answer"])
            leg = self.world.dial(ichat(user), called=f"xmpp:{user.userhost()}")
            self.world.accept(user)
            self.world.dialer.legs[-1].partyAnswers(OFFER)
            self.world.arrived.hangup(Ending(EndReason.HANGUP))
            leg.hangup(Ending(EndReason.HANGUP))
        self.assertTrue(self.world.isEmpty())
