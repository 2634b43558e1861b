# -*- test-case-name: ichatgw.test.sim.jingle.test_client -*-
"""
Tests of the simulated Jingle client: two of them talk to each other through a server in memory.
"""

from __future__ import annotations

from functools import partial

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.model import PCMU, Setup, TransportDescription
from ichatgw.sim.jingle.account import capsHash
from ichatgw.sim.jingle.call import JingleCall
from ichatgw.sim.jingle.callee import IncomingJingleCall, JingleTaking, Pickup
from ichatgw.sim.jingle.caller import OutgoingJingleCall
from ichatgw.sim.jingle.client import JinglePhone
from ichatgw.sim.jingle.profile import (
    CLIENT_PROFILES,
    CONVERSATIONS,
    DINO,
    DIRECT,
    GAJIM,
    MONAL,
    MOVIM,
    OPUS,
    PCMA,
    RAW,
    SDES,
    STANZA,
    ClientProfile,
)
from ichatgw.sim.jingle.xml import JINGLE, Content, addContent, addReason, contentsOf
from ichatgw.sim.xmpp import xml
from ichatgw.sim.xmpp.roster import Users
from ichatgw.test.marks import slow
from ichatgw.test.support.clients.simnet import SimNet

DOMAIN = "chat.example"
BOB = f"bob@{DOMAIN}"
GATEWAY = "gw.example"


def _addInfo(name: str, jingle: Element) -> None:
    """An info of a kind that nobody knows, if it has a name."""
    if name:
        xml.add(jingle, name)


