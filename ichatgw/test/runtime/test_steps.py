"""Tests for L{ichatgw.runtime.steps}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.runtime.steps import Steps, atOnce


class AtOnceTests(SynchronousTestCase):
    """L{atOnce}."""

    def test_result(self) -> None:
        """All steps are taken, and what they come to is given."""
        taken: list[int] = []

        def steps() -> Steps[int]:
            for number in range(3):
                taken.append(number)
                yield
            return sum(taken)

        self.assertEqual((atOnce(steps()), taken), (3, [0, 1, 2]))

    def test_error(self) -> None:
        """What a step raises is raised."""

        def steps() -> Steps[int]:
            yield
            raise ValueError("no")

        self.assertRaises(ValueError, atOnce, steps())
