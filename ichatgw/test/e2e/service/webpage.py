# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
The page of the gateway in a real browser, beside what was captured of a call by others than the gateway.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from collections import Counter
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

from twisted.internet.utils import getProcessOutputAndValue
from twisted.protocols.portforward import ProxyClient, ProxyClientFactory, ProxyFactory, ProxyServer
from twisted.trial.unittest import SkipTest
from twisted.web.client import Agent, readBody
from twisted.web.http_headers import Headers

from ichatgw.log.redaction import HIDDEN, redacted
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.programs.program import Program
from ichatgw.test.e2e.support.case import PORTS
from ichatgw.test.e2e.support.jinglecase import JingleEndToEnd
from ichatgw.test.e2e.support.moment import pause, within
from ichatgw.test.interop.cdp import Browser
from ichatgw.test.interop.sniffer import Sniffer
from ichatgw.test.support.media.frames import Datagram
from ichatgw.test.support.sip.certificates import Authority

NAME, PASSWORD = "ann", "open-sesame"
TOKEN = "0123456789abcdef01234567"

_PROMETHEUS = """\
scrape_configs:
  - job_name: ichatgw
    scrape_interval: 1s
    scrape_timeout: 1s
    authorization: {{credentials: {token}}}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""

_TEXTS = "[...document.querySelectorAll('#ladder details')].map(each => each.querySelector('pre').textContent)"


class _Client(ProxyClient):
    def dataReceived(self, data: bytes) -> None:
        """From the server."""
        cast(Any, self.factory).tap.theirs += data
        ProxyClient.dataReceived(self, data)


class _ClientFactory(ProxyClientFactory):
    protocol = _Client
    tap: Tap

    def setServer(self, server: Any) -> None:
        """Who has connected."""
        ProxyClientFactory.setServer(self, server)
        self.tap = server.factory


class _Server(ProxyServer):
    clientProtocolFactory = _ClientFactory

    def dataReceived(self, data: bytes) -> None:
        """From the gateway."""
        cast(Any, self.factory).ours += data
        ProxyServer.dataReceived(self, data)


class Tap(ProxyFactory):
    """
    Stands between the gateway and its XMPP server.

    @ivar ours: all that the gateway has sent.
    @ivar theirs: all that the server has.
    """

    protocol = _Server

    def __init__(self, port: int) -> None:
        ProxyFactory.__init__(self, "127.0.0.1", port)
        self.ours = self.theirs = b""

    def stanzas(self, mark: str) -> Counter[str]:
        """Those with this mark, and what answers them, in a form that does not depend on how they were written."""
        found: Counter[str] = Counter()
        ids: set[str | None] = set()
        for data in (self.ours, self.theirs):
            for element in _elements(data):
                if mark in _bare(element):
                    ids.add(element.get("id"))
        for data in (self.ours, self.theirs):
            for element in _elements(data):
                text = _bare(element)
                isAnswer = element.get("type") in ("result", "error") and element.get("id") in ids
                if mark in text or isAnswer:
                    found[canonical(redacted(text))] += 1
        return found


def _elements(stream: bytes) -> list[ElementTree.Element]:
    """The stanzas of a stream that is not over."""
    parser: Any = ElementTree.XMLPullParser(["start", "end"])
    parser.feed(stream)
    found: list[ElementTree.Element] = []
    depth = 0
    for event, element in parser.read_events():
        depth += 1 if event == "start" else -1
        if event == "end" and depth == 1:
            found.append(element)
    return found


def canonical(stanza: str) -> str:
    """A stanza in one way of writing, without the name space of the stream that it went by."""
    element = ElementTree.fromstring(stanza.replace(f"={HIDDEN}", f'="{HIDDEN}"'))
    return ElementTree.canonicalize(_bare(element), rewrite_prefixes=True, strip_text=True)


def _bare(stanza: ElementTree.Element) -> str:
    for element in stanza.iter():
        element.tag = re.sub(r"{jabber:(?:component:accept|client)}", "", element.tag)
    return ElementTree.tostring(stanza, "unicode")


class _Calls:
    """Keeps what goes to and from the SIP port."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.texts: list[str] = []

    def took(self, seen: Datagram) -> None:
        """Called for each datagram."""
        if self.port in (seen.source[1], seen.destination[1]) and b"SIP/2.0" in seen.payload:
            self.texts.append(seen.payload.decode())


