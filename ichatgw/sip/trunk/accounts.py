# -*- test-case-name: ichatgw.test.sip.trunk.test_registrations -*-
"""
All trunks: which there are, and what becomes of them when the settings change.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from attrs import define, field
from twisted.internet.defer import Deferred

from ichatgw.config.declared.trunks import Trunk, bare
from ichatgw.runtime.steps import Steps
from ichatgw.sip.register.bindings import Binding
from ichatgw.sip.trunk.account import Account
from ichatgw.sip.trunk.probing import Probe
from ichatgw.sip.trunk.registrations import TrunkRegistrations

Sweep = Callable[[Iterator[None]], object]
"""Goes through something in parts, so that it keeps no sound waiting."""

SOME_KEYS = 500
"""Users and numbers that are taken in at once."""

_USER = "="


def _keys(trunk: Trunk) -> Iterator[str]:
    """By which a call that comes from its server is known to be one by the trunk."""
    for user in (trunk.user, trunk.login):
        if user:
            yield f"{_USER}{user}"
    yield from map(bare, trunk.numbers)


def _untold(account: Account) -> None:
    """The callback before one is set: does nothing."""


@define(eq=False)
class Accounts:
    """
    @ivar make: makes an account.
    @ivar probe: makes what asks whether its server is there.
    @ivar runs: they are registered and probed.
    @ivar sweep: has trunks that are no more, or new, ended and begun in parts.
    @ivar ready: is told of each that works from its beginning, as it need not be registered.
    @ivar gone: is told of each that is no more.
    """

    make: Callable[[Trunk], Account]
    probe: Callable[[Account], Probe]
    registrations: TrunkRegistrations
    sweep: Sweep
    ready: Callable[[Account], object] = _untold
    gone: Callable[[Account], object] = _untold
    _byName: dict[str, Account] = field(factory=dict, init=False)
    _byBinding: dict[Binding, Account] = field(factory=dict, init=False)
    _owners: dict[str, dict[str, None]] = field(factory=dict, init=False)
    _open: dict[Account, None] = field(factory=dict, init=False)
    _byHost: dict[str, dict[Account, None]] = field(factory=dict, init=False)
    _probes: dict[Account, Probe] = field(factory=dict, init=False)
    _changed: deque[Account] = field(factory=deque, init=False)
    runs: bool = field(default=False, init=False)

    def __len__(self) -> int:
        return len(self._byName)

    def get(self, name: str) -> Account | None:
        """The trunk of that name, in lower case."""
        return self._byName.get(name)

    def at(self, host: str) -> Iterator[Account]:
        """Those whose server or proxy is at C{host}, an IP literal."""
        return (account for account in self._byHost.get(host, ()) if account.isAt(host))

    def openAt(self, host: str) -> Iterator[Account]:
        """Those of them that take any number: they are not registered, and have no numbers."""
        there = self._byHost.get(host, {})
        if len(self._open) < len(there):
            return (account for account in self._open if account in there and account.isAt(host))
        return (account for account in there if account in self._open and account.isAt(host))

    def owning(self, user: str) -> Iterator[Account]:
        """Those that have a user, a login or a number of that name."""
        for key in (f"{_USER}{user}", bare(user)):
            for name in self._owners.get(key, ()):
                account = self._byName.get(name)
                if account is not None:
                    yield account

    def of(self, binding: Binding) -> Account | None:
        """The trunk with that Contact."""
        return self._byBinding.get(binding)

    def all(self) -> Iterable[Account]:
        """All trunk accounts."""
        return self._byName.values()

    def doubt(self, account: Account) -> None:
        """A call by it got no answer."""
        probe = self._probes.get(account)
        if probe is not None:
            probe.doubt()

    def prepare(self, trunks: Iterable[Trunk]) -> Steps[Callable[[], str | None]]:
        """Make ready for these trunks to be all that there are, in steps; gives what has it happen."""
        wanted: dict[str, tuple[Trunk, Account | None]] = {}
        owners: dict[str, dict[str, None]] = {}
        for trunk in trunks:
            yield
            for count, key in enumerate(_keys(trunk)):
                owners.setdefault(key, {})[trunk.name] = None
                if count % SOME_KEYS == SOME_KEYS - 1:
                    yield
            old = self._byName.get(trunk.name)
            suits = old is not None and old.suits(trunk)
            wanted[trunk.name] = trunk, None if suits else self.make(trunk)
        return lambda: self._adopt(wanted, owners)

    def _adopt(self, wanted: dict[str, tuple[Trunk, Account | None]], owners: dict[str, dict[str, None]]) -> str | None:
        before = self._byName
        after: dict[str, Account] = {}
        for name, (trunk, made) in wanted.items():
            account = after[name] = made or before[name]
            account.trunk = trunk
        self._byName, self._owners = after, owners
        self._open = {
            account: None for account in after.values() if not (account.trunk.numbers or account.trunk.registers)
        }
        self._byBinding = {flow.binding: account for account in after.values() for flow in account.flows}
        self._changed += [account for name, account in before.items() if after.get(name) is not account]
        self._changed += [account for name, account in after.items() if before.get(name) is not account]
        if self.runs:
            self.sweep(self._changing())
        return None

    def _changing(self) -> Iterator[None]:
        while self._changed:
            account = self._changed.popleft()
            if self._byName.get(account.trunk.name) is not account:
                self._end(account)
            elif self.runs:
                self._begin(account)
            yield

    def start(self) -> None:
        """Register and probe them."""
        self.runs = True
        self.sweep(self._changing())

    def stop(self) -> Deferred[None]:
        """Fires when none is registered any more, or no registrar answers."""
        self.runs = False
        for probe in self._probes.values():
            probe.stop()
        self._probes.clear()
        return self.registrations.stop()

    def _begin(self, account: Account) -> None:
        account.found(lambda host: self._byHost.setdefault(host, {}).setdefault(account))
        account.seek()
        self.registrations.begin(account)
        probe = self._probes[account] = self.probe(account)
        probe.start()
        if not account.trunk.registers:
            self.ready(account)

    def _end(self, account: Account) -> None:
        self.registrations.end(account)
        self.gone(account)
        for host in account.hosts:
            there = self._byHost.get(host, {})
            there.pop(account, None)
            if not there:
                self._byHost.pop(host, None)
        account.found(lambda host: None)
        probe = self._probes.pop(account, None)
        if probe is not None:
            probe.stop()
