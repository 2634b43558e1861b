# -*- test-case-name: ichatgw.test.interop -*-
"""
Headless Chromium, driven through the pipe that C{--remote-debugging-pipe} gives (Chrome DevTools Protocol): JSON, each
message ended by a zero byte, to it on file descriptor 3 and from it on 4.
"""

from __future__ import annotations

import json
import os
import signal
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred

from ichatgw.test.e2e.programs.program import Program, ProgramFailed
from ichatgw.test.e2e.support.moment import within

_FEATURES = ("LocalNetworkAccessChecks", "MediaRouter", "OptimizationHints", "Translate")
MDNS = "WebRtcHideLocalIpsWithMdns"

_ARGUMENTS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-file-access-from-files",
    "--no-first-run",
    "--no-default-browser-check",
    # It has nobody to talk to but our server.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-breakpad",
    "--disable-sync",
    # A page that nobody looks at is a page that works.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
)


@define(eq=False, repr=False)
class Browser:
    """
    One browser with one page.

    @ivar bindings: what the page may call, by name.
    @ivar hides: whether it shows names of mDNS instead of its addresses.
    """

    reactor: Any
    directory: Path
    bindings: dict[str, Callable[[str], None]] = field(factory=dict)
    hides: bool = False
    program: _Piped = field(init=False)
    _session: str = field(default="", init=False)
    _number: int = field(default=0, init=False)
    _asked: dict[int, Deferred[Any]] = field(factory=dict, init=False)
    _loaded: Deferred[None] | None = field(default=None, init=False)

    async def start(self) -> None:
        """Fires when there is an empty page."""
        profile = self.directory / "profile"
        # Who may use a microphone is shown addresses.
        shown = [] if self.hides else ["--use-fake-ui-for-media-stream"]
        without = f"--disable-features={','.join(_FEATURES if self.hides else (*_FEATURES, MDNS))}"
        self.program = _Piped(
            self.reactor,
            "chromium",
            ["chromium", *_ARGUMENTS, *shown, without, f"--user-data-dir={profile}", "about:blank"],
            self.directory,
            {"HOME": str(self.directory)},
            browser=self,
        )
        self.program.start()
        targets = await self._ask("Target.getTargets")
        page = next(each["targetId"] for each in targets["targetInfos"] if each["type"] == "page")
        attached = await self._ask("Target.attachToTarget", targetId=page, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime"):
            await self._ask(f"{domain}.enable")
        for name in self.bindings:
            await self._ask("Runtime.addBinding", name=name)

    async def open(self, page: Path) -> None:
        """Fires when the page is loaded."""
        await self.visit(page.absolute().as_uri())

    async def visit(self, url: str) -> None:
        """Fires when what is there is loaded."""
        self._loaded = Deferred()
        await self._ask("Page.navigate", url=url)
        await within(self.reactor, 20, self._loaded)

    async def follow(self, expression: str) -> None:
        """Run what leads to another page.  Fires when that is loaded."""
        loaded: Deferred[None] = Deferred()
        self._loaded = loaded
        await self._evaluate(expression)
        await within(self.reactor, 20, loaded)

    async def look(self, width: int, height: int, isDark: bool = False) -> None:
        """Have a screen of that size, whose user likes it bright or dark."""
        await self._ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if isDark else "light"}
        await self._ask("Emulation.setEmulatedMedia", features=[scheme])

    async def picture(self, path: Path) -> None:
        """Write what the page looks like, as PNG."""
        made = await self._ask("Page.captureScreenshot", captureBeyondViewport=False)
        path.write_bytes(b64decode(made["data"]))

    def evaluate(self, expression: str) -> Deferred[Any]:
        """Run it in the page, and wait for its promise.  Fires with its value."""
        return Deferred.fromCoroutine(self._evaluate(expression))

    async def stop(self) -> None:
        """End it."""
        wake(self.program)
        await self.program.stop(3.0)

    async def _evaluate(self, expression: str) -> Any:
        result = await self._ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise ProgramFailed(f"the page: {json.dumps(result['exceptionDetails'])[:400]}")
        return result["result"].get("value")

    def _ask(self, method: str, **parameters: Any) -> Deferred[Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        asked: Deferred[Any] = Deferred()
        self._asked[self._number] = asked
        transport: Any = self.program.transport
        transport.writeToChild(3, json.dumps(message).encode() + b"\0")
        return within(self.reactor, 20, asked)

    def said(self, message: dict[str, Any]) -> None:
        """Called for each message."""
        asked = self._asked.pop(message.get("id", 0), None)
        if asked is not None:
            if asked.called:
                return
            if "error" in message:
                asked.errback(ProgramFailed(f"chromium: {message['error']}"))
            else:
                asked.callback(message["result"])
        elif message.get("method") == "Runtime.bindingCalled":
            parameters = message["params"]
            self.bindings[parameters["name"]](parameters["payload"])
        elif message.get("method") == "Page.loadEventFired" and self._loaded is not None:
            loaded, self._loaded = self._loaded, None
            loaded.callback(None)


@define(eq=False, repr=False, kw_only=True)
class _Piped(Program):
    """The process, and the pipe."""

    browser: Browser
    _rest: bytes = field(default=b"", init=False)

    childFDs = {0: "w", 1: "r", 2: "r", 3: "w", 4: "r"}

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        if childFD != 4:
            Program.childDataReceived(self, childFD, data)
            return
        *messages, self._rest = (self._rest + data).split(b"\0")
        for message in messages:
            self.browser.said(json.loads(message))


def wake(program: Program) -> None:
    """Let a program that was stopped go on, so that it can end."""
    if program.status is None:
        with suppress(ProcessLookupError):
            os.kill(program.pid, signal.SIGCONT)
