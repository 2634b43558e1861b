# -*- test-case-name: ichatgw.test.sip.leg.test_incallmessages -*-
"""
What one phone sends the other within the call, through the gateway and back.
"""

from __future__ import annotations

from random import Random

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.interfaces import IMessage
from ichatgw.model import Enclosed, Ending, EndReason, Party, Receipt
from ichatgw.sip.leg.incallmessages import ANSWER_TIMEOUT, MAX_PENDING
from ichatgw.test.marks import slow
from ichatgw.test.sip.dialog.test_midcall import Joined
from ichatgw.test.support.fakes import OFFER, FakeCall, FakeMessage
from ichatgw.test.support.media.fakerelays import FakeSide
from ichatgw.test.support.sip.siptalks import Talk, both
from ichatgw.test.support.sip.sipwire import PHONE, PHONE_SDP, Rig, header, respond, status

XML = "application/media_control+xml"
PICTURE = "<media_control><picture_fast_update/></media_control>"
HI = Receipt(200, "OK")


def answer(asked: str, code: int, phrase: str, body: str = "", contentType: str = "text/plain", extra: str = "") -> str:
    """What a phone says to it."""
    return respond(asked, code, phrase, body=body, extra=extra).replace("application/sdp", contentType)


def counted(message: str) -> str:
    """With a Content-Length of octets."""
    head, _, body = message.partition("\r\n\r\n")
    return "\r\n".join([*head.split("\r\n")[:-1], f"Content-Length: {len(body.encode())}", "", body])


