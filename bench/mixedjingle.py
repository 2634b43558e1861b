"""
The row of C{bench/mixed.py} with calls of Jingle clients: how late the sound of other calls is while clients with ICE
and DTLS-SRTP call phones and are called, C{python bench/mixedjingle.py [--rate 20] [--seconds 10]}.

The clients and their phones are C{bench/jingle.py}'s.  At 20 calls a second they are at the limit of their core.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Any

from jingle import Bench
from sound import Sound, Talkers, compiled
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import deferLater, react
from twisted.internet.threads import deferToThread

HOST = "127.0.0.1"
FIRST_PORT = 12000


async def run(reactor: Any, calls: int, rate: float, seconds: float) -> None:
    """The row without other calls, and with them."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    probe = Talkers((HOST, 0))
    rules = [("TranslationPattern", r"^sip:(t\d+)@"), ("TranslationOutput", f"sip:$1@{HOST}:{probe.calleePort}")]
    made = Bench(reactor, rules)
    probe.gateway = (HOST, made.port)
    with tempfile.TemporaryDirectory() as folder:
        program = compiled(Path(folder), "sound.c")
        try:
            await made.start(cores)
            parties: list[tuple[int, int]] = []
            for number in range(calls):
                own = (FIRST_PORT + 4 * number, FIRST_PORT + 4 * number + 2)
                parties += list(zip(own, probe.call(number, own), strict=True))
            probe.answer()
            sound = Sound(program, parties, cores[-1])
            try:
                sound.start(2)
                await deferToThread(sound.result)
                for name, each in (("nothing", 0.0), (f"{rate:.0f} Jingle calls/s", rate)):
                    await measure(reactor, made, sound, name, each, seconds)
            finally:
                sound.close()
        finally:
            made.stop()


async def measure(reactor: Any, made: Bench, sound: Sound, name: str, rate: float, seconds: float) -> None:
    """One line."""
    sound.start(seconds)
    failed = 0
    if rate:
        for kind in ("SIP>Jingle", "Jingle>SIP"):
            failed += (await made.measure(kind, rate, seconds / 2 - 1)).failed
    waiting: Deferred[Any] = deferToThread(sound.result)
    heard = await waiting
    print(
        f"{name:30} p50 {heard.p50:.2f} ms, p99 {heard.p99:.2f}, worst {heard.worst:.1f}, gap {heard.gap:.0f},"
        f" lost {heard.sent - heard.received}; {failed} calls failed; the generator was late by {heard.late:.1f} ms",
        flush=True,
    )
    await deferLater(reactor, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100, help="calls that talk")
    parser.add_argument("--rate", type=float, default=20, help="calls of clients in a second")
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    react(lambda reactor: ensureDeferred(run(reactor, options.calls, options.rate, options.seconds)))


if __name__ == "__main__":
    main()
