"""
Tests for L{ichatgw.sip.trunk.registrations}: trunks at their registrars.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import evolve
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.names.error import DNSServerError
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reading.kinds import Proxy
from ichatgw.model import TransportAddress
from ichatgw.sip.register.client import Answer
from ichatgw.sip.transport.resolver import Resolver
from ichatgw.sip.trunk.account import Account
from ichatgw.sip.trunk.registrations import MAX_WAIT, REFUSED_WAIT, TrunkRegistrations
from ichatgw.test.marks import slow
from ichatgw.test.sip.register.test_schedule import FakeRegistrar
from ichatgw.test.support.names import FakeNames, a, fakeRecords
from ichatgw.test.support.sip.sipwire import header
from ichatgw.test.support.sip.trunks import ASKED, OTHER, TrunkRig, trunk


class WireTests(SynchronousTestCase):
    """What a registrar sees."""

    def test_nobodyOnline(self) -> None:
        """A trunk is registered from the start, with a Contact that cannot be guessed, and renewed in time."""
        rig = TrunkRig(trunk())
        rig.clock.advance(0.01)
        (register,) = rig.sent("REGISTER")
        self.assertTrue(register.startswith("REGISTER sip:198.51.100.1 SIP/2.0\r\n"))
        self.assertEqual(header(register, "To"), "<sip:4930@198.51.100.1>")
        self.assertEqual((header(register, "Expires"), header(register, "Supported")), ("600", "path"))
        token = header(register, "Contact").partition("rinstance=")[2].rstrip(">")
        self.assertEqual(len(token), 16)
        rig.reply(register, 200, f"Contact: {header(register, 'Contact')};expires=120\r\n")
        rig.clock.advance(101)
        self.assertEqual(rig.sent("REGISTER"), [])
        rig.clock.advance(8)
        (again,) = rig.sent("REGISTER")
        self.assertEqual(header(again, "Contact"), header(register, "Contact"))

    def test_login(self) -> None:
        """It logs in by its own name with its own password, whatever the realm is called."""
        rig = TrunkRig(trunk(login="auth-7"))
        (register,) = rig.sent("REGISTER")
        (again,) = rig.reply(register, 401, ASKED.format(1))
        self.assertIn('username="auth-7"', header(again, "Authorization"))
        self.assertNotIn("tiger", again)

    def test_port(self) -> None:
        """The port of a server is in the Request-URI, and not in the address."""
        rig = TrunkRig(trunk(server=Proxy("198.51.100.1", 5080)))
        (register,) = rig.sent("REGISTER")
        self.assertTrue(register.startswith("REGISTER sip:198.51.100.1:5080 SIP/2.0\r\n"))
        self.assertEqual(header(register, "To"), "<sip:4930@198.51.100.1>")

    def test_proxy(self) -> None:
        """An outbound proxy has the REGISTER, with a Route, and the server's password."""
        rig = TrunkRig(trunk(proxies=(Proxy(OTHER.host, 5062),)))
        (text, target) = next(each for each in rig.wire.sent if each[0].startswith("REGISTER"))
        self.assertEqual((target.host, target.port), (OTHER.host, 5062))
        self.assertEqual(header(text, "Route"), "<sip:198.51.100.2:5062;lr>")
        self.assertTrue(text.startswith("REGISTER sip:198.51.100.1 SIP/2.0\r\n"))

    def test_withoutUser(self) -> None:
        """A trunk without a user, or with registration off, is not registered."""
        rig = TrunkRig(trunk(user="", password=""), trunk("two", registrationTime=0))
        rig.clock.advance(1)
        self.assertEqual(rig.sent("REGISTER"), [])

    def test_serviceRoute(self) -> None:
        """The route that a registrar wants is for calls, and not for the next REGISTER (RFC 3608 section 6.1)."""
        rig = TrunkRig(trunk())
        rig.register("Service-Route: <sip:p1.example;lr>, <sip:p2.example;lr>\r\n")
        self.assertEqual([url.host for url in rig.account().flows[0].calling.services], ["p1.example", "p2.example"])
        rig.clock.advance(580)
        (register,) = rig.sent("REGISTER")
        self.assertEqual(header(register, "Route"), "")

    def test_hostileServiceRoute(self) -> None:
        """A route that is none does not keep the trunk from being registered."""
        rig = TrunkRig(trunk())
        rig.register("Service-Route: <sip:>, nonsense\r\nService-Route: <tel:1>\r\n")
        self.assertEqual(rig.account().flows[0].calling.services, ())
        rig.clock.advance(580)
        self.assertEqual(len(rig.sent("REGISTER")), 1)

    def test_addressChanges(self) -> None:
        """When our own address changes each trunk is registered under the new one within 20 s."""
        rig = TrunkRig(trunk(), trunk("two", OTHER.host))
        forgotten: list[int] = []
        rig.endpoint.trunks.forget = lambda: forgotten.append(1)
        rig.clock.advance(0.01)
        for register in rig.sent("REGISTER"):
            rig.reply(register, 200, f"Contact: {header(register, 'Contact')};expires=600\r\n")
        rig.clock.advance(21)
        self.assertEqual((rig.sent("REGISTER"), forgotten), ([], [1]))
        rig.wire.towards = lambda host: TransportAddress("192.0.2.99", 5070)  # type: ignore[method-assign]
        rig.clock.pump([20, 0.1])
        registers = rig.sent("REGISTER")
        self.assertEqual({each.partition("\r\n")[0][13:25] for each in registers}, {"198.51.100.1", "198.51.100.2"})
        for register in registers:
            self.assertIn("@192.0.2.99:5070", header(register, "Contact"))
            rig.reply(register, 200, f"Contact: {header(register, 'Contact')};expires=600\r\n")
        rig.clock.advance(21)
        self.assertEqual(rig.sent("REGISTER"), [])

    def test_noWay(self) -> None:
        """A network that is away makes no registrations; when it is back under another address, it does."""
        rig = TrunkRig(trunk())
        rig.register()
        rig.wire.unreachable = {"198.51.100.1"}
        rig.clock.advance(21)
        self.assertEqual(rig.sent("REGISTER"), [])

    def test_stop(self) -> None:
        """At the end it is taken off the list."""
        rig = TrunkRig(trunk())
        rig.register()
        stopped = rig.endpoint.trunks.stop()
        rig.clock.advance(0.01)
        (register,) = rig.sent("REGISTER")
        self.assertEqual(header(register, "Expires"), "0")
        rig.reply(register)
        self.successResultOf(stopped)

    def test_reload(self) -> None:
        """A changed password makes another registration at once, and a changed limit makes none."""
        rig = TrunkRig(trunk())
        rig.register()
        rig.adopt(trunk(maxCalls=3))
        rig.clock.advance(1)
        self.assertEqual(rig.sent("REGISTER"), [])
        self.assertEqual(rig.account().trunk.maxCalls, 3)
        rig.adopt(trunk(password="lion"))
        rig.clock.pump([0.01] * 5)
        ended, begun = rig.sent("REGISTER")
        self.assertEqual((header(ended, "Expires"), header(begun, "Expires")), ("0", "600"))
        self.assertNotEqual(header(ended, "Contact"), header(begun, "Contact"))

    def test_inParts(self) -> None:
        """What a reload changes of many trunks is done for one after the other, what ends before what goes on."""
        rig = TrunkRig(*(trunk(name) for name in "abc"))
        accounts = rig.endpoint.trunks.accounts
        works: list[Iterator[None]] = []
        accounts.sweep = works.append
        rig.adopt(trunk("a", maxCalls=3), trunk("b", maxCalls=3))
        (work,) = works
        self.assertIsNone(accounts.get("c"))
        seen = []
        for _ in work:
            seen.append([account.trunk.maxCalls for account in accounts.all()])
        self.assertEqual(seen, [[0, 0], [3, 0], [3, 3]])

    def test_twoOfOneName(self) -> None:
        """Changes that come before the last have been made are all made in the end."""
        rig = TrunkRig(trunk())
        rig.register()
        for host in ("198.51.100.3", "198.51.100.4"):
            rig.adopt(trunk(host=host))
        rig.adopt()
        rig.clock.advance(1)
        self.assertEqual(header(rig.sent("REGISTER")[0], "Expires"), "0")
        self.assertEqual(len(rig.endpoint.trunks.accounts), 0)


