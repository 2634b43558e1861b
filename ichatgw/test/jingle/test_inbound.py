# -*- test-case-name: ichatgw.test.jingle.test_inbound -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.jingle.inbound}: clients call.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element
from zope.interface.verify import verifyObject

from ichatgw.errors import Congested, NoCommonCodec
from ichatgw.interfaces import ILeg, ITransportNews
from ichatgw.jingle.leg import ACCEPT_TIMEOUT, PROPOSED
from ichatgw.jingle.options import JingleOptions
from ichatgw.model import PCMU, Codec, Direction, Ending, EndReason, SessionDescription
from ichatgw.test.support.clients.jingles import (
    DESCRIPTION,
    LAPTOP,
    NUMBER,
    OPUS,
    PHONE,
    US,
    World,
    content,
    news,
    transport,
)
from ichatgw.test.support.fakes import agree, refuse

ANSWER = SessionDescription((PCMU,))
G722 = Codec("G722", 8000, 9)
VIDEO = (
    "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'>"
    "<payload-type id='97' name='rtx' clockrate='90000'><parameter name='apt' value='96'/></payload-type>"
    "<payload-type id='102' name='H264' clockrate='90000'><parameter name='packetization-mode' value='1'/>"
    "</payload-type><payload-type id='96' name='VP8' clockrate='90000'/><rtcp-mux/></description>"
)
SHOWN = f"presence {US.full()} to {PHONE.full()}"


def contentsOf(jingle: Element) -> list[tuple[str, str, str]]:
    """Name, media and senders of each content."""
    found = [one for one in jingle.elements() if one.name == "content"]
    return [
        (
            one["name"],
            "" if one.description is None else one.description.getAttribute("media", ""),
            one.getAttribute("senders", ""),
        )
        for one in found
    ]


