# -*- test-case-name: ichatgw.test.ichat.test_connectdata -*-
"""
C{VCNewCallerIPPortData} and C{connectData}: how iChat names the addresses it can be reached at.

The text is the hexadecimal form of 40-byte records, one after the other.  Fields are in network order::

    0  flags, 4 bytes: all zero for IPv4
    4  interface name, 16 bytes, NUL padded
   20  address, 16 bytes: IPv4 in the first four
   36  UDP port, 2 bytes
   38  padding, 2 bytes

It is the struct C{tagIPPORT} of Apple's AVConference framework.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from attrs import frozen

from ichatgw.errors import MalformedError
from ichatgw.model import TransportAddress

#: Real iChats name some five addresses; this is far more than any host has, and keeps a hostile text short.
MAX_RECORDS = 32

#: A real iChat is believed to send and to test bit 0 of a number in network order.
_IPV6_FLAGS = b"\0\0\0\1"
_IPV4_FLAGS = bytes(4)

#: Marks a relayed address; how such an address can be used is not known.
_RELAY_MARK = "~"

_LOWEST_PORT = 1024

_RECORD = struct.Struct("!4s16s16sH2x")


@frozen
class AddressRecord:
    """
    One address.

    @ivar interface: the name of the interface, e.g. C{en0}; at most 16 ASCII characters go on the wire.
    @ivar address: where the host listens.
    """

    interface: str
    address: TransportAddress


def encode(records: Iterable[AddressRecord]) -> str:
    """The text for these records, in lower case."""
    return b"".join(_encodeOne(record) for record in records).hex()


def _encodeOne(record: AddressRecord) -> bytes:
    packed = ip_address(record.address.host.partition("%")[0]).packed
    return _RECORD.pack(
        _IPV6_FLAGS if record.address.isIPv6 else _IPV4_FLAGS,
        record.interface.encode("ascii", "replace"),
        packed,
        record.address.port,
    )


def decode(text: str) -> tuple[AddressRecord, ...]:
    """
    The records of a text, without those that name no address or no port.

    White space is ignored: real iChats put a line feed in front, and decline with nothing else.  Whatever follows an
    IPv4 address in its field is ignored too: iChat leaves bytes of an earlier IPv6 address there.

    @raise MalformedError: if the text is not hexadecimal, not of whole records, or of more than L{MAX_RECORDS}.
    """
    if len(text) > MAX_RECORDS * _RECORD.size * 4:
        raise MalformedError(f"connect data of {len(text)} characters")
    digits = "".join(text.split())
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        raise MalformedError(f"connect data is not hexadecimal: {digits[:20]!r}") from None
    if len(data) % _RECORD.size:
        raise MalformedError(f"connect data of {len(data)} bytes")
    if len(data) > MAX_RECORDS * _RECORD.size:
        raise MalformedError(f"connect data names {len(data) // _RECORD.size} addresses")
    records = (_decodeOne(*fields) for fields in _RECORD.iter_unpack(data))
    return tuple(record for record in records if record is not None)


def _decodeOne(flags: bytes, name: bytes, packed: bytes, port: int) -> AddressRecord | None:
    """A record, or C{None} if it names nothing.  Which flag byte says IPv6 differs from writer to writer."""
    address = ip_address(packed if any(flags) else packed[:4])
    if not port or address.is_unspecified:
        return None
    interface = name.partition(b"\0")[0].decode("ascii", "replace")
    return AddressRecord(interface, TransportAddress(str(address), port))


def choose(
    records: Sequence[AddressRecord],
    preferIPv6: bool = False,
    skipFirst: bool = False,
    allowLoopback: bool = False,
    ours: Sequence[AddressRecord] = (),
) -> AddressRecord | None:
    """
    Where to call the iChat that named these records: the first IPv4 address (iChat puts the one it has outside its
    NAT first), or with C{preferIPv6} the first IPv6 address if there is one.

    @param skipFirst: leave out the first record that could be meant.
    @param allowLoopback: whether loopback addresses count.
    @param ours: our own addresses: nothing can be called in a family that we do not have, whatever is preferred; if
        not given, we have both.
    """
    families = {record.address.isIPv6 for record in ours} or {False, True}
    preferIPv6 = preferIPv6 or families == {True}
    possible = [
        record
        for record in records
        if _RELAY_MARK not in record.interface
        and record.address.isIPv6 in families
        and (preferIPv6 or not record.address.isIPv6)
        and _isUsable(record.address, allowLoopback)
    ]
    if skipFirst:
        del possible[:1]
    if preferIPv6:
        possible.sort(key=lambda record: not record.address.isIPv6)
    return possible[0] if possible else None


def _isUsable(where: TransportAddress, allowLoopback: bool) -> bool:
    """A unicast address that a datagram can be sent to, and not the port of a well-known service."""
    address = plainAddress(where.host)
    if where.port < _LOWEST_PORT or address.is_multicast or address.is_unspecified:
        return False
    if address.is_loopback:
        return allowLoopback
    if address.version == 6 and address.is_link_local:
        return False  # useless without the scope, which is not on the wire
    return not address.is_reserved


def plainAddress(host: str) -> IPv4Address | IPv6Address:
    """An IP literal as a comparable value: without scope, and IPv4 even if written as IPv4-mapped IPv6."""
    address = ip_address(host.partition("%")[0])
    return (address.version == 6 and address.ipv4_mapped) or address
