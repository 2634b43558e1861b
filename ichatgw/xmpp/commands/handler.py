# -*- test-case-name: ichatgw.test.xmpp.commands.test_handler -*-
# mypy: allow-untyped-calls, allow-subclassing-any
"""
Ad-hoc commands (XEP-0050): what a user orders by forms.

Nothing is kept between the stages of a command: a form says by its node what it belongs to.  So a user who never ends
what they have begun costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex
from typing import Any

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.words.protocols.jabber.jid import JID
from twisted.words.protocols.jabber.xmlstream import toResponse
from twisted.words.xish.domish import Element
from wokkel.subprotocols import XMPPHandler

from ichatgw.errors import MalformedError
from ichatgw.selfservice.orders import Command, Order, Unclear, forwarding
from ichatgw.selfservice.service import Budget, SelfService
from ichatgw.selfservice.words import languageOf, said
from ichatgw.users.preferences import DEFAULT_SECONDS, When
from ichatgw.xmpp.commands.catalogue import COMMANDS, NS_COMMANDS, Catalogue, title
from ichatgw.xmpp.commands.forms import Field, form, submitted
from ichatgw.xmpp.stanzas import bareJID, errorReply, languageTag, recipient, sender

MAX_SESSION = 64
"""Characters of the name that a client repeats for a session."""

_GOES_ON = frozenset({"execute", "next", "complete"})


class AdHocCommands(XMPPHandler):
    """Has the commands of users carried out."""

    def __init__(self, catalogue: Catalogue, service: SelfService, budget: Callable[[], Budget]) -> None:
        """
        @param catalogue: says where the commands are, and who may use them.
        @param service: carries them out.
        @param budget: how often, now.
        """
        super().__init__()
        self._catalogue = catalogue
        self._service = service
        self._budget = budget

    def connectionInitialized(self) -> None:
        self.xmlstream.addObserver(f"/iq[@type='set']/command[@xmlns='{NS_COMMANDS}']", self._asked)

    def _asked(self, iq: Any) -> None:
        try:
            user, asked = sender(iq), recipient(iq)
        except MalformedError:
            return  # no valid address to answer
        if not self._catalogue.has(asked):
            return
        iq.handled = True
        command = next(child for child in iq.elements() if (child.uri, child.name) == (NS_COMMANDS, "command"))
        condition = self._objection(user, command)
        if condition:
            self.send(errorReply(iq, condition))
            return
        try:
            answer = self._answer(bareJID(user).full(), command, languageOf(languageTag(iq)))
        except MalformedError:
            self.send(errorReply(iq, "bad-request"))
            return
        reply = toResponse(iq, "result")
        reply.addChild(answer)
        self.send(reply)

    def _objection(self, user: JID, command: Element) -> str:
        """Why nothing is done for C{user}, the condition of an error; empty if something is."""
        if not self._catalogue.allows(user):
            return "forbidden"
        if command.getAttribute("node") not in COMMANDS:
            return "item-not-found"
        session, action = command.getAttribute("sessionid", ""), command.getAttribute("action", "execute")
        if len(session) > MAX_SESSION or action not in _GOES_ON | {"cancel"}:
            return "bad-request"
        return "" if self._budget().allows(bareJID(user).full()) else "resource-constraint"

    def _answer(self, user: str, command: Element, language: str) -> Element:
        """
        @raise MalformedError: if its form is none.
        """
        what = COMMANDS[command["node"]]
        answer = Element((NS_COMMANDS, "command"))
        answer["node"] = what.value
        answer["sessionid"] = command.getAttribute("sessionid") or token_hex(8)
        if command.getAttribute("action") == "cancel":
            answer["status"] = "canceled"
            return answer
        filled = submitted(command)
        if filled is None and what in (Command.FORWARD, Command.DND):
            return self._ask(answer, what, user, language)
        try:
            order = orderOf(what, filled or {})
        except Unclear as problem:
            self._ask(answer, what, user, language, filled)
            _note(answer, "error", said(language, problem.message, **problem.values))
            return answer
        answer["status"] = "completed"
        text = self._service.carryOut(user, order, language)
        name = title(what, language)
        answer.addChild(form("result", name, [Field(what.value, "text-multi", name, text)]))
        _note(answer, "info", text)
        return answer

    def _ask(
        self, answer: Element, what: Command, user: str, language: str, filled: dict[str, str] | None = None
    ) -> Element:
        """Show the form of a command, with what was filled in before."""
        answer["status"] = "executing"
        actions = answer.addElement("actions")
        actions["execute"] = "complete"
        actions.addElement("complete")
        fields = self._fields(what, user, language, filled or {})
        answer.addChild(form("form", title(what, language), fields))
        return answer

    def _fields(self, what: Command, user: str, language: str, filled: dict[str, str]) -> list[Field]:
        chosen = self._service.preferences.of(user)
        if what is Command.DND:
            return [Field("dnd", "boolean", said(language, "fieldDnd"), str(int(chosen.doNotDisturb)))]
        first = next(iter(chosen.forwardings), None)
        when = When.ALWAYS if first is None else first.when
        whens = {each.value: said(language, each.value) for each in When}
        target = "" if first is None else first.target
        seconds = str(DEFAULT_SECONDS if first is None else first.seconds)
        shown = {"when": when.value, "target": target, "seconds": seconds, **filled}
        if shown["when"] not in whens:
            shown["when"] = When.ALWAYS.value
        return [
            Field("when", "list-single", said(language, "fieldWhen"), shown["when"], whens),
            Field("target", "text-single", said(language, "fieldTarget"), shown["target"]),
            Field("seconds", "text-single", said(language, "fieldSeconds"), shown["seconds"]),
        ]


def orderOf(what: Command, filled: dict[str, str]) -> Order:
    """
    What a form orders.

    @param filled: its values, as L{submitted} gives them.
    @raise Unclear: if that cannot be told.
    """
    if what is Command.DND:
        word = filled.get("dnd", "").strip().lower()
        if word not in ("0", "1", "false", "true"):
            raise Unclear("unclear")
        return Order(what, isOn=word in ("1", "true"))
    if what is not Command.FORWARD:
        return Order(what)
    try:
        when = When(filled.get("when", "").strip() or When.ALWAYS.value)
    except ValueError as problem:
        raise Unclear("unclear") from problem
    target = filled.get("target", "")
    if not target.strip():
        return Order(what, ends=(when,))
    return Order(what, forwarding(when, target, filled.get("seconds", "")))


def _note(answer: Element, kind: str, text: str) -> None:
    note = answer.addElement("note", content=text)
    note["type"] = kind
