# -*- test-case-name: ichatgw.test.calls.test_call -*-
"""
Calls between two fake legs, brought as far as a test wants them, and legs that do not behave.
"""

from __future__ import annotations

from attrs import define, field
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.call import Call
from ichatgw.model import PCMU, Ending, EndReason, SessionDescription, TransportAddress
from ichatgw.test.support.fakes import OFFER, FakeLeg
from ichatgw.test.support.media.fakerelays import FakeRelay

ANSWER = SessionDescription((PCMU,), TransportAddress("192.0.2.77", 30000))
BUSY = Ending(EndReason.BUSY, "486 Busy Here", 7)
BYE = Ending(EndReason.HANGUP)
STOP = Ending(EndReason.SHUTDOWN, "stopping")


@define(eq=False)
class Scene:
    """
    A call between two fake legs.

    @ivar closings: what C{closed} was told.
    """

    caller: FakeLeg = field(factory=lambda: FakeLeg(id="in-1"))
    callee: FakeLeg = field(factory=lambda: FakeLeg(id="out-1"))
    relay: FakeRelay = field(factory=FakeRelay)
    clock: Clock = field(factory=Clock)
    closings: list[Call] = field(factory=list)
    call: Call = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.call = Call("c1", self.caller, self.callee, self.relay, self.clock, self.closings.append)

    def upTo(self, stage: str) -> Scene:
        """Bring the call into a state by name."""
        if stage == "idle":
            return self
        if stage.startswith("closing"):
            self.caller.slow = self.callee.slow = True
        self.call.start(OFFER)
        if stage == "talking":
            self.callee.partyAnswers(ANSWER)
        elif stage == "closing":
            self.call.hangup(BYE)
        elif stage in ("closing, one left", "closed"):
            self.callee.partyHangsUp(BUSY)
        return self


class CallCase(SynchronousTestCase):
    """What the tests of a call have in common."""

    def setUp(self) -> None:
        self.scene = Scene()

    def assertClosed(self, scene: Scene, message: str = "") -> None:
        """Over, said once, ports given back once, no timer left."""
        self.assertEqual(scene.closings, [scene.call], message)
        self.assertEqual(scene.relay.closed, 1, message)
        self.assertEqual(scene.clock.getDelayedCalls(), [], message)

    def assertOpen(self, scene: Scene, message: str = "") -> None:
        """Not over."""
        self.assertEqual(scene.closings, [], message)
        self.assertEqual(scene.relay.closed, 0, message)


class Ouch(Exception):
    """What a broken leg raises."""


class Troubled(FakeLeg):
    """A leg that gets into trouble within the orders named C{when}."""

    when: tuple[str, ...] = ()

    def trouble(self, name: str) -> None:
        """It is given such an order."""
        raise NotImplementedError

    def _order(self, name: str) -> None:
        if name in self.when:
            self.trouble(name)

    def start(self, offer: SessionDescription) -> None:
        super().start(offer)
        self._order("start")

    def ring(self) -> None:
        super().ring()
        self._order("ring")

    def progress(self, answer: SessionDescription) -> None:
        super().progress(answer)
        self._order("progress")

    def answer(self, answer: SessionDescription) -> None:
        super().answer(answer)
        self._order("answer")

    def hangup(self, ending: Ending) -> None:
        self._order("hangup")
        super().hangup(ending)


class EndsInside(Troubled):
    """A leg that ends inside an order."""

    def trouble(self, name: str) -> None:
        self.partyHangsUp(BUSY)


class Raises(Troubled):
    """A leg that breaks its promise in an order."""

    def trouble(self, name: str) -> None:
        raise Ouch(name)


class AnswersInside(FakeLeg):
    """A leg whose party takes the call at once, and may hang up at once."""

    def start(self, offer: SessionDescription) -> None:
        super().start(offer)
        self.partyRings()
        self.partyAnswers(ANSWER)
        self.partyHangsUp(BYE)


def endsInside(*when: str) -> EndsInside:
    leg = EndsInside()
    leg.when = when
    return leg


def raises(*when: str, slow: bool = False) -> Raises:
    leg = Raises(slow=slow)
    leg.when = when
    return leg
