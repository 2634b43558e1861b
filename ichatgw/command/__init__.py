# -*- test-case-name: ichatgw.test.command.test_command -*-
"""
C{ichatgw}: what administrators do beside the running gateway, as sub-commands.

A module of this package for each, or an object in one for several of a subject.  It has C{HELP}, what it is for in a
line; C{declare}, which adds its arguments to a parser; and C{run}, which takes these and gives a L{Result}.
L{COMMANDS} names them.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, Protocol, TextIO, cast

from ichatgw import __version__
from ichatgw.command.result import Result, takesJSON
from ichatgw.errors import ConfigError

COMMANDS = {
    "status": "ichatgw.command.process:status",
    "calls": "ichatgw.command.calls:calls",
    "call": "ichatgw.command.calls:call",
    "hangup": "ichatgw.command.calls:hangup",
    "trace": "ichatgw.command.calls:trace",
    "users": "ichatgw.command.people:users",
    "registrations": "ichatgw.command.people:registrations",
    "trunks": "ichatgw.command.trunks:trunks",
    "drain": "ichatgw.command.process:drain",
    "reload": "ichatgw.command.process:reload",
    "loglevel": "ichatgw.command.process:loglevel",
    "check": "ichatgw.command.check",
    "phonebook": "ichatgw.command.phonebook",
}
"""Each sub-command: a module, or behind a colon what of it has C{HELP}, C{declare} and C{run}."""

OK, FAILED, INTERRUPTED = 0, 1, 130
"""Exit statuses; that of a wrong command line is 2."""


class Command(Protocol):
    """The module of a sub-command."""

    HELP: str

    def declare(self, parser: ArgumentParser) -> None:
        """Add its arguments."""

    def run(self, arguments: Namespace) -> Result:
        """
        Do it.

        @raise ConfigError: if that cannot be; the text says why, and what to do.
        """


def main(arguments: Sequence[str] | None = None, out: TextIO | None = None, err: TextIO | None = None) -> int:
    """
    Run a sub-command.

    @param arguments: those of the command line if it is C{None}.
    @return: the exit status.
    @raise SystemExit: if the command line is wrong, or asks for help.
    """
    out, err = out or sys.stdout, err or sys.stderr
    given = sys.argv[1:] if arguments is None else arguments
    parsed = _parser(given[:1]).parse_args(given)
    try:
        result = cast(Command, parsed.module).run(parsed)
    except ConfigError as problem:
        if parsed.json:
            _write(out, json.dumps({"error": str(problem)}))
        _write(err, f"ichatgw {parsed.subcommand}: {problem}")
        return FAILED
    except KeyboardInterrupt:
        _write(err, f"ichatgw {parsed.subcommand}: interrupted; an order that was sent is carried out")
        return INTERRUPTED
    try:
        _write(out, json.dumps(result.data, ensure_ascii=False) if parsed.json else result.text)
    except OSError as problem:
        _write(err, f"ichatgw {parsed.subcommand}: the output cannot be written: {problem.strerror}")
        return FAILED
    return result.status


def _parser(named: Sequence[str]) -> ArgumentParser:
    """
    The parser of the command line.  It knows all sub-commands, or the one that C{named} has: the modules of the others
    are not imported then, which would take longer than what most of them do.
    """
    parser = ArgumentParser("ichatgw", description="Looks after the gateway. Each command has a --help of its own.")
    parser.add_argument("--version", action="version", version=f"ichatgw {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="subcommand")
    for name in COMMANDS.keys() & named or COMMANDS:
        module, _, what = COMMANDS[name].partition(":")
        command = cast(Any, import_module(module))
        command = getattr(command, what) if what else command
        subparser = commands.add_parser(name, help=command.HELP, description=command.HELP)
        takesJSON(subparser)
        subparser.set_defaults(module=command, json=False)
        command.declare(subparser)
    return parser


def _write(stream: TextIO, text: str) -> None:
    """
    Write a line, unless C{text} is empty or the reader has closed the pipe; what the terminal's encoding has not is
    escaped.
    """
    encoding = stream.encoding or "utf-8"
    with suppress(BrokenPipeError):
        if text:
            stream.write(f"{text}\n".encode(encoding, "backslashreplace").decode(encoding))
            stream.flush()
