# -*- test-case-name: ichatgw.test.ichat.test_farewells -*-
"""Tests for L{ichatgw.ichat.farewells}: a process that knows nothing of calls of iChats ends them."""

from __future__ import annotations

from attrs import define

from ichatgw.ichat.farewells import ways
from ichatgw.interfaces import ILeg
from ichatgw.model import Ending, EndReason, Farewell
from ichatgw.test.support.clients.ichats import ICHAT, MINI, IChatCase, World, ichat
from ichatgw.test.support.fakes import FakeLeg
from ichatgw.test.support.legs import ANSWER


@define(eq=False)
class Inner(FakeLeg):
    """An inner leg that has words of its own."""

    def farewells(self) -> tuple[Farewell, ...]:
        return (("sip-bye", "udp"),)


class FarewellTests(IChatCase):
    """The words that legs keep, and what another process makes of them."""

    def said(self, leg: ILeg) -> list[str]:
        """What another process sends by XMPP."""
        other = World()
        said = ways(other.protocol.send)
        for way, *words in leg.farewells():
            said[way](*words)
        return other.words

    def test_ringing(self) -> None:
        """Each iChat that rings is told that nobody calls any more."""
        leg = self.world.dial(ichat(), ichat(MINI))
        self.assertEqual(self.said(leg), [f"cancel to {ICHAT.full()}", f"cancel to {MINI.full()}"])

    def test_calling(self) -> None:
        """An iChat that calls, and whose INVITE has not come, is refused."""
        self.world.request()
        self.assertEqual(self.said(self.world.arrived), [f"response 1 to {ICHAT.full()}"])

    def test_talking(self) -> None:
        """When they talk it is the dialog within that ends."""
        self.world.request()
        leg = self.world.arrived
        leg.answer(ANSWER)
        leg.machine.invited(Inner())
        self.assertEqual(leg.farewells(), (("sip-bye", "udp"),))

    def test_over(self) -> None:
        """When a leg is over there is nothing to say."""
        self.world.request()
        self.world.cancel()
        self.assertEqual(self.world.arrived.farewells(), ())
        leg = self.world.dial(ichat())
        leg.hangup(Ending(EndReason.CANCELLED))
        self.assertEqual(leg.farewells(), ())
