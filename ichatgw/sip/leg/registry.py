# -*- test-case-name: ichatgw.test.sip.test_endpoint,ichatgw.test.sip.dialog.test_replaces,ichatgw.test.sip.transfer.test_outofdialogrefer -*-  # noqa: E501
"""
The SIP legs that live.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from ichatgw.observe.stream import UNREAD, Events
from ichatgw.sip.dialog.replaces import DialogId, Replacement, verdict
from ichatgw.sip.dialog.requests import Reply
from ichatgw.sip.leg.interfaces import Transfers
from ichatgw.sip.leg.leg import SipLeg
from ichatgw.sip.leg.telling import Telling
from ichatgw.sip.transaction.tables import KnownDialog

MAX_ENDED = 1000
"""How many dialogs that are over are remembered."""


@define(eq=False)
class Legs:
    """
    Knows each leg from its making to its end, and names it.

    @ivar referrals: takes the REFERs of their parties.
    @ivar admits: may a host, an IP literal, call?
    @ivar events: told of the Call-IDs of their messages.
    @ivar telling: when their parties are told who is at the other end, but for those of trunks.
    @ivar dialogOf: gives the dialog with a tag of ours, C{None} if there is none.
    """

    referrals: Transfers[SipLeg] = field(init=False)
    dialogOf: Callable[[str], KnownDialog | None] = field(default=lambda tag: None, init=False)
    admits: Callable[[str], bool] = field(default=lambda host: False, init=False)
    events: Events = field(default=UNREAD, init=False)
    telling: Telling = field(default=Telling.NEVER, init=False)
    _live: set[SipLeg] = field(factory=set, init=False)
    _ended: dict[DialogId, None] = field(factory=dict, init=False)
    _made: int = field(default=0, init=False)

    @property
    def live(self) -> frozenset[SipLeg]:
        """The legs that have not ended."""
        return frozenset(self._live)

    def mayLead(self, login: str | None, host: str | None) -> bool:
        """
        May a party have a call made, by a REFER or a redirection?

        @param login: the user who has logged in with the request, or with the call that it is in.
        @param host: where the message came from, an IP literal; C{None} if that is not known.
        """
        return login is not None or (host is not None and self.admits(host))

    def name(self, way: str) -> str:
        """A name for the next one, C{in} or C{out}."""
        self._made += 1
        return f"sip-{way}-{self._made:x}"

    def add(self, leg: SipLeg) -> None:
        """A leg begins."""
        leg.referrals, leg.events, leg.telling = self.referrals, self.events, self.telling
        self._live.add(leg)

    def discard(self, leg: SipLeg) -> None:
        """A leg has ended."""
        self._live.discard(leg)
        self.referrals.left(leg)
        name = leg.dialog.name if leg.dialog is not None else None
        if name is not None:
            self._ended[name] = None
            if len(self._ended) > MAX_ENDED:
                del self._ended[next(iter(self._ended))]

    def find(self, name: DialogId) -> SipLeg | None:
        """
        The one live leg of that dialog.  Those of iChats are not found: they are part of another leg, and only the
        iChat knows their names.
        """
        dialog = self.dialogOf(name.local)
        leg = None if dialog is None else dialog.owner
        return leg if leg in self._live and leg.isOf(name) else None

    def judge(self, wish: Replacement) -> SipLeg | Reply:
        """The leg whose place a new one wants, or why it cannot have it."""
        found = self.find(wish.dialog)
        refusal = verdict(wish, found, wish.dialog in self._ended)
        if refusal is not None:
            return refusal
        assert found is not None
        return found
