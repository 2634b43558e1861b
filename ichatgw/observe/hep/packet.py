# -*- test-case-name: ichatgw.test.observe.hep.test_packet -*-
"""
HEP version 3, the "Homer Encapsulation Protocol": a message or a report, where it came from and went to, when, and of
which call it is (https://github.com/sipcapture/HEP, rev. 36).

A codec: values in, octets out.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from ipaddress import ip_address
from struct import Struct

MAGIC = b"HEP3"
LONGEST = 0xFFFF
"""Octets of a packet at most."""

_CHUNK = Struct("!HHH")
_BEGIN = Struct("!4sH6sI6sI")
_GENERIC = 0
_FAMILIES = {4: 2, 6: 10}


class Chunk(IntEnum):
    """Kinds of chunks of the generic vendor."""

    FAMILY = 1
    IP_PROTOCOL = 2
    SOURCE_4 = 3
    DESTINATION_4 = 4
    SOURCE_6 = 5
    DESTINATION_6 = 6
    SOURCE_PORT = 7
    DESTINATION_PORT = 8
    SECONDS = 9
    MICROSECONDS = 10
    KIND = 11
    CAPTURE_ID = 12
    PASSWORD = 14
    PAYLOAD = 15
    CORRELATION_ID = 17


class Kind(IntEnum):
    """What is carried."""

    SIP = 1
    RTCP = 5
    """As JSON."""


class IPProtocol(IntEnum):
    """By what it was carried."""

    TCP = 6
    UDP = 17


_SECONDS = _CHUNK.pack(_GENERIC, Chunk.SECONDS, _CHUNK.size + 4)
_MICROSECONDS = _CHUNK.pack(_GENERIC, Chunk.MICROSECONDS, _CHUNK.size + 4)
_PAYLOAD = int(Chunk.PAYLOAD)
_FIXED = _BEGIN.size + _CHUNK.size


def pack(ends: bytes, who: bytes, wall: float, payload: bytes, call: bytes = b"") -> bytes:
    """
    A packet.

    @param ends: see L{endsOf}.
    @param who: see L{whoOf}.
    @param wall: when, in seconds since 1970.
    @param payload: what was captured.
    @param call: see L{callOf}.
    @raise ValueError: if it is too long.
    """
    size = _FIXED + len(ends) + len(who) + len(call) + len(payload)
    if size > LONGEST:
        raise ValueError(f"{size} octets are too many for HEP")
    seconds = int(wall)
    begin = _BEGIN.pack(MAGIC, size, _SECONDS, seconds, _MICROSECONDS, int((wall - seconds) * 1_000_000))
    last = _CHUNK.pack(_GENERIC, _PAYLOAD, _CHUNK.size + len(payload))
    return b"".join((begin, ends, who, call, last, payload))


def _chunk(kind: int, content: bytes) -> bytes:
    return _CHUNK.pack(_GENERIC, kind, _CHUNK.size + len(content)) + content


@lru_cache(maxsize=1024)  # a dozen messages of each call
def callOf(name: str) -> bytes:
    """The part that names the call, by which the server puts together what belongs together; empty for none."""
    return _chunk(Chunk.CORRELATION_ID, name.encode()) if name else b""


@lru_cache(maxsize=4096)  # the same few hosts again and again
def endsOf(host: str, port: int, destination: str, destinationPort: int, protocol: int, kind: int) -> bytes:
    """
    The part of a packet that says what is carried, and between which addresses.

    @param host: of the source, an IP literal, as C{destination}.
    @param protocol: see L{IPProtocol}.
    @param kind: see L{Kind}.
    @raise ValueError: if the two addresses are not of one family.
    """
    one, other = ip_address(host), ip_address(destination)
    if one.version != other.version:
        raise ValueError("addresses of two families")
    isIPv6 = one.version == 6
    return b"".join(
        (
            _chunk(Chunk.FAMILY, bytes([_FAMILIES[one.version]])),
            _chunk(Chunk.IP_PROTOCOL, bytes([protocol])),
            _chunk(Chunk.SOURCE_6 if isIPv6 else Chunk.SOURCE_4, one.packed),
            _chunk(Chunk.DESTINATION_6 if isIPv6 else Chunk.DESTINATION_4, other.packed),
            _chunk(Chunk.SOURCE_PORT, port.to_bytes(2, "big")),
            _chunk(Chunk.DESTINATION_PORT, destinationPort.to_bytes(2, "big")),
            _chunk(Chunk.KIND, bytes([kind])),
        )
    )


@lru_cache(maxsize=16)
def whoOf(captureId: int, password: str = "") -> bytes:
    """
    The part that names the agent that captured it.

    @param captureId: ours, 0..2^32-1.
    """
    secret = _chunk(Chunk.PASSWORD, password.encode()) if password else b""
    return _chunk(Chunk.CAPTURE_ID, captureId.to_bytes(4, "big")) + secret
