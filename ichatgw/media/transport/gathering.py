# -*- test-case-name: ichatgw.test.media.transport.test_candidates,ichatgw.test.media.transport.test_withoutdtls,ichatgw.test.media.transport.test_failures -*-  # noqa: E501
"""
Our candidates: the addresses of this host, those that a router hands on to it, and where a STUN server sees it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from ichatgw.errors import Congested, MalformedError, OutOfReach
from ichatgw.media.ice import stun
from ichatgw.media.ice.checklist import Base, preferenceOf, priorityOf
from ichatgw.media.ice.stunrequests import Random, Requests
from ichatgw.media.relay.latch import SendTo, sendable
from ichatgw.media.relay.side import Side
from ichatgw.media.sockets.sockets import PortPair
from ichatgw.model import Candidate, TransportAddress
from ichatgw.runtime.nulls import unheard

MAX_HOSTS = 8
"""How many of our addresses become candidates."""

MAX_SERVERS = 2
"""How many addresses of a STUN server are asked."""

_WAITS = (0.5, 1.0, 2.0)


@frozen
class _Place:
    """The sockets of one family, and the addresses of ours at which they can be reached."""

    isIPv6: bool
    hosts: list[str]
    public: list[str]
    pair: PortPair


class Gathering:
    """
    Opens the sockets of one side.

    @ivar sends: how a datagram leaves by each of them.
    @ivar candidates: those that are known, the best first.
    """

    def __init__(self, side: Side, components: int) -> None:
        """
        A socket for each component and each family of which we have an address, and a candidate for each address.

        @raise Congested: if there is no socket at all.
        """
        self.sends: dict[Base, SendTo] = {}
        self.candidates: tuple[Candidate, ...] = ()
        self._requests: Requests | None = None
        self._servers: tuple[TransportAddress, ...] = ()
        self._told: Callable[[Candidate], None] = unheard
        self._places: list[_Place] = []
        problem: Congested | OutOfReach | None = None
        for isIPv6 in (True, False):
            hosts = [host for host in side.hosts[:MAX_HOSTS] if (":" in host) == isIPv6]
            public = [host for host in side.advertised if (":" in host) == isIPv6]
            if not hosts:
                continue
            try:
                pair = side.sockets(socket.AF_INET6 if isIPv6 else socket.AF_INET)
            except (Congested, OutOfReach) as refusal:
                problem = refusal
                continue
            self._places.append(_Place(isIPv6, hosts, public, pair))
            for component in range(1, components + 1):
                self._addComponent(self._places[-1], component)
        if not self.candidates:
            raise problem or Congested("no address for media")

    def widen(self) -> tuple[Candidate, ...]:
        """
        RTCP wants a component of its own after all.

        @return: the candidates that there are for it at once.
        """
        before = self.candidates
        for place in self._places:
            self._addComponent(place, 2)
        self._query(base for base in self.sends if base.component == 2)
        return tuple(each for each in self.candidates if each not in before)

    def _addComponent(self, place: _Place, component: int) -> None:
        hosts, public, isIPv6 = place.hosts, place.public, place.isIPv6
        self.sends[Base(component, isIPv6)] = (place.pair.rtp if component == 1 else place.pair.rtcp).sendto
        port = place.pair.number + component - 1
        family = "6" if isIPv6 else "4"
        found = []
        for number, host in enumerate(hosts):
            priority = priorityOf("host", component, preferenceOf(isIPv6, number))
            address = TransportAddress(host.partition("%")[0], port)
            found.append(Candidate(f"{family}{number}", component, priority, address))
        base = found[0].address
        for number, host in enumerate(public):
            priority = priorityOf("srflx", component, preferenceOf(isIPv6, number))
            address = TransportAddress(host, port)
            found.append(
                Candidate(f"{family}{len(hosts) + number}", component, priority, address, kind="srflx", related=base)
            )
        self.candidates += tuple(found)

    def ask(
        self,
        clock: IReactorTime,
        random: Random,
        servers: Iterable[TransportAddress],
        found: Callable[[Candidate], None],
    ) -> None:
        """
        Ask STUN servers where they see us.

        @param found: told each candidate that is new.
        """
        if self._requests is not None:
            self._requests.close()
        self._requests = Requests(clock, random)
        self._servers, self._told = tuple(servers)[:MAX_SERVERS], found
        self._query(self.sends)

    def _query(self, bases: Iterable[Base]) -> None:
        requests, found = self._requests, self._told
        wanted = tuple(bases)
        for server in self._servers if requests is not None else ():
            destination = sendable(server)
            for base in wanted:
                send = self.sends[base]
                if requests is not None and destination is not None and base.isIPv6 == server.isIPv6:
                    requests.send(
                        stun.query,
                        lambda datagram, send=send, to=destination: _send(send, datagram, to),  # type: ignore[misc]
                        server,
                        lambda message: True,
                        lambda message, base=base: self._seen(base, message, found),  # type: ignore[misc]
                        lambda: None,
                        _WAITS,
                    )

    def received(self, datagram: bytes, source: TransportAddress) -> bool:
        """
        A STUN message; never raises.

        @return: whether it was an answer to one of ours.
        """
        if self._requests is None or not self._requests.knows(datagram[8:20]):
            return False
        try:
            return self._requests.received(stun.parse(datagram), source)
        except MalformedError:
            return True

    def close(self) -> None:
        """Ask no more.  Idempotent."""
        if self._requests is not None:
            self._requests.close()
            self._requests, self._told = None, unheard
        self._places.clear()

    def _seen(self, base: Base, message: stun.Message, found: Callable[[Candidate], None]) -> None:
        """There is no NAT if it is an address that we know."""
        try:
            address = stun.mapped(message)
        except ValueError:
            return
        if message.message_class is not stun.Class.RESPONSE or sendable(address) is None:
            return
        assert address is not None
        ours = [each for each in self.candidates if each.component == base.component]
        if address.isIPv6 != base.isIPv6 or any(each.address == address for each in ours):
            return
        related = next(each.address for each in ours if each.address.isIPv6 == base.isIPv6)
        priority = priorityOf("srflx", base.component, preferenceOf(base.isIPv6, MAX_HOSTS))
        candidate = Candidate(
            "699" if base.isIPv6 else "499",  # Siskin takes numbers only
            base.component,
            priority,
            address,
            kind="srflx",
            related=related,
        )
        self.candidates += (candidate,)
        found(candidate)


def _send(send: SendTo, datagram: bytes, destination: object) -> None:
    try:
        send(datagram, destination)
    except OSError:
        return  # it is asked again
