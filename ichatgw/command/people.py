# -*- test-case-name: ichatgw.test.command.test_people -*-
"""
C{ichatgw users} and C{registrations}: the users of XMPP, and their SIP addresses.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from ichatgw.command.gateway import ask, takesPlace
from ichatgw.command.result import Result
from ichatgw.command.words import plain


class Users:
    """The users that are online."""

    HELP = "show the users of XMPP that are online, and how each of their clients can be called"

    def declare(self, parser: ArgumentParser) -> None:
        """See L{ichatgw.command.Command}."""
        takesPlace(parser)

    def run(self, arguments: Namespace) -> Result:
        """See L{ichatgw.command.Command}."""
        users = ask(arguments, "users").items
        lines = [
            _columns(client["address"], client["kind"], client["show"] or "available")
            for user in users
            for client in user["clients"]
        ]
        return Result("\n".join(lines) or "no user is online", users)


class Registrations:
    """The addresses at which users are registered."""

    HELP = "show the SIP addresses at which users are registered, or are to be, and what is wrong"

    def declare(self, parser: ArgumentParser) -> None:
        """See L{ichatgw.command.Command}."""
        takesPlace(parser)

    def run(self, arguments: Namespace) -> Result:
        """See L{ichatgw.command.Command}."""
        found = ask(arguments, "registrations").items
        lines = [_columns(each["address"], " ".join(each["users"]), _state(each)) for each in found]
        return Result("\n".join(lines) or "no address is registered", found)


def _state(registration: dict[str, Any]) -> str:
    left = registration["left"]
    return registration["trouble"] or ("not yet" if left is None else f"for {left} s")


def _columns(*words: str) -> str:
    return "\t".join(map(plain, words))


users, registrations = Users(), Registrations()
