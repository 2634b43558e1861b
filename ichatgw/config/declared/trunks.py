# -*- test-case-name: ichatgw.test.config.test_trunks,ichatgw.test.config.test_settings,ichatgw.test.sip.trunk.test_callerid -*-  # noqa: E501
"""
Settings of trunks: accounts at SIP servers, by which calls come and go, whether users are online or not.
"""

from __future__ import annotations

import re
from typing import Any

from attrs import Attribute, field, fields, frozen

from ichatgw.config.declared.declare import group
from ichatgw.config.reading.kinds import PROXY, TEXT, Kind, Proxy, choice, wholeOrNone, words
from ichatgw.config.reading.reader import Reload, Setting

_TRUNKS = "Trunks"

TRUNK = "Trunk"
"""The setting that begins a trunk."""

AUTO, REQUEST_URI, TO, CALLED_PARTY, DIVERSION = "auto", "Request-URI", "To", "P-Called-Party-ID", "Diversion"
FROM, ASSERTED, PREFERRED, REMOTE_PARTY = "From", "P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID"
AS_PHONES = "as phones"
GRUU, OUTBOUND, BULK = "gruu", "outbound", "bulk"

MAX_PROXIES = 4
"""How many outbound proxies a trunk has at most."""

_NAME = re.compile("[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?", re.IGNORECASE)
_NUMBER = re.compile(r"\+?[0-9*#]{1,32}")
_USER = re.compile(r"""[^\s@<>":;?]{1,128}""")
_PREFIX = re.compile(r"\+?[0-9*#]{1,16}")


