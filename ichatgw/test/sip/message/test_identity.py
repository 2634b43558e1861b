# -*- test-case-name: ichatgw.test.sip.message.test_identity -*-
"""
Who calls, as headers say it.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reading.credentials import Credentials, Keyring
from ichatgw.model import ANONYMOUS, PCMU, Diversion, Party, SessionDescription
from ichatgw.sip.message.gate import Admitted, Gate
from ichatgw.sip.message.identity import callerIn
from ichatgw.test.support.sip.siptalks import HELD, Talk, both
from ichatgw.test.support.sip.sipwire import PHONE, Rig, header, request, respond


class ArrivingTests(SynchronousTestCase):
    """What an INVITE says of its caller: the same whether all of it is read or not."""

    def caller(self, extra: str = "", **changes: Any) -> Party:
        rig = Rig()
        rig.invite(extra=extra, **changes)
        party = rig.invitations.legs[0].party
        admitted = Gate().admit(request("INVITE", extra=extra, **changes).encode(), PHONE, "UDP")
        assert isinstance(admitted, Admitted)
        self.assertEqual(callerIn(admitted.startLine, admitted.headers), party)
        return party

    def test_from(self) -> None:
        """Without more, From says it."""
        self.assertEqual(self.caller(), Party("sip:alice@sip.example", "Alice"))

    def test_asserted(self) -> None:
        """What a server asserts comes first; a name that it does not know is the phone's."""
        caller = self.caller('P-Asserted-Identity: "Alice Smith" <sip:1001@pbx.example;user=phone>, <tel:+4930>\r\n')
        self.assertEqual(caller, Party("sip:1001@pbx.example", "Alice Smith"))
        self.assertEqual(self.caller("P-Asserted-Identity: <sip:1001@pbx.example>\r\n").name, "Alice")

    def test_telephone(self) -> None:
        """An asserted number without a host is one of the host that From names."""
        self.assertEqual(self.caller("P-Asserted-Identity: <tel:+4930123>\r\n").uri, "sip:+4930123@sip.example")
        self.assertEqual(self.caller("P-Asserted-Identity: <tel:*21#>\r\n").uri, "sip:*21#@sip.example")

    def test_private(self) -> None:
        """Who does not want to be shown is marked, and known to us all the same."""
        asserted = "P-Asserted-Identity: <sip:1001@pbx.example>\r\n"
        hidden = '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=a1'
        for extra, from_ in (
            ("Privacy: id\r\n", '"Alice" <sip:alice@sip.example>;tag=a1'),
            ("Privacy: critical; user\r\n", '"Alice" <sip:alice@sip.example>;tag=a1'),
            ("", hidden),
        ):
            caller = self.caller(asserted + extra, from_=from_)
            self.assertEqual((caller.uri, caller.private), ("sip:1001@pbx.example", True), extra)
        for extra in ("", "Privacy: none\r\n", "Privacy: none;id\r\n", "Privacy: session\r\n", "Privacy: \r\n"):
            self.assertFalse(self.caller(extra).private, extra)

    def test_diverted(self) -> None:
        """The stations of a call that was sent on are kept with why it was, as many as anybody has."""
        caller = self.caller(
            "Diversion: <sip:1002@pbx.example>;reason=no-answer;counter=2;Screen\r\n"
            'Diversion: <tel:+4930>;reason="out of, service"\r\n'
        )
        self.assertEqual(
            caller.diversions,
            (
                Diversion("sip:1002@pbx.example", (("reason", "no-answer"), ("counter", "2"), ("screen", ""))),
                Diversion("tel:+4930", (("reason", '"out of, service"'),)),
            ),
        )
        many = "".join(f"Diversion: <sip:{n}@pbx.example>\r\n" for n in range(40))
        self.assertEqual(len(self.caller(many).diversions), 5)

    def test_forwards(self) -> None:
        """
        How often a call was sent on is counted by its Diversion headers, each for as many as it says, or by the entries
        of History-Info that have a cause, whichever are more; nonsense counts once.
        """
        entry = "<sip:{0}@pbx.example?Reason=SIP%3Bcause%3D302>;index=1.{0}"
        for headers, count in (
            ("", 0),
            ("Diversion: <sip:1@pbx.example>\r\n" * 40, 40),
            ("Diversion: <sip:1@pbx.example>;counter=3\r\nDiversion: <sip:2@pbx.example>;counter=x\r\n", 4),
            ("Diversion: <sip:1@pbx.example>;counter=0\r\nDiversion: <sip:2@pbx.example>;counter=99999\r\n", 2),
            (f"History-Info: {entry.format(1)}, {entry.format(2)}\r\n", 2),
            ("History-Info: <sip:a@b>;index=1, <sip:a@c;cause=486>;index=1.1\r\nHistory-Info: <sip:d@e>\r\n", 1),
            (f"History-Info: {entry.format(1)}\r\nDiversion: <sip:1@pbx.example>;counter=2\r\n", 2),
        ):
            self.assertEqual(self.caller(headers).forwards, count, headers)

    def test_remoteParty(self) -> None:
        """Remote-Party-ID is read where nothing newer says it, if it is about who calls; it may hide that."""
        for extra, uri, private in (
            ('Remote-Party-ID: "B, A" <sip:1001@pbx.example>;party=calling;screen=yes', "sip:1001@pbx.example", False),
            ("Remote-Party-ID: <sip:1001@pbx.example>;privacy=full", "sip:1001@pbx.example", True),
            ('Remote-Party-ID: <sip:1001@pbx.example>;Privacy="off"', "sip:1001@pbx.example", False),
            ("Remote-Party-ID: <tel:+4930>", "sip:+4930@sip.example", False),
            ("Remote-Party-ID: <sip:1001@pbx.example>;party=diverted", "sip:alice@sip.example", False),
            ("Remote-Party-ID: nonsense", "sip:alice@sip.example", False),
            ("Remote-Party-ID: <sip:9@a>;party=called", "sip:alice@sip.example", False),
            ("Remote-Party-ID: <sip:9@a>;party=called, <sip:1@a>;party=calling;privacy=full", "sip:1@a", True),
            ("Remote-Party-ID: <sip:1@a>\r\nP-Asserted-Identity: <sip:2@a>", "sip:2@a", False),
        ):
            caller = self.caller(f"{extra}\r\n")
            self.assertEqual((caller.uri, caller.private), (uri, private), extra)

    def test_hops(self) -> None:
        """A call that is passed on has one hop less than it came with."""
        self.assertEqual(self.caller().hops, 69)


