"""
Tests for L{ichatgw.media.engine}.
"""

from __future__ import annotations

import socket

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.errors import Congested
from ichatgw.interfaces import IMediaEngine
from ichatgw.media.engine import MediaEngine, MediaOptions
from ichatgw.media.relay.relay import Relay
from ichatgw.net.localaddresses import LocalAddresses
from ichatgw.test.support.media.fakes import FakeNetwork, makeEngine

HOST = "198.51.100.7"


class MediaEngineTests(SynchronousTestCase):
    """L{MediaEngine}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.network = FakeNetwork()

    def test_interface(self) -> None:
        """It is what the switch expects, and does nothing by itself."""
        engine = makeEngine(self.clock, self.network)
        self.assertTrue(verifyObject(IMediaEngine, engine))
        self.assertEqual((engine.live, self.network.made, self.clock.getDelayedCalls()), (0, 0, []))

    def test_exhaustion(self) -> None:
        """A call gets ports for both sides, or none; calls that have theirs are not harmed."""
        engine = makeEngine(self.clock, self.network, 8000, 8005)
        relay = engine.allocate("1")
        self.assertRaises(Congested, engine.allocate, "2")
        self.assertEqual(engine.live, 1)
        self.assertEqual((relay.caller.local(HOST).port, relay.callee.local(HOST).port), (8000, 8002))

    def test_noRangeForACall(self) -> None:
        """A range that is too small is no error before there is a call."""
        for portMin, portMax in ((8000, 8002), (8001, 8004), (8000, 7000)):
            self.assertRaises(Congested, makeEngine(self.clock, self.network, portMin, portMax).allocate, "1")

    def test_quarantine(self) -> None:
        """Ports of an ended call rest for ten seconds, opened or not."""
        engine = makeEngine(self.clock, self.network, 8000, 8003)
        relay = engine.allocate("1")
        relay.caller.local(HOST)
        relay.close()
        self.clock.advance(9.9)
        self.assertRaises(Congested, engine.allocate, "2")
        self.clock.advance(0.2)
        engine.allocate("3")

    def test_ownPorts(self) -> None:
        """No two calls share a port, or an SSRC."""
        engine = makeEngine(self.clock, self.network, 8000, 8039)
        ports, ssrcs = set(), set()
        for number in range(10):
            relay = engine.allocate(str(number))
            assert isinstance(relay, Relay)
            for side in (relay.caller, relay.callee):
                ports.add(side.local(HOST).port)
                ssrcs.add(side.arriving.ssrc)
        self.assertEqual((len(ports), len(ssrcs), engine.live), (20, 20, 10))
        self.assertEqual({port % 2 for port in ports}, {0})

    def test_closedTwice(self) -> None:
        """A relay that is closed once more does not take the ports of the call that has them now."""
        engine = makeEngine(self.clock, self.network, 8000, 8003)
        old = engine.allocate("1")
        old.close()
        self.clock.advance(11)
        new = engine.allocate("2")
        new.caller.local(HOST)
        old.close()
        self.assertEqual((engine.live, len(self.network.sockets)), (1, 2))
        self.assertRaises(Congested, engine.allocate, "3")

    def test_stop(self) -> None:
        """Stopping closes all calls; no socket, reader or timer is left."""
        engine = makeEngine(self.clock, self.network)
        for number in range(3):
            relay = engine.allocate(str(number))
            relay.caller.local(HOST)
            relay.callee.local("2001:db8::7")
        self.assertEqual(len(self.network.readers), 12)
        engine.stop()
        engine.stop()
        self.assertEqual(
            (engine.live, self.network.sockets, self.network.readers, self.clock.getDelayedCalls()), (0, [], [], [])
        )

    def test_lostPort(self) -> None:
        """A call of which a port is gone for good is told of; others, and those of which it comes back, are not."""
        engine = makeEngine(self.clock, self.network)
        told: list[tuple[str, str]] = []

        def lost(call: str, why: str) -> None:
            told.append((call, why))
            relays[call].close()

        engine.lost = lost
        relays = {name: engine.allocate(name) for name in ("1", "2", "3")}
        for number, side in enumerate(side for relay in relays.values() for side in (relay.caller, relay.callee)):
            self.assertEqual(side.local(HOST).port, 8000 + 2 * number)
        for port in (8000, 8002, 8005):
            self.network.at(port).close()
        self.network.busy = {8000, 8002}
        for _ in range(20):
            self.clock.advance(0.1)
        self.assertEqual([call for call, why in told], ["1"])
        self.assertIn("media port 8000 was lost", told[0][1])
        self.assertEqual((engine.live, len(self.network.sockets)), (2, 8))

    def test_realSockets(self) -> None:
        """By itself it takes sockets of this host, numbers by chance, and the reactor as its clock."""
        reactor = Reactor()
        engine = MediaEngine(reactor, LocalAddresses("127.0.0.1"), MediaOptions(41000, 41999))
        self.addCleanup(engine.stop)
        relay = engine.allocate("1")
        port = relay.caller.local("127.0.0.1").port
        self.assertEqual(len(reactor.readers) in (1, 2), True)
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(taken.close)
        self.assertRaises(OSError, taken.bind, ("127.0.0.1", port + 1))
        engine.stop()
        self.assertEqual((reactor.readers, reactor.getDelayedCalls()), ([], []))


class Reactor(FakeNetwork, Clock):
    """A clock that readers can register with."""

    def __init__(self) -> None:
        FakeNetwork.__init__(self)
        Clock.__init__(self)
