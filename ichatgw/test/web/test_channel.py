"""Tests for L{ichatgw.web.channel}."""

from __future__ import annotations

from random import Random

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.test.marks import slow
from ichatgw.test.support.web import Place, Wire, answerIn
from ichatgw.web import channel as module

GET = b"GET /live HTTP/1.1\r\nHost: localhost\r\n"


class BoundTests(SynchronousTestCase):
    """What anybody may send."""

    def setUp(self) -> None:
        self.place = Place()

    def send(self, *parts: bytes) -> Wire:
        """On a connection of its own."""
        channel, wire = self.place.connect()
        for part in parts:
            channel.dataReceived(part)
        return wire

    def test_answered(self) -> None:
        """Several requests on one connection are answered in order."""
        wire = self.send(GET + b"\r\n", GET + b"\r\n")
        self.assertEqual(wire.value().count(b"200 OK"), 2)
        self.assertFalse(wire.disconnecting)

    def test_longHeaders(self) -> None:
        """Headers that are too long, one or all together, and too many, are refused, and the connection ends."""
        for headers in (
            b"X: " + b"x" * 20000,
            b"".join(b"X%d: %s\r\n" % (number, b"x" * 1000) for number in range(20)),
            b"".join(b"X%d: x\r\n" % number for number in range(200)),
        ):
            wire = self.send(GET, headers, b"\r\n\r\n")
            said = answerIn(wire.value())
            self.assertIn(said.status, (400, 431))
            if said.status == 431:
                self.assertEqual(said.body, "431 Request Header Fields Too Large\n")
            self.assertTrue(wire.disconnecting)

    def test_longBody(self) -> None:
        """A body that is too long is refused before it is read, and so is one that does not say how long it is."""
        begin = b"POST /api/drain HTTP/1.1\r\nHost: localhost\r\n"
        for header, status in ((b"Content-Length: 99999999", 413), (b"Transfer-Encoding: chunked", 411)):
            wire = self.send(begin + header + b"\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n")
            self.assertEqual(answerIn(wire.value()).status, status)
            self.assertTrue(wire.disconnecting)
        self.assertEqual(self.place.ordered, [])

    def test_slow(self) -> None:
        """A request that comes octet by octet is cut off, however often something comes."""
        channel, wire = self.place.connect()
        for _ in range(30):
            channel.dataReceived(b"G")
            self.place.clock.advance(1)
        self.assertTrue(wire.aborted)

    def test_idle(self) -> None:
        """A connection that is not used is closed, and one that is used is not."""
        channel, wire = self.place.connect()
        for _ in range(5):
            channel.dataReceived(GET + b"\r\n")
            self.place.clock.advance(module.ASKING - 1)
        self.assertFalse(wire.aborted)
        self.place.clock.advance(1)
        self.assertTrue(wire.aborted)

    def test_slowReader(self) -> None:
        """A client that does not take an answer is cut off, and the answer is not made meanwhile."""
        channel, wire = self.place.connect()
        channel.dataReceived(b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert wire.producer is not None
        wire.producer.pauseProducing()
        before = len(wire.value())
        for _ in range(int(module.ANSWERING) + 1):
            self.place.clock.advance(1)
        self.assertTrue(wire.aborted)
        self.assertLess(len(wire.value()) - before, 300_000)

    def test_manyConnections(self) -> None:
        """One source has so many connections and no more; the next is told so, and when one goes there is room."""
        made = [self.place.connect("192.0.2.1") for _ in range(module.MAX_FROM_SOURCE)]
        _, wire = self.place.connect("192.0.2.1")
        self.assertEqual(answerIn(wire.value()).status, 503)
        self.assertTrue(wire.disconnecting)
        _, other = self.place.connect("192.0.2.2")
        self.assertEqual(other.value(), b"")
        made[0][0].connectionLost()
        _, again = self.place.connect("192.0.2.1")
        self.assertEqual(again.value(), b"")

    def test_thousand(self) -> None:
        """A thousand connections of many sources do not get beyond the bound."""
        for number in range(1000):
            wire = Wire()
            address = IPv4Address("TCP", f"198.51.{number % 100}.{number // 100}", 40000)
            self.place.site.buildProtocol(address).makeConnection(wire)
        self.assertEqual(len(self.place.site.connections), module.MAX_CONNECTIONS)
        self.assertEqual(self.place.site.refused, 1000 - module.MAX_CONNECTIONS)
        for connection in self.place.site.connections:
            connection.connectionLost()
        self.assertEqual(self.place.site.connections, [])

    @slow
    def test_fuzzed(self) -> None:
        """Requests with wrong octets anywhere get an answer or nothing; nothing raises, and no page fails."""
        random = Random(5)
        request = b"POST /calls/x%41?q=a&b=c HTTP/1.1\r\nHost: localhost\r\nCookie: ichatgw-form=1\r\n"
        request += b"Content-Length: 3\r\n\r\na=b"
        for _ in range(1500):
            octets = bytearray(request)
            for _ in range(random.randrange(1, 8)):
                octets[random.randrange(len(octets))] = random.randrange(256)
            channel, wire = self.place.connect()
            channel.dataReceived(bytes(octets))
            if wire.value():
                self.assertNotEqual(answerIn(wire.value()).status, 500, bytes(octets))
            channel.connectionLost()
        self.assertEqual(self.flushLoggedErrors(), [])
