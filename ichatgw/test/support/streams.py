"""
What tests of XMPP handlers need: a link that only notes what is sent, and a server at the far end of a stream.
"""

from __future__ import annotations

from typing import Any

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.words.xish.domish import Element
from wokkel.generic import parseXml
from wokkel.test.helpers import XmlStreamStub

HEADER = (
    "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' "
    "from='gw.test' id='3BF96D32'>"
)


def parse(text: str) -> Element:
    """An element as it comes out of a stream."""
    element: Element = parseXml(text.encode())
    return element


class StubLink:
    """
    Stands in for the link.

    @ivar sent: what was sent, as XML text.
    """

    def __init__(self, handler: Any) -> None:
        self.stub = XmlStreamStub()
        self.stub.xmlstream.congested = False
        self.handler = handler
        handler.parent = self

    def send(self, element: Element) -> None:
        self.stub.xmlstream.send(element)

    def up(self) -> None:
        self.handler.makeConnection(self.stub.xmlstream)
        self.handler.connectionInitialized()

    def lose(self) -> None:
        self.handler.connectionLost(Failure(ConnectionDone()))

    def receive(self, text: str) -> None:
        self.stub.send(parse(text))

    def take(self) -> list[str]:
        """What was sent since this was last asked."""
        texts = [element.toXml() for element in self.stub.output]
        del self.stub.output[:]
        return texts


class ServerSide(StringTransport):
    """
    The server's end of a stream, as its client's transport.

    @ivar aborted: whether the client cut the connection.
    """

    producer: Any

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self.protocol = protocol
        self.aborted = False
        self.over = False
        protocol.makeConnection(self)

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def send(self, text: str) -> None:
        self.protocol.dataReceived(text.encode())

    def take(self) -> str:
        """What the client sent since this was last asked."""
        text: str = self.value().decode()
        self.clear()
        return text

    def shakeHands(self) -> None:
        self.send(HEADER)
        self.send("<handshake/>")
        self.take()

    def loseConnection(self) -> None:
        self._end()

    def abortConnection(self) -> None:
        self.aborted = True
        self._end()

    def _end(self) -> None:
        if not self.over:
            self.over = True
            self.protocol.connectionLost(Failure(ConnectionDone()))


def acceptLast(reactor: MemoryReactorClock) -> ServerSide:
    """Let the latest attempt to connect succeed."""
    factory = reactor.tcpClients.pop()[2]
    return ServerSide(factory.buildProtocol(None))


def refuseLast(reactor: MemoryReactorClock) -> None:
    """Let the latest attempt to connect fail."""
    factory: Any = reactor.tcpClients.pop()[2]
    factory.clientConnectionFailed(None, Failure(ConnectionDone("refused")))
