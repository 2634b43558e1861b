# -*- test-case-name: ichatgw.test.media.test_engine,ichatgw.test.media.relay.test_exchange,ichatgw.test.gateway.test_build,ichatgw.test.control.test_setup -*-  # noqa: E501
"""
Makes relays in this process, on the one reactor.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from zope.interface import implementer

from ichatgw.errors import Congested
from ichatgw.interfaces import IMediaEngine, IRelay
from ichatgw.media.dtls.dtls import Identity
from ichatgw.media.ice.lite import Lite
from ichatgw.media.relay.flow import LOOK_SECONDS, Feeder, Flow, swapped
from ichatgw.media.relay.medialatch import Elsewhere, MediaLatch
from ichatgw.media.relay.relay import Relay
from ichatgw.media.relay.side import Means, Side
from ichatgw.media.sockets.port import MediaSocket, Scratch, SocketFactory
from ichatgw.media.sockets.portrange import QUARANTINE, PortPool
from ichatgw.media.sockets.readers import Readers, readersFor
from ichatgw.media.sockets.sockets import SideSockets, Supplies
from ichatgw.media.transport.secured import Secured
from ichatgw.net.localaddresses import LocalAddresses
from ichatgw.observe.stream import UNREAD
from ichatgw.runtime.nulls import unheard


def _makeSocket(family: int) -> MediaSocket:
    return MediaSocket(family, socket.SOCK_DGRAM)


def _random32() -> int:
    return secrets.randbits(32)


@frozen
class MediaOptions:
    """
    What can be chosen of media.

    @ivar portMin: the lowest port.
    @ivar portMax: the highest; less than C{portMin} means C{portMin}.
    @ivar quarantine: for how many seconds a port rests before another call gets it.
    @ivar elsewhere: whether media may come from hosts that the signalling does not show.
    @ivar patience: seconds after which a party that should send is said to be silent; 0 for never.
    """

    portMin: int
    portMax: int
    quarantine: float = QUARANTINE
    elsewhere: Elsewhere = Elsewhere.NAT
    patience: float = 0


@implementer(IMediaEngine)
class MediaEngine:
    """
    Owns the ports, the sockets and the timers of all relays.

    Nothing runs while there is no call.  L{stop} closes whatever is left.

    @ivar identity: our certificate for DTLS.
    @ivar events: told of what becomes of media; set before the first call.
    @ivar lost: told of a call that has lost a port, and why the port cannot be opened again; set before the first call.
    """

    lost: Callable[[str, str], object]

    def __init__(
        self,
        reactor: Any,
        addresses: LocalAddresses,
        options: MediaOptions,
        clock: IReactorTime | None = None,
        readers: Readers | None = None,
        makeSocket: SocketFactory = _makeSocket,
        random32: Callable[[], int] = _random32,
        identity: Identity | None = None,
    ) -> None:
        """
        @param reactor: watches the sockets; also the clock unless C{clock} is given.
        @param readers: what the sockets register with instead of the reactor.
        @param random32: makes SSRCs and first sequence numbers.
        @param identity: our certificate for DTLS; one of its own if not given.
        """
        timer: IReactorTime = reactor if clock is None else clock
        self._pool = PortPool(timer, options.portMin, options.portMax, options.quarantine)
        self._scratch = Scratch()
        self._supplies = Supplies(
            addresses, self._pool, readersFor(reactor) if readers is None else readers, self._scratch, makeSocket
        )
        self._random32 = random32
        self._makeLatch = partial(MediaLatch, timer.seconds, options.elsewhere)
        self._feeder = Feeder(timer)
        self.identity = identity or Identity()
        self.lost = unheard
        self._losses: dict[str, str] = {}
        self._means = Means(
            partial(Secured, timer, self.identity),
            partial(Lite, timer),
            options.patience,
            self._losses.setdefault,
        )
        self.events = UNREAD
        self._relays: dict[Relay, None] = {}
        self._looks = LoopingCall(self._look)
        self._looks.clock = timer

    @property
    def pairs(self) -> int:
        """How many pairs of ports there are, for RTP and RTCP."""
        return self._pool.free + self._pool.lent

    @property
    def free(self) -> int:
        """How many of them no call has, whether or not they rest."""
        return self._pool.free

    @property
    def live(self) -> int:
        """How many relays there are."""
        return len(self._relays)

    @property
    def missing(self) -> str:
        """See L{ichatgw.runtime.watch.Vital}."""
        return self._supplies.readers.missing

    def revive(self) -> None:
        """See L{ichatgw.runtime.watch.Vital}."""
        self._supplies.readers.revive()

    def drain(self) -> None:
        """Read the packets that have come, between pieces of other work."""
        self._supplies.readers.drain()

    @property
    def hasRoom(self) -> bool:
        """See L{IMediaEngine}."""
        return self._pool.hasRoom(2)

    def allocate(self, callId: str) -> IRelay:
        caller, callee = self._takeTwo()
        relay = Relay(
            callId,
            self._side("caller", callId, caller),
            self._side("callee", callId, callee),
            self._closed,
            partial(self._another, callId),
        )
        self._relays[relay] = None
        if not self._looks.running:
            self._looks.start(LOOK_SECONDS, now=False)
        return relay

    def stop(self) -> None:
        """Close all relays."""
        for relay in list(self._relays):
            relay.close()

    def _takeTwo(self) -> tuple[int, int]:
        first = self._pool.take()
        try:
            return first, self._pool.take()
        except Congested:
            self._pool.restore(first)
            raise

    def _another(self, callId: str, name: str, withPorts: bool) -> Side:
        return self._side(name, callId, self._pool.take() if withPorts else None)

    def _side(self, name: str, callId: str, port: int | None) -> Side:
        flow = Flow(self._scratch, self._feeder, swapped(self._random32()), self._random32(), self._random32())
        sockets, latch = SideSockets(self._supplies, port), self._makeLatch()
        return Side(name, callId, sockets, flow, latch, self._means, self.events)

    def _closed(self, relay: Relay) -> None:
        del self._relays[relay]
        if not self._relays:
            self._looks.stop()

    def _look(self) -> None:
        for relay in list(self._relays):
            relay.look()
        while self._losses:
            self.lost(*self._losses.popitem())
