# -*- test-case-name: ichatgw.test.sip.transaction.test_tables -*-
"""
What the transaction layer keeps.
"""

from __future__ import annotations

import gc
from typing import cast

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.interfaces import Arrival, ILeg
from ichatgw.model import Ending, EndReason, TransportAddress
from ichatgw.sip.dialog.dialog import REFUSED, Dialog
from ichatgw.sip.dialog.replaces import DialogId
from ichatgw.sip.leg.leg import SipLeg
from ichatgw.sip.transaction import tables
from ichatgw.test.marks import slow
from ichatgw.test.support.fakes import OFFER, FakeCall
from ichatgw.test.support.sip.sipwire import PHONE, Rig, ackFor, header, request, respond, status


class TablesTests(SynchronousTestCase):
    """The tables of an endpoint's transactions."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.transactions = self.rig.endpoint._transactions

    def test_answerOctets(self) -> None:
        """Long answers are let go of before they take much memory, however few they are."""
        self.patch(tables, "ANSWER_OCTETS", 100_000)
        for number in range(100):
            self.rig.receive(request("OPTIONS", callId=f"{number}" + "x" * 3000, branch=f"b{number}"))
        caches = self.transactions.l1rcache.recent, self.transactions.l1rcache.older
        kept = [sum(len(each.data or "") for each in cache.values()) for cache in caches]
        self.assertLess(sum(kept), 210_000)
        self.assertGreater(sum(kept), 50_000)
        for cache, octets in zip(caches, kept, strict=True):
            self.assertEqual(cache.octets, octets + tables.OVERHEAD * len(cache))

    def test_replaced(self) -> None:
        """An answer in the place of another one is counted once."""
        self.rig.invite()
        self.rig.invitations.legs[0].ring()
        self.rig.invitations.legs[0].answer(OFFER)
        cache = self.transactions.l1rcache.recent
        self.assertEqual(cache.octets, sum(tables.OVERHEAD + len(each.data or "") for each in cache.values()))

    def test_requestOctets(self) -> None:
        """Requests that are not done with are counted until they are; beyond the bound, new calls are refused."""
        self.patch(tables, "REQUEST_OCTETS", 60_000)
        codes = []
        for number in range(100):
            sent = self.rig.receive(request("INVITE", callId=f"c{number}", branch=f"b{number}"))
            codes.append(status(sent[-1]))
        self.assertEqual(set(codes), {100, 503})
        self.assertLess(self.transactions.tserver.octets, 65_000)
        self.assertEqual(codes.index(503), len(self.rig.invitations.legs))
        for leg in self.rig.invitations.legs:
            leg.hangup(Ending(EndReason.BUSY))
        self.rig.clock.pump([1.0] * 70)
        self.assertEqual((self.transactions.tserver.octets, self.rig.endpoint.transactions), (0, 0))

    @slow
    def test_refused(self) -> None:
        """A call that is refused waits for its ACK, which may never come, without its dialog."""
        for number in range(50):
            self.rig.receive(request("INVITE", callId=f"refused{number}", branch=f"b{number}"))
            self.rig.invitations.legs[-1].hangup(Ending(EndReason.CONGESTED))
        self.rig.clock.advance(REFUSED)
        self.assertEqual((len(self.transactions.tserver), len(self.transactions.req_consumers)), (50, 0))
        self.assertEqual(self.transactions.known.dialogs.countOf(PHONE.host), 0)
        self.rig.invitations.legs.clear()
        gc.collect()
        self.assertEqual(
            [each for each in gc.get_objects() if isinstance(each, Dialog) and str(each.cId) == "refused7"], []
        )
        self.assertIn(503, map(status, self.rig.wire.take()))
        self.rig.clock.advance(0.5)
        self.assertEqual(len(self.rig.wire.take()), 50)  # each once more, until its ACK comes
        self.rig.clock.pump([1.0] * 40)
        self.assertEqual(len(self.transactions.tserver), 0)

    def test_refusedAtOnce(self) -> None:
        """So does one that is refused before its INVITE has been dealt with."""

        def arrived(leg: ILeg, arrival: Arrival) -> None:
            leg.call = FakeCall()
            leg.hangup(Ending(EndReason.CONGESTED))

        self.patch(self.rig.invitations, "arrived", arrived)
        sent = self.rig.invite()
        self.assertEqual([status(each) for each in sent], [100, 503])
        (transaction,) = self.transactions.tserver.values()
        held = (transaction.noack_cb, transaction.ack_cb, transaction.cancel_cb, transaction.r487)
        self.assertEqual(held, (None, None, None, None))
        self.rig.receive(ackFor(sent[-1]))
        self.assertEqual(len(self.transactions.tserver), 0)

    def test_dialogs(self) -> None:
        """A dialog is known by our tag while it lives, at where its far end is heard."""
        self.rig.invite()
        (leg,) = self.rig.invitations.legs
        leg.answer(OFFER)
        ok = self.rig.wire.take()[-1]
        self.rig.receive(ackFor(ok))
        tag = header(ok, "To").partition("tag=")[2]
        self.assertTrue(self.transactions.known.knows(PHONE.host))
        self.assertTrue(self.transactions.known.hasDialog(tag, PHONE.host))
        self.assertFalse(self.transactions.known.hasDialog(tag, "192.0.2.78"))
        self.assertFalse(self.transactions.known.hasDialog("x", PHONE.host))
        self.assertEqual(self.transactions.known.dialogs.countOf(PHONE.host), 1)
        moved = request("INFO", to=header(ok, "To"), cseq=2, body=None)
        self.rig.receive(moved, TransportAddress("192.0.2.78", 5060))
        self.assertTrue(self.transactions.known.hasDialog(tag, "192.0.2.78"))
        leg.hangup(Ending(EndReason.HANGUP))
        (bye,) = self.rig.wire.take()
        self.rig.receive(respond(bye, 200, "OK"), TransportAddress("192.0.2.78", 5060))
        self.rig.clock.pump([1.0] * 70)
        self.assertFalse(self.transactions.known.hasDialog(tag, "192.0.2.78"))
        self.assertFalse(self.transactions.known.knows(PHONE.host))
        self.assertEqual(self.transactions.known.dialogs.countOf(PHONE.host), 0)

    def test_asked(self) -> None:
        """A branch of ours is known where its request went, until that is done with; its CANCEL has the same."""
        leg = self.rig.dial()
        leg.start(OFFER)
        (invite,) = self.rig.wire.take()
        branch = header(invite, "Via").partition("branch=")[2].partition(";")[0]
        self.assertTrue(self.transactions.known.hasAsked(branch, PHONE.host))
        self.assertFalse(self.transactions.known.hasAsked(branch, "192.0.2.78"))
        self.rig.receive(respond(invite, 180, "Ringing"))
        leg.hangup(Ending(EndReason.CANCELLED))
        (cancel,) = self.rig.wire.take()
        self.rig.receive(respond(cancel, 200, "OK"))
        self.assertTrue(self.transactions.known.hasAsked(branch, PHONE.host))
        self.rig.receive(respond(invite, 487, "Request Terminated"))
        self.rig.clock.pump([1.0] * 70)
        self.assertFalse(self.transactions.known.hasAsked(branch, PHONE.host))
        self.assertFalse(self.transactions.known.knows(PHONE.host))

    def test_callId(self) -> None:
        """One Call-ID has only so many dialogs."""
        codes = [
            status(self.rig.invite(from_=f"<sip:alice@sip.example>;tag=a{each}", branch=f"b{each}")[-1])
            for each in range(100)
        ]
        self.assertEqual((codes.count(100), codes.count(482)), (tables.MAX_OF_CALL_ID, 100 - tables.MAX_OF_CALL_ID))
        self.rig.clock.pump([1.0] * 70)

    def test_shutdown(self) -> None:
        """Nothing is known when all is over."""
        self.rig.invite()
        self.transactions.shutdown()
        self.assertEqual(
            (self.transactions.tserver.octets, self.transactions.known.dialogs.countOf(PHONE.host)), (0, 0)
        )


class FindTests(SynchronousTestCase):
    """Legs by the names of their dialogs."""

    def test_oneLook(self) -> None:
        """A leg is found without a look at the others; neither a wrong tag nor one that is over is."""
        rig = Rig()
        for number in range(20):
            rig.receive(request("INVITE", callId=f"c{number}", branch=f"b{number}"))
        legs = rig.endpoint._legs
        asked: list[SipLeg] = []
        whole = SipLeg.isOf

        def isOf(leg: SipLeg, name: DialogId) -> bool:
            asked.append(leg)
            return whole(leg, name)

        self.patch(SipLeg, "isOf", isOf)
        leg = cast(SipLeg, rig.invitations.legs[7])
        assert leg.dialog is not None
        name = leg.dialog.name
        assert name is not None
        self.assertIs(legs.find(name), leg)
        self.assertIsNone(legs.find(evolve(name, local="x")))
        self.assertIsNone(legs.find(evolve(name, remote="x")))
        self.assertEqual(asked, [leg, leg])
        leg.hangup(Ending(EndReason.BUSY))
        self.assertIsNone(legs.find(name))
