# -*- test-case-name: ichatgw.test.sip.texts.test_messages -*-
"""Tests for L{ichatgw.sip.texts.messages}: MESSAGE from us."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reading.credentials import Credentials, Keyring
from ichatgw.errors import CallError
from ichatgw.model import ANONYMOUS, EndReason, Party
from ichatgw.sip.message.uris import Misaddressed
from ichatgw.sip.texts.cpim import CPIM, PLAIN, Wrapped, readCPIM, writeCPIM, writeIMDN
from ichatgw.sip.transport.mtu import TOO_LARGE
from ichatgw.sip.transport.target import Target, Transport
from ichatgw.test.sip.texts.test_cpim import EXAMPLE, WHEN
from ichatgw.test.sip.texts.test_received import message
from ichatgw.test.support.sip.sipwire import PHONE, Rig, header, respond, status
from ichatgw.test.support.texts import FakeTexts
from ichatgw.texts.interfaces import Fate, NotCarried, Text

KIM = Party("sip:+4930100@192.0.2.10", "Kim Brandt")
TEXT = Text(KIM, "sip:72@192.0.2.77", "h\u00e9llo")


class MessagesTests(SynchronousTestCase):
    """Texts to phones."""

    def setUp(self) -> None:
        self.begin()

    def begin(self, **arguments: Any) -> None:
        self.rig = Rig(**arguments)
        self.rig.endpoint.texts = FakeTexts()
        self.rig.endpoint.takeTexts(True)
        self.fates: list[Fate] = []

    def send(self, text: Text = TEXT) -> tuple[Deferred[Fate], str]:
        fate = self.rig.endpoint.messages.carry(text)
        (sent,) = self.rig.wire.take()
        return fate, sent

    def failed(self, fate: Deferred[Fate]) -> CallError:
        problem = self.failureResultOf(fate, CallError).value
        assert isinstance(problem, CallError)
        return problem

    def test_request(self) -> None:
        """It is a text/plain in UTF-8, with who has written it, and no Contact (RFC 3428 section 4)."""
        _, sent = self.send(evolve(TEXT, subject="a\r\nb"))
        self.assertTrue(sent.startswith("MESSAGE sip:72@192.0.2.77 SIP/2.0\r\n"))
        self.assertTrue(header(sent, "From").startswith('"Kim Brandt" <sip:+4930100@192.0.2.10>;tag='))
        self.assertEqual(header(sent, "To"), "<sip:72@192.0.2.77>")
        self.assertEqual((header(sent, "Contact"), header(sent, "Subject")), ("", "a b"))
        self.assertEqual(header(sent, "Content-Type"), "text/plain;charset=utf-8")
        self.assertEqual((header(sent, "Content-Length"), sent.partition("\r\n\r\n")[2]), ("6", "h\u00e9llo"))
        self.assertEqual(header(sent, "Max-Forwards"), "70")

    def test_hops(self) -> None:
        """A text that we pass on comes to an end as one that proxies do."""
        _, sent = self.send(evolve(TEXT, writer=evolve(KIM, hops=3)))
        self.assertEqual(header(sent, "Max-Forwards"), "3")

    def test_writers(self) -> None:
        """Who hides is not shown; what is in a name stays in it."""
        self.begin(assertsIdentity=True)
        _, sent = self.send(evolve(TEXT, writer=evolve(KIM, name='x" <sip:boss@a>\r\nX: y')))
        self.assertEqual(header(sent, "X"), "")
        self.assertIn("<sip:+4930100@192.0.2.10>", header(sent, "P-Asserted-Identity"))
        _, sent = self.send(evolve(TEXT, writer=ANONYMOUS))
        self.assertIn("anonymous.invalid", header(sent, "From"))

    def test_fates(self) -> None:
        """200 is said by a device, 202 by a server on the way."""
        for code, expected in ((200, Fate.DELIVERED), (202, Fate.ACCEPTED)):
            fate, sent = self.send()
            self.assertNoResult(fate)
            self.rig.receive(respond(sent, code, "OK"))
            self.assertIs(self.successResultOf(fate), expected)

    def test_refused(self) -> None:
        """What a phone says is why."""
        for code, reason in ((404, EndReason.NOT_FOUND), (405, EndReason.INCOMPATIBLE), (486, EndReason.BUSY)):
            fate, sent = self.send()
            self.rig.receive(respond(sent, code, "No"))
            problem = self.failed(fate)
            self.assertEqual((problem.reason, str(problem)), (reason, f"{code} No"))

    def test_silence(self) -> None:
        """If it says nothing for 32 s, it has not arrived."""
        fate, _ = self.send()
        self.rig.clock.pump([0.5] * 70)
        self.assertIs(self.failed(fate).reason, EndReason.TIMEOUT)
        self.rig.clock.pump([8] * 8)
        self.assertEqual(self.rig.endpoint.transactions, 0)

    def test_login(self) -> None:
        """If it is asked who we are, it goes again with the login."""
        self.begin(keyring=Keyring({"192.0.2.77": Credentials("-", "secret")}))
        fate, sent = self.send()
        asked = 'WWW-Authenticate: Digest realm="r", nonce="n1", algorithm=MD5, qop="auth"\r\n'
        (second,) = self.rig.receive(respond(sent, 401, "Unauthorized", extra=asked))
        self.assertEqual(header(second, "Call-ID"), header(sent, "Call-ID"))
        self.assertEqual(header(second, "CSeq"), "2 MESSAGE")
        self.assertIn("Digest", header(second, "Authorization"))
        self.rig.receive(respond(second, 200, "OK"))
        self.assertIs(self.successResultOf(fate), Fate.DELIVERED)

    def test_misaddressed(self) -> None:
        """What is no address of SIP is not sent to."""
        self.assertRaises(Misaddressed, self.rig.endpoint.messages.carry, evolve(TEXT, to="sip:"))

    def test_long(self) -> None:
        """A long text goes over TCP; without that it is refused, and does not go over UDP (RFC 3428 section 8)."""
        fate = self.rig.endpoint.messages.carry(evolve(TEXT, body="a" * 2000))
        self.assertEqual(self.rig.wire.take(), [])
        (sent,) = self.rig.streams.take()
        self.assertIn("/TCP ", header(sent, "Via"))
        self.rig.endpoint._transactions.errors.unreachable(Target(Transport.TCP, PHONE), "refused")
        problem = self.failed(fate)
        self.assertIn(TOO_LARGE, str(problem))
        again = self.rig.endpoint.messages.carry(evolve(TEXT, body="a" * 2000))
        self.assertIn(TOO_LARGE, str(self.failed(again)))
        self.assertEqual((self.rig.wire.take(), self.rig.streams.take()), ([], []))
        self.send()  # a short one still goes


class NotifiedTests(MessagesTests):
    """Texts to those who know of notifications; all others are as they were."""

    def begin(self, **arguments: Any) -> None:
        super().begin(**arguments)
        text = message(EXAMPLE, CPIM, from_="<sip:72@192.0.2.77>;tag=x", callId="first", branch="first")
        self.assertEqual([status(each) for each in self.rig.receive(text)], [202])

    def notify(self, id: str, fate: Fate = Fate.DELIVERED, by: str = "72") -> None:
        wrapped = Wrapped("message/imdn+xml", writeIMDN(id, WHEN, fate), "n")
        content = writeCPIM(wrapped, "sip:72@192.0.2.77", "sip:x@y", WHEN)
        mark = f"n{len(self.fates)}{by}{fate.name}"
        text = message(content, CPIM, from_=f"<sip:{by}@192.0.2.77>;tag=n", callId=mark, branch=mark)
        self.assertEqual([status(each) for each in self.rig.receive(text)], [200])

    def ask(self) -> tuple[Deferred[Fate], str]:
        return self.send(evolve(TEXT, told=self.fates.append))

    def test_asked(self) -> None:
        """It is asked for one; its reader says later that it has it, once."""
        fate, sent = self.ask()
        self.assertEqual(header(sent, "Content-Type"), CPIM)
        wrapped = readCPIM(sent.partition("\r\n\r\n")[2])
        self.assertEqual((wrapped.contentType, wrapped.body), (PLAIN, "h\u00e9llo"))
        self.assertIn("positive-delivery", wrapped.wants)
        self.rig.receive(respond(sent, 200, "OK"))
        self.assertIs(self.successResultOf(fate), Fate.ACCEPTED)
        self.notify(wrapped.id, by="eve")
        self.notify(wrapped.id, Fate.ACCEPTED)
        self.assertEqual(self.fates, [])
        self.notify(wrapped.id)
        self.notify(wrapped.id)
        self.assertEqual(self.fates, [Fate.DELIVERED])

    def test_notRead(self) -> None:
        """If it does not read that after all, it gets a plain text, now and later."""
        fate, sent = self.ask()
        (second,) = self.rig.receive(respond(sent, 415, "Unsupported"))
        self.assertEqual(header(second, "Content-Type"), "text/plain;charset=utf-8")
        self.rig.receive(respond(second, 200, "OK"))
        self.assertIs(self.successResultOf(fate), Fate.DELIVERED)
        self.assertEqual(header(self.ask()[1], "Content-Type"), "text/plain;charset=utf-8")

    def test_failed(self) -> None:
        """A refusal is one as ever."""
        fate, sent = self.ask()
        self.rig.receive(respond(sent, 404, "Not Found"))
        self.failureResultOf(fate, NotCarried)
