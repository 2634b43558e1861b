# -*- test-case-name: ichatgw.test.jingle.session.test_session -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.jingle.session.session}: what clients do within a session.
"""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.jingle.session.pendingiqs import MAX_OPEN
from ichatgw.jingle.session.remotetransport import MAX_REMOTE_CANDIDATES, MAX_RESTARTS
from ichatgw.jingle.stanzas.namespaces import NS_ICE_UDP, NS_RTP
from ichatgw.model import PCMU, Candidate, Direction, Ending, EndReason, SessionDescription, TransportAddress
from ichatgw.test.marks import slow
from ichatgw.test.support.clients.jingles import BELL_JID, DESCRIPTION, MESSAGES, PHONE, World, content, news, transport

ANSWER = SessionDescription((PCMU,))
INFO = "urn:xmpp:jingle:apps:rtp:info:1"


def candidates(*ports: int, ufrag: str = "abcd", password: str = "efghijklmnopqrstuvwxyz") -> str:
    inside = "".join(f"<candidate ip='198.51.100.7' port='{port}' component='1'/>" for port in ports)
    return content(transport(inside, ufrag, password, setup=""))


class ActiveTests(SynchronousTestCase):
    """A session that is up; the client has offered it."""

    def setUp(self) -> None:
        self.world = World()
        self.leg = self.world.propose()
        self.leg.answer(ANSWER)
        self.world.initiate()
        self.world.said()

    def assertEnded(self, reason: EndReason) -> None:
        self.assertEqual(news(self.leg).reasons, [reason])
        self.assertTrue(self.world.isEmpty())

    def test_order(self) -> None:
        """What answers a question that we never ask, or comes in the wrong order, is refused."""
        for action in (
            "session-initiate",
            "session-accept",
            "content-accept",
            "content-reject",
            "transport-accept",
            "transport-reject",
        ):
            self.assertEqual(self.world.jingle(action, content()), "error unexpected-request out-of-order", action)
        self.assertEqual(self.world.jingle("session-dance"), "error bad-request")
        self.assertEqual(news(self.leg).news, [])

    def test_acknowledged(self) -> None:
        """What needs no more than that is acknowledged."""
        for action in ("description-info", "security-info", "session-info", "transport-info"):
            self.assertEqual(self.world.jingle(action, ""), "result", action)
        for name in ("mute", "unmute", "active", "ringing"):
            self.assertEqual(self.world.jingle("session-info", f"<{name} xmlns='{INFO}'/>"), "result")

    def test_unknownInfo(self) -> None:
        """An information that we do not know is refused as the standard says."""
        self.assertEqual(
            self.world.jingle("session-info", "<x xmlns='urn:other'/>"),
            "error feature-not-implemented unsupported-info",
        )

    def test_digits(self) -> None:
        """A key is taken, and one that no phone has is refused (XEP-0181)."""
        key = "<dtmf xmlns='urn:xmpp:jingle:dtmf:0' code='{}' duration='100'/>"
        self.assertEqual(self.world.jingle("session-info", key.format("#")), "result")
        self.assertEqual(self.world.jingle("session-info", key.format("x")), "error feature-not-implemented")

    def test_modify(self) -> None:
        """C{senders} says which way media flows; a content that is not ours says nothing."""
        for senders in ("initiator", "none", "both"):
            self.world.jingle("content-modify", content("", attributes=f"senders='{senders}'"))
        self.world.jingle("content-modify", content("", name="other", attributes="senders='none'"))
        self.assertEqual(self.world.media.holds, [Direction.SENDONLY, Direction.INACTIVE, Direction.SENDRECV])

    def test_add(self) -> None:
        """Video is refused, and the call goes on."""
        video = content("<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'/>", "1")
        self.assertEqual(self.world.jingle("content-add", video), "result")
        self.assertEqual(self.world.said()[1:], [f"content-reject unsupported-applications to {PHONE.full()}"])
        self.assertEqual(self.world.last("content-reject").content["name"], "1")

    def test_addNamed(self) -> None:
        """What is refused is named with its media, its transport and who was to send (Conversations looks for them)."""
        video = "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'><payload-type id='96' name='VP8'"
        video += " clockrate='90000'/></description>" + transport()
        self.world.jingle("content-add", content(video, "1", "senders='initiator'"))
        refused = self.world.last("content-reject").content
        self.assertEqual(refused["senders"], "initiator")
        self.assertEqual((refused.description.uri, refused.description["media"]), (NS_RTP, "video"))
        self.assertEqual((refused.transport.uri, refused.transport.attributes), (NS_ICE_UDP, {}))
        self.assertEqual((refused.description.children, refused.transport.children), ([], []))
        self.world.jingle("content-add", content("<description xmlns='urn:file'/><transport xmlns='urn:ibb'/>", "2"))
        self.assertEqual(self.world.last("content-reject").content.children, [])

    def test_several(self) -> None:
        """What comes in one request is answered in one."""
        contents = "".join(content(name=str(number)) for number in range(1, 8))
        for action, answer in (("content-add", "content-reject"), ("transport-replace", "transport-reject")):
            self.assertEqual(self.world.jingle(action, contents), "result")
            self.assertEqual([words.split()[0] for words in self.world.said()], ["result", answer])
            names = [each["name"] for each in self.world.last(answer).elements() if each.name == "content"]
            self.assertEqual(names, list("1234567"))
            self.assertEqual(self.world.jingle(action, ""), "result")
            self.assertEqual(len(self.world.said()), 1)

    @slow
    def test_unanswered(self) -> None:
        """A client that has us ask and never answers costs no more memory than others."""
        for _ in range(500):
            self.world.jingle("content-add", content(name="1"))
        self.assertEqual(len(self.world.protocol.calls.questions), MAX_OPEN)
        self.world.answerRequest("result")
        self.assertEqual(len(self.world.protocol.calls.questions), MAX_OPEN - 1)

    def test_ourError(self) -> None:
        """An error of ours ends the call, and leaves nothing."""
        self.world.media.holds = cast(list[Direction], None)
        self.world.jingle("content-modify", content("", attributes="senders='none'"))
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        self.assertEnded(EndReason.FAILED)

    def test_remove(self) -> None:
        """A session without audio is none; the end of another content changes nothing."""
        self.assertEqual(self.world.jingle("content-remove", content("", "other")), "result")
        self.assertEqual(news(self.leg).news, [])
        self.assertEqual(self.world.jingle("content-remove", content("")), "result")
        self.assertIn(f"session-terminate success to {PHONE.full()}", self.world.said())
        self.assertEnded(EndReason.HANGUP)

    def test_replace(self) -> None:
        """Another transport is refused, and the call goes on."""
        self.assertEqual(self.world.jingle("transport-replace", content()), "result")
        self.assertEqual(self.world.said()[1:], [f"transport-reject to {PHONE.full()}"])
        rejected = self.world.last("transport-reject").content.transport
        self.assertEqual(rejected.uri, "urn:xmpp:jingle:transports:ice-udp:1")
        other = content("<transport xmlns='urn:other'/>")
        self.assertEqual(self.world.jingle("transport-replace", other), "result")
        self.assertIsNone(self.world.last("transport-reject").content.transport)

    def test_trickle(self) -> None:
        """Candidates go to the transport, unless they name another round of ICE."""
        self.world.jingle("transport-info", candidates(1))
        self.world.jingle("transport-info", candidates(2).replace("ufrag='abcd' pwd='efghijklmnopqrstuvwxyz'", ""))
        self.world.jingle("transport-info", candidates(3, ufrag="wxyz", password=""))
        self.world.jingle("transport-info", content("<transport xmlns='urn:other'/>"))
        self.assertEqual([candidate.address.port for candidate in self.world.media.remotes], [1, 2])

    def test_flood(self) -> None:
        """Only so many candidates are taken."""
        for first in range(1, 400, 50):
            self.world.jingle("transport-info", candidates(*range(first, first + 50)))
        self.assertEqual(len(self.world.media.remotes), MAX_REMOTE_CANDIDATES)

    def test_ourCandidates(self) -> None:
        """What we find later is told."""
        self.world.media.finds(Candidate("2", 1, 1, TransportAddress("203.0.113.1", 4), "udp", "srflx"))
        told = self.world.last("transport-info").content.transport
        self.assertEqual([c["ip"] for c in told.elements() if c.name == "candidate"], ["203.0.113.1"])
        self.assertEqual(told["ufrag"], "ours")

    def test_restart(self) -> None:
        """ICE is started anew with the client's new names, and ours are told."""
        self.assertEqual(self.world.jingle("transport-info", candidates(ufrag="newu")), "result")
        self.assertEqual([said.ufrag for said in self.world.media.restarts], ["newu"])
        told = self.world.last("transport-info").content.transport
        self.assertEqual((told["ufrag"], told.candidate["generation"], told.fingerprint), ("ours1", "1", None))
        self.world.jingle("transport-info", candidates(7, ufrag="newu"))
        self.world.jingle("transport-info", candidates(8, ufrag="abcd", password=""))
        self.assertEqual([candidate.address.port for candidate in self.world.media.remotes], [7])

    def test_manyRestarts(self) -> None:
        """That does not go on for ever."""
        for number in range(MAX_RESTARTS + 5):
            self.world.jingle("transport-info", candidates(ufrag=f"new{number}"))
        self.assertEqual(len(self.world.media.restarts), MAX_RESTARTS)

    def test_acceptRefused(self) -> None:
        """A client that does not take our accept is told that the session is over, and why; it might wait for more."""
        for condition, reason, ending in (
            ("bad-request", "general-error", EndReason.FAILED),
            ("not-acceptable", "incompatible-parameters", EndReason.INCOMPATIBLE),
            ("", "general-error", EndReason.FAILED),
            ("item-not-found", "gone", EndReason.NOT_FOUND),
        ):
            self.setUp()
            self.world.answerRequest("error", condition)
            self.assertEqual(
                self.world.said(),
                [f"session-terminate {reason} to {PHONE.full()}", f"finish {reason} to {PHONE.full()}"],
            )
            self.assertEnded(ending)

    def test_nobodyThere(self) -> None:
        """A client that is not there any more, as its server says, is told nothing."""
        for condition in ("recipient-unavailable", "service-unavailable", "gone"):
            self.setUp()
            self.world.answerRequest("error", condition)
            self.assertEqual([word for word in self.world.said() if "terminate" in word], [])
            self.assertEqual(len(news(self.leg).endings), 1)
            self.assertTrue(self.world.isEmpty())

    def test_sessionLost(self) -> None:
        """A client that says that it has no such session has none; it is told all the same."""
        self.world.media.finds(Candidate("2", 1, 1, TransportAddress("203.0.113.1", 4)))
        self.world.answerRequest("error", "feature-not-implemented")
        self.assertEqual(news(self.leg).news, [])
        self.world.media.finds(Candidate("2", 1, 1, TransportAddress("203.0.113.1", 5)))
        self.world.said()
        self.world.answerRequest("error", "item-not-found")
        self.assertIn(f"session-terminate gone to {PHONE.full()}", self.world.said())
        self.assertEnded(EndReason.NOT_FOUND)

    def test_othersRefused(self) -> None:
        """What a client has against a word about something that is no part of the session ends nothing."""
        self.world.jingle("content-add", content("", "more"))
        self.world.jingle("transport-replace", content())
        for index in (-2, -1):
            self.world.answerRequest("error", "item-not-found", index=index)
        self.assertEqual(news(self.leg).news, [])

    def test_answers(self) -> None:
        """Requests of ours that are answered are forgotten."""
        self.world.answerRequest("result")
        self.world.answerRequest("result")
        self.assertEqual(len(self.world.protocol.calls.questions), 0)

    def test_strangersAnswer(self) -> None:
        """Nobody else can answer for the client."""
        asked = next(stanza for stanza in self.world.stanzas if stanza.getAttribute("type") == "set")
        for from_ in ("mallory@jabber.example/x", "not@@an@address"):
            self.world.receive(
                f"<iq type='error' id='{asked['id']}' from='{from_}' to='{asked['from']}'><error type='cancel'>"
                "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
            )
        self.world.receive(f"<iq type='error' id='jingle-999' from='{PHONE.full()}' to='{asked['from']}'/>")
        self.assertEqual(news(self.leg).news, [])

    def test_newsAfterTheEnd(self) -> None:
        """Nothing is said for a session that is over."""
        media = self.world.media
        self.leg.hangup(Ending(EndReason.HANGUP))
        self.world.said()
        media.connects()
        media.fails(Ending(EndReason.FAILED))
        media.finds(Candidate("2", 1, 1, TransportAddress("203.0.113.1", 4)))
        self.leg.session.inform("hold")
        self.assertEqual(self.world.said(), [])
        self.assertEqual(len(news(self.leg).endings), 1)


