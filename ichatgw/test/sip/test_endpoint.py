# -*- test-case-name: ichatgw.test.sip.test_endpoint -*-
"""
The endpoint: what it answers by itself, and what it survives.
"""

from __future__ import annotations

from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import CallError
from ichatgw.model import Ending, EndReason, Party, TransportAddress
from ichatgw.sip.dialog.capabilities import METHODS, SUPPORTED
from ichatgw.test.support.fakes import OFFER
from ichatgw.test.support.names import TTL, FakeNames, a
from ichatgw.test.support.sip.sipwire import GATEWAY, PHONE, PHONE_SDP, Rig, header, request, respond, status


class RequestTests(SynchronousTestCase):
    """Requests outside any dialog."""

    def setUp(self) -> None:
        self.rig = Rig()

    def codes(self, text: str, source: TransportAddress = PHONE) -> list[int]:
        return [status(message) for message in self.rig.receive(text, source)]

    def test_options(self) -> None:
        """OPTIONS is 200 and says what we take (RFC 3261 section 11.2)."""
        (response,) = self.rig.receive(request("OPTIONS"))
        self.assertEqual(status(response), 200)
        self.assertEqual(header(response, "Allow"), ", ".join(METHODS))
        self.assertEqual(header(response, "Supported"), ", ".join(SUPPORTED))
        self.assertEqual(header(response, "Allow-Events"), "refer")
        self.assertEqual(header(response, "Accept").partition(",")[0], "application/sdp")
        self.assertEqual(header(response, "Accept-Encoding"), "identity")
        self.assertEqual(header(response, "Contact"), "<sip:192.0.2.10:5070>")
        self.assertIn(";tag=", header(response, "To"))

    def test_allow(self) -> None:
        """What is refused for its method is told those that are not (RFC 3261 section 8.2.1)."""
        (response,) = self.rig.receive(request("MESSAGE"))
        self.assertEqual(status(response), 405)
        self.assertEqual(header(response, "Allow"), ", ".join(each for each in METHODS if each != "MESSAGE"))

    def test_tags(self) -> None:
        """Each response but 100 has a tag; that of a CANCEL has that of its INVITE (RFC 3261 section 9.2)."""
        self.rig.receive(request("INVITE", callId="c", branch="c"))
        self.rig.invitations.legs[-1].ring()
        ringing = self.rig.wire.take()[-1]
        ok, gone = self.rig.receive(request("CANCEL", callId="c", branch="c"))
        self.assertEqual((status(ok), status(gone)), (200, 487))
        self.assertEqual({header(each, "To") for each in (ok, gone)}, {header(ringing, "To")})
        for text in (request("CANCEL", callId="unknown"), request("PUBLISH"), request("BYE"), request("FOO")):
            (response,) = self.rig.receive(text)
            self.assertIn(";tag=", header(response, "To"), text)

    def test_notTaken(self) -> None:
        """Methods that we know and do not take are 405 with Allow, unknown ones 501."""
        for cseq, (method, code) in enumerate([("REGISTER", 405), ("NOTIFY", 405), ("MESSAGE", 405), ("FROB", 501)]):
            (response,) = self.rig.receive(request(method, cseq=cseq + 1))
            self.assertEqual(status(response), code, method)
            self.assertTrue(header(response, "Allow"))

    def test_subscribe(self) -> None:
        """There is nothing to subscribe to but what a REFER brings about."""
        (response,) = self.rig.receive(request("SUBSCRIBE"))
        self.assertEqual((status(response), header(response, "Allow-Events")), (489, "refer"))

    def test_noDialog(self) -> None:
        """Requests of a dialog that is not there are 481; an ACK gets nothing."""
        for method in ("BYE", "INFO", "INVITE", "UPDATE", "OPTIONS"):
            self.assertEqual(self.codes(request(method, to="<sip:x@192.0.2.10>;tag=gone")), [481], method)
        self.assertEqual(self.codes(request("BYE", callId="other")), [481])
        self.assertEqual(self.codes(request("CANCEL")), [481])
        self.assertEqual(self.codes(request("ACK", to="<sip:x@192.0.2.10>;tag=gone")), [])

    def test_body(self) -> None:
        """A body that is no SDP is 415, bad SDP 400, SDP without audio 488."""
        for code, contentType, body in (
            (415, "text/plain", "hello"),
            (400, "application/sdp", "rubbish"),
            (488, "application/sdp", PHONE_SDP.replace("RTP/AVP", "RTP/NAVP")),
        ):
            text = request("INVITE", callId=f"body-{code}", contentType=contentType, body=body)
            self.assertEqual(self.codes(text), [code])
        self.assertEqual(self.rig.endpoint.legs, frozenset())

    def test_maxForwards(self) -> None:
        """An INVITE that has come too far is 483."""
        self.assertEqual(self.codes(request("INVITE").replace("Max-Forwards: 70", "Max-Forwards: 0")), [483])

    def test_loop(self) -> None:
        """An INVITE that comes from our own socket is a loop: 482."""
        self.assertEqual(self.codes(request("INVITE"), GATEWAY), [482])

    def test_merged(self) -> None:
        """The same INVITE by another way is 482 (RFC 3261 section 8.2.2.2)."""
        self.rig.invite()
        self.assertEqual(self.codes(request("INVITE", branch="other")), [482])
        self.assertEqual(len(self.rig.invitations.legs), 1)

    def test_reflection(self) -> None:
        """A response goes to where the request came from, whatever its Via claims."""
        for cseq, via in enumerate(("203.0.113.9:5060;rport", "192.0.2.77:5060;received=203.0.113.9;rport=9")):
            text = request("OPTIONS", cseq=cseq).replace(";rport", "").replace("192.0.2.77:5060;", f"{via};", 1)
            self.rig.endpoint.received(text.encode(), PHONE)
            ((_, address),) = self.rig.wire.sent
            self.rig.wire.take()
            self.assertEqual(address, PHONE)

    def test_garbage(self) -> None:
        """Garbage gets nothing, and one debug line at most for each second and source."""
        for datagram in (b"", b"\r\n\r\n", b"\0", b"\xff" * 1000, b"GET / HTTP/1.1\r\n\r\n", b"a" * 65535):
            self.rig.endpoint.received(datagram, PHONE)
        self.assertEqual(self.rig.wire.take(), [])
        self.assertEqual(self.codes(request("OPTIONS")), [200])

    def test_refusalsAreRationed(self) -> None:
        """A flood of broken requests from one source is answered for the first ones only."""
        answered = 0
        for number in range(200):
            answered += len(self.rig.receive(request("OPTIONS", cseq=number).replace("SIP/2.0\r\n", "SIP/7.0\r\n", 1)))
        self.assertTrue(0 < answered <= 50, answered)

    def test_strayResponse(self) -> None:
        """A response to nothing gets nothing."""
        self.assertEqual(self.rig.receive(respond(request("INVITE"), 200, "OK")), [])

    def test_exceptionInTheSwitch(self) -> None:
        """If taking the call fails, the caller gets 500 and no leg stays."""

        def broken(*arguments: object) -> None:
            raise ValueError("ouch")

        self.rig.invitations.arrived = broken  # type: ignore
        self.assertEqual(self.codes(request("INVITE")), [100, 500])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(self.rig.endpoint.legs, frozenset())

    def test_messageLog(self) -> None:
        """Who asks for it gets each message whole, both ways."""
        messages: list[str] = []
        self.rig = Rig(messageLog=lambda what, message: messages.append(message))
        self.rig.receive(request("OPTIONS"))
        self.assertEqual(len(messages), 2)
        self.assertIn("OPTIONS", messages[0])


