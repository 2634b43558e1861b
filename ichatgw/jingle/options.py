# -*- test-case-name: ichatgw.test.jingle.test_inbound,ichatgw.test.jingle.test_outbound -*-
"""
What can be chosen of Jingle calls.
"""

from __future__ import annotations

from attrs import frozen

from ichatgw.jingle.stanzas.namespaces import NS_ICE_UDP, NS_RAW_UDP


@frozen
class JingleOptions:
    """
    How calls are made.

    @ivar served: the namespaces of the transports that there are.
    @ivar early: a call is accepted as soon as there is early media, so that announcements are heard.
    @ivar lateAnswer: a call counts as answered only when media can flow.
    @ivar proceedingTimeout: seconds to wait for a sign of life of clients that do not say that they ring.
    @ivar ringingTimeout: seconds that clients ring.
    """

    served: frozenset[str] = frozenset({NS_ICE_UDP, NS_RAW_UDP})
    early: bool = False
    lateAnswer: bool = False
    proceedingTimeout: float = 10.0
    ringingTimeout: float = 180.0
