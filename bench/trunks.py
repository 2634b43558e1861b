"""
What many trunks cost: C{python bench/trunks.py [--trunks 1000]}.

So many trunks, of 50 numbers each, are registered at a stand-in for their provider (another process), which asks for a
login and grants 30 s, so that each is renewed once.  Told are the pace, the CPU time of a registration, the longest
turn of the reactor, and how evenly the renewals are spread.  Then: by which trunk a call comes, by its token and by
server and number; by which it goes; and how long it takes to read all settings again.  Each is compared with the same
for 100 trunks in the same run: none may cost more than twice as much, and no turn may take more than 50 ms.  Turns are
told in CPU time, so that other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import cycle
from typing import Any

import ichatgw.sip  # noqa: F401  (before sippy)

# isort: split
from attrs import define, field
from sippy.SipRequest import SipRequest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater

from ichatgw.config.reload import Reloader
from ichatgw.config.settings import Settings
from ichatgw.net.localaddresses import LocalAddresses
from ichatgw.options import again
from ichatgw.runtime.clock import useMonotonicTime
from ichatgw.runtime.collector import Collector
from ichatgw.runtime.turns import Turns
from ichatgw.sim.run import exitWith
from ichatgw.sip.endpoint import Endpoint
from ichatgw.sip.setup import endpointOf
from ichatgw.sip.transport.udp import UDPWire

FEW, NUMBERS = 100, 50
PER_SECOND, GRANTED = 100, 30
MOST, LONGEST = 2.0, 50e-3

_ASKED = 'WWW-Authenticate: Digest realm="bench", nonce="5f2c", algorithm=MD5, qop="auth"\r\n'
_KEPT = re.compile(r"^(?:Via|From|Call-ID|CSeq):.*\r\n", re.MULTILINE | re.IGNORECASE)


class Registrar(DatagramProtocol):
    """Grants what it is asked for to those who log in."""

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Answer a REGISTER or an OPTIONS."""
        text = datagram.decode()
        if text[:8] not in ("REGISTER", "OPTIONS "):
            return
        to = re.search(r"^To:(.*)\r\n", text, re.MULTILINE)
        contact = re.search(r"^Contact:(.*)\r\n", text, re.MULTILINE)
        kept = "".join(_KEPT.findall(text)) + (f"To:{to[1]};tag=b\r\n" if to else "")
        if text.startswith("OPTIONS") or "Authorization:" in text:
            answer, more = "200 OK", f"Contact:{contact[1] if contact else ''};expires={GRANTED}\r\n"
        else:
            answer, more = "401 Unauthorized", _ASKED
        assert self.transport is not None
        self.transport.write(f"SIP/2.0 {answer}\r\n{kept}{more}Content-Length: 0\r\n\r\n".encode(), addr)


def serve() -> None:
    """Be the provider, in a process of its own; says the port."""
    clock: Any = reactor
    port = clock.listenUDP(0, Registrar(), interface="127.0.0.1", maxPacketSize=65535)
    sys.stdout.write(f"{port.getHost().port}\n")
    sys.stdout.flush()
    clock.run()


def number(trunk: int, which: int) -> str:
    """One of the numbers of a trunk."""
    return f"+4930{trunk:05}{which:02}"


def configuration(directory: str, port: int, trunks: int) -> str:
    """The name of a file of settings."""
    path = os.path.join(directory, f"{trunks}.config")
    with open(path, "w", encoding="utf-8") as file:
        file.write("JabberServer = localhost\nJabberComponentName = gw.example\nJabberComponentPassword = x\n")
        file.write(f"IPAddress = 127.0.0.1\nUDPTCPPort = 0\nRegistrationsPerSecond = {PER_SECOND}\n")
        for trunk in range(trunks):
            numbers = ", ".join(number(trunk, which) for which in range(NUMBERS))
            file.write(f"Trunk = t{trunk}\nTrunkServer = sip:127.0.0.1:{port}\nTrunkUser = user{trunk}\n")
            file.write(f"TrunkPassword = x{trunk}\nTrunkRegistrationTime = {GRANTED}\nTrunkNumbers = {numbers}\n")
    os.chmod(path, 0o600)
    return path


@define(eq=False)
class Place:
    """
    A gateway's SIP side with so many trunks.

    @ivar took: seconds of CPU time from the end of each turn to that of the next.
    @ivar sent: how many REGISTERs with a login were sent in each second.
    """

    directory: str
    port: int
    count: int
    took: list[float] = field(factory=list, init=False)
    sent: Counter[int] = field(factory=Counter, init=False)
    _last: float = field(factory=time.process_time, init=False)
    endpoint: Endpoint = field(init=False)
    turns: Turns = field(init=False)
    load: Any = field(init=False)
    settings: Settings = field(init=False)
    parts: list[Any] = field(init=False)
    _collector: Collector = field(init=False)

    def __attrs_post_init__(self) -> None:
        clock: Any = reactor
        path = configuration(self.directory, self.port, self.count)
        self.settings = Settings.load(path)[0]
        self.load = partial(again, path, (), {})
        self.turns = Turns(clock)
        addresses = LocalAddresses("127.0.0.1")
        wire = UDPWire(clock, addresses, 0, self.turns)
        self.endpoint, self.parts = endpointOf(clock, self.turns, self.settings, addresses, wire, "bench", None)
        self._collector = Collector(self.turns, lambda: False)
        self.turns.watch = self._turned
        registrar = self.endpoint.trunks.registrar
        self._register, registrar.register = registrar.register, self._registering  # type: ignore[method-assign]

    _register: Any = field(init=False)

    def _turned(self, seconds: float, name: str) -> None:
        self._collector.jobEnded(seconds, name)
        now = time.process_time()
        self.took.append(now - self._last)
        self._last = now

    def _registering(self, binding: Any, seconds: int) -> Any:
        if seconds:
            self.sent[int(time.monotonic())] += 1
        return self._register(binding, seconds)

    @property
    def registered(self) -> int:
        """How many trunks are registered."""
        return len(self.endpoint.trunks.registrar._bindings._byToken)

    async def start(self) -> float:
        """Fires when all are registered, with the seconds that took."""
        self._collector.startService()
        begun, self._last = time.monotonic(), time.process_time()
        self.endpoint.startService()
        while self.registered < self.count:
            await pause(0.1)
            if time.monotonic() - begun > 3 * self.count / PER_SECOND + 10:
                raise SystemExit(f"only {self.registered} of {self.count} trunks are registered")
        return time.monotonic() - begun

    async def stop(self) -> None:
        """Go, without a word."""
        self._collector.stopService()
        stopped = self.endpoint.trunks.stop()
        await stopped
        await self.endpoint.stopService()


