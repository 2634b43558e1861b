# -*- test-case-name: ichatgw.test.observe.test_readiness,ichatgw.test.gateway.test_ready -*-
"""
Whether the gateway can take calls.

One answer for all that ask: OPTIONS and INVITE of phones, C{systemd}, the administrators' command.  It is about the
gateway as a whole; what concerns one call or one caller is not asked here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from attrs import frozen


@frozen
class Condition:
    """
    Something without which no call can be taken.

    @ivar part: what it is about, in a word or two.
    @ivar trouble: tells what is wrong, in words; empty if nothing is.  It is asked often, and must be quick.
    @ivar refuses: tells whether callers are refused because of it, too.
    """

    part: str
    trouble: Callable[[], str]
    refuses: Callable[[], bool] = lambda: True


@frozen
class Trouble:
    """
    @ivar part: see L{Condition}.
    @ivar text: what is wrong with it.
    """

    part: str
    text: str

    def __str__(self) -> str:
        return f"{self.part}: {self.text}"


class Readiness:
    """
    @ivar conditions: all of which have to hold; more may be added.
    """

    def __init__(self, conditions: Iterable[Condition] = ()) -> None:
        self.conditions = list(conditions)

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What is wrong now; nothing if calls can be taken."""
        return tuple(self._wrong(self.conditions))

    def trouble(self) -> str:
        """The first of L{troubles} in words; empty if calls can be taken."""
        return self._first(self.conditions)

    def refusal(self) -> str:
        """Why OPTIONS and INVITE are refused, in words; empty if they are not."""
        return self._first(condition for condition in self.conditions if condition.refuses())

    def _first(self, conditions: Iterable[Condition]) -> str:
        return next((str(trouble) for trouble in self._wrong(conditions)), "")

    def _wrong(self, conditions: Iterable[Condition]) -> Iterator[Trouble]:
        for condition in conditions:
            text = condition.trouble()
            if text:
                yield Trouble(condition.part, text)
