"""
Tests for L{ichatgw.xmpp.presence}.
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from zope.interface import implementer
from zope.interface.verify import verifyObject

from ichatgw.test.streams import StubLink
from ichatgw.xmpp import presence as module
from ichatgw.xmpp.presence import IPresenceListener, Presence, Resource
from ichatgw.xmpp.stanzas import parseJID
from ichatgw.xmpp.store import MemoryStore

CONTROL = parseJID("control@gw.test")
SCOTT = parseJID("scott@jabber.example")
CAPS = "<c xmlns='http://jabber.org/protocol/caps' node='{}' ver='{}' ext='{}'/>"
ICHAT = CAPS.format("apple:ichat:caps", "388", "avcap avavail maudio audio")
OURS = CAPS.format("apple:ichat:caps", "448", "avavail avcap audio")


@implementer(IPresenceListener)
@define(eq=False)
class NotingListener:
    """Notes what it is told."""

    resources: list[Resource] = field(factory=list)
    news: list[tuple[object, ...]] = field(factory=list)

    def available(self, resource: Resource) -> None:
        self.resources.append(resource)
        self.news.append(("available", resource.jid.full()))

    def unavailable(self, jid: JID) -> None:
        self.news.append(("unavailable", jid.full()))

    def failed(self, jid: JID, condition: str, code: int | None) -> None:
        self.news.append(("failed", jid.full(), condition, code))


class PresenceCase(SynchronousTestCase):
    """Mixin of a presence handler whose link is up."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore()
        self.asked: list[str] = []
        self.presence = Presence(self.clock, CONTROL, self.translates, self.store)
        self.listener = NotingListener()
        self.presence.listeners.append(self.listener)
        self.link = StubLink(self.presence)
        self.link.up()

    def translates(self, address: str) -> bool:
        self.asked.append(address)
        return address.partition("@")[0].removeprefix("xmpp:").isdigit()

    def receive(self, sender: str, inside: str = "", kind: str = "", to: str = "control@gw.test") -> None:
        attribute = f" type='{kind}'" if kind else ""
        self.link.receive(f"<presence from='{sender}' to='{to}'{attribute}>{inside}</presence>")

    def resource(self, inside: str) -> Resource:
        """What is made of a presence."""
        self.receive("scott@jabber.example/x", inside)
        return self.listener.resources[-1]


class ReadTests(PresenceCase):
    def test_listener(self) -> None:
        """The listener of these tests is one."""
        verifyObject(IPresenceListener, NotingListener())

    def test_iChat(self) -> None:
        """An iChat's presence is read in full."""
        resource = self.resource(f"<show>away</show><priority>3</priority>{ICHAT}")
        self.assertEqual(resource.jid, parseJID("scott@jabber.example/x"))
        self.assertEqual((resource.show, resource.priority, resource.node), ("away", 3, "apple:ichat:caps"))
        self.assertEqual((resource.ver, resource.ext), ("388", frozenset({"avcap", "avavail", "maudio", "audio"})))
        self.assertTrue(resource.isIChat and resource.avAvailable)

    def test_kinds(self) -> None:
        """Both of Apple's names mean an iChat, and C{avavail} is a word, not a part of one."""
        for node, ext, expected in (
            ("http://www.apple.com/ichat/caps", "ice avavail", (True, True)),
            ("apple:ichat:caps", "", (True, False)),
            ("apple:ichat:caps", "notavavail", (True, False)),
            ("http://pidgin.im/", "avavail", (False, False)),
        ):
            resource = self.resource(CAPS.format(node, "1", ext))
            self.assertEqual((resource.isIChat, resource.avAvailable), expected)

    def test_severalCaps(self) -> None:
        """An iChat's capabilities count before others that a server may have added."""
        self.assertTrue(self.resource(CAPS.format("other", "1", "") + ICHAT).avAvailable)

    def test_anyShow(self) -> None:
        """Whatever it shows, a client is kept."""
        for show in ("chat", "away", "xa", "dnd"):
            self.assertEqual(self.resource(f"<show>{show}</show>").show, show)
        self.assertEqual(len(self.presence.resources(SCOTT)), 1)

    def test_nonsense(self) -> None:
        """What cannot be understood counts as not said."""
        for inside in (
            "",
            "<show>gone</show><priority>high</priority>",
            "<show><a/></show><priority/>",
            "<priority>\u0663</priority>",
            f"<priority>{'9' * 6000}</priority>",
            "<c node='apple:ichat:caps'/>",
            "<c xmlns='http://jabber.org/protocol/caps'/>",
        ):
            resource = self.resource(inside)
            self.assertEqual((resource.show, resource.priority, resource.node), ("", 0, ""), inside)
        self.assertEqual(self.resource("<priority>-999</priority>").priority, -128)
        self.assertEqual(self.resource("<priority>+999</priority>").priority, 127)

    def test_long(self) -> None:
        """Long values are cut."""
        resource = self.resource(CAPS.format("n" * 5000, "v" * 5000, "e " * 5000))
        self.assertEqual((len(resource.node), len(resource.ver), resource.ext), (256, 256, frozenset("e")))


