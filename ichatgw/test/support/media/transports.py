# -*- test-case-name: ichatgw.test.media.transport.test_fakes -*-
# mypy: allow-untyped-calls
"""
Stand-ins of the transports of media.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, evolve, field
from zope.interface import implementer

from ichatgw.errors import CallError
from ichatgw.interfaces import IMediaSide, IMediaTransport, IMediaTransports, ITransportNews
from ichatgw.model import (
    Candidate,
    Codec,
    Direction,
    Ending,
    Fingerprint,
    SessionDescription,
    Setup,
    TransportAddress,
    TransportDescription,
    TransportKind,
)

OUR_CANDIDATE = Candidate("1", 1, 2130706431, TransportAddress("192.0.2.10", 20000))
OUR_FINGERPRINT = Fingerprint("sha-256", ":".join(["AB"] * 32))


@implementer(IMediaTransport)
@define(eq=False)
class FakeTransport:
    """
    Remembers what it was told; the test plays the network through C{news}.

    @ivar connections: what C{connect} was told.
    @ivar remotes: every candidate of the party, in order.
    """

    news: ITransportNews
    offered: TransportDescription | None = None
    local: TransportDescription = field(init=False)
    connections: list[tuple[TransportDescription, SessionDescription, tuple[Codec, ...]]] = field(factory=list)
    remotes: list[Candidate] = field(factory=list)
    restarts: list[TransportDescription] = field(factory=list)
    holds: list[Direction] = field(factory=list)
    closed: int = 0

    def __attrs_post_init__(self) -> None:
        self.local = TransportDescription(
            "ours",
            "password-of-22-letters",
            (OUR_CANDIDATE,),
            OUR_FINGERPRINT,
            Setup.ACTPASS if self.offered is None else Setup.ACTIVE,
        )

    def connect(self, remote: TransportDescription, media: SessionDescription, ours: tuple[Codec, ...]) -> None:
        self.connections.append((remote, media, ours))
        self.remotes.extend(remote.candidates)

    def addCandidates(self, candidates: Sequence[Candidate]) -> None:
        self.remotes.extend(candidates)

    def restart(self, remote: TransportDescription) -> TransportDescription:
        self.restarts.append(remote)
        self.local = evolve(self.local, ufrag=f"ours{len(self.restarts)}")
        return self.local

    def hold(self, direction: Direction) -> None:
        self.holds.append(direction)

    def close(self) -> None:
        self.closed += 1

    def finds(self, *candidates: Candidate) -> None:
        """More of our candidates are known."""
        self.local = evolve(self.local, candidates=self.local.candidates + candidates)
        self.news.candidatesFound(candidates)

    def connects(self) -> None:
        self.news.connected()

    def fails(self, ending: Ending) -> None:
        self.news.failed(ending)


@implementer(IMediaTransports)
@define(eq=False)
class FakeTransports:
    """Remembers what it made; C{error} is raised instead of making one, and first those of C{errors}, each once."""

    error: CallError | None = None
    errors: list[CallError] = field(factory=list)
    made: list[FakeTransport] = field(factory=list)
    sides: list[IMediaSide] = field(factory=list)
    kinds: list[TransportKind] = field(factory=list)

    def make(
        self,
        callId: str,
        side: IMediaSide,
        news: ITransportNews,
        remote: TransportDescription | None,
        kind: TransportKind = TransportKind.DTLS,
    ) -> IMediaTransport:
        self.kinds.append(kind)
        if self.errors:
            raise self.errors.pop(0)
        if self.error is not None:
            raise self.error
        transport = FakeTransport(news, remote)
        self.made.append(transport)
        self.sides.append(side)
        return transport

    @property
    def open(self) -> int:
        """How many are not closed."""
        return sum(1 for transport in self.made if not transport.closed)
