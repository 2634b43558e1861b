# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Things that no phone would send, and whether calls still work after them.
"""

from __future__ import annotations

import os
from pathlib import Path

from ichatgw.sim.ichat.ichat import IChat
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.support.case import ICHAT_TONE, EndToEnd
from ichatgw.test.e2e.support.moment import within
from ichatgw.test.e2e.support.probe import Probe

CORPORA = Path(__file__).parent.parent / "data"


class Hostile(EndToEnd):
    """Bytes at the SIP port."""

    async def test_requestsOutsideOfCalls(self) -> None:
        """OPTIONS is 200, BYE for no call 481, and methods that nobody knows are 405 or 501."""
        probe = self.startProbe(await self.startGateway())
        self.assertEqual(await probe.ask("OPTIONS"), 200)
        self.assertEqual(await probe.ask("BYE"), 481)
        self.assertIn(await probe.ask("FROBNICATE"), (405, 501))
        self.assertIn(await probe.ask("PUBLISH"), (405, 501))

    async def test_garbage(self) -> None:
        """Datagrams that are no SIP are dropped, and a call goes through after them."""
        gateway = await self.startGateway()
        ichat, probe = await self.startIChat(listenFor=ICHAT_TONE), self.startProbe(gateway)
        for size in (0, 1, 2, 3, 4, 12, 20, 100, 1500, 9000, 65507):
            probe.send(os.urandom(size))
            probe.send(b"\0" * size)
            probe.send(b"A" * size)
        probe.send(b"INVITE")
        probe.send(b"\r\n" * 2)
        probe.send(b"INVITE sip:x SIP/2.0\r\n\r\n")
        await self._stillWorks(gateway, ichat, probe)

    async def test_rfc4475(self) -> None:
        """Each message of RFC 4475 leaves the gateway as able as before."""
        await self._feed("rfc4475")

    async def test_rfc5118(self) -> None:
        """Each message of RFC 5118 leaves the gateway as able as before."""
        await self._feed("rfc5118")

    async def test_jain(self) -> None:
        """Each message of the JAIN SIP parser's tests leaves the gateway as able as before."""
        await self._feed("jain")

    async def _feed(self, corpus: str) -> None:
        # What is about the messages has a name in capitals.
        messages = sorted(path for path in (CORPORA / corpus).glob("*") if not path.stem.isupper())
        self.assertTrue(messages, f"no messages of {corpus}")
        gateway = await self.startGateway()
        ichat, probe = await self.startIChat(listenFor=ICHAT_TONE), self.startProbe(gateway)
        for message in messages:
            probe.send(message.read_bytes())
            self.assertEqual(await probe.ask("OPTIONS"), 200, f"after {message.name}")
        await self._stillWorks(gateway, ichat, probe)

    async def _stillWorks(self, gateway: Gateway, ichat: IChat, probe: Probe) -> None:
        self.assertEqual(await probe.ask("OPTIONS"), 200)
        arrival = ichat.whenCalled()
        phone = await self.startSipp("call", gateway.address, TALKING=1000)
        call = await within(self.clock, 10, arrival)
        await self.sound(call.media, 0.5)
        await phone.succeeded()
        self.assertIsNone(gateway.program.status, "the gateway has gone")
