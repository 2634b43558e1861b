# -*- test-case-name: ichatgw.test.sip.auth,ichatgw.test.sip.register,ichatgw.test.sip.dialog.test_requests -*-
"""
Requests of ours that are challenged (RFC 3261 section 22), and what requests to us say of who sends them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from secrets import token_hex
from urllib.parse import unquote

from attrs import define, evolve, field
from sippy.SipHeader import SipHeader
from sippy.SipMsg import SipMsg
from sippy.SipRequest import SipRequest
from sippy.SipResponse import SipResponse

from ichatgw.config.reading.credentials import Credentials, Keyring
from ichatgw.sip.auth.digest import Challenge, answer, challenges, nextNonce
from ichatgw.sip.auth.verifier import Judgement, Verifier

MAX_LOGINS = 5
"""How often one request is sent again with a login: two proxies, the server, and nonces that were too old."""

MAX_REALMS = 8
"""How many realms are answered to in one dialog, or for one registration."""

CREDENTIALS = ("authorization", "proxy-authorization")
"""The headers that hold our answers."""

_PROXY = "proxy-authorization"
_CHALLENGES = (("www-authenticate", "authorization"), ("proxy-authenticate", _PROXY))
_NEXT = (("authentication-info", "authorization"), ("proxy-authentication-info", _PROXY))


def _nowhere(host: str) -> Iterable[str]:
    return ()


class Authorizer:
    """
    Chooses the password for a challenge.

    A password is used only towards the server that it is for: the domain that a request is addressed to, the host that
    it is sent to, the registrar that is there, or the proxy that we send all through.  Any other host that we call
    gets no answer that a password could be guessed from, or that could be handed on.

    @param proxy: the host of the proxy.
    @ivar account: the name of the trunk whose passwords these are; empty if they are of none.
    @ivar served: the domains whose registrar is at a host, an IP literal.
    """

    served: Callable[[str], Iterable[str]] = staticmethod(_nowhere)

    def __init__(self, keyring: Keyring | None = None, proxy: str | None = None, account: str = "") -> None:
        self.keyring = Keyring() if keyring is None else keyring
        self.account = account
        self._proxy = proxy

    def begin(self) -> Answers:
        """For a dialog, a registration, or a request of neither."""
        return Answers(self)

    def find(self, request: SipRequest, header: str, domain: str) -> list[Credentials]:
        """
        Those that may be used for a request, the most likely first.

        @param header: which of L{CREDENTIALS} is to hold them: a proxy asks for its own, if there are such.
        @param domain: where the dialog began, if that is known.
        """
        user = unquote(request.getHFBody("from").getUri().url.username or "")
        target = request.getTarget()
        host = "" if target is None else target[0][0]
        hosts = [request.getRURI().host, domain, host, *self.served(host.strip("[]"))]
        if self._proxy:
            hosts.insert(0 if header == _PROXY else len(hosts), self._proxy)
        found = (self.keyring.find(user, str(each).strip("[]")) for each in dict.fromkeys(hosts) if each)
        return list(dict.fromkeys(each for each in found if each is not None))


@define(eq=False)
class _Login:
    """
    Our answer to one realm.

    @ivar once: our own nonce, the same for each request: C{-sess} wants that.
    @ivar uses: how many requests were answered for with the nonce of the challenge.
    @ivar proven: the nonce was taken once, or named as the next one: if it is refused, it has become too old.
    @ivar refused: what was wrong before.
    """

    challenge: Challenge
    credentials: Credentials
    refused: tuple[Credentials, ...] = ()
    once: str = field(factory=lambda: token_hex(8), init=False)
    uses: int = field(default=0, init=False)
    proven: bool = field(default=False, init=False)

    def header(self, name: str, request: SipRequest) -> SipHeader:
        """For a request that goes out next."""
        self.uses += 1
        body = request.getBody()
        value = answer(
            self.challenge,
            self.credentials,
            request.getMethod(),
            str(request.getRURI()),
            lambda: self.once,
            self.uses,
            "" if body is None else str(body.localStr()),
        )
        header = SipHeader(name=name, bodys=value)
        header.login = self
        return header


@define(eq=False)
class Answers:
    """
    What the servers on the way of one dialog, or of one registration, have asked for, and what they are answered: each
    realm in a header of its own (RFC 3261 section 22.3), in all requests that follow.

    @ivar domain: where the dialog began, if that is not what its requests are addressed to.
    """

    _logins: Authorizer
    domain: str = ""
    _byRealm: dict[tuple[str, str], _Login] = field(factory=dict, init=False)

    @property
    def account(self) -> str:
        """See L{Authorizer}."""
        return self._logins.account

    def headers(self, request: SipRequest) -> list[SipHeader]:
        """The logins that C{request}, which is complete but for them, goes out with."""
        return [login.header(name, request) for (name, _), login in self._byRealm.items()]

    def challenged(self, request: SipRequest, response: SipResponse) -> bool:
        """
        Is it of use to send C{request} again, with the L{headers} of now?

        @param response: a 401 or 407.
        """
        carried = {getattr(header, "login", None) for header in request.headers}
        asked = _asked(response)
        for realm, login in self._byRealm.items():
            if login in carried and realm not in asked:
                login.proven = True
        useful = [self._answers(realm, challenge, request, carried) for realm, challenge in asked.items()]
        return any(useful)

    def _answers(self, realm: tuple[str, str], challenge: Challenge, request: SipRequest, carried: set[object]) -> bool:
        """Is there something to say to a challenge that has not been said?"""
        login = self._byRealm.get(realm)
        if login is not None and login not in carried:
            return True
        refused: tuple[Credentials, ...] = ()
        if login is not None:
            isWrong = not (login.proven or challenge.stale)
            refused = (*login.refused, login.credentials) if isWrong else login.refused
        found = (each for each in self._logins.find(request, realm[0], self.domain) if each not in refused)
        credentials = next(found, None)
        if credentials is None or (login is None and len(self._byRealm) >= MAX_REALMS):
            self._byRealm.pop(realm, None)
            return False
        self._byRealm[realm] = _Login(challenge, credentials, refused)
        return True

    def again(self, request: SipRequest, response: SipResponse) -> bool:
        """
        Is it of use to send a request outside of dialogs again?  There are registrars that refuse a login that has
        become too old, and ask for no other; then it is forgotten.
        """
        code, _ = response.getSCode()
        if code in (401, 407):
            return self.challenged(request, response)
        carried = {getattr(header, "login", None) for header in request.headers}
        if code == 403 and any(login.proven and login in carried for login in self._byRealm.values()):
            self._byRealm.clear()
            return True
        return False

    def heard(self, response: SipResponse) -> None:
        """A response: if it is final, and no challenge, the logins were taken, and others may be wanted from now on."""
        code, _ = response.getSCode()
        if code < 200 or code in (401, 407):
            return
        for login in self._byRealm.values():
            login.proven = True
        for name, given in _NEXT:
            nonce = nextNonce(_raw(response, name))
            for realm, login in self._byRealm.items():
                if nonce and realm[0] == given:
                    login.challenge = evolve(login.challenge, nonce=nonce)
                    login.uses = 0


def _asked(response: SipResponse) -> dict[tuple[str, str], Challenge]:
    """What is asked for by each realm, by the header that is to hold the answer: the best that we know."""
    found: dict[tuple[str, str], Challenge] = {}
    for asking, given in _CHALLENGES:
        for challenge in challenges(_raw(response, asking)):
            found.setdefault((given, challenge.realm), challenge)
    return found


def judged(request: SipRequest, host: str, verifier: Verifier) -> Judgement:
    """
    Who has logged in with this request.

    @param host: where it came from, an IP literal.
    """
    branch = request.getHFBody("via").params.get("branch")
    name = f"{branch} {request.getHFBody('call-id')} {request.getHFBody('cseq')}"
    return verifier.judge(_raw(request, "authorization"), request.getMethod(), str(request.getRURI()), host, name)


def _raw(message: SipMsg, name: str) -> list[str]:
    """The text of headers, as it came."""
    return [str(header.body.body) for header in message.headers if header.name == name]
