# -*- test-case-name: ichatgw.test.sip.transaction.test_tables,ichatgw.test.sip.test_admission -*-
"""
What the transaction layer keeps, each table with its bound, and each look-up at a cost that does not grow with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, MutableMapping
from typing import Any, Protocol

from attrs import define, field
from sippy.SipCallId import SipCallId
from sippy.SipTo import SipTo
from sippy.SipTransactionManager import SipTMRetransmitO, SipTransaction

from ichatgw.net.hosts import literal
from ichatgw.net.networks import sourceOf
from ichatgw.sip.message.sippypatches import Forgiving
from ichatgw.sip.message.sippyshortcuts import TransactionId
from ichatgw.sip.transport.target import Target

MAX_ANSWERS = 20_000
"""How many answers to retransmissions are kept before the older half is let go."""

ANSWER_OCTETS = 8 * 1024 * 1024
"""How many octets they may have before that; there are twice as many at most."""

REQUEST_OCTETS = 16 * 1024 * 1024
"""How many octets requests may take that are not done with; beyond that nothing new is taken."""

OVERHEAD = 256
"""Octets that an answer takes beside its text."""

TRANSACTION = 4096
"""Octets that a server transaction takes beside its request: its timers, what it is known by, what it answers."""

MAX_OF_CALL_ID = 32
"""How many dialogs may have one Call-ID: as many forks of one INVITE may lead here."""


class _Generation(dict[bytes, SipTMRetransmitO]):
    """
    Answers that are let go of together.

    @ivar octets: what they take.
    """

    octets = 0

    def __setitem__(self, checksum: bytes, answer: SipTMRetransmitO) -> None:
        self.octets += _size(answer) - (_size(self[checksum]) if checksum in self else 0)
        super().__setitem__(checksum, answer)

    @property
    def isFull(self) -> bool:
        """Is it time to let go of the older ones?"""
        return len(self) > MAX_ANSWERS or self.octets > ANSWER_OCTETS


class Answers(MutableMapping[bytes, SipTMRetransmitO]):
    """
    What was answered to which message, sippy's, by the checksum of the message.

    @ivar recent: since the last L{age}.
    @ivar older: before that.
    """

    def __init__(self) -> None:
        self.recent = _Generation()
        self.older = _Generation()

    def __setitem__(self, checksum: bytes, answer: SipTMRetransmitO) -> None:
        self.recent[checksum] = answer

    def __getitem__(self, checksum: bytes) -> SipTMRetransmitO:
        return self.recent[checksum] if checksum in self.recent else self.older[checksum]

    def __delitem__(self, checksum: bytes) -> None:
        raise TypeError("answers are let go of by their age")

    def __iter__(self) -> Iterator[bytes]:
        return iter({**self.older, **self.recent})

    def __len__(self) -> int:
        return len(self.older.keys() | self.recent.keys())

    def __contains__(self, checksum: object) -> bool:
        return checksum in self.recent or checksum in self.older

    def seen(self, checksum: bytes) -> SipTMRetransmitO | None:
        """What was answered to that message; C{None} if it has not come before."""
        return self.recent.get(checksum) or self.older.get(checksum)

    def age(self) -> None:
        """Let go of the older ones."""
        self.recent, self.older = _Generation(), self.recent

    def clear(self) -> None:
        """Let go of all."""
        self.recent, self.older = _Generation(), _Generation()


def _size(answer: SipTMRetransmitO) -> int:
    return OVERHEAD + len(answer.data or "")


class Served(Forgiving):
    """
    Server transactions by id.

    @ivar octets: what they take.
    @ivar arriving: how long the message is that is being taken.
    """

    octets = 0
    arriving = 0

    def __setitem__(self, tid: TransactionId, transaction: SipTransaction) -> None:
        self.pop(tid, None)
        if not hasattr(transaction, "octets"):
            # The request, as it came and in its parts.
            transaction.octets = 3 * self.arriving + TRANSACTION
        self.octets += transaction.octets
        super().__setitem__(tid, transaction)

    def pop(self, tid: TransactionId, *default: object) -> Any:
        """As that of a dict."""
        if tid in self:
            self.octets -= self[tid].octets
        return super().pop(tid, *default)

    @property
    def isFull(self) -> bool:
        """Is there no room for another one?"""
        return self.octets > REQUEST_OCTETS


class Asked(Forgiving):
    """
    Client transactions by id; and where the requests went, by their branches.

    @ivar hosts: how many went where.
    """

    def __init__(self) -> None:
        super().__init__()
        self._branches: dict[object, tuple[str, int]] = {}
        self.hosts: Counter[str] = Counter()

    def __setitem__(self, tid: TransactionId, transaction: SipTransaction) -> None:
        if tid not in self:
            target = literal(*transaction.address)
            host = "" if target is None else target.host
            self.hosts[host] += 1
            # A CANCEL has the branch of its INVITE, and goes to the same place.
            self._branches[tid[-1]] = host, self._branches.get(tid[-1], ("", 0))[1] + 1
        super().__setitem__(tid, transaction)

    def pop(self, tid: TransactionId, *default: object) -> Any:
        """As that of a dict."""
        if tid in self:
            host, uses = self._branches.pop(tid[-1])
            if uses > 1:
                self._branches[tid[-1]] = host, uses - 1
            lessen(self.hosts, host)
        return super().pop(tid, *default)

    def hasAsked(self, branch: str, host: str) -> bool:
        """See L{ichatgw.sip.strangers.Ours}."""
        return branch in self._branches and self._branches[branch][0] == host


class KnownRemote(Protocol):
    """Where the far end of a dialog is."""

    first: Target | None

    @property
    def host(self) -> str: ...


class KnownDialog(Protocol):
    """What is to be known of a dialog."""

    lTag: str
    rUri: SipTo
    cId: SipCallId
    owner: Any

    @property
    def remote(self) -> KnownRemote: ...


@define(eq=False)
class Dialogs:
    """
    Those that live, by our tags, which are random.

    @ivar hosts: how many were begun with whom.
    """

    _byTag: dict[str, KnownDialog] = field(factory=dict, init=False)
    _began: dict[str, str] = field(factory=dict, init=False)
    _counts: Counter[str] = field(factory=Counter, init=False)
    hosts: Counter[str] = field(factory=Counter, init=False)

    def add(self, dialog: KnownDialog) -> None:
        """One begins; where its far end is, is known."""
        tag = dialog.lTag
        if tag in self._byTag:
            return
        host = self._began[tag] = dialog.remote.host or (
            "" if dialog.remote.first is None else dialog.remote.first.address.host
        )
        self._byTag[tag] = dialog
        self.hosts[host] += 1
        self._counts[_sourceOf(host)] += 1

    def discard(self, dialog: KnownDialog) -> None:
        """One has ended; it may be unknown."""
        tag = dialog.lTag
        if self._byTag.get(tag) is not dialog:
            return
        del self._byTag[tag]
        host = self._began.pop(tag)
        lessen(self.hosts, host)
        lessen(self._counts, _sourceOf(host))

    def clear(self) -> None:
        """Forget all."""
        for table in (self._byTag, self._began, self.hosts, self._counts):
            table.clear()

    def find(self, tag: str) -> KnownDialog | None:
        """The dialog with that tag of ours; C{None} if there is none."""
        return self._byTag.get(tag)

    def hasDialog(self, tag: str, host: str) -> bool:
        """See L{ichatgw.sip.strangers.Ours}."""
        dialog = self._byTag.get(tag)
        if dialog is None:
            return False
        return host == dialog.remote.host or (
            dialog.remote.first is not None and host == dialog.remote.first.address.host
        )

    def has(self, tag: str, host: str, rest: tuple[str, str | None]) -> bool:
        """
        Is a request of C{host} one of a dialog that lives?

        @param tag: ours.
        @param rest: the Call-ID and the tag of the far end, which C{host} has to know if it is not where that is.
        """
        if self.hasDialog(tag, host):
            return True
        dialog = self._byTag.get(tag)
        if dialog is None or dialog.rUri is None:
            return False
        return (str(dialog.cId), dialog.rUri.getTag()) == rest

    def countOf(self, host: str) -> int:
        """How many were begun with the source that C{host}, an IP literal, belongs to."""
        return self._counts[sourceOf(host)]


def _sourceOf(host: str) -> str:
    return sourceOf(host) if host else ""


def lessen(counts: Counter[str], key: str) -> None:
    """One less; what there is none of is forgotten."""
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
