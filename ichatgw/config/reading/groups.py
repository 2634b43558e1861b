# -*- test-case-name: ichatgw.test.config.test_trunks,ichatgw.test.config.reading.test_readersyntax -*-
"""
Settings that stand in groups, each of which makes one value: the first setting begins and names it, those that follow
are about it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import evolve

from ichatgw.config.reading.reader import Entry, Reader, Setting
from ichatgw.runtime.steps import Steps

CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""The variable in which systemd says where it has put credentials."""


def takeGroups(
    reader: Reader, settings: Iterable[Setting], entries: Iterable[Entry], environ: Mapping[str, str]
) -> Steps[tuple[Any, ...]]:
    """
    The values that the groups make, in order; what is wrong is said to C{reader}.

    @param settings: of one group, the one that begins it first.
    @param entries: of these settings.
    @param environ: holds secrets, as C{ICHATGW_}, the name of the setting, C{_}, and that of the group, in capitals.
    """
    parts = tuple(evolve(setting, attribute=setting.part, group="") for setting in settings)
    head = parts[0]
    groups: list[list[Entry]] = []
    for entry in entries:
        yield
        if entry.name.lower() == head.name.lower():
            groups.append([entry])
        elif groups:
            groups[-1].append(entry)
        else:
            reader.wrong(entry, f"a {head.name} before it", secret=True)
    named: dict[str, Any] = {}
    for group in groups:
        inner = yield from _read(reader, parts, group, environ)
        name = inner.values.get(head.attribute)
        if name is None:
            if not group[0].value:
                reader.wrong(group[0], head.kind.expected)
        elif name in named:
            reader.wrong(group[0], f"another name than that of a {head.name} before it")
        else:
            named[name] = None if inner.faulty else _made(reader, head, group[0], inner.values)
    return tuple(made for made in named.values() if made is not None)


def _read(reader: Reader, parts: tuple[Setting, ...], group: list[Entry], environ: Mapping[str, str]) -> Steps[Reader]:
    inner = Reader(parts)
    _once(inner, parts, group)
    yield from inner.take(_found(parts, entry, environ) for entry in group)
    name = str(inner.values.get(parts[0].attribute, "")).upper().replace("-", "_")
    for part in parts:
        secret = environ.get(f"{part.variable}_{name}") if part.secret and name else None
        if secret:
            yield from inner.take([Entry("environment", part.name, secret)])
    reader.problems += inner.problems
    reader.warnings += inner.warnings
    return inner


def _once(inner: Reader, parts: tuple[Setting, ...], group: list[Entry]) -> None:
    """What does not add up stands in a group once: where it stands twice, the beginning of another group is missing."""
    byName = {name.lower(): part for part in parts for name in part.names}
    seen: set[str] = set()
    for entry in group:
        part = byName.get(entry.name.lower())
        if part is None or _addsUp(part, entry.value):
            continue
        if part.attribute in seen:
            inner.wrong(
                entry, f"one {part.name} in a {parts[0].name}: begin each with its {parts[0].name}", part.secret
            )
        seen.add(part.attribute)


def _addsUp(part: Setting, text: str) -> bool:
    try:
        return isinstance(part.kind.parse(text), tuple)
    except ValueError:
        return True  # that is told of it anyway


def _found(parts: Iterable[Setting], entry: Entry, environ: Mapping[str, str]) -> Entry:
    """The entry; if it names the file of a secret that is a credential of systemd, where that is."""
    isFile = any(part.secret and part.fileName.lower() == entry.name.lower() for part in parts)
    directory = environ.get(CREDENTIALS, "")
    if isFile and directory and entry.value and os.sep not in entry.value:
        path = os.path.join(directory, entry.value)
        if os.path.exists(path):
            return evolve(entry, value=path)
    return entry


def _made(reader: Reader, head: Setting, begin: Entry, values: dict[str, Any]) -> Any:
    try:
        return head.makes(**values)
    except ValueError as problem:
        reader.wrong(begin, f"a {head.name.lower()} that works, but {problem}")
        return None
