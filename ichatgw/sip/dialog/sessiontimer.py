# -*- test-case-name: ichatgw.test.sip.dialog.test_sessiontimer -*-
"""
Session timers (RFC 4028): a call whose far end has vanished without a word comes to an end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from attrs import define
from sippy.SipHeader import SipHeader
from sippy.SipMsg import SipMsg
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.Time.Timeout import Timeout

from ichatgw.sip.dialog import prack
from ichatgw.sip.dialog.prack import number, supports
from ichatgw.sip.dialog.requests import Conversation, DialogRequest, Reply
from ichatgw.sip.sippylib.clock import Timer

TAG = "timer"

MIN_INTERVAL = 90
"""Seconds; no shorter interval is agreed to (section 4)."""

MAX_INTERVAL = 86_400
"""Seconds; a longer interval is not asked for."""

AGAIN = 5.0
"""Seconds until a refresh that could not be made now is tried again."""

MAX_BUMPS = 3


@define(eq=False)
class SessionTerms:
    """
    What we ask for.

    @ivar interval: seconds; 0 if we ask for nothing, and do only what others ask for.
    """

    interval: int = 0


NO_TERMS = SessionTerms()
"""We ask for no session timer."""


class Refreshing(Conversation, Protocol):
    """The dialog, as its timer sees it."""

    def mayUpdate(self) -> bool:
        """Has the far end said that it takes UPDATE?"""

    def reinvite(self) -> bool:
        """Send a re-INVITE, whose 2xx comes to L{SessionTimer.answered}; C{False} if that cannot be done now."""

    def sessionHeaders(self) -> Sequence[SipHeader]:
        """What each INVITE and UPDATE of ours asks for of session timers."""

    def ownHeaders(self, *without: str) -> Sequence[SipHeader]:
        """See L{ichatgw.sip.dialog.reinvite.OfferCarrier}."""

    def expired(self) -> None:
        """The session was not refreshed in time (RFC 4028)."""


class _Gone:
    """In the place of a dialog that is over: a null object."""

    def mayUpdate(self) -> bool:
        """Nothing is sent any more."""
        return False

    def reinvite(self) -> bool:
        """There is nothing to be refreshed."""
        return False

    def expired(self) -> None:
        """Does nothing: the dialog is over."""


_GONE = cast(Refreshing, _Gone())


def tooShort(request: SipRequest) -> Reply | None:
    """Is the interval that a request asks for one that we do not agree to?"""
    wanted = number(request, "session-expires")
    if wanted is None or wanted >= MIN_INTERVAL or not supports(request, TAG):
        return None
    return Reply(422, "Session Interval Too Small", (("min-se", str(MIN_INTERVAL)),))


class SessionTimer:
    """
    @ivar interval: the interval agreed on, in seconds; 0 if there is none.
    @ivar weRefresh: is it our turn?
    """

    def __init__(self, dialog: Refreshing, terms: SessionTerms) -> None:
        self._dialog: Refreshing = dialog
        self._wanted = terms.interval
        self._least = MIN_INTERVAL
        self._bumps = 0
        self._refreshesByInvite = False
        self.interval = 0
        self.weRefresh = False
        self._refresh: Timer | None = None
        self._expiry: Timer | None = None

    # We ask

    def headers(self) -> list[SipHeader]:
        """What an INVITE or UPDATE of ours asks for."""
        interval = self.interval or self._wanted
        if not interval:
            return []
        interval = max(interval, self._least)
        turn = "" if not self.interval else ";refresher=uac" if self.weRefresh else ";refresher=uas"
        return [
            SipHeader(name="session-expires", bodys=f"{interval}{turn}"),
            SipHeader(name="min-se", bodys=str(self._least)),
        ]

    def refused(self, response: SipResponse) -> bool:
        """
        A 422: our interval is too short for the far end or a proxy.

        @return: is it of use to ask again, with what L{headers} says then?
        """
        least = number(response, "min-se")
        if least is None or not self._least < least <= MAX_INTERVAL or self._bumps >= MAX_BUMPS:
            return False
        self._bumps += 1
        self._least = least
        return True

    def answered(self, response: SipResponse) -> None:
        """A 2xx to an INVITE or UPDATE of ours: what it says holds from now on (section 7.2)."""
        interval = number(response, "session-expires")
        if interval is None:
            self._agree(0, False)
        else:
            self._agree(interval, _refresher(response) != "uas")

    # They ask

    def accept(self, request: SipRequest) -> list[SipHeader]:
        """
        An INVITE or UPDATE is answered with 2xx (section 9).

        @return: what that says of the session.
        """
        wanted = number(request, "session-expires")
        if wanted is None and not self._wanted:
            self._agree(0, False)
            return []
        knows, theirs = supports(request, TAG), _refresher(request)
        least = max(MIN_INTERVAL, number(request, "min-se") or 0)
        if wanted is None:
            if not knows:
                self._agree(0, False)
                return []
            interval = self._wanted
        else:
            interval = min(wanted, self._wanted) if self._wanted else wanted
        interval = min(max(interval, least), max(wanted or MAX_INTERVAL, MIN_INTERVAL))
        they = knows and theirs == "uac"
        self._agree(interval, not they)
        headers = [SipHeader(name="session-expires", bodys=f"{interval};refresher={'uac' if they else 'uas'}")]
        return [*headers, SipHeader(name="require", bodys=TAG)] if they else headers

    # Time

    def over(self) -> None:
        """The dialog is over."""
        self._agree(0, False)

    def letGo(self) -> None:
        """The dialog is gone: let go of it."""
        self.over()
        self._dialog = _GONE

    def _agree(self, interval: int, weRefresh: bool) -> None:
        self._stop()
        if interval and interval < MIN_INTERVAL:
            interval = MIN_INTERVAL
        self.interval, self.weRefresh = min(interval, MAX_INTERVAL), weRefresh
        if not self.interval:
            return
        if weRefresh:
            self._refresh = Timeout(self._refreshNow, self.interval / 2)
            self._expiry = Timeout(self._expired, self.interval)
        else:
            self._expiry = Timeout(self._expired, self.interval - min(32, self.interval / 3))  # section 10

    def _refreshNow(self) -> None:
        self._refresh = None
        if not self.refresh():
            self.again()

    def refresh(self) -> bool:
        """
        Refresh the session: by UPDATE where the far end takes that, else by a re-INVITE.

        @return: C{False} if that cannot be done now.
        """
        if self._refreshesByInvite or not self._dialog.mayUpdate():
            return self._dialog.reinvite()
        return self.update()

    def update(self, *more: SipHeader) -> bool:
        """
        Send an UPDATE without an offer (RFC 3311), which refreshes the session.

        @param more: what else it says.
        @return: C{False} if that cannot be done now.
        """
        try:
            headers = [*self._dialog.ownHeaders(prack.TAG), *self._dialog.sessionHeaders(), *more]
            DialogRequest(self._dialog, "UPDATE", self._updated, headers).send()
        except OSError:
            return False
        return True

    def _updated(self, response: SipResponse) -> None:
        """The answer to an UPDATE that had nothing else to say."""
        code = response.getSCode()[0]
        if code == 422 and self.refused(response):
            self.again(0)
        elif code >= 300:
            self._refreshesByInvite = code in (405, 420, 501)
            self.again(0 if self._refreshesByInvite else AGAIN)

    def again(self, wait: float = AGAIN) -> None:
        """A refresh came to nothing; it is tried again as long as the session has not expired."""
        if self.interval and self.weRefresh and self._refresh is None:
            self._refresh = Timeout(self._refreshNow, wait)

    def _expired(self) -> None:
        self._expiry = None
        self._stop()
        self.interval = 0
        self._dialog.expired()

    def _stop(self) -> None:
        for timer in (self._refresh, self._expiry):
            if timer is not None:
                timer.cancel()
        self._refresh = self._expiry = None


def _refresher(message: SipMsg) -> str:
    bodies = message.getHFBodys("session-expires")
    parameters = str(bodies[0]).split(";")[1:] if bodies else []
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "refresher":
            return value.strip().lower()
    return ""
