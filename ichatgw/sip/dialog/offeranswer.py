# -*- test-case-name: ichatgw.test.sip.dialog.test_offerstates,ichatgw.test.sip.dialog.test_offeranswer,ichatgw.test.sip.dialog.test_ouroffers,ichatgw.test.sip.dialog.test_prack -*-  # noqa: E501
"""
Offer and answer (RFC 3264) in one dialog as a machine: which offer is open, which side made it and what carries it
(RFC 6337), and glare (RFC 3261 section 14.1).

It knows no messages, sockets or timers.  L{ichatgw.sip.dialog.dialog} tells it of the first INVITE, reliable responses
and PRACK; L{ichatgw.sip.dialog.reinvite} of re-INVITE and UPDATE.  L{TABLE} is all that it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from secrets import randbelow

MAX_CROSSINGS = 5
"""How often an offer that crosses one of the far end's is made again."""


class State(Enum):
    """Which offer is open in the dialog; the value says it in words."""

    IDLE = "no INVITE yet"
    CALLING = "first offer sent"
    CALLING_EARLY = "first offer sent, answered before the 2xx"
    CALLED = "first offer received"
    ASKED = "first INVITE received, without an offer"
    EARLY_OFFER = "our offer sent in a reliable 1xx"
    CALLED_EARLY = "offer and answer done before the 2xx"
    STABLE = "stable"
    LOCAL_OFFER = "local offer sent"
    REFRESH = "last offer sent again"
    REMOTE_OFFER = "remote offer received"
    ANSWERED = "2xx sent, ACK awaited"
    LATE_OFFER = "our offer sent in a 2xx, ACK awaited"
    GLARE = "glare: our offer waits for its turn"
    OVER = "dialog over"


class Input(Enum):
    """What happens, by the message that carries it; the value says it in words."""

    FIRST_SENT = "INVITE sent"
    FIRST_OFFER = "INVITE with offer received"
    FIRST_BARE = "INVITE without offer received"
    EARLY_ANSWER = "reliable 1xx with answer received"
    EARLY_OFFER = "reliable 1xx with offer sent"
    PRACK = "PRACK for our SDP received"
    INVITE = "re-INVITE received"
    UPDATE = "UPDATE or PRACK with offer received"
    BARE_UPDATE = "UPDATE without offer received"
    CANCEL = "CANCEL received"
    ACCEPT = "2xx sent"
    ACCEPT_WITH_OFFER = "2xx with offer sent"
    REFUSE = "3xx-6xx sent"
    ACK = "ACK received"
    OFFER = "re-INVITE sent"
    REPEAT = "re-INVITE that refreshes sent"
    ACCEPTED = "2xx received"
    REFUSED = "3xx-6xx received"
    CROSSED = "491, or 500 with Retry-After, received"
    TIMER = "time to try again"
    END = "end of the dialog"


class Refusal(Enum):
    """How an offer is refused because of the state; the value says it in words."""

    PENDING = "491"
    """Ours is open (RFC 3261 section 14.2, RFC 3311 section 5.2)."""

    TOO_EARLY = "500, Retry-After: 5"
    """It can be made only once the call is answered."""

    BUSY = "500, Retry-After: 0-10"
    """An earlier one of the far end is open."""


class _Rest(Enum):
    REST = "at rest"


REST = _Rest.REST
"""
As a next state: whatever holds when no offer is open: C{ANSWERED} as long as an INVITE of the far end that we accepted
is not acknowledged, else C{GLARE} as long as we wait for our turn, else C{STABLE}.
"""

Outcome = State | _Rest | Refusal
"""The next state, or why the offer is refused; a refusal leaves the state as it is."""

_Moves = Mapping[Input, Outcome]

