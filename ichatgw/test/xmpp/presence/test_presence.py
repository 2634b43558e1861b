# -*- test-case-name: ichatgw.test.xmpp.presence.test_presence -*-
"""
Tests for L{ichatgw.xmpp.presence.presence}: what users show, and what becomes of it.
"""

from __future__ import annotations

from twisted.words.protocols.jabber.jid import JID
from zope.interface.verify import verifyObject

from ichatgw.runtime.ratelimit import FAILURES
from ichatgw.test.support.presences import CAPS, CONTROL, ICHAT, SCOTT, NotingListener, PresenceCase
from ichatgw.xmpp import clients as module
from ichatgw.xmpp.presence.presence import IPresenceListener, Resource
from ichatgw.xmpp.stanzas import parseJID


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
        self.assertEqual(len(self.full()), module.MAX_RESOURCES)
        self.receive("scott@jabber.example/0", "<show>away</show>")
        self.assertEqual(self.listener.resources[-1].show, "away")

    def test_manyStrangers(self) -> None:
        """So many strangers fit in; users and subscribers always do."""
        self.patch(module, "MAX_STRANGERS", 3)
        for number in range(10):
            self.receive(f"eve{number}@eve.example/x")
        self.assertEqual(len(self.listener.resources), 3)
        self.receive("ann@jabber.example/x")
        self.assertEqual(len(self.listener.resources), 4)
        self.store.add(parseJID("bob@eve.example"), CONTROL)
        self.receive("bob@eve.example/x")
        self.assertEqual(len(self.listener.resources), 5)
        self.receive("eve0@eve.example/x", kind="unavailable")
        self.receive("eve1@eve.example", kind="unavailable")
        self.receive("eve9@eve.example/x")
        self.assertEqual(self.listener.news[-1], ("available", "eve9@eve.example/x"))

    def test_failingListener(self) -> None:
        """A listener's failure is logged, and the others are told."""

        class Failing(NotingListener):
            def available(self, resource: Resource) -> None:
                raise ZeroDivisionError

        self.presence.listeners.insert(0, Failing())
        self.receive("scott@jabber.example/x")
        self.assertEqual(self.listener.news, [("available", "scott@jabber.example/x")])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_failingListenerAgainAndAgain(self) -> None:
        """A stranger that finds a way to a failure of ours cannot fill the log with it."""

        class Failing(NotingListener):
            def unavailable(self, jid: JID) -> None:
                raise ZeroDivisionError

        self.presence.listeners.insert(0, Failing())
        for number in range(100):
            self.receive(f"e{number}@eve.example/x", kind="unavailable")
        self.assertEqual(len(self.listener.news), 100)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), FAILURES[1])


class UnknownUserTests(PresenceCase):
    def test_unsubscribed(self) -> None:
        """That a user does not let the control address see them, or does not exist, is told as an error would be."""
        self.receive("nobody@jabber.example", kind="unsubscribed")
        self.receive("nobody@jabber.example", kind="unsubscribed", to="72@gw.test")
        self.assertEqual(self.listener.news, [("failed", "nobody@jabber.example", "item-not-found", None)])
