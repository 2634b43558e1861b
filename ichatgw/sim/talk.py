# -*- test-case-name: ichatgw.test.sim.test_options -*-
"""
What the programs that place or take a call have in common.
"""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from typing import Any, NoReturn, Protocol

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.words.xish.domish import Element

from ichatgw.sim.ichat.ichat import Link
from ichatgw.sim.ladder import Trace
from ichatgw.sim.media.media import Media
from ichatgw.sim.xmpp.xml import domainOf, get

say = partial(print, flush=True)

HEARD_ENOUGH = 0.5
"""Which share of the talk the tone has to fill."""

STEP = 10.0
"""Seconds in which what is not up to people comes, or does not."""


class Late(Exception):
    """What was waited for did not come in time."""


def within(seconds: float, reactor: Any, what: str, waited: Deferred[Any]) -> Deferred[Any]:
    """
    Wait no longer than that.

    @param what: what is waited for, as in "no ... within 10 s".
    @return: C{waited}; it fails with L{Late} if that takes longer.
    """

    def late(result: object, limit: float) -> NoReturn:
        raise Late(f"no {what} within {limit:g} s")

    return waited.addTimeout(seconds, reactor, onTimeoutCancel=late)


@frozen
class Watched:
    """A link whose outgoing stanzas are seen."""

    link: Link
    trace: Trace
    domain: str

    def send(self, stanza: Element) -> None:
        self.trace.stanza(stanza, self.domain, domainOf(get(stanza, "to")))
        self.link.send(stanza)


class Call(Protocol):
    """A call of whatever simulator."""

    @property
    def over(self) -> bool:
        """Has it ended?"""

    def hangup(self) -> None:
        """End it."""

    def whenEnded(self) -> Deferred[Any]:
        """Fires when it is over."""


async def talk(reactor: Any, options: Namespace, call: Call, media: Media) -> bool:
    """Talk until the time is over or the other side hangs up."""
    say("the call is up")
    began = reactor.seconds()
    ended: Deferred[Any] = call.whenEnded()
    await ended.addTimeout(options.duration, reactor, onTimeoutCancel=lambda result, limit: None)
    if not call.over:
        call.hangup()
        await deferLater(reactor, 0.5)
    talked = min(reactor.seconds() - began, options.duration)
    say(f"{media.detector} of {talked:.1f} s; {media.received} packets came, {media.sent} went")
    for fault in media.faults[:5]:
        say(f"not as it should be: {fault}")
    heard: float = media.detector.seconds if media.detector is not None else 0.0
    fine = heard >= HEARD_ENOUGH * talked > 0
    if not fine:
        say(f"it failed: {'no media came' if not media.received else 'the tone was not heard for long enough'}")
    return bool(fine)
