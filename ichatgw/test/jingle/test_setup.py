# -*- test-case-name: ichatgw.test.jingle.test_setup -*-
# mypy: allow-untyped-calls
"""
How the Jingle side is put together.
"""

from __future__ import annotations

from typing import Any, cast

from attrs import evolve
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.settings import Settings
from ichatgw.errors import NoLink
from ichatgw.gateway.build import gateway
from ichatgw.gateway.service import Gateway
from ichatgw.interfaces import ILeg
from ichatgw.jingle.protocol import JingleProtocol
from ichatgw.jingle.setup import phoneOf, servedBy
from ichatgw.model import Party
from ichatgw.test.marks import slow
from ichatgw.test.support.streams import HEADER, acceptLast, parse, refuseLast
from ichatgw.xmpp.caps.entity import PHONE_FEATURES
from ichatgw.xmpp.caps.queries import shown
from ichatgw.xmpp.dialer import XMPPDialer
from ichatgw.xmpp.presence.presence import Resource
from ichatgw.xmpp.stanzas import parseJID

SETTINGS = Settings(
    jabberServer="127.0.0.1",
    jabberComponentName="gw.example",
    jabberComponentPassword="s3cret",
    subscriptionDatabase="none",
    ipAddress="127.0.0.1",
    translationRules=((r"^xmpp:(\d+)@gw", "sip:$1@192.0.2.77"), (r"^sip:([a-z]+)@", "xmpp:$1@example")),
)
OFF = evolve(SETTINGS, jingle=False, jinglePlainMedia=True)
PLAIN = evolve(SETTINGS, jinglePlainMedia=True)
ICE, RAW = "urn:xmpp:jingle:transports:ice-udp:1", "urn:xmpp:jingle:transports:raw-udp:1"


def part(made: Gateway, kind: type) -> Any:
    """The handler of that kind."""
    return next((one for one in made.link if isinstance(one, kind)), None)


class JingleTests(SynchronousTestCase):
    """The real parts, not started."""

    @slow
    def test_off(self) -> None:
        """If it is not wanted there is no trace of Jingle."""
        made = gateway(MemoryReactorClock(), OFF)
        self.assertIsNone(phoneOf(OFF))
        self.assertIsNone(part(made, JingleProtocol))
        self.assertNotIsInstance(cast(Any, made.switch)._dialers["xmpp"].ways.users, XMPPDialer)

    @slow
    def test_noLink(self) -> None:
        """While there is no link to the XMPP server a call to one of its users is refused at once, and says why."""
        for settings in (OFF, SETTINGS):
            reactor = MemoryReactorClock()
            made = gateway(reactor, settings)
            made.link.startService()
            dialer = cast(Any, made.switch)._dialers["xmpp"]
            for why in ("it has not answered yet", "Connection was closed cleanly: refused"):
                problem = self.assertRaises(NoLink, dialer.dial, "xmpp:alice@example", Party("sip:bell@192.0.2.7"))
                self.assertEqual(str(problem), f"no link to the XMPP server: {why}")
                if reactor.tcpClients:
                    refuseLast(reactor)
            reactor.advance(0.5)
            acceptLast(reactor).shakeHands()
            self.assertTrue(ILeg.providedBy(dialer.dial("xmpp:alice@example", Party("sip:bell@192.0.2.7"))))

    def test_proceeding(self) -> None:
        """JingleProceedingTimeout is in milliseconds."""
        made = gateway(MemoryReactorClock(), evolve(SETTINGS, jingleProceedingTimeout=2500))
        self.assertEqual(part(made, JingleProtocol)._options.proceedingTimeout, 2.5)

    def test_on(self) -> None:
        """By default users of XMPP are dialled by what they have, and their calls go to the switch."""
        made = gateway(MemoryReactorClock(), SETTINGS)
        chooser = cast(Any, made.switch)._dialers["xmpp"].ways.users
        protocol = part(made, JingleProtocol)
        self.assertIs(chooser.jingle.dialer, protocol)
        self.assertIs(protocol.arrivals, made.switch)

    def test_features(self) -> None:
        """What our addresses say of themselves: ICE and DTLS, and raw UDP only if plain media is allowed."""
        phone, plain = phoneOf(SETTINGS), phoneOf(PLAIN)
        assert phone is not None and plain is not None
        self.assertEqual(phone.features, PHONE_FEATURES | {ICE, "urn:xmpp:jingle:apps:dtls:0"})
        self.assertEqual(plain.features, phone.features | {RAW})
        self.assertEqual((servedBy(SETTINGS), servedBy(PLAIN)), ({ICE}, {ICE, RAW}))

    def test_stunServer(self) -> None:
        """A STUN server is asked if one is set."""
        for server, isAsked in ((None, False), (("stun.example", 0), True)):
            protocol = part(gateway(MemoryReactorClock(), evolve(SETTINGS, stunServer=server)), JingleProtocol)
            self.assertIs(protocol.calls.transports._stunServers is not None, isAsked)

    def test_plainMedia(self) -> None:
        """Transports without protection are made only if the setting allows it."""
        for settings, allowed in ((SETTINGS, False), (PLAIN, True)):
            protocol = part(gateway(MemoryReactorClock(), settings), JingleProtocol)
            self.assertIs(protocol.calls.transports._shared.allowPlain, allowed)
            self.assertEqual(protocol._options.served, servedBy(settings))

    def test_call(self) -> None:
        """A client that calls a number is told of it through the whole gateway."""
        reactor = MemoryReactorClock()
        made = gateway(reactor, evolve(SETTINGS, maxCalls=0))
        cast(Any, made.link).startService()
        server = acceptLast(reactor)
        server.send(HEADER)
        server.send("<handshake/>")
        server.take()
        server.send(
            "<message from='alice@example/x' to='none@gw.example' id='1'><propose xmlns='urn:xmpp:jingle-message:0'"
            " id='s1'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose></message>"
        )
        answer, reject = parse(f"<all>{server.take()}</all>").elements()
        self.assertEqual((answer["type"], answer["to"]), ("error", "alice@example/x"))
        self.assertIn("item-not-found", answer.toXml())
        self.assertEqual((reject["to"], reject["from"]), ("alice@example/x", "none@gw.example/gw"))
        self.assertIn("<gone/>", reject.toXml())
        cast(Any, made.link).stopService()

    def test_takesCalls(self) -> None:
        """Users with iChats, or clients that share a transport with us, are registered; others are not."""
        made = gateway(MemoryReactorClock(), SETTINGS)
        online = next(one for one in made.link if type(one).__name__ == "PresenceRegistrations")
        takes = cast(Any, online)._takesCalls
        jid = parseJID("alice@example/x")
        self.assertTrue(takes(Resource(jid, "", 0, "apple:ichat:caps", "1", frozenset())))
        client = Resource(jid, "", 0, "n", "v", frozenset())
        self.assertFalse(takes(client))
        capabilities = takes.__self__.capabilities
        for features, expected in (
            (PHONE_FEATURES, False),
            (PHONE_FEATURES | {RAW}, False),
            (PHONE_FEATURES | {ICE}, True),
        ):
            capabilities._users.own.put(jid, (shown(client), features))
            self.assertIs(takes(client), expected)
