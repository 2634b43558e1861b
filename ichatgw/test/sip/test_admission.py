# -*- test-case-name: ichatgw.test.sip.test_admission -*-
"""
Which requests become transactions, and what all others are answered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Ending, EndReason, Party, TransportAddress
from ichatgw.observe.attempts import MAX_TOLD
from ichatgw.observe.events import TurnedAway
from ichatgw.runtime.ratelimit import LINES
from ichatgw.sip import admission
from ichatgw.sip.auth.verifier import Verifier
from ichatgw.sip.message.gate import Admitted, Gate
from ichatgw.sip.message.identity import callerIn
from ichatgw.sip.transaction.known import Marks
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.test.marks import slow
from ichatgw.test.support import data
from ichatgw.test.support.events import Scene
from ichatgw.test.support.fakes import OFFER
from ichatgw.test.support.sip.sipwire import PHONE, PHONE_SDP, Rig, ackFor, byeAfter, header, request, respond, status

# Importing ichatgw.sip readies sippy, and so comes first.
# isort: split
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse

STRANGER = TransportAddress("203.0.113.9", 5060)


class StrangersTests(SynchronousTestCase):
    """Hosts that may not call."""

    def setUp(self) -> None:
        self.rig = Rig()

    def codes(self, text: str, source: TransportAddress = STRANGER) -> list[int]:
        return [status(each) for each in self.rig.receive(text, source)]

    def nothingIsKept(self) -> None:
        """Of strangers, that is."""
        transactions = self.rig.endpoint._transactions
        self.assertEqual((len(transactions.l1rcache), self.rig.endpoint.transactions), (0, 0))
        self.assertEqual((len(transactions.req_consumers), self.rig.endpoint.legs), (0, frozenset()))
        self.assertEqual(self.rig.clock.getDelayedCalls(), self.timers)

    def test_answers(self) -> None:
        """Each method gets its answer, once, and nothing is kept of it."""
        self.timers = self.rig.clock.getDelayedCalls()
        tagged = "<sip:scott@192.0.2.10>;tag=x"
        for method, to, code in (
            ("OPTIONS", "", [200]),
            ("INVITE", "", [403]),
            ("REFER", "", [403]),
            ("REGISTER", "", [405]),
            ("MESSAGE", "", [405]),
            ("SUBSCRIBE", "", [489]),
            ("FROBNICATE", "", [501]),
            ("BYE", "", [481]),
            ("CANCEL", "", [481]),
            ("ACK", "", []),
            ("ACK", tagged, []),
            ("INVITE", tagged, [481]),
            ("OPTIONS", tagged, [481]),
            ("PRACK", tagged, [481]),
        ):
            self.assertEqual(self.codes(request(method, to=to or "<sip:scott@192.0.2.10>")), code, (method, to))
            self.nothingIsKept()
        self.assertEqual(self.codes(respond(request("INVITE"), 200, "OK")), [])
        self.nothingIsKept()
        self.assertEqual(self.rig.invitations.legs, [])

    def test_octets(self) -> None:
        """Over UDP no answer is longer than what it answers; what cannot be made so short is not sent."""
        texts = [request(method) for method in ("OPTIONS", "INVITE", "REFER", "REGISTER", "SUBSCRIBE", "BYE")]
        short = (
            "OPTIONS sip:a SIP/2.0\r\nv:SIP/2.0/UDP a;branch=z9hG4bK1\r\nf:<sip:a@b>;tag=1\r\nt:<sip:a@b>\r\ni:1\r\n"
            "CSeq:1 OPTIONS\r\n\r\n"
        )
        bad = request("OPTIONS").replace("SIP/2.0\r\n", "SIP/7.0\r\n", 1)
        for verifier in (None, Verifier("gw.example", {"alice": "wonder"}, Clock())):
            self.rig = Rig(verifier=verifier)
            for text in (*texts, short, bad, "OPTIONS sip:a SIP/7.0\r\nVia: SIP/2.0/UDP a\r\n\r\n"):
                sent = self.rig.receive(text, STRANGER)
                self.assertLessEqual(sum(map(len, sent)), len(text), text)

    def test_room(self) -> None:
        """A request that is long enough is told all; over a connection, whose far end is proved, any is."""
        (response,) = self.rig.receive(request("OPTIONS", extra=f"Subject: {'x' * 300}\r\n"), STRANGER)
        self.assertIn("INVITE", header(response, "Allow"))
        (response,) = self.rig.receive(request("OPTIONS"), STRANGER)
        self.assertEqual(header(response, "Allow"), "")
        (response,) = self.rig.stream(request("OPTIONS"), Target(Transport.TCP, STRANGER))
        self.assertIn("INVITE", header(response, "Allow"))

    def test_oneChallenge(self) -> None:
        """A challenge that has no room for all algorithms is for the one that every phone knows."""
        self.rig = Rig(verifier=Verifier("gw.example", {"alice": "wonder"}, Clock()))
        for body, algorithms in (("x" * 400, ["SHA-256", "MD5"]), ("x" * 100, ["MD5"]), ("", [])):
            (response, *_) = self.rig.receive(request("INVITE", body=body or None), STRANGER) or [""]
            found = [line.partition("algorithm=")[2] for line in response.split("\r\n") if "WWW-Auth" in line]
            self.assertEqual(found, algorithms)

    def test_binding(self) -> None:
        """The answer to STUN is no longer than what it answers, either."""
        self.patch(self.rig.wire, "send", lambda data, address: self.rig.wire.sent.append((repr(data), address)))
        minimal = b"\0\1\0\0\x21\x12\xa4\x42" + b"t" * 12
        padded = b"\0\1\0\x10\x21\x12\xa4\x42" + b"t" * 12 + b"\x80\x22\0\x0c" + b"s" * 12
        for source, message, answered in ((STRANGER, minimal, 0), (STRANGER, padded, 1), (PHONE, minimal, 1)):
            self.rig.endpoint.received(message, source)
            sent, self.rig.wire.sent = self.rig.wire.sent, []
            self.assertEqual(len(sent), answered)

    def test_iChat(self) -> None:
        """An INVITE that is waited for becomes a call wherever it comes from, and all that belongs to it passes."""
        self.rig.invitations.refusal = None
        self.assertEqual(self.codes(request("INVITE")), [100])
        self.assertEqual(self.codes(request("INVITE")), [100])
        (leg,) = self.rig.invitations.legs
        leg.answer(OFFER)
        (ok,) = self.rig.wire.take()
        self.rig.invitations.refusal = Ending(EndReason.FORBIDDEN)
        self.rig.receive(ackFor(ok), STRANGER)
        self.rig.clock.pump([0.5] * 20)
        self.assertEqual(self.rig.wire.take(), [])  # the 200 does not come again
        ping = request("MESSAGE", to=header(ok, "To"), cseq=2, contentType="text/plain", body="PING")
        sent = [
            self.codes(ping.replace("CSeq: 2", f"CSeq: {each}").replace("E2;", f"E{each};")) for each in range(2, 300)
        ]
        self.assertEqual(sent, [[200]] * 298)
        self.assertEqual(self.codes(request("BYE", to=header(ok, "To"), cseq=300)), [200])

    def upWithStranger(self) -> str:
        """A call with a stranger is up; its 200."""
        self.rig.invitations.refusal = None
        self.rig.receive(request("INVITE"), STRANGER)
        self.rig.invitations.legs[-1].answer(OFFER)
        ok = self.rig.wire.take()[-1]
        self.rig.invitations.refusal = Ending(EndReason.FORBIDDEN)
        self.rig.receive(ackFor(ok), STRANGER)
        return ok

    def test_tagAlone(self) -> None:
        """Our tag alone opens a dialog only to where its far end is; from elsewhere it is 481, and nothing is kept."""
        to = header(self.upWithStranger(), "To")
        transactions = self.rig.endpoint._transactions
        kept = len(transactions.tserver), len(transactions.l1rcache)
        elsewhere = TransportAddress("198.51.100.7", 5060)
        for number, wrong in enumerate(
            ({"callId": "guessed"}, {"from_": "<sip:x@y>;tag=guessed"}, {"from_": "<sip:x@y>"})
        ):
            for method in ("BYE", "INFO", "MESSAGE", "UPDATE", "INVITE"):
                sent = self.codes(request(method, to=to, cseq=10 + number, **wrong), elsewhere)
                self.assertEqual(sent, [481], (method, wrong))
            self.assertEqual(self.codes(request("ACK", to=to, cseq=10 + number, **wrong), elsewhere), [])
            self.rig.clock.advance(5)
        self.assertEqual((len(transactions.tserver), len(transactions.l1rcache)), kept)
        (leg,) = self.rig.endpoint.legs
        assert leg.dialog is not None
        self.assertEqual(leg.dialog.remote.host, STRANGER.host)

    def test_movedPhone(self) -> None:
        """A phone whose address has changed in a call names all of the dialog, and is heard."""
        to = header(self.upWithStranger(), "To")
        elsewhere = TransportAddress("198.51.100.7", 40000)
        ping = request("MESSAGE", to=to, cseq=2, contentType="text/plain", body="PING")
        self.assertEqual(self.codes(ping, elsewhere), [200])
        self.assertEqual(self.codes(request("BYE", to=to, cseq=3), elsewhere), [200])

    def test_movedWhenCalled(self) -> None:
        """So is one that we have called."""
        leg = self.rig.dial("sip:100@203.0.113.9")
        leg.start(OFFER)
        (invite,) = self.rig.wire.take()
        self.rig.receive(respond(invite, 200, "OK", body=PHONE_SDP), STRANGER)
        elsewhere = TransportAddress("198.51.100.7", 40000)
        bye = byeAfter(invite)
        wrong = bye.replace(";tag=b1", ";tag=b2")
        self.assertEqual((self.codes(wrong, elsewhere), self.codes(bye, elsewhere)), ([481], [200]))

    def test_cancelled(self) -> None:
        """The CANCEL of a call that there is passes."""
        self.rig.invitations.refusal = None
        self.rig.receive(request("INVITE", branch="one"), STRANGER)
        self.assertEqual(self.codes(request("CANCEL", branch="one")), [200, 487])

    def test_refusedLate(self) -> None:
        """The ACK for a refusal that was sent long after the dialog is over passes: the refusal does not come again."""
        self.rig.invitations.refusal = None
        self.rig.receive(request("INVITE"), STRANGER)
        self.rig.invitations.legs[0].hangup(Ending(EndReason.BUSY))
        self.rig.clock.pump([1.0] * 10)
        busy = self.rig.wire.take()[-1]
        self.rig.receive(ackFor(busy), STRANGER)
        self.rig.clock.pump([1.0] * 30)
        self.assertEqual(self.rig.wire.take(), [])

    def test_whyNot(self) -> None:
        """An INVITE that somebody might have waited for is told why it is not."""
        self.rig.invitations.refusal = Ending(EndReason.CANCELLED, "the call is over")
        self.assertEqual(self.codes(request("INVITE")), [487])

    def test_called(self) -> None:
        """A stranger that we call is heard."""
        leg = self.rig.dial("sip:100@203.0.113.9")
        leg.start(OFFER)
        (invite,) = self.rig.wire.take()
        for _ in range(300):
            self.rig.receive(respond(invite, 180, "Ringing"), STRANGER)
        (ack,) = self.rig.receive(respond(invite, 486, "Busy Here"), STRANGER)
        self.assertTrue(ack.startswith("ACK "))

    def test_log(self) -> None:
        """Who sees messages sees those of strangers too, and what they are answered."""
        seen: list[str] = []
        self.rig = Rig(messageLog=lambda what, message: seen.append(f"{what}{message[:7]}"))
        self.rig.receive(request("INVITE"), STRANGER)
        self.assertEqual(
            seen,
            [
                "RECEIVED message from udp:203.0.113.9:5060:\nINVITE ",
                "SENDING message to udp:203.0.113.9:5060:\nSIP/2.0",
            ],
        )

    def test_fewLines(self) -> None:
        """However many strangers are refused, the log has a few lines about that."""
        with capturedLogs() as events:
            for number in range(200):
                self.rig.receive(request("INVITE"), TransportAddress(f"203.0.{number}.9", 5060))
                self.rig.clock.advance(0.02)
        lines = [line for line in map(formatEvent, events) if line and "not among AllowedSIPPeers" in line]
        self.assertEqual(len(lines), LINES[1] + int(199 * 0.02 * LINES[0]))


class OverloadTests(SynchronousTestCase):
    """When there is too much to do."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.busy = True
        self.rig.endpoint.shed(lambda: self.busy)

    def test_refused(self) -> None:
        """A new call is 503 with Retry-After, and nothing is kept of it; later it is taken."""
        (response,) = self.rig.invite()
        self.assertEqual((status(response), header(response, "Retry-After")), (503, str(admission.RETRY_AFTER)))
        self.assertEqual((self.rig.endpoint.transactions, len(self.rig.endpoint._transactions.l1rcache)), (0, 0))
        self.rig.receive(ackFor(response))
        self.busy = False
        self.assertEqual([status(each) for each in self.rig.invite(cseq=2, branch="two")], [100])

    def test_callsThatAreUp(self) -> None:
        """All that belongs to a call that there is passes, its INVITE when it comes again included."""
        self.busy = False
        self.rig.invite()
        (leg,) = self.rig.invitations.legs
        self.busy = True
        self.assertEqual([status(each) for each in self.rig.invite()], [100])
        leg.answer(OFFER)
        (ok,) = self.rig.wire.take()
        self.rig.receive(ackFor(ok))
        again = request("INVITE", to=header(ok, "To"), cseq=2, branch="again")
        self.assertEqual([status(each) for each in self.rig.receive(again)], [200])
        self.assertEqual([status(each) for each in self.rig.receive(request("OPTIONS"))], [200])

    def test_whatElseBegins(self) -> None:
        """So is all else that begins something, whatever its method, and nothing is kept of it."""
        for number, method in enumerate(
            ("REGISTER", "SUBSCRIBE", "PUBLISH", "MESSAGE", "REFER", "NOTIFY", "INFO", "X")
        ):
            sent = self.rig.receive(request(method, branch=f"b{number}", callId=f"c{number}"))
            self.assertEqual([(status(each), header(each, "Retry-After")) for each in sent], [(503, "5")], method)
        self.assertEqual((self.rig.endpoint.transactions, len(self.rig.endpoint._transactions.l1rcache)), (0, 0))
        self.busy = False
        self.assertEqual([status(each) for each in self.rig.receive(request("X", branch="later"))], [501])

    def test_whatEnds(self) -> None:
        """What ends something is judged as ever, and so is OPTIONS, and a REFER about a call that there is."""
        for method, code in (("BYE", 481), ("CANCEL", 481), ("OPTIONS", 200)):
            sent = self.rig.receive(request(method, branch=method))
            self.assertEqual([status(each) for each in sent], [code], method)
        self.busy = False
        self.rig.invite()
        (leg,) = self.rig.invitations.legs
        leg.answer(OFFER)
        ok = self.rig.wire.take()[-1]
        self.rig.receive(ackFor(ok))
        self.busy = True
        local, remote = (header(ok, name).partition("tag=")[2] for name in ("To", "From"))
        target = f"Target-Dialog: {header(ok, 'Call-ID')};local-tag={local};remote-tag={remote}\r\n"
        refer = request("REFER", branch="r", callId="r", extra=f"Refer-To: <sip:200@192.0.2.9>\r\n{target}")
        self.assertNotIn(503, [status(each) for each in self.rig.receive(refer) if each.startswith("SIP/")])
        other = request("REFER", branch="o", callId="o", extra="Refer-To: <sip:200@192.0.2.9>\r\n")
        self.assertEqual([status(each) for each in self.rig.receive(other)], [503])

    @slow
    def test_dialogs(self) -> None:
        """One source has only so many calls, one that has to log in fewer; others are not hindered."""
        self.busy = False
        self.patch(admission, "MAX_OF_PEER", 20)
        self.patch(admission, "MAX_OF_STRANGER", 10)
        self.rig.invitations.refusal = None
        for source, most in ((PHONE, 20), (STRANGER, 10), (TransportAddress("192.0.2.78", 5060), 20)):
            codes = []
            for each in range(25):
                name = f"{source.host}-{each}"
                self.rig.clock.advance(0.2)
                codes += [
                    status(sent) for sent in self.rig.receive(request("INVITE", callId=name, branch=name), source)
                ]
            self.assertEqual((codes.count(100), codes.count(503)), (most, 25 - most))


