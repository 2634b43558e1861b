# -*- test-case-name: ichatgw.test.texts -*-
"""
What passes between the exchange of texts and the two networks.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from attrs import field, frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import Interface

from ichatgw.errors import CallError
from ichatgw.model import Ending, EndReason, Party


class Fate(Enum):
    """What has become of a text."""

    ACCEPTED = "somebody on the way has taken it, and will say no more"
    DELIVERED = "a device of its reader has it"
    FAILED = "it has not arrived after all"


@frozen
class Text:
    """
    Something that one person writes to another.

    @ivar writer: who has written it.
    @ivar to: whom it is for: the address to be looked up, and then what that stands for.
    @ivar body: what is written, as it came; never logged.
    @ivar subject: its heading; empty if it has none.
    @ivar told: is to be told once that it has arrived, or has not, when it is known later than C{carry} is over;
        C{None} if its writer does not want to know.
    @ivar isNotice: a program says it, in the name of many perhaps.
    """

    writer: Party
    to: str
    body: str = field(repr=False)
    subject: str = field(default="", repr=False)
    told: Callable[[Fate], None] | None = field(default=None, eq=False, repr=False)
    isNotice: bool = False


class NotCarried(CallError):
    """
    A text has not arrived.

    @ivar ending: why.
    """

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.text or ending.reason.value)
        self.ending = ending
        self.reason = ending.reason
        self.cause = ending.cause


def whyNot(failure: Failure) -> CallError:
    """
    Why a text has not arrived.

    @raise Exception: that of C{failure}, if it is a fault of ours.
    """
    failure.trap(CallError)
    problem = failure.value
    assert isinstance(problem, CallError)
    return problem


class TooLong(CallError):
    """A text is longer than the settings allow."""

    reason = EndReason.INCOMPATIBLE


class ITexts(Interface):
    """Takes the texts that arrive from a network, of those who may call."""

    def arrived(text: Text) -> Deferred[Fate]:
        """
        A text has arrived.

        @return: fires with L{Fate.ACCEPTED} or L{Fate.DELIVERED}, or fails with L{CallError} if it does not arrive.
        """


class ITextPort(Interface):
    """Carries texts into a network."""

    def carry(text: Text) -> Deferred[Fate]:
        """
        Hand a text to its reader.

        @param text: its C{to} is the translated address, with its scheme; its writer is as the reader may see it.
        @return: as L{ITexts.arrived}.
        @raise CallError: if that can be said at once.
        """