class TableTests(PresenceCase):
    def full(self) -> list[str]:
        return [str(resource.jid.resource) for resource in self.presence.resources(SCOTT)]

    def test_order(self) -> None:
        """The most available comes first, and of equals the one with the highest priority."""
        for name, show, priority in (
            ("xa", "xa", 9),
            ("dnd", "dnd", 9),
            ("away", "away", 9),
            ("chat", "chat", 9),
            ("low", "", -1),
            ("high", "", 1),
            ("high2", "", 1),
        ):
            show = show and f"<show>{show}</show>"
            self.receive(f"scott@jabber.example/{name}", f"{show}<priority>{priority}</priority>")
        self.assertEqual(self.full(), ["high", "high2", "low", "chat", "away", "dnd", "xa"])
        ranks = [resource.rank for resource in self.presence.resources(SCOTT)]
        self.assertEqual(ranks[0], ranks[1])
        self.assertEqual(ranks, sorted(ranks))

    def test_sameUser(self) -> None:
        """However the address is spelt, it is one user and one resource."""
        self.receive("Scott@Jabber.Example/x")
        self.receive("scott@jabber.example/x", "<show>away</show>")
        self.assertEqual([r.show for r in self.presence.resources(SCOTT)], ["away"])

    def test_unavailable(self) -> None:
        """A client that goes takes only itself along."""
        self.receive("scott@jabber.example/a")
        self.receive("scott@jabber.example/b")
        self.receive("scott@jabber.example/a", kind="unavailable")
        self.assertEqual(self.full(), ["b"])
        self.receive("scott@jabber.example/b", kind="unavailable")
        self.assertEqual(self.full(), [])
        self.assertEqual(
            self.listener.news[2:],
            [("unavailable", "scott@jabber.example/a"), ("unavailable", "scott@jabber.example/b")],
        )

    def test_allUnavailable(self) -> None:
        """A bare address that is unavailable takes all clients along; listeners hear it of strangers too."""
        self.receive("scott@jabber.example/a")
        self.receive("scott@jabber.example", kind="unavailable")
        self.assertEqual(self.full(), [])
        self.receive("stranger@b", kind="unavailable")
        self.assertEqual(
            self.listener.news[1:], [("unavailable", "scott@jabber.example"), ("unavailable", "stranger@b")]
        )

    def test_error(self) -> None:
        """An error is told with its condition and its old number, as far as they are there."""
        ns = "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'"
        for inside in (
            f"<error code='404' type='cancel'><text {ns}>x</text><item-not-found {ns}/></error>",
            "<error code='4x4'><item-not-found/></error>",
            "",
        ):
            self.receive("scott@jabber.example", inside, kind="error")
        self.assertEqual(
            self.listener.news,
            [
                ("failed", "scott@jabber.example", condition, code)
                for condition, code in (("item-not-found", 404), ("", None), ("", None))
            ],
        )
        self.assertEqual(self.full(), [])

    def test_noClient(self) -> None:
        """A server's own presence is no client's."""
        self.receive("scott@jabber.example")
        self.assertEqual((self.full(), self.listener.news), ([], []))

    def test_malformed(self) -> None:
        """Presence from nonsense is dropped."""
        for kind in ("", "unavailable", "error", "probe"):
            self.receive("@", kind=kind)
        self.receive("scott@jabber.example", kind="probe", to="@")
        self.link.receive("<presence/>")
        self.assertEqual((self.listener.news, self.link.take()), ([], []))

    def test_manyResources(self) -> None:
        """One user has room for so many clients; those that are there can still speak."""
        for number in range(1000):
            self.receive(f"scott@jabber.example/{number}")
        self.assertEqual(len(self.full()), module.MOST_RESOURCES)
        self.receive("scott@jabber.example/0", "<show>away</show>")
        self.assertEqual(self.listener.resources[-1].show, "away")

    def test_manyStrangers(self) -> None:
        """So many strangers fit in; subscribers always do."""
        self.patch(module, "MOST_STRANGERS", 3)
        for number in range(10):
            self.receive(f"eve{number}@b/x")
        self.assertEqual(len(self.listener.resources), 3)
        self.store.add(SCOTT, CONTROL)
        self.receive("scott@jabber.example/x")
        self.assertEqual(self.full(), ["x"])
        self.receive("eve0@b/x", kind="unavailable")
        self.receive("eve1@b", kind="unavailable")
        self.receive("eve9@b/x")
        self.assertEqual(self.listener.news[-1], ("available", "eve9@b/x"))

    def test_failingListener(self) -> None:
        """A listener's failure is logged, and the others are told."""

        class Failing(NotingListener):
            def available(self, resource: Resource) -> None:
                raise ZeroDivisionError

        self.presence.listeners.insert(0, Failing())
        self.receive("scott@jabber.example/x")
        self.assertEqual(self.listener.news, [("available", "scott@jabber.example/x")])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class UnknownUserTests(PresenceCase):
    def test_unsubscribed(self) -> None:
        """That a user does not let the control address see him, or does not exist, is told as an error would be."""
        self.receive("nobody@jabber.example", kind="unsubscribed")
        self.receive("nobody@jabber.example", kind="unsubscribed", to="72@gw.test")
        self.assertEqual(self.listener.news, [("failed", "nobody@jabber.example", "item-not-found", None)])


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
        for number in range(module.BATCH):
            self.store.add(parseJID(f"u{number}@b"), CONTROL)
        self.link.up()
        self.assertEqual(len(self.link.take()), module.BATCH)
        self.clock.advance(module.BATCH_INTERVAL)
        self.assertEqual(len(self.link.take()), module.BATCH)
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
        for number in range(module.BATCH):
            self.store.add(parseJID(f"u{number}@b"), CONTROL)
        self.link.up()
        self.presence.goodbye()
        self.link.take()
        self.clock.advance(1)
        self.assertEqual(self.link.take(), [])

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
            self.clock, CONTROL, self.translates, self.store, addPhone, lambda stanza: stanza.addElement("gateway")
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
