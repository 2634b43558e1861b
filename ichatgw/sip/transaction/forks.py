# -*- test-case-name: ichatgw.test.sip.transaction.test_forks,ichatgw.test.sip.transaction.test_layer,ichatgw.test.sip.test_admission -*-  # noqa: E501
"""
One INVITE may reach many phones, and more than one of them may answer (RFC 3261 section 13.2.2.4).  The first is talked
to; each later one is acknowledged, and its dialog ended.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Protocol

from attrs import define, field
from sippy.SipFrom import SipFrom
from sippy.SipHeader import SipHeader
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL
from sippy.UA import UA
from sippy.UacStateTrying import UacStateTrying
from twisted.logger import Logger

_log = Logger()

MAX_ACCEPTED = 20_000
"""As many answered INVITEs are remembered before the older ones are let go."""


class Forked(Protocol):
    """The dialog that an INVITE began."""

    rUri: SipTo
    rTarget: SipURL
    routes: Sequence[SipFrom]
    given: list[SipHeader]

    @property
    def rAddr(self) -> tuple[tuple[str, int], str] | None: ...

    def genRequest(self, method: str) -> SipRequest: ...

    def newTransaction(self, req: SipRequest) -> object: ...

    def flush(self) -> None:
        """Our ACK is out."""

    def fork(self, response: SipResponse) -> Forked:
        """Another dialog that the same INVITE has begun, as C{response} says."""


@define(eq=False)
class _Accepted:
    """
    @ivar tag: of who has accepted.
    @ivar acknowledge: sends the ACK again.
    """

    dialog: Forked
    tag: str | None
    acknowledge: Callable[[], None]


@define(eq=False)
class Forks:
    """
    Remembers which INVITEs were answered by whom, for as long as another phone may answer: 64*T1 at least.
    """

    _recent: dict[Hashable, _Accepted] = field(factory=dict, init=False)
    _older: dict[Hashable, _Accepted] = field(factory=dict, init=False)

    def accepted(self, transaction: Hashable, dialog: Forked, tag: str | None, acknowledge: Callable[[], None]) -> None:
        """The first 2xx has come, and was acknowledged."""
        if len(self._recent) >= MAX_ACCEPTED:
            self.rotate()
        self._recent[transaction] = _Accepted(dialog, tag, acknowledge)

    def knows(self, transaction: Hashable) -> bool:
        """Was that INVITE answered a moment ago?"""
        return transaction in self._recent or transaction in self._older

    def another(self, transaction: Hashable, response: SipResponse) -> Forked | None:
        """
        A response to no transaction that lives.  If it is the first 2xx again, however it is written this time, the ACK
        goes out again (RFC 3261 section 13.2.2.4).

        @return: the dialog that it has begun and that is not wanted; C{None} if it has begun none.
        """
        known = self._recent.get(transaction) or self._older.get(transaction)
        if known is None or not 200 <= response.getSCode()[0] < 300:
            return None
        other = response.getHFBody("to").getTag()
        if other == known.tag:
            known.acknowledge()
            return None
        return None if other is None else known.dialog.fork(response)

    def rotate(self) -> None:
        """Called every 32 s: what is older than that twice is forgotten."""
        self._older, self._recent = self._recent, {}

    def clear(self) -> None:
        """Forget all."""
        self._older, self._recent = {}, {}


def takeRoutes(dialog: UA, response: SipResponse) -> None:
    """Set a dialog's route set and remote target by what C{response} says (RFC 3261 section 12.1.2)."""
    UacStateTrying(dialog).updateRoutes(response)
