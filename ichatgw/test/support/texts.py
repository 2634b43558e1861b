# -*- test-case-name: ichatgw.test.test_fakes -*-
"""
Stand-ins for the exchange of texts and its networks; and texts of strangers.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from ichatgw.errors import CallError
from ichatgw.texts.interfaces import Fate, ITextPort, ITexts, NotCarried, Text


@implementer(ITexts)
@define(eq=False)
class FakeTexts:
    """
    Takes texts.

    @ivar taken: those that have arrived.
    @ivar fate: what becomes of each at once; C{None} if the test says it later, by L{answers}.
    @ivar refusal: why each is refused.
    """

    fate: Fate | None = Fate.ACCEPTED
    refusal: CallError | None = None
    taken: list[Text] = field(factory=list, init=False)
    answers: list[Deferred[Fate]] = field(factory=list, init=False)

    def arrived(self, text: Text) -> Deferred[Fate]:
        """See L{ITexts}."""
        self.taken.append(text)
        answer: Deferred[Fate] = Deferred() if self.fate is None else succeed(self.fate)
        self.answers.append(answer)
        if self.refusal is not None:
            answer = Deferred()
            answer.errback(self.refusal)
        return answer


@implementer(ITextPort)
@define(eq=False)
class FakePort:
    """
    Carries texts nowhere.

    @ivar carried: those that it was given.
    @ivar refusal: raised at the next ones.
    @ivar fault: raised at the next ones, too: a fault of ours.
    """

    refusal: NotCarried | None = None
    fault: Exception | None = None
    carried: list[Text] = field(factory=list, init=False)

    def carry(self, text: Text) -> Deferred[Fate]:
        """See L{ITextPort}."""
        for problem in (self.refusal, self.fault):
            if problem is not None:
                raise problem
        self.carried.append(text)
        return succeed(Fate.DELIVERED)


HOSTILE = (
    *"aZ0 .-",
    *"\"\\<>()@;:,?=&%/'[]{}|^`",
    *"\r\n\t\0\x01\x0b\x1b\x7f\x80\x85\x9f",
    *"\u2028\u2029\u202e\u2066\ufeff\ufffd\ufffe\uffff\u00e4\u00df\u0130\u6f22\U0001f600\U0001fffe",
    *"\ud800\udfff\udc80",
    "\r\nVia: SIP/2.0/UDP evil",
    '" <sip:evil@evil>;tag=1\r\n',
    "\r\n\r\nbody",
    "%0d%0a",
    "&#0;",
    "]]>",
    "</body></message>",
    "<!--",
)
"""What XML forbids, what ends a line, a quotation, an address or a header, and what looks harmless."""


def hostileTexts(seed: int, count: int) -> Iterator[str]:
    """Each piece alone, then so many mixtures, some of them long."""
    yield from HOSTILE
    chance = Random(seed)
    for _ in range(count):
        length = chance.choice((2, 5, 12, 80, 700))
        yield "".join(chance.choices(HOSTILE, k=length))
