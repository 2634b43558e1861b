# -*- test-case-name: ichatgw.test.control.test_calls -*-
"""
Orders about calls: which there are, what was said in one, and that it end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from attrs import define

from ichatgw.calls.switch import Switch
from ichatgw.control.protocol import Answer, OrderError, Outcome
from ichatgw.control.rungs import shownRung
from ichatgw.control.server import Orders
from ichatgw.log.redaction import Content
from ichatgw.model import Ending, EndReason
from ichatgw.observe.archive.archive import Archive
from ichatgw.observe.registry import LiveCalls
from ichatgw.observe.snapshots import CallSnapshot, LegSnapshot, MediaSnapshot, Rung

LATEST = 20
"""How many of the calls that are over are shown if no number is given."""


@define(eq=False)
class Calls:
    """
    @ivar known: the calls that live and lived.
    @ivar switch: has those that live.
    @ivar content: what of messages is left out besides secrets.
    @ivar archive: has the calls that are no longer C{known}, if they are kept.
    """

    known: LiveCalls
    switch: Switch
    content: Callable[[], Content] = lambda: Content.DIGITS
    archive: Archive | None = None

    def addTo(self, orders: Orders) -> None:
        """Carry out such orders."""
        orders.add("calls", self.list)
        orders.add("call", self.show)
        orders.add("hangup", self.hangup)

    def list(self, words: Mapping[str, str]) -> Answer:
        """
        Those that live; or the last C{past} of those that are over, the latest first.

        @raise OrderError: if that is no number.
        """
        past = words.get("past")
        if past is None:
            return Answer({"count": self.known.count}, map(shownCall, self.known.live))
        if not past.isdecimal() or len(past) > 6:
            raise OrderError(f"{past[:20]!r} is no number of calls")
        return Answer({}, self._past(int(past)))

    def _past(self, most: int) -> Iterator[dict[str, Any]]:
        for _, call in zip(range(most), self.known.past, strict=False):
            yield shownCall(call)

    def show(self, words: Mapping[str, str]) -> Outcome:
        """
        One call, with its ladder.

        @raise OrderError: if there is none of that name.
        """
        name = words.get("id", "").removeprefix("call=")
        if self.archive is not None and name and self._known(name) is None:
            return self.archive.find(name).addCallback(lambda whole: self._shown(*(whole or (self._find(words), ()))))
        call = self._find(words)
        return self._shown(call, self.known.ladder(call.id))

    def _shown(self, call: CallSnapshot, rungs: Sequence[Rung]) -> Answer:
        content = self.content()
        return Answer(shownCall(call), (shownRung(rung, content) for rung in rungs))

    def hangup(self, words: Mapping[str, str]) -> Answer:
        """
        End a call.

        @raise OrderError: if none of that name lives.
        """
        call = self._find(words)
        live = self.switch.find(call.id)
        if live is None:
            raise OrderError(f"call {call.id} is over already")
        reason = EndReason.HANGUP if call.answeredAfter is not None else EndReason.UNAVAILABLE
        live.hangup(Ending(reason, "ended by an administrator"))
        return Answer({"id": call.id, "text": f"call {call.id} from {call.caller} to {call.called} ends"})

    def _find(self, words: Mapping[str, str]) -> CallSnapshot:
        """Names are those of the log; of one that is unique the run may be left out (C{7} for C{k4zq2m-7})."""
        name = words.get("id", "").removeprefix("call=")
        if not name:
            raise OrderError("name a call by id, as ichatgw calls shows it")
        call = self._known(name)
        if call is None:
            raise OrderError(
                f"there is no call {name[:40]!r} (any more): see ichatgw calls, or ichatgw calls --past 20"
            )
        return call

    def _known(self, name: str) -> CallSnapshot | None:
        return self.known.find(name) or self.known.find(f"{self.switch.run}{name}")


def shownCall(call: CallSnapshot) -> dict[str, Any]:
    """As C{json} takes it."""
    return {
        "id": call.id,
        "state": call.state,
        "caller": call.caller,
        "called": call.called,
        "presented": call.presented,
        "route": call.route,
        "source": None if call.source is None else str(call.source),
        "arrived": round(call.arrived, 3),
        "rangAfter": _seconds(call.rangAfter),
        "answeredAfter": _seconds(call.answeredAfter),
        "endedAfter": _seconds(call.endedAfter),
        "age": _seconds(call.age),
        "talked": _seconds(call.talked),
        "offered": list(call.offered),
        "codecs": list(call.codecs),
        "legs": [_leg(leg) for leg in call.legs],
        "media": {side: _media(media) for side, media in call.media.items()},
        "why": call.why,
    }


def _leg(leg: LegSnapshot) -> dict[str, Any]:
    return {"id": leg.id, "role": leg.role, "kind": leg.kind, "party": leg.party, "state": leg.state}


def _media(media: MediaSnapshot) -> dict[str, Any]:
    stats = media.stats
    shown: dict[str, Any] = {"startedAfter": _seconds(media.startedAt), "ice": media.ice}
    shown["encryption"] = media.encryption
    if stats is not None:
        shown |= {
            "packets": stats.packets,
            "octets": stats.octets,
            "lost": stats.lost,
            "jitter": stats.jitter,
            "arrivalJitter": _seconds(stats.arrivalJitter, 4),
            "lostBeyond": stats.lostBeyond,
            "roundTrip": stats.roundTrip,
            "dropped": dict(stats.dropped),
            "source": None if stats.source is None else str(stats.source),
        }
    return shown


def _seconds(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(value, digits)
