# -*- test-case-name: ichatgw.test.sip.dialog.test_routeset -*-
"""
Tests for L{ichatgw.sip.dialog.routeset}.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import TransportAddress
from ichatgw.sip.dialog.routeset import Stated, nextHop
from ichatgw.sip.transport.target import Target, Transport

UDP, TCP, TLS = Transport.UDP, Transport.TCP, Transport.TLS
PUBLIC, PRIVATE = "8.8.8.8", "10.0.0.5"


def at(transport: Transport, host: str = PUBLIC, port: int = 5060) -> Target:
    return Target(transport, TransportAddress(host, port))


class HopTests(SynchronousTestCase):
    """L{nextHop}."""

    def hop(
        self,
        host: str | None,
        transport: Transport = UDP,
        *,
        port: int | None = 5060,
        plain: bool = False,
        routed: bool = False,
        **known: Any,
    ) -> Target | None:
        known = {"flow": None, "first": None, "open": True, **known}
        stated = Stated(host, port, transport, plain, routed)
        isOpen = known.pop("open")
        return nextHop(stated, isOpen=lambda target: isOpen, **known)

    def test_stated(self) -> None:
        """Over UDP a request goes where the far end says, whatever its messages come from."""
        self.assertEqual(self.hop("8.8.4.4", flow=at(UDP)), at(UDP, "8.8.4.4"))
        self.assertEqual(self.hop("8.8.4.4"), at(UDP, "8.8.4.4"))

    def test_name(self) -> None:
        """A name is not waited for: back to where the far end speaks from, or to where the INVITE went."""
        self.assertEqual(self.hop(None, flow=at(UDP, port=4711)), at(UDP, port=4711))
        self.assertEqual(self.hop(None, first=at(UDP)), at(UDP))
        self.assertIsNone(self.hop(None))

    def test_behindNAT(self) -> None:
        """A private Contact of a far end that speaks from a public address leads nowhere; a Route is believed."""
        self.assertEqual(self.hop(PRIVATE, flow=at(UDP, port=4711)), at(UDP, port=4711))
        self.assertEqual(self.hop(PRIVATE, routed=True, flow=at(UDP, port=4711)), at(UDP, PRIVATE))
        self.assertEqual(self.hop(PRIVATE, flow=at(UDP, "10.0.0.1", 4711)), at(UDP, PRIVATE))
        self.assertEqual(self.hop("100.64.0.9", flow=at(UDP, port=4711)), at(UDP, port=4711))

    def test_connection(self) -> None:
        """Over a connection the far end is answered over it, whichever port its Contact names."""
        flow = at(TLS, port=40000)
        self.assertEqual(self.hop(PUBLIC, TLS, port=5061, flow=flow), flow)
        self.assertEqual(self.hop(PRIVATE, TLS, port=5061, flow=flow), flow)
        self.assertEqual(self.hop(None, TLS, flow=flow), flow)
        self.assertEqual(self.hop(PUBLIC, UDP, plain=True, flow=flow), flow)

    def test_closed(self) -> None:
        """If it is closed the Contact counts again, with the transport of the dialog if it names none."""
        flow = at(TLS, port=40000)
        self.assertEqual(self.hop(PUBLIC, TLS, port=5061, flow=flow, open=False), at(TLS, port=5061))
        self.assertEqual(self.hop(PUBLIC, UDP, plain=True, flow=flow, open=False), at(TLS))
        self.assertEqual(self.hop(None, TLS, flow=flow, first=at(TLS, port=5061), open=False), at(TLS, port=5061))

    def test_defaultPort(self) -> None:
        """Who names no port is found at that of the transport (RFC 3261 section 19.1.2)."""
        flow = at(TLS, port=40000)
        self.assertEqual(self.hop(PUBLIC, TLS, port=None, flow=flow, open=False), at(TLS, port=5061))
        self.assertEqual(self.hop(PUBLIC, UDP, port=None, plain=True, flow=flow, open=False), at(TLS, port=5061))
        self.assertEqual(self.hop(PUBLIC, TCP, port=None), at(TCP))
        self.assertEqual(self.hop(PUBLIC, TLS, port=None, first=at(TLS, port=5061)), at(TLS, port=5061))

    def test_closedName(self) -> None:
        """If it is closed and the Contact is a name, the far end's own host is tried, at the port of that name."""
        flow = at(TLS, port=40000)
        self.assertEqual(self.hop(None, TLS, port=None, flow=flow, open=False), at(TLS, port=5061))
        self.assertEqual(self.hop(None, TLS, port=5081, flow=flow, open=False), at(TLS, port=5081))

    def test_hidden(self) -> None:
        """One who does not know where he speaks from is behind a NAT, even if that has private addresses too."""
        flow = at(UDP, "10.0.0.1", 4711)
        self.assertEqual(self.hop("10.9.0.5", flow=flow, hidden=True), flow)
        self.assertEqual(self.hop("10.9.0.5", flow=flow, routed=True, hidden=True), at(UDP, "10.9.0.5"))
        flow = at(TCP, "10.0.0.1", 4711)
        self.assertEqual(self.hop("10.9.0.5", TCP, flow=flow, hidden=True), flow)
        self.assertEqual(self.hop("10.9.0.5", TCP, flow=flow, hidden=True, open=False), at(TCP, "10.9.0.5"))

    def test_elsewhere(self) -> None:
        """A Contact elsewhere, or over another transport, is believed."""
        flow = at(TCP, port=40000)
        self.assertEqual(self.hop("8.8.4.4", TCP, flow=flow), at(TCP, "8.8.4.4"))
        self.assertEqual(self.hop(PUBLIC, UDP, flow=flow), at(UDP))
