# -*- test-case-name: ichatgw.test.sip.transaction.test_targetset -*-
"""
One call, many targets.
"""

from __future__ import annotations

from collections.abc import Callable

from sippy.SipContact import SipContact
from sippy.SipURL import SipURL
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import PCMU, Ending, EndReason, Party, SessionDescription, TransportAddress
from ichatgw.sip.leg.leg import SipLeg
from ichatgw.sip.leg.outbound import OutboundSipLeg
from ichatgw.sip.transaction.targetset import ANSWER_TIMEOUT, MAX_REDIRECTIONS, TargetSet
from ichatgw.sip.transport.resolver import Unresolved
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.test.support.fakes import FakeCall
from ichatgw.test.support.names import a, srv
from ichatgw.test.support.sip.sipwire import PHONE, PHONE_SDP, Rig, header, respond

OFFER = SessionDescription((PCMU,))


def target(number: int) -> Target:
    return Target(Transport.UDP, TransportAddress(f"192.0.2.{number}", 5060))


class HuntTests(SynchronousTestCase):
    """L{TargetSet}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.failed: list[Target] = []
        self.places = {"sip:a@one": (target(1), target(2)), "sip:a@two": (target(3),), "sip:a@three": (target(4),)}
        self.hunt = TargetSet(self.clock, SipURL("sip:a@one"), self.locate, self.failed.append)
        self.expired = 0

    def locate(self, uri: SipURL) -> Deferred[tuple[Target, ...]]:
        places = self.places.get(str(uri))
        return succeed(places) if places else fail(Unresolved("nowhere"))

    def next(self) -> tuple[str, Target]:
        attempt = self.successResultOf(self.hunt.next())
        self.hunt.watch(self._expired)
        return str(attempt.uri), attempt.target

    def _expired(self) -> None:
        self.expired += 1

    def contacts(self, *texts: str) -> list[SipContact]:
        found = [SipContact(text) for text in texts]
        for each in found:
            each.parse()
        return found

    def test_inTurn(self) -> None:
        """The targets of the address come in their order, then there is nothing."""
        self.assertEqual(self.next(), ("sip:a@one", target(1)))
        self.assertTrue(self.hunt.goesOn)
        self.assertEqual(self.next(), ("sip:a@one", target(2)))
        self.assertFalse(self.hunt.goesOn)
        self.assertEqual(len(self.clock.getDelayedCalls()), 0)

    def test_silence(self) -> None:
        """A silent target is given up if there is another one; the last one has all the time of its transaction."""
        self.next()
        self.clock.advance(ANSWER_TIMEOUT - 0.1)
        self.assertEqual((self.expired, self.failed), (0, []))
        self.clock.advance(0.2)
        self.assertEqual((self.expired, self.failed), (1, [target(1)]))
        self.next()
        self.clock.advance(100)
        self.assertEqual(self.expired, 1)

    def test_heard(self) -> None:
        """One that has said something may take its time, and its 408 is an answer."""
        self.next()
        self.hunt.heard()
        self.clock.advance(100)
        self.assertEqual(self.expired, 0)
        self.hunt.refused(408)
        self.assertEqual((self.failed, self.hunt.goesOn), ([], False))

    def test_refused(self) -> None:
        """What one server of an address says holds for all; that it cannot, or that nobody is there, does not."""
        for code, goesOn in ((404, False), (486, False), (500, False), (603, False), (503, True), (408, True)):
            self.setUp()
            self.next()
            self.hunt.refused(code)
            self.assertEqual((self.hunt.goesOn, bool(self.failed)), (goesOn, goesOn), code)
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_redirected(self) -> None:
        """A redirection's addresses come by their q; the other targets of the first address are of no use."""
        self.next()
        self.hunt.redirect(self.contacts("<sip:a@two>;q=0.2", "<sip:a@three?Replaces=x>;q=0.9", "*"))
        self.assertEqual(self.next(), ("sip:a@three", target(4)))
        self.hunt.refused(404)
        self.assertEqual(self.next(), ("sip:a@two", target(3)))
        self.assertFalse(self.hunt.goesOn)

    def test_oddRank(self) -> None:
        """A q that is none is the default; one out of range is brought into it."""
        self.next()
        self.hunt.redirect(self.contacts("<sip:a@two>;q=x", "<sip:a@three>;q=7"))
        self.assertEqual(self.next()[0], "sip:a@two")
        self.assertEqual(self.next()[0], "sip:a@three")

    def test_everywhere(self) -> None:
        """6xx ends all."""
        self.next()
        self.hunt.redirect(self.contacts("<sip:a@two>", "<sip:a@three>"))
        self.next()
        self.hunt.refused(603)
        self.assertFalse(self.hunt.goesOn)

    def test_circle(self) -> None:
        """Nobody is called twice, and nobody leads us round for ever."""
        self.next()
        self.hunt.redirect(self.contacts("<sip:a@one>"))
        self.assertFalse(self.hunt.goesOn)
        made = 0
        self.hunt.redirect(self.contacts(*(f"<sip:a@two:{port}>" for port in range(1, 100))))
        while self.hunt.goesOn:
            made += 1
            self.failureResultOf(self.hunt.next(), Unresolved)
            self.hunt.redirect(self.contacts(f"<sip:a@two:{1000 + made}>"))
        self.assertEqual(made, MAX_REDIRECTIONS)

    def test_secure(self) -> None:
        """Who was called by sips is called by sips wherever we are led."""
        self.places.update({"sips:a@one": (target(1),), "sips:a@three": (target(4),)})
        self.hunt = TargetSet(self.clock, SipURL("sips:a@one"), self.locate, self.failed.append)
        self.next()
        self.hunt.redirect(self.contacts("<sip:a@two>", "<sips:a@three>"))
        self.assertEqual(self.next(), ("sips:a@three", target(4)))
        self.assertFalse(self.hunt.goesOn)

    def test_notElsewhere(self) -> None:
        """What cannot be called is passed over, and who may not be led astray is not."""
        self.next()
        self.hunt.redirect(self.contacts("<sips:a@nowhere>"))
        self.failureResultOf(self.hunt.next(), Unresolved)
        self.assertFalse(self.hunt.goesOn)
        hunt = TargetSet(self.clock, SipURL("sip:a@one"), self.locate, self.failed.append, 0)
        self.successResultOf(hunt.next())
        hunt.redirect(self.contacts("<sip:a@two>"))
        self.assertFalse(hunt.goesOn)


