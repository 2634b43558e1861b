# -*- test-case-name: ichatgw.test.ichat.test_farewells -*-
"""
Ends C{apple:iq:vc:request}s of a process that was killed, from what the journal has of them (see
L{ichatgw.calls.farewell}).  An answered call of an iChat is a SIP dialog, and is ended by BYE.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.words.protocols.jabber.jid import JID

from ichatgw.ichat.reasons import TO_RESPONSE
from ichatgw.ichat.stanzas import VCCancel, VCResponse, VCStanza
from ichatgw.model import EndReason, Farewell
from ichatgw.xmpp.stanzas import parseJID

CANCEL = "ichat-cancel"
RESPONSE = "ichat-response"


def cancelled(us: JID, them: JID) -> Farewell:
    """The words for an iChat that rings."""
    return CANCEL, us.full(), them.full()


def declined(us: JID, them: JID) -> Farewell:
    """The words for an iChat that calls, and whose INVITE has not come."""
    return RESPONSE, us.full(), them.full()


def ways(send: Callable[[VCStanza], object]) -> dict[str, Callable[..., None]]:
    """Who says what, for L{ichatgw.calls.recovery.Epilogue}."""

    def cancel(us: str, them: str) -> None:
        send(VCCancel(parseJID(them), parseJID(us)))

    def respond(us: str, them: str) -> None:
        send(VCResponse(parseJID(them), parseJID(us), TO_RESPONSE[EndReason.SHUTDOWN]))

    return {CANCEL: cancel, RESPONSE: respond}
