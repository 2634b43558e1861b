# -*- test-case-name: ichatgw.test.users.test_preferences,ichatgw.test.users.test_sqlite -*-
"""
What a user has chosen: where their calls are forwarded, and whether they are disturbed.
"""

from __future__ import annotations

import re
from enum import Enum

from attrs import evolve, field, frozen
from zope.interface import Interface, implementer

VOICEMAIL = "voicemail"
"""The target that stands for the mailbox of the user, wherever the administrator has it."""

DEFAULT_SECONDS = 20
MIN_SECONDS, MAX_SECONDS = 1, 600
"""Seconds that a call may ring before it is forwarded because there is no answer."""

MAX_TARGET = 320
"""Characters of a target."""

MAX_USERS = 100_000
MAX_USERS_PER_DOMAIN = 50_000
"""Users whose choices are kept; those of one domain leave room for others."""

_MARKS = str.maketrans("", "", " \t-.()/")
_NUMBER = re.compile(r"\+?[0-9*#]{1,32}")
_ADDRESS = re.compile(r"""[^\s@/:<>"'&;?,]{1,255}@[a-z0-9](?:[a-z0-9.-]{0,253}[a-z0-9])?""")


class When(Enum):
    """When calls are forwarded."""

    ALWAYS = "always"
    BUSY = "busy"
    NO_ANSWER = "no answer"
    OFFLINE = "offline"


def readTarget(text: str) -> str:
    """
    Where calls are forwarded, from what a person writes.

    @return: a number without marks, C{user@domain} in lower case, or L{VOICEMAIL}.
    @raise ValueError: if it is none of these; the text says so.
    """
    word = text.strip()
    if word.lower() == VOICEMAIL:
        return VOICEMAIL
    number = word.removeprefix("tel:").translate(_MARKS)
    if _NUMBER.fullmatch(number):
        return number
    address = word.removeprefix("xmpp:").lower()
    if len(address) <= MAX_TARGET and address.isprintable() and _ADDRESS.fullmatch(address):
        return address
    raise ValueError(f"{text[:80]!r} is neither a number, nor an address such as user@example.com, nor {VOICEMAIL}")


@frozen
class Forwarding:
    """
    One rule of a user.

    @ivar target: a number, C{user@domain} or L{VOICEMAIL}, as L{readTarget} gives it.
    @ivar seconds: for L{When.NO_ANSWER}, how long a call rings before.
    @raise ValueError: if the target is none, or the time out of bounds.
    """

    when: When
    target: str = field(converter=readTarget)
    seconds: int = DEFAULT_SECONDS

    def __attrs_post_init__(self) -> None:
        if not MIN_SECONDS <= self.seconds <= MAX_SECONDS:
            raise ValueError(f"{self.seconds} seconds are not within {MIN_SECONDS} to {MAX_SECONDS}")


def _ordered(forwardings: tuple[Forwarding, ...]) -> tuple[Forwarding, ...]:
    """One for each time, the last that was given, in the order of L{When}."""
    known = {each.when: each for each in forwardings}
    return tuple(known[when] for when in When if when in known)


@frozen
class Preferences:
    """
    All that a user has chosen.

    @ivar forwardings: at most one for each L{When}.
    @ivar doNotDisturb: calls are answered as busy, or forwarded as if the user were.
    """

    forwardings: tuple[Forwarding, ...] = field(default=(), converter=_ordered)
    doNotDisturb: bool = False

    def forwarding(self, when: When) -> Forwarding | None:
        """The rule for that time; C{None} if there is none."""
        return next((each for each in self.forwardings if each.when is when), None)

    def including(self, forwarding: Forwarding) -> Preferences:
        """The same with one more rule, in the place of that for the same time."""
        return evolve(self, forwardings=(*self.forwardings, forwarding))

    def without(self, when: When) -> Preferences:
        """The same without the rule for that time."""
        return evolve(self, forwardings=tuple(each for each in self.forwardings if each.when is not when))


NONE_CHOSEN = Preferences()
"""Of a user who has chosen nothing."""


class IPreferences(Interface):
    """Knows what users have chosen.  A user is a bare address C{user@domain}, in the spelling of the XMPP server."""

    def of(user: str) -> Preferences:
        """What that user has chosen; L{NONE_CHOSEN} for a stranger."""

    def set(user: str, preferences: Preferences) -> bool:
        """
        Remember it.  A user who has L{NONE_CHOSEN} takes no room.

        @return: whether it is remembered; if not, there is no room for another user.
        """


@implementer(IPreferences)
class MemoryPreferences:
    """
    Keeps them as long as the process lives.

    @param maxUsers: how many users there may be, and C{maxUsersPerDomain} how many of them of one domain.
    """

    def __init__(self, maxUsers: int = MAX_USERS, maxUsersPerDomain: int = MAX_USERS_PER_DOMAIN) -> None:
        self._maxUsers, self._maxUsersPerDomain = maxUsers, maxUsersPerDomain
        self._known: dict[str, Preferences] = {}
        self._byDomain: dict[str, int] = {}

    def __len__(self) -> int:
        """How many users have chosen something."""
        return len(self._known)

    def of(self, user: str) -> Preferences:
        """See L{IPreferences}."""
        return self._known.get(user, NONE_CHOSEN)

    def set(self, user: str, preferences: Preferences) -> bool:
        """See L{IPreferences}."""
        domain = user.rpartition("@")[2]
        if preferences == NONE_CHOSEN:
            if self._known.pop(user, None) is not None:
                self._count(domain, -1)
        elif user in self._known:
            self._known[user] = preferences
        elif len(self._known) < self._maxUsers and self._byDomain.get(domain, 0) < self._maxUsersPerDomain:
            self._known[user] = preferences
            self._count(domain, 1)
        else:
            return False
        return True

    def _count(self, domain: str, change: int) -> None:
        count = self._byDomain.get(domain, 0) + change
        if count:
            self._byDomain[domain] = count
        else:
            self._byDomain.pop(domain, None)
