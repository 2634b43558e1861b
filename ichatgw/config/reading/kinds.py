# -*- test-case-name: ichatgw.test.config.reading.test_kinds,ichatgw.test.config.reading.test_readersyntax,ichatgw.test.config.test_settings,ichatgw.test.config.test_reload,ichatgw.test.config.test_reloadable -*-  # noqa: E501
"""
The kinds of values that settings take: how each is read from text, and how it is described to administrators.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any, Generic, TypeVar

from attrs import frozen

from ichatgw.model import Party, TransportAddress
from ichatgw.net.networks import PRIVATE, Network

_T = TypeVar("_T")
_TRUE = ("on", "true", "1", "enable")
_FALSE = ("off", "false", "0", "disable")
DNS_PORT = 53
_SEPARATORS = re.compile(r"[ \t,;]+")
_NAME_ADDR = re.compile(r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<words>[^<>"]*))\s*<(?P<uri>[^<>]+)>')
_SIP_URI = re.compile(r"(?P<scheme>sips?):(?P<address>[^;?]+)(?P<parameters>[^?]*)(?:\?.*)?", re.IGNORECASE)
_ADDRESS_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):([0-9]{1,5})")
_HOST_PORT = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^\s:\[\]@]+)(?::(?P<port>[0-9]{1,5}))?")
_HOST = re.compile(r"""[^\s@/:<>"'&,;\\*?$%!()=#]{1,255}""")
_NUMBERS = re.compile(r"(?:.*\.)?[0-9]+\.?")
"""No name ends so (RFC 3696 section 2): it is an address with a mistake."""

_NODE = re.compile(r"""[^\s@/:<>"'&]{1,255}""")


@frozen
class Kind(Generic[_T]):
    """
    One kind of value.

    @ivar parse: makes the value of a text that is not empty; raises C{ValueError} if it cannot.
    @ivar expected: what the text should be, for error messages and the documentation.
    @ivar show: makes the text of a value.
    @ivar blank: what an empty text means; C{None} if it means the default.
    @ivar unit: what a number counts.
    @ivar isOne: is a value one, though it is a tuple?  Other tuples are lists, and several lines of them add up.
    """

    parse: Callable[[str], _T]
    expected: str
    show: Callable[[Any], str] = str
    blank: _T | None = None
    unit: str = ""
    isOne: bool = False

    def isList(self, value: object) -> bool:
        """Do several lines with values such as this one add up?"""
        return isinstance(value, tuple) and not self.isOne


@frozen
class Proxy:
    """
    The SIP proxy that takes all our requests.

    @ivar host: a name, or an IP literal without brackets.
    @ivar port: C{None} if it is not given: then the DNS says (RFC 3263).
    @ivar transport: C{udp}, C{tcp} or C{tls}; empty if it is not given.
    """

    host: str
    port: int | None = None
    transport: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port is not None else ""
        return f"sip:{host}{port}" + (f";transport={self.transport}" if self.transport else "")


def whole(least: int, most: int, unit: str = "") -> Kind[int]:
    """A whole number within limits."""

    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(text)
        return int(text)

    expected = f"a whole number of {unit}".removesuffix(" of ") + f" from {least} to {most}"
    return Kind(parse, expected, unit=unit)


def wholeOrNone(least: int, most: int, unit: str = "") -> Kind[int]:
    """A whole number within limits, or 0 for none at all."""
    inner = whole(least, most, unit)

    def parse(text: str) -> int:
        return 0 if text == "0" else inner.parse(text)

    return Kind(parse, f"0, or {inner.expected}", unit=unit)


def choice(*words: str) -> Kind[str]:
    """One of some words, whatever their case."""

    def parse(text: str) -> str:
        for word in words:
            if text.upper() == word.upper():
                return word
        raise ValueError(text)

    return Kind(parse, "one of " + ", ".join(words))


def words(*known: str) -> Kind[tuple[str, ...]]:
    """Some of several words, whatever their case, separated by commas or blanks."""
    one = choice(*known)

    def parse(text: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(one.parse, _parseList(text))))

    return Kind(parse, f"some of {', '.join(known)}", show=_join)


