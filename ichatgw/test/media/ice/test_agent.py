# -*- test-case-name: ichatgw.test.media.ice.test_agent -*-
"""
Tests for L{ichatgw.media.ice.agent} and L{ichatgw.media.ice.checklist}.
"""

from __future__ import annotations

import os

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.media.ice import stun
from ichatgw.media.ice.agent import MUTE, Agent, Credentials
from ichatgw.media.ice.checklist import MAX_CANDIDATES, Base, Checklist, State, isUsable, priorityOf
from ichatgw.media.ice.nomination import ABANDONED, STEADY
from ichatgw.model import Candidate, TransportAddress

FOUR, SIX = Base(1, False), Base(1, True)
PEER = ("peer", "peer-password-of-22-letters")


def at(port: int, host: str = "192.0.2.9") -> TransportAddress:
    return TransportAddress(host, port)


def candidate(port: int, priority: int = 0, host: str = "192.0.2.9", protocol: str = "udp") -> Candidate:
    return Candidate(f"f{port}", 1, priority or priorityOf("host", 1, 65000), at(port, host), protocol)


class ChecklistTests(SynchronousTestCase):
    """L{Checklist}."""

    def setUp(self) -> None:
        self.list = Checklist((FOUR, SIX), 1, False)

    def test_priorities(self) -> None:
        """RFC 8445 section 5.1.2.1."""
        self.assertEqual(priorityOf("host", 1, 65535), 2130706431)
        self.assertTrue(SIX.priority > FOUR.priority > FOUR.learnedPriority)

    def test_usable(self) -> None:
        """Addresses that are not those of one reachable host are of no use."""
        self.assertTrue(isUsable(candidate(5000), 1, False))
        for wrong in (
            candidate(5000, host="127.0.0.1"),
            candidate(5000, host="224.0.0.1"),
            candidate(5000, host="0.0.0.0"),
            candidate(5000, host="255.255.255.255"),
            candidate(5000, host="169.254.1.1"),
            candidate(5000, host="fe80::1"),
            candidate(5000, host="::ffff:192.0.2.1"),
            candidate(0),
            candidate(5000, protocol="tcp"),
            candidate(5000, priority=1 << 32),
            candidate(5000, priority=-1),
            Candidate("1", 2, 1, at(5000)),
        ):
            self.assertFalse(isUsable(wrong, 1, False), wrong)
            self.list.add(wrong)
        self.assertEqual(len(self.list), 0)
        self.assertTrue(isUsable(candidate(5000, host="127.0.0.1"), 1, True))

    def test_families(self) -> None:
        """A candidate is paired with the socket of its family only."""
        self.list.add(candidate(5000))
        self.list.add(candidate(5000, host="2001:db8::9"))
        self.assertEqual({(pair.base, pair.remote.address.isIPv6) for pair in self.list}, {(FOUR, False), (SIX, True)})

    def test_order(self) -> None:
        """The best comes first; what shares a fate with one that is tried waits."""
        for port, priority in ((1, 10), (2, 30), (3, 20)):
            self.list.add(candidate(port, priority))
        found = []
        while (pair := self.list.next(True)) is not None:
            pair.state = State.IN_PROGRESS
            found.append(pair.remote.address.port)
        self.assertEqual(found, [2, 3, 1])

    def test_bounded(self) -> None:
        """Only so many candidates count, and only so many are learned."""
        for port in range(1, 1000):
            self.list.add(candidate(port, port))
        self.assertEqual(len(self.list), MAX_CANDIDATES)
        for port in range(2000, 5000):
            self.list.learn(FOUR, at(port), 1)
        self.assertTrue(len(self.list) <= 100)
        self.assertTrue(self.list.dropped > 0)

    def test_named(self) -> None:
        """A learned candidate that is named later is the one that was named."""
        self.list.learn(FOUR, at(5000), 1)
        self.list.add(candidate(5000))
        (pair,) = self.list
        self.assertEqual(pair.remote.kind, "host")


