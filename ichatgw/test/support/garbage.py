# -*- test-case-name: ichatgw.test.test_garbage -*-
"""
What is left in memory if nobody collects garbage.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import _lru_cache_wrapper as _Cache


def alive() -> Counter[str]:
    """How many objects of ours and of sippy there are, by their class, beside those in caches that have a bound."""
    for each in gc.get_objects():
        if isinstance(each, _Cache) and str(each.__module__).startswith("ichatgw."):
            each.cache_clear()
    kinds = Counter(map(type, gc.get_objects()))
    names = {kind: f"{kind.__module__}.{kind.__qualname__}" for kind in kinds}
    return Counter(
        {
            name: kinds[kind]
            for kind, name in names.items()
            if name.startswith(("ichatgw.", "sippy.")) and not name.startswith("ichatgw.test.")
        }
    )


@contextmanager
def uncollected() -> Iterator[None]:
    """Garbage that holds itself stays where it is.  What was kept out of the collector's runs is looked at, too."""
    gc.unfreeze()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def remainder(calls: Callable[[], None]) -> Counter[str]:
    """What C{calls} leave in memory if nobody collects garbage; the second time, as some things are made but once."""
    with uncollected():
        calls()
        before = alive()
        calls()
        return alive() - before
