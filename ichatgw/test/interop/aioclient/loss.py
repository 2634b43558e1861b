"""
A bad network, as far as the client is concerned: datagrams that get lost, come twice, or come late.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import aioice.ice

DELAY = 0.04
"""Seconds that a datagram is late at most, so that some overtake others."""


def spoil(share: float) -> None:
    """From now on C{share} of all datagrams that aioice sends or gets are lost, and as many come twice."""
    chance = random.Random(7)

    def spoiled(send: Callable[..., None]) -> Callable[..., None]:
        def maybe(*arguments: Any) -> None:
            fate = chance.random()
            if fate < share:
                return
            for _ in range(2 if fate > 1 - share else 1):
                asyncio.get_running_loop().call_later(chance.random() * DELAY, send, *arguments)

        return maybe

    class Spoiled:
        def __init__(self, transport: Any) -> None:
            self._transport = transport
            self.sendto = spoiled(self._sendto)

        def _sendto(self, *arguments: Any) -> None:
            if not self._transport.is_closing():
                self._transport.sendto(*arguments)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._transport, name)

    protocol: Any = aioice.ice.StunProtocol
    made, received = protocol.connection_made, protocol.datagram_received
    protocol.connection_made = lambda self, transport: made(self, Spoiled(transport))
    protocol.datagram_received = lambda self, *arguments: spoiled(received)(self, *arguments)
