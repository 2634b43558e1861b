# -*- test-case-name: ichatgw.test.web.test_health -*-
"""
C{/live} and C{/ready}, for those that look after processes and spread calls over gateways.
"""

from __future__ import annotations

from attrs import frozen

from ichatgw.observe.readiness import Readiness
from ichatgw.web.answers import Reply, Visit, jsonReply


@frozen
class Health:
    """What is served without a login."""

    readiness: Readiness

    def live(self, visit: Visit) -> Reply:
        """Who gets this answer sees that the process does something."""
        return jsonReply({"live": True})

    def ready(self, visit: Visit) -> Reply:
        """
        C{200} if calls can be taken, else C{503} and what is wrong; without a login only the part is named.
        """
        troubles = self.readiness.troubles
        told = [{"part": each.part, "text": each.text} if visit.mayAsk else {"part": each.part} for each in troubles]
        return jsonReply({"ready": not troubles, "troubles": told}, 503 if troubles else 200)
