# -*- test-case-name: ichatgw.test.jingle.test_hostile -*-
# mypy: allow-untyped-calls
"""
What somebody sends who means no good, or whose program is broken: nothing breaks, nothing grows, nothing is amplified.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from wokkel.generic import parseXml

from ichatgw.jingle.calls import MAX_REMEMBERED
from ichatgw.jingle.protocol import MAX_CALLS_OF_A_USER
from ichatgw.jingle.session.actions import audioOf
from ichatgw.jingle.session.remotetransport import MAX_REMOTE_CANDIDATES
from ichatgw.jingle.stanzas.jingle import Action, Jingle
from ichatgw.model import PCMU, SessionDescription
from ichatgw.test.jingle.stanzas.test_jingle import captured
from ichatgw.test.marks import slow
from ichatgw.test.support.clients.jingles import (
    BELL_JID,
    DESCRIPTION,
    MESSAGES,
    NUMBER,
    PHONE,
    US,
    World,
    content,
    transport,
)

ANSWER = SessionDescription((PCMU,))
CANDIDATE = "<candidate component='1' ip='198.51.100.{}' port='{}' priority='1' protocol='udp' type='host'/>"
RTP = "urn:xmpp:jingle:apps:rtp:1"
WORDS = ("", "0", "-1", "4294967296", "x" * 300, "a b", "\u0661", "&lt;", "';--", "urn:xmpp:jingle:1", "none", "1e9")


def size(world: World) -> int:
    """How much the protocol keeps."""
    calls = world.protocol.calls
    kept = (calls.legs, calls.sessions, calls.questions, calls.inbound, calls.outbound)
    return sum(len(each) for each in kept) + len(world.transports.made)


class FloodTests(SynchronousTestCase):
    """Too much of everything."""

    def setUp(self) -> None:
        self.world = World()

    @slow
    def test_unknownSessions(self) -> None:
        """Requests for sessions that there are not get an error each, shorter than they are, and leave nothing."""
        for number in range(3000):
            action = list(Action)[number % len(Action)].value
            if action == "session-initiate":
                continue
            before = len(self.world.stanzas)
            answer = self.world.jingle(action, content(), f"s{number}")
            self.assertEqual(answer, "error item-not-found unknown-session")
            self.assertEqual(len(self.world.stanzas), before + 1)
            self.world.stanzas.clear()
        self.assertEqual(size(self.world), 0)

    @slow
    def test_candidates(self) -> None:
        """Of thousands of candidates, in one stanza or in many, so many are taken and no more."""
        many = "".join(CANDIDATE.format(number % 250, 1024 + number) for number in range(200))
        leg = self.world.propose()
        leg.answer(ANSWER)
        self.assertEqual(self.world.initiate(inside=content(DESCRIPTION + transport(many))), "result")
        for _ in range(50):
            self.world.jingle("transport-info", content(transport(many, setup="")))
        self.assertLessEqual(len(self.world.media.remotes), MAX_REMOTE_CANDIDATES)
        self.world.jingle("transport-info", content(transport(many * 20, setup="")))
        self.assertLessEqual(len(self.world.media.remotes), MAX_REMOTE_CANDIDATES)

    @slow
    def test_early(self) -> None:
        """The same before the session is accepted, by a callee and by a caller."""
        many = "".join(CANDIDATE.format(number % 250, 1024 + number) for number in range(200))
        self.world.initiate()
        for _ in range(50):
            self.world.jingle("transport-info", content(transport(many, setup="")))
        self.world.arrived.answer(ANSWER)
        self.assertLessEqual(len(self.world.media.remotes), MAX_REMOTE_CANDIDATES)
        leg = self.world.dial(phone=MESSAGES)
        self.world.message("proceed", sid=leg.sid, to=BELL_JID)
        for _ in range(50):
            inside = content(transport(many, setup=""), "audio")
            self.world.jingle("transport-info", inside, leg.sid, to=BELL_JID)
        self.world.accept(PHONE, leg.sid)
        self.assertLessEqual(len(self.world.media.remotes), MAX_REMOTE_CANDIDATES)

    @slow
    def test_huge(self) -> None:
        """Stanzas of a megabyte are refused or cut, and what is answered is short."""
        for inside in (
            content(DESCRIPTION + transport(), name="n" * 1_000_000),
            content(f"<description xmlns='{RTP}' media='audio'>{'<payload-type/>' * 50_000}</description>"),
            "".join(content(DESCRIPTION + transport(), str(number)) for number in range(2000)),
            content(DESCRIPTION + transport(), attributes=f"senders='{'x' * 1_000_000}'"),
            content(f"<description xmlns='urn:{'x' * 1_000_000}'/>" + transport()),
            f"<reason><busy/><text>{'x' * 1_000_000}</text></reason>",
        ):
            self.world.jingle("session-initiate", inside, "s1")
            self.world.jingle("session-terminate", "", "s1")
            sent = sum(len(stanza.toXml()) for stanza in self.world.stanzas)
            self.assertLess(sent, 20_000)
            self.world.stanzas.clear()
            self.world.clock.advance(60)
        self.assertEqual([call for call in self.world.arrivals.calls if "ended" not in call.news], [])

    @slow
    def test_proposals(self) -> None:
        """Of a flood of proposals and sessions few become calls, and one user's flood stops nobody else."""
        for number in range(500):
            self.world.message(
                "propose", "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/>", f"p{number}"
            )
            self.world.initiate(f"i{number}")
        self.assertLessEqual(len(self.world.protocol.legs), MAX_CALLS_OF_A_USER)
        other = JID("bob@jabber.example/x")
        self.assertEqual(self.world.initiate("other", from_=other), "result")

    @slow
    def test_words(self) -> None:
        """Words about calls that there are not are dropped without an answer, but a late C{proceed}."""
        for number in range(3000):
            for word in ("ringing", "proceed", "reject", "retract", "finish", "accept"):
                self.world.message(word, sid=f"s{number}")
        self.assertEqual((self.world.said(), size(self.world)), ([], 0))

    @slow
    def test_remembered(self) -> None:
        """Calls that are over are remembered only so far, however many there are."""
        for number in range(MAX_REMEMBERED + 200):
            from_ = JID(f"u{number}@jabber.example/x")
            self.world.initiate("s", from_=from_)
            self.world.jingle("session-terminate", "<reason><cancel/></reason>", "s", from_=from_)
        self.assertLessEqual(len(self.world.protocol.calls._past), MAX_REMEMBERED)
        self.assertEqual(size(self.world), 0)


