# -*- test-case-name: ichatgw.test.web.test_advice -*-
"""
Why a call ended, in plain words, and where README says more.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ichatgw.model import EndReason
from ichatgw.observe.snapshots import CallSnapshot

CHAPTER = "Find out why a call failed"
"""Of README."""


@frozen
class Advice:
    """
    @ivar text: what has happened, and what to do.
    @ivar entry: of L{CHAPTER}, which says more; empty if there is none.
    """

    text: str
    entry: str = ""


ADVICE: Mapping[EndReason, Advice] = {
    EndReason.HANGUP: Advice("The two have talked, and one of them hung up: nothing is wrong.", "busy"),
    EndReason.CANCELLED: Advice("The caller hung up before anybody answered."),
    EndReason.ANSWERED_ELSEWHERE: Advice("Another device of the called party took the call."),
    EndReason.BUSY: Advice("The called party is in another call, or does not want to be called now.", "busy"),
    EndReason.DECLINED: Advice(
        "The called party did not take the call. If an iChat declined at once, see whether it has an address that can"
        " be reached.",
        "declined 'the iChat named no usable address'",
    ),
    EndReason.NOT_FOUND: Advice(
        "No translation rule fits the address that was called, or the far side does not know it.",
        "not_found",
    ),
    EndReason.UNAVAILABLE: Advice("The far side says that the called party cannot be reached now.", "busy"),
    EndReason.TIMEOUT: Advice(
        "Nothing came in time: nobody answered, or what we sent arrived nowhere. See whether anything was received in"
        " the ladder below.",
        "timeout",
    ),
    EndReason.EXPIRED: Advice(
        "The call had lasted as long as it may, or the far end no longer said that it was there."
    ),
    EndReason.FORBIDDEN: Advice(
        "Somebody did not let the call pass: the gateway itself, if the caller is not among those who may call, or the"
        " PBX, if it wants a login.",
        "forbidden",
    ),
    EndReason.INCOMPATIBLE: Advice(
        "The two have no format of sound, no encryption or no kind of address in common.", "incompatible"
    ),
    EndReason.CONGESTED: Advice("There was no room for the call, here or at the far side.", "congested"),
    EndReason.NO_LINK: Advice("The gateway was not connected to the XMPP server.", "no_link"),
    EndReason.CONNECTIVITY: Advice(
        "A party vanished, or its sound never reached the gateway: look at firewalls, NAT and the addresses that it"
        " named.",
        "connectivity",
    ),
    EndReason.SECURITY: Advice("Keys or a certificate of a party were not those that they had to be.", "security"),
    EndReason.SHUTDOWN: Advice("The gateway was stopped, which ends all calls."),
    EndReason.FAILED: Advice(
        "Something went wrong at the far side, or here: the words behind the reason, and the log, say what.", "busy"
    ),
}


def adviceOf(call: CallSnapshot) -> Advice | None:
    """What to say of the end of a call; C{None} while it lives."""
    if call.ending is None:
        return None
    if call.ending.reason is EndReason.HANGUP and call.answeredAfter is not None and _isSilent(call):
        return Advice(
            "The two were connected, but no sound has come from one of them.",
            "The call is up, and somebody hears nothing",
        )
    found = ADVICE[call.ending.reason]
    return Advice(found.text) if call.ending.reason is EndReason.HANGUP else found


def _isSilent(call: CallSnapshot) -> bool:
    return call.talked > 5 and any(
        side not in call.media or call.media[side].startedAt is None for side in ("caller", "callee")
    )
