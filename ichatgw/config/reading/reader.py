# -*- test-case-name: ichatgw.test.config.reading.test_readersyntax,ichatgw.test.config.test_settings -*-
"""
Reads settings from where administrators write them: a file of C{Name = value} lines, the environment, the command
line.  What is wrong is collected, so that all of it is said at once.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from enum import Enum
from functools import partial
from select import select
from typing import Any, TypeVar

from attrs import define, field, frozen

from ichatgw.calls.dialplan import checkOutput, checkTogether, compilePattern, doubts
from ichatgw.config.reading.kinds import Kind
from ichatgw.config.reading.textfile import decoded
from ichatgw.errors import ConfigError
from ichatgw.runtime.steps import Steps

_T = TypeVar("_T")

DEFAULT_FILE = "ichat-gw.config"
"""What is read if no other file is named."""
ENVIRONMENT = "ICHATGW_"
PATTERN = "TranslationPattern"
OUTPUT = "TranslationOutput"

# What the original asked for to tie its two processes together, or never used, and what is said of it.
_ONE_PROCESS = "no longer needed, the gateway is one process"
_NO_EFFECT = "not needed, it never had an effect"
OBSOLETE = {
    "GatewayIPCPort": _ONE_PROCESS,
    "JabberConnectorIPCPort": _ONE_PROCESS,
    "IchatJabberConnectorPath": _ONE_PROCESS,
    "HttpAuth": _NO_EFFECT,
    "HttpAuthPwd": _NO_EFFECT,
}
PIPE_TIMEOUT = 5.0
"""Seconds in which something has to come into a pipe that is read at the start."""

_LARGEST = 1 << 20
_LARGEST_SECRET = 4096


class Reload(Enum):
    """When another value holds that is read at C{SIGHUP}, as the documentation says it."""

    RESTART = "A change needs a restart."
    AT_ONCE = "A change holds from SIGHUP on."
    NEW_CALLS = "A change holds for calls that begin after SIGHUP."
    NEW_CONNECTIONS = "A change holds for connections that are made after SIGHUP."


@frozen
class Setting:
    """
    All there is to know of one setting.

    @ivar section: the heading it stands under.
    @ivar name: as administrators write it, apart from case.
    @ivar attribute: the name of its value in L{ichatgw.config.settings.Settings}.
    @ivar help: for administrators.
    @ivar reload: when another value holds.
    @ivar secret: if so its value is never shown, and may stand in a file of its own or in the environment.
    @ivar required: if so there is no default.
    @ivar default: as text.
    @ivar example: for the sample file.
    @ivar sampleTail: lines to follow it in the sample file.
    @ivar aliases: other names.
    @ivar group: the name of the setting that begins a group of settings that make one value, see
        L{ichatgw.config.reading.groups}; empty for a setting on its own.
    @ivar part: what it is in that value.
    @ivar makes: makes the value, if it is the one that begins the group.
    """

    section: str
    name: str
    attribute: str
    kind: Kind[Any]
    help: str
    reload: Reload = Reload.RESTART
    secret: bool = False
    required: bool = False
    default: str = ""
    example: str = ""
    sampleTail: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    group: str = ""
    part: str = ""
    makes: Callable[..., Any] = dict

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that may stand before the C{=}."""
        return (self.name, *self.aliases, self.fileName) if self.secret else (self.name, *self.aliases)

    @property
    def fileName(self) -> str:
        """The name of the companion that tells in which file a secret stands."""
        return self.name + "File"

    @property
    def variable(self) -> str:
        """The environment variable that may hold a secret."""
        return ENVIRONMENT + self.name.upper()


@frozen
class Entry:
    """
    One line that gives a setting.

    @ivar place: where it stands, for messages.
    """

    place: str
    name: str
    value: str = field(repr=False)


TakeGroups = Callable[["Reader", list[Setting], list[Entry]], Steps[tuple[Any, ...]]]


def _noGroups(reader: Reader, settings: list[Setting], entries: list[Entry]) -> Steps[tuple[Any, ...]]:
    yield from ()
    return ()


