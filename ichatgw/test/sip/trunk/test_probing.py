"""
Tests for L{ichatgw.sip.trunk.probing}: whether the servers of trunks are there.
"""

from __future__ import annotations

from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.sip.trunk.probing import ANSWER_TIMEOUT, SECOND_TRY
from ichatgw.test.support.sip.sipwire import header
from ichatgw.test.support.sip.trunks import TrunkRig, trunk


class ProbeTests(SynchronousTestCase):
    """OPTIONS, and what comes of it."""

    def setUp(self) -> None:
        self.rig = TrunkRig()
        self.rig.adopt(trunk(probeTime=30, registrationTime=0))

    def probe(self, seconds: float = 31) -> str:
        """The next OPTIONS that goes out within so many seconds."""
        for _ in range(int(seconds * 10)):
            self.rig.clock.advance(0.1)
            sent = self.rig.sent("OPTIONS")
            if sent:
                return sent[0]
        return ""

    def lose(self) -> None:
        """An OPTIONS gets no answer."""
        self.assertNotEqual(self.probe(), "")
        self.rig.clock.pump([0.5] * int(ANSWER_TIMEOUT * 2 + 1))
        self.rig.wire.take()

    def test_request(self) -> None:
        """The server is asked as its user."""
        asked = self.probe()
        self.assertTrue(asked.startswith("OPTIONS sip:198.51.100.1 SIP/2.0\r\n"))
        self.assertTrue(header(asked, "From").startswith("<sip:4930@198.51.100.1>;tag="))

    def test_anyAnswer(self) -> None:
        """Whatever it answers, it is there; but 503 is no answer."""
        for code in (200, 401, 403, 404, 405, 486, 500, 501):
            self.rig.reply(self.probe(), code)
            self.assertTrue(self.rig.account().works, code)
        for _ in range(2):
            self.rig.reply(self.probe(), 503)
        self.assertFalse(self.rig.account().works)

    def test_silence(self) -> None:
        """One that misses two is down, and up again after the first answer; the log says either once."""
        with capturedLogs() as events:
            self.lose()
            self.assertTrue(self.rig.account().works)
            self.lose()
            self.assertFalse(self.rig.account().works)
            self.lose()
            self.rig.reply(self.probe(), 200)
        self.assertTrue(self.rig.account().works)
        lines = [formatEvent(event) or "" for event in events]
        self.assertEqual([line for line in lines if "is down" in line], ["Trunk one is down: no answer"])
        self.assertEqual([line for line in lines if "is up" in line], ["Trunk one is up again"])

    def test_secondTry(self) -> None:
        """A lost one is sent again soon, not only after the interval."""
        self.lose()
        self.assertNotEqual(self.probe(SECOND_TRY + 0.2), "")

    def test_noWay(self) -> None:
        """A server to which there is no way is down."""
        self.rig.wire.unreachable = {"198.51.100.1"}
        self.rig.clock.pump([1.0] * 40)
        self.assertFalse(self.rig.account().works)

    def test_doubt(self) -> None:
        """If a call gets no answer the trunk is down at once, until it answers an OPTIONS, which is sent soon."""
        self.rig.endpoint.trunks.accounts.doubt(self.rig.account())
        self.assertFalse(self.rig.account().works)
        self.rig.reply(self.probe(SECOND_TRY + 0.2), 200)
        self.assertTrue(self.rig.account().works)

    def test_off(self) -> None:
        """A trunk that is not to be probed is not, and no call makes it down: nothing would bring it up."""
        self.rig.adopt(trunk("two", probeTime=0, registrationTime=0))
        self.rig.wire.take()
        self.rig.endpoint.trunks.accounts.doubt(self.rig.account("two"))
        self.assertTrue(self.rig.account("two").works)
        self.assertEqual(self.probe(100), "")

    def test_stopped(self) -> None:
        """A trunk that is no more is asked nothing."""
        self.probe()
        self.rig.adopt()
        self.assertEqual(self.probe(100), "")
        self.rig.endpoint.trunks.accounts.stop()
