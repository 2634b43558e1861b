# -*- test-case-name: ichatgw.test.gateway.test_ready -*-
"""
What each part of the gateway has to do with whether it is ready, and who is told.
"""

from __future__ import annotations

from functools import partial
from ipaddress import ip_network
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.settings import Settings
from ichatgw.gateway import build, callside, sipside
from ichatgw.media.engine import MediaEngine
from ichatgw.model import EndReason
from ichatgw.runtime.files import Files
from ichatgw.runtime.turns import Turns
from ichatgw.test.marks import slow
from ichatgw.test.support.fakes import FakeLeg, arrivalOf
from ichatgw.test.support.media.fakes import FakeNetwork
from ichatgw.test.support.sip.sipwire import GATEWAY, PHONE, FakeWire, header, request, status
from ichatgw.xmpp.link.component import Link


class Wire(FakeWire):
    """One that is not late."""

    lag = 0.0


class ReadyTests(SynchronousTestCase):
    """A whole gateway, its link up."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.wire = Wire()
        self.patch(sipside, "UDPWire", lambda *arguments: self.wire)
        network = FakeNetwork()
        self.patch(callside, "MediaEngine", partial(MediaEngine, readers=network, makeSocket=network.makeSocket))
        self.patch(Link, "trouble", "")
        self.patch(Files, "trouble", "")
        self.gateway = self.make(("^sip:([0-9]+)@", "sip:$1@192.0.2.78"), ("^sip:kim@", "xmpp:kim@example"))
        self.numbers = 0

    def make(self, *rules: tuple[str, str]) -> Any:
        """A gateway with these rules, that takes calls."""
        settings = Settings(
            jabberServer="127.0.0.1",
            jabberComponentName="gw.example",
            jabberComponentPassword="s3cret",
            ipAddress=GATEWAY.host,
            allowedSIPPeers=(ip_network("192.0.2.0/24"),),
            translationRules=rules,
            subscriptionDatabase="none",
        )
        made = build.gateway(self.reactor, settings)
        made.switch.startService()
        return made

    def ask(self, method: str) -> tuple[int, str]:
        """The first answer to a request of a host that may call: its code, and its Warning."""
        self.numbers += 1
        fields: dict[str, Any] = {
            "callId": f"r{self.numbers}@x",
            "branch": f"r{self.numbers}",
            "uri": "sip:72@192.0.2.10:5070",
        }
        self.gateway.endpoint.received(request(method, **fields).encode(), PHONE)
        (response, *_) = self.wire.take()
        if status(response) == 503:
            self.assertEqual(header(response, "Retry-After"), "5")
        return status(response), header(response, "Warning")

    def assertNotReady(self, words: str) -> None:
        for method in ("OPTIONS", "INVITE"):
            code, warning = self.ask(method)
            self.assertEqual(code, 503, (method, words))
            self.assertTrue(warning.startswith('399 ichat-gw "') and words in warning, warning)
        self.assertIn(words, self.gateway.readiness.trouble())

    @slow
    def test_ready(self) -> None:
        """A gateway that is ready says so, and takes calls."""
        self.assertEqual(self.ask("OPTIONS"), (200, ""))
        self.assertEqual(self.ask("INVITE"), (100, ""))
        self.assertEqual(self.gateway.readiness.troubles, ())

    def test_link(self) -> None:
        """Without its link to the XMPP server it is not ready."""
        self.patch(Link, "trouble", 'connection "refused"\r\nX: y')
        self.gateway.link.wasUp = True
        self.assertNotReady("XMPP link: connection")

    def test_neverLinked(self) -> None:
        """Until the link has been up once, phones call phones, and others hear that the gateway is not ready."""
        self.patch(Link, "trouble", "it has not answered yet")
        self.assertEqual(self.gateway.readiness.trouble(), "XMPP link: it has not answered yet")
        self.assertEqual(self.ask("OPTIONS"), (200, ""))
        self.assertEqual(self.ask("INVITE"), (100, ""))

    def test_phonesAlone(self) -> None:
        """A gateway that has no rule to or from XMPP is ready without a link, and after it was lost."""
        self.patch(Link, "trouble", "it has not answered yet")
        self.gateway = self.make(("^sip:([0-9]+)@", "sip:$1@192.0.2.78"))
        self.assertEqual(self.gateway.readiness.troubles, ())
        self.gateway.link.wasUp = True
        self.assertEqual((self.ask("OPTIONS"), self.gateway.readiness.troubles), ((200, ""), ()))

    @slow
    def test_drain(self) -> None:
        """It is not while it drains, nor when it stops."""
        self.gateway.switch.drain()
        self.assertNotReady("calls: the gateway is draining")
        self.gateway.switch.stopService()
        self.assertNotReady("calls: the gateway is stopping")

    def test_ports(self) -> None:
        """It is not when there is no media port left."""
        self.patch(MediaEngine, "hasRoom", False)
        self.assertNotReady("no media port is free")

    def test_maxCalls(self) -> None:
        """It is not when as many calls are up as there may be."""
        self.gateway.switch.maxCalls = 1
        self.ask("INVITE")
        self.assertEqual(self.gateway.switch.live, 1)
        self.assertNotReady("MaxCalls")

    @slow
    def test_memory(self) -> None:
        """It is not when memory is short."""
        self.gateway.switch.limits.hasRoom = lambda: False
        self.assertNotReady("memory is short")

    def test_late(self) -> None:
        """It is not when its reactor does not get along with what there is to do."""
        self.patch(Turns, "isLate", True)
        self.assertEqual(self.ask("OPTIONS")[0], 503)
        self.assertEqual(self.ask("INVITE")[0], 503)
        self.assertIn("too much to do", self.gateway.readiness.trouble())

    def test_files(self) -> None:
        """It is not when too few files can be opened."""
        self.patch(Files, "trouble", "1024 of 1024 are open")
        self.assertNotReady("files: 1024 of 1024 are open")

    def test_sockets(self) -> None:
        """It is not when a socket has gone."""
        self.wire.missing = "the UDP socket of SIP has gone"
        self.assertNotReady("sockets: the UDP socket of SIP has gone")

    def test_callers(self) -> None:
        """A limit of one caller, or of one second, is none of the gateway: others are told that it is ready."""
        self.gateway.switch.limits.perCaller = self.gateway.switch.limits.perSecond = 1
        self.ask("INVITE")
        self.assertEqual(self.ask("INVITE")[0], 503)
        self.assertEqual(self.ask("OPTIONS"), (200, ""))

    def test_userOfXMPP(self) -> None:
        """While it drains a call of a user of XMPP is refused for the same reason, and may be tried again."""
        self.gateway.switch.drain()
        leg = FakeLeg()
        self.gateway.switch.arrived(leg, arrivalOf(leg, "xmpp:72@gw.example"))
        (ending,) = leg.hangups
        self.assertEqual(ending.reason, EndReason.SHUTDOWN)
        self.assertTrue(ending.retryAfter)
