# -*- test-case-name: ichatgw.test.ichat -*-
"""
What can be chosen of calls with iChats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen

from ichatgw.ichat.connectdata import AddressRecord, choose
from ichatgw.model import Party


@frozen
class IChatOptions:
    """
    How calls are made.

    @ivar identity: who calls in the SIP legs towards iChats; iChat never shows it.
    @ivar ourRecords: gives the addresses and the port at which our SIP can be reached.
    @ivar choose: which of an iChat's addresses to call; C{None} if none can be.
    @ivar proceedingTimeout: seconds to wait for any iChat of a user to show up.
    @ivar ringingTimeout: seconds that iChats ring.
    @ivar inviteTimeout: seconds that an accepted iChat has for its INVITE.
    @ivar waitingLimit: how many calls of one user may wait at once.
    """

    identity: Party
    ourRecords: Callable[[], tuple[AddressRecord, ...]]
    choose: Callable[[Sequence[AddressRecord]], AddressRecord | None] = choose
    proceedingTimeout: float = 5.0
    ringingTimeout: float = 180.0
    inviteTimeout: float = 30.0
    waitingLimit: int = 4
