# -*- test-case-name: ichatgw.test.sip.transport.test_streamframing -*-
"""
Tests for L{ichatgw.sip.transport.streamframing}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.sip.transport.streamframing import MAX_MESSAGE, PING, PONG, Framer

ONE = b"OPTIONS sip:a SIP/2.0\r\nVia: x\r\nContent-Length: 3\r\n\r\nabc"
TWO = b"BYE sip:a SIP/2.0\r\nl:0\r\n\r\n"


class FramerTests(SynchronousTestCase):
    """L{Framer}."""

    def feed(self, *pieces: bytes) -> list[bytes]:
        framer = Framer()
        return [message for piece in pieces for message in framer.feed(piece)]

    def test_messages(self) -> None:
        """Messages come one after another, in whatever pieces."""
        self.assertEqual(self.feed(ONE + TWO + ONE), [ONE, TWO, ONE])
        self.assertEqual(self.feed(*(bytes([octet]) for octet in ONE + TWO)), [ONE, TWO])
        for cut in range(len(ONE)):
            self.assertEqual(self.feed(ONE[:cut], ONE[cut:] + TWO), [ONE, TWO])

    def test_bareLF(self) -> None:
        """A message without any CR in its header ends where its empty line does; its body may have them."""
        bare = ONE.replace(b"\r\n", b"\n").replace(b"abc", b"\r\n\r").replace(b": 3", b": 3")
        self.assertEqual(self.feed(bare + TWO + bare), [bare, TWO, bare])
        self.assertEqual(self.feed(*(bytes([octet]) for octet in bare + TWO)), [bare, TWO])
        self.assertRaises(MalformedError, self.feed, b"OPTIONS sip:a SIP/2.0\nVia: x\n\n")

    def test_keepalives(self) -> None:
        """Two empty lines are a ping; one before a message is nothing (RFC 3261 section 7.5, RFC 5626)."""
        self.assertEqual(self.feed(PING + ONE + PING), [PING, ONE, PING])
        self.assertEqual(self.feed(b"\r\n", ONE), [ONE])
        self.assertEqual(self.feed(b"\r", b"\n\r", b"\n"), [PING])
        self.assertEqual(self.feed(b"\r\n", b"\r\n\r\n", TWO), [PING, TWO])

    def test_manyKeepalives(self) -> None:
        """Those that come at once are one, so that they cost no more than one to deal with."""
        self.assertEqual(self.feed(PING * 1000 + ONE + PING * 3 + b"\r\n", b"\r\n" + TWO), [PING, ONE, PING, PING, TWO])

    def test_pong(self) -> None:
        """An empty line is a pong if one is awaited, before a message, after a ping or alone; later it is not."""
        for data, found in (
            (PONG, [PONG]),
            (PONG + ONE, [PONG, ONE]),
            (ONE + PING + PONG, [ONE, PING, PONG]),
            (PONG + PONG + ONE, [PING, ONE]),
        ):
            framer = Framer(awaitsPong=True)
            self.assertEqual(list(framer.feed(data)), found, data)
            self.assertEqual(framer.awaitsPong, PONG not in found)
        framer = Framer(awaitsPong=True)
        list(framer.feed(PONG))
        self.assertEqual(list(framer.feed(PING)), [PING])

    def test_partial(self) -> None:
        """It is known whether the rest of a message is awaited."""
        framer = Framer()
        for data, partial in ((b"\r\n", False), (ONE[:9], True), (ONE[9:], False), (ONE[:-1], True)):
            list(framer.feed(data))
            self.assertEqual(framer.partial, partial, data)

    def test_inABody(self) -> None:
        """What looks like a length or a ping in a body is neither."""
        body = b"\r\nContent-Length: 99\r\n\r\n\r\n"
        message = b"MESSAGE sip:a SIP/2.0\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        self.assertEqual(self.feed(message + TWO), [message, TWO])

    def test_spellings(self) -> None:
        """A length may be spelt in many ways; the same twice is one."""
        for line in (b"content-LENGTH \t: \t3 ", b"L: 3", b"Content-Length: 3\r\nl: 3"):
            message = b"BYE sip:a SIP/2.0\r\n" + line + b"\r\n\r\nabc"
            self.assertEqual(self.feed(message), [message], line)

    def test_unusable(self) -> None:
        """A stream on which nobody knows where a message ends is given up."""
        for data in (
            b"OPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\n",
            b"BYE sip:a SIP/2.0\r\nl: 3\r\nContent-Length: 4\r\n\r\nabc",
            b"BYE sip:a SIP/2.0\r\nl: -1\r\n\r\n",
            b"BYE sip:a SIP/2.0\r\nl: \r\n\r\n",
            b"BYE sip:a SIP/2.0\r\nl: 99999\r\n\r\n",
            b"BYE sip:a SIP/2.0\r\nl: 99999999999999\r\n\r\n",
            b"x" * (MAX_MESSAGE + 1),
            b"x\r\n" * MAX_MESSAGE,
        ):
            self.assertRaises(MalformedError, self.feed, data)

    def test_dribble(self) -> None:
        """A long header that comes octet by octet is searched once, not once for each octet."""
        framer = Framer()
        for _ in range(MAX_MESSAGE):
            list(framer.feed(b"x"))
        self.assertRaises(MalformedError, list, framer.feed(b"x"))
