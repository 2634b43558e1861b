# -*- test-case-name: ichatgw.test.test_media_handshakes -*-
"""
DTLS with a party of which only the signalled address is known, and that may be behind a NAT.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from OpenSSL import SSL
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ichatgw.media.dtls import DTLS, HANDSHAKE_TIMEOUT, Identity
from ichatgw.media.greeting import Greeting
from ichatgw.media.port import Source
from ichatgw.media.srtp import MasterKey
from ichatgw.model import Fingerprint

MOST_SOURCES = 4
"""With so many sources a handshake may be under way at a time."""


class Handshakes:
    """
    If we are active there is one handshake, with the signalled address. If not, whoever begins, and has shown that he
    is where he sends from (L{Greeting}), gets one of his own: the first that shows the certificate which the
    signalling announced is the party, and what others show is of no interest.

    @param expected: the fingerprint of that certificate.
    @param isSignalled: is this where the party said that it is?  Then what fails there fails for good.
    @param transmit: sends a datagram somewhere.
    @param agreed: told our key, the party's, and where it is, once.
    @param failed: told why there are no keys, once.
    """

    def __init__(
        self,
        clock: IReactorTime,
        identity: Identity,
        expected: Fingerprint,
        active: bool,
        isSignalled: Callable[[Source], bool],
        transmit: Callable[[bytes, Source], None],
        agreed: Callable[[MasterKey, MasterKey, Source], None],
        failed: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._identity = identity
        self._expected = expected
        self._active = active
        self._isSignalled = isSignalled
        self._transmit = transmit
        self._agreed = agreed
        self._failed = failed
        self._under: dict[Source, DTLS] = {}
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
        return len(self._under) < MOST_SOURCES or self._isSignalled(source)

    def close(self) -> None:
        """Idempotent; says nothing."""
        self._over = True
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        under, self._under = self._under, {}
        for association in under.values():
            association.close()

    def _start(self, source: Source, greeted: SSL.Connection | None = None) -> None:
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
        self._under.pop(source, None)
        self._why = why
        if self._active or self._isSignalled(source):
            self._fail()

    def _late(self) -> None:
        self._deadline = None
        self._fail()

    def _fail(self) -> None:
        if not self._over:
            self.close()
            self._failed(self._why)
