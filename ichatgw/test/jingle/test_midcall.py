# -*- test-case-name: ichatgw.test.jingle.test_midcall -*-
"""
What the parties of an answered call with a Jingle client tell each other: hold, formats, keys.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.calls.nulls import Unanswered
from ichatgw.interfaces import ILeg
from ichatgw.model import (
    ANONYMOUS,
    CONNECTED,
    PCMU,
    Codec,
    Direction,
    Ending,
    EndReason,
    Party,
    SessionDescription,
    Tone,
)
from ichatgw.test.support.clients.jingles import BELL_JID, LAPTOP, MESSAGES, PHONE, US, World, content, news
from ichatgw.test.support.fakes import tell

INFO = "urn:xmpp:jingle:apps:rtp:info:1"
GSM = Codec("GSM", 8000, 3)
BOTH, HOLDS, HELD, NOTHING = Direction.SENDRECV, Direction.SENDONLY, Direction.RECVONLY, Direction.INACTIVE


class _MidCall(SynchronousTestCase):
    """
    A call that is up.

    @ivar isInitiator: whether the client has offered the session.
    """

    isInitiator: bool
    world: World
    leg: ILeg

    def say(self, action: str, inside: str) -> str:
        """The client asks for something."""
        raise NotImplementedError

    def inform(self, name: str) -> None:
        self.assertEqual(self.say("session-info", f"<{name} xmlns='{INFO}'/>"), "result")

    def modify(self, senders: str) -> None:
        name = "0" if self.isInitiator else "audio"
        answer = self.say("content-modify", content("", name, f"senders='{senders}'"))
        self.assertEqual(answer, "result")

    def told(self) -> list[str]:
        """What the client was told, in short, without answers."""
        return [word.partition(" to ")[0] for word in self.world.said() if not word.startswith("result")]

    @property
    def directions(self) -> list[Direction]:
        """What the call heard of the client."""
        return [update.direction for update in news(self.leg).updates]  # type: ignore[arg-type]

    def offer(self, direction: Direction, *codecs: Codec) -> None:
        """The other party makes an offer."""
        tell(self.leg, SessionDescription(codecs or (PCMU,), direction=direction))


class _MidCallTests(_MidCall):
    def test_clientHolds(self) -> None:
        """Hold and its end are news of the call, once, and stop the media to the client's side and no further."""
        for name in ("hold", "hold", "unhold", "hold", "active", "mute", "unmute"):
            self.inform(name)
        self.assertEqual(self.directions, [HOLDS, BOTH, HOLDS, BOTH])
        self.assertEqual(self.world.media.holds, self.directions)

    def test_clientModifies(self) -> None:
        """So does what C{senders} says, no matter who has offered the session; it and hold go together."""
        mine, theirs = ("initiator", "responder") if self.isInitiator else ("responder", "initiator")
        for senders in (mine, theirs, "none", "both"):
            self.modify(senders)
        self.assertEqual(self.directions, [HOLDS, HELD, NOTHING, BOTH])
        self.modify(theirs)
        self.inform("hold")
        self.inform("unhold")
        self.assertEqual(self.directions[4:], [HELD, NOTHING, HELD])

    def test_codecs(self) -> None:
        """What the call hears has the formats that the client speaks."""
        self.inform("hold")
        names = [codec.name for codec in news(self.leg).updates[0].codecs]  # type: ignore[arg-type]
        self.assertIn("PCMU", names)

    def test_otherHolds(self) -> None:
        """A client is told of hold and of its end, once each, and goes on."""
        for direction in (HOLDS, NOTHING, BOTH, BOTH):
            self.offer(direction)
        self.assertEqual(self.told(), ["session-info hold", "session-info unhold"])
        agreements = news(self.leg).agreements  # type: ignore[arg-type]
        self.assertEqual([answer.direction for answer in agreements], [BOTH, BOTH, BOTH, BOTH])
        self.offer(HELD)
        self.assertEqual(self.told(), [])

    def test_bothHold(self) -> None:
        """When both hold neither sends; each takes off only its own hold."""
        self.inform("hold")
        self.offer(HOLDS)
        self.assertEqual(news(self.leg).agreements[-1].direction, HOLDS)  # type: ignore[arg-type]
        self.inform("unhold")
        self.assertEqual(self.directions, [HOLDS, BOTH])
        self.assertEqual(self.told(), ["session-info hold"])

    def test_otherFormats(self) -> None:
        """An offer with a format of the client's is agreed to without a word to it; one without is refused."""
        self.offer(BOTH, GSM, PCMU)
        self.offer(BOTH, GSM)
        self.assertEqual(news(self.leg).news[-2:], ["agreed", "refused"])  # type: ignore[arg-type]
        refusal = news(self.leg).refusals[0]  # type: ignore[arg-type]
        self.assertEqual(refusal.reason, EndReason.INCOMPATIBLE)
        self.assertIn("no common codec", refusal.text)
        self.assertEqual(self.told(), [])

    def test_keys(self) -> None:
        """Keys that are pressed in the signalling pass both ways (XEP-0181)."""
        self.leg.hand(Unanswered(Tone("#", 250)))
        self.assertEqual(self.told(), ["session-info dtmf"])
        dtmf = self.world.last("session-info").dtmf
        self.assertEqual((dtmf["code"], dtmf["duration"]), ("#", "250"))
        for code, more in (("a", " duration='300'"), ("5", "")):
            self.assertEqual(
                self.say("session-info", f"<dtmf xmlns='urn:xmpp:jingle:dtmf:0' code='{code}'{more}/>"), "result"
            )
        self.assertEqual(news(self.leg).tones, [Tone("A", 300), Tone("5")])  # type: ignore[arg-type]

    def test_connected(self) -> None:
        """A user is told by a message who is there now, whatever is in the name; of nobody nothing is said."""
        self.leg.hand(Unanswered(CONNECTED))
        self.assertEqual(self.told(), [])
        for party, words in (
            (Party("sip:+4930100@pbx.example", "Kim Brandt"), "Kim Brandt (+4930100)"),
            (Party("sip:+4930100@pbx.example"), "+4930100"),
            (ANONYMOUS, "Anonymous"),
            (Party("sip:7@pbx.example", "a\0\ufffe<b>\ud800"), "a  <b>  (7)"),
        ):
            news(self.leg).other = party  # type: ignore[arg-type]
            self.leg.hand(Unanswered(CONNECTED))
            message = self.world.stanzas[-1]
            self.assertEqual((message.name, message["type"]), ("message", "chat"))
            self.assertEqual(str(message.body), f"You are connected to {words} now")
            session = self.leg.session  # type: ignore[attr-defined]
            self.assertEqual((message["from"], message["to"]), (session.us.full(), session.them.full()))

    def test_keyInMedia(self) -> None:
        """A client that takes keys in its media is told of them there, and not in the signalling as well."""
        side: Any = self.leg.side
        side.takesKeys = True
        self.leg.hand(Unanswered(Tone("#", 250)))
        self.assertEqual((side.tones, self.told()), ([Tone("#", 250)], []))

    def test_keyUnheard(self) -> None:
        """A key in the client's media which the other party does not take there is told to that one."""
        side: Any = self.leg.side
        side.heard(Tone("7", 120))
        self.assertEqual(news(self.leg).tones, [Tone("7", 120)])  # type: ignore[arg-type]
        self.leg.hangup(Ending(EndReason.HANGUP))
        self.assertIsNone(side.heard)

    def test_keyDownAndUp(self) -> None:
        """A client of version 0.9, which says where a key begins and where it ends, has pressed it once."""
        for action in ("button-down", "button-up"):
            dtmf = f"<dtmf xmlns='urn:xmpp:jingle:dtmf:0' code='1' action='{action}'/>"
            self.assertEqual(self.say("session-info", dtmf), "result")
        self.assertEqual(news(self.leg).tones, [Tone("1")])  # type: ignore[arg-type]

    def test_refusedInfo(self) -> None:
        """A client that does not understand hold or keys stays in the call."""
        self.offer(HOLDS)
        self.leg.hand(Unanswered(Tone("1")))
        for index in (-2, -1):
            self.world.answerRequest("error", "feature-not-implemented", index)
        self.assertNotIn("ended", news(self.leg).news)  # type: ignore[arg-type]
        self.offer(BOTH)
        self.assertEqual(self.told()[-1], "session-info unhold")


