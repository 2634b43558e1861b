# -*- test-case-name: ichatgw.test.sip.register.test_client -*-
"""
REGISTER, and logins, on a wire of memory.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reading.credentials import Credentials, Keyring
from ichatgw.model import PCMU, Ending, EndReason, SessionDescription, TransportAddress
from ichatgw.sip.auth.authorization import MAX_LOGINS
from ichatgw.sip.auth.digest import answer, challenges, readParameters
from ichatgw.sip.auth.verifier import Verifier
from ichatgw.sip.leg.inbound import InboundSipLeg
from ichatgw.sip.register.bindings import Binding
from ichatgw.sip.register.client import Answer
from ichatgw.sip.transaction.targetset import ANSWER_TIMEOUT
from ichatgw.sip.transport.resolver import Unresolved
from ichatgw.test.support.fakes import FakeCall
from ichatgw.test.support.names import a, srv
from ichatgw.test.support.sip.sipwire import PHONE, PHONE_SDP, Rig, ackFor, header, request, respond, status

AOR = "sip:scott@192.0.2.77"
KEYRING = Keyring({"192.0.2.77": Credentials("-", "tiger")})
ASKED = 'WWW-Authenticate: Digest realm="r", nonce="n1", algorithm=MD5, qop="auth"\r\n'


class RegisterTests(SynchronousTestCase):
    """L{ichatgw.sip.register.client} and L{ichatgw.sip.transaction.outofdialog}."""

    def setUp(self) -> None:
        self.make()

    def make(self, **arguments: object) -> None:
        self.rig = Rig(**arguments)
        self.registrar = self.rig.endpoint.registrar()
        self.binding = Binding(AOR)

    def sent(self) -> str:
        (message,) = self.rig.wire.take()
        return message

    def reply(self, to: str, code: int, phrase: str = "No", extra: str = "") -> list[str]:
        return self.rig.receive(respond(to, code, phrase, extra=extra))

    def test_request(self) -> None:
        """The domain is asked to bind the address to us, for so long."""
        self.registrar.register(self.binding, 3600)
        register = self.sent()
        self.assertTrue(register.startswith("REGISTER sip:192.0.2.77 SIP/2.0\r\n"))
        self.assertEqual(header(register, "To"), f"<{AOR}>")
        self.assertTrue(header(register, "From").startswith(f"<{AOR}>;tag="))
        self.assertEqual(header(register, "Contact"), f"<sip:scott@192.0.2.10:5070;rinstance={self.binding.instance}>")
        self.assertEqual(header(register, "Expires"), "3600")
        self.assertIn("INVITE", header(register, "Allow"))

    def test_ways(self) -> None:
        """The way to the domain, which a rule may name, is none of the address that is bound."""
        self.registrar.register(Binding(f"{AOR};transport=udp"), 3600)
        register = self.sent()
        self.assertTrue(register.startswith("REGISTER sip:192.0.2.77;transport=udp SIP/2.0\r\n"))
        self.assertEqual(header(register, "To"), f"<{AOR}>")
        self.assertTrue(header(register, "From").startswith(f"<{AOR}>;tag="))

    def test_again(self) -> None:
        """A refresh is the same registration, with the next CSeq (RFC 3261 section 10.2.4)."""
        first = self.registrar.register(self.binding, 3600)
        one = self.sent()
        self.reply(one, 200, "OK")
        self.successResultOf(first)
        self.registrar.register(self.binding, 0)
        two = self.sent()
        self.assertEqual(header(one, "Call-ID"), header(two, "Call-ID"))
        self.assertEqual((header(one, "CSeq"), header(two, "CSeq")), ("1 REGISTER", "2 REGISTER"))
        self.assertEqual(header(two, "Expires"), "0")

    def test_granted(self) -> None:
        """The time granted is that of our own Contact, else the response's, else what we asked for; never more."""
        ours = f"<sip:scott@192.0.2.10:5070;rinstance={self.binding.instance}>"
        for extra, granted in (
            (f"Contact: <sip:x@y>;expires=9, {ours};expires=120\r\nExpires: 60\r\n", 120),
            (f"Contact: {ours}\r\nExpires: 60\r\n", 60),
            (f"Contact: {ours}, <sip:scott@y>;expires=9\r\n", 3600),
            ("Expires: 120\r\n", 120),
            (f"Contact: {ours};expires=99999999\r\n", 3600),
            ("Expires: soon\r\n", 3600),
        ):
            self.binding.sequence += 1
            asked = self.registrar.register(self.binding, 3600)
            self.reply(self.sent(), 200, "OK", extra)
            self.assertEqual(self.successResultOf(asked), Answer(granted=granted), extra)

    def test_unlisted(self) -> None:
        """Of a registrar that lists no Contact at all, the time that it states for the whole counts."""
        for extra, granted in (("Expires: 60\r\n", 60), ("Expires: 9999\r\n", 3600), ("", 3600)):
            self.binding.sequence += 1
            asked = self.registrar.register(self.binding, 3600)
            answer = respond(self.sent(), 200, "OK", extra=extra)
            self.rig.receive(answer.replace(f"Contact: {header(answer, 'Contact')}\r\n", ""))
            self.assertEqual(self.successResultOf(asked), Answer(granted=granted), extra)

    def test_rewritten(self) -> None:
        """
        A Contact that the registrar has rewritten is ours if it is the only one, or the only one of our user; of
        several that may be ours the one that ends first counts.
        """
        for extra, granted in (
            ("Contact: <sip:scott@198.51.100.7:40000>;expires=60\r\n", 60),
            ("Contact: sip:token-17@198.51.100.7;expires=61;q=0.5\r\nExpires: 1800\r\n", 61),
            ("Contact: <sip:scott@198.51.100.7:4000;transport=tcp>\r\nExpires: 62\r\n", 62),
            ("Contact: <sip:anna@a>;expires=7, <sip:scott@198.51.100.7:4000>;expires=63\r\n", 63),
            ("Contact: <sip:scott@a>;expires=3000\r\nContact: <sip:scott@198.51.100.7>;Expires=64\r\n", 64),
            ("Contact: <sip:x@a>;expires=3000, <sip:y@198.51.100.7>;expires=65\r\n", 65),
            ("Contact: <sip:scott@198.51.100.7>;expires=0\r\n", 0),
            ('Contact: "for;expires=5" <sip:scott@198.51.100.7;expires=9>;+x="<a>";expires=66\r\n', 66),
        ):
            asked = self.registrar.register(self.binding, 3600)
            self.reply(self.sent(), 200, "OK", extra)
            self.assertEqual(self.successResultOf(asked), Answer(granted=granted), extra)

    def test_elsewhere(self) -> None:
        """A registrar that is elsewhere is followed; the one there gets no password that is not for it."""
        self.make(keyring=KEYRING)
        asked = self.registrar.register(self.binding, 3600)
        (second,) = self.reply(self.sent(), 302, "Moved", "Contact: <sip:192.0.2.78>\r\n")
        self.assertTrue(second.startswith("REGISTER sip:192.0.2.78 SIP/2.0"))
        self.assertEqual(header(second, "To"), f"<{AOR}>")
        self.assertEqual(self.reply(second, 401, "Unauthorized", ASKED), [])
        self.assertEqual(self.successResultOf(asked).text, "401 Unauthorized")

    def test_nextServer(self) -> None:
        """One that has a fault, or no port open, is left for the next; what is said of the user counts."""
        self.rig.names.table = {
            "_sip._tcp.sip.example": [srv("one.example", 5060, 1), srv("two.example", 5060, 2)],
            "one.example": [a("192.0.2.1")],
            "two.example": [a("192.0.2.2")],
        }
        for code, tried in ((500, 1), (503, 1), (504, 1), (403, 0), (604, 0)):
            self.make(names=self.rig.names)
            self.registrar.register(Binding("sip:scott@sip.example;transport=tcp"), 3600)
            ((first, target),) = self.rig.streams.sent
            self.assertEqual(str(target), "tcp:192.0.2.1:5060")
            self.rig.streams.take()
            self.assertEqual(len(self.rig.stream(respond(first, code, "No"), target)), tried, code)
        self.make(names=self.rig.names)
        asked = self.registrar.register(Binding("sip:scott@sip.example;transport=tcp"), 3600)
        self.rig.streams.unreachable(self.rig.streams.sent[0][1], "Connection refused")
        ((_, _), (second, target)) = self.rig.streams.sent
        self.assertEqual(str(target), "tcp:192.0.2.2:5060")
        self.rig.stream(respond(second, 200, "OK"), target)
        self.assertEqual(self.successResultOf(asked).granted, 3600)

    def test_refused(self) -> None:
        """A refusal says why, and what may help."""
        for code, extra, expected in (
            (403, "", Answer(text="403 No")),
            (423, "Min-Expires: 7200\r\n", Answer(text="423 No", least=7200)),
            (503, "Retry-After: 30 (busy);duration=9\r\n", Answer(text="503 No", retryAfter=30)),
            (500, "Retry-After: 99999999\r\n", Answer(text="500 No", retryAfter=3600)),
            (404, "Retry-After: x\r\n", Answer(text="404 No")),
        ):
            asked = self.registrar.register(self.binding, 3600)
            self.reply(self.sent(), code, "No", extra)
            self.assertEqual(self.successResultOf(asked), expected)

    def test_login(self) -> None:
        """A challenge is answered, once; a registrar that has granted something is one that we trust."""
        self.make(keyring=KEYRING)
        asked = self.registrar.register(self.binding, 3600)
        first = self.sent()
        (second,) = self.reply(first, 401, "Unauthorized", ASKED)
        self.assertEqual(header(second, "CSeq"), "2 REGISTER")
        self.assertEqual(header(second, "Call-ID"), header(first, "Call-ID"))
        ((scheme, parameters),) = readParameters(header(second, "Authorization"))
        self.assertEqual((scheme, parameters["username"], parameters["uri"]), ("digest", "scott", "sip:192.0.2.77"))
        self.assertFalse(self.registrar.trusts("192.0.2.77"))
        self.reply(second, 200, "OK")
        self.assertEqual(self.successResultOf(asked), Answer(granted=3600))
        self.assertTrue(self.registrar.trusts("192.0.2.77"))

    def test_trusted(self) -> None:
        """One that has registered a user may call him, whether or not it wanted a login; one that refused may not."""
        asked = self.registrar.register(self.binding, 3600)
        self.reply(self.sent(), 403, "Forbidden")
        self.successResultOf(asked)
        self.assertFalse(self.registrar.trusts("192.0.2.77"))
        asked = self.registrar.register(self.binding, 3600)
        self.reply(self.sent(), 200, "OK")
        self.successResultOf(asked)
        self.assertTrue(self.registrar.trusts("192.0.2.77"))
        self.assertFalse(self.registrar.trusts("192.0.2.78"))

    def test_wrongPassword(self) -> None:
        """A password that was refused is not sent for ever; one whose nonce was too old is sent once more."""
        self.make(keyring=KEYRING)
        asked = self.registrar.register(self.binding, 3600)
        (second,) = self.reply(self.sent(), 401, "Unauthorized", ASKED)
        (third,) = self.reply(second, 401, "Unauthorized", ASKED.replace("\r\n", ", stale=true\r\n"))
        self.assertEqual(self.reply(third, 401, "Unauthorized", ASKED), [])
        self.assertEqual(self.successResultOf(asked), Answer(text="401 Unauthorized"))

    def test_staleForEver(self) -> None:
        """Nobody keeps us busy by calling each nonce too old."""
        self.make(keyring=KEYRING)
        asked = self.registrar.register(self.binding, 3600)
        sent = self.rig.wire.take()
        rounds = 0
        while sent:
            rounds += 1
            sent = self.reply(sent[0], 401, "Unauthorized", ASKED.replace("\r\n", ", stale=true\r\n"))
        self.successResultOf(asked)
        self.assertEqual(rounds, 1 + MAX_LOGINS)

    def test_noPassword(self) -> None:
        """Without a password for that server there is no answer, whatever realm it names."""
        self.make(keyring=Keyring({"r": Credentials("scott", "tiger")}))
        asked = self.registrar.register(self.binding, 3600)
        self.assertEqual(self.reply(self.sent(), 401, "Unauthorized", ASKED), [])
        self.assertEqual(self.successResultOf(asked).text, "401 Unauthorized")

    def test_oddChallenges(self) -> None:
        """Challenges that nobody can meet are refusals."""
        self.make(keyring=KEYRING)
        for extra in ("", "WWW-Authenticate: Digest\r\n", "WWW-Authenticate: Basic realm=x\r\n"):
            asked = self.registrar.register(self.binding, 3600)
            self.assertEqual(self.reply(self.sent(), 401, "Unauthorized", extra), [])
            self.assertEqual(self.successResultOf(asked).text, "401 Unauthorized")

    def test_proxy(self) -> None:
        """An outbound proxy sees REGISTERs too, and may ask for a login of its own."""
        self.make(
            outboundProxy=("192.0.2.5", None, None, False), keyring=Keyring({"192.0.2.5": Credentials("gw", "x")})
        )
        self.registrar.register(Binding("sip:scott@sip.example"), 3600)
        ((register, address),) = self.rig.wire.sent
        self.rig.wire.take()
        self.assertEqual(address, TransportAddress("192.0.2.5", 5060))
        self.assertTrue(register.startswith("REGISTER sip:sip.example "))
        self.assertEqual(header(register, "Route"), "<sip:192.0.2.5;lr>")
        (second,) = self.reply(register, 407, "Proxy", ASKED.replace("WWW", "Proxy"))
        self.assertIn('username="gw"', header(second, "Proxy-Authorization"))

    def test_failover(self) -> None:
        """A dead registrar is left for the next; if none is alive that is said, and nothing is left."""
        self.rig.names.table = {
            "_sip._udp.sip.example": [srv("one.example", 5060, 1), srv("two.example", 5060, 2)],
            "one.example": [a("192.0.2.1")],
            "two.example": [a("192.0.2.2")],
        }
        asked = self.registrar.register(Binding("sip:scott@sip.example"), 3600)
        self.rig.clock.pump([0.5] * int(ANSWER_TIMEOUT * 2))
        self.assertEqual(str(self.rig.wire.sent[-1][1]), "192.0.2.2:5060")
        self.assertEqual(self.rig.endpoint.transactions, 1)
        self.rig.clock.pump([0.5] * 65)
        self.assertEqual(self.successResultOf(asked).text, "408 Request Timeout")

    def test_unreachable(self) -> None:
        """A domain without address or way fails."""
        self.failureResultOf(self.registrar.register(Binding("sip:scott@nowhere.example"), 60), Unresolved)
        self.rig.wire.unreachable.add("192.0.2.77")
        self.failureResultOf(self.registrar.register(self.binding, 60), OSError)

    def test_cancel(self) -> None:
        """A REGISTER that nobody waits for any more leaves nothing."""
        asked = self.registrar.register(self.binding, 60)
        self.rig.wire.take()
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertEqual(self.rig.endpoint.transactions, 0)
        self.rig.clock.pump([0.5] * 70)
        self.assertEqual(self.rig.wire.take(), [])


