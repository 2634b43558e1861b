# -*- test-case-name: ichatgw.test.xmpp.presence.test_statuses -*-
# mypy: allow-untyped-calls
"""
What our addresses say of themselves in presence: how many messages wait in a mailbox.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.interfaces import IReactorTime
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.texts.memory import Remembered
from ichatgw.xmpp.stanzas import bareJID, recipient, sender

STATUS_LIFE, MAX_STATUSES = 7 * 86_400.0, 50_000
"""Seconds for which a status is remembered, and of how many."""


@define(eq=False)
class Statuses:
    """Each is for one user alone."""

    _clock: IReactorTime
    _said: Remembered[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._said = Remembered(self._clock, STATUS_LIFE, MAX_STATUSES)

    def say(self, user: JID, ours: JID, status: str) -> None:
        """What C{ours} says of itself to C{user} from now on; nothing, if C{status} is empty."""
        key = bareJID(user), bareJID(ours)
        if status:
            self._said.put(key, status)
        else:
            self._said.pop(key)

    def adding(self, addCaps: Callable[[Element], None]) -> Callable[[Element], None]:
        """Adds the status to a presence of ours beside what C{addCaps} does."""

        def add(presence: Element) -> None:
            addCaps(presence)
            try:
                status = self._said.get((bareJID(recipient(presence)), bareJID(sender(presence))))
            except MalformedError:  # it goes to no valid address
                return
            if status:
                presence.addElement("status", content=status)

        return add
