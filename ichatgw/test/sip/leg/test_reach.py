# -*- test-case-name: ichatgw.test.sip.leg.test_reach -*-
"""
Media at addresses of a family that we do not have.
"""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import PCMU, EndReason, SessionDescription, TransportAddress
from ichatgw.sip.leg.inbound import InboundSipLeg
from ichatgw.sip.leg.mediasecurity import MediaPolicy
from ichatgw.sip.message.status import fromStatus
from ichatgw.test.support.fakes import OFFER, FakeCall
from ichatgw.test.support.sip.siptalks import both, news, side
from ichatgw.test.support.sip.sipwire import PHONE_SDP, Rig, header, respond, status

ELSEWHERE = PHONE_SDP.replace("c=IN IP4 192.0.2.77", "c=IN IP6 2001:db8::77")
_CHECKS = "a=ice-ufrag:4ZcD\r\na=ice-pwd:2/1muCWoOi3uLifh0NuRHlGh\r\n"
# As linphone and others of two families write it.
BOTH = (
    f"{ELSEWHERE}{_CHECKS}a=candidate:1 1 UDP 2130706431 2001:db8::77 30000 typ host\r\n"
    "a=candidate:2 1 UDP 1694498815 192.0.2.99 45664 typ srflx raddr 192.0.2.77 rport 30000\r\n"
    "a=candidate:3 1 UDP 2130706303 192.0.2.77 30000 typ host\r\n"
    "a=candidate:3 2 UDP 2130706302 192.0.2.77 30001 typ host\r\n"
)
OTHERWAY = (
    f"{PHONE_SDP}{_CHECKS}a=candidate:1 1 UDP 2130706431 192.0.2.77 30000 typ host\r\n"
    "a=candidate:2 1 UDP 2130706303 2001:db8::77 30000 typ host\r\n"
)
EITHER = ELSEWHERE + "m=audio 30002 RTP/AVP 0\r\nc=IN IP4 192.0.2.77\r\n"


def rig(family: int = 4) -> Rig:
    """A gateway of one family."""
    return Rig(policy=MediaPolicy(reaches=lambda host: (":" in host) is (family == 6)))


def arrived(gateway: Rig) -> InboundSipLeg:
    return gateway.invitations.legs[-1]


class InboundTests(SynchronousTestCase):
    """Who calls."""

    def test_refused(self) -> None:
        """There is an objection before anything rings, and it becomes 488 with a Warning (RFC 3261 section 20.43)."""
        for family, body in ((4, ELSEWHERE), (6, PHONE_SDP)):
            gateway = rig(family)
            gateway.invite(body=body)
            leg = arrived(gateway)
            objection = gateway.invitations.arrivals[-1].objection
            assert objection is not None
            self.assertIs(objection.reason, EndReason.INCOMPATIBLE)
            leg.hangup(objection)
            (refusal,) = gateway.wire.take()
            self.assertEqual((status(refusal), header(refusal, "Warning")[:4]), (488, "301 "))
            self.assertIn("cannot be reached", header(refusal, "Warning"))

    def test_another(self) -> None:
        """If another stream of the offer can be reached, that one is taken."""
        gateway = rig()
        gateway.invite(body=EITHER)
        leg = arrived(gateway)
        self.assertIsNone(gateway.invitations.arrivals[-1].objection)
        leg.answer(OFFER)
        ok = gateway.wire.take()[-1]
        self.assertEqual([line.split()[1] for line in ok.split("\r\n") if line.startswith("m=")], ["0", "20000"])
        self.assertEqual(side(leg).remotes[-1].address, TransportAddress("192.0.2.77", 30002))

    def test_unsaid(self) -> None:
        """Who names no address, or holds by one of zeros, can be anywhere."""
        for connection in ("IP4 phone.example", "IP6 ::"):
            gateway = rig()
            gateway.invite(body=PHONE_SDP.replace("c=IN IP4 192.0.2.77", f"c=IN {connection}"))
            self.assertIsNone(gateway.invitations.arrivals[-1].objection)


