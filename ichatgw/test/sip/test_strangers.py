# -*- test-case-name: ichatgw.test.sip.test_strangers -*-
"""
What hosts that may not call can have done for them, and what it costs us to drop the rest.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.sip.strangers import ALL, MAX_PROVED, OCTETS, PROVED, SOURCE, WITHIN, Strangers
from ichatgw.test.marks import slow
from ichatgw.test.support.sip.sipwire import request, respond

HOST = "203.0.113.1"


@define
class FakeOurs:
    """Knows some tokens."""

    dialogs: set[tuple[str, str]] = field(factory=set)
    branches: set[tuple[str, str]] = field(factory=set)
    hosts: set[str] = field(factory=set)

    def knows(self, host: str) -> bool:
        return host in self.hosts

    def hasDialog(self, tag: str, host: str) -> bool:
        return (tag, host) in self.dialogs

    def hasAsked(self, branch: str, host: str) -> bool:
        return (branch, host) in self.branches


class StrangersTestCase(SynchronousTestCase):
    """What all tests ask."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.ours = FakeOurs()
        self.strangers = Strangers(self.clock, self.ours, lambda host: host.startswith("192.0.2."))

    def passes(self, count: int, message: bytes = b"", host: str | Callable[[int], str] = HOST) -> int:
        """So many messages come: how many pass?"""
        message = message or request("INVITE").encode()
        return sum(self.strangers.lets(message, host if isinstance(host, str) else host(each)) for each in range(count))


def cost(message: bytes) -> float:
    """What a message costs."""
    return 1 + len(message) / OCTETS


class BudgetTests(StrangersTestCase):
    """Who pays, and how much."""

    def test_source(self) -> None:
        """One source gets its budget at once, and then so much in a second, whatever it sends."""
        message = request("OPTIONS").encode()
        self.assertEqual(self.passes(1000, message), int(SOURCE.most / cost(message)))
        self.clock.advance(1)
        self.assertEqual(self.passes(1000, message), int(SOURCE.perSecond / cost(message)))

    def test_whateverItSends(self) -> None:
        """No method, identifier or form of a message makes it free or opens another budget."""
        kinds: tuple[Callable[[int], str], ...] = (
            lambda each: request("INVITE"),
            lambda each: request("INVITE", callId=f"c{each}", branch=f"b{each}"),
            lambda each: request("INVITE", branch=f"b{each}", from_=f"<sip:u{each}@x>;tag=f{each}"),
            lambda each: request("OPTIONS", callId=f"c{each}"),
            lambda each: request("REGISTER", from_=f"<sip:u{each}@x>;tag=f{each}"),
            lambda each: request("REFER", to=f"<sip:x@y>;tag=t{each}"),
            lambda each: request("ACK", to="<sip:x@y>;tag=t"),
            lambda each: request("BYE", to=f"<sip:x@y>;tag=t{each}"),
            lambda each: respond(request("INVITE", branch=f"b{each}"), 200, "OK"),
            lambda each: "rubbish" * 100,
            lambda each: "\0\1\0\0" + "x" * 400,
            lambda each: "\r\n\r\n",
        )
        for kind in kinds:
            self.setUp()
            self.assertLessEqual(
                sum(self.strangers.lets(kind(each).encode(), HOST) for each in range(500)), SOURCE.most
            )

    def test_octets(self) -> None:
        """Long messages cost more than short ones."""
        self.assertEqual(self.passes(100, b"x" * 15 * OCTETS), int(SOURCE.most / 16))

    def test_all(self) -> None:
        """However many sources there are, all together get what is for all."""
        message = request("INVITE").encode()
        sources = [f"203.0.{each // 250}.{each % 250}" for each in range(1024)]
        passed = self.passes(4 * 1024, message, lambda each: sources[each % 1024])
        self.assertEqual(passed, int(ALL.most / cost(message)))
        self.clock.advance(0.5)
        passed = self.passes(4 * 1024, message, lambda each: sources[each % 1024])
        self.assertEqual(passed, int(ALL.perSecond / 2 / cost(message)))

    def test_networks(self) -> None:
        """All addresses of an IPv6 /64 are one source, and so is an IPv4 address however it is written."""
        message = request("OPTIONS").encode()
        most = int(SOURCE.most / cost(message))
        self.assertEqual(self.passes(1000, message, lambda each: f"2001:db8:1:2:{each:x}::{each + 1:x}"), most)
        self.assertEqual(self.passes(1000, message, lambda each: HOST if each % 2 else f"::ffff:{HOST}"), most)

    def test_known(self) -> None:
        """Hosts that may call are no strangers."""
        self.passes(1000)
        self.assertEqual(self.passes(1000, host="192.0.2.77"), 1000)

    @slow
    def test_others(self) -> None:
        """A source that has used up its budget takes nothing more from all."""
        message = request("OPTIONS").encode()
        self.passes(100_000, message)
        self.assertEqual(self.passes(20, message, "198.51.100.7"), 20)

    def test_proved(self) -> None:
        """Where a user has logged in, strangers elsewhere take nothing away; but it has a bound, too."""
        self.strangers.prove(HOST)
        self.passes(1000, host=lambda each: f"198.51.{each // 250}.{each % 250}")
        message = request("OPTIONS").encode()
        self.assertEqual(self.passes(1000, message), int(PROVED.most / cost(message)))

    def test_provedIsBounded(self) -> None:
        """Of those sources, the one that logged in longest ago is forgotten."""
        for each in range(MAX_PROVED + 1):
            self.strangers.prove(f"203.{each // 250}.0.{each % 250}")
        self.assertEqual(len(self.strangers._proved), MAX_PROVED)

    def test_log(self) -> None:
        """A flood is one line in ten seconds, with a count."""
        self.assertEqual(self.passes(500), self.passes(500) + int(SOURCE.most / cost(request("INVITE").encode())))
        self.assertGreater(self.strangers.dropped, 900)


