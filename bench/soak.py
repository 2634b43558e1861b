"""
Mixed calls for a long time, and what is left of them.

C{python bench/soak.py [--seconds 600] [--rate 20]}: calls from iChats to phones, from phones to iChats and from phones
to phones; answered, held and resumed, declined, and abandoned while it rings; half of those that are answered are ended
by the callee.  Afterwards the gateway must have as many calls, legs, ports, timers, transactions and files as before,
and its memory must not have grown from the second quarter of the time to the last.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import fmean
from typing import Any, TypeVar

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred, DeferredList, ensureDeferred
from twisted.internet.task import deferLater

from ichatgw.sim.child import freePort
from ichatgw.sim.ichat import IChat
from ichatgw.sim.phone import Answering, Phone
from ichatgw.sim.profile import LEOPARD, SNOW, Action, Taking
from ichatgw.sim.router import Router

HOST = "127.0.0.1"
COMPONENT = "gw.soak.example"
DOMAIN = "soak.example"
SECRET = "soak"
ICHATS = 120
PATIENCE = 15.0
QUIET = 120.0
"""Seconds within which the last transaction, port and cached response has to go (the longest live 32 s)."""

FATES = {"answered": 50, "held": 20, "declined": 15, "abandoned": 15}
GROWTH = 0.05
"""The share by which memory may differ between the quarters: what is allocated and freed leaves gaps."""

_CONFIG = """
IPAddress = 127.0.0.1
UDPTCPPort = {sip}
JabberServer = 127.0.0.1
JabberComponentPort = {xmpp}
JabberComponentName = {component}
JabberComponentPassword = {secret}
SubscriptionDatabase = none
MediaRelayPortRangeMin = {first}
MediaRelayPortRangeMax = {last}
RegistrationTime = 0
TranslationPattern = ^(?:xmpp|sip):(a\\d+)@
TranslationOutput = sip:$1@127.0.0.1:{answering}
TranslationPattern = ^(?:xmpp|sip):(d\\d+)@
TranslationOutput = sip:$1@127.0.0.1:{declining}
TranslationPattern = ^(?:xmpp|sip):(r\\d+)@
TranslationOutput = sip:$1@127.0.0.1:{ringing}
TranslationPattern = ^sip:(user\\d+)@
TranslationOutput = xmpp:$1@{domain}
LogLevel = WARNING
LogFilename = {log}
"""

T = TypeVar("T")


class GatewayProcess:
    """The gateway in a C{twistd} of its own, which can be asked what it has."""

    def __init__(self, folder: Path, settings: dict[str, object]) -> None:
        self.log = folder / "gw.log"
        self._counts = folder / "counts"
        config = folder / "gw.config"
        config.touch(0o600)
        config.write_text(_CONFIG.format(log=self.log, **settings))
        twistd = Path(sys.executable).with_name("twistd")
        self._process = subprocess.Popen(
            [sys.executable, str(twistd), "-n", "--pidfile=", "-y", str(Path(__file__).resolve().with_suffix(".tac"))],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(each for each in sys.path if each),
                "ICHATGW_CONFIG": str(config),
                "SOAK_COUNTS": str(self._counts),
            },
        )
        self.pid = self._process.pid

    @property
    def gone(self) -> bool:
        """Has it ended by itself?"""
        return self._process.poll() is not None

    def rss(self) -> float:
        """Resident memory in MiB."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

    def cpu(self) -> float:
        """Seconds of CPU used so far, by user and kernel."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def counts(self) -> dict[str, int]:
        """What it has now."""
        self._counts.unlink(missing_ok=True)
        self._process.send_signal(signal.SIGUSR2)
        for _ in range(500):
            if self._counts.exists():
                found: dict[str, int] = json.loads(self._counts.read_text())
                return found
            await pause(0.02)
        raise RuntimeError("the gateway does not say what it has")

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if not self.gone:
            self._process.send_signal(signal.SIGTERM)
        self._process.wait(15)


class Soak:
    """
    @ivar fates: how many calls went as they should, by kind and fate.
    @ivar failures: how many did not, with the reason.
    """

    def __init__(self, reactor: Any, folder: Path, seed: int) -> None:
        self.reactor = reactor
        self.random = random.Random(seed)
        self.fates: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.samples: list[tuple[float, float]] = []
        self.router = Router(reactor, {COMPONENT: SECRET}, DOMAIN)
        self.phones = {
            "a": Phone(reactor, HOST, answering=Answering(delay=0.1)),
            "d": Phone(reactor, HOST, answering=Answering(delay=0.1, code=603)),
            "r": Phone(reactor, HOST, answering=Answering(delay=None)),
            "caller": Phone(reactor, HOST, user="caller"),
        }
        for phone in self.phones.values():
            phone.start()
        self.ichats = [
            IChat(reactor, f"user{n}@{DOMAIN}/iChat", HOST, profile=(LEOPARD, SNOW)[n % 2], strict=False)
            for n in range(ICHATS)
        ]
        self.idle: list[IChat] = []
        self.sip = freePort(HOST)
        self.gateway = GatewayProcess(
            folder,
            {
                "sip": self.sip,
                "xmpp": self.router.listen(HOST),
                "component": COMPONENT,
                "secret": SECRET,
                "domain": DOMAIN,
                "first": 40000,
                "last": 48000,
                "answering": self.phones["a"].address.port,
                "declining": self.phones["d"].address.port,
                "ringing": self.phones["r"].address.port,
            },
        )

    async def begin(self) -> None:
        """Everybody online."""
        await self.soon(self.router.whenConnected(COMPONENT))
        for ichat in self.ichats:
            ichat.start()
            ichat.connected(self.router.attach(ichat.jid, ichat.received))
            await self.soon(ichat.account.subscribe(f"control@{COMPONENT}"))
            self.idle.append(ichat)

    def end(self) -> None:
        """Leave nothing running."""
        self.gateway.stop()
        for phone in self.phones.values():
            phone.stop()
        for ichat in self.ichats:
            ichat.stop()
        self.router.close()

    async def run(self, seconds: float, rate: float) -> None:
        """Place the calls, and wait for the last to end."""
        began = self.reactor.seconds()
        calls: list[Deferred[None]] = []
        number, sampled = 0, 0.0
        while (now := self.reactor.seconds() - began) < seconds and not self.gateway.gone:
            while number <= now * rate:
                number += 1
                calls.append(ensureDeferred(self.call(number)))
            if now - sampled >= min(5.0, seconds / 40):
                sampled = now
                self.samples.append((now, self.gateway.rss()))
                calls = [call for call in calls if not call.called]
            await pause(0.01)
        await DeferredList(calls)

    async def quiet(self, base: dict[str, int]) -> dict[str, int]:
        """What the gateway has once it has no more than C{base}, or when there is no hope of it."""
        last = time.monotonic() + QUIET
        while True:
            counts = await self.gateway.counts()
            if all(counts[name] <= base[name] for name in counts) or time.monotonic() > last:
                return counts
            await pause(2.0)

    async def call(self, number: int) -> None:
        """One call, of some kind, with some fate."""
        kind = self.random.choice((self.fromIChat, self.toIChat, self.betweenPhones))
        fate = self.random.choices(list(FATES), list(FATES.values()))[0]
        ichat: IChat | None = None
        if kind != self.betweenPhones:
            if not self.idle:
                self.fates["not placed: no iChat is idle"] += 1
                return
            ichat = self.idle.pop(0)
        name = f"{kind.__name__} {fate}"
        try:
            await kind(number, fate, ichat)
        except Exception as problem:
            self.failures[f"{name}: {type(problem).__name__} {str(problem)[:80]}"] += 1
            for call in ichat.calls if ichat is not None else ():
                call.finish("dropped")
        else:
            self.fates[name] += 1
        if ichat is not None:
            del ichat.calls[:]
            self.idle.append(ichat)

    async def fromIChat(self, number: int, fate: str, ichat: IChat | None) -> None:
        """An iChat calls a phone."""
        assert ichat is not None
        phone = self.phones[{"declined": "d", "abandoned": "r"}.get(fate, "a")]
        letter = {"declined": "d", "abandoned": "r"}.get(fate, "a")
        call = ichat.call(f"{letter}{number}@{COMPONENT}")
        if fate == "declined":
            await self.soon(call.whenEnded())
            expect(call.outcome, "declined")
            return
        there = await self.arrival(phone, f"{letter}{number}")
        if fate == "abandoned":
            await pause(0.2)
            call.hangup()
            await self.soon(there.whenEnded())
            expect(there.status, 487)
            return
        await self.soon(call.whenAnswered())
        await self.talk(fate, there, call)

    async def toIChat(self, number: int, fate: str, ichat: IChat | None) -> None:
        """A phone calls an iChat."""
        assert ichat is not None
        action = {"declined": Action.DECLINE, "abandoned": Action.IGNORE}.get(fate, Action.ACCEPT)
        ichat.taking = Taking(action, delay=0.1)
        arrival = ichat.whenCalled()
        call = self.phones["caller"].call(f"sip:{ichat.jid.partition('@')[0]}@{HOST}:{self.sip}")
        there = await self.soon(arrival)
        if fate == "declined":
            await self.soon(call.whenEnded())
            expect(call.status, 603)
        elif fate == "abandoned":
            await self.soon(call.whenRinging())
            call.hangup()
            await self.soon(there.whenEnded())
            await self.soon(call.whenEnded())
            expect(call.status, 487)
        else:
            await self.soon(call.whenAnswered())
            await self.soon(there.whenAnswered())
            await self.talk(fate, call, there)
        self.forget(call)

    async def betweenPhones(self, number: int, fate: str, ichat: IChat | None) -> None:
        """A phone calls a phone."""
        letter = {"declined": "d", "abandoned": "r"}.get(fate, "a")
        call = self.phones["caller"].call(f"sip:{letter}{number}@{HOST}:{self.sip}")
        if fate == "declined":
            await self.soon(call.whenEnded())
            expect(call.status, 603)
        else:
            there = await self.arrival(self.phones[letter], f"{letter}{number}")
            if fate == "abandoned":
                await self.soon(call.whenRinging())
                call.hangup()
                await self.soon(call.whenEnded())
                await self.soon(there.whenEnded())
                expect(call.status, 487)
            else:
                await self.soon(call.whenAnswered())
                await self.talk(fate, call, there)
        self.forget(call)

    async def talk(self, fate: str, phone: Any, other: Any) -> None:
        """Some seconds, perhaps with a hold; then one of the two hangs up, and the other is told."""
        await pause(self.random.uniform(0.3, 2.0))
        if fate == "held":
            phone.hold()
            await pause(self.random.uniform(0.2, 1.5))
            phone.hold("sendrecv")
            await pause(0.3)
        ender, told = (phone, other) if self.random.random() < 0.5 else (other, phone)
        ender.hangup()
        await self.soon(told.whenEnded())
        await self.soon(ender.whenEnded())

    async def arrival(self, phone: Phone, user: str) -> Any:
        """The call for a number; forgotten by the phone when it is over."""
        last = self.reactor.seconds() + PATIENCE
        while self.reactor.seconds() < last:
            for call in phone.calls:
                if call.dialog.invite.uri.startswith(f"sip:{user}@"):
                    call.whenEnded().addCallback(self.forget)
                    return call
            await pause(0.02)
        raise TimeoutError(f"nothing arrived at {user}")

    def forget(self, call: Any) -> None:
        """So much memory is not here."""
        if call in call.phone.calls:
            call.phone.calls.remove(call)

    async def soon(self, what: Deferred[T]) -> T:
        return await what.addTimeout(PATIENCE, self.reactor)


def expect(found: object, wanted: object) -> None:
    """@raise ValueError: if it is another one."""
    if found != wanted:
        raise ValueError(f"{found!r} instead of {wanted!r}")


def pause(seconds: float) -> Deferred[None]:
    """Let time pass."""
    return deferLater(globalReactor, seconds, lambda: None)


def memory(samples: list[tuple[float, float]]) -> tuple[float, float]:
    """The mean of the second quarter of the time, and of the last."""
    quarter = max(1, len(samples) // 4)
    values = [value for _, value in samples]
    return fmean(values[quarter : 2 * quarter] or values), fmean(values[-quarter:])


async def soak(seconds: float, rate: float, seed: int) -> bool:
    """
    All of it.

    @return: whether all was well.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = Soak(globalReactor, Path(folder), seed)
        try:
            await made.begin()
            print(f"{ICHATS} iChats are online; warming up", flush=True)
            await made.run(min(10.0, seconds / 4), rate)
            made.fates.clear()
            made.samples.clear()
            empty = dict.fromkeys(await made.gateway.counts(), 10**9)
            empty |= dict.fromkeys(("calls", "transactions", "ports lent", "dialogs", "responses kept", "legs"), 0)
            base = await made.quiet(empty)
            before, began = made.gateway.cpu(), time.monotonic()
            print(f"before: {base}\n{rate:g} calls a second for {seconds:g} s, seed {seed}", flush=True)
            await made.run(seconds, rate)
            took = time.monotonic() - began
            busy = (made.gateway.cpu() - before) / took
            left = await made.quiet(base)
            return report(made, base, left, busy)
        finally:
            made.end()


