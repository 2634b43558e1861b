# -*- test-case-name: ichatgw.test.sip.dialog.test_requests -*-
"""
Requests within a dialog.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.nulls import Unanswered
from ichatgw.config.reading.credentials import Credentials, Keyring
from ichatgw.model import Ending, EndReason, Party, Tone
from ichatgw.sip.dialog.requests import Reply, endsCall
from ichatgw.sip.leg.incallmessages import MAX_KEYS
from ichatgw.sip.message.bodies import bodyOf
from ichatgw.test.marks import slow
from ichatgw.test.support.fakes import OFFER, FakeCall
from ichatgw.test.support.media.fakerelays import FakeSide
from ichatgw.test.support.sip.siptalks import Talk, both
from ichatgw.test.support.sip.sipwire import PHONE, PHONE_SDP, Rig, header, request, respond, status

PRESSED = "Signal=5\r\nDuration=250\r\n"


class InTests(SynchronousTestCase):
    """The phone asks."""

    def test_keys(self) -> None:
        """INFO that tells of a key is 200, and the call hears of the key; one that tells of none is 400."""
        for talk in both():
            for kind, body, tone in (
                ("application/dtmf-relay", PRESSED, Tone("5", 250)),
                ("application/dtmf", "#", Tone("#")),
                ("application/dtmf", "flash", None),
            ):
                (reply,) = talk.send("INFO", contentType=kind, body=body)
                self.assertEqual(status(reply), 200 if tone else 400)
                self.assertEqual(talk.news.tones[-1:] if tone else [], [tone] if tone else [])
            self.assertEqual(talk.news.news.count("handed"), 2)

    def test_otherInfo(self) -> None:
        """
        INFO without a body is a sign of life, 200; a package is 469 (RFC 6086), for there are none; any other body is
        415, with what would be taken.
        """
        for talk in both():
            self.assertEqual([status(m) for m in talk.send("INFO")], [200])
            (reply,) = talk.send("INFO", contentType="application/media_control+xml", body="<media_control/>")
            self.assertEqual(status(reply), 415)
            self.assertEqual(header(reply, "Accept"), "application/dtmf-relay, application/dtmf")
            (reply,) = talk.send("INFO", extra="Info-Package: foo\r\n", contentType="text/plain", body="x")
            self.assertEqual(status(reply), 469)
            self.assertIn("\r\nRecv-Info:", reply)
            self.assertEqual(talk.news.tones, [])

    def test_messages(self) -> None:
        """PING is 200; a text that nobody would read is refused, and never left without an answer."""
        for talk in both():
            self.assertEqual(
                [status(m) for m in talk.send("MESSAGE", contentType="text/plain", body="PING")],
                [200],
            )
            self.assertEqual([status(m) for m in talk.send("MESSAGE")], [200])
            self.assertEqual([status(m) for m in talk.send("MESSAGE", contentType="text/plain", body="Hi!")], [415])
            (reply,) = talk.send(
                "MESSAGE", contentType="text/plain", body="VCRemoteMuted:ON", extra="User-Agent: Viceroy 1.4.1\r\n"
            )
            self.assertEqual(status(reply), 200)

    def test_options(self) -> None:
        """OPTIONS says what we take, as it does out of a dialog."""
        for talk in both():
            (reply,) = talk.send("OPTIONS")
            self.assertEqual(status(reply), 200)
            self.assertIn("INFO", header(reply, "Allow"))
            self.assertEqual(header(reply, "Accept").partition(",")[0], "application/sdp")
            self.assertIn("@192.0.2.10:5070>", header(reply, "Contact"))

    def test_notTaken(self) -> None:
        """What is not taken is said, and the call goes on."""
        for talk in both():
            self.assertEqual([status(m) for m in talk.send("PUBLISH")], [405])
            self.assertEqual([status(m) for m in talk.send("FROBNICATE")], [501])
            self.assertNotIn("ended", talk.news.news)

    def test_outOfOrder(self) -> None:
        """A request that is older than the last one is 500 (RFC 3261 section 12.2.2)."""
        for talk in both():
            talk.send("INFO", cseq=9)
            self.assertEqual([status(m) for m in talk.send("INFO", cseq=8, branch="old")], [500])

    def test_beforeTheAnswer(self) -> None:
        """Before the answer requests within the dialog are taken too, from either end."""
        rig = Rig()
        rig.invite()
        leg = rig.invitations.legs[-1]
        leg.ring()
        (ringing,) = rig.wire.take()
        text = request("OPTIONS", to=header(ringing, "To"), cseq=2)
        self.assertEqual([status(m) for m in rig.receive(text)], [200])
        rig = Rig()
        dialled = rig.dial()
        dialled.start(OFFER)
        invite = rig.wire.take()[-1]
        rig.receive(respond(invite, 180, "Ringing", tag="fork1"))
        for tag, code in (("fork1", 200), ("unheard", 481)):
            text = request(
                "INFO",
                to=header(invite, "From"),
                from_=f"{header(invite, 'To')};tag={tag}",
                callId=header(invite, "Call-ID"),
                branch=tag,
                cseq=1,
            )
            self.assertEqual([status(m) for m in rig.receive(text)], [code], tag)

    def test_afterTheEnd(self) -> None:
        """What comes for a call that is over is 481."""
        for talk in both():
            talk.leg.hangup(Ending(EndReason.HANGUP))
            talk.rig.wire.take()
            for method in ("INFO", "MESSAGE", "OPTIONS"):
                self.assertEqual([status(m) for m in talk.send(method)], [481], method)


class OutTests(SynchronousTestCase):
    """We ask."""

    def ask(self, talk: Talk, method: str = "NOTIFY") -> tuple[str, list[int]]:
        heard: list[int] = []
        assert talk.leg.dialog is not None
        talk.leg.dialog.ask(
            method,
            lambda response: heard.append(response.getSCode()[0]),
            [("event", "refer")],
            bodyOf("SIP/2.0 100 Trying\r\n", "message/sipfrag"),
        )
        (asked,) = talk.rig.wire.take()
        return asked, heard

    def test_answered(self) -> None:
        """The request is one of the dialog, with its headers and body; the answer is heard once."""
        for talk in both():
            asked, heard = self.ask(talk)
            self.assertTrue(asked.startswith("NOTIFY sip:"))
            self.assertEqual(header(asked, "Call-ID"), header(talk.accepted, "Call-ID"))
            self.assertEqual(header(asked, "Event"), "refer")
            self.assertEqual(header(asked, "Content-Type"), "message/sipfrag")
            self.assertTrue(asked.endswith("\r\n\r\nSIP/2.0 100 Trying\r\n"))
            self.assertIn("192.0.2.10:5070", header(asked, "Contact"))
            talk.rig.receive(respond(asked, 100, "Trying"))
            self.assertEqual(heard, [])
            talk.rig.receive(respond(asked, 202, "Accepted"))
            talk.rig.receive(respond(asked, 202, "Accepted"))
            self.assertEqual(heard, [202])
            self.assertNotIn("ended", talk.news.news)

    def test_numbers(self) -> None:
        """Each request has a higher number than the one before."""
        for talk in both():
            numbers = [int(header(self.ask(talk)[0], "CSeq").split()[0]) for _ in range(3)]
            self.assertEqual(numbers, [numbers[0], numbers[0] + 1, numbers[0] + 2])

    def test_keys(self) -> None:
        """A key of the other party is told by INFO, without a Contact; not to a phone that does not take it."""
        for talk in both():
            talk.leg.hand(Unanswered(Tone("5", 250)))
            (info,) = talk.rig.wire.take()
            self.assertTrue(info.startswith("INFO sip:"))
            self.assertEqual(header(info, "Content-Type"), "application/dtmf-relay")
            self.assertTrue(info.endswith(f"\r\n\r\n{PRESSED}"))
            self.assertEqual(header(info, "Contact"), "")
            talk.rig.receive(respond(info, 200, "OK"))
            talk.send("OPTIONS", extra="Allow: INVITE, ACK, BYE\r\n")
            talk.leg.hand(Unanswered(Tone("6")))
            self.assertEqual(talk.rig.wire.take(), [])

    @slow
    def test_tooManyKeys(self) -> None:
        """A phone that answers none is not flooded, no matter who presses keys."""
        for talk in both():
            for _ in range(MAX_KEYS + 5):
                talk.leg.hand(Unanswered(Tone("5")))
            sent = talk.rig.wire.take()
            self.assertEqual(len(sent), MAX_KEYS)
            talk.rig.receive(respond(sent[0], 200, "OK"))
            talk.leg.hand(Unanswered(Tone("6")))
            self.assertEqual(len(talk.rig.wire.take()), 1)

    def test_noKeysForAnIChat(self) -> None:
        """An iChat gets no INFO: it has no ear for it."""
        rig = Rig()
        leg = rig.endpoint.pinned().dial("sip:user@192.0.2.77:5060", Party("sip:ichat-gw@gw.example"))
        leg.call, leg.side = FakeCall(), FakeSide()
        leg.start(OFFER)
        rig.receive(respond(rig.wire.take()[0], 200, "OK", body=PHONE_SDP))
        leg.hand(Unanswered(Tone("1")))
        self.assertEqual(rig.wire.take(), [])

    def test_login(self) -> None:
        """A request that is challenged is sent again with a login, if there is one for that server; once."""
        talk = Talk.outbound(Rig(keyring=Keyring({"192.0.2.77": Credentials("gw", "tiger")})))
        asked, heard = self.ask(talk)
        challenge = 'Proxy-Authenticate: Digest realm="r", nonce="1"\r\n'
        (again,) = talk.rig.receive(respond(asked, 407, "Proxy Authentication Required", extra=challenge))
        self.assertTrue(again.startswith("NOTIFY"))
        self.assertIn('username="gw"', header(again, "Proxy-Authorization"))
        self.assertEqual(int(header(again, "CSeq").split()[0]), int(header(asked, "CSeq").split()[0]) + 1)
        self.assertEqual(header(again, "Event"), "refer")
        self.assertEqual(talk.rig.receive(respond(again, 407, "Proxy Authentication Required", extra=challenge)), [])
        self.assertEqual(heard, [407])
        for talk in both():
            asked, heard = self.ask(talk)
            self.assertEqual(talk.rig.receive(respond(asked, 407, "No", extra=challenge)), [])
            self.assertEqual(heard, [407])

    def test_lost(self) -> None:
        """A phone that does not know the call, or says nothing, has lost it: the leg ends, and says BYE."""
        for talk in both():
            talk.leg.hand(Unanswered(Tone("1")))
            (info,) = talk.rig.wire.take()
            sent = talk.rig.receive(respond(info, 481, "Call/Transaction Does Not Exist"))
            self.assertEqual(talk.news.reasons, [EndReason.CONNECTIVITY])
            self.assertIn("481", talk.news.endings[0][1].text)
            self.assertEqual([m.split()[0] for m in sent], ["BYE"])
        for talk in both():
            talk.leg.hand(Unanswered(Tone("1")))
            talk.rig.clock.pump([0.5] * 65)
            self.assertEqual(talk.news.reasons, [EndReason.CONNECTIVITY])

    def test_refused(self) -> None:
        """A request that is refused changes nothing; one of a subscription may be unknown where the call is known."""
        for talk in both():
            talk.leg.hand(Unanswered(Tone("1")))
            talk.rig.receive(respond(talk.rig.wire.take()[0], 415, "Unsupported Media Type"))
            asked, heard = self.ask(talk)
            talk.rig.receive(respond(asked, 481, "Subscription Does Not Exist"))
            self.assertEqual(heard, [481])
            self.assertNotIn("ended", talk.news.news)

    def test_afterTheEnd(self) -> None:
        """Nothing is asked after the end, and an answer that comes after it is not heard."""
        for talk in both():
            asked, heard = self.ask(talk)
            talk.leg.hangup(Ending(EndReason.HANGUP))
            talk.rig.wire.take()
            talk.rig.receive(respond(asked, 200, "OK"))
            assert talk.leg.dialog is not None
            talk.leg.dialog.ask("NOTIFY")
            self.assertEqual((heard, talk.rig.wire.take()), ([], []))

    def test_unreachable(self) -> None:
        """What cannot be sent raises, but a key that cannot be told is no more than a line in the log."""
        for talk in both():
            talk.rig.wire.unreachable.add(PHONE.host)
            talk.rig.endpoint._transactions.rCachePurge()
            assert talk.leg.dialog is not None
            self.assertRaises(OSError, talk.leg.dialog.ask, "OPTIONS")
            talk.leg.hand(Unanswered(Tone("1")))
            self.assertNotIn("ended", talk.news.news)


class RuleTests(SynchronousTestCase):
    """What answers mean."""

    def test_endsCall(self) -> None:
        """RFC 5057 section 5."""
        self.assertTrue(all(endsCall("INFO", code) for code in (404, 408, 410, 416, 481, 482, 485, 502, 604)))
        self.assertFalse(
            any(endsCall("INFO", code) for code in (200, 400, 405, 415, 480, 486, 488, 491, 500, 503, 603))
        )
        self.assertFalse(any(endsCall("NOTIFY", code) for code in (408, 481)))
        self.assertTrue(endsCall("NOTIFY", 410))

    def test_reply(self) -> None:
        """A reply is a response to the request, with its headers and body."""
        talk = Talk.inbound(Rig())
        talk.leg.requested = lambda request: Reply(299, "Fine", (("x-a", "b"),), "hi", "text/plain")  # type: ignore[method-assign]
        (reply,) = talk.send("INFO")
        self.assertTrue(reply.startswith("SIP/2.0 299 Fine\r\n"))
        self.assertIn("\r\nX-A: b\r\n", reply)
        self.assertTrue(reply.endswith("Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"))
