# -*- test-case-name: ichatgw.test.sim.sip.test_sdp -*-
"""
Tests of the simulators' session descriptions.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.model import TransportAddress
from ichatgw.sim.ichat.profile import LEOPARD, SNOW, Quirks, addressRecords, description
from ichatgw.sim.sip.sdp import Description, phoneDescription

HERE = TransportAddress("192.0.2.1", 16402)


class DescriptionTests(SynchronousTestCase):
    def test_phone(self) -> None:
        """What a phone writes is read: address, RTCP above it, formats, direction."""
        found = Description.parse(phoneDescription(HERE, direction="sendonly"))
        self.assertEqual((found.address, found.control.port, found.direction), (HERE, 16403, "sendonly"))
        self.assertEqual(found.audio.formats, ("0", "8", "101"))

    def test_ichat(self) -> None:
        """What an iChat writes is read: RTP and RTCP on one port, and a video line beside the audio."""
        found = Description.parse(description(HERE, "scott@jabber.example", SNOW.formats, video=True))
        self.assertEqual((found.originUser, found.address, found.control), ("scott", HERE, HERE))
        self.assertEqual([each.kind for each in found.media], ["audio", "video"])
        self.assertEqual(found.audio.formats, ("105", "0"))

    def test_ipv6(self) -> None:
        """IPv6 addresses are named as such."""
        there = TransportAddress("::1", 16402)
        text = description(there, "a", LEOPARD.formats, video=False, direction="inactive")
        self.assertIn("c=IN IP6 ::1\r\n", text)
        found = Description.parse(text)
        self.assertEqual((found.address, found.direction), (there, "inactive"))

    def test_malformed(self) -> None:
        """No version, an C{m=} line without formats, a bad port, no audio: all malformed."""
        good = phoneDescription(HERE)
        audio = "m=audio 16402 RTP/AVP 0 8 101"
        for bad in (
            "",
            "hello",
            good.replace(audio, "m=audio 16402 RTP/AVP"),
            good.replace(audio, "m=audio x RTP/AVP 0"),
        ):
            self.assertRaises(MalformedError, Description.parse, bad)
        refused = Description.parse(good.replace("m=audio 16402", "m=audio 0"))
        self.assertRaises(MalformedError, lambda: refused.audio)

    def test_records(self) -> None:
        """An iChat names its own address first, unless it is told to put a relay's before it."""
        self.assertTrue(addressRecords(HERE, Quirks()).startswith("\n00000000656e3000"))
        self.assertTrue(addressRecords(HERE, Quirks(relayRecord=True)).startswith("\n00000000656e307e00"))
        self.assertEqual(len(addressRecords(TransportAddress("::1", 1), Quirks(lineFeed=False))), 80)
