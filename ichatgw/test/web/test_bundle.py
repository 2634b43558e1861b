"""Tests for L{ichatgw.web.bundle} and L{ichatgw.web.pcap}."""

from __future__ import annotations

import io
import json
import struct
from zipfile import ZipFile

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.log.redaction import Content
from ichatgw.model import TransportAddress
from ichatgw.observe.events import Message, MessageReceived, MessageSent
from ichatgw.test.support.events import NOON, OURS, PHONE, sip
from ichatgw.test.support.media.frames import datagram
from ichatgw.test.support.web import Place
from ichatgw.web.bundle import bundle
from ichatgw.web.pcap import _checksum, capture

SIXTH = TransportAddress("2001:db8::7", 5060)


class BundleTests(SynchronousTestCase):
    """One call as a file."""

    def test_members(self) -> None:
        """It has the call with all messages as JSON, the ladder as text, and the messages as a capture."""
        place = Place()
        place.scene.arrives()
        place.scene.says(sip("ACK sip:72@gw SIP/2.0", "one@phone", "Authorization: Basic c2VjcmV0"))
        place.scene.ends()
        call = place.calls.find("c-1")
        assert call is not None
        pieces = list(bundle(call, place.calls.ladder("c-1"), Content.DIGITS))
        with ZipFile(io.BytesIO(b"".join(pieces))) as file:
            self.assertIsNone(file.testzip())
            found = {name: file.read(name) for name in file.namelist()}
        self.assertEqual(list(found), ["c-1/call.json", "c-1/ladder.txt", "c-1/messages.pcap"])
        told = json.loads(found["c-1/call.json"])
        self.assertEqual((told["call"]["id"], told["call"]["state"]), ("c-1", "ended"))
        self.assertEqual([each["event"] for each in told["ladder"]].count("MessageReceived"), 2)
        self.assertIn(b"INVITE 72", found["c-1/ladder.txt"])
        self.assertIn(b"INVITE sip:72@gw", found["c-1/messages.pcap"])
        for content in found.values():
            self.assertNotIn(b"c2VjcmV0", content)

    def test_dates(self) -> None:
        """A call is to be had whatever the clock on the wall said when it came: some hosts begin in 1970."""
        place = Place()
        place.scene.arrives()
        call = place.calls.find("c-1")
        assert call is not None
        for wall, date in ((0.0, (1980, 1, 1, 0, 0, 0)), (5e9, (2107, 1, 1, 0, 0, 0)), (1e9, (2001, 9, 9, 1, 46, 40))):
            pieces = list(bundle(evolve(call, arrived=wall), (), Content.DIGITS))
            with ZipFile(io.BytesIO(b"".join(pieces))) as file:
                self.assertEqual({each.date_time for each in file.infolist()}, {date})


class CaptureTests(SynchronousTestCase):
    """Messages as packets."""

    def packets(self, *messages: Message) -> list[tuple[float, bytes]]:
        """What is in the file, with the time."""
        data = b"".join(capture(messages, lambda message: message.text))
        self.assertEqual(struct.unpack_from("!IHH", data), (0xA1B2C3D4, 2, 4))
        found, at = [], 24
        while at < len(data):
            seconds, rest, kept, length = struct.unpack_from("!IIII", data, at)
            self.assertEqual(kept, length)
            found.append((seconds + rest / 1e6, data[at + 16 : at + 16 + kept]))
            at += 16 + kept
        return found

    def test_udp(self) -> None:
        """A message over UDP is a datagram between the addresses that it went between, over IPv4 and IPv6."""
        for theirs, ours, link in ((PHONE, OURS, 0x0800), (SIXTH, SIXTH, 0x86DD)):
            message = MessageReceived(1, NOON + 0.5, "SIP", "udp", b"OPTIONS sip:a SIP/2.0", theirs, ours)
            ((at, packet),) = self.packets(message)
            self.assertEqual(at, NOON + 0.5)
            read = datagram(bytes(12) + struct.pack("!H", link) + packet)
            assert read is not None
            self.assertEqual(read.payload, message.data)
            self.assertEqual((read.source, read.destination), ((theirs.host, theirs.port), (ours.host, ours.port)))

    def test_tcp(self) -> None:
        """Over TCP and TLS numbers of segments go on, and each acknowledges what has come: readers join them."""
        first = MessageReceived(1, NOON, "SIP", "tls", b"x" * 100, PHONE, OURS)
        second = MessageSent(2, NOON, "SIP", "tls", b"y" * 50, PHONE, OURS)
        numbers = [struct.unpack_from("!II", packet, 24) for _, packet in self.packets(first, second, first)]
        self.assertEqual(numbers, [(1, 1), (1, 101), (101, 51)])

    def test_xmpp(self) -> None:
        """A stanza goes to or from the port by which it is known, also if no address is."""
        ((_, packet),) = self.packets(MessageSent(1, NOON, "XMPP", "xmpp", b"<iq/>", None))
        self.assertEqual(struct.unpack_from("!H", packet, 22), (5222,))
        self.assertTrue(packet.endswith(b"<iq/>"))

    def test_mixed(self) -> None:
        """Addresses of two families are both of IPv6, and a message of any length fits."""
        ((_, packet),) = self.packets(MessageSent(1, NOON, "SIP", "udp", b"x" * 70000, SIXTH, OURS))
        self.assertEqual(packet[0] >> 4, 6)
        self.assertEqual(len(packet), 40 + struct.unpack_from("!H", packet, 4)[0])

    def test_checksums(self) -> None:
        """The header of IP has the sum that makes all of it 0 (RFC 1071)."""
        ((_, packet),) = self.packets(MessageSent(1, NOON, "SIP", "udp", b"odd", PHONE, OURS))
        self.assertEqual(_checksum(packet[:20]), 0)
        pseudo = packet[12:20] + struct.pack("!HH", 17, len(packet) - 20)
        self.assertEqual(_checksum(pseudo + packet[20:]), 0)
