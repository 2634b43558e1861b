"""
What the phone book costs: C{python bench/phonebook.py}.

With 50 000 entries: a look-up by number, in each usual spelling, and by JID (at most 20 us); reading the file again, as
at SIGHUP (at most a second); and the longest turn of the reactor meanwhile (at most 10 ms), for a CSV and an SQLite
file, and for 5000 translation rules.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle
from typing import Any

from twisted.internet import reactor

from ichatgw.calls.dialplan import DialPlan
from ichatgw.config.reload import LongReloadable, Part, Reloadable, Reloader
from ichatgw.config.settings import Settings
from ichatgw.gateway.routing import newRules
from ichatgw.options import again
from ichatgw.phonebook import csvfile, sqlite
from ichatgw.phonebook.entries import Row
from ichatgw.phonebook.setup import routesOf
from ichatgw.runtime.collector import Collector
from ichatgw.runtime.steps import atOnce
from ichatgw.runtime.turns import Turns

ENTRIES, RULES = 50_000, 5000
LOOK_UP, RELOAD, TURN = 20e-6, 1.0, 10e-3


def row(number: int) -> Row:
    """One entry."""
    name = f"Person with the Number {number}"
    return f"+4930{number:07}", f"user{number}@example.com", name, "", "trunk", "sales support", "", ""


def configuration(directory: str, book: str, rules: int) -> str:
    """The name of a file of settings."""
    path = os.path.join(directory, "ichat-gw.config")
    with open(path, "w", encoding="utf-8") as file:
        file.write("JabberServer = localhost\nJabberComponentName = gw.example\nJabberComponentPassword = x\n")
        file.write(f"PhoneBook = {book}\nCountry = DE\nSubscriptionDatabase = none\n")
        for number in range(rules):
            file.write(
                f"TranslationPattern = ^sip:(9{time.time_ns() % 1000}{number:05})@\nTranslationOutput = sip:$1@x\n"
            )
    return path


def microseconds(look: Callable[[str], object], addresses: list[str]) -> float:
    """Of one look-up, the best of some rounds; addresses differ, so that nothing is remembered."""
    best, some = 1.0, cycle(addresses)
    for _ in range(5):
        start = time.process_time()
        for _ in range(5000):
            look(next(some))
        best = min(best, (time.process_time() - start) / 5000)
    return best * 1e6


def lookUps(translate: Callable[[str], str], of: Callable[[str], object]) -> float:
    """Print what look-ups cost, and give the most."""
    kinds = {
        "sip:+4930...": [f"sip:+4930{n:07}@gw.example" for n in range(0, ENTRIES, 2)],
        "sip:030...": [f"sip:030{n:07}@gw.example" for n in range(0, ENTRIES, 2)],
        "sip:004930...": [f"sip:004930{n:07}@gw.example" for n in range(0, ENTRIES, 2)],
        "tel:+49-30-...": [f"tel:+49-30-{n:07}" for n in range(0, ENTRIES, 2)],
        "xmpp:+4930...": [f"xmpp:+4930{n:07}@gw.example" for n in range(0, ENTRIES, 2)],
    }
    costs = {kind: microseconds(translate, addresses) for kind, addresses in kinds.items()}
    costs["a JID"] = microseconds(of, [f"user{n}@example.com" for n in range(0, ENTRIES, 2)])
    for kind, cost in costs.items():
        print(f"look-up of {kind:<20}{cost:7.1f} us")
    return max(costs.values()) / 1e6


def reload(book: str, rules: int, directory: str) -> tuple[float, float]:
    """Seconds that it takes to read all again, and of the longest turn meanwhile."""
    clock: Any = reactor
    turns, took, ended = Turns(clock), list[float](), list[float]()
    collector = Collector(turns, lambda: False)

    def watch(seconds: float, name: str) -> None:
        start = time.perf_counter()
        collector.jobEnded(seconds, name)
        took.append(seconds + time.perf_counter() - start)

    turns.watch = watch
    settings, _ = atOnce(again(configuration(directory, book, rules), (), {}))
    plan = DialPlan(settings.translationRules)
    routes, reloadsBook = routesOf(turns, plan, settings)
    load = partial(again, configuration(directory, book, rules), (), {})
    parts: list[Part] = [
        reloadsBook,
        LongReloadable(("translationRules",), partial(newRules, plan)),
        Reloadable((), lambda new: lambda: ended.append(time.perf_counter())),
    ]
    reloader = Reloader(clock, turns, settings, load, parts)
    collector.startService()
    begun = time.perf_counter()
    turns.callLater(0, reloader.reload)
    turns.callLater(12, clock.crash)
    clock.run()
    collector.stopService()
    return ended[0] - begun, max(took)


def main() -> int:
    """
    Measure, and print.

    @return: the exit status: 1 if anything takes too long.
    """
    with tempfile.TemporaryDirectory() as directory:
        rows = [row(number) for number in range(ENTRIES)]
        csv, database = os.path.join(directory, "book.csv"), os.path.join(directory, "book.sqlite")
        with open(csv, "wb") as file:
            file.write(csvfile.written(rows))
        sqlite.write(database, rows)
        settings = Settings.load(configuration(directory, csv, 0))[0]
        clock: Any = reactor
        routes, _ = routesOf(Turns(clock), DialPlan(()), settings)
        isSlow = lookUps(routes.translate, routes.book.of) > LOOK_UP
        for name, book, rules in (("CSV", csv, 0), ("SQLite", database, 0), (f"{RULES} rules", "", RULES)):
            spent, longest = reload(book, rules, directory)
            print(f"SIGHUP, {name:<20}{spent:11.2f} s, longest turn {longest * 1e3:.1f} ms")
            isSlow = isSlow or (spent > RELOAD and bool(book)) or longest > TURN
    return int(isSlow)


if __name__ == "__main__":
    raise SystemExit(main())
