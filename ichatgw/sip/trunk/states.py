# -*- test-case-name: ichatgw.test.sip.trunk.test_states -*-
"""
How it stands with each trunk, for those who look after the gateway.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from ichatgw.sip.trunk.account import Account
from ichatgw.sip.trunk.accounts import Accounts


class State(Enum):
    """Whether calls can be made by a trunk."""

    WORKS = "works"
    FULL = "has as many calls as it may"
    UNREGISTERED = "not registered"
    REFUSED = "refused by its registrar"
    DOWN = "does not answer"


def stateOf(account: Account, left: int | None) -> State:
    """
    @param left: seconds of its registration; C{None} if there is none.
    """
    if account.isDown:
        return State.DOWN
    if account.isRefused:
        return State.REFUSED
    if account.trunk.registers and left is None:
        return State.UNREGISTERED
    return State.FULL if account.isFull else State.WORKS


def states(accounts: Accounts) -> Iterator[dict[str, object]]:
    """
    Each trunk, as C{json} takes it: its C{name}, C{server}, C{state} (see L{State}), whether it C{works}, whether it
    C{registers}, seconds that are C{left} of its registration (C{None} if there is none), how many C{flows} it has and
    how many of these are registered (C{flowsRegistered}), the C{trouble} of that in words, what its server says to
    C{probing}, its C{calls}, and how many it may have at most (0 for any number).

    Trunks that come or go meanwhile may be left out.
    """
    for account in tuple(accounts.all()):
        found = tuple(filter(None, (accounts.registrations.about(flow.binding.key) for flow in account.flows)))
        left = max((each["left"] for each in found if each["left"] is not None), default=None)
        state = stateOf(account, left)
        yield {
            "name": account.trunk.name,
            "server": account.trunk.server.host,
            "state": state.value,
            "works": state in (State.WORKS, State.FULL),
            "registers": account.trunk.registers,
            "left": left,
            "flows": len(account.flows),
            "flowsRegistered": sum(each["left"] is not None for each in found),
            "trouble": next((each["trouble"] for each in found if each["trouble"]), ""),
            "probing": account.probing.value if account.trunk.probeTime else "off",
            "calls": len(account.legs),
            "maxCalls": account.trunk.maxCalls,
        }