class FuzzTests(SynchronousTestCase):
    """Stanzas of real clients, with something wrong in them."""

    @slow
    def test_mutated(self) -> None:
        """Each request is answered exactly once or dropped, whatever is wrong in it, and no exception comes out."""
        self.send(Random(20260), 60)

    @slow
    def test_manyMutated(self) -> None:
        """The same of many more."""
        self.send(Random(20261), 600)

    def send(self, random: Random, rounds: int) -> None:
        """Stanzas in which something was changed by chance."""
        stanzas = list(captured())
        wanted = [stanza for stanza in stanzas if stanza.name == "message" or stanza.getAttribute("type") == "set"]
        world = World()
        world.protocol._allows = lambda jid: True
        for round_ in range(rounds):
            stanza = _copy(random.choice(wanted))
            stanza["to"], stanza["from"], stanza["id"] = random.choice((US, NUMBER)).full(), PHONE.full(), f"f{round_}"
            _mutate(random, stanza)
            isRequest = stanza.name == "iq" and stanza.getAttribute("type") == "set" and stanza.jingle is not None
            world.stanzas.clear()
            world.stream.dispatch(stanza)
            answers = [one for one in world.stanzas if one.getAttribute("id") == stanza.getAttribute("id")]
            if isRequest and stanza.getAttribute("from") == PHONE.full() and stanza.getAttribute("to"):
                self.assertLessEqual(len(answers), 1, stanza.toXml()[:500])
            for leg in world.protocol.calls.inbound.values():
                leg.ring()
                leg.answer(ANSWER)
            world.clock.advance(3)
        world.clock.advance(600)
        world.protocol.stop()
        self.assertTrue(world.isEmpty())
        self.assertEqual(self.flushLoggedErrors(), [])


