# -*- test-case-name: ichatgw.test.sim.ichat.test_blob -*-
"""
The address records in C{VCNewCallerIPPortData} and C{connectData}, as an iChat writes and reads them.

Written apart from the gateway's own codec, and stricter: what a real iChat could choke on is an error here.
"""

from __future__ import annotations

from ipaddress import ip_address
from struct import Struct

from attrs import frozen

from ichatgw.errors import MalformedError
from ichatgw.model import TransportAddress

_RECORD = Struct("!4s16s16sHH")
_IPV6 = b"\0\0\0\1"
_STALE = bytes.fromhex("0000000000d69a20fffe63f7")
"""What a real iChat left behind an IPv4 address: the rest of some older IPv6 one."""


@frozen
class Record:
    """One address with the name of its interface."""

    name: str
    address: TransportAddress


def encodeRecords(records: list[Record], *, junk: bool = False, upper: bool = False, lineFeed: bool = False) -> str:
    """
    @param junk: leave stale bytes behind IPv4 addresses.
    @param upper: use upper-case digits.
    @param lineFeed: begin with a line feed.
    """
    packed = bytearray()
    for record in records:
        host = ip_address(record.address.host).packed
        flags = _IPV6 if len(host) == 16 else bytes(4)
        if len(host) == 4 and junk:
            host += _STALE
        packed += _RECORD.pack(flags, record.name.encode("ascii"), host, record.address.port, 0)
    text = packed.hex()
    return ("\n" if lineFeed else "") + (text.upper() if upper else text)


def decodeRecords(text: str) -> list[Record]:
    """
    @raise MalformedError: at anything that a gateway should not write.
    """
    if not text or len(text) % 80:
        raise MalformedError(f"{len(text)} characters are no whole records of 80")
    if text != text.lower():
        raise MalformedError("upper-case digits")
    try:
        packed = bytes.fromhex(text)
    except ValueError:
        raise MalformedError("not hexadecimal") from None
    return [_decodeRecord(fields) for fields in _RECORD.iter_unpack(packed)]


def _decodeRecord(fields: tuple[bytes, bytes, bytes, int, int]) -> Record:
    flags, name, host, port, padding = fields
    if flags not in (bytes(4), _IPV6):
        raise MalformedError(f"flags {flags.hex()}")
    if flags == bytes(4):
        if any(host[4:]):
            raise MalformedError("bytes behind an IPv4 address")
        host = host[:4]
    if not port or padding:
        raise MalformedError(f"port {port}, padding {padding}")
    if name[-1] or not name.rstrip(b"\0").isalnum():
        raise MalformedError(f"interface name {name!r}")
    return Record(name.rstrip(b"\0").decode("ascii"), TransportAddress(str(ip_address(host)), port))
