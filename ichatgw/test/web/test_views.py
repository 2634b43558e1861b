"""Tests for L{ichatgw.web.views}."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Ending, EndReason
from ichatgw.observe.events import CallRang, MediaStats, Message, MessageReceived, MessageSent, TurnedAway
from ichatgw.observe.snapshots import CallSnapshot, MediaSnapshot, Rung, turnedAway
from ichatgw.test.support.events import NOON, PHONE, sip
from ichatgw.web.views import RungView, lasting, matches, mediaViews, reasonOf, rungView

BUSY = Ending(EndReason.BUSY, "486 Busy Here")
STATS = MediaStats(0.0, NOON, "c-1", "caller", 50, 8000, 2, None, None, None, (), None)


def call(**changes: Any) -> CallSnapshot:
    """A call that came to nothing."""
    event = TurnedAway(0.0, NOON, BUSY, "sip", "sip:bell@sip.example", "sip:scott@gw.example", PHONE)
    return evolve(turnedAway(event), **changes)


class WordsTests(SynchronousTestCase):
    """Times and reasons in words."""

    def test_lasting(self) -> None:
        """Hours are there only if there are some; what is below ten has a nought, fractions of seconds are left out."""
        said = {
            0: "0:00",
            5.9: "0:05",
            60: "1:00",
            3599.9: "59:59",
            3600: "1:00:00",
            3723: "1:02:03",
            36610: "10:10:10",
        }
        self.assertEqual({seconds: lasting(seconds) for seconds in said}, said)

    def test_reasonOf(self) -> None:
        """What else the ending says is in brackets; a call that lives has no reason."""
        self.assertEqual(reasonOf(None), "")
        self.assertEqual(reasonOf(Ending(EndReason.BUSY)), EndReason.BUSY.value)
        self.assertEqual(reasonOf(BUSY), f"{EndReason.BUSY.value} (486 Busy Here)")

    def test_matches(self) -> None:
        """Any part of a call is found by any piece of it, in either case."""
        one = call(id="c-7", presented="xmpp:72@gw.example", route="xmpp:scott@jabber.example")
        for wanted in ("", "C-7", "BELL@", "scott@gw", "72@", "jabber.example", "busy", "busy here", "the gateway"):
            self.assertTrue(matches(one, wanted), wanted)
        self.assertFalse(matches(one, "c-8"))
        self.assertFalse(matches(call(ending=None), "busy"))
        self.assertTrue(matches(call(caller="", called="sip:x@y"), "bell"), "the party of a leg")


class RungTests(SynchronousTestCase):
    """Lines of a ladder."""

    def view(self, kind: type[Message], protocol: str, transport: str, data: bytes, remote: bool = True) -> RungView:
        """Of a message that passed 1.5 s after the call came."""
        message = kind(0.0, NOON, protocol, transport, data, PHONE if remote else None)
        return rungView(3, Rung(1.5, "sip-1", "caller", message), lambda message: f"<{message.transport}>")

    def test_sip(self) -> None:
        """A message of SIP says over what it went, and to or from where."""
        sent = self.view(MessageSent, "SIP", "tls", sip("BYE sip:bell@phone SIP/2.0", "one"))
        self.assertEqual((sent.id, sent.time, sent.role, sent.way), ("r3", "1500 ms", "caller", "sent"))
        self.assertEqual((sent.label, sent.about, sent.text), ("BYE", f"SIP over tls to {PHONE}", "<tls>"))
        came = self.view(MessageReceived, "SIP", "udp", sip("BYE sip:bell@phone SIP/2.0", "one"))
        self.assertEqual((came.way, came.about), ("received", f"SIP over udp from {PHONE}"))

    def test_xmpp(self) -> None:
        """A stanza goes over the one link, whose far end may be unknown."""
        sent = self.view(MessageSent, "XMPP", "xmpp", b"<message/>")
        self.assertEqual(sent.about, f"XMPP to {PHONE}")
        self.assertEqual(self.view(MessageReceived, "XMPP", "xmpp", b"<message/>", remote=False).about, "XMPP")

    def test_happened(self) -> None:
        """What has happened is no message: it goes no way and has no text."""
        view = rungView(0, Rung(0.25, "", "", CallRang(0.0, NOON, "c-1", "sip-1")), lambda message: "never")
        self.assertEqual((view.id, view.time, view.way, view.about, view.text), ("r0", "250 ms", "", "", ""))
        self.assertTrue(view.label)


class MediaTests(SynchronousTestCase):
    """What came from each party."""

    def facts(self, media: MediaSnapshot) -> dict[str, str]:
        """Of one party."""
        (view,) = mediaViews(call(media={"callee": media}))
        self.assertEqual(view.side, "callee")
        return dict(view.facts)

    def test_order(self) -> None:
        """The caller is the first, and one of whom there is nothing is not shown."""
        media = {side: MediaSnapshot() for side in ("other party", "callee", "caller")}
        self.assertEqual([view.side for view in mediaViews(call(media=media))], ["caller", "callee", "other party"])
        self.assertEqual(mediaViews(call()), [])

    def test_none(self) -> None:
        """A party that has sent nothing has one fact: that."""
        self.assertEqual(self.facts(MediaSnapshot()), {"first packet": "none"})
        self.assertEqual(self.facts(MediaSnapshot(startedAt=0.0)), {"first packet": "after 0 ms"})

    def test_counted(self) -> None:
        """What nobody has measured is not said; a figure of nought is one."""
        some = self.facts(MediaSnapshot(startedAt=0.25, stats=STATS))
        packets = "50 (8000 octets), 2 lost on the way to us"
        self.assertEqual(some, {"first packet": "after 250 ms", "packets": packets})
        noughts = evolve(STATS, arrivalJitter=0.0, lostBeyond=0, jitter=0.0, roundTrip=0.0)
        self.assertEqual(
            self.facts(MediaSnapshot(stats=noughts)),
            {
                "first packet": "none",
                "packets": packets,
                "jitter on the way to us": "0.0 ms",
                "lost at the hearer": "0",
                "jitter at the hearer": "0.0 ms",
                "round trip": "0 ms",
            },
        )

    def test_all(self) -> None:
        """Times are in milliseconds; each reason for which packets were not relayed has its count."""
        stats = evolve(
            STATS,
            arrivalJitter=0.0042,
            lostBeyond=3,
            jitter=0.011,
            roundTrip=0.13,
            dropped=(("junk", 4), ("too long", 1)),
            source=PHONE,
        )
        facts = self.facts(MediaSnapshot(0.02, stats, ice="connected, host to host", encryption="SDES"))
        del facts["packets"]
        self.assertEqual(
            facts,
            {
                "first packet": "after 20 ms",
                "jitter on the way to us": "4.2 ms",
                "lost at the hearer": "3",
                "jitter at the hearer": "11.0 ms",
                "round trip": "130 ms",
                "not relayed": "4 (junk), 1 (too long)",
                "from": str(PHONE),
                "ICE": "connected, host to host",
                "encryption": "SDES",
            },
        )

    def test_plots(self) -> None:
        """Figures over time are plotted."""
        history = tuple(evolve(STATS, time=time, packets=int(5 * time)) for time in (10.0, 20.0))
        (view,) = mediaViews(call(media={"caller": MediaSnapshot(history=history)}))
        self.assertEqual([line.name for line in view.lines], ["loss"])
