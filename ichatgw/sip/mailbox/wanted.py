# -*- test-case-name: ichatgw.test.sip.mailbox -*-
"""
Which mailboxes are subscribed to: those that are wanted, while there is a listener to be told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import define, field
from twisted.internet.defer import Deferred

from ichatgw.model import Party
from ichatgw.runtime.steps import Steps, TakesSteps
from ichatgw.sip.mailbox.dialog import Mailbox
from ichatgw.sip.mailbox.subscriptions import Subscriptions
from ichatgw.sip.texts.summary import Summary

Tell = Callable[[Summary, Party, str], object]
"""Has the one who is called by an address told what a server says of their mailbox."""


@define(eq=False)
class Wanted:
    """
    @ivar sweep: has subscriptions begun and ended in parts.
    """

    _subscriptions: Subscriptions
    sweep: TakesSteps
    _tell: Tell | None = field(default=None, init=False)
    _mailboxes: dict[str, Mailbox] = field(factory=dict, init=False)

    def want(self, mailbox: Mailbox) -> None:
        """From now on; or its server is there again, and may have changed its mind."""
        self._mailboxes[mailbox.key] = mailbox
        if self._tell is not None:
            self._subscriptions.keep(mailbox)

    def leave(self, key: str) -> None:
        """It is wanted no more; it may be unknown."""
        if self._mailboxes.pop(key, None) is not None:
            self._subscriptions.leave(key)

    def tell(self, summary: Summary, server: Party, to: str) -> None:
        """A server has said something of the mailbox of C{to}."""
        if self._tell is not None:
            self._tell(summary, server, to)

    def listen(self, tell: Tell | None) -> None:
        """
        Ask from now on, or do not.

        @param tell: takes what is said; C{None} if no listener is to be told.
        """
        if tell != self._tell:
            self._tell = tell
            self.sweep(self._changing())

    def _changing(self) -> Steps[None]:
        for key, mailbox in tuple(self._mailboxes.items()):
            if self._tell is None:
                self._subscriptions.leave(key)
            elif self._mailboxes.get(key) is mailbox:
                self._subscriptions.keep(mailbox)
            yield

    def cut(self, keys: Iterable[str]) -> None:
        """The ways are gone on which these were registered."""
        self._subscriptions.cut(keys)

    def stop(self) -> Deferred[None]:
        """See L{Subscriptions.stop}."""
        self._mailboxes.clear()
        return self._subscriptions.stop()
