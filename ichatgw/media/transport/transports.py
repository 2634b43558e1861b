# -*- test-case-name: ichatgw.test.media.transport.test_transport,ichatgw.test.media.transport.test_withoutdtls,ichatgw.test.media.transport.test_candidates -*-  # noqa: E501
"""
Makes the transports of media: with ICE and keys for all, without either where that is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from ichatgw.interfaces import IMediaSide, IMediaTransport, IMediaTransports, ITransportNews
from ichatgw.media.dtls.dtls import Identity
from ichatgw.media.ice.stunrequests import Random
from ichatgw.media.relay.side import Side
from ichatgw.media.transport.plain import NotPlain, plainTransport
from ichatgw.media.transport.transport import Shared, Transport
from ichatgw.model import TransportAddress, TransportDescription, TransportKind


@implementer(IMediaTransports)
class MediaTransports:
    """
    All of them show the same certificate, which is made here.
    """

    def __init__(
        self,
        clock: IReactorTime,
        random: Random,
        ours: Callable[[], Sequence[str]],
        allowPlain: bool = False,
        stunServers: Callable[[], Deferred[Sequence[TransportAddress]]] | None = None,
    ) -> None:
        """
        @param ours: the addresses of this host, the best first.
        @param allowPlain: whether a party may have its media unprotected.
        @param stunServers: where the STUN servers are that tell us how we are seen, if any are asked; never fails.
        """
        self._shared = Shared(clock, random, Identity(), allowPlain)
        self._ours = ours
        self._stunServers = stunServers

    def make(
        self,
        callId: str,
        side: IMediaSide,
        news: ITransportNews,
        remote: TransportDescription | None,
        kind: TransportKind = TransportKind.DTLS,
    ) -> IMediaTransport:
        """
        See L{IMediaTransports}.

        @raise NotPlain: if the media would be plain, and that is not allowed.
        """
        isPlain = kind is TransportKind.RAW if remote is None else not remote.ufrag
        real = side.anchor()  # whatever it was before: this party cannot be shown the other one's address
        assert isinstance(real, Side)
        if isPlain:
            if not self._shared.allowPlain:
                raise NotPlain("plain media is not allowed")
            return plainTransport(real, news, remote, self._ours(), partial(real.guard, None))
        made = Transport(
            self._shared,
            callId,
            real,
            news,
            remote,
            withKeys=kind is TransportKind.KEYS,
        )
        if self._stunServers is not None:
            self._stunServers().addCallback(made.seenBy)
        return made
