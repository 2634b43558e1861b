"""
Tests for L{ichatgw.sip.mailbox} and L{ichatgw.sip.trunk.mailboxes}: what waits in a trunk's mailbox is asked for.
"""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import TransportAddress
from ichatgw.sip.mailbox.dialog import LAST_NOTIFY
from ichatgw.sip.mailbox.subscriptions import FIRST_WAIT, LIFETIME, MAX_WAIT, NOTIFY_WAIT, SOON
from ichatgw.sip.texts.summary import SUMMARY
from ichatgw.test.marks import slow
from ichatgw.test.support.sip.sipwire import header, request, respond, status
from ichatgw.test.support.sip.trunks import ASKED, OTHER, SERVER, TrunkRig, trunk
from ichatgw.test.support.texts import FakeTexts

STRANGER = TransportAddress("203.0.113.9", 5060)
CONTACT = "Contact: <sip:mail@198.51.100.1:5060>\r\n"
ROUTES = "Record-Route: <sip:198.51.100.1;lr>\r\nRecord-Route: <sip:198.51.100.7;lr>\r\n"


def summary(new: int) -> str:
    """What a server says of a mailbox with so many new messages."""
    return f"Messages-Waiting: {'yes' if new else 'no'}\r\nVoice-Message: {new}/3\r\n"


class MailboxTests(SynchronousTestCase):
    """One trunk with a mailbox, at a server that answers as the test says."""

    def setUp(self) -> None:
        self.make()

    def make(self, **values: Any) -> None:
        more: dict[str, Any] = {"registrationTime": 0, "mailbox": "4930", "numbers": ("4930100",), **values}
        self.rig = TrunkRig(trunk(**more))
        self.texts = self.rig.endpoint.texts = FakeTexts()
        self.rig.endpoint.takeTexts(True)
        self.rig.clock.advance(0.01)
        self.count = 0

    def subscribed(self) -> str:
        """The one SUBSCRIBE that has gone out."""
        (sent,) = self.rig.sent("SUBSCRIBE")
        return sent

    def passes(self, seconds: float) -> list[str]:
        """Time goes by; the SUBSCRIBEs that went out meanwhile."""
        self.rig.wire.take()
        self.rig.clock.pump([1.0] * int(seconds) + [seconds % 1])
        return list(dict.fromkeys(self.rig.sent("SUBSCRIBE")))  # each is repeated until it is answered

    def registered(self) -> list[str]:
        """The last REGISTER is granted; the SUBSCRIBEs that go out then."""
        register = self.rig.sent("REGISTER")[-1]
        out = self.rig.reply(register, 200, f"Contact: {header(register, 'Contact')};expires=600\r\n")
        self.rig.clock.advance(0.01)
        return [each for each in out if each.startswith("SUBSCRIBE")] + self.rig.sent("SUBSCRIBE")

    def notify(self, sent: str, new: int | None = 2, source: TransportAddress = SERVER, **changes: Any) -> int:
        """A NOTIFY within the dialog of a SUBSCRIBE; what it is answered."""
        self.count += 1
        state = changes.pop("state", "active;expires=3000")
        event = changes.pop("event", "message-summary")
        given: dict[str, Any] = {
            "uri": header(sent, "Contact").strip("<>"),
            "to": header(sent, "From"),
            "from_": header(sent, "To").partition(";tag")[0] + ";tag=b1",
            "callId": header(sent, "Call-ID"),
            "cseq": self.count,
            "branch": f"n{self.count}",
            "extra": f"Event: {event}\r\nSubscription-State: {state}\r\n" + changes.pop("extra", ""),
            "contentType": SUMMARY,
            "body": "" if new is None else summary(new),
            "contact": "<sip:mail@198.51.100.1:5060>",
            **changes,
        }
        answers = [each for each in self.rig.receive(request("NOTIFY", **given), source) if status(each)]
        return status(answers[-1]) if answers else 0

    def begin(self, extra: str = "Expires: 3600\r\n" + CONTACT) -> str:
        """The SUBSCRIBE that the server has taken, and told what waits."""
        return self.accept(self.subscribed(), extra)

    def accept(self, sent: str, extra: str = "Expires: 3600\r\n" + CONTACT) -> str:
        """The server takes a SUBSCRIBE, and tells what waits."""
        self.rig.reply(sent, 200, extra)
        self.assertEqual(self.notify(sent), 200)
        return sent


