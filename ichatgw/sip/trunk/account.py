# -*- test-case-name: ichatgw.test.sip.trunk.test_registrations -*-
"""
A trunk at work: how its server is reached, whether it is there, and which calls it has.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from attrs import define, evolve, field
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ichatgw.config.declared.trunks import Trunk
from ichatgw.config.reading.credentials import Credentials, Keyring
from ichatgw.config.reading.kinds import Proxy
from ichatgw.errors import CallError
from ichatgw.sip.auth.authorization import Authorizer
from ichatgw.sip.message.uris import parse
from ichatgw.sip.register.bindings import Binding
from ichatgw.sip.transaction.way import Place, Way
from ichatgw.sip.transport.resolver import Resolver
from ichatgw.sip.transport.target import Transport

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
    @ivar calling: the way of its calls.
    @ivar registering: the way of its registrations, which take no route that the registrar wants for calls.
    @ivar binding: its Contact at the registrar.
    @ivar probing: what its server says to probes.
    @ivar isRefused: its registrar does not want it.
    @ivar legs: those of its calls that live.
    """

    trunk: Trunk
    calling: Way
    registering: Way
    binding: Binding
    probing: Probing = Probing.UNKNOWN
    isRefused: bool = False
    legs: set[Any] = field(factory=set)

    @classmethod
    def of(cls, trunk: Trunk, clock: IReactorTime, resolver: Resolver) -> Account:
        """Make the account of a trunk."""
        named = f"the proxy of trunk {trunk.name}" if trunk.proxy is not None else f"trunk {trunk.name}"
        place = placeOf(trunk.proxy or trunk.server)
        logins = Authorizer(_keyring(trunk), trunk.proxy.host if trunk.proxy is not None else None)
        calling = Way(clock, resolver, logins, place, named, trunk.proxy is not None)
        registering = Way(clock, resolver, logins, place, named, trunk.proxy is not None)
        logins.served = lambda host: (trunk.server.host,) if calling.leadsTo(host) or registering.leadsTo(host) else ()
        binding = Binding(trunk.aor, way=registering, registrar=serverURI(trunk))
        binding.key = f"{trunk.name} {binding.instance}"  # it may follow another one of that name
        return cls(trunk, calling, registering, binding)

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
        return self.calling.leadsTo(host) or self.registering.leadsTo(host)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Where its server and its proxy are, as IP literals, as far as that is known."""
        return (*self.calling.addresses, *self.registering.addresses)

    def found(self, tell: Callable[[str], object]) -> None:
        """Tell C{tell} of the addresses of its server and its proxy when they are found."""
        self.calling.found = self.registering.found = tell

    def seek(self) -> None:
        """Look its server up: it may call us before we call through it."""
        self.calling.seek().addErrback(self._notFound)

    def _notFound(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            failure.trap(CallError)
            _log.warn(
                "Trunk {trunk} cannot be found now: {why}", trunk=self.trunk.name, why=failure.getErrorMessage()[:200]
            )

    def wants(self, services: tuple[str, ...]) -> None:
        """Its registrar wants calls to take this route."""
        self.calling.services = tuple(parse(uri) for uri in services)

    def suits(self, trunk: Trunk) -> bool:
        """Can it go on as it is, if the administrator says that of it now?"""
        return _kernel(self.trunk) == _kernel(trunk)


def _kernel(trunk: Trunk) -> Trunk:
    """What a change of makes another account of it."""
    return evolve(
        Trunk(trunk.name, trunk.server),
        user=trunk.user,
        login=trunk.login,
        password=trunk.password,
        proxy=trunk.proxy,
        registrationTime=trunk.registrationTime,
    )


def _keyring(trunk: Trunk) -> Keyring:
    """With what to log in, at its server and its proxy and nowhere else."""
    login = trunk.login or trunk.user
    if not login or not trunk.password:
        return Keyring()
    hosts = [trunk.server.host, *([trunk.proxy.host] if trunk.proxy is not None else [])]
    return Keyring({host.lower(): Credentials(login, trunk.password) for host in hosts})


def placeOf(proxy: Proxy) -> Place:
    """Where a server is, for L{Way}."""
    return proxy.host, proxy.port, Transport(proxy.transport) if proxy.transport else None, False


def serverURI(trunk: Trunk, user: str = "") -> str:
    """
    A URI at the server of a trunk.

    @param user: an escaped user part; empty for none.
    """
    host = f"[{trunk.server.host}]" if ":" in trunk.server.host else trunk.server.host
    port = f":{trunk.server.port}" if trunk.server.port is not None else ""
    return f"sip:{user}{'@' if user else ''}{host}{port}"
