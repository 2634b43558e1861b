# -*- test-case-name: ichatgw.test.media.ice.test_agent,ichatgw.test.media.transport.test_withoutdtls,ichatgw.test.media.transport.test_failures -*-  # noqa: E501
"""
ICE (RFC 8445, RFC 8838): finds a way between our sockets and a peer, and sees to it that the peer still wants it
(RFC 7675).

One component: RTCP goes where RTP goes.  No socket; time and random numbers come from outside.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Protocol

from attrs import field, frozen
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ichatgw.errors import MalformedError
from ichatgw.media.ice import stun
from ichatgw.media.ice.checklist import Base, Checklist, Pair, State
from ichatgw.media.ice.consent import Consent
from ichatgw.media.ice.nomination import AGAIN, QUIET, STEADY, isMeant
from ichatgw.media.ice.stunrequests import Random, Requests
from ichatgw.model import Candidate, TransportAddress
from ichatgw.runtime.clock import cancel
from ichatgw.runtime.ratelimit import RateLimit

TA = 0.05
"""Seconds between two checks (RFC 8445 section 14.2)."""

ANSWER_TIMEOUT = 30.0
"""Seconds for finding a way, from the moment that the peer has described itself."""

NOMINATION_WAIT = 0.2
"""Seconds that better pairs have for working too, before we nominate the best."""

MUTE = 5.0
"""Seconds after which a peer that answers our checks and sends none is taken to have ICE lite."""

MAX_REQUESTS = 100
"""Checks that are answered in a second, of one source that is known, and of all others together."""

MAX_REMEMBERED = 256
"""Checks that are remembered with their sources."""

_CHECK_WAITS = (0.25, 0.5, 1.0, 2.0, 4.0)
_CONSENT_WAITS = (4.0,)


class News(Protocol):
    """The owner of an agent: takes its news."""

    def selected(self, base: Base, address: TransportAddress) -> None:
        """Media goes from C{base} to C{address} from now on; may be called again for another pair."""

    def lost(self, why: str) -> None:
        """No pair of candidates works, or none any more.  Called once."""


class _Unheard:
    """The owner of an agent that is closed: a null object."""

    def selected(self, base: Base, address: TransportAddress) -> None:
        """Does nothing."""

    def lost(self, why: str) -> None:
        """Does nothing."""


_UNHEARD = _Unheard()


def _unheard() -> TransportAddress | None:
    """No source of media is known."""
    return None


def _nowhere(base: Base, address: TransportAddress, datagram: bytes) -> None:
    """An agent that is closed sends nothing."""


@frozen
class Credentials:
    """
    What an agent is known by (RFC 8445 section 5.3).

    @ivar ufrag: the user name fragment.
    @ivar password: that goes with it.
    """

    ufrag: str
    password: str = field(repr=False)


class Agent:
    """
    @param ours: what the peer names us by, and proves that it may.
    @param controlling: we decide which pair is used.
    @param transmit: sends a datagram from one of our sockets.
    @ivar mediaFrom: tells where the peer's media has come from within the last L{QUIET} seconds; C{None} if none has.
    """

    def __init__(
        self,
        clock: IReactorTime,
        random: Random,
        checklist: Checklist,
        ours: Credentials,
        controlling: bool,
        transmit: Callable[[Base, TransportAddress, bytes], None],
        news: News,
        tiebreaker: int | None = None,
    ) -> None:
        """
        @param tiebreaker: that of another agent of ours that talks to the same peer.
        """
        self._clock = clock
        self._random = random
        self._list = checklist
        self._ufrag = ours.ufrag
        self._nameStart = f"{ours.ufrag}:".encode()
        self._password = ours.password
        self.controlling = controlling
        self.tiebreaker = int.from_bytes(random(8), "big") if tiebreaker is None else tiebreaker
        self._transmit = transmit
        self._news: News = news
        self._requests = Requests(clock, random)
        self._peer: tuple[str, str] | None = None
        self._timer: IDelayedCall | None = None
        self._deadline: IDelayedCall | None = None
        self._nomination: IDelayedCall | None = None
        self._consent: Consent | None = None
        self._mute: IDelayedCall | None = None
        self._wasAsked = False
        self._sources: OrderedDict[bytes, tuple[Base, TransportAddress]] = OrderedDict()
        self._chosenAt = 0.0
        self._rival: IDelayedCall | None = None
        self.mediaFrom: Callable[[], TransportAddress | None] = _unheard
        self._over = False
        self._checks = RateLimit(clock, MAX_REQUESTS, MAX_REQUESTS)
        self.selected: Pair | None = None

    # Orders.

    def start(self, ufrag: str, password: str, patience: float = ANSWER_TIMEOUT) -> None:
        """
        The peer has described itself.

        @param patience: seconds for finding a way.
        """
        self._peer = (ufrag, password)
        self._deadline = self._clock.callLater(patience, self._late)
        self._run()

    def add(self, candidates: Iterable[Candidate]) -> None:
        """The peer can be reached at these too."""
        for candidate in candidates:
            self._list.add(candidate)
        self._run()

    @property
    def patience(self) -> float:
        """
        Seconds that one has that takes the place of this: those that are left, if this has found nothing.  So media
        never goes on for longer by a way that the peer has not confirmed (RFC 7675), however often it starts anew.
        """
        deadline = self._deadline
        return ANSWER_TIMEOUT if deadline is None else max(0.0, deadline.getTime() - self._clock.seconds())

    def allows(self, base: Base, source: TransportAddress) -> bool:
        """Has a pair with C{source} been proven, so that more than answers may be sent there?"""
        pair = self._list.find(base, source)
        return pair is not None and pair.state is State.SUCCEEDED

    def knows(self, base: Base, source: TransportAddress) -> bool:
        """Is C{source} one of the peer's candidates, named or learned?"""
        return self._list.find(base, source) is not None

    def close(self) -> None:
        """Idempotent; says nothing."""
        self._over = True
        self._requests.close()
        if self._consent is not None:
            self._consent.close()
            self._consent = None
        self._transmit, self._news = _nowhere, _UNHEARD
        cancel(self._timer, self._deadline, self._nomination, self._mute, self._rival)
        self._timer = self._deadline = self._nomination = self._mute = self._rival = None
        self.mediaFrom = _unheard

    def received(self, base: Base, source: TransportAddress, datagram: bytes) -> None:
        """A datagram that looks like STUN.  Never raises."""
        if self._over or not self._isForUs(base, source, datagram):
            return
        try:
            message = stun.parse(datagram)
        except MalformedError:
            return
        if message.message_class is stun.Class.REQUEST:
            self._asked(base, source, message)
        else:
            self._requests.received(message, source)

    def _isForUs(self, base: Base, source: TransportAddress, datagram: bytes) -> bool:
        """
        Is it worth reading?  That takes longer than to see that the name or the transaction is none of ours, and most
        of a flood ends here.
        """
        transaction = datagram[8:20]
        if datagram[:2] != b"\0\1":
            return self._requests.knows(transaction)
        if self._nameStart not in datagram:
            return False
        if self._sources.get(transaction, (base, source)) != (base, source):
            return False  # a replay, from another address, of what the peer has sent
        return self._checks.allow(source if self._list.find(base, source) is not None else None)

    # The peer's checks.

    def _asked(self, base: Base, source: TransportAddress, request: stun.Message) -> None:
        """RFC 8445 section 7.3.  Only an authentic check of the peer gets an answer."""
        name = str(request.attributes.get("USERNAME", ""))
        if name.partition(":")[0] != self._ufrag or not stun.isAuthentic(request, self._password):
            return
        if self._peer is not None and name.partition(":")[2] != self._peer[0]:
            return
        self._sources[request.transaction_id] = base, source
        if len(self._sources) > MAX_REMEMBERED:
            self._sources.popitem(last=False)
        self._wasAsked = True
        if not self._agreeOnRoles(base, source, request):
            return
        self._transmit(base, source, stun.success(request, source, self._password))
        pair = self._list.find(base, source)
        if pair is None:
            pair = self._list.learn(base, source, int(request.attributes.get("PRIORITY", 1)))
            if pair is None:
                return
        self._trigger(pair, nominates="USE-CANDIDATE" in request.attributes and not self.controlling)

    def _trigger(self, pair: Pair, nominates: bool) -> None:
        """Section 7.3.1.4: the peer has checked this pair, so we do."""
        pair.askedAt = self._clock.seconds()
        if nominates:
            pair.nominatedAt = self._clock.seconds()
        if pair.state is State.SUCCEEDED:
            if nominates:
                self._choose(pair)
        elif pair.state is not State.IN_PROGRESS:
            pair.state = State.WAITING
            self._list.trigger(pair)
            self._run()

    def _agreeOnRoles(self, base: Base, source: TransportAddress, request: stun.Message) -> bool:
        """Section 7.3.1.1: both think that they control, or neither does."""
        theirs = request.attributes.get("ICE-CONTROLLING" if self.controlling else "ICE-CONTROLLED")
        if theirs is None:
            return True
        weWin = self.tiebreaker >= int(theirs)
        if weWin == self.controlling:
            self._transmit(base, source, stun.roleConflict(request, self._password))
            return False
        self.controlling = not self.controlling
        return True

    # Our checks.

    def _run(self) -> None:
        """Let the checks go on, if there is something to check."""
        if self._timer is None and self._peer is not None and not self._over:
            self._tick()

    def _tick(self) -> None:
        self._timer = None
        pair = self._list.next(self.controlling)
        if pair is None:
            return
        self._check(pair)
        self._timer = self._clock.callLater(TA, self._tick)

    def _check(self, pair: Pair, nominates: bool = False) -> None:
        assert self._peer is not None
        ufrag, password = self._peer
        role = (self.controlling, self.tiebreaker)
        if pair.request is not None:
            self._requests.cancel(pair.request)
        if pair.state is not State.SUCCEEDED:
            pair.state = State.IN_PROGRESS
        pair.request = self._requests.send(
            lambda transaction: stun.check(
                transaction, f"{ufrag}:{self._ufrag}", password, pair.base.learnedPriority, role, nominates
            ),
            lambda datagram: self._transmit(pair.base, pair.remote.address, datagram),
            pair.remote.address,
            lambda message: stun.isAuthentic(message, password),
            lambda message: self._answered(pair, message, role, nominates),
            lambda: self._unanswered(pair),
            _CHECK_WAITS,
        )

    def _answered(self, pair: Pair, message: stun.Message, role: tuple[bool, int], nominates: bool) -> None:
        pair.request = None
        if message.message_class is not stun.Class.RESPONSE:
            code, _ = message.attributes.get("ERROR-CODE", (0, ""))
            if code == stun.ROLE_CONFLICT:
                if self.controlling == role[0]:
                    self.controlling = not role[0]
                pair.state = State.WAITING
                self._list.trigger(pair)
                self._run()
            else:
                self._unanswered(pair)
            return
        self._list.succeeded(pair)
        if nominates or (not self.controlling and pair.nominatedAt is not None):
            self._choose(pair)
        elif not self.controlling and self._mute is None and not self._wasAsked:
            self._mute = self._clock.callLater(MUTE, self._takeControl)
        elif self.controlling and self.selected is None and self._nomination is None:
            rank = pair.priority(True)
            isBest = all(other.priority(True) <= rank for other in self._list.open())
            self._nomination = self._clock.callLater(0.0 if isBest else NOMINATION_WAIT, self._nominate)
        self._run()

    def _takeControl(self) -> None:
        """
        The peer has said nothing but answers: it has ICE lite, as we should have been told, and never controls (RFC
        8445 section 6.1.1).
        """
        if not self._wasAsked and not self.controlling and self.selected is None:
            self.controlling = True
            self._nominate()

    def _unanswered(self, pair: Pair) -> None:
        pair.request = None
        if pair is not self.selected:
            pair.state = State.FAILED
        if self.controlling and self.selected is None and self._list.valid() and self._nomination is None:
            self._nominate()

    def _nominate(self) -> None:
        """Section 8.1.1: say which of those that work is used."""
        self._nomination = None
        best = max(self._list.valid(), key=lambda pair: pair.priority(True), default=None)
        if best is not None and self.controlling:
            self._check(best, nominates=True)

    # The way.

    def _choose(self, pair: Pair, isHeard: bool = False) -> None:
        """
        C{pair} was nominated.

        @param isHeard: the peer sends media by it.
        """
        before = self.selected
        if before is pair:
            return
        if before is not None and not isHeard and not self._mayFollow(before, pair):
            if self._rival is None:
                self._rival = self._clock.callLater(QUIET, self._compare)
            return
        self.selected, self._chosenAt = pair, self._clock.seconds()
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        for other in self._list.settle(self.controlling, pair):
            if other.request is not None:
                self._requests.cancel(other.request)
                other.request = None
            other.state = State.FAILED
        if self._consent is None:
            self._consent = Consent(
                self._clock,
                self._random,
                self._ask,
                lambda: self._end("the peer does not answer any more (consent, RFC 7675)"),
            )
        self._consent.given()
        self._news.selected(pair.base, pair.remote.address)

    def _mayFollow(self, before: Pair, pair: Pair) -> bool:
        """C{pair} was nominated: does it take the place of C{before}?"""
        now = self._clock.seconds()
        if pair.priority(self.controlling) > before.priority(self.controlling):
            return True
        if self.controlling:
            return now - self._chosenAt >= STEADY
        return isMeant(before, pair, now, self.mediaFrom())

    def _compare(self) -> None:
        """Does the peer go on with a pair that it has nominated after the one that is used?"""
        self._rival = None
        before = self.selected
        if before is None or self.controlling:
            return
        others = [pair for pair in self._list.valid() if pair is not before and pair.nominatedAt is not None]
        latest = max(others, key=lambda pair: pair.nominatedAt or 0.0, default=None)
        if latest is not None and (before.nominatedAt or 0.0) <= (latest.nominatedAt or 0.0):
            self._choose(latest)

    def moved(self, base: Base, source: TransportAddress) -> None:
        """The peer's media, which has proved to be its, comes from another place than before."""
        pair = self._list.find(base, source)
        isNominated = pair is not None and pair.state is State.SUCCEEDED and pair.nominatedAt is not None
        if pair is not None and isNominated and self._clock.seconds() - self._chosenAt >= AGAIN:
            self._choose(pair, isHeard=True)

    def _ask(self) -> None:
        """Does the peer still want this?"""
        pair = self.selected
        assert pair is not None and self._peer is not None
        ufrag, password = self._peer
        role = (self.controlling, self.tiebreaker)
        self._requests.send(
            lambda transaction: stun.check(
                transaction, f"{ufrag}:{self._ufrag}", password, pair.base.learnedPriority, role
            ),
            lambda datagram: self._transmit(pair.base, pair.remote.address, datagram),
            pair.remote.address,
            lambda message: stun.isAuthentic(message, password),
            self._consented,
            lambda: None,
            _CONSENT_WAITS,
        )

    def _consented(self, message: stun.Message) -> None:
        if message.message_class is stun.Class.RESPONSE and self._consent is not None:
            self._consent.given()

    def _late(self) -> None:
        self._deadline = None
        self._end("no pair of candidates works")

    def _end(self, why: str) -> None:
        if not self._over:
            news = self._news
            self.close()
            news.lost(why)
