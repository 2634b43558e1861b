# -*- test-case-name: ichatgw.test.sip.trunk.test_registrations -*-
"""
Trunks are registered whether users are online or not, and again after each failure of a registrar.

A registrar that does not answer, or has a fault, is asked again soon at first, then more rarely, but never so rarely
that its return goes unnoticed for minutes.  One that refuses a trunk is not asked for an hour: passwords do not become
right, and there are servers that shut out a client that tries too often.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ichatgw.sip.message.uris import Misaddressed
from ichatgw.sip.register.client import Answer
from ichatgw.sip.register.schedule import Registers, Registration, Registrations, refreshAfter
from ichatgw.sip.trunk.account import Account

FIRST_WAIT = 4.0
"""Seconds after which a registrar that did not answer is asked again; doubled each time."""

MAX_WAIT = 120.0
"""The longest of these waits, in seconds."""

SPREAD = 0.25
"""By which share of it a wait is longer or shorter, so that many trunks do not come at once."""

REFUSED_WAIT = 3600.0
"""Seconds after which a registrar that refuses a trunk is asked again."""

SECOND_THOUGHTS = 2
"""How often a trunk that is forbidden or unknown is tried again sooner; one with a wrong password is not."""

_WRONG_LOGIN = ("401", "407")
_REFUSALS = (*_WRONG_LOGIN, "402", "403", "404", "405", "410", "501", "604", "606")

_log = Logger()


class TrunkRegistration(Registration):
    """The registration of one trunk."""

    _owner: TrunkRegistrations

    def __init__(self, owner: TrunkRegistrations, account: Account) -> None:
        super().__init__(owner, account.trunk.aor)
        self.key = account.binding.key
        self.account = account
        self._binding = account.binding
        self._seconds = account.trunk.registrationTime
        self._failures = 0

    def _registered(self, granted: int, answer: Answer) -> None:
        try:
            self.account.wants(answer.services)
        except Misaddressed as problem:
            _log.warn(
                "Trunk {trunk}: its Service-Route cannot be used: {why}",
                trunk=self.account.trunk.name,
                why=str(problem),
            )
        if self.until is None or self.trouble:
            _log.info("Trunk {trunk} is registered for {granted} s", trunk=self.account.trunk.name, granted=granted)
        self._failures = 0
        self.trouble = ""
        self.account.isRefused = False
        self.until = self._owner.clock.seconds() + granted
        self._later(self._owner.refreshAfter(granted))

    def _refused(self, why: str, retryAfter: int | None) -> None:
        if not self.users:
            return
        self._failures += 1
        now = self._owner.clock.seconds()
        if self.until is not None and self.until <= now:
            self.until = None
        wait = self._wait(why, retryAfter)
        if why != self.trouble or wait == REFUSED_WAIT:
            _log.warn(
                "Trunk {trunk} is not registered: {why}; again in {wait:.0f} s{advice}",
                trunk=self.account.trunk.name,
                why=why,
                wait=wait,
                advice=_adviceOn(why),
            )
            self.trouble = why
        self._later(wait)

    def _wait(self, why: str, retryAfter: int | None) -> float:
        isRefusal = why.startswith(_REFUSALS)
        if isRefusal and (why.startswith(_WRONG_LOGIN) or self._failures > SECOND_THOUGHTS):
            self.account.isRefused = True
            return REFUSED_WAIT
        if retryAfter is not None:
            return max(1, retryAfter)
        wait = min(FIRST_WAIT * 2 ** min(self._failures - 1, 10), MAX_WAIT)
        return float(wait * (1 + SPREAD * self._owner.draw()))


def _adviceOn(why: str) -> str:
    if why.startswith(_WRONG_LOGIN):
        return "; are TrunkUser, TrunkLogin and TrunkPassword right? A change of them is tried at once"
    if why.startswith(_REFUSALS):
        return "; does the server know TrunkUser, and may it register? A change of its settings is tried at once"
    return ""


class TrunkRegistrations(Registrations):
    """
    Those of all trunks.

    @param draw: gives numbers from -1 to 1.
    """

    def __init__(
        self,
        clock: IReactorTime,
        registers: Registers,
        perSecond: float,
        draw: Callable[[], float] = lambda: random.uniform(-1, 1),
    ) -> None:
        super().__init__(clock, registers, 1, 1, perSecond)
        self.draw = draw
        self._accounts: dict[str, Account] = {}

    def refreshAfter(self, granted: int) -> float:
        """Seconds after which a registration for C{granted} seconds is renewed; those of many trunks spread."""
        return refreshAfter(granted) * (0.95 + 0.05 * self.draw())

    def begin(self, account: Account) -> None:
        """Register a trunk, now and for good."""
        if account.trunk.registers:
            self._accounts[account.binding.key] = account
            self.add(account.trunk.name, account.binding.key)

    def end(self, account: Account) -> None:
        """Stop registering the trunk."""
        registration = self._byUser.get(account.trunk.name)
        self._accounts.pop(account.binding.key, None)
        if registration is not None and registration.key == account.binding.key:
            self.remove(account.trunk.name)

    def stop(self) -> Deferred[None]:
        """See L{Registrations.stop}."""
        self._accounts.clear()
        return super().stop()

    def _made(self, aor: str) -> Registration:
        return TrunkRegistration(self, self._accounts[aor])

    def _count(self) -> None:
        """Their times differ: there is no number of them that is too many for all."""
