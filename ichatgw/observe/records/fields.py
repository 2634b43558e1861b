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
from typing import Any

from attrs import frozen

from ichatgw.model import Ending
from ichatgw.observe.records.quality import meanOpinion
from ichatgw.observe.snapshots import CallSnapshot, LegSnapshot, MediaSnapshot

JSON, CSV = "json", "csv"

Value = str | int | float | None


@frozen
class Field:
    """
    One field of a record.

    @ivar name: as it is written.
    @ivar about: what it says, with its unit.
    @ivar of: gives it for a call.
    """

    name: str
    about: str
    of: Callable[[CallSnapshot], Value]


def _moment(call: CallSnapshot, after: float | None) -> str | None:
    """ISO 8601, UTC, with milliseconds."""
    if after is None:
        return None
    moment = datetime.fromtimestamp(call.arrived + after, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _leg(role: str) -> Callable[[CallSnapshot], LegSnapshot | None]:
    """The last leg of that role: after a transfer, who talked at the end."""

    def found(call: CallSnapshot) -> LegSnapshot | None:
        return next((leg for leg in reversed(call.legs) if leg.role == role), None)

    return found


def _ofEnding(call: CallSnapshot, ending: Ending | None) -> str | None:
    return None if ending is None else ending.reason.name.lower()


_NO_MEDIA = MediaSnapshot()


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
    found = meanOpinion(call.codecs[0], _loss(media), _roundTrip(call), media.stats.jitter)
    return None if found is None else round(found, 2)


def _ofLeg(role: str) -> tuple[Field, ...]:
    leg = _leg(role)

    def take(name: str, about: str, of: Callable[[LegSnapshot], Value]) -> Field:
        def found(call: CallSnapshot) -> Value:
            one = leg(call)
            return None if one is None else of(one)

        return Field(f"{role}{name}", about, found)

    return (
        take("Leg", f"the name of the {role}'s leg, as in the log", lambda one: one.id),
        take("Kind", f"``sip``, ``jingle`` or ``ichat``: how the {role} is reached", lambda one: one.kind),
        take(
            "Reason",
            "how it ended at this end, a word of the list below; empty if it never said so",
            lambda one: None if one.ending is None else one.ending.reason.name.lower(),
        ),
        take("Text", "the same in words of this end", lambda one: None if one.ending is None else one.ending.text),
    )


def _ofMedia(role: str) -> tuple[Field, ...]:
    def take(name: str, about: str, of: Callable[[CallSnapshot, MediaSnapshot], Value]) -> Field:
        return Field(f"{role}{name}", about, lambda call: of(call, call.media.get(role, _NO_MEDIA)))

    def figure(name: str, about: str, attribute: str) -> Field:
        return take(name, about, lambda call, media: getattr(media.stats, attribute, None))

    return (
        take("Encryption", "how its media was protected; empty if it was not", lambda call, media: media.encryption),
        take(
            "Address",
            f"where the {role}'s media came from, host and port",
            lambda call, media: str(media.stats.source) if media.stats and media.stats.source else None,
        ),
        figure("Packets", f"packets of the {role} that were relayed", "packets"),
        figure("Octets", "octets of RTP in these", "octets"),
        figure("Lost", "packets that never came to us", "lost"),
        figure("LostBeyond", "packets that the hearer has reported as lost, before and after us", "lostBeyond"),
        take(
            "Jitter",
            "seconds, as the hearer has reported it last",
            lambda call, media: _seconds(media.stats.jitter) if media.stats else None,
        ),
        take(
            "RoundTrip",
            "seconds from us to the hearer and back",
            lambda call, media: _seconds(media.stats.roundTrip) if media.stats else None,
        ),
        take("MOS", f"1 to 4.5: how the {role} may have sounded, see below", _score),
    )


FIELDS = (
    Field("call", "the name of the call, as in the log; no other call has it", lambda call: call.id),
    Field("arrived", "when it came: ISO 8601, UTC, milliseconds", lambda call: _moment(call, 0.0)),
    Field("rang", "when the callee was alerted; empty if never", lambda call: _moment(call, call.rangAfter)),
    Field("answered", "when it was answered; empty if never", lambda call: _moment(call, call.answeredAfter)),
    Field("ended", "when it was over for both", lambda call: _moment(call, call.endedAfter)),
    Field("talked", "seconds from the answer to the end; 0 if it was not answered", lambda call: _seconds(call.talked)),
    Field("caller", "who called, as a URI, as it came", lambda call: call.caller),
    Field("called", "whom, as it came", lambda call: call.called),
    Field("presented", "who called, as the callee was told", lambda call: call.presented),
    Field("route", "whom, after the rules; empty if no rule led anywhere", lambda call: call.route),
    Field("source", "where the call came from, host and port; empty for XMPP", lambda call: _text(call.source)),
    Field("endedBy", "``the caller``, ``the callee`` or ``the gateway``", lambda call: call.endedBy),
    Field("reason", "why, a word of the list below", lambda call: _ofEnding(call, call.ending)),
    Field("text", "the same in words of who ended it", lambda call: None if call.ending is None else call.ending.text),
    Field("cause", "the cause of Q.850, if known", lambda call: None if call.ending is None else call.ending.cause),
    Field("offered", "the formats of the caller, with blanks between", lambda call: " ".join(call.offered)),
    Field("codecs", "the formats that were agreed on, the one that was used first", lambda call: " ".join(call.codecs)),
    Field("legs", "how many legs were part of it: more than two after a transfer", lambda call: len(call.legs)),
    *_ofLeg("caller"),
    *_ofLeg("callee"),
    *_ofMedia("caller"),
    *_ofMedia("callee"),
)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def recordOf(call: CallSnapshot) -> Mapping[str, Any]:
    """All fields of a call that is over."""
    return {field.name: field.of(call) for field in FIELDS}


def asJSON(call: CallSnapshot) -> str:
    """One line; what is not known is left out."""
    found = {name: value for name, value in recordOf(call).items() if value not in (None, "")}
    return json.dumps(found, separators=(",", ":"))


def asCSV(call: CallSnapshot) -> str:
    """One line (RFC 4180); what is not known is empty."""
    return _line([_harmless(value) for value in recordOf(call).values()])


def head(format: str) -> str:
    """The first line of a file of that format; empty for none."""
    return _line([field.name for field in FIELDS]) if format == CSV else ""


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