class ProposedTests(SynchronousTestCase):
    """A client announces its call (XEP-0353)."""

    def setUp(self) -> None:
        self.world = World()
        self.leg = self.world.propose()

    def talk(self) -> None:
        self.leg.answer(ANSWER)
        self.assertEqual(self.world.initiate(), "result")
        self.world.said()

    def test_interface(self) -> None:
        """It is a leg, and its session hears of media."""
        verifyObject(ILeg, self.leg)
        verifyObject(ITransportNews, self.leg.session)

    def test_arrives(self) -> None:
        """A proposal is a call in which the caller speaks what all clients do; nothing is said before it rings."""
        leg, called, offer = self.world.arrivals.arrivals[0]
        self.assertEqual((leg.party.uri, leg.party.name), ("xmpp:alice@jabber.example", "alice"))
        self.assertEqual((called, offer), (f"xmpp:{NUMBER.full()}", PROPOSED))
        self.assertEqual(self.world.said(), [])

    def test_rings(self) -> None:
        """The client hears once that it rings, from the address that it will talk to and has seen."""
        self.leg.ring()
        self.leg.ring()
        self.assertEqual(self.world.said(), [SHOWN, f"ringing to {PHONE.full()}", f"received to {PHONE.full()}"])
        self.assertEqual(self.world.stanzas[0]["from"], US.full())

    def test_lacking(self) -> None:
        """If the client does not have all that it was taken to have, the other party is told what is left."""
        self.leg.answer(SessionDescription((Codec("G722", 8000, 9), PCMU)))
        self.world.initiate()
        self.assertEqual([update.codecs for update in news(self.leg).updates], [(PCMU,)])

    def test_noneInCommon(self) -> None:
        """
        If nothing is left, the other party is asked to go over to what the client has; if it does not, it and the
        client are told what each side had.
        """
        self.leg.answer(SessionDescription((Codec("G722", 8000, 9),)))
        self.world.initiate()
        self.assertEqual([codec.name for codec in news(self.leg).updates[0].codecs], ["opus", "PCMU"])
        self.assertNotIn("ended", news(self.leg).news)
        refuse(self.leg, Ending(EndReason.INCOMPATIBLE, "488 Not Acceptable Here"))
        ((_, ending),) = news(self.leg).endings
        self.assertIs(ending.reason, EndReason.INCOMPATIBLE)
        reason = self.world.last("session-terminate").reason.toXml()
        for words in ("unsupported-applications", "G722 here", "opus PCMU there"):
            self.assertIn(words, reason)
        self.assertTrue(self.world.isEmpty())

    def test_goesOver(self) -> None:
        """If it does, the client's session is accepted with what the two have then; after that nothing is asked."""
        self.leg.answer(SessionDescription((Codec("G722", 8000, 9),)))
        self.world.initiate()
        self.world.said()
        agree(self.leg, SessionDescription((PCMU,)))
        self.assertEqual(self.world.said(), [f"session-accept to {PHONE.full()}"])
        agree(self.leg, SessionDescription((OPUS,)))
        refuse(self.leg, Ending(EndReason.INCOMPATIBLE))
        self.assertEqual((self.world.said(), news(self.leg).news), ([], ["changed"]))

    def test_goneMeanwhile(self) -> None:
        """A client that ends its session while it waits is gone."""
        self.leg.answer(SessionDescription((Codec("G722", 8000, 9),)))
        self.world.initiate()
        self.world.jingle("session-terminate")
        agree(self.leg, SessionDescription((PCMU,)))
        self.assertEqual(news(self.leg).news, ["changed", "ended"])
        self.assertTrue(self.world.isEmpty())

    def test_answered(self) -> None:
        """An answer is a C{proceed}; the session that follows is accepted with the formats of both."""
        self.leg.answer(ANSWER)
        self.assertEqual(self.world.said(), [SHOWN, f"proceed to {PHONE.full()}"])
        self.assertEqual(self.world.initiate(), "result")
        self.assertEqual(self.world.said(), [f"result to {PHONE.full()}", f"session-accept to {PHONE.full()}"])
        accepted = self.world.last("session-accept")
        self.assertEqual((accepted["initiator"], accepted["responder"]), (PHONE.full(), US.full()))
        self.assertEqual(accepted.content["name"], "0")
        self.assertEqual([c["id"] for c in accepted.content.description.elements() if c.name == "payload-type"], ["0"])
        self.assertEqual(accepted.content.transport.fingerprint["setup"], "active")
        remote, media, ours = self.world.media.connections[0]
        self.assertEqual((remote.ufrag, remote.muxed, media.codecs, ours), ("abcd", True, (PCMU,), (PCMU,)))

    def test_firstFormat(self) -> None:
        """The accept begins with the format that the answer prefers, as the caller numbers it (for Dino)."""
        self.leg.answer(SessionDescription((PCMU, OPUS)))
        self.world.initiate()
        description = self.world.last("session-accept").content.description
        self.assertEqual([c["id"] for c in description.elements() if c.name == "payload-type"], ["0", "111"])

    def test_hangsUp(self) -> None:
        """A client that ends its session has ended the call, normally unless it says otherwise."""
        self.talk()
        self.world.jingle("session-terminate")
        self.assertEqual(news(self.leg).reasons, [EndReason.HANGUP])
        self.assertIn(f"finish success to {PHONE.full()}", self.world.said())
        self.assertTrue(self.world.isEmpty())

    def test_hungUp(self) -> None:
        """The session is terminated, and the call finished for the call lists of all clients."""
        self.talk()
        self.leg.hangup(Ending(EndReason.HANGUP))
        self.leg.hangup(Ending(EndReason.HANGUP))
        self.assertEqual(
            self.world.said(), [f"session-terminate success to {PHONE.full()}", f"finish success to {PHONE.full()}"]
        )
        self.assertEqual(news(self.leg).reasons, [EndReason.HANGUP])
        self.assertTrue(self.world.isEmpty())

    def test_finished(self) -> None:
        """A client that says only outside of the session that the call is over has ended it; no other can."""
        self.talk()
        self.world.message("finish", from_=LAPTOP)
        self.world.message("retract")
        self.assertEqual(news(self.leg).news, [])
        self.world.message("finish", "<reason xmlns='urn:xmpp:jingle:1'><connectivity-error/></reason>")
        self.assertEqual(news(self.leg).reasons, [EndReason.CONNECTIVITY])
        self.assertEqual(self.world.said()[0], f"session-terminate connectivity-error to {PHONE.full()}")
        self.assertTrue(self.world.isEmpty())

    def test_retracted(self) -> None:
        """A client that gives up has cancelled the call."""
        self.world.message("retract", "<reason xmlns='urn:xmpp:jingle:1'><cancel/></reason>")
        self.assertEqual(news(self.leg).reasons, [EndReason.CANCELLED])
        self.assertEqual(self.world.said(), [])
        self.assertTrue(self.world.isEmpty())

    def test_rejected(self) -> None:
        """Who does not answer is told of: busy, declined and so on."""
        self.leg.hangup(Ending(EndReason.BUSY, "486 Busy Here"))
        self.assertEqual(self.world.said(), [f"reject busy to {PHONE.full()}"])
        self.assertEqual(str(self.world.stanzas[0].reject.reason.text), "486 Busy Here")
        self.assertTrue(self.world.isEmpty())

    def test_nobodyComes(self) -> None:
        """If it rang, nobody came; if not, nobody was reached."""
        self.leg.ring()
        self.world.said()
        self.leg.hangup(Ending(EndReason.TIMEOUT))
        self.assertEqual(self.world.said(), [f"reject timeout to {PHONE.full()}"])

    def test_wrongNumber(self) -> None:
        """
        A wrong number comes back as an error, so that no client shows that somebody declined; then it is rejected, as
        most clients look for no errors.  The error does not repeat the proposal, which some take for another one.
        """
        self.leg.hangup(Ending(EndReason.NOT_FOUND, "404 \0Not Found"))
        self.assertEqual(
            self.world.said(), [f"error item-not-found to {PHONE.full()}", f"reject gone to {PHONE.full()}"]
        )
        error, reject = self.world.stanzas
        self.assertEqual((error["id"], error["from"], error.propose), ("m1", NUMBER.full(), None))
        self.assertEqual((reject["from"], reject["type"], reject.reject["id"]), (US.full(), "chat", "s1"))
        self.assertEqual(str(reject.reject.reason.text), "404  Not Found")
        self.assertTrue(self.world.isEmpty())

    def test_failsAfterRinging(self) -> None:
        """Once it has rung it is rejected only: clients show that nobody came."""
        self.leg.ring()
        self.world.said()
        self.leg.hangup(Ending(EndReason.NOT_FOUND, "404 Not Found"))
        self.assertEqual(self.world.said(), [f"reject gone to {PHONE.full()}"])

    def test_neverInitiates(self) -> None:
        """A client that is let in and does not come has lost its call."""
        self.leg.answer(ANSWER)
        self.world.said()
        self.world.clock.advance(ACCEPT_TIMEOUT)
        self.assertEqual(news(self.leg).reasons, [EndReason.CONNECTIVITY])
        self.assertEqual(self.world.said(), [f"finish connectivity-error to {PHONE.full()}"])
        self.assertTrue(self.world.isEmpty())

    def test_forgotten(self) -> None:
        """A client that knows nothing of its call any more when it is answered (Conversations says so) has ended it."""
        error = (
            "<message type='error' id='{}' from='{}' to='{}'><error type='cancel'>"
            "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
        )
        self.leg.answer(ANSWER)
        self.assertEqual(self.world.stanzas[-1]["id"], "jm-proceed-s1")
        for id, from_ in (("jm-proceed-s2", PHONE), ("jm-proceed-s1", LAPTOP), ("jm-ringing-s1", PHONE)):
            self.world.receive(error.format(id, from_.full(), US.full()))
        self.assertEqual(news(self.leg).news, [])
        self.world.receive(error.format("jm-proceed-s1", PHONE.full(), US.full()))
        self.assertEqual(news(self.leg).reasons, [EndReason.CANCELLED])
        self.assertTrue(self.world.isEmpty())

    def test_forgottenLate(self) -> None:
        """Once there is a session, that decides."""
        self.talk()
        self.world.receive(f"<message type='error' id='jm-proceed-s1' from='{PHONE.full()}' to='{US.full()}'/>")
        self.assertEqual(news(self.leg).news, [])

    def test_late(self) -> None:
        """A session for a call that is over is terminated at once, and is no new call."""
        self.leg.answer(ANSWER)
        self.leg.hangup(Ending(EndReason.HANGUP))
        self.world.said()
        self.assertEqual(self.world.initiate(), "result")
        self.assertEqual(self.world.said()[1:], [f"session-terminate cancel to {PHONE.full()}"])
        self.assertEqual(len(self.world.arrivals.arrivals), 1)

    def test_tooEarly(self) -> None:
        """A session before C{proceed}, or of another client, is out of order."""
        self.assertEqual(self.world.initiate(), "error unexpected-request out-of-order")
        self.leg.answer(ANSWER)
        self.assertEqual(self.world.initiate(from_=LAPTOP), "error unexpected-request out-of-order")
        self.assertEqual(self.world.initiate(), "result")

    def test_otherTransport(self) -> None:
        """A session over something that we do not speak is terminated with that reason."""
        self.leg.answer(ANSWER)
        self.world.said()
        description = (
            "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'><payload-type id='0'/></description>"
        )
        self.world.initiate(inside=content(description + "<transport xmlns='urn:other'/>"))
        self.assertEqual(self.world.said()[1], f"session-terminate unsupported-transports to {PHONE.full()}")
        self.assertTrue(self.world.isEmpty())

    def test_congested(self) -> None:
        """No port for the media: the call has failed, and says so."""
        self.world.transports.error = Congested("no port left")
        self.leg.answer(ANSWER)
        self.world.said()
        self.world.initiate()
        self.assertEqual(self.world.said()[1], f"session-terminate general-error to {PHONE.full()}")
        self.assertEqual(news(self.leg).reasons, [EndReason.CONGESTED])
        self.assertTrue(self.world.isEmpty())

    def test_noWayForMedia(self) -> None:
        """A transport that offers nothing that we may use is refused as such."""
        self.world.transports.error = NoCommonCodec("plain media is not allowed")
        self.leg.answer(ANSWER)
        self.world.said()
        self.world.initiate()
        self.assertEqual(self.world.said()[1], f"session-terminate unsupported-transports to {PHONE.full()}")
        self.assertEqual((news(self.leg).reasons, news(self.leg).endings[0][1].cause), ([EndReason.INCOMPATIBLE], 65))
        self.assertTrue(self.world.isEmpty())

    def test_mediaFails(self) -> None:
        """A client whose media vanishes is hung up."""
        self.talk()
        self.world.media.connects()
        self.world.media.fails(Ending(EndReason.CONNECTIVITY, "consent lost"))
        self.assertEqual(news(self.leg).reasons, [EndReason.CONNECTIVITY])
        self.assertIn(f"session-terminate connectivity-error to {PHONE.full()}", self.world.said())
        self.assertTrue(self.world.isEmpty())

    def test_offline(self) -> None:
        """A client that goes offline while it calls has given up."""
        self.world.protocol.unavailable(PHONE)
        self.assertEqual(news(self.leg).reasons, [EndReason.CANCELLED])
        self.assertTrue(self.world.isEmpty())

    def test_offlineWhileTalking(self) -> None:
        """Once there is media, that tells whether the client is there."""
        self.talk()
        self.world.protocol.unavailable(PHONE)
        self.assertEqual(news(self.leg).news, [])

    def test_lateOrders(self) -> None:
        """Orders that come late change nothing."""
        self.talk()
        self.leg.ring()
        self.leg.progress(ANSWER)
        self.leg.answer(ANSWER)
        self.leg.machine.retracted(Ending(EndReason.CANCELLED))
        self.assertEqual((self.world.said(), news(self.leg).news), ([], []))

    def test_earlyMedia(self) -> None:
        """By default early media is only ringing: nobody pays for announcements."""
        self.leg.progress(ANSWER)
        self.assertEqual(self.world.said()[1], f"ringing to {PHONE.full()}")

    def test_held(self) -> None:
        """A client that holds keeps its media from flowing."""
        self.talk()
        self.world.jingle("session-info", "<hold xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>")
        self.world.jingle("session-info", "<unhold xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>")
        self.assertEqual(self.world.media.holds, [Direction.SENDONLY, Direction.SENDRECV])


