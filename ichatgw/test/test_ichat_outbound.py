# -*- test-case-name: ichatgw.test.test_ichat_outbound -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.ichat.outbound}, with the real L{ichatgw.ichat.protocol}.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID

from ichatgw.errors import Congested
from ichatgw.ichat.outbound import OutboundLeg
from ichatgw.interfaces import ILeg
from ichatgw.model import Codec, Ending, EndReason, Party, SessionDescription, Tone
from ichatgw.test.fakes import OFFER, FakeCall
from ichatgw.test.ichats import BELL, ICHAT, ICHAT_DATA, IDENTITY, MINI, SCOTT, World, ichat, news
from ichatgw.test.legs import ANSWER, HELD, LegContract

CANCEL = Ending(EndReason.CANCELLED)


class OutboundContractTests(LegContract, SynchronousTestCase):
    """L{OutboundLeg} keeps the promises of a leg."""

    def stages(self) -> Mapping[str, Callable[[], ILeg]]:
        return {
            "proceeding": self.proceeding,
            "ringing": self.ringing,
            "inviting": self.inviting,
            "talking": self.talking,
            "ending": self.ending,
        }

    def proceeding(self) -> OutboundLeg:
        self.world = World(slow=True)
        return self.remember(self.world.dial())

    def ringing(self) -> OutboundLeg:
        self.world = World(slow=True)
        return self.remember(self.world.dial(ichat(), ichat(MINI)))

    def inviting(self) -> OutboundLeg:
        leg = self.ringing()
        self.world.accept()
        return leg

    def talking(self) -> OutboundLeg:
        leg = self.inviting()
        self.world.dialer.legs[0].partyAnswers()
        return leg

    def ending(self) -> OutboundLeg:
        leg = self.talking()
        leg.hangup(Ending(EndReason.HANGUP))
        return leg

    def remember(self, leg: OutboundLeg) -> OutboundLeg:
        if not hasattr(self, "worlds"):
            self.worlds: dict[ILeg, World] = {}
        self.worlds[leg] = self.world
        return leg

    def partyHangsUp(self, leg: ILeg) -> None:
        world = self.worlds[leg]
        world.decline()
        world.goesOffline(SCOTT)
        for inner in world.dialer.legs:
            inner.partyHangsUp()

    def settle(self, leg: ILeg) -> None:
        for inner in self.worlds[leg].dialer.legs:
            if "hangup" in inner.orders:
                inner.partyHangsUp()

    def assertNothingLeft(self) -> None:
        self.assertTrue(self.world.isEmpty())