class InTests(SynchronousTestCase):
    """A phone sends something."""

    def hand(self, talk: Talk, body: str = PICTURE, kind: str = XML, method: str = "INFO") -> IMessage:
        talk.news.takes = True
        self.assertEqual(talk.send(method, contentType=kind, body=body), [])
        return talk.news.messages[-1]

    def test_handed(self) -> None:
        """The call is handed method, type and content, and nobody answers before the other party does; then once."""
        for talk in both():
            for method, kind, body in (
                ("INFO", XML, PICTURE),
                ("MESSAGE", "text/plain;charset=UTF-8", "Hi\r\n\r\nyou"),
            ):
                message = self.hand(talk, body, kind, method)
                verifyObject(IMessage, message)
                self.assertEqual(message.value, Enclosed(method, kind, body))
                message.answered(Receipt(299, "Fine", "text/plain", "yes"))
                message.answered(HI)
                message.undeliverable()
                (reply,) = talk.rig.wire.take()
                self.assertTrue(reply.startswith("SIP/2.0 299 Fine\r\n"))
                self.assertEqual(header(reply, "CSeq"), f"{talk.cseq} {method}")
                self.assertEqual(header(reply, "Content-Type"), "text/plain")
                self.assertTrue(reply.endswith("\r\n\r\nyes"))
                self.assertEqual(talk.rig.endpoint.transactions, 0)

    def test_anyLetters(self) -> None:
        """Text is any of UTF-8, there and back, and as long as its octets."""
        for talk in both():
            talk.news.takes = True
            kind = 'text/plain; charset="UTF-8"'
            self.assertEqual(talk.rig.receive(counted(talk.text("MESSAGE", contentType=kind, body="Grüße €\r\n"))), [])
            message = talk.news.messages[-1]
            self.assertEqual(message.value, Enclosed("MESSAGE", kind.replace(" ", ""), "Grüße €\r\n"))
            message.answered(Receipt(200, "OK", "text/plain", "Schön"))
            (reply,) = talk.rig.wire.take()
            self.assertTrue(reply.endswith("Content-Length: 6\r\n\r\nSchön"))

    def test_undeliverable(self) -> None:
        """If nobody takes it, at once or later, it is refused as what means nothing to us."""
        for talk in both():
            self.assertEqual([status(m) for m in talk.send("INFO", contentType=XML, body=PICTURE)], [415])
            self.hand(talk).undeliverable()
            (reply,) = talk.rig.wire.take()
            self.assertEqual(
                (status(reply), header(reply, "Accept")), (415, "application/dtmf-relay, application/dtmf")
            )

    def test_refused(self) -> None:
        """A refusal says what would have been taken."""
        for talk in both():
            self.hand(talk).answered(Receipt(415, "No", accepts="text/html"))
            (reply,) = talk.rig.wire.take()
            self.assertEqual((status(reply), header(reply, "Accept")), (415, "text/html"))
            self.hand(talk).answered(Receipt(405, "No"))
            (reply,) = talk.rig.wire.take()
            self.assertEqual(status(reply), 405)
            self.assertIn("MESSAGE", header(reply, "Allow"))
            self.assertNotIn("INFO", header(reply, "Allow"))

    def test_answeredHere(self) -> None:
        """Keys, signs of life, packages and the PINGs of iChats are ours."""
        for talk in both():
            talk.news.takes = True
            for method, kind, body, extra, code in (
                ("INFO", "application/dtmf-relay", "Signal=5", "", 200),
                ("INFO", "application/dtmf", "flash", "", 400),
                ("INFO", "application/sdp", "", "", 200),
                ("INFO", "text/plain", "x", "Info-Package: foo\r\n", 469),
                ("MESSAGE", "text/plain", "PING", "", 200),
                ("MESSAGE", "text/plain", "VCRemoteMuted:ON", "User-Agent: Viceroy 1.4.1\r\n", 200),
            ):
                sent = talk.send(method, contentType=kind, body=body, extra=extra)
                self.assertEqual([status(m) for m in sent], [code], (method, kind))
            self.assertEqual([status(m) for m in talk.send("OPTIONS")], [200])
            self.assertEqual(talk.news.messages, [])

    def test_fromAnIChat(self) -> None:
        """Nothing that an iChat sends is handed on as long as its dialog is one."""
        rig = Rig()
        leg = rig.endpoint.pinned().dial("sip:user@192.0.2.77:5060", Party("sip:ichat-gw@gw.example"))
        leg.call, leg.side = FakeCall(takes=True), FakeSide()
        leg.start(OFFER)
        invite = rig.wire.take()[0]
        ok = respond(invite, 200, "OK", body=PHONE_SDP)
        rig.receive(ok)
        talk = Talk(rig, leg, ok, header(ok, "From"), header(ok, "To"), 0)  # type: ignore[arg-type]
        (reply,) = talk.send("MESSAGE", contentType="text/plain", body="anything")
        self.assertEqual(status(reply), 200)
        self.assertEqual(talk.news.messages, [])
        message = FakeMessage()
        leg.hand(message)
        self.assertEqual((message.receipts, rig.wire.take()), ([None], []))

    def test_bad(self) -> None:
        """What has no type, is packed or torn, is no UTF-8 or is huge is refused, and goes nowhere."""
        for talk in both():
            talk.news.takes = True
            untyped = talk.text("MESSAGE", contentType="text/plain", body="Hi!")
            sent = talk.rig.receive(untyped.replace("Content-Type: text/plain\r\n", ""))
            self.assertEqual([status(m) for m in sent], [415])
            sent = talk.send("INFO", contentType=XML, body=PICTURE, extra="Content-Encoding: gzip\r\n")
            self.assertEqual([status(m) for m in sent], [415])
            sent = talk.send("INFO", contentType='multipart/mixed;boundary="a;b"', body="--a;b--")
            self.assertEqual([status(m) for m in sent], [415])
            for method in ("INFO", "MESSAGE"):
                binary = talk.text(method, contentType="application/octet-stream", body="\x00\x7f\xff\xfe\r\n\r\n")
                talk.rig.endpoint.received(binary.encode("latin-1"), PHONE)
                self.assertEqual([status(m) for m in talk.rig.wire.take()], [415])
            sent = talk.send("MESSAGE", contentType="text/plain", body="x" * 16_384)
            self.assertEqual([status(m) for m in sent], [413])
            self.assertEqual((talk.news.messages, talk.rig.endpoint.transactions), ([], 0))
            self.hand(talk, "x" * 15_000)

    def test_tooLong(self) -> None:
        """Who is not answered in time is told so before he gives up, once; a repetition hears nothing new before."""
        for talk in both():
            message = self.hand(talk)
            talk.cseq -= 1
            self.assertEqual(talk.send("INFO", contentType=XML, body=PICTURE), [])
            self.assertEqual(len(talk.news.messages), 1)
            talk.rig.clock.pump([0.5] * int(2 * ANSWER_TIMEOUT - 1))
            self.assertEqual(talk.rig.wire.take(), [])
            talk.rig.clock.pump([0.5] * 3)
            (reply,) = talk.rig.wire.take()
            self.assertEqual(status(reply), 504)
            message.answered(HI)
            self.assertEqual(talk.rig.wire.take(), [])
            talk.cseq -= 1
            self.assertEqual([status(m) for m in talk.send("INFO", contentType=XML, body=PICTURE)], [504])
            self.assertEqual(len(talk.news.messages), 1)
            self.assertNotIn("ended", talk.news.news)

    def test_many(self) -> None:
        """Each has its own answer, in any order; more than a few at a time are put off."""
        for talk in both():
            for number in range(MAX_PENDING):
                self.hand(talk, f"<n>{number}</n>")
            with capturedLogs() as events:
                talk.send("INFO", contentType=XML, body=PICTURE)
                (reply,) = talk.send("INFO", contentType=XML, body=PICTURE)
            self.assertEqual(sum("too many" in (formatEvent(event) or "") for event in events), 1)
            self.assertEqual(status(reply), 500)
            self.assertTrue(1 <= int(header(reply, "Retry-After")) <= 10)
            self.assertEqual(len(talk.news.messages), MAX_PENDING)
            for number, message in reversed(list(enumerate(talk.news.messages))):
                message.answered(Receipt(200, f"for {number}"))
                (reply,) = talk.rig.wire.take()
                first = talk.cseq - MAX_PENDING - 1
                self.assertEqual(header(reply, "CSeq"), f"{first + number} INFO")
                self.assertTrue(reply.startswith(f"SIP/2.0 200 for {number}\r\n"))
            self.hand(talk)

    def test_cancelled(self) -> None:
        """CANCEL changes nothing (RFC 3261 section 9.2)."""
        for talk in both():
            message = self.hand(talk)
            branch = f"INFO{talk.cseq}{header(talk.accepted, 'Call-ID').partition('@')[0]}"
            talk.cseq -= 1
            sent = talk.send("CANCEL", branch=branch)
            self.assertEqual([status(m) for m in sent], [200])
            message.answered(HI)
            self.assertEqual([status(m) for m in talk.rig.wire.take()], [200])

    def test_ends(self) -> None:
        """No matter who ends the call, the request is answered first, and once."""
        for talk in both():
            message = self.hand(talk)
            talk.leg.hangup(Ending(EndReason.HANGUP))
            codes = [status(m) for m in talk.rig.wire.take() if status(m)]
            message.answered(HI)
            self.assertEqual((codes, talk.rig.wire.take()), ([487], []))
        for talk in both():
            self.hand(talk)
            sent = talk.send("BYE")
            self.assertEqual(sorted(status(m) for m in sent), [200, 487])


