# -*- test-case-name: ichatgw.test.web.test_setup -*-
"""
HTTP, as the settings want it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from attrs import define, evolve, field, frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTCP, IReactorTime
from twisted.logger import Logger

from ichatgw.config.reload import LongReloadable, Part, Reloadable
from ichatgw.config.settings import Settings
from ichatgw.control.protocol import Order, Outcome
from ichatgw.errors import ConfigError
from ichatgw.log.redaction import Content
from ichatgw.observe.archive.archive import Archive
from ichatgw.observe.readiness import Readiness
from ichatgw.observe.registry import LiveCalls
from ichatgw.observe.stream import Events
from ichatgw.runtime.turns import Turns
from ichatgw.sip.setup import filesOf
from ichatgw.sip.transport.tls import Security
from ichatgw.web.api import API
from ichatgw.web.channel import BoundedSite
from ichatgw.web.figures.metrics import Metrics
from ichatgw.web.figures.trunks import Trunks
from ichatgw.web.health import Health
from ichatgw.web.history import History
from ichatgw.web.login import Forms, WebLogins, checkedToken, readUsers
from ichatgw.web.pages import Pages
from ichatgw.web.root import Root, Routes

_CERTIFICATES = ("tlsCertificate", "tlsPrivateKey", "tlsPrivateKeyPassPhrase", "tlsDHParamsFilename")

_log = Logger()


@frozen
class Shown:
    """
    What is shown over HTTP.

    @ivar figures: what the status says, see L{ichatgw.control.process.Figures}.
    @ivar trunks: gives the state of each trunk, see L{ichatgw.sip.trunk.states.states}.
    @ivar orders: carries an order out.
    @ivar archive: has the calls that are no longer in memory, if they are kept.
    """

    turns: Turns
    events: Events
    calls: LiveCalls
    readiness: Readiness
    figures: Callable[[], Mapping[str, Any]]
    trunks: Trunks
    orders: Callable[[Order], Outcome]
    archive: Archive | None = None


@define(eq=False)
class Lately:
    """Figures that are asked for many times at once, and made once."""

    _clock: IReactorTime
    _make: Callable[[], Mapping[str, Any]]
    _made: Mapping[str, Any] = field(factory=dict, init=False)
    _at: float = field(default=-1.0, init=False)

    def __call__(self) -> Mapping[str, Any]:
        """Those of the last half second."""
        now = self._clock.seconds()
        if not self._made or now - self._at > 0.5:
            self._made, self._at = self._make(), now
        return self._made


class Web(Service):
    """
    Listens.

    @ivar port: where.
    @ivar reloadables: what can change while it runs.
    """

    def __init__(
        self, reactor: IReactorTCP, turns: Turns, settings: Settings, site: BoundedSite, logins: WebLogins
    ) -> None:
        self.port: Any = None
        self.reloadables: list[Part] = [Reloadable(("httpUsers", "httpToken"), lambda new: _readAgain(logins, new))]
        self._reactor = reactor
        self._address, self._number = settings.httpAddress, settings.httpPort
        self._site = site
        self._scheme = "http"
        self._factory: Any = site
        if settings.httpTLS:
            security = Security(_filesOf(settings))
            if not security.canServe:
                raise ConfigError("HTTPTLS: there is no certificate, see TLSCertificate")
            self._scheme = "https"
            self._factory = security.wrap(cast(Any, site), None, turns)
            self.reloadables.append(LongReloadable(_CERTIFICATES, lambda new: security.prepare(_filesOf(new))))

    def startService(self) -> None:
        """
        Listen.

        @raise ConfigError: if that cannot be.
        """
        Service.startService(self)
        try:
            self.port = self._reactor.listenTCP(self._number, self._factory, interface=self._address)
        except CannotListenError as problem:
            raise ConfigError(f"HTTPPort: {problem.socketError or problem}") from None
        host = f"[{self._address}]" if ":" in self._address else self._address
        where = f"{self._scheme}://{host}:{self.port.getHost().port}/"
        _log.info("What happens is shown at {where}", where=where)

    def stopService(self) -> Deferred[None]:
        """Stop listening, and close the connections."""
        Service.stopService(self)
        port, self.port = self.port, None
        if port is None:
            return succeed(None)
        for connection in self._site.connections:
            connection.transport.abortConnection()
        return maybeDeferred(port.stopListening)


def webOf(reactor: Any, settings: Settings, shown: Shown) -> Web | None:
    """
    What serves HTTP; C{None} if nothing is to.

    @raise ConfigError: if the settings cannot be.
    """
    if not settings.httpPort:
        return None
    turns = shown.turns
    logins = WebLogins(turns, *_loginsOf(settings))
    figures = Lately(turns, shown.figures)
    metrics = Metrics(shown.events, shown.calls.messages)
    metrics.figures(figures, shown.readiness.trouble)
    metrics.trunks = shown.trunks
    history = History(turns, lambda: shown.calls.count)
    history.read(shown.events)
    routes = Routes()
    health, api = Health(shown.readiness), API(shown.orders)
    routes.exact["GET", "/live"] = health.live
    routes.exact["GET", "/ready"] = health.ready
    routes.exact["GET", "/metrics"] = metrics.reply
    api.addTo(routes)
    pages = Pages(shown.calls, shown.readiness, history, figures, shown.trunks, api, Content(settings.logHides))
    pages.archive = shown.archive
    pages.addTo(routes)
    site = BoundedSite(turns, Root(turns, routes, logins, Forms(), settings.httpTLS))
    web = Web(reactor, turns, settings, site, logins)
    web.reloadables.append(
        Reloadable(("logHides",), lambda new: partial(setattr, pages, "hides", Content(new.logHides)))
    )
    return web


def _loginsOf(settings: Settings) -> tuple[dict[str, str], str]:
    users = readUsers(settings.httpUsers) if settings.httpUsers else {}
    return users, checkedToken(settings.httpToken)


def _filesOf(settings: Settings) -> Any:
    # Browsers have no certificates that phones may have to show.
    return evolve(filesOf(settings), clients="none")


def _readAgain(logins: WebLogins, settings: Settings) -> Callable[[], str | None]:
    users, token = _loginsOf(settings)
    if not users and not token and not logins.isOpen:
        raise ConfigError("HTTPUsers, HTTPToken: without either everybody could ask; that needs a restart")

    def use() -> str | None:
        isOther = users != logins.users
        logins.users, logins.token = users, token
        return "the passwords in its file" if isOther else None

    return use
