"""
The parties of the relay's benchmark that have their media protected: ICE and DTLS-SRTP, as far as a load needs them.
"""

from __future__ import annotations

import os
import select
import socket
import time
from typing import Any

from twisted.internet.task import Clock

from ichatgw.errors import MalformedError
from ichatgw.media.dtls.dtls import DTLS, Identity
from ichatgw.media.ice import stun
from ichatgw.media.srtp.inplace import InPlace
from ichatgw.media.srtp.srtp import MasterKey, SRTPContext, Suite
from ichatgw.model import Fingerprint, TransportAddress

HOST = "127.0.0.1"
ANSWER_TIMEOUT = 60.0


class Party:
    """
    One of them: answers checks, and agrees on keys.

    @ivar shield: what protects its media, once keys are agreed.
    @ivar place: the same for packets in C{buffer}.
    """

    def __init__(self, sendto: Any, port: int, theirs: dict[str, str], identity: Identity) -> None:
        """
        @param port: where the relay's side listens.
        @param theirs: what the relay's side says of itself.
        """
        self._sendto = sendto
        self._relay = TransportAddress(HOST, port)
        self.ufrag, self.password = os.urandom(4).hex(), os.urandom(12).hex()
        self.shield: SRTPContext | None = None
        self.buffer = bytearray(2048)
        self.place: InPlace
        self._dtls = DTLS(
            Clock(),
            identity,
            False,
            Fingerprint("sha-256", theirs["fingerprint"]),
            self._send,
            self._agreed,
            self._failed,
        )
        self._dtls.start()

    def _send(self, datagram: bytes) -> None:
        self._sendto(datagram, (self._relay.host, self._relay.port))

    def received(self, datagram: bytes) -> None:
        if datagram[0] <= 3:
            try:
                request = stun.parse(datagram)
            except MalformedError:
                return
            if request.message_class is stun.Class.REQUEST:
                self._send(stun.success(request, self._relay, self.password))
        elif 20 <= datagram[0] <= 63:
            self._dtls.received(datagram)

    def _agreed(self, ours: MasterKey, theirs: MasterKey) -> None:
        self.shield = SRTPContext(ours, theirs)
        self.place = InPlace(self.shield, self.buffer)

    def _failed(self, why: str) -> None:
        raise SystemExit(f"no DTLS: {why}")


class Pretender:
    """
    Has its packets protected and sends them plain, so that a load of such parties is spaced like one that is protected.
    """

    def __init__(self) -> None:
        suite = Suite.AEAD_AES_128_GCM
        key = MasterKey(suite, bytes(suite.keyOctets + suite.saltOctets))
        self.buffer = bytearray(2048)
        self.place = InPlace(SRTPContext(key, key), self.buffer)


class Parties:
    """
    All of them, on the sockets of the load.

    @ivar byPort: each by the port of the relay that it talks to.
    """

    def __init__(self, sockets: list[socket.socket], described: dict[int, dict[str, str]]) -> None:
        """
        @param described: what each of the relay's sides says of itself, by its port; C{index} is its number.
        """
        identity = Identity()
        self._sockets = sockets
        self.byPort = {
            port: Party(sockets[int(theirs["index"]) % len(sockets)].sendto, port, theirs, identity)
            for port, theirs in described.items()
        }
        self.fingerprint = identity.fingerprint.value

    def answers(self) -> dict[int, tuple[str, str]]:
        """What each says of itself."""
        return {port: (party.ufrag, party.password) for port, party in self.byPort.items()}

    def agree(self) -> None:
        """Until all have keys."""
        poll = select.epoll()
        bound = {made.fileno(): made for made in self._sockets}
        for descriptor in bound:
            poll.register(descriptor, select.EPOLLIN)
        end = time.monotonic() + ANSWER_TIMEOUT
        while any(party.shield is None for party in self.byPort.values()):
            if time.monotonic() > end:
                raise SystemExit("the parties never agreed on keys")
            for descriptor, _ in poll.poll(0.1):
                datagram, source = bound[descriptor].recvfrom(2048)
                party = self.byPort.get(source[1])
                if party is not None and datagram:
                    party.received(datagram)
        poll.close()
