"""
Tests for L{ichatgw.xmpp.presence.subscriptions}.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element

from ichatgw.runtime.disk import DirectDisk
from ichatgw.runtime.ratelimit import LINES
from ichatgw.runtime.turns import Turns
from ichatgw.test.marks import slow
from ichatgw.test.support.streams import StubLink
from ichatgw.xmpp.link.component import Account, Link
from ichatgw.xmpp.presence.presence import Presence
from ichatgw.xmpp.presence.sqlitestore import SQLiteStore
from ichatgw.xmpp.presence.store import MemoryStore
from ichatgw.xmpp.presence.subscriptions import Subscriptions
from ichatgw.xmpp.stanzas import parseJID

CONTROL = parseJID("control@gw.test")
SCOTT = parseJID("scott@jabber.example")
CAPS = "<c xmlns='http://jabber.org/protocol/caps' node='apple:ichat:caps' ver='448' ext='avavail avcap audio'/>"


def accepted(ours: str, caps: str) -> list[str]:
    """What a user who subscribes to an address gets, in this order."""
    return [
        f"<presence type='subscribed' to='scott@jabber.example' from='{ours}'/>",
        f"<presence to='scott@jabber.example' from='{ours}'><priority>0</priority>{caps}</presence>",
        "<presence type='subscribe' to='scott@jabber.example' from='control@gw.test'/>",
    ]


def mayCall(user: JID) -> bool:
    return user.host == "jabber.example"


def refused(ours: str) -> str:
    """What users get who may not call, or no longer want to."""
    return f"<presence type='unsubscribed' to='scott@jabber.example' from='{ours}'/>"


class SubscriptionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(maxPerUser=3)
        presence = Presence(Turns(self.clock), CONTROL, self.translates, self.store, allows=mayCall)
        self.changed: list[JID] = []
        self.subscriptions = Subscriptions(self.clock, CONTROL, self.store, presence, mayCall, self.changed.append)
        self.link = StubLink(self.subscriptions)
        presence.parent = self.link
        self.link.up()

    def translates(self, address: str) -> bool:
        return address.partition("@")[0].removeprefix("xmpp:").isdigit()

    def receive(self, kind: str, to: str, sender: str = "scott@jabber.example") -> list[str]:
        self.link.receive(f"<presence type='{kind}' from='{sender}' to='{to}'/>")
        return self.link.take()

    def test_control(self) -> None:
        """Subscribing to the control address is accepted, and its presence has no capabilities."""
        self.assertEqual(self.receive("subscribe", "control@gw.test"), accepted("control@gw.test", ""))
        self.assertEqual(self.store.gatewayJIDs(SCOTT), (CONTROL,))

    def test_phone(self) -> None:
        """Subscribing to an address that a rule matches is accepted, and its presence has an iChat's capabilities."""
        self.assertEqual(self.receive("subscribe", "72@gw.test"), accepted("72@gw.test", CAPS))
        self.assertEqual(self.store.gatewayJIDs(SCOTT), (parseJID("72@gw.test"),))

    def test_again(self) -> None:
        """It is accepted each time in the same way."""
        for _ in range(3):
            self.assertEqual(self.receive("subscribe", "72@gw.test"), accepted("72@gw.test", CAPS))
        self.assertEqual(len(self.store.gatewayJIDs(SCOTT)), 1)

    def test_spelling(self) -> None:
        """Case and resources of both addresses do not matter."""
        answers = self.receive("subscribe", "CONTROL@GW.test/x", "Scott@JABBER.example/iChat")
        self.assertEqual(answers, accepted("control@gw.test", ""))
        self.assertEqual(self.store.users(), (SCOTT,))

    def test_refused(self) -> None:
        """Subscribing to what no rule matches, or to the bare domain, is refused and not remembered."""
        for ours in ("bob@gw.test", "gw.test"):
            self.assertEqual(
                self.receive("subscribe", ours),
                [f"<presence type='unsubscribed' to='scott@jabber.example' from='{ours}'/>"],
            )
        self.assertEqual(self.store.users(), ())

    def test_refusalIsSaid(self) -> None:
        """Who is refused for want of a rule is in the log with the address, and a flood of such is not a line each."""
        with capturedLogs() as events:
            for number in range(50):
                self.receive("subscribe", f"bob{number}@gw.test")
        lines = [formatEvent(event) for event in events if event["log_level"] is LogLevel.info]
        self.assertEqual(len(lines), 5)
        self.assertEqual(
            lines[0], "'scott@jabber.example' may not subscribe to 'bob0@gw.test': no translation rule matches"
        )

    def test_strangers(self) -> None:
        """
        Users who may not call are refused, nothing is kept of them, and they hear the same whether or not a translation
        rule matches.
        """
        for kind in ("subscribe", "unsubscribe"):
            for ours in ("72@gw.test", "bob@gw.test", "control@gw.test"):
                refusal = f"<presence type='unsubscribed' to='eve@evil.example' from='{ours}'/>"
                self.assertEqual(self.receive(kind, ours, "eve@evil.example/x"), [refusal])
        self.assertEqual((self.store.users(), self.changed), ((), []))

    @slow
    def test_strangersFillNothing(self) -> None:
        """Many strangers and many numbers leave room for a user, and a few lines in the log, whatever their names."""
        with capturedLogs() as events:
            for number in range(3000):
                self.receive("subscribe", f"{number % 200}@gw.test", f"e{number}@d{number % 90}.evil.example")
                self.receive("unsubscribe", f"{number % 200}@gw.test", f"e{number}@d{number % 90}.evil.example")
        lines = [formatEvent(event) for event in events if event["log_level"] is not LogLevel.debug]
        self.assertEqual(len(lines), LINES[1])
        self.assertEqual(lines[0], "'e0@d0.evil.example' may not subscribe: not among AllowedXMPPDomains")
        self.assertEqual(self.receive("subscribe", "control@gw.test"), accepted("control@gw.test", ""))

    def test_mayCallNoMore(self) -> None:
        """A user whose domain may call no more can still unsubscribe."""
        self.store.add(parseJID("bob@evil.example"), CONTROL)
        self.receive("unsubscribe", "control@gw.test", "bob@evil.example")
        self.assertEqual((self.store.users(), self.changed), ((), [parseJID("bob@evil.example")]))

    def test_newsAreLimited(self) -> None:
        """A user who subscribes and unsubscribes without end leaves a few lines in the log."""
        with capturedLogs() as events:
            for _ in range(100):
                self.receive("subscribe", "72@gw.test")
                self.receive("unsubscribe", "72@gw.test")
        self.assertEqual(len([event for event in events if event["log_level"] is not LogLevel.debug]), 5)

    def test_noRoom(self) -> None:
        """When the store is full for the user, it is refused."""
        for number in range(3):
            self.receive("subscribe", f"{number}@gw.test")
        self.assertEqual(
            self.receive("subscribe", "9@gw.test"),
            ["<presence type='unsubscribed' to='scott@jabber.example' from='9@gw.test'/>"],
        )

    def test_unsubscribe(self) -> None:
        """Unsubscribing is confirmed and forgotten, and nothing else is sent."""
        self.receive("subscribe", "72@gw.test")
        for _ in range(2):
            self.assertEqual(
                self.receive("unsubscribe", "72@gw.test", "scott@jabber.example/iChat"),
                ["<presence type='unsubscribed' to='scott@jabber.example' from='72@gw.test'/>"],
            )
            self.assertEqual(self.store.users(), ())

    def test_answers(self) -> None:
        """Answers to our own subscription are taken note of, not answered."""
        self.assertEqual(self.receive("subscribed", "control@gw.test"), [])
        self.assertEqual(self.receive("unsubscribed", "control@gw.test"), [])

    def test_malformed(self) -> None:
        """Nonsense is dropped."""
        for kind in ("subscribe", "unsubscribe", "subscribed"):
            self.assertEqual(self.receive(kind, "72@gw.test", "@"), [])
            self.assertEqual(self.receive(kind, "@"), [])
            self.link.receive(f"<presence type='{kind}'/>")
        self.assertEqual(self.link.take(), [])

    @slow
    def test_manyAtOnce(self) -> None:
        """Of thousands who subscribe at the same moment each is subscribed to in return."""
        asked = 0
        for number in range(5000):
            sent = self.receive("subscribe", "control@gw.test", f"u{number}@jabber.example")
            asked += sum("type='subscribe'" in stanza for stanza in sent)
        self.assertEqual(asked, 5000)

    def test_twoGateways(self) -> None:
        """Two gateways that subscribe to each other come to rest: only so many requests a minute go to one user."""
        sent = [stanza for _ in range(1000) for stanza in self.receive("subscribe", "control@gw.test")]
        self.assertEqual(len([stanza for stanza in sent if "'subscribe'" in stanza]), 30)
        self.assertEqual(len([stanza for stanza in sent if "'subscribed'" in stanza]), 1000)
        self.clock.advance(60)
        self.assertEqual(self.receive("subscribe", "control@gw.test"), accepted("control@gw.test", ""))


