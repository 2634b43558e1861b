# -*- test-case-name: ichatgw.test.gateway.test_tap -*-
"""
C{twistd ichatgw}: the one place where the parts meet.
"""

from __future__ import annotations

import atexit
import os
import resource
from base64 import b32encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from ipaddress import ip_network
from typing import Any

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import define, field
from twisted.application.service import IService, MultiService, Service
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import ILogObserver, Logger, globalLogPublisher
from twisted.words.protocols.jabber.jid import JID

from ichatgw import __version__
from ichatgw.calls.admission import AccessControl
from ichatgw.calls.dialplan import DialPlan
from ichatgw.calls.journal import Journal
from ichatgw.calls.limits import Limits
from ichatgw.calls.recovery import Epilogue
from ichatgw.calls.switch import Switch
from ichatgw.config.reload import Load, LongReloadable, Part, Reloadable, Reloader
from ichatgw.config.settings import Settings
from ichatgw.control.server import Orders
from ichatgw.control.setup import Parts, controlOf
from ichatgw.errors import ConfigError, Congested
from ichatgw.ichat.connectdata import AddressRecord, choose
from ichatgw.ichat.farewells import ways as iChatWays
from ichatgw.ichat.protocol import IChatProtocol
from ichatgw.jingle.farewells import ways as jingleWays
from ichatgw.jingle.setup import jingleSideOf, phoneOf
from ichatgw.log import logfile
from ichatgw.log.messagelog import MessageLog
from ichatgw.log.redaction import Content
from ichatgw.media.dtls.dtls import Identity
from ichatgw.media.engine import MediaEngine
from ichatgw.media.relay.medialatch import Elsewhere
from ichatgw.model import TransportAddress
from ichatgw.net.localaddresses import LocalAddresses
from ichatgw.net.networks import Network
from ichatgw.observe.readiness import Condition, Readiness
from ichatgw.observe.report import Report
from ichatgw.options import Options
from ichatgw.phonebook.numbers import Numbering
from ichatgw.phonebook.setup import routesOf
from ichatgw.runtime.clock import useMonotonicTime
from ichatgw.runtime.collector import Collector
from ichatgw.runtime.disk import Disk, DiskThread
from ichatgw.runtime.files import Files
from ichatgw.runtime.memory import Memory
from ichatgw.runtime.pulse import Pulse
from ichatgw.runtime.stalls import Stalls, watching
from ichatgw.runtime.steps import Steps
from ichatgw.runtime.systemd import Notifier
from ichatgw.runtime.turns import MAX_LAG, Turns
from ichatgw.runtime.watch import Watch
from ichatgw.sip.endpoint import Endpoint
from ichatgw.sip.register.schedule import Registrations
from ichatgw.sip.setup import endpointOf
from ichatgw.sip.transport.udp import UDPWire
from ichatgw.sip.trunk.states import states
from ichatgw.texts.exchange import Terms, TextExchange
from ichatgw.trunks.directions import Directions
from ichatgw.trunks.emergency import Emergency
from ichatgw.trunks.rights import Rights
from ichatgw.trunks.routes import TrunkRoutes
from ichatgw.users.preferences import IPreferences, MemoryPreferences
from ichatgw.users.sqlite import SQLitePreferences
from ichatgw.watchers import Watchers, watchersOf
from ichatgw.web.setup import Shown, webOf
from ichatgw.xmpp.control import Greeter
from ichatgw.xmpp.dialer import ByLink
from ichatgw.xmpp.disco import GATEWAY, Disco
from ichatgw.xmpp.link.component import Link
from ichatgw.xmpp.link.linked import Linked
from ichatgw.xmpp.names import Names
from ichatgw.xmpp.presence.access import XMPPAccess
from ichatgw.xmpp.presence.presence import Presence
from ichatgw.xmpp.presence.registrations import PresenceRegistrations
from ichatgw.xmpp.presence.sqlitestore import SQLiteStore
from ichatgw.xmpp.presence.staying import Staying, Who
from ichatgw.xmpp.presence.store import MemoryStore
from ichatgw.xmpp.presence.subscriptions import Subscriptions
from ichatgw.xmpp.stranded import Stranded
from ichatgw.xmpp.texts import ChatMessages
from ichatgw.xmpp.vcards import VCards

__all__ = ["Gateway", "Options", "gateway", "makeService"]

USER_AGENT = f"ichat-gw/{__version__}"

RUN_LETTERS = 6
"""Letters that the names of the calls of one run of the process begin with."""

OTHER_FILES = 100
"""Beside the sockets of media."""

MAX_END = 12.0
"""Seconds after which a process that has to end does so, in good order or not: what is broken may keep it from that."""

RECORDS_LIFE = 30.0
"""Seconds for which the list of our interfaces is taken as known."""

