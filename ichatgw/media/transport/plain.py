# -*- test-case-name: ichatgw.test.media.transport.test_plain -*-
"""
A transport without ICE and without keys: plain RTP between two addresses, as raw UDP of Jingle has it (XEP-0177).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, evolve, field
from zope.interface import implementer

from ichatgw.errors import CallError, OutOfReach
from ichatgw.interfaces import IMediaSide, IMediaTransport, ITransportNews
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

MAX_ADDRESSES = 4
"""As many of our addresses are named to who is called."""


class NotPlain(CallError):
    """The party offers no address for plain media, or plain media is not allowed."""

    reason = EndReason.INCOMPATIBLE


def plainTransport(
    side: IMediaSide,
    news: ITransportNews,
    remote: TransportDescription | None,
    ours: Sequence[str],
    unguard: Callable[[], None],
) -> PlainTransport:
    """
    @param remote: what the party has offered; C{None} if we offer.
    @param ours: the addresses of this host, the best first.
    @param unguard: lets plain media pass at C{side}, whatever another transport has told it.
    @raise NotPlain: if the party says of no address that it is there.
    @raise OutOfReach: if none of its addresses can be reached.
    @raise Congested: if no port is left.
    """
    if remote is None:
        local = _description([side.local(host) for host in ours[:MAX_ADDRESSES]])
        return PlainTransport(side, news, local, unguard)
    return PlainTransport(side, news, _description([side.local(_wayTo(side, remote).host)]), unguard)


@implementer(IMediaTransport)
@define(eq=False)
class PlainTransport:
    """One party's media on its side of the relay, and nothing else."""

    side: IMediaSide
    news: ITransportNews
    local: TransportDescription
    unguard: Callable[[], None]
    _closed: bool = field(default=False, init=False)

    def connect(self, remote: TransportDescription, media: SessionDescription, ours: tuple[Codec, ...]) -> None:
        """See L{IMediaTransport}."""
        if self._closed:
            return
        try:
            if remote.ufrag or remote.fingerprint is not None:
                raise NotPlain("no plain media")
            address = _wayTo(self.side, remote)
        except CallError as problem:
            self._closed = True
            self.news.failed(Ending(problem.reason, str(problem), cause=65))
        else:
            self.unguard()
            control = next(iter(_addresses(remote, 2, address)), None)
            self.side.connect(evolve(media, address=address, rtcp=control), ours)
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


def _wayTo(side: IMediaSide, remote: TransportDescription) -> TransportAddress:
    """
    The first address for RTP that can be reached.

    @raise NotPlain: if there is no address.
    @raise OutOfReach: if none of them can be reached.
    @raise Congested: if no port is left.
    """
    problem: CallError = NotPlain("no address for media")
    for address in _addresses(remote, 1)[:MAX_ADDRESSES]:
        try:
            side.local(address.host)
        except OutOfReach as why:
            problem = why
        else:
            return address
    raise problem


def _addresses(
    remote: TransportDescription, component: int, like: TransportAddress | None = None
) -> list[TransportAddress]:
    """
    Those for RTP, or with component 2 for RTCP.

    @param like: of that family.
    """
    found = [candidate.address for candidate in remote.candidates if candidate.component == component]
    return [address for address in found if like is None or address.isIPv6 is like.isIPv6]


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
