# -*- test-case-name: ichatgw.test.check.test_faults -*-
"""
What a check has to go by.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ichatgw.check.asking.interfaces import IHost, INetwork
from ichatgw.config.settings import Settings
from ichatgw.net.dns import Records
from ichatgw.sip.transport.resolver import Resolver


@frozen
class Given:
    """
    @ivar settings: as the gateway would have them.
    @ivar path: of the configuration; empty if there is none.
    @ivar clock: for time that passes.
    @ivar status: what the gateway says of itself that runs with this configuration; C{None} if none does.
    @ivar calls: addresses for which the rules are to be tried.
    @ivar caller: who calls them; empty for anybody.
    """

    settings: Settings
    path: str
    clock: Any
    records: Records
    resolver: Resolver
    host: IHost
    network: INetwork
    status: Mapping[str, Any] | None = None
    calls: tuple[str, ...] = ()
    caller: str = ""

    @property
    def isRunning(self) -> bool:
        """Does a gateway run with this configuration?"""
        return self.status is not None
