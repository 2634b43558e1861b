# -*- test-case-name: ichatgw.test.xmpp.caps.test_caps -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.xmpp.caps.caps}.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element
from zope.interface.verify import verifyObject

from ichatgw.runtime.turns import SWEEP_INTERVAL, SWEEP_ITEMS, SWEEP_SECONDS, Turns
from ichatgw.test.marks import slow
from ichatgw.test.support.streams import StubLink, parse
from ichatgw.xmpp.caps import caps as module
from ichatgw.xmpp.caps import queries
from ichatgw.xmpp.caps.caps import ANSWER_TIMEOUT, HASTE, Capabilities
from ichatgw.xmpp.discoinfo import MAX_FEATURES, readInfo
from ichatgw.xmpp.presence.presence import IPresenceListener, Resource
from ichatgw.xmpp.stanzas import parseJID

INFO = "http://jabber.org/protocol/disco#info"
JINGLE = "urn:xmpp:jingle:1"


def info(name: str = "Exodus", features: Iterable[str] = (JINGLE, "urn:xmpp:ping")) -> str:
    """What a client that has this name answers."""
    text = "".join(f"<feature var='{feature}'/>" for feature in features)
    return f"<identity category='client' type='pc' name='{name}'/>{text}"


def hashed(inside: str) -> str:
    return readInfo(parse(f"<query xmlns='{INFO}'>{inside}</query>")).version()


def hashed2(inside: str) -> str:
    return "sha-256." + readInfo(parse(f"<query xmlns='{INFO}'>{inside}</query>")).version2()


EXODUS = info()
FORGED = info("Exodus&lt;urn:xmpp:jingle:1&lt;urn:xmpp:ping", ())
"""Has the hash of Exodus, and none of its features."""


def client(
    name: str = "x",
    ver: str = hashed(EXODUS),
    hash: str = "sha-1",
    node: str = "exodus",
    user: str = "scott@jabber.example",
    caps2: str = "",
) -> Resource:
    return Resource(parseJID(f"{user}/{name}"), "", 0, node, ver, frozenset(), hash, caps2)


def stranger(domain: str, name: str = "x", ver: str = hashed(EXODUS), user: str = "eve") -> Resource:
    return client(name, ver, user=f"{user}@{domain}")


class CapsCase(SynchronousTestCase):
    """Mixin of capabilities whose link is up; users are those of C{jabber.example} and C{other.example}."""

    def setUp(self) -> None:
        for name in ("MAX_KNOWN", "MAX_OWN"):
            self.patch(queries, name, 20)
        self.clock = Clock()
        self.turns = Turns(self.clock)
        self.caps = Capabilities(
            self.turns,
            parseJID("control@gw.test"),
            lambda user: user.host in ("jabber.example", "other.example"),
        )
        self.told: list[Resource] = []
        self.caps.listeners.append(self.told.append)
        self.link = StubLink(self.caps)
        self.link.up()

    def asked(self) -> list[Element]:
        return [parse(text) for text in self.link.take()]

    def answer(self, question: Element, inside: str = EXODUS, kind: str = "result", from_: str = "") -> None:
        self.link.receive(
            f"<iq type='{kind}' id='{question['id']}' from='{from_ or question['to']}' to='control@gw.test'>"
            f"<query xmlns='{INFO}'>{inside}</query></iq>"
        )

    def says(self, resource: Resource, inside: str = EXODUS) -> None:
        """A client comes, is asked, and answers."""
        self.caps.available(resource)
        (question,) = self.asked()
        self.assertEqual(question["to"], resource.jid.full())
        self.answer(question, inside)

    def can(self, resource: Resource) -> bool | None:
        """Can it be called, as far as is known?"""
        features = self.caps.features(resource)
        return None if features is None else JINGLE in features

    def assertIdle(self) -> None:
        self.assertEqual((self.clock.getDelayedCalls(), self.caps._clients, self.caps._byUser), ([], {}, {}))


