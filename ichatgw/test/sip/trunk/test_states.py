"""
Tests for L{ichatgw.sip.trunk.states}: how it stands with trunks.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.sip.trunk.account import Probing
from ichatgw.sip.trunk.states import State, states
from ichatgw.test.support.sip.trunks import TrunkRig, trunk


class StateTests(SynchronousTestCase):
    """What is said of a trunk."""

    def state(self, rig: TrunkRig) -> dict[str, Any]:
        (found,) = states(rig.endpoint.trunks.accounts)
        self.assertEqual(json.loads(json.dumps(found)), found)
        return found

    def test_registration(self) -> None:
        """A trunk is not registered until its registrar has said so; then it works for the time that was granted."""
        rig = TrunkRig(trunk(maxCalls=3))
        found = self.state(rig)
        self.assertEqual((found["name"], found["server"], found["registers"]), ("one", "198.51.100.1", True))
        self.assertEqual((found["state"], found["left"], found["works"]), ("not registered", None, False))
        rig.register()
        rig.clock.advance(100)
        found = self.state(rig)
        self.assertEqual((found["state"], found["left"], found["works"]), ("works", 500, True))
        self.assertEqual((found["calls"], found["maxCalls"], found["trouble"]), (0, 3, ""))

    def test_refused(self) -> None:
        """One that its registrar refuses says why."""
        rig = TrunkRig(trunk())
        (register,) = rig.sent("REGISTER")
        rig.reply(register, 403)
        self.assertEqual(self.state(rig)["trouble"], "403 Word")
        rig.clock.advance(100)
        for _ in range(2):
            for register in rig.sent("REGISTER"):
                rig.reply(register, 403)
            rig.clock.advance(100)
        found = self.state(rig)
        self.assertEqual((found["state"], found["works"]), (State.REFUSED.value, False))

    def test_probing(self) -> None:
        """Without a user nothing is registered; what the server says to probes is said, if it is probed."""
        rig = TrunkRig(trunk(user="", password=""))
        found = self.state(rig)
        self.assertEqual((found["registers"], found["probing"], found["works"]), (False, "off", True))
        rig = TrunkRig(trunk(user="", password="", probeTime=30))
        for probing, said, works in (
            (Probing.UNKNOWN, "not asked yet", True),
            (Probing.ANSWERS, "answers", True),
            (Probing.SILENT, "no answer", False),
        ):
            rig.account().probing = probing
            found = self.state(rig)
            self.assertEqual((found["probing"], found["works"]), (said, works))

    def test_full(self) -> None:
        """One that has as many calls as it may works, and says so."""
        rig = TrunkRig(trunk(user="", password="", maxCalls=1))
        rig.account().legs.add(object())
        found = self.state(rig)
        self.assertEqual((found["state"], found["calls"], found["works"]), (State.FULL.value, 1, True))

    def test_reload(self) -> None:
        """Trunks may go while they are looked at."""
        rig = TrunkRig(trunk(), trunk("two"))
        found = states(rig.endpoint.trunks.accounts)
        self.assertEqual(next(found)["name"], "one")
        rig.adopt()
        self.assertEqual(len(list(found)), 1)
        self.assertEqual(list(states(rig.endpoint.trunks.accounts)), [])
