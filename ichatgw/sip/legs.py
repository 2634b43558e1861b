# -*- test-case-name: ichatgw.test.test_sip_endpoint -*-
"""
The SIP legs that live.
"""

from __future__ import annotations

from attrs import define, field

from ichatgw.sip.leg import SipLeg


@define(eq=False)
class Legs:
    """Knows each leg from its making to its end, and names it."""

    _live: set[SipLeg] = field(factory=set, init=False)
    _made: int = field(default=0, init=False)

    @property
    def live(self) -> frozenset[SipLeg]:
        """Those that live now."""
        return frozenset(self._live)

    def name(self, way: str) -> str:
        """A name for the next one, C{in} or C{out}."""
        self._made += 1
        return f"sip-{way}-{self._made:x}"

    def add(self, leg: SipLeg) -> None:
        """One begins."""
        self._live.add(leg)

    def discard(self, leg: SipLeg) -> None:
        """One has ended."""
        self._live.discard(leg)
