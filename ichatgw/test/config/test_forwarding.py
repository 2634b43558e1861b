# -*- test-case-name: ichatgw.test.config.test_forwarding -*-
"""
Tests for L{ichatgw.config.declared.forwarding}.
"""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.declared.forwarding import ForwardRule
from ichatgw.config.settings import Settings
from ichatgw.errors import ConfigError
from ichatgw.users.preferences import DEFAULT_SECONDS, When

_NEEDED = "JabberServer = h\nJabberComponentName = gw.example\nJabberComponentPassword = x\n"


class RuleTests(SynchronousTestCase):
    """Rules as administrators write them."""

    def load(self, text: str) -> tuple[Settings, list[str]]:
        path = Path(self.mktemp())
        path.write_text(f"{_NEEDED}TranslationPattern = ^sip:x\nTranslationOutput = sip:x@y\n{text}")
        return Settings.load(str(path))

    def rules(self, *rules: str) -> tuple[ForwardRule, ...]:
        settings, _ = self.load("".join(f"ForwardRule = {rule}\n" for rule in rules) + "VoicemailOutput = sip:$1@y\n")
        return settings.forwardRule

    def test_whole(self) -> None:
        """Each says when, to what, and perhaps for whom; lines add up, in order."""
        self.assertEqual(
            self.rules(
                "always to sip:99@pbx.example for @sales",
                "BUSY to +49 30 1234",
                "no  answer after 30 to Voicemail for Scott@chat.example, example.com",
                "offline to anna@chat.example",
                "no answer to 72",
            ),
            (
                ForwardRule(When.ALWAYS, "sip:99@pbx.example", DEFAULT_SECONDS, ("@sales",)),
                ForwardRule(When.BUSY, "+49301234"),
                ForwardRule(When.NO_ANSWER, "voicemail", 30, ("scott@chat.example", "example.com")),
                ForwardRule(When.OFFLINE, "anna@chat.example"),
                ForwardRule(When.NO_ANSWER, "72"),
            ),
        )

    def test_asWritten(self) -> None:
        """They are shown as they can be written."""
        for text in (
            "always to 72",
            "no answer after 30 to voicemail for @sales, all",
            "busy to sip:1@p,q for x.example",
        ):
            self.assertEqual([str(rule) for rule in self.rules(text)], [text])

    def test_wrong(self) -> None:
        """What is no rule is an error that shows it."""
        for text in (
            "sometimes to 72",
            "always 72",
            "always to",
            "busy after 20 to 72",
            "no answer after 0 to 72",
            "no answer after 601 to 72",
            "no answer after soon to 72",
            "always to mailbox",
            "always to sip:pbx.example",
            "always to sip:a b@pbx.example",
            "always to sip:a@b>@pbx.example",
            "always to 72 for ,",
            "always to 72 for a@b@c",
        ):
            problem = self.assertRaises(ConfigError, self.rules, text)
            self.assertIn("ForwardRule", str(problem))

    def test_voicemail(self) -> None:
        """A rule that leads to mailboxes wants to be told where these are; other rules do not."""
        problem = self.assertRaises(ConfigError, self.load, "ForwardRule = busy to voicemail\n")
        self.assertIn("VoicemailOutput", str(problem))
        self.load("ForwardRule = busy to 72\n")
        self.load("ForwardRule = busy to voicemail\nVoicemailOutput = sips:*97$1@pbx.example\n")
        for output in ("xmpp:box@chat.example", "sip:$2@pbx.example", "97"):
            self.assertRaises(ConfigError, self.load, f"VoicemailOutput = {output}\n")

    def test_unknownTrunk(self) -> None:
        """A list of trunks of which one is none is doubted."""
        _, warnings = self.load("ForwardRule = busy to sip:99@provider,backup\n")
        self.assertTrue(any("there is no trunk provider" in each for each in warnings), warnings)
