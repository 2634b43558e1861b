"""
A receiver of HEP 3 for tests, made from the specification and not from what is tested.
"""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import Any

from twisted.internet.protocol import DatagramProtocol, Protocol

_NAMES = {
    1: "family",
    2: "protocol",
    7: "sourcePort",
    8: "destinationPort",
    9: "seconds",
    10: "microseconds",
    11: "kind",
    12: "captureId",
}


def decoded(packet: bytes) -> dict[str, Any]:
    """
    What a packet says, by the names of its chunks.

    @raise ValueError: if it is none.
    """
    if packet[:4] != b"HEP3" or struct.unpack("!H", packet[4:6])[0] != len(packet):
        raise ValueError("no packet of HEP 3")
    found: dict[str, Any] = {}
    at = 6
    while at < len(packet):
        vendor, kind, size = struct.unpack("!HHH", packet[at : at + 6])
        content = packet[at + 6 : at + size]
        if vendor or size < 6 or at + size > len(packet):
            raise ValueError("a chunk that is none")
        if kind in _NAMES:
            found[_NAMES[kind]] = int.from_bytes(content, "big")
        elif kind in (3, 5):
            found["source"] = str(ip_address(content))
        elif kind in (4, 6):
            found["destination"] = str(ip_address(content))
        else:
            found[{14: "password", 15: "payload", 17: "correlation"}[kind]] = content
        at += size
    return found


class HEPReceiver(DatagramProtocol):
    """Keeps what comes in datagrams."""

    def __init__(self) -> None:
        self.packets: list[dict[str, Any]] = []

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.packets.append(decoded(datagram))


class HEPStreamReceiver(Protocol):
    """Keeps what comes over a connection."""

    def __init__(self) -> None:
        self.packets: list[dict[str, Any]] = []
        self._buffer = b""

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 6:
            size = struct.unpack("!H", self._buffer[4:6])[0]
            if len(self._buffer) < size:
                break
            self.packets.append(decoded(self._buffer[:size]))
            self._buffer = self._buffer[size:]
