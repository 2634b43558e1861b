# -*- test-case-name: ichatgw.test.media.relay.test_relay,ichatgw.test.media.transport.test_secured,ichatgw.test.media.transport.test_failures -*-  # noqa: E501
"""
The filter between a party and its side of a relay: it decrypts and encrypts media, or blocks it.
"""

from __future__ import annotations

from typing import Protocol

from attrs import frozen

from ichatgw.media.relay.flow import Flow
from ichatgw.media.relay.latch import SendTo
from ichatgw.media.sockets.port import Source


class MediaFilter(Protocol):
    """It opens what comes from the party, and protects what goes there."""

    @property
    def way(self) -> tuple[SendTo | None, Source | None]:
        """How and where media goes now; twice C{None} if it must not."""

    def arrived(self, size: int, source: Source) -> None:
        """A datagram of so many octets lies in the buffer."""

    def arrivedAtControl(self, size: int, source: Source) -> None:
        """The same, and it came to the port for RTCP."""

    def sendControl(self, datagram: bytes) -> None:
        """RTCP for the party."""


@frozen
class BlockedMedia:
    """A L{MediaFilter} that drops all that comes and sends nothing."""

    flow: Flow
    way: tuple[SendTo | None, Source | None] = (None, None)

    def arrived(self, size: int, source: Source) -> None:
        self.flow.dropped["unwanted"] += 1

    def arrivedAtControl(self, size: int, source: Source) -> None:
        self.flow.dropped["unwanted"] += 1

    def sendControl(self, datagram: bytes) -> None:
        """Dropped."""
