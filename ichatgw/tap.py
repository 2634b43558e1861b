# -*- test-case-name: ichatgw.test.gateway.test_tap -*-
"""
C{twistd ichatgw}: its options, and the service that it runs.  A C{.tac} file finds here what it needs for the same.
"""

from __future__ import annotations

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.application.service import IService, MultiService
from twisted.logger import Logger

from ichatgw.errors import ConfigError
from ichatgw.gateway.administration import ordered, reloading
from ichatgw.gateway.build import gateway
from ichatgw.log import logfile
from ichatgw.options import Options

__all__ = ["Options", "gateway", "makeService", "ordered", "reloading"]

_log = Logger()


def makeService(options: Options) -> IService:
    """
    C{twistd}'s entry: the one place that takes the global reactor.

    @raise SystemExit: if what a setting names cannot be used; the text says why.
    """
    from twisted.internet import reactor

    for warning in options.warnings:
        _log.warn("{text}", text=warning)
    try:
        service = gateway(reactor, options.settings)
    except ConfigError as problem:
        raise SystemExit(f"ichatgw cannot start:\n{problem}") from None
    observer = options.logObserver()
    reloading(reactor, service, options.settings, options.reload, observer)
    try:
        ordered(reactor, service, options.settings, observer)
    except ConfigError as problem:
        raise SystemExit(f"ichatgw cannot start:\n{problem}") from None
    if observer is None:
        return service
    logged = logfile.LoggedService(observer)
    MultiService.addService(logged, service)
    return logged
