"""
Tests of L{ichatgw.runtime.machines}.
"""

from __future__ import annotations

from typing import Any, Protocol

from automat import NoTransition, TypeMachineBuilder
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.runtime.machines import indexed


class Lamp(Protocol):
    """Something with states."""

    def press(self) -> str:
        """The one input in all states."""

    def hit(self) -> None:
        """An input in one state."""


class Core:
    """What the machine works on."""


def machine() -> Any:
    """A lamp that is off, and on when it is pressed."""
    builder = TypeMachineBuilder(Lamp, Core)
    off, on = builder.state("off"), builder.state("on")

    @off.upon(Lamp.press).to(on)
    def switchOn(lamp: Lamp, core: Core) -> str:
        return "on"

    @on.upon(Lamp.press).to(off)
    def switchOff(lamp: Lamp, core: Core) -> str:
        return "off"

    on.upon(Lamp.hit).to(on).returns(None)
    return builder.build()


class IndexedTests(SynchronousTestCase):
    """L{indexed}."""

    def test_same(self) -> None:
        """A machine does what it did, again and again, and each one by itself."""
        make = indexed(machine())
        one, two = make(Core()), make(Core())
        self.assertEqual([one.press() for _ in range(4)], ["on", "off", "on", "off"])
        self.assertEqual(two.press(), "on")
        two.hit()

    def test_noTransition(self) -> None:
        """What cannot be is an error, however often it is tried."""
        made = indexed(machine())(Core())
        for _ in range(2):
            self.assertRaises(NoTransition, made.hit)

    def test_searchedOnce(self) -> None:
        """Transitions are searched once for each state and input."""
        make = machine()
        automaton = make.__automat_automaton__
        searched: list[Any] = []
        search = automaton.outputForInput

        def find(*what: Any) -> Any:
            searched.append(what)
            return search(*what)

        automaton.outputForInput = find
        made = indexed(make)(Core())
        for _ in range(10):
            made.press()
        self.assertEqual(len(searched), 2)
