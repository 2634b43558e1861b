# -*- test-case-name: ichatgw.test.sip.test_setup,ichatgw.test.sip -*-
"""
What can be chosen of calls over SIP.
"""

from __future__ import annotations

from attrs import frozen

from ichatgw.model import Party
from ichatgw.sip.leg.mediasecurity import PLAIN_ONLY, MediaPolicy
from ichatgw.sip.transaction.way import Place


@frozen
class SIPOptions:
    """
    How calls and registrations are made.

    @ivar identity: who calls if the caller has no address of its own.
    @ivar userAgent: what we say we are.
    @ivar outboundProxy: where all INVITEs go that are not pinned; C{None} means to the host of the address called.
    @ivar filtered: payload types that are not offered to SIP parties.
    @ivar assertsIdentity: whether called parties are told who calls even if the caller is private to them.
    @ivar policy: how media is protected with all whose dialog is not pinned.
    @ivar sessionExpires: what we ask for of session timers at first, see
        L{ichatgw.sip.dialog.sessiontimer.SessionTerms}.
    @ivar keepAlives: whether, at first, empty packets keep the way to phones and registrars open.
    @ivar registrationsPerSecond: how many trunks are registered in a second at most.
    @ivar subscribesMailboxes: whether the mailboxes of registered users are subscribed to.
    """

    identity: Party
    userAgent: str
    outboundProxy: Place | None = None
    filtered: frozenset[int] = frozenset()
    assertsIdentity: bool = False
    policy: MediaPolicy = PLAIN_ONLY
    sessionExpires: int = 0
    keepAlives: bool = True
    registrationsPerSecond: float = 50
    subscribesMailboxes: bool = False