class CallLoginTests(SynchronousTestCase):
    """INVITEs of ours that are challenged."""

    def setUp(self) -> None:
        self.rig = Rig(keyring=KEYRING)
        self.leg = self.rig.dial("sip:100@192.0.2.77")
        self.leg.start(SessionDescription((PCMU,)))
        (self.invite,) = self.rig.wire.take()

    def reply(self, to: str, code: int, phrase: str = "No", extra: str = "", body: str = "") -> list[str]:
        return self.rig.receive(respond(to, code, phrase, extra=extra, body=body))

    @property
    def news(self) -> list[str]:
        assert isinstance(self.leg.call, FakeCall)
        return self.leg.call.news

    def test_login(self) -> None:
        """It is sent again in the same dialog with the login; then the call goes on as any."""
        sent = self.reply(self.invite, 401, "Unauthorized", ASKED)
        self.assertEqual(sorted(each.split()[0] for each in sent), ["ACK", "INVITE"])
        second = next(each for each in sent if each.startswith("INVITE"))
        self.assertEqual(header(second, "Call-ID"), header(self.invite, "Call-ID"))
        self.assertNotEqual(header(second, "CSeq"), header(self.invite, "CSeq"))
        self.assertIn('username="scott"', header(second, "Authorization"))
        self.assertIn("m=audio", second)
        self.assertEqual(self.news, [])
        (ack,) = self.reply(second, 200, "OK", body=PHONE_SDP)
        self.assertTrue(ack.startswith("ACK"))
        self.assertEqual(self.news, ["answered"])

    def test_proxyAndServer(self) -> None:
        """A login for a proxy stays when the server asks for one of its own."""
        sent = self.reply(self.invite, 407, "Proxy", ASKED.replace("WWW", "Proxy"))
        second = next(each for each in sent if each.startswith("INVITE"))
        sent = self.reply(second, 401, "Unauthorized", ASKED)
        third = next(each for each in sent if each.startswith("INVITE"))
        self.assertTrue(header(third, "Authorization") and header(third, "Proxy-Authorization"))

    def test_wrong(self) -> None:
        """A password that is refused ends the call."""
        sent = self.reply(self.invite, 401, "Unauthorized", ASKED)
        second = next(each for each in sent if each.startswith("INVITE"))
        sent = self.reply(second, 401, "Unauthorized", ASKED)
        self.assertEqual([each.split()[0] for each in sent], ["ACK"])
        self.assertEqual(self.news, ["ended"])

    def test_abandoned(self) -> None:
        """A challenge to a call that was given up is not answered."""
        self.reply(self.invite, 180, "Ringing")
        self.leg.hangup(Ending(EndReason.CANCELLED))
        self.rig.wire.take()
        sent = self.reply(self.invite, 401, "Unauthorized", ASKED)
        self.assertEqual([each.split()[0] for each in sent], ["ACK"])

    def test_iChat(self) -> None:
        """An iChat is never told a password's digest."""
        leg = self.rig.endpoint.pinned().dial("sip:user@192.0.2.77:5060", self.leg.party)
        leg.call, leg.side = FakeCall(), self.leg.side
        leg.start(SessionDescription((PCMU,)))
        (invite,) = self.rig.wire.take()
        sent = self.reply(invite, 401, "Unauthorized", ASKED)
        self.assertEqual([each.split()[0] for each in sent], ["ACK"])


