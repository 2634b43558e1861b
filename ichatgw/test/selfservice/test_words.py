"""
Tests for L{ichatgw.selfservice.words}.
"""

from __future__ import annotations

from string import Formatter

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.selfservice.orders import Command, read
from ichatgw.selfservice.words import ENGLISH, GERMAN, LANGUAGES, languageOf, said
from ichatgw.users.preferences import When


def fields(text: str) -> set[str]:
    """The names of what is filled into a message."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


class WordsTests(SynchronousTestCase):
    def test_everyLanguageSaysAll(self) -> None:
        """Each message exists in all languages, with the same fields."""
        for language, messages in LANGUAGES.items():
            self.assertEqual(set(messages), set(LANGUAGES[ENGLISH]), language)
            for name, text in messages.items():
                self.assertTrue(text.strip(), name)
                self.assertEqual(fields(text), fields(LANGUAGES[ENGLISH][name]), f"{language} {name}")

    def test_allHaveNames(self) -> None:
        """Commands and times have words in each language."""
        for messages in LANGUAGES.values():
            for each in When:
                self.assertIn(each.value, messages)
            for command in Command:
                self.assertIn(f"title{command.value.capitalize()}", messages)

    def test_helpIsUnderstood(self) -> None:
        """What the help of a language shows can be written so, and is known as of that language."""
        for language in LANGUAGES:
            for line in said(language, "help").splitlines()[1:]:
                for text in line.split(" - ")[0].split(", "):
                    found = read(text)
                    assert found is not None, text
                    if text not in ("test", "dnd on", "dnd off"):
                        self.assertEqual(found[1], language, text)

    def test_hostileValues(self) -> None:
        """What may not stand in XML, or would look like another line, is not said; nor is a value read as a message."""
        for hostile in ("a\x00b", "a\nb", "a\ufffeb", "a\ud800b", "a\u202eb"):
            self.assertEqual(said(ENGLISH, "testFailed", why=hostile), "The test call could not be made: a?b")
        self.assertIn("{when}", said(ENGLISH, "missed", when=1, who="{when}"))

    def test_language(self) -> None:
        """A stanza's language counts by its first tag; those that are not translated are answered in English."""
        for tag, language in (("de", GERMAN), ("de-AT", GERMAN), ("DE", GERMAN), ("en", ENGLISH), ("fr", ENGLISH)):
            self.assertEqual(languageOf(tag), language, tag)
        self.assertEqual(languageOf(""), ENGLISH)
        self.assertEqual(languageOf("x" * 10_000), ENGLISH)
