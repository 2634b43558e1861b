# -*- test-case-name: ichatgw.test.xmpp.presence.test_showing -*-
"""
Tests for L{ichatgw.xmpp.presence.presence}: what users are shown.
"""

from __future__ import annotations

from twisted.words.xish.domish import Element

from ichatgw.runtime.turns import SWEEP_INTERVAL, SWEEP_ITEMS, SWEEP_SECONDS, Turns
from ichatgw.test.runtime.test_turns import ABOVE, WorkingClock
from ichatgw.test.support.presences import CONTROL, ICHAT, OURS, SCOTT, PresenceCase
from ichatgw.test.support.streams import StubLink
from ichatgw.xmpp.presence.presence import GOODBYE_TIMEOUT, Presence
from ichatgw.xmpp.stanzas import parseJID


class SendTests(PresenceCase):
    def test_show(self) -> None:
        """Presence has priority 0 and, if wanted, the capabilities of an iChat; no show, no status."""
        self.presence.show(SCOTT, parseJID("72@gw.test"), withCaps=True)
        self.presence.show(parseJID("scott@jabber.example/iChat"), CONTROL, withCaps=False)
        self.assertEqual(
            self.link.take(),
            [
                f"<presence to='scott@jabber.example' from='72@gw.test'><priority>0</priority>{OURS}</presence>",
                "<presence to='scott@jabber.example/iChat' from='control@gw.test'><priority>0</priority></presence>",
            ],
        )

    def test_probe(self) -> None:
        """A probe comes from the control address if nothing else is said."""
        self.presence.probe(SCOTT)
        self.presence.probe(SCOTT, parseJID("72@gw.test"))
        self.assertEqual(
            self.link.take(),
            [f"<presence type='probe' to='scott@jabber.example' from='{who}@gw.test'/>" for who in ("control", "72")],
        )

    def test_probed(self) -> None:
        """A probe is answered to the bare address, with capabilities but from the control address."""
        for to in ("72@gw.test", "Control@gw.test/x"):
            self.receive("scott@jabber.example/iChat", kind="probe", to=to)
        self.assertEqual(
            self.link.take(),
            [
                f"<presence to='scott@jabber.example' from='72@gw.test'><priority>0</priority>{OURS}</presence>",
                "<presence to='scott@jabber.example' from='control@gw.test'><priority>0</priority></presence>",
            ],
        )
        self.assertEqual(self.asked, ["xmpp:72@gw.test"])

    def test_probedInVain(self) -> None:
        """An address that no rule matches does not exist, nor does the bare domain."""
        for to in ("bob@gw.test", "gw.test"):
            self.receive("scott@jabber.example/iChat", kind="probe", to=to)
        self.assertEqual(self.link.take(), [])

    def test_probedByStrangers(self) -> None:
        """Users who may not call hear the same whether or not a translation rule matches."""
        for to in ("72@gw.test", "bob@gw.test", "control@gw.test", "gw.test"):
            self.receive("eve@eve.example/x", kind="probe", to=to)
            self.assertEqual(self.link.take(), [f"<presence type='unsubscribed' to='eve@eve.example' from='{to}'/>"])
        self.assertEqual(self.asked, [])

    def test_greetings(self) -> None:
        """When the link is up, each known user is probed and shown what it has subscribed to."""
        for ours in (CONTROL, parseJID("72@gw.test")):
            self.store.add(SCOTT, ours)
        self.link.up()
        self.assertEqual(
            self.link.take(),
            [
                "<presence type='probe' to='scott@jabber.example' from='control@gw.test'/>",
                "<presence to='scott@jabber.example' from='control@gw.test'><priority>0</priority></presence>",
                f"<presence to='scott@jabber.example' from='72@gw.test'><priority>0</priority>{OURS}</presence>",
            ],
        )

    def test_manyGreetings(self) -> None:
        """Many greetings go out in parts, and no more of them once the link is lost."""
        for number in range(SWEEP_ITEMS):
            self.store.add(parseJID(f"u{number}@b"), CONTROL)
        self.link.up()
        self.assertEqual(len(self.link.take()), SWEEP_ITEMS)
        self.clock.advance(SWEEP_INTERVAL)
        self.assertEqual(len(self.link.take()), SWEEP_ITEMS)
        self.link.lose()
        self.clock.advance(1)
        self.assertEqual(self.link.take(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_goodbye(self) -> None:
        """At the end each known user is told that what it has subscribed to is gone."""
        for ours in (CONTROL, parseJID("72@gw.test")):
            self.store.add(SCOTT, ours)
        self.presence.goodbye()
        self.assertEqual(
            self.link.take(),
            [
                "<presence type='unavailable' to='scott@jabber.example' from='control@gw.test'>"
                "<priority>0</priority></presence>",
                "<presence type='unavailable' to='scott@jabber.example' from='72@gw.test'>"
                f"<priority>0</priority>{OURS}</presence>",
            ],
        )

    def test_goodbyeWhileGreeting(self) -> None:
        """Nobody is greeted after the goodbye."""
        for number in range(SWEEP_ITEMS):
            self.store.add(parseJID(f"u{number}@b"), CONTROL)
        self.link.up()
        self.presence.goodbye()
        self.link.take()
        self.clock.advance(1)
        self.assertEqual(self.link.take(), [])

    def test_manyGoodbyes(self) -> None:
        """Many goodbyes go out in parts, without a pause; the end of them is told."""
        for number in range(2 * SWEEP_ITEMS + 1):
            self.store.add(parseJID(f"u{number}@b"), CONTROL)
        said = self.presence.goodbye()
        self.assertEqual(len(self.link.take()), SWEEP_ITEMS)
        self.assertNoResult(said)
        self.clock.advance(0)
        self.successResultOf(said)
        self.assertEqual(len(self.link.take()), SWEEP_ITEMS + 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_goodbyeIsNotHeard(self) -> None:
        """A server that takes in nothing, a link that is lost, or none keeps nothing from stopping."""
        for number in range(2 * SWEEP_ITEMS):
            self.store.add(parseJID(f"u{number}@b"), CONTROL)
        self.link.stub.xmlstream.congested = True
        said = self.presence.goodbye()
        self.clock.pump([0.1] * int(10 * GOODBYE_TIMEOUT + 1))
        self.successResultOf(said)
        self.assertEqual(self.link.take(), [])
        said = self.presence.goodbye()
        self.link.lose()
        self.successResultOf(said)
        self.successResultOf(self.presence.goodbye())
        self.clock.advance(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slowGreetings(self) -> None:
        """A turn ends at its milliseconds, and it is known whether there are more."""
        clock = WorkingClock()
        for number in range(10):
            self.store.add(parseJID(f"u{number}@b"), CONTROL)
        presence = Presence(Turns(clock), CONTROL, self.translates, self.store, allows=self.allows)
        link = StubLink(presence)
        send = link.send

        def slow(stanza: Element) -> None:
            clock.work(SWEEP_SECONDS / 4 * ABOVE)
            send(stanza)

        self.patch(link, "send", slow)
        link.up()
        self.assertEqual((len(link.take()), presence.greeting), (4, True))
        for _ in range(5):
            clock.advance(SWEEP_INTERVAL)
        self.assertEqual((len(link.take()), presence.greeting), (16, False))
        presence.goodbye()
        self.assertEqual(len(link.take()), 4)

    def test_lost(self) -> None:
        """When the link is lost the table is emptied, and nobody is told, for that ends no call."""
        self.receive("scott@jabber.example/x")
        self.link.lose()
        self.assertEqual(self.presence.resources(SCOTT), ())
        self.assertEqual(len(self.listener.news), 1)


class PhoneTests(PresenceCase):
    """With Jingle: one address is an iChat to iChats, and a phone to others."""

    def setUp(self) -> None:
        super().setUp()
        self.presence = Presence(
            Turns(self.clock),
            CONTROL,
            self.translates,
            self.store,
            addPhone,
            lambda stanza: stanza.addElement("gateway"),
            allows=self.allows,
        )
        self.link = StubLink(self.presence)
        self.link.up()
        for ours in (CONTROL, parseJID("72@gw.test")):
            self.store.add(SCOTT, ours)

    def phone(self, to: str = "", kind: str = "") -> str:
        attribute, caps = (" type='unavailable'", "") if kind else ("", "<phone/>")
        return (
            f"<presence{attribute} to='scott@jabber.example{to}' from='72@gw.test/gw'><priority>0</priority>{caps}"
            "</presence>"
        )

    def iChat(self, to: str, kind: str = "") -> str:
        attribute = " type='unavailable'" if kind else ""
        addresses = f"to='scott@jabber.example{to}' from='72@gw.test'"
        return f"<presence{attribute} {addresses}><priority>0</priority>{OURS}</presence>"

    def test_domain(self) -> None:
        """The domain itself can be subscribed to, asked for, and says goodbye."""
        ours = parseJID("gw.test")
        self.assertTrue(self.presence.serves(ours))
        self.assertFalse(self.presence.serves(parseJID("other.test")))
        for ask in (
            lambda: self.presence.show(SCOTT, ours, withCaps=True),
            lambda: self.receive("scott@jabber.example/x", kind="probe", to="gw.test"),
        ):
            ask()
            shown = "<presence to='scott@jabber.example' from='gw.test'><priority>0</priority><gateway/></presence>"
            self.assertEqual(self.link.take(), [shown])
        self.store.add(SCOTT, ours)
        self.presence.goodbye()
        self.assertIn(
            "<presence type='unavailable' to='scott@jabber.example' from='gw.test'><priority>0</priority></presence>",
            self.link.take(),
        )

    def test_unknown(self) -> None:
        """As long as no iChat is known, all are shown a phone; the control address is none."""
        self.presence.show(SCOTT, parseJID("72@gw.test"), withCaps=True)
        self.receive("scott@jabber.example/x", kind="probe", to="72@gw.test")
        self.presence.show(SCOTT, CONTROL, withCaps=False)
        self.assertEqual(
            self.link.take(),
            [
                self.phone(),
                self.phone(),
                "<presence to='scott@jabber.example' from='control@gw.test'><priority>0</priority></presence>",
            ],
        )

    def test_iChatComes(self) -> None:
        """An iChat is shown an iChat as soon as it is known, once."""
        self.receive("scott@jabber.example/iChat", ICHAT)
        self.receive("scott@jabber.example/iChat", f"<show>away</show>{ICHAT}")
        self.assertEqual(self.link.take(), [self.iChat("/iChat")])

    def test_both(self) -> None:
        """Each client is shown what it understands, however they come."""
        self.receive("scott@jabber.example/phone")
        self.assertEqual(self.link.take(), [])
        self.receive("scott@jabber.example/iChat", ICHAT)
        self.assertEqual(self.link.take(), [self.iChat("/iChat")])
        self.receive("scott@jabber.example/laptop")
        self.assertEqual(self.link.take(), [self.phone("/laptop")])
        self.presence.show(SCOTT, parseJID("72@gw.test"), withCaps=True)
        self.assertEqual(self.link.take(), [self.phone("/phone"), self.iChat("/iChat"), self.phone("/laptop")])
        self.presence.goodbye()
        self.assertEqual(
            self.link.take()[1:], [self.phone("/phone", "x"), self.iChat("/iChat", "x"), self.phone("/laptop", "x")]
        )

    def test_changes(self) -> None:
        """A client that turns out to be an iChat is shown one."""
        self.receive("scott@jabber.example/x")
        self.receive("scott@jabber.example/x", ICHAT)
        self.assertEqual(self.link.take(), [self.iChat("/x")])

    def test_directed(self) -> None:
        """A call shows its own address."""
        self.presence.showPhone(parseJID("scott@jabber.example/x"), parseJID("bell@gw.test/gw"))
        self.assertEqual(
            self.link.take(),
            ["<presence to='scott@jabber.example/x' from='bell@gw.test/gw'><priority>0</priority><phone/></presence>"],
        )

    def test_greetings(self) -> None:
        """When the link is up, everybody is shown phones."""
        self.link.up()
        self.assertEqual(self.link.take()[2:], [self.phone()])

    def test_hash(self) -> None:
        """How the capabilities were hashed is read."""
        self.receive(
            "scott@jabber.example/x", "<c xmlns='http://jabber.org/protocol/caps' node='n' ver='v' hash='sha-1'/>"
        )
        self.assertEqual([one.hash for one in self.presence.resources(SCOTT)], ["sha-1"])


def addPhone(presence: Element) -> None:
    presence.addElement("phone")
