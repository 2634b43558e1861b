# -*- test-case-name: ichatgw.test.sip.transaction.test_tables,ichatgw.test.sip.test_admission -*-
"""
What the transaction layer knows of messages, dialogs and requests of ours, without asking sippy to read anything.
"""

from __future__ import annotations

from hashlib import md5

import ichatgw.sip.message.sippypatches  # noqa: F401

# isort: split
from attrs import define, field, frozen
from sippy.SipTransactionManager import SipTransactionConsumer

from ichatgw.sip.message.gate import Admitted
from ichatgw.sip.message.stateless import parameterOf, tagOf
from ichatgw.sip.transaction.forks import Forks
from ichatgw.sip.transaction.tables import MAX_OF_CALL_ID, Answers, Asked, Dialogs, Served


@frozen
class Marks:
    """What tells a message to which dialog and transaction it belongs."""

    callId: str
    fromTag: str | None
    toTag: str | None
    number: int
    method: str
    branch: str | None

    @classmethod
    def of(cls, message: Admitted) -> Marks:
        """Those of a message that the gate has let through; of several Vias, the top one counts."""
        first = dict(reversed(message.headers))
        return cls(
            first["Call-ID"],
            tagOf(first["From"]),
            tagOf(first["To"]),
            int(first["CSeq"].partition(" ")[0]),
            message.method,
            parameterOf(first["Via"], "branch"),
        )


@define(eq=False)
class Known:
    """
    The tables of the transaction layer, and what they tell of a message.

    @ivar dialogs: those that live.
    @ivar asked: client transactions.
    @ivar served: server transactions.
    @ivar answers: to messages of the last minute.
    @ivar forks: INVITEs of ours that were accepted a moment ago.
    @ivar consumers: dialogs by Call-ID, as sippy asks them which one a request is for.
    """

    dialogs: Dialogs = field(factory=Dialogs, init=False)
    asked: Asked = field(factory=Asked, init=False)
    served: Served = field(factory=Served, init=False)
    answers: Answers = field(factory=Answers, init=False)
    forks: Forks = field(factory=Forks, init=False)
    consumers: dict[str, list[SipTransactionConsumer]] = field(factory=dict, init=False)

    def hasArrived(self, callId: str, mark: tuple[object, ...]) -> bool:
        """
        Is there a dialog that began with the same INVITE (RFC 3261 section 8.2.2.2)?  One that was refused is none.

        @param mark: see L{ichatgw.sip.dialog.dialog.Dialog.mark}.
        """
        return any(consumer.cobj.mark == mark and not consumer.cobj.over for consumer in self.consumers.get(callId, ()))

    def isCrowded(self, callId: str) -> bool:
        """Has C{callId} as many dialogs as it may?"""
        return len(self.consumers.get(callId, ())) >= MAX_OF_CALL_ID

    def isWithin(self, marks: Marks, text: str, host: str) -> bool:
        """
        Does a request belong to a dialog or transaction that there is?

        From where the far end of a dialog is, our tag is enough; a phone whose address has changed has to name all of
        the dialog.

        @param text: the request, as the gate gives it.
        @param host: where it came from, an IP literal.
        """
        if marks.toTag is not None and self.dialogs.has(marks.toTag, host, (marks.callId, marks.fromTag)):
            return True
        last = marks.toTag if marks.method == "ACK" else marks.branch
        if (marks.callId, marks.fromTag, marks.number, last) in self.served:
            return True
        return self.answers.seen(checksumOf(text)) is not None

    def awaits(self, marks: Marks) -> bool:
        """Does a response belong to a request of ours?"""
        tid = (marks.callId, marks.fromTag, marks.number, marks.method, marks.branch)
        return tid in self.asked or self.forks.knows(tid)

    def knows(self, host: str) -> bool:
        """See L{ichatgw.sip.strangers.Ours}."""
        return host in self.dialogs.hosts or host in self.asked.hosts

    def hasDialog(self, tag: str, host: str) -> bool:
        """See L{ichatgw.sip.strangers.Ours}."""
        return self.dialogs.hasDialog(tag, host)

    def hasAsked(self, branch: str, host: str) -> bool:
        """See L{ichatgw.sip.strangers.Ours}."""
        return self.asked.hasAsked(branch, host)

    def rotate(self) -> None:
        """Half a minute has gone by: what is older than that twice will not be asked for again."""
        self.answers.age()
        self.forks.rotate()

    def clear(self) -> None:
        """Forget all but the transactions, which have timers."""
        self.answers.clear()
        self.forks.clear()
        self.consumers.clear()
        self.dialogs.clear()


def checksumOf(text: str) -> bytes:
    """By which a message is known that comes again."""
    return md5(text.encode("utf-8", "replace"), usedforsecurity=False).digest()
