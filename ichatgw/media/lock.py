# -*- test-case-name: ichatgw.test.test_media_lock -*-
"""
SRTP between a side of a relay and its party, whichever way the keys came and the packets go.
"""

from __future__ import annotations

from twisted.logger import Logger

from ichatgw.errors import MalformedError
from ichatgw.media.inplace import InPlace
from ichatgw.media.latch import SendTo
from ichatgw.media.port import Source
from ichatgw.media.side import Side
from ichatgw.media.srtp import MasterKey, Shield

HOPELESS = 50
"""So many packets in a row that cannot be opened are no accident: one second of sound."""


class Unprotectable(OSError):
    """A packet that cannot be sent, for libsrtp does not take it: its number was used before, or is far behind."""


class Lock:
    """
    Opens what comes from the party and protects what goes to it; what it cannot open is dropped and counted.

    @ivar shield: C{None} before there are keys; nothing passes then.
    """

    _log = Logger()

    def __init__(self, side: Side) -> None:
        self._side = side
        self.shield: Shield | None = None
        self._place: InPlace | None = None
        self._refused = 0

    def turn(self, sending: MasterKey, receiving: MasterKey) -> None:
        """These are the keys now; what is unchanged of them goes on."""
        self.shield = Shield(sending, receiving, self.shield)
        self._place = InPlace(self.shield, self._side.arriving.scratch.buffer)
        self._refused = 0

    def openMedia(self, size: int) -> int:
        """
        Open the RTP that lies in the buffer, in its place.

        @return: its length; 0 if it is not the party's.
        """
        place = self._place
        if place is None or self.shield is None:
            self._side.arriving.dropped["before its keys"] += 1
            return 0
        try:
            length = place.open(size)
        except MalformedError:
            self._side.arriving.dropped["not the party's SRTP"] += 1
            self._refuse()
            return 0
        self._refused = 0
        return length

    def openControl(self, size: int) -> bytes | None:
        """The RTCP that lies in the buffer; C{None} if it is not the party's."""
        flow = self._side.arriving
        if self.shield is None:
            flow.dropped["before its keys"] += 1
            return None
        try:
            return self.shield.openControl(bytes(flow.scratch.views[size]))
        except MalformedError:
            flow.dropped["not the party's SRTCP"] += 1
            return None

    def protecting(self, send: SendTo) -> SendTo:
        """
        The same as C{send}, for RTP that is to be protected first; raises L{Unprotectable} if it cannot be.

        A packet that is a C{memoryview} lies at the beginning of the buffer that all ports read into.
        """
        views = self._side.arriving.scratch.views

        def protectAndSend(packet: bytes | memoryview, destination: Source) -> None:
            place = self._place
            if place is None or self.shield is None:
                return
            try:
                if isinstance(packet, memoryview):
                    protected: bytes | memoryview = views[place.protect(len(packet))]
                else:
                    protected = place.copied(packet)
            except MalformedError as problem:
                raise Unprotectable(str(problem)) from problem
            send(protected, destination)

        return protectAndSend

    def protectControl(self, datagram: bytes) -> bytes | None:
        """RTCP for the party; C{None} if it cannot go."""
        if self.shield is None:
            return None
        try:
            return self.shield.protectControl(datagram)
        except MalformedError:
            self._side.far.arriving.dropped["unprotectable"] += 1
            return None

    def _refuse(self) -> None:
        """Said once, however long it goes on."""
        self._refused += 1
        if self._refused == HOPELESS:
            self._log.warn(
                "call={call} media of the {side} is dropped: it is not under the key that was agreed on",
                call=self._side.call,
                side=self._side.name,
            )