class ArrivingLoginTests(SynchronousTestCase):
    """Phones that log in here."""

    source = TransportAddress("203.0.113.77", 5060)

    def setUp(self) -> None:
        self.rig = Rig()
        self.verifier = Verifier("gw.example", {"alice": "wonder"}, self.rig.clock)
        self.rig = Rig(verifier=self.verifier)

    def invite(self, **changes: Any) -> list[str]:
        return self.rig.receive(request("INVITE", **changes), self.source)

    def login(self, challenge: str, algorithm: str = "SHA-256") -> str:
        found = challenges(
            line.partition(": ")[2] for line in challenge.split("\r\n") if line.lower().startswith("www-auth")
        )
        (asked,) = [each for each in found if each.algorithm == algorithm]
        return answer(asked, Credentials("alice", "wonder"), "INVITE", "sip:scott@192.0.2.10:5070")

    def test_demanded(self) -> None:
        """A stranger is asked to log in; when it has, it calls under the name that it logged in with."""
        (refused,) = self.invite(extra="P-Asserted-Identity: <sip:boss@gw.example>\r\n")
        self.assertEqual((status(refused), self.rig.invitations.legs), (401, []))
        self.rig.receive(ackFor(refused), self.source)
        login = f"Authorization: {self.login(refused)}\r\n"
        sent = self.invite(extra=f"{login}P-Asserted-Identity: <sip:boss@gw.example>\r\n", cseq=2, branch="two")
        self.assertEqual([status(each) for each in sent], [100])
        (leg,) = self.rig.invitations.legs
        assert isinstance(leg, InboundSipLeg)
        self.assertEqual((leg.login, leg.party.uri), ("alice", "sip:alice@gw.example"))

    def test_again(self) -> None:
        """The INVITE with the login may come again, as over UDP it may have been lost: it is the same call."""
        (refused,) = self.invite()
        login = f"Authorization: {self.login(refused)}\r\n"
        sent = [self.invite(extra=login, cseq=2, branch="two") for _ in range(2)]
        self.assertEqual(sent[0], sent[1])
        (leg,) = self.rig.invitations.legs
        leg.hangup(Ending(EndReason.BUSY))
        (busy,) = self.rig.wire.take()
        self.assertEqual(self.invite(extra=login, cseq=2, branch="two"), [busy])

    def test_known(self) -> None:
        """A host that may call anyway may log in as well: it calls under that name."""
        (asked, _) = challenges(self.verifier.challenge(PHONE.host))
        login = answer(asked, Credentials("alice", "wonder"), "INVITE", "sip:scott@192.0.2.10:5070")
        self.rig.invite(extra=f"Authorization: {login}\r\n")
        (leg,) = self.rig.invitations.legs
        assert isinstance(leg, InboundSipLeg)
        self.assertEqual(leg.login, "alice")

    def test_nobodyCan(self) -> None:
        """Without users there is nothing to log in to."""
        self.rig = Rig()
        self.assertEqual([status(each) for each in self.invite()], [403])

    def test_garbage(self) -> None:
        """An Authorization header that nobody can read is as good as none."""
        self.assertEqual([status(each) for each in self.invite(extra="Authorization: Digest\r\n")], [401])

    def test_cheap(self) -> None:
        """A refused stranger leaves nothing, and is told once."""
        (refused,) = self.invite()
        self.assertEqual((len(self.rig.endpoint.legs), self.rig.endpoint.transactions), (0, 0))
        self.assertEqual(self.rig.receive(ackFor(refused), self.source), [])
        self.rig.clock.pump([1.0] * 40)
        self.assertEqual(self.rig.wire.take(), [])
