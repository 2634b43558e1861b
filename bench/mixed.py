"""
How late sound comes while the gateway does other things.

C{python bench/mixed.py [--calls 100] [--seconds 10] [--rows PATTERN]}: so many calls talk, a packet every 20 ms from
each party, relayed by the real gateway on one core.  Beside them, from another core, calls are set up, users come
online, the link is lost, strangers send a burst, an administrator looks on.  Each row is a run of its own on a gateway
that is up already; the sound is made and measured by C{bench/sound.c}, which needs a C compiler.  Ratios are to the
first row of the same run: that in which nothing else happens, if it is among them.
"""

from __future__ import annotations

import argparse
import os
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from attrs import define, field, frozen
from calls import GatewayProcess, freePort, percentile
from loadgen import COMPONENT, DOMAIN, HOST, Load
from onlooker import METRICS_SECONDS, PAGE_SECONDS, Onlooker
from sound import Heard, Sound, Talkers, compiled

STRANGER = "127.0.0.2"
FIRST_PORT = 12000
"""Of the parties of the calls that talk."""

_SETTINGS = """
AllowedSIPPeers = 127.0.0.1/32
SubscriptionDatabase = {database}
TranslationPattern = ^sip:(t\\d+)@
TranslationOutput = sip:$1@127.0.0.1:{callee}
"""

_WEB = """
HTTPPort = {web}
"""

_REGISTRAR = """
RegistrationTime = 3600
TranslationPattern = ^xmpp:(u\\d+)@
TranslationOutput = sip:$1@127.0.0.1:{phone}
"""


