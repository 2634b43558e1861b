"""Tests for L{ichatgw.check.asking.sipmessages}."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.check.asking.sipmessages import Question
from ichatgw.model import TransportAddress
from ichatgw.sip.transport.target import Transport

LOCAL = TransportAddress("2001:db8::1", 40000)


def answered(question: Question, status: str = "200 OK", more: str = "", cseq: str = "") -> bytes:
    """A response to it."""
    lines = (
        f"SIP/2.0 {status}",
        f"Via: SIP/2.0/UDP {LOCAL};branch={question.branch}",
        f"From: <{question.address}>;tag={question.tag}",
        f"To: <{question.address}>;tag=1",
        f"Call-ID: {question.callId}",
        f"CSeq: {cseq or f'{question.number} {question.method}'}",
    )
    return ("\r\n".join(lines) + f"\r\n{more}Content-Length: 0\r\n\r\n").encode("utf-8", "surrogateescape")


class QuestionTests(SynchronousTestCase):
    """L{Question}."""

    def setUp(self) -> None:
        self.question = Question("REGISTER", "sip:example.net", "sip:kim@example.net", Transport.TCP)

    def test_request(self) -> None:
        """A request has what RFC 3261 wants of each (section 8.1.1), and no Contact."""
        text = self.question.make(LOCAL).decode()
        self.assertTrue(text.startswith("REGISTER sip:example.net SIP/2.0\r\n"))
        self.assertTrue(text.endswith("\r\n\r\n"))
        self.assertIn("\r\nVia: SIP/2.0/TCP [2001:db8::1]:40000;branch=z9hG4bK", text)
        for name in ("Max-Forwards", "From", "To", "Call-ID", "CSeq", "Content-Length"):
            self.assertEqual(text.count(f"\r\n{name}: "), 1)
        self.assertNotIn("\r\nContact:", text)

    def test_final(self) -> None:
        """The final response counts, with its headers."""
        response = self.question.read(answered(self.question, "401 Who", "WWW-Authenticate: Digest x\r\n"))
        assert response is not None
        self.assertEqual((str(response), response.values("www-authenticate")), ("401 Who", ["Digest x"]))

    def test_others(self) -> None:
        """Provisional responses, those to other requests, requests and garbage do not count."""
        other = Question("REGISTER", "sip:example.net", "sip:kim@example.net", Transport.TCP)
        for data in (
            answered(self.question, "100 Trying"),
            answered(self.question, "700 What"),
            answered(self.question, "99 What"),
            answered(self.question, cseq="1 OPTIONS"),
            answered(self.question, cseq="2 REGISTER"),
            answered(other),
            answered(self.question).replace(b"SIP/2.0 200", b"SIP/3.0 200"),
            self.question.make(LOCAL),
            answered(self.question, more="X: a\0b\r\n"),
            b"",
            b"\r\n\r\n",
            b"\xff" * 70000,
        ):
            self.assertFalse(self.question.accepts(data), data[:60])

    def test_garbage(self) -> None:
        """Nothing that a server sends raises."""
        draw = random.Random(3)
        whole = answered(self.question, "401 Who", 'WWW-Authenticate: Digest realm="a", nonce="b"\r\n')
        for _ in range(2000):
            data = bytearray(whole)
            for _ in range(draw.randrange(1, 6)):
                data[draw.randrange(len(data))] = draw.randrange(256)
            self.question.read(bytes(data[: draw.randrange(len(data))] if draw.random() < 0.3 else data))