def report(made: Soak, base: dict[str, int], left: dict[str, int], busy: float) -> bool:
    """Print what happened, and judge."""
    for name, count in sorted(made.fates.items()):
        print(f"{count:7d}  {name}")
    for name, count in made.failures.most_common(20):
        print(f"{count:7d}  FAILED {name}")
    print(f"after:  {left}")
    second, last = memory(made.samples)
    shown = made.samples[:: max(1, len(made.samples) // 20)]
    print("MiB:    " + " ".join(f"{mib:.0f}@{at:.0f}s" for at, mib in shown))
    print(f"memory: {second:.1f} MiB in the second quarter, {last:.1f} MiB in the last; {busy:.0%} of a core")
    complaints = made.gateway.log.read_text() if made.gateway.log.exists() else ""
    if complaints:
        print(f"the gateway complained:\n{complaints[-3000:]}")
    faults = [f"{name}: {left[name]}, before {base[name]}" for name in base if left[name] > base[name]]
    faults += ["memory has grown"] if last > second * (1 + GROWTH) else []
    faults += ["calls failed"] if made.failures else []
    faults += ["the gateway ended"] if made.gateway.gone else []
    faults += ["the gateway complained"] if complaints else []
    for fault in faults:
        print(f"FAULT: {fault}")
    print("FAILED" if faults else f"PASSED: {sum(made.fates.values())} calls, nothing is left")
    return not faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=float, default=20, help="calls a second")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="for the same calls again")
    options = parser.parse_args()
    outcome: list[bool] = []
    reactor: Any = globalReactor

    def begin() -> None:
        done = ensureDeferred(soak(options.seconds, options.rate, options.seed))
        done.addCallback(outcome.append)
        done.addErrback(lambda failure: failure.printTraceback())
        done.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    return 0 if outcome == [True] else 1


if __name__ == "__main__":
    sys.exit(main())