class TroubleTests(SynchronousTestCase):
    """What becomes of a trunk whose registrar does not want it, or does not answer."""

    def make(self, count: int = 1, perSecond: float = 1000) -> None:
        self.clock = Clock()
        self.registrar = FakeRegistrar()
        self.registrations = TrunkRegistrations(self.clock, self.registrar, perSecond, lambda: 0.0)
        resolver = Resolver(self.clock, fakeRecords(self.clock, FakeNames()))
        self.accounts = [Account.of(trunk(f"t{each}", user=f"u{each}"), self.clock, resolver) for each in range(count)]

    def begin(self) -> list[str]:
        with capturedLogs() as events:
            for account in self.accounts:
                self.registrations.begin(account)
            self.clock.advance(0.01)
        return [formatEvent(event) or "" for event in events]

    def tries(self, seconds: float, step: float = 1.0) -> int:
        """How often the registrar is asked in so many seconds."""
        self.registrar.take()
        for _ in range(int(seconds / step)):
            self.clock.advance(step)
        return len(self.registrar.take())

    def policy(self, **answer: object) -> None:
        self.registrar.policy = lambda seconds: Answer(**answer)  # type: ignore[arg-type]

    def test_wrongPassword(self) -> None:
        """A wrong password is tried once, the log says so, and what to look at; then once an hour."""
        self.make()
        self.policy(text="401 Unauthorized")
        (line,) = self.begin()
        self.assertIn("Trunk t0 is not registered: 401 Unauthorized; again in 3600 s", line)
        self.assertIn("TrunkPassword", line)
        self.assertEqual(self.registrar.take(), [("sip:u0@198.51.100.1", 600)])
        self.assertEqual(self.tries(REFUSED_WAIT - 10), 0)
        self.assertEqual(self.tries(20), 1)
        self.assertFalse(self.accounts[0].works)

    def test_forbidden(self) -> None:
        """One that is forbidden is tried thrice, then once an hour, however long the server asks us to wait."""
        self.make()
        self.policy(text="403 Forbidden", retryAfter=9)
        self.begin()
        self.assertEqual(self.tries(3000), 2)
        self.assertFalse(self.accounts[0].works)

    def test_retryAfter(self) -> None:
        """A registrar that says when it wants to be asked again is asked then."""
        self.make()
        self.policy(text="503 Service Unavailable", retryAfter=9)
        self.begin()
        self.assertEqual(self.tries(8), 0)
        self.assertEqual(self.tries(2), 1)
        self.assertTrue(self.accounts[0].works)

    def test_away(self) -> None:
        """A registrar that is away for ten minutes is asked ever more rarely, and has us two minutes after it is
        back."""
        self.make()
        self.policy(text="408 Request Timeout")
        self.begin()
        tries = self.tries(600)
        self.assertTrue(8 <= tries <= 12, tries)
        self.policy(granted=600)
        self.tries(MAX_WAIT + 1)
        self.assertEqual(len(self.registrations.registered), 1)
        self.policy(text="408 Request Timeout")
        self.assertGreater(self.tries(560), 1)

    def test_lines(self) -> None:
        """What stays as it is, is said once."""
        self.make()
        self.policy(text="500 Server Internal Error")
        with capturedLogs() as events:
            self.begin()
            self.tries(600)
        self.assertEqual(len(events), 1)

    def test_tooShort(self) -> None:
        """A registrar that wants a longer time gets it (423)."""
        self.make()
        self.policy(text="423 Interval Too Brief", least=1800)
        self.begin()
        self.clock.advance(0.01)
        self.assertEqual([seconds for _, seconds in self.registrar.take()][:2], [600, 1800])

    def test_oldAnswersGoOn(self) -> None:
        """A registration that cannot be renewed is valid until its end, and the trunk in use."""
        self.make()
        self.begin()
        self.policy(text="500 Server Internal Error")
        self.tries(545)
        self.assertEqual(len(self.registrations.registered), 1)
        self.tries(180)
        self.assertEqual(len(self.registrations.registered), 0)

    @slow
    def test_paced(self) -> None:
        """A thousand trunks that begin at once are no flood."""
        self.make(count=1000, perSecond=50)
        self.registrar.waiting = None
        self.begin()
        self.assertTrue(45 <= len(self.registrar.take()) + self.tries(1, 0.01) <= 55)
        self.tries(20, 0.02)
        self.assertEqual(len(self.registrations.registered), 1000)

    def test_deadNames(self) -> None:
        """A trunk whose name servers are dead is registered when they answer."""
        names = FakeNames()
        rig = TrunkRig(names=names)
        names.problems = {"sip.example": DNSServerError()}
        rig.adopt(trunk(host="sip.example"))
        rig.clock.pump([1.0] * 30)
        self.assertEqual(rig.sent("REGISTER"), [])
        names.problems = {}
        names.table = {"sip.example": [a("198.51.100.1")]}
        rig.clock.pump([1.0] * 130)
        self.assertNotEqual(rig.sent("REGISTER"), [])
        self.assertEqual(list(rig.endpoint.trunks.accounts.at("198.51.100.1")), [rig.account()])


class KernelTests(SynchronousTestCase):
    """What makes another account of a trunk."""

    def test_kernel(self) -> None:
        """All that the server knows of it, and nothing else."""
        clock = Clock()
        account = Account.of(trunk(), clock, Resolver(clock, fakeRecords(clock, FakeNames())))
        changes: tuple[dict[str, Any], ...] = (
            {"user": "x"},
            {"login": "x"},
            {"password": "x"},
            {"proxies": (Proxy("x"),)},
            {"extensions": ("gruu",)},
            {"registrationTime": 9},
        )
        for change in changes:
            self.assertFalse(account.suits(evolve(trunk(), **change)), change)
        others: tuple[dict[str, Any], ...] = ({"maxCalls": 1}, {"numbers": ("1",)}, {"probeTime": 9})
        for same in others:
            self.assertTrue(account.suits(evolve(trunk(), **same)), same)
