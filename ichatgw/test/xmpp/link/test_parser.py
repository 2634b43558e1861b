"""
Tests for L{ichatgw.xmpp.link.parser}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import Element, ParserError

from ichatgw.test.marks import slow
from ichatgw.test.support.streams import HEADER
from ichatgw.xmpp.link.parser import MAX_ATTRIBUTES, MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS, StanzaParser


class StanzaParserTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.elements: list[Element] = []
        self.skipped: list[tuple[str, str | None, str]] = []
        self.ends: list[bool] = []
        self.parser = StanzaParser(self.passOver)
        self.parser.DocumentStartEvent = lambda root: None
        self.parser.ElementEvent = self.elements.append
        self.parser.DocumentEndEvent = lambda: self.ends.append(True)
        self.parser.parse(HEADER.encode())

    def passOver(self, element: Element, fault: str) -> None:
        self.assertEqual(element.children, [])
        self.skipped.append((element.name, element.getAttribute("from"), fault))

    def feed(self, text: str, piece: int = 4096) -> None:
        data = text.encode()
        for start in range(0, len(data), piece):
            self.parser.parse(data[start : start + piece])

    def assertSkipped(self, text: str, fault: str) -> None:
        """It is passed over, in whatever pieces it comes, and its neighbours are not."""
        for piece in (len(text), 1000):
            self.feed("<message id='before'><body>x</body></message>" + text + "<message id='after'/>", piece)
            self.assertEqual([element["id"] for element in self.elements], ["before", "after"])
            self.assertEqual(self.skipped, [("message", "eve@a", fault)])
            del self.elements[:], self.skipped[:]

    def test_depth(self) -> None:
        """As many elements in each other as allowed pass, one more is too deep, and thousands are no worse."""
        self.feed("<message>" + "<a>" * (MAX_DEPTH - 1) + "</a>" * (MAX_DEPTH - 1) + "</message>")
        self.assertEqual(len(self.elements), 1)
        del self.elements[:]
        for depth in (MAX_DEPTH, 5000):
            self.assertSkipped("<message from='eve@a'>" + "<a>" * depth + "</a>" * depth + "</message>", "too deep")

    def test_attributes(self) -> None:
        """An element may have so many attributes, and namespaces count as such."""
        fine = " ".join(f"a{n}='1'" for n in range(MAX_ATTRIBUTES - 1))
        many = " ".join(f"a{n}='1'" for n in range(5000))
        spaces = " ".join(f"xmlns:a{n}='{n}'" for n in range(MAX_ATTRIBUTES + 1))
        self.feed(f"<message><x {fine}/><x {fine}/></message>")
        self.assertEqual(len(self.elements), 1)
        del self.elements[:]
        self.assertSkipped(f"<message from='eve@a' {fine} b='1'><a/>text</message>", "too many attributes")
        self.assertSkipped(f"<message from='eve@a' {many}/>", "too many attributes")
        self.assertSkipped(f"<message from='eve@a'><x {many}/></message>", "too many attributes")
        self.assertSkipped(f"<message from='eve@a'><x {spaces}/></message>", "too many attributes")

    def test_elements(self) -> None:
        """A stanza may have so many elements."""
        self.feed("<message>" + "<a/>" * (MAX_ELEMENTS - 1) + "</message>")
        self.assertEqual(len(self.elements), 1)
        del self.elements[:]
        self.assertSkipped("<message from='eve@a'>" + "<a/>" * MAX_ELEMENTS + "</message>", "too many elements")

    def test_size(self) -> None:
        """A stanza may have so many bytes, be they text, references or one attribute."""
        self.feed("<message><body>" + "x" * (MAX_BYTES - 100) + "</body></message>")
        self.assertEqual(len(self.elements), 1)
        del self.elements[:]
        big = "x" * MAX_BYTES
        self.assertSkipped(f"<message from='eve@a'><body>{big}</body></message>", "too large")
        self.assertSkipped(f"<message from='eve@a'><body a='{big}'/></message>", "too large")
        self.assertSkipped(f"<message from='eve@a'><body>{'&#10;' * MAX_BYTES}</body></message>", "too large")

    @slow
    def test_sizeBeforeNamespace(self) -> None:
        """
        A text that turns out to be too large when the start tag behind it declares a namespace is no worse, if both
        come at once.
        """
        text = f"{'x' * 5000}<a/>" * 13 + "x" * 5000
        for behind in ("<x xmlns='u'/>", "<u:x xmlns:u='u' xmlns='v'/>"):
            self.feed(f"<message from='eve@a'>{text}{behind}</message><message id='after'/>", 2 * MAX_BYTES)
            self.assertEqual(self.elements.pop()["id"], "after")
            self.assertEqual(self.skipped.pop(), ("message", "eve@a", "too large"))

    @slow
    def test_endless(self) -> None:
        """Megabytes of a stanza that is being skipped do not end the stream, for none of it is kept."""
        for inside in ("<b/>" * 600_000, "text" * 600_000):
            self.feed("<message from='eve@a'>" + inside + "</message><message id='after'/>", 65536)
            self.assertEqual(self.elements.pop()["id"], "after")

    def test_namespaces(self) -> None:
        """What a skipped stanza declares is of no effect on the next one."""
        deep = "<a xmlns='x' xmlns:p='y'>" * MAX_DEPTH + "</a>" * MAX_DEPTH
        self.feed(f"<message xmlns='z' xmlns:q='z'>{deep}</message><message id='after'/>")
        after = self.elements.pop()
        ours = "jabber:component:accept"
        self.assertEqual((after.uri, after.defaultUri, after.localPrefixes), (ours, ours, {}))

    def test_endlessToken(self) -> None:
        """A start tag that never ends does end the stream, for it would have to be kept."""
        self.assertRaises(ParserError, self.feed, "<message a='" + "x" * 2_000_000, 65536)

    def test_doctype(self) -> None:
        """A document type ends the stream, and with it entities of one's own."""
        parser = StanzaParser(self.passOver)
        self.assertRaises(ParserError, parser.parse, b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")

    def test_whole(self) -> None:
        """What is within limits arrives whole: text in pieces, references, namespaces; and the end is told."""
        self.feed("<iq id='1'><q xmlns='n' xmlns:p='m' p:k='v'>a&amp;b<p:r/>c</q></iq></stream:stream>", 1)
        query = self.elements[0].firstChildElement()
        self.assertEqual((query.uri, query.attributes, query.children[::2]), ("n", {("m", "k"): "v"}, ["a&b", "c"]))
        self.assertEqual(next(query.elements()).uri, "m")
        self.assertEqual(self.ends, [True])
