# -*- test-case-name: ichatgw.test.check.test_faults,ichatgw.test.check.test_sipanswers -*-
"""
The SIP servers: are they found, do they answer OPTIONS, and do they take our logins?

A login is tried by a REGISTER without Contact, which asks for the bindings that there are and changes none (RFC 3261
section 10.2.3); registrars want the same login for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, DeferredList, DeferredSemaphore

from ichatgw.check.asking.interfaces import Unreachable
from ichatgw.check.asking.sipmessages import Question, Response
from ichatgw.check.finding import Tell, error, ok, warning
from ichatgw.check.given import Given
from ichatgw.check.sipservers import MAX_SERVERS, Account, Server, serversOf
from ichatgw.config.reading.credentials import Keyring
from ichatgw.errors import CallError, ConfigError
from ichatgw.net.hosts import bracketed
from ichatgw.sip.auth.digest import answer, challenges
from ichatgw.sip.transport.target import Target, Transport

DNS, SERVER, LOGIN, RIGHTS, CLOCK = "DNS", "SIP server", "SIP login", "AllowedSIPPeers", "clock"

AT_ONCE = 20
"""So many servers are asked at a time."""

MAX_TARGETS = 3
"""So many targets of a server are asked."""

MAX_CLOCK_OFFSET = 120.0
"""The clocks of two hosts may differ by that much."""

_ASKING = {401: ("www-authenticate", "Authorization"), 407: ("proxy-authenticate", "Proxy-Authorization")}


async def look(given: Given, tell: Tell) -> None:
    """Ask all of them."""
    try:
        path = given.settings.sipCredentials
        keyring = Keyring.load(path) if path else Keyring()
    except ConfigError:
        keyring = Keyring()  # the check of the files says so
    servers = serversOf(given.settings, keyring)
    if len(servers) > MAX_SERVERS:
        what = f"only the first {MAX_SERVERS} of {len(servers)} servers are asked"
        tell(ok(SERVER, what))
    turn = DeferredSemaphore(AT_ONCE)

    def begin(server: Server) -> Deferred[None]:
        return turn.run(lambda: Deferred.fromCoroutine(_ask(given, server, tell)))

    results: Any = await DeferredList([begin(server) for server in servers[:MAX_SERVERS]], consumeErrors=True)
    for success, failure in results:
        if not success:
            failure.raiseException()


async def _ask(given: Given, server: Server, tell: Tell) -> None:
    transport = Transport(server.place.transport) if server.place.transport else None
    try:
        targets = await given.resolver.targets(server.place.host, server.place.port, transport, server.secure)
    except CallError as problem:
        tell(error(DNS, f"{server.name}: {problem}", f"correct the host in {server.setting}, or the DNS"))
        return
    tell(ok(DNS, f"{server.name}: {', '.join(map(str, targets))}"))
    _permitted(given, server, targets, tell)
    works = await _options(given, server, targets[:MAX_TARGETS], tell)
    if works is not None and server.account is not None:
        await _register(given, server, server.account, works, tell)


def _permitted(given: Given, server: Server, targets: Sequence[Target], tell: Tell) -> None:
    """One that we call by its address mostly calls us, too."""
    if not server.callsUs:
        return
    allowed = given.settings.allowedSIPPeers
    hosts = [target.address.host for target in targets]
    strange = [host for host in hosts if not any(ip_address(host) in network for network in allowed)]
    if strange:
        what = f"{server.name} is at {strange[0]}, whose calls are answered 403"
        tell(warning(RIGHTS, what, f"add {strange[0]} to AllowedSIPPeers, if it is to call users"))


async def _options(given: Given, server: Server, targets: Sequence[Target], tell: Tell) -> Target | None:
    """
    Ask whether it is there.

    @return: the first target that is; C{None} if none is.
    """
    uri = f"sip:{bracketed(server.place.host)}"
    aor = server.account.aor if server.account is not None else given.settings.sipGatewayIdentity.uri
    questions = [Question("OPTIONS", uri, aor, target.transport) for target in targets]
    asked = (
        Deferred.fromCoroutine(_exchange(given, target, question))
        for target, question in zip(targets, questions, strict=True)
    )
    results: Any = await DeferredList(asked, consumeErrors=True)
    answers = list(zip(targets, results, strict=True))
    works = [target for target, (success, _) in answers if success]
    for target, (success, result) in answers:
        if success:
            _judge(server, target, result, tell)
            _clock(given, server, result, tell)
        else:
            result.trap(Unreachable)
            say = warning if works else error
            what = f"{server.name} at {target}: {result.getErrorMessage()}"
            tell(say(SERVER, what, _remedy(server, target, result.value)))
    return works[0] if works else None


async def _exchange(given: Given, target: Target, question: Question) -> Response:
    """@raise Unreachable: if there is no answer."""
    response = question.read(await given.network.exchange(target, question.make, question.accepts))
    if response is None:
        raise Unreachable("what it answers is no SIP")
    return response


def _remedy(server: Server, target: Target, problem: Unreachable) -> str:
    if "certificate" in str(problem):
        return "have the server get a right certificate, or name its authority in TLSCAFile"
    if problem.isSilent:
        kind = "UDP" if target.transport is Transport.UDP else "TCP"
        return f"let {kind} to and from port {target.address.port} pass the firewalls, or correct {server.setting}"
    return f"start the server, or correct host, port and transport in {server.setting}"


def _judge(server: Server, target: Target, response: Response, tell: Tell) -> None:
    """What an answer to OPTIONS says; any one shows that the server is there."""
    if response.code in (403, 503):
        what = f"{server.name} at {target} answers OPTIONS with {response}"
        remedy = "have the server take calls from our address" if response.code == 403 else "see its log"
        tell(warning(SERVER, what, remedy))
    else:
        tell(ok(SERVER, f"{server.name} at {target} answers: {response}"))


def _clock(given: Given, server: Server, response: Response, tell: Tell) -> None:
    """Compare the clocks, if the server tells the time (RFC 3261 section 20.17)."""
    for text in response.values("date")[:1]:
        there = _date(text)
        if there is None:
            return
        apart = (given.host.now() - there).total_seconds()
        if abs(apart) > MAX_CLOCK_OFFSET:
            side = "ahead of" if apart > 0 else "behind"
            what = f"the clock of this host is {abs(apart):.0f} s {side} that of {server.name}"
            tell(warning(CLOCK, what, "run an NTP client on both"))


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text[:60])
    except (ValueError, TypeError, OverflowError):
        return None
    return found if found.tzinfo is not None else None


async def _register(given: Given, server: Server, account: Account, target: Target, tell: Tell) -> None:
    """Try the login."""
    question = Question("REGISTER", account.registrar, account.aor, target.transport)
    try:
        response = await _exchange(given, target, question)
        if response.code not in _ASKING:
            _judgeLogin(server, account, response, asked=False, tell=tell)
            return
        again = _answered(question, response, account)
        if again is None:
            _unanswerable(server, account, response, tell)
            return
        response = await _exchange(given, target, again)
        last = _answered(again, response, account, onlyStale=True) if response.code in _ASKING else None
        if last is not None:
            response = await _exchange(given, target, last)
        _judgeLogin(server, account, response, asked=True, tell=tell)
    except Unreachable as problem:
        what = f"{server.name}: no answer to REGISTER, though OPTIONS is answered: {problem}"
        tell(error(LOGIN, what, f"see whether that is a registrar, and correct {server.setting}"))


def _answered(question: Question, response: Response, account: Account, onlyStale: bool = False) -> Question | None:
    """The request with our answer to its challenge; C{None} if there is none to give."""
    asking, given = _ASKING[response.code]
    found = challenges(response.values(asking))
    if not found or account.login is None or (onlyStale and not found[0].stale):
        return None
    login = answer(found[0], account.login, question.method, question.uri)
    return evolve(question, login=f"{given}: {login}", number=question.number + 1)


def _unanswerable(server: Server, account: Account, response: Response, tell: Tell) -> None:
    if account.login is None:
        tell(error(LOGIN, f"{server.name} wants a login, and there is no password", f"set {account.setting}"))
    else:
        what = f"{server.name} wants a login of a kind that is not known here: {response}"
        tell(error(LOGIN, what, "have it ask for digest with MD5 or SHA-256"))


def _judgeLogin(server: Server, account: Account, response: Response, asked: bool, tell: Tell) -> None:
    """What the answer to REGISTER says."""
    who = f"{server.name}: {account.aor}"
    if response.code < 300:
        tell(ok(LOGIN, f"{who} may register" + ("" if asked else ", without a login")))
    elif asked and response.code in (401, 403, 407):
        name = account.login.user if account.login is not None else ""
        what = f"{who} is refused with the name {name}: {response}"
        tell(error(LOGIN, what, f"correct {account.setting}, or the name to log in with"))
    elif response.code in (403, 404, 604):
        tell(error(LOGIN, f"{who} is not known there: {response}", "correct the user, as the provider has it"))
    else:
        tell(warning(LOGIN, f"{who}: REGISTER is answered {response}", "see the log of that server"))
