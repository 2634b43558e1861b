"""
Tests for L{ichatgw.observe.compact}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Ending, EndReason
from ichatgw.observe.compact import Entry, compacted, expanded
from ichatgw.observe.events import DtlsState, IceState, MediaStarted, MediaStats, Message
from ichatgw.test.support.events import PHONE, Scene, sip


class CompactTests(SynchronousTestCase):
    """Ladders as octets, and back."""

    def entries(self) -> list[Entry]:
        """One of each kind that a ladder can have, as long as that of a real call."""
        scene = Scene()
        scene.watch()
        scene.arrives()
        scene.routes()
        scene.publish(MediaStarted, "c-1", "caller", PHONE)
        scene.publish(MediaStarted, "c-1", "callee", None)
        scene.publish(
            MediaStats, "c-1", "caller", 500, 80_000, 3, 0.01, None, 0.2, (("strangers", 2),), PHONE, False, 0.1
        )
        scene.publish(IceState, "c-1", "callee", "connected", "to \ud800 ä")
        scene.publish(DtlsState, "c-1", "callee", "secured", "by AES")
        for number in range(10):
            scene.says(sip(f"INFO sip:{number}@gw SIP/2.0", "one@phone", "v=0", "m=audio 20000 RTP/AVP 0 8 101"))
        scene.talks()
        scene.says(b"<message from='a@b' to='c@d'>\xff\xe4\0</message>", "XMPP")
        scene.ends(ending=Ending(EndReason.BUSY, "486 \N{SNOWMAN}", 7, 17))
        return [(f"leg-{number % 2}", event) for number, event in enumerate(scene.seen)]

    def test_whole(self) -> None:
        """Each entry comes back as it was, to the last octet of what is no text."""
        entries = self.entries()
        self.assertEqual(expanded(compacted(entries)), entries)

    def test_nothing(self) -> None:
        """Of nothing there is nothing."""
        self.assertEqual(expanded(compacted([])), [])

    def test_small(self) -> None:
        """It takes a third of the octets that the messages alone have, or less: they resemble one another."""
        entries = self.entries()
        octets = sum(len(event.data) for _, event in entries if isinstance(event, Message))
        self.assertLess(len(compacted(entries)), octets * 3 / 4)
        self.assertLess(len(compacted(10 * entries)), 10 * octets / 3)
