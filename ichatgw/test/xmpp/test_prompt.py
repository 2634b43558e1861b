# -*- test-case-name: ichatgw.test.xmpp.test_prompt -*-
"""
Tests for L{ichatgw.xmpp.prompt}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.test.support.streams import StubLink
from ichatgw.xmpp.prompt import DESCRIPTION, NS_GATEWAY, PROMPT, Prompt


class PromptTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.link = StubLink(Prompt("GW.test"))
        self.link.up()

    def ask(self, kind: str, inside: str = "") -> str:
        self.link.receive(
            f"<iq type='{kind}' id='1' from='scott@b/x' to='gw.test'><query xmlns='{NS_GATEWAY}'>{inside}</query></iq>"
        )
        return "".join(self.link.take())

    def test_asked(self) -> None:
        """A client is told what to ask for."""
        answer = self.ask("get")
        self.assertIn(f"<desc>{DESCRIPTION}</desc><prompt>{PROMPT}</prompt>", answer)
        self.assertIn("type='result'", answer)

    def test_told(self) -> None:
        """What was typed becomes an address of ours."""
        for text, jid in (
            ("+49 (30) 12-34.5", "+493012345@gw.test"),
            ("72", "72@gw.test"),
            ("tel:+49-30-1234;phone-context=x", "+49301234@gw.test"),
            ("sip:bob@sip.example;transport=tcp", r"bob\40sip.example@gw.test"),
            ("SIP:a%20b@sip.example", r"a\20b\40sip.example@gw.test"),
            (" bob@sip.example ", r"bob\40sip.example@gw.test"),
            ("xmpp:bob@b?call", r"bob\40b@gw.test"),
            ("sip:a;b@sip.example;lr", r"a;b\40sip.example@gw.test"),
            ("Bob", "bob@gw.test"),
        ):
            self.assertIn(f"<jid>{jid}</jid>", self.ask("set", f"<prompt>{text}</prompt>"), text)

    def test_nonsense(self) -> None:
        """What can be no address is refused."""
        for inside in ("", "<prompt/>", "<prompt>---</prompt>", f"<prompt>{'x' * 5000}</prompt>"):
            self.assertIn("<not-acceptable", self.ask("set", inside))
