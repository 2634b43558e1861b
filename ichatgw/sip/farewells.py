# -*- test-case-name: ichatgw.test.test_sip_farewells -*-
"""
A BYE for a dialog that nothing is known of but a few words (see L{ichatgw.farewell}).
"""

from __future__ import annotations

from typing import Any

from sippy.SipCallId import SipCallId
from sippy.SipFrom import SipFrom
from sippy.SipHeader import SipHeader
from sippy.SipRequest import SipRequest
from sippy.SipRoute import SipRoute
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL
from twisted.internet.defer import succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ichatgw.errors import CallError
from ichatgw.farewell import Farewell
from ichatgw.model import Ending, EndReason, TransportAddress
from ichatgw.sip.exchange import Exchange
from ichatgw.sip.hunt import Attempt, Hunt
from ichatgw.sip.logins import Logins
from ichatgw.sip.reasons import toHeader
from ichatgw.sip.target import Target, Transport
from ichatgw.sip.transactions import Transactions

BYE = "sip-bye"

LEAP = 1000
"""
What is added to the CSeq that was next when the words were written: requests may have been sent since, and numbers may
be left out (RFC 3261 section 12.2.2).
"""

KILLED = Ending(EndReason.SHUTDOWN, "the gateway had to start again")

_log = Logger()


def farewellOf(
    target: Target, remote: str, local: Any, far: Any, callId: Any, sequence: int, routes: list[Any]
) -> Farewell:
    """
    The words for a dialog.

    @param target: where its next request would go if there were no connection.
    @param remote: the remote target, which the Request-URI is.
    @param local: our From with its tag, C{far} the To with the far end's.
    @param sequence: the next CSeq.
    """
    where = (target.transport.value, target.address.host, str(target.address.port), target.name)
    return (BYE, *where, remote, str(local), str(far), str(callId), str(sequence + LEAP), *map(str, routes))


class Goodbyes:
    """Sends such a BYE, and logs in if that is asked for."""

    def __init__(self, clock: IReactorTime, transactions: Transactions, logins: Logins, userAgent: str) -> None:
        self._clock = clock
        self._transactions = transactions
        self._logins = logins
        self._userAgent = userAgent

    def say(self, *words: str) -> None:
        """
        See L{ichatgw.farewell.Says}.

        @raise ValueError: if the words are none of L{farewellOf}.
        """
        transport, host, port, name, remote, local, far, callId, sequence, *routes = words
        target = Target(Transport(transport), TransportAddress(host, int(port)), name)
        numbers = iter(range(int(sequence), int(sequence) + LEAP))

        def make(attempt: Attempt) -> Any:
            request = SipRequest(
                method="BYE",
                ruri=SipURL(remote),
                fr0m=_parsed(SipFrom(body=local)),
                to=_parsed(SipTo(body=far)),
                cseq=next(numbers),
                callid=SipCallId(callId),
                routes=[_parsed(SipRoute(body=route)) for route in routes],
                target=attempt.target.sippyAddress,
                user_agent=self._userAgent,
            )
            request.appendHeader(SipHeader(name="reason", bodys=toHeader(KILLED)))
            return request

        hunt = Hunt(self._clock, SipURL(remote), lambda uri: succeed((target,)), lambda target: None, 0)
        Exchange(self._transactions, hunt, self._logins.begin(), make).start().addErrback(_unsaid, target)


def _parsed(header: Any) -> Any:
    header.parse()
    return header


def _unsaid(failure: Failure, target: Target) -> None:
    failure.trap(CallError, OSError)
    _log.debug("A BYE cannot be sent to {target}: {why}", target=target, why=failure.getErrorMessage())
