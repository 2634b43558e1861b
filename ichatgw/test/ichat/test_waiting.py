# -*- test-case-name: ichatgw.test.ichat.test_waiting -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.ichat.waiting}: whose INVITE has come.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID

from ichatgw.ichat.inbound import InboundLeg
from ichatgw.ichat.waiting import DEAF, HOLD, MAX_CLAIMS, MAX_EARLY, MAX_REMEMBERED, MEMORY
from ichatgw.model import Ending, EndReason, Invitation, TransportAddress
from ichatgw.test.marks import slow
from ichatgw.test.support.clients.ichats import ICHAT, ICHAT_ADDRESS, ICHAT_DATA, MINI, World, news
from ichatgw.test.support.fakes import FakeLeg
from ichatgw.test.support.legs import ANSWER

ELSEWHERE = TransportAddress("203.0.113.66", 16402)
#: The same record, with 8.8.4.4: an address that is public by every table.
PUBLIC_DATA = ICHAT_DATA.replace("c6336407", "08080404")
PRIVATE_DATA = ICHAT_DATA.replace("c6336407", "c0a80102")
STRANGER = TransportAddress("198.18.0.66", 16402)


class InviteTests(SynchronousTestCase):
    """INVITEs of iChats."""

    def setUp(self) -> None:
        self.world = World()

    def accept(self, from_: JID = ICHAT, data: str = ICHAT_DATA) -> InboundLeg:
        """A call that waits for its INVITE."""
        self.world.request(from_, data=data)
        self.world.arrived.answer(ANSWER)
        return self.world.arrived

    def assertRefused(self, inner: FakeLeg, reason: EndReason = EndReason.FORBIDDEN) -> None:
        """It was hung up, and no call was made of it."""
        self.assertEqual([ending.reason for ending in inner.hangups], [reason])
        self.assertEqual(inner.orders, ["hangup"])
        for _, called, _ in self.world.arrivals.arrivals:
            self.assertTrue(called.startswith("xmpp:"), called)

    def assertTaken(self, inner: FakeLeg) -> None:
        self.assertEqual(inner.orders, ["answer"])

    def test_otherCase(self) -> None:
        """The display names are compared as addresses, whatever their case."""
        self.accept()
        self.assertTaken(self.world.invite("Scott@JABBER.Example", "72@GW.jabber.example"))

    def test_fullNames(self) -> None:
        """A resource or white space in a display name is no matter."""
        self.accept()
        self.assertTaken(self.world.invite(" scott@jabber.example/iChat ", "72@gw.jabber.example"))

    def test_otherUserAgentCase(self) -> None:
        """An INVITE is an iChat's if its user agent begins with Viceroy, in any case."""
        self.assertRefused(self.world.invite(userAgent="viceroy 1.3"))

    def test_nobodyWaits(self) -> None:
        """An INVITE that nobody waits for is refused and never becomes a call of its own."""
        self.assertRefused(self.world.invite())
        self.assertTrue(self.world.isEmpty())

    def test_wrongNames(self) -> None:
        """Both names must be right."""
        leg = self.accept()
        for from_, to in (
            ("mallory@jabber.example", "72@gw.jabber.example"),
            ("scott@jabber.example", "900@gw.jabber.example"),
            ("scott@jabber.example", ""),
            ("", "72@gw.jabber.example"),
            ("@", "72@gw.jabber.example"),
            ("72@gw.jabber.example", "scott@jabber.example"),
            ("x" * 5000, "72@gw.jabber.example"),
        ):
            self.assertRefused(self.world.invite(from_, to))
        self.assertEqual(news(leg).news, [])

    def test_tooEarly(self) -> None:
        """An INVITE before our accept is refused: only the real iChat knows when it is due."""
        self.world.request()
        self.assertRefused(self.world.invite())
        self.assertEqual(news(self.world.arrived).news, [])

    def test_forgedSource(self) -> None:
        """Who knows the names but sends from elsewhere is refused if the iChat named a public address."""
        leg = self.accept(data=PUBLIC_DATA)
        self.assertRefused(self.world.invite(source=ELSEWHERE))
        self.assertTaken(self.world.invite(source=TransportAddress("8.8.4.4", 16402)))
        self.assertEqual(news(leg).news, [])

    def test_behindNAT(self) -> None:
        """
        An iChat that named only private addresses may be seen at another one: its INVITE says at which of them it was
        written, if no router has put the other one in its place.
        """
        for hosts in (["192.168.1.2"], ["192.168.1.2", ELSEWHERE.host]):
            self.accept(data=PRIVATE_DATA)
            self.assertTaken(self.world.invite(source=ELSEWHERE, writtenAt=hosts))

    def test_behindDumbNAT(self) -> None:
        """An INVITE that shows nothing is taken a little later, if there is no other one."""
        for data, hosts in ((PRIVATE_DATA, [ELSEWHERE.host]), (PRIVATE_DATA, ["192.168.1.3"]), ("", [])):
            self.accept(data=data)
            inner = self.world.invite(source=ELSEWHERE, writtenAt=hosts)
            self.world.clock.advance(HOLD / 2)
            self.assertEqual(inner.orders, [])
            self.world.clock.advance(HOLD / 2)
            self.assertTaken(inner)

    def test_publicInTheOtherFamily(self) -> None:
        """A public IPv4 address says nothing of where IPv6 comes from."""
        self.accept(data=PUBLIC_DATA)
        inner = self.world.invite(source=TransportAddress("fd00::1", 16402))
        self.world.clock.advance(HOLD)
        self.assertTaken(inner)

    def test_race(self) -> None:
        """
        A stranger who knows both names and sends one INVITE after the other never gets the place of an iChat behind a
        NAT, whether they begin before or after it, whatever they write.
        """
        for begin in (-0.5, 0.1, 0.5):
            for hosts in ([], [STRANGER.host], ["192.168.1.9"], ["192.168.1.2", "192.168.1.9"]):
                for shown in (["192.168.1.2"], []):
                    self.race(begin, hosts, shown)

    def race(self, begin: float, hosts: list[str], shown: list[str]) -> None:
        """
        @param begin: when the stranger begins, from our accept on; the iChat's INVITE comes 0.3 s after it.
        @param hosts: where its INVITEs say they are from.
        @param shown: the same of the iChat's.
        """
        self.world = World()
        self.world.request(data=PRIVATE_DATA)
        strangers = []
        real = None
        for tick in range(-6, 20):
            if tick == 0:
                self.world.arrived.answer(ANSWER)
            if tick == 3:
                real = self.world.invite(source=ELSEWHERE, writtenAt=shown)
            if tick * 0.1 >= begin:
                strangers.append(self.world.invite(source=STRANGER, writtenAt=hosts))
            self.world.clock.advance(0.1)
        for stranger in strangers:
            self.assertNotIn("answer", stranger.orders, (begin, hosts, shown))
            self.assertIn("hangup", stranger.orders)
        assert real is not None
        if shown or begin < 0:
            self.assertTaken(real)  # who came too early is not even a rival
        else:
            self.assertEqual(real.orders, ["hangup"])

    def test_oneGuess(self) -> None:
        """A host that has shown a wrong address is not believed when it shows another one."""
        self.accept(data=PRIVATE_DATA)
        first = self.world.invite(source=STRANGER, writtenAt=["192.168.1.1"])
        second = self.world.invite(source=STRANGER, writtenAt=["192.168.1.2"])
        self.world.clock.advance(HOLD / 2)
        self.assertEqual((first.orders, second.orders), ([], []))
        self.assertTaken(self.world.invite(source=ELSEWHERE, writtenAt=["192.168.1.2"]))
        self.world.clock.advance(HOLD)
        self.assertEqual((first.orders, second.orders), (["hangup"], ["hangup"]))

    def test_manyGuesses(self) -> None:
        """So many hosts are heard for one call, and no more; one that the iChat has named always is."""
        self.accept(data=PRIVATE_DATA)
        for number in range(MAX_CLAIMS):
            self.world.invite(source=TransportAddress(f"203.0.113.{number}", 16402), writtenAt=["192.168.1.1"])
        self.assertRefused(self.world.invite(source=STRANGER, writtenAt=["192.168.1.2"]))
        self.assertTaken(self.world.invite(source=TransportAddress("192.168.1.2", 16402)))

    def test_notHeard(self) -> None:
        """Who comes too early is not heard for a while; how many such hosts are remembered is bounded."""
        self.world.request(data=PRIVATE_DATA)
        for number in range(MAX_EARLY + 5):
            self.world.invite(source=TransportAddress(f"203.0.{number // 256}.{number % 256}", 16402))
        self.assertEqual(len(self.world.protocol._waiting._early), MAX_EARLY)
        self.world.arrived.answer(ANSWER)
        last = TransportAddress(f"203.0.{number // 256}.{number % 256}", 16402)
        self.assertRefused(self.world.invite(source=last, writtenAt=["192.168.1.2"]))
        self.world.arrived.hangup(Ending(EndReason.HANGUP))
        self.world.clock.advance(DEAF)
        self.accept(data=PRIVATE_DATA)
        self.assertTaken(self.world.invite(source=last, writtenAt=["192.168.1.2"]))

    def test_heldAndGivenUp(self) -> None:
        """An INVITE that is given up while it is held leaves nothing; nor does one whose call ends."""
        self.accept(data=PRIVATE_DATA)
        inner = self.world.invite(source=ELSEWHERE)
        inner.partyHangsUp(Ending(EndReason.CANCELLED))
        self.world.clock.advance(HOLD)
        self.assertEqual(inner.orders, [])
        second = self.world.invite(source=ELSEWHERE)
        self.world.arrived.hangup(Ending(EndReason.HANGUP))
        self.world.clock.advance(HOLD)
        self.assertEqual(second.orders, ["hangup"])
        self.assertTrue(self.world.isEmpty())
        self.assertEqual(self.world.protocol._waiting._claims, {})

    def test_mappedAddress(self) -> None:
        """An IPv4 address is the same when a socket writes it as IPv4-mapped IPv6."""
        self.accept(data=PUBLIC_DATA)
        self.assertTaken(self.world.invite(source=TransportAddress("::ffff:8.8.4.4", 16402)))

    def test_otherPort(self) -> None:
        """The host counts; the port may have been changed on the way."""
        self.accept(data=PUBLIC_DATA)
        self.assertTaken(self.world.invite(source=TransportAddress("8.8.4.4", 40000)))

    def test_twoOfOneUser(self) -> None:
        """Two iChats of a user call the same number: each INVITE goes to the call of the address it comes from."""
        first = self.accept()
        second = self.accept(MINI, ICHAT_DATA.replace("c6336407", "c6336408"))
        inner = self.world.invite(source=TransportAddress("198.51.100.8", 16402))
        self.assertIs(inner.side, second.side)
        self.assertTaken(inner)
        inner = self.world.invite()
        self.assertIs(inner.side, first.side)
        self.assertTaken(inner)

    def test_twoOnOneHost(self) -> None:
        """On one host they are told apart by the port."""
        self.accept()
        second = self.accept(MINI, ICHAT_DATA.replace("4012", "4011"))
        inner = self.world.invite(source=TransportAddress("198.51.100.7", 0x4011))
        self.assertIs(inner.side, second.side)

    def test_twoFromNowhere(self) -> None:
        """If the address does not say whose it is, an INVITE that could be either's is refused."""
        self.accept()
        self.accept(MINI)
        self.assertRefused(self.world.invite(source=ELSEWHERE))

    def test_secondInvite(self) -> None:
        """A call takes one INVITE; another is too late."""
        leg = self.accept()
        self.assertTaken(self.world.invite())
        self.assertRefused(self.world.invite(), EndReason.UNAVAILABLE)
        self.assertEqual(news(leg).news, [])

    def test_tooLate(self) -> None:
        """For some time an INVITE for a call that is over is told so; then it is as unknown as any."""
        self.accept().hangup(Ending(EndReason.HANGUP))
        self.world.clock.advance(MEMORY - 1)
        self.assertRefused(self.world.invite(), EndReason.UNAVAILABLE)
        self.world.clock.advance(1)
        self.assertRefused(self.world.invite())

    @slow
    def test_memoryIsBounded(self) -> None:
        """Only so many calls are remembered, those that ended last."""
        for number in (*range(MAX_REMEMBERED + 4), 5, "new", "newer"):
            self.world.request(to=JID(f"{number}@gw.jabber.example"))
            self.world.cancel(to=JID(f"{number}@gw.jabber.example"))
        self.assertEqual(len(self.world.protocol._waiting._over), MAX_REMEMBERED)
        self.assertRefused(self.world.invite(to="0@gw.jabber.example"))
        self.assertRefused(self.world.invite(to="4@gw.jabber.example"))
        self.assertRefused(self.world.invite(to="5@gw.jabber.example"), EndReason.UNAVAILABLE)

    def test_otherPhones(self) -> None:
        """What is not an iChat's INVITE is not claimed, whatever names it bears."""
        names = "scott@jabber.example", "72@gw.jabber.example"
        for agent, claimed in (("Viceroy 1.4.1", True), ("viceroy", True), ("Linphone (Viceroy)", False), ("", False)):
            self.assertIs(self.world.protocol.claims(Invitation(ICHAT_ADDRESS, agent, *names)), claimed, agent)

    def test_limit(self) -> None:
        """Only so many calls of a user wait at once; more are refused, those of others are not."""
        for number in range(6):
            self.world.request(to=JID(f"{number}@gw.jabber.example"))
        self.assertEqual(len(self.world.arrivals.arrivals), 4)
        self.assertEqual(self.world.words[-1], "response 1 to scott@jabber.example/iChat")
        self.world.request(JID("tim@jabber.example/iChat"))
        self.assertEqual(len(self.world.arrivals.arrivals), 5)
        self.world.cancel(to=JID("0@gw.jabber.example"))
        self.world.request(to=JID("9@gw.jabber.example"))
        self.assertEqual(len(self.world.arrivals.arrivals), 6)