@define(eq=False)
class Reader:
    """
    Makes values of entries, source by source; a later source replaces what an earlier one gave.

    @ivar values: by the attribute of the setting.
    @ivar entries: the entry behind each value.
    @ivar faulty: the names of settings that an entry gave wrongly.
    @ivar problems: what stops the start.
    @ivar unknown: names that stand for nothing, and what may have been meant.
    @ivar warnings: what the administrator should know besides.
    @ivar takeGroups: makes the values of settings that stand in groups, see L{ichatgw.config.reading.groups}.
    """

    settings: tuple[Setting, ...]
    values: dict[str, Any] = field(factory=dict, init=False)
    entries: dict[str, Entry] = field(factory=dict, init=False)
    faulty: set[str] = field(factory=set, init=False)
    problems: list[str] = field(factory=list, init=False)
    unknown: list[str] = field(factory=list, init=False)
    warnings: list[str] = field(factory=list, init=False)
    takeGroups: TakeGroups = field(default=_noGroups, kw_only=True)

    def take(self, entries: Iterable[Entry]) -> Steps[None]:
        """Take all that one source says, in steps: a long file shall not keep the sound waiting."""
        single = [s for s in self.settings if not s.group]
        known = {name.lower(): s for s in single for name in (s.name, *s.aliases)}
        secretFiles = {s.fileName.lower(): s for s in single if s.secret}
        grouped = {name.lower(): s.attribute for s in self.settings if s.group for name in s.names}
        groups: dict[str, list[Entry]] = {}
        obsolete = {name.lower(): why for name, why in OBSOLETE.items()}
        rules: list[Entry] = []
        taken: dict[str, Any] = {}
        for entry in entries:
            yield
            name = entry.name.lower()
            if name in (PATTERN.lower(), OUTPUT.lower()):
                rules.append(entry)
            elif name in known:
                self._takeValue(known[name], entry, taken)
            elif name in grouped:
                groups.setdefault(grouped[name], []).append(entry)
            elif name in secretFiles:
                self._takeSecretFile(secretFiles[name], entry, taken)
            elif name in obsolete:
                self.warnings.append(f"{entry.place}: {entry.name}: {obsolete[name]}")
            else:
                self._unknown(entry)
        if rules:
            taken["translationRules"] = yield from self._takeRules(rules)
        for attribute, given in groups.items():
            settings = [s for s in self.settings if s.attribute == attribute]
            taken[attribute] = yield from self.takeGroups(self, settings, given)
        self.values.update(taken)

    def wrong(self, entry: Entry, expected: str, secret: bool = False) -> None:
        """Note a problem with the value of an entry."""
        shown = "(not shown)" if secret else _printable(entry.value)
        self.problems.append(f"{entry.place}: {entry.name} = {shown}: expected {expected}")

    def _takeValue(self, setting: Setting, entry: Entry, taken: dict[str, Any]) -> None:
        self.entries[setting.attribute] = entry
        if not entry.value:
            taken.pop(setting.attribute, None)
            self.values.pop(setting.attribute, None)
            if setting.kind.blank is not None:
                taken[setting.attribute] = setting.kind.blank
            return
        try:
            if not entry.value.isprintable():
                raise ValueError("control characters")
            value = setting.kind.parse(entry.value)
        except ValueError:
            self.wrong(entry, setting.kind.expected, setting.secret)
            self.faulty.add(setting.name)
            return
        if setting.secret and isQuoted(entry.value):
            self.warnings.append(f"{entry.place}: {entry.name}: the quotation marks count as part of it")
        if setting.kind.isList(value):
            value = tuple(dict.fromkeys((*taken.get(setting.attribute, ()), *value)))
        taken[setting.attribute] = value

    def _takeSecretFile(self, setting: Setting, entry: Entry, taken: dict[str, Any]) -> None:
        if not entry.value:
            return
        try:
            if os.path.exists(entry.value) and not os.path.isfile(entry.value):
                raise OSError(errno.EINVAL, "it is no plain file")  # a pipe could keep us waiting for ever
            data, worldReadable = _readBytes(entry.value, _LARGEST_SECRET)
            secret = decoded(data).strip()
            if not secret or not secret.isprintable():
                raise ValueError("no password")
        except (OSError, ValueError) as e:
            why = f", but {e.strerror}" if isinstance(e, OSError) else ""
            self.wrong(entry, f"a file that holds one line of text{why}")
            self.faulty.add(setting.name)
            return
        if worldReadable:
            self.warnings.append(f"{entry.place}: {entry.name}: everybody on this host can read that file")
        self._takeValue(setting, Entry(entry.place, entry.name, secret), taken)

    def _takeRules(self, entries: list[Entry]) -> Steps[tuple[tuple[str, str], ...]]:
        """Pair patterns with outputs."""
        rules: list[tuple[str, str]] = []
        pattern: Entry | None = None
        for entry in entries:
            yield
            if entry.name.lower() == PATTERN.lower():
                if pattern is not None:
                    self.wrong(pattern, f"a {OUTPUT} to follow")
                pattern = entry
            elif pattern is None:
                self.wrong(entry, f"a {PATTERN} before it")
            else:
                compiled = self._tryRule(compilePattern, pattern)
                self._tryRule(checkOutput, entry)
                if compiled is not None:
                    self._tryRule(partial(checkTogether, pattern.value, compiled), entry)
                    self.warnings += [f"{entry.place}: {doubt}" for doubt in doubts(pattern.value, entry.value)]
                rules.append((pattern.value, entry.value))
                pattern = None
        if pattern is not None:
            self.wrong(pattern, f"a {OUTPUT} to follow")
        return tuple(rules)

    def _tryRule(self, check: Callable[[str], _T], entry: Entry) -> _T | None:
        try:
            return check(entry.value)
        except ValueError as e:
            self.wrong(entry, f"a rule that works, but {e}")
            return None

    def _unknown(self, entry: Entry) -> None:
        spelled = {name.lower(): name for s in self.settings for name in s.names}
        close = get_close_matches(entry.name.lower(), spelled, 1)
        hint = f", did you mean {spelled[close[0]]}?" if close else ""
        self.unknown.append(f"{entry.place}: {_printable(entry.name)}: unknown setting{hint}")


