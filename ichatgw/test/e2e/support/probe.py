# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
A bare socket towards the gateway's SIP port, for what no phone would send.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol

from ichatgw.test.e2e.support.moment import within


class Probe(DatagramProtocol):
    """
    @ivar stray: what came that answers nothing of ours.
    """

    def __init__(self, reactor: Any, target: tuple[str, int]) -> None:
        self._reactor = reactor
        self._target = target
        self._asked: dict[str, Deferred[int]] = {}
        self._numbers = count(1)
        self._port: Any = None
        self.stray: list[bytes] = []

    def start(self) -> None:
        """Open the socket."""
        self._port = self._reactor.listenUDP(0, self, interface="127.0.0.1", maxPacketSize=65535)

    async def stop(self) -> None:
        if self._port is not None:
            await self._port.stopListening()

    def send(self, datagram: bytes) -> None:
        """Send anything."""
        self._port.write(datagram, self._target)

    def ask(self, method: str, patience: float = 2.0, user: str = "gateway", more: str = "") -> Deferred[int]:
        """
        Send a request outside of any dialog to that user.

        @param more: a further header.
        @return: fires with the status of the final response.
        """
        number = next(self._numbers)
        branch = f"z9hG4bKprobe{number}"
        here = self._port.getHost()
        host, port = self._target
        lines = [
            f"{method} sip:{user}@{host}:{port} SIP/2.0",
            f"Via: SIP/2.0/UDP {here.host}:{here.port};branch={branch};rport",
            f"From: <sip:probe@{here.host}>;tag=probe{number}",
            f"To: <sip:{user}@{host}:{port}>",
            f"Call-ID: probe-{number}@{here.host}",
            f"CSeq: {number} {method}",
            "Max-Forwards: 70",
            f"Contact: <sip:probe@{here.host}:{here.port}>",
            *([more] if more else []),
            "Content-Length: 0",
        ]
        answer: Deferred[int] = Deferred()
        self._asked[branch] = answer
        self.send("\r\n".join([*lines, "", ""]).encode())
        return within(self._reactor, patience, answer)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        first, _, rest = datagram.decode("latin-1").partition("\r\n")
        words = first.split()
        branch = rest.partition("branch=")[2].partition("\r\n")[0].partition(";")[0]
        waiting = self._asked.get(branch)
        if waiting is None or words[0] != "SIP/2.0":
            self.stray.append(datagram)
        elif int(words[1]) >= 200 and not waiting.called:
            waiting.callback(int(words[1]))
