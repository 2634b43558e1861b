# -*- test-case-name: ichatgw.test.jingle.session.test_session -*-
"""
Requests of our sessions that wait for an answer.
"""

from __future__ import annotations

from collections import deque
from itertools import count

from attrs import define, field
from twisted.words.xish.domish import Element

from ichatgw.jingle.session.session import Session
from ichatgw.jingle.stanzas.jingle import Action

MAX_OPEN = 64
"""
So many of one session are waited for: a client that answers none, and has us ask by what it does, gets no more memory.
"""


@define(eq=False)
class PendingIQs:
    """Names requests, and tells whose an answer is."""

    _numbers: count[int] = field(init=False, factory=lambda: count(1))
    _open: dict[str, tuple[Session, Action]] = field(init=False, factory=dict)
    _ofSession: dict[Session, deque[str]] = field(init=False, factory=dict)

    def __len__(self) -> int:
        return len(self._open)

    def ask(self, session: Session, action: Action) -> str:
        """The id of a request that is sent now."""
        id = f"jingle-{next(self._numbers)}"
        ids = self._ofSession.setdefault(session, deque())
        if len(ids) >= MAX_OPEN:
            del self._open[ids.popleft()]
        ids.append(id)
        self._open[id] = session, action
        return id

    def answered(self, iq: Element) -> tuple[Session, Action] | None:
        """
        The session and action of the request that it answers; C{None} if it answers none, or comes from an address that
        was not asked.
        """
        id = iq.getAttribute("id") or ""
        asked = self._open.get(id)
        if asked is None or iq.getAttribute("from") != asked[0].them.full():
            return None
        del self._open[id]
        ids = self._ofSession[asked[0]]
        ids.remove(id)
        if not ids:
            del self._ofSession[asked[0]]
        return asked

    def forget(self, session: Session) -> None:
        """It is over: what its client answers is of no interest any more."""
        for id in self._ofSession.pop(session, ()):
            del self._open[id]