class OutTests(SynchronousTestCase):
    """A phone is sent something."""

    def test_told(self) -> None:
        """It gets the method, the type and the content as they are; its answer is given to who waits, once."""
        for talk in both():
            for method, kind, body in (
                ("INFO", XML, PICTURE),
                ("MESSAGE", "text/plain;charset=UTF-8", "Grüße\r\n\r\n€"),
            ):
                message = FakeMessage(Enclosed(method, kind, body))
                talk.leg.hand(message)
                (asked,) = talk.rig.wire.take()
                self.assertTrue(asked.startswith(f"{method} sip:"))
                self.assertEqual(header(asked, "Content-Type"), kind)
                self.assertEqual(header(asked, "Content-Length"), str(len(body.encode())))
                self.assertTrue(asked.endswith(f"\r\n\r\n{body}"))
                self.assertEqual(header(asked, "Contact"), "")
                talk.rig.receive(answer(asked, 100, "Trying"))
                self.assertEqual(message.receipts, [])
                talk.rig.receive(counted(answer(asked, 202, "Accepted", "Schön")))
                talk.rig.receive(answer(asked, 200, "OK"))
                self.assertEqual(message.receipts, [Receipt(202, "Accepted", "text/plain", "Schön")])

    def test_refusals(self) -> None:
        """
        A refusal is told as it is, with what would be taken; but not what would be meant for us: a challenge, or that
        the phone does not know the call.  The call goes on.
        """
        for talk in both():
            for code, phrase, extra, receipt in (
                (
                    415,
                    "No Such",
                    "Accept: text/html, text/plain\r\n",
                    Receipt(415, "No Such", accepts="text/html, text/plain"),
                ),
                (415, "No Such", "", Receipt(415, "No Such")),
                (603, "Decline", "", Receipt(603, "Decline")),
                (500, "Oh", "", Receipt(500, "Oh")),
                (481, "Unknown", "", Receipt(504, "Server Time-out")),
                (408, "Late", "", Receipt(504, "Server Time-out")),
                (407, "Log in", 'Proxy-Authenticate: Digest realm="r", nonce="1"\r\n', Receipt(403, "Forbidden")),
            ):
                message = FakeMessage()
                talk.leg.hand(message)
                (asked,) = talk.rig.wire.take()
                sent = talk.rig.receive(answer(asked, code, phrase, extra=extra, body="" if code < 500 else "why"))
                self.assertEqual((message.receipts, sent), ([receipt], []), code)
            self.assertNotIn("ended", talk.news.news)

    def test_gone(self) -> None:
        """What says that the phone is not there any more ends the call, as ever."""
        for talk in both():
            message = FakeMessage()
            talk.leg.hand(message)
            (asked,) = talk.rig.wire.take()
            talk.rig.receive(answer(asked, 410, "Gone"))
            self.assertEqual([receipt and receipt.code for receipt in message.receipts], [410])
            self.assertEqual(talk.news.reasons, [EndReason.CONNECTIVITY])

    def test_silent(self) -> None:
        """A phone that does not answer is no reason to end the call; who waits is told."""
        for talk in both():
            message = FakeMessage()
            talk.leg.hand(message)
            talk.rig.clock.pump([0.5] * 70)
            self.assertEqual(message.receipts, [Receipt(504, "Server Time-out")])
            self.assertNotIn("ended", talk.news.news)

    def test_cannot(self) -> None:
        """Before the answer and after the end, or if it does not allow that, a phone is sent nothing."""
        rig = Rig()
        leg = rig.dial()
        rig.invite()
        ringing = rig.invitations.legs[-1]
        ringing.ring()
        rig.wire.take()
        for early in (leg, ringing):
            message = FakeMessage()
            early.hand(message)
            self.assertEqual((message.receipts, rig.wire.take()), ([None], []))
        for talk in both():
            talk.send("OPTIONS", extra="Allow: INVITE, ACK, BYE\r\n")
            message = FakeMessage()
            talk.leg.hand(message)
            self.assertEqual((message.receipts, talk.rig.wire.take()), ([None], []))
        for talk in both():
            talk.leg.hangup(Ending(EndReason.HANGUP))
            talk.rig.wire.take()
            message = FakeMessage()
            talk.leg.hand(message)
            self.assertEqual((message.receipts, talk.rig.wire.take()), ([None], []))

    def test_unreachable(self) -> None:
        """A phone that cannot be sent anything now is told of as one that does not answer."""
        for talk in both():
            talk.rig.wire.unreachable.add(PHONE.host)
            talk.rig.endpoint._transactions.rCachePurge()
            message = FakeMessage()
            talk.leg.hand(message)
            self.assertEqual(message.receipts, [Receipt(504, "Server Time-out")])
            self.assertNotIn("ended", talk.news.news)