class BegunTests(MailboxTests):
    """How it begins."""

    def test_request(self) -> None:
        """The mailbox is subscribed to by the account (RFC 3842 section 4)."""
        sent = self.subscribed()
        self.assertTrue(sent.startswith("SUBSCRIBE sip:4930@198.51.100.1 SIP/2.0\r\n"))
        self.assertEqual(header(sent, "Event"), "message-summary")
        self.assertEqual((header(sent, "Accept"), header(sent, "Expires")), (SUMMARY, str(LIFETIME)))
        self.assertTrue(header(sent, "From").startswith("<sip:4930@198.51.100.1>;tag="))
        self.assertEqual(header(sent, "To"), "<sip:4930@198.51.100.1>")

    def test_unwanted(self) -> None:
        """A trunk without a mailbox asks nothing, nor does one while no texts are taken."""
        self.make(mailbox="")
        self.assertEqual(self.rig.sent("SUBSCRIBE"), [])
        rig = TrunkRig(trunk(registrationTime=0, mailbox="4930"))
        rig.clock.advance(1)
        self.assertEqual(rig.sent("SUBSCRIBE"), [])

    def test_registered(self) -> None:
        """A trunk that is to be registered asks when it is, and once."""
        self.make(registrationTime=600)
        self.assertEqual([text for text, _ in self.rig.wire.sent if text.startswith("SUBSCRIBE")], [])
        (sent,) = self.registered()
        self.accept(sent)
        self.rig.clock.advance(570)
        self.assertEqual(self.registered(), [])

    def test_dialPrefix(self) -> None:
        """The user of a mailbox is no number that is dialled."""
        self.make(dialPrefix="0", mailbox="4930100")
        self.assertTrue(self.subscribed().startswith("SUBSCRIBE sip:4930100@198.51.100.1 "))

    def test_login(self) -> None:
        """A challenge is answered with the password of the trunk."""
        (again,) = self.rig.reply(self.subscribed(), 401, ASKED.format(1))
        self.assertIn('username="4930"', header(again, "Authorization"))
        self.assertEqual((header(again, "CSeq"), header(again, "Event")), ("2 SUBSCRIBE", "message-summary"))

    def test_told(self) -> None:
        """What waits becomes a message from the mailbox to whom the number leads to."""
        self.begin()
        (text,) = self.texts.taken
        self.assertEqual((text.to, text.body, text.isNotice), ("trunk:4930100@one", "2 new messages", True))
        self.assertEqual((text.writer.uri, text.writer.trunk), ("sip:4930@198.51.100.1", "one"))

    def test_ofANumber(self) -> None:
        """The mailbox of one number is that number's, however it is written; another one is its own."""
        for mailbox, expected in (("+4930101", "4930101"), ("900", "900")):
            self.make(mailbox=mailbox, numbers=("4930100", "4930101"))
            self.begin()
            self.assertEqual(self.texts.taken[0].to, f"trunk:{expected}@one")

    def test_unchanged(self) -> None:
        """Nothing new is not said again."""
        sent = self.begin()
        for new, expected in ((2, 1), (3, 2), (0, 3), (None, 3)):
            self.assertEqual(self.notify(sent, new), 200)
            self.assertEqual(len(self.texts.taken), expected)

    def test_notifyFirst(self) -> None:
        """The first NOTIFY may come before the response to SUBSCRIBE."""
        sent = self.subscribed()
        self.assertEqual(self.notify(sent), 200)
        self.assertEqual(len(self.texts.taken), 1)
        self.rig.reply(sent, 200, "Expires: 600\r\n" + CONTACT)
        (again,) = self.passes(596)
        self.assertIn(";tag=b1", header(again, "To"))

    def test_noNotify(self) -> None:
        """A server that takes SUBSCRIBE and says nothing has failed (timer N): it is asked anew, later."""
        sent = self.subscribed()
        with capturedLogs() as captured:
            self.rig.reply(sent, 202, "Expires: 3600\r\n" + CONTACT)
            self.assertEqual(self.passes(NOTIFY_WAIT + 1), [])
        self.assertIn("no NOTIFY has come", "".join(map(str, map(formatEvent, captured))))
        (again,) = self.passes(FIRST_WAIT)
        self.assertNotEqual(header(again, "Call-ID"), header(sent, "Call-ID"))
        self.assertEqual(self.notify(sent), 481)