def _matching(pattern: re.Pattern[str], expected: str) -> Kind[str]:
    def parse(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(text)
        return text

    return Kind(parse, expected)


def _parseSwitch(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(text)


def _parseAddress(text: str) -> str:
    address = ip_address(text)
    if address.is_unspecified or address.is_multicast:
        raise ValueError(text)
    return text


def _parseServers(text: str) -> tuple[TransportAddress, ...]:
    """Addresses, each with a port if it is not that of DNS: C{192.0.2.1:5353}, C{[2001:db8::1]:5353}."""
    found = []
    for word in _parseList(text):
        match = _ADDRESS_PORT.fullmatch(word)
        host, port = (match[1] or match[2], int(match[3])) if match is not None else (word, DNS_PORT)
        if not 0 < port < 65536:
            raise ValueError(word)
        found.append(TransportAddress(_parseAddress(host), port))
    return tuple(dict.fromkeys(found))


def _showServers(servers: tuple[TransportAddress, ...]) -> str:
    return ", ".join(server.host if server.port == DNS_PORT else str(server) for server in servers)


def _parseHost(text: str) -> str:
    """A name or an IP literal; brackets around IPv6 are taken away."""
    literal = text.removeprefix("[").removesuffix("]")
    if ":" in literal:
        return _parseAddress(literal)
    if not _HOST.fullmatch(text) or (_NUMBERS.fullmatch(text) and not _isAddress(text)):
        raise ValueError(text)
    return text


def _isAddress(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _parseHostAndPort(text: str) -> tuple[str, int]:
    """The port is 0 if it is not given."""
    found = _HOST_PORT.fullmatch(text)
    if found is None or int(found["port"] or 0) > 65535:
        raise ValueError
    return _parseHost(found["host"].strip("[]")), int(found["port"] or 0)


def _parseHepServer(text: str) -> tuple[str, int, str]:
    """The port is 0 if it is not given."""
    where, _, transport = text.partition(";")
    if transport.lower() not in ("", "transport=udp", "transport=tcp"):
        raise ValueError
    return (*_parseHostAndPort(where), transport.lower().partition("=")[2] or "udp")


def _showHepServer(host: str, port: int, transport: str) -> str:
    name = f"[{host}]" if ":" in host else host
    return name + (f":{port}" if port else "") + (";transport=tcp" if transport == "tcp" else "")


def _parseList(text: str) -> list[str]:
    return [item for item in _SEPARATORS.split(text) if item]


def _parsePayloadTypes(text: str) -> tuple[int, ...]:
    number = whole(0, 127)
    return tuple(dict.fromkeys(number.parse(item) for item in _parseList(text)))


def _parseParty(text: str) -> Party:
    """A SIP name-addr (RFC 3261 section 25.1) without its parameters; the C{sip:} may be missing."""
    text = text.replace("\u201c", '"').replace("\u201d", '"')  # as word processors print them
    nameAddr = _NAME_ADDR.fullmatch(text)
    quoted, words, uri = nameAddr.group("quoted", "words", "uri") if nameAddr else (None, None, text)
    scheme, address, _ = _splitSipUri(uri)
    user, at, host = address.rpartition("@")
    match = _HOST_PORT.fullmatch(host)
    if match is None or (at and not re.fullmatch(r'[^\s@<>":]+', user)):
        raise ValueError(text)
    _parseHost(match["host"])
    name = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else (words or "").strip()
    return Party(f"{scheme}:{address}", name)


def _parseProxy(text: str) -> Proxy:
    """A SIP URI without a user, in angle brackets or not; the C{sip:} may be missing."""
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    scheme, address, parameters = _splitSipUri(text)
    match = _HOST_PORT.fullmatch(address)
    transport = re.search(";transport=([a-z]+)", parameters.lower())
    kind = transport[1] if transport else ""
    if match is None or kind not in ("udp", "tcp", "tls", "") or (scheme, kind) == ("sips", "udp"):
        raise ValueError(text)
    if scheme == "sips":
        kind = "tls"  # if it says tcp, that is what TLS goes over (RFC 3261 section 26.2.2)
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 0 < port <= 65535:
        raise ValueError(text)
    return Proxy(_parseHost(match["host"]), port, kind)


def _splitSipUri(uri: str) -> tuple[str, str, str]:
    """Scheme, user and host, and parameters."""
    match = _SIP_URI.fullmatch(uri) or _SIP_URI.fullmatch("sip:" + uri)
    if match is None:
        raise ValueError(uri)
    return match["scheme"].lower(), match["address"], match["parameters"]


def _join(values: tuple[object, ...]) -> str:
    return ", ".join(map(str, values))


TEXT: Kind[str] = Kind(str, "any text")


def _parseWritable(text: str) -> str:
    """
    A file that is there and can be written, or that can be made; C{-} is the output.  Nothing is made here.  A pipe
    without a reader would keep us waiting; one of the system's own (C{/dev/stdout}) is read.
    """
    if text == "-":
        return text
    if os.path.exists(text) and not os.path.isfile(text) and not text.startswith(("/dev/", "/proc/")):
        raise ValueError(text)
    if os.path.isdir(text) or not os.access(text if os.path.exists(text) else os.path.dirname(text) or ".", os.W_OK):
        raise ValueError(text)
    return text


def _parseDirectory(text: str) -> str:
    if not os.path.isdir(text) or not os.access(text, os.R_OK | os.X_OK):
        raise ValueError(text)
    return text


def _parseReadable(text: str) -> str:
    """A plain file that is there and can be read: a pipe could keep us waiting for ever."""
    if not os.path.isfile(text) or not os.access(text, os.R_OK):
        raise ValueError(text)
    return text


FILE: Kind[str] = Kind(str, "the name of a file")
READABLE: Kind[str] = Kind(_parseReadable, "the name of a plain file that can be read")
DIRECTORY: Kind[str] = Kind(_parseDirectory, "the name of a directory that can be read")
WRITABLE: Kind[str] = Kind(_parseWritable, "the name of a file that can be written")
SWITCH: Kind[bool] = Kind(
    _parseSwitch, f"{'|'.join(_TRUE)} or {'|'.join(_FALSE)}", show=lambda value: "on" if value else "off"
)
_ANY: tuple[Network, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))


def _parseNetworks(text: str) -> tuple[Network, ...]:
    found: list[Network] = []
    for word in _parseList(text):
        found += {"private": PRIVATE, "any": _ANY}.get(word.lower()) or (ip_network(word, strict=False),)
    return tuple(dict.fromkeys(found))


def _showNetworks(networks: tuple[Network, ...]) -> str:
    words = {PRIVATE: "private", _ANY: "any"}
    return words.get(networks) or _join(networks)


def _parseDomains(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(DOMAIN.parse(word).lower().rstrip(".") for word in _parseList(text)))


def _parseAlgorithms(text: str) -> tuple[str, ...]:
    known = {name.lower(): name for name in ("SHA-256", "SHA-512-256", "MD5")}
    found = tuple(dict.fromkeys(known.get(word.lower(), "") for word in _parseList(text)))
    if "" in found:
        raise ValueError(text)
    return found


ADDRESS: Kind[str] = Kind(_parseAddress, "an IPv4 or IPv6 address of this host")
ADDRESSES: Kind[tuple[str, ...]] = Kind(
    lambda text: tuple(dict.fromkeys(map(_parseAddress, _parseList(text)))),
    "IP addresses, separated by commas",
    show=_join,
    blank=(),
)
NAME_SERVERS: Kind[tuple[TransportAddress, ...]] = Kind(
    _parseServers, "IP addresses, with a port or without, separated by commas", show=_showServers, blank=()
)
PAYLOAD_TYPES: Kind[tuple[int, ...]] = Kind(
    _parsePayloadTypes, "RTP payload type numbers from 0 to 127, separated by commas", show=_join, blank=()
)
NETWORKS: Kind[tuple[Network, ...]] = Kind(
    _parseNetworks,
    "IP addresses or networks such as 192.0.2.0/24, or the words private or any, separated by commas",
    show=_showNetworks,
    blank=(),
)
ALGORITHMS: Kind[tuple[str, ...]] = Kind(
    _parseAlgorithms, "SHA-256, SHA-512-256 or MD5, separated by commas", show=_join
)
DOMAINS: Kind[tuple[str, ...]] = Kind(
    _parseDomains, "domain names, separated by commas (there is no word for all of them)", show=_join, blank=()
)
HOST: Kind[str] = Kind(_parseHost, "a host name or an IP address")
HOST_AND_PORT: Kind[tuple[str, int] | None] = Kind(
    _parseHostAndPort, "a host name or an IP address, and a port if need be, such as stun.example.com:3478", isOne=True
)
HEP_SERVER: Kind[tuple[str, int, str] | None] = Kind(
    _parseHepServer,
    "a host name or an IP address, a port if need be, and ;transport=tcp for TCP, such as homer.example.com:9060",
    show=lambda server: "" if server is None else _showHepServer(*server),
    isOne=True,
)
DOMAIN: Kind[str] = _matching(_HOST, "a domain name")
NODE: Kind[str] = _matching(_NODE, "the part of an XMPP address before the @")
PARTY: Kind[Party] = Kind(_parseParty, 'a SIP address such as "Name" <sip:user@host>')
PROXY: Kind[Proxy | None] = Kind(_parseProxy, "a SIP URI such as sip:proxy.example.com:5060")
