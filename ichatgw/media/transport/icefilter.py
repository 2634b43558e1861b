# -*- test-case-name: ichatgw.test.media.transport.test_transport,ichatgw.test.media.transport.test_failures,ichatgw.test.media.transport.test_withoutdtls -*-  # noqa: E501
"""
The filter between a side and a party that ICE has found: demultiplexes what comes, and passes on the party's media.
"""

from __future__ import annotations

from ichatgw.media.dtls.dtls import DTLS
from ichatgw.media.ice.agent import Agent
from ichatgw.media.ice.checklist import Base
from ichatgw.media.ice.nomination import QUIET
from ichatgw.media.relay.flow import LOOK_SECONDS
from ichatgw.media.relay.latch import SendTo
from ichatgw.media.relay.side import Side
from ichatgw.media.rtp.rtp import BY_FIRST, IS_CONTROL, Kind
from ichatgw.media.sockets.port import MAX_DATAGRAM, Source
from ichatgw.media.transport.gathering import Gathering
from ichatgw.media.transport.srtpcontext import SRTPFilter
from ichatgw.model import TransportAddress

_RTP = Kind.RTP  # an attribute of an Enum takes its time


class Association:
    """
    DTLS on one component: it begins when there is a way.
    """

    def __init__(self, dtls: DTLS) -> None:
        self._dtls = dtls
        self._begun = False
        self._early: bytes | None = None

    def begin(self) -> None:
        """There is a way: begin the handshake.  Idempotent."""
        if self._begun:
            return
        self._begun = True
        self._dtls.start()
        early, self._early = self._early, None
        if early is not None:
            self._dtls.received(early)

    def received(self, datagram: bytes, isProved: bool, isKnown: bool) -> bool:
        """
        DTLS is answered where ICE has proved that the party is; what comes a moment before that is kept.

        @param isKnown: it comes from a place that may be proved.
        @return: was it of use?
        """
        if self._begun and isProved:
            self._dtls.received(datagram)
        elif not self._begun and isKnown:
            self._early = datagram
        else:
            return False
        return True

    def close(self) -> None:
        """Idempotent."""
        self._dtls.close()
        self._early = None


