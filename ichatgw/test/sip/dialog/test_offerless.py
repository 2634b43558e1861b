# -*- test-case-name: ichatgw.test.sip.dialog.test_offerless -*-
"""
Callers that make no offer, but wait for ours (RFC 3261 section 13.2.1, RFC 3262 section 5).
"""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.call import Call
from ichatgw.model import PCMU, Codec, Ending, EndReason, SessionDescription
from ichatgw.test.support.clients.jingles import SESSIONS, World
from ichatgw.test.support.fakes import FakeLeg
from ichatgw.test.support.media.fakerelays import FakeRelay, FakeSide
from ichatgw.test.support.sip.siptalks import formats
from ichatgw.test.support.sip.sipwire import PHONE_SDP, Rig, ackFor, header, request, respond, status

DEMANDED = "Require: 100rel\r\n"
EVERYTHING = "0 8 9 96 18 97 3 101 110"
ULAW = PHONE_SDP.replace("0 8 101", "0 101")
ALAW = PHONE_SDP.replace("0 8 101", "8 101")
OPUS = PHONE_SDP.replace("0 8 101", "96").replace("a=sendrecv", "a=rtpmap:96 opus/48000/2\r\na=sendrecv")


class Scene:
    """
    Alice calls Bob without an offer.

    @ivar invite: what Bob is sent.
    """

    def __init__(self, extra: str = "") -> None:
        self.rig = Rig()
        self.rig.invite(body=None, extra=extra)
        self.alice = self.rig.invitations.legs[-1]
        self.bob = self.rig.dial()
        self.relay = FakeRelay()
        self.closed: list[Call] = []
        self.call = Call("c1", self.alice, self.bob, self.relay, self.rig.clock, self.closed.append)
        self.call.start(self.rig.invitations.offers[-1])
        (self.invite,) = self.rig.wire.take()
        self.cseq = 1

    def bobSays(self, code: int, body: str = "") -> list[str]:
        """What Alice is sent because of it."""
        sent = self.rig.receive(respond(self.invite, code, "Hm", body=body))
        return [message for message in sent if status(message)]

    def prack(self, response: str, body: str | None) -> list[str]:
        """Alice acknowledges it."""
        self.cseq += 1
        rack = f"RAck: {header(response, 'RSeq')} {header(response, 'CSeq')}\r\n"
        to, branch = header(response, "To"), f"prack{self.cseq}"
        text = request("PRACK", to=to, cseq=self.cseq, branch=branch, extra=rack, body=body)
        return self.rig.receive(text)

    @property
    def aliceSide(self) -> FakeSide:
        return cast(FakeSide, self.relay.caller)


class OfferTests(SynchronousTestCase):
    """What goes to whom."""

    def test_callee(self) -> None:
        """Who is called is offered all that can be relayed, what every phone has first, and events."""
        self.assertEqual(formats(Scene().invite), EVERYTHING)

    def test_caller(self) -> None:
        """The caller is offered what the callee has answered, with events; its answer in the ACK is taken."""
        scene = Scene()
        (ok,) = scene.bobSays(200, ALAW)
        self.assertEqual(formats(ok), "8 0 101")
        self.assertEqual(scene.rig.receive(ackFor(ok, body=ALAW)), [])
        self.assertEqual([codec.name for codec in scene.aliceSide.remotes[-1].codecs], ["PCMA", "telephone-event"])

    def test_goesOver(self) -> None:
        """If the callee has answered nothing that every phone has, the caller may ask for that, and it goes over."""
        scene = Scene()
        (ok,) = scene.bobSays(200, OPUS)
        self.assertEqual(formats(ok), "96 0 8")
        (again,) = scene.rig.receive(ackFor(ok, body=ALAW))
        self.assertTrue(again.startswith("INVITE"))
        self.assertEqual(formats(again), "8 0")
        scene.rig.receive(respond(again, 200, "OK", body=PHONE_SDP.replace("0 8 101", "8")))
        self.assertEqual(scene.closed, [])

    def test_doesNotGoOver(self) -> None:
        """If it does not, the call is over: none would hear the other."""
        scene = Scene()
        (ok,) = scene.bobSays(200, OPUS)
        (again,) = scene.rig.receive(ackFor(ok, body=ALAW))
        sent = scene.rig.receive(respond(again, 488, "Not Acceptable Here"))
        self.assertEqual(sorted(message.split()[0] for message in sent), ["ACK", "BYE", "BYE"])
        self.assertIs(scene.alice.call.id, "c1")

    def test_client(self) -> None:
        """A client, which cannot be asked to go over, is offered what every phone has."""
        world = World()
        leg = world.dial(offer=_supposed(), phone=SESSIONS)
        description = next(next(world.last("session-initiate").elements()).elements())
        names = [each["name"] for each in description.elements() if each.name == "payload-type"]
        self.assertEqual(names, ["PCMU", "PCMA", "telephone-event"])
        leg.hangup(Ending(EndReason.CANCELLED))

    def test_iChat(self) -> None:
        """An iChat's one format is among what is supposed."""
        self.assertIsNotNone(_supposed().find(PCMU))


