# -*- test-case-name: ichatgw.test.xmpp.test_stranded -*-
"""
Tests for L{ichatgw.xmpp.stranded}: the link is lost while calls wait for users behind it.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.python.failure import Failure

from ichatgw.model import EndReason, Party
from ichatgw.runtime.turns import Turns
from ichatgw.sip.message.status import toResponse, toStatus
from ichatgw.test.marks import slow
from ichatgw.test.support.callscenes import CallCase, Scene
from ichatgw.test.support.fakes import FakeLeg
from ichatgw.test.support.legs import ANSWER
from ichatgw.xmpp.link.linked import Linked
from ichatgw.xmpp.stranded import Stranded

ROMEO = Party("xmpp:romeo@chat.example")


def toRomeo(stage: str) -> Scene:
    """A call to a user of XMPP."""
    return Scene(callee=FakeLeg(ROMEO)).upTo(stage)


class StrandedTests(CallCase):
    """L{Stranded}."""

    def lose(self, *scenes: Scene) -> None:
        clock = Clock()
        stranded = Stranded(Turns(clock), lambda: [scene.call for scene in scenes])
        Linked(lost=stranded.lost).connectionLost(Failure(ConnectionError()))
        clock.pump([0.1] * 20)

    @slow
    def test_waiting(self) -> None:
        """Calls that wait for a user end at once, as if they came now: 503 with a cause, and when to try again."""
        scenes = [toRomeo("calling") for _ in range(500)]
        scenes[0].callee.partyRings()
        self.lose(*scenes)
        for scene in scenes:
            ((told,), (given,)) = scene.caller.hangups, scene.callee.hangups
            self.assertEqual(told, given)
            self.assertIs(told.reason, EndReason.NO_LINK)
            self.assertEqual((toStatus(told)[0], toResponse(told)), (503, "Q.850;cause=38"))
            self.assertTrue(told.retryAfter)
            self.assertIn("link", told.text)
            self.assertClosed(scene)

    def test_others(self) -> None:
        """Calls that are up go on, and so do those to phones, no matter who calls."""
        up, phone = toRomeo("talking"), Scene(caller=FakeLeg(ROMEO)).upTo("calling")
        over = toRomeo("closed")
        self.lose(up, phone, over, toRomeo("closing"))
        for scene in (up, phone):
            self.assertOpen(scene)
            self.assertEqual((scene.caller.hangups, scene.callee.hangups), ([], []))

    def test_ownTime(self) -> None:
        """A callee that answers after that is too late, and one that has answered before is in time."""
        scene = toRomeo("calling")
        scene.callee.slow = True
        self.lose(scene)
        scene.callee.partyAnswers(ANSWER)
        self.assertNotIn("answer", scene.caller.orders)
        early = toRomeo("calling")
        early.callee.partyAnswers(ANSWER)
        self.lose(early)
        self.assertOpen(early)