class OnDiskTests(SynchronousTestCase):
    """L{Subscriptions} that are written to a file."""

    def setUp(self) -> None:
        self.clock = MemoryReactorClock()
        self.path = self.mktemp()
        self.store = SQLiteStore(Turns(self.clock), self.path, mayCall, DirectDisk())
        self.store.startService()
        self.addCleanup(self.store.stopService)
        self.presence = Presence(
            Turns(self.clock), CONTROL, lambda address: address.startswith("xmpp:72"), self.store, allows=mayCall
        )
        self.subscriptions = Subscriptions(self.clock, CONTROL, self.store, self.presence, mayCall)
        self.link = StubLink(self.subscriptions)
        self.presence.parent = self.link
        self.link.up()

    def receive(self, kind: str, to: str) -> None:
        self.link.receive(f"<presence type='{kind}' from='scott@jabber.example' to='{to}'/>")

    def inFile(self) -> list[tuple[str, str]]:
        with closing(sqlite3.connect(self.path)) as database:
            return database.execute("SELECT user, gateway FROM subscription").fetchall()

    def test_acknowledgedWhenWritten(self) -> None:
        """Nothing is sent before the subscription is in the file; a known one is answered at once."""
        self.receive("subscribe", "72@gw.test")
        self.assertEqual((self.link.take(), self.inFile()), ([], []))
        self.clock.advance(0)
        self.assertEqual(self.inFile(), [("scott@jabber.example", "72@gw.test")])
        self.assertEqual(self.link.take(), accepted("72@gw.test", CAPS))
        self.receive("subscribe", "72@gw.test")
        self.assertEqual(self.link.take(), accepted("72@gw.test", CAPS))

    def test_order(self) -> None:
        """Answers come in the order of the requests, refusals too, and the last request of a pair counts."""
        self.receive("subscribe", "72@gw.test")
        self.receive("subscribe", "bob@gw.test")
        self.receive("unsubscribe", "72@gw.test")
        self.assertEqual(self.link.take(), [])
        self.clock.advance(0)
        self.assertEqual(
            self.link.take(), [*accepted("72@gw.test", CAPS), refused("bob@gw.test"), refused("72@gw.test")]
        )
        self.assertEqual(self.inFile(), [])
        self.receive("subscribe", "72@gw.test")
        self.clock.advance(0)
        self.link.take()
        self.receive("unsubscribe", "72@gw.test")
        self.receive("subscribe", "72@gw.test")
        self.clock.advance(0)
        self.assertEqual(self.link.take(), [refused("72@gw.test"), *accepted("72@gw.test", CAPS)])
        self.assertEqual(self.inFile(), [("scott@jabber.example", "72@gw.test")])

    def test_linkLost(self) -> None:
        """When the link is lost meanwhile, the subscription is kept, and what was to be said is dropped."""
        self.receive("subscribe", "72@gw.test")
        self.link.lose()
        self.subscriptions.parent = self.presence.parent = Link(
            self.clock, Turns(self.clock), Account("192.0.2.1", 5347, "gw.test", "secret")
        )
        self.clock.advance(0)
        self.assertEqual(self.inFile(), [("scott@jabber.example", "72@gw.test")])

    def test_oneFails(self) -> None:
        """If one answer cannot be sent, the others are."""
        send, texts = self.link.send, []

        def failing(stanza: Element) -> None:
            if stanza["from"] == "72@gw.test":
                raise ValueError("test")
            texts.append(stanza["type"])
            send(stanza)

        self.patch(self.link, "send", failing)
        self.receive("subscribe", "72@gw.test")
        self.receive("subscribe", "bob@gw.test")
        self.clock.advance(0)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(texts, ["unsubscribed"])

    def test_stop(self) -> None:
        """What was to be acknowledged when the store stops is."""
        self.receive("subscribe", "72@gw.test")
        self.store.stopService()
        self.assertEqual(self.link.take(), accepted("72@gw.test", CAPS))
        self.assertEqual(self.inFile(), [("scott@jabber.example", "72@gw.test")])
