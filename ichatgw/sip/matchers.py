# -*- test-case-name: ichatgw.test.sip.test_admission -*-
"""
Finds the adapter for an INVITE that is not the call of a phone, such as that of an iChat.
"""

from __future__ import annotations

from attrs import define, field

from ichatgw.calls.admission import NOT_ADMITTED
from ichatgw.interfaces import IInvitationMatcher
from ichatgw.model import Ending, Invitation


@define(eq=False)
class Matchers:
    """
    The matchers that may claim an INVITE.

    @ivar registered: in the order in which they are asked.
    """

    registered: list[IInvitationMatcher] = field(factory=list)

    def of(self, invitation: Invitation) -> IInvitationMatcher | None:
        """The matcher that claims this one; C{None} if it is the call of a phone."""
        return next((each for each in self.registered if each.claims(invitation)), None)

    def objection(self, invitation: Invitation) -> Ending | None:
        """
        Why this one cannot be taken if it comes from a host that may not call, and without a login; C{None} if it is
        waited for.
        """
        matcher = self.of(invitation)
        return NOT_ADMITTED if matcher is None else matcher.objection(invitation)
