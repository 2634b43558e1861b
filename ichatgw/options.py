# -*- test-case-name: ichatgw.test.gateway.test_options,ichatgw.test.config.test_reload -*-
"""
The command line of C{twistd ichatgw}: one option for each setting, made from the table of settings.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from twisted.logger import ILogObserver
from twisted.python import usage

from ichatgw import __version__
from ichatgw.config.reading import document
from ichatgw.config.reading.reader import DEFAULT_FILE, OBSOLETE, OUTPUT, PATTERN, Setting
from ichatgw.config.settings import TABLE, Settings
from ichatgw.errors import ConfigError
from ichatgw.log import logfile
from ichatgw.runtime.steps import Steps

_REPEATED = (PATTERN, OUTPUT, *(setting.name for setting in TABLE if setting.group))


def _parameter(setting: Setting) -> list[str | None]:
    """One line of C{optParameters}.  A secret is named by its file: what is on a command line is seen by all."""
    if setting.secret:
        return [setting.fileName.lower(), None, None, f"File that holds this: {document.summary(setting)}"]
    return [setting.name.lower(), None, None, document.summary(setting)]


def _rule(setting: Setting) -> Any:
    """An option method that may be used again and again, and keeps the order."""
    name = setting.fileName if setting.secret else setting.name

    def option(self: Options, value: str) -> None:
        self.rules.append((name, value))

    option.__doc__ = document.summary(setting)
    return option


_ABOUT = {setting.name: setting for setting in TABLE}
_ALIASES = {alias: setting.name for setting in TABLE for alias in setting.aliases}


def again(
    path: str | None, overrides: Iterable[tuple[str, str]], environ: Mapping[str, str]
) -> Steps[tuple[Settings, list[str]]]:
    """
    L{Settings.steps}, for a process that must not wait.

    @raise ConfigError: as there; also if C{path} is a pipe or a device.
    """
    if path is not None and os.path.exists(path) and not os.path.isfile(path):
        raise ConfigError(f"{path}: only a plain file can be read again")
    return Settings.steps(path, overrides, environ)


class Options(usage.Options):
    """
    What C{twistd ichatgw} was told.

    @ivar settings: read when the whole command line is known.
    @ivar warnings: for the log.
    """

    synopsis = "[options]"
    longdesc = (
        "Joins XMPP users (Jingle, iChat) and SIP phones for audio calls. Settings come from a file, see --config, and"
        " each may be given as an option instead; --sample-config prints such a file."
    )
    optParameters = [
        ["config", "c", None, f"File to read settings from. [default: {DEFAULT_FILE} in the current directory]"],
        *(_parameter(setting) for setting in TABLE if setting.name not in _REPEATED),
        *([alias.lower(), None, None, f"The same as --{name.lower()}."] for alias, name in _ALIASES.items()),
        *([name.lower(), None, None, f"Accepted, and {why}."] for name, why in OBSOLETE.items()),
    ]

    settings: Settings
    warnings: list[str]

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self.rules: list[tuple[str, str]] = []
        self._environ = environ
        super().__init__()  # type: ignore[no-untyped-call]

    def opt_sample_config(self) -> None:
        """Print a configuration file with every setting explained, and exit."""
        sys.stdout.write(document.sample(TABLE))
        raise SystemExit(0)

    def opt_version(self) -> None:
        """Print the version of the gateway, and exit."""
        sys.stdout.write(f"ichatgw {__version__}\n")
        raise SystemExit(0)

    def parseOptions(self, options: Any = None) -> None:
        """
        Take the command line.

        @raise SystemExit: if it is wrong.  A C{UsageError} would have C{twistd} print the whole help before it.
        """
        try:
            super().parseOptions(options)  # type: ignore[no-untyped-call]
        except usage.UsageError as e:
            raise SystemExit(
                f"ichatgw cannot start:\ncommand line: {e}{self._nearest(str(e))}; twistd ichatgw --help names them all"
            ) from None

    def parseArgs(self, *arguments: str) -> None:
        """
        Whatever is no option.

        @raise UsageError: always, if there is something.
        """
        if arguments:
            raise usage.UsageError(f"{arguments[0]!r} is no option")

    def _nearest(self, problem: str) -> str:
        """What was meant by an option that there is not."""
        wrong = re.search(r"option --([^ =]+) not recognized", problem)
        known = [name.rstrip("=") for name in self.longOpt]
        near = get_close_matches(wrong[1], known, 1) if wrong is not None else []
        return f", did you mean --{near[0]}?" if near else ""

    def postOptions(self) -> None:
        """
        Read the settings.

        @raise SystemExit: if the gateway cannot start with them; the text has a line for each problem.
        """
        path = self["config"]
        missing = path is None and not os.path.exists(DEFAULT_FILE)
        self._path = None if missing else os.path.abspath(path or DEFAULT_FILE)
        try:
            self.settings, self.warnings = Settings.load(
                None if missing else path or DEFAULT_FILE, self._overrides(), self._environ
            )
        except ConfigError as e:
            hint = f"There is no {DEFAULT_FILE} here; name a file by --config, or see --sample-config.\n"
            raise SystemExit("ichatgw cannot start:\n" + (hint if missing else "") + str(e)) from None

    def reload(self) -> Steps[tuple[Settings, list[str]]]:
        """
        Read the settings once more, from where they came, in steps.

        @raise ConfigError: as for L{Settings.load}; also if the file has become one that could keep us waiting.
        """
        return again(self._path, self._overrides(), self._environ)

    def _overrides(self) -> list[tuple[str, str]]:
        """What was given, under the names that administrators know."""
        names = (
            setting.fileName if setting.secret else setting.name for setting in TABLE if setting.name not in _REPEATED
        )
        given = [(name, self[name.lower()]) for name in (*_ALIASES, *names, *OBSOLETE)]
        return [(name, value) for name, value in given if value is not None] + self.rules

    def logObserver(self) -> ILogObserver | None:
        """
        What the whole process shall log to, so that C{LogLevel} and C{LogFilename} hold for C{twistd}'s lines as well.

        @return: C{None} where an option of C{twistd} itself asks for something else, or for something it refuses.
        """
        twistd: Mapping[str, Any] = self.parent or {}
        daemon = not twistd.get("nodaemon")
        filename = self.settings.logFilename or twistd.get("logfile") or ("twistd.log" if daemon else "")
        if twistd.get("logger") or twistd.get("syslog") or (daemon and filename == "-"):
            return None
        settings = self.settings
        return logfile.observer(settings.logLevel, filename, settings.logFileMaxLines, settings.logFormat)


for _name in _REPEATED:
    _named = _ABOUT[_name]
    setattr(Options, f"opt_{(_named.fileName if _named.secret else _name).lower()}", _rule(_named))
