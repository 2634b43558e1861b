# -*- test-case-name: ichatgw.test.sip.trunk.test_dialer -*-
"""
The hunt for a trunk that takes a call: one after another, until one has said anything about the phone that is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from attrs import frozen
from sippy.SipContact import SipContact
from sippy.SipURL import SipURL
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from ichatgw.errors import CallError
from ichatgw.model import EndReason
from ichatgw.runtime.clock import cancel
from ichatgw.sip.transaction.targetset import TargetSet
from ichatgw.sip.transport.target import Target
from ichatgw.sip.trunk.account import Account
from ichatgw.sip.trunk.flow import Flow

ANSWER_TIMEOUT = 3.5
"""Seconds that all servers of a trunk have together to say something, if there is another trunk."""

_NOT_OF_THE_CALLED = frozenset({401, 402, 403, 405, 407, 408, 423, 430, 494})
"""Statuses that are about the trunk, and not about who is called, besides those of 500 and more."""

_OF_THE_FLOW = frozenset({430, 502, 503, 504})
"""Those after which another flow of the same trunk may do (430 is Flow Failed, RFC 5626 section 11.5)."""


_SILENT = 408

Asks = Callable[[Account, Flow], Deferred[int]]
"""Asks whether the server of a flow is there; gives the status of its answer, and may be cancelled."""


class Unusable(CallError):
    """A trunk cannot be used."""

    reason = EndReason.UNAVAILABLE


@frozen
class Passage:
    """
    One way for a call.

    @ivar uri: the address to call by it, sippy's C{SipURL}.
    """

    account: Account
    flow: Flow
    uri: SipURL


class TrunkHunt(TargetSet):
    """
    The attempts by several trunks, and the flows of each.

    @ivar way: that of the attempt that was made last.
    @ivar accounts: all trunks.
    @param ways: the ways in order; those of one trunk follow each other.
    @param targetOf: where a flow is registered.
    @param doubt: is told of a trunk that does not answer.
    @param ask: given for what must not arrive twice: a server that is there, and does not say that it has not taken
        it, is the last one.
    """

    def __init__(
        self,
        clock: IReactorTime,
        ways: Sequence[Passage],
        failed: Callable[[Target], None],
        targetOf: Callable[[Flow], Target | None],
        doubt: Callable[[Account], None],
        ask: Asks | None = None,
    ) -> None:
        super().__init__(clock, ways[0].uri, self._find, failed, 0)
        self._ways = {id(way.uri): way for way in ways}
        self._uris = [(way.uri, way.uri) for way in ways]
        self._targetOf = targetOf
        self._doubt = doubt
        self._ask = ask
        self._asked: Deferred[int] | None = None
        self._rang = False
        self._until: float | None = None
        self.way = ways[0]
        self.accounts = tuple(dict.fromkeys(way.account for way in ways))

    @property
    def account(self) -> Account:
        """The trunk of the attempt that was made last."""
        return self.way.account

    @property
    def _flowsLeft(self) -> int:
        """How many more flows the trunk has."""
        return sum(self._ways[id(uri)].account is self.account for uri, _ in self._uris)

    def _find(self, uri: SipURL) -> Deferred[tuple[Target, ...]]:
        way, now = self._ways[id(uri)], self._clock.seconds()
        if self._until is None or way.account is not self.account:
            self._until = now + ANSWER_TIMEOUT
        self.way = way
        found = way.flow.calling.locate(uri).addCallback(self._inOrder)
        if self._uris:
            found.addTimeout(self._share(self._flowsLeft + 1), self._clock, self._late)
        return found

    def _share(self, parts: int) -> float:
        """Seconds for one of so many attempts that the trunk has left: they share its time."""
        return max((self._until or 0.0) - self._clock.seconds(), 0.5) / parts

    def _inOrder(self, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        """Where the flow is registered is the best place to call by it (RFC 5626 section 5.3)."""
        flow = self._targetOf(self.way.flow)
        if flow is None:
            return targets
        at = [each for each in targets if (each.transport, each.address) == (flow.transport, flow.address)]
        return (*at, *(each for each in targets if each not in at))

    def _late(self, result: object, seconds: float) -> object:
        if isinstance(result, Failure) and result.check(CancelledError):
            if not self._flowsLeft:
                self._doubt(self.account)
            raise Unusable(f"trunk {self.account.trunk.name} could not be found in {seconds:.0f} s")
        return result

    def watch(self, expired: Callable[[], None]) -> None:
        """See L{TargetSet.watch}: its servers and flows share the time of a trunk."""
        if self.goesOn and self._ask is not None:
            self._timer = self._clock.callLater(ANSWER_TIMEOUT / 2, self._seek, expired, self._ask)
        elif self.goesOn:
            left = self._share(len(self._targets) + 1 + self._flowsLeft)
            self._timer = self._clock.callLater(left, self._expire, expired)

    def _expire(self, expired: Callable[[], None]) -> None:
        if not self._targets and not self._flowsLeft:
            self._doubt(self.account)
        super()._expire(expired)

    def _seek(self, expired: Callable[[], None], ask: Asks) -> None:
        """It has said nothing so far.  If it does not say that it is there either, it has not taken what was sent."""
        self._timer = None
        asked = self._asked = ask(self.account, self.way.flow)
        asked.addTimeout(ANSWER_TIMEOUT / 2, self._clock, lambda result, seconds: _SILENT)
        asked.addErrback(lambda failure: _SILENT).addCallback(self._found, asked, expired)

    def _found(self, code: int, asked: Deferred[int], expired: Callable[[], None]) -> None:
        if self._asked is asked:
            self._asked = None
            if code == _SILENT:
                self._expire(expired)

    def rest(self) -> None:
        """See L{TargetSet.rest}."""
        cancel(self._timer)
        self._timer = None
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.cancel()

    def rang(self) -> None:
        """A phone rings, or may: no other trunk is tried, lest it ring twice."""
        self._rang = True
        self.rest()

    def refused(self, code: int, holds: bool = True) -> None:
        """
        See L{TargetSet.refused}: what is said of the trunk has the next one tried, what is said of the called not.
        """
        self.rest()
        isSilent = code == 408 and not self._heard
        if code == 503 or isSilent:
            self.avoid()
        else:
            self._targets = []
        if isSilent and not self._targets and not self._flowsLeft:
            self._doubt(self.account)
        if not isSilent and code not in _OF_THE_FLOW:
            self._uris = [each for each in self._uris if self._ways[id(each[0])].account is not self.account]
        isUnclear = self._ask is not None and code == _SILENT
        if self._rang or isUnclear or not (code in _NOT_OF_THE_CALLED or 500 <= code < 600):
            self._targets = []
            self._uris = []

    def redirect(self, contacts: Iterable[SipContact], anywhere: bool = True, areProxies: bool = False) -> None:
        """A trunk leads nowhere else: what its server names was not declared."""
        self.rest()
        self._targets = []
        if self._rang:
            self._uris = []
