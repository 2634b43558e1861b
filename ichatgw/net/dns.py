# -*- test-case-name: ichatgw.test.net.test_dns,ichatgw.test.net.test_names -*-
"""
DNS records by C{twisted.names}, remembered: what there is for its time to live, what there is not for a while too
(RFC 2308).  (C{twisted.names} has a cache, and nothing in its client that fills it.)
"""

from __future__ import annotations

from collections.abc import Sequence
from socket import AF_INET6, inet_ntop
from typing import Any

from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred, TimeoutError, fail, succeed
from twisted.logger import Logger
from twisted.names import client, dns, error, hosts
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath

from ichatgw.model import TransportAddress
from ichatgw.runtime.ratelimit import RateLimit

A, AAAA, SRV, NAPTR = dns.A, dns.AAAA, dns.SRV, dns.NAPTR

TIMEOUTS = (1, 2)
"""Seconds for each attempt at a name server."""

MAX_KNOWN = 2048
"""How many answers are remembered."""

MAX_LIFE = 3600
"""Seconds for which an answer is remembered, whatever its time to live says."""

NOTHING_LIFE = 60
"""Seconds for which we remember that there is nothing, if the answer does not say (it has no SOA)."""

SILENCE_LIFE = 5
"""Seconds for which a question that the name servers did not answer is not asked again."""

STALE_LIFE = 24 * 3600
"""Seconds for which an answer that is too old is still better than none (RFC 8767)."""

MAX_ALIASES = 16
"""So many names may stand for one another in an answer (CNAME)."""

_log = Logger()

_PROBLEMS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((error.DNSQueryTimeoutError, TimeoutError), "no answer"),
    ((error.DNSQueryRefusedError,), "they refuse to answer"),
    ((error.DNSServerError,), "they have failed"),
    ((OSError,), "they cannot be reached"),
)


class Unanswered(Exception):
    """The name servers said nothing, or that they cannot say."""


@frozen
class _Known:
    """
    @ivar records: the payloads; empty if there are none.
    @ivar problem: why that is not known, or C{None}.
    @ivar until: holds to that time.
    @ivar goodUntil: to that time it is what the name servers said.
    """

    records: tuple[Any, ...]
    until: float
    problem: str | None = field(default=None)
    goodUntil: float = 0.0


