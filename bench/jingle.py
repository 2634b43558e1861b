"""
The Jingle part of C{bench/calls.py}: calls between phones and Jingle clients with ICE and DTLS-SRTP, and between phones
for comparison, all simulated by C{ichatgw.sim} in this process on one core, the gateway on another.

What is measured: the set-up time (SIP→Jingle: from the phone's INVITE to its 200; Jingle→SIP: from the client's
proposal to the session-accept), the time from session-accept to the first sound that the client hears, and the CPU that
the gateway uses.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, DeferredList, ensureDeferred
from twisted.internet.task import deferLater, react

from ichatgw.sim.child import Gateway, freePort, mediaPorts
from ichatgw.sim.jingle.call import JingleCall
from ichatgw.sim.jingle.callee import JingleTaking
from ichatgw.sim.jingle.client import JinglePhone
from ichatgw.sim.jingle.profile import CONVERSATIONS
from ichatgw.sim.sip.phone import Answering, Phone
from ichatgw.sim.xmpp.router import Router

HOST, USERS, COMPONENT = "127.0.0.1", "chat.example", "gw.chat.example"
KINDS = ("SIP>Jingle", "Jingle>SIP", "SIP>SIP")
CLIENTS = 20
ANSWER_TIMEOUT = 20.0
MAX_PORTS = 2000
TALK = 0.3


@frozen
class Row:
    """
    One line of the table; times in milliseconds.

    @ivar sound: from session-accept to the first sound, at its p50, p95 and greatest.
    """

    kind: str
    rate: float
    placed: int
    failed: int
    setup50: float
    setup95: float
    sound: tuple[float, float, float]
    cpu: float


def percentile(values: Sequence[float], share: float) -> float:
    """In milliseconds; NaN if there is none."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] * 1000 if values else float("nan")


