# -*- test-case-name: ichatgw.test.sim.ichat.test_ichat -*-
"""
A simulated iChat, and a gateway played by hand.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from ichatgw.model import TransportAddress
from ichatgw.sim.ichat.blob import Record, encodeRecords
from ichatgw.sim.ichat.caller import OutgoingCall
from ichatgw.sim.ichat.ichat import IChat
from ichatgw.sim.ichat.profile import REQUEST, RESPONSE, Calling
from ichatgw.sim.sip.phone import Phone
from ichatgw.sim.xmpp import xml
from ichatgw.test.support.clients.simnet import SimNet

SCOTT = "scott@chat.example/iChat"
GATEWAY = "gw.chat.example"
CONTROL = f"control@{GATEWAY}"
NUMBER = f"100@{GATEWAY}"


class IChatCase(SynchronousTestCase):
    """The far side is played by the test itself for XMPP, and by a phone for SIP."""

    def setUp(self) -> None:
        self.net = SimNet()
        self.sent: list[Element] = []
        self.phone = Phone(self.net, "192.0.2.10", 5070, say=440, listenFor=550, user="user")
        self.phone.start()
        self.make()

    def make(self, host: str = "192.0.2.1", **options: object) -> None:
        """The iChat, logged in."""
        self.ichat = IChat(self.net, SCOTT, host, **options)  # type: ignore[arg-type]
        self.ichat.start()
        self.ichat.connected(self)
        self.sent.clear()
        self.addCleanup(self.ichat.stop)

    def tearDown(self) -> None:
        self.phone.stop()

    def send(self, stanza: Element) -> None:
        """The link of the iChat."""
        self.sent.append(stanza)

    def signals(self) -> list[str]:
        """The vc stanzas that the iChat sent, without their common beginning."""
        queries = [xml.child(each, "query") for each in self.sent]
        names = [str(query.uri) for query in queries if query is not None]
        return [name.rpartition(":")[2] for name in names if name.startswith("apple:iq:vc:")]

    def query(self) -> dict[str, str]:
        """What stands in the last vc stanza."""
        query = xml.child(self.sent[-1], "query")
        return {} if query is None else {each.name: xml.text(each) for each in xml.children(query)}

    def signal(self, namespace: str, sender: str = NUMBER, **values: str) -> None:
        """A vc stanza for the iChat."""
        iq = xml.element("iq", type="set", id="g1", from_=sender, to=SCOTT)
        query = xml.add(iq, "query", namespace)
        for name, value in values.items():
            xml.add(query, name, text=value)
        self.ichat.received(iq)

    def records(self, address: TransportAddress | None = None) -> str:
        """The gateway's addresses."""
        return encodeRecords([Record("eth0", address or self.phone.address)])

    def accept(self) -> None:
        """The gateway accepts."""
        self.signal(RESPONSE, response="0", connectData=self.records(), VCProtocolVersion="1")

    def request(self, sender: str = f"bell@{GATEWAY}") -> None:
        """The gateway calls."""
        self.ichat.received(xml.element("presence", from_=CONTROL, to=SCOTT))
        self.signal(
            REQUEST,
            sender,
            VCNewCallerIPPortData=self.records(),
            isAudioOnly="1",
            extSIPPort="0",
            extIPAddr="127.0.0.1",
            VCProtocolVersion="1",
        )

    def place(self, calling: Calling | None = None) -> OutgoingCall:
        """The iChat calls."""
        self.ichat.calling = calling or Calling()
        return self.ichat.call(NUMBER)
