# -*- test-case-name: ichatgw.test.sip.trunk.test_arrivals -*-
"""
By which trunk a call comes, and which number it calls.

The trunk is that of the Contact that was registered, which has a token that only the registrar has been told; the
call may come from anywhere then.  Without it only the server of a trunk can call by it, and only for a user or a number
of that trunk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice

from attrs import define, frozen
from sippy.SipAddress import SipAddress
from sippy.SipRequest import SipRequest
from sippy.SipURL import SipURL

from ichatgw.address import inFull
from ichatgw.config.declared.trunks import CALLED_PARTY, DIVERSION, REQUEST_URI, TO, bare
from ichatgw.sip.message.syntax import legible
from ichatgw.sip.register.bindings import Binding
from ichatgw.sip.trunk.account import Account
from ichatgw.sip.trunk.accounts import Accounts
from ichatgw.sip.trunk.flow import Flow
from ichatgw.trunks.routes import calledBy

_PUNCTUATION = re.compile(r"(?<=[0-9])[-.()]|[()](?=[0-9])")
_LONGEST = 128


@frozen
class Arrival:
    """
    A call by a trunk.

    @ivar flow: by which it comes, as far as can be told.
    @ivar called: as the rules see it, see L{calledBy}.
    """

    account: Account
    flow: Flow
    called: str


@define(eq=False)
class Arrivals:
    """
    @ivar bindingOf: the binding whose Contact a URI is, see L{ichatgw.sip.register.client.RegisterClient.bindingOf}.
    """

    accounts: Accounts
    bindingOf: Callable[[SipURL, str], Binding | None]

    def find(self, request: SipRequest, source: str) -> Arrival | None:
        """
        The trunk by which an INVITE comes; C{None} if it comes by none.

        @param request: sippy's C{SipRequest}.
        @param source: where it came from, an IP literal.
        """
        if not len(self.accounts):
            return None
        binding = self.bindingOf(request.getRURI(), source)
        account = self.accounts.of(binding) if binding is not None else None
        if account is None:
            account = self._bySource(request, source)
        if account is None:
            return None
        return Arrival(account, account.flowOf(binding), calledBy(account.trunk.name, called(account, request)))

    def _bySource(self, request: SipRequest, source: str) -> Account | None:
        for user in (user for place in _PLACES.values() for user in place(request) if user):
            for account in self.accounts.owning(user):
                if account.isAt(source):
                    return account
        open_ = tuple(islice(self.accounts.openAt(source), 2))
        return open_[0] if len(open_) == 1 else None


def called(account: Account, request: SipRequest) -> str:
    """The number that an INVITE by a trunk calls, as the trunk writes it, or as it came."""
    trunk = account.trunk
    own = {trunk.user, trunk.login, ""}
    chosen = _PLACES.get(trunk.calledNumber)
    if chosen is not None:
        found = next((user for user in chosen(request) if user), "")
        if found:
            return trunk.own(found) or found
    users = [user for place in (REQUEST_URI, CALLED_PARTY, TO) for user in _PLACES[place](request)]
    for user in users:
        if trunk.own(user):
            return trunk.own(user)
    for user in users:
        if user not in own:
            return user
    return trunk.numbers[0] if trunk.numbers else trunk.user


def _user(url: SipURL) -> str:
    """The number in a URI, without what only tells how it is written."""
    user = inFull(";".join((legible(url.username or ""), *map(legible, url.userparams))))[:_LONGEST]
    plain = _PUNCTUATION.sub("", user)
    return plain if bare(plain).isdigit() else user


def _requested(request: SipRequest) -> Iterator[str]:
    yield _user(request.getRURI())


def _to(request: SipRequest) -> Iterator[str]:
    yield _user(request.getHFBody("to").getUri().url)


def _calledParty(request: SipRequest) -> Iterator[str]:
    for header in request.headers:
        if header.name == CALLED_PARTY.lower():
            try:
                yield _user(SipAddress(str(header.body.body or header.body)).url)
            except Exception:  # sippy raises whatever comes to hand
                return


def _diverted(request: SipRequest) -> Iterator[str]:
    for body in request.getHFBodys("diversion")[:1]:
        yield _user(body.getUri().url)


_PLACES: dict[str, Callable[[SipRequest], Iterator[str]]] = {
    REQUEST_URI: _requested,
    CALLED_PARTY: _calledParty,
    TO: _to,
    DIVERSION: _diverted,
}
