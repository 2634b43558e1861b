"""Tests for L{ichatgw.web.pages} and L{ichatgw.web.views}."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Ending, EndReason
from ichatgw.observe.events import CallArrived, DtlsState, IceState, MediaStarted, MediaStats, Message
from ichatgw.test.support.events import PHONE, sip
from ichatgw.test.support.web import TRUNK, Place
from ichatgw.web.pages import MAX_LIVE, MAX_TRUNKS, PAGE

_EMPTY = {"meta", "link", "input", "polyline"}


class Checked(HTMLParser):
    """
    Reads a page.

    @ivar problems: elements that are not closed, or closed wrongly, ids that are there twice, scripts and styles in it.
    """

    def __init__(self, page: str) -> None:
        HTMLParser.__init__(self)
        self.problems: list[str] = []
        self._open: list[str] = []
        self._ids: set[str] = set()
        self.feed(page)
        self.close()
        self.problems += [f"<{each}> is not closed" for each in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See L{HTMLParser}."""
        found = dict(attrs)
        name = found.get("id")
        if name in self._ids:
            self.problems.append(f"{name} is there twice")
        self._ids |= {name} - {None}  # type: ignore[arg-type]
        self.problems += [f"{tag} {each}" for each in found if each.startswith("on") or each == "style"]
        if tag == "style" or (tag == "script" and not found.get("src")):
            self.problems.append(f"<{tag}> within the page")
        if tag not in _EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See L{HTMLParser}."""

    def handle_endtag(self, tag: str) -> None:
        """See L{HTMLParser}."""
        if not self._open or self._open.pop() != tag:
            self.problems.append(f"</{tag}>")


class PagesCase(SynchronousTestCase):
    """Pages of a place."""

    def setUp(self) -> None:
        self.place = Place()

    def page(self, path: str, status: int = 200) -> str:
        """A page that is in order."""
        said = self.place.ask(path)
        self.assertEqual(said.status, status)
        self.assertEqual(Checked(said.body).problems, [], path)
        return said.body


class HomeTests(PagesCase):
    """What is now."""

    def test_ready(self) -> None:
        """The page says whether calls can be taken, and what is wrong if not."""
        self.assertIn("Ready for calls", self.page("/"))
        self.place.trouble = "the <server> is away"
        page = self.page("/")
        self.assertIn("Not ready for calls", page)
        self.assertIn("the &lt;server&gt; is away", page)

    def test_live(self) -> None:
        """A call is there while it lives; the part for the script has it too, and no frame."""
        self.assertIn("no calls now", self.page("/"))
        self.place.scene.arrives()
        for path in ("/", "/part/home"):
            self.assertIn('href="/calls/c-1"', self.page(path))
        self.assertNotIn("<html", self.page("/part/home"))
        self.place.scene.ends()
        self.assertNotIn('href="/calls/c-1"', self.page("/"))

    def test_trunks(self) -> None:
        """Each trunk is there, with what is wrong with it; of many so many, and without any nothing is said of them."""
        self.assertNotIn("Trunk", self.page("/"))
        refused = {**TRUNK, "name": "other", "works": False, "left": None, "state": "refused", "trouble": "<403>"}
        self.place.trunks = [TRUNK, refused, {**TRUNK, "name": "third", "registers": False, "left": None}]
        for path in ("/", "/part/home"):
            page = self.page(path)
            self.assertIn("sip.example.com</td>\n<td>works</td>\n<td>for 9:00</td>\n<td>answers</td>", page)
            self.assertIn("<td>2 of 10</td>", page)
            self.assertIn('<tr class="wrong">\n<th scope="row">other</th>', page)
            self.assertIn("<td>refused: &lt;403&gt;</td>\n<td>no</td>", page)
            self.assertIn("<td>not to be</td>", page)
            self.assertIn("<h2>Calls now</h2>", page)
            self.assertNotIn("More trunks", page)
            self.assertNotIn("proxies", page)
        self.place.trunks = [{**TRUNK, "flows": 2}]
        self.assertIn("<td>for 9:00, by 1 of 2 proxies</td>", self.page("/"))
        self.place.trunks = [TRUNK] * (MAX_TRUNKS + 5)
        page = self.page("/")
        self.assertEqual(page.count(">provider<"), MAX_TRUNKS)
        self.assertIn("More trunks", page)

    def test_many(self) -> None:
        """Of many calls so many are shown, and the rest is counted."""
        for number in range(MAX_LIVE + 5):
            self.place.scene.arrives(f"c-{number}", callId=f"id-{number}")
        page = self.page("/")
        self.assertEqual(page.count('href="/calls/'), MAX_LIVE)
        self.assertIn("and 5 more", page)

    def test_templates(self) -> None:
        """Templates are made at the start, which takes long, and not while calls go on."""
        templates = self.place.pages._templates
        assert templates.cache is not None
        self.assertEqual(len(templates.cache), len(templates.list_templates()))

    def test_static(self) -> None:
        """Nothing on a page comes from elsewhere, and what it names is there."""
        page = self.page("/")
        for path in re.findall(r'(?:src|href)="([^"]+)"', page):
            self.assertTrue(path.startswith(("/", "#")), path)
            if path.startswith("/static/"):
                self.assertEqual(self.place.ask(path).status, 200)
        for path in ("/static/frame.html", "/static/..%2fpages.py", "/static/"):
            self.assertEqual(self.place.ask(path).status, 404)


class PastTests(PagesCase):
    """Calls that are over."""

    def call(self, name: str, caller: str, reason: EndReason = EndReason.BUSY) -> None:
        """One that came to nothing."""
        self.place.scene.publish(CallArrived, name, f"leg-{name}", "sip", caller, "xmpp:bob@b", PHONE, ())
        self.place.scene.ends(name, Ending(reason, "words"))

    def test_search(self) -> None:
        """Calls are found by number, JID, name and reason, in any case; others are not shown."""
        self.call("one", "sip:+4930123@a")
        self.call("two", "sip:Eve@a", EndReason.NOT_FOUND)
        for wanted, found in (
            ("4930", {"one"}),
            ("eve@", {"two"}),
            ("two", {"two"}),
            ("BOB@B", {"one", "two"}),
            ("not_found", {"two"}),
            ("no+such+address", {"two"}),
            ("%3Cscript%3E", set()),
            ("", {"one", "two"}),
        ):
            page = self.page(f"/calls?q={wanted}")
            self.assertEqual(set(re.findall(r'href="/calls/(\w+)"', page)), found, wanted)
            self.assertNotIn("<script>", page)
        self.assertIn("there is no such call", self.page("/calls?q=nothing"))

    def test_pages(self) -> None:
        """The latest are first, and the others on the next pages; wrong numbers are the first page."""
        for number in range(2 * PAGE + 1):
            self.call(f"n{number}", "sip:a@a")
        seen = []
        path = "/calls"
        for _ in range(3):
            page = self.page(path)
            seen += re.findall(r'href="/calls/n(\d+)"', page)
            path = unescape((re.findall(r'rel="next" href="([^"]+)"', page) or [""])[0])
        self.assertEqual([int(each) for each in seen], list(range(2 * PAGE, -1, -1)))
        self.assertEqual(path, "")
        for wrong in ("-1", "x", "99999999999", "٣"):
            self.assertIn("/calls/n200", self.place.ask(f"/calls?from={wrong}").body)


class CallTests(PagesCase):
    """One call."""

    def setUp(self) -> None:
        super().setUp()
        scene = self.place.scene
        scene.arrives()
        scene.routes()
        scene.talks()

    def test_everyMessage(self) -> None:
        """Every message of the call is there as it was, in order, with the time since it came."""
        self.place.scene.says(sip("BYE sip:72@gw SIP/2.0", "one@phone", 'Reason: <odd> & "more"'))
        self.place.scene.ends()
        page = self.page("/calls/c-1")
        shown = [unescape(each) for each in re.findall(r'<pre tabindex="0">\n(.*?)</pre>', page, re.DOTALL)]
        ladder = self.place.calls.ladder("c-1")
        texts = [rung.event.text for rung in ladder if isinstance(rung.event, Message)]
        self.assertEqual(shown, texts)
        self.assertEqual(len(shown), 3)
        self.assertIn("2000 ms", page)

    def test_secrets(self) -> None:
        """Passwords, keys and pressed keys are on no page and in no file."""
        message = sip("INFO sip:72@gw SIP/2.0", "one@phone", "Authorization: Basic c2VjcmV0")
        self.place.scene.says(message + b"a=crypto:1 AES inline:c2VjcmV0\r\n")
        page = self.page("/calls/c-1")
        self.assertNotIn("c2VjcmV0", page)
        self.assertIn("(not shown)", page)
        self.assertNotIn("c2VjcmV0", self.place.ask("/calls/c-1.zip").body)

    def test_media(self) -> None:
        """First packets, ICE, DTLS and figures of each side are there, with loss and jitter as plots."""
        scene = self.place.scene
        scene.publish(MediaStarted, "c-1", "caller", PHONE)
        scene.publish(IceState, "c-1", "callee", "connected", "192.0.2.9:1000")
        scene.publish(DtlsState, "c-1", "callee", "secured", "AES128")
        for packets in (500, 1000):
            scene.publish(MediaStats, "c-1", "caller", packets, 1, 5, 0.005, 2, 0.03, (("flood", 2),), PHONE)
        page = self.page("/calls/c-1")
        for words in (
            "first packet of the caller from 192.0.2.7:5060",
            "ICE of the callee connected",
            "media of the callee secured",
            "1000 (1 octets), 5 lost on the way to us",
            "5.0 ms",
            "2 (flood)",
        ):
            self.assertIn(words, page)
        self.assertEqual(page.count("<polyline"), 2)

    def test_end(self) -> None:
        """A call that is over says why, in plain words and where README has more; it can be hung up no more."""
        self.assertIn("Hang up", self.page("/calls/c-1"))
        self.assertIn('data-refresh="/calls/c-1/part"', self.page("/calls/c-1"))
        self.place.scene.ends(ending=Ending(EndReason.CONNECTIVITY, "<gone>"))
        page = self.page("/calls/c-1")
        self.assertIn("&lt;gone&gt;", page)
        self.assertIn("look at firewalls", page)
        self.assertIn("<code>connectivity</code>", page)
        self.assertNotIn("Hang up", page)
        self.assertNotIn("data-refresh", self.page("/calls/c-1/part"))

    def test_unknown(self) -> None:
        """A call that is not known, or no longer, and a page that it has not, are not found."""
        for path in ("/calls/c-2", "/calls/", "/calls/c-1/x", "/calls/c-2.zip", "/calls/c-2/hangup", "/calls/%00"):
            self.page(path, 404)

    def test_strangersNames(self) -> None:
        """What strangers put into names cannot break a page."""
        odd = 'sip:"><script>alert(1)</script>@\x00\x1b\u202e\ud800'
        self.place.scene.publish(CallArrived, "c-3", "leg", "sip", odd, odd, PHONE, (odd,))
        for path in ("/", "/calls/c-3", "/calls/c-3/hangup"):
            self.assertNotIn("<script>alert", self.page(path))
        self.place.scene.ends("c-3", Ending(EndReason.FAILED, odd))
        for path in ("/calls", "/calls/c-3"):
            self.assertNotIn("<script>alert", self.page(path))
        self.assertEqual(self.place.ask("/calls/c-3.zip").status, 200)
