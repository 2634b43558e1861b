# -*- test-case-name: ichatgw.test.media.ice.test_stun,ichatgw.test.media.ice.test_agent -*-
"""
STUN requests on their way: sent again until they are answered or given up (RFC 8489 section 6.2.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ichatgw.media.ice.stun import TRANSACTION_OCTETS, Class, Message
from ichatgw.model import TransportAddress

Random = Callable[[int], bytes]

# How long is waited after each time a request is sent: RTO, Rc and Rm as the RFC says.
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 8.0)


@define(eq=False)
class Request:
    """
    One request and its retransmissions.

    @ivar destination: from where the answer must come.
    @ivar answered: told an answer that C{accepts} has taken, once.
    @ivar lost: told that none came, once.
    """

    transaction: bytes
    destination: TransportAddress
    transmit: Callable[[], None]
    accepts: Callable[[Message], bool]
    answered: Callable[[Message], None]
    lost: Callable[[], None]
    waits: Iterator[float]
    timer: IDelayedCall | None = None


@define(eq=False)
class Requests:
    """Knows the requests that are not answered yet."""

    _clock: IReactorTime
    _random: Random
    _open: dict[bytes, Request] = field(factory=dict, init=False)

    @property
    def open(self) -> int:
        return len(self._open)

    def knows(self, transaction: bytes) -> bool:
        """Does a request with this id wait for its answer?"""
        return transaction in self._open

    def send(
        self,
        make: Callable[[bytes], bytes],
        transmit: Callable[[bytes], None],
        destination: TransportAddress,
        accepts: Callable[[Message], bool],
        answered: Callable[[Message], None],
        lost: Callable[[], None],
        waits: Iterable[float] = WAITS,
    ) -> Request:
        """
        @param make: the message for a transaction id.
        @param accepts: whether an answer is genuine; others are as good as none.
        """
        transaction = self._random(TRANSACTION_OCTETS)
        datagram = make(transaction)
        request = Request(
            transaction, destination, lambda: transmit(datagram), accepts, answered, lost, iter(tuple(waits))
        )
        self._open[transaction] = request
        self._transmit(request)
        return request

    def received(self, message: Message, source: TransportAddress) -> bool:
        """
        An answer.  It counts if it is genuine, and comes from where the request went (RFC 8445 section 7.2.5.2.1).

        @return: whether it counted.
        """
        request = self._open.get(message.transaction_id)
        if request is None or source != request.destination or message.message_class not in _ANSWERS:
            return False
        if not request.accepts(message):
            return False
        self.cancel(request)
        request.answered(message)
        return True

    def cancel(self, request: Request) -> None:
        """Forget it.  Idempotent."""
        self._open.pop(request.transaction, None)
        if request.timer is not None:
            request.timer.cancel()
            request.timer = None

    def close(self) -> None:
        for request in list(self._open.values()):
            self.cancel(request)

    def _transmit(self, request: Request) -> None:
        request.timer = None
        wait = next(request.waits, None)
        if wait is None:
            del self._open[request.transaction]
            request.lost()
            return
        request.timer = self._clock.callLater(wait, self._transmit, request)
        request.transmit()


_ANSWERS = (Class.RESPONSE, Class.ERROR)
