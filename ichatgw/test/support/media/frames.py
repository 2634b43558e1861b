# -*- test-case-name: ichatgw.test.gateway.matrix.test_interop_sniffer,ichatgw.test.web.test_bundle -*-
"""
What a capture of the network has: frames, and the datagrams in them.
"""

from __future__ import annotations

import socket
import struct

from attrs import frozen

_IPV4, _IPV6 = 0x0800, 0x86DD
_UDP = 17
_LINK = 14
"""Octets of the header of the link."""


@frozen
class Datagram:
    """One datagram of UDP."""

    source: tuple[str, int]
    destination: tuple[str, int]
    payload: bytes


def datagram(frame: bytes) -> Datagram | None:
    """Read a frame; C{None} if there is no UDP in it, or only a part of it."""
    if len(frame) < _LINK + 20:
        return None
    (kind,) = struct.unpack_from("!H", frame, 12)
    packet = frame[_LINK:]
    if kind == _IPV4 and packet[9] == _UDP and not struct.unpack_from("!H", packet, 6)[0] & 0x3FFF:
        family, start, at, size = socket.AF_INET, (packet[0] & 15) * 4, 12, 4
    elif kind == _IPV6 and len(packet) >= 40 and packet[6] == _UDP:
        family, start, at, size = socket.AF_INET6, 40, 8, 16
    else:
        return None
    if len(packet) < start + 8:
        return None
    source, destination, length = struct.unpack_from("!HHH", packet, start)
    hosts = [socket.inet_ntop(family, packet[at + n * size : at + (n + 1) * size]) for n in (0, 1)]
    return Datagram((hosts[0], source), (hosts[1], destination), packet[start + 8 : start + length])
