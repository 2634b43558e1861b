# -*- test-case-name: ichatgw.test.sip.leg.test_telling -*-
"""Tests for L{ichatgw.sip.leg.telling}: what a SIP party is told of who is at the other end."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.nulls import Unanswered
from ichatgw.config.declared.sip import SIPSettings
from ichatgw.config.settings import TABLE
from ichatgw.model import CONNECTED, Party
from ichatgw.sip.leg.incallmessages import MAX_NAMES
from ichatgw.sip.leg.telling import Telling
from ichatgw.test.support.legs import ANSWER
from ichatgw.test.support.sip.siptalks import Talk, news
from ichatgw.test.support.sip.sipwire import Rig, header, respond, status
from ichatgw.test.support.sip.trunks import TrunkRig, trunk

KIM = Party("xmpp:kim@chat.example", "Kim Brandt")
ASSERTED = "P-Asserted-Identity"


class AnswersTests(SynchronousTestCase):
    """A phone calls, and is told who rings and answers."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.rig.endpoint.tell(Telling.ANSWERS)

    def answers(self, other: Party | None) -> list[str]:
        """What 180, 183 and 200 say of who is at the other end."""
        self.rig.invite(extra="User-Agent: phone\r\n")
        leg = self.rig.invitations.legs[-1]
        news(leg).other = other
        leg.ring()
        leg.progress(ANSWER)
        leg.answer(ANSWER)
        sent = self.rig.wire.take()
        self.assertEqual([status(each) for each in sent], [180, 183, 200])
        return [header(each, ASSERTED) for each in sent]

    def test_name(self) -> None:
        """A user of XMPP is told by name, under the address that was called; one without a name by the user part."""
        self.assertEqual(self.answers(KIM), ['"Kim Brandt" <sip:scott@192.0.2.10>'] * 3)

    def test_nameless(self) -> None:
        """One without a name has the user part for one."""
        self.assertEqual(self.answers(Party(KIM.uri))[2], '"kim" <sip:scott@192.0.2.10>')

    def test_number(self) -> None:
        """Who has an address of SIP is told under it: a number of the phone book, or where a call was picked up."""
        found = self.answers(Party("sip:+4930100@pbx.example", "Kim Brandt"))
        self.assertEqual(found, ['"Kim Brandt" <sip:+4930100@pbx.example>'] * 3)

    def test_private(self) -> None:
        """Who does not want to be shown is not, and of nobody nothing is said."""
        self.assertEqual(self.answers(Party("sip:1@pbx.example", "Boss", private=True)), [""] * 3)

    def test_nobody(self) -> None:
        """Of nobody nothing is said."""
        self.assertEqual(self.answers(None), [""] * 3)

    def test_off(self) -> None:
        """The setting says whether it is said."""
        self.rig.endpoint.tell(Telling.NEVER)
        self.assertEqual(self.answers(KIM), [""] * 3)

    def test_hostile(self) -> None:
        """Whatever is in a name ends no header and names no other address."""
        for name in ('x" <sip:boss@a>', "x\r\nX-Evil: y", "\ud800\0\ufffd", "<>;,@" * 500, "\u202eevil"):
            self.setUp()
            for found in self.answers(Party("xmpp:eve@chat.example", name)):
                self.assertTrue(found.endswith("<sip:scott@192.0.2.10>"), found)
                self.assertLess(len(found), 700)

    def test_trunk(self) -> None:
        """The server of a trunk is told nothing."""
        rig = TrunkRig(trunk(numbers=("4930100",)))
        rig.endpoint.tell(Telling.CHANGES)
        contact = rig.register()
        rig.invite(uri=contact)
        leg = rig.invitations.legs[-1]
        news(leg).other = KIM
        leg.answer(ANSWER)
        self.assertEqual(header(rig.wire.take()[-1], ASSERTED), "")

    def test_words(self) -> None:
        """The setting knows the same words, and answers are told unless it says otherwise."""
        (setting,) = (each for each in TABLE if each.name == "ConnectedIdentity")
        for each in Telling:
            self.assertEqual(setting.kind.parse(each.value), each.value)
        self.assertEqual(SIPSettings.__attrs_attrs__.connectedIdentity.default, Telling.ANSWERS.value)


class ChangesTests(SynchronousTestCase):
    """The party at the other end of an answered call changes."""

    def talks(self, telling: Telling = Telling.CHANGES, methods: str = "INVITE, ACK, BYE, UPDATE") -> list[Talk]:
        """A call each way with a phone that knows these methods."""
        made = []
        for begin in (Talk.inbound, Talk.outbound):
            rig = Rig()
            rig.endpoint.tell(telling)
            made.append(begin(rig, extra=f"Allow: {methods}\r\n"))
        return made

    def connect(self, talk: Talk, party: Party | None) -> list[str]:
        """Somebody else is there; what the phone is told."""
        talk.news.other = party
        talk.leg.hand(Unanswered(CONNECTED))
        return talk.rig.wire.take()

    def test_update(self) -> None:
        """The phone is told by an UPDATE without an offer, once, and again of the next one (RFC 3311, RFC 3325)."""
        for talk in self.talks():
            (update,) = self.connect(talk, Party("sip:+4930100@pbx.example", "Kim Brandt"))
            self.assertTrue(update.startswith("UPDATE "))
            self.assertEqual(header(update, ASSERTED), '"Kim Brandt" <sip:+4930100@pbx.example>')
            self.assertEqual((header(update, "Content-Length"), header(update, "Session-Expires")), ("0", ""))
            talk.rig.receive(respond(update, 200, "OK"))
            self.assertEqual(self.connect(talk, Party("sip:+4930100@pbx.example", "Kim Brandt")), [])
            (again,) = self.connect(talk, Party("sip:+4930101@pbx.example"))
            self.assertEqual(header(again, ASSERTED), "<sip:+4930101@pbx.example>")
            talk.rig.receive(respond(again, 500, "No"))
            self.assertNotIn("ended", talk.news.news)

    def test_notTold(self) -> None:
        """
        Nothing is said of who does not want to be shown, or has no address of SIP; to a phone that does not allow
        UPDATE; or unless the setting wants it.
        """
        shown = Party("sip:1@pbx.example", "Kim")
        for talk in self.talks():
            for party in (None, Party("sip:1@pbx.example", "Boss", private=True), KIM):
                self.assertEqual(self.connect(talk, party), [])
        for talk in (*self.talks(methods="INVITE, ACK, BYE"), *self.talks(Telling.ANSWERS)):
            self.assertEqual(self.connect(talk, shown), [])

    def test_over(self) -> None:
        """After the end of the call nothing is said."""
        for talk in self.talks():
            talk.send("BYE")
            self.assertEqual(self.connect(talk, Party("sip:1@pbx.example", "Kim")), [])

    def test_said(self) -> None:
        """What a PBX says of who is there now reaches the other party, but not without end."""
        for talk in self.talks():
            talk.news.takes = True
            for number in range(2 * MAX_NAMES):
                talk.send("UPDATE", body=None, extra=f"{ASSERTED}: <sip:{number}@pbx.example>\r\n")
            self.assertEqual([each.value for each in talk.news.messages], [CONNECTED] * MAX_NAMES)
            self.assertEqual(talk.leg.party.uri, f"sip:{2 * MAX_NAMES - 1}@pbx.example")
            talk.send("UPDATE", body=None)
            self.assertEqual(len(talk.news.messages), MAX_NAMES)
