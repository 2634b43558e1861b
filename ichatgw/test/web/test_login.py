"""Tests for L{ichatgw.web.login}."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.errors import ConfigError
from ichatgw.web.login import Forms, Origin, checkedToken, readUsers


class UsersTests(SynchronousTestCase):
    """The file with the users."""

    def write(self, text: str, mode: int = 0o600) -> str:
        """Such a file."""
        path = Path(self.mktemp())
        path.write_text(text)
        os.chmod(path, mode)
        return str(path)

    def test_read(self) -> None:
        """A line is a name and a password, which may have colons."""
        self.assertEqual(readUsers(self.write("# who\n\nann:open:sesame\n")), {"ann": "open:sesame"})

    def test_wrong(self) -> None:
        """What is no such line, a short password, no user at all, and a file for all eyes are named with the place."""
        for text, mode, words in (
            ("ann:password\nbob\n", 0o600, "line 2"),
            (":password\n", 0o600, "line 1"),
            ("ann:short\n", 0o600, "line 1"),
            ("# nobody\n", 0o600, "no user"),
            ("ann:password\n", 0o644, "chmod"),
            ("ann:password\n", 0o660, "chmod"),
        ):
            path = self.write(text, mode)
            problem = self.assertRaises(ConfigError, readUsers, path)
            self.assertIn(words, str(problem))
            self.assertIn(path, str(problem))
            self.assertNotIn("password\n", str(problem))
        self.assertRaises(ConfigError, readUsers, "/nothing")

    def test_token(self) -> None:
        """A token that could be guessed is refused."""
        self.assertRaises(ConfigError, checkedToken, "secret")
        self.assertEqual(checkedToken(""), "")


class OriginTests(SynchronousTestCase):
    """Where a request was made."""

    def test_ours(self) -> None:
        """Our own pages, and programs, which say nothing of it."""
        self.assertTrue(Origin("gw:1").isOurs)
        self.assertTrue(Origin("gw:1", "https://GW:1", "same-origin").isOurs)
        for origin, site in (
            ("http://gw:2", ""),
            ("null", ""),
            ("", "cross-site"),
            ("", "same-site"),
            ("http://gw:1", "x"),
        ):
            self.assertFalse(Origin("gw:1", origin, site).isOurs)
        self.assertFalse(Origin("", "http://").isOurs)

    def test_strange(self) -> None:
        """Names that cannot be read are none of ours."""
        for name in ("[", "localhost.evil.test", "127.0.0.1.evil.test", "a@localhost@b"):
            self.assertFalse(Origin(name).isLoopback, name)
        self.assertFalse(Origin("gw", "http://[").isOurs)


class FormsTests(SynchronousTestCase):
    """Tokens of forms."""

    def test_bound(self) -> None:
        """A token is good for its cookie and its user, and for this run of the process."""
        forms = Forms()
        cookie = forms.cookie()
        token = forms.token(cookie, "ann")
        self.assertTrue(forms.isOurs(cookie, "ann", token))
        self.assertFalse(forms.isOurs(cookie, "bob", token))
        self.assertFalse(forms.isOurs(forms.cookie(), "ann", token))
        self.assertFalse(Forms().isOurs(cookie, "ann", token))
        self.assertFalse(forms.isOurs("", "ann", ""))
