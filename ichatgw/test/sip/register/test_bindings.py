# -*- test-case-name: ichatgw.test.sip.register.test_bindings -*-
"""
Tests for L{ichatgw.sip.register.bindings}, and for calls to those who are registered.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.sip.register.bindings import Binding
from ichatgw.sip.register.client import RegisterClient
from ichatgw.test.support.sip.sipwire import Rig, header, respond

CALLED = "<sip:sales@pbx>"


class RegisteredTests(SynchronousTestCase):
    """Who is called by a Contact of ours is who is registered with it."""

    def setUp(self) -> None:
        self.rig = Rig()
        self.registrar: RegisterClient = self.rig.endpoint.registrar()

    def register(self, binding: Binding, seconds: int = 60, code: int = 200, extra: str = "") -> str:
        """@return: the Contact that was sent."""
        self.registrar.register(binding, seconds)
        (sent,) = self.rig.wire.take()
        self.rig.receive(respond(sent, code, "OK", extra=extra))
        return header(sent, "Contact").strip("<>")

    def called(self, uri: str) -> str:
        self.rig.invite(uri=uri, to=CALLED, callId=f"{len(self.rig.invitations.called)}@x")
        return self.rig.invitations.called[-1]

    def test_contact(self) -> None:
        """Our own Contact, as we wrote it, with what a server adds to it, and without the token that it may lose."""
        contact = self.register(Binding("sip:alice@192.0.2.77"))
        for uri in (contact, f"{contact};x=y", "sip:alice@192.0.2.10:5070", "sip:alice@192.0.2.10:5070;ob"):
            self.assertEqual(self.called(uri), "sip:alice@192.0.2.77")

    def test_rewritten(self) -> None:
        """The Contact as the registrar has written it."""
        self.register(Binding("sip:alice@192.0.2.77"), extra="Contact: <sip:t17@203.0.113.7:40000>;expires=60\r\n")
        self.assertEqual(self.called("sip:t17@203.0.113.7:40000;x=y"), "sip:alice@192.0.2.77")
        self.assertEqual(self.called("sip:t17@203.0.113.7:40001"), "sip:t17@203.0.113.7:40001")

    def test_others(self) -> None:
        """Any other Request-URI is what it says, and one of somebody else in the same answer is not ours."""
        self.register(
            Binding("sip:alice@192.0.2.77"),
            extra="Contact: <sip:alice@203.0.113.7>;expires=9, <sip:alice@203.0.113.8>;expires=60\r\n",
        )
        for uri in ("sip:alice@192.0.2.10:5071", "sip:Alice@192.0.2.10:5070", "sip:alice@203.0.113.7", "sip:bob@x"):
            self.assertEqual(self.called(uri), uri)

    def test_twoDomains(self) -> None:
        """Of two of one name at two registrars, the one is called whose registrar calls; tokens tell them apart."""
        here, there = Binding("sip:alice@192.0.2.77"), Binding("sip:alice@192.0.2.78")
        contact = self.register(there)
        self.register(here)
        self.assertEqual(self.called(contact), "sip:alice@192.0.2.78")
        self.registrar._bindings.add(there, [], "192.0.2.78")  # its answer came from here in this test
        self.assertEqual(self.called("sip:alice@192.0.2.10:5070"), "sip:alice@192.0.2.77")

    def test_over(self) -> None:
        """A binding that was taken back, or refused, leads nowhere, and leaves nothing."""
        for seconds, code in ((0, 200), (60, 403)):
            binding = Binding("sip:alice@192.0.2.77")
            contact = self.register(binding)
            self.register(binding, seconds, code)
            self.assertEqual(self.called(contact), "sip:alice@192.0.2.10:5070")
        found = self.registrar._bindings
        self.assertEqual((found._byToken, found._byPlace, found._places), ({}, {}, {}))
