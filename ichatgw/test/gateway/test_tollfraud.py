"""
Every way to a call that costs money, without the right to make one: a whole gateway, a trunk that can be paid for, and
hosts that may not call.
"""

from __future__ import annotations

from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reading.credentials import Credentials
from ichatgw.config.settings import Settings
from ichatgw.gateway import build, callside, sipside
from ichatgw.media.engine import MediaEngine
from ichatgw.model import TransportAddress
from ichatgw.sip.auth.digest import answer, challenges
from ichatgw.sip.transport.target import Transport
from ichatgw.test.marks import slow
from ichatgw.test.support.clients.ichats import ICHAT_DATA
from ichatgw.test.support.media.fakes import FakeNetwork
from ichatgw.test.support.sip.sipwire import GATEWAY, PHONE, PHONE_SDP, FakeWire, header, request, respond, status
from ichatgw.test.support.streams import ServerSide, acceptLast
from ichatgw.xmpp.link.component import Link

TRUNK = TransportAddress("192.0.2.88", 5060)
STRANGER = TransportAddress("203.0.113.9", 5060)
NUMBER = "sip:+49900123@192.0.2.10:5070"
USER = "scott@chat.example"


class Wire(FakeWire):
    """One that is never late."""

    lag = 0.0


class Fraud(SynchronousTestCase):
    """
    C{PHONE} may call, and so may users of C{chat.example}; numbers go to C{TRUNK}, C{friend} is called at C{STRANGER}.
    """

    def setUp(self) -> None:
        users = Path(self.mktemp())
        users.write_text("alice wonder\n")
        users.chmod(0o600)
        self.settings = Settings(
            jabberServer="127.0.0.1",
            jabberComponentName="gw.chat.example",
            jabberComponentPassword="secret",
            ipAddress=GATEWAY.host,
            sipUsers=str(users),
            allowedSIPPeers=(ip_network("192.0.2.77/32"),),
            translationRules=(
                (r"^(?:sip|sips|xmpp):(\+?[0-9]+)@", f"sip:$1@{TRUNK.host}"),
                (r"^tel:(\+?[0-9]+)", f"sip:$1@{TRUNK.host}"),
                (r"^urn:service:sos", f"sip:112@{TRUNK.host}"),
                (r"^(?:sip|xmpp):friend@", f"sip:friend@{STRANGER.host}"),
                (r"^sip:juliet@", "xmpp:juliet@chat.example"),
            ),
            subscriptionDatabase="none",
            registrationTime=0,
        )
        self.begin()

    def begin(self, **changes: Any) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.wire = Wire()
        network = FakeNetwork()
        self.patch(sipside, "UDPWire", lambda *arguments: self.wire)
        self.patch(Link, "trouble", "")  # it is up
        self.patch(callside, "MediaEngine", partial(MediaEngine, readers=network, makeSocket=network.makeSocket))
        self.gateway = build.gateway(self.reactor, evolve(self.settings, **changes))
        self.gateway.switch.startService()
        self.numbers = 0
        self.paid: list[str] = []
        self.rung: set[str] = set()

    def send(self, text: str, source: TransportAddress = STRANGER, transport: Transport = Transport.UDP) -> list[str]:
        """A message comes; what went out because of it?"""
        self.gateway.endpoint.received(text.encode(), source, transport)
        self.reactor.pump([0.1] * 4)
        return self.sent()

    def sent(self) -> list[str]:
        taken = self.wire.sent
        self.wire.sent = []
        self.paid += [text for text, where in taken if where == TRUNK]
        return [text for text, _ in taken]

    def invite(self, uri: str = NUMBER, **changes: Any) -> str:
        """An INVITE, unlike any before."""
        self.numbers += 1
        fields = {"to": f"<{uri}>", "callId": f"fraud-{self.numbers}@x", "branch": f"fraud{self.numbers}"}
        return request("INVITE", uri=uri, **{**fields, **changes})

    def assertNothing(self, what: object = "") -> None:
        """Nothing was asked of the trunk: no INVITE, and nothing else either."""
        self.sent()
        self.assertEqual(self.paid, [], what)

    def finals(self, sent: list[str]) -> list[int]:
        return [status(text) for text in sent if status(text) >= 200]

    def answered(self, uri: str = "sip:friend@192.0.2.10:5070") -> tuple[str, str]:
        """
        C{PHONE} calls C{STRANGER}, who answers.

        @return: our INVITE to the stranger, and our 200 to the phone.
        """
        invite = self.ring(uri)
        sent = self.send(respond(invite, 200, "OK", body=PHONE_SDP, extra=f"Contact: <sip:friend@{STRANGER}>\r\n"))
        (ok,) = [text for text in sent if status(text) == 200]
        self.numbers += 1
        callId = header(ok, "Call-ID")
        self.send(request("ACK", to=header(ok, "To"), callId=callId, branch=f"a{self.numbers}", body=None), PHONE)
        return invite, ok

    def ring(self, uri: str = "sip:friend@192.0.2.10:5070") -> str:
        """C{PHONE} calls C{STRANGER}, and that is our INVITE to it."""
        before = self.rung
        sent = self.send(self.invite(uri), PHONE)
        self.rung = before | {header(text, "Call-ID") for text in sent if text.startswith("INVITE")}
        (invite,) = [text for text in sent if text.startswith("INVITE") and header(text, "Call-ID") not in before]
        return invite

    def within(self, invite: str, method: str, **changes: Any) -> str:
        """A request of the stranger in the dialog of our INVITE to it."""
        self.numbers += 1
        tag = "" if "tag=" in header(invite, "To") else ";tag=b1"
        fields = {
            "uri": "sip:alice@192.0.2.10:5070",
            "to": header(invite, "From"),
            "from_": header(invite, "To") + tag,
            "callId": header(invite, "Call-ID"),
            "cseq": 100 + self.numbers,
            "branch": f"within{self.numbers}",
            "contact": f"<sip:friend@{STRANGER}>",
        }
        return request(method, **{**fields, **changes})

    def login(self, uri: str = NUMBER, password: str = "wonder", method: str = "INVITE") -> str:
        """The header with which C{STRANGER} logs in."""
        asked = next(text for text in self.send(self.invite(uri)) if status(text) == 401)
        challenge = challenges([header(asked, "WWW-Authenticate")])[0]
        return f"Authorization: {answer(challenge, Credentials('alice', password), method, uri)}\r\n"

    def jabber(self) -> ServerSide:
        """The XMPP server's end."""
        self.gateway.link.startService()
        self.addCleanup(self.gateway.link.stopService)
        server = acceptLast(self.reactor)
        server.shakeHands()
        return server


