# -*- test-case-name: ichatgw.test.jingle.test_outbound -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.jingle.outbound}: clients that know messages are called.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from zope.interface.verify import verifyObject

from ichatgw.errors import Congested
from ichatgw.interfaces import ILeg
from ichatgw.jingle.leg import ACCEPT_TIMEOUT
from ichatgw.jingle.options import JingleOptions
from ichatgw.jingle.outbound import RINGING_ASSUMED
from ichatgw.model import PCMU, Ending, EndReason
from ichatgw.test.support.clients.jingles import (
    ALICE,
    BELL,
    BELL_JID,
    DESCRIPTION,
    LAPTOP,
    MESSAGES,
    OFFER,
    OPUS,
    PHONE,
    PROPOSED,
    SESSIONS,
    World,
    content,
    news,
    shown,
    transport,
)


class MessageTests(SynchronousTestCase):
    """Clients that know messages (XEP-0353)."""

    def setUp(self) -> None:
        self.world = World()
        self.leg = self.world.dial(phone=MESSAGES, laptop=MESSAGES)

    def message(self, word: str, inside: str = "", from_: JID = PHONE) -> None:
        self.world.message(word, inside, self.leg.sid, from_, BELL_JID)

    def talk(self) -> None:
        self.message("proceed")
        self.assertEqual(self.world.accept(PHONE, self.leg.sid), "result")
        self.world.said()

    def test_interface(self) -> None:
        """It is a leg."""
        verifyObject(ILeg, self.leg)

    def test_name(self) -> None:
        """The proposal says the caller's name, if they have one, and who is called is known to have heard it."""
        heard: list[tuple[str, str, str]] = []
        self.world.protocol.named = lambda user, ours, name: heard.append((user.full(), ours.user or "", name))
        for name in ("Alice <A>", ""):
            del self.world.stanzas[:]
            self.world.dial(caller=evolve(BELL, name=name), phone=MESSAGES)
            (message,) = (each for each in self.world.stanzas if each.name == "message")
            nicks = [str(each) for each in message.elements() if each.uri == "http://jabber.org/protocol/nick"]
            self.assertEqual(nicks, [name] if name else [])
        self.assertEqual([name for _, _, name in heard], ["Alice <A>", ""])
        self.assertEqual(heard[0][0], "alice@jabber.example")

    def test_proposed(self) -> None:
        """All clients ring by one proposal, from an address that they have seen."""
        self.assertEqual(self.world.said(), PROPOSED)
        propose = self.world.stanzas[0].propose
        self.assertEqual((propose["id"], propose.description["media"]), (self.leg.sid, "audio"))

    def test_rings(self) -> None:
        """The caller is told, once, that a client rings."""
        self.message("ringing")
        self.message("ringing", from_=LAPTOP)
        self.world.clock.advance(RINGING_ASSUMED)
        self.assertEqual(news(self.leg).news, ["ringing"])

    def test_ringsByReceipt(self) -> None:
        """Older clients say that they ring by a receipt."""
        for sid in ("other", self.leg.sid):
            self.world.receive(
                f"<message from='{PHONE.full()}' to='{BELL_JID.full()}'>"
                f"<received xmlns='urn:xmpp:receipts' id='jm-propose-{sid}'/></message>"
            )
        self.assertEqual(news(self.leg).news, ["ringing"])

    def test_ringsSilently(self) -> None:
        """A client that takes calls and says nothing is taken to ring after a while."""
        self.world.clock.advance(RINGING_ASSUMED)
        self.assertEqual(news(self.leg).news, ["ringing"])

    def test_answered(self) -> None:
        """The client that takes the call is sent a session with the caller's formats, and accepts with its own."""
        self.world.said()
        self.message("proceed")
        self.assertEqual(self.world.said(), [shown(PHONE), f"session-initiate to {PHONE.full()}"])
        jingle = self.world.last("session-initiate")
        self.assertEqual((jingle["sid"], jingle["initiator"]), (self.leg.sid, BELL_JID.full()))
        self.assertEqual(jingle.content.transport.fingerprint["setup"], "actpass")
        self.assertEqual((jingle.group["semantics"], jingle.group.content["name"]), ("BUNDLE", jingle.content["name"]))
        ids = [c["id"] for c in jingle.content.description.elements() if c.name == "payload-type"]
        self.assertEqual(ids, ["96", "8", "0", "101", "110"])
        self.assertEqual(self.world.accept(PHONE, self.leg.sid), "result")
        self.assertEqual(news(self.leg).news, ["answered"])
        self.assertEqual(
            [(c.name, c.payloadType) for c in news(self.leg).answers[0].codecs], [("opus", 111), ("PCMU", 0)]
        )
        remote, media, ours = self.world.media.connections[0]
        self.assertEqual((remote.ufrag, media.codecs[0].payloadType, ours), ("abcd", 111, (OPUS, PCMU)))

    def test_talking(self) -> None:
        """A call that was answered ends with the session, and by it."""
        self.talk()
        self.leg.hangup(Ending(EndReason.HANGUP))
        self.leg.hangup(Ending(EndReason.HANGUP))
        self.assertEqual(
            self.world.said(), [f"session-terminate success to {PHONE.full()}", f"finish success to {PHONE.full()}"]
        )
        self.assertEqual(news(self.leg).reasons, [EndReason.HANGUP])
        self.assertTrue(self.world.isEmpty())

    def test_hangsUp(self) -> None:
        """A client that ends the session has hung up."""
        self.talk()
        self.world.jingle("session-terminate", "<reason><success/></reason>", self.leg.sid, to=BELL_JID)
        self.assertEqual(news(self.leg).reasons, [EndReason.HANGUP])
        self.assertEqual(self.world.said()[1:], [f"finish success to {PHONE.full()}"])
        self.assertTrue(self.world.isEmpty())

    def test_rejected(self) -> None:
        """One client rejects for all; without a reason the user is busy."""
        self.world.said()
        self.message("reject")
        self.assertEqual(news(self.leg).reasons, [EndReason.BUSY])
        self.assertEqual(self.world.said(), [f"retract busy to {ALICE.full()}"])
        self.assertTrue(self.world.isEmpty())

    def test_rejectedWithReason(self) -> None:
        """The reason of a rejection is heeded."""
        self.message("reject", "<reason xmlns='urn:xmpp:jingle:1'><decline/></reason>")
        self.assertEqual(news(self.leg).reasons, [EndReason.DECLINED])

    def test_cancelledByCallee(self) -> None:
        """What a callee calls cancelled is for its caller a callee that cannot be reached, before the answer."""
        self.message("reject", "<reason xmlns='urn:xmpp:jingle:1'><cancel/></reason>")
        self.assertEqual(news(self.leg).reasons, [EndReason.UNAVAILABLE])
        self.leg = self.world.dial(phone=MESSAGES)
        self.message("proceed")
        self.world.jingle("session-terminate", "<reason><cancel/></reason>", self.leg.sid, to=BELL_JID)
        self.assertEqual(news(self.leg).reasons, [EndReason.UNAVAILABLE])
        self.leg = self.world.dial(phone=SESSIONS)
        sid = self.world.last("session-initiate")["sid"]
        self.world.jingle("session-terminate", "<reason><cancel/></reason>", sid, to=BELL_JID)
        self.assertEqual(news(self.leg).reasons, [EndReason.UNAVAILABLE])

    def test_rejectedByTie(self) -> None:
        """Who calls us at the same moment, and wins, is busy for this call."""
        self.message("reject", "<reason xmlns='urn:xmpp:jingle:1'><expired/></reason><tie-break/>")
        self.assertEqual(news(self.leg).reasons, [EndReason.BUSY])

    def test_abandoned(self) -> None:
        """A caller who gives up takes the proposal back, or it would ring at the next login."""
        self.world.said()
        self.leg.hangup(Ending(EndReason.CANCELLED))
        self.assertEqual(self.world.said(), [f"retract cancel to {ALICE.full()}"])
        self.assertTrue(self.world.isEmpty())

    def test_answeredElsewhere(self) -> None:
        """If another phone took the call, the user's call list says so."""
        self.world.said()
        self.leg.hangup(Ending(EndReason.ANSWERED_ELSEWHERE))
        self.assertEqual(self.world.said(), [f"finish success to {ALICE.full()}", f"retract cancel to {ALICE.full()}"])

    def test_lateProceed(self) -> None:
        """A client that takes a call that is over is told that it is."""
        self.leg.hangup(Ending(EndReason.CANCELLED))
        self.world.said()
        self.message("proceed")
        self.assertEqual(self.world.said(), [f"finish expired to {PHONE.full()}", f"retract expired to {PHONE.full()}"])

    def test_twoProceed(self) -> None:
        """The first that takes the call has it, and the other one hears that it is too late."""
        self.message("proceed")
        self.world.said()
        late = [f"finish success to {LAPTOP.full()}", f"retract cancel to {LAPTOP.full()}"]
        for _ in range(2):
            self.message("proceed", from_=LAPTOP)
            self.assertEqual(self.world.said(), late)
            self.message("proceed")
            self.assertEqual(self.world.said(), [])
            self.world.accept(PHONE, self.leg.sid)
            self.world.said()
        self.assertEqual(news(self.leg).news, ["answered"])

    def test_rejectedLate(self) -> None:
        """What another client says of a call that one has taken ends nothing."""
        self.message("proceed")
        for word in ("reject", "finish"):
            self.message(word, from_=LAPTOP)
        self.assertEqual(self.world.accept(PHONE, self.leg.sid), "result")
        for word in ("reject", "finish"):
            self.message(word, from_=LAPTOP)
        self.message("reject")
        self.assertEqual(news(self.leg).news, ["answered"])

    def test_finishesWhileTalking(self) -> None:
        """A client that says only outside of the session that the call is over has ended it."""
        self.talk()
        self.message("finish", "<reason xmlns='urn:xmpp:jingle:1'><success/></reason>")
        self.assertEqual(news(self.leg).reasons, [EndReason.HANGUP])
        self.assertEqual(self.world.said()[0], f"session-terminate success to {PHONE.full()}")
        self.assertTrue(self.world.isEmpty())

    def test_nobodyAnswers(self) -> None:
        """Ringing ends at some time."""
        self.message("ringing")
        self.world.clock.advance(180)
        self.assertEqual((news(self.leg).reasons, news(self.leg).endings[0][1].cause), ([EndReason.UNAVAILABLE], 19))
        self.assertTrue(self.world.isEmpty())

    def test_neverAccepts(self) -> None:
        """A client that takes the call and does not accept the session has lost it."""
        self.message("proceed")
        self.world.said()
        self.world.clock.advance(ACCEPT_TIMEOUT)
        self.assertEqual(news(self.leg).reasons, [EndReason.CONNECTIVITY])
        self.assertEqual(
            self.world.said(),
            [f"session-terminate connectivity-error to {PHONE.full()}", f"finish connectivity-error to {PHONE.full()}"],
        )
        self.assertTrue(self.world.isEmpty())

    def test_finishes(self) -> None:
        """A client that takes the call back before there is a session has ended it."""
        self.message("proceed")
        self.message("finish", "<reason xmlns='urn:xmpp:jingle:1'><connectivity-error/></reason>")
        self.assertEqual(news(self.leg).reasons, [EndReason.CONNECTIVITY])
        self.assertTrue(self.world.isEmpty())

    def test_bounced(self) -> None:
        """A proposal that the server sends back ends the call; by one client it does not."""
        for from_, reasons in ((PHONE, []), (ALICE, [EndReason.UNAVAILABLE])):
            self.world.receive(
                f"<message type='error' id='jm-propose-{self.leg.sid}' from='{from_.full()}' to='{BELL_JID.full()}'>"
                f"<propose xmlns='urn:xmpp:jingle-message:0' id='{self.leg.sid}'/>"
                "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
                "</message>"
            )
            self.assertEqual(news(self.leg).reasons, reasons)
        self.assertTrue(self.world.isEmpty())

    def test_foreignFormats(self) -> None:
        """An accept with formats that were not offered is refused."""
        self.message("proceed")
        self.world.said()
        description = (
            "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>"
            "<payload-type id='18' name='G729' clockrate='8000'/></description>"
        )
        self.world.accept(PHONE, self.leg.sid, content(description + transport(setup="active"), "audio"))
        self.assertIn(f"session-terminate unsupported-applications to {PHONE.full()}", self.world.said())
        self.assertEqual(news(self.leg).reasons, [EndReason.INCOMPATIBLE])
        self.assertTrue(self.world.isEmpty())

    def test_sessionRefused(self) -> None:
        """A client that takes the call and then refuses the session has ended it."""
        self.message("proceed")
        self.world.answerRequest("error", "service-unavailable")
        self.assertEqual(news(self.leg).reasons, [EndReason.UNAVAILABLE])
        self.assertTrue(self.world.isEmpty())

    def test_sessionNotTaken(self) -> None:
        """One that refuses the session as such is told that it is over: it may have begun to take it."""
        self.message("proceed")
        self.world.said()
        self.world.answerRequest("error", "bad-request")
        self.assertEqual(news(self.leg).reasons, [EndReason.FAILED])
        self.assertEqual(self.world.said()[0], f"session-terminate general-error to {PHONE.full()}")
        self.assertTrue(self.world.isEmpty())

    def test_congested(self) -> None:
        """No port for the media: the call has failed."""
        self.world.transports.error = Congested("no port left")
        self.message("proceed")
        self.assertEqual(news(self.leg).reasons, [EndReason.CONGESTED])
        self.assertTrue(self.world.isEmpty())

    def test_allGone(self) -> None:
        """Clients that go offline may be woken by their server; the proposal stands."""
        self.world.clients.known.clear()
        self.world.protocol.unavailable(ALICE)
        self.assertEqual(news(self.leg).news, [])

    def test_strangersWords(self) -> None:
        """Words of others about our proposal are nobody's."""
        self.world.message("proceed", "", self.leg.sid, JID("mallory@jabber.example/x"), BELL_JID)
        self.world.message("proceed", "", self.leg.sid, PHONE, JID("73@gw.jabber.example"))
        self.world.message("proceed", "", self.leg.sid, ALICE, BELL_JID)
        self.world.message("accept", "", self.leg.sid, PHONE, BELL_JID)
        self.assertEqual((news(self.leg).news, len(self.world.transports.made)), ([], 0))

    def test_lateOrders(self) -> None:
        """What comes too late changes nothing."""
        self.talk()
        self.leg.start(OFFER)
        self.message("ringing")
        self.message("reject")
        self.world.protocol.unavailable(PHONE)
        self.assertEqual((self.world.said(), news(self.leg).news), ([], ["answered"]))


