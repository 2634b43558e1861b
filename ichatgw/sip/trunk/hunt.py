# -*- test-case-name: ichatgw.test.sip.trunk.test_dialer -*-
"""
The hunt for a trunk that takes a call: one after another, until one has said anything about the phone that is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from ichatgw.errors import CallError
from ichatgw.model import EndReason
from ichatgw.sip.transaction.targetset import TargetSet
from ichatgw.sip.transport.target import Target
from ichatgw.sip.trunk.account import Account

ANSWER_TIMEOUT = 3.5
"""Seconds that all servers of a trunk have together to say something, if there is another trunk."""

_NOT_OF_THE_CALLED = frozenset({401, 402, 403, 405, 407, 408, 423, 494})
"""Statuses that are about the trunk, and not about who is called, besides those of 500 and more."""


class Unusable(CallError):
    """A trunk cannot be used."""

    reason = EndReason.UNAVAILABLE


class TrunkHunt(TargetSet):
    """
    The attempts by several trunks.

    @ivar account: the trunk of the attempt that was made last.
    @ivar accounts: all of them.
    @param ways: the trunks in order, each with the address to call by it, sippy's C{SipURL}.
    @param doubt: is told of a trunk that does not answer.
    """

    def __init__(
        self,
        clock: IReactorTime,
        ways: Sequence[tuple[Account, Any]],
        failed: Callable[[Target], None],
        flowOf: Callable[[Account], Target | None],
        doubt: Callable[[Account], None],
    ) -> None:
        super().__init__(clock, ways[0][1], self._find, failed, 0)
        self._ways = {id(uri): account for account, uri in ways}
        self._uris = [(uri, uri) for _, uri in ways]
        self._flowOf = flowOf
        self._doubt = doubt
        self._rang = False
        self._until = 0.0
        self.account = ways[0][0]
        self.accounts = tuple(self._ways.values())

    def _find(self, uri: Any) -> Deferred[tuple[Target, ...]]:
        account = self.account = self._ways[id(uri)]
        self._until = self._clock.seconds() + ANSWER_TIMEOUT
        found = account.calling.locate(uri).addCallback(self._inOrder)
        if self._uris:
            found.addTimeout(ANSWER_TIMEOUT, self._clock, self._late)
        return found

    def _inOrder(self, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        """Where the trunk is registered is the best place to call by it (RFC 5626 section 5.3)."""
        flow = self._flowOf(self.account)
        if flow is None:
            return targets
        at = [each for each in targets if (each.transport, each.address) == (flow.transport, flow.address)]
        return (*at, *(each for each in targets if each not in at))

    def _late(self, result: Any, seconds: float) -> Any:
        if isinstance(result, Failure) and result.check(CancelledError):
            self._doubt(self.account)
            raise Unusable(f"trunk {self.account.trunk.name} could not be found in {seconds:.0f} s")
        return result

    def watch(self, expired: Callable[[], None]) -> None:
        """See L{TargetSet.watch}: its servers share the time of a trunk."""
        if self.goesOn:
            left = max(self._until - self._clock.seconds(), 0.5) / (len(self._targets) + 1)
            self._timer = self._clock.callLater(left, self._expire, expired)

    def _expire(self, expired: Callable[[], None]) -> None:
        if not self._targets:
            self._doubt(self.account)
        super()._expire(expired)

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
        if isSilent and not self._targets:
            self._doubt(self.account)
        if self._rang or not (code in _NOT_OF_THE_CALLED or 500 <= code < 600):
            self._targets = []
            self._uris = []

    def redirect(self, contacts: Iterable[Any], anywhere: bool = True, areProxies: bool = False) -> None:
        """A trunk leads nowhere else: what its server names was not declared."""
        self.rest()
        self._targets = []
        if self._rang:
            self._uris = []
