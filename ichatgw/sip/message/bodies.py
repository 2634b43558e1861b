# -*- test-case-name: ichatgw.test.sip.message.test_multipart,ichatgw.test.sip.dialog.test_requests -*-
"""
Message bodies as sippy carries them.

sippy wants text.  Octets that are no UTF-8 are in it as lone surrogates (PEP 383), and leave as what they were.
"""

from __future__ import annotations

from collections.abc import Sequence

from sippy.MsgBody import MsgBody
from sippy.SipContentType import SipContentType
from sippy.SipMsg import SipMsg

from ichatgw.model import Part
from ichatgw.sip.message import multipart

SDP = multipart.SDP

_PARTS = "parts"
"""The attribute of a body that holds what came with it."""


def octets(text: str) -> bytes:
    """What is sent for a text of sippy's."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


class _Counted(str):
    """Text that is as long as its octets, which is what sippy says in C{Content-Length}."""

    def __len__(self) -> int:
        return len(octets(self))


class _Body(MsgBody):
    """sippy counts characters, and copies a body without its type."""

    def localStr(self, local_addr: tuple[tuple[str, int], str] | None = None) -> str:
        """The body as sippy sends it."""
        return _Counted(super().localStr(local_addr))

    def getCopy(self) -> MsgBody:
        """A copy of the body."""
        return _Body(cself=self)


def bodyOf(text: str, contentType: str) -> MsgBody:
    """A message body, as sippy carries it."""
    return _Body(text, SipContentType(contentType))


def sdpBody(text: str, parts: Sequence[Part] = ()) -> MsgBody:
    """
    SDP as sippy carries it.

    @param parts: what goes with it.
    """
    if not parts:
        return MsgBody(text)
    contentType, content = multipart.write(text, parts)
    return bodyOf(content.decode("utf-8", "surrogateescape"), contentType)


def sdpText(body: MsgBody | None) -> str | None:
    """The SDP in a message body, C{None} if there is no body or it is something else."""
    if body is None or body.getType() != SDP:
        return None
    return str(body.content)


def textOf(message: SipMsg) -> str:
    """The body of a message; empty if it has none."""
    body = message.getBody()
    return "" if body is None else str(body.content)


def attach(message: SipMsg, parts: tuple[Part, ...]) -> None:
    """C{parts} came with the SDP that is the body of C{message}."""
    body = message.getBody()
    if parts and body is not None:
        setattr(body, _PARTS, parts)


def partsOf(body: MsgBody | None) -> tuple[Part, ...]:
    """The parts of the body beside the SDP."""
    found: tuple[Part, ...] = getattr(body, _PARTS, ())
    return found
