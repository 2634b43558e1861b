# -*- test-case-name: ichatgw.test.sim.jingle.test_client -*-
"""
The part of a Jingle client that talks XMPP about everything but calls: its capabilities and those of its contacts.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha1

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.words.xish.domish import Element

from ichatgw.sim.ichat.account import Account
from ichatgw.sim.jingle.profile import ClientProfile
from ichatgw.sim.moment import OneShot
from ichatgw.sim.xmpp import xml

HASHES = "urn:xmpp:hashes:2"
CAPS2 = "urn:xmpp:caps"
CARBONS = "urn:xmpp:carbons:2"


def capsHash(identities: Iterable[tuple[str, str, str]], features: Iterable[str]) -> str:
    """
    XEP-0115 section 5.1, of somebody without forms.

    @param identities: category, type and name of each.
    """
    parts = [f"{category}/{kind}//{name}<" for category, kind, name in sorted(identities)]
    parts += [f"{feature}<" for feature in sorted(features)]
    return b64encode(sha1("".join(parts).encode(), usedforsecurity=False).digest()).decode()


@define(eq=False)
class JingleAccount(Account):
    """
    @ivar clientProfile: what kind of client this is.
    @ivar addresses: the full address of each contact that shows a telephone, by its bare one; C{promises}: what it
        says it can.
    """

    clientProfile: ClientProfile = field(kw_only=True)
    addresses: dict[str, str] = field(factory=dict, init=False)
    promises: dict[str, frozenset[str]] = field(factory=dict, init=False)

    @property
    def features(self) -> list[str]:
        """All that it says it can."""
        return sorted({*self.clientProfile.features, xml.DISCO_INFO, xml.CAPS, xml.PING})

    @property
    def version(self) -> str:
        return capsHash([("client", "phone", self.clientProfile.name)], self.features)

    def newId(self) -> str:
        """An IQ id."""
        return f"sim-{next(self._ids):x}"

    def login(self) -> None:
        """Ask for the contacts, and become visible."""
        roster = xml.element("iq", type="get")
        xml.add(roster, "query", xml.ROSTER)
        self.ask(roster).addCallbacks(self._rosterReceived, lambda reason: None)
        self.announce()

    def whenCallable(self, jid: str) -> Deferred[str]:
        """Fires with a contact's full address, when its presence promises a telephone, and discovery agrees."""
        return self._callable.setdefault(jid.lower(), OneShot()).when()

    def _presence(self, features: str) -> Element:
        presence = xml.element("presence")
        if self.show:
            xml.add(presence, "show", text=self.show)
        xml.add(presence, "c", xml.CAPS, hash="sha-1", node=self.clientProfile.node, ver=self.version)
        return presence

    def _consider(self, sender: str, presence: Element) -> None:
        caps = xml.child(presence, "c", xml.CAPS)
        moment = self._callable.setdefault(xml.bare(sender), OneShot())
        if caps is None or not xml.get(caps, "hash") or moment.happened:
            return
        isGateway = xml.domainOf(sender) != xml.domainOf(self.jid)
        if isGateway and xml.child(presence, "c", CAPS2) is None:
            self.complain(f"presence of {sender}: no capabilities of the second kind (XEP-0390)")
        node, ver = xml.get(caps, "node"), xml.get(caps, "ver")
        query = xml.element("iq", type="get", to=sender)
        xml.add(query, "query", xml.DISCO_INFO, node=f"{node}#{ver}")

        def check(answer: Element) -> None:
            if self._isAsPromised(sender, answer, ver):
                self.addresses[xml.bare(sender)] = sender
                moment.come(sender)

        self.ask(query).addCallbacks(check, lambda reason: self.complain(f"discovery of {sender}: {reason!s:.80}"))

    def _isAsPromised(self, sender: str, answer: Element, ver: str) -> bool:
        """Does what somebody can fit the hash in its presence, and is it enough for a call?"""
        found = xml.child(answer, "query", xml.DISCO_INFO)
        if found is None or xml.get(answer, "from").lower() != sender:
            self.complain(f"discovery of {sender}: answered by {xml.get(answer, 'from')}")
            return False
        features = [xml.get(each, "var") for each in xml.children(found) if each.name == "feature"]
        identities = [
            (xml.get(each, "category"), xml.get(each, "type"), xml.get(each, "name"))
            for each in xml.children(found)
            if each.name == "identity"
        ]
        if capsHash(identities, features) != ver:
            self.complain(f"discovery of {sender}: its hash is not that in its presence")
        self.promises[xml.bare(sender)] = frozenset(features)
        return self.clientProfile.needs <= set(features)

    def _describe(self, answer: Element, node: str) -> None:
        query = xml.add(answer, "query", xml.DISCO_INFO)
        if node:
            query["node"] = node
        xml.add(query, "identity", category="client", type="phone", name=self.clientProfile.name)
        for feature in self.features:
            xml.add(query, "feature", var=feature)