class AgentTests(SynchronousTestCase):
    """L{Agent} against a peer that the test plays."""

    def setUp(self) -> None:
        self.make()

    chance = b"\x80"
    """What becomes of the one octet that says how long the next question about consent waits."""

    def make(self, controlling: bool = False) -> None:
        self.clock = Clock()
        self.sent: list[tuple[TransportAddress, bytes]] = []
        self.ways: list[int] = []
        self.losses: list[str] = []
        self.list = Checklist((FOUR,), 1, False)
        self.agent = Agent(
            self.clock,
            lambda size: os.urandom(size) if size > 1 else self.chance,
            self.list,
            Credentials("ours", "our-password-of-22-letters"),
            controlling,
            lambda base, address, datagram: self.sent.append((address, datagram)),
            self,
        )

    def selected(self, base: Base, address: TransportAddress) -> None:
        self.ways.append(address.port)

    def lost(self, why: str) -> None:
        self.losses.append(why)

    def take(self) -> list[tuple[int, stun.Message]]:
        taken = [(address.port, stun.parse(datagram)) for address, datagram in self.sent]
        self.sent.clear()
        return taken

    def ask(self, port: int, nominates: bool = False, role: tuple[bool, int] = (True, 1), **more: str) -> None:
        """The peer checks."""
        name = more.get("name", "ours:peer")
        password = more.get("password", "our-password-of-22-letters")
        self.agent.received(FOUR, at(port), stun.check(os.urandom(12), name, password, 7, role, nominates))

    def answer(self, *ports: int, rounds: int = 6, failing: int = 0) -> None:
        """
        The peer answers the checks that were sent to these ports, for some twentieths of a second.

        @param failing: a port at which checks that nominate are lost.
        """
        for _ in range(rounds):
            for port, message in self.take():
                isLost = port == failing and "USE-CANDIDATE" in message.attributes
                if message.message_class is stun.Class.REQUEST and (not ports or port in ports) and not isLost:
                    self.agent.received(FOUR, at(port), stun.success(message, at(8000, "192.0.2.1"), PEER[1]))
            self.clock.advance(0.06)

    def test_controlled(self) -> None:
        """The peer's word decides which of the pairs that work is used."""
        self.agent.start(*PEER)
        self.agent.add([candidate(1, 20), candidate(2, 10)])
        self.answer()
        self.assertEqual(self.ways, [])
        self.ask(2, nominates=True)
        self.assertEqual(self.ways, [2])

    def test_nominatedBefore(self) -> None:
        """A pair that was nominated before we know that it works is used as soon as it does."""
        self.agent.start(*PEER)
        self.ask(5, nominates=True)
        self.assertEqual(self.ways, [])
        self.answer()
        self.assertEqual(self.ways, [5])
        self.assertTrue(self.agent.allows(FOUR, at(5)))
        self.assertFalse(self.agent.allows(FOUR, at(6)))

    def test_aggressive(self) -> None:
        """A peer that nominates all it tries gets the best; later, the one that it names."""
        self.agent.start(*PEER)
        self.agent.add([candidate(1, 20), candidate(2, 10), candidate(3, 30)])
        self.answer()
        for port in (1, 2, 3):
            self.ask(port, nominates=True)
        self.assertEqual(self.ways, [1, 3])
        self.clock.advance(STEADY + 1)
        self.ask(1, nominates=True)
        self.assertEqual(self.ways, [1, 3, 1])

    def nominated(self, *ports: int) -> None:
        """The best two pairs work, port 1 before port 2, and the peer nominates these."""
        self.agent.start(*PEER)
        self.agent.add([candidate(1, 20), candidate(2, 10)])
        self.answer()
        self.clock.advance(1)
        for port in ports:
            self.ask(port, nominates=True)

    def test_worsePairOnce(self) -> None:
        """A peer that nominates a worse pair once, and the better one no more, is followed."""
        self.nominated(1, 2)
        self.assertEqual(self.ways, [1])
        self.clock.pump([0.5] * 12)
        self.assertEqual(self.ways, [1, 2])

    def test_worsePairWithMedia(self) -> None:
        """At once, if its media comes by that one."""
        self.nominated(1)
        self.clock.advance(10)
        self.ask(1, nominates=True)
        self.agent.mediaFrom = lambda: at(1)
        self.ask(2, nominates=True)
        self.assertEqual(self.ways, [1])
        self.agent.mediaFrom = lambda: at(2)
        self.agent.moved(FOUR, at(2))
        self.assertEqual(self.ways, [1, 2])
        self.agent.moved(FOUR, at(1))
        self.assertEqual(self.ways, [1, 2], "it was under way")

    def test_mediaBeforeNomination(self) -> None:
        """Or if its media has come by that one before."""
        self.nominated(1)
        self.agent.mediaFrom = lambda: at(2)
        self.agent.moved(FOUR, at(2))
        self.assertEqual(self.ways, [1], "it was not nominated")
        self.ask(2, nominates=True)
        self.assertEqual(self.ways, [1, 2])

    def test_oldPairSilent(self) -> None:
        """If nothing comes by the old pair for some seconds, neither media nor checks, that is enough."""
        self.nominated(1)
        self.clock.advance(ABANDONED + 0.1)
        self.ask(2, nominates=True)
        self.assertEqual(self.ways, [1, 2])

    def test_allAgainAndAgain(self) -> None:
        """A peer that nominates all pairs again and again stays with the best."""
        self.nominated(1, 2)
        for _ in range(20):
            for port in (1, 2):
                self.clock.advance(1.2)
                self.ask(port, nominates=True)
        self.assertEqual(self.ways, [1])

    def test_longCheck(self) -> None:
        """A check may be as long as a datagram: some carry more than they need."""
        self.agent.start(*PEER)
        password = "our-password-of-22-letters"
        message = stun.parse(stun.check(os.urandom(12), "ours:peer", password, 7, (True, 1), True))
        del message.attributes["MESSAGE-INTEGRITY"], message.attributes["FINGERPRINT"]
        message.attributes["SOFTWARE"] = "x" * 1100
        request = stun._signed(message, password)
        self.assertGreater(len(request), 1100)
        self.agent.received(FOUR, at(5), request)
        self.answer()
        self.assertEqual(self.ways, [5])

    def test_controlling(self) -> None:
        """We nominate the best that works, and use it once the peer has said yes."""
        self.make(controlling=True)
        self.agent.start(*PEER)
        self.agent.add([candidate(1, 20), candidate(2, 10)])
        self.answer(2, rounds=3)
        self.assertEqual(self.ways, [])
        self.clock.advance(0.2)
        self.assertTrue(any("USE-CANDIDATE" in stun.parse(datagram).attributes for _, datagram in self.sent))
        self.answer(2)
        self.assertEqual(self.ways, [2])

    def test_nominatedFails(self) -> None:
        """The best may work, and fail when it is nominated: then the next best that works is."""
        self.make(controlling=True)
        self.agent.start(*PEER)
        self.agent.add([candidate(1, 30), candidate(2, 20), candidate(3, 10)])
        self.answer(failing=1, rounds=1000)
        self.assertEqual((self.ways, self.losses), ([2], []))

    def test_roleLostBefore(self) -> None:
        """Those who lose the role of the one that nominates, while they wait for a better pair, nominate nothing."""
        self.make(controlling=True)
        self.agent.start(*PEER)
        self.agent.add([candidate(1, 20), candidate(2, 10)])
        self.answer(2, rounds=3)
        self.ask(2, role=(True, (1 << 64) - 1))
        self.assertFalse(self.agent.controlling)
        self.sent.clear()
        self.clock.pump([0.1] * 20)
        asked = [message for _, message in self.take() if message.message_class is stun.Class.REQUEST]
        self.assertEqual([message for message in asked if "USE-CANDIDATE" in message.attributes], [])

    def test_strangers(self) -> None:
        """A check under another name or password gets no answer, and teaches us nothing."""
        self.agent.start(*PEER)
        self.ask(5, name="other:peer")
        self.ask(5, name="ours:other")
        self.ask(5, name="")
        self.ask(5, password="wrong")
        self.agent.received(FOUR, at(5), b"\0\1junk")
        self.assertEqual((self.take(), len(self.list)), ([], 0))

    def test_roleConflict(self) -> None:
        """If both control, or neither does, the tiebreaker decides (RFC 8445 section 7.3.1.1)."""
        highest = (1 << 64) - 1
        for controlling, theirs, keeps in (
            (True, (True, 0), True),
            (True, (True, highest), False),
            (False, (False, 0), False),
            (False, (False, highest), True),
        ):
            self.make(controlling)
            self.agent.start(*PEER)
            self.ask(5, role=theirs)
            self.assertEqual(self.agent.controlling == controlling, keeps, (controlling, theirs))
            (kind,) = {m.message_class for _, m in self.take() if m.message_class is not stun.Class.REQUEST}
            self.assertIs(kind, stun.Class.ERROR if keeps else stun.Class.RESPONSE)

    def test_toldOfConflict(self) -> None:
        """A peer that answers 487 makes us change our role, and check again."""
        self.make(controlling=True)
        self.agent.start(*PEER)
        self.agent.add([candidate(1)])
        ((port, check),) = self.take()
        self.agent.received(FOUR, at(port), stun.roleConflict(check, PEER[1]))
        self.assertFalse(self.agent.controlling)
        self.clock.advance(0.1)
        ((_, again),) = self.take()
        self.assertIn("ICE-CONTROLLED", again.attributes)

    def test_beforeTheDescription(self) -> None:
        """Checks that come before the peer's description are answered, and followed when it is there."""
        self.ask(5)
        ((_, answer),) = self.take()
        self.assertIs(answer.message_class, stun.Class.RESPONSE)
        self.agent.start(*PEER)
        self.assertEqual([port for port, _ in self.take()], [5])

    def test_lite(self) -> None:
        """A peer that only answers has ICE lite: then it is us who choose."""
        self.agent.start(*PEER)
        self.agent.add([candidate(1)])
        self.answer()
        self.assertEqual(self.ways, [])
        self.clock.advance(MUTE)
        self.answer()
        self.assertEqual((self.ways, self.agent.controlling), ([1], True))

    def test_notLite(self) -> None:
        """One that has checked is waited for."""
        self.agent.start(*PEER)
        self.agent.add([candidate(1)])
        self.answer()
        self.ask(1)
        self.clock.advance(MUTE + 1)
        self.answer()
        self.assertEqual((self.ways, self.agent.controlling), ([], False))

    def test_consent(self) -> None:
        """
        A peer that answers no more is given up within 30 s, by whatever chance; each question is asked once (RFC 7675).
        """
        for chance, least, most in ((b"\0", 18, 24), (b"\x80", 14, 18), (b"\xff", 11, 14)):
            self.chance = chance
            self.make()
            self.agent.start(*PEER)
            self.ask(5, nominates=True)
            self.answer()
            self.take()
            asked = []
            while not self.losses and self.clock.seconds() < 40:
                self.clock.advance(0.1)
                asked += [message.transaction_id for _, message in self.take()]
            self.assertEqual(len(self.losses), 1)
            self.assertLess(self.clock.seconds(), 30)
            self.assertEqual(len(asked), len(set(asked)))
            self.assertTrue(least <= len(asked) <= most, (chance, len(asked)))

    def test_pause(self) -> None:
        """
        A peer that could not be asked, since this process stood still, is asked again before it is given up, and for as
        long as was left.
        """
        self.agent.start(*PEER)
        self.ask(5, nominates=True)
        self.answer()
        self.clock.advance(3600)
        self.assertEqual(self.losses, [])
        self.answer()
        while self.clock.seconds() < 3600 + 40 and not self.losses:
            self.clock.advance(0.1)
        self.assertEqual(len(self.losses), 1)
        self.assertTrue(3600 + 20 < self.clock.seconds() < 3600 + 30, self.clock.seconds())

    def test_pauses(self) -> None:
        """A peer that has gone is given up in spite of short pauses."""
        self.agent.start(*PEER)
        self.ask(5, nominates=True)
        self.answer()
        while self.clock.seconds() < 60 and not self.losses:
            self.clock.advance(1.9)
        self.assertEqual(len(self.losses), 1)
        self.assertLess(self.clock.seconds(), 30)

    def test_sharedTiebreaker(self) -> None:
        """The agents of one transport decide alike."""
        other = Agent(
            Clock(), os.urandom, self.list, Credentials("u", "p"), True, lambda *_: None, self, self.agent.tiebreaker
        )
        self.assertEqual(other.tiebreaker, self.agent.tiebreaker)

    def test_forgedAnswer(self) -> None:
        """An answer that is not signed by the peer, or comes from elsewhere, is none."""
        self.agent.start(*PEER)
        self.agent.add([candidate(1)])
        ((port, check),) = self.take()
        self.agent.received(FOUR, at(port), stun.success(check, at(1), "wrong"))
        self.agent.received(FOUR, at(port + 1), stun.success(check, at(1), PEER[1]))
        self.assertFalse(self.agent.allows(FOUR, at(1)))

    def test_close(self) -> None:
        """A closed agent has no timers and hears nothing."""
        self.agent.start(*PEER)
        self.agent.add([candidate(1), candidate(2)])
        self.take()
        self.agent.close()
        self.agent.close()
        self.ask(1)
        self.clock.advance(100)
        self.assertEqual((self.take(), self.losses, self.clock.getDelayedCalls()), ([], [], []))
