"""
Tests for L{ichatgw.sip.transport.connectionlimits}.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.sip.transport import connectionlimits as module
from ichatgw.sip.transport.connectionlimits import MAX_FROM_HOST, SETTLED, Places


class PlacesTests(SynchronousTestCase):
    """Ten places, of which strangers have five at most."""

    def setUp(self) -> None:
        self.now = 100.0
        self.places: Places[str] = Places(10, 5)
        self.gone: list[str] = []

    def connect(self, name: str, host: str, mayCall: bool = False) -> bool:
        """Somebody connects; the one who has to go for it goes."""
        place = self.places.ask(host, mayCall, self.now)
        if isinstance(place, str):
            self.places.leave(place)
            self.gone.append(place)
        elif not place:
            return False
        self.places.take(name, host, mayCall, self.now)
        return True

    def fill(self, host: str = "198.51.100.7", number: int = 5) -> None:
        for each in range(number):
            self.assertTrue(self.connect(f"{host} {each}", host))

    def test_half(self) -> None:
        """Strangers have their part of the places; those that may call have the rest, and what strangers leave."""
        self.fill()
        self.assertFalse(self.connect("one more", "198.51.100.7"))
        for number in range(5):
            self.assertTrue(self.connect(f"peer {number}", "10.0.0.1", True))
        self.assertEqual((self.gone, len(self.places), self.places.strangers), ([], 10, 5))

    def test_peersFirst(self) -> None:
        """A host that may call gets a stranger's place when all are taken, and none when there are no strangers."""
        self.fill()
        for number in range(10):
            self.assertTrue(self.connect(f"peer {number}", "10.0.0.1", True))
        self.assertEqual(len(self.gone), 5)
        self.assertFalse(self.connect("peer", "10.0.0.2", True))
        self.assertFalse(self.connect("stranger", "198.51.100.7"))

    def test_largestNetwork(self) -> None:
        """A stranger gets the place of one from the network that has most of them, whatever its addresses."""
        for host in ("198.51.100.1", "198.51.100.2", "198.51.100.3", "192.0.2.1", "192.0.2.2"):
            self.connect(host, host)
        self.assertTrue(self.connect("new", "203.0.113.1"))
        self.assertEqual(self.gone, ["198.51.100.1"])
        self.assertTrue(self.connect("new6", "2001:db8::1"))
        self.assertEqual(len(self.gone), 2)

    def test_silentFirst(self) -> None:
        """Of one network, those go first that have said nothing, then those that were not used for longest."""
        self.fill()
        for number in (0, 3, 4, 3):
            self.now += 1
            self.places.used(f"198.51.100.7 {number}", False, self.now)
        for host in ("192.0.2.1", "203.0.113.1"):
            self.connect(host, host)
        self.assertEqual(self.gone, ["198.51.100.7 1", "198.51.100.7 2"])
        self.connect("233.252.0.1", "233.252.0.1")
        self.assertEqual(self.gone[2:], ["198.51.100.7 0"])

    def test_sameNetwork(self) -> None:
        """Within the largest network itself only those go that have not been used for some time."""
        self.fill()
        self.now += SETTLED
        for number in range(4):
            self.places.used(f"198.51.100.7 {number}", False, self.now)
        self.assertTrue(self.connect("new", "198.51.100.9"))
        self.assertEqual(self.gone, ["198.51.100.7 4"])
        self.assertFalse(self.connect("newer", "198.51.100.9"))

    def test_limits(self) -> None:
        """A source and a network have their limits; an IPv6 /64 is one source."""
        self.places = Places(2000, 1000)
        for number in range(MAX_FROM_HOST):
            self.assertTrue(self.connect(f"{number}", f"2001:db8::{number:x}"))
        self.assertFalse(self.connect("one", "2001:db8::ffff"))
        self.assertFalse(self.connect("one", "2001:db8::ffff", True))
        self.patch(module, "MAX_FROM_NETWORK", MAX_FROM_HOST + 1)
        self.assertTrue(self.connect("other", "2001:db8:0:1::1"))
        self.assertFalse(self.connect("another", "2001:db8:0:2::1"))
        self.assertTrue(self.connect("peer", "2001:db8:0:3::1", True))

    def test_becomesPeer(self) -> None:
        """One that may call by the time of its message is a stranger no more."""
        self.fill()
        self.places.used("198.51.100.7 0", True, self.now)
        self.assertEqual(self.places.strangers, 4)
        self.places.used("198.51.100.7 0", False, self.now)
        self.assertEqual(self.places.strangers, 4)
        self.places.leave("198.51.100.7 0")
        self.assertEqual((self.places.strangers, len(self.places)), (4, 4))

    def test_leftTwice(self) -> None:
        """A place is given back once; one that is used after that is none."""
        self.fill()
        for _ in range(2):
            self.places.leave("198.51.100.7 0")
        self.places.used("198.51.100.7 0", False, self.now)
        self.assertEqual((self.places.strangers, len(self.places)), (4, 4))

    def test_anyOrder(self) -> None:
        """Whatever happens, the counts are right, no limit is broken, and a host that may call gets in."""
        random = Random(5)
        names: list[str] = []
        for number in range(3000):
            self.now += random.random()
            mayCall = random.random() < 0.2
            host = f"{10 if mayCall else 198}.{random.randrange(3)}.{random.randrange(3)}.{random.randrange(3)}"
            if random.random() < 0.4 and names:
                self.places.leave(names.pop(random.randrange(len(names))))
            elif random.random() < 0.5 and names:
                self.places.used(random.choice(names), random.random() < 0.1, self.now)
            elif self.connect(f"{number}", host, mayCall):
                names.append(f"{number}")
            self.assertLessEqual(self.places.strangers, 5)
            self.assertLessEqual(len(self.places), 10)
            networks = self.places._networks.values()
            self.assertEqual(self.places.strangers, sum(map(len, networks)))
            self.assertEqual(self.places._largest, max(map(len, networks), default=0))
        for name in names:
            self.places.leave(name)
        self.assertEqual((len(self.places), self.places._networks, self.places._bySize), (0, {}, {}))
        self.assertEqual(self.places._sources, {})