class JingleTests(SynchronousTestCase):
    """Alice calls Bob."""

    def setUp(self) -> None:
        self.net = SimNet()
        self.users = Users(DOMAIN, self.route)
        self.seen: list[Element] = []

    def route(self, stanza: Element) -> None:
        """The server."""
        self.seen.append(stanza)
        if xml.domainOf(xml.get(stanza, "to")) != GATEWAY:  # which the test plays
            self.users.deliver(stanza)

    def login(self, name: str, profile: ClientProfile, resource: str = "sim", **options: object) -> JinglePhone:
        jid = f"{name}@{DOMAIN}/{resource}"
        phone = JinglePhone(self.net, jid, clientProfile=profile, **options)  # type: ignore[arg-type]
        self.addCleanup(phone.stop)
        self.users.contact(f"alice@{DOMAIN}", BOB).sees = self.users.contact(f"alice@{DOMAIN}", BOB).seen = True
        self.users.contact(BOB, f"alice@{DOMAIN}").sees = self.users.contact(BOB, f"alice@{DOMAIN}").seen = True
        phone.connected(self.users.login(jid, phone.received))
        return phone

    def begin(
        self, caller: ClientProfile, callee: ClientProfile | None = None
    ) -> tuple[OutgoingJingleCall, IncomingJingleCall]:
        """A call as it is placed."""
        self.bob = self.login("bob", callee or caller, say=440, listenFor=650, taking=self.taking)
        self.alice = self.login("alice", caller)
        self.net.run(0.1)
        arrival = self.bob.whenCalled()
        outgoing = self.alice.call(BOB)
        self.net.run(0.1)
        return outgoing, self.successResultOf(arrival)

    taking = JingleTaking()

    def talk(
        self, caller: ClientProfile, callee: ClientProfile | None = None
    ) -> tuple[OutgoingJingleCall, IncomingJingleCall]:
        """A call that is up, in which both have heard each other."""
        outgoing, incoming = self.begin(caller, callee)
        self.net.run(3)
        self.assertEqual((outgoing.outcome, incoming.outcome), ("", ""))
        self.successResultOf(outgoing.whenConnected())
        for call in (outgoing, incoming):
            self.assertGreater(self.seconds(call), 1.0)
        return outgoing, incoming

    def seconds(self, call: JingleCall) -> float:
        assert call.media.detector is not None
        return call.media.detector.seconds

    def assertContent(self) -> None:
        self.assertEqual((self.alice.complaints, self.bob.complaints), ([], []))

    @slow
    def test_aLaw(self) -> None:
        """Who has no PCMU speaks PCMA; who has neither says what it was told instead."""
        aLaw = evolve(STANZA, codecs=(OPUS, PCMA))
        for caller, callee in ((aLaw, STANZA), (STANZA, aLaw), (evolve(DINO, codecs=(OPUS, PCMA)), DINO)):
            self.setUp()
            outgoing, incoming = self.talk(caller, callee)
            self.assertEqual((outgoing.media.spoken, incoming.media.spoken), ((8,), (8,)))
            self.assertEqual((outgoing.media.faults, incoming.media.faults), ([], []))
            self.assertContent()
        self.setUp()
        outgoing, _ = self.begin(evolve(STANZA, codecs=(OPUS,)), STANZA)
        self.net.run(1)
        self.assertIn("speaks PCMU and PCMA, and was told opus", outgoing.words)

    @slow
    def test_profiles(self) -> None:
        """Every profile talks to itself, by messages or sessions, over ICE with DTLS, keys or nothing, or raw UDP."""
        for profile in CLIENT_PROFILES.values():
            self.setUp()
            outgoing, incoming = self.talk(profile)
            self.assertContent()
            if profile.messages and profile.rings:
                self.assertEqual(self.successResultOf(outgoing.whenRinging()), "message")
            outgoing.hangup()
            self.net.run(0.1)
            self.assertEqual((outgoing.outcome, incoming.outcome), ("we hung up", "they hung up"), profile.name)
            self.assertEqual(incoming.condition, "success")

    @slow
    def test_mixed(self) -> None:
        """Clients with other habits understand each other."""
        for caller, callee in (
            (CONVERSATIONS, DINO),
            (DINO, CONVERSATIONS),
            (MOVIM, MONAL),
            (DINO, SDES),
            (SDES, DINO),
        ):
            self.setUp()
            outgoing, incoming = self.talk(caller, callee)
            incoming.hangup()
            self.net.run(0.1)
            self.assertEqual((outgoing.outcome, outgoing.condition), ("they hung up", "success"))

    def test_hold(self) -> None:
        """Hold and unhold are told, and stop the tone for a while; so does content-modify."""
        outgoing, incoming = self.talk(DIRECT)
        outgoing.hold()
        self.net.run(0.1)
        heard = self.seconds(incoming)
        self.net.run(1)
        self.assertTrue(incoming.held)
        self.assertEqual(self.seconds(incoming), heard)
        outgoing.unhold()
        self.net.run(1)
        self.assertFalse(incoming.held)
        self.assertGreater(self.seconds(incoming), heard + 0.5)
        incoming.modify("responder")
        self.net.run(0.1)
        self.assertTrue(outgoing.held)
        self.assertContent()

    def test_keys(self) -> None:
        """Keys arrive as events in the stream, each once, and by signalling."""
        outgoing, incoming = self.talk(STANZA)
        outgoing.press("12#")
        self.net.run(1)
        self.assertEqual(incoming.media.keys, "12#")
        outgoing.pressBySignal("5")
        self.net.run(0.1)
        self.assertEqual(incoming.keys, "5")
        self.assertEqual(incoming.media.faults, [])
        self.assertRaises(ValueError, outgoing.press, "x")

    def test_noKeys(self) -> None:
        """A Dino has no keys to press."""
        outgoing, _ = self.talk(DINO)
        self.assertRaises(ValueError, outgoing.press, "1")

    def test_restart(self) -> None:
        """ICE can be started anew by one who answers it; the sound goes on."""
        outgoing, incoming = self.talk(DIRECT)
        outgoing.restartICE()
        self.net.run(1)
        self.assertEqual(incoming.requests[-1], "transport-info")
        heard = self.seconds(incoming)
        self.net.run(1)
        self.assertGreater(self.seconds(incoming), heard + 0.5)

    def test_decline(self) -> None:
        """A callee may decline, be busy or say nothing, by a message or in a session."""
        for profile in (CONVERSATIONS, DIRECT):
            for action in (Pickup.DECLINE, Pickup.BUSY):
                self.setUp()
                self.taking = JingleTaking(action)
                outgoing, _ = self.begin(profile)
                self.net.run(1)
                expected = "rejected" if profile.messages else "they hung up"
                self.assertEqual((outgoing.outcome, outgoing.condition), (expected, action.value))

    def test_abandon(self) -> None:
        """A caller may give up while it rings, by a message or in a session."""
        self.taking = JingleTaking(Pickup.IGNORE)
        for profile in (CONVERSATIONS, RAW):
            self.setUp()
            outgoing, incoming = self.begin(profile)
            self.net.run(1)
            self.successResultOf(outgoing.whenRinging())
            outgoing.hangup()
            self.net.run(0.1)
            self.assertEqual(incoming.outcome, "retracted" if profile.messages else "they hung up")
            self.assertEqual(incoming.condition, "cancel")

    def test_vanish(self) -> None:
        """Who vanishes is missed within 30 seconds."""
        outgoing, incoming = self.talk(CONVERSATIONS)
        outgoing.vanish()
        self.net.run(30, 0.05)
        self.assertEqual((outgoing.outcome, incoming.outcome), ("vanished", "media failed"))

    def test_elsewhere(self) -> None:
        """Of two clients of a user one takes the call, and the other stops ringing."""
        other = self.login("bob", CONVERSATIONS, "other", taking=JingleTaking(Pickup.IGNORE))
        self.talk(CONVERSATIONS)
        self.assertEqual(other.calls[0].outcome, "accepted elsewhere")

    def test_bounced(self) -> None:
        """A proposal that nobody takes comes back: Conversations gives up, all others call on."""
        for profile in (CONVERSATIONS, DINO, MONAL):
            self.setUp()
            alice = self.login("alice", profile)
            call = alice.call(f"nobody@{DOMAIN}")
            self.net.run(0.1)
            expected = ("bounced", "service-unavailable") if profile is CONVERSATIONS else ("", "")
            self.assertEqual((call.outcome, call.condition), expected, profile.name)

    def test_rejectedAfterError(self) -> None:
        """A word after the error ends the call of those who did not heed it; an error that proposes is one too much."""
        for profile, outcome in ((CONVERSATIONS, ("bounced", "item-not-found")), (DINO, ("rejected", "gone"))):
            for repeats in (False, True):
                self.setUp()
                alice = self.login("alice", profile)
                call = alice.call(f"72@{GATEWAY}")
                self.net.run(0.1)
                id = f"jm-propose-{call.sid}"
                message = xml.element("message", from_=f"72@{GATEWAY}", to=alice.jid, type="error", id=id)
                if repeats:
                    alice.word(message, "propose", call.sid)
                xml.add(xml.add(message, "error", type="cancel"), "item-not-found", xml.STANZAS)
                alice.received(message)
                message = xml.element("message", from_=f"72@{GATEWAY}/gw", to=alice.jid, type="chat")
                addReason(alice.word(message, "reject", call.sid), "gone")
                alice.received(message)
                self.assertEqual((call.outcome, call.condition), outcome)
                self.assertEqual(len(alice.complaints), repeats)

    def offerVideo(self, profile: ClientProfile) -> tuple[OutgoingJingleCall, list[Content]]:
        """Alice's video call, as it is offered to a gateway that has let it in."""
        self.setUp()
        self.alice = self.login("alice", profile)
        call = self.alice.call(f"72@{GATEWAY}/gw", ("audio", "video"))
        if profile.messages:
            message = xml.element("message", from_=f"72@{GATEWAY}/gw", to=self.alice.jid, type="chat")
            self.alice.word(message, "proceed", call.sid)
            self.alice.received(message)
        self.net.run(0.1)
        offer = next(each for each in reversed(self.seen) if xml.child(each, "jingle", JINGLE) is not None)
        return call, contentsOf(offer.jingle)

    def demand(self, call: OutgoingJingleCall, action: str, *contents: Content) -> str:
        """The gateway asks for something: C{result}, or the condition of the error."""
        iq = xml.element("iq", from_=f"72@{GATEWAY}/gw", to=self.alice.jid, type="set", id="g1")
        jingle = xml.add(iq, "jingle", JINGLE, action=action, sid=call.sid, responder=f"72@{GATEWAY}/gw")
        for content in contents:
            addContent(jingle, content)
        self.alice.received(iq)
        answer = next(each for each in reversed(self.seen) if xml.get(each, "id") == "g1")
        error = xml.child(answer, "error")
        return "result" if error is None else next(xml.children(error)).name

    def test_video(self) -> None:
        """
        Who shares a transport among all contents takes no accept with fewer of them, and one with no video of its own;
        who has one for each takes audio only.  A word about the video before that is a fault.
        """
        for profile in (STANZA, CONVERSATIONS, MOVIM, DINO):
            call, (audio, video) = self.offerVideo(profile)
            self.assertEqual((audio.media, video.media), ("audio", "video"))
            way = evolve(audio.transport, setup=Setup.ACTIVE)
            audio = evolve(audio, codecs=(PCMU,), transport=way)
            senders = "initiator" if profile is MOVIM else "responder"
            video = evolve(video, codecs=video.codecs[:1], transport=way, senders=senders)
            self.assertNotEqual(self.demand(call, "content-remove", video), "result")
            self.assertEqual(self.alice.complaints, ["content-remove before the accept"])
            if profile.bundles:
                self.assertEqual(self.demand(call, "session-accept", audio), "bad-request")
            contents = (audio, video) if profile.bundles else (audio,)
            self.assertEqual(self.demand(call, "session-accept", *contents), "result")
            self.assertTrue(call.isUp, profile.name)
            self.assertEqual(len(self.alice.complaints), 1)

    def test_videoAccepted(self) -> None:
        """Video in which somebody sends, on another way, or where a way for it is waited for, is a fault."""
        for profile, change in (
            (STANZA, {"senders": "both"}),
            (STANZA, {"senders": "none"}),
            (MOVIM, {}),
            (STANZA, {"transport": TransportDescription("else", "p" * 22)}),
            (STANZA, {"codecs": (PCMU,)}),
            (DINO, {}),
        ):
            call, (audio, video) = self.offerVideo(profile)
            way = evolve(audio.transport, setup=Setup.ACTIVE)
            video = evolve(video, transport=way, senders="responder")
            self.demand(call, "session-accept", evolve(audio, codecs=(PCMU,), transport=way), evolve(video, **change))
            self.assertEqual((call.outcome, len(self.alice.complaints)), ("we hung up", 1))

    def test_refused(self) -> None:
        """A session that nobody takes is refused, and ends."""
        self.login("bob", MONAL)
        self.alice = self.login("alice", DIRECT)
        call = self.alice.call(f"{BOB}/sim")
        self.net.run(0.1)
        self.assertEqual(call.outcome, "refused")

    def test_noSession(self) -> None:
        """It complains if no session comes after its proceed, within 15 s."""
        self.bob = self.login("bob", CONVERSATIONS)
        message = xml.element("message", from_=f"gw@{DOMAIN}/gw", to=f"{BOB}/sim", type="chat")
        said = self.bob.word(message, "propose", "s1")
        xml.add(said, "description", "urn:xmpp:jingle:apps:rtp:1", media="audio")
        self.bob.received(message)
        self.net.run(16, 0.1)
        self.assertEqual(self.bob.calls[0].outcome, "no session")
        self.assertEqual(len(self.bob.complaints), 2)  # presence did not come before, and no session after

    def test_complaints(self) -> None:
        """It complains of what a real client might not understand."""
        outgoing, incoming = self.talk(DIRECT)
        incoming.inform("ringing")
        content = Content("a b", "initiator", codecs=outgoing.content.codecs, kind=DIRECT.transport)
        outgoing.check(content)
        self.assertRaises(MalformedError, outgoing.check, Content("a", "initiator"))
        outgoing.addVideo()
        self.net.run(0.1)
        self.assertEqual(len(self.alice.complaints), 2)  # white space; neither audio nor a transport
        self.assertEqual(self.bob.complaints, ["content-add of video"])

    def test_orders(self) -> None:
        """Requests out of order, for sessions unknown, and infos unknown are refused as XEP-0166 says."""
        outgoing, incoming = self.talk(DIRECT)
        for action, name, expected in (
            ("session-accept", "", "out-of-order"),
            ("session-initiate", "", "out-of-order"),
            ("session-info", "dance", "unsupported-info"),
        ):
            asked = outgoing.request(action, partial(_addInfo, name))
            self.net.run(0.1)
            self.assertIn(expected, str(self.failureResultOf(asked)))
        incoming.finish("gone")
        asked = outgoing.request("session-info")
        self.net.run(0.1)
        self.assertIn("unknown-session", str(self.failureResultOf(asked)))

    def test_gajim(self) -> None:
        """Who has neither DTLS nor keys and meets one who insists on them fails cleanly."""
        outgoing, incoming = self.begin(GAJIM, DIRECT)
        self.net.run(3)
        self.assertTrue(outgoing.over and incoming.over)

    def test_hash(self) -> None:
        """The hash of the simplest example in XEP-0115 is right."""
        features = (
            "http://jabber.org/protocol/caps",
            "http://jabber.org/protocol/disco#info",
            "http://jabber.org/protocol/disco#items",
            "http://jabber.org/protocol/muc",
        )
        self.assertEqual(capsHash([("client", "pc", "Exodus 0.9.1")], features), "QgayPKawpkPSDYmwT/WM94uAlu0=")
