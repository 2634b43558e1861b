# -*- test-case-name: ichatgw.test.media.transport.test_transport,ichatgw.test.media.transport.test_candidates,ichatgw.test.media.transport.test_failures,ichatgw.test.media.transport.test_withoutdtls -*-  # noqa: E501
"""
The way of one party's media: ICE finds it, DTLS or the signalling gives keys, and SRTP protects what goes there.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import partial

from attrs import evolve, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.errors import CallError
from ichatgw.interfaces import IMediaTransport, ITransportNews
from ichatgw.media.dtls.dtls import DTLS, Identity, isKnownHash
from ichatgw.media.ice.agent import Agent, Credentials, News
from ichatgw.media.ice.checklist import Base, Checklist
from ichatgw.media.ice.stunrequests import Random
from ichatgw.media.relay.latch import sendable
from ichatgw.media.relay.side import Side
from ichatgw.media.srtp import sdes
from ichatgw.media.srtp.srtp import MasterKey, Suite
from ichatgw.media.transport.gathering import Gathering
from ichatgw.media.transport.icefilter import Association, ICEGuard
from ichatgw.media.transport.srtpcontext import SRTPFilter
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
from ichatgw.observe.events import DtlsState, IceState

MAX_WAITING = 64
"""How many candidates are kept for a peer that has not described itself."""

OFFERED_SUITES = (Suite.AES_CM_128_HMAC_SHA1_80, Suite.AEAD_AES_128_GCM)
"""Keys for these are offered: the first is what all that know the matter have."""

_log = Logger()


class Insecure(CallError):
    """The party offers no protection that we know, or none where we want some."""

    reason = EndReason.SECURITY


@frozen
class _ControlNews:
    """What ICE says of the way of RTCP: a call does without it."""

    selected: Callable[[Base, TransportAddress], None]

    def lost(self, why: str) -> None:
        """RTCP has no way, or no more."""


@frozen
class Shared:
    """
    What all transports are made with.

    @ivar random: makes octets that cannot be guessed.
    @ivar identity: our certificate.
    @ivar allowPlain: whether the party may have ICE and nothing that protects media.
    """

    clock: IReactorTime
    random: Random
    identity: Identity
    allowPlain: bool = False


@implementer(IMediaTransport)
class Transport:
    """
    With ICE.

    Its L{ICEGuard} stands between the side and the party.

    @ivar local: see L{IMediaTransport}.
    """

    def __init__(
        self,
        shared: Shared,
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
        self._clock = shared.clock
        self._random = shared.random
        self._identity = shared.identity
        self._call = callId
        self._side = side
        self._news = news
        self._remote = remote
        self._offers = remote is None
        self._allowPlain = shared.allowPlain
        self._guard = ICEGuard(side)
        self._lock = self._guard.lock
        self._offered: sdes.OfferedKeys | None = None
        self._receiving: tuple[MasterKey, MasterKey] | None = None
        self._described = False
        self._active = False
        self._waiting: list[Candidate] = []
        self._isConnected = False
        self._over = False
        protection = self._keyOffer() if withKeys and remote is None else self._protection()
        # Who has DTLS has RTCP where RTP is (RFC 5761), but for few; others may want it apart, and then it needs a
        # component.
        muxed = remote.muxed if remote is not None else True
        self._gathering = Gathering(side, 2 if withKeys or not muxed else 1)
        self._guard.gathering = self._gathering
        ufrag, password = self._credentials()
        self.local = evolve(
            protection, ufrag=ufrag, password=password, candidates=self._gathering.candidates, muxed=muxed
        )
        self._startAgents()
        side.guard(self._guard)

    def _credentials(self) -> tuple[str, str]:
        """RFC 8445 section 5.3: 24 and 128 bits of chance are the least."""
        return b64encode(self._random(6)).decode(), b64encode(self._random(18)).decode()

    def seenBy(self, servers: Sequence[TransportAddress]) -> None:
        """Ask STUN servers where they see us, and tell the party."""
        if not self._over:
            self._gathering.ask(self._clock, self._random, servers, self._found)

    def _found(self, candidate: Candidate) -> None:
        self.local = evolve(self.local, candidates=self._gathering.candidates)
        self._news.candidatesFound((candidate,))

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
        if answer is None and not remote.keys and self._allowPlain:
            self._guard.isPlain = True
            return TransportDescription()
        if answer is None:
            raise Insecure("neither DTLS nor keys that we can use are offered")
        self._receiving = (sdes.masterKey(answer[0]), sdes.masterKey(answer[1]))
        return TransportDescription(keys=(answer[0],))

    def _keyOffer(self) -> TransportDescription:
        """A key for each suite; the party takes one of them."""
        self._offered = sdes.OfferedKeys.make(OFFERED_SUITES, self._random)
        return TransportDescription(keys=self._offered.keys)

    def _startAgents(self) -> None:
        """One for RTP; one for RTCP if that may have a place of its own, which is of no weight if it finds none."""
        agent = self._guard.agent = self._newAgent(1, self, None)
        agent.mediaFrom = self._guard.mediaFrom
        self._guard.controlAgent = None
        if any(base.component == 2 for base in self._gathering.sends):
            self._guard.controlAgent = self._newAgent(2, _ControlNews(self._controlFound), agent.tiebreaker)

    def _newAgent(self, component: int, news: News, tiebreaker: int | None) -> Agent:
        loopback = any(each.address.host in ("127.0.0.1", "::1") for each in self.local.candidates)
        bases = tuple(base for base in self._gathering.sends if base.component == component)
        return Agent(
            self._clock,
            self._random,
            Checklist(bases, component, loopback),
            Credentials(self.local.ufrag, self.local.password),
            self._offers,
            self._transmit,
            news,
            tiebreaker,
        )

    # Orders.

    def connect(self, remote: TransportDescription, media: SessionDescription, ours: tuple[Codec, ...]) -> None:
        """See L{IMediaTransport}."""
        if self._over:
            return
        self._described = True
        self._side.guard(self._guard)
        self._side.connect(media, ours)
        if not remote.muxed:
            self._widen()
        if self._offered is not None and not self._takeKeys(self._offered, remote):
            self._fail(Ending(EndReason.SECURITY, "no key for one of those that were offered"))
            return
        if self._receiving is None and not self._guard.isPlain:
            if remote.fingerprint is None or not isKnownHash(remote.fingerprint.algorithm):
                self._fail(Ending(EndReason.SECURITY, "no fingerprint that we can compare"))
                return
            if self._offers:
                self._active = remote.setup is Setup.PASSIVE
            self._beginDTLS(remote)
        if remote.muxed:
            self._guard.mux()
        waiting, self._waiting = self._waiting, []
        for agent in self._guard.agents:
            agent.start(remote.ufrag, remote.password)
            agent.add([*remote.candidates, *waiting])

    def _widen(self) -> None:
        """We have offered RTCP where RTP is, and the party wants it apart: tell it where."""
        if self._guard.controlAgent is not None:
            return
        found = self._gathering.widen()
        self._guard.controlAgent = self._newAgent(2, _ControlNews(self._controlFound), self._guard.agent.tiebreaker)
        self.local = evolve(self.local, candidates=self._gathering.candidates)
        self._news.candidatesFound(found)

    def _takeKeys(self, offered: sdes.OfferedKeys, remote: TransportDescription) -> bool:
        """May the party's answer to our keys be accepted?"""
        if not remote.keys and self._allowPlain:
            self._guard.isPlain = True
            return True
        taken = offered.taken(remote.keys)
        if taken is not None:
            self._receiving = (sdes.masterKey(taken[0]), sdes.masterKey(taken[1]))
        return taken is not None

    def addCandidates(self, candidates: Sequence[Candidate]) -> None:
        """See L{IMediaTransport}."""
        if self._described:
            for agent in self._guard.agents:
                agent.add(candidates)
        else:
            room = MAX_WAITING - len(self._waiting)
            self._waiting.extend(candidates[:room])

    def restart(self, remote: TransportDescription) -> TransportDescription:
        """See L{IMediaTransport}.  Media goes on by the old way until there is a new one; the keys stay."""
        ufrag, password = self._credentials()
        self.local = evolve(self.local, ufrag=ufrag, password=password)
        if not self._over:
            controlling, isMuxed = self._guard.agent.controlling, self._guard.isMuxed
            patience = self._guard.agent.patience
            for agent in self._guard.agents:
                agent.close()
            self._startAgents()
            if isMuxed:
                self._guard.mux()
            for agent in self._guard.agents:
                agent.controlling = controlling
                agent.start(remote.ufrag, remote.password, patience)
                agent.add(remote.candidates)
        return self.local

    def hold(self, direction: Direction) -> None:
        """See L{IMediaTransport}."""
        self._side.hold(direction)

    def close(self) -> None:
        """See L{IMediaTransport}."""
        if self._over:
            return
        self._over = True
        self._gathering.close()
        self._guard.close()
        self._side.unguard(self._guard)

    # What ICE says.

    def selected(self, base: Base, address: TransportAddress) -> None:
        """See L{ichatgw.media.ice.agent.News}."""
        if self._over:
            return
        _log.info("call={call} media goes to {address} by ICE", call=self._call, address=address)
        self._side.tell(IceState, "connected", str(address))
        send, destination = self._gathering.sends[base], sendable(address)
        self._guard.take(send, destination)
        if self._guard.isPlain:
            self._connected()
        elif self._receiving is not None and self._lock.shield is None:
            self._secured(*self._receiving)
        self._side.aim()

    def _controlFound(self, base: Base, address: TransportAddress) -> None:
        self._guard.takeControl(self._gathering.sends[base], sendable(address))

    def lost(self, why: str) -> None:
        """See L{ichatgw.media.ice.agent.News}."""
        self._fail(Ending(EndReason.CONNECTIVITY, why))

    def _transmit(self, base: Base, address: TransportAddress, datagram: bytes) -> None:
        destination = sendable(address)
        send = self._gathering.sends.get(base)
        if send is not None and destination is not None:
            self._guard.sendTo(send, datagram, destination)

    # DTLS.

    def _beginDTLS(self, remote: TransportDescription) -> None:
        assert remote.fingerprint is not None
        make = partial(DTLS, self._clock, self._identity, self._active, remote.fingerprint)
        guard = self._guard
        guard.dtls = Association(
            make(guard.toPeer, self._secured, lambda why: self._fail(Ending(EndReason.SECURITY, why)))
        )
        if not remote.muxed:
            control = guard.controlLock = SRTPFilter(self._side)
            guard.controlDTLS = Association(make(guard.toControl, control.turn, self._noControlKeys))

    def _noControlKeys(self, why: str) -> None:
        """There are no keys for RTCP: the call goes on without it."""
        _log.debug("call={call} no keys for RTCP: {why}", call=self._call, why=why)

    def _secured(self, sending: MasterKey, receiving: MasterKey) -> None:
        self._lock.turn(sending, receiving)
        _log.info("call={call} media is protected by {suite}", call=self._call, suite=sending.suite.value)
        how = "in the signalling" if self._receiving is not None else "by DTLS"
        self._side.tell(DtlsState, "secured", f"{sending.suite.value}, with keys that were agreed on {how}")
        self._side.aim()
        self._connected()

    def _connected(self) -> None:
        if not self._isConnected:
            self._isConnected = True
            self._news.connected()

    def _fail(self, ending: Ending) -> None:
        if not self._over:
            kind = DtlsState if ending.reason is EndReason.SECURITY else IceState
            self._side.tell(kind, "failed", ending.text)
            self.close()
            self._news.failed(ending)
