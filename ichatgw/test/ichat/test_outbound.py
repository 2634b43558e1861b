# -*- test-case-name: ichatgw.test.ichat.test_outbound -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.ichat.outbound}, with the real L{ichatgw.ichat.protocol}: a user is called.
"""

from __future__ import annotations

from twisted.words.protocols.jabber.jid import JID

from ichatgw.errors import Congested
from ichatgw.model import Codec, Ending, EndReason, Party, SessionDescription
from ichatgw.test.support.clients.ichats import BELL, ICHAT_DATA, IDENTITY, MINI, SCOTT, IChatCase, ichat, news
from ichatgw.test.support.fakes import OFFER, FakeCall
from ichatgw.test.support.legs import ANSWER

CANCEL = Ending(EndReason.CANCELLED)


class OutboundTests(IChatCase):
    """L{OutboundLeg}."""

    def test_notStarted(self) -> None:
        """A leg that was never started sends nothing, is in no table, and can be ended."""
        leg = self.world.protocol.dial("xmpp:scott@jabber.example", BELL)
        call = leg.call = FakeCall()
        self.world.accept()
        self.world.protocol.available(ichat())
        self.assertTrue(self.world.isEmpty())
        leg.hangup(CANCEL)
        self.assertEqual(call.reasons, [EndReason.CANCELLED])
        self.assertEqual(self.world.words, ["result to scott@jabber.example/iChat"])

    def test_answered(self) -> None:
        """
        Ladder 4: the iChat is shown the control address, asked, accepts, and is called at the address it named; its
        answer is the leg's.
        """
        leg = self.world.dial(ichat())
        self.assertEqual(
            self.world.words,
            [
                "presence control@gw.jabber.example to scott@jabber.example/iChat",
                "request to scott@jabber.example/iChat",
            ],
        )
        self.assertEqual(self.world.link.stanzas[0]["from"], "bell@gw.jabber.example")
        self.assertEqual(news(leg).news, ["ringing"])
        self.world.accept()
        self.assertEqual(self.world.dialer.dialled, [("sip:user@198.51.100.7:16402", IDENTITY)])
        inner = self.world.dialer.legs[0]
        self.assertEqual(inner.orders, ["start"])
        self.assertEqual(inner.offers, [OFFER])
        self.assertIs(inner.side, leg.side)
        self.assertEqual(inner.call.id, leg.call.id)
        inner.partyRings()
        inner.partyProgresses(ANSWER)
        inner.partyAnswers(ANSWER)
        self.assertEqual(news(leg).news, ["ringing", "ringing", "progressing", "answered"])
        self.assertEqual(news(leg).answers, [ANSWER, ANSWER])
        self.assertEqual(self.world.clock.getDelayedCalls(), [])
        inner.partyHangsUp()
        self.assertEnded(leg, EndReason.HANGUP)

    def test_withinTheCall(self) -> None:
        """
        An iChat is never put on hold, but it has no other format than its own; what it does is news of the leg, and
        what the other party says to that is for its inner leg.
        """
        leg = self.world.dial(ichat())
        self.world.accept()
        inner = self.world.dialer.legs[0]
        inner.partyAnswers(ANSWER)
        self.assertWithinTheCall(leg, inner)

    def test_noUser(self) -> None:
        """Ladder 5: a user who is not there is C{NOT_FOUND}, be it known by presence or by an error."""
        leg = self.world.dial()
        self.assertEqual(self.world.words, ["probe scott@jabber.example"])
        self.world.goesOffline(SCOTT)
        self.assertEnded(leg, EndReason.NOT_FOUND)
        leg = self.world.dial()
        self.world.protocol.failed(SCOTT, "remote-server-not-found", 404)
        self.assertEnded(leg, EndReason.NOT_FOUND)
        leg = self.world.dial()
        self.world.protocol.failed(SCOTT, "", None)
        self.assertEnded(leg, EndReason.UNAVAILABLE)

    def test_declined(self) -> None:
        """Ladder 6: an iChat that declines ends the call as declined, however it says so."""
        for children in (
            "<response>1</response><connectData/>",
            "<response>0</response><connectData>\n</connectData>",
            "<connectData/>",
            "<response>0</response>",
            f"<response>1</response><connectData>{ICHAT_DATA}</connectData>",
            "",
        ):
            leg = self.world.dial(ichat())
            self.world.set("response", children, to=JID("bell@gw.jabber.example"))
            self.assertEnded(leg, EndReason.DECLINED)

    def test_abandoned(self) -> None:
        """Ladder 7: a caller who gives up makes every iChat stop ringing."""
        leg = self.world.dial(ichat(), ichat(MINI))
        del self.world.words[:]
        leg.hangup(CANCEL)
        self.assertEqual(
            self.world.words, ["cancel to scott@jabber.example/iChat", "cancel to scott@jabber.example/Mini"]
        )
        self.assertEnded(leg, EndReason.CANCELLED)

    def test_abandonedLater(self) -> None:
        """A caller who gives up after the iChat accepted ends the inner leg."""
        leg = self.world.dial(ichat())
        self.world.accept()
        leg.hangup(CANCEL)
        self.assertEqual(self.world.dialer.legs[0].hangups, [CANCEL])
        self.assertEnded(leg, EndReason.CANCELLED)

    def test_lateResponse(self) -> None:
        """A response that comes after the cancel is answered and changes nothing."""
        leg = self.world.dial(ichat())
        leg.hangup(CANCEL)
        del self.world.words[:]
        self.world.accept()
        self.assertEqual(self.world.words, ["result to scott@jabber.example/iChat"])
        self.assertEqual(self.world.dialer.legs, [])

    def test_otherLaw(self) -> None:
        """A caller with the other law of G.711 rings iChats; what else it has is of no use to them."""
        leg = self.world.protocol.dial("xmpp:scott@jabber.example", BELL)
        call = leg.call = FakeCall()
        leg.start(SessionDescription((Codec("PCMA", 8000, 8),)))
        self.assertEqual(call.reasons, [])
        self.assertNotEqual(self.world.words, [])

    def test_noPCMU(self) -> None:
        """A caller without G.711 is told so before an iChat rings."""
        leg = self.world.protocol.dial("xmpp:scott@jabber.example", BELL)
        call = leg.call = FakeCall()
        leg.start(SessionDescription((Codec("G729", 8000, 18),)))
        self.assertEqual(call.reasons, [EndReason.INCOMPATIBLE])
        self.assertEqual(self.world.words, [])
        self.assertTrue(self.world.isEmpty())

    def test_proceedingTimeout(self) -> None:
        """No iChat within the proceeding time-out: C{TIMEOUT}, and not a moment sooner."""
        leg = self.world.dial()
        self.world.clock.advance(4.9)
        self.assertEqual(news(leg).news, [])
        self.world.clock.advance(0.1)
        self.assertEnded(leg, EndReason.TIMEOUT)

    def test_comesOnline(self) -> None:
        """An iChat that shows up within the proceeding time-out rings, and the time-out is off."""
        leg = self.world.dial()
        self.world.presence.known.append(ichat())
        self.world.protocol.available(ichat())
        self.world.clock.advance(10)
        self.assertEqual(news(leg).news, ["ringing"])

    def test_ringingTimeout(self) -> None:
        """An iChat that does not respond stops ringing after the ringing time-out; late iChats do not prolong it."""
        leg = self.world.dial(ichat())
        self.world.clock.advance(170)
        self.world.presence.known.append(ichat(MINI))
        self.world.protocol.available(ichat(MINI))
        self.world.clock.advance(10)
        self.assertEqual(self.world.words[-1], "cancel to scott@jabber.example/Mini")
        self.assertEnded(leg, EndReason.TIMEOUT)

    def test_longCallers(self) -> None:
        """
        Two callers whose names are equal in the ten characters that iChat takes keep their calls apart.
        """
        first = self.world.dial(ichat(), caller=Party("sip:alexander.bell@sip.example"))
        second = self.world.dial(ichat(), caller=Party("sip:alexander.fleming@sip.example"))
        senders = [stanza["from"] for stanza in self.world.link.stanzas]
        self.assertEqual(senders, ["alexander@gw.jabber.example", "alexander2@gw.jabber.example"])
        self.world.accept(to="alexander2")
        self.assertEqual(len(self.world.dialer.legs), 1)
        self.world.decline(to="alexander")
        self.assertEqual(news(first).reasons, [EndReason.DECLINED])
        self.assertEqual(news(second).reasons, [])

    def test_manyCallersOfOneName(self) -> None:
        """When no address is left for another caller of that name, the call is refused before an iChat rings."""
        legs = [self.world.dial(ichat()) for _ in range(40)]
        reasons = [reason for leg in legs for reason in news(leg).reasons]
        self.assertEqual(set(reasons), {EndReason.CONGESTED})
        self.assertEqual(len(reasons), 40 - 35)
        for leg in legs:
            leg.hangup(CANCEL)
        self.assertTrue(self.world.isEmpty())

    def test_callerWithoutName(self) -> None:
        """A caller without a user part calls from the component's domain."""
        self.world.dial(ichat(), caller=Party("sip:sip.example"))
        self.assertEqual(self.world.link.stanzas[0]["from"], "gw.jabber.example")
        self.world.accept(to="")
        self.assertEqual(len(self.world.dialer.legs), 1)

    def test_innerLegFails(self) -> None:
        """Whatever ends the inner leg ends the leg, for the same reason."""
        leg = self.world.dial(ichat())
        self.world.accept()
        self.world.dialer.legs[0].partyHangsUp(Ending(EndReason.BUSY))
        self.assertEnded(leg, EndReason.BUSY)

    def test_innerLegFailsAtOnce(self) -> None:
        """An inner leg that cannot be made, or ends in its very start, ends the leg."""
        self.world.dialer.error = Congested("no socket")
        leg = self.world.dial(ichat())
        self.world.accept()
        self.assertEnded(leg, EndReason.CONGESTED)

        self.world.dialer.error = None
        self.world.dialer.stillborn = Ending(EndReason.CONNECTIVITY)
        leg = self.world.dial(ichat())
        self.world.accept()
        self.assertEnded(leg, EndReason.CONNECTIVITY)

    def test_brokenDialer(self) -> None:
        """A bug in the making of the inner leg is logged and ends this leg."""
        self.world.dialer.error = RuntimeError("a bug")
        leg = self.world.dial(ichat())
        self.world.accept()
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEnded(leg, EndReason.FAILED)