class FreeTests(StrangersTestCase):
    """What costs nothing."""

    def test_dialog(self) -> None:
        """A request of a dialog that lives, from its far end; with that tag from elsewhere it is a stranger's."""
        self.ours.dialogs.add(("0a1b", HOST))
        self.ours.hosts.add(HOST)
        for to in ("<sip:a@b>;tag=0a1b", '"x;tag=no" <sip:a@b;x=y> ; TAG = 0a1b;other', "sip:a@b;tag=0a1b"):
            message = request("BYE", to=to).encode()
            self.assertEqual(self.passes(150, message), 150, to)
            self.assertEqual(self.passes(150, message.replace(b"\r\nTo:", b"\r\nt :")), 150, to)
            self.clock.advance(10)
        self.assertLess(self.passes(300, request("BYE", to="<sip:a@b>;tag=0a1c").encode()), 60)
        self.assertLess(self.passes(300, message, "203.0.113.2"), 60)

    def test_tooMany(self) -> None:
        """
        One who has been called can send so much in a call and no more, requests or responses; what is beyond is a
        stranger's.  Other calls with the same host are not concerned.
        """
        self.ours.dialogs.update({("0a1b", HOST), ("0a1c", HOST)})
        self.ours.branches.add(("z9hG4bKours", HOST))
        self.ours.hosts.add(HOST)
        message = request("INVITE", to="<sip:a@b>;tag=0a1b").encode()
        others = int(SOURCE.most / cost(message))
        self.assertEqual(self.passes(5000, message), WITHIN.most + others)
        self.assertEqual(self.passes(100, message.replace(b"0a1b", b"0a1c")), 100)
        response = respond(request("INVITE", branch="ours"), 180, "Ringing").encode()
        self.assertEqual(self.passes(5000, response), WITHIN.most)
        self.clock.advance(1)
        self.assertEqual(self.passes(int(WITHIN.perSecond), message), WITHIN.perSecond)

    def test_transaction(self) -> None:
        """A response to a request of ours, from where that went."""
        self.ours.branches.add(("z9hG4bKours", HOST))
        self.ours.hosts.add(HOST)
        response = respond(request("INVITE", branch="ours"), 180, "Ringing").encode()
        self.assertEqual(self.passes(300, response), 300)
        self.assertLess(self.passes(300, response, "203.0.113.2"), 60)
        self.assertLess(self.passes(300, respond(request("INVITE", branch="x"), 180, "Ringing").encode()), 60)

    def test_elsewhere(self) -> None:
        """A token counts in its header only: not in a body, another header, or behind kilobytes of others."""
        self.ours.dialogs.add(("0a1b", HOST))
        self.ours.hosts.add(HOST)
        for message in (
            request("INVITE", extra="Subject: To: x;tag=0a1b\r\n"),
            request("INVITE", extra="X-To: <sip:a@b>;tag=0a1b\r\n"),
            request("OPTIONS", extra="Subject: " + "x" * 4096 + "\r\n", to="<sip:a@b>").replace(
                "Content-Length", "To: <sip:a@b>;tag=0a1b\r\nContent-Length"
            ),
        ):
            self.setUp()
            self.ours.dialogs.add(("0a1b", HOST))
            self.ours.hosts.add(HOST)
            self.assertLess(self.passes(300, message.encode()), 60, message[:200])
