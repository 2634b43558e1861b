# -*- test-case-name: ichatgw.test.web.figures.test_metrics -*-
"""
Figures for Prometheus, made of the stream of events.

Labels have few values, whatever strangers send: what is not known is C{other}.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from attrs import define
from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ichatgw import __version__
from ichatgw.observe.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallRang,
    CallRouted,
    Event,
    Limit,
    MediaStats,
    MessageSent,
    Refused,
    Registered,
    RegistrationFailed,
    Stall,
    TrailBegan,
    Unregistered,
)
from ichatgw.observe.messages import Marked, Messages
from ichatgw.observe.stream import Events
from ichatgw.web.answers import Reply, Visit
from ichatgw.web.figures.tally import Level, Spread, Tally
from ichatgw.web.figures.trunks import Trunks, noTrunks, textOf, trunkPieces

WAITS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60)
TALKS = (1, 10, 30, 60, 180, 600, 1800, 3600, 7200)
JITTERS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
TRIPS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)
TURNS = (0.02, 0.05, 0.1, 0.25, 0.5, 1, 5)

MAX_SIDES = 20_000
"""Streams of media whose last figures are remembered."""

METHODS = frozenset(
    (
        "ACK",
        "BYE",
        "CANCEL",
        "INFO",
        "INVITE",
        "MESSAGE",
        "NOTIFY",
        "OPTIONS",
        "PRACK",
        "PUBLISH",
        "REFER",
        "REGISTER",
        "SUBSCRIBE",
        "UPDATE",
    )
)
STANZAS = ("iq", "message", "presence")

_METHODS = {method.encode(): method for method in METHODS}
_LONGEST = 1 + max(map(len, METHODS))
_SENDERS = {side: (side.replace(" ", "_"),) for side in ("caller", "callee", "other party")}
_STATUSES = {b"%d" % status: str(status) for status in range(100, 700)}


@define(eq=False)
class _Live:
    """What is remembered of a call that lives."""

    arrived: float
    caller: str
    callee: str = "none"
    state: str = "arrived"
    rang: bool = False
    answered: float | None = None

    @property
    def direction(self) -> str:
        """Such as C{sip_to_xmpp}."""
        return _directionOf(self.caller, self.callee)


@cache
def _directionOf(caller: str, callee: str) -> str:
    return f"{_sideOf(caller)}_to_{_sideOf(callee)}"


def _sideOf(kind: str) -> str:
    return kind if kind in ("sip", "none") else "xmpp"


def _stanzaOf(head: bytes) -> tuple[str, str]:
    """What kind of stanza begins so, and whether it tells of an error."""
    name = head[1:].replace(b">", b" ").partition(b" ")[0].strip(b"/").decode("ascii", "replace")
    isError = b"type='error'" in head or b'type="error"' in head
    return name if name in STANZAS else "other", "error" if isError else "other"


class Metrics:
    """
    @ivar registry: all figures but those of trunks.
    @ivar trunks: gives the states of trunks.
    """

    trunks: Trunks = staticmethod(noTrunks)

    def __init__(self, events: Events, messages: Messages) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._calls: dict[str, _Live] = {}
        self._sides: OrderedDict[tuple[str, str], MediaStats] = OrderedDict()
        self._registered: set[str] = set()
        self._declareCalls()
        self._declareMedia()
        self._declareOthers()
        readers: dict[type[Event], Callable[[Any], None]] = {
            CallArrived: self._callArrived,
            CallRouted: self._callRouted,
            TrailBegan: self._trailBegan,
            CallRang: self._callRang,
            CallAnswered: self._callAnswered,
            CallEnded: self._callEnded,
            MediaStats: self._measured,
            Registered: self._isRegistered,
            Unregistered: self._isUnregistered,
            RegistrationFailed: self._registrationFailed,
            Refused: self._isRefused,
            Limit: self._isLimited,
            Stall: self._stalled,
        }
        for kind, reader in readers.items():
            events.subscribe(reader, kind)
        self._messages = messages
        messages.readers.append(self._said)

    def gauge(self, name: str, about: str, value: Callable[[], float], **labels: str) -> None:
        """Add a figure whose C{value} is read at each scrape."""
        made = Gauge(name, about, tuple(labels), registry=self.registry)
        (made.labels(**labels) if labels else made).set_function(value)

    def figures(self, figures: Callable[[], Mapping[str, Any]], trouble: Callable[[], str]) -> None:
        """
        Those of the gateway as a whole.

        @param figures: what its status says.
        @param trouble: why it takes no calls; empty if it does.
        """
        self.gauge("ichatgw_ready", "Whether calls can be taken: 1 or 0.", lambda: not trouble())
        self.gauge(
            "ichatgw_xmpp_link_up", "Whether the XMPP server is connected: 1 or 0.", lambda: figures()["link"] == "up"
        )
        for name, key, about in (
            ("ichatgw_media_port_pairs", "mediaPorts", "Pairs of ports for media."),
            ("ichatgw_media_port_pairs_free", "mediaPortsFree", "Pairs of ports for media that no call has."),
            ("ichatgw_open_files", "files", "Files and sockets that are open."),
            ("ichatgw_longest_turn_seconds", "longestTurn", "The longest turn of the reactor in the last minute."),
            ("ichatgw_users", "users", "Users of XMPP that are online."),
            ("ichatgw_registrations_wanted", "registrations", "SIP addresses at which users are to be registered."),
        ):
            self.gauge(name, about, lambda key=key: float(figures()[key] or 0))  # type: ignore[misc]
        build = Gauge("ichatgw_build_info", "The version, as a label.", ("version",), registry=self.registry)
        build.labels(__version__).set(1)

    def pieces(self) -> Iterator[bytes]:
        """All figures in the text format of Prometheus, family by family."""
        self._messages.flush()
        for family in self.registry.collect():
            yield textOf(family)
        yield from trunkPieces(self.trunks)

    def reply(self, visit: Visit) -> Reply:
        """C{/metrics}."""
        return Reply(self.pieces(), CONTENT_TYPE_LATEST)

    # Declarations

    def _declareCalls(self) -> None:
        registry = self.registry
        self._live = Level("ichatgw_calls", "Calls that live now.", ("state",), registry).counts
        self._live.update({(state,): 0 for state in ("arrived", "calling", "ringing", "talking")})
        self._arrived = Tally("ichatgw_calls_arrived_total", "Calls that have arrived.", ("caller",), registry).counts
        self._ended = Tally(
            "ichatgw_calls_ended_total",
            "Calls that are over, by direction, kinds of both legs, why, and whether the two have talked.",
            ("direction", "caller", "callee", "reason", "answered"),
            registry,
        ).counts
        self._setUp = Spread(
            "ichatgw_call_setup_seconds", "From the arrival of a call to its answer.", "direction", WAITS, registry
        ).add
        self._delay = Spread(
            "ichatgw_call_post_dial_delay_seconds",
            "From the arrival of a call until the called party is alerted, or answers.",
            "direction",
            WAITS,
            registry,
        ).add
        self._talked = Spread(
            "ichatgw_call_talk_seconds", "From the answer of a call to its end.", "direction", TALKS, registry
        ).add

    def _declareMedia(self) -> None:
        registry = self.registry
        self._packets = Tally("ichatgw_media_packets_total", "Packets relayed.", ("sender",), registry).counts
        self._octets = Tally("ichatgw_media_bytes_total", "Octets of RTP relayed.", ("sender",), registry).counts
        self._lost = Tally(
            "ichatgw_media_lost_packets_total", "Packets that never came to us.", ("sender",), registry
        ).counts
        self._dropped = Tally(
            "ichatgw_media_dropped_packets_total", "Packets that were not relayed.", ("reason",), registry
        ).counts
        self._jitter = Spread(
            "ichatgw_media_jitter_seconds",
            "Jitter as the far ends report it, some seconds apart.",
            "",
            JITTERS,
            registry,
        ).add
        self._arrivalJitter = Spread(
            "ichatgw_media_arrival_jitter_seconds",
            "Jitter of the packets that come, as measured here, some seconds apart.",
            "",
            JITTERS,
            registry,
        ).add
        self._trip = Spread(
            "ichatgw_media_round_trip_seconds", "Time to a party and back, some seconds apart.", "", TRIPS, registry
        ).add

    def _declareOthers(self) -> None:
        registry = self.registry
        self._requests = Tally("ichatgw_sip_requests_total", "SIP requests.", ("direction", "method"), registry).counts
        self._responses = Tally(
            "ichatgw_sip_responses_total",
            "SIP responses; 4xx, 5xx and 6xx are errors.",
            ("direction", "status"),
            registry,
        ).counts
        self._stanzas = Tally(
            "ichatgw_xmpp_stanzas_total", "XMPP stanzas.", ("direction", "kind", "type"), registry
        ).counts
        self._registrations = Gauge(
            "ichatgw_registrations", "SIP addresses at which users are registered.", registry=registry
        )
        self._registrationFailures = Counter(
            "ichatgw_registration_failures_total",
            "Registrations that were refused, or not answered.",
            registry=registry,
        )
        self._refusals = Tally(
            "ichatgw_refusals_total", "Calls and messages that were refused.", ("reason",), registry
        ).counts
        self._limits = Tally(
            "ichatgw_limits_reached_total", "How often a limit has kept a call out.", ("limit",), registry
        ).counts
        self._turns = Spread(
            "ichatgw_long_turn_seconds", "Turns of the reactor that took over 20 ms.", "", TURNS, registry
        ).add

    # Calls

    def _callArrived(self, event: CallArrived) -> None:
        self._calls[event.call] = _Live(event.time, event.kind)
        self._arrived[event.kind,] += 1
        self._live["arrived",] += 1

    def _callRouted(self, event: CallRouted) -> None:
        call = self._calls.get(event.call)
        if call is not None:
            call.callee = event.kind
            self._move(call, "calling")

    def _trailBegan(self, event: TrailBegan) -> None:
        """A leg to a user of XMPP has found out what their client is."""
        call = self._calls.get(event.call)
        if call is not None and event.kind and call.callee == "xmpp":
            call.callee = event.kind

    def _callRang(self, event: CallRang) -> None:
        call = self._calls.get(event.call)
        if call is not None and not call.rang:
            call.rang = True
            self._delay(event.time - call.arrived, call.direction)
            if call.answered is None:
                self._move(call, "ringing")

    def _callAnswered(self, event: CallAnswered) -> None:
        call = self._calls.get(event.call)
        if call is not None and call.answered is None:
            call.answered = event.time
            if not call.rang:
                call.rang = True
                self._delay(event.time - call.arrived, call.direction)
            self._setUp(event.time - call.arrived, call.direction)
            self._move(call, "talking")

    def _callEnded(self, event: CallEnded) -> None:
        call = self._calls.pop(event.call, None)
        if call is None:
            return
        self._live[call.state,] -= 1
        if call.answered is not None:
            self._talked(event.time - call.answered, call.direction)
        answered = "yes" if event.wasAnswered else "no"
        reason = event.ending.reason.name.lower()
        self._ended[call.direction, call.caller, call.callee, reason, answered] += 1

    def _move(self, call: _Live, state: str) -> None:
        self._live[call.state,] -= 1
        call.state = state
        self._live[state,] += 1

    # Media

    def _measured(self, event: MediaStats) -> None:
        key = event.call, event.side
        before = self._sides.pop(key, None)
        if not event.isLast:
            self._sides[key] = event
            if len(self._sides) > MAX_SIDES:
                self._sides.popitem(last=False)
        sender = _SENDERS.get(event.side, _SENDERS["other party"])
        packets, octets, lost = (0, 0, 0) if before is None else (before.packets, before.octets, before.lost)
        self._packets[sender] += max(0, event.packets - packets)
        self._octets[sender] += max(0, event.octets - octets)
        self._lost[sender] += max(0, event.lost - lost)
        if event.dropped:
            dropped = {} if before is None else dict(before.dropped)
            for reason, count in event.dropped:
                self._dropped[reason,] += max(0, count - dropped.get(reason, 0))
        if event.jitter is not None:
            self._jitter(event.jitter)
        if event.arrivalJitter is not None:
            self._arrivalJitter(event.arrivalJitter)
        if event.roundTrip is not None:
            self._trip(event.roundTrip)

    # Messages

    def _said(self, messages: Sequence[Marked]) -> None:
        responses, requests = self._responses, self._requests
        for message, _ in messages:
            way, data = "sent" if message.__class__ is MessageSent else "received", message.data
            if message.protocol != "SIP":
                kind, type = _stanzaOf(data[: data.find(b">") + 1])
                self._stanzas[way, kind, type] += 1
            elif data[:8] == b"SIP/2.0 ":
                responses[way, _STATUSES.get(data[8:11], "other")] += 1
            else:
                requests[way, _METHODS.get(data[: data.find(b" ", 0, _LONGEST)], "other")] += 1

    # What lasts longer than calls

    def _isRegistered(self, event: Registered) -> None:
        self._registered.add(event.address)
        self._registrations.set(len(self._registered))

    def _isUnregistered(self, event: Unregistered) -> None:
        self._registered.discard(event.address)
        self._registrations.set(len(self._registered))

    def _registrationFailed(self, event: RegistrationFailed) -> None:
        self._registrationFailures.inc()

    def _isRefused(self, event: Refused) -> None:
        self._refusals["message" if event.reason is None else event.reason.name.lower(),] += 1

    def _isLimited(self, event: Limit) -> None:
        self._limits[event.name,] += 1

    def _stalled(self, event: Stall) -> None:
        self._turns(event.seconds)
