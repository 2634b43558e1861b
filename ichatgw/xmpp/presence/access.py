# -*- test-case-name: ichatgw.test.xmpp.presence.test_access -*-
"""
Which XMPP users may call.  Closed unless a setting opens it.
"""

from __future__ import annotations

from attrs import define
from twisted.words.protocols.jabber.jid import JID

from ichatgw.errors import MalformedError
from ichatgw.xmpp.stanzas import parseJID

NO_GUEST = "not among AllowedXMPPDomains"
"""What those are told who may not."""


@define(eq=False)
class XMPPAccess:
    """
    The rule for users of XMPP servers.

    @ivar component: the name of the component; if there are no C{domains}, the users of the server that it is a part
        of may call, and no others.
    @ivar domains: those whose users may call, in lower case.
    """

    component: str
    domains: tuple[str, ...] = ()

    def __call__(self, jid: JID) -> bool:
        """May this user call?"""
        parent = self.component.lower().partition(".")[2]
        return bool(jid.host) and jid.host in (self.domains or (parent,))

    def admits(self, address: str) -> bool:
        """May the user with this address call?  One that is none may not."""
        try:
            return self(parseJID(address))
        except MalformedError:
            return False