class KeptTests(MailboxTests):
    """How it goes on."""

    def test_refresh(self) -> None:
        """It is renewed within its dialog, before the time that was granted, by the route of the dialog."""
        sent = self.begin("Expires: 600\r\n" + CONTACT + ROUTES)
        self.assertEqual(self.passes(535), [])
        (again,) = self.passes(10)
        self.assertTrue(again.startswith("SUBSCRIBE sip:mail@198.51.100.1:5060 SIP/2.0\r\n"))
        self.assertEqual(header(again, "Call-ID"), header(sent, "Call-ID"))
        self.assertEqual(header(again, "From"), header(sent, "From"))
        self.assertIn(";tag=b1", header(again, "To"))
        self.assertEqual(header(again, "CSeq"), "2 SUBSCRIBE")
        self.assertEqual(header(again, "Route"), "<sip:198.51.100.7;lr>")
        self.rig.reply(again, 200, "Expires: 600\r\n" + CONTACT)
        self.assertEqual(len(self.passes(545)), 1)

    def test_shorter(self) -> None:
        """A NOTIFY can make its time shorter."""
        sent = self.begin()
        self.notify(sent, state="active;expires=100")
        self.assertEqual(len(self.passes(96)), 1)

    def test_tooBrief(self) -> None:
        """423 has it asked for as long as the server wants, and not ever longer."""
        sent = self.subscribed()
        (again,) = self.rig.reply(sent, 423, "Min-Expires: 7200\r\n") or self.passes(0.1)
        self.assertEqual(header(again, "Expires"), "7200")
        seconds, asked = 7200, 0
        while again and asked < 20:
            seconds, asked = seconds + 1, asked + 1
            again = "".join(self.rig.reply(again, 423, f"Min-Expires: {seconds}\r\n") or self.passes(0.1))
        self.assertLess(asked, 5)

    def test_lost(self) -> None:
        """481 to a refresh: the server has lost it, and it is begun anew at once."""
        sent = self.begin("Expires: 600\r\n" + CONTACT)
        (refresh,) = self.passes(545)
        anew = self.rig.reply(refresh, 481) or self.passes(0.1)
        self.assertEqual(len(anew), 1)
        self.assertNotIn("tag=", header(anew[0], "To"))
        self.assertNotEqual(header(anew[0], "Call-ID"), header(sent, "Call-ID"))
        self.assertNotEqual(header(anew[0], "From"), header(sent, "From"))

    def test_alwaysLost(self) -> None:
        """A server that always says 481 is not asked ever more."""
        sent, asked = self.subscribed(), 0
        for _ in range(100):
            again = self.rig.reply(sent, 481) or self.passes(10)
            if again:
                asked, sent = asked + 1, again[0]
        self.assertLess(asked, 8)

    def test_fails(self) -> None:
        """One that fails, or does not answer, is asked again later, and more rarely each time."""
        sent, waits = self.subscribed(), []
        for _ in range(8):
            self.rig.reply(sent, 500)
            waited = 0.0
            while not (again := self.passes(10)):
                waited += 10
            waits.append(waited)
            sent = again[-1]
        self.assertEqual(waits, sorted(waits))
        self.assertLessEqual(waits[-1], MAX_WAIT)
        self.assertGreater(waits[-1], 10 * waits[0])

    def test_retryAfter(self) -> None:
        """Retry-After is kept to, within bounds."""
        sent = self.subscribed()
        self.rig.reply(sent, 503, "Retry-After: 300\r\n")
        self.assertEqual(self.passes(295), [])
        (again,) = self.passes(10)
        self.rig.reply(again, 480, "Retry-After: 999999999\r\n")
        self.assertEqual(self.passes(3590), [])
        self.assertEqual(len(self.passes(20)), 1)

    def test_refused(self) -> None:
        """A refusal ends it, with one line that says what to look at."""
        for code, advice in ((489, "leave TrunkMailbox out"), (403, "may the account"), (404, "user of a mailbox")):
            self.make()
            sent = self.subscribed()
            with capturedLogs() as captured:
                self.rig.reply(sent, code)
                self.assertEqual(self.passes(4000), [])
            lines = [line for line in map(formatEvent, captured) if line and "Mailbox of trunk one" in line]
            self.assertEqual(len(lines), 1)
            self.assertIn(advice, lines[0])
            self.assertEqual(self.rig.endpoint.transactions, 0)

    def test_wrongPassword(self) -> None:
        """A login that is refused is not tried again."""
        (again,) = self.rig.reply(self.subscribed(), 401, ASKED.format(1))
        self.rig.reply(again, 401, ASKED.format(2))
        self.assertEqual(self.passes(4000), [])

    def test_refusedUntilRegistered(self) -> None:
        """A refusal holds until the trunk is registered again after the server was away."""
        self.make(registrationTime=600)
        (sent,) = self.registered()
        self.rig.reply(sent, 404)
        self.rig.clock.advance(570)
        self.rig.reply(self.rig.sent("REGISTER")[-1], 503)
        self.rig.clock.pump([1.0] * 5)
        self.assertEqual(len(self.registered()), 1)

    def test_shortGrants(self) -> None:
        """However short it is granted, it is not renewed every moment."""
        sent, count = self.subscribed(), 0
        self.rig.reply(sent, 200, "Expires: 1\r\n" + CONTACT)
        self.notify(sent, state="active;expires=1")
        for _ in range(60):
            for each in self.passes(1):
                count += 1
                self.rig.reply(each, 200, "Expires: 1\r\n" + CONTACT)
        self.assertLessEqual(count, 12)

    def test_newAddress(self) -> None:
        """When our own address has changed the server is told."""
        self.make(registrationTime=600)
        self.accept(*self.registered())
        self.rig.wire.towards = lambda host: TransportAddress("192.0.2.99", 5070)  # type: ignore[method-assign]
        (again,) = self.passes(21)
        self.assertIn("@192.0.2.99:5070", header(again, "Contact"))


