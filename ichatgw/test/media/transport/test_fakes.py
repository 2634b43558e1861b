# -*- test-case-name: ichatgw.test.media.transport.test_fakes -*-
"""
The stand-ins of the transports of media are what they stand for.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from ichatgw.errors import Congested
from ichatgw.interfaces import IMediaTransport, IMediaTransports, ITransportNews
from ichatgw.model import Candidate, Ending, EndReason, Setup, TransportDescription
from ichatgw.test.support.media.fakerelays import FakeSide
from ichatgw.test.support.media.transports import OUR_CANDIDATE, FakeTransport, FakeTransports


@implementer(ITransportNews)
@define(eq=False)
class NotedNews:
    """Remembers the news."""

    heard: list[object] = field(factory=list)

    def candidatesFound(self, candidates: Sequence[Candidate]) -> None:
        self.heard.append(tuple(candidates))

    def connected(self) -> None:
        self.heard.append("connected")

    def failed(self, ending: Ending) -> None:
        self.heard.append(ending.reason)


class FakesTests(SynchronousTestCase):
    """L{ichatgw.test.support.media.transports}."""

    def test_interfaces(self) -> None:
        """Each fake provides its interface."""
        verifyObject(ITransportNews, NotedNews())
        verifyObject(IMediaTransport, FakeTransport(NotedNews()))
        verifyObject(IMediaTransports, FakeTransports())

    def test_roles(self) -> None:
        """Who offers leaves it open who opens the DTLS connection; who answers does so."""
        transports = FakeTransports()
        news = NotedNews()
        self.assertIs(transports.make("1", FakeSide(), news, None).local.setup, Setup.ACTPASS)
        self.assertIs(transports.make("1", FakeSide(), news, TransportDescription()).local.setup, Setup.ACTIVE)
        self.assertEqual(transports.open, 2)
        self.assertRaises(Congested, FakeTransports(Congested()).make, "1", FakeSide(), news, None)

    def test_news(self) -> None:
        """What happens to a transport is told."""
        news = NotedNews()
        transport = FakeTransport(news)
        transport.finds(OUR_CANDIDATE)
        transport.connects()
        transport.fails(Ending(EndReason.CONNECTIVITY))
        self.assertEqual(news.heard, [(OUR_CANDIDATE,), "connected", EndReason.CONNECTIVITY])
        self.assertEqual(transport.local.candidates, (OUR_CANDIDATE, OUR_CANDIDATE))

    def test_restart(self) -> None:
        """Each restart has another ufrag."""
        transport = FakeTransport(NotedNews())
        ufrags = {transport.local.ufrag, transport.restart(TransportDescription("a")).ufrag}
        ufrags.add(transport.restart(TransportDescription("b")).ufrag)
        self.assertEqual(len(ufrags), 3)
