# -*- test-case-name: ichatgw.test.check.asking.test_sipmessages -*-
"""
Requests that ask a SIP server something outside of dialogs, and its responses (RFC 3261 sections 10.2.3 and 11).

They are no part of what the gateway does, so they come from a socket of their own, and without C{sippy}.
"""

from __future__ import annotations

import re
from secrets import token_hex

from attrs import field, frozen

from ichatgw import __version__
from ichatgw.model import TransportAddress
from ichatgw.sip.message.framing import Broken, Frame, Limits
from ichatgw.sip.transport.target import Transport

_STATUS = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*))?")


@frozen
class Response:
    """
    @ivar code: the status code, of a final response.
    @ivar phrase: the reason phrase, as it came.
    """

    code: int
    phrase: str
    _frame: Frame = field(repr=False)

    def values(self, name: str) -> list[str]:
        """All headers of that name, in lower case."""
        return self._frame.values(name)

    def __str__(self) -> str:
        return f"{self.code} {self.phrase[:60]}".strip()


@frozen
class Question:
    """
    One request; another one has to be made for the next.

    @ivar method: C{OPTIONS} or C{REGISTER}, which has no Contact, and so asks for the bindings and changes none.
    @ivar uri: the Request-URI.
    @ivar address: the address of record, in To and From.
    @ivar transport: what it goes over.
    @ivar login: a header line with our answer to a challenge; empty for none.
    @ivar number: of CSeq.
    """

    method: str
    uri: str
    address: str
    transport: Transport
    login: str = ""
    number: int = 1
    callId: str = field(factory=lambda: token_hex(12))
    branch: str = field(factory=lambda: f"z9hG4bK{token_hex(8)}", init=False)
    tag: str = field(factory=lambda: token_hex(6), init=False)

    def make(self, local: TransportAddress) -> bytes:
        """
        The request.

        @param local: where it is sent from.
        """
        lines = [
            f"{self.method} {self.uri} SIP/2.0",
            f"Via: SIP/2.0/{self.transport.name} {local};branch={self.branch};rport",
            "Max-Forwards: 70",
            f"From: <{self.address}>;tag={self.tag}",
            f"To: <{self.address}>",
            f"Call-ID: {self.callId}",
            f"CSeq: {self.number} {self.method}",
            *([self.login] if self.login else []),
            f"User-Agent: ichat-gw/{__version__} (check)",
            "Accept: application/sdp",
            "Content-Length: 0",
            "",
            "",
        ]
        return "\r\n".join(lines).encode("utf-8", "replace")

    def accepts(self, message: bytes) -> bool:
        """Is that the final response?"""
        return self.read(message) is not None

    def read(self, message: bytes) -> Response | None:
        """The final response that C{message} is; C{None} if it is none, or one to another request."""
        frame = Frame.read(message, Limits())
        found = _STATUS.fullmatch(frame.startLine)
        if found is None or isinstance(frame.fault, Broken) or found[1] < "200":
            return None
        if frame.values("call-id") != [self.callId] or frame.values("cseq") != [f"{self.number} {self.method}"]:
            return None
        return Response(int(found[1]), found[2] or "", frame)