class FullTests(SynchronousTestCase):
    """When there is no room for another call."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.full = True
        self.asked: list[tuple[str, str]] = []
        self.rig.endpoint.limit(self.isFull)

    def isFull(self, caller: Callable[[], Party], host: str) -> bool:
        self.asked.append((caller().uri, host))
        return self.full

    @slow
    def test_refused(self) -> None:
        """A new call is 503 with Retry-After, and nothing is kept of a thousand; when there is room it is taken."""
        for number in range(1000):
            (response,) = self.rig.invite(callId=f"c{number}", branch=f"b{number}")
        self.assertEqual((status(response), header(response, "Retry-After")), (503, str(admission.RETRY_AFTER)))
        transactions = self.rig.endpoint._transactions
        self.assertEqual((self.rig.endpoint.transactions, len(transactions.l1rcache)), (0, 0))
        self.assertEqual((self.rig.invitations.legs, len(transactions.req_consumers)), ([], 0))
        self.assertEqual(set(self.asked), {("sip:alice@sip.example", PHONE.host)})
        self.full = False
        self.assertEqual([status(each) for each in self.rig.invite(branch="later")], [100])

    def test_whatNeedsNoRoom(self) -> None:
        """What takes the place of a party, or belongs to a call that waits for it, is taken, and all in a call."""
        self.full = False
        self.rig.invite()
        self.full = True
        self.assertEqual([status(each) for each in self.rig.invite()], [100])
        self.rig.invitations.legs[0].answer(OFFER)
        ok = self.rig.wire.take()[-1]
        self.rig.receive(ackFor(ok))
        again = request("INVITE", to=header(ok, "To"), cseq=2, branch="again")
        self.assertEqual([status(each) for each in self.rig.receive(again)], [200])
        extra = "Replaces: x;to-tag=1;from-tag=2\r\n"
        self.assertNotIn(503, [status(each) for each in self.rig.invite(callId="r", branch="r", extra=extra)])
        agent = "User-Agent: Viceroy 1.2\r\n"
        self.assertEqual(status(self.rig.invite(callId="i", branch="i", extra=agent)[-1]), 503)
        self.rig.invitations.refusal = None
        self.assertEqual(status(self.rig.invite(callId="j", branch="j", extra=agent)[-1]), 100)

    def test_strangers(self) -> None:
        """One who may not call is not told whether there is room."""
        self.assertEqual([status(each) for each in self.rig.receive(request("INVITE"), STRANGER)], [403])
        self.assertEqual(self.asked, [])

    def test_crowded(self) -> None:
        """One of whom too many calls wait to begin is refused likewise; other hosts are not."""
        self.full = False
        self.rig.endpoint._admission.isCrowded = lambda host: host == PHONE.host
        self.assertEqual([status(each) for each in self.rig.invite()], [503])
        other = TransportAddress("192.0.2.78", 5060)
        self.assertEqual([status(each) for each in self.rig.receive(request("INVITE", callId="o"), other)], [100])


class ToldTests(SynchronousTestCase):
    """Attempts of those who may call, which become no calls, as they are told to who watches."""

    def setUp(self) -> None:
        self.rig = Rig(verifier=Verifier("gw.example", {"alice": "wonder"}, Clock()))
        self.scene = Scene()
        self.scene.watch()
        self.rig.endpoint.observe(self.scene.events)

    def told(self, text: str, source: TransportAddress = PHONE) -> list[tuple[int, EndReason, str, str]]:
        """The status of the answer, and what was told: why, by whom, to whom."""
        del self.scene.seen[:]
        code = sum(status(each) for each in self.rig.receive(text, source))
        found = [each for each in self.scene.seen if isinstance(each, TurnedAway)]
        self.assertTrue(all((each.kind, each.source) == ("sip", source) for each in found))
        return [(code, each.ending.reason, each.caller, each.called) for each in found]

    def test_refused(self) -> None:
        """One that the gate cannot let through, or that no call can be made of, is told of once, with its parties."""
        parties = ("sip:alice@sip.example", "sip:scott@192.0.2.10:5070")
        cases: tuple[tuple[int, EndReason, dict[str, Any]], ...] = (
            (488, EndReason.INCOMPATIBLE, {"body": PHONE_SDP.replace("audio", "text")}),
            (400, EndReason.FAILED, {"body": "nonsense"}),
            (415, EndReason.INCOMPATIBLE, {"contentType": "text/plain"}),
            (420, EndReason.FAILED, {"extra": "Require: teleport\r\n"}),
            (400, EndReason.FAILED, {"extra": "Max-Forwards: many\r\n"}),
            (422, EndReason.FAILED, {"extra": "Session-Expires: 30\r\nSupported: timer\r\n"}),
            (400, EndReason.FAILED, {"extra": "Replaces: nothing\r\n"}),
        )
        for number, (code, reason, changed) in enumerate(cases):
            text = request("INVITE", callId=f"r{number}", branch=f"r{number}", **changed)
            self.assertEqual(self.told(text), [(code, reason, *parties)], changed)

    def test_unreadable(self) -> None:
        """Of one whose addresses cannot be read as much is told as is there."""
        text = request("INVITE", from_="nonsense", uri="sip:72@[broken")
        [(code, _, caller, called)] = self.told(text)
        self.assertEqual((code, caller, called), (400, "", "sip:72@[broken"))

    def test_strangers(self) -> None:
        """Of strangers nothing is told, whatever is wrong, nor that one was asked to log in, as all are at first."""
        cases: tuple[dict[str, Any], ...] = ({}, {"extra": "Require: teleport\r\n"}, {"body": "nonsense"})
        for number, changed in enumerate(cases):
            text = request("INVITE", callId=f"s{number}", branch=f"s{number}", **changed)
            self.assertEqual(self.told(text, STRANGER), [], changed)
        self.rig.endpoint.strangers.prove(STRANGER.host)
        self.assertEqual(self.told(request("INVITE", callId="u", branch="u"), STRANGER), [])

    def test_user(self) -> None:
        """From where a user has logged in what cannot be taken is told of."""
        self.rig.endpoint.strangers.prove(STRANGER.host)
        text = request("INVITE", callId="u", branch="u", extra="Require: teleport\r\n")
        [(code, *_)] = self.told(text, STRANGER)
        self.assertEqual(code, 420)

    def test_noCalls(self) -> None:
        """Other requests are no attempts to call, nor is one that has arrived already by another way."""
        self.assertEqual(self.told(request("OPTIONS", extra="Require: teleport\r\n")), [])
        self.rig.invite()
        self.assertEqual(self.told(request("INVITE", branch="fork")), [])


class NotReadyTests(SynchronousTestCase):
    """When the gateway is not ready for any call."""

    def setUp(self) -> None:
        self.rig = Rig(verifier=Verifier("gw.example", {"alice": "wonder"}, Clock()))
        self.trouble = "XMPP link: refused"
        self.rig.endpoint.heed(lambda: self.trouble)

    def test_told(self) -> None:
        """INVITE and OPTIONS of those who may call are 503 at once, with the reason, and leave nothing behind."""
        timers = self.rig.clock.getDelayedCalls()
        for method in ("OPTIONS", "INVITE"):
            for number in range(100):
                sent = self.rig.receive(request(method, callId=f"c{number}", branch=f"{method}{number}"))
                (response,) = sent
            self.assertEqual(status(response), 503)
            self.assertEqual(header(response, "Retry-After"), str(admission.RETRY_AFTER))
            self.assertEqual(header(response, "Warning"), '399 ichat-gw "XMPP link: refused"')
        transactions = self.rig.endpoint._transactions
        self.assertEqual((self.rig.endpoint.transactions, len(transactions.l1rcache)), (0, 0))
        self.assertEqual(self.rig.clock.getDelayedCalls(), timers)

    def test_published(self) -> None:
        """Those who watch hear who called whom in vain; not of each of a flood, and of no stranger."""
        scene = Scene()
        scene.watch()
        self.rig.endpoint.observe(scene.events)
        read: list[str] = []

        def reading(line: str, headers: tuple[tuple[str, str], ...]) -> Party:
            read.append(line)
            return callerIn(line, headers)

        self.patch(admission, "callerIn", reading)
        self.rig.receive(request("OPTIONS"))
        self.rig.receive(request("INVITE", callId="s", branch="s"), STRANGER)
        for number in range(100):
            self.rig.receive(request("INVITE", callId=f"c{number}", branch=f"b{number}"))
        found = [event for event in scene.seen if isinstance(event, TurnedAway)]
        self.assertEqual((len(found), len(read)), (MAX_TOLD, MAX_TOLD))
        event = found[0]
        said = request("INVITE")
        self.assertEqual((event.ending.text, event.source), ("503 XMPP link: refused", PHONE))
        self.assertEqual(event.called, said.split(" ")[1])
        self.assertIn(event.caller, header(said, "From"))

    def test_again(self) -> None:
        """As soon as it is ready both are taken."""
        self.rig.receive(request("OPTIONS", branch="one"))
        self.trouble = ""
        self.assertEqual([status(each) for each in self.rig.receive(request("OPTIONS", branch="two"))], [200])
        self.assertEqual([status(each) for each in self.rig.invite(callId="new", branch="three")], [100])

    def test_within(self) -> None:
        """What belongs to a call goes on: OPTIONS and INVITE in it, the same INVITE once more, a new party."""
        self.trouble = ""
        self.rig.invite()
        self.trouble = "calls: the gateway is draining"
        self.assertEqual([status(each) for each in self.rig.invite()], [100])
        self.rig.invitations.legs[0].answer(OFFER)
        ok = self.rig.wire.take()[-1]
        self.rig.receive(ackFor(ok))
        for cseq, method in ((2, "OPTIONS"), (3, "INVITE"), (4, "BYE")):
            again = request(method, to=header(ok, "To"), cseq=cseq, branch=f"again{cseq}")
            self.assertEqual([status(each) for each in self.rig.receive(again)][-1], 200, method)
        extra = "Replaces: x;to-tag=1;from-tag=2\r\n"
        self.assertNotIn(503, [status(each) for each in self.rig.invite(callId="r", branch="r", extra=extra)])

    def test_strangers(self) -> None:
        """Those who may not call are not told how the gateway is."""
        text = request("OPTIONS", extra=f"Subject: {'x' * 300}\r\n")
        self.assertEqual([status(each) for each in self.rig.receive(text, STRANGER)], [200])
        (response,) = self.rig.receive(request("INVITE", extra=f"Subject: {'x' * 300}\r\n"), STRANGER)
        self.assertEqual((status(response), header(response, "Warning")), (401, ""))

    def test_otherMethods(self) -> None:
        """What is neither a call nor a question about calls is answered as ever."""
        for method, code in (("SUBSCRIBE", 489), ("MESSAGE", 405), ("BYE", 481)):
            self.assertEqual([status(each) for each in self.rig.receive(request(method))], [code])


class MarksTests(SynchronousTestCase):
    """L{Marks}."""

    def test_likeSippy(self) -> None:
        """They are what sippy reads, for every message of the corpora that the gate lets through."""
        read = 0
        for name in ("rfc4475", "rfc5118", "jain"):
            for path in data(name).iterdir():
                verdict = Gate().admit(path.read_bytes(), PHONE)
                if not isinstance(verdict, Admitted):
                    continue
                marks = Marks.of(verdict)
                message = (SipRequest if verdict.isRequest else SipResponse)(verdict.text)
                theirs = message.getTId(True, True, True)
                self.assertEqual(
                    theirs,
                    (marks.callId, marks.fromTag, marks.number, marks.method, marks.branch, marks.toTag),
                    path.name,
                )
                read += 1
        self.assertGreater(read, 100)
