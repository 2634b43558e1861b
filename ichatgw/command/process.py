# -*- test-case-name: ichatgw.test.command.test_process -*-
"""
C{ichatgw status}, C{drain}, C{reload} and C{loglevel}: the gateway as a whole.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from ichatgw.command.gateway import ask, takesPlace
from ichatgw.command.result import Result
from ichatgw.command.trunks import summary
from ichatgw.command.words import lasting, plain
from ichatgw.log.lines import LEVELS

NOT_READY = 3
"""The exit status of C{status} if the gateway cannot take calls."""


class Status:
    """How the gateway is."""

    HELP = "say how the gateway is; the exit status is 0 if it is ready for calls, 3 if it is not, 1 if it is not there"

    def declare(self, parser: ArgumentParser) -> None:
        """See L{ichatgw.command.Command}."""
        takesPlace(parser)

    def run(self, arguments: Namespace) -> Result:
        """See L{ichatgw.command.Command}."""
        trunks = ask(arguments, "trunks").items
        data = {**ask(arguments, "status").data, "trunks": trunks}
        return Result("\n".join([*_status(data), *summary(trunks)]), data, 0 if data["ready"] else NOT_READY)


def _status(data: dict[str, Any]) -> list[str]:
    ready = "ready for calls" if data["ready"] else "NOT READY for calls"
    lines = [f"ichatgw {data['version']}, process {data['pid']}, up for {lasting(data['uptime'])}: {ready}"]
    lines += [f"  {plain(each['part'])}: {plain(each['text'])}" for each in data["troubles"]]
    shown = {
        "calls": f"{data['calls']} now, {data['callsMade']} since the start",
        "XMPP link": data["link"],
        "users online": data["users"],
        "registered addresses": data["registrations"],
        "media ports": f"{data['mediaPortsFree']} of {data['mediaPorts']} pairs are free",
        "files": f"{data['files']} open" + (f" of {data['filesAllowed']}" if data["filesAllowed"] else ""),
        "reactor": f"longest turn of the last minute {round(data['longestTurn'] * 1000)} ms",
        "log level": data["logLevel"],
    }
    return lines + [f"  {name}: {plain(str(value))}" for name, value in shown.items()]


class Drain:
    """No new calls."""

    HELP = "take no new calls, and stop when those that are up are over; the second time end them now"

    def declare(self, parser: ArgumentParser) -> None:
        """See L{ichatgw.command.Command}."""
        takesPlace(parser)

    def run(self, arguments: Namespace) -> Result:
        """See L{ichatgw.command.Command}."""
        data = ask(arguments, "drain").data
        return Result(data["text"], data)


class Reload:
    """Settings anew."""

    HELP = "have the settings read again, and say what has changed, or what is wrong with them"

    def declare(self, parser: ArgumentParser) -> None:
        """See L{ichatgw.command.Command}."""
        takesPlace(parser)

    def run(self, arguments: Namespace) -> Result:
        """See L{ichatgw.command.Command}."""
        data = ask(arguments, "reload").data
        return Result("\n".join(map(plain, data["lines"])), data)


class LogLevel:
    """How much is logged."""

    HELP = "log at another level, until the settings are read again"

    def declare(self, parser: ArgumentParser) -> None:
        """See L{ichatgw.command.Command}."""
        takesPlace(parser)
        parser.add_argument("level", metavar="LEVEL", type=str.upper, choices=tuple(LEVELS), help=", ".join(LEVELS))

    def run(self, arguments: Namespace) -> Result:
        """See L{ichatgw.command.Command}."""
        data = ask(arguments, "loglevel", level=arguments.level).data
        return Result(f"the log has level {data['level']} now, it had {data['before']}", data)


status, drain, reload, loglevel = Status(), Drain(), Reload(), LogLevel()
