"""Tests for L{ichatgw.web.pages}: calls that are no longer in memory."""

from __future__ import annotations

import io
import re
from html import unescape
from zipfile import ZipFile

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.observe.archive.archive import LATE, Archive
from ichatgw.observe.events import CallArrived, Message
from ichatgw.runtime.disk import DirectDisk
from ichatgw.test.support.events import HUNG_UP, PHONE, Scene, sip
from ichatgw.test.support.web import Place
from ichatgw.test.web.test_pages import Checked
from ichatgw.web.pages import PAGE


class ArchivedTests(SynchronousTestCase):
    """What the page shows of calls of the file."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        self.start(1000)

    def start(self, kept: int) -> None:
        """Another process, that keeps so many in memory."""
        self.place = Place(kept=kept)
        now = self.place.scene.events.now
        self.archive = Archive(self.place.turns, self.path, 7, DirectDisk(), self.place.calls, lambda: now()[1])
        self.place.pages.archive = self.archive
        self.archive.start()
        self.addCleanup(self.archive.stop)

    @property
    def scene(self) -> Scene:
        """What happens."""
        return self.place.scene

    def restart(self, kept: int = 1000) -> None:
        """Stop, and begin anew."""
        self.archive.stop()
        self.start(kept)

    def page(self, path: str, status: int = 200) -> str:
        """A page that is in order."""
        said = self.place.ask(path)
        self.assertEqual((said.status, Checked(said.body).problems), (status, []), path)
        return said.body

    def call(self, name: str, caller: str = "sip:alice@a") -> None:
        """One that is over."""
        self.scene.publish(CallArrived, name, f"leg-{name}", "sip", caller, "xmpp:bob@b", PHONE, ())
        self.scene.ends(name, HUNG_UP)

    def walk(self, path: str) -> list[str]:
        """The names on that page and on all older ones."""
        names: list[str] = []
        while path:
            page = self.page(path)
            names += re.findall(r'href="/calls/(\w+)"', page)
            path = unescape((re.findall(r'rel="next" href="([^"]+)"', page) or [""])[0])
        return names

    def test_restart(self) -> None:
        """After a restart a call has its page, with every message of its ladder, and its file."""
        self.scene.arrives()
        self.scene.routes()
        self.scene.talks()
        self.scene.says(sip("BYE sip:72@gw SIP/2.0", "one@phone", "Authorization: Basic c2VjcmV0"))
        self.scene.ends()
        messages = [rung.event for rung in self.place.calls.ladder("c-1") if isinstance(rung.event, Message)]
        self.restart()
        self.assertIn('href="/calls/c-1"', self.page("/calls"))
        page = self.page("/calls/c-1")
        shown = [unescape(each) for each in re.findall(r'<pre tabindex="0">\n(.*?)</pre>', page, re.DOTALL)]
        self.assertEqual(shown, [message.shown() for message in messages])
        self.assertIn("Why it ended", page)
        self.assertIn('id="r0"', self.page("/calls/c-1/part"))
        said = self.place.ask("/calls/c-1.zip")
        self.assertEqual((said.status, said.headers["content-type"]), (200, "application/zip"))
        for secret in ("c2VjcmV0",):
            self.assertNotIn(secret, page)
            with open(self.path, "rb") as file:
                self.assertNotIn(secret.encode(), file.read())

    def test_search(self) -> None:
        """Calls are searched in memory and in the file, the latest first, each once."""
        for name in ("one", "two"):
            self.call(name, f"sip:+49{name}@a")
        self.restart()
        for name in ("three", "four"):
            self.call(name, f"sip:+49{name}@a")
        for _ in range(20):
            self.scene.clock.advance(LATE / 10)
        self.assertEqual(self.walk("/calls"), ["four", "three", "two", "one"])
        self.assertEqual(self.walk("/calls?q=%2B49t"), ["three", "two"])
        self.assertEqual(self.walk("/calls?q=HANGUP"), ["four", "three", "two", "one"])
        self.assertIn("there is no such call", self.page("/calls?q=nothing"))

    def test_pages(self) -> None:
        """However many are in memory and in the file, each is on one of the pages, in order; the last has no next."""
        for old, new in ((PAGE + 30, 10), (PAGE, PAGE), (1, PAGE), (3 * PAGE, 0)):
            self.path = self.mktemp()
            self.restart()
            for number in range(old):
                self.call(f"old{number}")
            self.restart()
            for number in range(new):
                self.call(f"new{number}")
            wanted = [f"new{number}" for number in reversed(range(new))]
            wanted += [f"old{number}" for number in reversed(range(old))]
            self.assertEqual(self.walk("/calls"), wanted)
            self.assertEqual(self.walk("/calls?q=alice"), wanted)

    def test_smallMemory(self) -> None:
        """What has gone from memory is found in the file."""
        self.restart(kept=2)
        for number in range(5):
            self.call(f"n{number}")
            for _ in range(20):
                self.scene.clock.advance(LATE / 10)
        self.assertEqual(self.walk("/calls"), [f"n{number}" for number in range(4, -1, -1)])
        self.assertIn("Why it ended", self.page("/calls/n0"))
        self.assertIn("7 days", self.page("/calls"))

    def test_missing(self) -> None:
        """What is in neither is not there; numbers that are none are the first page."""
        self.call("one")
        self.restart()
        for path in ("/calls/two", "/calls/two.zip", "/calls/two/part", "/calls/one/else"):
            self.page(path, 404)
        for wrong in ("-1", "x", "9" * 30, "٣", ""):
            self.assertIn('"/calls/one"', self.place.ask(f"/calls?before={wrong}").body)
        self.assertIn("no call is over yet", self.page("/calls?before=0"))

    def test_zip(self) -> None:
        """The file of an old call is whole."""
        self.call("one")
        self.restart()
        channel, wire = self.place.connect()
        channel.dataReceived(b"GET /calls/one.zip HTTP/1.0\r\nHost: localhost:8088\r\n\r\n")
        for _ in range(200):
            self.scene.clock.advance(0.02)
        channel.connectionLost()
        with ZipFile(io.BytesIO(wire.value().partition(b"\r\n\r\n")[2])) as file:
            self.assertEqual(sorted(file.namelist()), ["one/call.json", "one/ladder.txt", "one/messages.pcap"])
