# -*- test-case-name: ichatgw.test.interop -*-
"""
Jingle clients: headless Chromium with stanza.js, and slixmpp with aiortc.  Both take the same orders and tell the same
news; see C{page/page.js} and L{ichatgw.test.interop.aioclient.client}.
"""

from __future__ import annotations

import base64
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from attrs import define, field
from twisted.internet.defer import Deferred

import ichatgw
from ichatgw.test.e2e.programs.program import Program, ProgramFailed
from ichatgw.test.e2e.support.moment import until, within
from ichatgw.test.interop.cdp import Browser, wake
from ichatgw.test.interop.tonedetector import ToneDetector

ENVIRONMENT = Path(os.environ.get("ICHATGW_INTEROP", ".venv-interop")).absolute()
"""Where aiortc and the page are: C{make interop} puts them there."""

TONE = 880
"""What a client plays."""

News = dict[str, Any]


@define(eq=False, repr=False)
class Client:
    """
    @ivar directory: where it leaves what it said, heard, and which stanzas it saw.
    @ivar wanted: how it is started: see C{start} in C{page.js}.
    @ivar ear: listens for what the other end plays.
    @ivar news: all that it told so far, with C{at}, the time.
    """

    kind: ClassVar[str]
    reactor: Any
    directory: Path
    wanted: dict[str, Any]
    ear: ToneDetector
    news: list[News] = field(factory=list, init=False)

    async def start(self) -> None:
        """Fires when it is online."""
        raise NotImplementedError

    def order(self, name: str, *arguments: Any) -> Deferred[Any]:
        """Let it do something."""
        raise NotImplementedError

    async def statistics(self) -> dict[str, Any]:
        """What its WebRTC stack counts."""
        raise NotImplementedError

    async def stop(self) -> None:
        """End it."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """Its process."""
        raise NotImplementedError

    @property
    def jid(self) -> str:
        """Its full address."""
        return f"{self.wanted['jid']}/{self.wanted['resource']}"

    async def told(self, event: str, patience: float = 15.0, since: int = 0, **about: Any) -> News:
        """
        Wait until it has told of an event.

        @param since: how many of its news are too old.
        @param about: what has to be said about the event.
        """

        def found() -> News | None:
            for each in self.news[since:]:
                if each["event"] == event and all(each.get(key) == value for key, value in about.items()):
                    return each
            return None

        try:
            await until(self.reactor, found, f"{event} {about or ''} at {self.jid}", patience)
        except Exception as problem:
            raise ProgramFailed(f"{problem}; told were: {self.summary()}") from problem
        result = found()
        assert result is not None
        return result

    def has(self, event: str, **about: Any) -> bool:
        """Has it told that?"""
        return any(e["event"] == event and all(e.get(k) == v for k, v in about.items()) for e in self.news)

    def summary(self) -> str:
        """Its last news in short."""
        shown = [each for each in self.news if each["event"] not in ("available", "statistics")]
        return " ".join(
            each["event"] + "".join(f":{each[key]}" for key in ("state", "reason", "text", "name") if each.get(key))
            for each in shown[-15:]
        )

    def vanish(self, kill: bool = False) -> float:
        """
        Let it stand still as it is, or fall dead, without a word to anybody.

        @return: when that was.
        """
        number = signal.SIGKILL if kill else signal.SIGSTOP
        for pid in (self.pid, *_offspring(self.pid)):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        return float(self.reactor.seconds())

    def happened(self, news: News) -> None:
        """Called for each of its news."""
        news["at"] = self.reactor.seconds()
        event = news["event"]
        if event == "hear":
            self.ear.feed(base64.b64decode(news["samples"]))
            return
        if event == "stanza":
            self._keep("stanzas.xml", f"<!-- {news['at']:.3f} {news['way']} -->\n{news['text']}\n")
            return
        self._keep("news", json.dumps(news) + "\n")
        self.news.append(news)

    def __repr__(self) -> str:
        return f"{self.kind} {self.jid}"

    def _keep(self, name: str, text: str) -> None:
        with (self.directory / name).open("a") as file:
            file.write(text)


@define(eq=False, repr=False)
class Chromium(Client):
    """Chromium, with a page."""

    kind = "Chromium"
    _browser: Browser = field(init=False)

    async def start(self) -> None:
        self._browser = Browser(self.reactor, self.directory, hides=bool(self.wanted.get("hides")))
        self._browser.bindings = {"tell": self._tell, "hear": self._hear}
        await self._browser.start()
        await self._browser.open(ENVIRONMENT / "page" / "page.html")
        await self.order("start", self.wanted)
        await self.told("online", 30.0)

    def _tell(self, text: str) -> None:
        self.happened(json.loads(text))

    def _hear(self, samples: str) -> None:
        self.ear.feed(base64.b64decode(samples))

    def order(self, name: str, *arguments: Any) -> Deferred[Any]:
        words = ", ".join(json.dumps(argument) for argument in arguments)
        return self._browser.evaluate(f"client.{name}({words})")

    async def statistics(self) -> dict[str, Any]:
        found = dict(await within(self.reactor, 10, self.order("statistics")))
        self._keep("news", json.dumps({"event": "statistics", **found}) + "\n")
        return found

    async def stop(self) -> None:
        self.ear.save(self.directory / "heard.wav")
        await self._browser.stop()

    @property
    def pid(self) -> int:
        return self._browser.program.pid


@define(eq=False, repr=False)
class Aiortc(Client):
    """aiortc, as a Python of its own."""

    kind = "aiortc"
    _program: Program = field(init=False)

    async def start(self) -> None:
        self._program = _Lines(
            self.reactor,
            "aiortc",
            [str(ENVIRONMENT / "bin" / "python"), "-u", "-m", "ichatgw.test.interop.aioclient"],
            self.directory,
            {"PYTHONPATH": str(Path(ichatgw.__file__).parent.parent), "PYTHONWARNINGS": "ignore"},
            client=self,
        )
        self._program.start()
        self.order("start", self.wanted)
        await self.told("online", 30.0)

    def order(self, name: str, *arguments: Any) -> Deferred[Any]:
        transport: Any = self._program.transport
        transport.write(json.dumps([name, *arguments]).encode() + b"\n")
        done: Deferred[Any] = Deferred()
        done.callback(None)
        return done

    async def statistics(self) -> dict[str, Any]:
        since = len(self.news)
        self.order("statistics")
        return await self.told("statistics", since=since)

    async def stop(self) -> None:
        self.ear.save(self.directory / "heard.wav")
        wake(self._program)
        await self._program.stop(3.0)

    @property
    def pid(self) -> int:
        return self._program.pid


@define(eq=False, repr=False, kw_only=True)
class _Lines(Program):
    """A program whose standard output is news, a line each."""

    client: Client
    _line: bytes = field(default=b"", init=False)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        if childFD != 1:
            super().childDataReceived(childFD, data)
            return
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            self.client.happened(json.loads(line))


def _offspring(pid: int) -> Iterator[int]:
    """All processes that came of C{pid}."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for word in task.read_text().split():
            yield int(word)
            yield from _offspring(int(word))
