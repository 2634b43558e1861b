"""
Tests for L{ichatgw.sip.auth.verifier}.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reading.credentials import Credentials
from ichatgw.sip.auth import verifier as module
from ichatgw.sip.auth.digest import Use, answer, challenges, digestHash, digestResponse, readParameters
from ichatgw.sip.auth.loginlimits import MAX_WAIT, NAME_FREE, SOURCE_FREE, Guesses
from ichatgw.sip.auth.verifier import MAX_LOGINS, NONCE_LIFE, RETRANSMITTED, Judgement, Verdict, Verifier, isSamePlace
from ichatgw.test.marks import slow

PHONE = "192.0.2.77"
STRANGER = "203.0.113.9"
URI = "sip:scott@gw.example"

ABSENT = Judgement(Verdict.ABSENT)
STALE = Judgement(Verdict.STALE)
WRONG = Judgement(Verdict.WRONG)
ALICE = Judgement(Verdict.RIGHT, "alice")


class VerifierCase(SynchronousTestCase):
    """Somebody who answers challenges."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.verifier = Verifier("gw.example", {"alice": "wonder", "ü": "x"}, self.clock)
        self.requests = 0

    def log(
        self,
        user: str = "alice",
        password: str = "wonder",
        method: str = "INVITE",
        index: int = 0,
        host: str = PHONE,
        uri: str = URI,
        nonce: str = "",
    ) -> str:
        challenge = challenges([nonce] if nonce else self.verifier.challenge(host))[index]
        return answer(challenge, Credentials(user, password), method, uri)

    def judge(
        self, *logins: str, method: str = "INVITE", uri: str = URI, host: str = PHONE, request: str = ""
    ) -> Judgement:
        self.requests += 1
        return self.verifier.judge(logins, method, uri, host, request or f"request {self.requests}")


