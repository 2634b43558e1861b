"""Tests for L{ichatgw.web.root} and L{ichatgw.web.answers}."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ichatgw.test.support.web import Place, answerIn, basic
from ichatgw.web.login import WebLogins

TOKEN = "0123456789abcdef"
PASSWORD = "open sesame"


class OpenTests(SynchronousTestCase):
    """A site without a login."""

    def setUp(self) -> None:
        self.place = Place()

    def test_headers(self) -> None:
        """Every answer, also of what is wrong, forbids what is not needed."""
        for path in ("/", "/live", "/api/status", "/nothing", "/static/page.js", "/%ff%00"):
            said = self.place.ask(path)
            self.assertIn("default-src 'none'", said.headers["content-security-policy"])
            self.assertNotIn("unsafe", said.headers["content-security-policy"])
            self.assertEqual(said.headers["x-content-type-options"], "nosniff")
            self.assertNotIn("twisted", str(said.headers).lower())

    def test_otherNames(self) -> None:
        """Without a login nothing but health is told under other names than those of this host (DNS rebinding)."""
        for name, status in (
            ("localhost:1", 200),
            ("127.0.0.1", 200),
            ("[::1]:80", 200),
            ("evil.test", 403),
            ("", 403),
        ):
            self.assertEqual(self.place.ask("/api/status", Host=name).status, status, name)
        self.assertEqual(self.place.ask("/api/status", Host="[evil").status, 403)
        self.assertEqual(self.place.ask("/ready", Host="evil.test").status, 200)

    def test_methods(self) -> None:
        """What is unknown is not found, what takes another method says so, and HEAD is GET without the body."""
        self.assertEqual(self.place.ask("/nothing").status, 404)
        self.assertEqual(self.place.ask("/live/more").status, 404)
        self.assertEqual(self.place.ask("/api/drain").status, 405)
        for path, method, allowed in (
            ("/live", "DELETE", "GET, HEAD, POST"),
            ("/live", "OPTIONS", "GET, HEAD, POST"),
            ("/api/drain", "GET", "POST"),
            ("/api/drain", "HEAD", "POST"),
        ):
            said = self.place.ask(path, method)
            self.assertEqual((said.status, said.headers["allow"]), (405, allowed), (path, method))
        posted = self.place.ask("/api/status", "POST", "{}", Content_Type="application/json")
        self.assertEqual((posted.status, posted.headers["allow"]), (405, "GET, HEAD"))
        for path in ("/live", "/"):
            said = self.place.ask(path, "HEAD")
            self.assertEqual((said.status, said.body), (200, ""))

    def test_absolute(self) -> None:
        """Who asks as they would ask a proxy is answered; under the name that they ask, whatever C{Host} says."""
        self.assertEqual(self.place.ask("http://localhost:8088/api/status").status, 200)
        self.assertEqual(self.place.ask("HTTP://localhost").status, 200)
        self.assertEqual(self.place.ask("http://evil.test/api/status", Host="localhost").status, 403)
        self.assertEqual(self.place.ask("http://localhost/api/status", Host="evil.test").status, 200)

    def test_severalHosts(self) -> None:
        """A request that names several hosts is none."""
        channel, wire = self.place.connect()
        channel.dataReceived(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nHost: evil.test\r\n\r\n")
        self.assertEqual(answerIn(wire.value()).status, 400)

    def test_failure(self) -> None:
        """What goes wrong here is 500 and a line in the log, a few of them, and says nothing of how we are made."""
        for _ in range(20):
            said = self.place.ask("/fails")
            self.assertEqual(said.status, 500)
            self.assertNotIn("broken", said.body)
        self.assertLess(len(self.flushLoggedErrors(RuntimeError)), 10)

    def test_failureInTheMiddle(self) -> None:
        """An answer that fails half way is not taken for whole: the connection is cut."""
        channel, wire = self.place.connect()
        channel.dataReceived(b"GET /breaks HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.assertTrue(wire.aborted)
        self.assertNotIn(b"\r\n0\r\n\r\n", wire.value())
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_manyWords(self) -> None:
        """An address that says too many things is refused."""
        self.assertEqual(self.place.ask("/calls?" + "&".join(f"a{n}=1" for n in range(100))).status, 400)

    def test_long(self) -> None:
        """A long answer comes whole, in many turns."""
        self.assertEqual(len(self.place.ask("/long").body), 1_000_000)


class FormTests(SynchronousTestCase):
    """What changes something."""

    def setUp(self) -> None:
        self.place = Place()
        self.place.scene.arrives()
        page = self.place.ask("/calls/c-1/hangup")
        self.cookie = page.headers["set-cookie"].partition(";")[0]
        self.assertIn("samesite=strict", page.headers["set-cookie"].lower())
        self.assertIn("httponly", page.headers["set-cookie"].lower())
        self.token = page.body.partition('name="token" value="')[2].partition('"')[0]

    def post(self, token: str, **headers: str) -> int:
        """Send the form."""
        kind = "application/x-www-form-urlencoded"
        headers = {"Content_Type": kind, "Cookie": self.cookie, **headers}
        return self.place.ask("/calls/c-1/hangup", "POST", f"token={token}", **headers).status

    def test_ours(self) -> None:
        """Our own form is taken, with or without an Origin."""
        self.assertEqual(self.post(self.token), 303)
        self.assertEqual(self.post(self.token, Origin="http://localhost:8088", Sec_Fetch_Site="same-origin"), 303)
        self.assertEqual([order.name for order in self.place.ordered], ["hangup", "hangup"])
        self.assertEqual(self.place.ordered[0].words, {"id": "c-1"})

    def test_others(self) -> None:
        """A form without the token, with that of another cookie, or of another site does nothing."""
        self.assertEqual(self.post(""), 403)
        self.assertEqual(self.post("0" * 64), 403)
        self.assertEqual(self.post(self.token, Cookie="ichatgw-form=" + "a" * 32), 403)
        self.assertEqual(self.post(self.token, Cookie=""), 403)
        self.assertEqual(self.post(self.token, Origin="http://evil.test"), 403)
        self.assertEqual(self.post(self.token, Origin="null"), 403)
        self.assertEqual(self.post(self.token, Sec_Fetch_Site="cross-site"), 403)
        self.assertEqual(self.place.ordered, [])

    def test_json(self) -> None:
        """The API takes JSON, which no other site can make a browser send, and no forms."""
        for kind, origin, status in (
            ("application/json", "", 200),
            ("application/json", "http://evil.test", 403),
            ("Application/JSON; charset=utf-8", "", 200),
            ("text/plain", "", 415),
            ("application/x-www-form-urlencoded", "", 415),
            ("", "", 415),
        ):
            headers = {"Content_Type": kind} | ({"Origin": origin} if origin else {})
            said = self.place.ask("/api/hangup", "POST", '{"call": "c-1"}', **headers)
            self.assertEqual(said.status, status, kind)
            if status == 415:
                self.assertIn("send an object of texts as Content-Type: application/json", said.json["error"])

    def test_noJSON(self) -> None:
        """A body that is none, or says more than texts, is refused in words."""
        for body in ("{", "[1]", '{"call": 1}', "[" * 10000):
            said = self.place.ask("/api/hangup", "POST", body, Content_Type="application/json")
            self.assertEqual(said.status, 400)
            self.assertIn("JSON" if body in ("{", "[" * 10000) else "object", said.json["error"])


class LoginTests(SynchronousTestCase):
    """A site with users and a token."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.place = Place(logins=WebLogins(self.clock, {"ann": PASSWORD}, TOKEN))

    def test_who(self) -> None:
        """A right name and password, or the token in either way, are let in from anywhere; others are to log in."""
        for login, status in (
            (basic("ann", PASSWORD), 200),
            (basic("", TOKEN), 200),
            (f"Bearer {TOKEN}", 200),
            (basic("ann", ""), 401),
            (basic("bob", ""), 401),
            (f"Bearer {PASSWORD}", 401),
            ("Basic ???", 401),
            ("Digest x", 401),
        ):
            said = self.place.ask("/api/status", Authorization=login, Host="gw.test")
            self.assertEqual(said.status, status, login)
        self.assertEqual(self.place.ask("/metrics-are-not-here").status, 401)
        self.assertIn("Basic", self.place.ask("/").headers["www-authenticate"])

    def test_health(self) -> None:
        """Health is for everybody; what is wrong in words for those who have logged in."""
        self.place.trouble = "no link to 192.0.2.1"
        self.assertNotIn("192.0.2.1", self.place.ask("/ready").body)
        self.assertIn("192.0.2.1", self.place.ask("/ready", Authorization=f"Bearer {TOKEN}").body)
        self.assertEqual(self.place.ask("/live").status, 200)

    def test_guesses(self) -> None:
        """After many wrong logins nothing from there is looked at, for a while; others are not concerned."""
        for _ in range(10):
            self.place.ask("/", host="192.0.2.9", Authorization=basic("ann", "guess"))
        right = basic("ann", PASSWORD)
        self.assertEqual(self.place.ask("/", host="192.0.2.9", Authorization=right).status, 429)
        self.assertEqual(self.place.ask("/ready", host="192.0.2.9", Authorization=right).status, 200)
        self.assertEqual(self.place.ask("/", host="192.0.2.10", Authorization=right).status, 200)
        self.clock.advance(60)
        self.assertEqual(self.place.ask("/", host="192.0.2.9", Authorization=right).status, 200)

    def test_bearerNeedsNoForm(self) -> None:
        """Programs with the token need no form: no browser sends it by itself.  With a password they do."""
        token = f"Bearer {TOKEN}"
        self.assertEqual(self.place.ask("/api/hangup", "POST", "call=x", Authorization=token).status, 200)
        self.assertEqual(
            self.place.ask("/api/hangup", "POST", "call=x", Authorization=basic("ann", PASSWORD)).status, 415
        )
