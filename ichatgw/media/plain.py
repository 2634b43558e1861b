# -*- test-case-name: ichatgw.test.test_media_plain -*-
"""
Transports without ICE and without keys: plain RTP between two addresses, as raw UDP of Jingle has it (XEP-0177).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, evolve, field
from zope.interface import implementer

from ichatgw.errors import CallError
from ichatgw.interfaces import IMediaSide, IMediaTransport, IMediaTransports, ITransportNews
from ichatgw.model import (
    Candidate,
    Codec,
    Direction,
    Ending,
    EndReason,
    SessionDescription,
    TransportAddress,
    TransportDescription,
)

MOST_ADDRESSES = 4
"""As many of our addresses are named to who is called."""


class NotPlain(CallError):
    """The party offers nothing but media that is negotiated or protected in ways that are not served."""

    reason = EndReason.INCOMPATIBLE


@implementer(IMediaTransports)
@define(eq=False)
class PlainTransports:
    """
    @ivar ours: the addresses of this host, the best first.
    """

    ours: Callable[[], Sequence[str]]

    def make(
        self, callId: str, side: IMediaSide, news: ITransportNews, remote: TransportDescription | None
    ) -> IMediaTransport:
        """See L{IMediaTransports}."""
        if remote is not None:
            if remote.ufrag or remote.fingerprint is not None:
                raise NotPlain("ICE and DTLS are not served")
            address = _addressOf(remote)
            if address is None:
                raise NotPlain("no address for media")
            return PlainTransport(side, news, _description([side.local(address.host)]))
        return PlainTransport(side, news, _description([side.local(host) for host in self.ours()[:MOST_ADDRESSES]]))


@implementer(IMediaTransport)
@define(eq=False)
class PlainTransport:
    """One party's media on its side of the relay, and nothing else."""

    side: IMediaSide
    news: ITransportNews
    local: TransportDescription
    _closed: bool = field(default=False, init=False)

    def connect(self, remote: TransportDescription, media: SessionDescription, ours: tuple[Codec, ...]) -> None:
        """See L{IMediaTransport}."""
        if self._closed:
            return
        address = _addressOf(remote)
        if address is None or remote.ufrag or remote.fingerprint is not None:
            self._fail(Ending(EndReason.INCOMPATIBLE, "no address for plain media", cause=65))
        elif [codec.payloadType for codec in media.codecs] != [codec.payloadType for codec in ours]:
            self._fail(Ending(EndReason.INCOMPATIBLE, "the party numbers formats otherwise than they were offered"))
        else:
            self.side.connect(evolve(media, address=address, rtcp=_addressOf(remote, 2)))
            self.news.connected()

    def addCandidates(self, candidates: Sequence[Candidate]) -> None:
        """See L{IMediaTransport}.  There is one address, and where media comes from tells the rest."""

    def restart(self, remote: TransportDescription) -> TransportDescription:
        """See L{IMediaTransport}.  Without ICE there is nothing to be started anew."""
        return self.local

    def hold(self, direction: Direction) -> None:
        """See L{IMediaTransport}."""
        if not self._closed:
            self.side.hold(direction)

    def close(self) -> None:
        """See L{IMediaTransport}."""
        self._closed = True

    def _fail(self, ending: Ending) -> None:
        self._closed = True
        self.news.failed(ending)


def _addressOf(remote: TransportDescription, component: int = 1) -> TransportAddress | None:
    """The first address for RTP, or with component 2 for RTCP."""
    found = (candidate.address for candidate in remote.candidates if candidate.component == component)
    return next(found, None)


def _description(addresses: Sequence[TransportAddress]) -> TransportDescription:
    """RTP at each address, and RTCP at the port above."""
    return TransportDescription(
        candidates=tuple(
            Candidate("raw", component, 0, TransportAddress(address.host, address.port + component - 1))
            for component in (1, 2)
            for address in addresses
        ),
        muxed=False,
    )
