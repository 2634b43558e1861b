"""Tests for L{ichatgw.sip.dialog.replaces}, and of INVITEs with Replaces (RFC 3891)."""

from __future__ import annotations

from itertools import count
from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.interfaces import ILeg
from ichatgw.model import EndReason, Party
from ichatgw.sip.dialog.capabilities import SUPPORTED
from ichatgw.sip.dialog.replaces import DialogId, Replacement, Replacing, readReplaces, readTargetDialog
from ichatgw.sip.leg.inbound import InboundSipLeg
from ichatgw.sip.leg.registry import MAX_ENDED
from ichatgw.test.support.fakes import OFFER, FakeCall
from ichatgw.test.support.legs import ANSWER
from ichatgw.test.support.media.fakerelays import FakeSide
from ichatgw.test.support.sip.siptalks import Talk
from ichatgw.test.support.sip.sipwire import PHONE_SDP, Rig, header, request, respond, status

NAME = DialogId("a1@host", "ours", "theirs")
GATEWAY = Party("sip:ichat-gw@gw.example")
REFERRED = Party("xmpp:scott@chat.example", "scott", referredBy="sip:bob@sip.example")


def anybody(leg: ILeg) -> bool:
    """Each leg is a party."""
    return True


def tagOf(value: str) -> str:
    return value.partition(";tag=")[2]


class ReadTests(SynchronousTestCase):
    """The names of dialogs."""

    def test_replaces(self) -> None:
        """Order, case and blanks do not matter; other parameters are of no interest."""
        for text in ("a1@host;to-tag=ours;from-tag=theirs", "a1@host ;From-Tag = theirs ; to-tag=ours;x=y"):
            self.assertEqual(readReplaces(text), Replacement(NAME), text)
        self.assertEqual(readReplaces("a1@host;early-only;to-tag=ours;from-tag=theirs"), Replacement(NAME, True))

    def test_written(self) -> None:
        """What is written reads the same."""
        for wish in (Replacement(NAME), Replacement(NAME, True)):
            self.assertEqual(readReplaces(wish.text), wish)

    def test_targetDialog(self) -> None:
        """The tags are named as we see them."""
        self.assertEqual(readTargetDialog("a1@host;remote-tag=theirs;local-tag=ours"), NAME)

    def test_malformed(self) -> None:
        """A name that is not full, or says something twice, or would be more than a name."""
        for text in (
            "",
            ";to-tag=a;from-tag=b",
            "a1@host",
            "a1@host;to-tag=a",
            "a1@host;to-tag=;from-tag=b",
            "a1@host;to-tag=a;to-tag=b;from-tag=c",
            "a1@host;to-tag=a b;from-tag=c",
            "a1@host;to-tag=a\r\nX: y;from-tag=c",
            "a1 host;to-tag=a;from-tag=c",
            'a1"host;to-tag=a;from-tag=c',
            "a1\0host;to-tag=a;from-tag=c",
            "a1\x1b[31m;to-tag=a;from-tag=c",
            "a1\u2028x;to-tag=a;from-tag=c",
            "ä1@host;to-tag=a;from-tag=c",
            "a1@host;local-tag=a",
        ):
            self.assertRaises(MalformedError, readReplaces, text)
            self.assertRaises(MalformedError, readTargetDialog, text)


