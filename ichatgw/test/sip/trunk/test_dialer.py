"""
Tests for L{ichatgw.sip.trunk.dialer} and L{ichatgw.sip.trunk.hunt}: calls that go out by trunks.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reading.kinds import Proxy
from ichatgw.model import Ending, EndReason, Party
from ichatgw.sip.leg.mediasecurity import Encryption, MediaPolicy
from ichatgw.sip.leg.outbound import OutboundSipLeg
from ichatgw.sip.trunk.account import Probing
from ichatgw.sip.trunk.dialer import NoTrunk
from ichatgw.test.marks import slow
from ichatgw.test.support.fakes import OFFER, FakeCall
from ichatgw.test.support.names import FakeNames, a
from ichatgw.test.support.sip.sipwire import PHONE_SDP, header, respond
from ichatgw.test.support.sip.trunks import OTHER, SERVER, TrunkRig, trunk

SCOTT = Party("xmpp:scott@chat.example", "Scott")
PROXY_ASKED = 'Proxy-Authenticate: Digest realm="r", nonce="n", algorithm=MD5, qop="auth"\r\n'


class TrunkCalls(SynchronousTestCase):
    """Two trunks, at different servers, that are not registered."""

    def setUp(self) -> None:
        self.make()

    def make(self, first: dict[str, Any] | None = None, second: dict[str, Any] | None = None, **more: Any) -> None:
        plain = {"registrationTime": 0}
        self.rig = TrunkRig(
            trunk("one", **{**plain, **(first or {})}),
            trunk("two", OTHER.host, **{**plain, "user": "4940", **(second or {})}),
            **more,
        )

    def dial(self, called: str = "sip:+49891234@one,two", caller: Party = SCOTT) -> OutboundSipLeg:
        """Call; the leg."""
        leg = self.rig.dial(called, caller)
        leg.start(OFFER)
        return leg

    def invites(self) -> list[tuple[str, str]]:
        """The INVITEs that have gone out since the last time, each with where it went."""
        sent, self.rig.wire.sent = self.rig.wire.sent, []
        found: dict[str, tuple[str, str]] = {}
        for text, target in sent:
            if text.startswith("INVITE"):
                found[header(text, "Via")] = (text, target.host)
        return list(found.values())

    def invite(self, host: str = SERVER.host) -> str:
        """The one INVITE that has gone out, to C{host}."""
        ((text, at),) = self.invites()
        self.assertEqual(at, host)
        return text

    def answer(self, to: str, code: int, extra: str = "", body: str = "") -> None:
        source = SERVER if SERVER.host in to.partition("\r\n")[0] else OTHER
        self.rig.wire.take()
        self.rig.endpoint.received(respond(to, code, "Word", extra=extra, body=body).encode(), source)


class DialTests(TrunkCalls):
    """What goes out."""

    def test_request(self) -> None:
        """The number is called at the server, from the account, which a caller sees back by."""
        self.dial()
        invite = self.invite()
        self.assertTrue(invite.startswith("INVITE sip:+49891234@198.51.100.1 SIP/2.0\r\n"))
        self.assertEqual(header(invite, "To"), "<sip:+49891234@198.51.100.1>")
        self.assertTrue(header(invite, "From").startswith("Scott <sip:4930@198.51.100.1>;tag="), header(invite, "From"))
        self.assertEqual(header(invite, "Contact"), "<sip:4930@192.0.2.10:5070>")

    def test_hosts(self) -> None:
        """A host that is no trunk is called as ever, and so is the address of a trunk's server."""
        for called in ("sip:1@192.0.2.77", "sip:1@198.51.100.1"):
            self.dial(called)
            self.assertIn("From: scott <sip:scott@chat.example>".lower(), self.invite(called[6:]).lower())

    def test_login(self) -> None:
        """The trunk's password answers its server, within one INVITE more."""
        self.dial()
        self.answer(self.invite(), 407, PROXY_ASKED)
        self.assertIn('username="4930"', header(self.invite(), "Proxy-Authorization"))

    def test_othersPassword(self) -> None:
        """The second trunk is given its own password, and not that of the first."""
        self.dial()
        self.answer(self.invite(), 503)
        self.answer(self.invite(OTHER.host), 407, PROXY_ASKED)
        self.assertIn('username="4940"', header(self.invite(OTHER.host), "Proxy-Authorization"))

    def test_prefix(self) -> None:
        """Numbers get the prefix that the server wants, names do not."""
        self.make({"dialPrefix": "0"})
        for called, uri in (("89", "089"), ("+4989", "0004989"), ("anna", "anna")):
            self.dial(f"sip:{called}@one")
            self.assertTrue(self.invite().startswith(f"INVITE sip:{uri}@198.51.100.1 "), called)

    def test_proxy(self) -> None:
        """Calls go by the proxy, and name it in a Route."""
        self.make({"proxies": (Proxy(OTHER.host, 5062),)})
        self.dial("sip:1@one")
        self.assertEqual(header(self.invite(OTHER.host), "Route"), "<sip:198.51.100.2:5062;lr>")

    def test_serviceRoute(self) -> None:
        """Calls take the route that the registrar has named."""
        self.make({"registrationTime": 600})
        self.rig.register("Service-Route: <sip:198.51.100.7:5070;lr>\r\n")
        self.dial("sip:1@one")
        self.assertEqual(header(self.invite("198.51.100.7"), "Route"), "<sip:198.51.100.7:5070;lr>")

    def test_flow(self) -> None:
        """Of several servers that one is called first where the trunk is registered."""
        table = {"p.example": [a("198.51.100.8"), a("198.51.100.1")]}
        self.make({"host": "p.example", "registrationTime": 600}, names=FakeNames(**table))
        (register,) = self.rig.sent("REGISTER")
        (again,) = self.rig.reply(register, 500, source=evolve(SERVER, host="198.51.100.8"))
        self.rig.reply(again)
        self.dial("sip:1@one")
        self.invite("198.51.100.1")

    def test_full(self) -> None:
        """A trunk that has as many calls as it may is passed over; if all have, the call cannot be made."""
        self.make({"maxCalls": 1}, {"maxCalls": 1})
        first = self.dial()
        self.invite()
        self.dial()
        self.invite(OTHER.host)
        self.assertRaises(NoTrunk, self.rig.dial, "sip:1@one,two", SCOTT)
        first.hangup(Ending(EndReason.HANGUP, ""))
        self.rig.wire.take()
        self.dial()

    def test_counted(self) -> None:
        """A call counts for the trunk that has it, and for none when it is over."""
        leg = self.dial()
        self.answer(self.invite(), 503)
        self.assertEqual((self.rig.account("one").legs, self.rig.account("two").legs), (set(), {leg}))
        self.answer(self.invite(OTHER.host), 486)
        self.assertEqual(self.rig.account("two").legs, set())

    def test_encryption(self) -> None:
        """Media is protected as the trunk wants it."""
        policy = MediaPolicy(inClear=True)
        self.make({"mediaEncryption": "required"}, policy=policy)
        self.dial()
        (first,) = self.rig.streams.take()  # too long for a datagram
        self.assertIn(" RTP/SAVP ", first)
        self.make({"mediaEncryption": "never"}, policy=MediaPolicy(Encryption.REQUIRED, inClear=True))
        self.dial()
        self.assertIn(" RTP/AVP ", self.invite())


