# -*- test-case-name: ichatgw.test.sip.trunk.test_texts -*-
"""
Tests for L{ichatgw.sip.trunk.texts}, and for texts that come by trunks.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.declared.trunks import ASSERTED, FROM
from ichatgw.errors import CallError
from ichatgw.model import EndReason, Party, TransportAddress
from ichatgw.sip.texts.cpim import CPIM, IMDN, PLAIN, Wrapped, readCPIM, writeCPIM, writeIMDN
from ichatgw.sip.texts.summary import SUMMARY
from ichatgw.sip.trunk.account import Probing
from ichatgw.test.marks import slow
from ichatgw.test.sip.texts.test_cpim import WHEN
from ichatgw.test.sip.texts.test_received import message
from ichatgw.test.support.sip.sipwire import header, request, respond, status
from ichatgw.test.support.sip.trunks import OTHER, SERVER, TrunkRig, trunk
from ichatgw.test.support.texts import FakeTexts
from ichatgw.texts.interfaces import Fate, Text

SCOTT = Party("sip:4930101@192.0.2.10", "Scott")
TEXT = Text(SCOTT, "sip:+4917@one,two", "hello")
STRANGER = TransportAddress("203.0.113.9", 5060)
ASKED = 'Proxy-Authenticate: Digest realm="r", nonce="n", algorithm=MD5, qop="auth"\r\n'


class TrunkTexts(SynchronousTestCase):
    """Two trunks at different servers."""

    def setUp(self) -> None:
        self.make()

    def make(self, first: dict[str, Any] | None = None) -> None:
        plain: dict[str, Any] = {"registrationTime": 0, "numbers": ("4930100", "4930101"), **(first or {})}
        self.rig = TrunkRig(
            trunk("one", **plain), trunk("two", OTHER.host, registrationTime=0, user="4940", password="lion")
        )
        self.texts = self.rig.endpoint.texts = FakeTexts()
        self.rig.endpoint.takeTexts(True)


class SentTests(TrunkTexts):
    """Texts that go out."""

    def send(self, text: Text = TEXT) -> Deferred[Fate]:
        """Write; what becomes of it."""
        return self.rig.endpoint.messages.carry(text)

    def sent(self, host: str = SERVER.host) -> str:
        """The one MESSAGE that has gone out, to C{host}."""
        sent, self.rig.wire.sent = self.rig.wire.sent, []
        ((text, at),) = sent
        self.assertEqual((at.host, text.partition(" ")[0]), (host, "MESSAGE"))
        return text

    def answer(self, to: str, code: int, extra: str = "") -> None:
        source = SERVER if SERVER.host in to.partition("\r\n")[0] else OTHER
        self.rig.endpoint.received(respond(to, code, "Word", extra=extra).encode(), source)

    def test_request(self) -> None:
        """It goes to the number at the server, from the account, with the writer's number where calls have it."""
        self.send()
        text = self.sent()
        self.assertTrue(text.startswith("MESSAGE sip:+4917@198.51.100.1 SIP/2.0\r\n"))
        self.assertEqual(header(text, "To"), "<sip:+4917@198.51.100.1>")
        self.assertTrue(header(text, "From").startswith("Scott <sip:4930@198.51.100.1>;tag="), header(text, "From"))
        self.assertEqual(header(text, "P-Preferred-Identity"), '"Scott" <sip:4930101@198.51.100.1>')

    def test_callerNumber(self) -> None:
        """The policy of the trunk says which headers have the number; a writer that hides is in none of them."""
        self.make({"callerNumber": (FROM, ASSERTED)})
        self.send()
        text = self.sent()
        self.assertIn("<sip:4930101@198.51.100.1>", header(text, "From"))
        self.assertIn("<sip:4930101@198.51.100.1>", header(text, "P-Asserted-Identity"))
        self.send(evolve(TEXT, writer=evolve(SCOTT, private=True)))
        text = self.sent()
        self.assertIn("anonymous.invalid", header(text, "From"))
        self.assertEqual(header(text, "Privacy"), "id")

    def test_othersNumber(self) -> None:
        """Who has no number of the trunk writes under its first one, whatever they say."""
        for uri in ("sip:4930999@192.0.2.10", "xmpp:4930999@chat.example", "sip:boss@192.0.2.10"):
            self.send(evolve(TEXT, writer=Party(uri)))
            self.assertIn("<sip:4930100@198.51.100.1>", header(self.sent(), "P-Preferred-Identity"), uri)

    def test_login(self) -> None:
        """A challenge is answered with the password of the trunk, once if that is wrong."""
        fate = self.send()
        self.answer(self.sent(), 407, ASKED)
        again = self.sent()
        self.assertIn('username="4930"', header(again, "Proxy-Authorization"))
        self.answer(again, 202)
        self.assertIs(self.successResultOf(fate), Fate.ACCEPTED)

    def test_next(self) -> None:
        """A trunk that refuses, or has a fault, has the next one tried, with a number and a login of its own."""
        for code in (403, 405, 423, 500, 503, 504):
            self.make()
            fate = self.send()
            self.answer(self.sent(), code)
            self.answer(self.sent(OTHER.host), 407, ASKED)
            again = self.sent(OTHER.host)
            self.assertIn('username="4940"', header(again, "Proxy-Authorization"))
            self.assertIn("<sip:4940@198.51.100.2>", header(again, "From"))
            self.answer(again, 200)
            self.assertIs(self.successResultOf(fate), Fate.DELIVERED)

    def test_wrongPassword(self) -> None:
        """A login that is refused has the next one tried."""
        self.send()
        self.answer(self.sent(), 407, ASKED)
        self.answer(self.sent(), 407, ASKED)
        self.sent(OTHER.host)

    def test_unclear(self) -> None:
        """A trunk that may have taken it, but does not say so, is the last one, lest it arrive twice."""
        fate = self.send()
        self.answer(self.sent(), 408)
        self.assertIn("may have arrived", self.failureResultOf(fate, CallError).getErrorMessage())
        self.assertEqual(self.rig.wire.sent, [])

    def test_silence(self) -> None:
        """One that says nothing is asked whether it is there: if it says nothing to that either the next is tried."""
        fate = self.send()
        self.rig.clock.pump([0.1] * 39)
        sent = [(text.partition(" ")[0], at.host) for text, at in self.rig.wire.sent]
        self.assertEqual(set(sent), {("MESSAGE", SERVER.host), ("OPTIONS", SERVER.host), ("MESSAGE", OTHER.host)})
        self.answer(self.rig.wire.sent[-1][0], 407, ASKED)
        self.answer(self.rig.wire.sent[-1][0], 200)
        self.assertIs(self.successResultOf(fate), Fate.DELIVERED)
        self.rig.clock.pump([1.0] * 40)
        self.assertEqual(self.rig.endpoint.transactions, 0)

    def test_silentButThere(self) -> None:
        """If it is there it may have taken the text: it is the last one, lest that arrive twice."""
        fate = self.send()
        self.rig.clock.pump([0.1] * 20)
        options = next(text for text, _ in self.rig.wire.sent if text.startswith("OPTIONS"))
        self.answer(options, 200)
        self.rig.clock.pump([0.1] * 400)
        self.assertIn("may have arrived", self.failureResultOf(fate, CallError).getErrorMessage())
        self.assertEqual({at.host for _, at in self.rig.wire.sent}, {SERVER.host})

    def test_unreachable(self) -> None:
        """One that there is no way to has not taken it: the next one is tried."""
        self.rig.wire.unreachable = {SERVER.host}
        fate = self.send()
        self.answer(self.sent(OTHER.host), 407, ASKED)
        self.answer(self.sent(OTHER.host), 200)
        self.assertIs(self.successResultOf(fate), Fate.DELIVERED)

    def test_reader(self) -> None:
        """What is said of the reader is the writer's answer, and no other trunk is tried."""
        for code, reason in ((404, EndReason.NOT_FOUND), (486, EndReason.BUSY), (603, EndReason.DECLINED)):
            fate = self.send()
            self.answer(self.sent(), code)
            problem = self.failureResultOf(fate, CallError).value
            assert isinstance(problem, CallError)
            self.assertIs(problem.reason, reason)
            self.assertEqual(self.rig.wire.sent, [])

    def test_down(self) -> None:
        """A trunk that does not work is tried last; one that has all the calls that it may takes texts."""
        self.make({"maxCalls": 1})
        account = self.rig.account("one")
        account.legs.add(object())
        self.send()
        self.sent()
        account.probing = Probing.SILENT
        self.send()
        self.sent(OTHER.host)

    def test_hosts(self) -> None:
        """A host that is no trunk is written to as ever."""
        self.send(evolve(TEXT, to="sip:1@198.51.100.1"))
        self.assertIn("<sip:4930101@192.0.2.10>", header(self.sent(), "From"))