class LateAnswerTests(SynchronousTestCase):
    """With the setting by which a call counts as answered when media can flow."""

    def setUp(self) -> None:
        self.world = World(JingleOptions(lateAnswer=True))
        self.leg = self.world.dial(phone=MESSAGES)
        self.world.message("proceed", "", self.leg.sid, PHONE, BELL_JID)

    def test_answered(self) -> None:
        """It is answered when there is a way for media."""
        self.world.accept(PHONE, self.leg.sid)
        self.assertEqual(news(self.leg).news, [])
        self.world.media.connects()
        self.assertEqual(news(self.leg).news, ["answered"])
        self.world.clock.advance(100)
        self.assertEqual(news(self.leg).news, ["answered"])

    def test_mediaFirst(self) -> None:
        """Media that is there before the answer counts as well."""
        self.world.media.connects()
        self.world.accept(PHONE, self.leg.sid)
        self.assertEqual(news(self.leg).news, ["answered"])

    def test_noMedia(self) -> None:
        """Without media nobody pays."""
        self.world.accept(PHONE, self.leg.sid, content(DESCRIPTION + transport(setup="active"), "audio"))
        self.world.clock.advance(ACCEPT_TIMEOUT)
        self.assertEqual(news(self.leg).reasons, [EndReason.CONNECTIVITY])
        self.assertTrue(self.world.isEmpty())
