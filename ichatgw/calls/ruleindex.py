# -*- test-case-name: ichatgw.test.calls.test_ruleindex,ichatgw.test.calls.test_dialplan -*-
"""
Which translation rules may match an address, found without trying them all.

A pattern that begins with text (C{^sips?:72@}) matches only where that text stands.  So rules are kept by the texts
that they can begin with, or by those that follow the first run of anything (C{^sip:(.*)@example}), and an address is
looked up in them.  Rules of which no such text is known are tried for each address, as they always were.

Whatever is not understood of a pattern ends its text there; too short a text costs time, but changes nothing.  A rule
that is left out is one that PCRE2 would give up at once, or after it has tried each end of the run: it neither matches
nor exceeds its limits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from attrs import define, evolve, field, frozen

START = "\0"
"""Stands for the start of the address, in the texts that patterns begin with."""

MAX_TEXTS = 64
"""Texts that one pattern may begin with; before there are more they are cut."""

MAX_WAYS = 64
"""
Ways through a pattern to its texts.  PCRE2 tries them all before it says no, and has to say so within its limits.
"""

MAX_RUN_WAYS = 4
"""The same if there is a run between, each end of which is a way by itself."""

MAX_RUN = 128
"""Characters of an address up to which a run is known to come to an end within the limits."""

_HEAD = 3
"""Characters by which texts are found; a rule with a shorter one is tried for each address."""

_TOKEN = re.compile(
    r"""
    (?P<escape>\\.)
    |(?P<class>\[\^?\]?(?:\\.|[^\]\\])*\])
    |(?P<plain>\((?:\?(?:[:|>]|P?<[A-Za-z_]\w*>|'\w+')|(?!\?)))
    |(?P<look>\(\?<?[=!])
    |(?P<odd>\(\?[^x()]*?:)
    |(?P<flags>\(\?[^imx():]*\))
    |(?P<times>(?:[?*+]|\{[0-9,\ ]*\})[?+]?)
    |(?P<close>\))|(?P<bar>\|)|(?P<start>\^)|(?P<any>[.$])
    |(?P<text>[^()\[{])
    """,
    re.VERBOSE | re.DOTALL,
)
_BEYOND_US = re.compile(r"\\[QEGNc]|\(\*|\(\?[#(+]|\[[:.=]|\(\?\[")
"""Quoting, verbs, comments, conditions, classes by name: what would be read wrongly, and is rare."""

_RUN = re.compile(
    r"""
    (?P<open>\((?:\?:|\?P?<[A-Za-z_]\w*>)?)?(?:\.|\\[dDwWsS]|\[\^?\]?(?:\\.|[^\]\\])*\])(?:[*+]|\{[0-9]+,\})[?+]?(?(open)\))(?![?*+{])
    """,
    re.VERBOSE,
)
"""Any number of characters of one kind, perhaps in brackets."""

_OPTIONS = re.compile(r"(\^?)\(\?([is]+)\)")
_MEMBERS = re.compile(r"\[((?:[0-9]-[0-9]|[a-z]-[a-z]|[A-Z]-[A-Z]|\\d|\\[^A-Za-z0-9]|[A-Za-z0-9+*\#@:.])+)\]", re.ASCII)
_MEMBER = re.compile(r"(.)-(.)|\\(.)|(.)")
_EXACTLY = re.compile(r"\{([1-9][0-9]?)\}")
_AT_LEAST_ONCE = re.compile(r"\+|\{[1-9]")
_DIGITS = frozenset("0123456789")
_NOTHING = frozenset({""})


@frozen
class _Texts:
    """
    What a part of a pattern begins with: one of these.

    @ivar whole: all that the part matches; what follows the part follows these.
    @ivar cut: only how it begins.
    @ivar ways: in how many ways they come about.
    """

    whole: frozenset[str] = _NOTHING
    cut: frozenset[str] = frozenset()
    ways: int = 1

    @property
    def all(self) -> frozenset[str]:
        """The texts of both kinds."""
        return self.whole | self.cut

    def then(self, other: _Texts) -> _Texts:
        """This, and after it the other."""
        ways = self.ways * other.ways
        if len(self.whole) * (len(other.whole) + len(other.cut)) + len(self.cut) > MAX_TEXTS or ways > MAX_WAYS:
            return self.ended()
        return _Texts(_joined(self.whole, other.whole), self.cut | _joined(self.whole, other.cut), ways)

    def orElse(self, other: _Texts) -> _Texts:
        """Either of the two."""
        return _Texts(self.whole | other.whole, self.cut | other.cut, self.ways + other.ways)

    def ended(self) -> _Texts:
        """This, and after it anything."""
        return evolve(self, whole=frozenset(), cut=self.whole | self.cut)

    def times(self, quantifier: str) -> _Texts:
        """This as often as a quantifier says."""
        exactly = _EXACTLY.match(quantifier)
        if exactly:
            repeated = _Texts()
            for _ in range(int(exactly[1])):
                repeated = repeated.then(self)
            return repeated
        if quantifier.startswith("?"):
            return evolve(self, whole=self.whole | _NOTHING, ways=self.ways + 1)
        return self.ended() if _AT_LEAST_ONCE.match(quantifier) else _ANYTHING


_ANYTHING = _Texts(frozenset(), _NOTHING)


def _joined(firsts: frozenset[str], seconds: frozenset[str]) -> frozenset[str]:
    """Each with each; to be at the start twice is to be there."""
    return frozenset(
        first + (second[1:] if first.endswith(START) and second.startswith(START) else second)
        for first, second in product(firsts, seconds)
    )


class _Unreadable(Exception):
    """A pattern that cannot be indexed."""


class _Reader:
    """Reads what a pattern can begin with."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0
        self._looksForRun = False
        self._beforeRun: _Texts | None = None

    def read(self) -> tuple[frozenset[str], frozenset[str]]:
        """
        @return: the texts that it begins with, and those behind its first run.
        @raise _Unreadable: if the pattern cannot be indexed.
        """
        if _BEYOND_US.search(self._pattern):
            raise _Unreadable
        self._looksForRun = True
        texts = self._sequence()
        if self._at < len(self._pattern):  # alternatives: there is no run that all have in common
            self._at, self._looksForRun, self._beforeRun = 0, False, None
            texts = self._alternatives()
        if self._at < len(self._pattern):
            raise _Unreadable
        before = self._beforeRun
        if before is None:
            return texts.all, _NOTHING
        return before.all, texts.all if before.ways * texts.ways <= MAX_RUN_WAYS else _NOTHING

    def _peek(self) -> re.Match[str] | None:
        if self._at == len(self._pattern):
            return None
        token = _TOKEN.match(self._pattern, self._at)
        if token is None:
            raise _Unreadable
        return token

    def _alternatives(self) -> _Texts:
        """To the end of the pattern, or of the brackets."""
        texts = self._sequence()
        while (token := self._peek()) is not None and token.lastgroup == "bar":
            self._at = token.end()
            texts = texts.orElse(self._sequence())
        return texts

    def _sequence(self) -> _Texts:
        texts = _Texts()
        while (token := self._peek()) is not None and token.lastgroup not in ("bar", "close"):
            run = _RUN.match(self._pattern, self._at) if self._maySplit(texts) else None
            if run is not None:
                self._at = run.end()
                self._beforeRun, texts = texts, _Texts()
                continue
            self._at = token.end()
            element = self._element(token)
            while (following := self._peek()) is not None and following.lastgroup == "times":
                self._at = following.end()
                element = element.times(following[0])
            texts = texts.then(element)
        return texts

    def _maySplit(self, texts: _Texts) -> bool:
        """Would a run be the first, and be reached after any of these texts?"""
        return self._looksForRun and not self._depth and self._beforeRun is None and not texts.cut

    def _element(self, token: re.Match[str]) -> _Texts:
        kind, text = token.lastgroup, token[0]
        if kind in ("plain", "look", "odd"):
            return self._inBrackets(kind)
        if kind == "text":
            return _Texts(frozenset({text}))
        if kind == "start" or text == r"\A":
            return _Texts(frozenset({START}))
        if kind == "class":
            return _oneOf(text)
        if kind == "escape" and (text == r"\d" or not (text[1].isalnum() and text[1].isascii())):
            return _Texts(_DIGITS if text == r"\d" else frozenset({text[1]}))
        return _ANYTHING

    def _inBrackets(self, kind: str) -> _Texts:
        begins = self._at
        self._depth += 1
        texts = self._alternatives()
        self._depth -= 1
        close = self._peek()
        if close is None or close.lastgroup != "close":
            raise _Unreadable
        inside = self._pattern[begins : self._at]
        self._at = close.end()
        if kind == "look" and not re.search(r"[()*+?{]", inside):
            return _Texts()  # what looks ahead for plain text comes to an end at once, and takes nothing
        return texts if kind == "plain" and texts.ways <= MAX_WAYS else _ANYTHING


def _oneOf(text: str) -> _Texts:
    """The members of a class of characters, if they are few."""
    simple = _MEMBERS.fullmatch(text)
    if simple is None:
        return _ANYTHING
    members: set[str] = set()
    for first, last, escaped, single in _MEMBER.findall(simple[1]):
        if escaped == "d":
            members |= _DIGITS
        else:
            begin = first or escaped or single
            members |= set(map(chr, range(ord(begin), ord(last or begin) + 1)))
    return _Texts(frozenset(members))


@frozen
class Beginnings:
    """
    What an address holds wherever a pattern matches it.

    @ivar texts: with which of these it begins, with L{START} for the start of the address.  An empty one says that
        nothing is known.
    @ivar behind: which of these stands behind the first run.
    @ivar foldsCase: whether their case does not matter: then they are in lower case.
    """

    texts: frozenset[str] = _NOTHING
    behind: frozenset[str] = _NOTHING
    foldsCase: bool = False


def beginnings(pattern: str) -> Beginnings:
    """What is known of C{pattern}, which is one of PCRE2."""
    options = _OPTIONS.match(pattern)
    foldsCase = options is not None and "i" in options[2]
    if options is not None:
        pattern = options[1] + pattern[options.end() :]
    try:
        texts, behind = _Reader(pattern).read()
    except (_Unreadable, RecursionError):
        return Beginnings()
    return Beginnings(_lower(texts), _lower(behind), True) if foldsCase else Beginnings(texts, behind)


def _lower(texts: frozenset[str]) -> frozenset[str]:
    """In lower case; none if case is not as simple as in ASCII."""
    return frozenset(text.lower() for text in texts) if all(map(str.isascii, texts)) else _NOTHING


@define(eq=False)
class _ByText:
    """
    Rules by the texts that they begin with.

    @ivar isEverywhere: whether some may stand elsewhere than at the start.
    """

    _rules: dict[str, list[int]] = field(factory=dict, init=False)
    _lengths: dict[str, list[int]] = field(factory=dict, init=False)
    isEverywhere: bool = field(default=False, init=False)

    def add(self, text: str, rule: int) -> None:
        """Keep a rule by a text of at least L{_HEAD} characters."""
        self._rules.setdefault(text, []).append(rule)
        lengths = self._lengths.setdefault(text[:_HEAD], [])
        if len(text) not in lengths:
            lengths.append(len(text))
        self.isEverywhere = self.isEverywhere or not text.startswith(START)

    def crowd(self, texts: Iterable[str]) -> int:
        """How many rules there are already for one of these."""
        return max(len(self._rules.get(text, ())) for text in texts)

    def find(self, address: str) -> Iterator[int]:
        """The rules whose texts stand in C{address}, which begins with L{START}; in any order, perhaps repeatedly."""
        for at in range(max(len(address) - _HEAD + 1, 0) if self.isEverywhere else 1):
            for length in self._lengths.get(address[at : at + _HEAD], ()):
                yield from self._rules.get(address[at : at + length], ())


@define(eq=False)
class RuleIndex:
    """Finds the rules that may match an address."""

    _unknown: list[int] = field(factory=list, init=False)
    _folding: list[int] = field(factory=list, init=False)
    _running: list[int] = field(factory=list, init=False)
    _exact: _ByText = field(factory=_ByText, init=False)
    _folded: _ByText = field(factory=_ByText, init=False)

    def add(self, rule: int, pattern: str) -> None:
        """
        Add a rule, by those of its texts that fewer others have.

        @param rule: its number, higher than those before.
        """
        known = beginnings(pattern)
        byText = self._folded if known.foldsCase else self._exact
        choices = [texts for texts in (known.texts, known.behind) if min(map(len, texts)) >= _HEAD]
        if not choices:
            self._unknown.append(rule)
            return
        chosen = min(choices, key=byText.crowd)
        if known.foldsCase:
            self._folding.append(rule)
        if chosen is known.behind:
            self._running.append(rule)
        for text in chosen:
            byText.add(text, rule)

    def candidates(self, address: str) -> Sequence[int]:
        """The rules that may match C{address}, in order, by their numbers; no other one does."""
        marked = START + address
        found = set(self._exact.find(marked))
        found.update(self._caseless(marked))
        if len(address) > MAX_RUN:
            found.update(self._running)
        if not found:
            return self._unknown
        found.update(self._unknown)
        return sorted(found)

    def _caseless(self, marked: str) -> Iterable[int]:
        """Letters beyond ASCII may be the same as some of ASCII but for case (the Kelvin sign): then all may match."""
        if not self._folding:
            return ()
        return self._folded.find(marked.lower()) if marked.isascii() else self._folding
