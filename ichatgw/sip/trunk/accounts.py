# -*- test-case-name: ichatgw.test.sip.trunk.test_registrations,ichatgw.test.sip.trunk.test_texts,ichatgw.test.sip.trunk.test_arrivals,ichatgw.test.sip.trunk.test_probing -*-  # noqa: E501
"""
All trunks: which there are, and what becomes of them when the settings change.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from attrs import define, field
from twisted.internet.defer import Deferred

from ichatgw.config.declared.trunks import Trunk, bare
from ichatgw.runtime.steps import Steps, TakesSteps
from ichatgw.sip.register.bindings import Binding
from ichatgw.sip.trunk.account import Account
from ichatgw.sip.trunk.probing import Probe
from ichatgw.sip.trunk.registrations import TrunkRegistrations

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


_Changed = tuple[Account, Trunk]
"""An account that is no more, is new or goes on, and what is said of it now."""


@define(eq=False)
class _Tables:
    """
    Where the accounts are found.

    @ivar owners: the names of the trunks that have each user or number.
    @ivar open: those that take any number: they are not registered, and have no numbers.
    """

    byName: dict[str, Account] = field(factory=dict, init=False)
    byBinding: dict[Binding, Account] = field(factory=dict, init=False)
    owners: dict[str, dict[str, None]] = field(factory=dict, init=False)
    open: dict[Account, None] = field(factory=dict, init=False)

    def add(self, account: Account, trunk: Trunk) -> None:
        """There is this one as well, of which the administrator says that."""
        self.byName[trunk.name] = account
        for flow in account.flows:
            self.byBinding[flow.binding] = account
        if not (trunk.numbers or trunk.registers):
            self.open[account] = None


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
    sweep: TakesSteps
    ready: Callable[[Account], object] = _untold
    gone: Callable[[Account], object] = _untold
    _tables: _Tables = field(factory=_Tables, init=False)
    _byHost: dict[str, dict[Account, None]] = field(factory=dict, init=False)
    _probes: dict[Account, Probe] = field(factory=dict, init=False)
    _changed: deque[_Changed] = field(factory=deque, init=False)
    runs: bool = field(default=False, init=False)

    def __len__(self) -> int:
        return len(self._tables.byName)

    def get(self, name: str) -> Account | None:
        """The trunk of that name, in lower case."""
        return self._tables.byName.get(name)

    def at(self, host: str) -> Iterator[Account]:
        """Those whose server or proxy is at C{host}, an IP literal."""
        return (account for account in self._byHost.get(host, ()) if account.isAt(host))

    def openAt(self, host: str) -> Iterator[Account]:
        """Those of them that take any number: they are not registered, and have no numbers."""
        there = self._byHost.get(host, {})
        if len(self._tables.open) < len(there):
            return (account for account in self._tables.open if account in there and account.isAt(host))
        return (account for account in there if account in self._tables.open and account.isAt(host))

    def owning(self, user: str) -> Iterator[Account]:
        """Those that have a user, a login or a number of that name."""
        for key in (f"{_USER}{user}", bare(user)):
            for name in self._tables.owners.get(key, ()):
                account = self._tables.byName.get(name)
                if account is not None:
                    yield account

    def of(self, binding: Binding) -> Account | None:
        """The trunk with that Contact."""
        return self._tables.byBinding.get(binding)

    def all(self) -> Iterable[Account]:
        """All trunk accounts."""
        return self._tables.byName.values()

    def doubt(self, account: Account) -> None:
        """A call by it got no answer."""
        probe = self._probes.get(account)
        if probe is not None:
            probe.doubt()

    def prepare(self, trunks: Iterable[Trunk]) -> Steps[Callable[[], str | None]]:
        """Make ready for these trunks to be all that there are, in steps; gives what has it happen."""
        new = _Tables()
        wanted: dict[str, Trunk] = {}
        for trunk in trunks:
            yield
            for count, key in enumerate(_keys(trunk)):
                new.owners.setdefault(key, {})[trunk.name] = None
                if count % SOME_KEYS == SOME_KEYS - 1:
                    yield
            wanted[trunk.name] = trunk
        kept: list[_Changed] = []
        for trunk in wanted.values():
            yield
            old = self.get(trunk.name)
            account = old if old is not None and old.suits(trunk) else self.make(trunk)
            new.add(account, trunk)
            kept.append((account, trunk))
        ended: list[_Changed] = []
        for account in self.all():
            yield
            if new.byName.get(account.trunk.name) is not account:
                ended.append((account, account.trunk))
        return lambda: self._adopt(new, [*ended, *kept])

    def _adopt(self, new: _Tables, changed: list[_Changed]) -> str | None:
        """From now on these are all; what follows from that for each one is done in parts."""
        self._tables = new
        self._changed += changed
        if self.runs:
            self.sweep(self._changing())
        return None

    def _changing(self) -> Steps[None]:
        while self._changed:
            account, trunk = self._changed.popleft()
            if self._tables.byName.get(trunk.name) is not account:
                self._end(account)
            else:
                account.trunk = trunk
                if self.runs and account not in self._probes:
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
