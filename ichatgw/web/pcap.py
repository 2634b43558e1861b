# -*- test-case-name: ichatgw.test.web.test_bundle -*-
"""
Messages of SIP and XMPP as a capture that Wireshark and sngrep read.

What was said over TCP, TLS and XMPP is shown as segments of TCP without encryption; the packets are made here, and only
what they carry is what was said (https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address

from ichatgw.model import TransportAddress
from ichatgw.observe.events import Message, MessageSent

MAGIC, VERSION, RAW = 0xA1B2C3D4, (2, 4), 101
"""C{RAW}: packets begin with the header of IP."""

MOST = 65000
"""Octets of a message in one packet."""

_UDP, _TCP = 17, 6
_PUSH_ACK = 0x18
_UNKNOWN = {
    "theirs": TransportAddress("192.0.2.1", 5060),
    "ours": TransportAddress("192.0.2.2", 5060),
    "server": TransportAddress("192.0.2.3", 5222),
    "component": TransportAddress("192.0.2.2", 45222),
}
"""For addresses that are not known (RFC 5737).  The port says what is spoken."""


def capture(messages: Iterable[Message], shown: Callable[[Message], str]) -> Iterator[bytes]:
    """
    @param shown: what is shown of a message.
    @return: the parts of a file.
    """
    yield struct.pack("!IHHiIII", MAGIC, *VERSION, 0, 0, MOST + 100, RAW)
    sent: dict[tuple[TransportAddress, TransportAddress], int] = {}
    for message in messages:
        source, target = _ends(message)
        data = shown(message).encode("utf-8", "replace")
        if message.transport == "udp":
            packet = _datagram(source, target, data[:MOST])
        else:
            at, heard = sent.get((source, target), 1), sent.get((target, source), 1)
            packet = _segment(source, target, at, heard, data[:MOST])
            sent[source, target] = (at + len(data[:MOST])) & 0xFFFFFFFF
        seconds, rest = divmod(message.wall, 1)
        yield struct.pack("!IIII", int(seconds), int(rest * 1e6), len(packet), len(packet)) + packet


def _ends(message: Message) -> tuple[TransportAddress, TransportAddress]:
    isXmpp = message.protocol == "XMPP"
    theirs = message.remote or _UNKNOWN["server" if isXmpp else "theirs"]
    ours = message.local or _UNKNOWN["component" if isXmpp else "ours"]
    if isXmpp:  # the port by which it is known what this is
        theirs = TransportAddress(theirs.host, 5222)
    if theirs.isIPv6 != ours.isIPv6:
        theirs, ours = _sixth(theirs), _sixth(ours)
    return (ours, theirs) if isinstance(message, MessageSent) else (theirs, ours)


def _sixth(address: TransportAddress) -> TransportAddress:
    return address if address.isIPv6 else TransportAddress(f"::ffff:{address.host}", address.port)


def _datagram(source: TransportAddress, target: TransportAddress, data: bytes) -> bytes:
    head = struct.pack("!HHH", source.port, target.port, 8 + len(data))
    checksum = _checksum(_pseudo(source, target, _UDP, 8 + len(data)) + head + b"\0\0" + data) or 0xFFFF
    return _packet(source, target, _UDP, head + struct.pack("!H", checksum) + data)


def _segment(source: TransportAddress, target: TransportAddress, at: int, heard: int, data: bytes) -> bytes:
    head = struct.pack("!HHIIBBH", source.port, target.port, at, heard, 5 << 4, _PUSH_ACK, 65535)
    checksum = _checksum(_pseudo(source, target, _TCP, 20 + len(data)) + head + b"\0\0\0\0" + data)
    return _packet(source, target, _TCP, head + struct.pack("!HH", checksum, 0) + data)


def _pseudo(source: TransportAddress, target: TransportAddress, protocol: int, length: int) -> bytes:
    addresses = ip_address(source.host).packed + ip_address(target.host).packed
    return addresses + (struct.pack("!I3xB" if source.isIPv6 else "!HxB", length, protocol))


def _packet(source: TransportAddress, target: TransportAddress, protocol: int, payload: bytes) -> bytes:
    addresses = ip_address(source.host).packed + ip_address(target.host).packed
    if source.isIPv6:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + addresses + payload
    head = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol)
    checksum = struct.pack("!H", _checksum(head + b"\0\0" + addresses))
    return head + checksum + addresses + payload


def _checksum(data: bytes) -> int:
    """That of RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