class UsersTests(CapsCase):
    """Clients of users who may call."""

    def test_interface(self) -> None:
        """It listens to presence."""
        verifyObject(IPresenceListener, self.caps)

    def test_asksOnce(self) -> None:
        """One client of each kind is asked, and what it says is true of all, whatever their servers."""
        others = [client("b"), client("c", user="ann@other.example")]
        for one in (client("a"), *others):
            self.caps.available(one)
        (question,) = self.asked()
        self.assertEqual((question["to"], question["from"]), ("scott@jabber.example/a", "control@gw.test"))
        self.assertEqual(question.query["node"], f"exodus#{hashed(EXODUS)}")
        self.assertIsNone(self.can(client("b")))
        self.answer(question)
        self.assertCountEqual(self.told, [client("a"), *others])
        self.assertEqual(self.caps.features(client("b")), {JINGLE})
        self.caps.available(client("d"))
        self.assertEqual(self.asked(), [])
        self.assertIdle()

    def test_second(self) -> None:
        """A client that shows both hashes is asked by that of XEP-0390, and its answer counts by that."""
        both = client(caps2=hashed2(EXODUS))
        self.caps.available(both)
        (question,) = self.asked()
        self.assertEqual(question.query["node"], f"urn:xmpp:caps#{hashed2(EXODUS)}")
        self.answer(question)
        self.assertTrue(self.can(both))
        self.assertTrue(self.can(client("other", ver="", node="", caps2=hashed2(EXODUS))))
        self.assertIsNone(self.can(client()))

    def test_firstIfNotSecond(self) -> None:
        """If a client does not know the second hash, which its server may have added, it is asked by the first."""
        self.caps.available(client(caps2=hashed2(EXODUS)))
        self.answer(self.asked()[0], "", "error")
        (question,) = self.asked()
        self.assertEqual(question.query["node"], f"exodus#{hashed(EXODUS)}")
        self.answer(question)
        self.assertTrue(self.can(client(caps2=hashed2(EXODUS))))

    def test_unknownAlgorithms(self) -> None:
        """A hash that cannot be computed here is passed over."""
        self.caps.available(client(caps2="md5.abc"))
        self.assertEqual(self.asked()[0].query["node"], f"exodus#{hashed(EXODUS)}")

    def test_lie(self) -> None:
        """What does not fit the hash, or has none, is true of the one that says it, as long as it shows the same."""
        for one in (client(ver="wrong"), client(hash="md5"), client(hash="")):
            self.setUp()
            self.says(one)
            self.assertTrue(self.can(one))
            self.assertEqual(self.told, [one])
            self.assertIsNone(self.can(client("y", one.ver, one.hash)))
            self.assertIsNone(self.can(client("x", "another", one.hash)))
            self.caps.unavailable(one.jid)
            self.assertIsNone(self.can(one))

    def test_illFormed(self) -> None:
        """What is ill-formed, or can be read as another answer, is true of the one that says it."""
        self.assertEqual(hashed(FORGED), hashed(EXODUS))
        self.says(client("a"), FORGED)
        self.assertEqual((self.can(client("a")), self.can(client("b"))), (False, None))
        self.says(client("b"))
        self.assertEqual((self.can(client("a")), self.can(client("c"))), (False, True))

    def test_notAsked(self) -> None:
        """A client that says nothing of itself, or is an iChat, is not asked."""
        self.caps.available(client(node=""))
        self.caps.available(client(ver=""))
        self.caps.available(client(node="apple:ichat:caps"))
        self.assertEqual(self.asked(), [])

    def test_othersAnswer(self) -> None:
        """No client answers for another one, and an answer without a question is none."""
        self.caps.available(client())
        (question,) = self.asked()
        self.answer(question, from_="mallory@jabber.example/x")
        self.link.receive("<iq type='result' id='caps-99' from='scott@jabber.example/x'/>")
        self.assertIsNone(self.can(client()))

    def test_errors(self) -> None:
        """An error, or too long a list, teaches nothing."""
        for kind, inside in (("error", ""), ("result", "<feature var='x'/>" * (MAX_FEATURES + 1))):
            self.caps.available(client())
            self.answer(self.asked()[0], inside, kind)
        self.assertEqual((self.can(client()), self.told), (None, []))
        self.assertIdle()

    def test_sameAgain(self) -> None:
        """A client that shows itself again while it is asked is not asked again; one that shows something else is."""
        self.caps.available(client())
        self.asked()
        self.caps.available(client())
        self.assertEqual(self.asked(), [])
        self.caps.available(client(ver="another"))
        (question,) = self.asked()
        self.assertEqual(question.query["node"], "exodus#another")

    def test_nextIsAsked(self) -> None:
        """A client that is silent, says nothing useful, lies, or goes, holds up the others of its kind only briefly."""
        for name in "abcde":
            self.caps.available(client(name))
        (silent,) = self.asked()
        self.clock.advance(HASTE)
        (question,) = self.asked()
        self.assertEqual(question["to"][-1], "b")
        self.answer(question, info(features=["lie"]))
        (question,) = self.asked()
        self.assertEqual(question["to"][-1], "c")
        self.caps.unavailable(client("c").jid)
        (question,) = self.asked()
        self.answer(question, "", "error")
        self.assertEqual(self.told, [client("b")])
        (question,) = self.asked()
        self.assertEqual(question["to"][-1], "e")
        self.answer(silent)
        self.assertCountEqual(self.told, [client("b"), client("a"), client("e")])
        self.assertIdle()

    def test_goes(self) -> None:
        """A user that goes takes all clients along; what they were asked is not waited for."""
        for ver in ("1", "2"):
            self.caps.available(client(ver, ver))
        questions = self.asked()
        self.caps.failed(parseJID("scott@jabber.example"), "", None)
        self.caps.unavailable(parseJID("scott@jabber.example"))
        for question in questions:
            self.answer(question)
        self.assertEqual(self.told, [])
        self.assertIdle()

    def test_silence(self) -> None:
        """In the end a client that says nothing is left in peace."""
        self.caps.available(client())
        self.clock.pump([1.0] * int(ANSWER_TIMEOUT + 1))
        self.assertEqual(len(self.asked()), 1)
        self.assertIdle()

    def test_crowd(self) -> None:
        """All who came while one of them was asked are told of, as many in one turn as its budget has time for."""
        crowd = [client(str(number)) for number in range(3 * SWEEP_ITEMS)]
        for one in crowd:
            self.caps.available(one)
        self.answer(self.asked()[0])
        self.assertEqual(len(self.told), SWEEP_ITEMS)
        self.caps.unavailable(crowd[0].jid)
        self.clock.pump([SWEEP_INTERVAL] * 3)
        self.assertCountEqual(self.told, crowd[1:])
        self.assertIdle()

    def test_slowListeners(self) -> None:
        """A turn ends at its milliseconds."""
        self.caps.listeners.append(lambda resource: self.clock.advance(SWEEP_SECONDS / 4))
        for number in range(20):
            self.caps.available(client(str(number)))
        self.answer(self.asked()[0])
        self.assertEqual(len(self.told), 4)
        self.clock.advance(SWEEP_INTERVAL)
        self.assertEqual(len(self.told), 8)

    def test_listenerFails(self) -> None:
        """The others hear of it all the same."""
        self.caps.listeners.insert(0, lambda resource: cast(None, 1 / 0))
        self.caps.available(client("a"))
        self.caps.available(client("b"))
        self.answer(self.asked()[0])
        self.assertEqual((len(self.told), len(self.flushLoggedErrors(ZeroDivisionError))), (2, 2))

    def test_linkLost(self) -> None:
        """Nobody waits beyond the link; what is known stays, and large tables go some at a time."""
        self.says(client())
        for number in range(3 * SWEEP_ITEMS):
            self.caps.available(client(str(number), ver="new"))
        (question,) = self.asked()
        self.link.lose()
        self.assertGreater(len(self.caps._leftover), SWEEP_ITEMS)
        self.clock.pump([SWEEP_INTERVAL] * 20)
        self.assertEqual(len(self.caps._leftover), 0)
        self.assertIdle()
        self.link.up()
        self.answer(question)
        self.caps.available(client("9", ver="new"))
        self.assertEqual(len(self.asked()), 1)
        self.assertTrue(self.can(client("y")))

    def test_bounds(self) -> None:
        """What is known is bounded, and so are those who wait."""
        for number in range(30):
            inside = info(str(number))
            self.says(client(str(number), hashed(inside)), inside)
        self.assertEqual(len(self.caps._users.known), 20)
        self.patch(module, "MAX_WAITING", 5)
        for number in range(10):
            self.caps.available(client(str(number), ver="new"))
        self.assertEqual(len(self.caps._clients), 5)


