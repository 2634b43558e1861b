# -*- test-case-name: ichatgw.test.sip.texts.test_received -*-
"""Tests for L{ichatgw.sip.texts.received} and L{ichatgw.sip.admission}: MESSAGE to us."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reading.credentials import Credentials
from ichatgw.errors import Congested
from ichatgw.model import Ending, EndReason, TransportAddress
from ichatgw.sip.auth.digest import answer, challenges
from ichatgw.sip.auth.verifier import Verifier
from ichatgw.sip.texts.cpim import CPIM, IMDN, readCPIM, readIMDN, writeIMDN
from ichatgw.test.sip.texts.test_cpim import EXAMPLE, WHEN
from ichatgw.test.support.sip.sipwire import GATEWAY, PHONE, Rig, header, request, respond, status
from ichatgw.test.support.texts import FakeTexts
from ichatgw.texts.interfaces import Fate, NotCarried, TooLong

STRANGER = TransportAddress("203.0.113.9", 5060)


def message(body: str | None = "hello", contentType: str = "text/plain", **changes: Any) -> str:
    """A MESSAGE as a phone sends it."""
    text = request("MESSAGE", body=body, contentType=contentType, **changes)
    return text.replace(f"Content-Length: {len(body or '')}\r\n", f"Content-Length: {len((body or '').encode())}\r\n")


class ReceivedTests(SynchronousTestCase):
    """MESSAGEs of phones."""

    def setUp(self) -> None:
        self.begin()

    def begin(self, **arguments: Any) -> None:
        self.rig = Rig(**arguments)
        self.texts = FakeTexts()
        self.rig.endpoint.texts = self.texts
        self.rig.endpoint.takeTexts(True)
        self.number = 0

    def receive(self, *arguments: Any, source: TransportAddress = PHONE, **changes: Any) -> str:
        """A new MESSAGE comes; its answer."""
        self.number += 1
        changes = {"callId": f"text-{self.number}", "branch": f"text{self.number}", **changes}
        (response,) = self.rig.receive(message(*arguments, **changes), source)
        return response

    def test_text(self) -> None:
        """A text is taken, with who has written it and to whom; it is 202, as nobody says that it was read."""
        response = self.receive("h\u00e9llo \U0001f600\r\nyou", "text/plain;charset=UTF-8", extra="Subject: S\r\n")
        self.assertEqual(status(response), 202)
        self.assertIn(";tag=", header(response, "To"))
        self.assertEqual(header(response, "Contact"), "")
        (text,) = self.texts.taken
        self.assertEqual((text.body, text.subject, text.told), ("h\u00e9llo \U0001f600\r\nyou", "S", None))
        self.assertEqual((text.writer.uri, text.writer.name), ("sip:alice@sip.example", "Alice"))
        self.assertEqual((text.to, text.writer.hops), ("sip:scott@192.0.2.10:5070", 69))

    def test_delivered(self) -> None:
        """It is 200 if a device of the reader has it (RFC 3428 section 7)."""
        self.texts.fate = Fate.DELIVERED
        self.assertEqual(status(self.receive()), 200)

    def test_later(self) -> None:
        """What is known later is said then, once; repetitions wait for that and get the same answer."""
        self.texts.fate = None
        self.assertEqual(self.rig.receive(message()), [])
        self.assertEqual(self.rig.receive(message()), [])
        self.texts.answers[0].callback(Fate.ACCEPTED)
        (response,) = self.rig.wire.take()
        self.assertEqual(status(response), 202)
        self.assertEqual(self.rig.receive(message()), [response])
        self.assertEqual(len(self.texts.taken), 1)

    def test_repeated(self) -> None:
        """One that comes again by another way is not taken again, and is answered as it was."""
        self.assertEqual(status(self.receive(callId="same")), 202)
        self.assertEqual(status(self.receive(callId="same")), 202)
        self.assertEqual(status(self.receive(callId="same", cseq=2)), 202)
        self.assertEqual(len(self.texts.taken), 2)

    def test_merged(self) -> None:
        """If it comes by another way before it is answered, it is a part of itself (RFC 3261 section 8.2.2.2)."""
        self.texts.fate = None
        self.rig.receive(message(callId="same", branch="one"))
        self.assertEqual(status(self.receive(callId="same")), 482)

    def test_refused(self) -> None:
        """Why it is not carried is the status; never 408 (RFC 4320)."""
        for reason, code in (
            (EndReason.NOT_FOUND, 404),
            (EndReason.FORBIDDEN, 403),
            (EndReason.UNAVAILABLE, 480),
            (EndReason.TIMEOUT, 504),
            (EndReason.INCOMPATIBLE, 488),
        ):
            self.texts.refusal = NotCarried(Ending(reason, "why not"))
            response = self.receive()
            self.assertEqual(status(response), code)
        self.texts.refusal = Congested("too many")
        response = self.receive()
        self.assertEqual((status(response), header(response, "Retry-After")), (503, "5"))
        self.texts.refusal = TooLong("a text of 5000 octets")
        response = self.receive()
        self.assertEqual((status(response), "5000 octets" in header(response, "Warning")), (413, True))

    def test_types(self) -> None:
        """What is no text is 415 with what would be, and so is a text that is no UTF-8, or packed."""
        for kind in ("text/html", "application/json", "multipart/mixed;boundary=x", "application/im-iscomposing+xml"):
            response = self.receive("hello world", kind)
            self.assertEqual(status(response), 415, kind)
            self.assertIn("text/plain", header(response, "Accept"))
        packed = self.receive(extra="Content-Encoding: gzip\r\n")
        self.assertEqual((status(packed), header(packed, "Accept-Encoding")), (415, "identity"))
        latin = message("hXllo", callId="latin", branch="latin").encode().replace(b"hXllo", b"h\xe9llo")
        self.rig.endpoint.received(latin, PHONE)
        self.assertEqual([status(each) for each in self.rig.wire.take()], [415])
        self.assertEqual(status(self.receive(None)), 400)
        self.assertEqual(status(self.receive("x", CPIM)), 400)
        self.assertEqual(self.texts.taken, [])

    def test_loops(self) -> None:
        """One that has passed too many servers, or is ours, goes no further."""
        tired = message().replace("Max-Forwards: 70", "Max-Forwards: 0")
        self.assertEqual([status(each) for each in self.rig.receive(tired)], [483])
        self.assertEqual(status(self.receive(source=GATEWAY)), 482)

    def test_off(self) -> None:
        """If texts are off it is 405, for strangers too."""
        self.rig.endpoint.takeTexts(False)
        self.assertEqual(status(self.receive()), 405)
        self.assertEqual(status(self.receive(source=STRANGER)), 405)

    def test_overload(self) -> None:
        """Nothing new is taken while there is too much to do."""
        self.rig.endpoint.shed(lambda: True)
        self.assertEqual(status(self.receive()), 503)
        self.assertEqual(self.texts.taken, [])

    def test_strangers(self) -> None:
        """Who may not call may not write."""
        self.assertEqual(status(self.receive(source=STRANGER)), 403)
        self.assertEqual(self.texts.taken, [])

    def test_flood(self) -> None:
        """Strangers who write have their common budget, whatever they call themselves."""
        answered = 0
        for number in range(1000):
            text = message(callId=f"flood-{number}", branch=f"f{number}", from_=f"<sip:u{number}@x>;tag={number}")
            answered += len(self.rig.receive(text, STRANGER))
        self.assertTrue(answered < 100, answered)
        self.assertEqual(self.texts.taken, [])

    def test_login(self) -> None:
        """Who logs in writes under the name that it has logged in with, whatever it says of itself."""
        verifier = Verifier("gw.example", {"alice": "wonder"}, Rig().clock)
        self.begin(verifier=verifier)
        agent = (
            "User-Agent: Linphone Desktop/5.2\r\nAllow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE\r\n"
        )
        refused = self.receive(source=STRANGER, extra=agent)
        self.assertEqual(status(refused), 401)
        (asked, *_) = challenges(
            line.partition(": ")[2] for line in refused.split("\r\n") if line.lower().startswith("www-auth")
        )
        login = answer(asked, Credentials("alice", "wonder"), "MESSAGE", "sip:scott@192.0.2.10:5070")
        extra = f"Authorization: {login}\r\nP-Asserted-Identity: <sip:boss@gw.example>\r\n"
        response = self.receive(source=STRANGER, extra=extra, from_="<sip:boss@gw.example>;tag=b")
        self.assertEqual(status(response), 202)
        self.assertEqual(self.texts.taken[0].writer.uri, "sip:alice@gw.example")
        wrong = extra.replace('response="', 'response="0')
        self.assertEqual(status(self.receive(source=STRANGER, extra=wrong)), 401)


class NotificationTests(ReceivedTests):
    """Texts of those who want to know (RFC 5438); all others are as they were."""

    def notification(self) -> str:
        """What went out."""
        (sent,) = self.rig.wire.take()
        return sent

    def test_wanted(self) -> None:
        """When it is delivered a notification goes to who has written it, in a MESSAGE of its own."""
        self.rig.receive(message(EXAMPLE, CPIM, from_="<sip:alice@192.0.2.77>;tag=a"))
        (text,) = self.texts.taken
        self.assertEqual(text.body, "Hello World\n")
        assert text.told is not None
        text.told(Fate.DELIVERED)
        sent = self.notification()
        self.assertTrue(sent.startswith("MESSAGE sip:alice@192.0.2.77 SIP/2.0\r\n"))
        self.assertIn("<sip:scott@192.0.2.10>", header(sent, "From"))
        wrapped = readCPIM(sent.partition("\r\n\r\n")[2])
        self.assertEqual(readIMDN(wrapped.body), ("34jk324j", Fate.DELIVERED))
        self.rig.receive(respond(sent, 200, "OK"))
        text.told(Fate.FAILED)
        self.assertIn("<failed/>", self.notification())

    def test_atOnce(self) -> None:
        """So it does if that is known at once."""
        self.texts.fate = Fate.DELIVERED
        sent = self.rig.receive(message(EXAMPLE, CPIM, from_="<sip:alice@192.0.2.77>;tag=a"))
        self.assertEqual(sorted(each.split()[0] for each in sent), ["MESSAGE", "SIP/2.0"])

    def test_onlyWanted(self) -> None:
        """What was not asked for is not said."""
        self.rig.receive(message(EXAMPLE.replace("positive-delivery, ", ""), CPIM))
        told = self.texts.taken[0].told
        assert told is not None
        told(Fate.DELIVERED)
        self.assertEqual(self.rig.wire.take(), [])

    def test_unexpected(self) -> None:
        """A notification about nothing that we have sent is taken, and means nothing."""
        self.assertEqual(status(self.receive(writeIMDN("1", WHEN, Fate.DELIVERED), IMDN)), 200)
        self.assertEqual(status(self.receive("<imdn/>", IMDN)), 400)
        self.assertEqual(self.texts.taken, [])