class DialledTests(SynchronousTestCase):
    """What an INVITE of ours says of the caller."""

    def invite(self, caller: Party, **arguments: bool) -> str:
        rig = Rig(**arguments)
        rig.dial(caller=caller).start(SessionDescription((PCMU,)))
        (invite,) = rig.wire.take()
        return invite

    def test_known(self) -> None:
        """A caller of whom nothing special is known is in From, and nowhere else."""
        invite = self.invite(Party("sip:1001@pbx.example", "Bob"))
        self.assertIn("<sip:1001@pbx.example>", header(invite, "From"))
        for name in ("Privacy", "P-Asserted-Identity", "Diversion"):
            self.assertEqual(header(invite, name), "")

    def test_hops(self) -> None:
        """A call that has come a long way goes on for as long as is left; so does it with a login (RFC 7332)."""
        rig = Rig(keyring=Keyring({"192.0.2.77": Credentials("gw", "tiger")}))
        rig.dial(caller=Party("sip:1001@pbx.example", hops=3)).start(SessionDescription((PCMU,)))
        (invite,) = rig.wire.take()
        self.assertEqual(header(invite, "Max-Forwards"), "3")
        asked = 'WWW-Authenticate: Digest realm="pbx", nonce="n", qop="auth"\r\n'
        (again, _ack) = rig.receive(respond(invite, 401, "Unauthorized", extra=asked))
        self.assertIn("Authorization: Digest", again)
        self.assertEqual(header(again, "Max-Forwards"), "3")
        self.assertEqual(header(self.invite(Party("xmpp:scott@chat.example")), "Max-Forwards"), "70")

    def test_written(self) -> None:
        """Whatever a caller is called, his address stays one."""
        evil = "sip:boss@corp>, <sip:x@pbx.example"
        self.assertIn(
            "<sip:boss%40corp;x=@pbx.example>", header(self.invite(Party("sip:boss@corp;x=@pbx.example")), "From")
        )
        caller = Party(evil, diversions=(Diversion(evil),), referredBy=evil)
        invite = self.invite(caller, assertsIdentity=True)
        for name in ("P-Asserted-Identity", "Diversion", "Referred-By"):
            self.assertEqual(header(invite, name), "<sip:boss%40corp%3E,%20%3Csip%3Ax@pbx.example>", name)

    def test_beyondASCII(self) -> None:
        """
        A host beyond ASCII goes out as the DNS has it wherever it stands (RFC 5890), what is no address of SIP escaped
        (RFC 3986 section 2.5); an address whose host can be none is not named, and the call goes on.
        """
        for uri, right in (
            ("sip:j\u00fcrgen@m\u00fcnchen.example:5070", "<sip:j%C3%BCrgen@xn--mnchen-3ya.example:5070>"),
            ("sips:1001@\u4f8b\u3048.example", "<sips:1001@xn--r8jz45g.example>"),
            ("xmpp:scott@m\u00fcnchen.example", "<xmpp:scott@m%C3%BCnchen.example>"),
            ("sip:1001@" + "\u00fc" * 70 + ".example", ""),
        ):
            invite = self.invite(Party(uri, diversions=(Diversion(uri),), referredBy=uri), assertsIdentity=True)
            for name in ("P-Asserted-Identity", "Diversion", "Referred-By"):
                if not (name == "P-Asserted-Identity" and uri.startswith("xmpp")):
                    self.assertEqual(header(invite, name), right, name)
            self.assertTrue(invite.isascii())

    def test_ways(self) -> None:
        """
        The ways to somebody, which a rule may name, are in the Request-URI, and not where it is said who calls whom
        (RFC 3261 section 19.1.1).
        """
        ways = ";transport=udp;maddr=192.0.2.1;lr;ttl=1;x=y"
        rig = Rig(assertsIdentity=True)
        caller = Party(f"sip:101@sip.example{ways}", "Scott")
        rig.dial(f"sip:+4930;x=1@192.0.2.77:5060{ways};user=phone?Subject=x", caller=caller).start(
            SessionDescription((PCMU,))
        )
        (invite,) = rig.wire.take()
        self.assertIn("transport=udp", invite.partition("\r\n")[0])
        self.assertEqual(header(invite, "To"), "<sip:+4930;x=1@192.0.2.77;user=phone>")
        self.assertIn("<sip:101@sip.example>;tag=", header(invite, "From"))
        self.assertEqual(header(invite, "P-Asserted-Identity"), '"Scott" <sip:101@sip.example>')

    def test_private(self) -> None:
        """A private caller is nowhere, and it is said that this is meant."""
        invite = self.invite(Party("sip:1001@pbx.example", "Bob", private=True))
        self.assertIn(f"<{ANONYMOUS.uri}>", header(invite, "From"))
        self.assertEqual(header(invite, "Privacy"), "id")
        self.assertNotIn("1001@", invite)  # the digits alone can be part of a tag
        self.assertNotIn("Bob", invite)

    def test_asserted(self) -> None:
        """Only if the administrator says so is the caller asserted, private or not."""
        invite = self.invite(Party("sip:1001@pbx.example", 'B"ob', private=True), assertsIdentity=True)
        self.assertEqual(header(invite, "P-Asserted-Identity"), '"B\\"ob" <sip:1001@pbx.example>')
        self.assertEqual(header(invite, "Privacy"), "id")
        invite = self.invite(Party("xmpp:scott@chat.example", "scott"), assertsIdentity=True)
        self.assertEqual(header(invite, "P-Asserted-Identity"), "")

    def test_diverted(self) -> None:
        """From where the call was sent on is passed on, and why."""
        station = Diversion("sip:1002@pbx.example", (("reason", "no-answer"), ("counter", "2"), ("x", "")))
        invite = self.invite(Party("sip:1001@pbx.example", diversions=(station,)))
        self.assertEqual(header(invite, "Diversion"), "<sip:1002@pbx.example>;reason=no-answer;counter=2;x")


