# -*- test-case-name: ichatgw.test.test_sim_options -*-
"""
What the programs that place or take a call have in common.
"""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from typing import Any, Protocol

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.words.xish.domish import Element

from ichatgw.sim.ichat import Link
from ichatgw.sim.ladder import Trace
from ichatgw.sim.media import Media
from ichatgw.sim.xml import domainOf, get

say = partial(print, flush=True)

HEARD_ENOUGH = 0.5
"""Which share of the talk the tone has to fill."""

STEP = 10.0


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
    return bool(heard >= HEARD_ENOUGH * talked > 0)