class EarlyTests(SynchronousTestCase):
    """With the setting for early media."""

    def test_proceeds(self) -> None:
        """Early media lets the client in, so that it hears announcements; the answer changes nothing more."""
        world = World(JingleOptions(early=True))
        leg = world.propose()
        leg.progress(ANSWER)
        self.assertEqual(world.said(), [SHOWN, f"proceed to {PHONE.full()}"])
        leg.answer(SessionDescription((OPUS, PCMU)))
        world.initiate()
        self.assertEqual(world.media.connections[0][1].codecs[0].name, "opus")
        leg.hangup(Ending(EndReason.BUSY))
        self.assertTrue(world.isEmpty())


class DirectTests(SynchronousTestCase):
    """A client that knows no messages initiates a session at once."""

    def setUp(self) -> None:
        self.world = World()
        self.assertEqual(self.world.initiate(to=NUMBER), "result")
        self.leg = self.world.arrived

    def test_arrives(self) -> None:
        """The session is a call in which the caller speaks what it has offered."""
        _, called, offer = self.world.arrivals.arrivals[0]
        self.assertEqual(called, f"xmpp:{NUMBER.full()}")
        self.assertEqual([codec.name for codec in offer.codecs], ["opus", "PCMU"])

    def test_answered(self) -> None:
        """It rings and is accepted within the session, from the address that was called."""
        self.leg.ring()
        self.leg.answer(ANSWER)
        self.assertEqual(
            self.world.said()[1:],
            [
                f"presence {NUMBER.full()} to {PHONE.full()}",
                f"session-info ringing to {PHONE.full()}",
                f"session-accept to {PHONE.full()}",
            ],
        )
        self.assertEqual(self.world.stanzas[-1]["from"], NUMBER.full())
        self.leg.hangup(Ending(EndReason.HANGUP))
        self.assertEqual(self.world.said(), [f"session-terminate success to {PHONE.full()}"])
        self.assertTrue(self.world.isEmpty())

    def test_refused(self) -> None:
        """The session is terminated with the reason."""
        self.world.said()
        self.leg.hangup(Ending(EndReason.DECLINED))
        self.assertEqual(self.world.said(), [f"session-terminate decline to {PHONE.full()}"])
        self.assertEqual(news(self.leg).reasons, [EndReason.DECLINED])
        self.assertTrue(self.world.isEmpty())

    def test_cancelled(self) -> None:
        """A client that terminates before the answer has given up."""
        self.world.jingle("session-terminate", "<reason><cancel/></reason>", to=NUMBER)
        self.assertEqual(news(self.leg).reasons, [EndReason.CANCELLED])
        self.assertTrue(self.world.isEmpty())

    def test_offline(self) -> None:
        """A client that goes offline before the answer has given up."""
        self.world.said()
        self.world.protocol.unavailable(PHONE)
        self.assertEqual((news(self.leg).reasons, self.world.said()), ([EndReason.CANCELLED], []))
        self.assertTrue(self.world.isEmpty())

    def test_trickled(self) -> None:
        """Candidates that come before the answer are kept for it."""
        candidate = "<candidate ip='198.51.100.7' port='{}' component='1'/>"
        for port in (1, 2):
            self.world.jingle("transport-info", content(transport(candidate.format(port), setup="")), to=NUMBER)
        self.leg.answer(ANSWER)
        self.assertEqual([c.address.port for c in self.world.media.remotes], [1, 2])

    def test_moves(self) -> None:
        """A client that starts ICE anew while it waits is answered in its latest round."""
        candidate = "<candidate ip='198.51.100.7' port='{}' component='1'/>"
        for port, ufrag in ((1, "abcd"), (2, "newu"), (3, "newu"), (4, "abcd")):
            password = "" if port == 4 else "efghijklmnopqrstuvwxyz"
            inside = transport(candidate.format(port), ufrag, password, setup="")
            self.world.jingle("transport-info", content(inside), to=NUMBER)
        self.leg.answer(ANSWER)
        remote = self.world.media.connections[0][0]
        self.assertEqual((remote.ufrag, remote.fingerprint is None), ("newu", False))
        self.assertEqual([c.address.port for c in self.world.media.remotes], [2, 3])

    def test_noCommonFormat(self) -> None:
        """An answer without a format of the client's ends the call."""
        self.leg.answer(SessionDescription((G722,)))
        self.assertEqual(news(self.leg).reasons, [EndReason.INCOMPATIBLE])
        self.assertTrue(self.world.isEmpty())

    def test_noAudio(self) -> None:
        """A session without audio never becomes a call."""
        world = World()
        world.initiate(inside=content("<description xmlns='urn:file'/>" + transport()))
        self.assertEqual(world.said()[1:], [f"session-terminate unsupported-applications to {PHONE.full()}"])
        self.assertEqual(world.arrivals.arrivals, [])
        self.assertTrue(world.isEmpty())

    def test_video(self) -> None:
        """
        Of a session with video as well, each content with a way of its own, only audio stays: nothing is said of the
        other before the accept, and then it is removed.
        """
        world = World()
        world.initiate(inside=content(VIDEO + transport(), "1") + content())
        self.assertEqual(world.said(), [f"result to {PHONE.full()}"])
        world.arrived.answer(ANSWER)
        self.assertEqual(
            world.said(),
            [f"session-accept to {PHONE.full()}", f"content-remove unsupported-applications to {PHONE.full()}"],
        )
        self.assertEqual(contentsOf(world.last("session-accept")), [("0", "audio", "both")])
        self.assertEqual(contentsOf(world.last("content-remove")), [("1", "video", "")])
        world.answerRequest("error", "feature-not-implemented")  # Dino
        world.answerRequest("error", "bad-request")
        self.assertEqual(news(world.arrived).news, [])

    def test_bundledVideo(self) -> None:
        """
        Of a session whose contents share one transport all are accepted, in the order of the offer, as WebRTC takes no
        answer with fewer; in those that are not the call's audio the client does not send.
        """
        world = World()
        world.initiate(
            inside=content(VIDEO + transport(), "v")
            + content()
            + content(DESCRIPTION + transport(), "second")
            + "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'>"
            "<content name='v'/><content name='0'/><content name='second'/></group>"
        )
        world.said()
        world.arrived.answer(ANSWER)
        self.assertEqual(world.said(), [f"session-accept to {PHONE.full()}"])
        accept = world.last("session-accept")
        self.assertEqual(
            contentsOf(accept), [("v", "video", "responder"), ("0", "audio", "both"), ("second", "audio", "responder")]
        )
        group = next(one for one in accept.elements() if one.name == "group")
        self.assertEqual([one["name"] for one in group.elements()], ["v", "0", "second"])
        transports = [one.transport for one in accept.elements() if one.name == "content"]
        for each in transports:
            self.assertEqual((each["ufrag"], each["pwd"]), (transports[1]["ufrag"], transports[1]["pwd"]))
            self.assertEqual(str(each.fingerprint), str(transports[1].fingerprint))
            self.assertEqual(each.fingerprint["setup"], "active")
        self.assertEqual([len(each.children) for each in transports], [2, 2, 1])  # candidates only where they count
        video = next(one for one in accept.elements() if one.name == "content").description
        self.assertEqual([one["name"] for one in video.elements() if one.name == "payload-type"], ["VP8"])
        self.assertIsNotNone(video.firstChildElement())

    def test_movimVideo(self) -> None:
        """Movim, which calls itself by its bare address, calls who answers the initiator."""
        world = World()
        jingle = content() + content(VIDEO + transport(), "v")
        world.receive(
            f"<iq type='set' id='m' from='{PHONE.full()}' to='{US.full()}'><jingle xmlns='urn:xmpp:jingle:1' sid='s1' "
            f"action='session-initiate' initiator='{PHONE.userhost()}'>{jingle}"
            "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'/></jingle></iq>"
        )
        world.arrived.answer(ANSWER)
        self.assertEqual(
            contentsOf(world.last("session-accept")), [("0", "audio", "both"), ("v", "video", "initiator")]
        )

    def test_bundledData(self) -> None:
        """What is no media cannot be accepted idle: it is left out."""
        world = World()
        data = "<description xmlns='urn:data'/>" + transport()
        group = "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'/>"
        world.initiate(inside=content() + content(data, "d") + content("", "e") + group)
        world.arrived.answer(ANSWER)
        self.assertEqual([name for name, _, _ in contentsOf(world.last("session-accept"))], ["0"])
        self.assertEqual([name for name, _, _ in contentsOf(world.last("content-remove"))], ["d", "e"])

    def test_nameTwice(self) -> None:
        """Contents of one name are one content, and of those the one with audio."""
        world = World()
        world.initiate(inside=content("") + content() + content(""))
        world.arrived.answer(ANSWER)
        self.assertEqual(world.said()[1:], [f"session-accept to {PHONE.full()}"])
