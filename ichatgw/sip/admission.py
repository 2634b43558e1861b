# -*- test-case-name: ichatgw.test.sip.test_admission,ichatgw.test.sip.register.test_client,ichatgw.test.sip.transfer.test_outofdialogrefer,ichatgw.test.sip.trunk.test_texts,ichatgw.test.sip.dialog.test_replaces -*-  # noqa: E501
"""
Which requests become transactions: those that belong to something that there is, those of hosts that may call, of users
who have logged in, and of iChats that are waited for.  All others are answered here without leaving anything behind
(RFC 3261 section 8.2.7), or get nothing.

So are new calls as long as there is too much to do, and all else that begins something, so that calls that are up do
not suffer; and new calls for which there would be no room.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from attrs import frozen
from sippy.SipRequest import SipRequest
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ichatgw.calls.admission import NOT_ADMITTED
from ichatgw.errors import MalformedError
from ichatgw.model import Party, TransportAddress
from ichatgw.net.networks import sourceOf
from ichatgw.runtime.ratelimit import Complaints, RateLimit
from ichatgw.sip.auth.authorization import judged
from ichatgw.sip.auth.verifier import Verifier
from ichatgw.sip.dialog.capabilities import METHODS, OPTIONS, OTHER_METHODS
from ichatgw.sip.dialog.replaces import readReplaces, readTargetDialog
from ichatgw.sip.leg.registry import Legs
from ichatgw.sip.matchers import Matchers
from ichatgw.sip.message.framing import Frame, Limits
from ichatgw.sip.message.gate import Admitted, Answer, Dropped
from ichatgw.sip.message.identity import callerIn, invitationOf
from ichatgw.sip.message.stateless import Header, respond
from ichatgw.sip.message.status import toStatus, warning
from ichatgw.sip.strangers import Strangers
from ichatgw.sip.transaction.known import Known, Marks
from ichatgw.sip.transaction.tables import Dialogs
from ichatgw.sip.trunk.trunks import Trunks

RETRY_AFTER = 5
"""Seconds after which we ask a caller to try again who comes when there is too much to do."""

MAX_OF_STRANGER = 100
"""How many dialogs there may be with the users who have logged in from one source."""

MAX_OF_PEER = 4000
"""How many with one that may call without a login."""

NO_BEGINNINGS = frozenset(("ACK", "BYE", "CANCEL", "OPTIONS"))
"""Methods of requests that are never refused since there is too much to do; L{Admission.trouble} decides on OPTIONS."""

_ALLOW: Header = ("Allow", ", ".join(METHODS))

_URI = re.compile(r"(?:sips?|tel):[^<>;,\s]+", re.IGNORECASE)

_log = Logger()


@frozen
class Passed:
    """
    A message for the transaction layer.

    @ivar login: the user who has logged in with it.
    """

    login: str | None = None


Verdict = Passed | Answer | Dropped


class Admission:
    """
    @ivar trunks: by which anybody calls; set before the first message.
    @ivar isOverloaded: tells whether there is too much to do for another call.
    @ivar isCrowded: tells whether too many calls of a host, an IP literal, wait to begin.
    @ivar isFull: tells whether there is no room for another call, as L{ichatgw.calls.switch.Switch.isFull}.
    @ivar trouble: tells why the gateway is not ready for any call, in words; empty if it is.
    @ivar takesTexts: whether MESSAGEs are taken.
    @param verifier: lets phones log in.
    @param matchers: claim INVITEs that are no calls of phones.
    """

    trunks: Trunks
    takesTexts = False

    def __init__(
        self,
        clock: IReactorTime,
        legs: Legs,
        strangers: Strangers,
        known: Known,
        verifier: Verifier | None,
        matchers: Matchers,
    ) -> None:
        self._matchers = matchers
        self.isOverloaded: Callable[[], bool] = lambda: False
        self.isCrowded: Callable[[str], bool] = lambda host: False
        self.isFull: Callable[[Callable[[], Party], str], bool] = lambda caller, host: False
        self.trouble: Callable[[], str] = lambda: ""
        self._legs = legs
        self._strangers = strangers
        self._known = known
        self._dialogs: Dialogs = known.dialogs
        self._verifier = verifier
        self._complaints = Complaints(clock)
        self._refusals = RateLimit(clock, 0.2, 1, mostSources=1)

    def judge(self, message: Admitted, source: TransportAddress, room: int | None = None) -> Verdict:
        """
        @param message: what the gate has let through.
        @param room: how many octets the answer to a stranger may have.
        """
        mayCall = self._legs.admits(source.host)
        isPeer = mayCall or self.trunks.areAt(source.host)
        marks = Marks.of(message)
        if not message.isRequest:
            if mayCall or self._known.awaits(marks):
                return Passed()
            return Dropped("a response of a stranger to nothing that we asked")
        if not mayCall and self._known.isWithin(marks, message.text, source.host):
            return Passed()
        begins = self._begins(message.method) and marks.toTag is None
        why = self._obstacle(message, source, isPeer) if begins else self._excess(message, marks, isPeer)
        if why:
            if self._known.isWithin(marks, message.text, source.host):
                return Passed()
            return self._turnedAway(message, source, None if isPeer else room, why, isPeer)
        if isPeer and message.method == "OPTIONS" and marks.toTag is None:
            return self._asked(message, source)
        if not mayCall:
            return self._stranger(message, marks, source, room)
        return Passed(self._login(message, source.host) if begins else None)

    def _begins(self, method: str) -> bool:
        """Is it the method of a request that brings a call or a text?"""
        return method == "INVITE" or (method == "MESSAGE" and self.takesTexts)

    def _obstacle(self, message: Admitted, source: TransportAddress, isPeer: bool) -> str:
        """Why a new call, or a text, cannot be taken now, in words; empty if it can."""
        if self._isTooMuch(message, source.host, isPeer):
            return "too much to do"
        if not isPeer:
            return ""
        trouble = self.trouble()
        if trouble:
            return "" if self._belongs(message, source) else trouble
        isCall = message.method == "INVITE"
        return "no room for more" if isCall and self._findsNoRoom(message, source) else ""

    def _excess(self, message: Admitted, marks: Marks, isPeer: bool) -> str:
        """Why another request outside of dialogs cannot be taken now, in words; empty if it can, or ends something."""
        if not isPeer or marks.toTag is not None or message.method in NO_BEGINNINGS or not self.isOverloaded():
            return ""
        isAboutCall = message.method == "REFER" and self._namesCall(SipRequest(message.text))
        return "" if isAboutCall else "too much to do"

    def _asked(self, message: Admitted, source: TransportAddress) -> Verdict:
        """OPTIONS of one that may call, who wants to know whether calls are taken (RFC 3261 section 11.2)."""
        trouble = self.trouble()
        return self._turnedAway(message, source, None, trouble, True) if trouble else Passed()

    def _isTooMuch(self, message: Admitted, host: str, mayCall: bool) -> bool:
        most = MAX_OF_PEER if mayCall else MAX_OF_STRANGER
        isBusy = self.isOverloaded() or (mayCall and self.isCrowded(host))
        isFull = self._known.served.isFull or self._dialogs.countOf(host) >= most
        return isFull or (isBusy and not self._isOfCall(message))

    def _isOfCall(self, message: Admitted) -> bool:
        """Is an INVITE about a call that there is, whose party is to be replaced?"""
        try:
            named = [readReplaces(value).dialog for name, value in message.headers if name == "Replaces"]
        except MalformedError:
            return False
        return len(named) == 1 and self._legs.find(named[0]) is not None

    def _findsNoRoom(self, message: Admitted, source: TransportAddress) -> bool:
        """Is an INVITE a call of its own for which there is no room?  To refuse it later would cost much more."""
        isFull = self.isFull(lambda: callerIn(message.startLine, message.headers), source.host)
        return isFull and not self._belongs(message, source)

    def _belongs(self, message: Admitted, source: TransportAddress) -> bool:
        """Does it take the place of a party (RFC 3891), or is it that of an iChat that is waited for?"""
        names = {name for name, _ in message.headers}
        if "Replaces" in names or "User-Agent" not in names:
            return "Replaces" in names
        return self._matchers.objection(invitationOf(SipRequest(message.text), source)) is None

    def _turnedAway(
        self, message: Admitted, source: TransportAddress, room: int | None, why: str, explains: bool
    ) -> Verdict:
        """
        @param explains: whether it is told why.
        """
        if message.method == "INVITE" and self._refusals.allow(None):
            _log.warn("New calls are refused: {why}; the last is of {source}", why=why, source=source)
        later = [("Retry-After", str(RETRY_AFTER))]
        words = [("Warning", warning(why))] if explains else []
        return _answered(message, 503, "Service Unavailable", ([*later, *words], later, ()), room, f"503 {why}")

    def _login(self, message: Admitted, host: str) -> str | None:
        """The user who has logged in with an INVITE of a host that may call anyway."""
        if self._verifier is None or not self._verifier.users:
            return None
        if not any(name == "Authorization" for name, _ in message.headers):
            return None
        return judged(SipRequest(message.text), host, self._verifier).user

    def _stranger(self, message: Admitted, marks: Marks, source: TransportAddress, room: int | None) -> Verdict:
        method = message.method
        if method == "ACK":
            return Dropped("an ACK of a stranger for nothing")
        if marks.toTag is not None or method in ("BYE", "CANCEL"):
            return _answered(message, 481, "Call/Transaction Does Not Exist", room=room)
        if method == "REFER" or self._begins(method):
            return self._wanting(message, source, room)
        if method == "NOTIFY" and self.takesTexts and self._isByTrunk(message, source):
            return Passed()
        if method == "OPTIONS":
            can = [(name.title(), value) for name, value in OPTIONS.headers]
            return _answered(message, OPTIONS.code, OPTIONS.phrase, (can, ()), room)
        if method == "SUBSCRIBE":
            return _answered(message, 489, "Bad Event", ((("Allow-Events", "refer"),), ()), room)
        if method in (*METHODS, *OTHER_METHODS):
            return _answered(message, 405, "Method Not Allowed", ((_ALLOW,), ()), room)
        return _answered(message, 501, "Not Implemented", ((_ALLOW,), ()), room)

    def _isByTrunk(self, message: Admitted, source: TransportAddress) -> bool:
        return self.trunks.find(SipRequest(message.text), source.host) is not None

    def _wanting(self, message: Admitted, source: TransportAddress, room: int | None) -> Verdict:
        """An INVITE, a REFER or a MESSAGE of a stranger."""
        request = SipRequest(message.text)
        isCall = message.method == "INVITE"
        if message.method != "REFER" and self.trunks.find(request, source.host) is not None:
            return Passed()
        objection = self._matchers.objection(invitationOf(request, source)) if isCall else NOT_ADMITTED
        if objection is None:
            return Passed()
        (code, phrase), why = toStatus(objection), objection.text
        if message.method == "REFER" and not self._namesCall(request):
            # Whatever the login, lest passwords be tried here.
            return self._refused(message, source, code, phrase, "it names no call of ours", room)
        if code == 403 and self._verifier is not None and self._verifier.users:
            return self._loggingIn(request, message, source, room, self._verifier)
        return self._refused(message, source, code, phrase, why, room)

    def _refused(
        self, message: Admitted, source: TransportAddress, code: int, phrase: str, why: str, room: int | None
    ) -> Verdict:
        if self._complaints.allow(sourceOf(source.host)):
            _log.info(
                "{method} from {source} for {called!r} refused: {why}",
                method=message.method,
                source=source,
                called=message.startLine.split(" ")[1][:100],
                why=why,
            )
        return _answered(message, code, phrase, room=room)

    def _namesCall(self, request: SipRequest) -> bool:
        """Is a REFER about a call that there is?"""
        try:
            named = [readTargetDialog(str(body)) for body in request.getHFBodys("target-dialog")]
        except MalformedError:
            return False
        return bool(named) and self._legs.find(named[0]) is not None

    def _loggingIn(
        self, request: SipRequest, message: Admitted, source: TransportAddress, room: int | None, verifier: Verifier
    ) -> Verdict:
        judgement = judged(request, source.host, verifier)
        if judgement.user is not None:
            self._strangers.prove(source.host)
            trouble = self.trouble()
            if trouble:
                return self._turnedAway(message, source, room, trouble, True)
            return Passed(judgement.user)
        values = verifier.challenge(source.host, judgement.isStale)
        challenges = [("WWW-Authenticate", value) for value in values]
        # Where there is room for one only, it is the one that every phone understands.
        return _answered(message, 401, "Unauthorized", (challenges, challenges[-1:]), room)


def _answered(
    message: Admitted,
    code: int,
    phrase: str,
    extras: Sequence[Sequence[Header]] = ((),),
    room: int | None = None,
    reason: str = "",
) -> Verdict:
    response = respond(message.headers, code, phrase, extras, room)
    if response is None:
        return Dropped(f"{code} {phrase}, which is longer than what it answers")
    return Answer(response, reason or f"{code} {phrase}")


def partiesIn(message: bytes) -> tuple[str, str]:
    """The same of an INVITE that cannot be read, as far as it says them."""
    frame = Frame.read(message, Limits())
    rest = frame.startLine.partition(" ")[2]
    written = [found[0] for value in frame.values("from")[:1] if (found := _URI.search(value))]
    return "".join(written), rest.partition(" ")[0]


def partiesOf(message: Admitted) -> tuple[str, str]:
    """Who calls and whom, of an INVITE: URIs."""
    return callerIn(message.startLine, message.headers).uri, message.startLine.split(" ")[1]
