# -*- test-case-name: ichatgw.test.sim.test_ladder -*-
"""
Calls drawn as ladders: who said what to whom, and when.
"""

from __future__ import annotations

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.words.xish.domish import Element

from ichatgw.sim.jingle.xml import JINGLE, MESSAGE, RECEIPTS, reasonOf
from ichatgw.sim.sip.agent import Observer
from ichatgw.sim.sip.message import SIPMessage
from ichatgw.sim.xmpp import xml

XMPP, GATEWAY, SIP = range(3)
ICHAT_TITLE, JINGLE_TITLE = "XMPP (iChat)", "XMPP (Jingle)"

_MARGIN = 9
_SPAN = 43


@frozen
class Event:
    """
    @ivar time: in seconds.
    @ivar sender: one of the columns, as C{receiver}.
    @ivar line: what the arrow is drawn with.
    """

    time: float
    sender: int
    receiver: int
    label: str
    line: str = "-"


@define(eq=False)
class Trace:
    """
    Collects what the simulators see.

    @ivar userDomain: where the stanzas of users come from.
    @ivar title: of their column.
    """

    clock: IReactorTime
    userDomain: str
    title: str = ICHAT_TITLE
    events: list[Event] = field(factory=list, init=False)

    def note(self, sender: int, receiver: int, label: str, line: str = "-") -> None:
        """Something passed from one column to another."""
        self.events.append(Event(self.clock.seconds(), sender, receiver, label, line))

    def stanza(self, stanza: Element, sender: str, receiver: str) -> None:
        """A stanza passed the server (L{ichatgw.sim.xmpp.router.Router.tap})."""
        label = stanzaLabel(stanza)
        if label and (sender == self.userDomain) != (receiver == self.userDomain):
            columns = (XMPP, GATEWAY) if sender == self.userDomain else (GATEWAY, XMPP)
            self.note(*columns, label)

    def sip(self, column: int) -> Observer:
        """What watches a SIP agent in that column."""

        def observe(outgoing: bool, message: SIPMessage) -> None:
            sender, receiver = (column, GATEWAY) if outgoing else (GATEWAY, column)
            self.note(sender, receiver, sipLabel(message))

        return observe

    def draw(self) -> str:
        """The ladder, and a new beginning."""
        events, self.events = self.events, []
        return draw(events, self.title)


def draw(events: list[Event], title: str = ICHAT_TITLE) -> str:
    """A ladder of at most a hundred columns."""
    heading = " " * (_MARGIN - 2) + f"{title:<{_SPAN - 2}}{'gateway':<{_SPAN - 4}}{'SIP (phone)':>13}"
    start = events[0].time if events else 0.0
    return "\n".join([heading.rstrip(), *(_rung(event, start) for event in events)])


def _rung(event: Event, start: float) -> str:
    arrow = _arrow(event.label, event.line, event.sender < event.receiver)
    blank = " " * (_SPAN - 1)
    left, right = (arrow, blank) if XMPP in (event.sender, event.receiver) else (blank, arrow)
    milliseconds = round(1000 * (event.time - start))
    return f"{milliseconds:>5} ms |{left}|{right}|"


def _arrow(label: str, line: str, rightwards: bool) -> str:
    room = _SPAN - 1
    text = label if len(label) <= room - 8 else label[: room - 11] + "..."
    filled = f" {text} ".center(room - 1, line)
    return filled + ">" if rightwards else "<" + filled


def stanzaLabel(stanza: Element) -> str:
    """The stanza in a few words; empty for what a ladder can do without."""
    kind = xml.get(stanza, "type")
    if stanza.name == "presence":
        return f"presence {kind}" if kind else "presence" + _capsLabel(stanza)
    if stanza.name in ("message", "iq"):
        word = _jingleLabel(stanza, kind)
        if word:
            return word
    query = xml.child(stanza, "query")
    namespace = str(query.uri) if query is not None else ""
    if stanza.name != "iq" or query is None or not namespace.startswith("apple:iq:vc:"):
        return "message" if stanza.name == "message" else ""
    if kind == "error":
        return f"error for {namespace[9:]}"
    word = namespace[9:]
    response = xml.child(query, "response")
    if response is not None:
        word += " 0 (accepted)" if xml.text(response) == "0" else f" {xml.text(response)} (declined)"
    elif word == "vc:request":
        word += f" {xml.get(stanza, 'from').partition('@')[0]} > {xml.get(stanza, 'to').partition('@')[0]}"
    return word


def _jingleLabel(stanza: Element, kind: str) -> str:
    """What it says of a Jingle call; empty if that is nothing."""
    for each in xml.children(stanza):
        if each.uri == MESSAGE:
            word = f"{each.name} (message)"
        elif each.uri == JINGLE:
            word = xml.get(each, "action")
            if word == "session-info":
                word += "".join(f" {info.name}" for info in xml.children(each))
        elif each.uri == RECEIPTS and each.name == "received":
            word = "receipt (message)"
        else:
            continue
        condition, _ = reasonOf(each)
        return word + (f", {condition}" if condition else "") + (", bounced" if kind == "error" else "")
    return ""


def _capsLabel(presence: Element) -> str:
    caps = xml.child(presence, "c", xml.CAPS)
    if caps is None:
        return ""
    if xml.get(caps, "hash"):
        return ", a phone"
    return ", can be called" if "avavail" in xml.get(caps, "ext").split() else ", busy"


def sipLabel(message: SIPMessage) -> str:
    """The message in a few words."""
    if message.method == "INVITE":
        return f"INVITE {message.uri.partition('@')[0]}"
    if message.status == 200:
        return f"200 OK ({message.sequenceMethod})"
    return f"{message.status} {message.reason}" if message.status else message.method
