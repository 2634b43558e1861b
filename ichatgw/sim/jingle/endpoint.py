# -*- test-case-name: ichatgw.test.sim.jingle.test_client -*-
"""
The near end of a Jingle client's media: sockets, and what finds the way and protects what goes there.

ICE, DTLS and SRTP are the gateway's own code (L{ichatgw.media}), put together anew.  So calls between the two show that
the parts fit, and nothing of what other implementations make of them.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from os import urandom
from typing import Protocol

from attrs import define, evolve, field

from ichatgw.errors import MalformedError
from ichatgw.media.dtls.dtls import DTLS, Identity
from ichatgw.media.ice.agent import Agent, Credentials
from ichatgw.media.ice.checklist import Base, Checklist, preferenceOf, priorityOf
from ichatgw.media.srtp.sdes import choose, newKey
from ichatgw.media.srtp.srtp import MasterKey, SRTPContext, Suite
from ichatgw.model import Candidate, CryptoKey, Setup, TransportAddress, TransportDescription
from ichatgw.sim.jingle.profile import Protection
from ichatgw.sim.media.sockets import ISimReactor, Socket, listen, listenPair

SUITE = Suite.AES_CM_128_HMAC_SHA1_80


class Listener(Protocol):
    """Who has an end of media."""

    def mediaConnected(self, remote: TransportAddress, control: TransportAddress) -> None:
        """Media can flow, to these addresses.  May be said anew, with others."""

    def mediaFailed(self, why: str) -> None:
        """There is no way, or no more."""

    def mediaReceived(self, datagram: bytes) -> None:
        """RTP or RTCP, opened."""


class Endpoint(Protocol):
    """
    @ivar local: how it describes itself.
    """

    local: TransportDescription

    def connect(self, remote: TransportDescription) -> None:
        """The far end has described itself; may be said anew, after L{renew}."""

    def add(self, candidates: Sequence[Candidate]) -> None:
        """It can be reached there too."""

    def renew(self) -> None:
        """Start ICE anew: from now on C{local} is another one."""

    def send(self, datagram: bytes, target: TransportAddress) -> None:
        """Send RTP."""

    def sendControl(self, datagram: bytes, target: TransportAddress) -> None:
        """Send RTCP."""

    def close(self) -> None:
        """Vanish.  Idempotent."""


@define(eq=False)
class RawEndpoint:
    """
    A pair of sockets, and nothing else (XEP-0177).
    """

    reactor: ISimReactor
    host: str
    listener: Listener
    local: TransportDescription = field(init=False)
    _sockets: tuple[Socket, Socket] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._sockets = listenPair(self.reactor, self.host, self._arrived, self._arrived)
        candidates = (Candidate("", number, 0, each.address) for number, each in enumerate(self._sockets, 1))
        self.local = TransportDescription(candidates=tuple(candidates), muxed=False)

    def connect(self, remote: TransportDescription) -> None:
        """See L{Endpoint}."""
        named = {each.component: each.address for each in reversed(remote.candidates)}
        if 1 in named:
            above = TransportAddress(named[1].host, named[1].port + 1)
            self.listener.mediaConnected(named[1], named.get(2, above))
        else:
            self.listener.mediaFailed("no address for media")

    def add(self, candidates: Sequence[Candidate]) -> None:
        """There is nothing to choose."""

    def renew(self) -> None:
        """There is no ICE."""

    def send(self, datagram: bytes, target: TransportAddress) -> None:
        """See L{Endpoint}."""
        self._sockets[0].send(datagram, target)

    def sendControl(self, datagram: bytes, target: TransportAddress) -> None:
        """See L{Endpoint}."""
        self._sockets[1].send(datagram, target)

    def close(self) -> None:
        """See L{Endpoint}."""
        for each in self._sockets:
            each.close()

    def _arrived(self, datagram: bytes, source: TransportAddress) -> None:
        self.listener.mediaReceived(datagram)


@define(eq=False)
class ICEEndpoint:
    """
    One socket for everything, found by ICE.

    @ivar offered: what the far end has offered; C{None} if we offer, and so control.
    @ivar isMute: neither answers nor sends any more, without closing the socket.
    """

    reactor: ISimReactor
    host: str
    identity: Identity
    protection: Protection
    listener: Listener
    offered: TransportDescription | None = None
    isMute: bool = False
    local: TransportDescription = field(init=False)
    _socket: Socket = field(init=False)
    _base: Base = field(init=False)
    _agent: Agent = field(init=False)
    _ours: list[tuple[CryptoKey, MasterKey]] = field(factory=list, init=False)
    _dtls: DTLS | None = field(default=None, init=False)
    _shield: SRTPContext | None = field(default=None, init=False)
    _isPlain: bool = field(default=False, init=False)
    _began: bool = field(default=False, init=False)
    _way: TransportAddress | None = field(default=None, init=False)
    _early: list[Candidate] = field(factory=list, init=False)
    _described: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._socket = listen(self.reactor, self.host, 0, self._arrived)
        isIPv6 = self._socket.address.isIPv6
        self._base = Base(1, isIPv6)
        priority = priorityOf("host", 1, preferenceOf(isIPv6))
        candidates = (Candidate("1", 1, priority, self._socket.address),)
        self.local = evolve(self._protectionOf(self.offered), candidates=candidates)
        self._newAgent(self.offered is None)

    def _protectionOf(self, offered: TransportDescription | None) -> TransportDescription:
        """What we say of it."""
        wants = self.protection
        canDTLS = wants in (Protection.DTLS, Protection.DTLS_AND_SDES)
        if canDTLS and (offered is None or offered.fingerprint is not None):
            setup = Setup.ACTPASS if offered is None else Setup.ACTIVE
            said = TransportDescription(fingerprint=self.identity.fingerprint, setup=setup)
            if offered is not None or wants is Protection.DTLS:
                return said
            self._ours = [newKey(SUITE, "1", urandom)]
            return evolve(said, keys=(self._ours[0][0],))
        if wants in (Protection.SDES, Protection.DTLS_AND_SDES):
            chosen = None if offered is None else choose(offered.keys)
            if chosen is not None:
                self._ours = [newKey(chosen[1].suite, chosen[0].tag, urandom)]
            elif offered is None:
                self._ours = [newKey(SUITE, "1", urandom)]
        return TransportDescription(keys=tuple(key for key, _ in self._ours))

    def _newAgent(self, controlling: bool) -> None:
        ufrag, password = b64encode(urandom(6)).decode(), b64encode(urandom(18)).decode()
        self.local = evolve(self.local, ufrag=ufrag, password=password)
        isLoopback = self.host in ("127.0.0.1", "::1")
        checklist = Checklist((self._base,), 1, isLoopback)
        ours = Credentials(ufrag, password)
        self._agent = Agent(self.reactor, urandom, checklist, ours, controlling, self._transmit, self)
        self._described = False

    # Orders

    def connect(self, remote: TransportDescription) -> None:
        """See L{Endpoint}."""
        if self._described:
            return
        self._described = True
        if not self._began:
            self._agreeOn(remote)
        self._agent.start(remote.ufrag, remote.password)
        early, self._early = self._early, []
        self._agent.add([*remote.candidates, *early])

    def _agreeOn(self, remote: TransportDescription) -> None:
        """By what media is protected: the best that both have named."""
        local = self.local
        if local.fingerprint is not None and remote.fingerprint is not None:
            isActive = local.setup is Setup.ACTIVE or remote.setup is Setup.PASSIVE
            self._dtls = DTLS(
                self.reactor,
                self.identity,
                isActive,
                remote.fingerprint,
                self._toPeer,
                self._secured,
                self.listener.mediaFailed,
            )
        elif local.keys and remote.keys:
            theirs = choose(remote.keys)
            ours = next((key for said, key in self._ours if theirs is not None and said.tag == theirs[0].tag), None)
            if theirs is not None and ours is not None:
                self._shield = SRTPContext(ours, theirs[1])
        elif self.protection in (Protection.NONE, Protection.DTLS_AND_SDES):
            self._isPlain = True

    def add(self, candidates: Sequence[Candidate]) -> None:
        """See L{Endpoint}."""
        if self._described:
            self._agent.add(candidates)
        else:
            self._early.extend(candidates)

    def renew(self) -> None:
        """See L{Endpoint}.  Media goes on by the old way until there is a new one."""
        controlling = self._agent.controlling
        self._agent.close()
        self._newAgent(controlling)

    def send(self, datagram: bytes, target: TransportAddress) -> None:
        """See L{Endpoint}."""
        if self._isPlain:
            self._toPeer(datagram)
        elif self._shield is not None:
            self._toPeer(self._shield.protect(datagram))

    def sendControl(self, datagram: bytes, target: TransportAddress) -> None:
        """See L{Endpoint}."""
        if self._isPlain:
            self._toPeer(datagram)
        elif self._shield is not None:
            self._toPeer(self._shield.protectControl(datagram))

    def close(self) -> None:
        """See L{Endpoint}."""
        self._agent.close()
        if self._dtls is not None:
            self._dtls.close()
        self._socket.close()

    # What ICE and DTLS say

    def selected(self, base: Base, address: TransportAddress) -> None:
        """See L{ichatgw.media.ice.agent.News}."""
        self._way = address
        if self._shield is not None or self._isPlain:
            self.listener.mediaConnected(address, address)
        elif self._dtls is None:
            self.listener.mediaFailed("nothing that protects media is common to both")
        elif not self._began:
            self._dtls.start()
        self._began = True

    def lost(self, why: str) -> None:
        """See L{ichatgw.media.ice.agent.News}."""
        self.listener.mediaFailed(why)

    def _secured(self, sending: MasterKey, receiving: MasterKey) -> None:
        self._shield = SRTPContext(sending, receiving)
        if self._way is not None:
            self.listener.mediaConnected(self._way, self._way)

    def _transmit(self, base: Base, address: TransportAddress, datagram: bytes) -> None:
        if not self.isMute:
            self._socket.send(datagram, address)

    def _toPeer(self, datagram: bytes) -> None:
        if self._way is not None and not self.isMute:
            self._socket.send(datagram, self._way)

    def _arrived(self, datagram: bytes, source: TransportAddress) -> None:
        """Tell apart what shares the socket (RFC 7983)."""
        first = datagram[0] if datagram else 0xFF
        if self.isMute:
            return
        if first <= 3:
            self._agent.received(self._base, source, datagram)
        elif 20 <= first <= 63 and self._dtls is not None:
            self._dtls.received(datagram)
        elif 128 <= first <= 191:
            self._opened(datagram)

    def _opened(self, datagram: bytes) -> None:
        if self._isPlain:
            self.listener.mediaReceived(datagram)
        elif self._shield is not None:
            isControl = len(datagram) > 1 and 192 <= datagram[1] <= 223
            try:
                opened = self._shield.openControl(datagram) if isControl else self._shield.open(datagram)
            except MalformedError:
                return
            self.listener.mediaReceived(opened)