class ThroughTests(SynchronousTestCase):
    """From phone to phone."""

    def test_andBack(self) -> None:
        """No matter who sends, the other one gets it, and what that one answers goes back."""
        for who in ("alice", "bob"):
            joined = Joined()
            for method, kind, body in (("INFO", XML, PICTURE), ("MESSAGE", "text/plain", "Hi!")):
                (asked,) = joined.send(who, method, body, contentType=kind, extra="Subject: no\r\nX-Own: no\r\n")
                self.assertTrue(asked.startswith(f"{method} sip:"))
                self.assertEqual(header(asked, "Content-Type"), kind)
                self.assertTrue(asked.endswith(f"\r\n\r\n{body}"))
                self.assertEqual((header(asked, "Subject"), header(asked, "X-Own")), ("", ""))
                (reply,) = joined.rig.receive(answer(asked, 200, "Read", "ok"))
                self.assertTrue(reply.startswith("SIP/2.0 200 Read\r\n"))
                self.assertTrue(reply.endswith("Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"))
                (asked,) = joined.send(who, method, body, contentType=kind)
                (reply,) = joined.rig.receive(answer(asked, 481, "Unknown"))
                self.assertEqual(status(reply), 504)
            self.assertEqual((joined.closed, joined.rig.endpoint.transactions), ([], 0))

    def test_silent(self) -> None:
        """The other one says nothing: who asked is told in time, once, and the call goes on."""
        for who in ("alice", "bob"):
            joined = Joined()
            joined.send(who, "MESSAGE", "Hi!", contentType="text/plain")
            joined.rig.clock.pump([0.5] * 61)
            self.assertEqual([status(m) for m in joined.rig.wire.take() if status(m)], [504])
            joined.rig.clock.pump([0.5] * 20)
            self.assertEqual([m for m in joined.rig.wire.take() if status(m)], [])
            self.assertEqual(joined.closed, [])
            joined.rig.clock.pump([64] * 6)
            self.assertEqual(joined.rig.endpoint.transactions, 0)

    def test_ends(self) -> None:
        """No matter who hangs up while something is on its way, it is answered once, and nothing remains."""
        for who in ("alice", "bob"):
            for ends in ("alice", "bob"):
                joined = Joined()
                joined.send(who, "MESSAGE", "Hi!", contentType="text/plain")
                joined.send(who, "INFO", PICTURE, contentType=XML)
                sent = joined.send(ends, "BYE")
                codes = sorted(status(m) for m in sent if status(m))
                self.assertEqual(codes, [200, 487, 487] if who == ends else [200, 504, 504])
                for bye in (m for m in sent if m.startswith("BYE")):
                    joined.rig.receive(respond(bye, 200, "OK"))
                self.assertEqual(len(joined.closed), 1)
                joined.rig.clock.pump([1] * 40 + [64] * 6)
                self.assertEqual([m for m in joined.rig.wire.take() if status(m)], [])
                self.assertEqual((joined.rig.endpoint.transactions, joined.rig.endpoint.legs), (0, frozenset()))

    @slow
    def test_anything(self) -> None:
        """Many at random, answered or not: each request gets one answer."""
        random = Random(7)
        joined = Joined()
        asked: list[str] = []
        sent: list[str] = []
        requests = 0
        for _ in range(300):
            if asked and random.random() < 0.5:
                one = asked.pop(random.randrange(len(asked)))
                out = joined.rig.receive(answer(one, random.choice((200, 202, 415, 481, 500)), "So"))
            else:
                method = random.choice(("INFO", "MESSAGE"))
                out = joined.send(random.choice(("alice", "bob")), method, "x", contentType="text/x")
                requests += 1
            joined.rig.clock.advance(random.choice((0, 0.2, 3)))
            out += joined.rig.wire.take()
            sent += [m for m in out if status(m)]
            asked += [m for m in out if not status(m)]
        joined.rig.clock.pump([0.5] * 140)
        sent += [m for m in joined.rig.wire.take() if status(m)]
        names = {(header(m, "Call-ID"), header(m, "CSeq")) for m in sent}
        self.assertEqual((len(sent), len(names)), (requests, requests))
        self.assertEqual((joined.closed, joined.rig.endpoint.transactions), ([], 0))
