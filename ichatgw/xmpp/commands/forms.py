# -*- test-case-name: ichatgw.test.xmpp.commands.test_forms,ichatgw.test.xmpp.commands.test_handler -*-
# mypy: allow-untyped-calls
"""
Data forms (XEP-0004), as far as commands need them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from attrs import frozen
from twisted.words.xish.domish import Element

from ichatgw.errors import MalformedError
from ichatgw.xmpp.discoinfo import NS_DATA

MAX_FIELDS = 32
"""Fields of a form that is submitted."""

MAX_VALUE = 400
"""Characters of a value."""


@frozen
class Field:
    """
    A field of a form that is shown.

    @ivar kind: C{boolean}, C{list-single}, C{text-single} or C{text-multi}.
    @ivar options: of a list, by value the label of each.
    """

    name: str
    kind: str
    label: str
    value: str = ""
    options: Mapping[str, str] = {}


def form(kind: str, title: str, fields: Iterable[Field]) -> Element:
    """
    @param kind: C{form} if it is to be filled in, C{result} if it says something.
    """
    x = Element((NS_DATA, "x"))
    x["type"] = kind
    x.addElement("title", content=title)
    for each in fields:
        field = x.addElement("field")
        field["var"], field["type"], field["label"] = each.name, each.kind, each.label
        lines = each.value.split("\n") if each.kind == "text-multi" else [each.value] if each.value else []
        for line in lines:
            field.addElement("value", content=line)
        for value, label in each.options.items():
            option = field.addElement("option")
            option["label"] = label
            option.addElement("value", content=value)
    return x


def submitted(command: Element) -> dict[str, str] | None:
    """
    What a user has filled in: of each field its first value.

    @param command: the element around the form.
    @return: the values by name; C{None} if there is no form.
    @raise MalformedError: if it is too large, or none that is submitted.
    """
    x = next((child for child in command.elements() if (child.uri, child.name) == (NS_DATA, "x")), None)
    if x is None:
        return None
    if x.getAttribute("type") != "submit":
        raise MalformedError("not a form that is submitted")
    found: dict[str, str] = {}
    for number, field in enumerate(islice(x.elements(), MAX_FIELDS + 1)):
        if number >= MAX_FIELDS:
            raise MalformedError("too many fields")
        value = next((str(child) for child in field.elements() if child.name == "value"), "")
        if len(value) > MAX_VALUE:
            raise MalformedError("a value is too long")
        if field.name == "field":
            found[field.getAttribute("var") or ""] = value
    return found
