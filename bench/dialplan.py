"""
What a look-up in the translation rules costs: C{python bench/dialplan.py}.

For each kind of rules: that of the last of 10, of 500 and of 5000 rules, that of an address that none knows, and how
much more 5000 cost than 10.  Then the same without an index, each rule tried in turn.  With 5000 rules of a kind that
begins with text a look-up may take 100 us.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from ichatgw.calls.dialplan import DialPlan

KINDS = {
    "one number": r"^xmpp:{number}@gw\.example$",
    "several schemes": r"^(?:xmpp|sips?):\+?{number}@",
    "a block": r"^xmpp:\+49{number}(\d*)@",
    "no anchor": "{number}@gw",
    "any case": r"(?i)^XMPP:(\+?{number})@",
    "a prefix": r"^sip:{number}(.*)@pbx\.example$",
    "a domain": r"^sips?:(.*)@{number}\.example$",
    "no text": r"^.*[^0-9]{number}@",
}
LIMIT = 100e-6
SIZES = (10, 500, 5000)
UNKNOWN = "xmpp:+4930999999999@gw.example"


class OneByOne(DialPlan):
    """Has no index."""

    def _findAs(self, address: str) -> tuple[int, object]:
        for number, pattern in enumerate(self._patterns, 1):
            match = pattern.search(address)
            if match is not None:
                return number, match
        return 0, None


def seconds(action: Callable[[], object]) -> float:
    """The least CPU time of one run."""
    best, times = 1.0, 1
    for _ in range(7):
        start = time.process_time()
        for _ in range(times):
            action()
        spent = time.process_time() - start
        best = min(best, spent / times)
        times = min(max(1, int(0.02 / best)), 5000)
    return best


def last(kind: str, size: int) -> str:
    """The address that the last of C{size} rules is for."""
    number = 99_999 + size
    others = {
        "a block": f"xmpp:+49{number}@gw.example",
        "a prefix": f"sip:{number}7@pbx.example",
        "a domain": f"sip:bob@{number}.example",
    }
    return others.get(kind, f"xmpp:{number}@gw.example")


def costs(make: type[DialPlan], kind: str) -> list[float]:
    """Seconds for the last rule of each of L{SIZES}, and for an address that none of the most rules knows."""
    found = []
    for size in SIZES:
        plan = make((KINDS[kind].format(number=100_000 + number), "sip:1@pbx") for number in range(size))
        address = last(kind, size)
        if not plan.matches(address):
            raise AssertionError(address)
        found.append(seconds(partial(plan.matches, address)))
    return [*found, seconds(partial(plan.matches, UNKNOWN))]


def main() -> int:
    """
    Measure, and print a table.

    @return: the exit status: 1 if a look-up by text takes too long.
    """
    isSlow = False
    print("us for the last of so many rules\n" + " " * 24 + "".join(f"{size:>8}" for size in SIZES) + "    none  ratio")
    for kind in KINDS:
        for make in (DialPlan, OneByOne):
            found = costs(make, kind)
            row = "".join(f"{cost * 1e6:8.1f}" for cost in found)
            print(f"{kind if make is DialPlan else '   one by one':24}{row}{found[len(SIZES) - 1] / found[0]:7.1f}")
            isSlow = isSlow or (make is DialPlan and kind != "no text" and max(found) > LIMIT)
    return int(isSlow)


if __name__ == "__main__":
    raise SystemExit(main())
