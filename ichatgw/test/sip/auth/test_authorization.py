# -*- test-case-name: ichatgw.test.sip.auth.test_authorization -*-
"""
Tests for L{ichatgw.sip.auth.authorization}: who is answered, and what stands in the requests that follow.
"""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reading.credentials import Credentials, Keyring
from ichatgw.model import PCMU, Ending, EndReason, SessionDescription
from ichatgw.sip.auth.authorization import MAX_LOGINS, MAX_REALMS
from ichatgw.sip.auth.digest import Challenge, answer, readParameters
from ichatgw.sip.auth.verifier import Verifier
from ichatgw.sip.leg.leg import SipLeg
from ichatgw.sip.register.bindings import Binding
from ichatgw.test.support.sip.siptalks import Talk
from ichatgw.test.support.sip.sipwire import PHONE, PHONE_SDP, Rig, header, request, respond

KEYRING = Keyring({"192.0.2.77": Credentials("gw", "tiger")})


def asks(realm: str = "r", nonce: str = "n", more: str = 'qop="auth"', proxy: bool = False) -> str:
    """A challenge, as a header line."""
    return f'{"Proxy" if proxy else "WWW"}-Authenticate: Digest realm="{realm}", nonce="{nonce}", {more}\r\n'


def logins(message: str, name: str = "Authorization") -> dict[str, dict[str, str]]:
    """The parameters of the logins in a message, by realm."""
    found = {}
    for line in message.split("\r\n"):
        if line.startswith(f"{name}: "):
            ((_, parameters),) = readParameters(line.partition(": ")[2])
            found[parameters["realm"]] = parameters
    return found


def isRight(message: str, login: dict[str, str], password: str = "tiger") -> bool:
    """Does a login prove the password for that very message?"""
    challenge = Challenge(login["realm"], login["nonce"], login["algorithm"], quality=login.get("qop", ""))
    method, uri, _ = message.split(" ", 2)
    made = answer(
        challenge,
        Credentials(login["username"], password),
        method,
        uri,
        lambda: login.get("cnonce", ""),
        int(login.get("nc", "1"), 16),
    )
    ((_, wanted),) = readParameters(made)
    return wanted["response"] == login["response"] and login["uri"] == uri


def only(messages: list[str], method: str) -> str:
    (found,) = [each for each in messages if each.startswith(f"{method} ")]
    return found


