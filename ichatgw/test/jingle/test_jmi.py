# -*- test-case-name: ichatgw.test.jingle.test_jmi -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.jingle.jmi}: proposals that come again, or late, and words of devices that have no say.
"""

from __future__ import annotations

from datetime import datetime, timezone

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID

from ichatgw.model import PCMU, Ending, EndReason, SessionDescription
from ichatgw.test.support.clients.jingles import (
    ALICE,
    BELL_JID,
    LAPTOP,
    MESSAGES,
    NUMBER,
    PHONE,
    SESSIONS,
    US,
    World,
    news,
)

ANSWER = SessionDescription((PCMU,))
MOVED = JID("alice@jabber.example/phone2")
AUDIO = "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/>"


class AgainTests(SynchronousTestCase):
    """A client loses its server while it calls, comes back, and proposes the call that it still makes once more."""

    def setUp(self) -> None:
        self.world = World()
        self.leg = self.world.propose()

    def test_offline(self) -> None:
        """A call that ended because its client went offline is made anew, as often as that happens."""
        for number in range(1, 4):
            self.world.protocol.unavailable(PHONE)
            self.assertEqual(news(self.world.arrived).reasons, [EndReason.CANCELLED])
            self.world.propose()
            self.assertEqual(len(self.world.arrivals.arrivals), 1 + number)
        self.world.arrived.ring()
        self.assertIn(f"ringing to {PHONE.full()}", self.world.said())

    def test_offlineAtProceed(self) -> None:
        """So is one that was lost between our C{proceed} and its session; no session begins it without a proposal."""
        self.leg.answer(ANSWER)
        self.world.protocol.unavailable(PHONE)
        self.world.said()
        self.world.initiate()
        self.assertEqual(self.world.said()[1:], [f"session-terminate cancel to {PHONE.full()}"])
        self.world.propose()
        self.assertEqual(len(self.world.arrivals.arrivals), 2)

    def test_rings(self) -> None:
        """If the call lives it goes on, and its client is told once more that it rings, but not before it does."""
        self.world.propose()
        self.assertEqual(self.world.said(), [])
        self.leg.ring()
        told = self.world.said()
        self.world.propose()
        self.assertEqual(self.world.said(), told)
        self.assertEqual(len(self.world.arrivals.arrivals), 1)

    def test_proceeds(self) -> None:
        """Likewise if it was answered: what it was told is lost."""
        self.leg.answer(ANSWER)
        told = self.world.said()
        self.world.propose()
        self.assertEqual(self.world.said(), told)
        self.assertEqual(self.world.initiate(), "result")
        self.world.propose()
        self.assertEqual([word for word in self.world.said() if "proceed" in word], [])

    def test_moved(self) -> None:
        """A client that has another address now is told there, and has its session from there."""
        self.leg.ring()
        self.world.said()
        self.world.propose(from_=MOVED)
        self.assertIn(f"ringing to {MOVED.full()}", self.world.said())
        self.world.protocol.unavailable(PHONE)
        self.leg.answer(ANSWER)
        self.assertIn(f"proceed to {MOVED.full()}", self.world.said())
        self.assertEqual(self.world.initiate(from_=MOVED), "result")
        self.world.jingle("session-terminate", from_=MOVED)
        self.assertEqual(news(self.leg).reasons, [EndReason.HANGUP])
        self.assertTrue(self.world.isEmpty())

    def test_otherNumber(self) -> None:
        """A call to somebody else is not that call, whatever its name."""
        self.leg.ring()
        self.world.said()
        self.world.propose(to=JID("73@gw.jabber.example"))
        self.assertEqual((self.world.said(), len(self.world.arrivals.arrivals)), ([], 1))

    def test_over(self) -> None:
        """A call that has ended otherwise is not made again; the client is told that it is over."""
        self.leg.hangup(Ending(EndReason.BUSY))
        self.world.said()
        self.world.propose()
        self.assertEqual(self.world.said(), [f"reject expired to {PHONE.full()}"])
        self.assertEqual(self.world.stanzas[-1]["from"], US.full())
        self.assertEqual(len(self.world.arrivals.arrivals), 1)


class LateTests(SynchronousTestCase):
    """Messages that were delayed, copied, or said to a room."""

    def setUp(self) -> None:
        self.world = World()

    def delayed(self, age: float, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
        stamp = datetime.fromtimestamp(self.world.wallTime - age, timezone.utc).strftime(form)
        return f"<delay xmlns='urn:xmpp:delay' stamp='{stamp}'/>"

    def calls(self, more: str, sid: str) -> int:
        """How many calls it makes to propose one with this beside it."""
        before = len(self.world.arrivals.arrivals)
        self.world.message("propose", AUDIO, sid, more=more)
        return len(self.world.arrivals.arrivals) - before

    def test_old(self) -> None:
        """A proposal that is older than a minute dials nobody; one that was under way for a while does."""
        self.assertEqual(self.calls(self.delayed(3600), "s1"), 0)
        self.assertEqual(self.calls(self.delayed(61), "s2"), 0)
        self.assertEqual(self.world.said(), [])
        self.assertEqual(self.calls(self.delayed(59), "s3"), 1)
        self.assertEqual(self.calls(self.delayed(-100), "s4"), 1)  # by a clock that is ahead of ours

    def test_stamps(self) -> None:
        """Other spellings of the stamp are read, the eldest counts, and one that cannot be read is an old one."""
        self.assertEqual(self.calls(self.delayed(59, "%Y-%m-%dT%H:%M:%S.250+00:00"), "s1"), 1)
        old = self.delayed(3600).replace("<delay xmlns='urn:xmpp:delay'", "<x xmlns='jabber:x:delay'")
        self.assertEqual(self.calls(old, "s2"), 0)
        self.assertEqual(self.calls(self.delayed(5) + self.delayed(500), "s3"), 0)
        for number, stamp in enumerate(("", "yesterday", "99999999999999999999", "\xe4", "0000-00-00T00:00:00Z")):
            self.assertEqual(self.calls(f"<delay xmlns='urn:xmpp:delay' stamp='{stamp}'/>", f"t{number}"), 0, stamp)
        self.assertEqual(self.calls("<delay xmlns='urn:xmpp:delay'/>", "s4"), 0)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_copies(self) -> None:
        """A copy of what somebody else was told (carbons), or that comes out of an archive, is no call."""
        message = f"<message xmlns='jabber:client' type='chat' from='{PHONE.full()}' to='{NUMBER.full()}'>"
        message += f"<propose xmlns='urn:xmpp:jingle-message:0' id='s1'>{AUDIO}</propose></message>"
        forwarded = f"<forwarded xmlns='urn:xmpp:forward:0'>{message}</forwarded>"
        for copy in (
            f"<received xmlns='urn:xmpp:carbons:2'>{forwarded}</received>",
            f"<sent xmlns='urn:xmpp:carbons:2'>{forwarded}</sent>",
            f"<result xmlns='urn:xmpp:mam:2' id='1'>{forwarded}</result>",
            forwarded,
        ):
            self.world.receive(f"<message from='{ALICE.full()}' to='{NUMBER.full()}'>{copy}</message>")
        self.assertEqual((self.world.said(), self.world.arrivals.arrivals), ([], []))

    def test_types(self) -> None:
        """What is said in a room, as news, or comes back, is no call."""
        for kind in ("groupchat", "headline", "error"):
            self.world.receive(
                f"<message type='{kind}' from='{PHONE.full()}' to='{NUMBER.full()}'>"
                f"<propose xmlns='urn:xmpp:jingle-message:0' id='s1'>{AUDIO}</propose></message>"
            )
        self.assertEqual((self.world.said(), self.world.arrivals.arrivals), ([], []))


class DevicesTests(SynchronousTestCase):
    """A user with several devices is called."""

    def setUp(self) -> None:
        self.world = World()
        self.leg = self.world.dial(phone=MESSAGES, laptop=MESSAGES)
        self.world.said()

    def say(self, word: str, from_: JID = PHONE) -> None:
        self.world.message(word, "", self.leg.sid, from_, BELL_JID)

    def test_finish(self) -> None:
        """A device that does not have the call cannot finish it: the others ring on, or talk."""
        self.say("finish")
        self.assertEqual((news(self.leg).news, self.world.said()), ([], []))
        self.say("proceed", LAPTOP)
        self.say("finish")
        self.assertEqual(news(self.leg).endings, [])
        self.say("finish", LAPTOP)
        self.assertEqual(news(self.leg).reasons, [EndReason.BUSY])

    def test_reject(self) -> None:
        """A device that rejects the call does so for all, and they are told to stop ringing."""
        self.say("reject")
        self.assertEqual(news(self.leg).reasons, [EndReason.BUSY])
        self.assertEqual(self.world.said(), [f"retract busy to {ALICE.full()}"])
        self.assertEqual(self.world.stanzas[-1]["from"], BELL_JID.full())
        self.assertTrue(self.world.isEmpty())

    def test_rejectsBeside(self) -> None:
        """Those that were sent a session stop as well."""
        world = World()
        leg = world.dial(phone=MESSAGES, laptop=SESSIONS)
        world.said()
        world.message("reject", "", leg.sid, PHONE, BELL_JID)
        self.assertEqual(
            world.said(), [f"retract busy to {ALICE.full()}", f"session-terminate busy to {LAPTOP.full()}"]
        )
        self.assertTrue(world.isEmpty())

    def test_onlyOne(self) -> None:
        """If only one was called, there are no others."""
        world = World()
        leg = world.dial(called=f"xmpp:{PHONE.full()}", phone=MESSAGES)
        world.said()
        world.message("reject", "", leg.sid, PHONE, BELL_JID)
        self.assertEqual(world.said(), [])
