# -*- test-case-name: ichatgw.test.ichat.test_ourrecords -*-
"""
Where iChats find our SIP.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from ichatgw.ichat.connectdata import AddressRecord
from ichatgw.model import TransportAddress
from ichatgw.net.localaddresses import LocalAddresses

RECORDS_LIFE = 30.0
"""Seconds for which the list of our interfaces is taken as known."""


@define(eq=False)
class OurRecords:
    """
    The addresses at which an iChat finds our SIP, as it wants them named; asked of the system now and then.

    @ivar port: gives the port of SIP, once it listens.
    """

    clock: IReactorTime
    addresses: LocalAddresses
    port: Callable[[], int]
    _known: tuple[AddressRecord, ...] = field(default=(), init=False)
    _until: float = field(default=-1.0, init=False)

    def __call__(self) -> tuple[AddressRecord, ...]:
        """C{eth0}, C{eth1} and so on, whatever the interfaces are called."""
        now = self.clock.seconds()
        if now > self._until:
            self.addresses.forget()
            self._known = tuple(
                AddressRecord(f"eth{number}", TransportAddress(host, self.port()))
                for number, host in enumerate(self.addresses.all())
            )
            self._until = now + RECORDS_LIFE
        return self._known
