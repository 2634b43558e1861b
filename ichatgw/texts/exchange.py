# -*- test-case-name: ichatgw.test.texts.test_exchange,ichatgw.test.texts.test_gateway -*-
"""
Between the networks (RFC 7572): where a text leads, who its reader sees as its writer, and how many there may be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from urllib.parse import unquote

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred, fail, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ichatgw.address import Address
from ichatgw.calls.limits import Limits, callerKey, sourceOfCalls
from ichatgw.errors import CallError, Congested, NoRoute, Refused
from ichatgw.model import Party
from ichatgw.runtime.ratelimit import Complaints, RateLimit
from ichatgw.texts.interfaces import Fate, ITextPort, ITexts, Text, TooLong, whyNot
from ichatgw.texts.memory import Remembered

SAME = (0.05, 5)
"""
How often one writes the same to the same one, in a second and at once.  Two gateways that lead a text to each other
come to rest by it.
"""

MAX_WRITERS = 4096
"""How many writers are told apart at a time, and how many texts."""

TALK_LIFE, MAX_TALKS = 86_400.0, 10_000
"""Seconds for which it is known by which trunk a text came, and of how many pairs of writer and reader."""

_log = Logger()


@frozen
class Terms:
    """
    What the administrator allows.

    @ivar on: whether texts are carried at all.
    @ivar longest: octets of a text in UTF-8.
    @ivar perMinute: how many one writer may write in a minute, and at once; 0 for any number.
    @ivar perSecond: how many all may write in a second, and at once; 0 for any number.
    """

    on: bool = True
    longest: int = 4000
    perMinute: int = 30
    perSecond: int = 20


@implementer(ITexts)
@define(eq=False)
class TextExchange:
    """
    Leads each text to the network of its reader.  Who may call may write, and is let in by the networks.

    @ivar ports: the networks, by the scheme of addresses there.
    @ivar translate: gives the address that a called one stands for, or raises L{NoRoute}.
    @ivar presented: gives the writer (first) as the reader at a translated address (second) may see it.
    @ivar refuses: why nothing new is begun now; C{None} if it is.
    @ivar directed: where a text of a writer to an address goes, which leads to another one; see
        L{ichatgw.calls.switch.Switch}.
    """

    _clock: IReactorTime
    ports: Mapping[str, ITextPort]
    translate: Callable[[str], str]
    presented: Callable[[Party, str], Party]
    _terms: Terms = field(default=Terms(), alias="terms")
    refuses: Callable[[], CallError | None] = lambda: None
    directed: Callable[[Party, str, str], str] = lambda writer, to, route: route
    _limits: Limits = field(init=False)
    _writers: RateLimit = field(init=False)
    _same: RateLimit = field(init=False)
    _complaints: Complaints = field(init=False)
    _cameBy: Remembered[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._limits = Limits(self._clock)
        self._same = RateLimit(self._clock, *SAME, mostSources=MAX_WRITERS)
        self._complaints = Complaints(self._clock)
        self._cameBy = Remembered(self._clock, TALK_LIFE, MAX_TALKS)
        self.terms = self._terms

    @property
    def terms(self) -> Terms:
        """What is allowed; may change."""
        return self._terms

    @terms.setter
    def terms(self, terms: Terms) -> None:
        self._terms = terms
        self._limits.perSecond = terms.perSecond
        self._writers = RateLimit(self._clock, terms.perMinute / 60, terms.perMinute, MAX_WRITERS)

    def arrived(self, text: Text) -> Deferred[Fate]:
        """See L{ITexts}."""
        try:
            self._admit(text)
            route, port = self._route(text.writer, text.to)
            self._spend(text)
        except CallError as refusal:
            return self._refused(text, refusal)
        if text.writer.trunk:
            self._cameBy.put((callerKey(Party(route)), unquote(text.writer.user)), text.writer.trunk)
        shown = evolve(text, writer=self.presented(text.writer, route), to=route)
        return maybeDeferred(port.carry, shown).addCallbacks(
            self._carried, self._failed, callbackArgs=(text, route), errbackArgs=(text,)
        )

    def _admit(self, text: Text) -> None:
        if not self._terms.on:
            raise Refused("Texts is off: no texts are carried here")
        refusal = self.refuses()
        if refusal is not None:
            raise refusal
        octets = len(text.body.encode("utf-8", "replace"))
        if octets > self._terms.longest:
            raise TooLong(f"a text of {octets} octets, LongestText allows {self._terms.longest}")

    def _route(self, writer: Party, to: str) -> tuple[str, ITextPort]:
        route = self._back(writer, self.directed(writer, to, self.translate(to)))
        port = self.ports.get(route.partition(":")[0])
        if port is None:
            raise NoRoute(f"no texts are carried to {route[:100]!r}")
        return route, port

    def _back(self, writer: Party, route: str) -> str:
        """The answer to a text leaves by the trunk that this has come by, if that is one of those that it may take."""
        address = Address(route)
        trunk = self._cameBy.get((callerKey(writer), unquote(address.user)))
        if trunk is None or trunk not in address.names:
            return route
        return str(address.at(*dict.fromkeys((trunk, *address.names))))

    def _spend(self, text: Text) -> None:
        writer = callerKey(text.writer)
        if self._terms.perMinute and not text.isNotice and not self._writers.allow(writer):
            raise Refused(f"more than {self._terms.perMinute} texts in a minute, TextsPerMinute allows no more")
        said = "\0".join((writer, text.to, text.body)).encode("utf-8", "replace")
        if not self._same.allow(blake2b(said, digest_size=16).digest()):
            raise Refused("the same text again and again")
        try:
            self._limits.spend(text.writer, sourceOfCalls(text.writer))
        except Congested as problem:
            raise Congested("too many texts at once, TextsPerSecond allows no more") from problem

    def _carried(self, fate: Fate, text: Text, route: str) -> Fate:
        _log.info(
            "text from {writer!r} to {to!r} as {route!r}: {fate}",
            writer=text.writer.uri[:200],
            to=text.to[:200],
            route=route[:200],
            fate=fate.name.lower(),
        )
        return fate

    def _failed(self, failure: Failure, text: Text) -> Deferred[Fate]:
        try:
            problem = whyNot(failure)
        except Exception:
            _log.failure("A text could not be carried", failure)
            problem = CallError("internal error")
        return self._refused(text, problem)

    def _refused(self, text: Text, refusal: CallError) -> Deferred[Fate]:
        if self._complaints.allow(sourceOfCalls(text.writer)):
            _log.info(
                "text from {writer!r} to {to!r} not carried: {why!r}",
                writer=text.writer.uri[:200],
                to=text.to[:200],
                why=str(refusal)[:200],
            )
        return fail(refusal)