def pause(seconds: float) -> Deferred[None]:
    """Let the reactor work."""
    clock: Any = reactor
    return deferLater(clock, seconds, lambda: None)


def microseconds(look: Callable[[Any], object], things: list[Any]) -> float:
    """Of one look-up, the best of some rounds."""
    best, some = 1.0, cycle(things)
    for _ in range(5):
        start = time.process_time()
        for _ in range(1000):
            if look(next(some)) is None:
                raise AssertionError("nothing is found")
        best = min(best, (time.process_time() - start) / 1000)
    return best * 1e6


def invite(uri: str) -> Any:
    """A call that comes to C{uri}, as sippy's C{SipRequest}."""
    lines = (
        f"INVITE {uri} SIP/2.0",
        "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1",
        "From: <sip:1@127.0.0.1>;tag=1",
        f"To: <{uri.partition(';')[0]}>",
        "Call-ID: 1",
        "CSeq: 1 INVITE",
    )
    request = SipRequest("\r\n".join(lines) + "\r\nContent-Length: 0\r\n\r\n")
    request.getHFBody("to").getUri()
    return request


def lookUps(place: Place) -> dict[str, float]:
    """Microseconds of each kind of look-up."""
    trunks, count = place.endpoint.trunks, place.count
    some = range(0, count, max(1, count // 100))
    bindings = [account.flows[0].binding.instance for account in trunks.accounts.all()][:: max(1, count // 100)]
    tokens = [invite(f"sip:x@127.0.0.1;rinstance={each}") for each in bindings]
    numbers = [invite(f"sip:{number(each, 7)}@127.0.0.1") for each in some]
    names = [f"sip:1@t{each},t{(each + 1) % count}" for each in some]
    return {
        "a call that comes, by its token": microseconds(lambda each: trunks.find(each, "192.0.2.1"), tokens),
        "a call that comes, by server and number": microseconds(lambda each: trunks.find(each, "127.0.0.1"), numbers),
        "a call that goes": microseconds(lambda each: trunks._dialer.named(each) or None, names),
        "is it a trunk's server? (each message)": microseconds(lambda each: trunks.areAt("127.0.0.1") or None, [0]),
    }


async def reload(place: Place) -> tuple[float, float]:
    """Seconds that it takes to read all again, and of the longest turn meanwhile."""
    clock: Any = reactor
    reloader = Reloader(clock, place.turns, place.settings, place.load, place.parts)
    await pause(0.1)
    place.took.clear()
    begun = time.perf_counter()
    await reloader.reload()
    return time.perf_counter() - begun, max(place.took)


async def measure(directory: str, port: int, count: int) -> tuple[dict[str, float], float]:
    """Costs of so many trunks in microseconds, and the longest turn in seconds."""
    place = Place(directory, port, count)
    cpu = time.process_time()
    seconds = await place.start()
    print(f"{count} trunks: all registered after {seconds:.1f} s ({PER_SECOND} a second are allowed)")
    await pause(GRANTED)  # each is renewed once, and some twice
    spent, total = time.process_time() - cpu, sum(place.sent.values())
    costs = {"a registration": spent / total * 1e6, **lookUps(place)}
    first = min(place.sent)
    later = [place.sent[second] for second in range(first + int(seconds) + 1, max(place.sent))]
    print(f"{count} trunks: {total} registrations, at most {max(later, default=0)} renewals in a second")
    longest = max(place.took)
    took, turn = await reload(place)
    print(f"{count} trunks: longest turn {longest * 1e3:.1f} ms; SIGHUP {took:.2f} s, longest turn {turn * 1e3:.1f} ms")
    if place.registered < count:
        raise SystemExit(f"only {place.registered} of {count} trunks are registered still")
    await place.stop()
    return costs, max(longest, turn)


async def main(trunks: int) -> bool:
    """
    Measure, and print.

    @return: nothing takes too long.
    """
    useMonotonicTime(reactor)
    provider = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    try:
        assert provider.stdout is not None
        port = int(provider.stdout.readline())
        with tempfile.TemporaryDirectory() as directory:
            few, _ = await measure(directory, port, FEW)
            many, longest = await measure(directory, port, trunks)
    finally:
        provider.kill()
        provider.wait()
    print(f"{'us':46}{FEW:>8}{trunks:>8}   ratio")
    isSlow = longest > LONGEST
    for kind, cost in many.items():
        print(f"{kind:46}{few[kind]:8.1f}{cost:8.1f}{cost / few[kind]:8.2f}")
        isSlow = isSlow or cost > MOST * few[kind]
    return not isSlow


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--trunks", type=int, default=1000)
    parser.add_argument("--serve", action="store_true", help="be the provider")
    asked = parser.parse_args()
    if asked.serve:
        serve()
    else:
        exitWith(lambda clock: main(asked.trunks))