class PlacesTests(SynchronousTestCase):
    """Who always finds a place for a connection."""

    def test_mayCall(self) -> None:
        """Hosts that may call, and those where a user has logged in."""
        rig = Rig()
        self.assertTrue(rig.streams.mayCall(PHONE.host))
        self.assertFalse(rig.streams.mayCall("203.0.113.9"))
        rig.endpoint.strangers.prove("203.0.113.9")
        self.assertTrue(rig.streams.mayCall("203.0.113.9"))


class ProxyTests(SynchronousTestCase):
    """The outbound proxy is known where it is."""

    def rig(self, names: FakeNames, host: str = "proxy.example") -> Rig:
        return Rig(names=names, outboundProxy=(host, None, None, False))

    def test_known(self) -> None:
        """From the start, before anybody is called; and when it has moved as well."""
        names = FakeNames(**{"proxy.example": [a("203.0.113.7")]})
        rig = self.rig(names)
        self.assertEqual([rig.endpoint.isProxy(f"203.0.113.{each}") for each in (7, 8)], [True, False])
        names.table["proxy.example"] = [a("203.0.113.8")]
        rig.clock.advance(TTL + 1)
        rig.dial("sip:100@pbx.example").start(OFFER)
        self.assertTrue(rig.endpoint.isProxy("203.0.113.8"))
        self.assertTrue(self.rig(FakeNames(), "203.0.113.9").endpoint.isProxy("203.0.113.9"))
        self.assertFalse(Rig().endpoint.isProxy("203.0.113.9"))

    def test_unknown(self) -> None:
        """A name that nobody knows, or that is asked for when we stop, is no error, but a warning says so."""
        with capturedLogs() as events:
            rig = self.rig(FakeNames())
        self.assertFalse(rig.endpoint.isProxy("203.0.113.7"))
        said = [str(formatEvent(event)) for event in events if event["log_level"] is LogLevel.warn]
        self.assertEqual(len(said), 1)
        self.assertTrue(said[0].startswith("OutboundProxy proxy.example cannot be found now: "), said)
        names = FakeNames()
        names.held = []
        rig = self.rig(names)
        self.successResultOf(rig.endpoint.stopService())
        self.assertEqual(self.flushLoggedErrors(), [])


