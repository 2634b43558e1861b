# -*- test-case-name: ichatgw.test.sip.message.test_gate -*-
"""
Messages as they come from the network, in order or nearly so, and what the gate says of them.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import TransportAddress
from ichatgw.sip.message.gate import Admitted, Answer, Dropped, Gate

SOURCE = TransportAddress("198.51.100.7", 40000)
INVITE: dict[str, str] = {
    "Via": "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa",
    "Max-Forwards": "70",
    "From": '"Alice" <sip:alice@example.com>;tag=1',
    "To": "<sip:100@example.net>",
    "Call-ID": "a84b4c76e66710@192.0.2.1",
    "CSeq": "1 INVITE",
    "Contact": "<sip:alice@192.0.2.1>",
}


def request(
    *extra: str, startLine: str = "INVITE sip:100@example.net SIP/2.0", body: bytes = b"", **changes: str | None
) -> bytes:
    """An INVITE with some headers changed (C{None}: left out; C{_} for the hyphen) and others added."""
    headers: dict[str, str | None] = dict(INVITE)
    for name, value in changes.items():
        headers[name.replace("_", "-")] = value
    lines = [startLine, *[f"{name}: {value}" for name, value in headers.items() if value is not None], *extra]
    return "\r\n".join([*lines, "", ""]).encode() + body


def options(*extra: str, **changes: str | None) -> bytes:
    """As L{request}, but C{OPTIONS}."""
    every: dict[str, Any] = {"CSeq": "1 OPTIONS", **changes}
    return request(*extra, startLine="OPTIONS sip:100@example.net SIP/2.0", **every)


def response(*extra: str, startLine: str = "SIP/2.0 200 OK", **changes: str | None) -> bytes:
    """As L{request}, but a response."""
    every: dict[str, Any] = {"Max_Forwards": None, **changes}
    return request(*extra, startLine=startLine, **every)


class GateTestCase(SynchronousTestCase):
    """What all tests ask."""

    gate = Gate()

    def admitted(self, datagram: bytes, source: TransportAddress = SOURCE, transport: str = "UDP") -> Admitted:
        """C{datagram} is admitted."""
        verdict = self.gate.admit(datagram, source, transport)
        assert isinstance(verdict, Admitted), verdict
        return verdict

    def header(self, datagram: bytes, title: str, source: TransportAddress = SOURCE) -> list[str]:
        """C{datagram} is admitted with these values of a header."""
        admitted = self.admitted(datagram, source)
        values = [value for name, value in admitted.headers if name == title]
        for value in values:
            self.assertIn(f"\r\n{title}: {value}\r\n", admitted.text)
        return values

    def answered(self, datagram: bytes, status: int, transport: str = "UDP") -> list[str]:
        """C{datagram} is answered with C{status}, in these lines."""
        verdict = self.gate.admit(datagram, SOURCE, transport)
        assert isinstance(verdict, Answer), verdict
        lines = verdict.response.decode().split("\r\n")
        self.assertEqual(lines[0].split(" ")[:2], ["SIP/2.0", str(status)])
        self.assertEqual(lines[-3:], ["Content-Length: 0", "", ""])
        self.assertIn(str(status), verdict.reason)
        return lines

    def dropped(self, datagram: bytes, quiet: bool = False) -> str:
        """C{datagram} is dropped, for this reason."""
        verdict = self.gate.admit(datagram, SOURCE)
        assert isinstance(verdict, Dropped), verdict
        self.assertEqual(verdict.quiet, quiet)
        return verdict.reason
