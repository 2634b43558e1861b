# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Somebody at another address who sends media to all ports of the gateway, and what calls hear of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import LoopingCall

from ichatgw.media.rtp.rtp import RTPPacket
from ichatgw.test.e2e.programs.gateway import Gateway
from ichatgw.test.e2e.support.case import EndToEnd
from ichatgw.test.e2e.support.moment import pause, until, within
from ichatgw.test.e2e.support.tone import secondsOf

HOST = "127.0.0.66"
"""Nobody's in these tests."""

TONE = 1100
PACE = 0.02


class Intruder(DatagramProtocol):
    """
    Sends a tone to each of the ports, at the pace of speech.

    @ivar heard: what has come to it.
    """

    def __init__(self, reactor: Any, ports: Iterable[int]) -> None:
        self._reactor = reactor
        self._ports = tuple(ports)
        self._sequence = 0
        self._frames = _tone()
        self.heard: list[bytes] = []
        self._loop = LoopingCall(self._send)

    def start(self) -> None:
        """Begin."""
        self._port = self._reactor.listenUDP(0, self, interface=HOST)
        self._loop.start(PACE)

    async def stop(self) -> None:
        """End."""
        self._loop.stop()
        await self._port.stopListening()

    def _send(self) -> None:
        self._sequence += 1
        number, payload = self._sequence, self._frames[self._sequence % len(self._frames)]
        packet = RTPPacket(0, number & 0xFFFF, number * 160 & 0xFFFFFFFF, 0xBAD, payload).pack()
        for port in self._ports:
            self._port.write(packet, ("127.0.0.1", port))

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.heard.append(datagram)


def _tone() -> list[bytes]:
    """Ten frames of a loud square wave, a whole number of periods: easy to find in any recording."""
    period = 8000 // TONE
    octets = bytes(0x80 if n % period < period // 2 else 0x00 for n in range(1600 // period * period))
    return [octets[at : at + 160].ljust(160, b"\xff") for at in range(0, len(octets), 160)]


class StrangersToMedia(EndToEnd):
    """A stranger sends to all ports, from before the call until after it."""

    async def intrude(self) -> tuple[Gateway, Intruder]:
        gateway = await self.startGateway()
        intruder = Intruder(self.clock, gateway.mediaPorts)
        intruder.start()
        self.ending(intruder)
        return gateway, intruder

    async def test_talking(self) -> None:
        """Two who talk, and hold, hear each other and nothing else; the stranger hears nothing."""
        gateway, intruder = await self.intrude()
        ichat, phone = await self.startIChat(), await self.startBaresip()
        call = await self.callIChat(gateway, ichat, phone)
        for order in ("hold", "resume"):
            phone.command(order)
            await pause(self.clock, 1.5)
        await self.sound(call.media)
        phone.command("hangup")
        await within(self.clock, 5, call.whenEnded())
        await self.assertHeardBy(phone)
        self.assertLess(secondsOf(phone.recording(), TONE), 0.05)
        self.assertEqual(intruder.heard, [])
        await until(self.clock, lambda: bool(gateway.said(" stranger")), "what was dropped in the log")

    async def test_silentAtFirst(self) -> None:
        """A phone that sends nothing before it hears something keeps its call to itself."""
        gateway, intruder = await self.intrude()
        ichat = await self.startIChat(listenFor=TONE)
        arrival = ichat.whenCalled()
        phone = await self.startSipp("call", gateway.address, TALKING=3000)
        call = await within(self.clock, 10, arrival)
        await phone.succeeded()
        ear = call.media.detector
        assert ear is not None
        self.assertLess(ear.seconds, 0.05)
        self.assertEqual(intruder.heard, [])
