# -*- test-case-name: ichatgw.test.runtime.test_fairqueue -*-
"""
What waits, from many sources that take turns: one that sends much waits longer, and the others do not.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """
    Items of sources.  Each source in turn gives one.

    It is bounded: a source has room for so many items, and there is room for so many sources; those that come beyond
    that are one source together.
    """

    def __init__(self, mostPerSource: int, mostSources: int, newestFirst: bool = False) -> None:
        """
        @param newestFirst: whether of a source's items the one that came last is taken first.
        """
        self._mostPerSource = mostPerSource
        self._mostSources = mostSources
        self._newestFirst = newestFirst
        self._sources: OrderedDict[str, deque[T]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        """Take all."""
        while self._count:
            item = self.take()
            assert item is not None
            yield item

    def put(self, source: str, item: T) -> T | None:
        """
        Let C{item} wait.

        @return: the item that has to go, if there was no room: of those that C{source} has the one that would come
            last.
        """
        if source not in self._sources and len(self._sources) >= self._mostSources:
            source = ""
        items = self._sources.setdefault(source, deque())
        if len(items) < self._mostPerSource:
            items.append(item)
            self._count += 1
            return None
        if not self._newestFirst:
            return item
        items.append(item)
        return items.popleft()

    def take(self, ready: Callable[[str], bool] = lambda source: True) -> T | None:
        """
        The next item; C{None} if there is none.

        @param ready: may this source have its turn?
        """
        source = next(filter(ready, self._sources), None)
        if source is None:
            return None
        items = self._sources[source]
        item = items.pop() if self._newestFirst else items.popleft()
        self._count -= 1
        if items:
            self._sources.move_to_end(source)
        else:
            del self._sources[source]
        return item

    def clear(self) -> None:
        """Forget all."""
        self._sources.clear()
        self._count = 0
