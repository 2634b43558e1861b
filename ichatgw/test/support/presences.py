# -*- test-case-name: ichatgw.test.xmpp.presence.test_presence -*-
"""
Presence between the gateway and its users, over a link that is not there.
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from zope.interface import implementer

from ichatgw.runtime.turns import Turns
from ichatgw.test.support.streams import StubLink
from ichatgw.xmpp.presence.presence import IPresenceListener, Presence, Resource
from ichatgw.xmpp.presence.store import MemoryStore
from ichatgw.xmpp.stanzas import parseJID

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
        self.presence = Presence(Turns(self.clock), CONTROL, self.translates, self.store, allows=self.allows)
        self.listener = NotingListener()
        self.presence.listeners.append(self.listener)
        self.link = StubLink(self.presence)
        self.link.up()

    def allows(self, user: JID) -> bool:
        return user.host != "eve.example"

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
