# -*- test-case-name: ichatgw.test.media.dtls.test_handshakes -*-
"""
DTLS with a party of which only the signalled address is known, and that may be behind a NAT.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import frozen
from OpenSSL import SSL
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ichatgw.media.dtls.cookie import Greeting
from ichatgw.media.dtls.dtls import DTLS, HANDSHAKE_TIMEOUT, Identity
from ichatgw.media.sockets.port import Source
from ichatgw.media.srtp.srtp import MasterKey
from ichatgw.model import Fingerprint
from ichatgw.net.networks import sourceOf

MAX_OF_HOST = 2
"""So many handshakes may be under way with one host, or network of IPv6, that the signalling does not show."""

MAX_OF_OTHERS = 8
"""And so many with all of these."""

MAX_OF_PARTY = 4
"""So many with the hosts that the signalling shows; the signalled address has a place besides."""

ANSWER_TIMEOUT = 3.0
"""Seconds after which a handshake gives way to one that comes later, if there are too many."""


@frozen
class Signalled:
    """
    What the signalling shows of the party.

    @ivar fingerprint: that of its certificate.
    @ivar isAt: is this where it said that it is?  Then what fails there fails for good.
    @ivar isShown: may it be at that host?
    """

    fingerprint: Fingerprint
    isAt: Callable[[Source], bool]
    isShown: Callable[[Source], bool]


class Handshakes:
    """
    If we are active there is one handshake, with the signalled address. If not, each client that begins one, and has
    proved its source address (L{Greeting}), gets a handshake of its own: the first that shows the certificate which
    the signalling announced is the party, and what others show is of no interest.

    A stranger does not keep the party out by handshakes that come to no end: they are counted by hosts, and the hosts
    that the signalling shows by themselves.

    @param active: do we begin?
    @param transmit: sends a datagram somewhere.
    @param agreed: told our key, the party's, and where it is, once.
    @param failed: told why there are no keys, once.
    """

    def __init__(
        self,
        clock: IReactorTime,
        identity: Identity,
        signalled: Signalled,
        active: bool,
        transmit: Callable[[bytes, Source], None],
        agreed: Callable[[MasterKey, MasterKey, Source], None],
        failed: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._identity = identity
        self._expected = signalled.fingerprint
        self._active = active
        self._isSignalled = signalled.isAt
        self._isShown = signalled.isShown
        self._transmit = transmit
        self._agreed = agreed
        self._failed = failed
        self._under: dict[Source, DTLS] = {}
        self._began: dict[Source, float] = {}
        self._party: DTLS | None = None
        self._why = "the DTLS handshake took too long"
        self._over = False
        self._greeting = Greeting(identity)
        self._deadline: IDelayedCall | None = clock.callLater(HANDSHAKE_TIMEOUT, self._late)

    def begin(self, destination: Source) -> None:
        """If it is for us to begin: do, once."""
        if self._active and not self._under and not self._over and self._party is None:
            self._start(destination)

    def received(self, datagram: bytes, source: Source) -> None:
        """A datagram of DTLS.  Never raises."""
        association = self._under.get(source)
        if association is not None:
            association.received(datagram)
        elif self._mayBegin(source):
            answer, greeted = self._greeting.heard(datagram, source)
            if answer:
                self._transmit(answer, source)
            if greeted is not None:
                self._start(source, greeted)

    def _mayBegin(self, source: Source) -> bool:
        if self._active or self._over or self._party is not None:
            return False
        crowd = self._crowd(source)
        return not crowd or self._outlived(crowd) is not None

    def _crowd(self, source: Source) -> list[Source]:
        """Of which there are too many, so that one from C{source} finds no place; empty if it does."""
        if self._isSignalled(source):
            return []
        isShown = self._isShown(source)
        rivals = [each for each in self._under if self._isShown(each) is isShown and not self._isSignalled(each)]
        if isShown:
            return rivals if len(rivals) >= MAX_OF_PARTY else []
        host = sourceOf(str(source[0]))
        same = [each for each in rivals if sourceOf(str(each[0])) == host]
        if len(same) >= MAX_OF_HOST:
            return same
        return rivals if len(rivals) >= MAX_OF_OTHERS else []

    def _outlived(self, crowd: list[Source]) -> Source | None:
        """Which of them gives way; C{None} if all are young."""
        latest = self._clock.seconds() - ANSWER_TIMEOUT
        return next((each for each in crowd if self._began[each] <= latest), None)

    def close(self) -> None:
        """Idempotent; says nothing."""
        self._over = True
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        under, self._under = self._under, {}
        self._began.clear()
        for association in under.values():
            association.close()

    def _start(self, source: Source, greeted: SSL.Connection | None = None) -> None:
        given = self._outlived(self._crowd(source))
        if given is not None:
            self._forget(given).close()
        self._began[source] = self._clock.seconds()
        association = self._under[source] = DTLS(
            self._clock,
            self._identity,
            self._active,
            self._expected,
            partial(self._send, source),
            partial(self._succeeded, source),
            partial(self._lost, source),
            greeted,
        )
        association.start()

    def _send(self, source: Source, datagram: bytes) -> None:
        self._transmit(datagram, source)

    def _succeeded(self, source: Source, ours: MasterKey, theirs: MasterKey) -> None:
        party = self._under.pop(source)
        self.close()
        # It stays, to answer a last flight that comes again.
        self._over, self._party, self._under = False, party, {source: party}
        self._agreed(ours, theirs, source)

    def _lost(self, source: Source, why: str) -> None:
        self._forget(source)
        self._why = why
        if self._active or self._isSignalled(source):
            self._fail()

    def _forget(self, source: Source) -> DTLS:
        self._began.pop(source, None)
        return self._under.pop(source)

    def _late(self) -> None:
        self._deadline = None
        self._fail()

    def _fail(self) -> None:
        if not self._over:
            self.close()
            self._failed(self._why)
