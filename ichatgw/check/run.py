# -*- test-case-name: ichatgw.test.check.test_run -*-
"""
Does all checks side by side, each within a time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping

from twisted.internet.defer import Deferred, DeferredList, TimeoutError
from twisted.python.failure import Failure

from ichatgw.check import certificates, files, link, others, ports, rules, sipanswers, stun, system
from ichatgw.check.finding import Finding, Tell, error
from ichatgw.check.given import Given

Look = Callable[[Given, Tell], Awaitable[None]]

CHECKS: Mapping[str, Look] = {
    "rules": rules.look,
    "files": files.look,
    "certificate": certificates.look,
    "ports": ports.look,
    "system": system.look,
    "DNS": others.lookAtNames,
    "XMPP link": link.look,
    "SIP servers": sipanswers.look,
    "STUN": stun.look,
    "HEP": others.lookAtCapture,
}
"""The checks by their names, in the order in which their findings are shown."""

LIMIT = 60.0
"""Seconds that one check may take."""


def examine(given: Given, checks: Mapping[str, Look] = CHECKS) -> Deferred[list[Finding]]:
    """
    Do them.

    @return: fires with what is found, in order.  Never fails: a check that does is a finding.
    """
    done = [_done(name, look, given) for name, look in checks.items()]
    together: Deferred[list[Finding]] = DeferredList(done).addCallback(_joined)
    return together


def _joined(results: Iterable[tuple[bool, list[Finding]]]) -> list[Finding]:
    return [each for _, found in results for each in found]


def _done(name: str, look: Look, given: Given) -> Deferred[list[Finding]]:
    found: list[Finding] = []

    async def begin() -> None:
        await look(given, found.append)

    def failed(failure: Failure) -> None:
        if failure.check(TimeoutError):
            found.append(error(name, f"not done after {LIMIT:.0f} s", "see whether the network works, and check again"))
        else:
            kind = type(failure.value).__name__
            found.append(error(name, f"this check has failed: {kind}: {failure.getErrorMessage()}", "please report it"))

    checked = Deferred.fromCoroutine(begin()).addTimeout(LIMIT, given.clock)
    return checked.addErrback(failed).addCallback(lambda _: found)
