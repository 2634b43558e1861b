# -*- test-case-name: ichatgw.test.jingle.session.test_session,ichatgw.test.jingle.test_midcall -*-
"""
What a client has said of its transport, in the session and in C{transport-info} (XEP-0176): candidates, as many as are
taken, and rounds of ICE.
"""

from __future__ import annotations

from attrs import define, evolve, field

from ichatgw.jingle.stanzas.jingle import Content
from ichatgw.model import Candidate, TransportDescription

MAX_REMOTE_CANDIDATES = 100
"""As many of one session are taken; libwebrtc on a host with many interfaces finds some thirty."""

MAX_RESTARTS = 100
"""ICE is started anew that often in a session; a client that moves a lot does so now and then."""


@define(eq=False)
class RemoteTransport:
    """
    @ivar said: all that counts of what it has said.
    @ivar generation: how often ICE was started anew.
    """

    said: TransportDescription = field(init=False, factory=TransportDescription)
    generation: int = field(init=False, default=0)
    _taken: int = field(init=False, default=0)

    def describe(self, content: Content) -> None:
        """Its offer or answer; candidates that came before stay."""
        assert content.transport is not None
        said = content.transport.description
        early = self.said.candidates
        self._taken += len(said.candidates)
        self.said = evolve(said, keys=content.keys, muxed=content.muxed, candidates=(*said.candidates, *early))

    def isOfAnotherRound(self, said: TransportDescription) -> bool:
        """Is that about an earlier round of ICE, or about one that begins?"""
        return bool(said.ufrag and self.said.ufrag and said.ufrag != self.said.ufrag)

    def fresh(self, candidates: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
        """Those for which there is room."""
        fresh = candidates[: max(0, MAX_REMOTE_CANDIDATES - self._taken)]
        self._taken += len(fresh)
        return fresh

    def add(self, candidates: tuple[Candidate, ...]) -> None:
        """They count as if they had been described."""
        self.said = evolve(self.said, candidates=(*self.said.candidates, *candidates))

    def moved(self, said: TransportDescription) -> None:
        """A round begins before the first one was answered."""
        self.said = evolve(self.said, ufrag=said.ufrag, password=said.password, candidates=self.fresh(said.candidates))

    def restarted(self, said: TransportDescription) -> bool:
        """
        A round begins (XEP-0176 section 5.12).

        @return: C{False} if there have been too many: nothing has changed.
        """
        if self.generation >= MAX_RESTARTS:
            return False
        self.generation += 1
        self._taken = len(said.candidates)
        self.said = evolve(
            self.said, ufrag=said.ufrag, password=said.password, candidates=said.candidates[:MAX_REMOTE_CANDIDATES]
        )
        return True
