# -*- test-case-name: ichatgw.test.ichat.test_stanzas -*-
# mypy: allow-untyped-calls
"""
Tests for L{ichatgw.ichat.stanzas}.
"""

from __future__ import annotations

from typing import cast

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element
from wokkel.generic import parseXml

from ichatgw.errors import MalformedError
from ichatgw.ichat.connectdata import AddressRecord
from ichatgw.ichat.stanzas import ACCEPT, REFUSE, CounterProposal, VCCancel, VCRequest, VCResponse, errorIn
from ichatgw.model import TransportAddress

DATA = "0000000065746830000000000000000000000000c000020a00000000000000000000000013ce0000"
RECORDS = (AddressRecord("eth0", TransportAddress("192.0.2.10", 5070)),)
SCOTT = JID("scott@jabber.example/iChat")
BELL = JID("bell@gw.jabber.example")


def xml(text: str) -> Element:
    return cast(Element, parseXml(text.encode()))


def iq(what: str, children: str, to: str = BELL.full(), from_: str = SCOTT.full()) -> Element:
    query = f"<query xmlns='apple:iq:vc:{what}'>{children}</query>"
    return xml(f"<iq type='set' id='iChat_1FFF40D4' to='{to}' from='{from_}'>{query}</iq>")


class WriteTests(SynchronousTestCase):
    """What we send, child by child."""

    def assertSends(self, element: Element, what: str, children: str) -> None:
        self.assertEqual((element.name, element["type"], element["id"]), ("iq", "set", "x1"))
        self.assertEqual((element["to"], element["from"]), (SCOTT.full(), BELL.full()))
        query = element.firstChildElement()
        self.assertEqual(query.toXml(), f"<query xmlns='apple:iq:vc:{what}'>{children}</query>")

    def test_request(self) -> None:
        """A request has five children in the order that iChats know."""
        self.assertSends(
            VCRequest(SCOTT, BELL, RECORDS).toElement("x1"),
            "request",
            f"<VCNewCallerIPPortData>{DATA}</VCNewCallerIPPortData><isAudioOnly>1</isAudioOnly>"
            "<extSIPPort>0</extSIPPort><extIPAddr>127.0.0.1</extIPAddr><VCProtocolVersion>1</VCProtocolVersion>",
        )

    def test_accept(self) -> None:
        """An accept has the verdict 0 and our addresses."""
        self.assertSends(
            VCResponse(SCOTT, BELL, ACCEPT, RECORDS).toElement("x1"),
            "response",
            f"<response>0</response><connectData>{DATA}</connectData><VCProtocolVersion>1</VCProtocolVersion>",
        )

    def test_refuse(self) -> None:
        """A refusal has the verdict 1 and an empty C{connectData}."""
        self.assertSends(
            VCResponse(SCOTT, BELL, REFUSE).toElement("x1"),
            "response",
            "<response>1</response><connectData/><VCProtocolVersion>1</VCProtocolVersion>",
        )

    def test_cancel(self) -> None:
        """A cancel has but the version."""
        self.assertSends(VCCancel(SCOTT, BELL).toElement("x1"), "cancel", "<VCProtocolVersion>1</VCProtocolVersion>")

    def test_counterProposal(self) -> None:
        """A counterProposal names addresses."""
        self.assertSends(
            CounterProposal(SCOTT, BELL, RECORDS).toElement("x1"),
            "counterProposal",
            f"<connectData>{DATA}</connectData><VCProtocolVersion>1</VCProtocolVersion>",
        )


