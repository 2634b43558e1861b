# -*- test-case-name: ichatgw.test.media.relay.test_direct -*-
"""
Tests for L{ichatgw.media.relay.direct}, and of calls whose media goes from party to party (C{AlwaysRelayIChatMedia}
off).
"""

from __future__ import annotations

from typing import Any, cast

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.calls.call import Call
from ichatgw.calls.switch import Switch
from ichatgw.interfaces import IMediaSide, IRelay
from ichatgw.media.relay.direct import DirectRelay, areNear
from ichatgw.model import PCMU, Direction, Party, Protection, SessionDescription, TransportAddress
from ichatgw.sip.leg.mediasecurity import Encryption, MediaPolicy
from ichatgw.test.support.fakes import FakeLeg
from ichatgw.test.support.media.fakerelays import FakeMediaEngine, FakeRelay, FakeSide
from ichatgw.test.support.sip.sipwire import PHONE_SDP, Rig, ackFor, header, request, respond, status

HERE, THERE = TransportAddress("192.0.2.77", 30000), TransportAddress("192.0.2.88", 40000)
RELAY = TransportAddress("192.0.2.10", 20000)
FAR = TransportAddress("192.0.2.88", 5060)
FAR_SDP = PHONE_SDP.replace("192.0.2.77", THERE.host).replace("30000", str(THERE.port))
FAR_CONTACT = "Contact: <sip:100@192.0.2.88>\r\n"
CRYPTO = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"


def described(address: TransportAddress | None) -> SessionDescription:
    return SessionDescription((PCMU,), address)


class DirectRelayTests(SynchronousTestCase):
    """L{DirectRelay}."""

    def setUp(self) -> None:
        self.made: list[FakeRelay] = []
        self.relay = DirectRelay("1", HERE, self.make)

    def make(self) -> FakeRelay:
        self.made.append(FakeRelay())
        return self.made[-1]

    def test_interfaces(self) -> None:
        """It is a relay, and has sides."""
        verifyObject(IRelay, self.relay)
        verifyObject(IMediaSide, self.relay.caller)

    def test_shown(self) -> None:
        """Each is shown where the other one is, also when that moves; while it holds by zeros, where it was."""
        self.assertEqual(self.relay.callee.local(THERE.host), HERE)
        self.relay.callee.connect(described(THERE))
        self.assertEqual(self.relay.caller.local(HERE.host), THERE)
        self.relay.caller.connect(described(evolve(HERE, port=31000)))
        self.assertEqual(self.relay.callee.local(THERE.host).port, 31000)
        self.relay.caller.connect(described(None))
        self.assertEqual(self.relay.callee.local(THERE.host).port, 31000)
        self.relay.close()
        self.relay.close()
        self.assertEqual(self.made, [])

    def test_otherFamily(self) -> None:
        """Those who cannot reach each other get a real relay; it is closed with this one."""
        self.assertEqual(self.relay.callee.local("2001:db8::88"), TransportAddress("2001:db8::10", 20000))
        self.assertEqual(self.relay.caller.local(HERE.host), RELAY)
        self.relay.callee.connect(described(THERE))
        self.relay.callee.hold(Direction.INACTIVE)
        (real,) = self.made
        side = cast(FakeSide, real.callee)
        self.assertEqual((side.remotes, side.holds), ([described(THERE)], [Direction.INACTIVE]))
        self.relay.close()
        self.assertEqual(real.closed, 1)

    def test_anchored(self) -> None:
        """A real relay that comes later learns all that is known, once."""
        self.relay.callee.connect(described(THERE))
        self.relay.callee.hold(Direction.SENDONLY)
        self.assertTrue(self.relay.caller.isDirect)
        self.relay.caller.protect(Protection(), lambda ending: None)
        (real,) = self.made
        self.assertFalse(self.relay.caller.isDirect)
        callee, caller = cast(FakeSide, real.callee), cast(FakeSide, real.caller)
        self.assertIs(self.relay.caller.anchor(), caller)
        self.assertEqual((callee.remotes, callee.holds), ([described(THERE)], [Direction.SENDONLY]))
        self.assertEqual((caller.remotes, caller.protections), ([], [Protection()]))

    def test_areNear(self) -> None:
        """Who can reach whom, as far as addresses tell."""
        for one, other, near in (
            ("8.8.8.8", "8.8.4.4", True),
            ("10.0.0.1", "192.168.0.1", True),
            ("10.0.0.1", "8.8.8.8", False),
            ("127.0.0.1", "10.0.0.1", False),
            ("127.0.0.1", "127.0.0.2", True),
            ("2001:4860::1", "8.8.8.8", False),
        ):
            self.assertEqual((areNear(one, other), areNear(other, one)), (near, near), (one, other))