class StrangersTests(CapsCase):
    """Clients of those who may not call."""

    def test_onlyForItself(self) -> None:
        """What a stranger says counts for itself, though it fits: not for users, not for others of its domain."""
        self.says(stranger("evil.test"))
        self.assertTrue(self.can(stranger("evil.test")))
        for other in (client(), stranger("evil.test", "y"), stranger("evil.test", user="adam")):
            self.assertIsNone(self.can(other))
        self.says(client(), EXODUS)

    def test_poison(self) -> None:
        """No stranger, nor a crowd of them, says what a user's client can."""
        for domain in ("evil.test", "evil.example", "bad.test"):
            self.says(stranger(domain), FORGED)
        self.assertIsNone(self.can(client()))
        self.says(client())
        self.assertTrue(self.can(client("y")))
        self.says(stranger("other.test", ver="1"), FORGED)
        self.assertTrue(self.can(client("y")))

    def test_twoAgree(self) -> None:
        """What two of independent domains say counts for other strangers, and for no user."""
        self.says(stranger("a.test"))
        self.says(stranger("chat.a.test"))
        self.assertIsNone(self.can(stranger("third.test")))
        self.says(stranger("b.test"))
        self.assertTrue(self.can(stranger("third.test")))
        self.assertIsNone(self.can(client()))

    def test_twoForge(self) -> None:
        """Two that use another reading of the hash are not believed."""
        for domain in ("a.test", "b.test"):
            self.says(stranger(domain), FORGED)
        self.assertIsNone(self.can(stranger("third.test")))

    def test_usersCountForThem(self) -> None:
        """What a user's client says counts for strangers."""
        self.says(client())
        self.assertTrue(self.can(stranger("a.test")))

    def test_nothingOfUsersGoes(self) -> None:
        """However many versions strangers show, what is known of users' stays."""
        self.says(client())
        for number in range(30):
            inside = info(str(number))
            for domain in ("a.test", "b.test"):
                self.says(stranger(domain, str(number), hashed(inside)), inside)
        self.assertTrue(self.can(client("y")))
        self.assertEqual((len(self.caps._strangers.known), len(self.caps._strangers.own)), (20, 20))

    @slow
    def test_silentCrowd(self) -> None:
        """5000 silent clients of strangers, of one domain or of many, hold up neither users nor other strangers."""
        for number in range(5000):
            self.caps.available(stranger("evil.test", str(number), str(number)))
        self.assertEqual(len(self.asked()), 100)
        self.says(client())
        self.says(stranger("honest.test", ver="1"))
        for number in range(5000):
            self.caps.available(stranger(f"d{number % 90}.evil.test", str(number), str(number)))
        self.assertEqual(len(self.asked()), 900)
        self.says(client("other", "sha-1 of another"), info("another"))
        self.caps.available(stranger("honest.example", ver="2"))
        self.caps.available(stranger("evil.test", "honest", "3", "adam"))
        self.clock.advance(HASTE)
        self.clock.pump([0.0] * 60)
        asked = [question["to"] for question in self.asked()]
        self.assertIn("eve@honest.example/x", asked)
        self.assertIn("adam@evil.test/honest", asked)
        self.assertLess(len(asked), 1100)

    @slow
    def test_bounds(self) -> None:
        """Those who wait are bounded, and in the end forgotten; a few are looked after in one turn."""
        for number in range(16_000):
            self.caps.available(stranger(f"d{number % 120}.test", str(number), str(number)))
        self.assertLess(len(self.caps._clients), 12_000)
        self.asked()
        jobs: list[str] = []
        self.turns.watch = lambda seconds, name: jobs.append(name)
        self.clock.advance(HASTE)
        self.assertEqual(len(self.asked()), 1000)
        self.assertEqual(len(jobs), 1000 / module.AT_ONCE + 1)
        for _ in range(20):
            self.clock.pump([HASTE, *[0.0] * 700])
        self.clock.pump([ANSWER_TIMEOUT, *[0.0] * 700])
        self.assertIdle()

    @slow
    def test_gone(self) -> None:
        """Those who have gone while they waited are passed over."""
        for number in range(1000):
            self.caps.available(stranger("evil.test", str(number), str(number)))
        for number in range(1000):
            self.caps.unavailable(stranger("evil.test", str(number)).jid)
        self.clock.pump([0.0] * 20)
        self.assertIdle()
        self.assertEqual(len(self.caps._strangers.queue), 0)
