# -*- test-case-name: ichatgw.test.check.dialling.test_reach -*-
"""
Translation rules that decide for no address, as far as examples show.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from attrs import frozen

from ichatgw.address import Address
from ichatgw.calls.dialplan import DialPlan
from ichatgw.check.dialling.samples import samples

MOST = 2000
"""Rules that are looked at."""

ALIKE = 0.85
"""How alike two names are that may be mistaken for each other, 0..1."""


@frozen
class Unreached:
    """
    @ivar number: of the rule, from 1.
    @ivar what: why it decides for no address.
    @ivar remedy: what can be done.
    """

    number: int
    what: str
    remedy: str


def unreached(plan: DialPlan, component: str) -> Iterator[Unreached]:
    """
    The rules that decide for none of the addresses that can be made of their patterns.

    @param component: our name at the XMPP server.
    """
    for number, rule in enumerate(plan.rules[:MOST], 1):
        found = _fault(plan, number, DialPlan([rule]), component.lower())
        if found is not None:
            yield found


def _fault(plan: DialPlan, number: int, alone: DialPlan, component: str) -> Unreached | None:
    pattern = alone.rules[0][0]
    texts = [text for each in samples(pattern) if alone.matches(text := _completed(pattern, each))]
    if not texts:
        return None
    first = {plan.ruleFor(text) for text in texts}
    if number not in first:
        before = f"rule {min(first)} comes" if len(first) == 1 else f"rules {', '.join(map(str, sorted(first)))} come"
        what = f"rule {number} is hardly ever reached: {before} first, as for {texts[0]}"
        return Unreached(number, what, "put the narrower rule before the wider one")
    found = [Address(text) for text in texts]
    if (
        pattern.endswith("$")
        and all(each.scheme in ("sip", "sips") and "@" not in each.rest for each in found)
        and _isNumber(found[0].rest)
    ):
        what = f"rule {number} ends before the @, and addresses of SIP are such as {texts[0]}@host"
        return Unreached(number, what, "end the pattern with @ instead of $")
    places = {each.place.lower() for each in found if each.scheme == "xmpp"}
    if len(places) == 1 and len(found) == len(texts) and pattern.endswith("$"):
        [place] = places
        if place != component and SequenceMatcher(None, place, component).ratio() > ALIKE:
            what = f"rule {number} is for {place}, and users of XMPP call {component}"
            return Unreached(number, what, "correct the domain in TranslationPattern")
    return None


def _completed(pattern: str, text: str) -> str:
    """A pattern without C{$} need not match an address to its end."""
    if pattern.endswith("$"):
        return text
    if "@" not in text:
        return f"{text}{'' if ':' in text else 'sip:7'}@example.org"
    return f"{text}example.org" if text.endswith("@") else text


def _isNumber(text: str) -> bool:
    return text[:1] in set("+0123456789*#") and not any(char.isalpha() for char in text)
