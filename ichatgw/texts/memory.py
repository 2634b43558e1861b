# -*- test-case-name: ichatgw.test.texts.test_memory -*-
"""
What is remembered of texts for a while, in tables of bounded size.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

V = TypeVar("V")


@define(eq=False)
class Remembered(Generic[V]):
    """
    Values by key, each for a while; when there are too many the oldest go.

    @ivar seconds: for how long.
    @ivar most: how many.
    """

    _clock: IReactorTime
    seconds: float
    most: int
    _kept: OrderedDict[Hashable, tuple[float, V]] = field(factory=OrderedDict, init=False)

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, key: Hashable, value: V) -> None:
        """Remember C{value} from now on."""
        self._kept.pop(key, None)
        self._kept[key] = self._clock.seconds() + self.seconds, value
        if len(self._kept) > self.most:
            self._kept.popitem(last=False)

    def get(self, key: Hashable) -> V | None:
        """The value, if it is remembered."""
        self._age()
        found = self._kept.get(key)
        return None if found is None else found[1]

    def pop(self, key: Hashable) -> V | None:
        """The value, if it is remembered; it is forgotten then."""
        self._age()
        found = self._kept.pop(key, None)
        return None if found is None else found[1]

    def _age(self) -> None:
        now = self._clock.seconds()
        while self._kept and next(iter(self._kept.values()))[0] <= now:
            self._kept.popitem(last=False)
