# -*- test-case-name: ichatgw.test.observe.test_registry,ichatgw.test.observe.records.test_fields -*-
"""
What is shown of calls: frozen values, made at each request.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ichatgw.model import Ending, TransportAddress
from ichatgw.observe.events import Event, MediaStats, TurnedAway


@frozen
class LegSnapshot:
    """
    One leg of a call.

    @ivar id: its name.
    @ivar role: C{caller} or C{callee}.
    @ivar kind: C{sip}, C{jingle} or C{ichat}.
    @ivar party: who is at its far end, as a URI.
    @ivar state: C{calling}, C{ringing}, C{talking} or C{ended}.
    @ivar ending: as it ended at this end; C{None} if it has not.
    """

    id: str
    role: str
    kind: str
    party: str
    state: str
    ending: Ending | None


@frozen
class MediaSnapshot:
    """
    What one party sends.

    @ivar startedAt: seconds from the arrival of the call to the first packet; C{None} if there was none.
    @ivar stats: the latest figures.
    @ivar history: those before, the oldest first, some seconds apart.
    @ivar ice: C{connected} or C{failed}, and the rest in words; empty without ICE.
    @ivar encryption: how it is protected; empty if it is not.
    """

    startedAt: float | None = None
    stats: MediaStats | None = None
    history: tuple[MediaStats, ...] = ()
    ice: str = ""
    encryption: str = ""


@frozen
class CallSnapshot:
    """
    One call, as it is or was.

    @ivar id: its name, as in the log.
    @ivar state: C{arrived}, C{calling}, C{ringing}, C{talking} or C{ended}.
    @ivar caller: who calls, as a URI, before the rules.
    @ivar called: whom, before the rules.
    @ivar presented: who calls, as the called party is told; empty if it came to nothing before.
    @ivar route: whom, after the rules; likewise.
    @ivar source: where the call came from.
    @ivar arrived: seconds since 1970.
    @ivar rangAfter: seconds from the arrival; C{None} if it has not come so far.  So are the next two.
    @ivar age: seconds from the arrival until now, or until the end.
    @ivar offered: names of the formats that the caller has.
    @ivar codecs: those that were agreed on.
    @ivar legs: all that were part of it, in the order of their coming.
    @ivar media: by the side that sends, C{caller} and C{callee}.
    @ivar endedBy: C{the caller}, C{the callee} or C{the gateway}; empty while it lives.
    @ivar ending: why it is over.
    @ivar omitted: how many entries of its ladder were not kept.
    """

    id: str
    state: str
    caller: str
    called: str
    presented: str
    route: str
    source: TransportAddress | None
    arrived: float
    rangAfter: float | None
    answeredAfter: float | None
    endedAfter: float | None
    age: float
    offered: tuple[str, ...]
    codecs: tuple[str, ...]
    legs: tuple[LegSnapshot, ...]
    media: Mapping[str, MediaSnapshot]
    endedBy: str
    ending: Ending | None
    omitted: int

    @property
    def talked(self) -> float:
        """Seconds from the answer until now, or until the end."""
        return 0.0 if self.answeredAfter is None else self.age - self.answeredAfter

    @property
    def why(self) -> str:
        """Why it is over, in words; empty while it lives."""
        if self.ending is None:
            return ""
        text = f" ({self.ending.text})" if self.ending.text else ""
        return f"{self.ending.reason.value}, ended by {self.endedBy}{text}"

    @property
    def words(self) -> str:
        """What it is found by: its name, its addresses, and why it ended; one a line."""
        reason = "" if self.ending is None else f"{self.ending.reason.name} {self.why}"
        parties = (leg.party for leg in self.legs)
        return "\n".join((self.id, self.caller, self.called, self.presented, self.route, reason, *parties))


def turnedAway(event: TurnedAway) -> CallSnapshot:
    """An attempt that became no call."""
    return CallSnapshot(
        id="",
        state="ended",
        caller=event.caller,
        called=event.called,
        presented="",
        route="",
        source=event.source,
        arrived=event.wall,
        rangAfter=None,
        answeredAfter=None,
        endedAfter=0.0,
        age=0.0,
        offered=(),
        codecs=(),
        legs=(LegSnapshot("", "caller", event.kind, event.caller, "ended", event.ending),),
        media={},
        endedBy="the gateway",
        ending=event.ending,
        omitted=0,
    )


@frozen
class Rung:
    """
    One entry of a ladder.

    @ivar at: seconds since the arrival of the call; what came before it has less than 0.
    @ivar leg: the leg that it belongs to; empty if that is the call as a whole.
    @ivar role: whose side that is, C{caller} or C{callee}; empty likewise.
    @ivar event: what happened.  Its messages hold secrets: see L{ichatgw.observe.events.Message.shown}.
    """

    at: float
    leg: str
    role: str
    event: Event
