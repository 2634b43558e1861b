# -*- test-case-name: ichatgw.test.sip.register.test_schedule,ichatgw.test.sip.transport.test_keepalive,ichatgw.test.sip.trunk.test_states,ichatgw.test.control.test_setup -*-  # noqa: E501
"""
Who is registered, for how long, and when again.

Each address has a L{Registration}, which is told what is wanted and brings about that it is so, one REGISTER at a time:
a user who returns while their registration is being removed is registered again after that.  All share one queue, so
that many who come at once do not flood a registrar; and one that is slow, or dead, is not asked ever more, and keeps no
other waiting.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Protocol, TypedDict

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ichatgw.address import Address
from ichatgw.errors import CallError
from ichatgw.observe.events import Event, Registered, RegistrationFailed, Unregistered
from ichatgw.observe.stream import UNREAD
from ichatgw.runtime.clock import cancel
from ichatgw.runtime.nulls import unheard
from ichatgw.sip.register.bindings import Binding
from ichatgw.sip.register.client import Answer

STOP_TIMEOUT = 3.0
"""Seconds that the registrars have for taking our users off their lists when we stop."""

STOPPING_HASTE = 4
"""How many times faster the queue moves then."""

MAX_UNANSWERED = 100
"""How many REGISTERs to one domain may be without an answer."""

REFRESH_SHARE = 0.9
"""The share of the granted time after which an address is registered anew, if that leaves L{MARGIN}."""

MARGIN = 5.0
"""Seconds before the end of the granted time in which a REGISTER is answered; of a short time it is one half."""

MAX_RAISES, MAX_SECONDS = 2, 30 * 86_400
"""How often running, and up to how many seconds, we ask for as much as a server wants at least (423)."""

_log = Logger()

_ADVICE = {
    "401": "is there a right line for it in SIPCredentials?",
    "403": "is its password in SIPCredentials right, and may it register?",
    "404": "does the registrar know this user? (one that takes us by our address for a trunk does not look for users:"
    " in Asterisk see identify and endpoint_identifier_order)",
    "405": "does anybody take registrations there? (RegistrationTime = 0 turns them off)",
    "407": "is there a right line for the proxy in SIPCredentials?",
}
"""What to look at, by the status with which a registrar refuses."""


class Registers(Protocol):
    """Sends a REGISTER; see L{ichatgw.sip.register.client.RegisterClient}."""

    def register(self, binding: Binding, seconds: int) -> Deferred[Answer]:
        """Bind the address, or take it back."""


class Registration:
    """
    One address at its registrar.

    @ivar key: by which the owner knows it.
    @ivar users: for whom it is wanted; it is not wanted if there is none.
    @ivar until: registered to that time.
    @ivar trouble: why it is not, as was heard last.
    """

    def __init__(self, owner: Registrations, aor: str) -> None:
        self.aor = self.key = aor
        self.domain = Address(aor).place.lower()
        self.users: set[str] = set()
        self.until: float | None = None
        self.queued = False
        self._owner = owner
        self._binding = Binding(aor)
        self._seconds = owner.seconds
        self._raises = 0
        self._running: Deferred[Answer] | None = None
        self._timer: IDelayedCall | None = None
        self.trouble = ""

    @property
    def idle(self) -> bool:
        """Nothing is registered, nothing is under way, nothing is wanted."""
        return not self.users and self.until is None and self._running is None and not self.queued

    def consider(self) -> None:
        """Something has changed: what is to be done now?"""
        if self._running is not None or self.queued:
            return
        if not self.users:
            self._stopTimer()
        if (self.until is None and self._timer is None) if self.users else (self.until is not None):
            self._owner.enqueue(self)

    def again(self) -> None:
        """The way on which calls come is cut: register anew, over another one."""
        if self.users and self.until is not None and self._running is None and not self.queued:
            self._owner.enqueue(self)

    def run(self) -> None:
        """The queue has come to this registration: send its REGISTER."""
        self.queued = False
        if not self.users and self.until is None:
            return
        self._stopTimer()
        wanted = self._seconds if self.users else 0
        self._owner.asking(self)
        self._running = running = self._ask(wanted)
        running.addCallbacks(self._answered, self._failed, callbackArgs=(wanted,))
        running.addErrback(self._broken)
        running.addBoth(self._done)

    def _ask(self, seconds: int) -> Deferred[Answer]:
        return self._owner.registers.register(self._binding, seconds)

    def abandon(self) -> None:
        """Let everything go, without a word."""
        self._stopTimer()
        if self._running is not None:
            self._running.cancel()

    def _done(self, _: object) -> None:
        self._running = None
        self._owner.settled(self)

    def _answered(self, answer: Answer, wanted: int) -> None:
        if not wanted:
            self.until = None
            self._left(answer)
        elif answer.granted:
            self._raises = 0
            self._registered(answer.granted, answer)
        elif self._raises < MAX_RAISES and self._seconds < (answer.least or 0) <= MAX_SECONDS:
            self._seconds = answer.least or self._seconds
            self._raises += 1
            self._later(0.0)
        else:
            self._refused(answer.text or "the registrar granted no time", answer.retryAfter)

    def _left(self, answer: Answer) -> None:
        self._owner.tell(Unregistered, self.aor)
        _log.info("{aor!r} is registered no more{why}", aor=self.aor, why=f": {answer.text}" if answer.text else "")

    def _registered(self, granted: int, answer: Answer) -> None:
        if self.until is None or self.trouble:
            _log.info("{aor!r} is registered for {granted} s", aor=self.aor, granted=granted)
            self._owner.appeared(self.aor)
        self._owner.tell(Registered, self.aor, granted)
        self.trouble = ""
        self.until = self._owner.clock.seconds() + granted
        self._later(refreshAfter(granted))

    def _failed(self, failure: Failure) -> None:
        if failure.check(CancelledError) is None:
            failure.trap(CallError, OSError)
            if not self.users:
                self.until = None
            self._refused(str(failure.value)[:100], None)

    def _broken(self, failure: Failure) -> None:
        _log.failure("{aor!r} could not be registered", failure, aor=self.aor)
        self.until = None
        self._refused("internal error", None)

    def _refused(self, why: str, retryAfter: int | None) -> None:
        if not self.users:
            return
        wait = retryAfter or self._owner.retry
        self._owner.tell(RegistrationFailed, self.aor, why, wait)
        if why != self.trouble:
            advice = _ADVICE.get(why[:3], "")
            _log.warn(
                "{aor!r} is not registered: {why}; again in {wait} s{advice}",
                aor=self.aor,
                why=why,
                wait=wait,
                advice=f"; {advice}" if advice else "",
            )
            self.trouble = why
        if self.until is not None and self.until <= self._owner.clock.seconds():
            self.until = None
        self._later(wait)

    def _later(self, seconds: float) -> None:
        self._stopTimer()
        self._timer = self._owner.clock.callLater(seconds, self._due)

    def _due(self) -> None:
        self._timer = None
        self._owner.enqueue(self)

    def _stopTimer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Standing(TypedDict):
    """How it stands with an address, see L{Registrations.about}."""

    address: str
    users: list[str]
    left: int | None
    trouble: str


class Registrations:
    """
    All of them.

    @ivar seconds: for how long to register; 0 for not at all.
    @ivar retry: seconds to wait after a failure.
    @ivar events: told of what becomes of them.
    @ivar appeared: is told of an address that is registered, and was not before; C{vanished} of one that nobody wants
        any more.
    @ivar remain: what is said of those that could not be ended in time.
    @param perSecond: how many REGISTERs are sent in a second at most.
    """

    remain = "addresses stay registered"
    appeared: Callable[[str], object] = staticmethod(unheard)
    vanished: Callable[[str], object] = staticmethod(unheard)

    def __init__(self, clock: IReactorTime, registers: Registers, seconds: int, retry: int, perSecond: float) -> None:
        self.clock = clock
        self.registers = registers
        self.seconds = seconds
        self.retry = retry
        self.events = UNREAD
        self._interval = 1.0 / perSecond
        self._byAddress: dict[str, Registration] = {}
        self._byUser: dict[str, Registration] = {}
        self._queue: deque[Registration] = deque()
        self._unanswered: Counter[str] = Counter()
        self._held: dict[str, deque[Registration]] = {}
        self._pause: IDelayedCall | None = None
        self._stopped: Deferred[None] | None = None
        self._crowded = False

    def tell(self, kind: type[Event], *what: object) -> None:
        """Something happens to a registration."""
        if self.events.isOn(kind):
            self.events.publish(kind(*self.events.now(), *what))

    @property
    def users(self) -> frozenset[str]:
        """Those who are to be registered."""
        return frozenset(self._byUser)

    @property
    def registered(self) -> frozenset[str]:
        """The addresses that are registered now."""
        return frozenset(aor for aor, each in self._byAddress.items() if each.until is not None)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Those that are registered, or are to be."""
        return tuple(self._byAddress)

    def about(self, aor: str) -> Standing | None:
        """
        How it stands with an address.

        @return: C{address}, C{users}, seconds that are C{left} of its registration (C{None} if there is none), and in
            words what is the C{trouble}; C{None} if that address is not to be registered.
        """
        registration = self._byAddress.get(aor)
        if registration is None:
            return None
        until = registration.until
        left = None if until is None else max(0, round(until - self.clock.seconds()))
        users = sorted(registration.users)
        return {"address": aor, "users": users, "left": left, "trouble": registration.trouble}

    def resident(self, aor: str) -> str:
        """The one user who is to be registered at an address; empty if there is none, or more than one."""
        registration = self._byAddress.get(aor)
        return next(iter(registration.users)) if registration is not None and len(registration.users) == 1 else ""

    def add(self, user: str, aor: str) -> None:
        """C{user} is reached at C{aor} from now on.  Two users may share one address; a user has one."""
        if not self.seconds or self._stopped is not None:
            return
        registration = self._byUser.get(user)
        if registration is not None and registration.key == aor:
            return
        self.remove(user)
        registration = self._byAddress.get(aor)
        if registration is None:
            registration = self._byAddress[aor] = self._made(aor)
            self._count()
        self._byUser[user] = registration
        registration.users.add(user)
        registration.consider()

    def _made(self, aor: str) -> Registration:
        return Registration(self, aor)

    def _count(self) -> None:
        """Say once if there are more than can be registered anew in time."""
        most = int(self.seconds * REFRESH_SHARE / self._interval)
        if len(self._byAddress) > most and not self._crowded:
            self._crowded = True
            _log.warn(
                "More than {most} addresses cannot be registered anew in time, and are not reached now and then: raise"
                " RegistrationsPerSecond or RegistrationTime",
                most=most,
            )

    def remove(self, user: str) -> None:
        """C{user} is not there any more."""
        registration = self._byUser.pop(user, None)
        if registration is not None:
            registration.users.discard(user)
            if not registration.users:
                self.vanished(registration.key)
            registration.consider()
            self._clear(registration)

    def cut(self, aors: Iterable[str]) -> None:
        """The connections are gone over which these addresses were registered (RFC 5626 section 4.4)."""
        for aor in aors:
            registration = self._byAddress.get(aor)
            if registration is not None:
                registration.again()

    def stop(self) -> Deferred[None]:
        """Take all off the lists.  Fires when that is done, or after L{STOP_TIMEOUT}."""
        stopped: Deferred[None] = Deferred()
        self._stopped = stopped
        for user in tuple(self._byUser):
            self.remove(user)
        if not self._byAddress:
            return succeed(None)
        timer = self.clock.callLater(STOP_TIMEOUT, self._giveUp)
        stopped.addCallback(lambda _: cancel(timer))
        return stopped

    def _giveUp(self) -> None:
        _log.warn("{count} {what} until their time is over", count=len(self._byAddress), what=self.remain)
        for registration in tuple(self._byAddress.values()):
            registration.abandon()
        self._byAddress.clear()
        self._queue.clear()
        self._held.clear()
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        self._finish()

    def _finish(self) -> None:
        if self._stopped is not None and not self._stopped.called:
            self._stopped.callback(None)

    def enqueue(self, registration: Registration) -> None:
        """A registration wants to send."""
        registration.queued = True
        self._queue.append(registration)
        if self._pause is None:
            self._next()

    def asking(self, registration: Registration) -> None:
        """A registration sends a REGISTER."""
        self._unanswered[registration.domain] += 1

    def settled(self, registration: Registration) -> None:
        """A registration has had its answer."""
        domain = registration.domain
        self._unanswered[domain] -= 1
        if not self._unanswered[domain]:
            del self._unanswered[domain]
        held = self._held.get(domain)
        if held:
            self._queue.append(held.popleft())
            if not held:
                del self._held[domain]
            if self._pause is None:
                self._next()
        registration.consider()
        self._clear(registration)

    def _next(self) -> None:
        self._pause = None
        while self._queue:
            registration = self._queue.popleft()
            if self._unanswered[registration.domain] >= MAX_UNANSWERED:
                self._held.setdefault(registration.domain, deque()).append(registration)
                continue
            haste = 1.0 if self._stopped is None else STOPPING_HASTE
            self._pause = self.clock.callLater(self._interval / haste, self._next)
            registration.run()
            self._clear(registration)
            return

    def _clear(self, registration: Registration) -> None:
        if registration.idle:
            self._byAddress.pop(registration.key, None)
            if not self._byAddress:
                self._finish()


def refreshAfter(granted: float) -> float:
    """Seconds after which a registration for C{granted} seconds is renewed: always before its end."""
    return min(granted * REFRESH_SHARE, max(granted - MARGIN, granted / 2))