class EitherFamilyTests(SynchronousTestCase):
    """Who names an address of the one family by default, and has candidates of both."""

    def test_offered(self) -> None:
        """Media goes to the best candidate that can be reached, and RTCP to its second component."""
        for family, body, place in ((4, BOTH, "192.0.2.77"), (6, OTHERWAY, "2001:db8::77")):
            gateway = rig(family)
            gateway.invite(body=body)
            self.assertIsNone(gateway.invitations.arrivals[-1].objection)
            arrived(gateway).answer(OFFER)
            remote = side(arrived(gateway)).remotes[-1]
            self.assertEqual(remote.address, TransportAddress(place, 30000))
            self.assertEqual(remote.rtcp, TransportAddress(place, 30001) if family == 4 else None)

    def test_answered(self) -> None:
        """The same with who is called."""
        gateway = rig()
        leg = gateway.dial()
        leg.start(OFFER)
        (invite,) = gateway.wire.take()
        gateway.receive(respond(invite, 200, "OK", body=BOTH))
        self.assertEqual(news(leg).news, ["answered"])
        self.assertEqual(side(leg).remotes[-1].address, TransportAddress("192.0.2.77", 30000))

    def test_neither(self) -> None:
        """Without a candidate that can be reached, and without those of media, there is no way."""
        for body in (BOTH.replace("192.0.2.", "2001:db8::"), BOTH.replace(" 1 UDP", " 2 UDP")):
            gateway = rig()
            gateway.invite(body=body)
            self.assertIsNotNone(gateway.invitations.arrivals[-1].objection)


class OutboundTests(SynchronousTestCase):
    """Who is called."""

    def test_answer(self) -> None:
        """Who answers from where it cannot be heard is hung up on, and both are told why."""
        gateway = rig()
        leg = gateway.dial()
        leg.start(OFFER)
        (invite,) = gateway.wire.take()
        sent = gateway.receive(respond(invite, 200, "OK", body=ELSEWHERE))
        self.assertEqual(sorted(each.split()[0] for each in sent), ["ACK", "BYE"])
        ((_, ending),) = news(leg).endings
        self.assertEqual((ending.reason, ending.cause), (EndReason.INCOMPATIBLE, 58))
        self.assertIn("2001:db8::77", ending.text)

    def test_early(self) -> None:
        """Early media from there is none, and the answer may still be good."""
        gateway = rig()
        leg = gateway.dial()
        leg.start(OFFER)
        (invite,) = gateway.wire.take()
        gateway.receive(respond(invite, 183, "Session Progress", body=ELSEWHERE))
        gateway.receive(respond(invite, 200, "OK", body=PHONE_SDP))
        self.assertEqual(news(leg).news, ["answered"])

    def test_refusal(self) -> None:
        """So it is read when others say it."""
        ending = fromStatus(488, "Not Acceptable Here", '301 pbx "Incompatible network address formats"')
        self.assertEqual((ending.reason, ending.cause), (EndReason.INCOMPATIBLE, 58))


class WithinTests(SynchronousTestCase):
    """Within the call."""

    def test_reinvite(self) -> None:
        """An offer to send elsewhere is refused, and the call goes on as it was."""
        for talk in both(policy=MediaPolicy(reaches=lambda host: ":" not in host)):
            before = list(talk.side.remotes)
            (refusal,) = talk.send("INVITE", body=ELSEWHERE)
            self.assertEqual((status(refusal), header(refusal, "Warning")[:4]), (488, "301 "))
            self.assertEqual(talk.side.remotes, before)
            self.assertNotIn("ended", cast(FakeCall, talk.leg.call).news)

    def test_noSocket(self) -> None:
        """What the sockets say in the end counts as well."""
        gateway = Rig()
        gateway.invite(body=ELSEWHERE)
        leg = gateway.invitations.legs[-1]
        side(leg).outOfReach = True
        leg.answer(SessionDescription((PCMU,)))
        (refusal,) = gateway.wire.take()[-1:]
        self.assertEqual((status(refusal), header(refusal, "Warning")[:4]), (488, "301 "))
