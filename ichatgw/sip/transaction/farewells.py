# -*- test-case-name: ichatgw.test.sip.transaction.test_farewells -*-
"""
Ends dialogs of a process that was killed, from what the journal has of them (see L{ichatgw.calls.farewell}): by BYE; an
INVITE that was not answered by CANCEL, or by its final response.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from attrs import evolve
from sippy.SipCallId import SipCallId
from sippy.SipFrom import SipFrom
from sippy.SipGenericHF import SipGenericHF
from sippy.SipHeader import SipHeader
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipRoute import SipRoute
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL
from twisted.internet.defer import succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ichatgw.calls.farewell import Says
from ichatgw.errors import CallError
from ichatgw.model import Ending, EndReason, Farewell, TransportAddress
from ichatgw.sip.auth.authorization import Answers, Authorizer
from ichatgw.sip.message.status import toHeader
from ichatgw.sip.transaction.layer import Transactions
from ichatgw.sip.transaction.outofdialog import OutOfDialogRequest
from ichatgw.sip.transaction.targetset import Attempt, TargetSet
from ichatgw.sip.transport.target import Target, Transport

BYE = "sip-goodbye"
BYE_BEFORE = "sip-bye"
"""As earlier versions have written it: without what says whose login it goes by."""
TEXT = "sip-text"

TIMES = (0.0, 0.5, 1.5)
"""Seconds after which a text is sent, over UDP: its arrival is not confirmed."""

LEAP = 1000
"""
What is added to the CSeq that was next when the words were written: requests may have been sent since, and numbers may
be left out (RFC 3261 section 12.2.2).
"""

KILLED = Ending(EndReason.SHUTDOWN, "the gateway had to start again")

_log = Logger()


def farewellOf(
    answers: Answers | None,
    target: Target,
    remote: str,
    local: SipFrom,
    far: SipTo,
    callId: SipCallId,
    sequence: int,
    routes: Sequence[SipFrom],
) -> Farewell:
    """
    The words for a dialog.

    @param answers: to its challenges.
    @param target: where its next request would go if there were no connection, by the name to be proved there.
    @param remote: the remote target, which the Request-URI is.
    @param local: our From with its tag, C{far} the To with the far end's.
    @param sequence: the next CSeq.
    """
    login = ("", "") if answers is None else (answers.account, answers.domain)
    where = (target.transport.value, target.address.host, str(target.address.port), target.name)
    return (BYE, *login, *where, remote, str(local), str(far), str(callId), str(sequence + LEAP), *map(str, routes))


def cancelOf(invite: str, address: tuple[str, int], transport: str, name: str = "") -> Farewell:
    """
    The CANCEL of an INVITE (RFC 3261 section 9.1).

    @param invite: as it was sent, to C{address}.
    @param name: see L{Target}.
    """
    first, *lines = invite.partition("\r\n\r\n")[0].split("\r\n")
    vias = [line for line in lines if line.lower().startswith("via:")][:1]
    kept = [line for line in lines if line.lower().startswith(_OF_CANCEL)]
    number = next(line for line in lines if line.lower().startswith("cseq:")).split()[1]
    head = [first.replace("INVITE", "CANCEL", 1), *vias, *kept, f"CSeq: {number} CANCEL"]
    return (*_textTo(address, transport, head), name)


def refusalOf(response: SipResponse, transport: str) -> Farewell:
    """
    The final response to an INVITE.

    @param response: sippy's, any to that INVITE that has our tag.
    @param transport: by which the INVITE came.
    """
    vias = [f"Via: {via}" for via in response.getHFBodys("via")]
    names = (("From", "from"), ("To", "to"), ("Call-ID", "call-id"), ("CSeq", "cseq"))
    ends = [f"{shown}: {response.getHFBody(name)}" for shown, name in names]
    return _textTo(response.getHFBody("via").getTAddr(), transport, [_UNAVAILABLE, *vias, *ends])


_OF_CANCEL = ("route:", "from:", "to:", "call-id:", "max-forwards:")
_UNAVAILABLE = "SIP/2.0 503 Service Unavailable"


def _textTo(address: tuple[str, int], transport: str, lines: list[str]) -> Farewell:
    host, port = address
    return (TEXT, transport, host.strip("[]"), str(port), "\r\n".join([*lines, "Content-Length: 0", "", ""]))


class Goodbyes:
    """Sends such a BYE, and logs in if that is asked for; and the texts."""

    def __init__(
        self,
        clock: IReactorTime,
        transactions: Transactions,
        loginsOf: Callable[[str], Authorizer],
        userAgent: str,
    ) -> None:
        """
        @param loginsOf: with what we log in by way of a trunk of that name, or of none if it is empty.
        """
        self._clock = clock
        self._transactions = transactions
        self._loginsOf = loginsOf
        self._userAgent = userAgent

    @property
    def ways(self) -> dict[str, Says]:
        """Who says what, for L{ichatgw.calls.recovery.Epilogue}."""
        return {BYE: self.say, BYE_BEFORE: partial(self.say, "", ""), TEXT: self.send}

    def say(self, *words: str) -> None:
        """
        See L{ichatgw.calls.farewell.Says}.

        @raise ValueError: if the words are none of L{farewellOf}.
        """
        account, domain, transport, host, port, name, remote, local, far, callId, sequence, *routes = words
        target = self._target(transport, host, port, name)
        answers = self._loginsOf(account).begin()
        answers.domain = domain
        numbers = iter(range(int(sequence), int(sequence) + LEAP))

        def make(attempt: Attempt) -> SipRequest:
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

        hunt = TargetSet(self._clock, SipURL(remote), lambda uri: succeed((target,)), lambda target: None, 0)
        OutOfDialogRequest(self._transactions, hunt, answers, make).start().addErrback(_unsaid, target)

    def send(self, *words: str) -> None:
        """
        See L{ichatgw.calls.farewell.Says}.

        @raise ValueError: if the words are none of L{cancelOf} or L{refusalOf}.
        """
        transport, host, port, text, *name = words
        target = self._target(transport, host, port, "".join(name))
        for delay in TIMES[:1] if target.transport.reliable else TIMES:
            self._clock.callLater(delay, self._transactions.send, text.encode(), target)

    def _target(self, transport: str, host: str, port: str, name: str) -> Target:
        """
        A target whose name is expected there, unless another one is already: the far end itself may have said it.

        @raise ValueError: if it is none.
        """
        target = Target(Transport(transport), TransportAddress(host, int(port)))
        if name:
            self._transactions.suggest(evolve(target, name=name))
        return target


_Header = TypeVar("_Header", bound=SipGenericHF)


def _parsed(header: _Header) -> _Header:
    header.parse()
    return header


def _unsaid(failure: Failure, target: Target) -> None:
    failure.trap(CallError, OSError)
    _log.debug("A BYE cannot be sent to {target}: {why}", target=target, why=failure.getErrorMessage())
