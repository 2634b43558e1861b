# -*- test-case-name: ichatgw.test.sip.message.test_sanitize -*-
"""
Tests for L{ichatgw.sip.message.sanitize}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.sip.message.sanitize import MAX_NAME, MAX_USER, displayName, headerText, userPart

# Importing ichatgw.sip readies sippy, and so comes first.
# isort: split
from sippy.SipAddress import SipAddress
from sippy.SipURL import SipURL

HOSTILE = [
    "a\r\nVia: SIP/2.0/UDP evil",
    "a\nb",
    "a\rb",
    "a\u2028b",
    "a\u2029b",
    "a\x85b",
    "a\x0b\x0cb",
    "a\x1c\x1d\x1eb",
    "NUL \0 here",
    'quo"te',
    'quote at the end"',
    "backslash at the end\\",
    "two\\\\",
    '\\"><sip:evil@example.com>;tag=1',
    "lone \ud800 surrogate",
    "\u202egnp.exe",
    "x" * 100000,
    '"' * 100000,
    "\\" * 100000,
    "\r\n" * 100000,
    "Zoë Größe 大停電",
    "",
]


def emitted(name: str) -> str:
    """The address as sippy writes it."""
    return str(SipAddress(name=name, url=SipURL("sip:me@example.com")))


def readBack(address: str) -> str:
    """What a strict reader of RFC 3261 takes for the display name of C{address}."""
    name, bracket, rest = address.rpartition("<")
    assert (bracket, rest) == ("<", "sip:me@example.com>"), address
    name = name.rstrip(" ")
    if not name.startswith('"'):
        return name
    characters = []
    position = 1
    while name[position] != '"':
        position += name[position] == "\\"
        characters.append(name[position])
        position += 1
    assert position == len(name) - 1, address
    return "".join(characters)


class DisplayNameTests(SynchronousTestCase):
    """L{displayName}."""

    def test_oneLine(self) -> None:
        """Whatever the name, sippy writes an address of one line."""
        for text in HOSTILE:
            address = emitted(displayName(text))
            self.assertEqual(len(address.splitlines()), 1, ascii(text[:40]))
            self.assertNotIn("\0", address)
            address.encode("utf-8")

    def test_readBack(self) -> None:
        """A strict reader finds the cleaned name in what sippy writes, and our URI behind it."""
        for text in HOSTILE:
            self.assertEqual(readBack(emitted(displayName(text))).strip(), headerText(text, MAX_NAME))

    def test_plain(self) -> None:
        """A plain name stays as it is."""
        self.assertEqual(emitted(displayName("Juliet")), "Juliet <sip:me@example.com>")
        self.assertEqual(emitted(displayName("Juliet Capulet")), '"Juliet Capulet" <sip:me@example.com>')

    def test_escaped(self) -> None:
        """Quotes and backslashes are escaped."""
        self.assertEqual(displayName('a"b\\'), 'a\\"b\\\\')

    def test_nonASCII(self) -> None:
        """A single word beyond ASCII is quoted, too."""
        self.assertEqual(emitted(displayName("Zoë")), '"Zoë " <sip:me@example.com>')

    def test_cut(self) -> None:
        """A long name is cut before it is escaped, so that no escape is cut in two."""
        self.assertEqual(displayName("\\" * 1000), "\\\\" * MAX_NAME)


class UserPartTests(SynchronousTestCase):
    """L{userPart}."""

    def test_oneLine(self) -> None:
        """Whatever the user part, sippy writes a URI of one line that ends with our host."""
        for text in HOSTILE:
            url = str(SipURL(username=userPart(text), host="example.com"))
            self.assertTrue(url.isascii() and url.isprintable(), url)
            self.assertTrue(url.endswith("@example.com"), url)
            self.assertEqual(url.count("@"), 1, url)

    def test_removed(self) -> None:
        """What cannot stand in an address is gone, and the rest joined."""
        self.assertEqual(userPart(" ju\r\nl\0iet\ud800\u202e "), "juliet")

    def test_cut(self) -> None:
        """A user part has an end."""
        self.assertEqual(userPart("x" * 1000), "x" * MAX_USER)


class HeaderTextTests(SynchronousTestCase):
    """L{headerText}."""

    def test_oneLine(self) -> None:
        """Line breaks of all kinds become a space, and several of them one."""
        self.assertEqual(headerText("a\r\n\r\nb\u2028c\x85d\x0ce"), "a b c d e")

    def test_limit(self) -> None:
        """The text is no longer than asked for."""
        self.assertEqual(headerText("word " * 1000, 7), "word wo")
        for text in HOSTILE:
            self.assertLessEqual(len(headerText(text, 20)), 20)
