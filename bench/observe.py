"""
What it costs to watch calls: C{python bench/observe.py [--calls 2000]}.

The events of a call between two phones, with messages as they are on the wire, are published as often as there are
calls, to a stream that nobody reads and to one that is read by all: the live calls with their ladders, call records,
HEP.  What the same events cost without readers is taken off.  Time is that of this process, so that other work on the
machine does not count.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable

from twisted.internet.task import Clock

from ichatgw.model import Ending, EndReason, TransportAddress
from ichatgw.observe.events import (
    CallAnswered,
    CallArrived,
    CallEnded,
    CallRang,
    CallRouted,
    Event,
    LegEnded,
    LegStarted,
    MediaStarted,
    MediaStats,
    MessageReceived,
    MessageSent,
    TrailBegan,
)
from ichatgw.observe.hep.capture import BATCH_SECONDS, PAUSE, HEPCapture
from ichatgw.observe.records.fields import CallRecords
from ichatgw.observe.registry import LiveCalls
from ichatgw.observe.stream import Events
from ichatgw.observe.trails import Trails

RATE = 200
"""Calls a second for which the share of a core is told."""

MAX_SHARE = 3.0
"""Percent of a core that it may take then."""

PHONE, OURS = TransportAddress("192.0.2.7", 5060), TransportAddress("192.0.2.1", 5060)
BYE = Ending(EndReason.HANGUP, "BYE")
_HEADERS = "".join(f"X-Header-{number}: {'x' * 50}\r\n" for number in range(5))
# Of each leg: INVITE, 100, 180, 200, ACK, BYE, 200.
_SAID = (False, True, True, True, False, False, True)


def call(events: Events, number: int) -> None:
    """All that is published of one call, each as its publisher does it."""
    name, caller, callee = f"run-{number:x}", f"sip-in-{number:x}", f"sip-out-{number:x}"

    def publish(kind: type[Event], *what: object) -> None:
        if events.isOn(kind):
            events.publish(kind(*events.now(), *what))

    def message(leg: int, sent: bool) -> None:
        text = f"INVITE sip:72@gw SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7\r\nCall-ID: {leg}-{number}@h\r\n{_HEADERS}\r\n"
        publish(MessageSent if sent else MessageReceived, "SIP", "udp", text.encode(), PHONE, OURS)

    message(0, False)
    publish(CallArrived, name, caller, "sip", "sip:alice@a", "sip:72@gw", PHONE, ("PCMU", "PCMA"))
    publish(LegStarted, name, caller, "caller", "sip", "sip:alice@a", (f"0-{number}@h",))
    publish(CallRouted, name, callee, "sip", "sip:alice@a", "sip:bob@b")
    publish(LegStarted, name, callee, "callee", "sip", "sip:bob@b")
    publish(TrailBegan, name, callee, "sip", f"1-{number}@h")
    for position, sent in enumerate(_SAID):
        if position:
            message(0, sent)
        message(1, not sent)
    publish(CallRang, name, callee)
    publish(CallAnswered, name, callee, ("PCMU",))
    for side in ("caller", "callee"):
        publish(MediaStarted, name, side, PHONE)
        publish(MediaStats, name, side, 500, 86000, 0, None, None, None, (), PHONE, True)
    for leg in (caller, callee):
        publish(LegEnded, name, leg, BYE)
    publish(CallEnded, name, "the caller", BYE, True)


def cost(calls: int, prepare: Callable[[Events, Clock], object]) -> float:
    """Seconds of a call."""
    clock = Clock()
    events = Events(clock)
    prepare(events, clock)
    began = time.process_time()
    for number in range(calls):
        call(events, number)
        if number % 10 == 9:
            clock.pump([BATCH_SECONDS, PAUSE, PAUSE])
    return (time.process_time() - began) / calls


def unread(events: Events, clock: Clock) -> None:
    """Nobody reads."""


def alone(events: Events, clock: Clock) -> LiveCalls:
    """The live calls, as ever."""
    trails = Trails()
    trails.read(events)
    calls = LiveCalls(clock, trails, 1000)
    calls.read(events)
    return calls


def recorded(events: Events, clock: Clock) -> LiveCalls:
    """Records as well."""
    calls = alone(events, clock)
    calls.listeners.append(CallRecords(lambda line: None).ended)
    return calls


def captured(events: Events, clock: Clock) -> None:
    """And HEP."""
    calls = recorded(events, clock)
    HEPCapture(clock, calls.trails, lambda packet: True, 1, "", lambda data: data).read(events)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    options = parser.parse_args()
    gc.disable()  # as the gateway has it while anybody talks
    ways = (("nobody", unread), ("live calls", alone), ("and records", recorded), ("and HEP", captured))
    # In turns, so that what the machine does meanwhile meets each alike.
    rounds = [[cost(options.calls // 4, prepare) for _, prepare in ways] for _ in range(4)]
    best = [min(column) for column in zip(*rounds, strict=True)]
    for (name, _), seconds in zip(ways, best, strict=True):
        extra = seconds - best[0]
        print(f"read by {name:<11} {1e6 * extra:7.1f} us a call   {100 * RATE * extra:5.2f} % of a core at {RATE}/s")
    share = 100 * RATE * (best[-1] - best[0])
    print(f"{'held' if share <= MAX_SHARE else 'NOT HELD'}: at most {MAX_SHARE} %")


if __name__ == "__main__":
    main()
