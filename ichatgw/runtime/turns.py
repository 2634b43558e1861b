# -*- test-case-name: ichatgw.test.runtime.test_turns -*-
"""
What signalling may do in one turn of the reactor, so that sound never waits for it.

There is one reactor.  A SIP message costs it one to three milliseconds, a packet of sound some ten microseconds, and
packets come every 20 ms from each party.  So all signalling (SIP over UDP and over streams, XMPP, timers, work on many
users) is done as jobs of one L{Turns}, which keeps two bounds:

 - before a job, if L{MEDIA_INTERVAL} has passed since media ports were read, they are read;
 - when the jobs of a turn have taken L{TURN_SECONDS}, or are L{TURN_JOBS}, the others wait for the next turn, and the
   reactor reads its sockets and runs its timers.

Jobs of one source keep their order (L{Line}); sources take turns.  What strangers want done has a small part of each
turn (L{Share}), and so have new calls: others are answered the sooner, the sooner the sockets are read again.

C{docs/decisions/0010-turns-are-short.rst} says why it is so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.runtime.nulls import unheard

TURN_SECONDS = 0.008
"""Seconds of signalling in one turn of the reactor; the job that exceeds them is the last of the turn."""

TURN_JOBS = 32
"""Jobs in one turn of the reactor, for clocks that stand still while jobs run."""

STRANGERS_SECONDS = 0.002
"""Seconds of a turn that all strangers have together; the job that exceeds them is their last of the turn."""

CALLS_SECONDS = 0.003
"""Seconds of a turn for calls that are to begin."""

MEDIA_INTERVAL = 0.001
"""Seconds of signalling after which media ports are read."""

MAX_LAG = 0.25
"""Seconds for which jobs may wait without a break until it is too much: less than a phone waits to send again."""

WAITING = 8
"""Jobs of one source that wait when it is told to give no more."""

SWEEP_SECONDS = 0.002
"""Seconds of work on many items in one turn of the reactor."""

SWEEP_ITEMS = 200
"""Items that are worked on in one turn of the reactor."""

SWEEP_INTERVAL = 0.02
"""Seconds from one part of such work to the next; leaves room for what is urgent, and for the far end."""

T = TypeVar("T")

_log = Logger()


@define(eq=False)
class Share:
    """
    A part of each turn that some lines have together, so that others need not wait for them for longer.

    @ivar seconds: how many of a turn it has.
    @ivar spent: how many it has had in this one.
    """

    seconds: float
    spent: float = field(default=0.0, init=False)

    @property
    def isSpent(self) -> bool:
        """Is there nothing left of it in this turn?"""
        return self.spent >= self.seconds


@define(eq=False)
class Line:
    """
    The jobs of one source in order: one connection, one socket, one link.

    @ivar name: what its jobs are, for the log.
    @ivar pause: called when L{WAITING} jobs have to wait: the source should give no more.
    @ivar resume: called when no job waits any more.
    @ivar counts: whether it is a sign of too much to do if they wait; not if they are those of strangers.  It is set
        while none waits.
    @ivar share: the part of a turn that they have together with those of other lines; C{None} for the whole turn.  It
        is set while none waits.
    @ivar holds: tells whether the source has more that it has not given, e.g. what the kernel keeps for it: then it is
        behind even if no job waits.
    @ivar isBehind: for L{Turns}: do its jobs count as waiting?
    """

    _turns: Turns
    name: str
    pause: Callable[[], object] | None = None
    resume: Callable[[], object] | None = None
    counts: bool = field(default=True, kw_only=True)
    share: Share | None = field(default=None, kw_only=True)
    holds: Callable[[], bool] = field(default=lambda: False, kw_only=True)
    isBehind: bool = field(default=False, init=False)
    _waiting: deque[tuple[Callable[..., object], tuple[Any, ...]]] = field(factory=deque, init=False)
    _queued: bool = field(default=False, init=False)
    _isPaused: bool = field(default=False, init=False)

    def __len__(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)

    def put(self, job: Callable[..., object], *args: Any) -> None:
        """
        Do C{job(*args)}, at once if this turn has room for it and none waits in this line.

        What the job raises is logged, and goes no further.
        """
        if self.hasRoom:
            self.run(job, *args)
            self._turns.follow(self)
        else:
            self.later(job, *args)

    @property
    def hasRoom(self) -> bool:
        """Would a job be done at once?"""
        return not self._waiting and self._turns.hasRoomFor(self)

    def run(self, job: Callable[..., object], *args: Any) -> None:
        """Do C{job(*args)} now, whatever waits."""
        took = self._turns.run(self.name, job, *args)
        if self.share is not None:
            self.share.spent += took

    def later(self, job: Callable[..., object], *args: Any) -> None:
        """
        Do C{job(*args)} in another turn, or later in this one.

        What a job has to do beyond itself goes by this, else it would be a part of that job, whatever it takes.
        """
        self._waiting.append((job, args))
        if not self._queued:
            self._queued = True
            self._turns.waits(self)
        if len(self._waiting) == WAITING and not self._isPaused:
            self._isPaused = True
            if self.pause is not None:
                self.pause()

    def clear(self) -> None:
        """Forget the jobs that wait."""
        self._waiting.clear()

    def end(self) -> None:
        """The source is gone; what it has given is done all the same."""
        self.pause = self.resume = None
        self.holds = lambda: False
        self._turns.follow(self)

    def next(self) -> None:
        """For L{Turns}: do the job that has waited for longest."""
        try:
            if self._waiting:
                job, args = self._waiting.popleft()
                self.run(job, *args)
        finally:  # a job that takes the interpreter along must not leave its source unread
            self._queued = bool(self._waiting)
            self._turns.done(self, self._queued)
            if not self._queued and self._isPaused:
                self._isPaused = False
                if self.resume is not None:
                    self.resume()


@define(eq=False)
class Sweep(Generic[T]):
    """
    The same work on each of many items, a part of them in one turn.

    @ivar do: the work on one item; what it raises is logged, and the next item comes.
    @ivar done: called after the last item.
    @ivar ready: is this a moment for more?  If not, it is asked again after L{SWEEP_INTERVAL}.
    @ivar interval: seconds from one part to the next.
    """

    _turns: Turns
    do: Callable[[T], object]
    done: Callable[[], object] | None = None
    ready: Callable[[], bool] | None = None
    interval: float = SWEEP_INTERVAL
    _items: Iterator[T] | None = field(default=None, init=False)
    _later: IDelayedCall | None = field(default=None, init=False)

    @property
    def running(self) -> bool:
        """Are there items to be worked on?"""
        return self._items is not None

    def start(self, items: Iterable[T]) -> None:
        """Begin with these, and forget those that are left from before.  The first part is done at once."""
        self.stop()
        self._items = iter(items)
        self._part()

    def stop(self) -> None:
        """Forget the items that are left.  Idempotent."""
        self._items = None
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _part(self) -> None:
        self._later = None
        turns, items = self._turns, self._items
        assert items is not None
        if self.ready is not None and not self.ready():
            self._later = turns.callLater(SWEEP_INTERVAL, self._part)
            return
        ends = turns.seconds() + SWEEP_SECONDS
        for _ in range(SWEEP_ITEMS):
            try:
                item = next(items)
            except StopIteration:
                self._items = None
                if self.done is not None:
                    self.done()
                return
            turns.run("many items", self.do, item)
            if self._items is not items:
                return  # the work itself has stopped it, or begun anew
            if turns.seconds() >= ends:
                break
        self._later = turns.callLater(self.interval, self._part)


@implementer(IReactorTime)
class Turns:
    """
    Runs jobs within the bounds of a turn.  As a clock (L{IReactorTime}) it runs timers so that media is read between.

    @ivar clock: the reactor's clock.
    @ivar media: reads the media ports that have something; set when there are any.
    @ivar watch: told how many seconds a job took, and what it was.
    @ivar strangers: the part of a turn for what strangers want done.
    @ivar callers: that for calls which are to begin.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock
        self.media: Callable[[], object] = unheard
        self.watch: Callable[[float, str], object] = unheard
        self.seconds = clock.seconds
        self.strangers = Share(STRANGERS_SECONDS)
        self.callers = Share(CALLS_SECONDS)
        self._lines: deque[Line] = deque()
        self._spent = 0.0
        self._jobs = 0
        self._inJob = False
        self._mediaAt = 0.0
        self._next: IDelayedCall | None = None
        self._counting = 0
        self._urgent = 0
        self._behindSince = 0.0

    # Jobs.

    def line(
        self, name: str, pause: Callable[[], object] | None = None, resume: Callable[[], object] | None = None
    ) -> Line:
        """A line for the jobs of one source; see L{Line}."""
        return Line(self, name, pause, resume)

    def sweep(
        self,
        do: Callable[[T], object],
        done: Callable[[], object] | None = None,
        ready: Callable[[], bool] | None = None,
        interval: float = SWEEP_INTERVAL,
    ) -> Sweep[T]:
        """For work on many items; see L{Sweep}."""
        return Sweep(self, do, done, ready, interval)

    @property
    def _hasTime(self) -> bool:
        return self._spent < TURN_SECONDS and self._jobs < TURN_JOBS

    def hasRoomFor(self, line: Line) -> bool:
        """For L{Line}: may another job of it be done in this turn, before all that wait?"""
        if line.share is None:
            return self._hasTime and not self._urgent
        return self._hasTime and not self._lines and not line.share.isSpent

    @property
    def lag(self) -> float:
        """For how many seconds there has been a job that waits and counts, without a break; 0 if there is none."""
        return self.seconds() - self._behindSince if self._counting else 0.0

    @property
    def isLate(self) -> bool:
        """Is there so much to do that nothing new should be begun?"""
        return self.lag > MAX_LAG

    def run(self, name: str, job: Callable[..., object], *args: Any) -> float:
        """
        Do a job now, and count it.

        @param name: what it is, for the log.
        @return: how many seconds it took; 0 if it is a part of another one.
        """
        inner = self._inJob
        begun = self.seconds() if inner else self.letMediaPass()
        self._inJob = True
        try:
            job(*args)
        except Exception:
            _log.failure("A job failed: {name}", name=name)
        finally:
            self._inJob = inner
        if inner:
            return 0.0  # it is a part of the job that it is done in
        took = self.seconds() - begun
        self._jobs += 1
        self._spent += took
        self.watch(took, name)
        if self._next is None and (self._spent >= TURN_SECONDS or self._jobs >= TURN_JOBS):
            self._next = self.clock.callLater(0, self._turn)
        return took

    def letMediaPass(self) -> float:
        """
        Read the media ports if that is due; for loops that are no jobs.

        @return: the time now.
        """
        now: float = self.seconds()
        if now - self._mediaAt >= MEDIA_INTERVAL:
            try:
                self.media()
            except Exception:  # it is no reason to lose a job
                _log.failure("Media could not be read")
            now = self._mediaAt = self.seconds()
        return now

    def waits(self, line: Line) -> None:
        """For L{Line}: it has a job that has to wait."""
        if line.counts and not line.isBehind:
            if not self._counting:
                self._behindSince = self.seconds()
            self._counting += 1
            line.isBehind = True
        if line.share is None:
            self._urgent += 1
        self._lines.append(line)
        if self._next is None:
            self._next = self.clock.callLater(0, self._turn)

    def done(self, line: Line, isWaiting: bool) -> None:
        """For L{Line}: a job of it is done; do others wait?"""
        if isWaiting:
            self._lines.append(line)
            return
        self.follow(line)
        if line.share is None:
            self._urgent -= 1

    def _turn(self) -> None:
        """Another turn: some of the jobs that wait, one of each line after the other."""
        self._next = None
        self._spent, self._jobs = 0.0, 0
        for share in (self.strangers, self.callers):
            share.spent = 0.0
        passed: list[Line] = []
        try:
            while self._lines and self._hasTime:
                line = self._lines.popleft()
                if line.share is not None and line.share.isSpent:
                    passed.append(line)
                else:
                    line.next()
        finally:
            self._lines.extendleft(reversed(passed))
            if self._lines and self._next is None:
                self._next = self.clock.callLater(0, self._turn)

    def follow(self, line: Line) -> None:
        """For L{Line}: it may have caught up."""
        if line.isBehind and not len(line) and not line.holds():
            self._counting -= 1
            line.isBehind = False

    # Time.

    def callLater(self, delay: float, callable: Callable[..., Any], *args: object, **kw: object) -> IDelayedCall:
        """See L{IReactorTime.callLater}."""
        return self.clock.callLater(delay, self._timer, callable, args, kw)

    def getDelayedCalls(self) -> Any:
        """See L{IReactorTime.getDelayedCalls}."""
        return self.clock.getDelayedCalls()

    def _timer(self, call: Callable[..., Any], args: tuple[object, ...], kw: dict[str, object]) -> None:
        begun = self.letMediaPass()
        self._inJob = True
        try:
            call(*args, **kw)
        finally:
            self._inJob = False
        self.watch(self.seconds() - begun, getattr(call, "__qualname__", "a timer"))
