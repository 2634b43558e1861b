"""
What it costs to watch calls: C{python bench/observe.py [--calls 2000]}.

The events of a call between two phones, with messages as they are on the wire, are published as often as there are
calls, to a stream that nobody reads and to one that is read by all: the live calls with their ladders, call records,
HEP, the metrics of C{HTTPPort}.  What the same events cost without readers is taken off.  Time is that of this process,
so that other work on the machine does not count.
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
    LegEnded,
    LegStarted,
    MediaStarted,
    MediaStats,
    MessageReceived,
    MessageSent,
    TrailBegan,
)
from ichatgw.observe.hep.capture import PAUSE, HEPCapture
from ichatgw.observe.messages import BATCH_SECONDS, Messages
from ichatgw.observe.records.fields import CallRecords
from ichatgw.observe.registry import LiveCalls
from ichatgw.observe.stream import Events
from ichatgw.observe.trails import Trails
from ichatgw.web.figures.metrics import Metrics

RATE = 200
"""Calls a second for which the share of a core is told."""

MAX_SHARE = 3.0
"""Percent of a core that it may take then."""

ROUNDS = 40
"""How often each way has its turn; the best counts."""

PHONE, OURS = TransportAddress("192.0.2.7", 5060), TransportAddress("192.0.2.1", 5060)
BYE = Ending(EndReason.HANGUP, "BYE")
_HEADERS = "".join(f"X-Header-{number}: {'x' * 50}\r\n" for number in range(5))
# Of each leg, and whether the gateway sends it to the caller.
_SAID = (
    ("INVITE sip:72@gw SIP/2.0", False),
    ("SIP/2.0 100 Trying", True),
    ("SIP/2.0 180 Ringing", True),
    ("SIP/2.0 200 OK", True),
    ("ACK sip:72@gw SIP/2.0", False),
    ("BYE sip:72@gw SIP/2.0", False),
    ("SIP/2.0 200 OK", True),
)


def call(events: Events, number: int) -> None:
    """All that is published of one call, each as its publisher does it."""
    begins(events, number)
    for position, (line, sent) in enumerate(_SAID):
        if position:
            message(events, f"0-{number}", line, sent)
        message(events, f"1-{number}", line, not sent)
    talks(events, number)
    ends(events, number)


def begins(events: Events, number: int) -> None:
    """Until the callee is asked."""
    name, caller, callee = namesOf(number)
    isOn, publish, now = events.isOn, events.publish, events.now
    message(events, f"0-{number}", *_SAID[0])
    if isOn(CallArrived):
        publish(CallArrived(*now(), name, caller, "sip", "sip:alice@a", "sip:72@gw", PHONE, ("PCMU", "PCMA")))
    if isOn(LegStarted):
        publish(LegStarted(*now(), name, caller, "caller", "sip", "sip:alice@a", (f"0-{number}@h",)))
    if isOn(CallRouted):
        publish(CallRouted(*now(), name, callee, "sip", "sip:alice@a", "sip:bob@b"))
    if isOn(LegStarted):
        publish(LegStarted(*now(), name, callee, "callee", "sip", "sip:bob@b"))
    if isOn(TrailBegan):
        publish(TrailBegan(*now(), name, callee, "sip", f"1-{number}@h"))


def talks(events: Events, number: int) -> None:
    """The callee answers, and sound goes both ways."""
    name, _, callee = namesOf(number)
    isOn, publish, now = events.isOn, events.publish, events.now
    if isOn(CallRang):
        publish(CallRang(*now(), name, callee))
    if isOn(CallAnswered):
        publish(CallAnswered(*now(), name, callee, ("PCMU",)))
    for side in ("caller", "callee"):
        if isOn(MediaStarted):
            publish(MediaStarted(*now(), name, side, PHONE))
        if isOn(MediaStats):
            publish(MediaStats(*now(), name, side, 500, 86000, 0, None, None, None, (), PHONE, True))


def ends(events: Events, number: int) -> None:
    """Both legs are over."""
    name, *legs = namesOf(number)
    isOn, publish, now = events.isOn, events.publish, events.now
    for leg in legs:
        if isOn(LegEnded):
            publish(LegEnded(*now(), name, leg, BYE))
    if isOn(CallEnded):
        publish(CallEnded(*now(), name, "the caller", BYE, True))


def message(events: Events, dialog: str, line: str, sent: bool) -> None:
    """A message of SIP; it was made, or came, whether anybody reads or not."""
    data = f"{line}\r\nVia: SIP/2.0/UDP 192.0.2.7\r\nCall-ID: {dialog}@h\r\n{_HEADERS}\r\n".encode()
    kind = MessageSent if sent else MessageReceived
    if events.isOn(kind):
        events.publish(kind(*events.now(), "SIP", "udp", data, PHONE, OURS))


def namesOf(number: int) -> tuple[str, str, str]:
    """Of a call and its legs."""
    return f"run-{number:x}", f"sip-in-{number:x}", f"sip-out-{number:x}"


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
    messages = Messages(clock, trails)
    messages.read(events)
    calls = LiveCalls(clock, messages, 1000)
    calls.read(events)
    return calls


def recorded(events: Events, clock: Clock) -> LiveCalls:
    """Records as well."""
    calls = alone(events, clock)
    calls.listeners.append(CallRecords(lambda line: None).ended)
    return calls


def captured(events: Events, clock: Clock) -> LiveCalls:
    """And HEP."""
    calls = recorded(events, clock)
    HEPCapture(clock, calls.messages, lambda packet: True, 1, "", lambda data: data).read(events)
    return calls


def counted(events: Events, clock: Clock) -> None:
    """And metrics."""
    Metrics(events, captured(events, clock).messages)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=8000)
    options = parser.parse_args()
    gc.disable()  # as the gateway has it while anybody talks
    ways = (
        ("nobody", unread),
        ("live calls", alone),
        ("and records", recorded),
        ("and HEP", captured),
        ("and metrics", counted),
    )
    # In turns, so that what the machine does meanwhile meets each alike.
    rounds = [[cost(options.calls // ROUNDS, prepare) for _, prepare in ways] for _ in range(ROUNDS)]
    best = [min(column) for column in zip(*rounds, strict=True)]
    for (name, _), seconds in zip(ways, best, strict=True):
        extra = seconds - best[0]
        print(f"read by {name:<11} {1e6 * extra:7.1f} us a call   {100 * RATE * extra:5.2f} % of a core at {RATE}/s")
    share = 100 * RATE * (best[-1] - best[0])
    print(f"{'held' if share <= MAX_SHARE else 'NOT HELD'}: at most {MAX_SHARE} %")


if __name__ == "__main__":
    main()
