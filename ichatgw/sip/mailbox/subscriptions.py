# -*- test-case-name: ichatgw.test.sip.mailbox -*-
"""
Keeps subscriptions: begun one after another, renewed before their end, begun anew when the server has lost them
(RFC 6665 section 4.1.2).  They are kept as registrations are: so many in a second, and so many to one server.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ichatgw.sip.mailbox.dialog import Mailbox, MailboxDialog
from ichatgw.sip.register.bindings import Binding
from ichatgw.sip.register.client import Answer
from ichatgw.sip.register.schedule import Registration, Registrations, refreshAfter
from ichatgw.sip.texts.notices import Standing
from ichatgw.sip.transaction.layer import Transactions

LIFETIME = 3600
"""Seconds for which is asked (RFC 3842 section 3.4)."""

MAX_LIFETIME = 7 * 86_400
"""The most that a server can want us to ask for."""

NOTIFY_WAIT = 32.0
"""Seconds in which the first NOTIFY has to come (timer N, RFC 6665 section 4.1.2.4)."""

FIRST_WAIT, MAX_WAIT = 30.0, 1800.0
"""Seconds after which a server is asked again that has failed: at first, and at most; doubled each time."""

MIN_REFRESH = 5.0
"""Seconds after which a subscription is renewed at the soonest, however short it is granted."""

SOON = 30.0
"""A subscription that has lasted so many seconds is begun anew at once when the server says so."""

_REFUSALS = ("401", "407", "402", "403", "404", "405", "406", "410", "416", "484", "489", "501", "604", "606")
"""Statuses after which there is nothing to wait for."""

_OVER = ("481",)

_FOREVER = frozenset({"rejected", "noresource", "invariant"})
_AT_ONCE = frozenset({"deactivated", "timeout"})

_log = Logger()


class Stage(Enum):
    """What becomes of a subscription."""

    KEPT = "kept"
    STALE = "its dialog is of no use any more"
    REFUSED = "the server does not want it"


class Subscription(Registration):
    """One of them."""

    _owner: Subscriptions

    def __init__(self, owner: Subscriptions, mailbox: Mailbox) -> None:
        super().__init__(owner, str(mailbox.url))
        self.key = self._binding.key = mailbox.key
        self._mailbox = mailbox
        self._stage = Stage.KEPT
        self._dialog: MailboxDialog | None = None
        self._failures = 0
        self._began = 0.0
        self._lastWord: Standing | None = None

    def resume(self) -> None:
        """Whatever was wrong with the server may be mended."""
        if self._stage is Stage.REFUSED:
            self._stage = Stage.KEPT
            self._failures = 0
            self.consider()

    def consider(self) -> None:
        """See L{Registration.consider}."""
        if not self.users or self._stage is not Stage.REFUSED:
            super().consider()
        self._forget()

    def run(self) -> None:
        """See L{Registration.run}."""
        super().run()
        self._forget()

    def _forget(self) -> None:
        """A dialog that waits for another try is of no use if there will be none."""
        if self.idle:
            self._drop()

    def ask(self, seconds: int) -> Deferred[Answer]:
        """Send SUBSCRIBE; see L{MailboxDialog.subscribe}."""
        self._lastWord = None
        if self._dialog is None or (seconds and self._stage is Stage.STALE):
            self._drop()
            self._stage = Stage.KEPT
            self._began = self._owner.clock.seconds()
            self._dialog = self._owner.dialog(self._mailbox, self._heard)
        return self._dialog.subscribe(seconds)

    def abandon(self) -> None:
        """See L{Registration.abandon}."""
        super().abandon()
        self._drop()

    def _drop(self) -> None:
        dialog, self._dialog = self._dialog, None
        if dialog is not None:
            dialog.close()

    def _left(self, answer: Answer) -> None:
        self._dialog = None  # it waits for the last NOTIFY
        _log.info("{name} is not asked any more what waits", name=self._mailbox.name)

    def _registered(self, granted: int, answer: Answer) -> None:
        if self.until is None or self.trouble:
            _log.info("{name}: subscribed for {granted} s", name=self._mailbox.name, granted=granted)
        self.trouble = ""
        self.until = self._owner.clock.seconds() + granted
        if self._lastWord is not None:
            self._ended(self._lastWord)
        elif self._dialog is not None and self._dialog.isNotified:
            self._holds(granted)
        else:
            self._later(NOTIFY_WAIT)

    def _holds(self, seconds: float) -> None:
        """It is renewed before so many seconds have gone by."""
        if self._isRipe:
            self._failures = 0
        self._later(max(refreshAfter(seconds), MIN_REFRESH))

    def _due(self) -> None:
        if self._dialog is not None and self.until is not None and not self._dialog.isNotified:
            self._timer = None
            self.until = None
            self._refused("no NOTIFY has come", None)
        else:
            super()._due()

    def _refused(self, why: str, retryAfter: int | None) -> None:
        if not self.users:
            self._drop()
            self.until = None
            return
        wasThere = self._dialog is not None and self._dialog.isEstablished
        self._stage = Stage.STALE
        if self.until is not None and self.until <= self._owner.clock.seconds():
            self.until = None
        if why.startswith(_OVER) and wasThere and self._isRipe:
            self._anew(0.0)
        elif why.startswith(_REFUSALS):
            self._stop(why)
        else:
            self._again(why, retryAfter)

    @property
    def _isRipe(self) -> bool:
        return self._owner.clock.seconds() - self._began >= SOON

    def _anew(self, wait: float) -> None:
        self.until = None
        self._later(wait)

    def _again(self, why: str, retryAfter: int | None) -> None:
        self._failures += 1
        wait = retryAfter or min(FIRST_WAIT * 2 ** min(self._failures - 1, 10), MAX_WAIT)
        if why != self.trouble:
            _log.warn(
                "{name}: not subscribed: {why}; again in {wait:.0f} s", name=self._mailbox.name, why=why, wait=wait
            )
            self.trouble = why
        self._later(float(wait))

    def _stop(self, why: str) -> None:
        self._drop()
        self._stopTimer()
        self.until = None
        self._stage = Stage.REFUSED
        self.trouble = why
        _log.warn(
            "{name}: the server refuses to tell of it ({why}), and is not asked again before it was away, or settings"
            " change; {advice}",
            name=self._mailbox.name,
            why=why,
            advice=self._mailbox.adviceOn(why),
        )

    def _heard(self, standing: Standing) -> None:
        """A NOTIFY has come."""
        if not self.users:
            return
        if self._running is not None:  # its answer says more
            self._lastWord = standing if standing.isOver else None
        elif standing.isOver:
            self._ended(standing)
        elif self.until is not None and not self.queued:
            left = self.until - self._owner.clock.seconds()
            if standing.left is not None:
                left = min(left, standing.left)
                self.until = self._owner.clock.seconds() + left
            self._holds(left)

    def _ended(self, standing: Standing) -> None:
        """The server has ended it (RFC 6665 section 4.1.3)."""
        self._drop()
        self.until = None
        if self.queued:
            return  # it is begun anew as it is
        why = f"ended by the server, reason {standing.reason or 'not said'}"
        if standing.reason in _FOREVER:
            self._stop(why)
        elif standing.reason in _AT_ONCE and self._isRipe:
            self._anew(0.0)
        else:
            self._again(why, standing.retryAfter)


class Subscriptions(Registrations):
    """
    All of them.

    @param perSecond: how many SUBSCRIBEs are sent in a second at most.
    """

    remain = "mailboxes stay subscribed"

    def __init__(self, clock: IReactorTime, transactions: Transactions, userAgent: str, perSecond: float) -> None:
        super().__init__(clock, self, LIFETIME, 1, perSecond)
        self._transactions = transactions
        self._userAgent = userAgent
        self._mailboxes: dict[str, Mailbox] = {}

    def keep(self, mailbox: Mailbox) -> None:
        """Subscribe from now on; one that was refused is tried again."""
        known = self._byAddress.get(mailbox.key)
        if isinstance(known, Subscription) and known.users:
            known.resume()
            return
        self._mailboxes[mailbox.key] = mailbox
        self.add(mailbox.key, mailbox.key)

    def leave(self, key: str) -> None:
        """End that subscription, if there is one."""
        self.remove(key)
        self._mailboxes.pop(key, None)

    def register(self, binding: Binding, seconds: int) -> Deferred[Answer]:
        """See L{ichatgw.sip.register.schedule.Registers}: SUBSCRIBE in the place of REGISTER."""
        subscription = self._byAddress[binding.key]
        assert isinstance(subscription, Subscription)
        return subscription.ask(seconds)

    def dialog(self, mailbox: Mailbox, heard: Callable[[Standing], None]) -> MailboxDialog:
        """A new one."""
        return MailboxDialog(self.clock, self._transactions, self._userAgent, mailbox, heard)

    def _made(self, aor: str) -> Registration:
        return Subscription(self, self._mailboxes[aor])

    def _count(self) -> None:
        """There is no number of them that is too many: a late one is begun anew."""