class AttributeTests(SynchronousTestCase):
    """Offers of real clients in which one attribute is wrong."""

    CAPTURED = ("dino-calls-stanza", "stanza-chromium-caller-jmi", "stanza-firefox153-caller-jmi", "gajim-calls-dino")

    #: Without them it cannot be told what is meant, or how to reach the client.
    NEEDED = frozenset(
        {
            ("jingle", "sid"),
            ("jingle", "action"),
            ("content", "name"),
            ("description", "media"),
            ("transport", "ufrag"),
            ("transport", "pwd"),
            ("fingerprint", "hash"),
            ("fingerprint", "setup"),
        }
    )

    VALUES = ("", " ", "-1", "4294967296", "70000", "1e9", "rtp", "\xe4.local", "x" * 300, "a\nb=c", "<", None)

    @slow
    def test_each(self) -> None:
        """What cannot be used is left out, and the session lives as long as there is one of each that it needs."""
        tried = 0
        for name in self.CAPTURED:
            offer = next(each for each in captured(name) if _actionOf(each) == "session-initiate")
            found = [(element, key) for element in _within(offer) for key in element.attributes]
            kinds = {(element.name, key): element for element, key in reversed(found)}
            for (kind, key), element in kinds.items():
                if (kind, key) not in self.NEEDED:
                    tried += self.trial(offer, element, key)
        self.assertGreater(tried, 800)

    def trial(self, offer: Element, element: Element, key: str) -> int:
        """One attribute, with each of the values, and without any."""
        good = element[key]
        for value in self.VALUES:
            if value is None:
                del element[key]
            else:
                element[key] = value
            self.take(offer, f"{element.name} {key}={value!r}")
        element[key] = good
        return len(self.VALUES)

    def take(self, stanza: Element, what: str) -> None:
        """The session can be begun, with all that a call needs."""
        jingle = Jingle.fromElement(stanza)
        self.assertIs(jingle.action, Action.INITIATE, what)
        audio = audioOf(jingle)
        self.assertTrue(any(not codec.isEvent for codec in audio.codecs), what)
        assert audio.transport is not None
        remote = audio.transport.description
        self.assertTrue(remote.ufrag and remote.password, what)
        self.assertTrue(remote.fingerprint is not None or not audio.transport.isFingerprinted, what)

    def test_lastOfAKind(self) -> None:
        """Without a format, or with a fingerprint alone that cannot be read, there is no session, but a reason."""
        world = World()
        bad = DESCRIPTION.replace("id='111'", "id='x'").replace("id='0'", "id='y'")
        self.assertEqual(world.initiate("s1", inside=content(bad + transport())), "result")
        self.assertEqual(world.said()[-1], f"session-terminate unsupported-applications to {PHONE.full()}")
        bad = transport().replace("CD", "XY")
        self.assertEqual(world.initiate("s2", inside=content(DESCRIPTION + bad)), "error bad-request")
        self.assertEqual(world.initiate("s3", inside=content(DESCRIPTION + transport(ufrag="a"))), "error bad-request")
        self.assertTrue(world.isEmpty())


def _actionOf(stanza: Element) -> str:
    jingle = stanza.jingle if stanza.name == "iq" else None
    return "" if jingle is None else str(jingle["action"])


def _copy(stanza: Element) -> Element:
    made: Element = parseXml(stanza.toXml().encode())
    return made


def _mutate(random: Random, stanza: Element) -> None:
    """Change, remove or repeat something somewhere within."""
    inner = list(_within(stanza))
    for _ in range(random.randrange(1, 4)):
        element = random.choice(inner)
        what = random.randrange(4)
        names = [name for name in element.attributes if isinstance(name, str)]
        if what == 0 and names:
            element[random.choice(names)] = random.choice(WORDS)
        elif what == 1 and names:
            del element[random.choice(names)]
        elif what == 2 and element.children:
            element.children.pop(random.randrange(len(element.children)))
        elif what == 3:
            element.children = element.children * random.choice((2, 40)) if len(element.children) < 50 else []


def _within(element: Element) -> list[Element]:
    """All elements below."""
    found = [child for child in element.children if isinstance(child, Element)]
    return found + [deeper for child in found for deeper in _within(child)]
