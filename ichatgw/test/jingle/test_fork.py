# -*- test-case-name: ichatgw.test.jingle.test_fork -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.jingle.fork} and L{ichatgw.jingle.outbound}: clients that know no messages, or some that do and
some that do not, are called.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID

from ichatgw.errors import Congested, NoCommonCodec
from ichatgw.jingle.fork import MAX_SESSIONS
from ichatgw.jingle.outbound import RINGING_ASSUMED
from ichatgw.jingle.session.reasons import fromError
from ichatgw.model import Ending, EndReason
from ichatgw.test.support.clients.jingles import (
    ALICE,
    BELL,
    BELL_JID,
    LAPTOP,
    MESSAGES,
    PHONE,
    PROPOSED,
    SESSIONS,
    World,
    news,
    shown,
)


class DirectTests(SynchronousTestCase):
    """Clients that know no messages."""

    def setUp(self) -> None:
        self.world = World()
        self.leg = self.world.dial(phone=SESSIONS, laptop=SESSIONS)

    def sidOf(self, jid: JID) -> str:
        sent = [stanza.jingle for stanza in self.world.stanzas if stanza["to"] == jid.full()]
        return str(next(jingle["sid"] for jingle in sent if jingle["action"] == "session-initiate"))

    def test_allRing(self) -> None:
        """Each is sent a session of its own."""
        self.assertEqual(
            self.world.said(),
            [
                shown(PHONE),
                f"session-initiate to {PHONE.full()}",
                shown(LAPTOP),
                f"session-initiate to {LAPTOP.full()}",
            ],
        )
        self.assertNotEqual(self.sidOf(PHONE), self.sidOf(LAPTOP))

    def test_firstWins(self) -> None:
        """The first that accepts has the call, the others stop ringing."""
        self.world.said()
        self.world.jingle(
            "session-info", "<ringing xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>", self.sidOf(LAPTOP), LAPTOP, BELL_JID
        )
        self.world.accept(LAPTOP, self.sidOf(LAPTOP))
        self.assertIn(f"session-terminate cancel to {PHONE.full()}", self.world.said())
        self.assertEqual(news(self.leg).news, ["ringing", "answered"])
        self.assertEqual(self.world.transports.open, 1)
        self.assertEqual(self.world.accept(PHONE, self.sidOf(PHONE)), "error item-not-found unknown-session")
        self.leg.hangup(Ending(EndReason.HANGUP))
        self.assertEqual(self.world.said()[-1:], [f"session-terminate success to {LAPTOP.full()}"])
        self.assertTrue(self.world.isEmpty())

    def test_oneDeclines(self) -> None:
        """A user who declines at one client has declined."""
        self.world.jingle("session-terminate", "<reason><decline/></reason>", self.sidOf(PHONE), to=BELL_JID)
        self.assertEqual(news(self.leg).reasons, [EndReason.DECLINED])
        self.assertTrue(self.world.isEmpty())

    def test_oneFails(self) -> None:
        """A client that cannot take the call does not speak for the others."""
        self.world.jingle("session-terminate", "<reason><media-error/></reason>", self.sidOf(PHONE), to=BELL_JID)
        self.assertEqual(news(self.leg).news, [])
        self.world.answerRequest("error", "service-unavailable")
        self.assertEqual(news(self.leg).reasons, [EndReason.UNAVAILABLE])
        self.assertTrue(self.world.isEmpty())

    def test_oneCannot(self) -> None:
        """A client to whom there is no way at once does not speak for the others, and nothing of it remains."""
        world = World()
        world.transports.errors.append(NoCommonCodec("nothing for it"))
        leg = world.dial(phone=SESSIONS, laptop=SESSIONS)
        self.assertEqual((news(leg).news, world.transports.open), ([], 1))
        leg.hangup(Ending(EndReason.CANCELLED))
        self.assertTrue(world.isEmpty())

    def test_noneCan(self) -> None:
        """If there is no way to any, the call has failed, and nobody rings."""
        world = World()
        world.transports.error = Congested("no port left")
        leg = world.dial(phone=SESSIONS, laptop=SESSIONS)
        self.assertEqual(news(leg).reasons, [EndReason.CONGESTED])
        self.assertTrue(world.isEmpty())

    def test_oneGoes(self) -> None:
        """Clients that go offline are out; the last takes the call along."""
        for jid, reasons in ((PHONE, []), (LAPTOP, [EndReason.UNAVAILABLE])):
            del self.world.clients.known[jid]
            self.world.clients.known[JID("alice@jabber.example/chat")] = frozenset()
            self.world.protocol.unavailable(jid)
            self.assertEqual(news(self.leg).reasons, reasons)
        self.assertTrue(self.world.isEmpty())

    def test_abandoned(self) -> None:
        """A caller who gives up ends the sessions."""
        self.world.said()
        self.leg.hangup(Ending(EndReason.CANCELLED))
        self.assertEqual(
            self.world.said(),
            [f"session-terminate cancel to {PHONE.full()}", f"session-terminate cancel to {LAPTOP.full()}"],
        )
        self.assertTrue(self.world.isEmpty())

    def test_many(self) -> None:
        """Only so many clients ring, whatever presence says."""
        world = World()
        world.clients.known = {JID(f"alice@jabber.example/c{n}"): SESSIONS for n in range(20)}
        world.dial()
        self.assertEqual(world.transports.open, MAX_SESSIONS)


