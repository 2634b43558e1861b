# -*- test-case-name: ichatgw.test.sip.trunk.test_registrations,ichatgw.test.sip.trunk.test_flows -*-
"""
A trunk at work: how its server is reached, whether it is there, and which calls it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum

from attrs import define, evolve, field
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ichatgw.config.declared.trunks import Trunk
from ichatgw.config.reading.credentials import Credentials, Keyring
from ichatgw.errors import CallError
from ichatgw.sip.auth.authorization import Authorizer
from ichatgw.sip.register.bindings import Binding
from ichatgw.sip.transport.resolver import Resolver
from ichatgw.sip.trunk.flow import Flow, flowsOf

_log = Logger()


class Probing(Enum):
    """What the server of a trunk says to the question whether it is there."""

    UNKNOWN = "not asked yet"
    ANSWERS = "answers"
    SILENT = "no answer"


@define(eq=False)
class Account:
    """
    @ivar trunk: what the administrator has said of it.
    @ivar flows: the ways to its server, one at least.
    @ivar logins: with what it logs in.
    @ivar probing: what its server says to probes.
    @ivar legs: those of its calls that live.
    """

    trunk: Trunk
    flows: tuple[Flow, ...]
    logins: Authorizer
    probing: Probing = Probing.UNKNOWN
    legs: set[object] = field(factory=set)

    @classmethod
    def of(cls, trunk: Trunk, clock: IReactorTime, resolver: Resolver) -> Account:
        """Make the account of a trunk."""
        logins = Authorizer(_keyring(trunk), trunk.proxies[0].host if trunk.proxies else None, trunk.name)
        flows = flowsOf(trunk, clock, resolver, logins)
        made = cls(trunk, flows, logins)
        logins.served = lambda host: (trunk.server.host,) if _isAt(flows, host) else ()
        return made

    @property
    def isRefused(self) -> bool:
        """Does its registrar want it by no flow?"""
        return all(flow.isRefused for flow in self.flows)

    def flowOf(self, binding: Binding | None) -> Flow:
        """The flow with that Contact; the first if there is none."""
        return next((flow for flow in self.flows if flow.binding is binding), self.flows[0])

    @property
    def isDown(self) -> bool:
        """Does its server not answer?"""
        return self.probing is Probing.SILENT

    @property
    def isFull(self) -> bool:
        """Has it as many calls as it may?"""
        return 0 < self.trunk.maxCalls <= len(self.legs)

    @property
    def works(self) -> bool:
        """Is it worth a call, as far as is known?"""
        return not (self.isDown or self.isRefused)

    def isAt(self, host: str) -> bool:
        """Is C{host}, an IP literal, its server or proxy?"""
        return _isAt(self.flows, host)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Where its server and its proxies are, as IP literals, as far as that is known."""
        return tuple(host for flow in self.flows for way in flow.ways for host in way.addresses)

    def found(self, tell: Callable[[str], object]) -> None:
        """Tell C{tell} of the addresses of its server and its proxies when they are found."""
        for flow in self.flows:
            flow.calling.found = flow.registering.found = tell

    def seek(self) -> None:
        """Look its server up: it may call us before we call through it."""
        for flow in self.flows:
            flow.calling.seek().addErrback(self._notFound)

    def _notFound(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            failure.trap(CallError)
            _log.warn(
                "Trunk {trunk} cannot be found now: {why}", trunk=self.trunk.name, why=failure.getErrorMessage()[:200]
            )

    def suits(self, trunk: Trunk) -> bool:
        """Can it go on as it is, if the administrator says that of it now?"""
        return _kernel(self.trunk) == _kernel(trunk)


def _isAt(flows: Iterable[Flow], host: str) -> bool:
    return any(way.leadsTo(host) for flow in flows for way in flow.ways)


def _kernel(trunk: Trunk) -> Trunk:
    """What a change of makes another account of it."""
    return evolve(
        Trunk(trunk.name, trunk.server),
        user=trunk.user,
        login=trunk.login,
        password=trunk.password,
        proxies=trunk.proxies,
        extensions=trunk.extensions,
        registrationTime=trunk.registrationTime,
        mailbox=trunk.mailbox,
    )


def _keyring(trunk: Trunk) -> Keyring:
    """With what to log in, at its server and its proxy and nowhere else."""
    login = trunk.login or trunk.user
    if not login or not trunk.password:
        return Keyring()
    hosts = [trunk.server.host, *(proxy.host for proxy in trunk.proxies)]
    return Keyring({host.lower(): Credentials(login, trunk.password) for host in hosts})
