# -*- test-case-name: ichatgw.test.test_formats -*-
"""
What makes two formats of one name two formats: a table of the parameters that count, codec by codec.  Pure.

A payload type is a name, a clock, channels I{and} parameters (RFC 8866 section 6.6, RFC 3264 section 6.1).  Of these
some lay down how packets look, and have to be equal at both ends; some may differ between offer and answer, but tell
two formats of one offer apart; and most only say what their sender would like to receive.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from attrs import field, frozen

EVENTS = "telephone-event"
"""The name of keys in media (RFC 4733)."""

ALL_EVENTS = "0-15"
"""What everybody takes for granted of them (RFC 4733 section 2.4.1): the keys."""

MAX_EVENTS = 255

CARRIERS = frozenset({"red", "ulpfec", "flexfec-03", "rtx"})
"""Names of formats that carry others by their numbers, which differ from party to party: no relay can pass them on."""

STATIC: dict[int, tuple[str, int, int]] = {
    0: ("PCMU", 8000, 1),
    3: ("GSM", 8000, 1),
    4: ("G723", 8000, 1),
    5: ("DVI4", 8000, 1),
    6: ("DVI4", 16000, 1),
    7: ("LPC", 8000, 1),
    8: ("PCMA", 8000, 1),
    9: ("G722", 8000, 1),
    10: ("L16", 44100, 2),
    11: ("L16", 44100, 1),
    12: ("QCELP", 8000, 1),
    13: ("CN", 8000, 1),
    14: ("MPA", 90000, 1),
    15: ("G728", 8000, 1),
    16: ("DVI4", 11025, 1),
    17: ("DVI4", 22050, 1),
    18: ("G729", 8000, 1),
}
"""Name, clock in Hz and channels of the audio formats that are known by their number alone (RFC 3551 section 6)."""

_OF_G729 = frozenset({"g729a", "g729b", "g729ab"})


def registered(name: str, clockRate: int, channels: int) -> tuple[str, int, int]:
    """
    Name, clock in Hz and channels of a format as they are registered, where many write something else that can mean
    nothing else: Opus says 48 kHz and two channels whatever it carries (RFC 7587 section 7), G.722 says 8 kHz although
    it samples at 16 (RFC 3551 section 4.5.2), and the annexes A and B of G.729 are no formats of their own (section
    4.5.6).
    """
    match name.lower():
        case "opus":
            return name, 48000, 2
        case "g722" if clockRate == 16000:
            return name, 8000, channels
        case other if other in _OF_G729:
            return "G729", clockRate, channels
        case _:
            return name, clockRate, channels


PRESENT = "*"
"""As a default: it counts whether the parameter is there, and not what it says."""


@frozen
class Rule:
    """
    Which parameters of a codec count.  Names are in lower case; each has the value that goes without saying.

    @ivar fixed: both ends have to have the same.
    @ivar told: these tell two formats of one offer apart, but an answer may change them.
    @ivar binding: of C{told}: what the offer has ruled out, by this value, the answer cannot bring back.
    @ivar octets: as C{fixed}, for the payload formats of RFC 4867 and its like: any of the parameters that presuppose
        octet alignment says that too.
    """

    fixed: Mapping[str, str] = field(factory=dict)
    told: Mapping[str, str] = field(factory=dict)
    binding: Mapping[str, str] = field(factory=dict)
    octets: bool = False


_PLAIN = Rule()
_OCTETS = Rule(
    fixed={"octet-align": "0", "crc": "0", "robust-sorting": "0", "interleaving": PRESENT},
    told={"mode-set": ""},
    octets=True,
)

_ANNEX_B = Rule(told={"annexb": "yes"}, binding={"annexb": "no"})  # RFC 4856, RFC 7261 section 3

RULES: Mapping[str, Rule] = {
    "amr": _OCTETS,  # RFC 4867 section 8.1
    "amr-wb": _OCTETS,  # RFC 4867 section 8.2
    "vmr-wb": _OCTETS,  # RFC 4348 section 10
    "amr-wb+": Rule(fixed={"interleaving": PRESENT}),  # RFC 4352 section 7
    "g7221": Rule(fixed={"bitrate": ""}),  # RFC 5577 section 5
    "mpeg4-generic": Rule(fixed={"mode": "", "config": ""}),  # RFC 3640 section 4.1
    "mp4a-latm": Rule(fixed={"cpresent": "1", "object": "2", "config": ""}),  # RFC 6416 section 7.3
    "aptx": Rule(fixed={"variant": "", "bitresolution": ""}),  # RFC 7310 section 5
    "ilbc": Rule(told={"mode": "30"}),  # RFC 3952 section 4.2
    "g729": _ANNEX_B,
    "g729d": _ANNEX_B,
    "g729e": _ANNEX_B,
    "g723": Rule(told={"annexa": "yes"}, binding={"annexa": "no"}),  # RFC 4856, RFC 7261 section 3
    "speex": Rule(told={"mode": ""}),  # RFC 5574 section 3.3
    # All that these say is what their sender can receive.
    "opus": _PLAIN,  # RFC 7587 section 7
    "pcmu": _PLAIN,
    "pcma": _PLAIN,
    "g722": _PLAIN,
    "gsm": _PLAIN,
    "cn": _PLAIN,
    EVENTS: _PLAIN,
}
"""By the name in lower case.  All parameters of other codecs tell two formats of one offer apart."""

_ALIGNED = ("crc", "robust-sorting", "interleaving")

Marks = tuple[tuple[str, str], ...]


def parametersOf(text: str) -> dict[str, str]:
    """
    The parameters in the text of C{a=fmtp}, by their names in lower case; the first of those that share a name.

    @param text: without the payload type.
    """
    found: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = part.partition("=")
        if name.strip():
            found.setdefault(name.strip().lower(), value.strip().strip('"').lower())
    return found


@lru_cache(maxsize=1024)
def fixedMarks(name: str, text: str) -> Marks:
    """
    What two formats of that name have to agree in.

    @param text: the parameters, as in C{a=fmtp}.
    """
    rule = RULES.get(name.lower())
    if rule is None or not rule.fixed:
        return ()
    given = parametersOf(text)
    marks = _marks(rule.fixed, given)
    if rule.octets and any(marks[each] != _default(rule.fixed[each]) for each in _ALIGNED):
        marks["octet-align"] = "1"
    return tuple(marks.items())


@lru_cache(maxsize=1024)
def toldMarks(name: str, text: str) -> Marks:
    """
    What tells two formats of one offer apart besides L{fixedMarks}.

    @param text: the parameters, as in C{a=fmtp}.
    """
    rule = RULES.get(name.lower())
    given = parametersOf(text)
    return tuple(sorted(given.items())) if rule is None else tuple(_marks(rule.told, given).items())


def _marks(wanted: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    marks = {}
    for name, default in wanted.items():
        if default is PRESENT:
            marks[name] = PRESENT if name in given else ""
        else:
            marks[name] = given.get(name) or default
    return marks


def _default(value: str) -> str:
    return "" if value is PRESENT else value


def completed(name: str, text: str, offered: str) -> str:
    """
    The parameters of an answer that has taken the number of an offer: what it leaves unsaid of those that both ends
    have to have alike is as it was offered.

    @param text: the parameters of the answer.
    @param offered: those of the offer.
    """
    rule = RULES.get(name.lower())
    if rule is None or not rule.fixed:
        return text
    given, before = parametersOf(text), parametersOf(offered)
    if rule.octets and any(each in given for each in rule.fixed):
        return text  # it has said which of the two payload formats it means
    return _joined(text, {each: before[each] for each in rule.fixed if each in before and each not in given}, offered)


def answering(name: str, text: str, offered: str) -> str:
    """
    What an offerer is told of a format: what the answerer says of it, within what was offered.

    @param text: the parameters of the answerer.
    @param offered: those of the offer.
    """
    if name.lower() == EVENTS:
        return intersected(text, offered)
    rule = RULES.get(name.lower())
    if rule is None or not rule.binding:
        return text
    given, before = parametersOf(text), parametersOf(offered)
    ruledOut = [each for each, value in rule.binding.items() if before.get(each) == value != given.get(each)]
    kept = [part.strip() for part in text.split(";") if part.partition("=")[0].strip().lower() not in ruledOut]
    return ";".join([*(part for part in kept if part), *(f"{each}={rule.binding[each]}" for each in ruledOut)])


def _joined(text: str, more: Mapping[str, str], source: str) -> str:
    """C{text} with the parameters C{more}, spelled as in C{source}."""
    spelled = [part.strip() for part in source.split(";") if part.partition("=")[0].strip().lower() in more]
    return ";".join([*([text] if text else []), *spelled])


# Keys in media


def eventsOf(text: str) -> frozenset[int]:
    """
    The events in the parameters of C{telephone-event}: numbers and ranges with commas between them.  If it has none
    that can be read, those that everybody takes for granted.
    """
    found: set[int] = set()
    for item in text.strip().lower().removeprefix("events=").split(",")[:MAX_EVENTS]:
        first, dash, last = item.strip().partition("-")
        ends = (first.strip(), last.strip() if dash else first.strip())
        if all(end.isascii() and end.isdigit() and len(end) <= 3 and int(end) <= MAX_EVENTS for end in ends):
            found.update(range(int(ends[0]), int(ends[1]) + 1))
    return frozenset(found) if found else eventsOf(ALL_EVENTS)


def _written(events: frozenset[int]) -> str:
    ranges: list[list[int]] = []
    for event in sorted(events):
        if ranges and event == ranges[-1][1] + 1:
            ranges[-1][1] = event
        else:
            ranges.append([event, event])
    return ",".join(f"{first}-{last}" if last > first else f"{first}" for first, last in ranges)


def merged(text: str, other: str) -> str:
    """The events of both, as in C{a=fmtp}."""
    return _written(eventsOf(text) | eventsOf(other))


def intersected(text: str, other: str) -> str:
    """
    The events that both have, as in C{a=fmtp}; those of C{text} if there is none.
    """
    ours = eventsOf(text)
    return _written(ours & eventsOf(other) or ours)