class MixedTests(SynchronousTestCase):
    """Clients of all kinds."""

    def test_both(self) -> None:
        """Those who know messages and those who do not ring together; who accepts first has the call."""
        world = World()
        leg = world.dial(phone=MESSAGES, laptop=SESSIONS)
        self.assertEqual(world.said(), [*PROPOSED, shown(LAPTOP), f"session-initiate to {LAPTOP.full()}"])
        world.accept(LAPTOP, world.last("session-initiate")["sid"])
        self.assertIn(f"retract cancel to {ALICE.full()}", world.said())
        self.assertEqual(news(leg).news, ["answered"])
        leg.hangup(Ending(EndReason.HANGUP))
        self.assertTrue(world.isEmpty())

    def test_proceedWins(self) -> None:
        """If one proceeds, the sessions of the others end."""
        world = World()
        leg = world.dial(phone=MESSAGES, laptop=SESSIONS)
        world.said()
        world.message("proceed", "", leg.sid, PHONE, BELL_JID)
        self.assertEqual(
            world.said(),
            [f"session-terminate cancel to {LAPTOP.full()}", shown(PHONE), f"session-initiate to {PHONE.full()}"],
        )

    def test_bounceWithSessions(self) -> None:
        """A proposal that comes back does not end the sessions."""
        world = World()
        leg = world.dial(phone=None, laptop=SESSIONS)
        leg.machine.bounced(ALICE, Ending(EndReason.UNAVAILABLE))
        world.protocol.available(world.clients.resources(ALICE)[0])
        self.assertEqual((news(leg).news, world.said().count(PROPOSED[1])), ([], 1))

    def test_sleeps(self) -> None:
        """
        A user of whom nobody is known is asked for, and proposed to: the server wakes clients by that, so the caller
        hears it ring, for as long as other clients may ring.
        """
        world = World()
        leg = world.dial()
        self.assertEqual((world.clients.probes, world.said()), ([ALICE], PROPOSED))
        world.clock.advance(RINGING_ASSUMED)
        self.assertEqual(news(leg).news, ["ringing"])
        world.clock.advance(179)
        self.assertEqual(news(leg).news, ["ringing"])
        world.clock.advance(1)
        (ending,) = (ending for _, ending in news(leg).endings)
        self.assertEqual((ending.reason, ending.cause), (EndReason.UNAVAILABLE, 19))
        self.assertEqual(world.said(), [f"retract cancel to {ALICE.full()}"])
        self.assertTrue(world.isEmpty())

    def test_wakes(self) -> None:
        """A client that was woken takes the call, however late, and whether its presence is seen or not."""
        for isSeen in (True, False):
            world = World()
            leg = world.dial()
            world.clock.advance(100)
            if isSeen:
                world.clients.known[PHONE] = MESSAGES
                world.protocol.available(world.clients.resources(ALICE)[0])
            self.assertEqual(world.said()[2:], [])
            world.message("proceed", "", leg.sid, PHONE, BELL_JID)
            self.assertIn(f"session-initiate to {PHONE.full()}", world.said())

    def test_unknownToTheServer(self) -> None:
        """A proposal that the server returns ends the call at once, with what it says: it wakes nobody."""
        for condition, reason in (
            ("item-not-found", EndReason.NOT_FOUND),
            ("service-unavailable", EndReason.UNAVAILABLE),
            ("remote-server-not-found", EndReason.NOT_FOUND),
        ):
            world = World()
            leg = world.dial()
            leg.machine.bounced(ALICE, fromError(condition))
            self.assertEqual(news(leg).reasons, [reason])
            self.assertTrue(world.isEmpty())

    def test_unknown(self) -> None:
        """If calls to the user ring on only when somebody is there, one without a sign of life is not there."""
        world = World()
        world.protocol.ringsOn = lambda user: user != "alice@jabber.example"
        leg = world.dial()
        self.assertEqual((world.clients.probes, world.said()), ([ALICE], PROPOSED))
        world.clock.advance(10)
        self.assertEqual(news(leg).reasons, [EndReason.UNAVAILABLE])
        self.assertEqual(world.said(), [f"retract cancel to {ALICE.full()}"])
        self.assertTrue(world.isEmpty())

    def test_oneSleeps(self) -> None:
        """A client that is called by its full address and is not there is not woken: it has no push of its own."""
        world = World()
        leg = world.dial(called=f"xmpp:{PHONE.full()}")
        world.clock.advance(10)
        self.assertEqual(news(leg).news, ["ended"])

    def test_asleep(self) -> None:
        """
        A client that is sent a session rings when it has acknowledged that, not before: it may sleep, and its server
        keep its place.  One that never does so is not there.
        """
        world = World()
        leg = world.dial(phone=SESSIONS)
        world.clock.advance(9)
        self.assertEqual(news(leg).news, [])
        world.clock.advance(1)
        self.assertEqual(news(leg).reasons, [EndReason.UNAVAILABLE])
        self.assertIn(f"session-terminate gone to {PHONE.full()}", world.said())
        self.assertTrue(world.isEmpty())

    def test_awake(self) -> None:
        """One that has acknowledged its session is taken to ring after a while, if it does not say so; once for all."""
        world = World()
        leg = world.dial(phone=SESSIONS, laptop=SESSIONS)
        world.clock.advance(8)
        for index in (-1, -2):
            world.answerRequest("result", index=index)
        self.assertEqual(news(leg).news, [])
        world.clock.advance(RINGING_ASSUMED)
        world.clock.advance(60)
        self.assertEqual(news(leg).news, ["ringing"])

    def test_signOfLife(self) -> None:
        """Once it rings, the user has all the time to come."""
        world = World()
        leg = world.dial()
        world.message("ringing", "", leg.sid, PHONE, BELL_JID)
        world.clock.advance(60)
        self.assertEqual(news(leg).news, ["ringing"])

    def test_comesOnline(self) -> None:
        """A client that comes online while others ring is called too, if it is not by the proposal."""
        world = World()
        world.dial()
        world.said()
        world.clients.known[LAPTOP] = SESSIONS
        world.protocol.available(world.clients.resources(ALICE)[0])
        world.protocol.available(world.clients.resources(ALICE)[0])
        self.assertEqual(world.said(), [shown(LAPTOP), f"session-initiate to {LAPTOP.full()}"])

    def test_noCalls(self) -> None:
        """A user whose clients take no calls is not proposed to."""
        world = World()
        leg = world.dial(phone=frozenset({"urn:xmpp:ping"}))
        self.assertEqual(news(leg).reasons, [EndReason.UNAVAILABLE])
        self.assertEqual(world.said(), [])
        self.assertTrue(world.isEmpty())

    def test_oneClient(self) -> None:
        """With a full address only that client is called."""
        world = World()
        leg = world.dial(called=f"xmpp:{LAPTOP.full()}", phone=MESSAGES, laptop=MESSAGES)
        self.assertEqual(world.said(), [shown(LAPTOP), f"propose to {LAPTOP.full()}"])
        leg.machine.bounced(LAPTOP, Ending(EndReason.UNAVAILABLE))
        self.assertEqual(news(leg).reasons, [EndReason.UNAVAILABLE])

    def test_notStarted(self) -> None:
        """A leg that never started leaves nothing behind."""
        world = World()
        leg = world.protocol.dial("xmpp:alice@jabber.example", BELL)
        leg.hangup(Ending(EndReason.CANCELLED))
        self.assertEqual(world.said(), [])
        self.assertTrue(world.isEmpty())
