# -*- test-case-name: ichatgw.test.calls.test_call -*-
"""
A change of a party's media within the answered call, as one object that takes its answer.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import field, frozen
from zope.interface import implementer

from ichatgw.interfaces import IChange
from ichatgw.model import Ending, SessionDescription
from ichatgw.runtime.nulls import unheard


@implementer(IChange)
@frozen(eq=False)
class Change:
    """
    @param agreed: takes the answer.
    @param refused: told why there is none.
    """

    offer: SessionDescription
    _agreed: Callable[[SessionDescription], object] = field(default=unheard)
    _refused: Callable[[Ending], object] = field(default=unheard)
    isSettled: bool = field(default=False, kw_only=True)

    def agree(self, answer: SessionDescription) -> None:
        """See L{IChange}."""
        self._agreed(answer)

    def refuse(self, ending: Ending) -> None:
        """See L{IChange}."""
        self._refused(ending)
