# -*- test-case-name: ichatgw.test.sip.dialog.test_whereabouts -*-
"""
Tests for L{ichatgw.sip.dialog.remotetarget} and L{ichatgw.sip.leg.leg}: where a party's messages show it to be.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.model import Whereabouts
from ichatgw.test.support.fakes import OFFER
from ichatgw.test.support.legs import ANSWER
from ichatgw.test.support.sip.siptalks import Talk, side
from ichatgw.test.support.sip.sipwire import PHONE, PHONE_SDP, Rig, respond

PROXY = "192.0.2.77"


class WhereaboutsTests(SynchronousTestCase):
    """What the relay is told with the party's address."""

    def called(self, extra: str) -> Whereabouts | None:
        """A phone or a server calls, with more in its INVITE."""
        rig = Rig()
        rig.invite(extra=extra)
        leg = rig.invitations.legs[-1]
        leg.answer(ANSWER)
        return side(leg).whereabouts[-1]

    def answered(self, extra: str) -> Whereabouts | None:
        """A phone or a server answers, with more in its 200."""
        rig = Rig()
        leg = rig.dial()
        leg.start(OFFER)
        rig.endpoint.received(respond(rig.wire.take()[-1], 200, "OK", body=PHONE_SDP, extra=extra).encode(), PHONE)
        return side(leg).whereabouts[-1]

    def test_callerWithoutServers(self) -> None:
        """A caller that sends to us itself is where its INVITE comes from."""
        self.assertEqual(self.called(""), Whereabouts((PROXY, PROXY), isSure=True))

    def test_callerBehindServers(self) -> None:
        """A caller behind servers is where the first of them has seen it, be that said by Via or C{received}."""
        for via, seen in (
            ("10.0.0.5:5060;branch=z9hG4bK2;received=203.0.113.9;rport=4711", "203.0.113.9"),
            ("198.51.100.9;branch=z9hG4bK2", "198.51.100.9"),
            ("[2001:db8::5]:5060;branch=z9hG4bK2", "2001:db8::5"),
        ):
            between = "Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK3;received=198.51.100.2\r\n"
            self.assertEqual(
                self.called(f"{between}Via: SIP/2.0/UDP {via}\r\n"), Whereabouts((PROXY, seen), isSure=True)
            )

    def test_callerByName(self) -> None:
        """Where servers have only noted its name, it is not known."""
        via = "Via: SIP/2.0/UDP phone.example;branch=z9hG4bK2\r\n"
        self.assertEqual(self.called(via), Whereabouts((PROXY,)))

    def test_calleeWithoutServers(self) -> None:
        """A phone that answers itself is where its response comes from, whatever it says of itself."""
        self.assertEqual(self.answered("Contact: <sip:b@10.0.0.5>\r\n"), Whereabouts((PROXY,), isSure=True))

    def test_calleeBehindServers(self) -> None:
        """One behind a server may be where its Contact says, if that is an address of the world."""
        route = "Record-Route: <sip:192.0.2.77;lr>\r\n"
        self.assertEqual(self.answered(f"{route}Contact: <sip:b@10.0.0.5>\r\n"), Whereabouts((PROXY,)))
        self.assertEqual(
            self.answered(f"{route}Contact: <sip:b@9.9.9.9:1024>\r\n"), Whereabouts((PROXY, "9.9.9.9"), isSure=True)
        )

    def test_withinTheCall(self) -> None:
        """A later offer shows where the party is now."""
        talk = Talk.outbound(Rig(), extra="Contact: <sip:b@10.0.0.5>\r\nRecord-Route: <sip:192.0.2.77;lr>\r\n")
        self.assertEqual(talk.side.whereabouts, [Whereabouts((PROXY,))])
        talk.send("INVITE", extra="Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK2;received=203.0.113.9\r\n")
        self.assertEqual(talk.side.whereabouts[-1], Whereabouts((PROXY, "203.0.113.9"), isSure=True))
