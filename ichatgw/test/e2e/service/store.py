# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Subscriptions and a process that is killed.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import count, islice
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from ichatgw.runtime.disk import DirectDisk
from ichatgw.runtime.turns import Turns
from ichatgw.sim.xmpp.xml import element
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.programs.program import CHECKOUT
from ichatgw.test.e2e.programs.prosody import DOMAIN
from ichatgw.test.e2e.service.crowd import CrowdServer
from ichatgw.test.e2e.support.case import CONTROL, PORTS, EndToEnd
from ichatgw.test.e2e.support.moment import pause
from ichatgw.xmpp.presence.sqlitestore import SQLiteStore

ROUNDS, GATEWAYS = 25, 8

LEAVES = 5
"""Each user whose number can be divided by it unsubscribes soon."""

_WRITER = """
import random, sys
from itertools import count, islice
from twisted.internet import reactor, task
from ichatgw.runtime.disk import DiskThread
from ichatgw.runtime.turns import Turns
from ichatgw.xmpp.presence.sqlitestore import SQLiteStore
from ichatgw.xmpp.stanzas import parseJID

CONTROL = parseJID("control@gw.chat.example")
store = SQLiteStore(Turns(reactor), sys.argv[1], lambda user: True, DiskThread(reactor))
store.startService()
numbers = count(int(sys.argv[2]))
chance = random.Random(int(sys.argv[2]))

def say(text):
    sys.stdout.write(text)
    sys.stdout.flush()

def user(number):
    return parseJID(f"user{number}@chat.example")

def come():
    for number in islice(numbers, chance.randrange(1, 8)):
        if not store.add(user(number), CONTROL):
            reactor.stop()  # there is no room: the test reads nothing more, and fails
        store.written().addCallback(lambda _, number=number: say(f"{number}\\n"))
        if number % LEAVES == 0:
            reactor.callLater(chance.choice((0, 0.02)), leave, number)

def leave(number):
    store.remove(user(number), CONTROL)
    store.written().addCallback(lambda _: say(f"-{number}\\n"))

task.LoopingCall(come).start(0.002)
reactor.run()
""".replace("LEAVES", str(LEAVES))


class Killed(SynchronousTestCase):
    """C{kill -9} at any moment."""

    def test_nothingAcknowledgedIsLost(self) -> None:
        """Each subscription that was acknowledged before the kill is there after it, and none that was given up."""
        folder = Path(self.mktemp())
        folder.mkdir()
        path = folder / "subscriptions.sqlite"
        chance = random.Random(9)
        acknowledged: set[str] = set()
        for _ in range(ROUNDS):
            first = 1 + max((abs(int(line)) for line in acknowledged), default=0)
            writer = subprocess.Popen(
                [sys.executable, "-c", _WRITER, str(path), str(first)],
                stdout=subprocess.PIPE,
                text=True,
                env=os.environ | CHECKOUT,
            )
            assert writer.stdout is not None
            for _ in range(chance.randrange(1, 60)):
                acknowledged.add(writer.stdout.readline())
            writer.kill()
            acknowledged.update(line for line in writer.stdout.read().splitlines(keepends=True) if line[-1] == "\n")
            writer.wait()
            writer.stdout.close()
            found = self._found(path)
            numbers = {int(line) for line in acknowledged}
            self.assertEqual({number for number in numbers if number > 0 and number % LEAVES} - found, set())
            self.assertEqual({-number for number in numbers if number < 0} & found, set())
        self.assertTrue(len(numbers) > ROUNDS and any(number < 0 for number in numbers))

    def _found(self, path: Path) -> set[int]:
        store = SQLiteStore(Turns(Clock()), str(path), lambda user: True, DirectDisk())
        store.startService()
        found = {int(str(user.user).removeprefix("user")) for user in store.users()}
        store.stopService()
        return found


class KilledGateway(EndToEnd):
    """The whole gateway, and what its server has been told."""

    timeout = 180
    makeServer = CrowdServer

    async def test_nothingAcknowledgedIsLost(self) -> None:
        """
        Each user for whom the server has seen C{subscribed} is in the file when the gateway has been killed; that is as
        soon as the server sees one of these.
        """
        path = self.directory("store.sqlite").absolute()
        acknowledged: set[str] = set()
        chance, users = random.Random(9), (f"user{number}@{DOMAIN}" for number in count())

        def route(stanza: Element, sender: str, receiver: str) -> None:
            if stanza.getAttribute("type") == "subscribed":
                acknowledged.add(stanza["to"])
                if len(acknowledged) >= enough:
                    gateway.program.signal("KILL")

        self.server.router.tap = route
        for _ in range(GATEWAYS):
            gateway = Gateway(self.clock, self.directory("gateway"), PORTS, self.server.componentPort)
            gateway.rules(0)
            gateway.set("SubscriptionDatabase", path)
            self.ending(gateway.program)
            enough = len(acknowledged) + chance.randrange(1, 200)
            await gateway.start()
            while gateway.program.status is None:
                for user in islice(users, chance.randrange(1, 8)):
                    self.server.router.route(element("presence", type="subscribe", from_=user, to=CONTROL))
                await pause(self.clock, chance.choice((0, 0.001, 0.003)))
            await pause(self.clock, 0.2)  # what it had said is on the way
            with closing(sqlite3.connect(path)) as database:
                found = {user for (user,) in database.execute("SELECT user FROM subscription")}
            self.assertEqual(acknowledged - found, set())
        print(f"{len(acknowledged)} acknowledged by {GATEWAYS} gateways that were killed")
