# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
What every end-to-end test begins with: an XMPP server, the gateway, and ways to add phones and iChats.
"""

from __future__ import annotations

import os
import shutil
import signal
import wave
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SkipTest, TestCase

from ichatgw.sim.ichat.call import IChatCall
from ichatgw.sim.ichat.ichat import IChat
from ichatgw.sim.media.media import Media
from ichatgw.test.e2e.programs.baresip import Baresip
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.programs.prosody import COMPONENT, DOMAIN, Prosody, password
from ichatgw.test.e2e.programs.sipp import Sipp
from ichatgw.test.e2e.support.login import Login
from ichatgw.test.e2e.support.moment import pause, until, within
from ichatgw.test.e2e.support.ports import Ports
from ichatgw.test.e2e.support.probe import Probe
from ichatgw.test.e2e.support.tone import secondsOf

PORTS = Ports()
CONTROL = f"control@{COMPONENT}"
NUMBER = f"72@{COMPONENT}"
PHONE_TONE, ICHAT_TONE = 440, 550
ENOUGH = 0.6
"""Seconds of a tone that make a call with sound."""

CLEAN = (0, -signal.SIGTERM)
"""How C{twistd} ends in good order: some versions hand the signal on to themselves, after all is done."""

_PEERS = {
    "prosody": "prosody",
    "ejabberdctl": "ejabberd",
    "sipp": "sip-tester",
    "baresip": "baresip-core",
    "kamailio": "kamailio",
    "linphonec": "linphone-cli",
}


def requirePeers() -> None:
    """
    @raise SkipTest: if a program that the tests need is not here; under C{CI=true} that is a failure.
    """
    missing = [package for command, package in _PEERS.items() if shutil.which(command) is None]
    if missing and os.environ.get("CI") == "true":
        raise AssertionError(f"not installed: {' '.join(missing)}")
    if missing:
        raise SkipTest(f"apt-get install --no-install-recommends {' '.join(missing)}")


class EndToEnd(TestCase):
    """
    @cvar makeServer: makes the XMPP server.
    @ivar server: the XMPP server.
    """

    timeout = 120
    makeServer: Callable[..., Any] = Prosody
    _started = 0

    async def setUp(self) -> None:  # type: ignore[override]
        requirePeers()
        self.clock: Any = reactor
        self._subscribed: set[str] = set()
        self.server = self.makeServer(self.clock, self.directory("server"), PORTS)
        self.ending(self.server)
        await self.server.start()

    async def startGateway(self, phonePort: int = 0, *, host: str = "127.0.0.1", **how: Any) -> Gateway:
        """
        Start the gateway under test.

        @param phonePort: where numbers lead to, at C{phoneHost}, by C{transport} (the parameter of a SIP URI).
        @param how: as for L{Gateway.start}; C{server} is another one than that of the test, C{environment} goes to its
            process, C{within} is the command that runs it, C{settings} adds lines to its configuration, C{lines} such
            whose names may recur, and C{rules} translation rules before those for numbers and users.
        """
        settings: dict[str, object] = how.pop("settings", {})
        phoneHost, transport = how.pop("phoneHost", "127.0.0.1"), how.pop("transport", "")
        server = how.pop("server", self.server)
        gateway = Gateway(self.clock, self.directory("gateway"), PORTS, server.componentPort, host=host)
        gateway.within = how.pop("within", ())
        gateway.program.environment.update(how.pop("environment", {}))
        for pattern, output in how.pop("rules", ()):
            gateway.rule(pattern, output)
        gateway.rules(phonePort, phoneHost, transport)
        for name, value in (*settings.items(), *how.pop("lines", ())):
            gateway.set(name, value)
        self.addCleanup(self._endGateway, gateway)
        await gateway.start(**how)
        return gateway

    async def startIChat(self, account: str = "scott", resource: str = "iChat", **options: Any) -> IChat:
        """Log an iChat in, with the control address and a number among its buddies."""
        options = {"say": ICHAT_TONE, "listenFor": PHONE_TONE, **options}
        ichat = IChat(self.clock, f"{account}@{DOMAIN}/{resource}", **options)
        ichat.start()
        login = Login(ichat)
        self.addCleanup(login.stop)
        self.addCleanup(ichat.stop)
        await login.start(self.clock, self.server.clientPort, password(account))
        for contact in (CONTROL, NUMBER) if account not in self._subscribed else ():
            granted = await within(self.clock, 5, ichat.account.subscribe(contact))
            self.assertTrue(granted, f"{contact} did not let {account} subscribe")
        self._subscribed.add(account)
        await within(self.clock, 5, ichat.account.whenCallable(NUMBER))
        return ichat

    async def startBaresip(
        self, user: str = "phone", host: str = "127.0.0.1", more: str = "", **options: str
    ) -> Baresip:
        """Start a phone with a tone, and more lines in its configuration."""
        phone = Baresip(self.clock, self.directory(user), PORTS, user, PHONE_TONE, host, more, **options)
        self.ending(phone)
        await phone.start()
        return phone

    async def startSipp(
        self, script: str, target: str = "", user: str = "scott", patience: int = 30, **words: object
    ) -> Sipp:
        """Start a phone that follows a script."""
        phone = Sipp(self.clock, self.directory(script), PORTS, script, patience=patience)
        self.ending(phone)
        await phone.start(target, user, **words)
        return phone

    def startProbe(self, gateway: Gateway) -> Probe:
        """Open a bare socket to the gateway."""
        probe = Probe(self.clock, ("127.0.0.1", gateway.port))
        probe.start()
        self.ending(probe)
        return probe

    async def callIChat(self, gateway: Gateway, ichat: IChat, phone: Baresip, address: str = "") -> IChatCall:
        """Let a phone call an iChat that answers; both have heard the other when this fires."""
        arrival = ichat.whenCalled()
        phone.command("dial", address or f"sip:scott@{gateway.address}")
        call = await within(self.clock, 10, arrival)
        await within(self.clock, 10, call.whenAnswered())
        await phone.told("CALL_ESTABLISHED")
        await self.sound(call.media)
        return call

    async def callPhone(self, ichat: IChat, phone: Baresip) -> IChatCall:
        """Let an iChat call a phone that answers; the iChat has heard it when this fires."""
        call = ichat.call(NUMBER)
        await phone.told("CALL_INCOMING")
        phone.command("accept")
        await within(self.clock, 10, call.whenAnswered())
        await self.sound(call.media)
        return call

    async def sound(self, media: Media, seconds: float = 1.5) -> None:
        """Wait until so much more of the tone has been heard."""
        ear = media.detector
        assert ear is not None
        goal = ear.seconds + seconds
        await until(self.clock, lambda: ear.seconds >= goal, f"{seconds} s of {ear.frequency} Hz")

    async def assertHeardBy(self, phone: Baresip, frequency: int = ICHAT_TONE) -> None:
        """The phone, its call being over, has recorded the tone."""
        await until(self.clock, lambda: self._heard(phone, frequency) >= ENOUGH, f"{frequency} Hz at the phone", 3)

    def assertContent(self, *ichats: IChat) -> None:
        """The iChats have nothing to complain of."""
        self.assertEqual([complaint for ichat in ichats for complaint in ichat.complaints], [])

    def directory(self, name: str) -> Path:
        """A new directory for a program of this test."""
        self._started += 1
        return Path(f"{self.mktemp()}-{self._started}-{name}")

    def ending(self, peer: Any) -> None:
        """Stop it when the test is over."""
        self.addCleanup(lambda: _run(peer.stop()))

    async def settle(self) -> None:
        """Time for the last words of a call to arrive."""
        await pause(self.clock, 0.3)

    def _heard(self, phone: Baresip, frequency: int) -> float:
        try:
            return secondsOf(phone.recording(), frequency)
        except (EOFError, OSError, wave.Error):  # not written to its end yet
            return 0.0

    def _endGateway(self, gateway: Gateway) -> Deferred[None]:
        async def end() -> None:
            await gateway.stop()
            self.assertEqual(gateway.faults(), [])
            self.assertIn(gateway.program.status, CLEAN)

        return _run(end())


def _run(work: Coroutine[Deferred[Any], Any, Any]) -> Deferred[Any]:
    return Deferred.fromCoroutine(work)