class LegTests(SynchronousTestCase):
    """A leg whose address leads to more than one target."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.rig.names.table = {
            "_sip._udp.pbx.example": [srv("one.example", 5061, 1), srv("two.example", 5062, 2)],
            "one.example": [a("192.0.2.1")],
            "two.example": [a("192.0.2.2")],
        }

    def start(self, called: str = "sip:100@pbx.example") -> OutboundSipLeg:
        leg = self.rig.dial(called)
        leg.start(OFFER)
        return leg

    def sent(self) -> tuple[str, str]:
        """The one message that was sent, and where to."""
        ((message, address),) = self.rig.wire.sent
        self.rig.wire.take()
        return message, str(address)

    def reply(self, *arguments: object, **more: str) -> list[str]:
        return self.rig.receive(respond(*arguments, **more))  # type: ignore[arg-type]

    def call(self, leg: SipLeg) -> FakeCall:
        assert isinstance(leg.call, FakeCall)
        return leg.call

    def test_deadTarget(self) -> None:
        """A dead target costs a few seconds, then the next is asked; a later call asks that one first."""
        leg = self.start()
        first, address = self.sent()
        self.assertEqual(address, "192.0.2.1:5061")
        self.rig.clock.pump([0.5] * int(ANSWER_TIMEOUT * 2))
        second, towards = self.rig.wire.sent[-1]
        self.assertEqual(str(towards), "192.0.2.2:5062")
        self.assertTrue(second.startswith("INVITE sip:100@pbx.example SIP/2.0"))
        self.rig.wire.take()
        self.reply(second, 180, "Ringing")
        self.assertEqual(self.call(leg).news, ["ringing"])
        self.start()
        self.assertEqual(self.sent()[1], "192.0.2.2:5062")
        # The one that was given up wakes: it is cancelled, and if it has answered, hung up.
        (cancel,) = self.reply(first, 180, "Ringing")
        self.assertTrue(cancel.startswith("CANCEL"))
        self.assertEqual(
            sorted(each.split()[0] for each in self.reply(first, 200, "OK", body=PHONE_SDP)), ["ACK", "BYE"]
        )
        self.assertEqual(self.call(leg).news, ["ringing"])
        self.reply(second, 200, "OK", body=PHONE_SDP)
        self.assertEqual(self.call(leg).news, ["ringing", "answered"])

    def test_unavailableTarget(self) -> None:
        """503 leads to the next target, and when that is no better to its answer."""
        leg = self.start()
        ack, second = self.reply(self.sent()[0], 503, "Service Unavailable")
        self.assertEqual((ack.split()[0], second.split()[0]), ("ACK", "INVITE"))
        self.assertEqual(self.call(leg).news, [])
        self.reply(second, 503, "Service Unavailable")
        self.assertEqual(self.call(leg).reasons, [EndReason.CONGESTED])

    def test_unreachableTarget(self) -> None:
        """A target that there is no way to costs nothing."""
        self.rig.wire.unreachable.add("192.0.2.1")
        leg = self.start()
        self.assertEqual(self.sent()[1], "192.0.2.2:5062")
        leg.hangup(Ending(EndReason.CANCELLED))

    def test_hangup(self) -> None:
        """A hangup ends the hunt."""
        leg = self.start()
        leg.hangup(Ending(EndReason.CANCELLED))
        self.rig.wire.take()
        self.rig.clock.pump([0.5] * 100)
        self.assertEqual([each for each in self.rig.wire.sent if "192.0.2.2" in str(each[1])], [])
        self.assertEqual(self.call(leg).news, ["ended"])

    def test_redirected(self) -> None:
        """A redirection is followed, to the address it names and with it as the Request-URI; To stays."""
        leg = self.start("sip:100@192.0.2.77")
        invite = self.sent()[0]
        sent = self.reply(
            invite, 302, "Moved", extra="Contact: <sip:200@192.0.2.88>;q=0.1, <sip:300@192.0.2.99:5070>;q=0.5\r\n"
        )
        self.assertEqual(
            [each.split(" SIP")[0] for each in sent if not each.startswith("ACK")], ["INVITE sip:300@192.0.2.99:5070"]
        )
        second = next(each for each in sent if each.startswith("INVITE"))
        self.assertEqual(header(second, "To"), "<sip:100@192.0.2.77>")
        sent = self.reply(second, 404, "Not Found")
        third = next(each for each in sent if each.startswith("INVITE"))
        self.assertTrue(third.startswith("INVITE sip:200@192.0.2.88 "))
        self.reply(third, 486, "Busy Here")
        self.assertEqual(self.call(leg).reasons, [EndReason.BUSY])

    def test_anyRedirection(self) -> None:
        """Redirections of whatever status are as 300 (RFC 3261 section 8.1.3.2)."""
        for status in (300, 301, 303, 380, 399):
            self.start("sip:100@192.0.2.77")
            sent = self.reply(self.sent()[0], status, "Other", extra="Contact: <sip:300@192.0.2.99>\r\n")
            self.assertIn("INVITE sip:300@192.0.2.99 ", "".join(sent), status)

    def test_useProxy(self) -> None:
        """305 leads to the same address by way of the proxy that it names, and no further than once."""
        leg = self.start("sip:100@192.0.2.77")
        extra = "Contact: <sip:192.0.2.99:5070;lr>\r\n"
        self.rig.endpoint.received(respond(self.sent()[0], 305, "Use Proxy", extra=extra).encode(), PHONE)
        second, address = self.rig.wire.sent[-1]
        self.assertTrue(second.startswith("INVITE sip:100@192.0.2.77 "))
        self.assertEqual(address, TransportAddress("192.0.2.99", 5070))
        self.rig.wire.take()
        self.reply(second, 305, "Use Proxy", extra=extra)
        self.assertEqual(self.call(leg).reasons, [EndReason.UNAVAILABLE])

    def test_stranger(self) -> None:
        """Who may not call leads us nowhere but to other addresses of his host; a proxy may see to it himself."""
        contacts = "Contact: <sip:00900@192.0.2.88>, <sip:101@192.0.2.77:5062>\r\n"
        leg = self.begin(lambda host: False)
        sent = self.reply(self.sent()[0], 302, "Moved", extra=contacts)
        (second,) = (each for each in sent if each.startswith("INVITE"))
        self.assertTrue(second.startswith("INVITE sip:101@192.0.2.77:5062 "))
        sent = self.reply(second, 302, "Moved", extra=contacts)
        self.assertEqual([each.split()[0] for each in sent], ["ACK"])
        self.assertEqual(self.call(leg).reasons, [EndReason.UNAVAILABLE])
        self.begin(lambda host: self.rig.endpoint.isProxy(host), outboundProxy=("192.0.2.77", None, None, False))
        sent = self.reply(self.sent()[0], 302, "Moved", extra=contacts)
        self.assertIn("INVITE sip:00900@192.0.2.88 ", "".join(sent))

    def begin(self, admits: Callable[[str], bool], **arguments: object) -> OutboundSipLeg:
        self.rig = Rig(**arguments)
        self.rig.endpoint.admit(admits)
        return self.start("sip:100@192.0.2.77")

    def test_oddRedirection(self) -> None:
        """A redirection to nowhere is a refusal."""
        for contact in ("<mailto:bob@example.net>", "*", "<sip:100@192.0.2.77>", "<tel:+49301>"):
            leg = self.start("sip:100@192.0.2.77")
            self.reply(self.sent()[0], 302, "Moved", extra=f"Contact: {contact}\r\n")
            self.rig.clock.pump([1.0] * 40)
            self.rig.wire.take()
            self.assertEqual(len(self.call(leg).endings), 1, contact)

    def test_pinned(self) -> None:
        """An iChat leads us nowhere else."""
        leg = self.rig.endpoint.pinned().dial("sip:user@192.0.2.77:5060", Party("sip:a@b"))
        leg.call = FakeCall()
        leg.side = self.rig.dial().side
        leg.start(OFFER)
        self.reply(self.sent()[0], 302, "Moved", extra="Contact: <sip:200@192.0.2.88>\r\n")
        self.assertEqual(leg.call.reasons, [EndReason.UNAVAILABLE])