class JudgementTests(VerifierCase):
    """What is right and what is not."""

    def test_right(self) -> None:
        """The right password logs in, by either algorithm, with any method."""
        for index in range(2):
            self.assertEqual(self.judge(self.log(index=index)), ALICE)
        self.assertEqual(self.judge(self.log("ü", "x")), Judgement(Verdict.RIGHT, "ü"))
        for method in ("REGISTER", "REFER", "MESSAGE"):
            self.assertEqual(self.judge(self.log(method=method), method=method), ALICE)

    def test_algorithms(self) -> None:
        """What is offered is what the setting names, in its order, and nothing else is taken."""
        strong = self.log(index=0)
        self.verifier.algorithms = ("MD5",)
        self.assertEqual([each.algorithm for each in challenges(self.verifier.challenge(PHONE))], ["MD5"])
        self.assertEqual(self.judge(self.log()), ALICE)
        self.assertEqual(self.judge(strong), WRONG)
        self.verifier.algorithms = ("MD5", "SHA-512-256")
        self.assertIn("algorithm=MD5", self.verifier.challenge(PHONE)[0])
        self.assertEqual(self.judge(self.log()), ALICE)

    def test_wrong(self) -> None:
        """A wrong password, name or method does not, nor an answer without C{qop}, C{nc} or C{response}."""
        for text in (
            self.log(password="wander"),
            self.log("bob"),
            self.log("bob", ""),
            self.log(method="BYE"),
            self.log().replace("qop=auth, nc=00000001, ", ""),
            self.log().replace("qop=auth", "qop=auth-int"),
            self.log().replace("nc=00000001", "nc=1"),
            self.log().replace("algorithm=SHA-256", "algorithm=SHA-1"),
            self.log().partition("response=")[0] + 'response="\udc80"',
            self.log().partition("response=")[0].rstrip(", "),
        ):
            self.verifier._guesses = Guesses(self.clock)
            self.assertEqual(self.judge(text), WRONG, text)
            self.assertEqual(self.verifier._guesses._sources[PHONE].count, 1, text)

    def test_none(self) -> None:
        """What is no login to us is none: another realm's, another scheme, nothing that can be read."""
        for text in ("Digest", "Basic YTpi", "", "Digest realm", 'Digest username="alice", response="\udc80"'):
            self.assertEqual(self.judge(text), ABSENT, text)
        self.assertEqual(self.judge(), ABSENT)
        self.assertEqual(self.judge(self.log().replace('realm="gw.example"', 'realm="other"')), ABSENT)

    def test_several(self) -> None:
        """Of several logins the one for our realm counts, wherever it stands."""
        other = answer(challenges(['Digest realm="b", nonce="1"'])[0], Credentials("alice", "x"), "INVITE", URI)
        self.assertEqual(self.judge(other, "Digest", self.log()), ALICE)
        self.assertEqual(self.judge(self.log(), other), ALICE)

    def test_old(self) -> None:
        """Of several logins to our realm the one whose nonce holds counts: some send those of before as well."""
        before = self.log()
        self.clock.advance(NONCE_LIFE + 1)
        self.assertEqual(self.judge(before, self.log()), ALICE)
        self.assertEqual(self.judge(f"{before}, {self.log()}"), ALICE)
        self.assertEqual(self.judge(before, before), STALE)
        self.assertEqual(self.judge(*[before] * MAX_LOGINS, self.log()), STALE)

    def test_letterCase(self) -> None:
        """Names are read whatever their letter case (RFC 7616 section 3.4)."""
        self.assertEqual(self.judge(self.log().replace("qop=auth", 'QOP="Auth"').replace("Digest", "DIGEST")), ALICE)

    def test_comma(self) -> None:
        """A comma in what is quoted cuts nothing."""
        uri = "sip:scott,1@gw.example"
        self.assertEqual(self.judge(self.log(uri=uri), uri=uri), ALICE)

    def test_uri(self) -> None:
        """An answer made for one address is not taken for another (RFC 7616 section 3.4.6)."""
        self.assertEqual(self.judge(self.log(uri="sip:scott@evil.example")), WRONG)
        self.assertEqual(self.judge(self.log(uri="sip:+49900123@gw.example")), WRONG)
        self.assertEqual(self.judge(self.log(uri="SIP:%73cott@GW.example:5060;transport=tcp")), ALICE)

    def test_samePlace(self) -> None:
        """Which URIs name the same, and which do not."""
        for one, other in (
            ("sip:a@gw.example", "sip:a@gw.example.;user=phone"),
            ("sip:a@[2001:DB8::1]", "sip:a@[2001:db8::1]:5060"),
            ("sip:a@[2001:db8:0:0::1]", "sip:a@[2001:db8::1]"),
            ("sips:a@gw.example", "sips:a@gw.example:5061"),
            ("sip:gw.example", "sip:GW.example"),
            ("tel:+49-30-1", "sip:+49301@tel.invalid;user=phone"),
            ("tel:+49-30-1", "tel:+49(30)1"),
            ("nonsense", "nonsense"),
        ):
            self.assertTrue(isSamePlace(one, other), one)
        for one, other in (
            ("sip:a@gw.example", "sip:A@gw.example"),
            ("sip:a@gw.example", "sip:gw.example"),
            ("sip:a@gw.example", "sip:a@gw.example:5070"),
            ("sip:a@gw.example", "sip:a@example"),
            ("sip:a@gw.example", "sip:a:secret@gw.example"),
            ("tel:+49301", "tel:+49302"),
            ("tel:+49301", "tel:nonsense!"),
            ("nonsense", "other"),
            ("nonsense", ""),
        ):
            self.assertFalse(isSamePlace(one, other), one)


