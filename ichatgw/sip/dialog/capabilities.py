# -*- test-case-name: ichatgw.test.sip.test_endpoint,ichatgw.test.media.relay.test_direct -*-
"""
What we say that we can, in Allow, Supported and Accept (RFC 3261 section 20), and what we answer to the rest.
"""

from __future__ import annotations

from functools import lru_cache

from sippy.SipHeader import SipHeader
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse

from ichatgw.sip.dialog.requests import Reply
from ichatgw.sip.message.gate import ACCEPT

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "MESSAGE", "UPDATE", "REFER", "SUBSCRIBE", "PRACK")
"""What we take, in the order of our C{Allow} header."""

OTHER_METHODS = ("REGISTER", "NOTIFY", "PUBLISH")
"""What we know and do not take: 405; all else is 501."""

SUPPORTED = ("replaces", "norefersub", "tdialog", "100rel", "timer")
"""The option tags of what we can be required to understand (RFC 3261 section 19.2): RFC 3891, RFC 4488, RFC 4538,
RFC 3262, RFC 4028."""

_ALLOW = ", ".join(METHODS)

OPTIONS = Reply(
    200,
    "OK",
    (
        ("allow", _ALLOW),
        ("supported", ", ".join(SUPPORTED)),
        ("allow-events", "refer"),
        ("accept", ACCEPT),
        ("accept-encoding", "identity"),
        ("accept-language", "en"),
    ),
)
"""What OPTIONS is answered with, in a dialog or out of one."""


def allow(*without: str) -> SipHeader:
    """Our C{Allow} header."""
    methods = ", ".join(method for method in METHODS if method not in without) if without else _ALLOW
    return SipHeader(name="allow", bodys=methods)


def supported(*without: str) -> SipHeader:
    """Our C{Supported} header."""
    return SipHeader(name="supported", bodys=_supported(without))


@lru_cache(maxsize=len(SUPPORTED))
def _supported(without: tuple[str, ...]) -> str:
    return ", ".join(tag for tag in SUPPORTED if tag not in without)


def refusal(request: SipRequest, server: str) -> SipResponse:
    """The response to a request whose method we do not take."""
    if request.getMethod() in (*METHODS, *OTHER_METHODS):
        response = request.genResponse(405, "Method Not Allowed", server=server)
    else:
        response = request.genResponse(501, "Not Implemented", server=server)
    response.appendHeader(allow(request.getMethod()))
    return response
