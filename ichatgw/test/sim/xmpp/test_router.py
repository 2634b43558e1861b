# -*- test-case-name: ichatgw.test.sim.xmpp.test_router -*-
"""
Tests of the small router, and of the users within.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber import component, xmlstream
from twisted.words.xish.domish import Element

from ichatgw.sim.xmpp import xml
from ichatgw.sim.xmpp.roster import Login
from ichatgw.sim.xmpp.router import Router

COMPONENT = "gw.chat.example"
SCOTT = "scott@chat.example"


class Connection:
    """A component on a connection in memory to a router."""

    def __init__(self, router: Router, domain: str, secret: str) -> None:
        self.stanzas: list[Element] = []
        self.ours: Any = xmlstream.XmlStream(component.ConnectComponentAuthenticator(domain, secret))
        self.theirs: Any = router.factory().buildProtocol(None)
        self.ours.addObserver("/*", self.stanzas.append)
        self.transports = (StringTransport(), StringTransport())
        for stream, transport in zip((self.ours, self.theirs), self.transports, strict=True):
            stream.makeConnection(transport)
        self.pump()
        self.stanzas.clear()

    def pump(self) -> None:
        """Carry bytes both ways until there are none."""
        while any(transport.value() for transport in self.transports):
            for transport, target in zip(self.transports, (self.theirs, self.ours), strict=True):
                data = transport.value()
                transport.clear()
                if data:
                    target.dataReceived(data)

    def send(self, stanza: Element) -> None:
        """Send a stanza to the router."""
        self.ours.send(stanza)
        self.pump()

    def take(self) -> list[str]:
        """What came, in short."""
        self.pump()
        taken, self.stanzas[:] = [short(each) for each in self.stanzas], []
        return taken

    @property
    def open(self) -> bool:
        return not self.transports[1].disconnecting


def short(stanza: Element) -> str:
    """A stanza in a few words."""
    words = [stanza.name, xml.get(stanza, "type"), xml.get(stanza, "from"), ">", xml.get(stanza, "to")]
    return " ".join(filter(None, words))


class RouterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.seen: list[tuple[str, str]] = []
        self.router = Router(
            self.reactor, {COMPONENT: "s3cret"}, "chat.example", lambda stanza, a, b: self.seen.append((a, b))
        )
        self.inbox: list[Element] = []

    def login(self, resource: str = "iChat") -> Login:
        """Scott, available."""
        login = self.router.attach(f"{SCOTT}/{resource}", self.inbox.append)
        login.send(xml.element("presence"))
        return login

    def connect(self) -> Connection:
        """The component."""
        return Connection(self.router, COMPONENT, "s3cret")

    def take(self) -> list[str]:
        """What users received, in short."""
        taken, self.inbox[:] = [short(each) for each in self.inbox], []
        return taken

    def test_handshake(self) -> None:
        """Who knows the secret of its domain is let in."""
        waiting = self.router.whenConnected(COMPONENT)
        connection = self.connect()
        self.assertEqual(self.successResultOf(waiting), COMPONENT)
        self.assertTrue(self.router.hasComponent(COMPONENT))
        connection.theirs.connectionLost(None)
        self.assertFalse(self.router.hasComponent(COMPONENT))
        self.assertNoResult(self.router.whenConnected(COMPONENT))

    def test_badHandshake(self) -> None:
        """A wrong secret, or a domain without one, is not."""
        for domain, secret in ((COMPONENT, "wrong"), ("other.example", "s3cret"), ("other.example", "")):
            connection = Connection(self.router, domain, secret)
            self.assertFalse(connection.open)
        self.assertFalse(self.router.hasComponent("other.example"))

    def test_listen(self) -> None:
        """It listens where it is told, on loopback by default."""
        self.router.listen(port=5275)
        port, factory, _, interface = self.reactor.tcpServers[0]
        self.assertEqual((port, interface), (5275, "127.0.0.1"))

    def test_falseSender(self) -> None:
        """A component that speaks for another domain loses its connection."""
        for sender in (SCOTT, "x@evil.gw.chat.example", ""):
            connection = self.connect()
            connection.send(xml.element("message", from_=sender, to=SCOTT))
            self.assertFalse(connection.open)

    def test_absentDomain(self) -> None:
        """A stanza for a domain that is not there comes back; an error for one does not."""
        login = self.login()
        login.send(xml.element("iq", type="get", id="1", to="x@nowhere.example"))
        self.assertEqual(self.take()[-1], f"iq error x@nowhere.example > {SCOTT}/iChat")
        login.send(xml.element("iq", type="error", id="1", to="x@nowhere.example"))
        self.assertEqual(self.take(), [])

    def test_namespaces(self) -> None:
        """A stanza changes from one stream's namespace to the other's, its payload does not."""
        connection, login = self.connect(), self.login()
        iq = xml.element("iq", type="set", id="1", to=f"1@{COMPONENT}")
        xml.add(xml.add(iq, "query", "apple:iq:vc:request"), "isAudioOnly", text="1")
        login.send(iq)
        connection.pump()
        received = connection.stanzas[-1]
        self.assertEqual(received.uri, component.NS_COMPONENT_ACCEPT)
        query = xml.child(received, "query", "apple:iq:vc:request")
        assert query is not None
        self.assertEqual(xml.text(xml.child(query, "isAudioOnly", "apple:iq:vc:request")), "1")
        connection.send(xml.resultFor(received))
        self.assertEqual(self.inbox[-1].uri, "jabber:client")
        self.assertIn(("chat.example", COMPONENT), self.seen)

    def test_toResources(self) -> None:
        """A full address leads to one resource, an IQ for a bare one or an absent resource comes back."""
        connection = self.connect()
        self.login()
        self.login("Mini")
        self.take()
        control = f"control@{COMPONENT}"
        connection.send(xml.element("iq", type="set", id="1", from_=control, to=f"{SCOTT}/Mini"))
        self.assertEqual(self.take(), [f"iq set {control} > {SCOTT}/Mini"])
        for to in (SCOTT, f"{SCOTT}/gone"):
            connection.send(xml.element("iq", type="set", id="2", from_=control, to=to))
            self.assertEqual(connection.take()[-1], f"iq error {to} > {control}")
        connection.send(xml.element("message", from_=control, to=SCOTT))
        self.assertEqual(len(self.take()), 2)

    def test_subscription(self) -> None:
        """Once both have subscribed, each sees the other come and go, also by probe."""
        connection, login = self.connect(), self.login()
        control = f"control@{COMPONENT}"
        login.send(xml.element("presence", type="subscribe", to=control))
        self.assertEqual(connection.take()[-1], f"presence subscribe {SCOTT} > {control}")
        connection.send(xml.element("presence", type="subscribed", from_=control, to=SCOTT))
        connection.send(xml.element("presence", type="subscribe", from_=control, to=SCOTT))
        self.assertEqual(
            self.take()[-2:], [f"presence {kind} {control} > {SCOTT}" for kind in ("subscribed", "subscribe")]
        )
        login.send(xml.element("presence", type="subscribed", to=control))
        self.assertEqual(
            connection.take(), [f"presence subscribed {SCOTT} > {control}", f"presence {SCOTT}/iChat > {control}"]
        )
        connection.send(xml.element("presence", type="probe", from_=control, to=SCOTT))
        self.assertEqual(connection.take(), [f"presence {SCOTT}/iChat > {control}"])
        login.close()
        self.assertEqual(connection.take(), [f"presence unavailable {SCOTT}/iChat > {control}"])
        connection.send(xml.element("presence", type="probe", from_=control, to=SCOTT))
        self.assertEqual(connection.take(), [f"presence unavailable {SCOTT} > {control}"])
        self.login()
        self.assertEqual(
            sorted(connection.take()),
            [f"presence probe {SCOTT}/iChat > {control}", f"presence {SCOTT}/iChat > {control}"],
        )
        connection.send(xml.element("presence", type="subscribe", from_=control, to=SCOTT))
        self.assertEqual(connection.take(), [f"presence subscribed {SCOTT} > {control}"])

    def test_stranger(self) -> None:
        """Who is not subscribed learns nothing by a probe, and an approval nobody asked for changes nothing."""
        connection, login = self.connect(), self.login()
        self.take()
        control = f"control@{COMPONENT}"
        connection.send(xml.element("presence", type="probe", from_=control, to=SCOTT))
        self.assertEqual(connection.take(), [f"presence unsubscribed {SCOTT} > {control}"])
        connection.send(xml.element("presence", type="subscribed", from_=control, to=SCOTT))
        self.assertEqual(self.take(), [])
        login.send(xml.element("presence", type="subscribed", to=control))
        self.assertEqual(connection.take(), [])
        connection.send(xml.element("presence", type="subscribe", from_=control, to="nobody@chat.example"))
        self.assertEqual(connection.take(), [f"presence unsubscribed nobody@chat.example > {control}"])

    def test_unsubscription(self) -> None:
        """After either kind of ending, presence flows no longer."""
        connection, login = self.connect(), self.login()
        control = f"control@{COMPONENT}"
        connection.send(xml.element("presence", type="subscribe", from_=control, to=SCOTT))
        login.send(xml.element("presence", type="subscribed", to=control))
        connection.take()
        login.send(xml.element("presence", type="unsubscribed", to=control))
        login.send(xml.element("presence"))
        self.assertEqual(connection.take(), [f"presence unsubscribed {SCOTT} > {control}"])

    def test_disconnect(self) -> None:
        """A component can be cut off, as by a server's restart."""
        connection = self.connect()
        self.router.disconnect(COMPONENT)
        self.assertTrue(connection.transports[1].disconnected)
