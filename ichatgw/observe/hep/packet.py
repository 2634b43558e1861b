# -*- test-case-name: ichatgw.test.observe.hep.test_packet -*-
"""
HEP version 3, the "Homer Encapsulation Protocol": a message or a report, where it came from and went to, when, and of
which call it is (https://github.com/sipcapture/HEP, rev. 36).

A codec: values in, octets out.
"""

from __future__ import annotations

from enum import IntEnum
from ipaddress import ip_address
from struct import Struct

from attrs import frozen

from ichatgw.model import TransportAddress

MAGIC = b"HEP3"
LONGEST = 0xFFFF
"""Octets of a packet at most."""

_HEAD = Struct("!4sH")
_CHUNK = Struct("!HHH")
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


@frozen
class Capture:
    """
    What was captured.

    @ivar wall: seconds since 1970.
    @ivar correlation: the name of the call; empty if it is of none.
    """

    kind: Kind
    protocol: IPProtocol
    source: TransportAddress
    destination: TransportAddress
    wall: float
    payload: bytes
    correlation: str = ""


def pack(capture: Capture, captureId: int, password: str = "") -> bytes:
    """
    A packet.

    @param captureId: ours, 0..2^32-1.
    @raise ValueError: if it is too long, or its two addresses are not of one family.
    """
    source, destination = ip_address(capture.source.host), ip_address(capture.destination.host)
    if source.version != destination.version:
        raise ValueError("addresses of two families")
    isIPv6 = source.version == 6
    seconds = int(capture.wall)
    chunks = [
        (Chunk.FAMILY, bytes([_FAMILIES[source.version]])),
        (Chunk.IP_PROTOCOL, bytes([capture.protocol])),
        (Chunk.SOURCE_6 if isIPv6 else Chunk.SOURCE_4, source.packed),
        (Chunk.DESTINATION_6 if isIPv6 else Chunk.DESTINATION_4, destination.packed),
        (Chunk.SOURCE_PORT, capture.source.port.to_bytes(2, "big")),
        (Chunk.DESTINATION_PORT, capture.destination.port.to_bytes(2, "big")),
        (Chunk.SECONDS, seconds.to_bytes(4, "big")),
        (Chunk.MICROSECONDS, int((capture.wall - seconds) * 1_000_000).to_bytes(4, "big")),
        (Chunk.KIND, bytes([capture.kind])),
        (Chunk.CAPTURE_ID, captureId.to_bytes(4, "big")),
    ]
    if password:
        chunks.append((Chunk.PASSWORD, password.encode()))
    if capture.correlation:
        chunks.append((Chunk.CORRELATION_ID, capture.correlation.encode()))
    chunks.append((Chunk.PAYLOAD, capture.payload))
    size = _HEAD.size + sum(_CHUNK.size + len(content) for _, content in chunks)
    if size > LONGEST:
        raise ValueError(f"{size} octets are too many for HEP")
    packed = [_HEAD.pack(MAGIC, size)]
    for kind, content in chunks:
        packed += (_CHUNK.pack(_GENERIC, kind, _CHUNK.size + len(content)), content)
    return b"".join(packed)
