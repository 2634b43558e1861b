# -*- test-case-name: ichatgw.test.gateway.test_service,ichatgw.test.gateway.test_tap -*-
"""
The gateway as a service: what starts and ends when.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.logger import Logger, globalLogPublisher

from ichatgw import __version__
from ichatgw.calls.journal import Journal
from ichatgw.calls.recovery import Epilogue
from ichatgw.calls.switch import Switch
from ichatgw.config.reload import Part, Reloader
from ichatgw.control.setup import Parts
from ichatgw.errors import ConfigError
from ichatgw.media.engine import MediaEngine
from ichatgw.observe.readiness import Readiness
from ichatgw.observe.report import Report
from ichatgw.runtime.collector import Collector
from ichatgw.runtime.memory import Memory
from ichatgw.runtime.stalls import Stalls, watching
from ichatgw.runtime.turns import Turns
from ichatgw.runtime.watch import Watch
from ichatgw.sip.endpoint import Endpoint
from ichatgw.sip.register.schedule import Registrations
from ichatgw.texts.exchange import TextExchange
from ichatgw.users.preferences import IPreferences, MemoryPreferences
from ichatgw.users.sqlite import SQLitePreferences
from ichatgw.watchers import Watchers
from ichatgw.xmpp.link.component import Link
from ichatgw.xmpp.link.linked import Linked
from ichatgw.xmpp.presence.presence import Presence
from ichatgw.xmpp.presence.sqlitestore import SQLiteStore

OTHER_FILES = 100
"""Beside the sockets of media."""

_log = Logger()


class Gateway(MultiService):
    """
    All services.  Calls end before the services that carry them.

    @ivar switch: the live calls.
    @ivar endpoint: SIP.
    @ivar link: the XMPP component.
    @ivar media: the relays.
    @ivar turns: when what has its turn.
    @ivar stalls: how long turns of the reactor take.
    @ivar reloadables: what can take settings anew while it runs.
    @ivar reloader: gives them what it reads, if there is one.
    @ivar journal: keeps the calls that are up, if there is one.
    @ivar watch: looks after the sockets, if there is one.
    @ivar watchers: what watches it, if anything does.
    @ivar stops: what else has to end before what carries it.
    @ivar memory: tells whether there is some, if it is watched.
    @ivar texts: leads what people write.
    @ivar preferences: what users have chosen.
    @ivar readiness: tells whether calls can be taken.
    @ivar report: says so, if there is one.
    @ivar parts: what administrators' orders are for.
    @ivar ordering: what takes these.
    """

    def __init__(
        self,
        switch: Switch,
        endpoint: Endpoint,
        link: Link,
        presence: Presence,
        media: MediaEngine,
        registrations: Registrations,
        turns: Turns,
        store: SQLiteStore | None = None,
    ) -> None:
        MultiService.__init__(self)
        self.turns = turns
        self.stalls = Stalls(turns)
        self._collector = Collector(turns, lambda: not media.live)
        turns.media = media.drain
        turns.watch = watching(self.stalls.took, self._collector.jobEnded)
        self.switch = switch
        self.endpoint = endpoint
        self.link = link
        self.media = media
        self.reloadables: list[Part] = []
        self.reloader: Reloader | None = None
        self.journal: Journal | None = None
        self._epilogue: Epilogue | None = None
        self.watch: Watch | None = None
        self.memory: Memory | None = None
        self.texts: TextExchange | None = None
        self.preferences: IPreferences = MemoryPreferences()
        self.readiness = Readiness()
        self.report: Report | None = None
        self.parts: Parts | None = None
        self.ordering: list[Service] = []
        self.watchers: Watchers | None = None
        self.stops: list[Callable[[], Deferred[None]]] = []
        self._registrations = registrations
        self._presence = presence
        self._store = store
        services = (endpoint, link, switch) if store is None else (store, endpoint, link, switch)
        for service in services:
            MultiService.addService(self, service)

    def keep(self, journal: Journal, epilogue: Epilogue) -> None:
        """
        Keep the calls that are up in C{journal}.

        @param epilogue: tells those that the last process has left there.
        """
        self.journal = self.switch.journal = journal
        self._epilogue = epilogue
        self.link.addHandler(Linked(epilogue.linked))

    def startService(self) -> None:
        """
        Start all.

        @raise SystemExit: if a socket or the database cannot be had.  The log has said why.
        """
        _raiseFileLimit(2 * self.media.pairs + OTHER_FILES)
        if self.journal is not None:
            self.journal.startService()
        try:
            MultiService.startService(self)
        except ConfigError as problem:
            _log.critical("ichatgw cannot start: {problem}", problem=problem)
            raise SystemExit(1) from problem
        if isinstance(self.preferences, SQLitePreferences):
            self.preferences.startService()
        self._collector.startService()
        self.stalls.startService()
        if self.watchers is not None:
            self.watchers.start()
        if self._epilogue is not None:
            self._epilogue.start()
        if self.watch is not None:
            self.watch.startService()
        if self.memory is not None:
            globalLogPublisher.addObserver(self.memory)
        if self.report is not None:
            self.report.startService()
        _log.info("ichatgw {version} is up", version=__version__)

    def stopService(self) -> Deferred[None]:
        """First the calls and registrations, then our presence, then what carried them."""
        self.running = 0
        if self.report is not None:
            self.report.stopService()
        if self._epilogue is not None:
            self._epilogue.stop()
        if self.watch is not None:
            self.watch.stopService()
        if self.memory is not None:
            globalLogPublisher.removeObserver(self.memory)
        if self.reloader is not None:
            self.reloader.stopService()
        for service in self.ordering:
            service.stopService()
        stopped = _together(self.switch.stopService, self._registrations.stop, *self.stops)
        return stopped.addCallback(lambda _: self._stopCarriers())

    def _stopCarriers(self) -> Deferred[None]:
        if self._store is not None:
            self._store.flush()  # who has just subscribed is shown something, which must not come after its end

        def stopped(_: None) -> None:
            self.media.stop()
            self.stalls.stopService()
            self._collector.stopService()
            if self._store is not None:
                self._store.stopService()
            if isinstance(self.preferences, SQLitePreferences):
                self.preferences.stopService()
            if self.journal is not None:
                self.journal.stopService()
            if self.watchers is not None:
                self.watchers.stop()
            _log.info("ichatgw has stopped")

        gone = _together(self._presence.goodbye)
        gone.addCallback(lambda _: _together(self.endpoint.stopService, self.link.stopService))
        return gone.addCallback(stopped)


def _together(*stops: Callable[[], Any]) -> Deferred[None]:
    """Fires when all have stopped; one that fails is logged, and keeps nothing from stopping."""

    def stopped(results: Any) -> None:
        for success, failure in results:
            if not success:
                _log.failure("A service did not stop in good order", failure)

    return DeferredList([maybeDeferred(stop) for stop in stops], consumeErrors=True).addCallback(stopped)


def _raiseFileLimit(wanted: int) -> None:
    """Take as many files as the system lets us have, and say so if that is less than C{wanted}."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < wanted:
        _log.warn(
            "The system lets us open {hard} files, and calls on all media ports need {wanted}: see ulimit -n, or "
            "LimitNOFILE of systemd",
            hard=hard,
            wanted=wanted,
        )