class ExchangeTests(SynchronousTestCase):
    """Somebody takes the place of a party."""

    def test_replace(self) -> None:
        """Then media passes here, and the one who stays is told so."""
        relay = DirectRelay("1", HERE, FakeRelay)
        caller, callee, third = FakeLeg(Party("sip:a@x")), FakeLeg(Party("sip:b@x")), FakeLeg(Party("sip:c@x"))
        call = Call("1", caller, callee, relay, Clock(), lambda call: None)
        call.start(described(HERE))
        call.answered(callee, described(THERE))
        call.replace(callee, third, described(THERE))
        self.assertFalse(relay.isDirect)
        self.assertIn("change", caller.orders)
        self.assertFalse(caller.side.isDirect or third.side.isDirect)


class _Plan:
    output = "sip:100@192.0.2.88"

    def translate(self, address: str) -> str:
        return self.output


class CallTests(SynchronousTestCase):
    """Calls from phone to phone."""

    def setUp(self) -> None:
        self.make()

    def make(self, **arguments: Any) -> None:
        self.rig = Rig(**arguments)
        self.media = FakeMediaEngine()
        self.plan = _Plan()
        self.switch = Switch(self.rig.clock, self.plan, self.media, {"sip": self.rig.endpoint})
        self.switch.alwaysRelay = False
        self.switch.startService()
        self.rig.endpoint.arrivals = self.switch

    def call(self, body: str = PHONE_SDP) -> tuple[str, str]:
        """One calls, the other answers: the INVITE that we sent, and our 200."""
        invite = self.of("INVITE", self.rig.receive(request("INVITE", body=body)))
        self.invite = invite
        sent = self.rig.receive(respond(invite, 200, "OK", body=FAR_SDP, extra=FAR_CONTACT), FAR)
        (ok,) = [message for message in sent if status(message) == 200]
        self.ok = ok
        self.rig.receive(ackFor(ok))
        return invite, ok

    def of(self, method: str, sent: list[str]) -> str:
        (found,) = [message for message in sent if message.startswith(f"{method} ")]
        return found

    def assertShown(self, message: str, place: TransportAddress) -> None:
        """The description in it names that place."""
        version = "IP6" if place.isIPv6 else "IP4"
        self.assertIn(f"c=IN {version} {place.host}\r\n", message)
        self.assertIn(f"m=audio {place.port} ", message)

    def again(self, body: str, cseq: int = 2) -> tuple[str, str]:
        """The caller says something new: our answer, and what the other one is told."""
        sent = self.rig.receive(request("INVITE", to=header(self.ok, "To"), cseq=cseq, body=body))
        (ok,) = [message for message in sent if status(message) == 200]
        sent = self.rig.receive(ackFor(ok, cseq).replace("INVITE1", f"INVITE{cseq}")) + sent
        told = self.of("INVITE", sent)
        self.rig.receive(respond(told, 200, "OK", body=FAR_SDP), FAR)
        return ok, told

    def test_direct(self) -> None:
        """Each is shown where the other one is, and no port of ours is taken."""
        invite, ok = self.call()
        self.assertShown(invite, HERE)
        self.assertShown(ok, THERE)
        self.assertEqual(self.media.relays, [])

    def test_otherLaw(self) -> None:
        """Who refuses the only law of G.711 that is there is offered both, with media that passes here."""
        body = PHONE_SDP.replace(" 0 8 101", " 8")
        invite = self.of("INVITE", self.rig.receive(request("INVITE", body=body)))
        self.assertIn("RTP/AVP 8\r\n", invite)
        sent = self.rig.receive(respond(invite, 488, "Not Acceptable Here"), FAR)
        invite = self.of("INVITE", sent)
        self.assertIn("RTP/AVP 8 0\r\n", invite)
        self.assertEqual(len(self.media.relays), 1)
        ulaw = FAR_SDP.replace(" 0 8 101", " 0")
        sent = self.rig.receive(respond(invite, 200, "OK", body=ulaw, extra=FAR_CONTACT), FAR)
        (ok,) = [message for message in sent if status(message) == 200]
        self.assertIn("m=audio 20000 RTP/AVP 8\r\n", ok)

    def test_hold(self) -> None:
        """A hold is passed on, and so is that it is over."""
        self.call()
        held, told = self.again(PHONE_SDP.replace("sendrecv", "sendonly"))
        self.assertIn("a=recvonly", held)
        self.assertIn("a=sendonly", told)
        self.assertShown(told, HERE)
        _, told = self.again(PHONE_SDP, 3)
        self.assertIn("a=sendrecv", told)
        self.assertEqual(self.media.relays, [])

    def test_moved(self) -> None:
        """Where one moves the other is told."""
        self.call()
        ok, told = self.again(PHONE_SDP.replace("30000", "31000"))
        self.assertShown(told, evolve(HERE, port=31000))
        self.assertShown(ok, THERE)

    def test_asked(self) -> None:
        """One who asks for an offer gets the other one's."""
        self.call()
        sent = self.rig.receive(request("INVITE", to=header(self.ok, "To"), cseq=2, body=None))
        (offer,) = [message for message in sent if status(message) == 200]
        self.assertShown(offer, THERE)

    def test_on(self) -> None:
        """If that is not wanted, media passes here."""
        self.switch.alwaysRelay = True
        invite, ok = self.call()
        self.assertShown(invite, RELAY)
        self.assertShown(ok, RELAY)

    def test_elsewhere(self) -> None:
        """So it does if media comes from elsewhere than messages, if there is no offer, or if the other one is far."""
        for body, output in (
            (PHONE_SDP.replace("IP4 192.0.2.77", "IP4 8.8.8.8"), _Plan.output),
            (None, _Plan.output),
            (PHONE_SDP, "sip:100@8.8.8.8"),
            (PHONE_SDP, "sip:100@[2001:db8::88]"),
        ):
            self.make()
            self.plan.output = output
            invite = self.of("INVITE", self.rig.receive(request("INVITE", body=body)))
            place = RELAY if "[" not in output else TransportAddress("2001:db8::10", RELAY.port)
            self.assertShown(invite, place)
            self.assertEqual(self.media.open, 1)

    def test_protected(self) -> None:
        """Media whose keys we have, or would offer, passes here."""
        for body in (PHONE_SDP + CRYPTO, PHONE_SDP):
            self.make(policy=MediaPolicy(Encryption.OPTIONAL, inClear=True))
            sent = self.rig.receive(request("INVITE", body=body))
            # With all those keys it is too long for a datagram.
            self.assertShown(self.of("INVITE", sent + self.rig.streams.take()), RELAY)

    def test_protectedLater(self) -> None:
        """If one comes with keys in the middle of a call, media passes here from then on, and both are told."""
        self.make(policy=MediaPolicy(Encryption.OPTIONAL))
        self.assertShown(self.call()[0], HERE)
        ok, told = self.again(PHONE_SDP + CRYPTO)
        self.assertShown(ok, RELAY)
        self.assertIn("a=crypto", ok)
        self.assertShown(told, RELAY)