class NonceTests(VerifierCase):
    """For whom and for how long a nonce holds, and how often."""

    def test_life(self) -> None:
        """An answer that would have been right in time is asked for anew, and costs nothing."""
        text, wrong = self.log(), self.log(password="wander")
        self.clock.advance(NONCE_LIFE + 1)
        for _ in range(50):
            self.assertEqual(self.judge(text), STALE)
            self.assertEqual(self.judge(wrong), STALE)
        self.assertIn("stale=true", self.verifier.challenge(PHONE, stale=True)[0])
        self.assertNotIn("stale", self.verifier.challenge(PHONE)[0])
        self.assertEqual(self.judge(self.log()), ALICE)

    def test_restart(self) -> None:
        """Another process's nonces are not ours: a phone that comes with one is asked anew, and costs nothing."""
        other = Verifier("gw.example", {"alice": "wonder"}, self.clock)
        text = answer(challenges(other.challenge(PHONE))[0], Credentials("alice", "wonder"), "INVITE", URI)
        for _ in range(50):
            self.assertEqual(self.judge(text), STALE)
        self.assertEqual(self.judge(self.log()), ALICE)

    def test_source(self) -> None:
        """
        A nonce holds for the source that it was given to, an IPv6 network as a whole; elsewhere nothing is learnt by
        it, and nothing is counted: so nobody guesses in the name of another address.
        """
        for _ in range(50):
            self.assertEqual(self.judge(self.log(), host=STRANGER), STALE)
            self.assertEqual(self.judge(self.log(password="wander"), host=STRANGER), STALE)
        self.assertEqual(self.judge(self.log(host=STRANGER), host=STRANGER), ALICE)
        self.assertEqual(self.judge(self.log(host="2001:db8::1"), host="2001:db8::2"), ALICE)
        self.assertEqual(self.judge(self.log(host="2001:db8::1"), host="2001:db8:0:1::2"), STALE)

    def test_forged(self) -> None:
        """A nonce that somebody made up, or put another time into, is none."""
        text = self.log()
        ((_, parameters),) = readParameters(text)
        nonce = parameters["nonce"]
        for forged in ("", "x", f"{int(nonce.partition('-')[0], 16) + 1:x}-{nonce.partition('-')[2]}", f"{nonce}0"):
            self.assertEqual(self.judge(text.replace(nonce, forged)), STALE, forged)

    def test_different(self) -> None:
        """No two challenges have the same nonce."""
        self.assertNotEqual(self.verifier.challenge(PHONE), self.verifier.challenge(PHONE))

    def test_replayed(self) -> None:
        """An answer holds for one request, so that one that was listened to is of no use; it may come again."""
        text = self.log()
        for _ in range(3):
            self.assertEqual(self.judge(text, request="one"), ALICE)
            self.assertEqual(self.judge(text, request="two"), STALE)
        self.clock.advance(RETRANSMITTED + 1)
        self.assertEqual(self.judge(text, request="one"), STALE)

    def test_counted(self) -> None:
        """A nonce can be used again with a higher count, and not with a lower one."""
        challenge = challenges(self.verifier.challenge(PHONE))[0]

        def counted(number: int) -> str:
            text = answer(challenge, Credentials("alice", "wonder"), "INVITE", URI, lambda: "once")
            ((_, parameters),) = readParameters(text)
            secret = digestHash("SHA-256", "alice", "gw.example", "wonder")
            response = digestResponse(
                "SHA-256", secret, Use(challenge.nonce, "once", f"{number:08x}"), True, "INVITE", URI
            )
            return text.replace("00000001", f"{number:08x}").replace(parameters["response"], response)

        for number, expected in ((1, ALICE), (2, ALICE), (2, STALE), (1, STALE), (0x1A, ALICE), (0x1A, STALE)):
            self.assertEqual(self.judge(counted(number)), expected, number)

    def test_bounded(self) -> None:
        """What is remembered is bounded; what had to be forgotten cannot be replayed; a wrong answer leaves nothing."""
        self.patch(module, "MAX_USED", 20)
        self.judge(self.log(password="wander"))
        self.assertEqual(len(self.verifier._used), 0)
        first = self.log()
        self.assertEqual(self.judge(first), ALICE)
        for _ in range(30):
            self.clock.advance(1)
            self.assertEqual(self.judge(self.log()), ALICE)
        self.assertEqual(len(self.verifier._used), 20)
        self.assertEqual(self.judge(first), STALE)


