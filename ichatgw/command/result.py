# -*- test-case-name: ichatgw.test.command.test_command -*-
"""
What a sub-command has to say.
"""

from __future__ import annotations

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