@define
class Scene:
    """
    A gateway with calls that talk.

    @ivar web: the port of HTTP, if the row has it.
    @ivar setups: seconds that the calls beside them took to be set up.
    @ivar onlookers: who asks over HTTP.
    """

    load: Load
    gateway: GatewayProcess
    sound: Sound
    seconds: float
    web: int
    setups: list[float] = field(factory=list)
    failed: int = 0
    onlookers: tuple[Onlooker, ...] = ()

    def calls(self, prefix: str, rate: float) -> None:
        """Calls are set up, and hung up after a moment."""
        results = self.load.calls(prefix, rate, self.seconds, 0.3)
        self.setups, self.failed = results.setups, results.failed

    def watched(self, prefix: str, rate: float) -> None:
        """Calls likewise, while the page is open and the metrics are scraped."""
        self.onlookers = (
            Onlooker(self.web, "/metrics", METRICS_SECONDS),
            Onlooker(self.web, "/part/home", PAGE_SECONDS),
        )
        for each in self.onlookers:
            each.start()
        self.calls(prefix, rate)
        for each in self.onlookers:
            each.stop()

    def nothing(self) -> None:
        """Nothing happens."""
        self.load.run(self.seconds)

    def burst(self, count: int) -> None:
        """So many users come online at once."""
        self.load.later(1, partial(self.load.presences, 1000, count))
        self.load.run(self.seconds)

    def stream(self, rate: int) -> None:
        """So many presences come each second."""
        for step in range(int(self.seconds * 20)):
            self.load.later(step / 20, partial(self.load.presences, 1000 + step * 10 % 5000, rate // 20))
        self.load.run(self.seconds)

    def link(self) -> None:
        """The link is lost, and comes back."""
        self.load.later(1, self.load.cut)
        self.load.run(self.seconds)

    def rules(self, count: int) -> None:
        """The settings are read again, with so many rules more."""
        rules = "".join(
            f"TranslationPattern = ^sip:9{n:06d}@\nTranslationOutput = sip:{n}@127.0.0.1\n" for n in range(count)
        )
        self.load.later(1, partial(self.gateway.reload, rules))
        self.load.run(self.seconds)

    def subscriptions(self, rate: int) -> None:
        """So many users subscribe each second."""
        for step in range(int(self.seconds * 10)):
            self.load.later(step / 10, partial(self.load.subscribe, 1000 + step * rate // 10, rate // 10))
        self.load.run(self.seconds)

    def strangers(self, count: int) -> None:
        """A stranger sends so many requests at once, in each second."""
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as stranger:
            stranger.bind((STRANGER, 0))
            for second in range(1, int(self.seconds)):
                self.load.later(second, partial(self._strangers, stranger, count, second))
            self.load.run(self.seconds)

    def _strangers(self, stranger: socket.socket, count: int, second: int) -> None:
        for number in range(count):
            stranger.sendto(
                (
                    f"OPTIONS sip:{HOST} SIP/2.0\r\nVia: SIP/2.0/UDP {STRANGER};branch=z9hG4bK{second}.{number}\r\n"
                    f"From: <sip:s@s>;tag={number}\r\nTo: <sip:{HOST}>\r\nCall-ID: {second}.{number}\r\n"
                    "CSeq: 1 OPTIONS\r\n\r\n"
                ).encode(),
                self.load.gateway,
            )


@frozen
class Row:
    """
    A line of the table.

    @ivar subscribers: how many subscriptions the gateway knows from before.
    @ivar more: further settings of the gateway.
    @ivar slowDisk: whether each fsync of the gateway takes 100 ms.
    """

    name: str
    act: Callable[[Scene], None]
    subscribers: int = 0
    seconds: float = 0.0
    more: str = ""
    slowDisk: bool = False


ROWS = (
    Row("nothing", Scene.nothing),
    Row("100 calls/s UDP", lambda scene: scene.calls("p", 100)),
    Row("100 calls/s UDP, page, metrics", lambda scene: scene.watched("p", 100), more=_WEB),
    Row("100 calls/s TCP", lambda scene: scene.calls("c", 100)),
    Row("100 calls/s TLS", lambda scene: scene.calls("s", 100)),
    Row("150 calls/s UDP", lambda scene: scene.calls("p", 150)),
    Row("5000 presences at once", lambda scene: scene.burst(5000)),
    Row("2500 presences/s", lambda scene: scene.stream(2500), seconds=20),
    Row("1700 messages of a stranger", lambda scene: scene.strangers(1700)),
    Row("5000 rules at SIGHUP", lambda scene: scene.rules(5000)),
    Row("link lost, 5000 users", Scene.link, 5000),
    Row("link lost, 50000 users", Scene.link, 50000, 20),
    Row("5000 users registered", lambda scene: scene.burst(5000), 5000, more=_REGISTRAR),
    Row("100 subscriptions/s, slow disk", lambda scene: scene.subscriptions(100), 1, slowDisk=True),
)


@contextmanager
def scene(calls: int, seconds: float, row: Row, cores: list[int], profile: str = "") -> Iterator[Scene]:
    """A gateway, its calls, and an end to all of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = compiled(folder, "sound.c")
        load, web = Load((HOST, freePort()), folder), freePort()
        talkers = Talkers(load.gateway)
        database = folder / "subscriptions" if row.subscribers else None
        if database is not None:
            subscribe(database, row.subscribers)
        more = _SETTINGS.format(callee=talkers.calleePort, database=database or "none")
        more += row.more.format(phone=load.phonePort, web=web)
        environment = {"LD_PRELOAD": str(compiled(folder, "slowsync.c"))} if row.slowDisk else {}
        process = GatewayProcess(folder, load, cores[0], more=more, profile=profile, environment=environment)
        sound = None
        try:
            load.run(15, lambda: load.online)
            load.run(1 + row.subscribers / 5000)
            parties = []
            for number in range(calls):
                own = (FIRST_PORT + 4 * number, FIRST_PORT + 4 * number + 2)
                parties += list(zip(own, talkers.call(number, own), strict=True))
            talkers.answer()
            sound = Sound(program, parties, cores[-1])
            sound.start(2)
            sound.result()
            yield Scene(load, process, sound, row.seconds or seconds, web)
        finally:
            if sound is not None:
                sound.close()
            process.stop()
            load.close()
            if process.log.exists() and "-v" in sys.argv:
                print(process.log.read_text()[-3000:])


def subscribe(path: Path, count: int) -> None:
    """Users who have subscribed before."""
    with closing(sqlite3.connect(path)) as database:
        database.execute(
            "CREATE TABLE subscription (user TEXT, gateway TEXT, PRIMARY KEY (user, gateway)) WITHOUT ROWID"
        )
        rows = ((f"u{1000 + n}@{DOMAIN}", f"control@{COMPONENT}") for n in range(count))
        database.executemany("INSERT INTO subscription VALUES (?, ?)", rows)
        database.commit()
    path.chmod(0o600)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100, help="calls that talk")
    parser.add_argument("--seconds", type=float, default=10, help="how long each row takes")
    parser.add_argument("--rows", default="*", help="which rows, as a pattern")
    parser.add_argument(
        "--profile", default="", help="file for the gateway's profile (cProfile); figures are slow then"
    )
    parser.add_argument("-v", action="store_true", help="show the gateway's log")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    print(f"{options.calls} calls talk, and beside them:  delay of packets in ms; gap: longest time without one")
    print(f"{'':30} {'p50':>7} {'p99':>7} {'ratio':>6} {'worst':>7} {'gap':>6} {'fewest/s':>8} {'lost':>5}", end="")
    print(f" {'set-up p50':>10} {'p95':>7} {'failed':>6} {'core %':>6} {'generator late':>14}")
    quiet: Heard | None = None
    for row in ROWS:
        if not fnmatch(row.name, options.rows):
            continue
        with scene(options.calls, options.seconds, row, cores, options.profile) as made:
            before = made.gateway.cpu()
            made.sound.start(made.seconds)
            row.act(made)
            heard = made.sound.result()
            busy = (made.gateway.cpu() - before) / made.seconds * 100
        quiet = quiet or heard
        setup = f"{percentile(made.setups, 0.5):10.1f} {percentile(made.setups, 0.95):7.1f} {made.failed:6d}"
        lost = heard.sent - heard.received
        print(
            f"{row.name:30} {heard.p50:7.2f} {heard.p99:7.2f} {heard.p99 / quiet.p99:6.1f} {heard.worst:7.1f}"
            f" {heard.gap:6.0f} {heard.fewest:8d} {lost:5d} {setup} {busy:6.1f} {heard.late:14.1f}",
            flush=True,
        )
        for each in made.onlookers:
            print(
                f"  {each.path}: {len(each.took)} answers, at most {1000 * max(each.took, default=0):.0f} ms;"
                f" {each.failed} failed"
            )


if __name__ == "__main__":
    main()