class EndedTests(MailboxTests):
    """How it ends."""

    def test_deactivated(self) -> None:
        """A server that moves it has it begun anew at once, but not again and again."""
        for reason in ("deactivated", "timeout"):
            self.make()
            sent = self.begin()
            self.passes(SOON + 1)
            self.assertEqual(self.notify(sent, state=f"terminated;reason={reason}"), 200)
            (again,) = self.passes(0.1)
            self.assertNotEqual(header(again, "Call-ID"), header(sent, "Call-ID"))
            self.rig.reply(again, 200, CONTACT)
            self.assertEqual(self.notify(again, state=f"terminated;reason={reason}"), 200)
            self.assertEqual(self.passes(FIRST_WAIT - 2), [])
            self.assertEqual(len(self.passes(4)), 1)

    def test_later(self) -> None:
        """Where it says when, or nothing, it is begun anew later."""
        for state, wait in (
            ("terminated;reason=probation;retry-after=200", 200.0),
            ("terminated;reason=giveup;retry-after=90", 90.0),
            ("terminated;reason=giveup", FIRST_WAIT),
            ("terminated;reason=new-fangled", FIRST_WAIT),
            ("Terminated", FIRST_WAIT),
        ):
            self.make()
            sent = self.begin()
            self.assertEqual(self.notify(sent, None, state=state), 200)
            self.assertEqual(self.passes(wait - 2), [], state)
            self.assertEqual(len(self.passes(4)), 1, state)

    def test_forGood(self) -> None:
        """Where it says that there is nothing to hear, it is not asked again; what it says last is told."""
        for reason in ("rejected", "noresource", "invariant"):
            self.make()
            sent = self.begin()
            self.assertEqual(self.notify(sent, 7, state=f"terminated;reason={reason}"), 200)
            self.assertEqual(self.passes(4000), [])
            self.assertEqual(self.texts.taken[-1].body, "7 new messages")

    def test_before(self) -> None:
        """It may be ended before the response to SUBSCRIBE comes."""
        sent = self.subscribed()
        self.assertEqual(self.notify(sent, None, state="terminated;reason=noresource"), 200)
        self.rig.reply(sent, 200, CONTACT)
        self.assertEqual(self.passes(4000), [])

    def test_stop(self) -> None:
        """At the end it is ended within its dialog, and the last NOTIFY is taken."""
        sent = self.begin()
        stopped = self.rig.endpoint.trunks.stop()
        self.rig.clock.advance(0.01)
        last = self.subscribed()
        self.assertEqual((header(last, "Expires"), header(last, "Call-ID")), ("0", header(sent, "Call-ID")))
        self.rig.reply(last, 200, "Expires: 0\r\n" + CONTACT)
        self.successResultOf(stopped)
        self.assertEqual(self.notify(sent, None, state="terminated;reason=timeout"), 200)
        self.rig.clock.advance(LAST_NOTIFY + 1)
        self.assertEqual(self.notify(sent), 481)
        self.assertEqual(self.passes(4000), [])

    def test_stopUnanswered(self) -> None:
        """A server that does not answer does not hold up the end."""
        self.begin()
        stopped = self.rig.endpoint.trunks.stop()
        self.rig.clock.pump([0.1] * 40)
        self.successResultOf(stopped)

    def test_reload(self) -> None:
        """A trunk that has no mailbox any more, or another one, ends it."""
        self.begin()
        for mailbox, expected in (("4930101", ["0", str(LIFETIME)]), ("", ["0"])):
            self.rig.adopt(trunk(registrationTime=0, mailbox=mailbox, numbers=("4930100",)))
            self.rig.clock.pump([0.01] * 5)
            sent = self.rig.sent("SUBSCRIBE")
            self.assertEqual([header(each, "Expires") for each in sent], expected)
            for each in sent:
                self.rig.reply(each, 200, CONTACT)
                self.notify(each)

    def test_texts(self) -> None:
        """While no texts are taken there is nothing to ask."""
        self.begin()
        self.rig.endpoint.takeTexts(False)
        self.rig.clock.advance(0.1)
        last = self.subscribed()
        self.assertEqual(header(last, "Expires"), "0")
        self.rig.reply(last, 200, CONTACT)
        self.rig.endpoint.takeTexts(True)
        self.rig.clock.advance(0.1)
        self.assertEqual(len(self.rig.sent("SUBSCRIBE")), 1)