class OutboundTests(SynchronousTestCase):
    """L{OutboundLeg}."""

    def setUp(self) -> None:
        self.world = World()

    def assertEnded(self, leg: OutboundLeg, reason: EndReason) -> None:
        """It ended once, for this reason, and nothing of it remains."""
        self.assertEqual(news(leg).reasons, [reason])
        self.assertTrue(self.world.isEmpty())

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
        before = inner.orders[:]
        leg.update(HELD)
        leg.update(SessionDescription((Codec("opus", 48000, 96, 2),)))
        leg.info(Tone("1"))
        self.assertEqual(news(leg).news[-2:], ["agreed", "refused"])
        self.assertEqual(news(leg).refusals[0].reason, EndReason.INCOMPATIBLE)
        self.assertEqual(inner.orders, before)
        inner.partyUpdates(HELD)
        inner.partyPresses(Tone("2"))
        inner.partyAgrees()
        inner.partyRefuses(Ending(EndReason.FAILED))
        self.assertEqual(news(leg).news[-2:], ["updated", "info"])
        self.assertEqual((news(leg).updates, news(leg).tones), ([HELD], [Tone("2")]))
        leg.agree(ANSWER)
        leg.refuse(Ending(EndReason.INCOMPATIBLE))
        self.assertEqual(inner.orders, [*before, "agree", "refuse"])

    def test_noUser(self) -> None:
        """Ladder 5: a user who is not there is C{NOT_FOUND}, be it known by presence (X1) or by an error."""
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
        """Ladder 6: an iChat that declines ends the call as declined (X1), however it says so (X9)."""
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

    def test_noPCMU(self) -> None:
        """A caller without PCMU is told so before an iChat rings (X22)."""
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

    def test_inAnotherCall(self) -> None:
        """
        An iChat in a call cannot be called, but while it is known the leg waits for it, even if another client of the
        user goes offline.
        """
        leg = self.world.dial(ichat(ext="avcap audio"))
        self.world.goesOffline(MINI)
        self.assertEqual(self.world.words, ["probe scott@jabber.example"])
        self.assertEqual(news(leg).news, [])
        self.world.goesOffline(ICHAT)
        self.assertEnded(leg, EndReason.NOT_FOUND)

    def test_allEqualOnesRing(self) -> None:
        """All iChats of the best kind and the highest priority ring at once (X6), others do not."""
        third = JID("scott@jabber.example/third")
        self.world.dial(ichat(priority=1), ichat(MINI, priority=1), ichat(third), ichat(third, "away", 5))
        requests = [words for words in self.world.words if words.startswith("request")]
        self.assertEqual(requests, ["request to scott@jabber.example/iChat", "request to scott@jabber.example/Mini"])

    def test_lateResourceRings(self) -> None:
        """An iChat that comes online while others ring is asked too, once, whatever it says of itself later."""
        self.world.dial(ichat())
        self.world.presence.known.append(ichat(MINI))
        for _ in range(3):
            self.world.protocol.available(ichat(MINI))
            self.world.protocol.available(ichat())
        requests = [words for words in self.world.words if words.startswith("request")]
        self.assertEqual(requests, ["request to scott@jabber.example/iChat", "request to scott@jabber.example/Mini"])

    def test_worseResourceDoesNotRing(self) -> None:
        """An iChat that was not chosen does not ring because it says again that it is away."""
        self.world.dial(ichat(), ichat(MINI, "away"))
        self.world.protocol.available(ichat(MINI, "away"))
        self.assertNotIn("request to scott@jabber.example/Mini", self.world.words)

    def test_firstAcceptWins(self) -> None:
        """The first iChat to accept gets the call, the others stop ringing."""
        leg = self.world.dial(ichat(), ichat(MINI))
        del self.world.words[:]
        self.world.accept(MINI)
        self.world.accept(ICHAT)
        self.assertEqual(
            self.world.words,
            [
                "result to scott@jabber.example/Mini",
                "cancel to scott@jabber.example/iChat",
                "result to scott@jabber.example/iChat",
            ],
        )
        self.assertEqual(len(self.world.dialer.legs), 1)
        self.assertNotIn("ended", news(leg).news)

    def test_firstDeclineWins(self) -> None:
        """The user declines on one iChat: the others stop ringing and the call is declined."""
        leg = self.world.dial(ichat(), ichat(MINI))
        self.world.decline(MINI)
        self.assertEqual(self.world.words[-1], "cancel to scott@jabber.example/iChat")
        self.assertNotIn("cancel to scott@jabber.example/Mini", self.world.words)
        self.assertEnded(leg, EndReason.DECLINED)

    def test_oneOfTwoGoesOffline(self) -> None:
        """An iChat that goes offline leaves the other ringing (X5); with the last one the call ends."""
        leg = self.world.dial(ichat(), ichat(MINI))
        self.world.goesOffline(ICHAT)
        self.assertEqual(news(leg).news, ["ringing", "ringing"])
        self.world.goesOffline(MINI)
        self.assertEnded(leg, EndReason.NOT_FOUND)
        self.assertNotIn("cancel", " ".join(self.world.words))

    def test_allGoOffline(self) -> None:
        """Unavailable presence from the bare address means all iChats of the user."""
        leg = self.world.dial(ichat(), ichat(MINI))
        self.world.goesOffline(SCOTT)
        self.assertEnded(leg, EndReason.NOT_FOUND)

    def test_nextBestRings(self) -> None:
        """When the last iChat that rings is gone, one that was not good enough before gets its chance."""
        leg = self.world.dial(ichat(), ichat(MINI, "away"))
        self.world.goesOffline(ICHAT)
        self.assertEqual(self.world.words[-1], "request to scott@jabber.example/Mini")
        self.world.error("service-unavailable", MINI)
        self.assertEnded(leg, EndReason.UNAVAILABLE)

    def test_nextBestRingsAfterAnError(self) -> None:
        """So it is when the one that rang is still online, but could not be asked; it is not asked again."""
        leg = self.world.dial(ichat(), ichat(MINI, "away"))
        self.world.error("service-unavailable", ICHAT)
        self.assertEqual(self.world.words[-1], "request to scott@jabber.example/Mini")
        self.assertEqual(self.world.words.count("request to scott@jabber.example/iChat"), 1)
        self.assertEqual(news(leg).reasons, [])

    def test_requestError(self) -> None:
        """An IQ error for the request means that this iChat will not take the call (X5); its condition is kept."""
        leg = self.world.dial(ichat(), ichat(MINI))
        self.world.error("item-not-found", ICHAT)
        self.assertEqual(news(leg).reasons, [])
        self.world.error("forbidden", MINI)
        self.assertEnded(leg, EndReason.FORBIDDEN)

    def test_presenceErrorOfOne(self) -> None:
        """A presence error from a full address is about this iChat; from the bare one it ends no ringing call."""
        leg = self.world.dial(ichat(), ichat(MINI))
        self.world.protocol.failed(SCOTT, "forbidden", None)
        self.world.protocol.failed(ICHAT, "recipient-unavailable", None)
        self.assertEqual(news(leg).reasons, [])
        self.world.protocol.failed(MINI, "remote-server-timeout", None)
        self.assertEnded(leg, EndReason.TIMEOUT)

    def test_stranger(self) -> None:
        """A verdict from an iChat that was never asked is ignored (X11)."""
        leg = self.world.dial(ichat())
        self.world.accept(MINI)
        self.world.decline(MINI)
        self.world.accept(SCOTT)
        self.assertEqual(news(leg).news, ["ringing"])
        self.world.accept(ICHAT)
        self.assertEqual(len(self.world.dialer.legs), 1)

    def test_noUsableAddress(self) -> None:
        """An iChat that accepts without a usable address has declined; the others stop ringing."""
        leg = self.world.dial(ichat(), ichat(MINI))
        self.world.accept(data=ICHAT_DATA.replace("c6336407", "e0000001"))
        self.assertEqual(self.world.words[-1], "cancel to scott@jabber.example/Mini")
        self.assertEnded(leg, EndReason.DECLINED)

    def test_malformedResponse(self) -> None:
        """Who accepts with nonsense is told so, and is out (X14, X15)."""
        leg = self.world.dial(ichat())
        self.world.accept(data=ICHAT_DATA[:40])
        self.assertIn("error bad-request to scott@jabber.example/iChat", self.world.words)
        self.assertEnded(leg, EndReason.FAILED)

    def test_fullJID(self) -> None:
        """A full address rings that iChat at once, whatever its presence."""
        leg = self.world.dial(ichat(), called="xmpp:scott@jabber.example/Mini")
        self.assertEqual(self.world.words[-1], "request to scott@jabber.example/Mini")
        self.assertEqual(leg.party, Party("xmpp:scott@jabber.example"))
        self.world.protocol.available(ichat())
        self.assertNotIn("request to scott@jabber.example/iChat", self.world.words)
        self.world.goesOffline(MINI)
        self.assertEnded(leg, EndReason.NOT_FOUND)

    def test_longCallers(self) -> None:
        """
        Two callers whose names are equal in the ten characters that iChat takes keep their calls apart (X13).
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

    def test_answeredWithinTheRequest(self) -> None:
        """An iChat may respond before all others have been asked."""

        def react() -> None:
            if self.world.words[-1] == "request to scott@jabber.example/iChat":
                self.world.accept()

        self.world.link.reaction = react
        leg = self.world.dial(ichat(), ichat(MINI))
        self.assertEqual(self.world.words[-1], "cancel to scott@jabber.example/Mini")
        self.assertEqual(len(self.world.dialer.legs), 1)
        self.assertEqual(news(leg).reasons, [])