class Records:
    """
    Asks for records, each at most once at a time.

    @param servers: addresses of name servers to ask instead of the system's.
    @param names: the C{IResolver} that is asked; otherwise the name servers.
    @param hostsFile: a host that is named in it has the addresses that it gives.
    """

    def __init__(
        self, reactor: Any, servers: Sequence[TransportAddress] = (), names: Any = None, hostsFile: str = "/etc/hosts"
    ) -> None:
        self._reactor = reactor
        self._servers = [(server.host, server.port) for server in servers]
        self._names = names
        self._hosts = FilePath(hostsFile)
        self._known: dict[tuple[str, int], _Known] = {}
        self._asked: dict[tuple[str, int], list[Deferred[tuple[Any, ...]]]] = {}
        self._complaints = RateLimit(reactor, 1 / 60, 1)

    def local(self, name: str, kind: int) -> tuple[str, ...]:
        """The addresses that the hosts file gives."""
        if not isName(name):
            return ()
        found: list[str] = hosts.searchFileForAll(self._hosts, name.encode())
        return tuple(each for each in found if (":" in each) == (kind == AAAA))

    @property
    def searched(self) -> tuple[str, ...]:
        """The domains that the system looks into for a name without a dot (resolv.conf)."""
        asked = self._resolver()
        found = getattr(asked, "search", None) or (getattr(asked, "domain", None) or b"").split()
        return tuple(domain.decode("ascii", "replace").strip(".") for domain in found)

    def lookUp(self, name: str, kind: int) -> Deferred[tuple[Any, ...]]:
        """
        The payloads of the records of one kind (C{dns.A}, C{dns.SRV} and so on); none is an answer too.

        The Deferred fails with L{Unanswered} if the name servers do not say.  It may be cancelled; others that wait
        for the same are not concerned.
        """
        key = (name.lower().rstrip("."), kind)
        if not isName(key[0]):
            return succeed(())
        known = self._known.get(key)
        if known is not None and self._reactor.seconds() < known.until:
            return _told(known)
        waiting: Deferred[tuple[Any, ...]] = Deferred(lambda cancelled: self._leave(key, cancelled))
        if key in self._asked:
            self._asked[key].append(waiting)
        else:
            self._asked[key] = [waiting]
            self._ask(key)
        return waiting

    def _leave(self, key: tuple[str, int], cancelled: Deferred[Any]) -> None:
        waiting = self._asked.get(key)
        if waiting is not None and cancelled in waiting:
            waiting.remove(cancelled)

    def _ask(self, key: tuple[str, int]) -> None:
        asked = self._resolver().query(dns.Query(key[0], key[1], dns.IN), timeout=TIMEOUTS)
        asked.addCallback(self._answered, key)
        asked.addErrback(self._failed, key)
        asked.addCallback(lambda known: self._learned(key, known))

    def _resolver(self) -> Any:
        if self._names is None:
            system = None if self._servers else "/etc/resolv.conf"
            self._names = client.Resolver(system, self._servers or None, reactor=self._reactor)
        return self._names

    def _answered(self, answer: Any, key: tuple[str, int]) -> _Known:
        answers, authority, _ = answer
        name, kind = key
        names, aliases = _aliases(name, answers)
        records = [header for header in answers if header.type == kind and _owner(header) in names]
        if not records:
            return self._nothing(authority)
        life = min([MAX_LIFE, *(int(header.ttl) for header in (*records, *aliases))])
        until = self._reactor.seconds() + life
        return _Known(tuple(header.payload for header in records), until, goodUntil=until)

    def _failed(self, failure: Failure, key: tuple[str, int]) -> _Known:
        if failure.check(error.DNSNameError):
            arguments: tuple[Any, ...] = getattr(failure.value, "args", ())
            return self._nothing(getattr(arguments[0], "authority", ()) if arguments else ())
        # twisted.names fails in a dozen other ways; each means that we were not told.  The log and the caller get it
        # in words.
        why = next((words for kinds, words in _PROBLEMS if failure.check(*kinds)), "no answer that can be read")
        _log.debug("A question to the name servers came to nothing: {problem!r:.200}", problem=failure.value)
        now, last = self._reactor.seconds(), self._known.get(key)
        if last is not None and last.records and now < last.goodUntil + STALE_LIFE:
            if self._complaints.allow(None):
                _log.warn("The name servers do not say where {name} is ({why}): it is as before", name=key[0], why=why)
            return evolve(last, until=now + SILENCE_LIFE)
        return _Known((), now + SILENCE_LIFE, why)

    def _nothing(self, authority: Sequence[Any]) -> _Known:
        lives = [min(int(header.ttl), int(header.payload.minimum)) for header in authority if header.type == dns.SOA]
        return _Known((), self._reactor.seconds() + min([MAX_LIFE, *lives] if lives else [NOTHING_LIFE]))

    def _learned(self, key: tuple[str, int], known: _Known) -> None:
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known[key] = known
        for waiting in self._asked.pop(key, ()):
            if known.problem is None:
                waiting.callback(known.records)
            else:
                waiting.errback(Unanswered(known.problem))


def _owner(header: Any) -> str:
    """The name that owns the record, in lower case, without the final dot."""
    return str(header.name).lower().rstrip(".")


def _aliases(name: str, answers: Sequence[Any]) -> tuple[set[str], list[Any]]:
    """All names that C{name} stands for, itself among them, as an answer says; and the records that say so."""
    names, used = {name}, list[Any]()
    found = [header for header in answers if header.type == dns.CNAME][:MAX_ALIASES]
    for _ in found:
        for header in found:
            if _owner(header) in names and header not in used:
                names.add(str(header.payload.name).lower().rstrip("."))
                used.append(header)
    return names, used


def _told(known: _Known) -> Deferred[tuple[Any, ...]]:
    return succeed(known.records) if known.problem is None else fail(Unanswered(known.problem))


def isName(name: str) -> bool:
    """Can it be asked for (RFC 1035 section 2.3.4)?"""
    labels = name.split(".")
    return name.isascii() and len(name) <= 253 and all(0 < len(label) <= 63 for label in labels)


def address(record: Any) -> str:
    """The literal in an A or AAAA record."""
    return inet_ntop(AF_INET6, record.address) if record.TYPE == AAAA else str(record.dottedQuad())
