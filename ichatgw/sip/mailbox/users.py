# -*- test-case-name: ichatgw.test.sip.mailbox -*-
"""
The mailboxes of users who are registered at their servers: each is that of the user's address there.
"""

from __future__ import annotations

from attrs import frozen
from sippy.SipContact import SipContact
from sippy.SipHeader import SipHeader
from sippy.SipRoute import SipRoute
from sippy.SipURL import SipURL

from ichatgw.model import Party
from ichatgw.net.networks import sourceOf
from ichatgw.sip.mailbox.dialog import Mailbox
from ichatgw.sip.mailbox.wanted import Wanted
from ichatgw.sip.message.uris import parse
from ichatgw.sip.texts.summary import Summary
from ichatgw.sip.transaction.layer import Transactions
from ichatgw.sip.transaction.outofdialog import Logins
from ichatgw.sip.transaction.targetset import TargetSet
from ichatgw.sip.transaction.way import Way
from ichatgw.sip.transport.target import Target


@frozen(eq=False)
class _Opening:
    """See L{ichatgw.sip.mailbox.dialog.Opening}."""

    _transactions: Transactions
    _way: Way
    _url: SipURL
    hunt: TargetSet
    logins: Logins

    def routes(self) -> list[SipRoute]:
        """Those of requests to other servers."""
        return self._way.routes()

    def contact(self, target: Target) -> tuple[SipContact, tuple[SipHeader, ...]]:
        """The user's."""
        url = self._url
        return self._transactions.contact(target, url.username or "", url.scheme == "sips"), ()


@frozen(eq=False)
class UserMailboxes:
    """
    @ivar way: that of requests outside of calls.
    """

    _transactions: Transactions
    _wanted: Wanted
    _way: Way

    def begin(self, aor: str) -> None:
        """A user is registered at that address."""
        url = parse(aor)

        def opening() -> _Opening:
            hunt = self._way.hunt(parse(aor), 0)
            return _Opening(self._transactions, self._way, url, hunt, self._way.logins.begin())

        def told(summary: Summary, host: str) -> None:
            self._wanted.tell(summary, Party(aor, origin=sourceOf(host)), aor)

        self._wanted.want(Mailbox(aor, f"Mailbox of {aor[:100]!r}", url, url, opening, told, _adviceOn))

    def end(self, aor: str) -> None:
        """No user is to be registered there any more."""
        self._wanted.leave(aor)


def _adviceOn(why: str) -> str:
    if why.startswith(("401", "407")):
        return "is there a right line for it in SIPCredentials?"
    return "switch SubscribeMailboxes off if there is no voicemail, or it tells of itself unasked"
