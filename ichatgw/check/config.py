# -*- test-case-name: ichatgw.test.check.test_config,ichatgw.test.check.test_faults -*-
"""
Reads the configuration as C{twistd ichatgw} does, and says all that is wrong with it.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from ichatgw.check.finding import Finding, Tell, error, ok, warning
from ichatgw.config.reading.reader import DEFAULT_FILE, OUTPUT, PATTERN, Reader, readFile
from ichatgw.config.settings import TABLE, Settings
from ichatgw.errors import ConfigError
from ichatgw.options import Options

SUBJECT = "configuration"

_DOCS = "see that setting in docs/settings.rst"
_HELP = "see twistd ichatgw --help"
_REMEDIES = (
    (r"everybody on this host can read", "chmod o-r that file"),
    (r"not of the form Name = value", "write it so, or put a # before it"),
    (r"not valid UTF-8", "save it as UTF-8"),
    (r"quotation marks count", "take them away, if they are not part of the password"),
    (r"no longer needed|never had an effect", "take the line out"),
    (r"JabberComponentPort", "name the port that the XMPP server has for components"),
    (r"that is the gateway itself", "lead to the domain of the users"),
    (r"there is no trunk", "correct the name, or declare that Trunk"),
    (r"there are no translation rules", "add a TranslationPattern and a TranslationOutput, or a PhoneBook"),
    (r"it matches nothing", "begin it with ^xmpp: or ^sip:"),
    (r"stands for itself", "write $1 to $9"),
    (r"without 0 \(PCMU\)", "take 0 out of it"),
)


def read(arguments: Sequence[str], environ: Mapping[str, str], tell: Tell) -> Options | None:
    """
    Read the configuration.

    @param arguments: as those of C{twistd ichatgw}.
    @return: what was told, with its settings; C{None} if the gateway could not start with that.
    @raise SystemExit: if the arguments ask for help.
    """
    options = Options(environ)
    try:
        _refuseOthers(arguments)
        options.parseOptions(list(arguments))
    except ConfigError as problem:
        tell(error(SUBJECT, str(problem), "name a plain file"))
        return None
    except SystemExit as end:
        if not isinstance(end.code, str):
            raise
        for line in end.code.split("\n"):
            if line != "ichatgw cannot start:":
                tell(_problem(line))
        return None
    for line in options.warnings:
        tell(_doubt(line))
    for finding in _twice(pathOf(options), options.settings):
        tell(finding)
    tell(ok(SUBJECT, _summary(options)))
    return options


def pathOf(options: Options) -> str:
    """The file that was read; empty if there is none."""
    path: str = options["config"] or DEFAULT_FILE
    return path if os.path.exists(path) else ""


def _refuseOthers(arguments: Sequence[str]) -> None:
    """
    A pipe could keep us waiting for ever.

    @raise ConfigError: if one is named.
    """
    named = [after for option, after in pairwise(arguments) if option in ("--config", "-c")]
    for path in named or [DEFAULT_FILE]:
        if os.path.exists(path) and not os.path.isfile(path):
            raise ConfigError(f"{path} is no plain file")


def _problem(line: str) -> Finding:
    what, isValue, expected = line.rpartition(": expected ")
    if isValue:
        return error(SUBJECT, what, f"make it {expected}")
    missing = re.fullmatch(r"(.*: \w+ is missing): (.*)", line)
    if missing is not None:
        return error(SUBJECT, missing[1], f"add it: {missing[2]}")
    if line.startswith("There is no "):
        return error(SUBJECT, f"there is no {DEFAULT_FILE} here", "name a file by --config")
    if "cannot be read" in line:
        return error(SUBJECT, line, "name another one by --config, or let the gateway's user read it")
    return _unknown(line) or error(SUBJECT, line, _HELP if line.startswith("command line") else _DOCS)


def _doubt(line: str) -> Finding:
    found = (remedy for pattern, remedy in _REMEDIES if re.search(pattern, line))
    return _unknown(line) or warning(SUBJECT, line, next(found, _DOCS))


def _unknown(line: str) -> Finding | None:
    found = re.fullmatch(r"(.*: unknown setting)(?:, did you mean (\w+)\?)?", line)
    if found is None:
        return None
    return warning(SUBJECT, found[1], f"write {found[2]}" if found[2] else "take the line out: it has no effect")


def _twice(path: str, settings: Settings) -> Iterator[Finding]:
    """Settings that stand twice in a file, though there can be only one; several lines of a list add up."""
    if not path:
        return
    lists = {each.name for each in TABLE if each.kind.isList(getattr(settings, each.attribute))}
    single = {
        name.lower(): setting.name
        for setting in TABLE
        if not setting.group and setting.name not in (PATTERN, OUTPUT)
        for name in setting.names
    }
    try:
        names = Counter(single.get(entry.name.lower(), "") for entry in readFile(path, Reader(TABLE)))
    except ConfigError:
        return
    for name, count in names.items():
        if count > 1 and name and name not in lists:
            yield warning(SUBJECT, f"{path}: {name} stands there {count} times, and the last one counts", "leave one")


def _summary(options: Options) -> str:
    settings: Settings = options.settings
    counts = (
        (len(settings.translationRules), "translation rules"),
        (len(settings.trunks), "trunks"),
    )
    return f"{pathOf(options) or 'the command line'}: " + ", ".join(f"{count} {words}" for count, words in counts)
