# -*- test-case-name: ichatgw.test.xmpp.caps.test_entity -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.xmpp.caps.entity}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from ichatgw.test.xmpp.test_discoinfo import EXODUS, EXODUS_HASH
from ichatgw.xmpp.caps.entity import NODE, PHONE, PHONE_FEATURES, Entity
from ichatgw.xmpp.discoinfo import Info


class OursTests(SynchronousTestCase):
    """What our addresses say of themselves."""

    def test_hash(self) -> None:
        """The hash is that of the standard, and of exactly the features that clients look for."""
        features = [child.split("'")[1] for child in EXODUS.split("<feature ")[1:]]
        self.assertEqual(Entity(frozenset(features), (("client", "pc", "", "Exodus 0.9.1"),)).version, EXODUS_HASH)
        self.assertEqual(Entity(PHONE_FEATURES).version, Info((PHONE,), tuple(PHONE_FEATURES)).version())
        self.assertNotEqual(Entity(PHONE_FEATURES | {"x"}).version, Entity(PHONE_FEATURES).version)
        jingle = {feature.removeprefix("urn:xmpp:jingle") for feature in PHONE_FEATURES if "jingle" in feature}
        self.assertEqual(jingle, {":1", ":apps:rtp:1", ":apps:rtp:audio", ":dtmf:0", "-message:0"})
        others = {"http://jabber.org/protocol/caps", "http://jabber.org/protocol/disco#info", "urn:xmpp:ping"}
        self.assertEqual({feature for feature in PHONE_FEATURES if "jingle" not in feature}, others)

    def test_presence(self) -> None:
        """Presence carries both kinds."""
        presence = Element((None, "presence"))
        Entity(PHONE_FEATURES).addCaps(presence)
        first, second = presence.elements()
        self.assertEqual((first["node"], first["ver"], first["hash"]), (NODE, Entity(PHONE_FEATURES).version, "sha-1"))
        self.assertEqual((second.uri, second.hash["algo"]), ("urn:xmpp:caps", "sha-256"))
