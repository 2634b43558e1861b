# -*- test-case-name: ichatgw.test.sip.dialog.test_requests,ichatgw.test.sip.test_transports,ichatgw.test.sip.leg -*-
"""
Where the far end of a dialog is, and what it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sippy.SipFrom import SipFrom
from sippy.SipRequest import SipRequest
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL
from sippy.UA import UA

from ichatgw.model import TransportAddress, Whereabouts
from ichatgw.net.hosts import literal
from ichatgw.net.literals import ip_address
from ichatgw.sip.dialog.routeset import nextHop
from ichatgw.sip.message.uris import identity
from ichatgw.sip.transaction.layer import Transactions
from ichatgw.sip.transport.listeningpoint import domainIn
from ichatgw.sip.transport.target import Target, Transport


def _seenAt(via: Any) -> str:
    """The host of who has sent a request with that C{Via}, as far as the next server has seen it."""
    return str(via.params.get("received") or via.hostname)


def _literals(*hosts: str) -> list[str]:
    return [address.host for host in hosts if (address := literal(host, 1)) is not None]


class FarEnd(UA):  # type: ignore[misc]
    """
    @ivar pinned: where everything goes, whatever the far end says of itself; C{None} for the usual rules.
    @ivar first: where our INVITE went, for dialogs that we began.
    @ivar _mistaken: where the far end itself believes to be, if its requests come to us from elsewhere: it is behind a
        NAT, whichever addresses that has.
    @ivar mark: by what the INVITE that began the dialog is known if it comes by another way too: From tag, CSeq, and
        what it calls; C{None} if it is ours.
    @ivar hops: how many servers our INVITEs may pass; C{None} for as many as usual.
    """

    def __init__(
        self, transactions: Transactions, heard: Callable[[Any, Any], None], pinned: TransportAddress | None
    ) -> None:
        self.pinned = pinned
        self.first: Target | None = None
        self.mark: tuple[object, ...] | None = None
        self.hops: int | None = None
        self._flow: Target | None = None
        self._mistaken: str | None = None
        self._whereabouts = Whereabouts()
        self._reached: Any = None
        self._isOpen = transactions.isOpen
        self._reaches = transactions.reaches
        self._expect = transactions.expect
        self._suggest = transactions.suggest
        self._allowed: frozenset[str] | None = None
        super().__init__(transactions.global_config, heard)

    @property
    def rAddr(self) -> Any:
        """Where the next request goes: C{((host, port), transport)}."""
        return None if (hop := self.hop) is None else hop.sippyAddress

    @rAddr.setter
    def rAddr(self, value: Any) -> None:
        """sippy takes it from the route set, or else the remote target; L{setNextHop} from us."""
        self._reached = value

    @property
    def _next(self) -> Any:
        """The URI by which it is reached, sippy's; C{None} if that is not known."""
        return self.routes[0].getUrl() if self.routes else self.rTarget

    @property
    def hop(self) -> Target | None:
        """Where the next request goes; C{None} if that is not known."""
        return self._hopIf(self._isOpen)

    @property
    def hopWithout(self) -> Target | None:
        """The same, if there were no connection to the far end any more."""
        return self._hopIf(lambda target: False)

    def _hopIf(self, isOpen: Callable[[Target], bool]) -> Target | None:
        if self.pinned is not None:
            return Target(Transport.UDP, self.pinned)
        if self._reached is None or self._reached[0] is None:
            return None
        (host, port), named = self._reached
        url = self._next
        address = literal(str(host), int(port))
        if url is not None and url.host == str(host):
            port = url.port  # sippy knows no default but 5060
        hop = nextHop(
            None if address is None else address.host,
            None if port is None else int(port),
            Transport.of(str(named), url is not None and url.scheme == "sips"),
            url is None or (url.transport is None and url.scheme == "sip"),
            bool(self.routes),
            self._flow,
            self.first,
            isOpen,
            address is not None and address.host == self._mistaken,
        )
        # Where there is no way to, it is still to be told of our ACK and BYE.
        return hop if hop is None or self._flow is None or self._reaches(hop) else self._flow

    @property
    def heardHop(self) -> Target | None:
        """L{hop}, once the far end has said something."""
        return None if self._flow is None else self.hop

    @property
    def heardHost(self) -> str:
        """Where its latest message came from, an IP literal; empty if none has come."""
        return "" if self._flow is None else self._flow.address.host

    def heardFrom(self, message: Any) -> None:
        """Remember where the far end's messages come from."""
        (host, port), transport = message.source
        source = literal(host, port)
        if source is not None:
            self._flow = Target(Transport(str(transport)), source)
            if isinstance(message, SipRequest):
                self._locate(message.getHFBodys("via"), source.host)
            else:
                self._locateCallee(message, source.host)
        methods = message.getHFBodys("allow")
        if methods:
            self._allowed = frozenset(word.strip().upper() for each in methods for word in str(each).split(","))

    def _locate(self, vias: Sequence[Any], source: str) -> None:
        """
        Does it know where it is?  It says so where no server has been in between, and wants answers where it is.

        Where there are servers, the first of them has noted where it was seen (RFC 3261 section 18.2.1).
        """
        seen = _literals(_seenAt(vias[-1]) if vias else "")
        self._whereabouts = Whereabouts((source, *seen), len(vias) <= 1 or bool(seen))
        if len(vias) == 1 and "rport" in vias[0].params:
            believed = literal(str(vias[0].hostname), 1)
            self._mistaken = None if believed is None or believed.host == source else believed.host

    def _locateCallee(self, response: Any, source: str) -> None:
        """
        A response does not say which way it has come; servers that stay in the dialog do.  What the far end says of
        itself may be known within its own network only.
        """
        contacts = [str(each.getUrl().host) for each in response.getHFBodys("contact")[:1] if not each.asterisk]
        hosts = [host for host in _literals(*contacts) if ip_address(host).is_global]
        isDirect = not (response.countHFs("record-route") or self.routes)
        self._whereabouts = Whereabouts((source, *hosts), isDirect or bool(hosts))

    @property
    def whereabouts(self) -> Whereabouts:
        """Where the far end is, as its latest message shows."""
        return self._whereabouts

    def allows(self, method: str, unless: bool = True) -> bool:
        """
        Does the far end take that method?

        @param unless: what is taken for the answer as long as it has not said.
        """
        return unless if self._allowed is None else method in self._allowed

    def aim(self, target: Target) -> None:
        """Our INVITE goes to C{target}."""
        self.first = target
        self._expect(target)
        self.setNextHop(*target.sippyAddress)

    def address(self, local: Any, remote: Any, target: SipURL, routes: list[Any], contact: Any) -> None:
        """
        Set what an INVITE says of both ends (for L{Invite}'s C{prepare}); the ways to them that C{local} and C{remote}
        name are left out.
        """
        local.url, remote.url = identity(local.url), identity(remote.url)
        self.lUri = SipFrom(address=local)
        self.lUri.setTag(self.lTag)
        self.rUri = SipTo(address=remote)
        self.rTarget = target
        self.routes = routes
        self.lContact = contact

    def genRequest(
        self,
        method: str,
        body: Any = None,
        cqop: Any = None,
        extra_headers: Any = None,
        max_forwards: int | None = None,
    ) -> Any:
        """sippy makes a request.  A call that we pass on comes to an end as one that proxies do (RFC 7332)."""
        if method == "INVITE":
            max_forwards = self.hops
        return super().genRequest(method, body, cqop, extra_headers, max_forwards)

    def newTransaction(self, req: Any, **kwargs: Any) -> Any:
        """
        sippy sends a request.  Over TLS, whoever is there has to be the domain that was called, even if another one has
        been called there meanwhile; elsewhere, and if the far end has called us, the host that it has named (RFC 5922
        section 7.2).  If it has named an address, only that can be proved.
        """
        hop = self.hop
        if self._flow is not None and hop is not None and hop.transport is Transport.TLS:
            name = "" if self._next is None else domainIn(str(self._next.host))
            if self.first == hop:
                self._expect(self.first)
            elif name:
                self._suggest(Target(Transport.TLS, hop.address, name))
        return super().newTransaction(req, **kwargs)

    def refreshTarget(self, message: Any) -> None:
        """See L{ichatgw.sip.dialog.requests.Conversation}."""
        contacts = message.getHFBodys("contact")
        if contacts and not contacts[0].asterisk:
            self.rTarget = contacts[0].getUrl().getCopy()
            if not self.routes:
                self.rAddr = self.rTarget.getTAddr()
