"""Tests for L{ichatgw.web.advice}."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

import ichatgw
from ichatgw.model import Ending, EndReason
from ichatgw.observe.events import MediaStarted
from ichatgw.test.support.web import Place
from ichatgw.web.advice import ADVICE, CHAPTER, adviceOf


class AdviceTests(SynchronousTestCase):
    """Why a call ended."""

    def test_total(self) -> None:
        """There is something to say of each reason."""
        self.assertEqual(set(ADVICE), set(EndReason))

    def test_readme(self) -> None:
        """README has each entry that is named, in the chapter that is named."""
        readme = Path(ichatgw.__file__).parent.parent / "README.rst"
        if not readme.exists():
            raise SkipTest("not a source checkout")
        chapter = readme.read_text().partition(f"\n{CHAPTER}\n")[2].partition("\nFor developers\n")[0]
        heads = "\n".join(line for line in chapter.splitlines() if line and not line.startswith(" "))
        for each in (*ADVICE.values(),):
            self.assertIn(each.entry, heads)
        self.assertIn("The call is up, and somebody hears nothing", heads)

    def test_live(self) -> None:
        """Of a call that lives there is nothing to say, of one that ended badly there is."""
        place = Place()
        place.scene.arrives()
        self.assertIsNone(self.said(place))
        place.scene.ends(ending=Ending(EndReason.NOT_FOUND))
        self.assertIn("translation rule", self.said(place) or "")

    def test_silence(self) -> None:
        """A call that ended well, but of which one party has heard nothing, did not go well."""
        place = Place()
        place.scene.arrives()
        place.scene.routes()
        place.scene.talks()
        place.scene.publish(MediaStarted, "c-1", "caller", None)
        place.clock.advance(30)
        place.scene.ends()
        self.assertIn("no sound", self.said(place) or "")
        place.scene.publish(MediaStarted, "c-1", "callee", None)
        self.assertIn("nothing is wrong", self.said(place) or "")

    def said(self, place: Place) -> str | None:
        """Of the call."""
        call = place.calls.find("c-1")
        assert call is not None
        advice = adviceOf(call)
        return None if advice is None else advice.text
