# -*- test-case-name: ichatgw.test.command.test_check -*-
"""
C{ichatgw check}: tries everything that the configuration names, with a gateway that runs or without.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import LogPublisher, globalLogBeginner
from twisted.python.failure import Failure

from ichatgw.check import config
from ichatgw.check.asking.host import Host
from ichatgw.check.asking.network import Network
from ichatgw.check.finding import Finding, Level, error, exitStatus
from ichatgw.check.given import Given
from ichatgw.check.run import examine
from ichatgw.command.gateway import pathOf, takesPlace
from ichatgw.command.result import Result
from ichatgw.command.words import coloured, hasColours
from ichatgw.config.settings import Settings
from ichatgw.control.place import NONE
from ichatgw.errors import ConfigError
from ichatgw.net.dns import Records
from ichatgw.net.localaddresses import LocalAddresses
from ichatgw.runtime.clock import useMonotonicTime
from ichatgw.sip.setup import filesOf
from ichatgw.sip.transport.resolver import Resolver
from ichatgw.sip.transport.target import Transport
from ichatgw.sip.transport.tls import Security

HELP = (
    "read the configuration and try all that it names, also beside a running gateway; the exit status is 0 if all is"
    " well, 1 if there are warnings, 2 if there are errors"
)

Begin = Callable[[Any], Deferred[list[Finding]]]
"""Begins the checks with a reactor."""

_COLOURS = {Level.OK: "", Level.WARNING: "callee", Level.ERROR: "wrong"}


def declare(parser: ArgumentParser) -> None:
    """See L{ichatgw.command.Command}."""
    takesPlace(parser)
    parser.add_argument(
        "--call", metavar="ADDRESS", action="append", default=[], help="show where a call to this address leads"
    )
    parser.add_argument("--from", metavar="ADDRESS", dest="caller", default="", help="who makes these calls")
    parser.add_argument("--quiet", action="store_true", help="show nothing that is well")
    parser.add_argument(
        "options", metavar="OPTION", nargs="*", help="behind --: options that twistd ichatgw is started with"
    )


def run(arguments: Namespace) -> Result:
    """See L{ichatgw.command.Command}."""
    found: list[Finding] = []
    given = ["--config", arguments.config] if arguments.config is not None else []
    options = config.read([*given, *arguments.options], os.environ, found.append)
    if options is not None:
        found += inReactor(lambda reactor: _examined(reactor, options.settings, config.pathOf(options), arguments))
    return _result(found, arguments.quiet)


def inReactor(begin: Begin) -> list[Finding]:
    """Run the reactor until that is done.  What parts of the gateway log is not for those who asked."""
    from twisted.internet import reactor

    globalLogBeginner.beginLoggingTo([LogPublisher()], redirectStandardIO=False)
    useMonotonicTime(reactor)
    return finished(begin, reactor)


def finished(begin: Begin, reactor: Any) -> list[Finding]:
    """
    Run a reactor until that is done.

    @return: what is found; an error if it was interrupted, or has failed.
    """
    results: list[list[Finding]] = []

    def failed(failure: Failure) -> None:
        what = f"{type(failure.value).__name__}: {failure.getErrorMessage()}"
        results.append([error("check", f"this has failed: {what}", "please report it")])

    def start() -> None:
        maybeDeferred(begin, reactor).addCallbacks(results.append, failed).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(start)
    reactor.run()
    return results[0] if results else [error("check", "interrupted", "run it once more")]


def _examined(reactor: Any, settings: Settings, path: str, arguments: Namespace) -> Deferred[list[Finding]]:
    addresses = LocalAddresses(settings.ipAddress, advertised=settings.advertisedAddress)
    records = Records(reactor, settings.dnsServers)
    transports = (Transport.UDP, Transport.TCP, Transport.TLS)
    network = Network(reactor, addresses, _security(settings), _socketOf(settings, arguments))
    given = Given(
        settings,
        path,
        reactor,
        records,
        Resolver(reactor, records, settings.preferIPv6, transports),
        Host(reactor),
        network,
        calls=tuple(arguments.call),
        caller=arguments.caller,
    )
    return network.status().addCallback(lambda status: examine(evolve(given, status=_ours(status, settings))))


def _ours(status: Any, settings: Settings) -> Any:
    """The status of a gateway, if it is that of this configuration."""
    component = settings.jabberComponentName.lower()
    return status if status is not None and status.get("component", component) == component else None


def _security(settings: Settings) -> Security | None:
    try:
        return Security(filesOf(settings))
    except (ConfigError, OSError):
        return None  # the check of the certificates says so


def _socketOf(settings: Settings, arguments: Namespace) -> str:
    """Where the gateway would be asked; empty for nowhere."""
    if settings.controlSocket and arguments.socket is None:
        return "" if settings.controlSocket == NONE else settings.controlSocket
    try:
        return pathOf(arguments.socket, arguments.config)
    except ConfigError:
        return ""


def _result(found: Sequence[Finding], isQuiet: bool) -> Result:
    colours = hasColours()
    levels = Counter(finding.level for finding in found)
    errors, warnings = levels[Level.ERROR], levels[Level.WARNING]
    shown = [each for each in found if not (isQuiet and each.level is Level.OK)]
    lines = [coloured(_line(finding), _COLOURS[finding.level], colours) for finding in shown]
    if lines:
        lines.append(f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')}")
    data = {
        "findings": [
            {"subject": each.subject, "level": each.level.value, "what": each.what, "remedy": each.remedy}
            for each in shown
        ],
        "errors": errors,
        "warnings": warnings,
    }
    return Result("\n".join(lines), data, exitStatus(found))


def _line(finding: Finding) -> str:
    remedy = f"; {finding.remedy}" if finding.remedy else ""
    return f"{finding.level.value:<8} {finding.subject:<16} {finding.what}{remedy}"


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