class DialTests(SynchronousTestCase):
    """Addresses to be dialled."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.caller = Party("xmpp:scott@chat.example")

    def test_misaddressed(self) -> None:
        """What is no SIP address raises before a leg is made."""
        for called in ("", "sip:", "mailto:a@b", "sip:a@b:99999", "sip:a@b:x", "xmpp:a@b"):
            self.assertRaises(CallError, self.rig.endpoint.dial, called, self.caller)
        self.assertEqual(self.rig.endpoint.legs, frozenset())

    def test_pinnedNeedsALiteral(self) -> None:
        """A pinned dialer calls IP addresses only."""
        self.assertRaises(CallError, self.rig.endpoint.pinned().dial, "sip:user@name.example", self.caller)


class StopTests(SynchronousTestCase):
    """How the endpoint stops."""

    def test_waitsForTheLastAnswer(self) -> None:
        """It stays until the last BYE is answered, then nothing is left, on the clock or elsewhere."""
        rig = Rig()
        leg = rig.dial()
        leg.start(OFFER)
        invite = rig.wire.take()[-1]
        rig.receive(respond(invite, 200, "OK", body=PHONE_SDP))
        leg.hangup(Ending(EndReason.SHUTDOWN))
        (bye,) = rig.wire.take()
        stopped = rig.endpoint.stopService()
        rig.clock.advance(0.1)
        self.assertNoResult(stopped)
        rig.receive(respond(bye, 200, "OK"))
        rig.clock.advance(0.1)
        self.successResultOf(stopped)
        self.assertIsNone(rig.wire.received)

    def test_notForEver(self) -> None:
        """An answer that never comes is waited for three seconds."""
        rig = Rig()
        leg = rig.dial()
        leg.start(OFFER)
        leg.hangup(Ending(EndReason.SHUTDOWN))
        stopped = rig.endpoint.stopService()
        rig.clock.pump([0.1] * 29)
        self.assertNoResult(stopped)
        rig.clock.pump([0.1] * 2)
        self.successResultOf(stopped)
