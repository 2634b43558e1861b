# -*- test-case-name: ichatgw.test.sip.trunk.test_registrations,ichatgw.test.sip.trunk.test_flows -*-
"""
Trunks are registered whether users are online or not, and again after each failure of a registrar.

A registrar that does not answer, or has a fault, is asked again soon at first, then more rarely, but never so rarely
that its return goes unnoticed for minutes.  One that refuses a trunk is not asked for an hour: passwords do not become
right, and there are servers that shut out a client that tries too often.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ichatgw.sip.message.uris import Misaddressed
from ichatgw.sip.register.client import Answer
from ichatgw.sip.register.extensions import NO_OUTBOUND
from ichatgw.sip.register.schedule import Registers, Registration, Registrations, refreshAfter
from ichatgw.sip.trunk.account import Account
from ichatgw.sip.trunk.flow import Flow

FIRST_WAIT = 4.0
"""Seconds after which a registrar that did not answer is asked again; doubled each time."""

MAX_WAIT = 120.0
"""The longest of these waits, in seconds."""

OTHER_WAIT = 90.0
"""Likewise for a flow of a trunk that is registered by another one (RFC 5626 section 4.5)."""

MAX_OTHER_WAIT = 1800.0

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
    """The registration of one flow of a trunk."""

    _owner: TrunkRegistrations

    def __init__(self, owner: TrunkRegistrations, account: Account, flow: Flow) -> None:
        super().__init__(owner, account.trunk.aor)
        self.key = flow.binding.key
        self.account = account
        self.flow = flow
        self._name = account.trunk.name
        if len(account.flows) > 1:
            self._name += f" (by proxy {flow.number})"
        self._binding = flow.binding
        self._seconds = account.trunk.registrationTime
        self._failures = 0

    def _registered(self, granted: int, answer: Answer) -> None:
        try:
            self.flow.wants(answer.services)
        except Misaddressed as problem:
            _log.warn(
                "Trunk {trunk}: its Service-Route cannot be used: {why}",
                trunk=self._name,
                why=str(problem),
            )
        if self.until is None or self.trouble:
            _log.info("Trunk {trunk} is registered for {granted} s", trunk=self._name, granted=granted)
            self._owner.came(self.account)
        self._failures = 0
        self.trouble = ""
        self.flow.isRefused = False
        self.until = self._owner.clock.seconds() + granted
        self._later(self._owner.refreshAfter(granted))

    def _answered(self, answer: Answer, wanted: int) -> None:
        if answer.text.startswith(NO_OUTBOUND) and wanted and self._binding.extensions.flow:
            _log.info("Trunk {trunk}: the way to its registrar does not know RFC 5626", trunk=self._name)
            self._binding.extensions = evolve(self._binding.extensions, flow=0)
            self._later(0.0)
        else:
            super()._answered(answer, wanted)

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
                trunk=self._name,
                why=why,
                wait=wait,
                advice=_adviceOn(why),
            )
            self.trouble = why
        self._later(wait)

    def _wait(self, why: str, retryAfter: int | None) -> float:
        isRefusal = why.startswith(_REFUSALS)
        if isRefusal and (why.startswith(_WRONG_LOGIN) or self._failures > SECOND_THOUGHTS):
            self.flow.isRefused = True
            return REFUSED_WAIT
        if retryAfter is not None:
            return max(1, retryAfter)
        first, longest = (OTHER_WAIT, MAX_OTHER_WAIT) if self._owner.hasOther(self) else (FIRST_WAIT, MAX_WAIT)
        wait = min(first * 2 ** min(self._failures - 1, 10), longest)
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

    @ivar came: is told of a trunk that is registered, and was not before.
    @param draw: gives numbers from -1 to 1.
    """

    came: Callable[[Account], object] = staticmethod(lambda account: None)

    def __init__(
        self,
        clock: IReactorTime,
        registers: Registers,
        perSecond: float,
        draw: Callable[[], float] = lambda: random.uniform(-1, 1),
    ) -> None:
        super().__init__(clock, registers, 1, 1, perSecond)
        self.draw = draw
        self._flows: dict[str, tuple[Account, Flow]] = {}

    def refreshAfter(self, granted: int) -> float:
        """Seconds after which a registration for C{granted} seconds is renewed; those of many trunks spread."""
        return refreshAfter(granted) * (0.95 + 0.05 * self.draw())

    def begin(self, account: Account) -> None:
        """Register a trunk, now and for good."""
        if account.trunk.registers:
            for flow in account.flows:
                key = flow.binding.key
                self._flows[key] = account, flow
                self.add(key, key)

    def end(self, account: Account) -> None:
        """Stop registering the trunk."""
        for flow in account.flows:
            self._flows.pop(flow.binding.key, None)
            self.remove(flow.binding.key)

    def hasOther(self, registration: TrunkRegistration) -> bool:
        """Is the trunk of that registration registered by another flow, too?"""
        others = (each for each in registration.account.flows if each is not registration.flow)
        return any(self.until(flow) is not None for flow in others)

    def until(self, flow: Flow) -> float | None:
        """The time to which a flow is registered; C{None} if it is not."""
        registration = self._byAddress.get(flow.binding.key)
        return None if registration is None else registration.until

    def stop(self) -> Deferred[None]:
        """See L{Registrations.stop}."""
        self._flows.clear()
        return super().stop()

    def _made(self, aor: str) -> Registration:
        return TrunkRegistration(self, *self._flows[aor])

    def _count(self) -> None:
        """Their times differ: there is no number of them that is too many for all."""
