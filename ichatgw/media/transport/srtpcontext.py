# -*- test-case-name: ichatgw.test.media.transport.test_srtpcontext,ichatgw.test.media.transport.test_secured -*-
"""
SRTP between a side of a relay and its party, whichever way the keys came and the packets go.
"""

from __future__ import annotations

from twisted.logger import Logger

from ichatgw.errors import MalformedError
from ichatgw.media.relay.flow import swapped
from ichatgw.media.relay.latch import SendTo
from ichatgw.media.relay.side import Side
from ichatgw.media.sockets.port import Source
from ichatgw.media.srtp.inplace import InPlace
from ichatgw.media.srtp.srtp import MasterKey, SRTPContext

HOPELESS = 50
"""So many packets in a row that cannot be opened are no accident: one second of sound."""


MAX_SOURCES = 32
"""
So many streams (SSRC) of a party are known at once.  libsrtp keeps each for ever, in a list that it walks for each
packet: without a limit, a party that sends each packet as a stream of its own would soon cost a millisecond for each.
"""


class Unprotectable(OSError):
    """A packet that cannot be sent, for libsrtp does not take it: its number was used before, or is far behind."""


class SRTPFilter:
    """
    Opens what comes from the party and protects what goes to it; what it cannot open is dropped and counted.

    @ivar shield: the keys and their state; C{None} before there are keys: nothing passes then.
    """

    _log = Logger()

    def __init__(self, side: Side) -> None:
        self._side = side
        self.shield: SRTPContext | None = None
        self._place: InPlace | None = None
        self._refused = 0
        self._words = side.arriving.scratch.words
        # The streams of the party, as the machine reads their SSRC in place; the one that was heard last at the end.
        self._sources: dict[int, None] = {}
        self._latest: int | None = None

    def turn(self, sending: MasterKey, receiving: MasterKey) -> None:
        """These are the keys now; what is unchanged of them goes on."""
        self.shield = SRTPContext(sending, receiving, self.shield)
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
        source = self._words[2]
        try:
            length = place.open(size)
        except MalformedError:
            self._side.arriving.dropped["not the party's SRTP"] += 1
            self._refuse()
            return 0
        self._refused = 0
        if source != self._latest:
            self._heard(source)
        return length

    def openControl(self, size: int) -> bytes | None:
        """The RTCP that lies in the buffer; C{None} if it is not the party's."""
        flow = self._side.arriving
        if self.shield is None:
            flow.dropped["before its keys"] += 1
            return None
        source = self._words[1]
        try:
            opened = self.shield.openControl(bytes(flow.scratch.views[size]))
        except MalformedError:
            flow.dropped["not the party's SRTCP"] += 1
            return None
        if source not in self._sources:
            self._heard(source)
        return opened

    def _heard(self, source: int) -> None:
        """The party sends this stream too: forget another one if there are too many."""
        self._latest = source
        self._sources.pop(source, None)
        self._sources[source] = None
        if len(self._sources) > MAX_SOURCES and self.shield is not None:
            oldest = next(iter(self._sources))
            del self._sources[oldest]
            self.shield.forget(swapped(oldest))

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
