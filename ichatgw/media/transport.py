# -*- test-case-name: ichatgw.test.test_media_transport -*-
"""
The way of one party's media: ICE finds it, DTLS or the signalling gives keys, and SRTP protects what goes there.
"""

from __future__ import annotations

import socket
from base64 import b64encode
from collections.abc import Sequence

from attrs import evolve
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.errors import CallError, Congested
from ichatgw.interfaces import IMediaTransport, ITransportNews
from ichatgw.media import sdes
from ichatgw.media.checklist import Base, Checklist, preferenceOf, priorityOf
from ichatgw.media.dtls import DTLS, Identity, isKnownHash
from ichatgw.media.ice import Agent
from ichatgw.media.latch import SendTo, sendable
from ichatgw.media.lock import Lock
from ichatgw.media.port import MAX_DATAGRAM, Source
from ichatgw.media.side import Side
from ichatgw.media.srtp import MasterKey, Suite
from ichatgw.media.stunrequests import Random
from ichatgw.model import (
    Candidate,
    Codec,
    Direction,
    Ending,
    EndReason,
    SessionDescription,
    Setup,
    TransportAddress,
    TransportDescription,
)

MAX_WAITING = 64
"""How many candidates are kept for a peer that has not described itself."""

OFFERED_SUITES = (Suite.AES_CM_128_HMAC_SHA1_80, Suite.AEAD_AES_128_GCM)
"""Keys for these are offered: the first is what all that know the matter have."""

MOST_HOSTS = 8
"""How many of our addresses become candidates."""

_log = Logger()


class Insecure(CallError):
    """The party offers no protection that we know, or none where we want some."""

    reason = EndReason.SECURITY


