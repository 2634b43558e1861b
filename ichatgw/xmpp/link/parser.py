# -*- test-case-name: ichatgw.test.xmpp.link.test_parser,ichatgw.test.xmpp.link.test_stream -*-
# mypy: allow-untyped-calls
"""
Reads the stanzas of a stream, and skips those that are beyond its limits.

The server vouches for the frame of the stream, but what is inside a stanza comes from any sender.  So a stanza that is
too deep, too large or too rich in attributes is skipped to its end, at little cost, and the stream goes on: otherwise
any user could cut the link of all.  What only the server itself can do wrong (a document type, a start tag without an
end) ends the stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.words.xish.domish import Element, ExpatElementStream, ParserError

MAX_DEPTH = 50  # of elements in each other
MAX_ATTRIBUTES = 100  # of one element
MAX_ELEMENTS = 500  # of one stanza
MAX_BYTES = 64 * 1024  # of one stanza
WEIGHT_OF_ELEMENT = 1000  # octets that one takes, beside its text


def _passOver(*declaration: str | None) -> None:
    """A namespace in what is skipped."""


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
        self._namespaceDepth = 0
        self._head = Element((None, ""))
        self._fault = ""
        self._held = b""
        # Newer expats put off a token that came in pieces until much more has come; no stanza shall wait for the next.
        defer = getattr(self.parser, "SetReparseDeferralEnabled", None)
        self._holds = defer is None
        if defer is not None:
            defer(False)

    @property
    def weight(self) -> int:
        """Octets that the stanza takes which has just ended."""
        return int(self.parser.CurrentByteIndex) - self._start + WEIGHT_OF_ELEMENT * self._elements

    def parse(self, buffer: bytes) -> None:
        """
        Take what came from the server.

        Where expat cannot be told not to put off a tag that comes in pieces, it gets no pieces: a tag without its end
        is held back.
        """
        if self._holds:
            begin, end = buffer.rfind(b"<"), buffer.rfind(b">")
            if self._held and end < 0 and len(self._held) + len(buffer) <= self.maxStanzaSize:
                self._held += buffer
                return
            buffer, self._held = self._held + buffer, b""
            if begin > end:
                cut = buffer.rfind(b"<")
                buffer, self._held = buffer[:cut], buffer[cut:]
        super().parse(buffer)

    def _refuseDoctype(self, *args: object) -> None:
        raise ParserError("a document type is not allowed (RFC 6120 section 11.1)")

    # What expat calls

    def _onStartElement(self, name: str, attrs: dict[Any, str]) -> None:
        count, self._namespaces = self._namespaces + len(attrs), 0
        if self.documentStarted:
            self._depth += 1
            self._elements += 1
            if self._depth == 1:
                self._beginStanza(name, attrs)
            if self._isFaulty(count, sum(map(len, attrs.values()))):
                return
        super()._onStartElement(name, attrs)

    def _onCdata(self, data: str) -> None:
        if self._fault:
            self.stanzaSize = 0
        elif not self._isFaulty():
            super()._onCdata(data)

    def _onStartNamespace(self, prefix: str | None, uri: str) -> None:
        # Expat announces a namespace before the element that declares it.
        self._namespaces += 1
        super()._onStartNamespace(prefix, uri)

    def _onEndElement(self, name: str) -> None:
        if self._depth:
            if self._isFaulty():
                self._skipEnd(name)
                return
            self._depth -= 1
        super()._onEndElement(name)

    # Limits

    def _beginStanza(self, name: str, attrs: dict[Any, str]) -> None:
        self._start = self.parser.CurrentByteIndex
        self._elements = 1
        self._namespaceDepth = len(self.defaultNsStack)
        # Only this much of it is needed if it is skipped.
        namespace, _, local = name.rpartition(" ")
        self._head = Element((namespace, local))
        for key in ("from", "to", "type", "id"):
            if key in attrs:
                self._head[key] = attrs[key]

    def _isFaulty(self, attributes: int = 0, pending: int = 0) -> bool:
        """
        Is the stanza at hand out of proportion?  Then it is skipped from here on.

        @param attributes: how many there are in the start tag at hand, with its namespaces.
        @param pending: the size of the token at hand, which the position does not include yet.
        """
        if not self._depth:
            return False
        if self._depth > MAX_DEPTH:
            self._fault = "too deep"
        elif attributes > MAX_ATTRIBUTES:
            self._fault = "too many attributes"
        elif self._elements > MAX_ELEMENTS:
            self._fault = "too many elements"
        elif self.parser.CurrentByteIndex - self._start + pending > MAX_BYTES:
            self._fault = "too large"
        else:
            return False
        self._beginSkipping()
        return True

    # Skipping: only the depth is followed, as fast as can be

    def _beginSkipping(self) -> None:
        # Not so the handler of text: to change that would make expat hand over what it has, here and now.
        self.currElem = None
        parser = self.parser
        parser.StartElementHandler = self._skipStart
        parser.EndElementHandler = self._skipEnd
        # These are passed over, and not taken away: if it is text that is too much, expat is about to call one of them.
        parser.StartNamespaceDeclHandler = parser.EndNamespaceDeclHandler = _passOver

    def _skipStart(self, name: str, attrs: dict[Any, str]) -> None:
        self._depth += 1
        self.stanzaSize = 0  # nothing is kept any more but the token at hand

    def _skipEnd(self, name: str) -> None:
        self._depth -= 1
        if not self._depth:
            self._endSkipping()

    def _endSkipping(self) -> None:
        """The stanza is over.  Expat will still take back the namespaces that its own start tag declared."""
        parser = self.parser
        parser.StartElementHandler = self._onStartElement
        parser.EndElementHandler = self._onEndElement
        parser.StartNamespaceDeclHandler = self._onStartNamespace
        parser.EndNamespaceDeclHandler = self._onEndNamespace
        del self.defaultNsStack[self._namespaceDepth :]
        self.localPrefixes = {}
        self._namespaces = self.elementCount = self.stanzaSize = 0
        fault, self._fault = self._fault, ""
        self.skipped(self._head, fault)
