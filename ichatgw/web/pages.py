# -*- test-case-name: ichatgw.test.web.test_pages,ichatgw.test.web.test_root -*-
"""
The pages for people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from attrs import define, field
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from twisted.internet.defer import Deferred, succeed

from ichatgw.control.protocol import Order
from ichatgw.log.redaction import Content
from ichatgw.observe.archive.archive import Archive, Whole
from ichatgw.observe.archive.codec import readCall
from ichatgw.observe.archive.table import Found
from ichatgw.observe.events import Message
from ichatgw.observe.readiness import Readiness
from ichatgw.observe.registry import LiveCalls
from ichatgw.observe.snapshots import CallSnapshot, Rung
from ichatgw.web import views
from ichatgw.web.advice import CHAPTER, adviceOf
from ichatgw.web.answers import HTML, Refusal, Reply, Visit
from ichatgw.web.api import API
from ichatgw.web.bundle import bundle
from ichatgw.web.history import History
from ichatgw.web.plots import hour
from ichatgw.web.root import Routes

HERE = Path(__file__).parent

MAX_LIVE = 200
"""Calls that live, of which the first page shows so many."""

MAX_TRUNKS = 100
"""Trunks, of which it shows so many."""

PAGE = 100
"""Calls that are over, on one page."""

CALLS = "/calls/"

STATIC = {
    "style.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}

_CONTENT = "\0"


@define(eq=False)
class Pages:
    """
    @ivar hides: what is not shown of messages, besides what is secret.
    @ivar figures: what the status says.
    @ivar trunks: gives the state of each trunk.
    @ivar archive: has the calls that are no longer in C{calls}, if they are kept.
    """

    calls: LiveCalls
    readiness: Readiness
    history: History
    figures: Callable[[], Mapping[str, Any]]
    trunks: Callable[[], Iterator[Mapping[str, Any]]]
    api: API
    hides: Content = Content.DIGITS
    archive: Archive | None = None
    _templates: Environment = field(init=False)
    _static: dict[str, bytes] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(
            moment=views.moment, lasting=views.lasting, reasonOf=views.reasonOf, pathOf=pathOf, chapter=CHAPTER
        )
        for name in self._templates.list_templates():
            self._templates.get_template(name)  # to make it takes long, so not while calls go on
        self._static = {name: (HERE / "static" / name).read_bytes() for name in STATIC}

    def addTo(self, routes: Routes) -> None:
        """Answer what browsers ask for."""
        routes.exact["GET", "/"] = self.home
        routes.exact["GET", "/part/home"] = self.homePart
        routes.exact["GET", "/calls"] = self.list
        routes.below["GET", CALLS] = self.call
        routes.below["POST", CALLS] = self.hangup
        routes.below["GET", "/static/"] = self.static
        routes.error = self.error

    def shown(self, message: Message) -> str:
        """What may be seen of it."""
        return message.shown(self.hides)

    # The pages

    def home(self, visit: Visit) -> Reply:
        """The state at a glance, and the calls that live."""
        return Reply(self._framed("Now", visit, self._home()))

    def homePart(self, visit: Visit) -> Reply:
        """The same without what is around it, for the script."""
        return Reply(self._home())

    def list(self, visit: Visit) -> Deferred[Reply]:
        """The calls that are over: those in memory, the latest first, and then those of the archive."""
        wanted = visit.words.get("q", "").strip()[:200]
        first, before = _number(visit.words.get("from", ""), 6) or 0, _number(visit.words.get("before", ""), 15)
        found: Deferred[Any] = succeed([])
        if self.archive is not None:
            found = self.archive.search(wanted, before, PAGE + 1, lambda name: self.calls.find(name) is not None)
        newest = self.calls.past if before is None else iter(())

        def page(old: Sequence[Found]) -> Reply:
            return Reply(self._framed("Calls", visit, self._past(wanted, first, newest, old)))

        return found.addCallback(page)

    def call(self, visit: Visit) -> Reply | Deferred[Reply]:
        """All of one call: its page, a part of that, a file, or the question whether it is to be hung up."""
        name, _, what = visit.path.removeprefix(CALLS).partition("/")
        if name.endswith(".zip") and not what:
            name, what = name[:-4], "zip"
        call = self.calls.find(name)
        if call is not None or self.archive is None:
            return self._call(visit, self._find(name), self.calls.ladder(name), what)

        def found(whole: Whole | None) -> Reply:
            return self._call(visit, *(whole or (self._find(name), ())), what)

        return self.archive.find(name).addCallback(found)

    def _call(self, visit: Visit, call: CallSnapshot, rungs: Sequence[Rung], what: str) -> Reply:
        name = call.id
        if what == "zip":
            headers = {"Content-Disposition": f'attachment; filename="{quote(name, safe="")}.zip"'}
            return Reply(bundle(call, rungs, self.hides), "application/zip", headers=headers)
        if what == "part":
            return Reply(self._ladder(call, rungs))
        if what == "hangup":
            return Reply(
                self._framed(f"Hang up {name}", visit, self._rendered("hangup.html", call=call, token=visit.token))
            )
        if what:
            raise Refusal(404, "there is no such page")
        return Reply(self._framed(f"Call {name}", visit, self._ladder(call, rungs)))

    def hangup(self, visit: Visit) -> Deferred[Reply]:
        """Hang up; the form of that page has asked for it."""
        name, _, what = visit.path.removeprefix(CALLS).partition("/")
        if what != "hangup":
            raise Refusal(404, "there is no such page")
        done = self.api.carried(Order("hangup", {"id": self._find(name).id}))
        return done.addCallback(lambda _: Reply([], HTML, 303, {"Location": pathOf(name)}))

    def static(self, visit: Visit) -> Reply:
        """What pages are made with."""
        name = visit.path.removeprefix("/static/")
        if name not in STATIC:
            raise Refusal(404, "there is no such file")
        return Reply([self._static[name]], STATIC[name], headers={"Cache-Control": "max-age=300"})

    def error(self, visit: Visit, status: int, text: str) -> Reply:
        """What is wrong."""
        return Reply(list(self._framed(text, visit, self._rendered("error.html", text=text))), HTML, status)

    # What they are made of, piece by piece

    def _home(self) -> Iterator[bytes]:
        yield from self._rendered(
            "home.html",
            figures=self.figures(),
            troubles=self.readiness.troubles,
            plot=hour(self.history.minutes),
            count=self.calls.count,
        )
        yield from self._trunks()
        yield from self._rendered("live.html")
        yield from self._rows((call for _, call in zip(range(MAX_LIVE), self.calls.live, strict=False)))
        yield from self._rendered(
            "rowsend.html",
            more=max(0, self.calls.count - MAX_LIVE),
            older="",
            newer="",
            empty="" if self.calls.count else "no calls now",
        )

    def _trunks(self) -> Iterator[bytes]:
        trunks = self.trunks()
        first = next(trunks, None)
        if first is None:
            return
        yield from self._rendered("trunks.html")
        row = self._templates.get_template("trunk.html")
        for trunk in chain([first], islice(trunks, MAX_TRUNKS - 1)):
            yield row.render(trunk=trunk).encode("utf-8", "replace")
        yield from self._rendered("trunksend.html", hasMore=next(trunks, None) is not None)

    def _past(self, wanted: str, first: int, newest: Iterator[CallSnapshot], old: Sequence[Found]) -> Iterator[bytes]:
        """
        @param first: so many of the newest were on the pages before.
        @param newest: those in memory.
        @param old: those of the archive, for a page, and one more if there are more.
        """
        days = 0 if self.archive is None else self.archive.days
        yield from self._rendered("calls.html", wanted=wanted, kept=self.calls.most, days=days)
        row = self._templates.get_template("row.html")
        found, older, link = 0, "", f"/calls?q={quote(wanted)}"
        for call in newest:
            if wanted and not views.matches(call, wanted):
                yield b""
                continue
            found += 1
            if found > first + PAGE:
                older = f"{link}&from={first + PAGE}"
                break
            yield row.render(call=call).encode("utf-8", "replace") if found > first else b""
        room = min(PAGE, max(0, first + PAGE - found))
        for each in old[:room]:
            found += 1
            yield self._kept(each)
        if not older and len(old) > room:
            # Numbers go downwards, and what is in memory is left out.
            older = f"{link}&before={old[room - 1].number if room else old[0].number + 1}"
        yield from self._rendered(
            "rowsend.html",
            more=0,
            older=older,
            newer=f"{link}&from={max(0, first - PAGE)}" if first else "",
            empty="" if found else "there is no such call" if wanted else "no call is over yet",
        )

    def _kept(self, found: Found) -> bytes:
        """The row of a call of the archive; nothing if it cannot be read."""
        try:
            call = readCall(found.call)
        except ValueError:
            return b""
        return self._templates.get_template("row.html").render(call=call).encode("utf-8", "replace")

    def _rows(self, calls: Iterator[CallSnapshot]) -> Iterator[bytes]:
        row = self._templates.get_template("row.html")
        for call in calls:
            yield row.render(call=call).encode("utf-8", "replace")

    def _ladder(self, call: CallSnapshot, rungs: Sequence[Rung]) -> Iterator[bytes]:
        yield from self._rendered("call.html", call=call, media=views.mediaViews(call), advice=adviceOf(call))
        rung = self._templates.get_template("rung.html")
        for number, each in enumerate(rungs):
            yield rung.render(rung=views.rungView(number, each, self.shown)).encode("utf-8", "replace")
        yield from self._rendered("callend.html", call=call)

    def _framed(self, title: str, visit: Visit, content: Iterator[bytes]) -> Iterator[bytes]:
        frame = self._templates.get_template("frame.html")
        before, after = frame.render(title=title, user=visit.user, content=Markup(_CONTENT)).split(_CONTENT)
        yield before.encode("utf-8", "replace")
        yield from content
        yield after.encode("utf-8", "replace")

    def _rendered(self, template: str, **values: Any) -> Iterator[bytes]:
        yield self._templates.get_template(template).render(**values).encode("utf-8", "replace")

    def _find(self, name: str) -> CallSnapshot:
        found = self.calls.find(name)
        if found is None:
            raise Refusal(404, "there is no such call, or it was so long ago that it is forgotten")
        return found


def _number(text: str, digits: int) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


def pathOf(call: str) -> str:
    """Where the page of a call is."""
    return CALLS + quote(call, safe="")
