# -*- test-case-name: ichatgw.test.sip.register.test_client,ichatgw.test.sip.register.test_bindings,ichatgw.test.sip.transport.test_keepalive,ichatgw.test.sip.trunk.test_flows,ichatgw.test.sip.trunk.test_registrations -*-  # noqa: E501
"""
REGISTER (RFC 3261 section 10), on the wire.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from attrs import define, field, frozen
from sippy.SipAddress import SipAddress
from sippy.SipCallId import SipCallId
from sippy.SipContact import SipContact
from sippy.SipExpires import SipExpires
from sippy.SipFrom import SipFrom
from sippy.SipMsg import SipMsg
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse
from sippy.SipTo import SipTo
from sippy.SipURL import SipURL
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ichatgw.address import Address
from ichatgw.net.hosts import literal
from ichatgw.sip.auth.authorization import Answers
from ichatgw.sip.dialog.capabilities import allow
from ichatgw.sip.message.uris import identity, parse
from ichatgw.sip.register.bindings import TOKEN, Binding, Bindings
from ichatgw.sip.register.extensions import NOTHING, Granted, granted
from ichatgw.sip.transaction.outofdialog import Make
from ichatgw.sip.transaction.targetset import Attempt
from ichatgw.sip.transaction.way import Way
from ichatgw.sip.transport.target import Target, Transport

MAX_GRANTED = 256
"""How many registrars are remembered."""

MAX_WAIT = 3600
"""Seconds for which a registrar can make us wait."""


MAX_SERVICES = 5
"""How many servers may stand in the route that a registrar wants."""

_SERVICES = "service-route"
_ROUTE = re.compile(r"<\s*(sips?:[^<>\s]{1,300})\s*>", re.IGNORECASE).findall
_EXPIRES = re.compile(r";\s*expires\s*=\s*\"?([0-9]{1,9})", re.IGNORECASE).search


@frozen
class Answer:
    """
    What a registrar said.

    @ivar granted: seconds for which the address is registered; C{None} if it is not.
    @ivar text: why not.
    @ivar least: the seconds that it wants at least (423).
    @ivar retryAfter: seconds after which it wants to be asked again.
    @ivar services: the route that it wants requests to take, as URIs (RFC 3608).
    @ivar extensions: what it has granted beyond RFC 3261.
    """

    granted: int | None = None
    text: str = ""
    least: int | None = None
    retryAfter: int | None = None
    services: tuple[str, ...] = ()
    extensions: Granted = NOTHING


class RegisterClient:
    """
    @ivar cut: is told of addresses that are not reached any more where they were registered.
    @param exchange: carries out a request to a URI on a way; see L{ichatgw.sip.transaction.outofdialog}.
    @param contact: makes our Contact, as the far end of an attempt sees us, for a user.
    @param way: for the bindings that have none of their own.
    """

    cut: Callable[[list[str]], None] = staticmethod(lambda aors: None)

    def __init__(
        self,
        exchange: Callable[[Way, SipURL, Make, Answers], Deferred[SipResponse]],
        contact: Callable[[Attempt, str | None], SipContact],
        way: Way,
        userAgent: str,
    ) -> None:
        self._exchange = exchange
        self._contact = contact
        self._way = way
        self._userAgent = userAgent
        self._granted: dict[str, str] = {}
        self._flows: dict[Binding, Target] = {}
        self._uses: dict[Target, set[Binding]] = {}
        self._sent: dict[Binding, tuple[Attempt, str]] = {}
        self._bindings = Bindings()

    @property
    def flows(self) -> tuple[Target, ...]:
        """Where our users are registered."""
        return tuple(self._uses)

    def gone(self, target: Target) -> None:
        """There is no connection to C{target} any more: calls to those who are registered over it get lost."""
        if target in self._uses:
            self.cut([binding.key for binding in self._uses[target]])

    def moved(self) -> list[str]:
        """The keys of those whose registrar would see another address of ours now than when they were registered."""
        return [each.key for bindings in self._uses.values() if self._isMoved(bindings) for each in bindings]

    def _isMoved(self, bindings: set[Binding]) -> bool:
        """@param bindings: that are registered at one server, which sees one address of ours."""
        attempt, before = self._sent[next(iter(bindings))]
        try:
            return _placeOf(self._contact(attempt, None)) != before
        except OSError:
            return False  # there is no way now, so it would be of no use

    def _keep(self, binding: Binding, flow: Target | None, contacts: Iterable[SipURL] = ()) -> None:
        before = self._flows.pop(binding, None)
        if before is not None:
            self._uses[before].discard(binding)
            if not self._uses[before]:
                del self._uses[before]
        self._bindings.discard(binding)
        if flow is None:
            self._sent.pop(binding, None)
        else:
            self._flows[binding] = flow
            self._uses.setdefault(flow, set()).add(binding)
            self._bindings.add(binding, contacts, flow.address.host)

    def registered(self, url: SipURL, source: str) -> str | None:
        """
        The address that is registered with us, if C{url} is the Contact for it.

        @param source: who has called it, an IP literal.
        """
        binding = self._bindings.find(url, source)
        return None if binding is None else binding.aor

    def bindingOf(self, url: SipURL, source: str) -> Binding | None:
        """
        The binding whose Contact C{url} is, by its token; or if that is lost, by what else it says, for the server
        where it is registered.

        @param source: who has called it, an IP literal.
        """
        return self._bindings.find(url, source, onlyThere=True)

    def flowOf(self, binding: Binding) -> Target | None:
        """The target at which the binding is registered; C{None} if it is not."""
        return self._flows.get(binding)

    def silence(self, target: Target) -> float | None:
        """The most seconds between two keepalives to C{target} that its registrar wants; C{None} for any."""
        outbound = [each.granted for each in self._uses.get(target, ()) if each.granted.outbound]
        if not outbound:
            return None
        return min(each.silence(target.transport.reliable) for each in outbound)

    def trusts(self, host: str) -> bool:
        """Is there, at C{host} (an IP literal), a registrar that has registered users of ours?"""
        return host in self._granted

    def servedAt(self, host: str) -> Iterable[str]:
        """The domain whose registrar at C{host}, an IP literal, has last granted a registration."""
        return (self._granted[host],) if host in self._granted else ()

    def register(self, binding: Binding, seconds: int) -> Deferred[Answer]:
        """
        Bind the address to us, or with 0 C{seconds} take that back.

        The Deferred fails with L{CallError} or C{OSError} if the registrar cannot be reached; it may be cancelled.
        """
        address = parse(binding.aor)
        way = binding.way or self._way
        domain = parse(binding.registrar) if binding.registrar else _domainOf(address)
        one = _Register(binding, address, seconds)

        def make(attempt: Attempt) -> SipRequest:
            contact = self._contact(attempt, None if binding.extensions.bulk else address.username)
            self._sent[binding] = attempt, _placeOf(contact)
            return one.request(attempt, contact, way, self._userAgent)

        def read(response: SipResponse) -> Answer:
            answer = _read(response, binding, seconds)
            if answer.granted is None:
                binding.answers = None  # there are registrars that do not ask anew, but refuse, if a nonce is too old
            binding.granted = answer.extensions
            flow = _source(response) if answer.granted else None
            self._keep(binding, flow, [*one.sent[-1:], *_contacts(response, binding)])
            if answer.granted and response.source is not None:
                self._grants(one.asked, address.host)
            return answer

        def failed(failure: Failure) -> Failure:
            binding.answers = None
            binding.granted = NOTHING
            self._keep(binding, None)
            return failure

        answers = binding.answers = binding.answers or way.logins.begin()
        return self._exchange(way, domain, make, answers).addCallbacks(read, failed)

    def _grants(self, host: str, domain: str) -> None:
        """The registrar of a domain is at C{host}."""
        self._granted.pop(host, None)
        self._granted[host] = domain
        if len(self._granted) > MAX_GRANTED:
            del self._granted[next(iter(self._granted))]


@define(eq=False)
class _Register:
    """
    The REGISTERs of one exchange.

    @ivar asked: the host that was asked last, an IP literal.
    @ivar sent: the Contacts that were sent.
    """

    _binding: Binding
    _address: SipURL
    _seconds: int
    asked: str = field(default="", init=False)
    sent: list[SipURL] = field(factory=list, init=False)

    def request(self, attempt: Attempt, contact: SipContact, way: Way, userAgent: str) -> SipRequest:
        """The next one; it makes C{contact} that of the binding."""
        binding = self._binding
        self.asked = attempt.target.address.host
        from_ = SipFrom(address=SipAddress(url=identity(self._address)))
        from_.setTag(binding.instance)
        contact.getUrl().other.append(f"{TOKEN}{binding.instance}")
        binding.extensions.address(contact)
        self.sent.append(contact.getUrl())
        request = SipRequest(
            method="REGISTER",
            ruri=attempt.uri.getCopy(),
            fr0m=from_,
            to=SipTo(address=SipAddress(url=identity(self._address))),
            cseq=binding.sequence,
            callid=SipCallId(binding.callId),
            contact=contact,
            expires=SipExpires(number=self._seconds),
            routes=way.routes(),
            target=attempt.target.sippyAddress,
            user_agent=userAgent,
        )
        binding.sequence += 1
        request.appendHeader(allow())
        if binding.way is not None:
            request.appendHeaders(binding.extensions.headers())  # RFC 3327 section 5.1, and others
        return request


def _placeOf(contact: SipContact) -> str:
    url = contact.getUrl()
    return f"{url.host} {url.port}"


def _domainOf(address: SipURL) -> SipURL:
    return SipURL(host=address.host, port=address.port, scheme=address.scheme, transport=address.transport)


def _read(response: SipResponse, binding: Binding, seconds: int) -> Answer:
    code, phrase = response.getSCode()
    if code < 300:
        ours = _ours(_contactTexts(response), binding)
        if not seconds or binding.way is None:
            return Answer(granted=_granted(response, ours, seconds) if seconds else 0)
        return Answer(
            granted=_granted(response, ours, seconds),
            services=_servicesOf(response),
            extensions=granted(response, ours),
        )
    retryAfter = numberIn(response, "retry-after")
    return Answer(
        text=f"{code} {phrase}"[:100],
        least=numberIn(response, "min-expires") if code == 423 else None,
        retryAfter=min(retryAfter, MAX_WAIT) if retryAfter is not None else None,
    )


def _servicesOf(response: SipResponse) -> tuple[str, ...]:
    text = ",".join(str(header.body.body or header.body) for header in response.headers if header.name == _SERVICES)
    return tuple(_ROUTE(text)[:MAX_SERVICES])


def _source(response: SipResponse) -> Target | None:
    """Where a response came from; C{None} if it is our own."""
    if response.source is None:
        return None
    (host, port), transport = response.source
    source = literal(host, port)
    return None if source is None else Target(Transport(str(transport)), source)


def _contactTexts(response: SipResponse) -> list[str]:
    return [str(header.body.body or header.body) for header in response.headers if header.name == "contact"]


def _granted(response: SipResponse, ours: list[str], seconds: int) -> int:
    """
    For how long our Contact is registered: as itself says, or the whole response (section 10.2.4).

    A registrar may have written another address into it, where it believes us to be, and have left out our token.  Of
    several that may be ours, the one that ends first is as long as we are sure to be reached.  Some
    registrars list none at all.
    """
    stated = numberIn(response, "expires")
    whole = seconds if stated is None else stated
    lifetimes = [_lifetime(contact, whole) for contact in ours] or [whole]
    return min(seconds, *lifetimes)


def _contacts(response: SipResponse, binding: Binding) -> list[SipURL]:
    """How the registrar has written our Contact, if it is clear which it is."""
    try:
        urls = [each.getUrl() for each in response.getHFBodys("contact") if not each.asterisk]
    except Exception:  # sippy raises whatever comes to hand
        return []
    ours = _ours([str(url) for url in urls], binding)
    return [url for url in urls if str(url) in ours] if len(ours) == 1 else []


def _ours(contacts: list[str], binding: Binding) -> list[str]:
    """Those that are our binding, or may be it."""
    marked = [contact for contact in contacts if binding.instance in contact]
    if marked or len(contacts) < 2:
        return marked or contacts
    user = Address(binding.aor).user
    return [contact for contact in contacts if f":{user}@" in contact] or contacts


def _lifetime(contact: str, otherwise: int) -> int:
    found = _EXPIRES(contact.partition(">")[2])  # what stands in its name or its URI is another thing
    return otherwise if found is None else int(found[1])


def numberIn(message: SipMsg, name: str) -> int | None:
    """The number with which the first header of that name, in lower case, begins; C{None} if there is none."""
    for header in message.headers:
        if header.name == name:
            found = re.match(r"\s*([0-9]{1,9})", str(header.body.body or header.body))
            return int(found[1]) if found is not None else None
    return None
