"""
SIP over TLS and TCP for the benchmarks: one connection each way, kept for all calls.
"""

from __future__ import annotations

import selectors
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from ichatgw.sip.transport.streamframing import Framer
from ichatgw.test.support.sip.certificates import Authority

HOST = "127.0.0.1"


class Secure:
    """
    The far ends that speak TLS.

    @ivar settings: lines of the gateway's configuration.
    @ivar phonePort: where phones listen.
    """

    def __init__(self, folder: Path, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._authority = Authority(folder)
        certificate, key = self._authority.issue("gateway", HOST)
        self.gatewayPort = _freePort()
        self.settings = (
            f"TLSPort = {self.gatewayPort}\nTLSCertificate = {certificate}\nTLSPrivateKey = {key}\n"
            f"TLSCAFile = {self._authority.path}\nTLSAcceptAddresses = on\n"
        )
        self._listener = socket.create_server((HOST, 0))
        self.phonePort = self._listener.getsockname()[1]
        self.caller: Link | None = None

    def listen(self, answer: Callable[[str], bytes | None]) -> None:
        """Be the phones; C{answer} says what to send back."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self._authority.issue("phone", HOST))

        def accept() -> None:
            accepted, _ = self._listener.accept()

            def take(text: str) -> None:
                reply = answer(text)
                if reply is not None:
                    link.send(reply)

            link = Link(context.wrap_socket(accepted, server_side=True), self._selector, take)

        self._selector.register(self._listener, selectors.EVENT_READ, accept)

    def connect(self, take: Callable[[str], None]) -> Link:
        """Be the callers."""
        if self.caller is None:
            context = ssl.create_default_context(cafile=self._authority.path)
            opened = socket.create_connection((HOST, self.gatewayPort))
            self.caller = Link(context.wrap_socket(opened, server_hostname=HOST), self._selector, take)
        return self.caller


class Plain:
    """
    The far ends that speak TCP.

    @ivar phonePort: where phones listen.
    """

    def __init__(self, gateway: tuple[str, int], selector: selectors.BaseSelector) -> None:
        self._gateway = gateway
        self._selector = selector
        self._listener = socket.create_server((HOST, 0))
        self.phonePort = self._listener.getsockname()[1]
        self.caller: Link | None = None

    def listen(self, answer: Callable[[str], bytes | None]) -> None:
        """Be the phones; C{answer} says what to send back."""

        def accept() -> None:
            accepted, _ = self._listener.accept()

            def take(text: str) -> None:
                reply = answer(text)
                if reply is not None:
                    link.send(reply)

            link = Link(accepted, self._selector, take)

        self._selector.register(self._listener, selectors.EVENT_READ, accept)

    def connect(self, take: Callable[[str], None]) -> Link:
        """Be the callers."""
        if self.caller is None:
            self.caller = Link(socket.create_connection(self._gateway), self._selector, take)
        return self.caller


class Link:
    """
    One connection.

    @ivar port: ours.
    """

    def __init__(self, opened: socket.socket, selector: selectors.BaseSelector, take: Callable[[str], None]) -> None:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setblocking(False)
        self.port = opened.getsockname()[1]
        self._socket = opened
        self._selector = selector
        self._framer = Framer()
        self._take = take
        selector.register(opened, selectors.EVENT_READ, self._read)

    def send(self, data: bytes) -> None:
        """Send; the gateway reads faster than we write."""
        self._socket.setblocking(True)
        self._socket.sendall(data)
        self._socket.setblocking(False)

    def _read(self) -> None:
        while True:
            try:
                received = self._socket.recv(65536)
            except (ssl.SSLWantReadError, BlockingIOError):
                return
            if not received:
                self._selector.unregister(self._socket)
                self._socket.close()
                return
            for message in self._framer.feed(received):
                self._take(message.decode("utf-8", "replace"))


def _freePort() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
