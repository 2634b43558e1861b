# -*- test-case-name: ichatgw.test.config.reading.test_credentials -*-
"""
The two files with passwords: with which we log in at SIP servers, and with which phones log in here.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from attrs import field, frozen

from ichatgw.config.reading.textfile import decoded
from ichatgw.errors import ConfigError

OWN_NAME = "-"
"""In the place of a name to log in with: the user part of the address that calls or is registered."""


@frozen
class Credentials:
    """
    @ivar user: the name to log in with.
    """

    user: str
    password: str = field(repr=False)


@frozen
class Keyring:
    """
    With what we log in where.

    @ivar entries: by address (C{user@domain}) or domain, in lower case.
    """

    entries: dict[str, Credentials] = field(factory=dict, repr=False)

    @classmethod
    def load(cls, path: str) -> Keyring:
        """
        Read a file whose lines are an address or a domain, a name (or C{-}), and a password.

        @raise ConfigError: if it cannot be read, or a line is not like that, or everybody can read it.
        """
        entries: dict[str, Credentials] = {}
        for number, line in _lines(path):
            words = line.split(None, 2)
            if len(words) != 3 or not words[0].rpartition("@")[2]:
                raise ConfigError(f"{path}, line {number}: expected an address or a domain, a name and a password")
            entries[words[0].lower()] = Credentials(words[1], words[2])
        return cls(entries)

    def find(self, user: str, domain: str) -> Credentials | None:
        """
        For one who calls, or is registered, as C{user} at a server that is addressed as C{domain}.
        """
        found = self.entries.get(f"{user}@{domain}".lower()) or self.entries.get(domain.lower())
        if found is not None and found.user == OWN_NAME:
            return Credentials(user, found.password) if user else None
        return found


def loadUsers(path: str) -> dict[str, str]:
    """
    Read a file whose lines are a name and a password.

    @raise ConfigError: if it cannot be read, or a line is not like that, or everybody can read it.
    """
    users: dict[str, str] = {}
    for number, line in _lines(path):
        words = line.split(None, 1)
        if len(words) != 2:
            raise ConfigError(f"{path}, line {number}: expected a name and a password")
        users[words[0]] = words[1]
    return users


def _lines(path: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, with their numbers.  None is ever shown: it holds a password."""
    try:
        with open(path, "rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & stat.S_IROTH:
                raise ConfigError(f"{path} holds passwords and everybody on this host can read it: chmod o-r it")
            lines = decoded(file.read()).splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(f"{path} cannot be read: {getattr(problem, 'strerror', None) or 'not UTF-8'}") from problem
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()
