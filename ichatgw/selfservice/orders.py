# -*- test-case-name: ichatgw.test.selfservice.test_orders -*-
"""
What users order, and how that is written in a chat.
"""

from __future__ import annotations

import re
from enum import Enum

from attrs import frozen

from ichatgw.selfservice.words import ENGLISH, GERMAN
from ichatgw.users.preferences import DEFAULT_SECONDS, MAX_SECONDS, MIN_SECONDS, Forwarding, When, readTarget

MAX_LENGTH = 400
"""Characters of an order; a longer text is none."""


class Command(Enum):
    """What can be ordered; the value is the node of the ad-hoc command (XEP-0050)."""

    NUMBER = "number"
    TEST = "test"
    CALLS = "calls"
    FORWARD = "forward"
    DND = "dnd"
    HELP = "help"


@frozen
class Order:
    """
    @ivar forwarding: for L{Command.FORWARD}, the rule to be added.
    @ivar ends: for L{Command.FORWARD}, the times for which there shall be no rule any more.
    @ivar isOn: for L{Command.DND}, what it shall be; C{None} to be told only.
    """

    command: Command
    forwarding: Forwarding | None = None
    ends: tuple[When, ...] = ()
    isOn: bool | None = None


class Unclear(Exception):
    """
    An order cannot be carried out as it is written.

    @ivar message: what is said to that, with its C{values}, see L{ichatgw.selfservice.words.said}.
    """

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message)
        self.message = message
        self.values = values


_COMMANDS = {
    Command.NUMBER: (("number", "my number"), ("nummer", "meine nummer")),
    Command.TEST: (("test", "test call", "echo"), ("testanruf",)),
    Command.CALLS: (("calls", "missed", "missed calls", "who called"), ("anrufe", "verpasst", "wer hat angerufen")),
    Command.HELP: (("help", "?", "commands"), ("hilfe", "befehle")),
    Command.FORWARD: (("forward", "divert"), ("umleiten", "weiterleiten", "umleitung")),
    Command.DND: (("dnd", "do not disturb"), ("ruhe", "nicht st\u00f6ren")),
}
_WHENS = {
    "always": When.ALWAYS,
    "immer": When.ALWAYS,
    "busy": When.BUSY,
    "besetzt": When.BUSY,
    "no answer": When.NO_ANSWER,
    "keine antwort": When.NO_ANSWER,
    "offline": When.OFFLINE,
}
_ON = frozenset({"on", "yes", "an", "ein", "ja"})
_OFF = frozenset({"off", "no", "none", "aus", "nein"})
_VOICEMAIL = frozenset({"mailbox", "anrufbeantworter"})

_WORDS = {
    word: (command, language)
    for command, each in _COMMANDS.items()
    for language, words in zip((ENGLISH, GERMAN), each, strict=True)
    for word in words
}
_FIRST = re.compile("|".join(re.escape(word) for word in sorted(_WORDS, key=len, reverse=True)))
_TIME = re.compile(r"(?:(?:after|nach)\s+)?([0-9]{1,9})(?:\s*(?:s|seconds?|sekunden?))?")


def read(text: str) -> tuple[Order, str] | None:
    """
    Read what a user has written.

    @return: the order, and the language of its first word; C{None} if it is none.
    @raise Unclear: if it begins like one.
    """
    found = command(text)
    if found is None:
        return None
    what, language, rest = found
    if what is Command.DND:
        return Order(what, isOn=_switch(rest)), language
    if what is Command.FORWARD:
        return _forward(rest), language
    return Order(what), language


def command(text: str) -> tuple[Command, str, str] | None:
    """
    By what a text begins.

    @return: the command, its language, and what follows; C{None} if it is none.
    """
    if len(text) > MAX_LENGTH:
        return None
    plain = " ".join(text.lower().split()).lstrip("/!").rstrip("!.")
    first = _FIRST.match(plain)
    if first is None:
        return None
    what, language = _WORDS[first[0]]
    rest = plain[first.end() :]
    takesMore = what in (Command.DND, Command.FORWARD)
    if rest and not (takesMore and rest.startswith(" ")):
        return None
    return what, language, rest.strip()


def forwarding(when: When, target: str, seconds: str = "") -> Forwarding:
    """
    A rule, from what a person writes.

    @param seconds: empty for the usual time.
    @raise Unclear: if there is none like that.
    """
    word = "voicemail" if target.strip().lower() in _VOICEMAIL else target
    try:
        place = readTarget(word[:MAX_LENGTH])
    except ValueError as problem:
        raise Unclear("badTarget", target=repr(target[:80])) from problem
    time = _TIME.fullmatch(seconds.strip()) if seconds.strip() else None
    if seconds.strip() and (time is None or not MIN_SECONDS <= int(time[1]) <= MAX_SECONDS):
        raise Unclear("badSeconds", least=MIN_SECONDS, most=MAX_SECONDS)
    return Forwarding(when, place, DEFAULT_SECONDS if time is None else int(time[1]))


def _switch(rest: str) -> bool | None:
    if rest and rest not in _ON | _OFF:
        raise Unclear("unclear")
    return rest in _ON if rest else None


def _forward(rest: str) -> Order:
    if not rest:
        return Order(Command.FORWARD)
    target, _, when = rest.partition(" ")
    if target in _OFF:
        return Order(Command.FORWARD, ends=_ended(when))
    if target in ("to", "an", "nach"):
        target, _, when = when.partition(" ")
    while when[:1].isdigit() and target[:1] in "+0123456789":  # a number that is written with blanks
        more, _, when = when.partition(" ")
        target += more
    time, word = "", when
    for name in ("no answer", "keine antwort"):
        if when.startswith(name):
            word, time = name, when[len(name) :]
    if not word:
        return Order(Command.FORWARD, forwarding(When.ALWAYS, target))
    if word not in _WHENS:
        raise Unclear("unclear")
    return Order(Command.FORWARD, forwarding(_WHENS[word], target, time))


def _ended(when: str) -> tuple[When, ...]:
    if not when:
        return tuple(When)
    if when not in _WHENS:
        raise Unclear("unclear")
    return (_WHENS[when],)
