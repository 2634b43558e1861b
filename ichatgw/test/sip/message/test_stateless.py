# -*- test-case-name: ichatgw.test.sip.message.test_stateless -*-
"""
Responses that are sent once and forgotten.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.sip.message.gate import Admitted, Gate
from ichatgw.sip.message.stateless import parameterOf, respond, tagOf
from ichatgw.test.support.sip.sipwire import PHONE, header, request, status

CHALLENGE = ("WWW-Authenticate", 'Digest realm="gw"')


class RespondTests(SynchronousTestCase):
    """L{respond}."""

    def headers(self, text: str) -> tuple[tuple[str, str], ...]:
        verdict = Gate().admit(text.encode(), PHONE)
        assert isinstance(verdict, Admitted)
        return verdict.headers

    def respond(self, text: str, *extras: tuple[tuple[str, str], ...], room: int | None = None) -> str:
        response = respond(self.headers(text), 401, "Unauthorized", extras or ((),), room)
        return "" if response is None else response.decode()

    def test_copied(self) -> None:
        """What RFC 3261 section 8.2.6.2 wants is copied, every Via in its order, and nothing else."""
        text = request("INVITE", extra="Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKsecond\r\nSubject: hello\r\n")
        response = self.respond(text, (CHALLENGE,))
        self.assertEqual(status(response), 401)
        for name in ("From", "Call-ID", "CSeq"):
            self.assertEqual(header(response, name), header(text, name))
        vias = [line for line in response.split("\r\n") if line.startswith("Via")]
        self.assertEqual(len(vias), 2)
        self.assertIn("received=192.0.2.77;rport=5060", vias[0])
        self.assertIn("second", vias[1])
        self.assertEqual(header(response, "WWW-Authenticate"), CHALLENGE[1])
        self.assertNotIn("Subject", response)
        self.assertTrue(response.endswith("Content-Length: 0\r\n\r\n"))

    def test_tag(self) -> None:
        """To gets a tag, the same whenever the request comes, and its own for each request; one that is there stays."""
        once, twice = (header(self.respond(request("OPTIONS")), "To") for _ in range(2))
        self.assertEqual(once, twice)
        self.assertIsNotNone(tagOf(once))
        self.assertNotEqual(once, header(self.respond(request("OPTIONS", callId="other")), "To"))
        self.assertEqual(header(self.respond(request("BYE", to="<sip:a@b>;tag=x")), "To"), "<sip:a@b>;tag=x")

    def test_room(self) -> None:
        """Of the headers that it may have, the first that fit are taken; then short names; then there is none."""
        text = request("INVITE", body=None)
        bare, full = len(self.respond(text)), len(self.respond(text, (CHALLENGE, CHALLENGE)))
        for room, challenges in ((full, 2), (full - 1, 2), (bare + 40, 1), (bare, 0)):
            response = self.respond(text, (CHALLENGE, CHALLENGE), (CHALLENGE,), (), room=room)
            self.assertEqual(response.count("WWW-Authenticate"), challenges, room)
            self.assertLessEqual(len(response), room)
        short = self.respond(text, (), room=bare - 1)
        self.assertTrue(short.startswith("SIP/2.0 401 Unauthorized\r\nv: SIP/2.0/UDP"))
        self.assertEqual(self.respond(text, (CHALLENGE,), room=bare - 50), "")

    def test_parameters(self) -> None:
        """A parameter is found by its name, whatever its case; one without a value is none."""
        self.assertEqual(parameterOf("SIP/2.0/UDP a;rport;Branch=x", "branch"), "x")
        self.assertIsNone(parameterOf("SIP/2.0/UDP a;rport", "rport"))
        self.assertIsNone(tagOf('"x;tag=1" <sip:a@b;tag=2>'))
        self.assertEqual(tagOf("<sip:a@b>;x=y;TAG=3"), "3")
