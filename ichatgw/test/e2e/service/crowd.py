# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
A thousand users who come online at the same moment.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from sqlite3 import connect
from time import monotonic
from typing import Any

from ichatgw.sim.ichat.account import Account
from ichatgw.sim.ichat.profile import LEOPARD
from ichatgw.sim.xmpp.roster import Login
from ichatgw.sim.xmpp.router import Router
from ichatgw.test.e2e.accounts.registrars import WithRegistrar
from ichatgw.test.e2e.programs.kamailio import DOMAIN, password
from ichatgw.test.e2e.programs.prosody import COMPONENT, SECRET
from ichatgw.test.e2e.programs.prosody import DOMAIN as XMPP_DOMAIN
from ichatgw.test.e2e.support.case import CONTROL
from ichatgw.test.e2e.support.moment import pause
from ichatgw.test.e2e.support.ports import Ports

PEOPLE, RATE = 1000, 50
_SCHEMA = "CREATE TABLE subscription (user TEXT, gateway TEXT, PRIMARY KEY (user, gateway)) WITHOUT ROWID"
_ENTRY = "INSERT INTO subscription VALUES (?, ?)"


class CrowdServer:
    """
    A server whose users are in this process; those of a real one would need as many connections.

    @ivar componentPort: where the gateway connects.
    """

    def __init__(self, reactor: Any, directory: Path, ports: Ports) -> None:
        self.router = Router(reactor, {COMPONENT: SECRET}, XMPP_DOMAIN)
        self.componentPort = 0

    async def start(self) -> None:
        self.componentPort = self.router.listen()

    async def stop(self) -> None:
        await self.router.close()

    def enter(self, name: str) -> None:
        """A user comes online with an iChat; the control address is among their buddies."""
        contact = self.router.users.contact(f"{name}@{XMPP_DOMAIN}", CONTROL)
        contact.sees = contact.seen = True
        account = Account(f"{name}@{XMPP_DOMAIN}/iChat", LEOPARD, lambda stanza: login.send(stanza), lambda what: None)
        login: Login = self.router.attach(account.jid, account.received)
        account.login()


class Crowd(WithRegistrar):
    """How the gateway brings them to their registrar."""

    timeout = 240
    makeServer = CrowdServer

    async def test_atOnce(self) -> None:
        """
        All are registered, with digest, and at no time more than RegistrationsPerSecond allows.
        """
        await self.startRegistrar()
        names = [f"user{_letters(number)}" for number in range(PEOPLE)]
        known = self.directory("store.sqlite").absolute()
        with closing(connect(known)) as database, database:
            database.execute(_SCHEMA)
            database.executemany(_ENTRY, ((f"{name}@{XMPP_DOMAIN}", CONTROL) for name in names))
        gateway = await self.startRegistering(RegistrationsPerSecond=RATE, SubscriptionDatabase=known)
        self.credentials.write_text("".join(f"{name}@{DOMAIN} - {password(name)}\n" for name in names))
        gateway.program.signal("HUP")
        await gateway.program.said("the passwords in its file")
        began = monotonic()
        for name in names:
            self.server.enter(name)
            await pause(self.clock, 0)
        total, took = 0, 0.0
        while total < PEOPLE:
            await pause(self.clock, 1.0)
            # Read in this order it holds on a busy machine too, where a second of ours may be longer.
            total = self.registrar.program.output.count(" SAVED user")
            took = monotonic() - began
            self.assertLessEqual(total, RATE * (took + 1))
        print(f"{PEOPLE} registered in {took:.0f} s")
        self.assertGreaterEqual(took, PEOPLE / RATE - 2)
        self.assertFalse(gateway.said("is not registered"))


def _letters(number: int) -> str:
    """A name of letters only, as the rules want it."""
    return "".join(chr(97 + int(digit)) for digit in f"{number:04d}")