_PENDING, _TOO_EARLY, _BUSY = Refusal.PENDING, Refusal.TOO_EARLY, Refusal.BUSY
_BEFORE_OURS: _Moves = {Input.INVITE: _TOO_EARLY, Input.UPDATE: _TOO_EARLY, Input.BARE_UPDATE: _TOO_EARLY}
_OURS_IS_OPEN: _Moves = {Input.INVITE: _PENDING, Input.UPDATE: _PENDING}
_OUR_REINVITE: _Moves = {**_OURS_IS_OPEN, Input.ACCEPTED: REST, Input.REFUSED: REST}

_MOVES: Mapping[State, _Moves] = {
    State.IDLE: {
        Input.FIRST_SENT: State.CALLING,
        Input.FIRST_OFFER: State.CALLED,
        Input.FIRST_BARE: State.ASKED,
    },
    State.CALLING: {
        **_OURS_IS_OPEN,
        Input.BARE_UPDATE: _PENDING,
        Input.EARLY_ANSWER: State.CALLING_EARLY,
        Input.ACCEPTED: State.STABLE,
    },
    State.CALLING_EARLY: {Input.INVITE: _PENDING, Input.ACCEPTED: State.STABLE},
    State.CALLED: {**_BEFORE_OURS, Input.PRACK: State.CALLED_EARLY, Input.ACCEPT: State.ANSWERED},
    State.ASKED: {
        **_BEFORE_OURS,
        Input.EARLY_OFFER: State.EARLY_OFFER,
        Input.ACCEPT: State.ANSWERED,
        Input.ACCEPT_WITH_OFFER: State.LATE_OFFER,
    },
    State.EARLY_OFFER: {**_BEFORE_OURS, Input.PRACK: State.CALLED_EARLY, Input.ACCEPT: State.ANSWERED},
    State.CALLED_EARLY: {Input.INVITE: _TOO_EARLY, Input.ACCEPT: State.ANSWERED},
    State.STABLE: {
        Input.INVITE: State.REMOTE_OFFER,
        Input.OFFER: State.LOCAL_OFFER,
        Input.REPEAT: State.REFRESH,
    },
    State.LOCAL_OFFER: {**_OUR_REINVITE, Input.CROSSED: State.GLARE},
    State.REFRESH: _OUR_REINVITE,
    State.REMOTE_OFFER: {
        Input.INVITE: _BUSY,
        Input.UPDATE: _BUSY,
        Input.ACCEPT: State.ANSWERED,
        Input.ACCEPT_WITH_OFFER: State.LATE_OFFER,
        Input.REFUSE: REST,
        Input.CANCEL: REST,
    },
    State.ANSWERED: {Input.INVITE: State.REMOTE_OFFER, Input.ACK: REST},
    State.LATE_OFFER: {**_OURS_IS_OPEN, Input.ACK: REST},
    State.GLARE: {Input.INVITE: State.REMOTE_OFFER, Input.TIMER: REST},
    State.OVER: {},
}

TABLE: Mapping[State, _Moves] = {
    state: {each: State.OVER if each is Input.END else moves.get(each, state) for each in Input}
    for state, moves in _MOVES.items()
}
"""Each input in each state.  What has no meaning there changes nothing."""


def waitAfterGlare(isCaller: bool) -> float:
    """
    Seconds until an offer that has crossed one of the far end's is made again (RFC 3261 section 14.1).

    @param isCaller: have we made the Call-ID?  Then the far end comes first.
    """
    return (210 + randbelow(191)) / 100 if isCaller else randbelow(201) / 100


class OfferAnswer:
    """
    @ivar state: which offer is open.
    """

    def __init__(self) -> None:
        self.state = State.IDLE

    def refusal(self, input: Input) -> Refusal | None:
        """Why an offer that comes by C{input} cannot be taken now; C{None} if it can."""
        outcome = TABLE[self.state][input]
        return outcome if isinstance(outcome, Refusal) else None

    def take(self, input: Input, rest: State = State.STABLE) -> State:
        """
        It has happened.

        @param rest: what L{REST} is now.
        @return: the state in which it did; the new one is L{state}.
        """
        before = self.state
        outcome = TABLE[before][input]
        if outcome is REST:
            self.state = rest
        elif isinstance(outcome, State):
            self.state = outcome
        return before
