# -*- test-case-name: ichatgw.test.test_xmpp_parser -*-
# mypy: allow-untyped-calls
"""
Reads the stanzas of a stream, and passes over those that are out of all proportion.

The server vouches for the frame of the stream, but what is inside a stanza comes from anybody.  So a stanza that is too
deep, too large or too rich in attributes is skipped to its end, at little cost, and the stream goes on: otherwise any
user could cut the link of all.  What only the server itself can do wrong (a document type, a start tag without an end)
ends the stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.words.xish.domish import Element, ExpatElementStream, ParserError

MOST_DEPTH = 50  # of elements in each other
MOST_ATTRIBUTES = 100  # of one element
MOST_ELEMENTS = 1000  # of one stanza
MOST_BYTES = 64 * 1024  # of one stanza


class StanzaParser(ExpatElementStream):
    """
    Twisted's parser with tighter limits.

    @ivar skipped: called with the outermost element of a stanza that was passed over (its children are gone) and with
        what was wrong.
    @cvar maxStanzaSize: what one start tag (or the like) may hold before the stream is given up, for it must be
        buffered to its end.  Above what servers let through by default (Prosody 512 KiB, ejabberd 128 KiB).
    """

    maxStanzaSize = 1024 * 1024

    def __init__(self, skipped: Callable[[Element, str], object]) -> None:
        super().__init__()
        self.skipped = skipped
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuseDoctype
        self._depth = 0
        self._start = 0
        self._elements = 0
        self._namespaces = 0
        self._outermost: Element | None = None
        self._fault = ""

    def _refuseDoctype(self, *args: object) -> None:
        raise ParserError("a document type is not allowed (RFC 6120 section 11.1)")

    def _onStartElement(self, name: str, attrs: dict[Any, str]) -> None:
        count, self._namespaces = self._namespaces + len(attrs), 0
        if self.documentStarted:
            self._depth += 1
            if self._depth == 1:
                self._beginStanza()
            self._elements += 1
            self._check(count, sum(map(len, attrs.values())))
            if self._fault:
                self._keepOutermost(name, attrs)
                return
        super()._onStartElement(name, attrs)
        if self._depth == 1:
            self._outermost = self.currElem

    def _onCdata(self, data: str) -> None:
        self._check()
        if not self._fault:
            super()._onCdata(data)

    def _onStartNamespace(self, prefix: str | None, uri: str) -> None:
        # Expat announces a namespace before the element that declares it.
        self._namespaces += 1
        super()._onStartNamespace(prefix, uri)

    def _onEndElement(self, name: str) -> None:
        if self._depth:
            self._depth -= 1
            self._check()
        if not self._fault:
            if self._depth == 0:
                self._outermost = None
            super()._onEndElement(name)
        elif self._depth == 0:
            self._endSkipped()

    def _beginStanza(self) -> None:
        self._start = self.parser.CurrentByteIndex
        self._elements = 0

    def _keepOutermost(self, name: str, attrs: dict[Any, str]) -> None:
        """The fault may lie in the start tag of the stanza itself; make an element that can be named in the log."""
        self.localPrefixes = {}
        if self._depth == 1:
            self._outermost = Element((None, name.rpartition(" ")[2]))
            for key in ("from", "to", "type", "id"):
                if key in attrs:
                    self._outermost[key] = attrs[key][:3072]

    def _check(self, attributes: int = 0, pending: int = 0) -> None:
        """
        Find the fault of the stanza that is being read, if it has one by now, and let go of what it holds.

        @param attributes: how many there are in the start tag at hand, with its namespaces.
        @param pending: the size of the token at hand, which the position does not include yet.
        """
        if self._fault:
            self.stanzaSize = 0  # nothing is kept any more but the token at hand
            return
        if self._outermost is None and self._depth == 0:
            return
        if self._depth > MOST_DEPTH:
            self._fault = "too deep"
        elif attributes > MOST_ATTRIBUTES:
            self._fault = "too many attributes"
        elif self._elements > MOST_ELEMENTS:
            self._fault = "too many elements"
        elif self.parser.CurrentByteIndex - self._start + pending > MOST_BYTES:
            self._fault = "too large"
        if self._fault and self._outermost is not None:
            self._outermost.children = []

    def _endSkipped(self) -> None:
        outermost, self._outermost = self._outermost, None
        fault, self._fault = self._fault, ""
        self.currElem = None
        self.elementCount = self.stanzaSize = 0
        if outermost is not None:
            self.skipped(outermost, fault)