class CallTests(SynchronousTestCase):
    """A call of ours that is challenged, and what is sent in it later."""

    def setUp(self) -> None:
        self.rig = Rig(keyring=KEYRING)
        self.leg = self.rig.dial("sip:100@192.0.2.77")
        self.leg.start(SessionDescription((PCMU,)))
        (self.invite,) = self.rig.wire.take()

    def reply(self, to: str, code: int, extra: str = "", body: str = "") -> list[str]:
        sent = self.rig.receive(respond(to, code, "No", extra=extra, body=body))
        return sent + self.rig.streams.take()  # with many logins an INVITE is too large for a datagram

    def test_realmAfterRealm(self) -> None:
        """A challenge of another realm is no refusal: each gets its own header, and those before stay."""
        second = only(self.reply(self.invite, 407, asks("A", proxy=True)), "INVITE")
        third = only(self.reply(second, 407, asks("B", proxy=True)), "INVITE")
        found = logins(third, "Proxy-Authorization")
        self.assertEqual(sorted(found), ["A", "B"])
        self.assertEqual((found["A"]["nc"], found["B"]["nc"]), ("00000002", "00000001"))
        self.assertTrue(all(isRight(third, each) for each in found.values()))
        fourth = only(self.reply(third, 401, asks("C")), "INVITE")
        self.assertEqual(sorted(logins(fourth, "Proxy-Authorization")), ["A", "B"])
        self.assertEqual(sorted(logins(fourth)), ["C"])

    def test_realmsAtOnce(self) -> None:
        """All challenges of one response are answered, whatever header they are in, each by the best algorithm."""
        again = only(
            self.reply(
                self.invite,
                401,
                asks("A", "1", "algorithm=MD5")
                + asks("A", "2", "algorithm=SHA-256")
                + asks("A", "3", "algorithm=SHA-512-256, qop=auth")
                + asks("B", "4", proxy=True)
                + asks("C", "5", "algorithm=AKAv1-MD5"),
            ),
            "INVITE",
        )
        self.assertEqual(
            {realm: (each["nonce"], each["algorithm"]) for realm, each in logins(again).items()},
            {"A": ("3", "SHA-512-256")},
        )
        self.assertEqual(list(logins(again, "Proxy-Authorization")), ["B"])
        self.assertTrue(isRight(again, logins(again)["A"]))

    def test_oddRealms(self) -> None:
        """A realm goes back as it came, escaped anew, and counts in its plain form (RFC 7616 section 3.4)."""
        for realm in ("Unit, Organization", "CORP\\sip", 'the "Digest" one', 'a=b;c, Digest nonce="x', "Grüße", ""):
            self.setUp()
            written = realm.replace("\\", "\\\\").replace('"', '\\"')
            again = only(self.reply(self.invite, 401, asks(written)), "INVITE")
            self.assertEqual(list(logins(again)), [realm])
            self.assertTrue(isRight(again, logins(again)[realm]))

    def test_acknowledged(self) -> None:
        """The ACK of a 2xx has the very logins of its INVITE (RFC 3261 section 13.2.2.4); another has none."""
        sent = self.reply(self.invite, 401, asks())
        self.assertNotIn("Authorization", only(sent, "ACK"))
        again = only(sent, "INVITE")
        ack = only(self.reply(again, 200, body=PHONE_SDP), "ACK")
        self.assertEqual(header(ack, "Authorization"), header(again, "Authorization"))

    def test_whatFollows(self) -> None:
        """Later requests of the dialog have the login at once, counted on; BYE too."""
        again = only(self.reply(self.invite, 401, asks()), "INVITE")
        self.reply(again, 200, body=PHONE_SDP)
        self.leg.hangup(Ending(EndReason.HANGUP))
        bye = only(self.rig.wire.take(), "BYE")
        self.assertEqual(logins(bye)["r"]["nc"], "00000002")
        self.assertTrue(isRight(bye, logins(bye)["r"]))

    def test_nextNonce(self) -> None:
        """The nonce that a server names for the next request is used, counted from one."""
        again = only(self.reply(self.invite, 401, asks()), "INVITE")
        self.reply(again, 200, 'Authentication-Info: qop=auth, nextnonce="m"\r\n', PHONE_SDP)
        self.leg.hangup(Ending(EndReason.HANGUP))
        bye = only(self.rig.wire.take(), "BYE")
        self.assertEqual((logins(bye)["r"]["nonce"], logins(bye)["r"]["nc"]), ("m", "00000001"))
        self.assertTrue(isRight(bye, logins(bye)["r"]))

    def test_bye(self) -> None:
        """A BYE that is challenged is sent again with the login, and says the same: the server would go on counting."""
        self.reply(self.invite, 200, body=PHONE_SDP)
        self.leg.hangup(Ending(EndReason.HANGUP))
        bye = only(self.rig.wire.take(), "BYE")
        self.rig.clock.advance(10)  # the dialog is forgotten by now
        self.rig.wire.take()
        again = only(self.reply(bye, 407, asks(proxy=True)), "BYE")
        self.assertTrue(isRight(again, logins(again, "Proxy-Authorization")["r"]))
        self.assertEqual(int(header(again, "CSeq").split()[0]), int(header(bye, "CSeq").split()[0]) + 1)
        for name in ("To", "From", "Call-ID", "Reason"):
            self.assertEqual(header(again, name), header(bye, name))
        self.assertNotEqual(header(again, "Via"), header(bye, "Via"))
        third = only(self.reply(again, 401, asks("s")), "BYE")
        self.assertTrue(logins(third)["s"] and logins(third, "Proxy-Authorization")["r"])
        self.assertEqual(self.reply(third, 401, asks("s", "other")), [])

    def test_prack(self) -> None:
        """A PRACK that is challenged is sent again too."""
        prack = only(self.reply(self.invite, 183, "Require: 100rel\r\nRSeq: 7\r\n", PHONE_SDP), "PRACK")
        again = only(self.reply(prack, 407, asks(proxy=True)), "PRACK")
        self.assertEqual(header(again, "RAck"), header(prack, "RAck"))
        self.assertTrue(isRight(again, logins(again, "Proxy-Authorization")["r"]))

    def test_tooOld(self) -> None:
        """A nonce that was good before and is refused now has become too old, even if the server does not say so."""
        talk = Talk.outbound(Rig(keyring=KEYRING))
        self.rig = talk.rig
        assert talk.leg.dialog is not None
        answers: list[int] = []
        talk.leg.dialog.ask("INFO", lambda response: answers.append(response.getSCode()[0]))
        info = only(self.reply(only(self.rig.wire.take(), "INFO"), 401, asks()), "INFO")
        self.reply(info, 200)
        talk.leg.dialog.ask("INFO", lambda response: answers.append(response.getSCode()[0]))
        info = only(self.rig.wire.take(), "INFO")
        self.assertEqual(logins(info)["r"]["nc"], "00000002")
        again = only(self.reply(info, 401, asks(nonce="m")), "INFO")
        self.assertEqual((logins(again)["r"]["nonce"], logins(again)["r"]["nc"]), ("m", "00000001"))
        self.assertEqual(self.reply(again, 401, asks(nonce="o")), [])
        self.assertEqual(answers, [200, 401])

    def test_otherPassword(self) -> None:
        """If the password for the proxy is refused the one for the domain is tried, and none twice."""
        keyring = Keyring({"192.0.2.5": Credentials("p", "x"), "far.example": Credentials("d", "y")})
        self.rig = Rig(keyring=keyring, outboundProxy=("192.0.2.5", None, None, False))
        leg = self.rig.dial("sip:100@far.example")
        leg.start(SessionDescription((PCMU,)))
        invite = self.rig.wire.take()[-1]
        names = []
        while invite:
            found = [each for each in self.reply(invite, 407, asks(proxy=True)) if each.startswith("INVITE")]
            invite = found[0] if found else ""
            names += [each["username"] for each in logins(invite, "Proxy-Authorization").values()]
        self.assertEqual(names, ["p", "d"])

    def test_bounded(self) -> None:
        """A far end that thinks of ever new realms is answered a few times, and few of them are remembered."""
        invite, rounds = self.invite, 0
        while invite:
            rounds += 1
            realms = "".join(asks(f"{rounds}.{number}") for number in range(5))
            found = [each for each in self.reply(invite, 401, realms) if each.startswith("INVITE")]
            invite = found[0] if found else ""
            self.assertTrue(len(logins(invite)) <= MAX_REALMS)
        self.assertTrue(rounds <= MAX_LOGINS + 1)


