# -*- test-case-name: ichatgw.test.media.ice.test_stun,ichatgw.test.sip.transport.test_keepalive -*-
"""
STUN messages as ICE uses them (RFC 8489, RFC 8445 section 7): Binding only, with short-term credentials.

The codec is aioice's.  Here it is made strict, and what it says of wrong bytes becomes one kind of error.  Only what
its versions for all our Pythons have in common is used: newer ones also check MESSAGE-INTEGRITY, older ones do not.
"""

from __future__ import annotations

import hmac
from struct import error as StructError
from typing import Any

import aioice.stun
from aioice.stun import COOKIE, Class, Method, message_fingerprint, message_integrity, parse_message

from ichatgw.errors import MalformedError
from ichatgw.model import TransportAddress

__all__ = ["Class", "Message", "parse"]

# Longer than any that is of use to ICE.
MAX_MESSAGE = 1500
ROLE_CONFLICT = 487
TRANSACTION_OCTETS = 12

_COOKIE = COOKIE.to_bytes(4, "big")
_UNSIGNED_32 = 0xFFFFFFFF
_INTEGRITY = 0x0008
_INTEGRITY_OCTETS = 24
_FINGERPRINT_OCTETS = 8


class Message(aioice.stun.Message):
    """
    A message as aioice has it.

    @ivar covered: the octets that its MESSAGE-INTEGRITY was made of; C{None} if it has none, or was not received.
    """

    covered: bytes | None = None


def parse(datagram: bytes) -> Message:
    """
    A Binding message; a FINGERPRINT that is there has been checked.

    @raise MalformedError: if it is none, or not whole.
    """
    if not 20 <= len(datagram) <= MAX_MESSAGE or datagram[0] > 3 or datagram[4:8] != _COOKIE:
        raise MalformedError("not a STUN message")
    at, covered = 20, None
    while at + 4 <= len(datagram):
        if int.from_bytes(datagram[at : at + 2], "big") == _INTEGRITY and covered is None:
            covered = datagram[:at]
        at += 4 + (int.from_bytes(datagram[at + 2 : at + 4], "big") + 3 & ~3)
    if at != len(datagram):
        raise MalformedError("STUN: an attribute longer than the message")
    message = _parsed(datagram)
    if covered is not None and len(datagram) > len(covered) + _INTEGRITY_OCTETS + _FINGERPRINT_OCTETS:
        message = _asSigned(message, datagram[: len(covered) + _INTEGRITY_OCTETS])
    message.covered = covered
    if message.message_method is not Method.BINDING:
        raise MalformedError("STUN: not Binding")
    return message


def _parsed(datagram: bytes) -> Message:
    try:
        parsed: Any = parse_message(datagram)
    except (ValueError, StructError) as problem:
        raise MalformedError(f"STUN: {problem}") from problem
    return Message(parsed.message_method, parsed.message_class, parsed.transaction_id, parsed.attributes)


def _asSigned(message: Message, signed: bytes) -> Message:
    """What follows MESSAGE-INTEGRITY is not signed, so it is passed over, but for FINGERPRINT (RFC 8489 section 9)."""
    made = _parsed(signed[:2] + (len(signed) - 20).to_bytes(2, "big") + signed[4:])
    if "FINGERPRINT" in message.attributes:
        made.attributes["FINGERPRINT"] = message.attributes["FINGERPRINT"]
    return made


def isAuthentic(message: Message, password: str) -> bool:
    """Is it complete, and from a host that knows C{password}?  ICE demands both attributes (RFC 8445 section 7.1)."""
    seal = message.attributes.get("MESSAGE-INTEGRITY")
    if message.covered is None or seal is None or "FINGERPRINT" not in message.attributes:
        return False
    return hmac.compare_digest(seal, message_integrity(message.covered, password.encode()))


def mapped(message: Message) -> TransportAddress | None:
    """The address that the request came from, as the answering host saw it; C{None} if it is not said."""
    place = message.attributes.get("XOR-MAPPED-ADDRESS") or message.attributes.get("MAPPED-ADDRESS")
    return None if place is None else TransportAddress(*place)


def check(
    transaction: bytes, username: str, password: str, priority: int, role: tuple[bool, int], nominates: bool = False
) -> bytes:
    """
    A connectivity check.

    @param priority: that of the candidate which the peer may learn from this.
    @param role: whether we control, and our tiebreaker.
    @param nominates: with USE-CANDIDATE.
    """
    controlling, tiebreaker = role
    message = Message(Method.BINDING, Class.REQUEST, transaction)
    message.attributes["USERNAME"] = username
    message.attributes["PRIORITY"] = priority & _UNSIGNED_32
    message.attributes["ICE-CONTROLLING" if controlling else "ICE-CONTROLLED"] = tiebreaker
    if nominates:
        message.attributes["USE-CANDIDATE"] = None
    return _signed(message, password)


def success(request: Message, source: TransportAddress, password: str) -> bytes:
    """The answer to a check; always shorter than that."""
    message = Message(Method.BINDING, Class.RESPONSE, request.transaction_id)
    message.attributes["XOR-MAPPED-ADDRESS"] = (source.host, source.port)
    return _signed(message, password)


def roleConflict(request: Message, password: str) -> bytes:
    """The answer to a check whose sender must change its role."""
    message = Message(Method.BINDING, Class.ERROR, request.transaction_id)
    message.attributes["ERROR-CODE"] = (ROLE_CONFLICT, "")
    return _signed(message, password)


def query(transaction: bytes) -> bytes:
    """Ask a STUN server where we are seen."""
    message = Message(Method.BINDING, Class.REQUEST, transaction)
    message.attributes["FINGERPRINT"] = message_fingerprint(bytes(message))
    return bytes(message)


def _signed(message: Message, password: str) -> bytes:
    message.add_message_integrity(password.encode())
    return bytes(message)


def binding(request: bytes, source: TransportAddress) -> bytes:
    """
    The answer to a Binding request without credentials: where it came from (RFC 8489 section 6.3.1).

    @raise MalformedError: if it is no such request.
    """
    message = parse(request)
    if message.message_class is not Class.REQUEST:
        raise MalformedError("STUN: no request")
    response = Message(Method.BINDING, Class.RESPONSE, message.transaction_id)
    response.attributes["XOR-MAPPED-ADDRESS"] = (source.host, source.port)
    return bytes(response)
