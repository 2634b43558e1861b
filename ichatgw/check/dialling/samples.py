# -*- test-case-name: ichatgw.test.check.dialling.test_samples -*-
"""
Texts that a pattern may match, made of the pattern: some of the shortest and some longer ones.

It knows what patterns for addresses are made of.  Of others (assertions, references, properties of characters) nothing
is made.  What is made has to be tried: it may not match.
"""

from __future__ import annotations

import re
from itertools import zip_longest

MOST = 12
"""Texts that are made of a part at most."""

LONGEST = 500
"""Characters of a pattern that is looked at."""

_DEEPEST = 20
_CLASSES = {"d": ("0", "7", "4"), "w": ("a", "5", "X"), "s": (" ",)}
_PROBES = "a5z0Q.-+_ @:"
_BEGINS = re.compile(r"\((?:\?:|\?P?<[A-Za-z_]\w*>|(?!\?|\*))")
_REPEATS = re.compile(r"(?:([*+?])|\{(\d{1,3})(?:(,)(\d{0,3}))?\})[?+]?")
_SET = re.compile(r"\[(\^?)(\]?(?:\\.|\[:\w+:\]|[^\]\\])*)\]")
_OPTIONS = re.compile(r"\(\?[a-z]+\)")
_PLAIN = re.compile(r"[A-Za-z0-9]")


class Unknown(Exception):
    """The pattern has something that is not known here."""


def samples(pattern: str) -> tuple[str, ...]:
    """
    Texts that match C{pattern}, or may; none if nothing can be told.

    @param pattern: as in TranslationPattern.
    """
    if len(pattern) > LONGEST:
        return ()
    try:
        made, at = _Reader(_OPTIONS.sub("", pattern)).choice(0, 0)
    except (Unknown, re.error):
        return ()
    return tuple(dict.fromkeys(made))


class _Reader:
    """Reads one pattern."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    def choice(self, at: int, depth: int) -> tuple[list[str], int]:
        """What is between brackets, or all; and where it ends."""
        if depth > _DEEPEST:
            raise Unknown("too deep")
        branches = []
        while True:
            made, at = self._sequence(at, depth)
            branches.append(made)
            if self._at(at) != "|":
                break
            at += 1
        if depth == 0 and at < len(self._pattern):
            raise Unknown("a bracket too many")
        return [each for round in zip_longest(*branches) for each in round if each is not None][:MOST], at

    def _sequence(self, at: int, depth: int) -> tuple[list[str], int]:
        made = [""]
        while at < len(self._pattern) and self._pattern[at] not in "|)":
            part, at = self._atom(at, depth)
            part, at = self._repeated(part, at)
            count = max(len(made), len(part))
            made = [made[number % len(made)] + part[number % len(part)] for number in range(count)][:MOST]
        return made, at

    def _atom(self, at: int, depth: int) -> tuple[list[str], int]:
        char = self._pattern[at]
        if char in "^$":
            return [""], at + 1
        if char == ".":
            return list(_CLASSES["w"]), at + 1
        if char == "\\":
            return self._escaped(at)
        if char == "[":
            return self._set(at)
        if char == "(":
            begins = _BEGINS.match(self._pattern, at)
            if begins is None:
                raise Unknown("an assertion")
            made, at = self.choice(begins.end(), depth + 1)
            if self._at(at) != ")":
                raise Unknown("no closing bracket")
            return made, at + 1
        return [char], at + 1

    def _escaped(self, at: int) -> tuple[list[str], int]:
        char = self._at(at + 1)
        if char in _CLASSES:
            return list(_CLASSES[char]), at + 2
        if not char or _PLAIN.match(char):
            raise Unknown("an escape")
        return [char], at + 2

    def _set(self, at: int) -> tuple[list[str], int]:
        found = _SET.match(self._pattern, at)
        if found is None or "[:" in found[2]:
            raise Unknown("a set of characters")
        accepts = re.compile(found[0]).match
        named = [char for char in re.sub(r"\\.", "", found[2]) if accepts(char)]
        chosen = [*named[:1], *named[-1:], *filter(accepts, _PROBES)]
        if not chosen:
            raise Unknown("an empty set")
        return list(dict.fromkeys(chosen))[:3], found.end()

    def _repeated(self, part: list[str], at: int) -> tuple[list[str], int]:
        found = _REPEATS.match(self._pattern, at)
        if found is None:
            return part, at
        if found[1]:
            counts = {"*": (1, 0, 3), "+": (1, 3), "?": (1, 0)}[found[1]]
        else:
            least = int(found[2])
            counts = (least, int(found[4]) if found[4] else least + 2) if found[3] else (least,)
        made = []
        for number in range(max(len(part), len(counts))):
            count = counts[number % len(counts)]
            made.append("".join(part[(number + each) % len(part)] for each in range(min(count, 30))))
        return made[:MOST], found.end()

    def _at(self, at: int) -> str:
        return self._pattern[at : at + 1]
