# -*- test-case-name: ichatgw.test.jingle.test_farewells -*-
"""
Ends sessions and proposals of a process that was killed, from what the journal has of them (see
L{ichatgw.calls.farewell}).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from twisted.words.protocols.jabber.jid import JID
from twisted.words.xish.domish import Element

from ichatgw.jingle.session.reasons import toReason
from ichatgw.jingle.stanzas.jingle import Action, writeJingle
from ichatgw.jingle.stanzas.proposals import CallMessage, Word
from ichatgw.model import Ending, EndReason, Farewell
from ichatgw.xmpp.stanzas import parseJID

TERMINATE = "jingle-terminate"
MESSAGE = "jingle-message"

KILLED = Ending(EndReason.SHUTDOWN, "the gateway had to start again")
CANCELLED = Ending(EndReason.CANCELLED, "the gateway had to start again")
"""What a client is told that rings: there is nothing else that all understand."""

_ids = count(1)


def terminated(us: JID, them: JID, sid: str) -> Farewell:
    """The words for a session."""
    return TERMINATE, us.full(), them.full(), sid


def told(word: Word, us: JID, them: JID, sid: str) -> Farewell:
    """
    The words for a message about a call.

    @param word: C{REJECT}, C{RETRACT} or C{FINISH}.
    """
    return MESSAGE, word.value, us.full(), them.full(), sid


def ways(send: Callable[[Element], object]) -> dict[str, Callable[..., None]]:
    """Who says what, for L{ichatgw.calls.recovery.Epilogue}."""

    def terminate(us: str, them: str, sid: str) -> None:
        reason = toReason(KILLED).toElement()
        iq = writeJingle(parseJID(them), parseJID(us), Action.TERMINATE, sid, reason)
        iq["id"] = f"farewell-{next(_ids)}"
        send(iq)

    def tell(word: str, us: str, them: str, sid: str) -> None:
        said = Word(word)
        reason = toReason(CANCELLED if said is Word.RETRACT else KILLED)
        send(CallMessage(parseJID(them), parseJID(us), said, sid, reason=reason).toElement())

    return {TERMINATE: terminate, MESSAGE: tell}
