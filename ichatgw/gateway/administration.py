# -*- test-case-name: ichatgw.test.gateway.test_build,ichatgw.test.config.test_reload,ichatgw.test.gateway.test_tap,ichatgw.test.config.test_reloadable -*-  # noqa: E501
"""
What administrators have the running gateway do: read its settings again, and whatever they order.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from twisted.application.service import MultiService
from twisted.logger import ILogObserver

from ichatgw.config.reload import Load, Reloadable, Reloader
from ichatgw.config.settings import Settings
from ichatgw.control.server import Orders
from ichatgw.control.setup import controlOf
from ichatgw.gateway.service import Gateway
from ichatgw.log import logfile
from ichatgw.web.setup import Shown, webOf


def reloading(
    reactor: Any, gateway: Gateway, settings: Settings, load: Load, observer: ILogObserver | None = None
) -> None:
    """
    Let C{gateway} read its settings again at C{SIGHUP}, and go on in a new log file if that was moved away.

    @param settings: those in force.
    @param load: reads them as at the start.
    @param observer: what writes the log.
    """
    reloader = gateway.reloader = Reloader(reactor, gateway.turns, settings, load, gateway.reloadables)
    if isinstance(observer, logfile.LineObserver):
        reloader.add(
            Reloadable(("logLevel",), lambda new: partial(setattr, observer, "level", new.logLevel)),
            Reloadable(("logFormat",), lambda new: partial(setattr, observer, "format", new.logFormat)),
        )
        reloader.first = observer.reopen
    if gateway.report is not None:
        reloader.told = gateway.report.reloading
    MultiService.addService(gateway, reloader)


def ordered(
    reactor: Any,
    gateway: Gateway,
    settings: Settings,
    observer: ILogObserver | None = None,
    environ: Mapping[str, str] = os.environ,
) -> None:
    """
    Let administrators see and order what C{gateway} does, by signals, at a socket and over HTTP.  To be called after
    L{reloading}.

    @param environ: says where the socket goes, if the settings do not.
    @raise ConfigError: if what a setting names cannot be used.
    """
    parts, watchers, reloader = gateway.parts, gateway.watchers, gateway.reloader
    assert parts is not None and watchers is not None and reloader is not None
    takesLevel = isinstance(observer, logfile.LineObserver)
    orders = Orders()
    gateway.ordering = controlOf(reactor, parts, settings, reloader, takesLevel, environ, orders)
    shown = Shown(
        gateway.turns,
        watchers.events,
        watchers.calls,
        parts.readiness,
        parts.figures,
        parts.trunks,
        orders,
        watchers.archive,
    )
    web = webOf(reactor, settings, shown)
    if web is not None:
        gateway.ordering.append(web)
        reloader.add(*web.reloadables)
    for service in gateway.ordering:
        MultiService.addService(gateway, service)
