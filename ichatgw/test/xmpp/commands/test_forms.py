"""
Tests for L{ichatgw.xmpp.commands.forms}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import MalformedError
from ichatgw.test.support.streams import parse
from ichatgw.xmpp.commands.forms import MAX_FIELDS, MAX_VALUE, Field, form, submitted


def command(inner: str, kind: str = "submit") -> str:
    """A command with a form."""
    return f"<command xmlns='c'><x xmlns='jabber:x:data' type='{kind}'>{inner}</x></command>"


class FormTests(SynchronousTestCase):
    def test_shown(self) -> None:
        """A form has its title, and each field its kind, label, value and options; each line of a text is a value."""
        shown = form(
            "form",
            "Title",
            [
                Field("when", "list-single", "When", "busy", {"always": "ever", "busy": "<busy>"}),
                Field("to", "text-single", "To"),
                Field("text", "text-multi", "Text", "a\nb"),
            ],
        )
        self.assertEqual(
            shown.toXml(),
            "<x xmlns='jabber:x:data' type='form'><title>Title</title>"
            "<field var='when' type='list-single' label='When'><value>busy</value>"
            "<option label='ever'><value>always</value></option>"
            "<option label='&lt;busy&gt;'><value>busy</value></option></field>"
            "<field var='to' type='text-single' label='To'/>"
            "<field var='text' type='text-multi' label='Text'><value>a</value><value>b</value></field></x>",
        )

    def test_submitted(self) -> None:
        """Of each field the first value counts; a field without one is empty, and no form is none."""
        text = (
            "<field var='a'><value>1</value><value>2</value></field><field var='b'/><field><value>x</value></field>"
            "<other var='c'><value>3</value></other>"
        )
        self.assertEqual(submitted(parse(command(text))), {"a": "1", "b": "", "": "x"})
        self.assertIsNone(submitted(parse("<command xmlns='c'><x xmlns='other' type='submit'/></command>")))

    def test_hostile(self) -> None:
        """Forms with too many fields or too much in one are refused, and those that are not submitted."""
        for inner, kind in (
            ("<field var='a'/>" * 10_000, "submit"),
            ("<other/>" * (MAX_FIELDS + 1), "submit"),
            (f"<field var='a'><value>{'x' * (MAX_VALUE + 1)}</value></field>", "submit"),
            ("", "form"),
            ("", "cancel"),
            ("", ""),
        ):
            self.assertRaises(MalformedError, submitted, parse(command(inner, kind)))
        self.assertEqual(submitted(parse(command("<field var='a'/>" * MAX_FIELDS))), {"a": ""})
