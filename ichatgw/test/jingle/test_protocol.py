# -*- test-case-name: ichatgw.test.jingle.test_protocol -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.jingle.protocol}: who gets what, and who gets nothing.
"""

from __future__ import annotations

from typing import cast

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from zope.interface.verify import verifyObject

from ichatgw.errors import NoRoute
from ichatgw.interfaces import IArrivals, IDialer
from ichatgw.jingle.calls import MAX_REMEMBERED
from ichatgw.jingle.protocol import MAX_CALLS_OF_A_USER
from ichatgw.model import PCMU, Ending, EndReason, Party, SessionDescription
from ichatgw.observe.events import TurnedAway
from ichatgw.test.jingle.stanzas.test_jingle import captured
from ichatgw.test.marks import slow
from ichatgw.test.support import data
from ichatgw.test.support.clients.jingles import (
    BELL,
    BELL_JID,
    COMPONENT,
    DESCRIPTION,
    LAPTOP,
    MESSAGES,
    NUMBER,
    PHONE,
    SESSIONS,
    US,
    World,
    content,
    news,
    transport,
)
from ichatgw.test.support.events import Scene
from ichatgw.xmpp.presence.presence import IPresenceListener

MALLORY = JID("mallory@evil.example/x")
CALLER, CALLED = f"xmpp:{PHONE.userhost()}", f"xmpp:{NUMBER.userhost()}"


class BorderTests(SynchronousTestCase):
    """Who may do what."""

    def setUp(self) -> None:
        self.world = World()

    def test_interfaces(self) -> None:
        """It dials, and listens to presence."""
        verifyObject(IDialer, self.world.protocol)
        verifyObject(IPresenceListener, self.world.protocol)

    def test_strangers(self) -> None:
        """Users of other servers may not call, in either way, and the log says for which setting."""
        with capturedLogs() as events:
            self.world.propose(from_=MALLORY)
        self.assertEqual([event["why"] for event in events], ["may not call: not among AllowedXMPPDomains"])
        self.assertEqual(self.world.initiate("s2", from_=MALLORY), "error forbidden")
        self.assertEqual(
            self.world.said(),
            [
                f"error forbidden to {MALLORY.full()}",
                f"reject decline to {MALLORY.full()}",
                f"error forbidden to {MALLORY.full()}",
                f"session-terminate decline to {MALLORY.full()}",
            ],
        )
        for answer in self.world.stanzas:
            self.assertIn(">not among AllowedXMPPDomains</text>", answer.toXml())
        self.assertEqual(self.world.arrivals.arrivals, [])

    def test_refusedSession(self) -> None:
        """A session that is refused is terminated as well, with the reason: Dino looks at no errors."""
        for to, error, condition in (
            (JID(f"{COMPONENT}/gw"), "error item-not-found", "gone"),
            (JID(COMPONENT), "error item-not-found", "gone"),
        ):
            self.assertEqual(self.world.initiate(to=to), error)
            self.assertEqual(self.world.said()[1:], [f"session-terminate {condition} to {PHONE.full()}"])
            self.assertEqual(self.world.stanzas[-1]["from"], to.full())
        for number in range(MAX_CALLS_OF_A_USER + 1):
            self.world.said()
            answer = self.world.initiate(f"s{number}")
        self.assertEqual(answer, "error resource-constraint")
        self.assertEqual(self.world.said()[1:], [f"session-terminate general-error to {PHONE.full()}"])
        self.assertTrue(self.world.arrivals.arrivals)

    def test_nobody(self) -> None:
        """The gateway itself cannot be called."""
        self.world.propose(to=JID(COMPONENT))
        self.assertEqual(
            self.world.said(), [f"error item-not-found to {PHONE.full()}", f"reject gone to {PHONE.full()}"]
        )
        self.assertEqual(self.world.initiate(to=JID(COMPONENT)), "error item-not-found")

    def test_video(self) -> None:
        """A proposal of audio and video is a call with audio; one of video alone, or of nothing, is rejected."""
        self.world.propose("s1", media=("video",))
        self.world.propose("s2", media=())
        self.assertEqual(self.world.said(), [f"reject unsupported-applications to {PHONE.full()}"] * 2)
        self.assertEqual(self.world.arrivals.arrivals, [])
        self.world.propose("s3", media=("video", "audio"))
        self.assertEqual((self.world.said(), len(self.world.arrivals.arrivals)), ([], 1))

    def test_attempts(self) -> None:
        """A call of one who may call that becomes none is told of, with who called whom and why; of strangers none."""
        scene = Scene()
        scene.watch()
        self.world.protocol.attempts.events = scene.events
        self.world.propose("s1", media=("video",))
        self.world.initiate("s2", to=JID(COMPONENT))
        self.world.initiate("s3", inside="<content/>")
        self.world.initiate("s4", inside=content(DESCRIPTION.replace("PCMU", "X").replace("PCMA", "X")))
        told = [event for event in scene.seen if isinstance(event, TurnedAway)]
        self.assertEqual(len(told), len(scene.seen) - len(told))  # each is counted as refused
        self.assertEqual({(event.kind, event.caller, event.source) for event in told}, {("jingle", CALLER, None)})
        self.assertEqual(
            [(event.ending.reason, event.called) for event in told][:3],
            [
                (EndReason.INCOMPATIBLE, CALLED),
                (EndReason.NOT_FOUND, f"xmpp:{COMPONENT}"),
                (EndReason.FAILED, CALLED),
            ],
        )
        self.world.propose("s5", from_=MALLORY)
        self.world.initiate("s6", from_=MALLORY)
        self.world.initiate("s7", from_=MALLORY, inside="<content/>")
        self.assertEqual(len([event for event in scene.seen if isinstance(event, TurnedAway)]), len(told))

    def test_repeated(self) -> None:
        """A proposal that comes again is one call, and so is one that comes after its end."""
        leg = self.world.propose()
        self.world.propose()
        leg.hangup(Ending(EndReason.BUSY))
        self.world.propose()
        self.assertEqual(len(self.world.arrivals.arrivals), 1)

    def test_bare(self) -> None:
        """A client that has no full address cannot be talked to."""
        self.world.propose(from_=PHONE.userhostJID())
        self.assertEqual(self.world.arrivals.arrivals, [])

    @slow
    def test_manyCallers(self) -> None:
        """At 100 calls a second by as many users nobody is refused for what the others do."""
        for number in range(1500):
            self.world.propose(sid="s1", from_=JID(f"user{number}@jabber.example/phone"))
            self.world.message("retract", from_=JID(f"user{number}@jabber.example/phone"))
            self.world.clock.advance(0.01)
        self.assertEqual(len(self.world.arrivals.arrivals), 1500)
        self.assertEqual(self.world.said(), [])

    def test_calls(self) -> None:
        """A user has only so many calls at once."""
        for number in range(MAX_CALLS_OF_A_USER + 1):
            self.world.propose(f"s{number}")
        self.assertEqual(len(self.world.arrivals.arrivals), MAX_CALLS_OF_A_USER)
        self.assertEqual(
            self.world.said(),
            [f"error resource-constraint to {PHONE.full()}", f"reject general-error to {PHONE.full()}"],
        )

    def test_flood(self) -> None:
        """A user can try only so often, whatever becomes of it."""
        for number in range(100):
            self.world.propose(f"s{number}")
            self.world.message("retract", sid=f"s{number}")
        self.assertTrue(len(self.world.arrivals.arrivals) <= 10)
        self.assertTrue(self.world.isEmpty())

    def test_malformed(self) -> None:
        """What is no request is refused, what is no message dropped."""
        self.assertEqual(self.world.jingle("session-info", "", ""), "error bad-request")
        self.world.message("propose", sid="")
        self.world.receive(f"<iq type='set' id='1' to='{US.full()}'><jingle xmlns='urn:xmpp:jingle:1'/></iq>")
        self.world.receive(f"<message type='error' id='jm-propose-1' to='{US.full()}'/>")
        self.assertEqual(self.world.arrivals.arrivals, [])

    def test_unknownSession(self) -> None:
        """A session that is not known is not known, whatever is asked of it, also under another address of ours."""
        self.assertEqual(self.world.jingle("transport-info", content()), "error item-not-found unknown-session")
        self.world.initiate(to=NUMBER)
        self.assertEqual(
            self.world.jingle("session-terminate", to=JID(f"73@{COMPONENT}/gw")), "error item-not-found unknown-session"
        )

    def test_malformedOffer(self) -> None:
        """A session whose offer cannot be read is refused, and terminated for those who look at no errors."""
        bad = content(DESCRIPTION + transport(ufrag="a"))
        self.assertEqual(self.world.initiate(inside=bad), "error bad-request")
        self.assertEqual(self.world.said()[1:], [f"session-terminate general-error to {PHONE.full()}"])
        self.assertIn("bad ufrag", self.world.last("session-terminate").toXml())
        self.assertEqual(self.world.initiate(sid="", inside=bad), "error bad-request")
        self.assertEqual(self.world.initiate("s2", MALLORY, inside=bad), "error bad-request")
        self.assertEqual([word for word in self.world.said() if "terminate" in word], [])
        self.world.initiate("s3")
        self.assertEqual(self.world.initiate("s3", inside=bad), "error bad-request")
        self.assertEqual(news(self.world.arrived).news, [])
        self.assertEqual([word for word in self.world.said() if "terminate" in word], [])

    def test_malformedLater(self) -> None:
        """A session that cannot be read ends the call that was proposed, too, and the other party is told at once."""
        leg = self.world.propose()
        leg.answer(SessionDescription((PCMU,)))
        self.world.said()
        bad = content(DESCRIPTION + transport(ufrag="a"))
        self.assertEqual(self.world.initiate(from_=LAPTOP, inside=bad), "error bad-request")
        self.assertEqual(news(leg).news, [])
        self.assertEqual(self.world.initiate(inside=bad), "error bad-request")
        self.assertEqual((news(leg).news, news(leg).reasons), (["ended"], [EndReason.FAILED]))
        self.assertIn(f"session-terminate general-error to {PHONE.full()}", self.world.said())
        self.assertTrue(self.world.isEmpty())

    def test_malformedAnswer(self) -> None:
        """The same if what is accepted cannot be read; a second answer ends nothing."""
        bad = content(DESCRIPTION + transport(ufrag="a", setup="active"), "audio")
        for isFirst in (True, False):
            leg = self.world.dial(phone=MESSAGES)
            self.world.message("proceed", sid=leg.sid, to=BELL_JID)
            self.world.answerRequest("result")
            if not isFirst:
                self.world.accept(PHONE, leg.sid)
            self.world.said()
            self.assertEqual(self.world.accept(PHONE, leg.sid, bad), "error bad-request")
            if isFirst:
                self.assertEqual(news(leg).reasons, [EndReason.FAILED])
                self.assertIn(f"session-terminate general-error to {PHONE.full()}", self.world.said())
            else:
                self.assertEqual(news(leg).news, ["answered"])

    def test_lateWords(self) -> None:
        """
        The last words of a call that is over cross ours, and are no reason for a line in the log; words about a call
        that there never was are.
        """
        with capturedLogs() as events:
            self.world.initiate()
            self.world.arrived.hangup(Ending(EndReason.BUSY))
            for action in ("session-terminate", "transport-info", "session-info"):
                self.assertEqual(self.world.jingle(action, content("")), "error item-not-found unknown-session")
            self.world.jingle("session-terminate", sid="other")
            told = [event for event in events if "was refused" in str(event.get("log_format"))]
            self.assertEqual(told, [])
            self.world.jingle("transport-info", content(""), sid="other")
            told = [event for event in events if "was refused" in str(event.get("log_format"))]
            self.assertEqual([event["why"] for event in told], ["no such session"])

    def test_switchFails(self) -> None:
        """An error of ours ends the call."""
        self.world.protocol.arrivals = cast(IArrivals, None)
        self.world.message("propose", "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/>")
        self.assertEqual(
            self.world.said(),
            [f"error internal-server-error to {PHONE.full()}", f"reject general-error to {PHONE.full()}"],
        )
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        self.assertTrue(self.world.isEmpty())

    def test_noLink(self) -> None:
        """While there is no link, nothing is sent, and nothing breaks."""
        leg = self.world.propose()
        self.world.protocol.parent = None
        leg.ring()
        leg.hangup(Ending(EndReason.BUSY))
        self.assertTrue(self.world.isEmpty())

    def test_stop(self) -> None:
        """Stopping ends every call."""
        self.world.propose()
        self.world.dial(phone=MESSAGES)
        self.world.protocol.stop()
        self.assertTrue(self.world.isEmpty())

    def test_memory(self) -> None:
        """Only so many calls that are over are remembered."""
        for number in range(MAX_REMEMBERED + 10):
            self.world.protocol.calls._remember(PHONE, f"s{number}")
        self.assertEqual(len(self.world.protocol.calls._past), MAX_REMEMBERED)


class DialTests(SynchronousTestCase):
    """Who can be called, and under which name."""

    def setUp(self) -> None:
        self.world = World()

    def test_refused(self) -> None:
        """What is no address of a user cannot be called."""
        for called in (
            "xmpp:",
            "xmpp:jabber.example",
            "sip:alice@jabber.example",
            f"xmpp:72@{COMPONENT}",
            "xmpp:a@b@c",
        ):
            self.assertRaises(NoRoute, self.world.protocol.dial, called, BELL)

    def test_caller(self) -> None:
        """The caller is shown under an address that says who it is."""
        self.assertEqual(self.world.dial(phone=MESSAGES).us, BELL_JID)

    def test_legsOfUser(self) -> None:
        """The legs of a user are found by their address, with or without a client, and not when they are over."""
        calls = self.world.protocol.calls
        to = self.world.dial()
        by = self.world.propose()
        user = PHONE.userhostJID()
        for jid in (PHONE, user):
            self.assertEqual((calls.to(jid), calls.by(jid)), ((to,), (by,)))
        self.assertEqual((calls.to(MALLORY), calls.by(MALLORY)), ((), ()))
        for leg in (to, by):
            leg.hangup(Ending(EndReason.HANGUP))
        self.assertEqual((calls.to(user), calls.by(user), calls._callers, calls._callees), ((), (), {}, {}))

    def test_presence(self) -> None:
        """Presence that fails tells nothing of whether a proposal gets through."""
        leg = self.world.dial()
        self.world.protocol.failed(PHONE, "item-not-found", None)
        self.assertEqual(news(leg).news, [])


class TieTests(SynchronousTestCase):
    """Both call each other at once."""

    def setUp(self) -> None:
        self.world = World(routes={f"xmpp:72@{COMPONENT}": "sip:72@sip.example"})

    def dial(self, features: frozenset[str]) -> None:
        self.leg = self.world.dial(caller=Party("sip:72@sip.example"), phone=features)
        self.assertEqual(self.leg.us, US)
        self.world.said()

    def test_oursWins(self) -> None:
        """The lower name goes on: the other proposal is rejected for that."""
        self.dial(MESSAGES)
        self.world.propose("zzz")
        self.assertEqual(self.world.said(), [f"reject expired to {PHONE.full()}"])
        self.assertIsNotNone(self.world.stanzas[-1].reject.firstChildElement())
        self.assertEqual(self.world.arrivals.arrivals, [])

    def test_theirsWins(self) -> None:
        """If theirs is lower, it is a call, and ours is over, whether or not their client says so."""
        self.dial(MESSAGES)
        self.world.propose("!!!")
        self.assertEqual(len(self.world.arrivals.arrivals), 1)
        self.assertEqual(news(self.leg).reasons, [EndReason.BUSY])
        self.assertEqual(self.world.said(), [f"retract cancel to {PHONE.userhost()}"])

    def test_otherNumber(self) -> None:
        """A call of another phone's is no such thing."""
        self.dial(MESSAGES)
        self.world.propose("!!!", to=JID(f"73@{COMPONENT}"))
        self.assertEqual((len(self.world.arrivals.arrivals), news(self.leg).news), (1, []))

    def test_sessions(self) -> None:
        """Sessions are compared likewise."""
        self.dial(SESSIONS)
        self.assertEqual(self.world.initiate("zzz"), "error conflict tie-break")
        self.assertEqual(self.world.initiate("!!!"), "result")
        asked = next(stanza for stanza in self.world.stanzas if stanza.getAttribute("type") == "set")
        self.world.receive(
            f"<iq type='error' id='{asked['id']}' from='{asked['to']}' to='{asked['from']}'><error type='cancel'>"
            "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
            "<tie-break xmlns='urn:xmpp:jingle:errors:1'/></error></iq>"
        )
        self.assertEqual(news(self.leg).reasons, [EndReason.BUSY])
        self.assertEqual(len(self.world.arrivals.arrivals), 1)