class StrangeTests(MailboxTests):
    """What does not belong to it."""

    def test_otherDialogs(self) -> None:
        """A NOTIFY with another name of the dialog is none of it: 481."""
        sent = self.begin()
        for change in (
            {"to": "<sip:4930@198.51.100.1>;tag=0123"},
            {"from_": "<sip:4930@198.51.100.1>;tag=other"},
            {"callId": "0123456789"},
            {"to": "<sip:4930@198.51.100.1>;tag=0123", "source": STRANGER},
            {"from_": "<sip:4930@198.51.100.1>;tag=other", "source": STRANGER},
        ):
            self.assertEqual(self.notify(sent, 9, **change), 481, change)
        self.assertEqual([text.body for text in self.texts.taken], ["2 new messages"])

    def test_otherSource(self) -> None:
        """A server may send from another address, if it names the dialog in full."""
        sent = self.begin()
        self.assertEqual(self.notify(sent, 5, STRANGER), 200)
        self.assertEqual(self.texts.taken[-1].body, "5 new messages")

    def test_order(self) -> None:
        """A NOTIFY that others have overtaken is not heard (RFC 3261 section 12.2.2)."""
        sent = self.begin()
        self.assertEqual(self.notify(sent, 5, cseq=50), 200)
        self.assertEqual(self.notify(sent, 4, cseq=49), 500)
        self.assertEqual(self.texts.taken[-1].body, "5 new messages")

    def test_events(self) -> None:
        """Another event is none of it, nor is another request."""
        sent = self.begin()
        self.assertEqual(self.notify(sent, event="presence"), 489)
        self.assertEqual(self.notify(sent, event="Message-Summary;id=7"), 200)

    def test_broken(self) -> None:
        """A summary that cannot be read is refused, and does not end it."""
        sent = self.begin()
        for body in ("", "Messages-Waiting: perhaps\r\n", "\x00\ufffd", "Voice-Message: 1/2\r\n"):
            self.assertEqual(self.notify(sent, body=body), 400 if body else 200)
        self.assertEqual(self.notify(sent, 6), 200)

    def test_states(self) -> None:
        """Whatever stands in Subscription-State does no harm."""
        sent = self.begin()
        for state in ("", ";;;", "active;expires=" + "9" * 40, "active;expires=-1", "pending", "=;=", "active;expires"):
            self.assertEqual(self.notify(sent, state=state), 200, state)
        self.assertEqual(self.notify(sent, extra="Subscription-State: terminated\r\n"), 200)

    def test_forks(self) -> None:
        """Of the dialogs that a forked SUBSCRIBE creates one is kept."""
        sent = self.subscribed()
        self.assertEqual(self.notify(sent), 200)
        self.assertEqual(self.notify(sent, 8, from_="<sip:4930@198.51.100.1>;tag=fork"), 481)
        self.rig.reply(sent, 200, "Expires: 3600\r\n" + CONTACT)
        self.assertEqual(self.notify(sent, 3), 200)

    def test_many(self) -> None:
        """Those of many trunks begin one after another, and not in one turn."""
        trunks = [trunk(f"t{n}", OTHER.host, user=f"u{n}", registrationTime=0, mailbox="9") for n in range(50)]
        rig = TrunkRig()
        rig.endpoint.texts = FakeTexts()
        rig.endpoint.takeTexts(True)
        rig.adopt(*trunks)
        self.assertLess(len(rig.sent("SUBSCRIBE")), 5)
        total = 0
        for _ in range(100):
            rig.clock.advance(0.001)
            total += len(rig.sent("SUBSCRIBE"))
        self.assertGreaterEqual(total, 45)