class CallerTests(_MidCallTests):
    """The client has called, by a session at once."""

    isInitiator = True

    def setUp(self) -> None:
        self.world = World()
        self.world.initiate()
        leg = self.leg = self.world.arrived
        leg.answer(SessionDescription((PCMU,)))
        self.world.said()

    def say(self, action: str, inside: str) -> str:
        return self.world.jingle(action, inside)

    def test_early(self) -> None:
        """Before the answer there is nothing to hold and nothing to press."""
        self.world.initiate("s2")
        leg = self.world.arrived
        self.world.said()
        tell(leg, SessionDescription((PCMU,), direction=HOLDS))
        leg.hand(Unanswered(Tone("1")))
        self.world.jingle("session-info", f"<hold xmlns='{INFO}'/>", "s2")
        self.assertEqual(self.told(), [])
        self.assertEqual(news(leg).news, [])
        leg.answer(SessionDescription((PCMU,)))
        self.world.jingle("session-info", f"<active xmlns='{INFO}'/>", "s2")
        self.assertEqual([update.direction for update in news(leg).updates], [])


class CalleeTests(_MidCallTests):
    """The client was called, by a message."""

    isInitiator = False

    def setUp(self) -> None:
        self.world = World()
        leg = self.leg = self.world.dial(phone=MESSAGES)
        self.sid = leg.sid
        self.world.message("proceed", sid=self.sid, to=BELL_JID)
        self.assertEqual(self.world.accept(PHONE, self.sid), "result")
        self.world.said()

    def say(self, action: str, inside: str) -> str:
        return self.world.jingle(action, inside, self.sid, to=BELL_JID)

    def test_stranger(self) -> None:
        """Another client of the user has no say."""
        answer = self.world.jingle("session-info", f"<hold xmlns='{INFO}'/>", self.sid, LAPTOP, BELL_JID)
        self.assertEqual(answer, "error item-not-found unknown-session")
        answer = self.world.jingle("session-info", f"<hold xmlns='{INFO}'/>", self.sid, PHONE, US)
        self.assertEqual(answer, "error item-not-found unknown-session")
        self.assertEqual(self.directions, [])

    def test_early(self) -> None:
        """Before there is a session there is nobody to tell."""
        leg = self.world.dial(phone=MESSAGES)
        self.world.said()
        tell(leg, SessionDescription((PCMU,), direction=HOLDS))
        leg.hand(Unanswered(Tone("1")))
        self.assertEqual((self.told(), news(leg).news), ([], []))


del _MidCallTests
