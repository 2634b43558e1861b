# -*- test-case-name: ichatgw.test.config.reading.test_credentials -*-
"""
Tests for L{ichatgw.config.reading.credentials}.
"""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from ichatgw.config.reading.credentials import Credentials, Keyring, loadUsers
from ichatgw.errors import ConfigError


class PasswordTests(SynchronousTestCase):
    """Files with passwords."""

    def write(self, text: str | bytes, mode: int = 0o600) -> str:
        path = Path(self.mktemp())
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, mode)
        return str(path)

    def test_keyring(self) -> None:
        """An address comes before its domain; - is the name of the user; a password may hold blanks."""
        path = self.write(
            "# who   name  password\n\nSIP.example   -  all for one\nalice@sip.example  alice-1  secret # 2\n"
        )
        keyring = Keyring.load(path)
        self.assertEqual(keyring.find("bob", "sip.example"), Credentials("bob", "all for one"))
        self.assertEqual(keyring.find("alice", "SIP.Example"), Credentials("alice-1", "secret # 2"))
        self.assertIsNone(keyring.find("alice", "other.example"))
        self.assertIsNone(keyring.find("", "sip.example"))
        self.assertNotIn("secret", repr(keyring))

    def test_users(self) -> None:
        """A name and a password."""
        self.assertEqual(loadUsers(self.write("alice wonder land\n#bob x\n")), {"alice": "wonder land"})

    def test_byteOrderMark(self) -> None:
        """A byte order mark, as some editors write it, is no part of the first name."""
        text = "\ufeffalice wonder\r\nbob x\r\n"
        for data in (text.encode(), text.encode("utf-16-le"), text.encode("utf-16-be")):
            self.assertEqual(loadUsers(self.write(data)), {"alice": "wonder", "bob": "x"})
        found = Keyring.load(self.write("\ufeffexample.com alice secret\r\n")).find("100", "example.com")
        self.assertEqual(found, Credentials("alice", "secret"))

    def test_wrong(self) -> None:
        """What is wrong is said with its place, and never with what stands there."""
        for load, text in (
            (Keyring.load, "ok.example - x\nsip.example hunter2\n"),
            (Keyring.load, "ok.example - x\nalice@ a hunter2\n"),
            (loadUsers, "alice x\nhunter2\n"),
        ):
            problem = str(self.assertRaises(ConfigError, load, self.write(text)))
            self.assertIn("line 2", problem)
            self.assertNotIn("hunter2", problem)

    def test_unreadable(self) -> None:
        """A file that is not there, is no text, or is open to everybody, is refused."""
        self.assertIn("No such file", str(self.assertRaises(ConfigError, loadUsers, self.mktemp())))
        self.assertIn("not UTF-8", str(self.assertRaises(ConfigError, loadUsers, self.write(b"a \xff"))))
        self.assertIn("chmod", str(self.assertRaises(ConfigError, loadUsers, self.write("a b", 0o644))))