class ReceivedTests(TrunkTexts):
    """Texts that come."""

    def setUp(self) -> None:
        self.count = 0
        self.make({"registrationTime": 600})
        self.contact = self.rig.register()

    def write(self, uri: str, source: TransportAddress = SERVER, content: str = "hello", **more: Any) -> list[int]:
        """A MESSAGE comes; the statuses that it is answered."""
        self.count += 1
        more.setdefault("from_", "<sip:+4917@p.example>;tag=x")
        text = message(content, uri=uri, callId=f"text-{self.count}", branch=f"t{self.count}", **more)
        return [status(each) for each in self.rig.receive(text, source)]

    def test_token(self) -> None:
        """A text to the registered Contact comes by the trunk, wherever it comes from."""
        for user in ("4930", "4930101"):
            uri = self.contact.replace("sip:4930@", f"sip:{user}@")
            self.assertEqual(self.write(uri, STRANGER, to="<sip:p.example>"), [202])
        first, second = self.texts.taken
        self.assertEqual((first.to, second.to), ("trunk:4930100@one", "trunk:4930101@one"))
        self.assertEqual((first.writer.uri, first.writer.trunk), ("sip:+4917@p.example", "one"))

    def test_source(self) -> None:
        """The server of a trunk writes by it without the token, to its user and its numbers, and to nobody else."""
        self.assertEqual(self.write("sip:4930101@192.0.2.10:5070"), [202])
        self.assertEqual(self.write("sip:900@192.0.2.10:5070", to="<sip:900@p.example>"), [403])
        self.assertEqual([text.to for text in self.texts.taken], ["trunk:4930101@one"])

    def test_strangers(self) -> None:
        """Without the token no stranger writes by a trunk, no matter who it claims to be."""
        bare = self.contact.partition(";")[0]
        for uri in (bare, f"{bare};rinstance=0123456789abcdef", "sip:4930100@192.0.2.10:5070", "sip:4930100@one"):
            for from_ in ("<sip:4930@198.51.100.1>;tag=x", "<sip:4930100@one>;tag=x", "<sip:+4917@p.example>;tag=x"):
                self.assertEqual(self.write(uri, STRANGER, from_=from_), [403], (uri, from_))
        self.assertEqual(self.texts.taken, [])

    def test_peers(self) -> None:
        """A host that may write anyway does not write by a trunk by writing its name."""
        peer = TransportAddress("192.0.2.77", 5060)
        self.assertEqual(self.write("sip:4930100@one", peer), [202])
        self.assertEqual((self.texts.taken[0].to, self.texts.taken[0].writer.trunk), ("sip:4930100@one", ""))

    def test_off(self) -> None:
        """While no texts are taken, none comes by a trunk."""
        self.rig.endpoint.takeTexts(False)
        self.assertEqual(self.write(self.contact), [405])
        self.assertEqual(self.texts.taken, [])

    def test_notification(self) -> None:
        """A notification goes back by the same trunk, from its number, and not to the host that the writer names."""
        self.texts.fate = Fate.DELIVERED
        content = writeCPIM(
            Wrapped(PLAIN, "hello", "m1", frozenset({"positive-delivery"})), "sip:+4917@evil.example", "sip:1@a", WHEN
        )
        from_ = "<sip:+4917@203.0.113.77>;tag=x"
        text = message(content, CPIM, uri=self.contact, callId="cpim", branch="cpim", from_=from_)
        self.rig.endpoint.received(text.encode(), STRANGER)
        sent = {each.partition(" ")[0]: (each, at) for each, at in self.rig.wire.sent}
        notice, at = sent["MESSAGE"]
        self.assertEqual(at.host, SERVER.host)
        self.assertTrue(notice.startswith("MESSAGE sip:+4917@198.51.100.1 SIP/2.0"))
        self.assertIn("4930100@198.51.100.1", header(notice, "P-Preferred-Identity"))
        wrapped = readCPIM(notice.partition("\r\n\r\n")[2])
        self.assertEqual(wrapped.contentType, "message/imdn+xml")

    def test_receipt(self) -> None:
        """
        One who has written in CPIM by a trunk is answered in it if a receipt is wanted, and only their notification by
        that trunk is one.
        """
        wrapped = writeCPIM(Wrapped(PLAIN, "hello"), "sip:+4917@p.example", "sip:1@a", WHEN)
        self.write(self.contact, content=wrapped, contentType=CPIM)
        told: list[Fate] = []
        self.rig.wire.sent = []
        sent = self.rig.endpoint.messages.carry(evolve(TEXT, to="sip:%2B4917@one,two", told=told.append))
        ((out, _),) = self.rig.wire.sent
        self.assertEqual(header(out, "Content-Type"), CPIM)
        self.rig.reply(out, 200)
        self.assertIs(self.successResultOf(sent), Fate.ACCEPTED)
        notice = writeIMDN(readCPIM(out.partition("\r\n\r\n")[2]).id, WHEN, Fate.DELIVERED)
        for from_, expected in (("+4918", []), ("+4917", [Fate.DELIVERED])):
            self.write(self.contact, content=notice, contentType=IMDN, from_=f"<sip:{from_}@other.example>;tag=x")
            self.assertEqual(told, expected)

    @slow
    def test_flood(self) -> None:
        """
        Of many texts under many names a host that only knows the token brings few, and the server of the trunk brings
        all; they leave no transaction behind.
        """
        for source in (STRANGER, SERVER):
            self.texts.taken.clear()
            for number in range(200):
                self.write(self.contact, source, from_=f"<sip:+49{number}@p.example>;tag=x")
            taken = len(self.texts.taken)
            self.assertTrue(taken == 200 if source is SERVER else taken < 100, taken)
        self.rig.clock.pump([8] * 10)
        self.assertEqual(self.rig.endpoint.transactions, 0)

    def test_mailbox(self) -> None:
        """The server of a trunk may say what waits in a mailbox, unasked; a stranger may not."""
        summary = "Messages-Waiting: yes\r\nVoice-Message: 2/0\r\n"
        for uri, source, expected in (
            (self.contact, STRANGER, 200),
            (self.contact.partition(";")[0], STRANGER, 405),
            ("sip:4930101@192.0.2.10:5070", SERVER, 200),
        ):
            self.count += 1
            text = request(
                "NOTIFY",
                uri,
                to="<sip:p.example>",
                callId=f"mwi-{self.count}",
                branch=f"m{self.count}",
                extra="Event: message-summary\r\n",
                contentType=SUMMARY,
                body=summary,
            )
            self.assertEqual([status(each) for each in self.rig.receive(text, source)], [expected], uri)
        self.assertEqual([text.to for text in self.texts.taken], ["trunk:4930100@one", "trunk:4930101@one"])
        self.assertEqual({text.body for text in self.texts.taken}, {"2 new messages"})
