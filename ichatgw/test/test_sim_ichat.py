# -*- test-case-name: ichatgw.test.test_sim_ichat -*-
"""
Tests of the simulated iChat, against a gateway played by hand.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element

from ichatgw.model import TransportAddress
from ichatgw.sim import xml
from ichatgw.sim.blob import Record, encodeRecords
from ichatgw.sim.ichat import IChat
from ichatgw.sim.ichatcaller import OutgoingCall
from ichatgw.sim.phone import Answering, Phone
from ichatgw.sim.profile import CANCEL, COUNTER_PROPOSAL, REQUEST, RESPONSE, SNOW, Action, Calling, Quirks, Taking
from ichatgw.test.simnet import SimNet

SCOTT = "scott@chat.example/iChat"
GATEWAY = "gw.chat.example"
CONTROL = f"control@{GATEWAY}"
NUMBER = f"100@{GATEWAY}"


class IChatTests(SynchronousTestCase):
    """
    The far side is played by the test itself for XMPP, and by a phone for SIP.
    """

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

    # Caller

    def test_callRequest(self) -> None:
        """A call begins with a vc:request that has the five children, in order."""
        self.place()
        self.assertEqual(xml.get(self.sent[-1], "to"), NUMBER)
        query = self.query()
        names = ["VCNewCallerIPPortData", "isAudioOnly", "extSIPPort", "extIPAddr", "VCProtocolVersion"]
        self.assertEqual(list(query), names)
        self.assertEqual((query["extSIPPort"], query["extIPAddr"]), (str(self.ichat.address.port), "192.0.2.1"))

    def test_call(self) -> None:
        """After the vc:response it sends its INVITE there; both sides hear each other, and the presence says busy."""
        call = self.place()
        self.accept()
        self.net.run(2.5)
        self.successResultOf(call.whenAnswered())
        for media in (call.media, self.phone.calls[0].media):
            assert media.detector is not None
            self.assertGreater(media.detector.seconds, 1.5)
        invite = self.phone.calls[0].dialog.invite
        self.assertEqual(invite.get("User-Agent"), "Viceroy 1.3")
        self.assertTrue(invite.get("To").startswith(f'"{NUMBER}" <sip:user@192.0.2.10:5070>'))
        self.assertTrue(invite.get("From").startswith('"scott@chat.example" <sip:user@192.0.2.1:'))
        caps = xml.child(self.sent[-1], "c")
        assert caps is not None
        self.assertNotIn("avavail", xml.get(caps, "ext"))
        call.hangup()
        self.net.run(0.1)
        self.assertEqual((call.outcome, self.phone.calls[0].why), ("we hung up", "they hung up"))
        caps = xml.child(self.sent[-1], "c")
        assert caps is not None
        self.assertIn("avavail", xml.get(caps, "ext"))

    def test_complaints(self) -> None:
        """A plain phone's 180 and its codecs are not what a gateway should send."""
        self.place()
        self.accept()
        self.net.run(1)
        self.assertTrue(any("provisional 180" in each for each in self.ichat.complaints))
        self.assertTrue(any("origin is phone" in each for each in self.ichat.complaints))

    def test_declined(self) -> None:
        """A vc:response 1 ends the call without an INVITE."""
        call = self.place()
        self.signal(RESPONSE, response="1", connectData="", VCProtocolVersion="1")
        self.net.run(1)
        self.assertEqual((call.outcome, self.phone.calls, self.ichat.complaints), ("declined", [], []))

    def test_unreadable(self) -> None:
        """Addresses that cannot be read end the call with a complaint."""
        call = self.place()
        self.signal(RESPONSE, response="0", connectData="12", VCProtocolVersion="1")
        self.assertTrue(call.over)
        self.assertEqual(len(self.ichat.complaints), 1)

    def test_cancelled(self) -> None:
        """It can take the request back by itself, or by hand, before the answer or on it."""
        call = self.place(Calling(cancelAfter=0.5))
        self.net.run(0.6)
        self.assertEqual((call.outcome, self.signals()), ("cancelled", ["request", "cancel"]))
        self.place().hangup()
        call = self.place(Calling(cancelOnAccept=True))
        self.accept()
        self.net.run(0.5)
        self.assertEqual((call.outcome, self.signals()[-2:]), ("cancelled", ["request", "cancel"]))
        self.assertEqual(self.phone.calls, [])

    def test_noInvite(self) -> None:
        """It can leave the gateway waiting for its INVITE."""
        call = self.place(Calling(invite=False))
        self.accept()
        self.net.run(5, 0.1)
        self.successResultOf(call.whenAccepted())
        self.assertEqual((call.over, self.phone.calls), (False, []))

    def test_repeated(self) -> None:
        """It can send the request more than once, each with its own id."""
        call = self.place(Calling(repeats=2))
        self.assertEqual(len(set(call.requests)), 3)

    def test_foreign(self) -> None:
        """It can send its INVITE from an address of which nobody was told."""
        self.place(Calling(foreignHost="192.0.2.66"))
        self.accept()
        self.net.run(1)
        self.assertEqual(self.phone.calls[0].dialog.source.host, "192.0.2.66")

    def test_otherCase(self) -> None:
        """It can write display names in upper case."""
        self.ichat.quirks = Quirks(otherCase=True)
        self.place()
        self.accept()
        self.net.run(0.2)
        self.assertIn(f'"{NUMBER.upper()}"', self.phone.calls[0].dialog.invite.get("To"))

    def test_lostInvite(self) -> None:
        """A lost INVITE is sent again."""
        self.ichat.lose = 1
        call = self.place()
        self.accept()
        self.net.run(0.3)
        self.assertEqual(self.phone.calls, [])
        self.net.run(1)
        self.successResultOf(call.whenAnswered())

    def test_error(self) -> None:
        """An error for its request is a complaint; a result, or nothing, is not."""
        call = self.place()
        request = self.sent[-1]
        request["from"] = SCOTT
        self.ichat.received(xml.resultFor(request))
        self.assertFalse(call.over)
        self.ichat.received(xml.errorFor(request, "item-not-found"))
        self.assertEqual((call.outcome, len(self.ichat.complaints)), ("error", 1))

    def test_ping(self) -> None:
        """It sends a PING every ten seconds of the call, and complains if one is not answered with 200."""
        call = self.place()
        self.accept()
        self.net.run(21)
        self.assertEqual((call.pings, self.phone.calls[0].requests), (2, ["MESSAGE", "MESSAGE"]))

    def test_deaf(self) -> None:
        """It hangs up when it has heard nothing for ten seconds."""
        self.phone.say = None
        call = self.place()
        self.accept()
        self.net.run(9.5)
        self.assertFalse(call.over)
        self.net.run(1.5)
        self.assertEqual(call.outcome, "we hung up")
        self.assertIn("nothing heard for ten seconds", self.ichat.complaints)

    def test_ipv6(self) -> None:
        """Over IPv6 it stays silent until it has heard something."""
        self.make("2001:db8::1")
        self.phone.stop()
        self.phone = Phone(self.net, "2001:db8::10", 5070, say=None, user="user", answering=Answering(delay=0.0))
        self.phone.start()
        call = self.place()
        self.accept()
        self.net.run(1)
        self.assertEqual((call.media.running, call.media.sent), (True, 0))

    # Callee

    def called(self, taking: Taking | None = None, sender: str = f"bell@{GATEWAY}") -> None:
        """A call arrives, and it says its word."""
        self.ichat.taking = taking or Taking(delay=0.1)
        self.request(sender)
        self.net.run(0.2)

    def test_answer(self) -> None:
        """It accepts with its addresses, and takes the INVITE that follows from an address of the request."""
        self.called()
        self.assertEqual(self.signals(), ["response"])
        self.assertEqual(list(self.query()), ["response", "connectData", "responseData", "VCProtocolVersion"])
        call = self.phone.call(f"sip:user@{self.ichat.address}")
        self.net.run(1)
        self.successResultOf(call.whenAnswered())
        incoming = self.ichat.calls[0]
        self.successResultOf(incoming.whenAnswered())
        call.hangup()
        self.net.run(0.1)
        self.assertEqual(incoming.outcome, "they hung up")
        self.assertEqual(len(self.ichat.complaints), 1)
        self.assertIn("offer: ", self.ichat.complaints[0])

    def test_decline(self) -> None:
        """It declines in any of the known ways."""
        for action, data in (
            (Action.DECLINE, ""),
            (Action.DECLINE_LINE_FEED, "\n"),
            (Action.DECLINE_WITHOUT_DATA, None),
        ):
            self.called(Taking(action, 0.1))
            self.assertEqual((self.query()["response"], self.query().get("connectData")), ("1", data))
        self.called(Taking(Action.ERROR, 0.1))
        self.assertEqual(xml.get(self.sent[-1], "type"), "error")
        self.called(Taking(Action.COUNTER, 0.1))
        self.assertEqual(self.signals()[-1], "counterProposal")

    def test_theyCancel(self) -> None:
        """A vc:cancel ends the ringing; its word comes no more."""
        self.ichat.taking = Taking(delay=1.0)
        self.request()
        self.signal(CANCEL, f"bell@{GATEWAY}", VCProtocolVersion="1")
        self.net.run(2, 0.1)
        self.assertEqual((self.ichat.calls[0].outcome, self.signals()), ("they cancelled", []))

    def test_longName(self) -> None:
        """The INVITE of a caller with more than ten characters is answered 603."""
        self.called(sender=f"alexanderbell@{GATEWAY}")
        call = self.phone.call(f"sip:user@{self.ichat.address}")
        self.net.run(0.2)
        self.assertEqual(call.status, 603)

    def test_refuse(self) -> None:
        """It can refuse the INVITE that it asked for."""
        self.called(Taking(delay=0.1, code=486))
        call = self.phone.call(f"sip:user@{self.ichat.address}")
        self.net.run(0.2)
        self.assertEqual((call.status, self.ichat.calls[0].outcome), (486, "refused by us with 486"))

    def test_stranger(self) -> None:
        """An INVITE that belongs to no call, or comes from elsewhere, is answered 603, with a complaint."""
        self.called()
        other = Phone(self.net, "192.0.2.10", user="x")
        other.start()
        call = other.call(f"sip:user@{self.ichat.address}")
        self.net.run(0.2)
        other.stop()
        self.assertEqual(call.status, 603)
        self.assertIn("belongs to no call", self.ichat.complaints[-1])

    def test_badRequest(self) -> None:
        """It complains of a request without greeting, with wrong values or with a resource in the caller."""
        self.signal(REQUEST, f"averylongname@{GATEWAY}/x", isAudioOnly="0")
        self.assertEqual(len(self.ichat.complaints), 8)

    def test_counterProposal(self) -> None:
        """A counter-proposal with the gateway's addresses is as good as none, but not one with its own (an echo)."""
        self.signal(COUNTER_PROPOSAL, connectData=self.records(), VCProtocolVersion="1")
        self.assertEqual(self.ichat.complaints, [])
        self.called(Taking(Action.COUNTER, 0.1))
        self.signal(COUNTER_PROPOSAL, connectData=self.query()["connectData"], VCProtocolVersion="1")
        self.assertEqual(len(self.ichat.complaints), 1)

    def test_unasked(self) -> None:
        """It can answer a call that was never placed to it."""
        self.ichat.answerUnasked(NUMBER)
        self.assertEqual(self.signals(), ["response"])

    # Account

    def test_login(self) -> None:
        """The first presence is without features, the second has those of the profile."""
        self.ichat.profile = self.ichat.account.profile = SNOW
        self.ichat.account.login()
        features = [xml.child(each, "c") for each in self.sent if each.name == "presence"]
        self.assertEqual([xml.get(each, "ext") for each in features if each is not None], ["", SNOW.features])
        self.ichat.account.announce(show="away")
        self.assertEqual(xml.text(xml.child(self.sent[-1], "show")), "away")

    def test_subscribe(self) -> None:
        """A subscription is granted or not, and the other way it is always granted."""
        granted = self.ichat.account.subscribe(CONTROL)
        refused = self.ichat.account.subscribe(NUMBER)
        self.ichat.received(xml.element("presence", type="subscribed", from_=CONTROL, to=SCOTT))
        self.ichat.received(xml.element("presence", type="unsubscribed", from_=NUMBER, to=SCOTT))
        self.assertEqual((self.successResultOf(granted), self.successResultOf(refused)), (True, False))
        self.ichat.received(xml.element("presence", type="subscribe", from_=CONTROL, to=SCOTT))
        self.assertEqual(xml.get(self.sent[-1], "type"), "subscribed")

    def test_roster(self) -> None:
        """Who is seen already, as the roster says, need not grant it again."""
        push = xml.element("iq", type="set", id="r", to=SCOTT)
        xml.add(xml.add(push, "query", xml.ROSTER), "item", jid=CONTROL, subscription="both")
        self.ichat.received(push)
        self.assertTrue(self.successResultOf(self.ichat.account.subscribe(CONTROL)))

    def green(self, *, lie: str = "") -> None:
        """The gateway's presence and its answers to discovery, all but one as they should be."""
        presence = xml.element("presence", from_=NUMBER, to=SCOTT)
        xml.add(presence, "priority", text="0")
        xml.add(presence, "c", xml.CAPS, node="apple:ichat:caps", ver="448", ext="avavail avcap audio")
        self.ichat.received(presence)
        names = {"448": "jabber:iq:version", "avavail": "available", "avcap": "capable", "audio": "audio"}
        for query in [each for each in self.sent if xml.child(each, "query", xml.DISCO_INFO) is not None]:
            asked = xml.child(query, "query")
            assert asked is not None
            node = xml.get(asked, "node")
            answer = answerTo(query)
            found = xml.add(answer, "query", xml.DISCO_INFO, node=node)
            name = names[node.rpartition("#")[2]]
            feature = name if ":" in name else f"apple:iq:vc:{name}"
            xml.add(found, "feature", var="x" if name == lie else feature)
            self.ichat.received(answer)

    def test_green(self) -> None:
        """A contact shows the green telephone when presence and discovery agree."""
        waiting = self.ichat.account.whenCallable(NUMBER)
        self.green()
        self.assertEqual((self.successResultOf(waiting), self.ichat.complaints), (NUMBER, []))

    def test_notGreen(self) -> None:
        """It does not if one feature is missing, and that is a complaint."""
        waiting = self.ichat.account.whenCallable(NUMBER)
        self.green(lie="capable")
        self.assertNoResult(waiting)
        self.assertEqual(len(self.ichat.complaints), 1)

    def test_queried(self) -> None:
        """It says what it is and can do, and answers pings; other questions are errors."""
        for name, uri, kind in (
            ("query", xml.DISCO_INFO, "result"),
            ("query", xml.VERSION, "result"),
            ("ping", xml.PING, "result"),
            ("query", "x:y", "error"),
        ):
            iq = xml.element("iq", type="get", id="q", from_=CONTROL, to=SCOTT)
            xml.add(iq, name, uri)
            self.ichat.received(iq)
            self.assertEqual(xml.get(self.sent[-1], "type"), kind)

    def test_chat(self) -> None:
        """Messages go out, and what comes is kept."""
        self.ichat.account.chat(CONTROL, "hello")
        self.assertEqual(xml.text(xml.child(self.sent[-1], "body")), "hello")
        message = xml.element("message", from_=CONTROL)
        xml.add(message, "body", text="hi")
        self.ichat.received(message)
        self.assertEqual(self.ichat.account.messages, [(CONTROL, "hi")])

    def test_stun(self) -> None:
        """STUN on the socket is told apart, and garbage harms nothing."""
        for datagram in (b"\x00\x01" + bytes(18), b"", b"\x80", b"garbage"):
            self.net.carry(("192.0.2.9", 9), ("192.0.2.1", self.ichat.address.port), datagram)
        self.net.run(0.1)
        self.assertEqual((self.ichat.stun, len(self.ichat.agent.malformed)), (1, 1))


def answerTo(query: Element) -> Element:
    """The empty answer to a query, from whom it was sent to."""
    return xml.element("iq", type="result", id=xml.get(query, "id"), from_=xml.get(query, "to"), to=SCOTT)
