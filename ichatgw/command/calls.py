# -*- test-case-name: ichatgw.test.command.test_calls -*-
"""
C{ichatgw calls}, C{call}, C{hangup} and C{trace}: the calls that live and lived.
"""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Any

from ichatgw.command.gateway import ask, takesPlace
from ichatgw.command.result import Result
from ichatgw.command.words import coloured, hasColours, lasting, plain
from ichatgw.errors import ConfigError

_ARROWS = {
    ("caller", "in"): "caller --> o",
    ("caller", "out"): "caller <-- o",
    ("callee", "out"): "           o --> callee",
    ("callee", "in"): "           o <-- callee",
}
_FAILURE = re.compile(r"[456]\d\d |.*\b(?:error|failed)\b")


def _count(text: str) -> int:
    """
    A number of calls.

    @raise ArgumentTypeError: if it is none.
    """
    if not text.isdecimal() or not text.isascii() or not 0 < len(text) < 8:
        raise ArgumentTypeError(f"{text!r} is no number of calls, such as 20")
    return int(text)


class Calls:
    """Which calls there are."""

    HELP = "show the calls that are up: who, to whom, for how long, codecs, packets, loss, jitter"

    def declare(self, parser: ArgumentParser) -> None:
        """See L{ichatgw.command.Command}."""
        takesPlace(parser)
        parser.add_argument(
            "--past", metavar="N", type=_count, nargs="?", const=20, help="show the last N (20) of those that are over"
        )

    def run(self, arguments: Namespace) -> Result:
        """See L{ichatgw.command.Command}."""
        words = {} if arguments.past is None else {"past": str(arguments.past)}
        calls = ask(arguments, "calls", **words).items
        none = "there are no calls" if arguments.past is None else "no call is known that is over"
        return Result("\n".join(line for call in calls for line in shown(call)) or none, calls)


class Call:
    """What was said in a call."""

    HELP = "show one call with its ladder: every message and event in order"

    def declare(self, parser: ArgumentParser) -> None:
        """See L{ichatgw.command.Command}."""
        takesPlace(parser)
        parser.add_argument("id", metavar="ID", help="its name, as in the log")
        parser.add_argument("--full", action="store_true", help="show messages in full; secrets are left out")

    def run(self, arguments: Namespace) -> Result:
        """See L{ichatgw.command.Command}."""
        told = ask(arguments, "call", id=arguments.id)
        colours = hasColours()
        lines = [*shown(told.data), ""]
        for rung in told.items:
            lines += _rung(rung, colours, arguments.full)
        return Result("\n".join(lines), {**told.data, "ladder": told.items})


class Hangup:
    """Ends a call."""

    HELP = "end a call"

    def declare(self, parser: ArgumentParser) -> None:
        """See L{ichatgw.command.Command}."""
        takesPlace(parser)
        parser.add_argument("id", metavar="ID", help="its name, as in the log")

    def run(self, arguments: Namespace) -> Result:
        """See L{ichatgw.command.Command}."""
        data = ask(arguments, "hangup", id=arguments.id).data
        return Result(plain(data["text"]), data)


class Trace:
    """Messages in the log."""

    HELP = "write the messages of somebody's calls to the log in full, but for secrets; without a word: say whose"

    def declare(self, parser: ArgumentParser) -> None:
        """See L{ichatgw.command.Command}."""
        takesPlace(parser)
        parser.add_argument("wish", nargs="?", choices=("on", "off"), help="begin, or end")
        parser.add_argument("party", nargs="?", metavar="NUMBER|JID", help="a number, or an address without resource")

    def run(self, arguments: Namespace) -> Result:
        """
        See L{ichatgw.command.Command}.

        @raise ConfigError: if no party is named.
        """
        if arguments.wish and not arguments.party:
            raise ConfigError("name a number or an address, such as ichatgw trace on kim@example.com")
        words = {"wish": arguments.wish, "party": arguments.party} if arguments.wish else {}
        data = ask(arguments, "trace", **words).data
        return Result("\n".join(map(plain, data["parties"])) or "no party is traced", data)


def shown(call: dict[str, Any]) -> list[str]:
    """A call in some lines."""
    state = f"{call['state']} {lasting(call['talked'] if call['talked'] else call['age'])}"
    codecs = ", ".join(call["codecs"])
    lines = [plain(f"{call['id']}  {state}  {call['caller']} -> {call['called']}  {codecs}".rstrip())]
    if call["route"]:
        lines.append(plain(f"    as {call['route']}"))
    lines += [f"    {_leg(leg)}" for leg in call["legs"]]
    lines += [f"    {side} sends {_media(media)}" for side, media in call["media"].items()]
    if call["why"]:
        lines.append(plain(f"    {call['why']}"))
    return lines


def _leg(leg: dict[str, Any]) -> str:
    return plain(f"{leg['role']} {leg['kind']} leg={leg['id']} {leg['party']} {leg['state']}")


def _media(media: dict[str, Any]) -> str:
    if "packets" not in media:
        return "nothing so far" if media["startedAfter"] is None else "packets"
    words = [f"{media['packets']} packets", f"{media['lost']} lost"]
    if media.get("arrivalJitter") is not None:
        words.append(f"jitter {media['arrivalJitter'] * 1000:.1f} ms on the way here")
    if media["jitter"] is not None:
        words.append(f"jitter {media['jitter'] * 1000:.1f} ms")
    if media["lostBeyond"] is not None:
        words.append(f"{media['lostBeyond']} lost on the way on")
    if media["roundTrip"] is not None:
        words.append(f"round trip {media['roundTrip'] * 1000:.0f} ms")
    words += [f"{count} dropped ({reason})" for reason, count in media["dropped"].items()]
    words += [word for word in (media["ice"] and f"ICE {media['ice']}", media["encryption"]) if word]
    return plain(", ".join(words))


def _rung(rung: dict[str, Any], colours: bool, full: bool) -> list[str]:
    """An entry of the ladder: time, from where to where, title."""
    arrow = _ARROWS.get((rung["side"], rung["way"]), "           o")
    line = f"{rung['at']:10.3f}  {arrow:<24}{plain(rung['title'])}"
    kind = "wrong" if _FAILURE.match(rung["title"]) else rung["side"] if rung["way"] else "faint"
    lines = [coloured(line, kind, colours)]
    if full and rung.get("text"):
        lines += [f"{'':38}{plain(each)}" for each in rung["text"].replace("\r\n", "\n").rstrip("\n").split("\n")]
    return lines


calls, call, hangup, trace = Calls(), Call(), Hangup(), Trace()
