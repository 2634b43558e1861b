# -*- test-case-name: ichatgw.test.sip.transaction.test_transporterrors,ichatgw.test.sip.transport.test_mtu,ichatgw.test.sip.texts.test_messages -*-  # noqa: E501
"""
Requests of ours that a connection did not carry, or may not have carried.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import ichatgw.sip.message.sippypatches  # noqa: F401

# isort: split
from attrs import define, field
from sippy.SipTransactionManager import RINGING, TERMINATED, TRYING, SipTransaction
from sippy.Time.MonoTime import MonoTime
from sippy.Time.Timeout import Timeout
from twisted.logger import Logger

from ichatgw.net.hosts import literal
from ichatgw.sip.transaction.tables import Asked
from ichatgw.sip.transport.listeningpoint import Carrier, ListeningPoint
from ichatgw.sip.transport.mtu import TOO_LARGE, Large
from ichatgw.sip.transport.target import Target, Transport

FIRST_REPETITION = 0.5
"""Seconds until a request is sent again over UDP: T1 of RFC 3261 section 17.1.1.1."""

MAX_CUTS = 1
"""How often a request is sent again because its connection was cut."""

_log = Logger()


def isReliable(transaction: SipTransaction) -> bool:
    """Does what carries it repeat what is lost?"""
    return transaction.userv is not None and Transport(transaction.userv.transport).reliable


class Sender(Protocol):
    """Sends requests again: L{ichatgw.sip.transaction.layer.Transactions}, in words of sippy's."""

    def getServer(self, address: tuple[str, int]) -> ListeningPoint:
        """
        What sends to C{address} over UDP.

        @raise OSError: if there is no way to it.
        """

    def timerA(self, t: SipTransaction) -> None:
        """It is time to send a request again."""

    def transmitData(self, userv: Carrier, data: str, address: tuple[str, int]) -> None:
        """Send."""


@define(eq=False)
class TransportErrors:
    """
    Hears of connections, and ends the requests of ours that they do not carry, or has them sent by another way.

    @ivar large: where connections are refused.
    """

    _asked: Asked
    _sender: Sender
    large: Large = field(factory=Large, init=False)

    def unreachable(self, target: Target, why: str) -> None:
        """There is no connection to C{target}: whatever waits for its answer has that (RFC 3261 section 8.1.3.1)."""
        for transaction in self._to(target):
            self._fail(transaction, target, why)

    def cut(self, target: Target, why: str) -> None:
        """
        A connection to C{target} is closed.  What was sent over it and has no final answer yet may not have arrived: it
        is sent again over another connection.  Who has it already sees that by its branch (RFC 3261 section 17.2.3).

        A server that closes the second one too, and has not said a word, does not want us: with TLS 1.3 that is how it
        refuses our certificate, after the handshake (RFC 8446 section 4.4.2.4).
        """
        for transaction in self._to(target):
            if transaction.state not in (TRYING, RINGING):
                continue
            transaction.cuts += 1
            if transaction.cuts <= MAX_CUTS:
                if transaction.userv is not None and transaction.data is not None:
                    self._sender.transmitData(transaction.userv, transaction.data, transaction.address)
            elif transaction.state is TRYING:
                self._fail(transaction, target, why or "it was closed")

    def _to(self, target: Target) -> Iterator[SipTransaction]:
        """Our transactions with C{target}."""
        for transaction in list(self._asked.values()):
            door = transaction.userv
            if door is None or door.transport != target.transport.value:
                continue
            if literal(*transaction.address) == target.address:
                yield transaction

    def _fail(self, transaction: SipTransaction, target: Target, why: str) -> None:
        tooLarge = transaction.large is not None and transaction.state is TRYING
        if tooLarge:
            self.large.refused(target.address)
        if not tooLarge or transaction.cancelPending:
            self._giveUp(transaction, f"no connection: {why}")
            return
        if getattr(transaction.large, "congestionSafe", False):
            self._giveUp(transaction, TOO_LARGE)
            return
        try:
            self._asDatagram(transaction)
        except OSError as problem:
            self._giveUp(transaction, f"no way: {problem}")

    def _asDatagram(self, transaction: SipTransaction) -> None:
        """A request that is too large for UDP goes over UDP all the same: there is nothing else."""
        large, transaction.large = transaction.large, None
        if large is None:
            return
        door = transaction.userv = self._sender.getServer(transaction.address)
        transaction.data = large.localStr(door.getSIPaddr(), compact=transaction.compact)
        transaction.tout = FIRST_REPETITION
        transaction.teA = Timeout(self._sender.timerA, transaction.tout, 1, transaction)
        self._sender.transmitData(door, transaction.data, transaction.address)

    def _giveUp(self, transaction: SipTransaction, why: str) -> None:
        if transaction.state not in (TRYING, RINGING):
            return
        answer = getattr(transaction, "r408", None)
        for name in ("teA", "teB"):
            timer = getattr(transaction, name, None)
            if timer is not None:
                timer.cancel()
                setattr(transaction, name, None)
        transaction.state = TERMINATED
        self._asked.pop(transaction.tid, None)
        if answer is None or transaction.resp_cb is None:
            return
        answer.setSCode(503, why)
        answer.rtime = MonoTime()
        try:
            transaction.resp_cb(answer, transaction) if transaction.cb_ifver == 2 else transaction.resp_cb(answer)
        except Exception:
            _log.failure("A request that could not be sent was not given up in good order")
        transaction.cleanup()
