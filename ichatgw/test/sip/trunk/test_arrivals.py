"""
Tests for L{ichatgw.sip.trunk.arrivals}: calls that come by trunks.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.declared.trunks import CALLED_PARTY, DIVERSION, REQUEST_URI, TO
from ichatgw.model import Ending, EndReason, TransportAddress
from ichatgw.test.support.sip.sipwire import header, request, status
from ichatgw.test.support.sip.trunks import ASKED, OTHER, SERVER, TrunkRig, trunk

STRANGER = TransportAddress("203.0.113.9", 5060)


class ArrivalTests(SynchronousTestCase):
    """INVITEs, and what becomes of them."""

    def setUp(self) -> None:
        self.rig = TrunkRig(trunk(numbers=("+4930100", "+4930101")))
        self.contact = self.rig.register()
        self.count = 0

    def invite(
        self, uri: str, to: str = "<sip:y.example>", extra: str = "", source: TransportAddress = SERVER
    ) -> list[int]:
        """An INVITE comes; the statuses that it is answered."""
        self.count += 1
        text = request("INVITE", uri, to, callId=f"arrival-{self.count}", branch=f"b{self.count}", extra=extra)
        return [status(each) for each in self.rig.receive(text, source)]

    def called(self, *arguments: str, **more: Any) -> str:
        """The address that is called, as the rules see it."""
        uri, *rest = arguments
        given: dict[str, Any] = dict(zip(("to", "extra"), rest, strict=False))
        self.assertEqual(self.invite(uri, **given, **more)[:1], [100], (arguments, more))
        return self.rig.invitations.called[-1].removeprefix("trunk:")

    def withUser(self, user: str) -> str:
        """The Contact with another user part."""
        return self.contact.replace("sip:4930@", f"sip:{user}@")

    def test_places(self) -> None:
        """The number is found in the Request-URI, or if that is the Contact, in P-Called-Party-ID, or else in To."""
        for uri, to, extra, number in (
            (self.withUser("4930100"), "<sip:4930@p.example>", "", "+4930100"),
            (self.withUser("%2B4930101"), "<sip:4930@p.example>", "", "+4930101"),
            (self.withUser("0049-30-100"), self.contact, "", "+4930100"),
            (self.withUser("77"), "<sip:78@p.example>", "", "77"),
            (self.withUser("77"), "<sip:4930100@p.example>", "", "+4930100"),
            (self.withUser("101;phone-context=+4930"), "<sip:y.example>", "", "+4930101"),
            (self.withUser("+4930101;npdi;rn=+4999"), "<sip:y.example>", "", "+4930101"),
            (self.contact, "<sip:+4930101@p.example;user=phone>", "", "+4930101"),
            (self.contact, "<sip:4930101@p.example>", "P-Called-Party-ID: <sip:+4930100@p.example>\r\n", "+4930100"),
            (self.contact, "<sip:4930@p.example>", "P-Called-Party-ID: sip:4930101@p.example\r\n", "+4930101"),
            (self.contact, "<tel:+4930101>", "", "+4930101"),
            (self.contact, "<sip:4930@p.example>", "", "+4930100"),
            (self.contact, "<sip:p.example>", "P-Called-Party-ID: \r\n", "+4930100"),
        ):
            to = to if to.startswith("<") else f"<{to}>"
            self.assertEqual(self.called(uri, to, extra), f"{number}@one", (uri, to, extra))

    def test_setting(self) -> None:
        """Where a trunk is said to put the number, it is looked for first; elsewhere, if it is not there."""
        uri, to = self.withUser("1"), "<sip:2@p.example>"
        extra = "P-Called-Party-ID: <sip:3@p.example>\r\nDiversion: <sip:4@p.example>;reason=unconditional\r\n"
        for place, number in ((REQUEST_URI, "1"), (TO, "2"), (CALLED_PARTY, "3"), (DIVERSION, "4")):
            self.rig.adopt(evolve(self.rig.account().trunk, calledNumber=place))
            self.assertEqual(self.called(uri, to, extra), f"{number}@one")
        self.assertEqual(self.called(self.contact, "<sip:4930101@p.example>"), "+4930101@one")

    def test_token(self) -> None:
        """A call to the registered Contact comes by the trunk, wherever it comes from, and whatever its user part."""
        for uri in (self.contact, self.withUser("4930101")):
            self.assertEqual(self.invite(uri, source=STRANGER)[:1], [100])
        self.assertEqual([leg.trunk for leg in self.rig.invitations.legs], ["one", "one"])

    def test_strangers(self) -> None:
        """Without the token no stranger calls by a trunk: not by its address, its numbers, its name or a wrong one."""
        bare = self.contact.partition(";")[0]
        for uri in (
            bare,
            self.contact[:-1],
            f"{bare};rinstance=",
            f"{bare};rinstance=0123456789abcdef",
            f"{bare};RINSTANCE={self.contact[-16:]}0",
            "sip:4930100@192.0.2.10:5070",
            "sip:4930100@one",
            "sip:trunk%3A4930100%40one@urn.invalid",
        ):
            self.assertEqual(self.invite(uri, "<sip:4930100@198.51.100.1>", source=STRANGER), [403], uri)
        self.assertEqual(self.rig.invitations.called, [])

    def test_peers(self) -> None:
        """A host that may call anyway does not call by a trunk by writing its name, whichever way."""
        peer = TransportAddress("192.0.2.77", 5060)
        for uri in ("sip:4930100@one", "sip:trunk%3A4930100%40one@urn.invalid", self.contact.partition(";")[0]):
            self.invite(uri, source=peer)
            self.assertFalse(self.rig.invitations.called[-1].startswith("trunk:"), uri)
            self.assertEqual(self.rig.invitations.legs[-1].trunk, "")

    def test_source(self) -> None:
        """The server of a trunk calls by it without the token, for its user and its numbers, and for nobody else."""
        for uri, to in (
            ("sip:4930101@192.0.2.10:5070", "<sip:x@p.example>"),
            ("sip:x@192.0.2.10:5070", "<sip:4930101@p.example>"),
            ("sip:4930@192.0.2.10:5070", "<sip:004930101@p.example>"),
        ):
            self.assertEqual(self.called(uri, to), "+4930101@one")
        self.assertEqual(self.invite("sip:900@192.0.2.10:5070"), [403])

    def test_twoAtOneServer(self) -> None:
        """Of several accounts at a server the one is meant whose user or number is called."""
        self.rig.adopt(self.rig.account().trunk, trunk("two", user="4940", numbers=("+4940100",)))
        self.assertEqual(self.called("sip:4940100@192.0.2.10:5070"), "+4940100@two")
        self.assertEqual(self.called("sip:4930100@192.0.2.10:5070"), "+4930100@one")

    def test_withoutRegistration(self) -> None:
        """A server that knows us by our address may call any number, if it is that of one trunk only."""
        self.rig.adopt(trunk("pbx", OTHER.host, user="", password=""))
        self.assertEqual(self.called("sip:17@192.0.2.10:5070", source=OTHER), "17@pbx")
        self.rig.adopt(*(trunk(name, OTHER.host, user="", password="") for name in ("pbx", "also")))
        self.assertEqual(self.invite("sip:17@192.0.2.10:5070", source=OTHER), [403])

    def test_manyAtOneServer(self) -> None:
        """Each of many trunks at one server has its own numbers, and a change of them holds from then on."""
        many = [trunk(f"t{n}", user=f"u{n}", login=f"login{n}", numbers=(f"+49301{n:03}",)) for n in range(50)]
        self.rig.adopt(*many)
        for number in ("0049301017", "+49301017", "49301017"):
            self.assertEqual(self.called(f"sip:{number}@192.0.2.10:5070"), "+49301017@t17")
        self.assertEqual(self.called("sip:u30@192.0.2.10:5070"), "+49301030@t30")
        self.assertEqual(self.called("sip:login31@192.0.2.10:5070"), "+49301031@t31")
        self.rig.adopt(*(evolve(each, numbers=("+4977",)) if each.name == "t17" else each for each in many[:20]))
        self.assertEqual(self.called("sip:4977@192.0.2.10:5070"), "+4977@t17")
        for gone in ("49301017", "u30"):
            self.assertEqual(self.invite(f"sip:{gone}@192.0.2.10:5070"), [403])

    def test_openOnes(self) -> None:
        """One trunk without numbers and registration takes any number of its server; of two none does."""
        registered = [trunk(f"t{number}", user=f"u{number}") for number in range(3)]
        bare = trunk("bare", registrationTime=0)
        self.rig.adopt(*registered, bare)
        self.assertEqual(self.called("sip:12345@192.0.2.10:5070"), "12345@bare")
        self.rig.adopt(*registered, bare, trunk("other", registrationTime=0))
        self.assertEqual(self.invite("sip:12345@192.0.2.10:5070"), [403])
        self.rig.adopt(bare, *(trunk(f"far{n}", host=f"203.0.113.{n}", registrationTime=0) for n in range(1, 5)))
        self.assertEqual(self.called("sip:12345@192.0.2.10:5070"), "12345@bare")

    def test_gone(self) -> None:
        """A trunk that is no more has no calls, by its token neither."""
        self.rig.adopt()
        self.assertEqual(self.invite(self.contact, source=STRANGER), [403])
        self.assertEqual(self.invite("sip:4930100@192.0.2.10:5070"), [403])

    def test_full(self) -> None:
        """A trunk that has as many calls as it may is busy, until one of them is over."""
        self.rig.adopt(evolve(self.rig.account().trunk, maxCalls=1))
        self.assertEqual(self.invite(self.contact)[:1], [100])
        self.assertEqual(self.invite(self.contact)[-1], 486)
        self.rig.invitations.legs[0].hangup(Ending(EndReason.HANGUP, ""))
        self.rig.wire.take()
        self.assertEqual(self.invite(self.contact)[:1], [100])

    def test_login(self) -> None:
        """What the server asks for within such a call is answered with the trunk's password."""
        self.invite(self.contact)
        leg = self.rig.invitations.legs[0]
        assert leg.dialog is not None and leg.dialog.answers is not None
        self.assertIs(leg.dialog.answers._logins, self.rig.account().logins)

    def test_within(self) -> None:
        """A stranger who called by the token is heard within the call."""
        uri = self.contact
        text = request("INVITE", uri, "<sip:4930100@p.example>", callId="arrival-within", branch="w")
        trying = self.rig.receive(text, STRANGER)
        self.assertEqual(status(trying[0]), 100)
        cancel = request("CANCEL", uri, "<sip:4930100@p.example>", callId="arrival-within", branch="w", body=None)
        self.assertEqual(status(self.rig.receive(cancel, STRANGER)[0]), 200)
        self.assertEqual(self.rig.endpoint.legs, frozenset())
        self.assertEqual(self.rig.account().legs, set())

    def test_others(self) -> None:
        """Nothing but calls comes by a trunk: a REFER with its token is refused as ever."""
        text = request("REFER", self.contact, extra="Refer-To: <sip:900@x.example>\r\n", body=None)
        self.assertEqual([status(each) for each in self.rig.receive(text, STRANGER)], [403])

    def test_hostile(self) -> None:
        """Whatever a server writes where numbers stand, nothing raises, and the call has an address or none."""
        for extra in (
            "P-Called-Party-ID: <>\r\n",
            "P-Called-Party-ID: <sip:@>\r\n",
            'P-Called-Party-ID: "\r\n',
            "P-Called-Party-ID: <tel:" + "9" * 2000 + ">\r\n",
            "P-Called-Party-ID: <mailto:x@y>\r\n",
        ):
            self.invite(self.contact, "<sip:p.example>", extra)
        self.assertTrue(all(len(each) < 200 for each in self.rig.invitations.called))

    def test_challenged(self) -> None:
        """The password is for the server of the trunk: a registrar elsewhere, named by a stranger, gets none."""
        self.rig.clock.advance(520)
        register = self.rig.sent("REGISTER")[0]
        (again,) = self.rig.reply(register, 401, ASKED.format(1))
        self.assertNotEqual(header(again, "Authorization"), "")

    def test_asked(self) -> None:
        """The server of a trunk that asks by OPTIONS hears whether calls are taken."""
        text = request("OPTIONS", self.contact, branch="o1", body=None)
        self.assertEqual([status(each) for each in self.rig.receive(text, SERVER)], [200])
        self.rig.endpoint.heed(lambda: "no link")
        text = request("OPTIONS", self.contact, branch="o2", body=None)
        self.assertEqual([status(each) for each in self.rig.receive(text, SERVER)], [503])
