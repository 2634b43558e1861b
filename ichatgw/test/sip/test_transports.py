# -*- test-case-name: ichatgw.test.sip.test_transports -*-
"""
Calls over TCP and TLS.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import PCMU, Ending, EndReason, SessionDescription, TransportAddress
from ichatgw.sip.leg.inbound import InboundSipLeg
from ichatgw.sip.leg.leg import SipLeg
from ichatgw.sip.leg.outbound import OutboundSipLeg
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.test.marks import slow
from ichatgw.test.support.fakes import FakeCall
from ichatgw.test.support.names import a, srv
from ichatgw.test.support.sip.sipwire import PHONE, PHONE_SDP, FakeStreams, Rig, header, request, respond, status

OFFER = SessionDescription((PCMU,))


def over(transport: Transport, text: str) -> str:
    """A message as it is sent over another transport than UDP."""
    return text.replace("SIP/2.0/UDP", f"SIP/2.0/{transport.name}")


class ArrivingTests(SynchronousTestCase):
    """Phones that call over a connection."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.source = Target(Transport.TLS, TransportAddress("192.0.2.77", 40000))

    def receive(self, text: str) -> list[str]:
        return self.rig.stream(over(Transport.TLS, text), self.source)

    def answer(self) -> tuple[SipLeg, str]:
        self.receive(request("INVITE", contact="<sip:alice@192.0.2.77:5061;transport=tls>"))
        (leg,) = self.rig.invitations.legs
        assert isinstance(leg, InboundSipLeg)
        leg.answer(OFFER)
        (ok,) = self.rig.streams.take()
        self.receive(request("ACK", to=header(ok, "To"), branch="ack"))
        return leg, ok

    def test_answered(self) -> None:
        """Responses go back over the connection, whatever port the Via names; our Contact is one for TLS."""
        leg, ok = self.answer()
        self.assertEqual(status(ok), 200)
        self.assertEqual(header(ok, "Contact"), "<sip:scott@192.0.2.10:5071;transport=tls>")
        leg.hangup(Ending(EndReason.HANGUP))
        ((bye, target),) = self.rig.streams.sent
        self.assertEqual(target, self.source)
        self.assertIn("SIP/2.0/TLS 192.0.2.10:5071;", header(bye, "Via"))
        self.assertEqual(self.rig.wire.sent, [])

    def test_cut(self) -> None:
        """A call outlives its connection; what is to be said then goes to the Contact, over a new one."""
        leg, _ = self.answer()
        self.rig.streams.opened.clear()
        leg.hangup(Ending(EndReason.HANGUP))
        ((bye, target),) = self.rig.streams.sent
        self.assertTrue(bye.startswith("BYE sip:alice@192.0.2.77:5061;transport=tls SIP/2.0"))
        self.assertEqual(target, Target(Transport.TLS, TransportAddress("192.0.2.77", 5061)))

    def test_reconnected(self) -> None:
        """A far end that has connected anew is spoken to over the connection that it uses now."""
        leg, ok = self.answer()
        self.rig.streams.opened.clear()
        self.source = Target(Transport.TLS, TransportAddress("192.0.2.77", 41000))
        self.receive(request("OPTIONS", to=header(ok, "To"), cseq=2))
        self.rig.streams.take()
        leg.hangup(Ending(EndReason.HANGUP))
        self.assertEqual(self.rig.streams.sent[0][1], self.source)

    def test_unasked(self) -> None:
        """Answers take the connection of the request even if its Via does not ask for the port (section 18.2.2)."""
        (ok,) = self.receive(request("OPTIONS").replace(";rport", ""))
        self.assertEqual(status(ok), 200)
        self.receive(request("INVITE").replace(";rport", ""))
        self.rig.invitations.legs[0].answer(OFFER)
        self.assertEqual({target for _, target in self.rig.streams.sent}, {self.source})

    def test_cutBeforeTheAnswer(self) -> None:
        """An answer whose connection is gone goes to the port that the Via names (section 18.2.2)."""
        text = request("INVITE").replace("192.0.2.77:5060;", "192.0.2.77:5999;").replace(";rport", "")
        for via, port in ((text, 5999), (text.replace("192.0.2.77:5999;", "192.0.2.77;"), 5061)):
            self.rig = Rig()
            self.receive(via)
            self.rig.streams.opened.clear()
            self.rig.invitations.legs[0].answer(OFFER)
            ((ok, target),) = self.rig.streams.sent
            self.assertEqual((status(ok), target.address), (200, TransportAddress("192.0.2.77", port)))
            self.assertEqual([each.name for each in self.rig.streams.suggested], [""])

    def test_cutNamed(self) -> None:
        """One whose Via says a name has to prove that, over TLS."""
        self.receive(request("INVITE").replace("192.0.2.77:5060;", "PBX.example:5999;", 1))
        self.rig.streams.opened.clear()
        self.rig.invitations.legs[0].answer(OFFER)
        ((_, target),) = self.rig.streams.sent
        self.assertEqual((target.address, target.name), (TransportAddress("192.0.2.77", 5999), "pbx.example"))
        self.assertEqual([each.name for each in self.rig.streams.suggested], ["pbx.example"])

    def test_once(self) -> None:
        """A refusal is sent once; a 200 until its ACK, which comes from beyond the connection (section 13.3.1.4)."""
        self.receive(request("INVITE"))
        self.rig.invitations.legs[0].hangup(Ending(EndReason.BUSY))
        self.rig.clock.pump([0.5] * 20)
        self.assertEqual([status(message) for message in self.rig.streams.take()], [486])
        self.receive(request("INVITE", callId="second"))
        self.rig.invitations.legs[1].answer(OFFER)
        self.rig.clock.pump([0.5] * 4)
        self.assertEqual([status(message) for message in self.rig.streams.take()], [200, 200, 200])

    def test_secureContact(self) -> None:
        """Who calls a C{sips} URI finds one in our Contact (section 12.1.1)."""
        self.receive(request("INVITE", "sips:scott@192.0.2.10:5071", contact="<sips:alice@192.0.2.77:5061>"))
        self.rig.invitations.legs[0].answer(OFFER)
        self.assertEqual(header(self.rig.streams.take()[0], "Contact"), "<sips:scott@192.0.2.10:5071>")

    @slow
    def test_securePath(self) -> None:
        """The same if the first Record-Route, or without one the Contact, is a C{sips} URI."""
        route = "Record-Route: <{}:192.0.2.77;lr>\r\n"
        for contact, extra, secure in (
            ("<sips:alice@192.0.2.77>", "", True),
            ("<sip:alice@192.0.2.77>", route.format("sips"), True),
            ("<sips:alice@192.0.2.77>", route.format("sip"), False),
        ):
            self.rig = Rig()
            self.receive(request("INVITE", contact=contact, extra=extra))
            self.rig.invitations.legs[0].answer(OFFER)
            told = header(self.rig.streams.take()[0], "Contact")
            self.assertEqual(told.startswith("<sips:"), secure, contact + extra)

    def byeAfterCut(self, contact: str, extra: str = "") -> tuple[str, Target]:
        """The one who gives that Contact has called, and is hung up when the connection is gone."""
        self.receive(request("INVITE", contact=contact, extra=extra))
        (leg,) = self.rig.invitations.legs
        leg.answer(OFFER)
        (ok,) = self.rig.streams.take()
        self.receive(request("ACK", to=header(ok, "To"), branch="ack"))
        self.rig.streams.opened.clear()
        leg.hangup(Ending(EndReason.HANGUP))
        ((bye, target),) = self.rig.streams.sent
        return bye, target

    def test_cutWithoutPort(self) -> None:
        """Who names no port is found at that of TLS."""
        for contact, extra in (
            ("<sip:alice@192.0.2.77;transport=tls>", ""),
            ("<sips:alice@192.0.2.77>", ""),
            ("<sip:alice@10.0.0.9>", "Record-Route: <sip:192.0.2.77;transport=tls;lr>\r\n"),
        ):
            self.rig = Rig()
            _, target = self.byeAfterCut(contact, extra)
            self.assertEqual(target, Target(Transport.TLS, TransportAddress("192.0.2.77", 5061)), contact + extra)

    def test_cutWithName(self) -> None:
        """A far end that has named itself is looked for where it spoke from, and has to prove that name."""
        bye, target = self.byeAfterCut("<sip:alice@PBX.example:5081;transport=tls>")
        self.assertTrue(bye.startswith("BYE sip:alice@PBX.example:5081"))
        self.assertEqual(target, Target(Transport.TLS, TransportAddress("192.0.2.77", 5081)))
        ((there, name),) = {(each, each.name) for each in self.rig.streams.suggested}
        self.assertEqual((there, name), (target, "pbx.example"))

    def test_alias(self) -> None:
        """Who wants to be called over his connection says so with the port that he listens at (RFC 5923)."""
        self.receive(request("OPTIONS").replace(":5060;", ":5081;alias;"))
        self.receive(request("OPTIONS", cseq=2).replace(":5060;", ";alias;"))
        self.receive(request("OPTIONS", cseq=3))
        self.assertEqual(self.rig.streams.aliases, [(self.source, 5081), (self.source, 5061)])

    def test_refused(self) -> None:
        """What the gate refuses is answered over the connection as well."""
        (answer,) = self.receive(request("OPTIONS", extra="Require: foo\r\n"))
        self.assertEqual(status(answer), 420)
        self.assertEqual(self.rig.wire.sent, [])


