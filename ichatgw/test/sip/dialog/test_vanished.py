# -*- test-case-name: ichatgw.test.sip.dialog.test_vanished -*-
"""
Tests for L{ichatgw.sip.leg.leg}: a phone whose media has stopped is asked whether it is there.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import EndReason
from ichatgw.test.support.sip.siptalks import both, news, side
from ichatgw.test.support.sip.sipwire import Rig, respond, status


class VanishedTests(SynchronousTestCase):
    """Neither RTP nor RTCP has come for a while."""

    def test_answers(self) -> None:
        """It is asked by OPTIONS in its dialog; if it says anything to that, the call goes on."""
        for code, phrase in ((200, "OK"), (404, "Not Found"), (486, "Busy Here"), (501, "No")):
            for talk in both():
                talk.side.silent()
                talk.side.silent()
                (options,) = talk.rig.wire.take()
                self.assertTrue(options.startswith("OPTIONS "))
                talk.rig.receive(respond(options, code, phrase))
                talk.rig.clock.pump([1] * 40)
                self.assertNotIn("ended", talk.news.news)
                talk.side.silent()
                self.assertEqual(
                    [message.split()[0] for message in talk.rig.wire.take() if message.strip()], ["OPTIONS"]
                )

    def test_unknown(self) -> None:
        """If it does not know the call, that ends with a reason."""
        for talk in both():
            talk.side.silent()
            (options,) = talk.rig.wire.take()
            sent = talk.rig.receive(respond(options, 481, "Call/Transaction Does Not Exist"))
            self.assertEqual([message.split()[0] for message in sent], ["BYE"])
            ((_, ending),) = talk.news.endings
            self.assertEqual(ending.reason, EndReason.CONNECTIVITY)
            self.assertIn("481", ending.text)

    def test_gone(self) -> None:
        """If it does not answer, the call ends too."""
        for talk in both():
            talk.side.silent()
            talk.rig.clock.pump([0.5] * 70)
            self.assertEqual(talk.news.reasons, [EndReason.CONNECTIVITY])

    def test_unreachable(self) -> None:
        """Nor can it be there if it cannot be reached."""
        for talk in both():
            talk.rig.wire.unreachable.add("192.0.2.77")
            talk.side.silent()
            self.assertEqual(talk.news.news[-1], "ended")
            self.flushLoggedErrors(OSError)  # nor can a BYE be sent

    def test_notAnswered(self) -> None:
        """Before the answer, and when the call is over, nobody is asked."""
        rig = Rig()
        rig.invite()
        leg = rig.invitations.legs[-1]
        rig.wire.take()
        side(leg).silent()
        self.assertEqual((rig.wire.take(), news(leg).news), ([], []))
        for talk in both():
            talk.send("BYE")
            talk.side.silent()
            self.assertEqual([message for message in talk.rig.wire.take() if not status(message)], [])