class ConnectedTests(SynchronousTestCase):
    """Who is at the far end of a call later."""

    def test_connected(self) -> None:
        """What a server asserts in a re-INVITE or UPDATE, and in the responses to our INVITE, is who is there now."""
        extra = 'P-Asserted-Identity: "Bob" <sip:1002@pbx.example>\r\n'
        for talk in both():
            before = talk.leg.party
            for method in ("UPDATE", "INVITE"):
                talk.leg.party = before
                talk.send(method, extra=extra, body=HELD)
                self.assertEqual(talk.leg.party, Party("sip:1002@pbx.example", "Bob", diversions=before.diversions))
        talk = Talk.outbound(Rig(), extra="Remote-Party-ID: <sip:1003@pbx.example>;party=called;privacy=full\r\n")
        self.assertEqual((talk.leg.party.uri, talk.leg.party.private), ("sip:1003@pbx.example", True))

    def test_unsaid(self) -> None:
        """Where nothing is asserted it is who it was; who has logged in stays who it is, whatever is said."""
        for talk in both():
            before = talk.leg.party
            talk.send("UPDATE", body=HELD, from_="<sip:other@x>;tag=" + talk._theirs.rpartition("=")[2])
            self.assertEqual(talk.leg.party, before)
            talk.leg.login = "alice"
            talk.send("UPDATE", body=HELD, extra="P-Asserted-Identity: <sip:boss@pbx.example>\r\n")
            self.assertEqual(talk.leg.party, before)