class RightTests(Fraud):
    """Those who may call do: else these tests would prove nothing."""

    @slow
    def test_phone(self) -> None:
        """A host that may call reaches the trunk, with each kind of address."""
        for uri in (NUMBER, "tel:+49900123", "urn:service:sos"):
            self.begin()
            self.send(self.invite(uri), PHONE)
            self.assertEqual([text.split(" ")[0] for text in self.paid[:1]], ["INVITE"], uri)

    def test_login(self) -> None:
        """So does a user who logs in."""
        login = self.login()
        self.assertNothing()
        self.send(self.invite(extra=login))
        self.assertTrue(self.paid[0].startswith("INVITE"))


class InviteTests(Fraud):
    """INVITEs of a host that may not call."""

    @slow
    def test_forged(self) -> None:
        """Whatever a stranger writes into an INVITE does not make it one who may call."""
        peer = f"sip:pbx@{PHONE.host}"
        for extra in (
            f"Route: <sip:{TRUNK.host};lr>\r\n",
            f"Route: <sip:192.0.2.10:5070;lr>, <sip:{TRUNK.host};lr>\r\n",
            f"Record-Route: <sip:{PHONE.host};lr>\r\n",
            f"P-Asserted-Identity: <{peer}>\r\n",
            f"P-Preferred-Identity: <{peer}>\r\n",
            f"Remote-Party-ID: <{peer}>;party=calling;screen=yes\r\n",
            f"Referred-By: <{peer}>\r\n",
            f"Diversion: <{peer}>;reason=unconditional\r\n",
            f"History-Info: <{peer}>;index=1\r\n",
            f"Path: <sip:{PHONE.host};lr>\r\n",
            f"Via: SIP/2.0/UDP {PHONE.host}:5060;branch=z9hG4bKinner\r\n",
            "Authorization: Digest\r\n",
            'Authorization: Digest username="alice", realm="gw.chat.example", nonce="", uri="", response=""\r\n',
            'Proxy-Authorization: Digest username="alice", realm="gw.chat.example", nonce="1", response="2"\r\n',
            "Require: 100rel\r\n",
            "Privacy: id\r\n",
        ):
            self.assertNotIn(200, self.finals(self.send(self.invite(extra=extra))), extra)
            self.assertNothing(extra)

    @slow
    def test_via(self) -> None:
        """Nor does a Via, with its own C{received} and C{rport}, that names one who may."""
        for via in (
            f"{PHONE.host}:5060;branch=z9hG4bKa1",
            f"{STRANGER.host}:5060;branch=z9hG4bKa2;received={PHONE.host}",
            f"{STRANGER.host}:5060;branch=z9hG4bKa3;received={PHONE.host};rport=5060",
            "192.0.2.10:5070;branch=z9hG4bKa4",
            "localhost;branch=z9hG4bKa5;maddr=192.0.2.77",
        ):
            lines = [
                f"Via: SIP/2.0/UDP {via}" if line.startswith("Via:") else line for line in self.invite().split("\r\n")
            ]
            self.send("\r\n".join(lines))
            self.assertNothing(via)

    def test_names(self) -> None:
        """Nor do From, Contact and To, be they of one who may, of the gateway itself or of the trunk."""
        for host in (PHONE.host, "192.0.2.10", TRUNK.host, "gw.chat.example", "chat.example"):
            for name in ("alice", "+49900123", "ichat-gw"):
                self.send(
                    self.invite(
                        from_=f"<sip:{name}@{host}>;tag=f",
                        contact=f"<sip:{name}@{host}>",
                        to=f"<sip:{name}@{host}>",
                    )
                )
                self.assertNothing((name, host))

    @slow
    def test_addresses(self) -> None:
        """Nor does another kind of address, or one kind in the Request-URI and another one in To."""
        for uri in (
            NUMBER,
            "sips:+49900123@192.0.2.10",
            "tel:+49900123",
            "tel:900123;phone-context=+49",
            "urn:service:sos",
            f"sip:+49900123@{TRUNK.host}",
            f"sip:+49900123@192.0.2.10;maddr={TRUNK.host}",
            "sip:juliet@192.0.2.10",
            "sip:192.0.2.10",
        ):
            for to in ("<sip:juliet@192.0.2.10>", f"<{NUMBER}>", "<tel:+49900123>", "<urn:service:sos>"):
                self.send(self.invite(uri, to=to))
                self.assertNothing((uri, to))

    def test_transports(self) -> None:
        """Nor does a connection."""
        for transport in (Transport.TCP, Transport.TLS):
            self.send(self.invite().replace("SIP/2.0/UDP", f"SIP/2.0/{transport.name}"), transport=transport)
            self.assertNothing(transport)

    def test_withoutOffer(self) -> None:
        """Nor does an INVITE without an offer, or one that cannot be answered."""
        for changes in ({"body": None}, {"body": "v=0\r\n"}, {"extra": "Require: nothing\r\n"}):
            self.send(self.invite(**changes))
            self.assertNothing(changes)

    @slow
    def test_oftenEnough(self) -> None:
        """Nor do many of them, with one Call-ID or with many."""
        for number in range(100):
            self.send(self.invite(callId="one@x" if number % 2 else f"{number}@x"))
        self.assertNothing()

    @slow
    def test_guessed(self) -> None:
        """A short password is not found by trying all, with one challenge or with one for each, by any method."""
        for method in ("INVITE", "REFER"):
            self.begin()
            asked = next(text for text in self.send(self.invite()) if status(text) == 401)
            challenge = challenges([header(asked, "WWW-Authenticate")])[0]
            for password in [*map(str, range(200)), "wonder"]:
                login = answer(challenge, Credentials("alice", password), method, NUMBER)
                text = self.invite(extra=f"Authorization: {login}\r\nRefer-To: <{NUMBER}>\r\n")
                self.gateway.endpoint.received(text.replace("INVITE", method).encode(), STRANGER)
                self.reactor.advance(0.01)
            self.reactor.pump([0.1] * 4)
            self.assertNothing(method)

    def test_stolenLogin(self) -> None:
        """A login that was listened to is of no use: from elsewhere, for another address, or for another call."""
        login = self.login("sip:juliet@192.0.2.10")
        self.send(self.invite(extra=login))
        self.assertNothing("another address")
        login = self.login()
        self.send(self.invite(extra=login), TransportAddress("203.0.113.66", 5060))
        self.assertNothing("another host")
        self.send(self.invite(extra=login))
        self.sent()
        self.assertTrue(self.paid)
        self.begin()
        self.send(self.invite(extra=login))
        self.assertNothing("another process")
        login = self.login()
        self.send(self.invite("tel:+49900123", extra=login))
        self.assertNothing("the same number, written otherwise")
        self.send(self.invite(extra=login))
        (first,) = {header(text, "Call-ID") for text in self.paid if text.startswith("INVITE")}
        self.send(self.invite(extra=login))
        self.sent()
        self.assertEqual({header(text, "Call-ID") for text in self.paid if text.startswith("INVITE")}, {first})

    def test_otherMethods(self) -> None:
        """No other method has a call made, or anything sent to the trunk."""
        for method in ("REFER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "INFO", "UPDATE", "PRACK", "REGISTER"):
            for extra in ("", f"Refer-To: <{NUMBER}>\r\n", f"Route: <sip:{TRUNK.host};lr>\r\nEvent: refer\r\n"):
                self.numbers += 1
                self.send(
                    request(method, uri=NUMBER, callId=f"m{self.numbers}", branch=f"m{self.numbers}", extra=extra)
                )
                self.assertNothing((method, extra))

    def test_guessedContact(self) -> None:
        """A stranger who guesses the Contact that somebody is registered with calls nobody by it, and pays nothing."""
        self.begin(registrationTime=3600)
        for user in ("scott", "juliet", "friend", "+49900123"):
            sent = self.send(self.invite(f"sip:{user}@192.0.2.10:5070;transport=udp"))
            self.assertEqual([text for text in sent if text.startswith("INVITE")], [], user)
            self.assertNothing(user)


class MidcallTests(Fraud):
    """A stranger who is in a call, as somebody has called it."""

    def test_refer(self) -> None:
        """A REFER in the dialog is refused, whatever it names, and whatever Referred-By says."""
        invite, _ = self.answered()
        for target in (NUMBER, "tel:+49900123", f"sip:+49900123@{TRUNK.host}", "urn:service:sos"):
            for extra in ("", f"Referred-By: <sip:pbx@{PHONE.host}>\r\n", "Refer-Sub: false\r\n"):
                sent = self.send(self.within(invite, "REFER", extra=f"Refer-To: <{target}>\r\n{extra}", body=None))
                self.assertEqual(self.finals(sent)[-1:], [403], (target, extra))
                self.assertNothing((target, extra))

    def test_referElsewhere(self) -> None:
        """A REFER outside of it is refused, too, even if it names the dialog of the stranger, or that of the caller."""
        invite, ok = self.answered()
        for message in (invite, ok):
            tags = [header(message, name).partition("tag=")[2] or "b1" for name in ("From", "To")]
            for first, second in (tags, tags[::-1]):
                self.numbers += 1
                named = f"Target-Dialog: {header(message, 'Call-ID')};local-tag={first};remote-tag={second}\r\n"
                sent = self.send(
                    request(
                        "REFER",
                        callId=f"refer-{self.numbers}",
                        branch=f"refer{self.numbers}",
                        extra=f"Refer-To: <{NUMBER}>\r\n{named}",
                    )
                )
                self.assertIn(self.finals(sent)[-1], (401, 403))
                self.assertNothing()

    @slow
    def test_replaces(self) -> None:
        """An INVITE with Replaces or Join takes nobody's place, and has nobody called."""
        invite, ok = self.answered()
        for message in (invite, ok):
            tags = [header(message, name).partition("tag=")[2] or "b1" for name in ("From", "To")]
            for first, second in (tags, tags[::-1]):
                for name in ("Replaces", "Join"):
                    value = f"{header(message, 'Call-ID')};from-tag={first};to-tag={second}"
                    sent = self.send(self.invite(extra=f"{name}: {value}\r\n"))
                    self.assertNotIn(200, self.finals(sent))
                    self.assertNothing((name, value))
        (call,) = self.gateway.switch.calls
        self.assertEqual(call.caller.party.user, "alice")

    @slow
    def test_redirection(self) -> None:
        """Who is called, and may not call, leads nobody to another host: not by a Contact, nor by what is in one."""
        for contact in (
            f"<sip:+49900123@{TRUNK.host}>",
            f"<{NUMBER}>",
            f"<sip:+49900123@{STRANGER.host};maddr={TRUNK.host}>",
            f"<sip:friend@{STRANGER.host}?Route=%3Csip:{TRUNK.host}%3E>",
            f"<tel:+49900123>, <sip:1@{TRUNK.host}>;q=0.1",
            f"<sips:+49900123@{TRUNK.host}>",
        ):
            for code in (300, 301, 302, 305, 380):
                self.begin()
                invite = self.ring()
                self.send(respond(invite, code, "Elsewhere", extra=f"Contact: {contact}\r\n"))
                self.assertNothing((code, contact))

    def test_challenge(self) -> None:
        """Who is called does not learn our logins for the trunk, whose realm and domain it names."""
        credentials = Path(self.mktemp())
        credentials.write_text(f"{TRUNK.host} gw tiger\n")
        credentials.chmod(0o600)
        self.begin(sipCredentials=str(credentials))
        invite = self.ring()
        asks = f'Digest realm="{TRUNK.host}", nonce="1", qop="auth"'
        for code, name in ((401, "WWW-Authenticate"), (407, "Proxy-Authenticate")):
            sent = self.send(respond(invite, code, "No", extra=f"{name}: {asks}\r\n"))
            self.assertEqual([text for text in sent if "uthorization:" in text], [])
        self.assertNothing()

    def test_reinvite(self) -> None:
        """Another host that knows a dialog by name changes nothing in it, and places no call by it."""
        invite, _ = self.answered()
        for method in ("INVITE", "UPDATE", "BYE", "INFO"):
            text = self.within(invite, method, to=f"<{NUMBER}>;tag=guess", uri=NUMBER)
            self.assertEqual(self.finals(self.send(text, TransportAddress("203.0.113.66", 5060)))[-1:], [481], method)
            self.assertNothing(method)


class IChatTests(Fraud):
    """The way of iChats, who call by stanzas and then by an INVITE from anywhere."""

    def viceroy(self, caller: str = USER, called: str = "+49900123@gw.chat.example", **changes: Any) -> str:
        return self.invite(
            "sip:user@192.0.2.10:5070",
            to=f'"{called}" <sip:user@192.0.2.10:5070>',
            from_=f'"{caller}" <sip:user@{STRANGER}>;tag=1',
            extra="User-Agent: Viceroy 1.4.1\r\n",
            **changes,
        )

    def ask(self, server: ServerSide, caller: str, data: str = ICHAT_DATA) -> None:
        """An iChat's request."""
        server.send(
            f"<iq type='set' id='iChat_1' from='{caller}/iChat' to='+49900123@gw.chat.example'>"
            f"<query xmlns='apple:iq:vc:request'><VCNewCallerIPPortData>{data}</VCNewCallerIPPortData>"
            "<isAudioOnly>1</isAudioOnly><VCProtocolVersion>1</VCProtocolVersion></query></iq>"
        )
        self.reactor.pump([0.1] * 4)

    def test_unasked(self) -> None:
        """An INVITE that looks like an iChat's calls nobody when nobody waits for it, whatever it says."""
        for caller in (USER, "nobody@elsewhere.example", ""):
            self.send(self.viceroy(caller))
            self.assertNothing(caller)
        self.send(self.invite(NUMBER, extra="User-Agent: Viceroy 1.4.1\r\n"))
        self.assertNothing()

    def test_otherDomain(self) -> None:
        """A user of another domain has no call placed by asking as an iChat."""
        server = self.jabber()
        for caller in ("mallory@elsewhere.example", "mallory@chat.example.evil", "mallory@xchat.example"):
            self.ask(server, caller)
            self.assertNothing(caller)

    def test_user(self) -> None:
        """One who may call does; a stranger who knows both names does not get the call that is paid for."""
        server = self.jabber()
        self.ask(server, USER)
        self.sent()
        invites = [text for text in self.paid if text.startswith("INVITE")]
        self.assertEqual(len(invites), 1)
        self.assertNotIn(200, self.finals(self.send(self.viceroy())))
        self.send(respond(invites[0], 200, "OK", body=PHONE_SDP), TRUNK)
        sent = self.send(self.viceroy())
        self.assertNotIn(200, self.finals(sent))

    def test_jingle(self) -> None:
        """A user of another domain has no call placed by Jingle, proposed or begun at once."""
        server = self.jabber()
        for stanza in (
            "<message from='mallory@elsewhere.example/x' to='+49900123@gw.chat.example'>"
            "<propose xmlns='urn:xmpp:jingle-message:0' id='a'>"
            "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose></message>",
            "<iq type='set' id='1' from='mallory@elsewhere.example/x' to='+49900123@gw.chat.example/phone'>"
            "<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='a'>"
            "<content name='v' creator='initiator'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>"
            "<payload-type id='0' name='PCMU' clockrate='8000'/></description>"
            "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='a' pwd='b'/></content></jingle></iq>",
        ):
            server.send(stanza)
            self.reactor.pump([0.1] * 4)
            self.assertNothing(stanza[:60])
