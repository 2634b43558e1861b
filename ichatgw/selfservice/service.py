# -*- test-case-name: ichatgw.test.selfservice.test_service -*-
"""
Carries out what users order, and says what comes of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from attrs import define, evolve, field, frozen
from twisted.internet.interfaces import IReactorTime

from ichatgw.calls.limits import Limits
from ichatgw.errors import CallError, Congested
from ichatgw.model import ANONYMOUS, Party
from ichatgw.runtime.ratelimit import RateLimit
from ichatgw.selfservice.history import CallHistory, PastCall
from ichatgw.selfservice.orders import Command, Order, Unclear, command, read
from ichatgw.selfservice.words import ENGLISH, languageOf, said
from ichatgw.users.preferences import VOICEMAIL, Forwarding, IPreferences, Preferences, When

MAX_SHOWN = 80
"""Characters of a caller's address."""

MAX_USERS = 4096
"""How many users are told apart at a time."""

TESTS = (1 / 30, 2)
"""Test calls of one user, in a second and at once."""


@frozen
class Numbers:
    """
    The numbers of a user; empty if there are none.

    @ivar reached: the one by which others call the user.
    @ivar shown: the one that those see whom the user calls.
    """

    reached: str = ""
    shown: str = ""


@define(eq=False)
class Budget:
    """
    How often users may order something.

    @ivar perMinute: how often one user may, in a minute, and at once; 0 for any number of times.
    @ivar perSecond: how often all may, in a second, and at once; 0 for any number of times.
    """

    _clock: IReactorTime
    perMinute: int = 30
    perSecond: int = 20
    _users: RateLimit = field(init=False)
    _all: Limits = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._users = RateLimit(self._clock, self.perMinute / 60, self.perMinute, MAX_USERS)
        self._all = Limits(self._clock, perSecond=self.perSecond)

    def allows(self, user: str) -> bool:
        """May this user, C{user@domain}, order something once more?"""
        if self.perMinute and not self._users.allow(user):
            return False
        try:
            self._all.spend(Party(f"xmpp:{user}"), user.rpartition("@")[2])
        except Congested:
            return False
        return True


@define(eq=False)
class SelfService:
    """
    Knows no protocol.  Users are C{user@domain}, in the spelling of the XMPP server, which vouches for them.

    @ivar preferences: what users have chosen.
    @ivar history: who called them.
    @ivar numbersOf: their numbers.
    @ivar call: begins a test call to a user, or raises L{CallError}; C{None} if there are none.
    @ivar forwards: whether calls are forwarded as users choose, and C{hasVoicemail} whether there are mailboxes.
    @ivar localTime: the time of day for seconds since 1970, as L{time.localtime}.
    """

    _clock: IReactorTime
    preferences: IPreferences
    history: CallHistory
    numbersOf: Callable[[str], Numbers]
    call: Callable[[str], None] | None = None
    localTime: Callable[[float], time.struct_time] = time.localtime
    forwards: Callable[[], bool] = lambda: True
    hasVoicemail: Callable[[], bool] = lambda: True
    _tests: RateLimit = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._tests = RateLimit(self._clock, *TESTS, mostSources=MAX_USERS)

    def isOrder(self, text: str) -> bool:
        """Has L{written} something to say to that?"""
        return command(text) is not None

    def written(self, user: str, text: str, tag: str = "") -> str | None:
        """
        A user has written something.

        @param tag: the language of the stanza (RFC 5646), or empty.  An order in another language than English is
            answered in that one, since many clients say English for all that their users write.
        @return: what is said to that; C{None} if it is no order.
        """
        found = command(text)
        if found is None:
            return None
        language = languageOf(tag) if found[1] == ENGLISH else found[1]
        try:
            order = read(text)
            assert order is not None
            return self.carryOut(user, order[0], language)
        except Unclear as problem:
            return said(language, problem.message, **problem.values)

    def carryOut(self, user: str, order: Order, language: str) -> str:
        """
        Do what a user orders.

        @param language: one of L{ichatgw.selfservice.words.LANGUAGES}.
        @return: what is said to that.
        """
        orders: dict[Command, Callable[[], str]] = {
            Command.HELP: partial(said, language, "help"),
            Command.NUMBER: partial(self._number, user, language),
            Command.TEST: partial(self._test, user, language),
            Command.CALLS: partial(self._calls, user, language),
            Command.FORWARD: partial(self._forward, user, order, language),
            Command.DND: partial(self._disturb, user, order.isOn, language),
        }
        return orders[order.command]()

    def _number(self, user: str, language: str) -> str:
        numbers = self.numbersOf(user)
        if not numbers.reached and not numbers.shown:
            return said(language, "noNumber")
        if numbers.shown in ("", numbers.reached):
            return said(language, "number", reached=numbers.reached)
        return said(language, "numbers", reached=numbers.reached, shown=numbers.shown)

    def _test(self, user: str, language: str) -> str:
        if self.call is None:
            return said(language, "testOff")
        if not self._tests.allow(user):
            return said(language, "testSoon")
        try:
            self.call(user)
        except CallError as problem:
            return said(language, "testFailed", why=str(problem)[:200])
        return said(language, "testCalled")

    def _calls(self, user: str, language: str) -> str:
        calls = self.history.of(user)
        if not calls:
            return said(language, "noCalls")
        return "\n".join((said(language, "calls"), *(self._line(each, language) for each in calls)))

    def _line(self, call: PastCall, language: str) -> str:
        when = time.strftime("%Y-%m-%d %H:%M", self.localTime(call.wall))
        who = said(language, "anonymous") if call.caller == ANONYMOUS.uri else _shown(call.caller)
        return said(language, "answered" if call.wasAnswered else "missed", when=when, who=who)

    def _forward(self, user: str, order: Order, language: str) -> str:
        chosen = self.preferences.of(user)
        for when in order.ends:
            chosen = chosen.without(when)
        if order.forwarding is not None:
            if not self.forwards():
                return said(language, "forwardsOff")
            if order.forwarding.target == VOICEMAIL and not self.hasVoicemail():
                return said(language, "noVoicemail")
            chosen = chosen.including(order.forwarding)
        if not self._chose(user, chosen):
            return said(language, "noRoom")
        if not chosen.forwardings:
            return said(language, "noForwards")
        return "\n".join((said(language, "forwards"), *(_rule(each, language) for each in chosen.forwardings)))

    def _disturb(self, user: str, isOn: bool | None, language: str) -> str:
        chosen = self.preferences.of(user)
        if isOn is not None:
            chosen = evolve(chosen, doNotDisturb=isOn)
            if not self._chose(user, chosen):
                return said(language, "noRoom")
        return said(language, "dndOn" if chosen.doNotDisturb else "dndOff")

    def _chose(self, user: str, chosen: Preferences) -> bool:
        return chosen == self.preferences.of(user) or self.preferences.set(user, chosen)


def _rule(rule: Forwarding, language: str) -> str:
    when = said(language, rule.when.value)
    target = said(language, "voicemail") if rule.target == VOICEMAIL else rule.target
    name = "forwardLater" if rule.when is When.NO_ANSWER else "forward"
    return said(language, name, when=when, target=target, seconds=rule.seconds)


def _shown(uri: str) -> str:
    """A caller as people write it: a number without its host, or else an address."""
    address = uri.partition(":")[2][:MAX_SHOWN]
    number = address.rpartition("@")[0]
    return number if number.lstrip("+").isdigit() else address