class ReplacingCase(SynchronousTestCase):
    """INVITEs that want the place of a leg."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.numbers = count(1)

    def invite(self, replaces: str, extra: str = "") -> list[str]:
        number = next(self.numbers)
        return self.rig.receive(
            request(
                "INVITE",
                callId=f"new-{number}",
                from_=f"<sip:dave@sip.example>;tag=d{number}",
                branch=f"new{number}",
                extra=f"Replaces: {replaces}\r\n{extra}",
            )
        )

    def name(self, talk: Talk, more: str = "") -> str:
        """The name of the dialog of an answered call, as the phone of it would tell others."""
        ours, theirs = header(talk.accepted, "To"), header(talk.accepted, "From")
        if talk.leg.isOutbound:
            ours, theirs = theirs, ours
        callId = header(talk.accepted, "Call-ID")
        return f"{callId};to-tag={tagOf(ours)};from-tag={tagOf(theirs)}{more}"

    def arrived(self) -> InboundSipLeg:
        leg = self.rig.invitations.legs[-1]
        assert isinstance(leg, InboundSipLeg)
        return leg

    def assertRefused(self, replaces: str, code: int) -> None:
        """The dialog is known once admission has asked for it."""
        before = self.rig.endpoint.legs
        self.invite(replaces)
        leg = self.arrived()
        self.assertIsNotNone(self.rig.invitations.arrivals[-1].place)
        self.assertIsNone(leg.place(anybody))
        self.assertEqual([status(message) for message in self.rig.wire.take()], [code], replaces)
        self.assertEqual(cast(FakeCall, leg.call).news, ["ended"])
        self.assertEqual(self.rig.endpoint.legs, before)


class InviteTests(ReplacingCase):
    """What an INVITE finds."""

    def test_answered(self) -> None:
        """A leg that is answered, no matter who called: it is found, and the new one is answered like any other."""
        for make in (Talk.inbound, Talk.outbound):
            self.rig = Rig()
            talk = make(self.rig)
            replies = self.invite(self.name(talk))
            self.assertEqual([status(message) for message in replies], [100])
            leg = self.arrived()
            self.assertEqual(self.rig.invitations.arrivals[-1].place, leg.place)
            self.assertIs(leg.place(anybody), talk.leg)
            leg.answer(ANSWER)
            (ok,) = self.rig.wire.take()
            self.assertEqual(status(ok), 200)
            self.assertEqual(header(ok, "Supported"), ", ".join(SUPPORTED))
            self.assertIn("REFER", header(ok, "Allow"))

    def test_noParty(self) -> None:
        """A leg that is no party of a call is nobody's to replace."""
        talk = Talk.inbound(self.rig)
        self.invite(self.name(talk))
        self.assertIsNone(self.arrived().place(lambda leg: False))
        self.assertEqual([status(message) for message in self.rig.wire.take()], [481])

    def test_tooMuchToDo(self) -> None:
        """When new calls are refused one that takes a place in a call that is up passes, and no other that says so."""
        talk = Talk.inbound(self.rig)
        self.rig.endpoint.shed(lambda: True)
        self.assertEqual([status(message) for message in self.invite(self.name(talk))], [100])
        self.assertIs(self.arrived().place(anybody), talk.leg)
        for replaces in (self.name(talk).replace("to-tag=", "to-tag=x"), "rubbish"):
            self.assertEqual([status(message) for message in self.invite(replaces)], [503], replaces)

    def test_required(self) -> None:
        """It may be required that we know of it."""
        talk = Talk.inbound(self.rig)
        self.invite(self.name(talk), "Require: replaces\r\n")
        self.assertIs(self.arrived().place(anybody), talk.leg)

    def test_earlyOnly(self) -> None:
        """A call that is answered is not replaced if only an early one is meant."""
        self.assertRefused(self.name(Talk.inbound(self.rig), ";early-only"), 486)

    def test_unknown(self) -> None:
        """What names no call of ours, or with the tags of the wrong ends, is refused, and no new call."""
        callId, to, from_ = self.name(Talk.inbound(self.rig)).split(";")
        for wrong in (
            f"other;{to};{from_}",
            f"{callId};{to};from-tag=x",
            f"{callId};to-tag=x;{from_}",
            f"{callId};to-{from_.partition('-')[2]};from-{to.partition('-')[2]}",
        ):
            self.assertRefused(wrong, 481)

    def test_terminated(self) -> None:
        """A call that is over is not replaced; it is remembered for a while, not for ever."""
        talk = Talk.inbound(self.rig)
        name = self.name(talk)
        talk.send("BYE")
        self.assertRefused(name, 603)
        self.rig.clock.pump([1.0] * 64)
        self.rig.wire.take()
        self.assertRefused(name, 603)
        legs = self.rig.endpoint._legs
        for number in range(MAX_ENDED):
            legs._ended[DialogId(str(number), "a", "b")] = None
        Talk.inbound(self.rig, callId="another", branch="another").send("BYE")
        for _ in range(3):
            self.invite("x;to-tag=a;from-tag=b")
            self.arrived().place(anybody)
        self.assertLess(len(legs._ended), MAX_ENDED + 5)

    def test_early(self) -> None:
        """Whom we call can be picked up while he rings, by each of the names that he has; who calls us cannot."""
        leg = self.rig.dial()
        leg.start(OFFER)
        invite = self.rig.wire.take()[-1]
        callId, ours = header(invite, "Call-ID"), tagOf(header(invite, "From"))
        self.assertRefused(f"{callId};to-tag={ours};from-tag=b1", 481)
        for tag in ("b1", "b2"):
            self.rig.receive(respond(invite, 180, "Ringing", tag=tag))
        for tag in ("b1", "b2"):
            for more in ("", ";early-only"):
                self.invite(f"{callId};to-tag={ours};from-tag={tag}{more}")
                self.assertIs(self.arrived().place(anybody), leg)
        self.assertRefused(f"{callId};to-tag={ours};from-tag=b3", 481)
        self.rig.invite(callId="early", branch="early")
        self.arrived().ring()
        early = tagOf(header(self.rig.wire.take()[-1], "To"))
        self.assertRefused(f"early;to-tag={early};from-tag=a1", 481)

    def test_iChat(self) -> None:
        """The calls between us and an iChat are nobody's to replace."""
        leg = self.rig.endpoint.pinned().dial("sip:user@192.0.2.77:16402", GATEWAY)
        leg.call, leg.side = FakeCall(), FakeSide()
        leg.start(OFFER)
        invite = self.rig.wire.take()[-1]
        self.rig.receive(respond(invite, 200, "OK", body=PHONE_SDP))
        self.rig.wire.take()
        callId, ours = header(invite, "Call-ID"), tagOf(header(invite, "From"))
        self.assertRefused(f"{callId};to-tag={ours};from-tag=b1", 481)

    def test_malformed(self) -> None:
        """A name that cannot be read, one with Join beside it, two of them."""
        name = self.name(Talk.inbound(self.rig))
        legs = len(self.rig.invitations.legs)
        for replaces, extra in (("rubbish", ""), (name, f"Join: {name}\r\n"), (name, f"Replaces: {name}\r\n")):
            replies = self.invite(replaces, extra)
            self.assertEqual([status(message) for message in replies], [400], replaces)
        self.assertEqual(len(self.rig.invitations.legs), legs)

    def test_ordinary(self) -> None:
        """An INVITE without it wants nobody's place."""
        self.rig.invite()
        self.assertIsNone(self.rig.invitations.arrivals[-1].place)

    def test_refusedEnding(self) -> None:
        """The refusal is an ending like others, for the log."""
        self.invite("x;to-tag=a;from-tag=b")
        leg = self.arrived()
        leg.place(anybody)
        ((_, ending),) = cast(FakeCall, leg.call).endings
        self.assertEqual((ending.reason, ending.text), (EndReason.FAILED, "481 Call/Transaction Does Not Exist"))


class CarryTests(ReplacingCase):
    """Our own INVITE that replaces."""

    def test_carried(self) -> None:
        """It has the header, and says who has brought it about."""
        leg = self.rig.dial(caller=REFERRED)
        assert isinstance(leg, Replacing)
        leg.replace("x@y;to-tag=1;from-tag=2")
        leg.start(OFFER)
        (invite,) = self.rig.wire.take()
        self.assertEqual(header(invite, "Replaces"), "x@y;to-tag=1;from-tag=2")
        self.assertEqual(header(invite, "Referred-By"), "<sip:bob@sip.example>")
        self.assertEqual(header(invite, "Supported"), ", ".join(SUPPORTED))

    def test_not(self) -> None:
        """Other INVITEs have neither."""
        self.rig.dial().start(OFFER)
        (invite,) = self.rig.wire.take()
        self.assertEqual((header(invite, "Replaces"), header(invite, "Referred-By")), ("", ""))
