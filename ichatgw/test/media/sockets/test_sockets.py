"""
Tests for L{ichatgw.media.sockets.sockets}.
"""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import Congested, OutOfReach
from ichatgw.media.sockets.port import Scratch
from ichatgw.media.sockets.portrange import PortPool
from ichatgw.media.sockets.sockets import LOOKS, TRIES, PortPair, SideSockets, Supplies
from ichatgw.test.support.media.fakes import OURS, OURS6, FakeAddresses, FakeNetwork

V4, V6 = socket.AF_INET, socket.AF_INET6


class SideSocketsTests(SynchronousTestCase):
    """L{SideSockets}."""

    def setUp(self) -> None:
        self.network = FakeNetwork()
        self.pool = PortPool(Clock(), 8000, 8007)
        self.sockets = self.make()

    def make(self, configured: str = "") -> SideSockets:
        supplies = Supplies(FakeAddresses(configured), self.pool, self.network, Scratch(), self.network.makeSocket)
        return SideSockets(supplies, self.pool.take())

    def open(self, family: int) -> PortPair:
        def deliver(size: int, source: Any) -> None:
            raise NotImplementedError

        return self.sockets.open(family, deliver, deliver)

    def test_pair(self) -> None:
        """Both ports of a pair are open and read from, once."""
        self.assertFalse(self.sockets.isOpen)
        pair = self.open(V4)
        self.assertIs(self.open(V4), pair)
        self.assertTrue(self.sockets.isOpen)
        self.assertEqual(self.network.bound(), {(V4, 8000), (V4, 8001)})
        self.assertEqual(self.network.readers, [pair.rtp, pair.rtcp])

    def test_families(self) -> None:
        """A second family has a pair of its own."""
        self.open(V6)
        self.open(V4)
        self.assertEqual(self.network.bound(), {(V6, 8000), (V6, 8001), (V4, 8002), (V4, 8003)})

    def test_address(self) -> None:
        """A party is told the address that it can reach."""
        pair = self.open(V4)
        self.assertEqual(str(self.sockets.address("198.51.100.7", pair)), f"{OURS}:8000")
        self.assertEqual(str(self.sockets.address("2001:db8::7", pair)), f"[{OURS6}]:8000")
        self.assertRaises(OutOfReach, self.sockets.address, "203.0.113.1", pair)

    def test_busy(self) -> None:
        """A pair of which another program has one port is skipped."""
        self.network.busy = {8001, 8002}
        self.assertEqual(self.open(V4).number, 8004)
        self.assertEqual(len(self.network.sockets), 2)
        self.assertEqual(self.pool.lent, 1)

    def test_allBusy(self) -> None:
        """If other programs have all ports, there is none; nothing is kept."""
        self.network.busy = set(range(8000, 8008))
        self.assertRaises(Congested, self.open, V4)
        self.assertEqual((self.network.sockets, self.network.readers, self.pool.lent), ([], [], 0))

    def test_noSockets(self) -> None:
        """If the system has no more sockets for us, not all ports are tried."""
        self.network.bindError = OSError(errno.EMFILE, "too many")
        self.assertRaises(Congested, self.open, V4)
        self.assertEqual((self.network.made, self.network.sockets, self.pool.lent), (1, [], 0))

    def test_notWaitedFor(self) -> None:
        """If the system cannot wait for one more there is no port; nothing is kept, and the next try is a new one."""
        for failing in (1, 2):
            with self.subTest(failing=failing):
                added: list[Any] = []

                def addReader(reader: Any, added: list[Any] = added, failing: int = failing) -> None:
                    added.append(reader)
                    if len(added) == failing:
                        raise OSError(errno.EMFILE, "too many")

                self.patch(self.network, "addReader", addReader)
                self.assertRaises(Congested, self.open, V4)
                self.assertEqual((self.sockets.isOpen, self.network.bound(), self.pool.lent), (False, set(), 0))
                self.open(V4)
                self.sockets.close()

    def test_configured(self) -> None:
        """A configured address is the only one, and so is its family."""
        self.sockets = self.make("192.0.2.77")
        self.open(V4)
        self.assertEqual(self.network.sockets[0].bound, ("192.0.2.77", 8002))
        self.assertRaises(OutOfReach, self.open, V6)
        self.assertEqual(self.network.bound(), {(V4, 8002), (V4, 8003)})

    def look(self) -> str:
        """At all ports, once."""
        return [self.sockets.look() for _ in range(LOOKS)][-1]

    def test_lost(self) -> None:
        """A port that was closed by others is there again at the next look, is read, and sends."""
        pairs = (self.open(V4), self.open(V6))
        for lost in [port for pair in pairs for port in (pair.rtp, pair.rtcp)]:
            self.network.sockets.remove(next(s for s in self.network.sockets if s.descriptor == lost.fileno()))
            self.assertEqual((len(self.network.bound()), self.look()), (3, ""))
            self.assertEqual(len(self.network.bound()), 4)
            self.assertCountEqual(self.network.readers, [port for pair in pairs for port in (pair.rtp, pair.rtcp)])
            lost.sendto(b"x", ("192.0.2.9", 9))
            self.assertEqual(self.network.sentTo(("192.0.2.9", 9)), [b"x"])
        made = self.network.made
        self.assertEqual((self.look(), self.network.made), ("", made))

    def test_lostForGood(self) -> None:
        """If a port cannot be opened again within a second it is said why; what is open stays so to the end."""
        self.open(V4)
        self.network.at(8001).close()
        self.network.busy = {8001}
        self.assertEqual([self.look() for _ in range(TRIES - 1)], [""] * (TRIES - 1))
        why = self.look()
        self.assertTrue(why.startswith("media port 8001 was lost, and cannot be opened again: "), why)
        self.assertEqual(self.network.bound(), {(V4, 8000)})
        self.network.busy = set()
        self.assertEqual((self.look(), self.network.bound()), ("", {(V4, 8000), (V4, 8001)}))
        self.sockets.close()
        self.assertEqual((self.network.sockets, self.network.readers, self.pool.lent), ([], [], 0))

    def test_notReadAgain(self) -> None:
        """One that is open but cannot be waited for is lost as well."""
        self.open(V4)
        self.network.at(8000).close()

        def addReader(reader: Any) -> None:
            raise OSError(errno.ENOSPC, "no room")

        original = self.network.addReader
        self.patch(self.network, "addReader", addReader)
        self.assertIn("no room", [self.look() for _ in range(TRIES)][-1])
        self.patch(self.network, "addReader", original)
        self.assertEqual((self.look(), len(self.network.readers)), ("", 2))

    def test_close(self) -> None:
        """Sockets are closed and all ports given back, opened or not, once."""
        self.open(V4)
        self.open(V6)
        unopened = self.make()
        for sockets in (self.sockets, self.sockets, unopened, unopened):
            sockets.close()
        self.assertEqual((self.network.sockets, self.network.readers, self.pool.lent), ([], [], 0))
