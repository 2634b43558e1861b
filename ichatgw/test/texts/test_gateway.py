# -*- test-case-name: ichatgw.test.texts.test_gateway -*-
# mypy: allow-untyped-calls
"""Texts in a whole gateway."""

from __future__ import annotations

from typing import Any, cast

from attrs import evolve
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from ichatgw.config.reload import Reloadable
from ichatgw.errors import CallError
from ichatgw.gateway.build import gateway
from ichatgw.model import Party
from ichatgw.test.phonebook.test_setup import SETTINGS
from ichatgw.texts.interfaces import ITextPort, ITexts, Text


class GatewayTests(SynchronousTestCase):
    """The parts of a gateway that is not started."""

    def setUp(self) -> None:
        reactor: Any = MemoryReactorClock()
        self.gateway = gateway(reactor, SETTINGS)
        texts = self.gateway.texts
        assert texts is not None
        self.texts = texts

    def test_ports(self) -> None:
        """The exchange and both networks are what they should be."""
        verifyObject(ITexts, self.texts)
        self.assertEqual(sorted(self.texts.ports), ["sip", "sips", "xmpp"])
        for port in self.texts.ports.values():
            verifyObject(ITextPort, port)
        self.assertIs(self.gateway.endpoint.texts, self.texts)

    def test_notReady(self) -> None:
        """Without a link nothing is carried, and the writer hears why."""
        carried = self.texts.arrived(Text(Party("sip:72@192.0.2.77"), "sip:kim@gw.example", "hello"))
        self.assertIn("XMPP link", str(self.failureResultOf(carried, CallError).value))

    def test_reload(self) -> None:
        """The settings of texts can change while it runs."""
        (part,) = (each for each in self.gateway.reloadables if "texts" in each.attributes)
        changed = evolve(SETTINGS, texts=False, longestText=200, textsPerMinute=1, textsPerSecond=2)
        cast(Reloadable, part).prepare(changed)()
        terms = self.texts.terms
        self.assertEqual((terms.on, terms.longest, terms.perMinute, terms.perSecond), (False, 200, 1, 2))
        self.assertIsNone(cast(Any, self.gateway.endpoint)._requests.texts)