class CaptureTests(SynchronousTestCase):
    """Everything that clients were seen to send."""

    def test_replayed(self) -> None:
        """Whatever comes, and in whatever order, each request is answered once, nothing breaks, and nothing is left."""
        names = sorted(path.stem for path in data("jingle").glob("*.xml"))
        self.assertGreater(len(names), 9)
        for name in names:
            world = World()
            world.protocol._allows = lambda jid: True
            for stanza in captured(name):
                stanza["to"] = US.full()
                stanza["from"] = PHONE.full()
                if stanza.name == "message" and stanza.propose is None and stanza.retract is None:
                    continue
                world.stream.dispatch(stanza)
                if stanza.name == "iq" and stanza["type"] == "set":
                    answers = [one for one in world.stanzas if one.getAttribute("id") == stanza["id"]]
                    self.assertTrue(len(answers) >= 1, f"{name}: {stanza.toXml()[:200]}")
                for leg, _, offer in world.arrivals.arrivals:
                    leg.ring()
                    leg.answer(SessionDescription(offer.codecs[:1]))
            world.protocol.stop()
            self.assertTrue(world.isEmpty(), name)
            if "initiate" in "".join(stanza.toXml() for stanza in captured(name)):
                self.assertTrue(any("session-accept" in said for said in world.words), name)
