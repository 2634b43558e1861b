# -*- test-case-name: ichatgw.test.xmpp.test_dialer -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.xmpp.dialer}.
"""

from __future__ import annotations

from typing import cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from zope.interface.verify import verifyObject

from ichatgw.calls.nulls import Unanswered
from ichatgw.errors import Congested, NoRoute
from ichatgw.interfaces import ICall, IDialer, ILeg
from ichatgw.model import Ending, EndReason, Party, SessionDescription, Tone
from ichatgw.test.support.clients.jingles import ALICE, LAPTOP, MESSAGES, PHONE, FakeClients
from ichatgw.test.support.fakes import OFFER, FakeCall, FakeDialer, FakeLeg, FakeMessage, agree, refuse, tell
from ichatgw.test.support.media.fakerelays import FakeSide
from ichatgw.xmpp.dialer import ByLink, DeferredLeg, XMPPDialer
from ichatgw.xmpp.presence.presence import IPresenceListener, Resource

BELL = Party("sip:bell@sip.example")
CALLED = f"xmpp:{ALICE.full()}"


class ChoiceTests(SynchronousTestCase):
    """Who is called by which protocol."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.users = FakeClients()
        self.iChat, self.jingle = FakeDialer(), FakeDialer()
        self.chooser = XMPPDialer(self.clock, self.users, self.iChat, self.jingle, self.takesJingle)

    def takesJingle(self, client: Resource) -> bool:
        return self.users.known[client.jid] is not None

    def chosen(self, *unknown: JID, takes: object = (), iChats: object = (), called: str = CALLED) -> str:
        self.users.known = {jid: MESSAGES if jid in takes else None for jid in unknown}  # type: ignore[operator]
        self.users.iChats = set(iChats)  # type: ignore[call-overload]
        self.iChat.dialled.clear()
        self.jingle.dialled.clear()
        self.chooser.dial(called, BELL)
        return "iChat" if self.iChat.dialled else "jingle"

    def dial(self) -> DeferredLeg:
        leg = cast(DeferredLeg, self.chooser.dial(CALLED, BELL))
        self.jingle.legs.clear()
        leg.call, leg.side = FakeCall(), FakeSide()
        leg.start(OFFER)
        return leg

    def comes(self, jid: object, iChat: bool = False) -> None:
        self.users.known[jid] = None  # type: ignore[index]
        if iChat:
            self.users.iChats.add(jid)  # type: ignore[arg-type]
        for resource in self.users.resources(ALICE):
            self.chooser.available(resource)

    def news(self, leg: DeferredLeg) -> FakeCall:
        return cast(FakeCall, leg.call)

    def assertNothingLeft(self) -> None:
        self.assertEqual((self.clock.getDelayedCalls(), self.chooser._waiting), ([], {}))

    def test_interfaces(self) -> None:
        """A chooser dials and listens, and what it makes is a leg."""
        verifyObject(IDialer, self.chooser)
        verifyObject(IPresenceListener, self.chooser)
        leg = self.dial()
        verifyObject(ILeg, leg)
        leg.decide()
        verifyObject(ICall, self.jingle.legs[0].call)

    def test_known(self) -> None:
        """Who has a client that is known to speak Jingle is called by that, else who has an iChat by that."""
        self.assertEqual(self.chosen(PHONE, iChats=[PHONE]), "iChat")
        self.assertEqual(self.chosen(PHONE), "jingle")
        self.assertEqual(self.chosen(PHONE, LAPTOP, iChats=[PHONE]), "iChat")
        self.assertEqual(self.chosen(PHONE, LAPTOP, iChats=[PHONE], takes=[LAPTOP]), "jingle")
        self.assertEqual(
            self.chosen(PHONE, LAPTOP, iChats=[PHONE], takes=[LAPTOP], called=f"xmpp:{PHONE.full()}"), "iChat"
        )

    def test_waits(self) -> None:
        """Of whom nothing is known, presence is asked for; who comes decides."""
        for iChat, dialer in ((True, self.iChat), (False, self.jingle)):
            self.users.known.clear()
            self.users.iChats.clear()
            leg = self.dial()
            leg.start(OFFER)
            self.assertEqual(self.users.probes.pop(), ALICE)
            self.assertEqual(dialer.legs, [])
            self.comes(PHONE, iChat)
            self.comes(LAPTOP, iChat)
            self.assertEqual(dialer.legs[0].orders, ["start"])
            self.assertIs(dialer.legs[0].side, leg.side)
            self.assertEqual(dialer.legs[0].call.id, "call-1")
            self.assertNothingLeft()

    def test_nobodyComes(self) -> None:
        """If nobody comes, Jingle is tried: it gets through where presence does not."""
        self.dial()
        self.clock.advance(5)
        self.assertEqual(self.jingle.legs[0].orders, ["start"])
        self.assertNothingLeft()

    def test_nobodyThere(self) -> None:
        """Presence that says that nobody is there, or fails, ends the waiting."""
        self.dial()
        self.dial()
        self.chooser.unavailable(ALICE)
        self.assertEqual(len(self.jingle.legs), 1 + 1)
        self.dial()
        self.chooser.failed(PHONE, "item-not-found", None)
        self.assertEqual(len(self.jingle.legs), 1)
        self.assertNothingLeft()

    def test_howItEnds(self) -> None:
        """If no client gave a sign of life the caller is told what presence said, else how the call ended."""
        nobody = Ending(EndReason.UNAVAILABLE, "no client of the user is there")
        for said, expected in ((self.offline, EndReason.NOT_FOUND), (self.silence, EndReason.TIMEOUT)):
            leg = self.dial()
            said()
            self.jingle.legs[-1].partyHangsUp(nobody)
            self.assertEqual(self.news(leg).reasons, [expected])
            leg = self.dial()
            said()
            self.jingle.legs[-1].partyRings()
            self.jingle.legs[-1].partyHangsUp(nobody)
            self.assertEqual(self.news(leg).reasons, [EndReason.UNAVAILABLE])
            leg = self.dial()
            said()
            self.jingle.legs[-1].partyHangsUp(Ending(EndReason.BUSY))
            self.assertEqual(self.news(leg).reasons, [EndReason.BUSY])

    def offline(self) -> None:
        self.chooser.unavailable(ALICE)

    def silence(self) -> None:
        self.clock.advance(5)

    def test_oneClient(self) -> None:
        """Who calls one client does not care for the others."""
        leg = cast(DeferredLeg, self.chooser.dial(f"xmpp:{PHONE.full()}", BELL))
        leg.call, leg.side = FakeCall(), FakeSide()
        leg.start(OFFER)
        self.jingle.legs.clear()
        self.comes(LAPTOP)
        self.assertEqual(self.jingle.legs, [])
        self.comes(PHONE)
        self.assertEqual(len(self.jingle.legs), 1)

    def test_news(self) -> None:
        """What the inner leg says is the outer one's news, and orders go to it."""
        leg = self.dial()
        leg.decide()
        inner = self.jingle.legs[0]
        inner.partyRings()
        inner.partyProgresses()
        inner.partyAnswers()
        inner.partyUpdates()
        agree(leg, OFFER)
        inner.partyUpdates()
        refuse(leg, Ending(EndReason.BUSY))
        leg.hand(Unanswered(Tone("3")))
        leg.hand(FakeMessage())
        tell(leg, OFFER)
        inner.partyAgrees()
        tell(leg, OFFER)
        inner.partyRefuses(Ending(EndReason.BUSY))
        inner.partyPresses(Tone("4"))
        inner.partySays(FakeMessage())
        self.assertEqual(leg.farewells(), inner.farewells())
        leg.hangup(Ending(EndReason.HANGUP))
        within = ["changed", "changed", "agreed", "refused", "handed", "handed"]
        self.assertEqual(self.news(leg).news, ["ringing", "progressing", "answered", *within, "ended"])
        self.assertIs(self.news(leg).endings[0][0], leg)
        self.assertEqual(inner.orders, ["start", "agree", "refuse", "hand", "hand", "change", "change", "hangup"])
        leg.hangup(Ending(EndReason.HANGUP))
        self.assertEqual(len(self.news(leg).endings), 1)

    def test_abandoned(self) -> None:
        """A caller who gives up while presence is waited for leaves nothing behind."""
        leg = self.dial()
        other = self.dial()
        leg.hangup(Ending(EndReason.CANCELLED))
        other.hangup(Ending(EndReason.CANCELLED))
        leg.decide()
        leg.start(OFFER)
        self.assertEqual((self.news(leg).reasons, self.jingle.legs), ([EndReason.CANCELLED], []))
        self.assertNothingLeft()

    def test_cannotStart(self) -> None:
        """An error of ours while the call is begun ends the leg, and the one that does its work."""
        leg = self.dial()
        broken = FakeLeg(offers=cast(list[SessionDescription], None))
        leg.make = lambda: broken
        leg.decide()
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        self.assertEqual((self.news(leg).reasons, broken.over), ([EndReason.FAILED], True))
        self.assertNothingLeft()

    def test_linkLost(self) -> None:
        """If the link to the server is lost while presence is waited for, that is how it ends."""
        trouble = [""]
        self.chooser.jingle = ByLink(self.jingle, lambda: trouble[-1])
        verifyObject(IDialer, self.chooser.jingle)
        leg = self.dial()
        trouble.append("connection refused")
        self.clock.advance(5)
        ((_, ending),) = self.news(leg).endings
        self.assertEqual(
            (ending.reason, ending.text), (EndReason.NO_LINK, "no link to the XMPP server: connection refused")
        )
        self.assertNothingLeft()

    def test_cannot(self) -> None:
        """What cannot be called is refused at once, or ends the leg."""
        self.assertRaises(NoRoute, self.chooser.dial, "xmpp:a@b@c", BELL)
        leg = self.dial()
        self.jingle.error = Congested("full")
        self.assertRaises(Congested, self.chooser.dial, CALLED, BELL)
        leg.decide()
        self.assertEqual(self.news(leg).reasons, [EndReason.CONGESTED])
        self.jingle.error = None
        leg = self.dial()
        self.jingle.error = ZeroDivisionError()
        leg.decide()
        self.assertEqual(self.news(leg).reasons, [EndReason.FAILED])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertNothingLeft()