def readFile(path: str, reader: Reader) -> Iterator[Entry]:
    """
    The entries of a file, one after the other.

    @raise ConfigError: if it cannot be read at all.
    """
    try:
        data, worldReadable = _readBytes(path, _LARGEST)
    except OSError as e:
        raise ConfigError(f"{path}: cannot be read: {e.strerror}") from None
    except ValueError as e:
        raise ConfigError(f"{path}: {e}") from None
    try:
        text = decoded(data)
    except UnicodeDecodeError:
        text = data.decode("latin-1")
        reader.warnings.append(f"{path}: not valid UTF-8, read as ISO 8859-1")
    secret = {setting.name.lower() for setting in reader.settings if setting.secret}
    holdsSecret = False
    for entry in _entries(path, text, reader):
        holdsSecret = holdsSecret or (entry.name.lower() in secret and bool(entry.value))
        yield entry
    if worldReadable and holdsSecret:
        reader.warnings.append(f"{path}: holds a password and everybody on this host can read it")


def environmentEntries(settings: Iterable[Setting], environ: Mapping[str, str]) -> Iterator[Entry]:
    """The secrets that the environment holds."""
    for setting in settings:
        value = environ.get(setting.variable) if setting.secret and not setting.group else None
        if value:
            yield Entry("environment", setting.name, value)


def _entries(path: str, text: str, reader: Reader) -> Iterator[Entry]:
    """Lines end with LF; blanks and a CR around names and values are no part of them."""
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip(" \t\r\f\v")
        if not line or line.startswith("#"):
            continue
        match = re.fullmatch(r"([^=\s]+)[ \t]*=[ \t]*(.*)", line, re.DOTALL)
        if match:
            yield Entry(f"{path}:{number}", match[1], match[2])
        else:
            # The original passed over such lines.  They are not shown: one may hold a password.
            reader.warnings.append(f"{path}:{number}: not of the form Name = value, ignored")


def _readBytes(path: str, largest: int) -> tuple[bytes, bool]:
    """
    What a file holds, and whether everybody may read it.

    @raise OSError: if it cannot be read, or is a pipe into which nothing comes.
    @raise ValueError: if it is longer than C{largest}.
    """
    with open(path, "rb", opener=_opener) as file:
        data = file.read(largest + 1)
        mode = os.fstat(file.fileno()).st_mode
    if len(data) > largest:
        raise ValueError(f"longer than {largest} bytes")
    return data, bool(mode & stat.S_IROTH)


def _opener(path: str, flags: int) -> int:
    """Opens a file, or a pipe, with which a shell may hand over what is kept nowhere."""
    number = os.open(path, flags | os.O_NONBLOCK)
    try:
        if stat.S_ISFIFO(os.fstat(number).st_mode) and not select([number], (), (), PIPE_TIMEOUT)[0]:
            raise OSError(errno.ETIMEDOUT, f"nothing has come into this pipe for {PIPE_TIMEOUT:.0f} s")
        os.set_blocking(number, True)
    except OSError:
        os.close(number)
        raise
    return number


def isQuoted(text: str) -> bool:
    """Do quotation marks stand around it?"""
    return len(text) > 2 and text[0] == text[-1] and text[0] in "\"'"


def _printable(text: str) -> str:
    """Text for a message: short, and escaped where it is no plain text."""
    return text[:100] if text.isprintable() else repr(text[:100])