ANSWERS = (100, 200, 200, 202, 302, 401, 403, 407, 408, 420, 423, 481, 489, 500, 503, 600)
HEADERS = (
    "",
    "Expires: 60\r\n",
    "Expires: 0\r\n",
    "Expires: 4294967295\r\n",
    "Min-Expires: 7200\r\n",
    "Retry-After: 10\r\n",
    "Contact: *\r\n",
    "Contact: <tel:1>\r\n",
    "Contact: <sips:mail@mail.example>\r\n",
    ROUTES,
    ASKED.format(1),
)
STATES = (
    "active;expires=60",
    "active;expires=0",
    "pending",
    "terminated",
    "terminated;reason=deactivated",
    "terminated;reason=noresource",
    "terminated;reason=timeout;retry-after=5",
    "?",
)


class AnythingTests(MailboxTests):
    """A server that says anything at any time."""

    def step(self, chance: Random, asked: list[str]) -> None:
        """One thing happens."""
        what = chance.randrange(5)
        last = chance.choice(asked[-3:])
        if what == 0:
            answer = respond(last, chance.choice(ANSWERS), "Word", chance.choice("bbc"), extra=chance.choice(HEADERS))
            self.rig.endpoint.received(answer.encode(), chance.choice((SERVER, SERVER, OTHER)))
        elif what in (1, 2):
            self.notify(
                last,
                chance.choice((None, 0, 5)),
                chance.choice((SERVER, SERVER, OTHER)),
                state=chance.choice(STATES),
                from_=f"<sip:4930@198.51.100.1>;tag={chance.choice('bbc')}",
                event=chance.choice(("message-summary", "message-summary", "presence")),
                contact=chance.choice(("<sip:mail@198.51.100.1>", "*", "<sip:mail@mail.example>")),
            )
        elif what == 3:
            self.rig.clock.pump([chance.choice((0.01, 1.0, 40.0, 4000.0))])
        elif chance.random() < 0.2:
            self.rig.endpoint.takeTexts(chance.random() < 0.5)

    @slow
    def test_nothingLeft(self) -> None:
        """Whatever it says, nothing fails, and at the end no dialog, transaction or timer of it is left."""
        for seed in range(15):
            self.make()
            chance, asked = Random(seed), [self.subscribed()]
            with capturedLogs() as captured:
                for _ in range(150):
                    self.step(chance, asked)
                    asked += self.rig.sent("SUBSCRIBE")
                stopped = self.rig.endpoint.trunks.stop()
                self.rig.clock.pump([4.0] * 100)
            self.successResultOf(stopped)
            self.assertEqual([each for each in captured if each.get("log_failure")], [], seed)
            dialogs = self.rig.endpoint._transactions.req_consumers
            self.assertEqual((self.rig.endpoint.transactions, len(dialogs)), (0, 0), seed)
