# -*- test-case-name: ichatgw.test.test_sip_registrar -*-
"""
REGISTER (RFC 3261 section 10), on the wire.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from secrets import token_hex
from typing import Any

from attrs import define, field, frozen
from sippy.SipAddress import SipAddress
from sippy.SipCallId import SipCallId
from sippy.SipExpires import SipExpires
from sippy.SipFrom import SipFrom
from sippy.SipRequest import SipRequest
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL
from twisted.internet.defer import Deferred

from ichatgw.sip.dialog import allow
from ichatgw.sip.hunt import Attempt

MOST_PROVEN = 256
"""How many registrars are remembered."""

LONGEST_WAIT = 3600
"""Seconds for which a registrar can make us wait."""


@define(eq=False)
class Binding:
    """
    An address of record, and where its user is reached: here.

    @ivar aor: C{sip:user@domain}.
    @ivar sequence: the CSeq that the next REGISTER has.
    """

    aor: str
    callId: str = field(factory=lambda: token_hex(16))
    instance: str = field(factory=lambda: token_hex(8))
    sequence: int = 1


@frozen
class Answer:
    """
    What a registrar said.

    @ivar granted: seconds for which the address is registered; C{None} if it is not.
    @ivar text: why not.
    @ivar least: the seconds that it wants at least (423).
    @ivar retryAfter: seconds after which it wants to be asked again.
    """

    granted: int | None = None
    text: str = ""
    least: int | None = None
    retryAfter: int | None = None


class Registrar:
    """
    @param exchange: carries out a request to a URI; see L{ichatgw.sip.exchange}.
    @param contact: makes our Contact, as the far end of an attempt sees us, for a user.
    @param routes: makes the Route headers of an attempt.
    """

    def __init__(
        self,
        exchange: Callable[[Any, Callable[[Attempt, Sequence[Any]], Any]], Deferred[Any]],
        contact: Callable[[Attempt, str | None], Any],
        routes: Callable[[], list[Any]],
        userAgent: str,
    ) -> None:
        self._exchange = exchange
        self._contact = contact
        self._routes = routes
        self._userAgent = userAgent
        self._proven: dict[str, None] = {}

    def trusts(self, host: str) -> bool:
        """Is there, at C{host} (an IP literal), a registrar at which we have logged in?"""
        return host in self._proven

    def register(self, binding: Binding, seconds: int) -> Deferred[Answer]:
        """
        Bind the address to us, or with 0 C{seconds} take that back.

        The Deferred fails with L{CallError} or C{OSError} if the registrar cannot be reached; it may be cancelled.
        """
        address = SipURL(binding.aor)
        domain = SipURL(host=address.host, port=address.port, scheme=address.scheme, transport=address.transport)
        proven = ""

        def make(attempt: Attempt, headers: Sequence[Any]) -> Any:
            nonlocal proven
            proven = attempt.target.address.host if headers else ""
            from_ = SipFrom(address=SipAddress(url=SipURL(binding.aor)))
            from_.setTag(binding.instance)
            contact = self._contact(attempt, address.username)
            contact.getUrl().other.append(f"rinstance={binding.instance}")
            request = SipRequest(
                method="REGISTER",
                ruri=attempt.uri.getCopy(),
                fr0m=from_,
                to=SipTo(address=SipAddress(url=SipURL(binding.aor))),
                cseq=binding.sequence,
                callid=SipCallId(binding.callId),
                contact=contact,
                expires=SipExpires(number=seconds),
                routes=self._routes(),
                target=attempt.target.sippyAddress,
                user_agent=self._userAgent,
            )
            binding.sequence += 1
            request.appendHeaders([allow(), *headers])
            return request

        def read(response: Any) -> Answer:
            answer = _read(response, binding, seconds)
            if answer.granted and proven:
                self._proven.pop(proven, None)
                self._proven[proven] = None
                if len(self._proven) > MOST_PROVEN:
                    del self._proven[next(iter(self._proven))]
            return answer

        return self._exchange(domain, make).addCallback(read)


def _read(response: Any, binding: Binding, seconds: int) -> Answer:
    code, phrase = response.getSCode()
    if code < 300:
        return Answer(granted=_granted(response, binding, seconds) if seconds else 0)
    retryAfter = _number(response, "retry-after")
    return Answer(
        text=f"{code} {phrase}"[:100],
        least=_number(response, "min-expires") if code == 423 else None,
        retryAfter=min(retryAfter, LONGEST_WAIT) if retryAfter is not None else None,
    )


def _granted(response: Any, binding: Binding, seconds: int) -> int:
    """For how long our Contact is registered: as itself says, or the whole response (section 10.2.4)."""
    for header in response.headers:
        if header.name == "contact" and binding.instance in str(header.body.body or header.body):
            found = re.search(r";\s*expires\s*=\s*\"?([0-9]{1,9})", str(header.body.body or header.body), re.I)
            if found is not None:
                return min(int(found[1]), seconds)
    stated = _number(response, "expires")
    return seconds if stated is None else min(stated, seconds)


def _number(response: Any, name: str) -> int | None:
    for header in response.headers:
        if header.name == name:
            found = re.match(r"\s*([0-9]{1,9})", str(header.body.body or header.body))
            return int(found[1]) if found is not None else None
    return None
