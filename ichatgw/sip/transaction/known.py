# -*- test-case-name: ichatgw.test.sip.transaction.test_tables,ichatgw.test.sip.test_admission -*-
"""
What the transaction layer knows of messages, dialogs and requests of ours, without asking sippy to read anything.
"""

from __future__ import annotations

from hashlib import md5

import ichatgw.sip.message.sippypatches  # noqa: F401

# isort: split
from attrs import frozen
from sippy.SipTransactionManager import SipTMRetransmitO, SipTransactionManager

from ichatgw.sip.message.gate import Admitted
from ichatgw.sip.message.stateless import parameterOf, tagOf
from ichatgw.sip.transaction.forks import Forks
from ichatgw.sip.transaction.tables import MAX_OF_CALL_ID, Answers, Asked, Dialogs, KnownDialog, Served


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


class Known(SipTransactionManager):
    """
    The part of L{ichatgw.sip.transaction.layer.Transactions} that knows.

    @ivar dialogs: those that live.
    """

    dialogs: Dialogs
    tclient: Asked
    tserver: Served
    l1rcache: Answers
    l2rcache: Answers
    _forks: Forks

    def rotateCache(self) -> None:
        """Half a minute has gone by."""
        raise NotImplementedError

    def hasArrived(self, callId: str, mark: tuple[object, ...]) -> bool:
        """
        Is there a dialog that began with the same INVITE (RFC 3261 section 8.2.2.2)?  One that was refused is none.

        @param mark: see L{ichatgw.sip.dialog.core.DialogCore.mark}.
        """
        return any(
            consumer.cobj.mark == mark and not consumer.cobj.over for consumer in self.req_consumers.get(callId, ())
        )

    def isCrowded(self, callId: str) -> bool:
        """Has C{callId} as many dialogs as it may?"""
        return len(self.req_consumers.get(callId, ())) >= MAX_OF_CALL_ID

    @property
    def isFull(self) -> bool:
        """Do the requests that are not done with take as much memory as they may?"""
        return self.tserver.isFull

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
        if (marks.callId, marks.fromTag, marks.number, last) in self.tserver:
            return True
        return self.seen(checksumOf(text)) is not None

    def awaits(self, marks: Marks) -> bool:
        """Does a response belong to a request of ours?"""
        tid = (marks.callId, marks.fromTag, marks.number, marks.method, marks.branch)
        return tid in self.tclient or self._forks.knows(tid)

    def knows(self, host: str) -> bool:
        """See L{ichatgw.sip.strangers.Ours}."""
        return host in self.dialogs.hosts or host in self.tclient.hosts

    def hasDialog(self, tag: str, host: str) -> bool:
        """See L{ichatgw.sip.strangers.Ours}."""
        return self.dialogs.hasDialog(tag, host)

    def hasAsked(self, branch: str, host: str) -> bool:
        """See L{ichatgw.sip.strangers.Ours}."""
        return self.tclient.hasAsked(branch, host)

    def regConsumer(self, consumer: KnownDialog, call_id: str, compact: bool = False) -> None:
        """A dialog begins."""
        super().regConsumer(consumer, call_id, compact)
        self.dialogs.add(consumer)

    def unregConsumer(self, consumer: KnownDialog, call_id: str) -> None:
        """A dialog is over.  After a shutdown it may be unknown here."""
        if call_id in self.req_consumers:
            super().unregConsumer(consumer, call_id)
            self.dialogs.discard(consumer)

    def rCachePurge(self) -> None:
        """sippy's timer: what was answered longer than 32 s ago will not be asked again."""
        self.ageAnswers()
        self.rotateCache()

    def ageAnswers(self) -> None:
        """Let go of the older half."""
        self.l1rcache, self.l2rcache = Answers(), self.l1rcache

    def seen(self, checksum: bytes) -> SipTMRetransmitO | None:
        """What was answered to that message; C{None} if it was not."""
        return self.l1rcache.get(checksum) or self.l2rcache.get(checksum)


def checksumOf(text: str) -> bytes:
    """By which a message is known that comes again."""
    return md5(text.encode("utf-8", "replace"), usedforsecurity=False).digest()
