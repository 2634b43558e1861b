# -*- test-case-name: ichatgw.test.xmpp.caps.test_entity,ichatgw.test.xmpp.test_disco -*-
# mypy: allow-untyped-calls
"""
What our addresses are to Jingle clients, and how they say so (XEP-0115, XEP-0390).
"""

from __future__ import annotations

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import frozen
from twisted.words.xish.domish import Element
from wokkel.disco import NS_DISCO_INFO

from ichatgw.xmpp.discoinfo import NS_CAPS, NS_CAPS2, NS_HASHES, Identity, Info

NODE = "https://ichat-gw.org"
"""Names the program in capabilities; it is not fetched."""

PHONE = ("client", "phone", "", "ichat-gw")
"""What each of our addresses is: category, type, language and name."""

PHONE_FEATURES = frozenset(
    {
        "http://jabber.org/protocol/caps",
        NS_DISCO_INFO,
        "urn:xmpp:jingle-message:0",
        "urn:xmpp:jingle:1",
        "urn:xmpp:jingle:apps:rtp:1",
        "urn:xmpp:jingle:apps:rtp:audio",
        "urn:xmpp:jingle:dtmf:0",
        "urn:xmpp:ping",
    }
)
"""
What each of our addresses can do with Jingle, whatever its transports: clients decide by it whether they show a button
to call.
"""


@frozen
class Entity:
    """
    What some of our addresses are to Jingle clients.

    @ivar features: all they can.
    @ivar identities: what they are.
    """

    features: frozenset[str]
    identities: tuple[Identity, ...] = (PHONE,)

    @property
    def _info(self) -> Info:
        return Info(self.identities, tuple(self.features))

    @property
    def version(self) -> str:
        """The hash that clients see first."""
        return self._info.version()

    @property
    def nodes(self) -> frozenset[str]:
        """The nodes under which clients ask for what we can."""
        return frozenset({f"{NODE}#{self.version}", f"{NS_CAPS2}#sha-256.{self._info.version2()}"})

    def addCaps(self, presence: Element) -> None:
        """Add the capabilities (XEP-0115, XEP-0390) to a presence."""
        caps = presence.addElement((NS_CAPS, "c"))
        caps["hash"], caps["node"], caps["ver"] = "sha-1", NODE, self.version
        second = presence.addElement((NS_CAPS2, "c"))
        second.addElement((NS_HASHES, "hash"), content=self._info.version2())["algo"] = "sha-256"