class ArrivedTests(SynchronousTestCase):
    """Calls that came to us, over servers that challenge what we send back."""

    def test_registrar(self) -> None:
        """The registrar that brought the call gets the password of the domain that is registered there."""
        rig = Rig(keyring=Keyring({"scott@pbx.example": Credentials("-", "tiger")}), names=None)
        rig.names.table = {"pbx.example": []}
        rig.endpoint.registrar()._granted["192.0.2.77"] = "pbx.example"  # as after a REGISTER
        talk = Talk.inbound(rig, to="<sip:scott@pbx.example>")
        talk.leg.hangup(Ending(EndReason.HANGUP))
        bye = only(rig.wire.take(), "BYE")
        again = only(rig.receive(respond(bye, 401, "No", extra=asks())), "BYE")
        self.assertEqual(logins(again)["r"]["username"], "scott")
        self.assertTrue(isRight(again, logins(again)["r"]))

    def test_anybody(self) -> None:
        """Somebody else who asks gets nothing, whatever domain the call was addressed to."""
        rig = Rig(keyring=Keyring({"pbx.example": Credentials("gw", "tiger")}))
        talk = Talk.inbound(rig, to="<sip:scott@pbx.example>", from_="<sip:a@pbx.example>;tag=a1")
        talk.leg.hangup(Ending(EndReason.HANGUP))
        bye = only(rig.wire.take(), "BYE")
        self.assertEqual(rig.receive(respond(bye, 401, "No", extra=asks("pbx.example"))), [])

    def test_severalLogins(self) -> None:
        """Of several Authorization headers the one for our realm counts, and commas within quotes are part of it."""
        rig = Rig()
        verifier = Verifier("gw.example", {"alice": "wonder"}, rig.clock)
        rig = Rig(verifier=verifier)
        line = verifier.challenge(PHONE.host)[0]
        ((_, asked),) = readParameters(line)
        uri = "sip:scott,x@192.0.2.10:5070"
        login = answer(
            Challenge(asked["realm"], asked["nonce"], asked["algorithm"]),
            Credentials("alice", "wonder"),
            "INVITE",
            uri,
            lambda: "a,b",
        )
        other = 'Authorization: Digest username="a", realm="x, y", nonce="z", uri="sip:a", response="1"\r\n'
        rig.receive(
            request("INVITE", uri=uri, cseq=2, branch="two", extra=f"{other}Authorization: {login}\r\n", callId="2@x")
        )
        self.assertEqual(cast(SipLeg, rig.invitations.legs[-1]).login, "alice")


