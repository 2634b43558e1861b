# -*- test-case-name: ichatgw.test.sim.ichat.test_account -*-
"""
Tests of the simulated iChat, against a gateway played by hand: its presence, its contacts and what it is asked.
"""

from __future__ import annotations

from twisted.words.xish.domish import Element

from ichatgw.sim.ichat.profile import SNOW
from ichatgw.sim.moment import Missed
from ichatgw.sim.xmpp import xml
from ichatgw.test.support.clients.simichats import CONTROL, NUMBER, SCOTT, IChatCase


class AccountTests(IChatCase):
    """L{ichatgw.sim.ichat.account}."""

    def test_login(self) -> None:
        """The first presence is without features, the second has those of the profile."""
        self.ichat.profile = self.ichat.account.profile = SNOW
        self.ichat.account.login()
        features = [xml.child(each, "c") for each in self.sent if each.name == "presence"]
        self.assertEqual([xml.get(each, "ext") for each in features if each is not None], ["", SNOW.features])
        self.ichat.account.announce(show="away")
        self.assertEqual(xml.text(xml.child(self.sent[-1], "show")), "away")

    def test_cannotSubscribe(self) -> None:
        """What a server says against a subscription is told at once."""
        asked = self.ichat.account.subscribe(NUMBER)
        error = xml.element("presence", type="error", from_=NUMBER, to=SCOTT)
        xml.add(xml.add(error, "error", type="cancel"), "remote-server-not-found")
        self.ichat.received(error)
        problem = self.failureResultOf(asked, Missed)
        self.assertEqual(
            str(problem.value), f"{NUMBER} cannot be subscribed to, the server says remote-server-not-found"
        )

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


def answerTo(query: Element) -> Element:
    """The empty answer to a query, from whom it was sent to."""
    return xml.element("iq", type="result", id=xml.get(query, "id"), from_=xml.get(query, "to"), to=SCOTT)