class ReadTests(SynchronousTestCase):
    """What we understand."""

    def test_roundTrip(self) -> None:
        """What we write we can read."""
        for stanza in (
            VCRequest(SCOTT, BELL, RECORDS),
            VCResponse(SCOTT, BELL, ACCEPT, RECORDS),
            VCResponse(SCOTT, BELL, REFUSE),
            VCCancel(SCOTT, BELL),
            CounterProposal(SCOTT, BELL),
        ):
            self.assertEqual(type(stanza).fromElement(xml(stanza.toElement("x1").toXml())), stanza)

    def test_request(self) -> None:
        """A request is read by its addresses; a missing one, and what else is said, are no matter."""
        request = iq("request", f"<VCNewCallerIPPortData>\n{DATA}</VCNewCallerIPPortData><isAudioOnly>0</isAudioOnly>")
        self.assertEqual(VCRequest.fromElement(request), VCRequest(BELL, SCOTT, RECORDS))
        self.assertEqual(VCRequest.fromElement(iq("request", "text")), VCRequest(BELL, SCOTT))

    def test_preparedAddresses(self) -> None:
        """Addresses have one spelling."""
        cancel = VCCancel.fromElement(iq("cancel", "", "BELL@GW.Jabber.Example", "Scott@JABBER.example/iChat"))
        self.assertEqual(cancel, VCCancel(BELL, SCOTT))

    def test_accept(self) -> None:
        """An accept is C{response} 0, or none, with addresses; what else a real iChat says is ignored."""
        for verdict in ("<response>0</response>", "<response> 0\n</response>", ""):
            response = iq("response", f"{verdict}<connectData>\n{DATA}</connectData><responseData>1</responseData>")
            self.assertEqual(VCResponse.fromElement(response), VCResponse(BELL, SCOTT, ACCEPT, RECORDS))
            self.assertTrue(VCResponse.fromElement(response).isAccept)

    def test_refuse(self) -> None:
        """All else is a refusal."""
        for children in (
            "",
            "<response>0</response>",
            "<response>0</response><connectData/>",
            "<response>0</response><connectData>\n</connectData>",
            f"<response>1</response><connectData>{DATA}</connectData>",
            f"<response>-1</response><connectData>{DATA}</connectData>",
            f"<response>yes</response><connectData>{DATA}</connectData>",
            "<response>1</response><connectData>zz</connectData>",
            f"<connectData xmlns='elsewhere'>{DATA}</connectData>",
        ):
            self.assertFalse(VCResponse.fromElement(iq("response", children)).isAccept, children)

    def test_badConnectData(self) -> None:
        """Addresses that cannot be read are malformed: odd hex, half records, far too many."""
        for data in ("zz" * 40, DATA[:-1], DATA[:40], DATA * 1000):
            accept = iq("response", f"<response>0</response><connectData>{data}</connectData>")
            self.assertRaises(MalformedError, VCResponse.fromElement, accept)
            request = iq("request", f"<VCNewCallerIPPortData>{data}</VCNewCallerIPPortData>")
            self.assertRaises(MalformedError, VCRequest.fromElement, request)

    def test_severalChildren(self) -> None:
        """An IQ with more than one child is malformed, as is one with another child."""
        stanza = iq("cancel", "")
        stanza.addElement(("apple:iq:vc:cancel", "query"))
        self.assertRaises(MalformedError, VCCancel.fromElement, stanza)
        self.assertRaises(MalformedError, CounterProposal.fromElement, iq("cancel", ""))
        self.assertRaises(MalformedError, VCCancel.fromElement, xml("<iq type='set'/>"))

    def test_badAddresses(self) -> None:
        """Without a valid sender and recipient a stanza is malformed."""
        self.assertRaises(MalformedError, VCCancel.fromElement, iq("cancel", "", to=""))
        self.assertRaises(MalformedError, VCCancel.fromElement, iq("cancel", "", from_="@"))


class ErrorTests(SynchronousTestCase):
    """L{errorIn}."""

    def read(self, error: str) -> tuple[str, int]:
        return errorIn(xml(f"<iq type='error'>{error}</iq>"))

    def test_condition(self) -> None:
        """The condition is the child that is not the text."""
        namespace = "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'"
        error = f"<error code='404'><text {namespace}>oh</text><item-not-found {namespace}/></error>"
        self.assertEqual(self.read(error), ("item-not-found", 404))

    def test_old(self) -> None:
        """An old server gives a code only."""
        self.assertEqual(self.read("<query/><error code='503'>Service Unavailable</error>"), ("", 503))

    def test_nothing(self) -> None:
        """No error, no condition, or a code that is none: nothing is known."""
        for error in (
            "",
            "<error/>",
            "<error code='x'/>",
            "<error code='99999'/>",
            "<error code='\u0663\u0663\u0663'/>",
        ):
            self.assertEqual(self.read(error), ("", 0))
