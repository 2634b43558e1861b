# -*- test-case-name: ichatgw.test.sip.texts.test_messages,ichatgw.test.sip.texts.test_received -*-
"""
MESSAGE from us (RFC 3428, RFC 7572 section 4): texts, and the notifications that phones have asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from secrets import token_hex
from urllib.parse import unquote

from attrs import define, field, frozen
from sippy.SipAddress import SipAddress
from sippy.SipCallId import SipCallId
from sippy.SipFrom import SipFrom
from sippy.SipHeader import SipHeader
from sippy.SipMaxForwards import SipMaxForwards
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipTo import SipTo
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ichatgw.address import Address
from ichatgw.calls.limits import callerKey
from ichatgw.errors import CallError
from ichatgw.model import Ending, EndReason, Party
from ichatgw.sip.message.bodies import bodyOf
from ichatgw.sip.message.sanitize import headerText
from ichatgw.sip.message.status import fromStatus
from ichatgw.sip.texts.cpim import CPIM, IMDN, PLAIN, Wrapped, writeCPIM, writeIMDN
from ichatgw.sip.texts.posts import Post
from ichatgw.sip.transaction.targetset import Attempt
from ichatgw.texts.interfaces import Fate, ITextPort, NotCarried, Text
from ichatgw.texts.memory import Remembered

NOTICE_LIFE, MAX_NOTICES = 86_400.0, 4096
"""Seconds for which notifications are waited for, and of how many texts."""

SPEAKER_LIFE, MAX_SPEAKERS = 86_400.0, 1024
"""Seconds for which one who has sent CPIM is known to read it, and how many are."""

NOTIFICATIONS = frozenset({"positive-delivery", "negative-delivery"})

_UNREAD = frozenset({415, 488, 606})
"""Statuses of one who has not understood what kind of text it was."""

_log = Logger()


@frozen
class _Awaited:
    """
    A text whose reader is to say that it has arrived.

    @ivar readers: the keys under which its reader may answer.
    """

    readers: frozenset[str]
    told: Callable[[Fate], None]


@implementer(ITextPort)
@define(eq=False)
class Messages:
    """
    Sends MESSAGEs.

    A text goes as C{text/plain}.  If its writer wants to know of its arrival it goes as C{message/cpim} to those who
    have sent that before; others tell of it by the status: 200 is that of a device, 202 that of a server (RFC 3428
    section 7).

    @ivar post: how the MESSAGEs to an address leave; raises L{CallError} if it is none.
    """

    _clock: IReactorTime
    _post: Callable[[str], Post]
    _userAgent: str
    _awaited: Remembered[_Awaited] = field(init=False)
    _speakers: Remembered[bool] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._awaited = Remembered(self._clock, NOTICE_LIFE, MAX_NOTICES)
        self._speakers = Remembered(self._clock, SPEAKER_LIFE, MAX_SPEAKERS)

    def carry(self, text: Text) -> Deferred[Fate]:
        """See L{ITextPort}."""
        readers = _readersOf(text.to)
        if text.told is None or not any(map(self._speakers.get, readers)):
            return self._sendText(text)
        return self._sendAsking(text, readers, text.told)

    def _sendText(self, text: Text) -> Deferred[Fate]:
        sent = self._send(text.writer, text.to, text.body, f"{PLAIN};charset=utf-8", text.subject)
        return sent.addCallback(_fateOf)

    def _sendAsking(self, text: Text, readers: frozenset[str], told: Callable[[Fate], None]) -> Deferred[Fate]:
        id = token_hex(12)
        wrapped = Wrapped(PLAIN, text.body, id, NOTIFICATIONS)
        content = writeCPIM(wrapped, self._uri(text.writer, text.to), text.to, now())
        self._awaited.put(id, _Awaited(readers, told))

        def answered(response: SipResponse) -> Fate | Deferred[Fate]:
            if response.getSCode()[0] in _UNREAD:
                self._awaited.pop(id)
                for reader in readers:
                    self._speakers.pop(reader)
                return self._sendText(text)
            _fateOf(response)
            return Fate.ACCEPTED  # the notification says more

        return self._send(text.writer, text.to, content, CPIM, text.subject).addCallback(answered)

    def speaksCPIM(self, writer: Party) -> None:
        """C{writer} has sent such a text."""
        self._speakers.put(_keyOf(writer), True)

    def notified(self, by: Party, id: str, fate: Fate) -> None:
        """A notification has come; only the reader of a text can send one."""
        awaited = self._awaited.get(id)
        if awaited is None or _keyOf(by) not in awaited.readers or fate is Fate.ACCEPTED:
            return
        self._awaited.pop(id)
        awaited.told(fate)

    def notify(self, reader: Party, writer: str, id: str, fate: Fate) -> None:
        """
        Tell C{writer}, a URI, what has become of its text.

        @param reader: whom it was for.
        @param id: that of the text.
        """
        notice = Wrapped(IMDN, writeIMDN(id, now(), fate), token_hex(12))
        try:
            content = writeCPIM(notice, self._uri(reader, writer), writer, now())
            sent = self._send(reader, writer, content, CPIM)
        except CallError as problem:
            _log.debug("No notification to {writer!r}: {problem}", writer=writer[:100], problem=problem)
            return
        sent.addErrback(
            lambda failure: _log.debug(
                "No notification to {writer!r}: {problem!r}", writer=writer[:100], problem=failure.value
            )
        )

    def _uri(self, party: Party, to: str) -> str:
        from_, _ = self._post(to).signed(party)
        return str(from_.url)

    def _send(self, writer: Party, to: str, content: str, kind: str, subject: str = "") -> Deferred[SipResponse]:
        """@raise CallError: if C{to} is no address."""
        post = self._post(to)
        tag, callId, sequence = token_hex(8), token_hex(16), 0

        def make(attempt: Attempt) -> SipRequest:
            nonlocal sequence
            sequence += 1
            address, headers = post.signed(writer)
            from_ = SipFrom(address=address)
            from_.setTag(tag)
            request = SipRequest(
                method="MESSAGE",
                ruri=attempt.uri.getCopy(),
                fr0m=from_,
                to=SipTo(address=SipAddress(url=post.addressed(attempt))),
                cseq=sequence,
                callid=SipCallId(callId),
                maxforwards=None if writer.hops is None else SipMaxForwards(number=writer.hops),
                routes=post.routes(),
                target=attempt.target.sippyAddress,
                user_agent=self._userAgent,
            )
            request.appendHeaders(list(headers))
            if subject:
                request.appendHeader(SipHeader(name="subject", bodys=headerText(subject)))
            request.setBody(bodyOf(content, kind))
            request.congestionSafe = True  # RFC 3428 section 8
            return request

        return post.send(make).addErrback(_unsent)


def _readersOf(to: str) -> frozenset[str]:
    """Who may answer a text to that address: its user, by any of the trunks that it may go by."""
    address = Address(to)
    return frozenset(_keyOf(Party(str(address.at(name)))) for name in address.names or (address.place,))


def _keyOf(writer: Party) -> str:
    """By which one is known who writes; one who comes by a trunk by that, whatever host it names."""
    return unquote(callerKey(Party(str(Address(writer.uri).at(writer.trunk))) if writer.trunk else writer))


def now() -> str:
    """Date and time (RFC 3339)."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _fateOf(response: SipResponse) -> Fate:
    """@raise NotCarried: if it was not taken."""
    code, phrase = response.getSCode()
    if code < 300:
        return Fate.ACCEPTED if code == 202 else Fate.DELIVERED
    reasons = ", ".join(str(body) for body in response.getHFBodys("reason"))
    unclear = "; it may have arrived" if code == 408 else ""
    raise NotCarried(fromStatus(code, headerText(phrase, 80) + unclear, reasons=reasons))


def _unsent(failure: Failure) -> Failure:
    if failure.check(OSError):
        raise NotCarried(Ending(EndReason.CONNECTIVITY, str(failure.value)[:100]))
    return failure
