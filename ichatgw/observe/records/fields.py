# -*- test-case-name: ichatgw.test.observe.records.test_fields -*-
"""
Call records: one line for each attempt to call, when it is over.  C{docs/callrecords.rst} has the schema.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import lru_cache

from attrs import frozen

from ichatgw.model import EndReason
from ichatgw.observe.records.quality import meanOpinion
from ichatgw.observe.snapshots import CallSnapshot, MediaSnapshot

JSON, CSV = "json", "csv"

Value = str | int | float | None


@frozen
class Field:
    """
    One field of a record.

    @ivar name: as it is written.
    @ivar about: what it says, with its unit.
    """

    name: str
    about: str


def _fieldsOfLeg(role: str) -> tuple[Field, ...]:
    return (
        Field(f"{role}Leg", f"the name of the {role}'s leg, as in the log"),
        Field(f"{role}Kind", f"``sip``, ``jingle`` or ``ichat``: how the {role} is reached"),
        Field(f"{role}Reason", "how it ended at this end, a word of the list below; empty if it never said so"),
        Field(f"{role}Text", "the same in words of this end"),
    )


def _fieldsOfMedia(role: str) -> tuple[Field, ...]:
    return (
        Field(f"{role}Encryption", "how its media was protected; empty if it was not"),
        Field(f"{role}Address", f"where the {role}'s media came from, host and port"),
        Field(f"{role}Packets", f"packets of the {role} that were relayed"),
        Field(f"{role}Octets", "octets of RTP in these"),
        Field(f"{role}Lost", "packets that never came to us"),
        Field(f"{role}LostBeyond", "packets that the hearer has reported as lost, before and after us"),
        Field(f"{role}Jitter", "seconds, as the hearer has reported it last"),
        Field(f"{role}ArrivalJitter", f"seconds, of what came from the {role} to us"),
        Field(f"{role}RoundTrip", "seconds from us to the hearer and back"),
        Field(f"{role}MOS", f"1 to 4.5: how the {role} may have sounded, see below"),
    )


FIELDS = (
    Field("call", "the name of the call, as in the log; no other call has it; empty if it was refused at once"),
    Field("arrived", "when it came: ISO 8601, UTC, milliseconds"),
    Field("rang", "when the callee was alerted; empty if never"),
    Field("answered", "when it was answered; empty if never"),
    Field("ended", "when it was over for both"),
    Field("talked", "seconds from the answer to the end; 0 if it was not answered"),
    Field("caller", "who called, as a URI, as it came"),
    Field("called", "whom, as it came"),
    Field("presented", "who called, as the callee was told"),
    Field("route", "whom, after the rules, or where the call was forwarded last; empty if no rule led anywhere"),
    Field("source", "where the call came from, host and port; empty for XMPP"),
    Field("endedBy", "``the caller``, ``the callee`` or ``the gateway``"),
    Field("reason", "why, a word of the list below"),
    Field("text", "the same in words of who ended it"),
    Field("cause", "the cause of Q.850, if known"),
    Field("offered", "the formats of the caller, with blanks between"),
    Field("codecs", "the formats that were agreed on, the one that was used first"),
    Field("legs", "how many legs were part of it: more than two after a transfer"),
    *_fieldsOfLeg("caller"),
    *_fieldsOfLeg("callee"),
    *_fieldsOfMedia("caller"),
    *_fieldsOfMedia("callee"),
)
"""All fields, in the order of L{_values}."""

_NAMES = tuple(field.name for field in FIELDS)
WORDS = {reason: reason.name.lower() for reason in EndReason}
"""What a record says for each reason."""

_NO_MEDIA = MediaSnapshot()
_NO_LEG = (None,) * len(_fieldsOfLeg(""))
_NO_STATS = (None,) * (len(_fieldsOfMedia("")) - 1)


def _moment(call: CallSnapshot, after: float | None) -> str | None:
    """ISO 8601, UTC, with milliseconds."""
    if after is None:
        return None
    seconds, milliseconds = divmod(int((call.arrived + after) * 1000), 1000)
    return f"{_second(seconds)}.{milliseconds:03d}Z"


@lru_cache(maxsize=1024)  # many calls begin and end in one second
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _loss(media: MediaSnapshot) -> float:
    """The share of packets that the hearer never had, 0..1."""
    stats = media.stats
    if stats is None:
        return 0.0
    # The hearer's report counts what was lost before us as well.
    lost = max(stats.lost, stats.lostBeyond or 0)
    return lost / (stats.packets + stats.lost) if stats.packets else 0.0


def _roundTrip(call: CallSnapshot) -> float | None:
    """From party to party and back, as far as it is known."""
    known = [media.stats.roundTrip for media in call.media.values() if media.stats is not None]
    parts = [part for part in known if part is not None]
    return sum(parts) if parts else None


def _score(call: CallSnapshot, media: MediaSnapshot) -> float | None:
    if media.stats is None or not media.stats.packets or not call.codecs:
        return None
    stats = media.stats
    jitter = stats.arrivalJitter if stats.jitter is None else stats.jitter
    return _opinion(call.codecs[0], round(_loss(media), 4), _seconds(_roundTrip(call)), _seconds(jitter))


@lru_cache(maxsize=1024)  # most calls have no losses, and are alike
def _opinion(codec: str, loss: float, roundTrip: float | None, jitter: float | None) -> float | None:
    found = meanOpinion(codec, loss, roundTrip, jitter)
    return None if found is None else round(found, 2)


def _ofLeg(call: CallSnapshot, role: str) -> tuple[Value, ...]:
    """Of the last leg of that role: after a transfer, who talked at the end."""
    for leg in reversed(call.legs):
        if leg.role == role:
            ending = leg.ending
            reason, text = (None, None) if ending is None else (WORDS[ending.reason], ending.text)
            return leg.id, leg.kind, reason, text
    return _NO_LEG


def _ofMedia(call: CallSnapshot, role: str) -> tuple[Value, ...]:
    media = call.media.get(role, _NO_MEDIA)
    stats = media.stats
    if stats is None:
        return media.encryption, *_NO_STATS
    return (
        media.encryption,
        _text(stats.source),
        stats.packets,
        stats.octets,
        stats.lost,
        stats.lostBeyond,
        _seconds(stats.jitter),
        _seconds(stats.arrivalJitter),
        _seconds(stats.roundTrip),
        _score(call, media),
    )


def _values(call: CallSnapshot) -> tuple[Value, ...]:
    """What each of L{FIELDS} is for a call."""
    ending = call.ending
    return (
        call.id,
        _moment(call, 0.0),
        _moment(call, call.rangAfter),
        _moment(call, call.answeredAfter),
        _moment(call, call.endedAfter),
        _seconds(call.talked),
        call.caller,
        call.called,
        call.presented,
        call.route,
        _text(call.source),
        call.endedBy,
        None if ending is None else WORDS[ending.reason],
        None if ending is None else ending.text,
        None if ending is None else ending.cause,
        " ".join(call.offered),
        " ".join(call.codecs),
        len(call.legs),
        *_ofLeg(call, "caller"),
        *_ofLeg(call, "callee"),
        *_ofMedia(call, "caller"),
        *_ofMedia(call, "callee"),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def asJSON(call: CallSnapshot) -> str:
    """One line; what is not known is left out."""
    written = [
        begin + (_quoted(value) if isinstance(value, str) else repr(value))
        for begin, value in zip(_BEGINNINGS, _values(call), strict=True)
        if value is not None and value != ""
    ]
    return f"{{{','.join(written)}}}"


# An encoder of whole objects takes half as long again, for what is known to be flat.
_BEGINNINGS = tuple(f'"{name}":' for name in _NAMES)
_quoted = json.encoder.encode_basestring_ascii


def asCSV(call: CallSnapshot) -> str:
    """One line (RFC 4180); what is not known is empty."""
    return _line([_harmless(value) for value in _values(call)])


def head(format: str) -> str:
    """The first line of a file of that format; empty for none."""
    return _line(list(_NAMES)) if format == CSV else ""


FORMATS: Mapping[str, Callable[[CallSnapshot], str]] = {JSON: asJSON, CSV: asCSV}


def _line(values: list[Value]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue()


def _harmless(value: Value) -> Value:
    """Strangers choose names: none may break a line, or be a formula to a spreadsheet."""
    if not isinstance(value, str):
        return value
    flat = "".join(each if each.isprintable() else "?" for each in value)
    return f"'{flat}" if flat[:1] in ("=", "+", "-", "@") else flat


@frozen
class CallRecords:
    """
    Writes a record of each call that ends.

    @ivar write: takes a line.
    @ivar format: one of L{FORMATS}.
    """

    write: Callable[[str], object]
    format: str = JSON

    def ended(self, call: CallSnapshot) -> None:
        """A call is over."""
        self.write(FORMATS[self.format](call))
