"""Tests for L{ichatgw.observe.trails}: the legs of XMPP say by what their stanzas are known, as readers find it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from ichatgw.observe.events import TrailBegan
from ichatgw.observe.trails import Owner, Trails
from ichatgw.test.support.clients import ichats, jingles
from ichatgw.test.support.events import Scene


class LegTrailTests(SynchronousTestCase):
    """Stanzas and the legs that they belong to."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.scene.watch()
        self.trails = Trails()
        self.trails.read(self.scene.events)

    def trailOf(self, stanza: Element, sent: bool = False) -> str:
        """What a reader makes of a stanza."""
        return self.trails.trailOf(self.scene.says(stanza.toXml().encode(), "XMPP", sent))

    def began(self) -> list[TrailBegan]:
        return [event for event in self.scene.seen if isinstance(event, TrailBegan)]

    def test_iChatIsCalled(self) -> None:
        """What an iChat is asked, and what it answers, belongs to the leg that asks."""
        world = ichats.World()
        world.protocol.events = self.scene.events
        leg = world.dial(ichats.ichat())
        asked, answered = world.link.stanzas[-1], world.accept()
        owner = Owner(leg.call.id, leg.id)
        self.assertEqual(self.trails.of(self.trailOf(asked, sent=True)), owner)
        self.assertEqual(self.trails.of(self.trailOf(answered)), owner)
        self.assertEqual([event.kind for event in self.began()], ["ichat"])

    def test_iChatCalls(self) -> None:
        """The leg of an iChat that calls knows by what its request is known, and by which Call-ID its INVITE."""
        world = ichats.World()
        world.protocol.events = self.scene.events
        asked = world.request()
        [(leg, _, _)] = world.arrivals.arrivals
        self.assertEqual(leg.trail, self.trailOf(asked))

    def test_jingleIsCalled(self) -> None:
        """What a client is proposed belongs to the leg that proposes."""
        world = jingles.World()
        world.protocol.calls.events = self.scene.events
        leg = world.dial(phone=jingles.MESSAGES)
        self.assertEqual(self.trails.of(self.trailOf(world.stanzas[-1], sent=True)), Owner(leg.call.id, leg.id))
        self.assertEqual([(event.kind, event.trail) for event in self.began()], [("jingle", leg.sid)])

    def test_jingleCalls(self) -> None:
        """The leg of a client that proposes a call is known by its proposal's name."""
        self.assertEqual(jingles.World().propose("s7").trail, "s7")