@define(eq=False)
class Bench:
    """
    The parties, and the gateway between them.

    @ivar rules: further settings of the gateway.
    """

    reactor: Any
    rules: Sequence[tuple[str, str]] = ()
    router: Router = field(init=False)
    gateway: Gateway = field(init=False)
    phones: list[Phone] = field(factory=list, init=False)
    clients: list[JinglePhone] = field(factory=list, init=False)
    port: int = field(factory=lambda: freePort(HOST), init=False)
    setups: list[float] = field(factory=list, init=False)
    sounds: list[float] = field(factory=list, init=False)
    failed: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.router = Router(self.reactor, {COMPONENT: "bench"}, USERS)
        answering = Answering(delay=0.0)
        self.phones = [
            Phone(self.reactor, HOST, answering=answering, say=440, listenFor=650, user=f"p{number}")
            for number in range(2)
        ]
        for phone in self.phones:
            phone.start()
        first, last = mediaPorts(MAX_PORTS)
        self.gateway = Gateway(
            self.reactor,
            [
                ("IPAddress", HOST),
                ("UDPTCPPort", str(self.port)),
                ("MediaRelayPortRangeMin", str(first)),
                ("MediaRelayPortRangeMax", str(last)),
                ("JabberServer", HOST),
                ("JabberComponentPort", str(self.router.listen(HOST))),
                ("JabberComponentName", COMPONENT),
                ("JabberComponentPassword", "bench"),
                *self.rules,
                ("TranslationPattern", rf"^xmpp:(.*)@{COMPONENT}$"),
                ("TranslationOutput", f"sip:$1@{self.phones[1].address}"),
                ("TranslationPattern", r"^sip:(c\d+)@"),
                ("TranslationOutput", f"xmpp:$1@{USERS}"),
                ("TranslationPattern", r"^sip:(p\d+)@"),
                ("TranslationOutput", f"sip:$1@{self.phones[1].address}"),
                ("LogLevel", "WARNING"),
            ],
        )

    async def start(self, cores: Sequence[int]) -> None:
        """The gateway on the first of these cores, with all clients logged in."""
        self.gateway.start()
        if len(cores) > 1:
            os.sched_setaffinity(self.gateway.pid, {cores[0]})
        await self.router.whenConnected(COMPONENT).addTimeout(ANSWER_TIMEOUT, self.reactor)
        taking = JingleTaking(delay=0.0)
        for number in range(CLIENTS):
            client = JinglePhone(
                self.reactor, f"c{number}@{USERS}/phone", HOST, CONVERSATIONS, taking, say=650, listenFor=440
            )
            client.connected(self.router.attach(client.jid, client.received))
            await client.account.subscribe(f"control@{COMPONENT}").addTimeout(ANSWER_TIMEOUT, self.reactor)
            await client.account.subscribe(f"p1@{COMPONENT}").addTimeout(ANSWER_TIMEOUT, self.reactor)
            await client.account.whenCallable(f"p1@{COMPONENT}").addTimeout(ANSWER_TIMEOUT, self.reactor)
            self.clients.append(client)

    def stop(self) -> None:
        self.gateway.remove()
        for phone in self.phones:
            phone.stop()
        for client in self.clients:
            client.stop()
        self.router.close()

    async def measure(self, kind: str, rate: float, seconds: float) -> Row:
        """Place calls at that rate."""
        self.setups, self.sounds, self.failed = [], [], 0
        placed, before, calls = int(rate * seconds), self._cpu(), []
        for number in range(placed):
            calls.append(deferLater(self.reactor, number / rate, lambda number=number: self._place(kind, number)))
        await DeferredList(calls)
        cpu = (self._cpu() - before) / max(1, placed) * 1000
        half, most, all = (percentile(self.sounds, share) for share in (0.5, 0.95, 1.0))
        setup50, setup95 = percentile(self.setups, 0.5), percentile(self.setups, 0.95)
        return Row(kind, rate, placed, self.failed, setup50, setup95, (half, most, all), cpu)

    def _place(self, kind: str, number: int) -> Deferred[None]:
        play = {"SIP>Jingle": self._toJingle, "Jingle>SIP": self._fromJingle, "SIP>SIP": self._toPhone}[kind]

        def fail(reason: object) -> None:
            self.failed += 1

        return ensureDeferred(play(number)).addTimeout(ANSWER_TIMEOUT, self.reactor).addErrback(fail)

    async def _toJingle(self, number: int) -> None:
        client = self.clients[number % CLIENTS]
        began, arrival = self.reactor.seconds(), client.whenCalled()
        outgoing = self.phones[0].call(f"sip:c{number % CLIENTS}@{HOST}:{self.port}")
        incoming = await arrival
        await outgoing.whenAnswered()
        self.setups.append(self.reactor.seconds() - began)
        await self._hear(incoming)
        outgoing.hangup()
        await incoming.whenEnded()

    async def _fromJingle(self, number: int) -> None:
        began = self.reactor.seconds()
        outgoing = self.clients[number % CLIENTS].call(f"p1@{COMPONENT}")
        await outgoing.whenAnswered()
        self.setups.append(self.reactor.seconds() - began)
        await self._hear(outgoing)
        outgoing.hangup()
        await outgoing.whenEnded()

    async def _toPhone(self, number: int) -> None:
        began = self.reactor.seconds()
        outgoing = self.phones[0].call(f"sip:p1@{HOST}:{self.port}")
        await outgoing.whenAnswered()
        self.setups.append(self.reactor.seconds() - began)
        await deferLater(self.reactor, TALK)
        outgoing.hangup()
        await outgoing.whenEnded()

    async def _hear(self, call: JingleCall) -> None:
        """Wait for the first sound, and talk for a while."""
        await call.whenConnected()
        while call.media.began is None:
            await deferLater(self.reactor, 0.02)
        self.sounds.append(call.media.began - call.answeredAt)
        await deferLater(self.reactor, TALK)

    def _cpu(self) -> float:
        """The gateway's seconds of CPU so far."""
        fields = Path(f"/proc/{self.gateway.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def bench(reactor: Any, rates: Sequence[float], seconds: float) -> list[Row]:
    """All the rows, from a gateway of their own."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[-1]})
    made = Bench(reactor)
    rows = []
    try:
        await made.start(cores)
        for kind in KINDS:
            await made.measure(kind, 2, 2)
        for rate in rates:
            for kind in KINDS:
                rows.append(await made.measure(kind, rate, seconds))
    finally:
        made.stop()
    return rows


def report(rows: Sequence[Row]) -> None:
    """The table, and what it comes to."""
    heads = ("calls", "calls/s", "placed", "failed", "p50 ms", "p95 ms", "sound p50", "p95", "max", "CPU ms/call")
    print(" ".join(f"{head:>{width}}" for head, width in zip(heads, (10, 8, 7, 7, 7, 7, 10, 6, 6, 12), strict=True)))
    for row in rows:
        sound = " ".join(f"{each:{width}.0f}" for each, width in zip(row.sound, (10, 6, 6), strict=True))
        print(
            f"{row.kind:>10} {row.rate:8.0f} {row.placed:7d} {row.failed:7d} {row.setup50:7.1f} {row.setup95:7.1f}"
            f" {sound} {row.cpu:12.1f}"
        )
    for offset in range(0, len(rows) - 2, 3):
        toJingle, fromJingle, plain = rows[offset : offset + 3]
        print(
            f"at {plain.rate:.0f}/s a call with a Jingle client costs {toJingle.cpu / plain.cpu:.1f} (called) and"
            f" {fromJingle.cpu / plain.cpu:.1f} (calling) times the CPU of one between phones, sound included"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=float, nargs="+", default=[2, 5], help="calls a second")
    parser.add_argument("--seconds", type=float, default=10, help="how long each rate is kept up")
    options = parser.parse_args()

    async def run(reactor: Any) -> None:
        report(await bench(reactor, options.rates, options.seconds))

    react(lambda reactor: ensureDeferred(run(reactor)))


if __name__ == "__main__":
    main()