class BehindNATTests(SynchronousTestCase):
    """Phones that do not know where they speak from."""

    def test_private(self) -> None:
        """One whose Via and Contact name another address than the one he speaks from is spoken to there."""
        self.rig = Rig()
        source = TransportAddress("192.0.2.77", 4711)
        inside = "<sip:alice@10.9.0.5:5060>"
        text = request("INVITE", contact=inside).replace("UDP 192.0.2.77", "UDP 10.9.0.5")
        for extra, target in (
            ("", source),
            ("Via: SIP/2.0/UDP 10.9.0.4;branch=z9hG4bKx\r\n", TransportAddress("10.9.0.5", 5060)),
        ):
            self.rig = Rig()
            self.rig.receive(text.replace("Max-Forwards", f"{extra}Max-Forwards"), source)
            (leg,) = self.rig.invitations.legs
            leg.answer(OFFER)
            (ok,) = self.rig.wire.take()
            self.rig.receive(request("ACK", to=header(ok, "To"), branch="ack"), source)
            leg.hangup(Ending(EndReason.HANGUP))
            self.assertEqual([to for _, to in self.rig.wire.sent], [target], extra)


class DialledTests(SynchronousTestCase):
    """Calls of ours."""

    def setUp(self) -> None:
        self.rig = Rig()

    def start(self, called: str, offer: SessionDescription = OFFER) -> OutboundSipLeg:
        leg = self.rig.dial(called)
        leg.start(offer)
        return leg

    def call(self, leg: SipLeg) -> FakeCall:
        assert isinstance(leg.call, FakeCall)
        return leg.call

    def test_transport(self) -> None:
        """C{transport=tcp} is honoured, and nothing is sent twice."""
        leg = self.start("sip:100@192.0.2.77;transport=tcp")
        ((invite, target),) = self.rig.streams.sent
        self.assertEqual(target, Target(Transport.TCP, PHONE))
        self.assertIn("SIP/2.0/TCP 192.0.2.10:5070;", header(invite, "Via"))
        self.assertEqual(header(invite, "Contact"), "<sip:scott@192.0.2.10:5070;transport=tcp>")
        self.rig.clock.pump([0.5] * 60)
        self.assertEqual(len(self.rig.streams.sent), 1)
        self.rig.clock.pump([0.5] * 6)
        self.assertEqual(self.call(leg).reasons, [EndReason.TIMEOUT])

    def test_secure(self) -> None:
        """C{sips} is TLS to who can prove that it is the domain."""
        self.rig.names.table = {"sip.example": [a("192.0.2.77")]}
        self.start("sips:100@sip.example")
        ((invite, target),) = self.rig.streams.sent
        self.assertEqual(target, Target(Transport.TLS, TransportAddress("192.0.2.77", 5061)))
        self.assertEqual([each.name for each in self.rig.streams.expected], ["sip.example"])
        self.assertTrue(invite.startswith("INVITE sips:100@sip.example SIP/2.0"))
        self.assertEqual(header(invite, "Contact"), "<sips:scott@192.0.2.10:5071>")
        self.assertNotIn("alias", header(invite, "Via"))

    def test_secureThroughout(self) -> None:
        """What is said later is for the domain that was called, whichever was called at its address meanwhile."""
        self.rig.names.table = {"sip.example": [a("192.0.2.77")]}
        leg = self.start("sips:100@sip.example")
        (invite,) = self.rig.streams.take()
        there = Target(Transport.TLS, TransportAddress("192.0.2.77", 5061))
        self.rig.stream(respond(invite, 200, "OK", body=PHONE_SDP, extra="Contact: <sips:100@192.0.2.77>\r\n"), there)
        self.rig.streams.expected.clear()
        leg.hangup(Ending(EndReason.HANGUP))
        ((_, target),) = self.rig.streams.sent
        self.assertEqual((target, [each.name for each in self.rig.streams.expected]), (there, ["sip.example"]))

    def test_secureByProxy(self) -> None:
        """A C{sips} address is called through the outbound proxy over TLS or not at all."""
        secure = Target(Transport.TLS, TransportAddress("192.0.2.99", 5061))
        for proxy, way in (
            (("192.0.2.99", None, None, False), secure),
            (("192.0.2.99", 5061, Transport.TLS, False), secure),
            (("192.0.2.99", 5060, None, False), None),
            (("192.0.2.99", None, Transport.UDP, False), None),
            (("192.0.2.99", None, Transport.TCP, False), None),
        ):
            self.rig = Rig(outboundProxy=proxy)
            leg = self.start("sips:100@sip.example")
            self.assertEqual([target for _, target in self.rig.streams.sent], [way] if way else [], proxy)
            self.assertEqual(self.rig.wire.sent, [])
            self.assertEqual([each.text for _, each in self.call(leg).endings if way], [])
            if way is None:
                self.assertIn("OutboundProxy", self.call(leg).endings[0][1].text)

    def test_alias(self) -> None:
        """If we have a certificate the far end may call us over our connection (RFC 5923)."""
        self.patch(FakeStreams, "presents", True)
        self.start("sips:100@192.0.2.77")
        self.start("sip:100@192.0.2.77;transport=tcp")
        self.assertEqual(["alias" in header(text, "Via").split(";") for text in self.rig.streams.take()], [True, False])

    def test_whole(self) -> None:
        """ACK and BYE go over the connection of the call."""
        leg = self.start("sip:100@192.0.2.77;transport=tcp")
        source = Target(Transport.TCP, PHONE)
        (invite,) = self.rig.streams.take()
        extra = "Contact: <sip:100@192.0.2.77:5099;transport=tcp>\r\n"
        (ack,) = self.rig.stream(respond(invite, 200, "OK", body=PHONE_SDP, extra=extra), source)
        self.assertTrue(ack.startswith("ACK sip:100@192.0.2.77:5099;transport=tcp"))
        leg.hangup(Ending(EndReason.HANGUP))
        ((bye, target),) = self.rig.streams.sent
        self.assertEqual((bye.split()[0], target), ("BYE", source))

    def test_otherContact(self) -> None:
        """A Contact with another transport is believed: ACK and BYE go there."""
        leg = self.start("sip:100@192.0.2.77")
        (invite,) = self.rig.wire.take()
        self.rig.receive(
            respond(invite, 200, "OK", body=PHONE_SDP, extra="Contact: <sip:100@192.0.2.88;transport=tcp>\r\n")
        )
        leg.hangup(Ending(EndReason.HANGUP))
        far = Target(Transport.TCP, TransportAddress("192.0.2.88", 5060))
        self.assertEqual([(m.split()[0], t) for m, t in self.rig.streams.sent], [("ACK", far), ("BYE", far)])
        self.assertIn("SIP/2.0/TCP", header(self.rig.streams.sent[0][0], "Via"))

    def test_unreachable(self) -> None:
        """A target that there is no connection to is as good as one that answers 503: the next, or the end."""
        self.rig.names.table = {
            "_sip._tcp.sip.example": [srv("one.example", 5060, 1), srv("two.example", 5060, 2)],
            "one.example": [a("192.0.2.1")],
            "two.example": [a("192.0.2.2")],
        }
        leg = self.start("sip:100@sip.example;transport=tcp")
        for host in ("192.0.2.1", "192.0.2.2"):
            ((_, target),) = self.rig.streams.sent
            self.rig.streams.take()
            self.assertEqual(target.address.host, host)
            self.assertEqual(self.call(leg).news, [])
            self.rig.streams.unreachable(target, "its certificate is refused: it has expired")
        self.assertEqual(self.call(leg).reasons, [EndReason.CONGESTED])
        said = "503 no connection: its certificate is refused: it has expired"
        self.assertEqual(self.call(leg).endings[0][1].text, said)
        self.assertEqual(self.rig.endpoint.transactions, 0)

    def test_othersGoOn(self) -> None:
        """One target that cannot be reached ends nobody else's call."""
        leg = self.start("sip:100@192.0.2.77;transport=tcp")
        self.rig.streams.unreachable(Target(Transport.TCP, TransportAddress("192.0.2.78", 5060)), "refused")
        self.rig.streams.unreachable(Target(Transport.TLS, PHONE), "refused")
        self.assertEqual(self.call(leg).news, [])

    def test_cancel(self) -> None:
        """CANCEL goes over the connection too."""
        leg = self.start("sip:100@192.0.2.77;transport=tcp")
        (invite,) = self.rig.streams.take()
        self.rig.stream(respond(invite, 180, "Ringing"), Target(Transport.TCP, PHONE))
        leg.hangup(Ending(EndReason.CANCELLED))
        (cancel,) = self.rig.streams.take()
        self.assertTrue(cancel.startswith("CANCEL"))
        self.assertEqual(header(cancel, "Via"), header(invite, "Via"))
