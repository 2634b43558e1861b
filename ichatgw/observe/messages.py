# -*- test-case-name: ichatgw.test.observe.test_messages -*-
"""
Messages for those who read all of them: some at a time.

Half of what happens in a call is messages, and three read each of them.  To read a hundred in a row costs half of what
it costs to read each as it comes; and by then it is known of which call they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ichatgw.observe.events import Message
from ichatgw.observe.stream import Events
from ichatgw.observe.trails import Trails, callIdOf
from ichatgw.runtime.clock import cancel
from ichatgw.runtime.ratelimit import FAILURES, RateLimit

BATCH_SECONDS = 0.05
"""For so long messages wait to be read."""

MAX_WAITING = 250
"""How many wait at most: to read them is one piece of work for the reactor."""

_log = Logger()

Marked = tuple[Message, str]
"""A message, and its mark, see L{Trails.trailOf}."""

Reader = Callable[[Sequence[Marked]], object]


@define(eq=False)
class Messages:
    """
    Collects messages, and hands them on in the order in which they came.

    @ivar trails: knows their marks.
    @ivar readers: called with all that have come since.  One that raises does not disturb the others.
    """

    _clock: IReactorTime
    trails: Trails
    readers: list[Reader] = field(factory=list, init=False)
    _waiting: list[Message] = field(factory=list, init=False)
    _later: IDelayedCall | None = field(default=None, init=False)
    _failures: RateLimit = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._failures = RateLimit(self._clock, *FAILURES, mostSources=32)

    def read(self, events: Events) -> Callable[[], None]:
        """
        Collect what this stream says.

        @return: ends that.
        """
        return events.subscribe(self._keep, Message)

    def flush(self) -> None:
        """Hand on what waits."""
        cancel(self._later)
        self._later = None
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        trailOf = self.trails.trailOf
        marked = [
            (message, callIdOf(message.data) if message.protocol == "SIP" else trailOf(message)) for message in waiting
        ]
        for reader in self.readers:
            try:
                reader(marked)
            except Exception:
                if self._failures.allow(reader):
                    _log.failure("A reader of messages failed")

    def _keep(self, message: Message) -> None:
        self._waiting.append(message)
        if self._later is None:
            self._later = self._clock.callLater(BATCH_SECONDS, self.flush)
        elif len(self._waiting) >= MAX_WAITING:
            self.flush()