class GuessingTests(VerifierCase):
    """Those who try passwords."""

    def test_slowed(self) -> None:
        """After a few wrong logins of a source not even the right password is looked at, until its time has come."""
        for _ in range(SOURCE_FREE + 4):
            self.clock.advance(MAX_WAIT)
            self.assertEqual(self.judge(self.log(password="wander")), WRONG)
        self.assertEqual(self.judge(self.log()), WRONG)
        self.assertEqual(self.judge(self.log(), host=STRANGER), STALE)
        self.assertEqual(self.judge(self.log(host=STRANGER), host=STRANGER), ALICE)
        self.clock.advance(8)
        self.assertEqual(self.judge(self.log()), ALICE)

    def test_anyMethod(self) -> None:
        """All methods draw on the same budget."""
        for method in ("INVITE", "REFER", "REGISTER", "SUBSCRIBE"):
            self.assertEqual(self.judge(self.log(password="a", method=method), method=method), WRONG)
        self.assertEqual(self.judge(self.log()), WRONG)

    @slow
    def test_figure(self) -> None:
        """In a day, however often it tries, a source has some hundred passwords looked at."""
        end = self.clock.seconds() + 86400
        with capturedLogs() as events:
            while self.clock.seconds() < end:
                self.judge(self.log(password="wander"))
                self.clock.advance(10)
        looked = [each for each in events if "Wrong login" in (formatEvent(each) or "")]
        self.assertLess(len(looked), 310)

    def test_manySources(self) -> None:
        """One name is guessed at from all sources together as slowly; from where it has been in it gets in."""
        self.assertEqual(self.judge(self.log()), ALICE)
        for number in range(NAME_FREE + 9):
            host = f"198.51.100.{number}"
            self.judge(self.log(password=str(number), host=host), host=host)
            self.clock.advance(self.verifier._guesses.wait("alice", host) if number < NAME_FREE + 8 else 0)
        self.assertEqual(self.judge(self.log(host=STRANGER), host=STRANGER), WRONG)
        self.assertEqual(self.judge(self.log()), ALICE)
        self.assertEqual(self.judge(self.log("ü", "x", host=STRANGER), host=STRANGER).user, "ü")

    def test_unknownNames(self) -> None:
        """Names that do not exist are answered alike, and slow their source down just as well."""
        known = [self.judge(self.log(password="x"), host=PHONE) for _ in range(20)]
        unknown = [self.judge(self.log(f"nobody{number}", host=STRANGER), host=STRANGER) for number in range(20)]
        self.assertEqual(known, unknown)
        self.assertEqual(self.verifier._guesses.wait(None, PHONE), self.verifier._guesses.wait(None, STRANGER))

    def test_otherPassword(self) -> None:
        """When the file has another password for a name, its old failures are over, and others' are not."""
        for number in range(NAME_FREE + 5):
            for name in ("alice", "ü"):
                host = f"198.51.{number}.{len(name)}"
                self.judge(self.log(name, "no", host=host), host=host)
                self.clock.advance(0.01)
        self.assertTrue(self.verifier.adopt({"alice": "land", "ü": "x"}))
        self.assertFalse(self.verifier.adopt({"alice": "land", "ü": "x"}))
        self.assertEqual(self.verifier._guesses.wait("alice", STRANGER), 0)
        self.assertGreater(self.verifier._guesses.wait("ü", STRANGER), 0)
        self.assertEqual(self.judge(self.log(password="land")), ALICE)


class LineTests(VerifierCase):
    """What the log says."""

    def said(self, *logins: str, host: str = PHONE, method: str = "INVITE") -> list[str]:
        with capturedLogs() as events:
            for each in logins:
                self.judge(each, host=host, method=method)
        return [formatEvent(each) or "" for each in events]

    def test_wrong(self) -> None:
        """A wrong login is a line with its source and name, whether that exists or not; no password is in it."""
        for user in ("alice", "bob"):
            (line,) = self.said(self.log(user, "wander"))
            self.assertEqual(line, f"Wrong login from {PHONE} with INVITE, the next is looked at in 0 s; name {user!r}")

    def test_quiet(self) -> None:
        """What is right, too old or none is no such line."""
        old = self.log(host=STRANGER)
        self.assertEqual(self.said(self.log(), old, "Digest", "Basic YTpi"), [])

    def test_limited(self) -> None:
        """Lines are limited, one about the wait is among them."""
        lines = self.said(*(self.log(password="wander") for _ in range(100)))
        self.assertEqual(len(lines), SOURCE_FREE + 2)
        self.assertIn("is not looked at for 1 s", lines[-1])

    def test_hostile(self) -> None:
        """A name is written so that it can pass for nothing else, and not at any length."""
        (line,) = self.said(self.log("x\r\nWrong login from 192.0.2.1" + "y" * 500))
        self.assertNotIn("\n", line)
        self.assertTrue(line.startswith(f"Wrong login from {PHONE} "))
        self.assertLess(len(line), 200)

    def test_secret(self) -> None:
        """No password shows in what is printed of the verifier."""
        self.assertNotIn("wonder", repr(self.verifier))
