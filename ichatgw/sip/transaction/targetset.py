# -*- test-case-name: ichatgw.test.sip.transaction.test_targetset -*-
"""
The hunt for a target that takes an INVITE: the targets of its address one after another (RFC 3263 section 4.3), then
those of the addresses that a redirection names (RFC 3261 section 8.1.3.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import frozen
from sippy.SipContact import SipContact
from sippy.SipURL import SipURL
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ichatgw.sip.transport.target import Target

ANSWER_TIMEOUT = 4.0
"""
Seconds in which a target has to say something if there is another one; by then it has been asked four times (RFC 3261
section 17.1.1.2).
"""

MAX_REDIRECTIONS = 5
"""How many other addresses one call is led to."""

USE_PROXY = 305
"""The status that leaves the address and changes the way; all other redirections are as 300 (section 8.1.3.2)."""


@frozen
class Attempt:
    """
    @ivar uri: the Request-URI, sippy's C{SipURL}.
    @ivar target: where the INVITE goes.
    """

    uri: SipURL
    target: Target


class TargetSet:
    """
    One call's attempts.

    @param uri: the address called.
    @param locate: gives the targets of an address.
    @param failed: is told of a target that did not answer or cannot take calls.
    @param mostRedirections: how many other addresses are called if we are led to them.
    """

    def __init__(
        self,
        clock: IReactorTime,
        uri: SipURL,
        locate: Callable[[SipURL], Deferred[tuple[Target, ...]]],
        failed: Callable[[Target], None],
        mostRedirections: int = MAX_REDIRECTIONS,
    ) -> None:
        self._clock = clock
        self._locate = locate
        self._failed = failed
        self._mostRedirections = mostRedirections
        self._uri = uri
        self._secure = uri.scheme == "sips"
        self._known = {str(uri)}
        self._uris = [(uri, uri)]
        self._targets: list[Target] = []
        self._current: Target | None = None
        self._heard = False
        self._timer: IDelayedCall | None = None

    @property
    def goesOn(self) -> bool:
        """Is there something left to try?"""
        return bool(self._targets or self._uris)

    def next(self) -> Deferred[Attempt]:
        """
        What to try now; to be asked only if L{goesOn}.

        The Deferred fails as C{locate}'s does, and may be cancelled.
        """
        self.rest()
        if self._targets:
            return succeed(self._attempt())
        self._uri, way = self._uris.pop(0)
        return self._locate(way).addCallback(self._located)

    def _located(self, targets: tuple[Target, ...]) -> Attempt:
        self._targets = list(targets)
        return self._attempt()

    def _attempt(self) -> Attempt:
        self._heard = False
        self._current = self._targets.pop(0)
        return Attempt(self._uri, self._current)

    def watch(self, expired: Callable[[], None]) -> None:
        """Call C{expired} if the target stays silent for too long and there is another one."""
        if self.goesOn:
            self._timer = self._clock.callLater(ANSWER_TIMEOUT, self._expire, expired)

    def _expire(self, expired: Callable[[], None]) -> None:
        self._timer = None
        self.avoid()
        expired()

    def heard(self) -> None:
        """The target has said something, which is not the last word."""
        self._heard = True
        self.rest()

    def rang(self) -> None:
        """The target says that a phone rings, or may."""

    def refused(self, code: int, holds: bool = True) -> None:
        """
        The target's last word, a status that is no success and leads nowhere.

        It holds for all targets of the address called unless it is 503, or 408 made here for want of an answer;
        if it is 600 or more it holds for the other addresses too (RFC 3261 section 21.6).

        @param holds: what one target says of itself (5xx) holds for the others.
        """
        self.rest()
        if code == 503 or (code == 408 and not self._heard):
            self.avoid()
            return
        if holds or code // 100 != 5:
            self._targets = []
        if code >= 600:
            self._uris = []

    def rest(self) -> None:
        """Nothing is waited for any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def avoid(self) -> None:
        """The target that was tried last is of no use now."""
        if self._current is not None:
            self._failed(self._current)

    def redirect(self, contacts: Iterable[SipContact], anywhere: bool = True, areProxies: bool = False) -> None:
        """
        The address called is elsewhere: what is left of its targets is of no interest.

        @param contacts: sippy's bodies of C{Contact}; the one with the highest C{q} is tried first, none twice.
        @param anywhere: not just to the host that the address called names.
        @param areProxies: the address stays, and is reached by way of each (RFC 3261 section 21.3.4).
        """
        self.rest()
        self._targets = []
        for uri in sorted((contact for contact in contacts if not contact.asterisk), key=_rank):
            url = uri.getUri().url.getCopy()
            if url.headers:
                url.headers = None
            if url.scheme.lower() not in ("sip", "sips") or not url.host or str(url) in self._known:
                continue
            if self._secure and url.scheme.lower() != "sips":
                continue  # a redirection must not weaken sips: TLS all the way
            if not anywhere and url.host.lower() != self._uri.host.lower():
                continue
            if len(self._known) > self._mostRedirections:
                break
            self._known.add(str(url))
            self._uris.append((self._uri if areProxies else url, url))


def _rank(contact: SipContact) -> float:
    try:
        return -min(1.0, max(0.0, float(contact.getUri().getParam("q") or "")))
    except (KeyError, TypeError, ValueError):
        return -1.0
