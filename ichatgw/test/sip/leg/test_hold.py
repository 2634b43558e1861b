# -*- test-case-name: ichatgw.test.sip.leg.test_hold -*-
"""
Hold and resume: which way media flows, and what one hold of a phone takes.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Direction
from ichatgw.sdp import formats, writing
from ichatgw.sip.dialog.reinvite import Reoffers
from ichatgw.sip.leg.hold import Hold
from ichatgw.test.support.callcount import Calls
from ichatgw.test.support.sip.siptalks import HELD, Talk, both, directionOf
from ichatgw.test.support.sip.sipwire import Rig, status

SENDRECV, SENDONLY, RECVONLY, INACTIVE = (
    Direction.SENDRECV,
    Direction.SENDONLY,
    Direction.RECVONLY,
    Direction.INACTIVE,
)

MAX_CALLS = 207
MAX_CHANGES = 107
"""Half of what one hold took when its rules were spread over four classes."""


def isOurs(module: str) -> bool:
    """The product without the text of messages, which stands in for sippy's."""
    return module.startswith("ichatgw.") and not module.startswith(("ichatgw.test.", "ichatgw.sip.message."))


class HoldTests(SynchronousTestCase):
    """Each end limits the other one."""

    def test_answering(self) -> None:
        """An offer is mirrored, and never widens what the other party allows."""
        for far, offered, answer in (
            (SENDRECV, SENDONLY, RECVONLY),
            (SENDRECV, INACTIVE, INACTIVE),
            (SENDONLY, SENDRECV, SENDONLY),
            (SENDONLY, SENDONLY, INACTIVE),
            (INACTIVE, SENDRECV, INACTIVE),
        ):
            self.assertIs(Hold(far).answering(offered), answer, f"{far} {offered}")

    def test_offering(self) -> None:
        """A party that holds is not taken off hold by an offer of the other one."""
        hold = Hold(SENDRECV)
        hold.offered(SENDONLY)
        self.assertIs(hold.offering(), RECVONLY)
        hold.far = SENDONLY
        self.assertIs(hold.offering(), INACTIVE)
        hold.offered(SENDRECV)
        self.assertIs(hold.offering(), SENDONLY)

    def test_answered(self) -> None:
        """Of what a party was not offered its answer says nothing: what it has wanted before still holds."""
        hold = Hold(SENDONLY)
        self.assertIs(hold.answered(SENDONLY, RECVONLY), SENDONLY)
        self.assertIs(hold.wish, SENDRECV, "it could not send, so it has not said that it would not")
        self.assertIs(hold.answered(SENDRECV, SENDONLY), RECVONLY)
        self.assertIs(hold.wish, SENDONLY)
        self.assertIs(hold.answered(INACTIVE, INACTIVE), INACTIVE)
        self.assertIs(hold.wish, SENDONLY)

    def test_forgotten(self) -> None:
        """Somebody else who is called has not held."""
        hold = Hold()
        hold.offered(INACTIVE)
        hold.forget()
        self.assertIs(hold.wish, SENDRECV)


class CostTests(SynchronousTestCase):
    """What a hold takes, from the phone's re-INVITE through to its answer."""

    def test_calls(self) -> None:
        """It takes few calls, that stay in few modules."""
        for talk in both():
            calls = self.counted(talk)
            self.assertTrue(len(calls.made) <= MAX_CALLS, f"{len(calls.made)} calls")
            self.assertTrue(calls.changes <= MAX_CHANGES, f"{calls.changes} changes of module")

    def test_once(self) -> None:
        """Formats are compared once, and the answer is written once, even if it is a new version."""
        made = self.counted(Talk.inbound(Rig())).made
        self.assertEqual(made.count((formats.__name__, "_pairs")), 1)
        self.assertEqual(made.count((writing.__name__, "writeAnswer")), 1)

    def counted(self, talk: Talk) -> Calls:
        """A hold, answered."""
        calls = Calls(isOurs)
        invited = Reoffers.invited

        def counting(reoffers: Reoffers, request: Any) -> None:
            with calls.counting():
                invited(reoffers, request)

        self.patch(Reoffers, "invited", counting)
        (ok,) = talk.send("INVITE", body=HELD)
        self.patch(Reoffers, "invited", invited)
        self.assertEqual((status(ok), directionOf(ok)), (200, "recvonly"))
        return calls
