# -*- test-case-name: ichatgw.test.ichat.test_inbound -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.ichat.inbound}, with the real L{ichatgw.ichat.protocol}.
"""

from __future__ import annotations

from twisted.words.protocols.jabber.jid import JID

from ichatgw.ichat.inbound import InboundLeg
from ichatgw.model import Ending, EndReason, Party
from ichatgw.test.support.clients.ichats import MINI, OUR_DATA, IChatCase, news
from ichatgw.test.support.fakes import OFFER, FakeLeg, tell
from ichatgw.test.support.legs import ANSWER, HELD


class InboundTests(IChatCase):
    """L{InboundLeg}."""

    def arrive(self) -> InboundLeg:
        self.world.request()
        return self.world.arrived

    def test_answered(self) -> None:
        """
        Ladder 1: the call arrives; ringing says nothing to the iChat; the answer gives it our addresses; its INVITE
        is answered as the call was.
        """
        leg = self.arrive()
        self.assertEqual(self.world.arrivals.arrivals, [(leg, "xmpp:72@gw.jabber.example", OFFER)])
        self.assertEqual(leg.party, Party("xmpp:scott@jabber.example", "scott"))
        leg.ring()
        leg.progress(ANSWER)
        self.assertEqual(self.world.words, ["result to scott@jabber.example/iChat"])
        leg.answer(ANSWER)
        response = self.world.link.stanzas[-1]
        self.assertEqual((response["to"], response["from"]), ("scott@jabber.example/iChat", "72@gw.jabber.example"))
        self.assertEqual(self.world.words[-1], "response 0 to scott@jabber.example/iChat")
        self.assertIn(f"<connectData>{OUR_DATA}</connectData>", response.toXml())
        inner = self.world.invite()
        self.assertEqual(inner.orders, ["answer"])
        self.assertEqual(inner.answers, [ANSWER])
        self.assertIs(inner.side, leg.side)
        self.assertEqual(inner.call.id, leg.call.id)
        self.assertEqual(self.world.clock.getDelayedCalls(), [])
        self.assertEqual(news(leg).news, [])
        leg.hangup(Ending(EndReason.HANGUP))
        self.assertEqual(inner.orders, ["answer", "hangup"])
        self.assertEnded(leg, EndReason.HANGUP)

    def test_withinTheCall(self) -> None:
        """
        An iChat is never put on hold, but it has no other format than its own; what it does is news of the leg, and
        what the other party says to that is for its inner leg.
        """
        leg = self.arrive()
        leg.answer(ANSWER)
        inner = self.world.invite()
        self.assertWithinTheCall(leg, inner)

    def test_changedBeforeTheInvite(self) -> None:
        """The party that has answered may change something before the iChat's INVITE has come, and hears at once."""
        leg = self.arrive()
        leg.answer(ANSWER)
        tell(leg, HELD)
        self.assertEqual(news(leg).news, ["agreed"])
        inner = self.world.invite()
        self.assertEqual(inner.answers, [ANSWER])

    def test_notAnswered(self) -> None:
        """Ladder 2: whatever the failure, the iChat is told by a refusal without addresses."""
        for reason in EndReason:
            leg = self.arrive()
            leg.hangup(Ending(reason))
            self.assertEqual(self.world.words[-1], "response 1 to scott@jabber.example/iChat")
            self.assertIn("<connectData/>", self.world.link.stanzas[-1].toXml())
            self.assertEnded(leg, reason)

    def test_abandoned(self) -> None:
        """Ladder 3: an iChat that gives up ends its call; it hears nothing but that it was understood."""
        leg = self.arrive()
        del self.world.words[:]
        self.world.cancel()
        self.assertEqual(self.world.words, ["result to scott@jabber.example/iChat"])
        self.assertEnded(leg, EndReason.CANCELLED)

    def test_abandonedAfterAccept(self) -> None:
        """An iChat may also give up between our accept and its INVITE."""
        leg = self.arrive()
        leg.answer(ANSWER)
        self.world.cancel()
        self.assertEnded(leg, EndReason.CANCELLED)

    def test_cancelByAnother(self) -> None:
        """Another iChat of the user, or a cancel for another number, ends nothing."""
        leg = self.arrive()
        self.world.cancel(MINI)
        self.world.cancel(to=JID("73@gw.jabber.example"))
        self.assertEqual(news(leg).news, [])

    def test_neverInvites(self) -> None:
        """An iChat whose INVITE does not come within the time-out is given up, and not a moment sooner."""
        leg = self.arrive()
        self.world.clock.advance(100)
        leg.answer(ANSWER)
        self.world.clock.advance(29.9)
        self.assertEqual(news(leg).news, [])
        self.world.clock.advance(0.1)
        self.assertEnded(leg, EndReason.CONNECTIVITY)

    def test_hangupAfterAccept(self) -> None:
        """
        When the far end hangs up between our accept and the INVITE, the leg is over at once; the INVITE that comes
        then is told that the call is gone.
        """
        leg = self.arrive()
        leg.answer(ANSWER)
        del self.world.words[:]
        leg.hangup(Ending(EndReason.HANGUP))
        self.assertEqual(self.world.words, [])
        self.assertEnded(leg, EndReason.HANGUP)
        self.assertEqual(self.world.invite().hangups[0].reason, EndReason.UNAVAILABLE)

    def test_acceptRefused(self) -> None:
        """If our accept cannot be delivered, the iChat is gone."""
        leg = self.arrive()
        leg.answer(ANSWER)
        self.world.error("service-unavailable", to="72", kind="vcResponse")
        self.assertEnded(leg, EndReason.UNAVAILABLE)

    def test_askedTwice(self) -> None:
        """An iChat that asks again while it waits has one call; if it was accepted already it is told again."""
        leg = self.arrive()
        self.world.request()
        self.assertEqual(len(self.world.arrivals.arrivals), 1)
        self.assertEqual(self.world.words, ["result to scott@jabber.example/iChat"] * 2)
        leg.answer(ANSWER)
        self.world.request(data="")
        self.assertEqual(self.world.words[-1], "response 0 to scott@jabber.example/iChat")
        self.assertEqual(self.world.words.count("response 0 to scott@jabber.example/iChat"), 2)
        self.assertEqual(len(self.world.arrivals.arrivals), 1)
        self.assertEqual(leg.records, ())

    def test_asksAgainLater(self) -> None:
        """A request that comes while the call is up is another call."""
        leg = self.arrive()
        leg.answer(ANSWER)
        self.world.invite()
        self.world.request()
        self.assertIsNot(self.world.arrived, leg)
        self.world.cancel()
        self.assertEqual(news(leg).news, [])

    def test_answeredTwice(self) -> None:
        """A second answer is ignored."""
        leg = self.arrive()
        leg.answer(ANSWER)
        leg.answer(ANSWER)
        self.assertEqual(self.world.words.count("response 0 to scott@jabber.example/iChat"), 1)

    def test_innerLegEnds(self) -> None:
        """Whatever ends the inner leg ends the leg for the same reason, e.g. an INVITE without PCMU."""
        leg = self.arrive()
        leg.answer(ANSWER)
        self.world.invite().partyHangsUp(Ending(EndReason.INCOMPATIBLE))
        self.assertEnded(leg, EndReason.INCOMPATIBLE)

    def test_strayInvite(self) -> None:
        """In every state but one, an INVITE given to the leg is turned away and the leg goes on."""
        leg = self.arrive()
        for _ in range(2):
            inner = FakeLeg()
            leg.machine.invited(inner)
            self.assertEqual(inner.hangups[0].reason, EndReason.UNAVAILABLE)
            leg.answer(ANSWER)
            self.world.invite()
        self.assertEqual(news(leg).news, [])

    def test_innerNewsOfNoUse(self) -> None:
        """An inbound inner leg does not ring or answer; should it say so, nobody hears it."""
        leg = self.arrive()
        leg.answer(ANSWER)
        inner = self.world.invite()
        inner.partyRings()
        inner.partyProgresses()
        inner.partyAnswers()
        self.assertEqual(news(leg).news, [])
