"""
Mixed calls for a long time, and what is left of them.

C{python bench/soak.py [--seconds 600] [--rate 20]}: calls from iChats to phones, from phones to iChats and from phones
to phones; answered, held and resumed, declined, and abandoned while it rings; transferred blind, in vain or to somebody
who was asked first, and taken over by another phone.  Half of those that are answered are ended by the callee.
Afterwards the gateway must have as many calls, legs, ports, timers, transactions and files as before, and no more
Python objects than it may remember; its memory must not have grown from the second quarter of the time to the last.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import fmean, linear_regression
from typing import Any

from soakcalls import ICHATS, Calls
from soakgateway import pause
from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred, DeferredList, ensureDeferred

QUIET = 120.0
"""Seconds within which the last transaction, port and cached response has to go (the longest live 32 s)."""

REMEMBERED = 1100
"""Calls after which what is remembered of those that are over is full; so many come before anything is counted."""

OBJECTS = 0.1
"""By this share may there be more objects: of some calls that are remembered there is more to tell than of others."""

GROWTH = 0.05
"""The share by which memory may differ between the quarters: what is allocated and freed leaves gaps."""

SETTLED = 75.0
"""Seconds of calls after which memory has to stay as it is: responses are kept for a while, and names of dialogs.  So a
run of less than four times as long says nothing of memory."""


class Soak(Calls):
    """
    @ivar samples: resident memory in MiB, by time.
    @ivar late: by how many seconds a call was placed too late, at most: so long the simulators had no time.
    """

    def __init__(self, reactor: Any, folder: Path, seed: int) -> None:
        super().__init__(reactor, folder, seed)
        self.samples: list[tuple[float, float]] = []
        self.late = 0.0

    async def run(self, seconds: float, rate: float) -> None:
        """Place the calls, and wait for the last to end."""
        began = self.reactor.seconds()
        calls: list[Deferred[None]] = []
        number, sampled = 0, 0.0
        while (now := self.reactor.seconds() - began) < seconds and not self.gateway.gone:
            self.late = max(self.late, now - number / rate)
            while number <= now * rate:
                number += 1
                calls.append(ensureDeferred(self.call(number)))
            if now - sampled >= min(5.0, seconds / 40):
                sampled = now
                self.samples.append((now, self.gateway.rss()))
                calls = [call for call in calls if not call.called]
            await pause(max(0.0, number / rate - now))
        await DeferredList(calls)

    async def quiet(self, base: dict[str, int]) -> dict[str, int]:
        """What the gateway has once it has no more than C{base}, or when there is no hope of it."""
        last = time.monotonic() + QUIET
        while True:
            counts = await self.gateway.counts()
            if not remains(counts, base) or time.monotonic() > last:
                return counts
            await pause(2.0)


def remains(left: dict[str, int], base: dict[str, int]) -> list[str]:
    """Of what there is more than there may be."""
    return [name for name in base if left[name] > base[name] * (1 + (OBJECTS if name == "objects" else 0))]


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
            await made.run(min(REMEMBERED / rate, seconds / 4), rate)
            made.fates.clear()
            made.samples.clear()
            made.late = 0.0
            empty = dict.fromkeys(await made.gateway.counts(), 10**9)
            empty |= dict.fromkeys(("calls", "transactions", "ports lent", "dialogs", "responses kept", "legs"), 0)
            base = await made.quiet(empty)
            before, ours, began = made.gateway.cpu(), time.process_time(), time.monotonic()
            print(f"before: {base}\n{rate:g} calls a second for {seconds:g} s, seed {seed}", flush=True)
            await made.run(seconds, rate)
            took = time.monotonic() - began
            busy = (made.gateway.cpu() - before) / took, (time.process_time() - ours) / took
            left = await made.quiet(base)
            return report(made, base, left, busy)
        finally:
            made.end()


def report(made: Soak, base: dict[str, int], left: dict[str, int], busy: tuple[float, float]) -> bool:
    """Print what happened, and judge."""
    for name, count in sorted(made.fates.items()):
        print(f"{count:7d}  {name}")
    for name, count in made.failures.most_common(20):
        print(f"{count:7d}  FAILED {name}")
    print(f"after:  {left}")
    second, last = memory(made.samples)
    settled = made.samples[-1][0] >= 3.9 * SETTLED
    shown = made.samples[:: max(1, len(made.samples) // 20)]
    print("MiB:    " + " ".join(f"{mib:.0f}@{at:.0f}s" for at, mib in shown))
    judged = "" if settled else " (too short a time to judge by)"
    print(f"memory: {second:.1f} MiB in the second quarter, {last:.1f} MiB in the last{judged}")
    half = made.samples[len(made.samples) // 2 :]
    if len(half) > 2:
        print(f"        {3600 * linear_regression(*zip(*half, strict=True)).slope:+.1f} MiB an hour in the last half")
    print(f"CPU:    {busy[0]:.0%} of a core for the gateway, {busy[1]:.0%} for the simulators")
    print(f"late:   the simulators, by {made.late:.1f} s at most")
    complaints = made.gateway.log.read_text() if made.gateway.log.exists() else ""
    if complaints:
        print(f"the gateway complained:\n{complaints[-3000:]}")
    faults = [f"{name}: {left[name]}, before {base[name]}" for name in remains(left, base)]
    faults += ["memory has grown"] if settled and last > second * (1 + GROWTH) else []
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
        done.addErrback(lambda failure: failure.printTraceback(sys.stderr))
        done.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    return 0 if outcome == [True] else 1


if __name__ == "__main__":
    sys.exit(main())