_log = Logger()


@define(eq=False)
class OurRecords:
    """
    The addresses at which an iChat finds our SIP, as it wants them named; asked of the system now and then.

    @ivar wire: knows the port, once it listens.
    """

    clock: IReactorTime
    addresses: LocalAddresses
    wire: UDPWire
    _known: tuple[AddressRecord, ...] = field(default=(), init=False)
    _until: float = field(default=-1.0, init=False)

    def __call__(self) -> tuple[AddressRecord, ...]:
        """C{eth0}, C{eth1} and so on, whatever the interfaces are called."""
        now = self.clock.seconds()
        if now > self._until:
            self.addresses.forget()
            self._known = tuple(
                AddressRecord(f"eth{number}", TransportAddress(host, self.wire.port))
                for number, host in enumerate(self.addresses.all())
            )
            self._until = now + RECORDS_LIFE
        return self._known


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
        self._chosen: SQLitePreferences | None = None
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

    def remember(self, preferences: SQLitePreferences) -> None:
        """Keep in a file what users choose."""
        self.preferences = self._chosen = preferences

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
        if self._chosen is not None:
            self._chosen.startService()
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
            if self._chosen is not None:
                self._chosen.stopService()
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


def gateway(reactor: Any, settings: Settings) -> Gateway:
    """
    Put the gateway together.

    @param reactor: provides time, TCP and sockets.
    @raise ConfigError: if a translation rule can never work.
    """
    useMonotonicTime(reactor)
    addresses = LocalAddresses(settings.ipAddress, advertised=settings.advertisedAddress)
    plan = DialPlan(settings.translationRules)
    control = JID(f"{settings.jabberControlUsername}@{settings.jabberComponentName}")
    turns = Turns(reactor)
    routesByBook, reloadsBook = routesOf(turns, plan, settings)
    wire = UDPWire(reactor, addresses, settings.udpTcpPort, turns)
    identity = Identity()
    endpoint, sipParts = endpointOf(
        reactor, turns, settings, addresses, wire, USER_AGENT, _messageLog(settings), identity.fingerprint
    )
    ourDomain = settings.jabberComponentName.lower()
    emergency = Emergency(settings.emergencyNumbers, settings.emergencyOutput, lambda domain: domain == ourDomain)
    routes = TrunkRoutes(routesByBook, endpoint.trunks.isTrunk, emergency)
    endpoint.trunks.isUrgent = emergency.isFor
    rights = Rights(routesByBook.book, emergency)
    rights.adopt(settings.dialRule, Numbering(settings.country))

    guests = XMPPAccess(settings.jabberComponentName, settings.allowedXMPPDomains)
    link = Link(
        reactor,
        turns,
        settings.jabberServer,
        settings.jabberComponentPort,
        settings.jabberComponentName,
        settings.jabberComponentPassword,
        settings.jabberServerPingDuration,
        allows=guests,
    )
    link.logMessages(_messageLog(settings))
    path = settings.subscriptionDatabase
    disk = DiskThread(reactor)
    database = None if path in ("", "none") else SQLiteStore(turns, path, guests, disk)
    store = MemoryStore() if database is None else database
    phone = phoneOf(settings)
    names = Names(turns, routesByBook.nameOf)
    caps = () if phone is None else (names.adding(phone.addCaps), GATEWAY.addCaps)
    presence = Presence(turns, control, routes.matches, store, *caps, allows=guests)
    ourRecords = OurRecords(turns, addresses, wire)
    iChat = IChatProtocol(
        turns,
        settings.jabberComponentName,
        control,
        presence,
        endpoint.pinned(),
        settings.sipGatewayIdentity,
        ourRecords,
        allows=guests,
        chooseRecord=lambda theirs: choose(
            theirs,
            preferIPv6=settings.preferIPv6,
            skipFirst=settings.skipFirstIChatAddress,
            # A gateway that is bound to loopback has its iChats there too: a test.
            allowLoopback=settings.ipAddress in ("127.0.0.1", "::1"),
            ours=ourRecords(),
        ),
        proceedingTimeout=settings.iChatProceedingTimeout / 1000,
        ringingTimeout=settings.ringingTimeout,
        inviteTimeout=settings.iChatInviteTimeout,
    )
    presence.listeners.append(iChat)
    callsIChats = ByLink(iChat, lambda: link.trouble)
    jingle = None
    if phone is not None:
        jingle = jingleSideOf(
            reactor, turns, settings, addresses, link, presence, control, routes.translate, guests, callsIChats
        )
    registrar = endpoint.registrar()
    registrations = Registrations(
        turns,
        registrar,
        settings.registrationTime,
        settings.registrationRetryTime,
        settings.registrationsPerSecond,
    )
    registrar.cut = registrations.cut
    takesCalls = jingle.takesCalls if jingle is not None else lambda client: client.isIChat
    online = PresenceRegistrations(turns, presence, store, routes.registrable, registrations, takesCalls, guests)
    book = routesByBook.book
    online.staying = Staying(store, book.has, book.users, Who(settings.registerUsers))
    presence.listeners.append(online)
    for handler in (
        presence,
        Subscriptions(turns, control, store, presence, guests, online.changed),
        online,
        Disco(control, __version__, phone),
        Greeter(turns, control),
        iChat,
    ):
        link.addHandler(handler)

    media = MediaEngine(
        reactor,
        addresses,
        settings.mediaRelayPortRangeMin,
        settings.mediaRelayPortRangeMax,
        identity=identity,
        elsewhere=Elsewhere(settings.mediaFromOtherHosts),
        patience=settings.mediaTimeout,
    )
    limits = Limits(turns, settings.callsPerCaller, settings.callsPerSecond)
    switch = Switch(
        turns,
        routes,
        media,
        {"sip": endpoint, "sips": endpoint, "xmpp": callsIChats if jingle is None else jingle.dialer},
        maxCalls=settings.maxCalls,
        limits=limits,
    )
    switch.alwaysRelay = settings.alwaysRelayIChatMedia
    switch.resident = registrations.resident
    switch.introduced = routes.introduced
    switch.directed = Directions(rights, endpoint.trunks.isTrunk).route

    def isOverloaded() -> bool:
        return turns.isLate or wire.lag > MAX_LAG

    for part in (endpoint, switch):
        part.shed(isOverloaded)
    endpoint.limit(switch.isFull)
    link.addHandler(Linked(lost=Stranded(turns, lambda: switch.calls).lost))
    switch.run = f"{b32encode(os.urandom(5)).decode()[:RUN_LETTERS].lower()}-"
    endpoint.matchers.append(iChat)
    endpoint.arrivals = iChat.arrivals = switch
    chat = ChatMessages(turns, settings.jabberComponentName, control, routes.translate, guests, lambda: link.trouble)
    chat.named = names.remember
    for handler in (chat, VCards(turns, names.of, guests, presence.serves)):
        link.addHandler(handler)
    access = AccessControl(_peers(settings), lambda host: registrar.trusts(host) or endpoint.isProxy(host))
    endpoint.admit(access.admits)
    if jingle is not None:
        jingle.protocol.arrivals = switch
        jingle.protocol.named = names.remember
        jingle.capabilities.listeners.append(online.available)
    made = Gateway(switch, endpoint, link, presence, media, registrations, turns, database)
    if database is not None:
        made.remember(SQLitePreferences(turns, path, disk))
    made.watchers = watchers = watchersOf(reactor, settings, disk)
    events = watchers.events
    endpoint.observe(events)
    for each in (link, iChat, media, registrations, *(() if jingle is None else (jingle.protocol.calls,))):
        each.events = events
    switch.reports = watchers.reports
    made.stalls.stalled = watchers.reports.stalled
    journal = _journal(reactor, settings, disk)
    if journal is not None:
        byXmpp = jingleWays(link.send) | iChatWays(iChat.send)
        made.keep(journal, Epilogue(turns, journal, endpoint.goodbyes.ways, byXmpp, lambda: link.connected))
    files = Files(reactor)
    made.stops.append(endpoint.trunks.stop)
    made.memory = Memory(reactor)
    limits.hasRoom = made.memory.hasRoom
    vitals = (*endpoint.vitals, link, media)
    notifier = Notifier.of()
    alive = notifier.alive if notifier.wantsLife else None
    made.watch = Watch(reactor, (Pulse(reactor), *vitals), partial(endProcess, reactor), alive)
    made.readiness.conditions += [
        Condition("XMPP link", lambda: link.trouble, lambda: link.wasUp),
        Condition("calls", lambda: switch.trouble),
        Condition("reactor", lambda: "there is too much to do" if isOverloaded() else ""),
        Condition("files", lambda: files.trouble),
        Condition("sockets", lambda: "; ".join(filter(None, (vital.missing for vital in vitals)))),
    ]
    endpoint.heed(made.readiness.refusal)
    isJingle = (lambda client: False) if jingle is None else jingle.takesJingle
    made.parts = Parts(
        turns,
        switch,
        link,
        presence,
        registrations,
        media,
        made.stalls,
        made.readiness,
        isJingle,
        watchers,
        partial(states, endpoint.trunks.accounts),
    )
    texts = TextExchange(
        turns,
        {"sip": endpoint.messages, "sips": endpoint.messages, "xmpp": chat},
        switch.translate,
        switch.presented,
        textTerms(settings),
        lambda: Congested(trouble) if (trouble := made.readiness.trouble()) else None,
    )
    endpoint.texts = chat.texts = made.texts = texts
    endpoint.takeTexts(settings.texts)
    made.report = Report(turns, made.readiness, notifier, lambda: f"with {switch.live} calls")
    made.reloadables += [
        *sipParts,
        LongReloadable(("translationRules",), partial(newRules, plan)),
        reloadsBook,
        Reloadable(("dialRule", "country"), lambda new: partial(rights.adopt, new.dialRule, Numbering(new.country))),
        Reloadable(
            ("emergencyNumbers", "emergencyOutput"),
            lambda new: partial(emergency.adopt, new.emergencyNumbers, new.emergencyOutput),
        ),
        Reloadable(("allowedSIPPeers",), lambda new: partial(access.open, _peers(new))),
        Reloadable(("allowedXMPPDomains",), lambda new: partial(setattr, guests, "domains", new.allowedXMPPDomains)),
        Reloadable(
            (
                "translationRules",
                "allowedXMPPDomains",
                "phoneBook",
                "registerUsers",
            ),  # after what takes the first three
            lambda new: partial(_reconsider, online, new),
        ),
        Reloadable(("logLevel", "logHides"), lambda new: partial(endpoint.logMessages, _messageLog(new))),
        Reloadable(("logLevel", "logHides"), lambda new: partial(link.logMessages, _messageLog(new))),
        Reloadable(
            ("alwaysRelayIChatMedia",), lambda new: partial(setattr, switch, "alwaysRelay", new.alwaysRelayIChatMedia)
        ),
        Reloadable(
            ("jabberComponentPassword",), lambda new: partial(setattr, link, "secret", new.jabberComponentPassword)
        ),
        *watchers.reloadables,
        Reloadable(
            ("texts", "longestText", "textsPerMinute", "textsPerSecond"),
            lambda new: partial(_adoptTexts, endpoint, texts, new),
        ),
        Reloadable(("maxCalls",), lambda new: partial(setattr, switch, "maxCalls", new.maxCalls)),
        Reloadable(("callsPerCaller",), lambda new: partial(setattr, limits, "perCaller", new.callsPerCaller)),
        Reloadable(("callsPerSecond",), lambda new: partial(setattr, limits, "perSecond", new.callsPerSecond)),
    ]
    return made


