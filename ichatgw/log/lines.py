# -*- test-case-name: ichatgw.test.log.test_lines,ichatgw.test.log.test_logfile -*-
"""
What a line of the log looks like: text for people, or JSON for programs.

What strangers send ends up in it, so control characters are escaped, lines cut and passwords in URIs left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from twisted.logger import LogEvent, LogLevel, formatEvent, formatTime

from ichatgw.log.redaction import withoutPasswords

MAX_LINE = 2000
MAX_TRACEBACK_LINES = 40
_TO_MICROSECONDS = len("2026-11-30T23:59:59.123456")

# C{STACK} is C{DEBUG} and whole messages besides: events that carry C{stack=True}.
LEVELS: dict[str, LogLevel | None] = {
    "NONE": None,
    "CRIT": LogLevel.critical,
    "ERR": LogLevel.error,
    "WARNING": LogLevel.warn,
    "INFO": LogLevel.info,
    "DEBUG": LogLevel.debug,
    "STACK": LogLevel.debug,
}
_WORDS = {level: word for word, level in LEVELS.items() if word != "STACK"}

_PRIORITIES = {"CRIT": 2, "ERR": 3, "WARNING": 4, "INFO": 6, "DEBUG": 7}
"""By the words of levels: those of syslog(3), by which the journal sorts lines."""

_IDS = ("call", "leg")
"""The fields by which lines belong together."""

TEXT, JSON = "text", "json"


def escape(text: str) -> str:
    """Make one harmless line of C{text}: control characters, line separators and the like become escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def cut(line: str) -> str:
    """Keep C{line} to a sane length."""
    return line if len(line) <= MAX_LINE else line[: MAX_LINE - 3] + "..."


def priority(event: LogEvent) -> str:
    """What a line begins with for the journal (sd-daemon(3))."""
    return f"<{_PRIORITIES[_word(event)]}>"


def formatLines(event: LogEvent) -> list[str]:
    """The line for an event, and after it those of its traceback, indented."""
    head = f"{_time(event)} {_word(event)} {event.get('log_namespace', '-')}: "
    lines = [cut(escape(withoutPasswords(head + formatEvent(event))))]
    return lines + [cut(f"  {line}") for line in _traceback(event)]


def formatJSON(event: LogEvent) -> list[str]:
    """
    One line, an object: C{time}, C{level}, C{logger}, C{message} as in a line of text; C{call} and C{leg}, where the
    line is about one; C{traceback}, a list of lines, where something has failed.
    """
    found: dict[str, Any] = {
        "time": _time(event),
        "level": _word(event),
        "logger": event.get("log_namespace", "-"),
        "message": cut(withoutPasswords(formatEvent(event))),
    }
    found.update((name, str(event[name])[:100]) for name in _IDS if event.get(name) not in (None, "-", ""))
    traceback = _traceback(event)
    if traceback:
        found["traceback"] = [cut(line) for line in traceback]
    return [json.dumps(found, separators=(",", ":"))]


def unwritten(format: str, why: str) -> str:
    """The line in the place of one that could not be made."""
    text = f"An event could not be written: {why}"
    return json.dumps({"level": "ERR", "message": text}) if format == JSON else text


FORMATS: Mapping[str, Callable[[LogEvent], list[str]]] = {TEXT: formatLines, JSON: formatJSON}
"""How lines can be written."""


def _word(event: LogEvent) -> str:
    return _WORDS.get(event.get("log_level", LogLevel.info), "INFO")


def _traceback(event: LogEvent) -> list[str]:
    failure = event.get("log_failure")
    if failure is None:
        return []
    lines = withoutPasswords(failure.getTraceback()).split("\n")
    return [escape(line) for line in lines[-MAX_TRACEBACK_LINES:] if line]


def _time(event: LogEvent) -> str:
    """Local time with milliseconds."""
    text = formatTime(event.get("log_time"), "%Y-%m-%dT%H:%M:%S.%f%z")
    return text if len(text) < _TO_MICROSECONDS else text[: _TO_MICROSECONDS - 3] + text[_TO_MICROSECONDS:]
