# -*- test-case-name: ichatgw.test.jingle.test_selection -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.jingle.selection} and L{ichatgw.xmpp.calleraddress}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID

from ichatgw.errors import NoRoute
from ichatgw.jingle.selection import Targets, select, transportFor
from ichatgw.jingle.stanzas.namespaces import NS_DTLS, NS_ICE_UDP, NS_RAW_UDP
from ichatgw.model import ANONYMOUS, Party, TransportKind
from ichatgw.test.support.clients.jingles import ALICE, COMPONENT, LAPTOP, MESSAGES, PHONE, SESSIONS, FakeClients
from ichatgw.xmpp.calleraddress import callerJID

SERVED = frozenset({NS_ICE_UDP})


class SelectTests(SynchronousTestCase):
    """How the clients of a user are called."""

    def test_kinds(self) -> None:
        """Messages for those who know them or may, sessions for those who know only these, nothing for the others."""
        for known, expected in (
            ({PHONE: MESSAGES, LAPTOP: MESSAGES}, Targets(True, (), True, True)),
            ({PHONE: MESSAGES, LAPTOP: SESSIONS}, Targets(True, (LAPTOP,), True, True)),
            ({PHONE: SESSIONS}, Targets(False, (PHONE,), False, True)),
            ({PHONE: None}, Targets(True, (), False, True)),
            ({PHONE: frozenset({"urn:xmpp:jingle:1"})}, Targets(False, (), False, True)),
            ({}, Targets(True, (), False, False)),
        ):
            self.assertEqual(select(FakeClients(dict(known)), ALICE, SERVED), expected)

    def test_iChat(self) -> None:
        """An iChat is called otherwise, whatever it says of itself."""
        self.assertEqual(
            select(FakeClients({PHONE: MESSAGES}, {PHONE}), ALICE, SERVED), Targets(False, (), False, True)
        )

    def test_otherTransports(self) -> None:
        """A client that shares no transport with us cannot be called, whatever else it can."""
        clients = FakeClients({PHONE: MESSAGES, LAPTOP: SESSIONS})
        self.assertEqual(select(clients, ALICE, frozenset({"urn:other"})), Targets(False, (), False, True))

    def test_transports(self) -> None:
        """Each is offered the best that it has; who says nothing of itself is taken for a client of today."""
        both = SERVED | {NS_RAW_UDP}
        for features, served, expected in (
            (None, both, TransportKind.DTLS),
            (SESSIONS | {NS_DTLS, NS_RAW_UDP}, both, TransportKind.DTLS),
            (SESSIONS | {NS_RAW_UDP}, both, TransportKind.KEYS),
            (frozenset({NS_RAW_UDP}), both, TransportKind.RAW),
            (frozenset({NS_RAW_UDP}), SERVED, TransportKind.KEYS),
        ):
            self.assertIs(transportFor(features, served), expected)

    def test_one(self) -> None:
        """A full address names one client."""
        clients = FakeClients({PHONE: MESSAGES, LAPTOP: SESSIONS})
        self.assertEqual(select(clients, LAPTOP, SERVED), Targets(False, (LAPTOP,), False, True))
        self.assertEqual(select(clients, JID(f"{ALICE.full()}/other"), SERVED), Targets(True, (), False, False))


class CallerTests(SynchronousTestCase):
    """Under which address a caller calls."""

    def caller(self, uri: str, **routes: str) -> str:
        def translate(address: str) -> str:
            found = routes.get(address.partition(":")[2].partition("@")[0].replace("+", "p"))
            if found is None:
                raise NoRoute(address)
            return found

        return str(callerJID(Party(uri), COMPONENT, translate).full())

    def test_short(self) -> None:
        """Who is called back under his user part alone has that; others are named with their domain."""
        self.assertEqual(self.caller("sip:72@sip.example", **{"72": "sip:72@sip.example"}), f"72@{COMPONENT}/gw")
        self.assertEqual(
            self.caller("sip:72@other.example", **{"72": "sip:72@sip.example"}), f"72\\40other.example@{COMPONENT}/gw"
        )
        self.assertEqual(self.caller("sip:%2B49@sip.example"), f"+49\\40sip.example@{COMPONENT}/gw")

    def test_ways(self) -> None:
        """
        A rule that says by which way somebody is reached says of nobody else who he is: port, parameters, headers, the
        letter case of the domain and escapes do not count; another user or domain does.
        """
        for back in (
            "sip:101@sip.example;transport=udp",
            "sip:101@sip.example:5070",
            "sips:101@SIP.Example:5061;transport=tls;lr",
            "sip:101@sip.example?Subject=x",
            "sip:%3101@sip.example;maddr=192.0.2.1",
        ):
            self.assertEqual(self.caller("sip:101@sip.example", **{"101": back}), f"101@{COMPONENT}/gw", back)
            self.assertEqual(self.caller("sip:101@sip.example:5062", **{"101": back}), f"101@{COMPONENT}/gw", back)
        for back in ("sip:102@sip.example", "sip:101@example", "sip:101@sip.example.org;x=@sip.example", "xmpp:101@x"):
            self.assertEqual(self.caller("sip:101@sip.example", **{"101": back}), f"101\\40sip.example@{COMPONENT}/gw")
        self.assertEqual(self.caller("sip:7@[2001:db8::1]:5060", **{"7": "sip:7@[2001:db8::1]"}), f"7@{COMPONENT}/gw")

    def test_trunk(self) -> None:
        """
        Who has come by a trunk has the short address if that leads to this trunk, whatever host they name; nobody from
        outside has that of a phone here.
        """
        for back, short in (
            ("sip:+4917@first,second", True),
            ("sip:+4917@Second", True),
            ("sip:+4917@third", False),
            ("sip:+4918@second", False),
            ("sip:+4917@p.example", False),
            ("xmpp:+4917@second", False),
        ):

            def translate(address: str, back: str = back) -> str:
                return back

            caller = Party("sip:+4917@p.example", trunk="second")
            expected = "+4917" if short else "+4917\\40p.example"
            self.assertEqual(callerJID(caller, COMPONENT, translate).full(), f"{expected}@{COMPONENT}/gw", back)

    def test_odd(self) -> None:
        """What an XMPP address cannot hold is escaped; who has no address, or an impossible one, is anonymous."""
        self.assertEqual(self.caller("sip:a%20b&c@sip.example"), f"a\\20b\\26c\\40sip.example@{COMPONENT}/gw")
        for uri in ("sip:sip.example", f"sip:{'x' * 2000}@sip.example", ANONYMOUS.uri):
            self.assertEqual(self.caller(uri), f"anonymous@{COMPONENT}/gw")

    def test_user(self) -> None:
        """A user of XMPP who calls through the gateway has their address folded."""
        self.assertEqual(self.caller("xmpp:bob@jabber.example"), f"bob\\40jabber.example@{COMPONENT}/gw")