class OfferTests(SynchronousTestCase):
    """A session that we offer."""

    def setUp(self) -> None:
        self.world = World()
        self.leg = self.world.dial(phone=MESSAGES)
        self.world.message("proceed", "", self.leg.sid, PHONE, BELL_JID)
        self.world.said()

    def test_earlyCandidates(self) -> None:
        """Candidates may come before the accept."""
        for port in (1, 2):
            self.world.jingle("transport-info", candidates(port).replace("'0'", "'audio'"), self.leg.sid, to=BELL_JID)
        self.world.accept(PHONE, self.leg.sid)
        self.assertEqual(
            [candidate.address.port for candidate in self.world.media.connections[0][0].candidates], [1, 2]
        )

    def test_held(self) -> None:
        """The responder's words mean the same as the initiator's."""
        self.world.accept(PHONE, self.leg.sid)
        modify = content("", "audio", "senders='responder'")
        self.world.jingle("content-modify", modify, self.leg.sid, to=BELL_JID)
        self.assertEqual(self.world.media.holds, [Direction.SENDONLY])

    def test_acceptedOnce(self) -> None:
        """A second accept is out of order."""
        self.world.accept(PHONE, self.leg.sid)
        self.assertEqual(self.world.accept(PHONE, self.leg.sid), "error unexpected-request out-of-order")

    def test_holdBeforeAccept(self) -> None:
        """Before there is media, nothing can be held; but who takes the call on hold has it on hold."""
        self.assertEqual(
            self.world.jingle("session-info", f"<hold xmlns='{INFO}'/>", self.leg.sid, to=BELL_JID), "result"
        )
        self.assertEqual(self.world.media.holds, [])
        self.world.accept(PHONE, self.leg.sid)
        self.assertEqual(self.world.media.connections[0][1].direction, Direction.SENDONLY)
        self.assertEqual(news(self.leg).answers[0].direction, Direction.SENDONLY)

    def test_keysAndBundles(self) -> None:
        """Who bundles is told that we do; keys and the lack of rtcp-mux are passed to the transport."""
        world = World()
        keys = "<encryption><crypto tag='1' crypto-suite='AES_CM_128_HMAC_SHA1_80' key-params='inline:x'/></encryption>"
        description = DESCRIPTION.replace("<rtcp-mux/>", keys)
        group = "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='0'/></group>"
        world.initiate(inside=content(description + transport(setup="")) + group)
        world.arrived.answer(ANSWER)
        remote = world.media.connections[0][0]
        self.assertEqual(
            (remote.keys[0].suite, remote.muxed, remote.fingerprint), ("AES_CM_128_HMAC_SHA1_80", False, None)
        )
        self.assertEqual(world.last("session-accept").group.content["name"], "0")
