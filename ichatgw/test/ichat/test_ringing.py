# -*- test-case-name: ichatgw.test.ichat.test_ringing -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.ichat.outbound}, with the real L{ichatgw.ichat.protocol}: which iChats of a user ring, and what they
say to that.
"""

from __future__ import annotations

from twisted.words.protocols.jabber.jid import JID

from ichatgw.model import EndReason, Party
from ichatgw.test.support.clients.ichats import ICHAT, ICHAT_DATA, MINI, SCOTT, IChatCase, ichat, news


class RingingTests(IChatCase):
    """One iChat rings, or several do."""

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
        """All iChats of the best kind and the highest priority ring at once, others do not."""
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
        """An iChat that goes offline leaves the other ringing; with the last one the call ends."""
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
        """An IQ error for the request means that this iChat will not take the call; its condition is kept."""
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
        """A verdict from an iChat that was never asked is ignored."""
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
        """Who accepts with nonsense is told so, and is out."""
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
