"""
Tests for L{ichatgw.selfservice.echomedia}.
"""

from __future__ import annotations

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import Congested
from ichatgw.media.rtp.rtp import RTPPacket
from ichatgw.model import PCMA, PCMU, Codec
from ichatgw.selfservice.echomedia import (
    FIRST_PACKET_TIMEOUT,
    HERTZ,
    MAX_PER_SECOND,
    TONE_SECONDS,
    EchoMedia,
    Stage,
    chosen,
)
from ichatgw.sim.media.tone import FROM_ALAW, ToneDetector
from ichatgw.test.support.clients.simnet import SimNet

OPUS = Codec("opus", 48000, 111, 2)
KEYS = Codec("telephone-event", 8000, 101)


class Relay(DatagramProtocol):
    """The relay's port; C{heard} has come to it."""

    def __init__(self) -> None:
        self.heard: list[RTPPacket] = []

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(RTPPacket.parse(datagram))


class EchoMediaTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.net = SimNet()
        self.relay = Relay()
        self.port = self.net.listenUDP(20000, self.relay, "127.0.0.1")

    def start(self, *codecs: Codec) -> EchoMedia:
        """Media that has begun."""
        media = EchoMedia(self.net, self.net, "127.0.0.1")
        self.place = media.open()
        self.assertEqual(media.address, self.place)
        media.start(20000, codecs or (PCMU,))
        self.addCleanup(media.close)
        return media

    def send(self, packet: RTPPacket | bytes, port: int = 20000) -> None:
        """The relay, or a stranger, sends."""
        datagram = packet if isinstance(packet, bytes) else packet.pack()
        self.net.carry(("127.0.0.1", port), (self.place.host, self.place.port), datagram)
        self.net.advance(0)
        self.net.advance(0)

    def test_tone(self) -> None:
        """A tone is said in the first law of G.711 as soon as something is heard, in packets that follow each other."""
        for codec in (PCMU, PCMA):
            self.relay.heard.clear()
            media = self.start(codec)
            self.net.run(0.1)
            self.assertEqual(self.relay.heard, [])
            self.send(RTPPacket(codec.payloadType, 1, 160, 5, b"x" * 160))
            self.net.run(TONE_SECONDS + 0.2)
            self.assertEqual(len(self.relay.heard), TONE_SECONDS * 50)
            detector = ToneDetector(HERTZ)
            for packet in self.relay.heard:
                detector.hear(packet.payload.translate(FROM_ALAW) if codec is PCMA else packet.payload)
            self.assertAlmostEqual(detector.seconds, TONE_SECONDS)
            first = self.relay.heard[0]
            self.assertTrue(first.marker)
            for number, packet in enumerate(self.relay.heard):
                self.assertEqual(packet.sequence, (first.sequence + number) & 0xFFFF)
                self.assertEqual(packet.timestamp, (first.timestamp + 160 * number) & 0xFFFFFFFF)
                self.assertEqual((packet.ssrc, packet.payloadType), (first.ssrc, codec.payloadType))
            media.close()

    def test_silentParty(self) -> None:
        """A party that says nothing hears the tone after a while."""
        self.start()
        self.net.run(FIRST_PACKET_TIMEOUT + TONE_SECONDS + 0.2)
        self.assertEqual(len(self.relay.heard), TONE_SECONDS * 50)

    def test_echo(self) -> None:
        """After the tone comes what is heard, in the same stream, and with the gaps that it has."""
        self.start(PCMU, PCMA)
        self.net.run(FIRST_PACKET_TIMEOUT + TONE_SECONDS + 0.2)
        last = self.relay.heard[-1]
        self.relay.heard.clear()
        for sequence in (65534, 65535, 1):
            self.send(RTPPacket(8, sequence, sequence * 160, 5, b"%d" % sequence))
        heard = self.relay.heard
        self.assertEqual([packet.payload for packet in heard], [b"65534", b"65535", b"1"])
        self.assertEqual({(packet.ssrc, packet.payloadType) for packet in heard}, {(last.ssrc, 8)})
        self.assertEqual([(packet.sequence - last.sequence) & 0xFFFF for packet in heard], [1, 2, 4])
        self.assertEqual((heard[0].timestamp - last.timestamp) & 0xFFFFFFFF, 160)
        self.assertEqual([packet.marker for packet in heard], [True, False, False])

    def test_anotherStream(self) -> None:
        """When another source speaks the numbers run on."""
        self.start(OPUS)
        self.send(b"\x80\x6f" + bytes(10))
        for ssrc in (5, 6):
            self.send(RTPPacket(111, 700 * ssrc, 960, ssrc, b"o"))
        one, other = self.relay.heard
        self.assertEqual((other.sequence - one.sequence) & 0xFFFF, 1)
        self.assertEqual(one.ssrc, other.ssrc)

    def test_noTone(self) -> None:
        """In formats other than G.711 there is no tone, only the echo."""
        media = self.start(OPUS)
        self.net.run(FIRST_PACKET_TIMEOUT + 0.1)
        self.assertIs(media.stage, Stage.ECHO)
        self.send(RTPPacket(111, 1, 960, 5, b"opus"))
        self.assertEqual([packet.payload for packet in self.relay.heard], [b"opus"])

    def test_others(self) -> None:
        """What does not come from the relay, is no RTP, or has another format is not echoed, whatever it is."""
        self.start(OPUS)
        self.net.run(FIRST_PACKET_TIMEOUT + 0.1)
        self.send(RTPPacket(111, 1, 960, 5, b"stranger"), port=20001)
        self.send(RTPPacket(0, 1, 960, 5, b"other format"))
        for datagram in (
            b"",
            b"\x80",
            b"\x80\xc8" + bytes(30),
            b"\x00\x01" + bytes(20),
            bytes([0xB0, 111]) + bytes(10),
        ):
            self.send(datagram)
        self.assertEqual(self.relay.heard, [])

    def test_close(self) -> None:
        """Closed, it has neither socket nor timer, and says nothing; it can be closed again."""
        for seconds in (0.0, FIRST_PACKET_TIMEOUT + 0.5, FIRST_PACKET_TIMEOUT + TONE_SECONDS + 1):
            media = self.start()
            self.net.run(seconds)
            media.close()
            media.close()
            self.assertIsNone(media.address)
            media.datagramReceived(RTPPacket(0, 1, 1, 1, b"x").pack(), ("127.0.0.1", 20000))
            self.net.run(0.1)
            self.assertEqual(self.net.getDelayedCalls(), [])
            self.assertEqual(list(self.net.ports), [("127.0.0.1", 20000)])

    def test_late(self) -> None:
        """After a pause of the whole process there is no burst."""
        self.start()
        self.net.advance(FIRST_PACKET_TIMEOUT)
        self.net.advance(TONE_SECONDS)
        self.net.run(0.05)
        self.assertLess(len(self.relay.heard), 15)

    def test_twoEchoes(self) -> None:
        """Two test calls that are joined do not send each other the same packets for ever."""
        one, other = (EchoMedia(self.net, self.net, "127.0.0.1") for _ in range(2))
        places = [each.open() for each in (one, other)]
        for each, place in zip((one, other), reversed(places), strict=True):
            each.start(place.port, (OPUS,))
            self.addCleanup(each.close)
        self.net.advance(FIRST_PACKET_TIMEOUT)
        before = len(self.net.carried)
        for place, target in (places, places[::-1]):
            for number in range(10):
                packet = RTPPacket(111, number, 960 * number, 5, b"o").pack()
                self.net.carry((place.host, place.port), (target.host, target.port), packet)
        self.net.advance(0.5)
        self.assertLess(len(self.net.carried) - before, 2 * MAX_PER_SECOND + 50)
        self.net.advance(2)
        self.assertLess(len(self.net.carried) - before, 2 * MAX_PER_SECOND + 50)

    def test_ordinaryRate(self) -> None:
        """Packets of 10 ms are all echoed."""
        self.start(OPUS)
        self.net.run(FIRST_PACKET_TIMEOUT + 0.1)
        for number in range(300):
            self.send(RTPPacket(111, number, 480 * number, 5, b"o"))
            self.net.advance(0.01)
        self.assertEqual(len(self.relay.heard), 300)

    def test_noSocket(self) -> None:
        """Without a socket there can be no test call."""

        class Full(SimNet):
            def listenUDP(self, port, protocol, interface="", maxPacketSize=8192):  # type: ignore[no-untyped-def]
                raise CannotListenError(interface, port, OSError("too many open files"))

        media = EchoMedia(Full(), self.net, "127.0.0.1")
        self.assertRaises(Congested, media.open)
        media.close()

    def test_chosen(self) -> None:
        """Both laws of G.711 are spoken, else the first format that is audio."""
        g722 = Codec("G722", 8000, 9)
        self.assertEqual(chosen((OPUS, KEYS, PCMA, g722, PCMU)), (PCMA, PCMU))
        self.assertEqual(chosen((KEYS, Codec("CN", 8000, 13), OPUS, g722)), (OPUS,))
        self.assertEqual(chosen((KEYS,)), ())
