# -*- test-case-name: ichatgw.test.forwarding.test_choices -*-
"""
When calls to a user are forwarded, and to what: what the user has chosen, and the administrator's rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import define, field, frozen

from ichatgw.config.declared.forwarding import ForwardRule
from ichatgw.model import Ending, EndReason, Party
from ichatgw.users.preferences import IPreferences, When


@frozen
class Forward:
    """
    @ivar target: a number, C{user@domain}, L{ichatgw.users.preferences.VOICEMAIL}, or a SIP address.
    @ivar seconds: for L{When.NO_ANSWER}, how long a call rings before.
    """

    when: When
    target: str
    seconds: int


@frozen
class Chosen:
    """
    What holds for a user now.

    @ivar forwards: at most one for each L{When}.
    @ivar doNotDisturb: calls count as answered that the user is busy.
    """

    forwards: tuple[Forward, ...] = ()
    doNotDisturb: bool = False

    def forward(self, when: When) -> Forward | None:
        """Where calls lead at that time; C{None} if nowhere."""
        return next((each for each in self.forwards if each.when is when), None)

    @property
    def atOnce(self) -> Forward | None:
        """Where a call leads that the user is not even shown; C{None} if nowhere."""
        return self.forward(When.ALWAYS) or (self.forward(When.BUSY) if self.doNotDisturb else None)


NOTHING = Chosen()
"""Calls are not forwarded."""


@define(eq=False)
class Choices:
    """
    What users have chosen goes before the rules, of which the first that fits a user decides for each L{When}.  A
    look-up takes as long as the user has groups, whatever the number of rules.

    @ivar preferences: what users have chosen.
    @ivar names: all by which a rule may call a user: see L{ichatgw.trunks.rights.Rights.names}.
    @ivar ofUsers: whether forwards that users have chosen count; that they do not want to be disturbed always does.
    """

    preferences: IPreferences
    names: Callable[[Party], Iterable[str]]
    ofUsers: bool = True
    _rules: dict[tuple[When, str], tuple[int, ForwardRule]] = field(factory=dict, init=False)

    def adopt(self, rules: Iterable[ForwardRule], ofUsers: bool) -> None:
        """Forward by these from now on."""
        self.ofUsers = ofUsers
        self._rules = {}
        for number, rule in enumerate(rules):
            for who in rule.who:
                self._rules.setdefault((rule.when, who), (number, rule))

    def of(self, user: str) -> Chosen:
        """
        @param user: the bare address.
        """
        own = self.preferences.of(user)
        found = {}
        if self._rules:
            names = tuple(self.names(Party(f"xmpp:{user}")))
            for when in When:
                fitting = [each for name in names if (each := self._rules.get((when, name))) is not None]
                if fitting:
                    _, rule = min(fitting, key=lambda each: each[0])
                    found[when] = Forward(when, rule.target, rule.seconds)
        if self.ofUsers:
            found |= {each.when: Forward(each.when, each.target, each.seconds) for each in own.forwardings}
        forwards = tuple(
            each for each in found.values() if each.target != user
        )  # a rule for all may lead to one of all
        return Chosen(forwards, own.doNotDisturb) if forwards or own.doNotDisturb else NOTHING


_NO_ANSWER = frozenset({18, 19})
"""Causes of Q.850: the user was called, and nobody answered."""

_ABSENT = 20
"""The user is not there."""


def whenOf(ending: Ending, rang: bool) -> When | None:
    """
    As what a call that a user has not taken counts.

    @param ending: how it ended.
    @param rang: a client of the user was heard to ring.
    @return: C{None} if it is not forwarded for that: there is no such user, or the call itself cannot be.
    """
    if ending.reason in (EndReason.BUSY, EndReason.DECLINED):
        return When.BUSY
    if ending.reason in (EndReason.TIMEOUT, EndReason.UNAVAILABLE):
        return When.NO_ANSWER if rang or ending.cause in _NO_ANSWER else When.OFFLINE
    isAbsent = ending.reason is EndReason.NOT_FOUND and ending.cause == _ABSENT
    return When.OFFLINE if isAbsent or ending.reason is EndReason.NO_LINK else None
