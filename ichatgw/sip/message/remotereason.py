# -*- test-case-name: ichatgw.test.sip.dialog.test_causes,ichatgw.test.sip.leg.test_encryption -*-
"""
What the far end says of the end of a call.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field
from sippy.SipMsg import SipMsg
from sippy.SipResponse import SipResponse


@define(eq=False)
class LastWords:
    """
    @ivar elsewhere: the bodies of C{Contact} of a redirection.
    @ivar warning: the body of the latest C{Warning}; empty if none came.
    @ivar reasons: the bodies of C{Reason} in the message that ended it; empty if there were none.
    """

    elsewhere: tuple[Any, ...] = field(default=(), init=False)
    warning: str = field(default="", init=False)
    reasons: str = field(default="", init=False)

    def answered(self, response: SipResponse) -> None:
        """A response to our INVITE."""
        code, _ = response.getSCode()
        if 300 <= code < 400:
            self.elsewhere = tuple(response.getHFBodys("contact"))
        if response.countHFs("warning"):
            self.warning = str(response.getHFBody("warning"))
        if code >= 300:
            self.ended(response)

    def ended(self, message: SipMsg) -> None:
        """A BYE, a CANCEL, or a final response."""
        bodies = [header.body for header in message.headers if header.name == "reason"]
        self.reasons = ", ".join(str(body.body or body) for body in bodies)
