# -*- test-case-name: ichatgw.test.sip.dialog.test_remotetarget,ichatgw.test.sip.dialog.test_requests,ichatgw.test.sip.test_transports,ichatgw.test.sip.leg,ichatgw.test.sip.transaction.test_farewells -*-  # noqa: E501
"""
The remote target: where the far end of a dialog is (RFC 3261 section 12.2.1.1), and what it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from attrs import define, evolve, field
from sippy.SipMsg import SipMsg
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipURL import SipURL
from sippy.SipVia import SipVia

from ichatgw.model import TransportAddress, Whereabouts
from ichatgw.net.hosts import literal
from ichatgw.net.literals import ip_address
from ichatgw.sip.dialog.routeset import Stated, nextHop
from ichatgw.sip.transport.listeningpoint import domainIn
from ichatgw.sip.transport.target import Target, Transport


def _seenAt(via: SipVia) -> str:
    """The host of who has sent a request with that C{Via}, as far as the next server has seen it."""
    return str(via.params.get("received") or via.hostname)


def _literals(*hosts: str) -> list[str]:
    return [address.host for host in hosts if (address := literal(host, 1)) is not None]


class Ways(Protocol):
    """What is wanted of the transaction layer."""

    def isOpen(self, target: Target) -> bool:
        """Is there a connection to it?"""

    def reaches(self, target: Target) -> bool:
        """Is there a way to it?"""

    def expect(self, target: Target) -> None:
        """Over TLS, its far end has to prove the name of C{target}, whatever was expected there before."""

    def suggest(self, target: Target) -> None:
        """The same, if no name was expected there before."""


def _closed(target: Target) -> bool:
    """Takes every connection for closed."""
    return False


@define(eq=False)
class RemoteTarget:
    """
    @ivar pinned: where everything goes, whatever the far end says of itself; C{None} for the usual rules.
    @ivar first: where our INVITE went, for dialogs that we began.
    @ivar reached: what sippy takes from the route set, or else the remote target: C{((host, port), transport)}.
    @ivar whereabouts: where the far end is, as its latest message shows.
    @ivar flow: where its latest message came from; C{None} if none has come.
    @ivar _mistaken: where the far end itself believes to be, if its requests come to us from elsewhere: it is behind a
        NAT, whichever addresses that has.
    """

    _ways: Ways
    pinned: TransportAddress | None = None
    first: Target | None = field(default=None, init=False)
    reached: tuple[tuple[str, int], str] | None = field(default=None, init=False)
    whereabouts: Whereabouts = field(factory=Whereabouts, init=False)
    flow: Target | None = field(default=None, init=False)
    _mistaken: str | None = field(default=None, init=False)
    _allowed: frozenset[str] | None = field(default=None, init=False)

    def hop(self, url: SipURL | None, isRouted: bool, isOpen: bool = True) -> Target | None:
        """
        Where the next request goes.

        @param url: the URI by which the far end is reached, sippy's; C{None} if that is not known.
        @param isRouted: it is that of a route.
        @param isOpen: as connections are now; else as if there were none to the far end any more.
        @return: C{None} if that is not known.
        """
        if self.pinned is not None:
            return Target(Transport.UDP, self.pinned)
        if self.reached is None or self.reached[0] is None:
            return None
        (host, known), named = self.reached
        address = literal(str(host), int(known))
        # sippy knows no default but 5060
        port = url.port if url is not None and url.host == str(host) else known
        stated = Stated(
            None if address is None else address.host,
            None if port is None else int(port),
            Transport.of(str(named), url is not None and url.scheme == "sips"),
            url is None or (url.transport is None and url.scheme == "sip"),
            isRouted,
        )
        hop = nextHop(
            stated,
            self.flow,
            self.first,
            self._ways.isOpen if isOpen else _closed,
            address is not None and address.host == self._mistaken,
        )
        # Where there is no way to, it is still to be told of our ACK and BYE.
        return hop if hop is None or self.flow is None or self._ways.reaches(hop) else self.flow

    @property
    def host(self) -> str:
        """Where its latest message came from, an IP literal; empty if none has come."""
        return "" if self.flow is None else self.flow.address.host

    def heard(self, message: SipMsg, isRouted: bool) -> None:
        """Remember where the far end's messages come from."""
        if message.source is not None and (source := literal(*message.source[0])) is not None:
            self.flow = Target(Transport(str(message.source[1])), source)
            if isinstance(message, SipRequest):
                self._locate(message.getHFBodys("via"), source.host)
            elif isinstance(message, SipResponse):
                self._locateCallee(message, source.host, isRouted)
        methods = message.getHFBodys("allow")
        if methods:
            self._allowed = frozenset(word.strip().upper() for each in methods for word in str(each).split(","))

    def _locate(self, vias: Sequence[SipVia], source: str) -> None:
        """
        Does it know where it is?  It says so where no server has been in between, and wants answers where it is.

        Where there are servers, the first of them has noted where it was seen (RFC 3261 section 18.2.1).
        """
        seen = _literals(_seenAt(vias[-1]) if vias else "")
        self.whereabouts = Whereabouts((source, *seen), len(vias) <= 1 or bool(seen))
        if len(vias) == 1 and "rport" in vias[0].params:
            believed = literal(str(vias[0].hostname), 1)
            self._mistaken = None if believed is None or believed.host == source else believed.host

    def _locateCallee(self, response: SipResponse, source: str, isRouted: bool) -> None:
        """
        A response does not say which way it has come; servers that stay in the dialog do.  What the far end says of
        itself may be known within its own network only.
        """
        contacts = [str(each.getUrl().host) for each in response.getHFBodys("contact")[:1] if not each.asterisk]
        hosts = [host for host in _literals(*contacts) if ip_address(host).is_global]
        isDirect = not (response.countHFs("record-route") or isRouted)
        self.whereabouts = Whereabouts((source, *hosts), isDirect or bool(hosts))

    def allows(self, method: str, unless: bool = True) -> bool:
        """
        Does the far end take that method?

        @param unless: what is taken for the answer as long as it has not said.
        """
        return unless if self._allowed is None else method in self._allowed

    def aim(self, target: Target) -> None:
        """Our INVITE goes to C{target}."""
        self.first = target
        self._ways.expect(target)

    def prove(self, hop: Target, url: SipURL | None) -> None:
        """
        A request goes there.  Over TLS, the far end of the connection has to be the domain that was called, even if
        another one has been called there meanwhile; elsewhere, and if the far end has called us, the host that it has
        named (RFC 5922 section 7.2).  If it has named an address, only that can be proved.

        @param url: see L{hop}.
        """
        if self.flow is None or hop.transport is not Transport.TLS:
            return
        target = self.named(hop, url)
        if target is self.first:
            self._ways.expect(target)
        elif target.name:
            self._ways.suggest(target)

    def named(self, hop: Target, url: SipURL | None) -> Target:
        """C{hop} by the name that its far end has to prove, see L{prove}."""
        if self.first is not None and self.first == hop:
            return self.first
        return evolve(hop, name="" if url is None else domainIn(str(url.host)))
