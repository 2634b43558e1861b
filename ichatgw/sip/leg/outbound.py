# -*- test-case-name: ichatgw.test.sip.auth.test_authorization,ichatgw.test.sip.transaction.test_targetset,ichatgw.test.sip.message.test_multipart,ichatgw.test.sip.test_transports,ichatgw.test.media.relay.test_direct,ichatgw.test.sip.leg,ichatgw.test.sip.dialog,ichatgw.test.sip.trunk.test_dialer,ichatgw.test.sip.trunk.test_flows -*-  # noqa: E501
"""
The leg of a party that we call over SIP.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve, frozen
from sippy.CCEvents import CCEventConnect, CCEventDisconnect, CCEventFail, CCEventGeneric, CCEventRedirect, CCEventRing
from sippy.MsgBody import MsgBody
from sippy.SipHeader import SipHeader
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ichatgw.calls.nulls import Unanswered
from ichatgw.errors import CallError, MalformedError, NoCommonCodec
from ichatgw.interfaces import IOutboundLeg
from ichatgw.model import SENT_ON, Codec, Ending, EndReason, Part, Party, SessionDescription
from ichatgw.observe.callreports import follow
from ichatgw.sip.dialog.dialog import Dialog
from ichatgw.sip.dialog.invite import MAX_FORKS, Invite, Inviting
from ichatgw.sip.dialog.offeranswer import Input
from ichatgw.sip.leg.leg import SipLeg, disconnection
from ichatgw.sip.leg.mediasecurity import PLAIN_ONLY, MediaPolicy
from ichatgw.sip.leg.negotiation import speech
from ichatgw.sip.leg.renegotiation import Renegotiation
from ichatgw.sip.message.bodies import partsOf, sdpText
from ichatgw.sip.message.status import fromHeader, fromStatus
from ichatgw.sip.transaction.targetset import USE_PROXY, Attempt, TargetSet
from ichatgw.sip.transport.target import Target, Transport

_log = Logger()


@frozen
class Offering:
    """
    What called parties are offered.

    @ivar filtered: payload types that are not.
    @ivar policy: how media is protected; or what tells it for each attempt.
    """

    filtered: frozenset[int] = frozenset()
    policy: MediaPolicy | Callable[[], MediaPolicy] = PLAIN_ONLY


@implementer(IOutboundLeg)
class OutboundSipLeg(SipLeg):
    """
    A call to a party over SIP.

    @param hunt: what there is to try.
    @param converse: makes the dialog.
    @param prepare: fills in who calls whom, see L{Invite}.
    @param offering: what is offered.
    @param mayLead: can a host, an IP literal, lead us anywhere by a redirection?
    """

    isOutbound = True

    isTaken = False  # a phone says nothing between ringing and its answer

    def __init__(
        self,
        id: str,
        party: Party,
        forget: Callable[[SipLeg], None],
        hunt: TargetSet,
        converse: Callable[[SipLeg], Dialog],
        prepare: Callable[[Inviting, Attempt], tuple[SipHeader, ...]],
        offering: Offering,
        mayLead: Callable[[str], bool] = lambda host: False,
    ) -> None:
        super().__init__(id, party, forget)
        policy, filtered = offering.policy, offering.filtered
        self._policyOf = policy if callable(policy) else None
        if isinstance(policy, MediaPolicy):
            self._negotiation.protecting.policy = evolve(policy)
        self._negotiation.allowed = lambda codec: codec.payloadType not in filtered
        self.changes = Renegotiation(self, self._negotiation)
        self._hunt = hunt
        self._converse = converse
        self._prepare = prepare
        self._mayLead = mayLead
        self._pending: Deferred[None] | None = None
        self._attempt: Attempt | None = None
        self._target: Target | None = None
        self._started = False
        self._replaces: tuple[SipHeader, ...] = ()
        self._offer: tuple[Codec, ...] = ()
        self._parts: tuple[Part, ...] = ()
        self._early: dict[str | None, str] = {}
        self._settledBy: str | None = None
        self._rang = False

    def replace(self, dialog: str) -> None:
        """Add C{Replaces}: this call shall replace a dialog that the party has with another phone (RFC 3891)."""
        self._replaces = (SipHeader(name="replaces", bodys=dialog),)

    def start(self, offer: SessionDescription) -> None:
        """INVITE, as soon as the address is known."""
        if self._ended or self._started:
            return
        self._started = True
        self._offer = self._negotiation.offerable(offer.codecs)
        self._parts = offer.parts
        self.changes.meet(evolve(offer, codecs=self._offer, parts=()))
        if not speech(self._offer):
            self._finish(Ending(EndReason.INCOMPATIBLE, "no codec is left to offer"))
            return
        self._next()

    def hangup(self, ending: Ending) -> None:
        """CANCEL or BYE; nothing if the INVITE is not out."""
        if self._ended:
            return
        if self._pending is not None:
            self._pending.cancel()
        self._finish(ending)
        self._giveUp(self.dialog, ending)

    def _finish(self, ending: Ending) -> None:
        self._hunt.rest()
        super()._finish(ending)

    def _next(self) -> None:
        self._early.clear()
        self._settledBy = None
        self._negotiation.forget()
        attempt = self._hunt.next()
        self._pending = attempt.addCallback(self._invite)
        attempt.addErrback(self._unreachable)

    def _invite(self, attempt: Attempt) -> None:
        self._pending = None
        if self._ended:
            return
        self._attempt = attempt
        target = self._target = attempt.target
        self.signallingHost = target.address.host
        if self._policyOf is not None:
            self._negotiation.protecting.policy = evolve(self._policyOf())
        self._negotiation.protecting.isPrivate = target.transport is Transport.TLS
        dialog = self.dialog = self._converse(self)
        text = self._negotiation.offer(target.address.host, self._offer, isWide=dialog.pinned is None)
        _log.info("call={call} leg={leg} {party!r:.120} INVITE to {target}", target=target, **self._names())
        dialog.invite(target, Invite(lambda uac: (*self._prepare(uac, attempt), *self._replaces), text, self._parts))
        self.trail = str(dialog.cId)
        follow(self.events, self, self.trail)
        self._hunt.watch(self._silent)

    def _mustRelay(self) -> bool:
        """Is it worth another offer that media passes here, where more can be offered?"""
        if not self._negotiation.canWiden(self._offer):
            return False
        try:
            self.side = self.side.anchor()
        except CallError:
            return False
        self._negotiation.forget()
        return True

    def _mustBeAlone(self, code: int) -> bool:
        """Is it worth another offer, without what comes with the SDP?"""
        if code != 415 or not self._parts:
            return False
        self._parts = ()
        self._negotiation.forget()
        return True

    def _again(self, attempt: Attempt) -> None:
        """The same target gets another offer, with more in it or less."""
        _log.info("call={call} leg={leg} {party!r:.120} gets another offer", **self._names())
        self._hunt.rest()
        self._early.clear()
        self._settledBy = None
        again: Deferred[None] = succeed(attempt).addCallback(self._invite)
        again.addErrback(self._unreachable)

    def _names(self) -> dict[str, str]:
        return {"call": self.call.id, "leg": self.id, "party": self.party.uri}

    def _silent(self) -> None:
        """The target said nothing; another one is tried."""
        _log.info("call={call} leg={leg} {party!r:.120} no answer from {target}", target=self._target, **self._names())
        given, self.dialog = self.dialog, None
        self._next()
        self._giveUp(given)

    def _unreachable(self, failure: Failure) -> None:
        self._pending = None
        if failure.check(CancelledError):
            return
        error = failure.value
        if isinstance(error, CallError):
            ending = Ending(error.reason, str(error))
        elif isinstance(error, OSError):
            self._hunt.avoid()
            ending = Ending(EndReason.UNAVAILABLE, f"cannot be reached: {error}")
        else:
            _log.failure("call={call} leg={leg} could not call", failure, call=self.call.id, leg=self.id)
            self._finish(Ending(EndReason.FAILED, "internal error"))
            return
        self._failed(ending)

    def _failed(self, ending: Ending) -> None:
        """An attempt came to nothing: the next one, if there is one."""
        if self._hunt.goesOn:
            _log.info("call={call} leg={leg} {party!r:.120} goes on after {why!r}", why=ending.text, **self._names())
            self._next()
        else:
            self._finish(ending)

    def _giveUp(self, dialog: Dialog | None, ending: Ending | None = None) -> None:
        """CANCEL or BYE; an iChat, whose dialog is pinned, is not told why: it never saw the header."""
        if dialog is not None:
            try:
                dialog.recvEvent(disconnection(ending if dialog.pinned is None else None))
            except Exception:
                _log.failure("call={call} leg={leg} could not hang up", call=self.call.id, leg=self.id)

    def _event(self, event: CCEventGeneric) -> None:
        if isinstance(event, CCEventRing):
            self._hunt.heard()
            self._provisional(*event.getData()[:3])
        elif isinstance(event, CCEventConnect):
            self._hunt.rest()
            if not self._answered:
                self._accepted(event.getData()[2])
        elif isinstance(event, (CCEventFail, CCEventRedirect)):
            self._refused(*event.getData()[:2])
        elif isinstance(event, CCEventDisconnect):
            self._finish(fromHeader(self._reasons, True))

    def _refused(self, code: int, phrase: str) -> None:
        warning = self.dialog.words.warning if self.dialog is not None else ""
        ending = fromStatus(code, phrase, warning, self._reasons, self._rang)
        if code in (401, 407):
            _log.warn(
                "call={call} leg={leg} {party!r:.120} wants a login ({why}): SIPCredentials has no right one for it",
                why=ending.text,
                **self._names(),
            )
        if self._answered:
            self._finish(ending)
            return
        mayChange = code in (488, 606) and (self._mustRelay() or self._negotiation.insist())
        if self._attempt is not None and (mayChange or self._mustBeAlone(code)):
            self._again(self._attempt)
            return
        if code < 400 and self.dialog is not None:
            mayLead = self._mayLead(self.dialog.remote.host)
            self._hunt.redirect(self.dialog.words.elsewhere, mayLead, areProxies=code == USE_PROXY)
        else:
            self._hunt.refused(code)
        self._failed(ending)

    def _provisional(self, code: int, phrase: str, body: MsgBody | None) -> None:
        if code <= 100:
            return
        self._hunt.rang()
        self._rang = self._rang or code == 180
        if code == 181:
            self.call.handed(self, Unanswered(SENT_ON))
        text = sdpText(body)
        if text is not None:
            try:
                dialog = self.dialog
                forGood = dialog is not None and dialog.ours.heardReliably
                early = self._negotiation.accept(text, final=forGood)
                if dialog is not None and forGood:
                    dialog.reoffers.take(Input.EARLY_ANSWER)
                    self._settledBy = self._fork
            except (MalformedError, CallError):
                early = None  # the final answer may be better
            if early is not None:
                if len(self._early) < MAX_FORKS:
                    self._early[self._fork] = text
                self.call.progressing(self, evolve(early, parts=partsOf(body)))
                return
        if code == 180:
            self.call.ringing(self)

    def _accepted(self, body: MsgBody | None) -> None:
        text = sdpText(body) or self._early.get(self._fork) or next(reversed(self._early.values()), None)
        self._answered = True
        if self._settledBy is not None and self._settledBy == self._fork:
            self.changes.known()
            self.call.answered(self, self.changes.description)  # what was answered for good may have changed since
            return
        try:
            if text is not None:
                answer = self._negotiation.accept(text)
                self._sayUnasked()
            else:
                raise NoCommonCodec("the 200 brought no answer")
        except (MalformedError, CallError) as problem:
            self.hangup(Ending(EndReason.INCOMPATIBLE, str(problem), cause=getattr(problem, "cause", None)))
        else:
            self.call.answered(self, evolve(answer, parts=partsOf(body)))

    def _sayUnasked(self) -> None:
        if self._negotiation.protecting.isUnasked:
            _log.warn(
                "call={call} leg={leg} {party!r:.120} answers with keys for its media, and was offered none; if nobody "
                "hears anything: SIPMediaEncryption and SIPMediaKeys say what it is offered",
                **self._names(),
            )

    @property
    def _fork(self) -> str | None:
        """The remote tag of the phone, among those that the INVITE has reached, that speaks now."""
        return None if self.dialog is None else self.dialog.ours.heardTag