def textTerms(settings: Settings) -> Terms:
    """What is allowed to those who write."""
    return Terms(settings.texts, settings.longestText, settings.textsPerMinute, settings.textsPerSecond)


def _adoptTexts(endpoint: Endpoint, texts: TextExchange, settings: Settings) -> None:
    texts.terms = textTerms(settings)
    endpoint.takeTexts(settings.texts)


def _reconsider(online: PresenceRegistrations, settings: Settings) -> None:
    online.staying.who = Who(settings.registerUsers)
    online.reconsider()


def newRules(plan: DialPlan, settings: Settings) -> Steps[Callable[[], None]]:
    """
    Have C{plan} use the rules of other settings, in steps; see L{LongReloadable}.

    @raise ConfigError: if one can never work.
    """
    made = yield from DialPlan.steps(settings.translationRules)
    return partial(plan.adopt, made)


def _journal(reactor: Any, settings: Settings, disk: Disk) -> Journal | None:
    path = settings.callDatabase
    if not path and settings.subscriptionDatabase not in ("", "none"):
        path = f"{settings.subscriptionDatabase}-calls"
    return None if path in ("", "none") else Journal(reactor, path, disk)


def endProcess(reactor: Any, why: str, atExit: Callable[..., object] = atexit.register) -> None:
    """
    End the process in good order, as far as that goes, with a status by which C{systemd} starts it again.

    @param atExit: has something done when all else is over.
    """
    _log.critical("ichatgw ends: {why}", why=why)
    atExit(os._exit, 1)
    reactor.callLater(MAX_END, os._exit, 1)
    reactor.stop()


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
    shown = Shown(gateway.turns, watchers.events, watchers.calls, parts.readiness, parts.figures, parts.trunks, orders)
    web = webOf(reactor, settings, shown)
    if web is not None:
        gateway.ordering.append(web)
        reloader.add(*web.reloadables)
    for service in gateway.ordering:
        MultiService.addService(gateway, service)


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


def _peers(settings: Settings) -> tuple[Network, ...]:
    """The hosts that may call by SIP."""
    allowed = settings.allowedSIPPeers
    if settings.outboundProxy is not None:
        with suppress(ValueError):  # it is named, not given as an address
            allowed = (*allowed, ip_network(settings.outboundProxy.host))
    return allowed


def _messageLog(settings: Settings) -> Callable[[str, str], None] | None:
    """The log of whole messages; C{None} unless C{LogLevel} is C{STACK}."""
    return MessageLog(Content(settings.logHides)) if settings.logLevel == "STACK" else None


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