def _supposed() -> SessionDescription:
    rig = Rig()
    rig.invite(body=None)
    return rig.invitations.offers[-1]


class ReliableTests(SynchronousTestCase):
    """The caller demands that no response gets lost."""

    def setUp(self) -> None:
        self.scene = Scene(DEMANDED)

    def test_ringing(self) -> None:
        """The first reliable response brings our offer, PRACK the answer; the 200 has neither."""
        (ringing,) = self.scene.bobSays(180)
        self.assertEqual((status(ringing), header(ringing, "Require")), (180, "100rel"))
        self.assertEqual(formats(ringing), EVERYTHING)
        self.assertEqual([status(m) for m in self.scene.prack(ringing, PHONE_SDP)], [200])
        self.assertEqual(len(self.scene.aliceSide.remotes), 1)
        (ok,) = self.scene.bobSays(200, PHONE_SDP)
        self.assertEqual((status(ok), "m=audio" in ok), (200, False))
        self.assertEqual(self.scene.rig.receive(ackFor(ok)), [])
        self.assertEqual(self.scene.closed, [])

    def test_twice(self) -> None:
        """Only the first brings it."""
        (ringing,) = self.scene.bobSays(180)
        self.scene.prack(ringing, PHONE_SDP)
        self.scene.alice.ring()
        (again,) = self.scene.rig.wire.take()
        self.assertEqual((status(again), header(again, "Require"), "m=audio" in again), (180, "100rel", False))

    def test_progress(self) -> None:
        """Early media is offered with what the callee has answered."""
        (progress,) = self.scene.bobSays(183, ALAW)
        self.assertEqual((status(progress), formats(progress)), (183, "8 0 101"))
        self.scene.prack(progress, ALAW)
        self.assertEqual([codec.name for codec in self.scene.aliceSide.remotes[-1].codecs], ["PCMA", "telephone-event"])

    def test_overtaken(self) -> None:
        """The 200 waits for PRACK, with the answer to our offer."""
        (ringing,) = self.scene.bobSays(180)
        self.assertEqual(self.scene.bobSays(200, PHONE_SDP), [])
        accepted, ok = sorted(self.scene.prack(ringing, PHONE_SDP), key=lambda each: header(each, "CSeq"), reverse=True)
        self.assertEqual([header(accepted, "CSeq")[2:], status(ok), "m=audio" in ok], ["PRACK", 200, False])
        self.scene.rig.receive(ackFor(ok))
        self.assertEqual(self.scene.closed, [])

    def test_otherFormats(self) -> None:
        """If the callee answers with others than the caller has agreed on, the caller is asked to go over."""
        (ringing,) = self.scene.bobSays(180)
        self.scene.prack(ringing, ULAW)
        (ok,) = self.scene.bobSays(200, ALAW)
        (again,) = self.scene.rig.receive(ackFor(ok))
        self.assertEqual((again.split()[0], formats(again)), ("INVITE", "8 0 101"))

    def test_noAnswer(self) -> None:
        """A PRACK without an answer ends the call."""
        (ringing,) = self.scene.bobSays(180)
        sent = self.scene.prack(ringing, None)
        self.assertIn(488, [status(message) for message in sent])
        self.assertTrue(any(message.startswith("CANCEL") for message in sent))

    def test_notOverUDPOnly(self) -> None:
        """Who can take reliable responses, and does not demand them, gets our offer in the 200."""
        scene = Scene("Supported: 100rel\r\n")
        (ringing,) = scene.bobSays(180)
        self.assertNotIn("m=audio", ringing)
        (ok,) = scene.bobSays(200, PHONE_SDP)
        self.assertIn("m=audio", ok)


class OtherLegTests(SynchronousTestCase):
    """Whatever leg is at the other end."""

    def test_withoutEvents(self) -> None:
        """A callee with one format has the caller offered that one."""
        rig = Rig()
        rig.invite(body=None)
        alice = rig.invitations.legs[-1]
        other = FakeLeg()
        call = Call("c1", alice, other, FakeRelay(), rig.clock, lambda call: None)
        call.start(rig.invitations.offers[-1])
        other.partyAnswers(SessionDescription((Codec("PCMU", 8000, 0),)))
        (ok,) = rig.wire.take()
        self.assertEqual(formats(ok), "0 8")
