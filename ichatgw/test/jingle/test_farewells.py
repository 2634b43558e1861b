# -*- test-case-name: ichatgw.test.jingle.test_farewells -*-
"""Tests for L{ichatgw.jingle.farewells}: a process that knows nothing of sessions and proposals ends them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.interfaces import ILeg
from ichatgw.jingle.farewells import ways
from ichatgw.model import Ending, EndReason
from ichatgw.test.support.clients.jingles import ALICE, BELL_JID, LAPTOP, MESSAGES, PHONE, SESSIONS, US, World
from ichatgw.test.support.legs import ANSWER


class FarewellTests(SynchronousTestCase):
    """The words that legs keep, and what another process makes of them."""

    def setUp(self) -> None:
        self.world = World()

    def said(self, leg: ILeg) -> list[str]:
        """What another process sends to the parties of C{leg}."""
        other = World()
        said = ways(other.send)
        for way, *words in leg.farewells():
            said[way](*words)
        self.stanzas = other.stanzas
        return other.said()

    def test_proposed(self) -> None:
        """Clients that ring are told that nobody calls any more."""
        leg = self.world.dial(phone=MESSAGES)
        self.assertEqual(self.said(leg), [f"retract cancel to {ALICE.full()}"])
        self.assertEqual(self.stanzas[0]["from"], BELL_JID.full())
        self.assertEqual(self.stanzas[0].firstChildElement()["id"], leg.sid)

    def test_direct(self) -> None:
        """So is each client that rings by a session."""
        leg = self.world.dial(phone=SESSIONS, laptop=SESSIONS)
        self.assertEqual(
            sorted(self.said(leg)), sorted(f"session-terminate gone to {one.full()}" for one in (PHONE, LAPTOP))
        )
        self.assertTrue(all(stanza["id"] for stanza in self.stanzas))

    def test_talking(self) -> None:
        """The client that talks has its session ended, and its user's other clients hear of the end of the call."""
        leg = self.world.dial(phone=MESSAGES)
        self.world.message("proceed", sid=leg.sid, to=BELL_JID)
        self.world.accept(PHONE, leg.sid)
        self.assertEqual(
            self.said(leg), [f"session-terminate gone to {PHONE.full()}", f"finish gone to {PHONE.full()}"]
        )
        jingle = self.stanzas[0].firstChildElement()
        self.assertEqual((jingle["sid"], self.stanzas[0]["from"]), (leg.sid, BELL_JID.full()))

    def test_calling(self) -> None:
        """A client that calls by a message is refused; once it was told to proceed, the session is ended too."""
        leg = self.world.propose()
        self.assertEqual(self.said(leg), [f"reject gone to {PHONE.full()}"])
        leg.answer(ANSWER)
        both = [f"session-terminate gone to {PHONE.full()}", f"finish gone to {PHONE.full()}"]
        self.assertEqual(self.said(leg), both)
        self.world.initiate()
        self.assertEqual(self.said(leg), both)

    def test_callingDirectly(self) -> None:
        """One that calls by a session has it ended, whether it was answered or not."""
        self.world.initiate(to=US)
        leg = self.world.arrived
        self.assertEqual(self.said(leg), [f"session-terminate gone to {PHONE.full()}"])
        leg.answer(ANSWER)
        self.assertEqual(self.said(leg), [f"session-terminate gone to {PHONE.full()}"])

    def test_over(self) -> None:
        """When a leg is over there is nothing to say."""
        leg = self.world.dial(phone=MESSAGES, laptop=SESSIONS)
        leg.hangup(Ending(EndReason.CANCELLED))
        self.assertEqual(self.said(leg), [])
        leg_ = self.world.propose()
        self.world.message("retract")
        self.assertEqual(self.said(leg_), [])

    def test_wrongWords(self) -> None:
        """Words that are none of ours are refused."""
        said = ways(self.world.send)
        self.assertRaises(ValueError, said["jingle-message"], "sing", "a@b", "c@d", "s")
        self.assertRaises(MalformedError, said["jingle-terminate"], "@", "c@d", "s")
