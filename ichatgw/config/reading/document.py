# -*- test-case-name: ichatgw.test.config.test_settings -*-
"""
Writes the table of settings down for administrators: as a sample file, and as a chapter of the documentation.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from textwrap import wrap

from ichatgw.config.reading.reader import OBSOLETE, Setting

_HEAD = """\
# Sample configuration of the gateway.
#
# A line reads Name = value; upper and lower case of names do not matter.  A line that starts with # is a comment.
# Lines that are commented out below show the default, or an example where there is none.
# The file is read at start, and again at SIGHUP, when what can change without a restart does.
# It holds a password: nobody but the gateway should be able to read it.
"""

_RST_HEAD = """\
.. Made by "python -m ichatgw.config.settings rst"; change ichatgw/config/declared instead.

Settings
========

The gateway reads its settings at start, from ``ichat-gw.config`` in the current directory or from the file that
``twistd ichatgw --config`` names. A line reads ``Name = value``; upper and lower case of names do not matter, nor do
blanks around name and value. A line that starts with ``#`` is a comment; a ``#`` within a value is part of it. An empty
value means the default, or an empty list. A later line replaces an earlier one, but lists add up. The file of the
original ichat-gw works unchanged.

Each setting is also an option of ``twistd ichatgw``: its name in lower case, e.g. ``--udptcpport 5060``. The command
line comes before the environment, the environment before the file, the file before the default.

Passwords are no options, for all users of a host can see them there. Besides in the configuration file they may stand
in a file of their own, named by the setting with ``File`` appended (``JabberComponentPasswordFile``, also an option),
or in an environment variable: ``ICHATGW_`` and the name in capitals (``ICHATGW_JABBERCOMPONENTPASSWORD``).

The gateway does not start on a wrong value, and says file, line, name and what was expected, for all of them at once.
It warns of names that it does not know and of settings that this version does not use.

At ``SIGHUP`` it reads them again. Each setting below says when a change of it holds. Calls that are up go on as they
are; so do connections. The files that settings name, such as those of certificates, passwords and the phone book, are
read again too where a change of their setting needs no restart. The log says what has changed, and what waits for a
restart. If anything is wrong the log says what, and all stays as it was.
"""

_RST_OBSOLETE = """\

Settings of the past
--------------------

These are accepted and do nothing; they tied the two processes of the original together, or were never used:
{names}.
"""


def sample(table: Iterable[Setting]) -> str:
    """A configuration file with every setting and its comment; it loads once the required ones are right."""
    parts = [_HEAD]
    for section, settings in groupby(table, lambda setting: setting.section):
        parts.append(f"\n{'#' * 78}\n# {section}\n")
        parts += [_sampleEntry(setting) for setting in settings]
    return "".join(parts)


def rst(table: Iterable[Setting]) -> str:
    """The chapter on settings, in reStructuredText."""
    parts = [_RST_HEAD]
    for section, settings in groupby(table, lambda setting: setting.section):
        parts.append(f"\n{section}\n{'-' * len(section)}\n")
        parts += [_rstEntry(setting) for setting in settings]
    parts.append(_RST_OBSOLETE.format(names=", ".join(OBSOLETE)))
    return "".join(parts)


def summary(setting: Setting) -> str:
    """A setting in a sentence or two, for the help on options."""
    default = f"default: {setting.default} {setting.kind.unit}".rstrip() if setting.default else ""
    notes = ["required" if setting.required else default]
    shown = "; ".join(note for note in notes if note)
    return f"{setting.help} [{shown}]" if shown else setting.help


def _sampleEntry(setting: Setting) -> str:
    value = f"Value: {setting.kind.expected}."
    if setting.secret:
        value += f" May also stand in the file that {setting.fileName} names, or in {setting.variable}."
    lines = [f"# {line}" for text in (setting.help, value, setting.reload.value) for line in wrap(text, 76)]
    mark = "" if setting.required else "#"
    lines.append(f"{mark}{setting.name} = {setting.example or setting.default}".rstrip())
    if setting.sampleTail:
        lines += ["", *setting.sampleTail]
    return "\n".join(["", *lines]) + "\n"


def _rstEntry(setting: Setting) -> str:
    text = _literal(setting.help)
    facts = [f"Value: {_literal(setting.kind.expected)}."]
    if setting.required:
        facts.append("Required.")
    elif setting.default:
        facts.append(f"Default: ``{setting.default}``.")
    if setting.example and not setting.secret:
        facts.append(f"Example: ``{setting.example}``.")
    if setting.aliases:
        facts.append("Also called " + ", ".join(f"``{alias}``" for alias in setting.aliases) + ".")
    facts.append(setting.reload.value.replace("SIGHUP", "``SIGHUP``"))
    body = [*wrap(text, 112), "", *wrap(" ".join(facts), 112, break_long_words=False, break_on_hyphens=False)]
    return "\n".join(["", f"``{setting.name}``", *(f"    {line}".rstrip() for line in body)]) + "\n"


def _literal(text: str) -> str:
    """Text as it is: the marks of reStructuredText lose their meaning."""
    return "".join("\\" + c if c in "\\*`|_" else c for c in text)