class ICEGuard:
    """
    Nothing but STUN goes in or out before a pair of candidates works, and nothing but DTLS before there are keys.

    @ivar lock: the L{SRTPFilter} that opens and protects media.
    @ivar isPlain: media is not protected: then what comes from proven places passes.
    @ivar isMuxed: RTCP goes where RTP goes.
    @ivar agent: ICE for RTP, C{controlAgent} for RTCP if that goes elsewhere.
    @ivar dtls: if that agrees on the keys; C{controlDTLS} on those of RTCP if that goes elsewhere (RFC 5764 section
        4.1), for C{controlLock}.
    @ivar controlWay: how and where RTCP goes if it goes elsewhere.
    """

    gathering: Gathering
    agent: Agent

    def __init__(self, side: Side) -> None:
        self._side = side
        self._scratch = side.arriving.scratch
        self.lock = self.controlLock = SRTPFilter(side)
        self.isPlain = False
        self.isMuxed = False
        self.controlAgent: Agent | None = None
        self.dtls: Association | None = None
        self.controlDTLS: Association | None = None
        self.controlWay: tuple[SendTo | None, Source | None] = (None, None)
        self._plain: SendTo | None = None
        self._way: tuple[SendTo | None, Source | None] = (None, None)

    @property
    def agents(self) -> list[Agent]:
        return [self.agent] if self.controlAgent is None else [self.agent, self.controlAgent]

    def mediaFrom(self) -> TransportAddress | None:
        """See L{Agent}."""
        flow = self._side.arriving
        return None if flow.source is None or flow.quietLooks * LOOK_SECONDS >= QUIET else _addressOf(flow.source)

    def mux(self) -> None:
        """RTCP goes where RTP goes (RFC 5761)."""
        self.isMuxed = True
        self.controlLock = self.lock
        if self.controlAgent is not None:
            self.controlAgent.close()
            self.controlAgent = None

    def take(self, send: SendTo, destination: Source | None) -> None:
        """This is how and where the party is reached."""
        self._plain = send
        self._way = (send if self.isPlain else self.lock.protecting(send), destination)
        if self.isPlain:
            self._side.arriving.source = None
        elif self.dtls is not None:
            self.dtls.begin()

    def takeControl(self, send: SendTo, destination: Source | None) -> None:
        """And this is where RTCP goes, if it goes elsewhere."""
        self.controlWay = (send, destination)
        if self.controlDTLS is not None:
            self.controlDTLS.begin()

    def close(self) -> None:
        """Receive and send nothing from now on.  Idempotent."""
        for agent in self.agents:
            agent.close()
        for association in (self.dtls, self.controlDTLS):
            if association is not None:
                association.close()
        self.dtls = self.controlDTLS = None
        self.lock.shield = self.controlLock.shield = None
        self._way = self.controlWay = (None, None)
        self._plain = None

    @property
    def way(self) -> tuple[SendTo | None, Source | None]:
        """See L{ichatgw.media.relay.filter.MediaFilter}."""
        return self._way if self.isPlain or self.lock.shield is not None else (None, None)

    def arrived(self, size: int, source: Source) -> None:
        """See L{ichatgw.media.relay.filter.MediaFilter}; this runs for each packet."""
        if not 2 <= size <= MAX_DATAGRAM:
            self._drop("too long" if size > 2 else "too short")
            return
        buffer = self._scratch.buffer
        kind = BY_FIRST[buffer[0]]
        if kind is _RTP:
            if IS_CONTROL[buffer[1]]:
                self._control(self.agent, 1, size, source)
            else:
                self._media(size, source)
        elif kind is Kind.STUN:
            self._checked(self.agent, Base(1, len(source) == 4), size, source)
        elif kind is Kind.DTLS and self.dtls is not None:
            self._handshake(self.dtls, self.agent, 1, size, source)
        else:
            self._drop("junk")

    def arrivedAtControl(self, size: int, source: Source) -> None:
        """See L{ichatgw.media.relay.filter.MediaFilter}."""
        buffer = self._scratch.buffer
        kind = BY_FIRST[buffer[0]]
        if self.controlAgent is None or not 2 <= size <= MAX_DATAGRAM:
            self._drop("not muxed")
        elif kind is Kind.STUN:
            self._checked(self.controlAgent, Base(2, len(source) == 4), size, source)
        elif kind is Kind.RTP and IS_CONTROL[buffer[1]]:
            self._control(self.controlAgent, 2, size, source)
        elif kind is Kind.DTLS and self.controlDTLS is not None:
            self._handshake(self.controlDTLS, self.controlAgent, 2, size, source)
        else:
            self._drop("junk")

    def _checked(self, agent: Agent, base: Base, size: int, source: Source) -> None:
        datagram, address = bytes(self._scratch.views[size]), _addressOf(source)
        if not self.gathering.received(datagram, address):
            agent.received(base, address, datagram)

    def _handshake(self, dtls: Association, agent: Agent, component: int, size: int, source: Source) -> None:
        base, address = Base(component, len(source) == 4), _addressOf(source)
        datagram = bytes(self._scratch.views[size])
        if not dtls.received(datagram, agent.allows(base, address), agent.knows(base, address)):
            self._drop("DTLS from a stranger")

    def _media(self, size: int, source: Source) -> None:
        flow = self._side.arriving
        if self.isPlain:
            if source != flow.source and not self.agent.allows(Base(1, len(source) == 4), _addressOf(source)):
                self._drop("stranger")
                return
            length = size
        else:
            length = self.lock.openMedia(size)
        if length:
            if source != flow.source:
                flow.source = source  # it has proved who it is
                self.agent.moved(Base(1, len(source) == 4), _addressOf(source))
            flow.rtp(length, source)

    def _control(self, agent: Agent, component: int, size: int, source: Source) -> None:
        if not self.isPlain:
            opened = (self.lock if component == 1 else self.controlLock).openControl(size)
        elif agent.allows(Base(component, len(source) == 4), _addressOf(source)):
            opened = bytes(self._scratch.views[size])
        else:
            opened = None
            self._drop("stranger")
        if opened is not None:
            self._side.control.taken(opened, source, atControl=component == 2)

    def sendControl(self, datagram: bytes) -> None:
        """See L{ichatgw.media.relay.filter.MediaFilter}."""
        lock = self.lock if self.isMuxed else self.controlLock
        protected = datagram if self.isPlain else lock.protectControl(datagram)
        if protected is None:
            return
        send, destination = (self._plain, self._way[1]) if self.isMuxed else self.controlWay
        if send is not None and destination is not None:
            self.sendTo(send, protected, destination)

    def toPeer(self, datagram: bytes) -> None:
        """A datagram of DTLS."""
        send, destination = self._plain, self._way[1]
        if send is not None and destination is not None:
            self.sendTo(send, datagram, destination)

    def toControl(self, datagram: bytes) -> None:
        """The same, where RTCP goes if it goes elsewhere."""
        send, destination = self.controlWay
        if send is not None and destination is not None:
            self.sendTo(send, datagram, destination)

    def sendTo(self, send: SendTo, datagram: bytes, destination: Source) -> None:
        """What cannot be sent is counted."""
        try:
            send(datagram, destination)
        except OSError:
            self._drop("unsendable")

    def _drop(self, reason: str) -> None:
        self._side.arriving.dropped[reason] += 1


def _addressOf(source: Source) -> TransportAddress:
    return TransportAddress(str(source[0]).partition("%")[0], source[1])
