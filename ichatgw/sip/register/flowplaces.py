# -*- test-case-name: ichatgw.test.sip.register.test_flowplaces -*-
"""
Where registrars see us, over UDP, asked by STUN (RFC 5626 section 4.4.2): if that changes, or is said no more, calls do
not reach us, and the flow is registered anew.
"""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_bytes

from attrs import define, field

from ichatgw.errors import MalformedError
from ichatgw.media.ice.stun import TRANSACTION_OCTETS, Class, mapped, parse, query
from ichatgw.model import TransportAddress
from ichatgw.sip.register.client import RegisterClient
from ichatgw.sip.transport.target import Target, Transport

MAX_UNANSWERED = 2
"""How many questions in a row a registrar that has answered before may leave without an answer."""


@define(eq=False)
class _Flow:
    """
    @ivar transaction: of the last question.
    @ivar seen: where the registrar has seen us; C{None} if it has never said it.
    @ivar unanswered: how many questions it has not answered since.
    """

    transaction: bytes = b""
    seen: TransportAddress | None = None
    unanswered: int = 0


@define(eq=False)
class FlowPlaces:
    """
    Those of the flows that registrars keep apart.

    @ivar send: sends a datagram.
    """

    send: Callable[[bytes, TransportAddress], None]
    registrar: RegisterClient
    _flows: dict[Target, _Flow] = field(factory=dict, init=False)
    _asks: int = field(default=0, init=False)

    def ask(self, target: Target) -> bool:
        """
        Ask, in place of a keepalive; the answer comes to L{heard}.

        @return: whether this is such a flow; others are not asked.
        """
        self._asks += 1
        if self._asks > len(self._flows):
            self._forget()
        if self.registrar.silence(target) is None:
            return False
        flow = self._flows.setdefault(target, _Flow())
        if flow.seen is not None and flow.unanswered >= MAX_UNANSWERED:
            self._fail(target)
        else:
            flow.transaction = token_bytes(TRANSACTION_OCTETS)
            flow.unanswered += 1
            self.send(query(flow.transaction), target.address)
        return True

    def heard(self, datagram: bytes, source: TransportAddress) -> None:
        """
        A STUN response has come.

        @raise MalformedError: if it is none, or answers no question.
        """
        message = parse(datagram)
        target = Target(Transport.UDP, source)
        flow = self._flows.get(target)
        if flow is None or message.transaction_id != flow.transaction or message.message_class is not Class.RESPONSE:
            raise MalformedError("STUN: an answer without a question")
        flow.unanswered = 0
        place, before = mapped(message), flow.seen
        flow.seen = place or before
        if before is not None and place not in (None, before):
            self._fail(target)

    def _forget(self) -> None:
        """Those that are no more; once in a round of questions, so that many flows cost no more than few, each."""
        self._asks = 0
        for gone in [each for each in self._flows if self.registrar.silence(each) is None]:
            del self._flows[gone]

    def _fail(self, target: Target) -> None:
        del self._flows[target]
        self.registrar.gone(target)