class RegisterTests(SynchronousTestCase):
    """Registrations that are refreshed."""

    def test_refreshed(self) -> None:
        """A refresh has the login at once; if its nonce is too old by then, the next one is used."""
        rig = Rig(keyring=KEYRING)
        registrar, binding = rig.endpoint.registrar(), Binding("sip:scott@192.0.2.77")
        registrar.register(binding, 60)
        (first,) = rig.wire.take()
        (second,) = rig.receive(respond(first, 401, "No", extra=asks()))
        rig.receive(respond(second, 200, "OK"))
        registrar.register(binding, 60)
        (third,) = rig.wire.take()
        self.assertEqual(logins(third)["r"]["nc"], "00000002")
        self.assertTrue(isRight(third, logins(third)["r"]))
        (fourth,) = rig.receive(respond(third, 401, "No", extra=asks(nonce="m")))
        self.assertEqual(logins(fourth)["r"]["nonce"], "m")
        asked = registrar.register(binding, 60)
        rig.wire.take()
        self.assertNoResult(asked)

    def test_refused(self) -> None:
        """There are registrars that refuse a login that is too old, and ask for no other: it is sent without one."""
        rig = Rig(keyring=KEYRING)
        registrar, binding = rig.endpoint.registrar(), Binding("sip:scott@192.0.2.77")
        registrar.register(binding, 60)
        (second,) = rig.receive(respond(rig.wire.take()[0], 401, "No", extra=asks()))
        rig.receive(respond(second, 200, "OK"))
        registrar.register(binding, 60)
        (third,) = rig.wire.take()
        self.assertEqual(list(logins(third)), ["r"])
        (fourth,) = rig.receive(respond(third, 403, "No"))
        self.assertEqual(logins(fourth), {})
        (fifth,) = rig.receive(respond(fourth, 401, "No", extra=asks(nonce="m")))
        self.assertEqual(logins(fifth)["r"]["nonce"], "m")
        self.assertEqual(rig.receive(respond(fifth, 403, "No")), [])
        registrar.register(binding, 60)
        self.assertEqual(logins(rig.wire.take()[0]), {})

    def test_wrongOnce(self) -> None:
        """A password that was refused is tried again with the next registration: it may be right by then."""
        rig = Rig(keyring=KEYRING)
        registrar, binding = rig.endpoint.registrar(), Binding("sip:scott@192.0.2.77")
        for _ in range(2):
            asked = registrar.register(binding, 60)
            (first,) = rig.wire.take()
            self.assertEqual(logins(first), {})
            (second,) = rig.receive(respond(first, 401, "No", extra=asks()))
            self.assertEqual(rig.receive(respond(second, 401, "No", extra=asks())), [])
            self.assertEqual(self.successResultOf(asked).text, "401 No")