class WebPage(JingleEndToEnd):
    """What an administrator sees and does."""

    async def setUp(self) -> None:  # type: ignore[override]
        if shutil.which("chromium") is None:
            raise SkipTest("apt-get install --no-install-recommends chromium")
        await super().setUp()
        self.webPort = PORTS.take()

    async def startServed(self, phonePort: int, **more: object) -> Gateway:
        """A gateway with a page, behind what captures its XMPP."""
        users = self.directory("users").absolute()
        users.write_text(f"{NAME}:{PASSWORD}\n")
        users.chmod(0o600)
        self.tap = Tap(self.server.componentPort)
        self.tapPort = self.clock.listenTCP(0, self.tap, interface="127.0.0.1")
        self.addCleanup(self.tapPort.stopListening)
        return await self.startGateway(
            phonePort,
            settings={
                "HTTPPort": self.webPort,
                "HTTPUsers": users,
                "HTTPToken": TOKEN,
                "JabberComponentPort": self.tapPort.getHost().port,
                **more,
            },
        )

    async def startBrowser(self) -> Browser:
        """Log in with a browser."""
        directory = self.directory("browser").absolute()
        directory.mkdir()
        browser = Browser(self.clock, directory)
        await browser.start()
        self.ending(browser)
        await browser.visit(f"http://{NAME}:{PASSWORD}@127.0.0.1:{self.webPort}/")
        # What is asked from a page whose own address has a password is refused by browsers.
        await browser.visit(f"http://127.0.0.1:{self.webPort}/")
        return browser

    async def shows(self, browser: Browser, condition: str, patience: float = 10.0) -> None:
        """Wait until that is so in the page, which nobody touches."""
        last = self.clock.seconds() + patience
        while not await browser.evaluate(condition):
            if self.clock.seconds() > last:
                text = await browser.evaluate("document.body.innerText")
                self.fail(f"{condition}: never, but {text}")
            await pause(self.clock, 0.1)

    async def click(self, browser: Browser, what: str) -> None:
        """Follow a link, or press a button; fires when the next page is there."""
        await browser.follow(f"document.querySelector({what!r}).click()")

    async def test_call(self) -> None:
        """
        A call appears by itself on the page of who has logged in; its ladder has every message that others have
        captured of it, none more, and no secret; from the page it is hung up at both ends, and then says why it ended.
        """
        phone = self.startPhone()
        gateway = await self.startServed(phone.address.port)
        sniffer = Sniffer(self.clock)
        wire = _Calls(gateway.port)
        sniffer.wires.append(wire)  # type: ignore[arg-type]
        sniffer.start()
        self.ending(sniffer)
        client = await self.startJingle()
        browser = await self.startBrowser()
        await self.shows(browser, "document.querySelector('h1').textContent == 'Ready for calls'")
        self.assertEqual(await browser.evaluate("document.querySelectorAll('tbody tr').length"), 0)
        outgoing, incoming = await self.jingleCalls(client, phone)
        await self.shows(browser, "document.querySelectorAll('tbody tr').length == 1")
        await self.picture(browser, "now")
        await self.click(browser, "tbody a")
        await self.shows(browser, "document.querySelector('#state').textContent == 'talking'")
        await self.click(browser, "#hangup")
        await self.click(browser, "#confirm")
        await within(self.clock, 5, outgoing.whenEnded())
        await within(self.clock, 5, incoming.whenEnded())
        await self.shows(browser, "document.querySelector('#state').textContent == 'ended'")
        self.assertIn("administrator", await browser.evaluate("document.querySelector('#end').innerText"))
        await self.settle()
        await browser.visit(await browser.evaluate("location.href"))
        await browser.evaluate("document.querySelector('#ladder details').open = true")
        await self.picture(browser, "call")
        self.compare(await browser.evaluate(_TEXTS), wire, outgoing.sid)
        violations = await browser.evaluate("performance.getEntriesByType('resource').map(each => each.name)")
        self.assertEqual([name for name in violations if f"//127.0.0.1:{self.webPort}/" not in name], [])

    def compare(self, shown: list[str], wire: _Calls, sid: str) -> None:
        """Is everything there, and nothing else?"""
        sip = [text for text in shown if "SIP/2.0" in text.partition("\n")[0]]
        ids = {found[1] for text in sip if (found := re.search(r"(?im)^call-id: *(\S+)", text))}
        self.assertEqual(len(ids), 1)
        captured = [redacted(text).replace("\r\n", "\n") for text in wire.texts if any(each in text for each in ids)]
        self.assertGreater(len(captured), 5)
        self.assertEqual(Counter(sip), Counter(captured))
        stanzas = Counter(canonical(text) for text in shown if text not in sip)
        self.assertGreater(len(stanzas), 5)
        captures = self.tap.stanzas(sid)
        self.assertEqual((list(captures - stanzas), list(stanzas - captures)), ([], []), "not shown; not captured")

    async def picture(self, browser: Browser, name: str) -> None:
        """
        Keep how it looks on a screen, and in the dark on that of a telephone, where nothing may stick out: in the
        directory C{ICHATGW_PICTURES}, if there is one (C{docs/pictures}).
        """
        folder = Path(os.environ.get("ICHATGW_PICTURES") or self.mktemp())
        folder.mkdir(exist_ok=True)
        await browser.look(900, 700)
        await browser.picture(folder / f"{name}.png")
        await browser.look(390, 800, isDark=True)
        self.assertLessEqual(await browser.evaluate("document.documentElement.scrollWidth"), 390)
        await browser.picture(folder / f"{name}-phone.png")
        await browser.look(900, 700)

    async def test_prometheus(self) -> None:
        """Figures are given to who has the token, and promtool has nothing against them; others are to log in."""
        await self.startServed(5060)
        agent, where = Agent(self.clock), f"http://127.0.0.1:{self.webPort}/metrics".encode()
        refused = await agent.request(b"GET", where)
        self.assertEqual(refused.code, 401)
        await readBody(refused)
        token = Headers({b"Authorization": [f"Bearer {TOKEN}".encode()]})
        answer = await agent.request(b"GET", where, token)
        text = await readBody(answer)
        self.assertIn(b"ichatgw_ready 1.0", text)
        if shutil.which("promtool") is None:
            raise SkipTest("apt-get install --no-install-recommends prometheus")
        path = self.directory("metrics").absolute()
        path.write_bytes(text)
        said, wrong, status = await getProcessOutputAndValue("/bin/sh", ["-c", f"promtool check metrics < {path}"])
        self.assertEqual((said, wrong, status), (b"", b"", 0))
        await self.scraped(agent)

    async def scraped(self, agent: Agent) -> None:
        """Prometheus itself logs in and takes the figures."""
        port, directory = PORTS.take(), self.directory("prometheus").absolute()
        directory.mkdir()
        (directory / "prometheus.yml").write_text(_PROMETHEUS.format(token=TOKEN, port=self.webPort))
        where = f"127.0.0.1:{port}"
        arguments = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address={where}"]
        prometheus = Program(self.clock, "prometheus", ["prometheus", *arguments], directory)
        prometheus.start()
        self.ending(prometheus)
        await prometheus.said("Server is ready to receive web requests", 30.0)
        question = f"http://{where}/api/v1/query?query=ichatgw_ready".encode()
        found: list[Any] = []
        for _ in range(100):
            answer = json.loads(await readBody(await agent.request(b"GET", question)))
            found = [each["value"][1] for each in answer["data"]["result"]]
            if found:
                break
            await pause(self.clock, 0.2)
        self.assertEqual(found, ["1"])

    async def test_secure(self) -> None:
        """Over TLS with the certificate of the gateway, also if phones have to show one of their own."""
        authority = Authority(self.directory("certificates").absolute())
        certificate, key = authority.issue("gateway", "localhost")
        await self.startServed(
            5060,
            HTTPTLS="on",
            TLSCertificate=certificate,
            TLSPrivateKey=key,
            TLSCAFile=authority.path,
            TLSVerify="require",
        )
        where = f"https://localhost:{self.webPort}/ready"
        shell = f"curl -s --cacert {authority.path} -H 'Authorization: Bearer {TOKEN}' {where}"
        said, _, _ = await getProcessOutputAndValue("/bin/sh", ["-c", shell], env=dict(os.environ))
        self.assertEqual(json.loads(said), {"ready": True, "troubles": []})

    async def test_crowd(self) -> None:
        """A thousand connections that say nothing keep no call, and not those who have a place, from being served."""
        gateway = await self.startServed(5060)
        agent, where = Agent(self.clock), f"http://127.0.0.1:{self.webPort}/live".encode()
        crowd = []
        for _ in range(1000):
            each = socket.socket()
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", self.webPort))
            self.addCleanup(each.close)
            crowd.append(each)
        await pause(self.clock, 1.0)
        begun = self.clock.seconds()
        self.assertEqual(await within(self.clock, 2, self.startProbe(gateway).ask("OPTIONS")), 200)
        self.assertLess(self.clock.seconds() - begun, 0.5)
        for each in crowd:
            each.close()
        await pause(self.clock, 0.5)
        answer = await agent.request(b"GET", where)
        self.assertEqual(answer.code, 200)
        await readBody(answer)
