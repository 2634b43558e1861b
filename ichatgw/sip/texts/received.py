# -*- test-case-name: ichatgw.test.sip.texts.test_received,ichatgw.test.sip.texts.test_summary,ichatgw.test.sip.trunk.test_texts,ichatgw.test.sip.texts.test_messages -*-  # noqa: E501
"""
MESSAGE to us, outside of dialogs (RFC 3428, RFC 7572 section 5).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import define, evolve, field, frozen
from sippy.MsgBody import DEFAULT_CTYPE
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ichatgw.errors import Congested, MalformedError
from ichatgw.model import Ending, Party
from ichatgw.sip.dialog.requests import OK, Reply
from ichatgw.sip.message.bodies import textOf
from ichatgw.sip.message.sanitize import headerText
from ichatgw.sip.message.status import toStatus, warningFor
from ichatgw.sip.texts.cpim import CPIM, IMDN, PLAIN, readCPIM, readIMDN
from ichatgw.sip.texts.messages import Messages
from ichatgw.sip.texts.notices import hasSummary, isAboutMailbox
from ichatgw.sip.texts.summary import Summary, readSummary, words
from ichatgw.texts.interfaces import Fate, ITexts, Text, TooLong, whyNot
from ichatgw.texts.memory import Remembered
from ichatgw.trunks.routes import TRUNK

ACCEPT = f"{PLAIN}, {CPIM}, {IMDN}"
"""The types of bodies that are read."""

REPEAT_LIFE, MAX_REPEATS = 64.0, 4096
"""Seconds for which a MESSAGE is known again, twice as long as its sender repeats it, and how many are."""

MAILBOX_LIFE, MAX_MAILBOXES = 7 * 86_400.0, 50_000
"""Seconds for which it is known how much waits in a mailbox, and of how many."""

MAILBOX = "Voicemail"
"""The display name of mailboxes."""

RETRY_AFTER = 5
"""Seconds after which one may try again who comes when there is too much to do."""

ILLEGIBLE = "\ufffd"
"""What L{ichatgw.sip.message.gate} has put in the place of octets that are no UTF-8."""

_UNSUPPORTED = Reply(415, "Unsupported Media Type", (("accept", ACCEPT),))
_ENCODED = Reply(415, "Unsupported Media Type", (("accept-encoding", "identity"),))
_NO_TEXT = Reply(400, "No Text")
_MERGED = Reply(482, "Merged Request")

# RFC 4320 section 4.2: nothing but an INVITE is answered by 408.
_NO_408 = {408: (504, "Server Time-out")}

_log = Logger()


@frozen
class _Read:
    """
    What is in a MESSAGE.

    @ivar id: by which its writer knows it, if that wants notifications.
    @ivar wants: which.
    """

    body: str
    id: str = ""
    wants: frozenset[str] = frozenset()


@define(eq=False)
class Received:
    """
    Gives the texts of phones to the exchange, and answers.

    @ivar messages: sends what notifications are wanted.
    @ivar send: sends a response to a request that waits for it.
    @ivar texts: takes them; set before the first one comes.
    """

    messages: Messages
    _clock: IReactorTime
    _userAgent: str
    _send: Callable[[SipResponse], None]
    texts: ITexts = field(init=False)
    _seen: Remembered[list[Reply]] = field(init=False)
    _waiting: Remembered[Summary] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._seen = Remembered(self._clock, REPEAT_LIFE, MAX_REPEATS)
        self._waiting = Remembered(self._clock, MAILBOX_LIFE, MAX_MAILBOXES)

    def requested(self, request: SipRequest, writer: Party, to: str) -> SipResponse | None:
        """
        A MESSAGE of one who may call.

        @param writer: who that is.
        @param to: whom it is for.
        @return: the response, or C{None} if it follows.
        """
        key = self._key(request, writer)
        before = self._seen.get(key)
        if before is not None:
            # RFC 3261 section 8.2.2.2, but what was answered is answered so again: its sender may not have heard.
            return (before[0] if before else _MERGED).to(request, self._userAgent)
        replies: list[Reply] = []
        self._seen.put(key, replies)
        isWaiting = False

        def answer(reply: Reply) -> None:
            replies.append(reply)
            if isWaiting:
                self._respond(reply.to(request, self._userAgent))

        self._take(request, writer, to, answer)
        isWaiting = True
        return replies[0].to(request, self._userAgent) if replies else None

    def isSummary(self, request: SipRequest) -> bool:
        """Is a NOTIFY about what waits in a mailbox (RFC 3842)?"""
        return isAboutMailbox(request) and hasSummary(request)

    def summarized(self, request: SipRequest, writer: Party, to: str) -> SipResponse | None:
        """
        A NOTIFY about the mailbox of C{to}, who is told if anything is new; see L{requested}.
        """
        try:
            summary = readSummary(textOf(request))
        except MalformedError as problem:
            return Reply(400, f"{problem}".capitalize()).to(request, self._userAgent)
        self.tell(summary, writer, to)
        return OK.to(request, self._userAgent)

    def tell(self, summary: Summary, server: Party, to: str) -> None:
        """
        C{to} is told of its mailbox if anything is new.

        @param server: who says it.
        """
        before = self._waiting.get(to)
        if summary.new == (0 if before is None else before.new):
            return
        self._waiting.put(to, summary)  # before it has arrived: the next one may not wait for that
        mailbox = evolve(server, uri=summary.account or server.uri, name=MAILBOX)
        told = self.texts.arrived(Text(mailbox, to, words(summary.new), isNotice=True))
        told.addErrback(self._untold, to, summary, before or Summary(0))
        told.addErrback(lambda failure: _log.failure("Nobody could be told of a mailbox", failure))

    def _untold(self, failure: Failure, to: str, summary: Summary, before: Summary) -> None:
        """Unless something else was said since, the reader knows what they knew before."""
        if self._waiting.get(to) is summary:
            self._waiting.put(to, before)
        whyNot(failure)

    def _respond(self, response: SipResponse) -> None:
        try:
            self._send(response)
        except OSError as problem:
            _log.debug("A MESSAGE cannot be answered: {why!r}", why=problem)

    def _key(self, request: SipRequest, writer: Party) -> tuple[object, ...]:
        cseq = request.getHFBody("cseq").getCSeqNum()
        return str(request.getHFBody("call-id")), cseq, request.getHFBody("from").getTag(), writer.origin

    def _take(self, request: SipRequest, writer: Party, to: str, answer: Callable[[Reply], None]) -> None:
        try:
            read = self._read(request, writer)
        except MalformedError as problem:
            answer(Reply(400, f"{problem}".capitalize()))
            return
        if isinstance(read, Reply):
            answer(read)
            return
        subjects = request.getHFBodys("subject")
        told = None
        if read.wants and read.id and request.login is None:
            told = partial(self._tell, request, to, read)
        subject = headerText(str(subjects[0]), 200) if subjects else ""
        carried = self.texts.arrived(Text(writer, to, read.body, subject, told))
        carried.addCallback(self._carried, told).addErrback(_refusal).addCallback(answer)
        carried.addErrback(lambda failure: _log.failure("A MESSAGE could not be answered", failure))

    def _carried(self, fate: Fate, told: Callable[[Fate], None] | None) -> Reply:
        if fate is Fate.DELIVERED:
            if told is not None:
                told(fate)
            return OK
        return Reply(202, "Accepted")

    def _read(self, request: SipRequest, writer: Party) -> _Read | Reply:
        """
        @raise MalformedError: if it cannot be read.
        """
        body = request.getBody()
        if body is None or not str(body.content):
            return _NO_TEXT
        if any(str(each).strip().lower() != "identity" for each in request.getHFBodys("content-encoding")):
            return _ENCODED
        content = str(body.content)
        kind = PLAIN if body.mtype is DEFAULT_CTYPE else body.getType().lower()
        if ILLEGIBLE in content:
            return _UNSUPPORTED
        if kind == CPIM:
            wrapped = readCPIM(content)
            self.messages.speaksCPIM(writer)
            if wrapped.contentType == PLAIN:
                return _Read(wrapped.body, wrapped.id, wrapped.wants)
            kind, content = wrapped.contentType, wrapped.body
        if kind == IMDN:
            self.messages.notified(writer, *readIMDN(content))
            return OK
        return _Read(content) if kind == PLAIN else _UNSUPPORTED

    def _tell(self, request: SipRequest, to: str, read: _Read, fate: Fate) -> None:
        wish = "negative-delivery" if fate is Fate.FAILED else "positive-delivery"
        if wish in read.wants:
            url = request.getHFBody("from").getUri().url
            if to.startswith(TRUNK):  # it goes back by the same one
                reader = f"sip:{to.removeprefix(TRUNK)}"
                self.messages.notify(Party(reader), f"sip:{url.username or ''}@{Party(reader).domain}", read.id, fate)
            else:
                self.messages.notify(Party(to), str(url), read.id, fate)


def _refusal(failure: Failure) -> Reply:
    """What its sender is told of a text that has not arrived."""
    problem = whyNot(failure)
    if isinstance(problem, TooLong):
        return Reply(413, "Request Entity Too Large", (("warning", f'399 ichat-gw "{problem}"'),))
    ending = Ending(problem.reason, str(problem), cause=problem.cause)
    code, phrase = toStatus(ending)
    code, phrase = _NO_408.get(code, (code, phrase))
    headers = [("warning", text)] if (text := warningFor(ending)) else []
    if isinstance(problem, Congested):
        headers.append(("retry-after", str(RETRY_AFTER)))
    return Reply(code, phrase, tuple(headers))
