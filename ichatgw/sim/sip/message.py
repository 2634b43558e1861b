# -*- test-case-name: ichatgw.test.sim.sip.test_message -*-
"""
SIP messages, small and strict enough to find a fault in somebody else's (RFC 3261).
"""

from __future__ import annotations

import re
from ipaddress import ip_address

from attrs import define, field, frozen

from ichatgw.errors import MalformedError
from ichatgw.model import TransportAddress

_COMPACT = {
    "v": "Via",
    "f": "From",
    "t": "To",
    "i": "Call-ID",
    "m": "Contact",
    "l": "Content-Length",
    "c": "Content-Type",
    "k": "Supported",
    "e": "Content-Encoding",
    "s": "Subject",
}
_NAME_ADDR = re.compile(r'\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[^<"]*?))\s*<(?P<uri>[^>]*)>(?P<rest>.*)', re.S)
_URI = re.compile(r"(?P<scheme>sips?):(?:(?P<user>[^@]*)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^:;?\[\]]+)(?::(?P<port>\d+))?")

REASONS = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    302: "Moved Temporarily",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    603: "Decline",
}


@define(eq=False)
class SIPMessage:
    """
    A request (C{method} and C{uri}) or a response (C{status} and C{reason}).

    @ivar headers: in the order of the wire, names in their long form.
    """

    method: str = ""
    uri: str = ""
    status: int = 0
    reason: str = ""
    headers: list[tuple[str, str]] = field(factory=list)
    body: str = ""

    def get(self, name: str) -> str:
        """The first header of that name, empty if there is none."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def all(self, name: str) -> list[str]:
        """All headers of that name."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def set(self, name: str, value: str) -> None:
        """Replace the headers of that name by one."""
        self.headers = [(key, old) for key, old in self.headers if key.lower() != name.lower()]
        self.headers.append((name, value))

    @property
    def sequence(self) -> int:
        return int(self.get("CSeq").split()[0])

    @property
    def sequenceMethod(self) -> str:
        return self.get("CSeq").split()[1]

    @property
    def branch(self) -> str:
        return parameter(self.get("Via"), "branch")

    @property
    def key(self) -> tuple[str, str]:
        """What tells its transaction from others; an ACK or a CANCEL has a key of its own."""
        return self.branch, self.method or self.sequenceMethod

    @property
    def label(self) -> str:
        """The message in a few words."""
        return self.method or f"{self.status} {self.sequenceMethod}"

    def pack(self) -> bytes:
        """The message as it goes on the wire; the length is filled in here."""
        start = f"{self.method} {self.uri} SIP/2.0" if self.method else f"SIP/2.0 {self.status} {self.reason}"
        body = self.body.encode("utf-8")
        lines = [start, *(f"{name}: {value}" for name, value in self.headers), f"Content-Length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode("utf-8") + body

    def response(self, status: int, tag: str = "") -> SIPMessage:
        """An answer to this request, without Contact and body (RFC 3261 section 8.2.6)."""
        answer = SIPMessage(status=status, reason=REASONS.get(status, "Other"))
        for name, value in self.headers:
            if name in ("Via", "From", "Call-ID", "CSeq") or (name == "Record-Route" and status < 300):
                answer.headers.append((name, value))
            elif name == "To":
                answer.headers.append((name, value if not tag or parameter(value, "tag") else f"{value};tag={tag}"))
        return answer

    @classmethod
    def parse(cls, datagram: bytes) -> SIPMessage:
        """
        @raise MalformedError: if it is no SIP message, or lacks what every message must have.
        """
        head, _, body = datagram.partition(b"\r\n\r\n")
        try:
            lines = head.decode("utf-8").split("\r\n")
            message = cls(body=body.decode("utf-8"))
        except UnicodeDecodeError:
            raise MalformedError("not UTF-8") from None
        message._parseStart(lines[0])
        for line in lines[1:]:
            message._parseHeader(line)
        message._check(body)
        return message

    def _parseStart(self, line: str) -> None:
        first, _, rest = line.partition(" ")
        second, _, third = rest.partition(" ")
        if first == "SIP/2.0" and second.isdecimal() and len(second) == 3:
            self.status, self.reason = int(second), third
        elif third == "SIP/2.0" and first.isalpha():
            self.method, self.uri = first, second
        else:
            raise MalformedError(f"not SIP: {line[:40]!r}")

    def _parseHeader(self, line: str) -> None:
        if line[:1] in (" ", "\t") and self.headers:
            name, value = self.headers.pop()
            self.headers.append((name, f"{value} {line.strip()}"))
            return
        name, colon, value = line.partition(":")
        if not colon:
            raise MalformedError(f"not a header: {line[:40]!r}")
        name = name.strip()
        self.headers.append((_COMPACT.get(name.lower(), name), value.strip()))

    def _check(self, body: bytes) -> None:
        for name in ("Via", "From", "To", "Call-ID", "CSeq"):
            if not self.get(name):
                raise MalformedError(f"no {name}")
        if not re.fullmatch(r"\d+\s+\S+", self.get("CSeq")):
            raise MalformedError("bad CSeq")
        length = self.get("Content-Length")
        if length and (not length.isdecimal() or int(length) != len(body)):
            raise MalformedError(f"Content-Length {length[:20]!r} with {len(body)} bytes")


@frozen
class NameAddress:
    """The value of a From, To or Contact header."""

    display: str
    uri: str
    tag: str

    @classmethod
    def parse(cls, text: str) -> NameAddress:
        """The header, whether or not it has angle brackets."""
        found = _NAME_ADDR.match(text)
        if found is None:
            uri = text.partition(";")[0].strip()
            return cls("", uri, parameter(text, "tag"))
        display = found["quoted"]
        display = (found["token"] or "").strip() if display is None else re.sub(r"\\(.)", r"\1", display)
        return cls(display, found["uri"], parameter(found["rest"], "tag"))


def parameter(text: str, name: str) -> str:
    """A C{;name=value} behind the angle brackets, if any; empty if it is absent or has no value."""
    found = re.search(rf";\s*{name}\s*=\s*\"?([^;,>\s\"]*)", text.rpartition(">")[2], re.I)
    return found[1] if found else ""


def addressOf(uri: str) -> TransportAddress | None:
    """Where a SIP URI leads when its host is an IP literal; C{None} when it is a name or no SIP URI."""
    found = _URI.match(uri)
    if found is None:
        return None
    host = found["host"].strip("[]")
    try:
        ip_address(host)
        return TransportAddress(host, int(found["port"] or 5060))
    except ValueError:
        return None


def userOf(uri: str) -> str:
    """The user part of a SIP URI."""
    found = _URI.match(uri)
    return (found["user"] or "") if found else ""


def hostPort(address: TransportAddress) -> str:
    """An address as it stands in URIs and Via headers."""
    return str(address)
