# -*- test-case-name: ichatgw.test.command.test_command -*-
"""
What a sub-command has to say, and whether as JSON.
"""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser
from typing import Any

from attrs import frozen


@frozen
class Result:
    """
    @ivar text: for people.
    @ivar data: for programs, as C{json} takes it.
    @ivar status: the exit status.
    """

    text: str
    data: Any
    status: int = 0


def takesJSON(parser: ArgumentParser) -> None:
    """Let a parser, of a command or of one of its actions, take C{--json}."""
    parser.add_argument("--json", action="store_true", default=SUPPRESS, help="write the result as JSON")