class FailoverTests(TrunkCalls):
    """From one trunk to the next."""

    @slow
    def test_statuses(self) -> None:
        """What is about the trunk has the next one tried at once; what is about who is called has not."""
        for code in (401, 402, 403, 408, 500, 502, 503, 504):
            self.make()
            self.dial()
            self.answer(self.invite(), code)
            self.assertEqual(len([at for _, at in self.invites() if at == OTHER.host]), 1, code)
        for code in (302, 404, 410, 480, 484, 486, 487, 488, 600, 603, 604):
            self.make()
            leg = self.dial()
            self.answer(self.invite(), code, "Contact: <sip:900@203.0.113.9>\r\n" if code == 302 else "")
            expected = 1 if code == 302 else 0
            self.assertEqual(len(self.invites()), expected, code)
            self.assertEqual(leg._ended, not expected)

    def test_silence(self) -> None:
        """One that says nothing is left within 4 s."""
        self.dial()
        self.invite()
        self.rig.clock.pump([0.1] * 39)
        self.assertIn(OTHER.host, [at for _, at in self.invites()])

    def test_silentServers(self) -> None:
        """However many servers it has."""
        table = {"p.example": [a(f"198.51.100.{each}") for each in (11, 12, 13)]}
        self.make({"host": "p.example"}, names=FakeNames(**table))
        self.dial()
        self.rig.clock.pump([0.1] * 39)
        hosts = [at for _, at in self.invites()]
        self.assertEqual(hosts[-1], OTHER.host)
        self.assertEqual(len(set(hosts)), 4)

    def test_deadNames(self) -> None:
        """Or if nobody says where it is."""
        self.make({"host": "p.example"})
        self.rig.names.silent = {"p.example", "_sip._udp.p.example"}
        self.rig.names.held = []
        self.dial()
        self.rig.clock.pump([0.1] * 39)
        self.assertEqual([at for _, at in self.invites()], [OTHER.host])

    def test_noWay(self) -> None:
        """A trunk to which there is no way is left at once."""
        self.rig.wire.unreachable = {SERVER.host}
        self.dial()
        self.invite(OTHER.host)

    def test_down(self) -> None:
        """One that is known to be down, or refused, is passed over, and called as a last resort."""
        self.rig.account("one").probing = Probing.SILENT
        self.dial()
        self.answer(self.invite(OTHER.host), 503)
        self.invite()
        self.rig.account("one").probing = Probing.ANSWERS
        self.rig.account("one").flows[0].isRefused = True
        self.dial()
        self.invite(OTHER.host)

    def test_doubt(self) -> None:
        """A call that got no answer has the next one pass the trunk over at once, if probes will tell when it is
        back."""
        self.make({"probeTime": 30})
        self.dial()
        self.rig.clock.pump([0.1] * 39)
        self.rig.wire.take()
        self.dial()
        self.assertEqual(self.invites()[0][1], OTHER.host)

    def test_noSecondRing(self) -> None:
        """Once a phone rings, or may, no other trunk is tried, whatever comes then."""
        for provisional in (180, 181, 182, 183):
            for code in (500, 503, 408, 403):
                self.make()
                leg = self.dial()
                invite = self.invite()
                self.answer(invite, provisional)
                self.rig.clock.pump([0.5] * 20)
                self.answer(invite, code)
                self.assertEqual(self.invites(), [], (provisional, code))
                self.assertTrue(leg._ended)

    def test_trying(self) -> None:
        """100 is from the trunk, not from a phone."""
        self.dial()
        invite = self.invite()
        self.answer(invite, 100)
        self.answer(invite, 503)
        self.invite(OTHER.host)

    def test_late(self) -> None:
        """A trunk that was left is cancelled; if it answers after all it is hung up on, and the second goes on."""
        leg = self.dial()
        first = self.invite()
        self.answer(first, 100)
        self.assertFalse(leg._ended)

    def test_answered(self) -> None:
        """A call by the second trunk is a call."""
        leg = self.dial()
        self.answer(self.invite(), 503)
        self.answer(self.invite(OTHER.host), 200, body=PHONE_SDP)
        call = leg.call
        assert isinstance(call, FakeCall)
        self.assertIn("answered", str(call.news))

    def test_unknownNames(self) -> None:
        """Names in the list that are no trunks are passed over."""
        self.dial("sip:1@three,two,one,two")
        self.invite(OTHER.host)