@implementer(IMediaTransport)
class Transport:
    """
    With ICE.

    It stands as a L{ichatgw.media.guard.Guard} between the side and the party: nothing but STUN goes in or out before a
    pair of candidates works, and nothing but DTLS before there are keys.

    @ivar local: see L{IMediaTransport}.
    """

    def __init__(
        self,
        clock: IReactorTime,
        random: Random,
        identity: Identity,
        callId: str,
        side: Side,
        news: ITransportNews,
        remote: TransportDescription | None,
        withKeys: bool = False,
    ) -> None:
        """
        @param withKeys: whether we offer keys in the signalling, to a party that has no DTLS.
        @raise Congested: if no port is left.
        @raise Insecure: if the party offers no protection that we know.
        """
        self._clock = clock
        self._random = random
        self._identity = identity
        self._call = callId
        self._side = side
        self._news = news
        self._remote = remote
        self._offers = remote is None
        self._dtls: DTLS | None = None
        self._lock = Lock(side)
        self._offered: sdes.OfferedKeys | None = None
        self._receiving: tuple[MasterKey, MasterKey] | None = None
        self._plain: SendTo | None = None
        self._way: tuple[SendTo | None, Source | None] = (None, None)
        self._begun = False
        self._described = False
        self._active = False
        self._waiting: list[Candidate] = []
        self._isConnected = False
        self._over = False
        self._scratch = side.arriving.scratch
        self._sends: dict[Base, SendTo] = {}
        protection = self._keyOffer() if withKeys and remote is None else self._protection()
        ufrag, password = self._credentials()
        self.local = evolve(protection, ufrag=ufrag, password=password, candidates=self._gather())
        self._agent = self._newAgent()
        side.guard(self)

    def _credentials(self) -> tuple[str, str]:
        """RFC 8445 section 5.3: 24 and 128 bits of chance are the least."""
        return b64encode(self._random(6)).decode(), b64encode(self._random(18)).decode()

    def _gather(self) -> tuple[Candidate, ...]:
        """
        A socket for each family of which we have an address, and a candidate for each address.

        @raise Congested: if there is no socket at all.
        """
        found: list[Candidate] = []
        problem: Congested | None = None
        for isIPv6 in (True, False):
            hosts = [host for host in self._side.hosts[:MOST_HOSTS] if (":" in host) == isIPv6]
            if not hosts:
                continue
            try:
                pair = self._side.sockets(socket.AF_INET6 if isIPv6 else socket.AF_INET)
            except Congested as refusal:
                problem = refusal
                continue
            self._sends[Base(1, isIPv6)] = pair.rtp.sendto
            for number, host in enumerate(hosts):
                priority = priorityOf("host", 1, preferenceOf(isIPv6, number))
                found.append(
                    Candidate(f"{len(found) + 1}", 1, priority, TransportAddress(host.partition("%")[0], pair.number))
                )
        if not found:
            raise problem or Congested("no address for media")
        return tuple(found)

    def _protection(self) -> TransportDescription:
        """
        How we protect media, as a description of nothing else.

        @raise Insecure: if the party that called offers nothing.
        """
        remote = self._remote
        if remote is None:
            return TransportDescription(fingerprint=self._identity.fingerprint, setup=Setup.ACTPASS)
        if remote.fingerprint is not None:
            self._active = remote.setup is not Setup.ACTIVE
            setup = Setup.ACTIVE if self._active else Setup.PASSIVE
            return TransportDescription(fingerprint=self._identity.fingerprint, setup=setup)
        answer = sdes.answerTo(remote.keys, self._random)
        if answer is None:
            raise Insecure("neither DTLS nor keys that we can use are offered")
        self._receiving = (sdes.masterKey(answer[0]), sdes.masterKey(answer[1]))
        return TransportDescription(keys=(answer[0],))

    def _keyOffer(self) -> TransportDescription:
        """A key for each suite; the party takes one of them."""
        self._offered = sdes.OfferedKeys.make(OFFERED_SUITES, self._random)
        return TransportDescription(keys=self._offered.keys)

    def _newAgent(self) -> Agent:
        hosts = [candidate.address.host for candidate in self.local.candidates]
        loopback = any(host in ("127.0.0.1", "::1") for host in hosts)
        checklist = Checklist(tuple(self._sends), 1, loopback)
        return Agent(
            self._clock,
            self._random,
            checklist,
            self.local.ufrag,
            self.local.password,
            self._offers,
            self._transmit,
            self,
        )

    # Orders.

    def connect(self, remote: TransportDescription, media: SessionDescription, ours: tuple[Codec, ...]) -> None:
        """See L{IMediaTransport}."""
        if self._over:
            return
        self._described = True
        self._side.guard(self)
        self._side.connect(media, ours)
        if self._offered is not None:
            taken = self._offered.taken(remote.keys)
            if taken is None:
                self._fail(Ending(EndReason.SECURITY, "no key for one of those that were offered"))
                return
            self._receiving = (sdes.masterKey(taken[0]), sdes.masterKey(taken[1]))
        if self._receiving is None:
            if remote.fingerprint is None or not isKnownHash(remote.fingerprint.algorithm):
                self._fail(Ending(EndReason.SECURITY, "no fingerprint that we can compare"))
                return
            if self._offers:
                self._active = remote.setup is Setup.PASSIVE
            self._beginDTLS(remote)
        self._agent.start(remote.ufrag, remote.password)
        waiting, self._waiting = self._waiting, []
        self._agent.add([*remote.candidates, *waiting])

    def addCandidates(self, candidates: Sequence[Candidate]) -> None:
        """See L{IMediaTransport}."""
        if self._described:
            self._agent.add(candidates)
        else:
            room = MAX_WAITING - len(self._waiting)
            self._waiting.extend(candidates[:room])

    def restart(self, remote: TransportDescription) -> TransportDescription:
        """See L{IMediaTransport}.  Media goes on by the old way until there is a new one; the keys stay."""
        ufrag, password = self._credentials()
        self.local = evolve(self.local, ufrag=ufrag, password=password)
        controlling = self._agent.controlling
        self._agent.close()
        self._agent = self._newAgent()
        self._agent.controlling = controlling
        self._agent.start(remote.ufrag, remote.password)
        self._agent.add(remote.candidates)
        return self.local

    def hold(self, direction: Direction) -> None:
        """See L{IMediaTransport}."""
        self._side.hold(direction)

    def close(self) -> None:
        """See L{IMediaTransport}."""
        if self._over:
            return
        self._over = True
        self._agent.close()
        if self._dtls is not None:
            self._dtls.close()
        self._lock.shield = None
        self._way = (None, None)
        self._side.unguard(self)

    # What ICE says.

    def selected(self, base: Base, address: TransportAddress) -> None:
        """See L{ichatgw.media.ice.News}."""
        if self._over:
            return
        _log.info("call={call} media goes to {address} by ICE", call=self._call, address=address)
        send, destination = self._sends[base], sendable(address)
        self._plain = send
        self._way = (self._lock.protecting(send), destination)
        if self._receiving is not None and self._lock.shield is None:
            self._secured(*self._receiving)
        elif self._dtls is not None and not self._begun:
            self._begun = True
            self._dtls.start()
        self._side.aim()

    def lost(self, why: str) -> None:
        """See L{ichatgw.media.ice.News}."""
        self._fail(Ending(EndReason.CONNECTIVITY, why))

    def _transmit(self, base: Base, address: TransportAddress, datagram: bytes) -> None:
        destination = sendable(address)
        send = self._sends.get(base)
        if send is None or destination is None:
            return
        try:
            send(datagram, destination)
        except OSError:
            self._side.arriving.dropped["unsendable"] += 1

    # DTLS.

    def _beginDTLS(self, remote: TransportDescription) -> None:
        assert remote.fingerprint is not None
        self._dtls = DTLS(
            self._clock,
            self._identity,
            self._active,
            remote.fingerprint,
            self._toPeer,
            self._secured,
            lambda why: self._fail(Ending(EndReason.SECURITY, why)),
        )

    def _toPeer(self, datagram: bytes) -> None:
        send, destination = self._plain, self._way[1]
        if send is None or destination is None:
            return
        try:
            send(datagram, destination)
        except OSError:
            self._side.arriving.dropped["unsendable"] += 1

    def _secured(self, sending: MasterKey, receiving: MasterKey) -> None:
        self._lock.turn(sending, receiving)
        _log.info("call={call} media is protected by {suite}", call=self._call, suite=sending.suite.value)
        self._side.aim()
        if not self._isConnected:
            self._isConnected = True
            self._news.connected()

    # The guard.

    @property
    def way(self) -> tuple[SendTo | None, Source | None]:
        """See L{ichatgw.media.guard.Guard}."""
        return self._way if self._lock.shield is not None else (None, None)

    def arrived(self, size: int, source: Source) -> None:
        """See L{ichatgw.media.guard.Guard}; this runs for each packet."""
        if not 2 <= size <= MAX_DATAGRAM:
            self._drop("too long" if size > 2 else "too short")
            return
        buffer = self._scratch.buffer
        first = buffer[0]
        if 128 <= first <= 191:
            if 192 <= buffer[1] <= 223:
                self._control(size, source)
            else:
                self._media(size, source)
        elif first <= 3:
            self._agent.received(Base(1, len(source) == 4), _addressOf(source), bytes(self._scratch.views[size]))
        elif 20 <= first <= 63 and self._dtls is not None:
            if self._agent.allows(Base(1, len(source) == 4), _addressOf(source)):
                self._dtls.received(bytes(self._scratch.views[size]))
            else:
                self._drop("DTLS from a stranger")
        else:
            self._drop("junk")

    def arrivedAtControl(self, size: int, source: Source) -> None:
        """See L{ichatgw.media.guard.Guard}: RTCP goes where RTP goes."""
        self._drop("not muxed")

    def _media(self, size: int, source: Source) -> None:
        length = self._lock.openMedia(size)
        if length:
            flow = self._side.arriving
            flow.source = source  # it has proved who it is
            flow.rtp(length, source)

    def _control(self, size: int, source: Source) -> None:
        opened = self._lock.openControl(size)
        if opened is not None:
            self._side.control.taken(opened, source, atControl=False)

    def sendControl(self, datagram: bytes) -> None:
        """See L{ichatgw.media.guard.Guard}."""
        protected = self._lock.protectControl(datagram)
        if protected is not None:
            self._toPeer(protected)

    def _drop(self, reason: str) -> None:
        self._side.arriving.dropped[reason] += 1

    def _fail(self, ending: Ending) -> None:
        if not self._over:
            self.close()
            self._news.failed(ending)


def _addressOf(source: Source) -> TransportAddress:
    return TransportAddress(str(source[0]).partition("%")[0], source[1])
