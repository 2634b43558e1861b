# -*- test-case-name: ichatgw.test.sip.transfer.test_refer -*-
"""
REFER (RFC 3515): a phone wants its peer to be connected to another party.

It is never passed on: the call does what is wanted.  The phone is told what becomes of it by NOTIFY, unless it does not
want that (RFC 4488).  A REFER outside of the dialog that it is about names that dialog (RFC 4538).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import unquote

from attrs import define, field, frozen
from sippy.MsgBody import MsgBody
from sippy.SipAddressHF import SipAddressHF
from sippy.SipReferTo import SipReferTo
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipURL import SipURL
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from ichatgw.errors import MalformedError, NoRoute
from ichatgw.interfaces import ILeg, IOutboundLeg, IReferral
from ichatgw.model import TELEPHONE_HOST, Ending
from ichatgw.net.hosts import literal
from ichatgw.sip.dialog.replaces import Replacement, Replacing, readReplaces
from ichatgw.sip.dialog.requests import Reply
from ichatgw.sip.leg.leg import SipLeg
from ichatgw.sip.leg.registry import Legs
from ichatgw.sip.message.status import TO_STATUS
from ichatgw.sip.message.uris import uriOf
from ichatgw.sip.transfer.subscription import Ask, Subscription

ACCEPTED = Reply(202, "Accepted")
UNNOTIFIED = Reply(202, "Accepted", (("refer-sub", "false"),))
FORBIDDEN = Reply(403, "Forbidden")
PENDING = Reply(491, "Request Pending")

_XMPP_HOST = "xmpp.invalid"

_log = Logger()


@frozen
class Wish:
    """
    What a REFER says.

    @ivar called: the address, as the translation rules see it.
    @ivar replacement: the dialog to be replaced there.
    @ivar by: who wishes it, if that is said.
    @ivar quiet: no NOTIFY is wanted.
    """

    called: str
    replacement: Replacement | None
    by: str
    quiet: bool


class Refused(MalformedError):
    """
    @ivar reply: what the REFER is answered with.
    """

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.phrase)
        self.reply = reply


def read(request: SipRequest) -> Wish:
    """
    @raise Refused: if that is nothing that we could do.
    """
    targets = request.getHFBodys("refer-to")
    if len(targets) != 1:
        raise Refused(Reply(400, "Exactly One Refer-To Is Needed"))
    url = _url(targets[0])
    if (url.method or "INVITE").upper() != "INVITE":
        raise Refused(Reply(403, "Only Calls Are Transferred"))
    called = uriOf(url)
    if url.host == _XMPP_HOST:
        called = unquote(unquote(url.username or "")).partition("?")[0]
    elif url.host.endswith(".invalid") and url.host != TELEPHONE_HOST:
        raise Refused(Reply(416, "Unsupported URI Scheme"))
    headers = {name.lower(): unquote(value) for name, value in (url.headers or {}).items()}
    try:
        replacement = readReplaces(headers["replaces"]) if "replaces" in headers else None
    except MalformedError:
        raise Refused(Reply(400, "Bad Replaces in Refer-To")) from None
    referredBy = request.getHFBodys("referred-by")
    return Wish(
        called,
        replacement,
        uriOf(referredBy[0].getUri().url) if referredBy else "",
        any(str(body).partition(";")[0].strip().lower() == "false" for body in request.getHFBodys("refer-sub")),
    )


def _url(body: SipAddressHF) -> SipURL:
    try:
        referTo = SipReferTo(str(body))
        referTo.parse()
        url = referTo.getUri().url
        if not url.host:
            raise ValueError("no host")
    except Exception:  # sippy raises whatever comes to hand
        raise Refused(Reply(400, "Bad Refer-To")) from None
    return url


@implementer(IReferral)
@define(eq=False)
class Referral:
    """
    @ivar reply: what the REFER is answered with.
    """

    wish: Wish
    joins: ILeg | None
    subscription: Subscription | None
    reply: Reply = field(default=FORBIDDEN, init=False)

    @property
    def called(self) -> str:
        """See L{IReferral}."""
        return self.wish.called

    @property
    def by(self) -> str:
        """See L{IReferral}."""
        return self.wish.by

    def dialled(self, leg: IOutboundLeg) -> None:
        """See L{IReferral}: only a SIP leg can say that it replaces another dialog (RFC 3891)."""
        if self.wish.replacement is None or self.joins is not None:
            return
        if not isinstance(leg, Replacing):
            raise NoRoute("there is no such dialog")
        leg.replace(self.wish.replacement.text)

    def accepted(self) -> None:
        """202."""
        self.reply = UNNOTIFIED if self.wish.quiet else ACCEPTED
        if self.subscription is not None:
            self.subscription.begin()

    def declined(self, busy: bool = False) -> None:
        """403, or 491 if it may be tried again."""
        self.reply = PENDING if busy else FORBIDDEN
        if self.subscription is not None:
            self.subscription.drop()

    def rang(self) -> None:
        """See L{IReferral}."""
        if self.subscription is not None:
            self.subscription.tell("180 Ringing")

    def succeeded(self) -> None:
        """See L{IReferral}."""
        if self.subscription is not None:
            self.subscription.finish("200 OK")

    def failed(self, ending: Ending) -> None:
        """See L{IReferral}."""
        if self.subscription is not None:
            code, phrase = TO_STATUS[ending.reason]
            self.subscription.finish(f"{code} {phrase}")


class Referrals:
    """
    Takes the REFERs of phones, and remembers whom to tell what becomes of them.
    """

    def __init__(self, clock: IReactorTime, legs: Legs) -> None:
        self._clock = clock
        self._legs = legs
        self._subscriptions: dict[object, Subscription] = {}

    def referred(self, leg: SipLeg, request: SipRequest) -> Reply:
        """
        The party of C{leg} refers its peer, which makes a call: only if it may make one itself.

        @return: what to answer.
        """
        source = literal(*request.getSource())
        if not self._legs.mayLead(leg.login, None if source is None else source.host):
            _log.info(
                "call={call} leg={leg} {party!r:.120} at {source} may not refer: not among AllowedSIPPeers",
                call=leg.call.id,
                leg=leg.id,
                party=leg.party.uri,
                source=source,
            )
            return FORBIDDEN
        number = request.getHFBody("cseq").getCSeqNum()
        # RFC 3515 section 2.4.6: only the first of a dialog may do without.
        identity = str(number) if leg.refers else ""
        leg.refers += 1

        def ask(heard: Callable[[SipResponse], None], headers: list[tuple[str, str]], body: MsgBody | None) -> None:
            if leg.dialog is not None:
                leg.dialog.notify(heard, headers, body)

        return self.take(leg, request, ask, identity)

    def take(self, leg: SipLeg, request: SipRequest, ask: Ask, identity: str = "") -> Reply:
        """
        The same, wherever the REFER came from.

        @param ask: sends NOTIFYs.
        """
        try:
            wish = read(request)
        except Refused as refused:
            _log.info(
                "call={call} leg={leg} cannot refer: {why}", call=leg.call.id, leg=leg.id, why=refused.reply.phrase
            )
            return refused.reply
        subscription = None if wish.quiet else Subscription(self._clock, ask, identity, partial(self._over, leg))
        joins = None if wish.replacement is None else self._legs.find(wish.replacement.dialog)
        referral = Referral(wish, None if joins is leg else joins, subscription)
        leg.call.referred(leg, referral)
        if subscription is not None and referral.reply.code >= 300:
            subscription.drop()
        elif subscription is not None and not subscription.isOver:
            self._subscriptions[leg] = subscription
        return referral.reply

    def subscribed(self, leg: SipLeg, request: SipRequest) -> Reply:
        """The party of C{leg} wants to hear longer of its REFER, or no more (RFC 3515 section 2.4.4)."""
        event = next((str(body) for body in request.getHFBodys("event")), "")
        name, *parameters = (piece.strip() for piece in event.split(";"))
        if name.lower() != "refer":
            return Reply(489, "Bad Event", (("allow-events", "refer"),))
        subscription = self._subscriptions.get(leg)
        identity = next((each[3:] for each in parameters if each.lower().startswith("id=")), "")
        if subscription is None or subscription.identity != identity:
            return Reply(481, "Subscription Does Not Exist")
        expires = request.getHFBodys("expires")
        granted = subscription.renew(expires[0].getNum() if expires else 60)
        return Reply(200, "OK", (("expires", str(granted)),))

    def left(self, leg: SipLeg) -> None:
        """The call of C{leg} is over."""
        subscription = self._subscriptions.get(leg)
        if subscription is not None:
            subscription.expectNoAnswers()

    def close(self) -> None:
        """Send no further NOTIFY."""
        for subscription in list(self._subscriptions.values()):
            subscription.drop()

    def _over(self, leg: SipLeg, subscription: Subscription) -> None:
        if self._subscriptions.get(leg) is subscription:
            del self._subscriptions[leg]
