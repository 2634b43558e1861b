# -*- test-case-name: ichatgw.test.selfservice.test_history -*-
"""
Who called whom: the latest calls of each user, in memory.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

from attrs import define, field, frozen

from ichatgw.observe.events import CallEnded, CallRouted
from ichatgw.observe.stream import Events

KEPT = 20
"""Calls of each user."""

MAX_USERS = 5000
"""Users; of others who are called, those go whose latest call is the longest ago."""

MAX_LIVE = 20_000
"""Calls that are not over."""

MAX_CALLER = 200
"""Characters of the address of a caller."""


@frozen
class PastCall:
    """
    @ivar wall: when it came, in seconds since 1970.
    @ivar caller: who called, as a URI, as the user was shown it.
    @ivar wasAnswered: did the two talk?
    """

    wall: float
    caller: str
    wasAnswered: bool


@define(eq=False)
class CallHistory:
    """
    Reads the stream of events.

    @ivar keeps: whether the calls of that user, C{user@domain}, are kept.
    """

    keeps: Callable[[str], bool]
    _users: OrderedDict[str, deque[PastCall]] = field(factory=OrderedDict, init=False)
    _live: dict[str, tuple[str, float, str]] = field(factory=dict, init=False)

    def observe(self, events: Events) -> None:
        """Read from now on."""
        events.subscribe(self.routed, CallRouted)
        events.subscribe(self.ended, CallEnded)

    def routed(self, event: CallRouted) -> None:
        """A call leads to a party, perhaps to a user of XMPP; if to one before, that one has not taken it."""
        self._over(event.call, wasAnswered=False)
        scheme, _, address = event.route.partition(":")
        user = address.partition("?")[0].partition("/")[0].lower()
        if scheme == "xmpp" and len(self._live) < MAX_LIVE and self.keeps(user):
            self._live[event.call] = user, event.wall, event.caller[:MAX_CALLER]

    def ended(self, event: CallEnded) -> None:
        """A call is over."""
        self._over(event.call, event.wasAnswered)

    def _over(self, call: str, wasAnswered: bool) -> None:
        user, wall, caller = self._live.pop(call, ("", 0.0, ""))
        if user:
            self._keep(user, PastCall(wall, caller, wasAnswered))

    def turnedAway(self, wall: float, user: str, caller: str) -> None:
        """
        A user who is not to be disturbed was called.

        @param wall: when, in seconds since 1970.
        @param caller: who called, as a URI, as the user may know.
        """
        if self.keeps(user):
            self._keep(user, PastCall(wall, caller[:MAX_CALLER], False))

    def _keep(self, user: str, call: PastCall) -> None:
        self._users.setdefault(user, deque(maxlen=KEPT)).append(call)
        self._users.move_to_end(user)
        if len(self._users) > MAX_USERS:
            self._users.popitem(last=False)

    def of(self, user: str) -> tuple[PastCall, ...]:
        """The latest calls to a user that are over, the last one first."""
        return tuple(reversed(self._users.get(user, ())))
