"""
Tests for L{ichatgw.observe.hep.capture}.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import TransportAddress
from ichatgw.observe.events import MessageReceived, MessageSent, ReportReceived
from ichatgw.observe.hep import capture as module
from ichatgw.observe.hep.capture import PAUSE, HEPCapture
from ichatgw.observe.messages import BATCH_SECONDS
from ichatgw.test.support.events import OURS, PHONE, Scene, sip
from ichatgw.test.support.hepreceiver import decoded


class CaptureTests(SynchronousTestCase):
    """What is sent to a server that captures."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.scene.trails.read(self.scene.events)
        self.scene.messages.read(self.scene.events)
        self.sent: list[bytes] = []
        self.takes = True
        self.capture = HEPCapture(
            self.scene.clock,
            self.scene.messages,
            self.send,
            7,
            "s3cret",
            lambda data: json.dumps({"octets": len(data)}).encode(),
        )
        self.end = self.capture.read(self.scene.events)

    def send(self, packet: bytes) -> bool:
        if self.takes:
            self.sent.append(packet)
        return self.takes

    def found(self) -> list[dict[str, Any]]:
        """What was sent, once all is."""
        self.scene.clock.pump([BATCH_SECONDS] * 100)
        return [decoded(packet) for packet in self.sent]

    def test_calls(self) -> None:
        """Every message of a call is sent with the call's name, also the first, which came before the call."""
        self.scene.arrives()
        self.scene.routes()
        self.scene.talks()
        self.scene.says(sip("BYE sip:bob@pbx SIP/2.0", "two@gw"))
        found = self.found()
        self.assertEqual([packet["payload"].split(b" ")[0] for packet in found], [b"INVITE", b"INVITE", b"BYE"])
        self.assertEqual({packet["correlation"] for packet in found}, {b"c-1"})
        self.assertEqual(
            {(packet["kind"], packet["captureId"], packet["password"]) for packet in found}, {(1, 7, b"s3cret")}
        )

    def test_ways(self) -> None:
        """What we send comes from us, what comes goes to us."""
        self.scene.says(sip("OPTIONS sip:a SIP/2.0", "x"))
        self.scene.says(sip("SIP/2.0 200 OK", "x"), sent=True)
        ways = [(packet["source"], packet["destination"]) for packet in self.found()]
        self.assertEqual(ways, [(PHONE.host, OURS.host), (OURS.host, PHONE.host)])

    def test_others(self) -> None:
        """Messages of no call are sent without a name; stanzas are not sent."""
        self.scene.says(sip("REGISTER sip:a SIP/2.0", "x"))
        self.scene.says(b"<presence/>", "XMPP")
        [packet] = self.found()
        self.assertNotIn("correlation", packet)

    def test_streams(self) -> None:
        """What came over TLS is sent in clear, as carried by TCP."""
        self.scene.publish(MessageSent, "SIP", "tls", sip("BYE sip:a SIP/2.0", "x"), PHONE, OURS)
        [packet] = self.found()
        self.assertEqual((packet["protocol"], packet["payload"][:3]), (6, b"BYE"))

    def test_reports(self) -> None:
        """Reports of RTCP are sent as JSON, with the call's name; one that says nothing is not."""
        self.scene.publish(ReportReceived, "c-1", "caller", b"12345678", PHONE, OURS)
        [packet] = self.found()
        self.assertEqual((packet["kind"], json.loads(packet["payload"])), (5, {"octets": 8}))
        self.assertEqual(packet["correlation"], b"c-1")
        self.capture.reports = lambda data: None
        self.scene.publish(ReportReceived, "c-1", "caller", b"", PHONE, OURS)
        self.assertEqual(len(self.found()), 1)

    def test_unknownAddresses(self) -> None:
        """What went nowhere that is known, or is too long, is left out, and the rest goes on."""
        self.scene.publish(MessageReceived, "SIP", "udp", b"BYE sip:a SIP/2.0", PHONE, None)
        self.scene.publish(
            MessageReceived, "SIP", "udp", b"BYE sip:b SIP/2.0", PHONE, TransportAddress("2001:db8::1", 1)
        )
        self.scene.publish(MessageReceived, "SIP", "tcp", 70_000 * b"x", PHONE, OURS)
        self.scene.says(sip("BYE sip:c SIP/2.0", "x"))
        self.assertEqual(len(self.found()), 1)

    def test_bounded(self) -> None:
        """What waits is bounded in number and octets; what does not fit is lost, and that is told once a minute."""
        self.patch(module, "MAX_QUEUED", 10)
        self.patch(module, "MAX_AT_ONCE", 2)
        with capturedLogs() as lines:
            for _ in range(100):
                self.scene.says(sip("BYE sip:c SIP/2.0", "x"))
            self.scene.messages.flush()
        self.assertEqual((len(self.found()), self.capture.lost, len(lines)), (10, 90, 1))
        self.patch(module, "MAX_OCTETS", 1000)
        for _ in range(3):
            self.scene.says(600 * b"x")
        self.scene.messages.flush()
        self.assertEqual(self.capture.lost, 92)

    def test_serverIsGone(self) -> None:
        """A server that takes nothing costs its packets and nothing else."""
        self.takes = False
        with capturedLogs() as lines:
            for _ in range(300):
                self.scene.says(sip("BYE sip:c SIP/2.0", "x"))
            self.found()
        self.assertEqual((self.capture.lost, len(lines)), (300, 1))

    def test_turns(self) -> None:
        """However many wait, a turn sends a few."""
        for _ in range(250):
            self.scene.says(sip("BYE sip:c SIP/2.0", "x"))
        counts = []
        for seconds in (0, PAUSE, PAUSE):
            self.scene.clock.advance(seconds)
            counts.append(len(self.sent))
        self.assertEqual(counts, [100, 200, 250])
        self.assertEqual(self.scene.clock.getDelayedCalls(), [])

    def test_stop(self) -> None:
        """At the end all that waits is sent."""
        for _ in range(250):
            self.scene.says(sip("BYE sip:c SIP/2.0", "x"))
        self.end()
        self.capture.stop()
        self.assertEqual((len(self.sent), self.scene.clock.getDelayedCalls()), (250, []))
        self.assertEqual((self.scene.events.isOn(ReportReceived), self.scene.messages.readers), (False, []))