def _fitting(pattern: re.Pattern[str], expected: str, lower: bool = False) -> Kind[str]:
    def parse(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(text)
        return text.lower() if lower else text

    return Kind(parse, expected)


def _numbers(text: str) -> tuple[str, ...]:
    found = tuple(re.sub("[-/().]", "", word) for word in re.split("[,;]|\\s+(?=[+])", text))
    found = tuple(re.sub(r"\s", "", number) for number in found if number.strip())
    if not all(map(_NUMBER.fullmatch, found)):
        raise ValueError(text)
    return tuple(dict.fromkeys(found))


def _proxies(text: str) -> tuple[Proxy, ...]:
    found = tuple(PROXY.parse(word) for word in re.split(r"[,\s]+", text) if word)
    return tuple(dict.fromkeys(proxy for proxy in found if proxy is not None))


def _shown(proxies: tuple[Proxy, ...]) -> str:
    return ", ".join(map(str, proxies))


_NAMES: Kind[str] = _fitting(_NAME, "a word of letters, digits and hyphens that begins with a letter", lower=True)
_USERS: Kind[str] = _fitting(_USER, "the part of a SIP address before the @")
_PREFIXES: Kind[str] = _fitting(_PREFIX, "digits")
_PROXIES: Kind[tuple[Proxy, ...]] = Kind(
    _proxies, "SIP URIs such as sip:proxy.example.com:5060, separated by commas", show=_shown, blank=()
)
_NUMBERS: Kind[tuple[str, ...]] = Kind(_numbers, "telephone numbers, separated by commas", show=", ".join, blank=())


def bare(number: str) -> str:
    """A number without what tells that it is a whole one: C{+49...}, C{0049...} and C{49...} are one."""
    digits = number.removeprefix("+")
    return digits if digits != number else digits.removeprefix("00")


@frozen
class Trunk:
    """
    An account at a SIP server.

    @ivar name: by which rules call it, in lower case.
    @ivar server: its address there, and where it is reached if there is no C{proxy}.
    @ivar user: the user part of its address; empty if the server knows us by our address.
    @ivar login: the name to log in with.
    @ivar proxies: where all requests go; it is registered by each.
    @ivar extensions: what its registrar is asked for, some of L{GRUU}, L{OUTBOUND} and L{BULK}.
    @ivar registrationTime: for how many seconds to register; 0 for not at all.
    @ivar numbers: that lead to us by it, the first of them for callers who have none of their own.
    @ivar calledNumber: where its calls say which number is called.
    @ivar callerNumber: the headers in which our calls say which number calls.
    @ivar maxCalls: the most calls at a time, both ways; 0 for any number.
    @ivar probeTime: seconds from one OPTIONS to the next; 0 for none.
    @ivar mailbox: the user of the mailbox there that is asked what waits; empty for none.
    @ivar dialPrefix: what the server wants before numbers.
    @ivar mediaEncryption: as C{SIPMediaEncryption}, or L{AS_PHONES}.
    """

    name: str
    server: Proxy
    user: str = ""
    login: str = ""
    password: str = field(default="", repr=False)
    proxies: tuple[Proxy, ...] = ()
    extensions: tuple[str, ...] = ()
    registrationTime: int = 600
    numbers: tuple[str, ...] = ()
    calledNumber: str = AUTO
    callerNumber: tuple[str, ...] = (PREFERRED,)
    maxCalls: int = 0
    probeTime: int = 30
    mailbox: str = ""
    dialPrefix: str = ""
    mediaEncryption: str = AS_PHONES
    _own: dict[str, str] = field(init=False, eq=False, repr=False)

    @_own.default
    def _written(self) -> dict[str, str]:
        return {bare(number): number for number in reversed(self.numbers)}

    def own(self, number: str) -> str:
        """How it writes a number of its own, however that is written; empty if it is none."""
        return self._own.get(bare(number), "")

    @property
    def registers(self) -> bool:
        """Is it to be registered?"""
        return bool(self.registrationTime and self.user)

    @property
    def aor(self) -> str:
        """Its address of record, which has no port (RFC 3261 section 19.1.1); empty if it has none."""
        host = f"[{self.server.host}]" if ":" in self.server.host else self.server.host
        return f"sip:{self.user}@{host}" if self.user else ""


def made(**values: Any) -> Trunk:
    """
    A trunk, of the values that were given.

    @raise ValueError: if they do not go together; the text says why.
    """
    if "server" not in values:
        raise ValueError("TrunkServer is missing")
    trunk = Trunk(**values)
    if trunk.password and not (trunk.user or trunk.login):
        raise ValueError("it has a password and neither TrunkUser nor TrunkLogin")
    if len(trunk.proxies) > MAX_PROXIES:
        raise ValueError(f"it has more than {MAX_PROXIES} TrunkProxy")
    if trunk.extensions and not trunk.registers:
        raise ValueError("TrunkExtensions are for trunks that are registered: that needs a TrunkUser")
    return trunk


def _about(name: str, kind: Kind[Any], help: str, part: str, **more: Any) -> Setting:
    default: Attribute[Any] = getattr(fields(Trunk), part)
    shown = "" if default.default in ("", (), None) or part in ("name", "server") else kind.show(default.default)
    return Setting(
        _TRUNKS, name, "trunks", kind, help, group=TRUNK, part=part, default=shown, reload=Reload.AT_ONCE, **more
    )


@frozen(kw_only=True, slots=False)
class TrunkSettings:
    """What the administrator has decided about trunks."""

    trunks: tuple[Trunk, ...] = group(
        made,
        _about(
            TRUNK,
            _NAMES,
            "Begins a trunk, an account at a provider or a PBX, and names it. The settings that follow are about it, up"
            " to the next Trunk. A translation rule whose output has names of trunks in the place of the host, such as"
            " sip:$1@provider,backup, calls by the first of them that works. Calls that come by a trunk are looked for"
            " as sip:number@name. Trunks on the command line replace those of the file. See docs/trunks.rst.",
            "name",
            example="provider",
        ),
        _about(
            "TrunkServer",
            PROXY,
            "The SIP server or domain of the account. ;transport=tcp or tls, or sips:, says how it is reached.",
            "server",
            example="sip:sip.example.com",
        ),
        _about(
            "TrunkUser",
            _USERS,
            "The user of the account, of whom user@server is the address. If left blank the server knows the gateway by"
            " its IP address, and nothing is registered.",
            "user",
            example="4930123456",
        ),
        _about("TrunkLogin", TEXT, "The name to log in with, if that is not TrunkUser.", "login", example="4930123456"),
        _about(
            "TrunkPassword",
            TEXT,
            "The password of the account. A variable of the environment has the name of the trunk appended, such as"
            " ICHATGW_TRUNKPASSWORD_PROVIDER (a hyphen is _ there). A TrunkPasswordFile without / is looked for among"
            " the credentials of systemd first.",
            "password",
            secret=True,
            example="change-me",
        ),
        _about(
            "TrunkProxy",
            _PROXIES,
            "Where all requests of the trunk are sent, if not to its server: an outbound proxy or a session border"
            " controller. If there are several the trunk is registered by each at a time (RFC 5626), calls come by any,"
            " and go by the first that answers. Several lines add up.",
            "proxies",
            example="sip:sbc.example.com;transport=tls",
        ),
        _about(
            "TrunkExtensions",
            words(GRUU, OUTBOUND, BULK),
            "What the registrar is asked for. gruu: an address that leads to us from anywhere (RFC 5627), which is our"
            " Contact in calls if it grants one. outbound: that it keeps this flow apart (RFC 5626); several TrunkProxy"
            " ask for that by themselves. bulk: one registration for all numbers of the account (RFC 6140), as some"
            " providers of trunks for PBXs want it. None is asked for by itself, as there are registrars that refuse"
            " those who ask.",
            "extensions",
            example="gruu, outbound",
        ),
        _about(
            "TrunkRegistrationTime",
            wholeOrNone(30, 86_400, "seconds"),
            "For how long the trunk is registered at a time; 0 for never: the server then sends calls to our address.",
            "registrationTime",
        ),
        _about(
            "TrunkNumbers",
            _NUMBERS,
            "The numbers that belong to the trunk. Who has none of them calls under the first. Several lines add up.",
            "numbers",
            example="+4930123450, +4930123451",
        ),
        _about(
            "TrunkCalledNumber",
            choice(AUTO, REQUEST_URI, TO, CALLED_PARTY, DIVERSION),
            "Where calls that come by the trunk say which number is called. auto takes the Request-URI if it holds"
            " another user than the one that was registered, else P-Called-Party-ID, else To.",
            "calledNumber",
        ),
        _about(
            "TrunkCallerNumber",
            words(FROM, ASSERTED, PREFERRED, REMOTE_PARTY),
            "The headers in which calls that go by the trunk say which number calls, one or more. Without From, From"
            " holds TrunkUser, as most providers want it.",
            "callerNumber",
        ),
        _about(
            "TrunkMaxCalls",
            wholeOrNone(1, 100_000, "calls"),
            "The most calls by the trunk at a time, both ways; 0 for any number. Calls that go out take the next trunk"
            " of their rule then.",
            "maxCalls",
        ),
        _about(
            "TrunkProbeTime",
            wholeOrNone(5, 3600, "seconds"),
            "How often the server is asked, by OPTIONS, whether it is there; 0 for never. Calls pass over a trunk that"
            " does not answer as long as their rule has another one.",
            "probeTime",
        ),
        _about(
            "TrunkMailbox",
            _USERS,
            "The user, at the server of the trunk, of a mailbox that is subscribed to (RFC 3842), often that in"
            " TrunkUser. What waits there becomes a message to whom its number leads to. If left blank nothing is asked"
            " for, and what the server says by itself is taken.",
            "mailbox",
            example="4930123456",
        ),
        _about(
            "TrunkDialPrefix",
            _PREFIXES,
            "What the server wants before each number that is called, to get an outside line say.",
            "dialPrefix",
            example="0",
        ),
        _about(
            "TrunkMediaEncryption",
            choice(AS_PHONES, "never", "optional", "required"),
            "Whether media of the trunk is encrypted, if that is another than SIPMediaEncryption says.",
            "mediaEncryption",
        ),
    )
