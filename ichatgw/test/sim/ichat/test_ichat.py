# -*- test-case-name: ichatgw.test.sim.ichat.test_ichat -*-
"""
Tests of the simulated iChat, against a gateway played by hand: the calls that it makes and takes.
"""

from __future__ import annotations

from ichatgw.sim.ichat.profile import CANCEL, COUNTER_PROPOSAL, REQUEST, RESPONSE, Action, Calling, Quirks, Taking
from ichatgw.sim.sip.phone import Answering, Phone
from ichatgw.sim.xmpp import xml
from ichatgw.test.marks import slow
from ichatgw.test.support.clients.simichats import GATEWAY, NUMBER, SCOTT, IChatCase


class CallTests(IChatCase):
    """Calls, either way."""

    # Caller

    def test_callRequest(self) -> None:
        """A call begins with a vc:request that has the five children, in order."""
        self.place()
        self.assertEqual(xml.get(self.sent[-1], "to"), NUMBER)
        query = self.query()
        names = ["VCNewCallerIPPortData", "isAudioOnly", "extSIPPort", "extIPAddr", "VCProtocolVersion"]
        self.assertEqual(list(query), names)
        self.assertEqual((query["extSIPPort"], query["extIPAddr"]), (str(self.ichat.address.port), "192.0.2.1"))

    def test_call(self) -> None:
        """After the vc:response it sends its INVITE there; both sides hear each other, and the presence says busy."""
        call = self.place()
        self.accept()
        self.net.run(2.5)
        self.successResultOf(call.whenAnswered())
        for media in (call.media, self.phone.calls[0].media):
            assert media.detector is not None
            self.assertGreater(media.detector.seconds, 1.5)
        invite = self.phone.calls[0].dialog.invite
        self.assertEqual(invite.get("User-Agent"), "Viceroy 1.3")
        self.assertTrue(invite.get("To").startswith(f'"{NUMBER}" <sip:user@192.0.2.10:5070>'))
        self.assertTrue(invite.get("From").startswith('"scott@chat.example" <sip:user@192.0.2.1:'))
        caps = xml.child(self.sent[-1], "c")
        assert caps is not None
        self.assertNotIn("avavail", xml.get(caps, "ext"))
        call.hangup()
        self.net.run(0.1)
        self.assertEqual((call.outcome, self.phone.calls[0].why), ("we hung up", "they hung up"))
        caps = xml.child(self.sent[-1], "c")
        assert caps is not None
        self.assertIn("avavail", xml.get(caps, "ext"))

    def test_complaints(self) -> None:
        """A plain phone's 180 and its codecs are not what a gateway should send."""
        self.place()
        self.accept()
        self.net.run(1)
        self.assertTrue(any("provisional 180" in each for each in self.ichat.complaints))
        self.assertTrue(any("origin is phone" in each for each in self.ichat.complaints))

    def test_declined(self) -> None:
        """A vc:response 1 ends the call without an INVITE."""
        call = self.place()
        self.signal(RESPONSE, response="1", connectData="", VCProtocolVersion="1")
        self.net.run(1)
        self.assertEqual((call.outcome, self.phone.calls, self.ichat.complaints), ("declined", [], []))

    def test_unreadable(self) -> None:
        """Addresses that cannot be read end the call with a complaint."""
        call = self.place()
        self.signal(RESPONSE, response="0", connectData="12", VCProtocolVersion="1")
        self.assertTrue(call.over)
        self.assertEqual(len(self.ichat.complaints), 1)

    def test_cancelled(self) -> None:
        """It can take the request back by itself, or by hand, before the answer or on it."""
        call = self.place(Calling(cancelAfter=0.5))
        self.net.run(0.6)
        self.assertEqual((call.outcome, self.signals()), ("cancelled", ["request", "cancel"]))
        self.place().hangup()
        call = self.place(Calling(cancelOnAccept=True))
        self.accept()
        self.net.run(0.5)
        self.assertEqual((call.outcome, self.signals()[-2:]), ("cancelled", ["request", "cancel"]))
        self.assertEqual(self.phone.calls, [])

    def test_noInvite(self) -> None:
        """It can leave the gateway waiting for its INVITE."""
        call = self.place(Calling(invite=False))
        self.accept()
        self.net.run(5, 0.1)
        self.successResultOf(call.whenAccepted())
        self.assertEqual((call.over, self.phone.calls), (False, []))

    def test_repeated(self) -> None:
        """It can send the request more than once, each with its own id."""
        call = self.place(Calling(repeats=2))
        self.assertEqual(len(set(call.requests)), 3)

    def test_foreign(self) -> None:
        """It can send its INVITE from an address of which nobody was told."""
        self.place(Calling(foreignHost="192.0.2.66"))
        self.accept()
        self.net.run(1)
        self.assertEqual(self.phone.calls[0].dialog.source.host, "192.0.2.66")

    def test_otherCase(self) -> None:
        """It can write display names in upper case."""
        self.ichat.quirks = Quirks(otherCase=True)
        self.place()
        self.accept()
        self.net.run(0.2)
        self.assertIn(f'"{NUMBER.upper()}"', self.phone.calls[0].dialog.invite.get("To"))

    def test_lostInvite(self) -> None:
        """A lost INVITE is sent again."""
        self.ichat.lose = 1
        call = self.place()
        self.accept()
        self.net.run(0.3)
        self.assertEqual(self.phone.calls, [])
        self.net.run(1)
        self.successResultOf(call.whenAnswered())

    def test_error(self) -> None:
        """An error for its request is a complaint; a result, or nothing, is not."""
        call = self.place()
        request = self.sent[-1]
        request["from"] = SCOTT
        self.ichat.received(xml.resultFor(request))
        self.assertFalse(call.over)
        self.ichat.received(xml.errorFor(request, "item-not-found"))
        self.assertEqual((call.outcome, len(self.ichat.complaints)), ("error", 1))

    @slow
    def test_ping(self) -> None:
        """It sends a PING every ten seconds of the call, and complains if one is not answered with 200."""
        call = self.place()
        self.accept()
        self.net.run(21)
        self.assertEqual((call.pings, self.phone.calls[0].requests), (2, ["MESSAGE", "MESSAGE"]))

    def test_deaf(self) -> None:
        """It hangs up when it has heard nothing for ten seconds."""
        self.phone.say = None
        call = self.place()
        self.accept()
        self.net.run(9.5)
        self.assertFalse(call.over)
        self.net.run(1.5)
        self.assertEqual(call.outcome, "we hung up")
        self.assertIn("nothing heard for ten seconds", self.ichat.complaints)

    def test_ipv6(self) -> None:
        """Over IPv6 it stays silent until it has heard something."""
        self.make("2001:db8::1")
        self.phone.stop()
        self.phone = Phone(self.net, "2001:db8::10", 5070, say=None, user="user", answering=Answering(delay=0.0))
        self.phone.start()
        call = self.place()
        self.accept()
        self.net.run(1)
        self.assertEqual((call.media.running, call.media.sent), (True, 0))

    # Callee

    def called(self, taking: Taking | None = None, sender: str = f"bell@{GATEWAY}") -> None:
        """A call arrives, and it says its word."""
        self.ichat.taking = taking or Taking(delay=0.1)
        self.request(sender)
        self.net.run(0.2)

    def test_answer(self) -> None:
        """It accepts with its addresses, and takes the INVITE that follows from an address of the request."""
        self.called()
        self.assertEqual(self.signals(), ["response"])
        self.assertEqual(list(self.query()), ["response", "connectData", "responseData", "VCProtocolVersion"])
        call = self.phone.call(f"sip:user@{self.ichat.address}")
        self.net.run(1)
        self.successResultOf(call.whenAnswered())
        incoming = self.ichat.calls[0]
        self.successResultOf(incoming.whenAnswered())
        call.hangup()
        self.net.run(0.1)
        self.assertEqual(incoming.outcome, "they hung up")
        self.assertEqual(len(self.ichat.complaints), 1)
        self.assertIn("offer: ", self.ichat.complaints[0])

    def test_decline(self) -> None:
        """It declines in any of the known ways."""
        for action, data in (
            (Action.DECLINE, ""),
            (Action.DECLINE_LINE_FEED, "\n"),
            (Action.DECLINE_WITHOUT_DATA, None),
        ):
            self.called(Taking(action, 0.1))
            self.assertEqual((self.query()["response"], self.query().get("connectData")), ("1", data))
        self.called(Taking(Action.ERROR, 0.1))
        self.assertEqual(xml.get(self.sent[-1], "type"), "error")
        self.called(Taking(Action.COUNTER, 0.1))
        self.assertEqual(self.signals()[-1], "counterProposal")

    def test_theyCancel(self) -> None:
        """A vc:cancel ends the ringing; its word comes no more."""
        self.ichat.taking = Taking(delay=1.0)
        self.request()
        self.signal(CANCEL, f"bell@{GATEWAY}", VCProtocolVersion="1")
        self.net.run(2, 0.1)
        self.assertEqual((self.ichat.calls[0].outcome, self.signals()), ("they cancelled", []))

    def test_longName(self) -> None:
        """The INVITE of a caller with more than ten characters is answered 603."""
        self.called(sender=f"alexanderbell@{GATEWAY}")
        call = self.phone.call(f"sip:user@{self.ichat.address}")
        self.net.run(0.2)
        self.assertEqual(call.status, 603)

    def test_refuse(self) -> None:
        """It can refuse the INVITE that it asked for."""
        self.called(Taking(delay=0.1, code=486))
        call = self.phone.call(f"sip:user@{self.ichat.address}")
        self.net.run(0.2)
        self.assertEqual((call.status, self.ichat.calls[0].outcome), (486, "refused by us with 486"))

    def test_stranger(self) -> None:
        """An INVITE that belongs to no call, or comes from elsewhere, is answered 603, with a complaint."""
        self.called()
        other = Phone(self.net, "192.0.2.10", user="x")
        other.start()
        call = other.call(f"sip:user@{self.ichat.address}")
        self.net.run(0.2)
        other.stop()
        self.assertEqual(call.status, 603)
        self.assertIn("belongs to no call", self.ichat.complaints[-1])

    def test_badRequest(self) -> None:
        """It complains of a request without greeting, with wrong values or with a resource in the caller."""
        self.signal(REQUEST, f"averylongname@{GATEWAY}/x", isAudioOnly="0")
        self.assertEqual(len(self.ichat.complaints), 8)

    def test_counterProposal(self) -> None:
        """A counter-proposal with the gateway's addresses is as good as none, but not one with its own (an echo)."""
        self.signal(COUNTER_PROPOSAL, connectData=self.records(), VCProtocolVersion="1")
        self.assertEqual(self.ichat.complaints, [])
        self.called(Taking(Action.COUNTER, 0.1))
        self.signal(COUNTER_PROPOSAL, connectData=self.query()["connectData"], VCProtocolVersion="1")
        self.assertEqual(len(self.ichat.complaints), 1)

    def test_unasked(self) -> None:
        """It can answer a call that was never placed to it."""
        self.ichat.answerUnasked(NUMBER)
        self.assertEqual(self.signals(), ["response"])

    # Its socket

    def test_stun(self) -> None:
        """STUN on the socket is told apart, and garbage harms nothing."""
        for datagram in (b"\x00\x01" + bytes(18), b"", b"\x80", b"garbage"):
            self.net.carry(("192.0.2.9", 9), ("192.0.2.1", self.ichat.address.port), datagram)
        self.net.run(0.1)
        self.assertEqual((self.ichat.stun, len(self.ichat.agent.malformed)), (1, 1))
