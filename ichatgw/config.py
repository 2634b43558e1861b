# -*- test-case-name: ichatgw.test.test_config -*-
"""
Every setting once: L{Settings} is the table from which the parser of the configuration file, the command line options,
the sample file and the documentation are made.

C{python -m ichatgw.config sample} writes the sample file to the standard output, C{... rst} the documentation.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from attrs import NOTHING, Attribute, Factory, evolve, field, fields, frozen

from ichatgw import configdoc
from ichatgw.configfile import OUTPUT, PATTERN, Entry, Reader, Setting, environmentEntries, readFile
from ichatgw.configvalues import (
    ADDRESS,
    ADDRESSES,
    DOMAIN,
    DOMAINS,
    FILE,
    HOST,
    NETWORKS,
    NODE,
    PARTY,
    PAYLOAD_TYPES,
    PRIVATE,
    PROXY,
    SWITCH,
    TEXT,
    Kind,
    Network,
    Proxy,
    choice,
    whole,
)
from ichatgw.errors import ConfigError
from ichatgw.logfile import LEVELS
from ichatgw.model import Party

__all__ = ["TABLE", "Proxy", "Settings"]

_T = TypeVar("_T")

_XMPP = "XMPP server"
_RULES = "Translation rules"
_SIP = "SIP"
_CALLS = "Calls and media"
_LOG = "Log"
_TLS = "TLS"

PORT = whole(0, 65535)


def _setting(section: str, name: str, kind: Kind[_T], default: _T, help: str, /, **more: Any) -> _T:
    """Declare an attribute of L{Settings}; C{more} goes into its L{Setting}."""
    about = Setting(section, name, "", kind, help, **more)
    declared: _T = field(default=default, repr=not about.secret, metadata={"about": (about,)})
    return declared


def _rules(pattern: Setting, output: Setting) -> tuple[tuple[str, str], ...]:
    """Declare the one attribute that two settings make together."""
    declared: tuple[tuple[str, str], ...] = field(default=(), metadata={"about": (pattern, output)})
    return declared


def _gatewayItself(settings: Settings) -> Party:
    return Party(f"sip:ichat-gw@{settings.jabberComponentName}", "iChat-gw")


@frozen(kw_only=True)
class Settings:
    """What the administrator has decided.  L{Settings.load} reads it; the constructor checks nothing."""

    jabberServer: str = _setting(
        _XMPP,
        "JabberServer",
        HOST,
        "",
        "Host name or IP address of the XMPP server.",
        required=True,
        example="localhost",
    )
    jabberComponentName: str = _setting(
        _XMPP,
        "JabberComponentName",
        DOMAIN,
        "",
        "Name of the gateway as an external component (XEP-0114) of the XMPP server, as configured there. Phones are"
        " reached from iChat as number@JabberComponentName.",
        required=True,
        example="ichat-gw.jabber.company.com",
    )
    jabberComponentPassword: str = _setting(
        _XMPP,
        "JabberComponentPassword",
        TEXT,
        "",
        "Password of the component, as configured on the XMPP server.",
        required=True,
        secret=True,
        example="change-me",
    )
    jabberComponentPort: int = _setting(
        _XMPP, "JabberComponentPort", whole(1, 65535), 5275, "Port of the XMPP server for external components."
    )
    jabberServerPingDuration: int = _setting(
        _XMPP,
        "JabberServerPingDuration",
        whole(1, 86400, "seconds"),
        60,
        "Time between two pings that keep the link to the XMPP server alive.",
    )
    jabberControlUsername: str = _setting(
        _XMPP,
        "JabberControlUsername",
        NODE,
        "control",
        "The part before the @ of the control user. People with iChat add JabberControlUsername@JabberComponentName to"
        " their buddies, so that the gateway may see whether they are there and call them.",
    )
    subscriptionDatabase: str = _setting(
        _XMPP,
        "SubscriptionDatabase",
        FILE,
        "ichat-gw.sqlite",
        "File that remembers who has subscribed. It is made if it is not there, and then takes over the file"
        " ichat-gw.userdb of the older ichat-gw, if that stands beside it. none keeps subscriptions in memory only.",
    )
    translationRules: tuple[tuple[str, str], ...] = _rules(
        Setting(
            _RULES,
            PATTERN,
            "",
            Kind(str, "a regular expression in the syntax of Perl (PCRE2)"),
            "What a called address looks like: xmpp:number@JabberComponentName if iChat calls, sip:user@host if a phone"
            " does. It is searched for in the address; write ^ and $ to match all of it. TranslationPattern and"
            " TranslationOutput stand in pairs, as many as are needed; the first pattern that matches decides, and a"
            " call to an address that none matches is refused. Rules on the command line replace those of the file.",
            example=r"^xmpp:(.*)@ichat-gw\.jabber\.company\.com$",
        ),
        Setting(
            _RULES,
            OUTPUT,
            "",
            Kind(str, "an address that starts with sip:, sips: or xmpp:"),
            "The address to call instead, for the TranslationPattern before it. $1 to $9 stand for what the brackets of"
            " the pattern matched. An address that starts with xmpp: is called on iChat, any other by SIP.",
            example="sip:$1@sipdomain.com",
            sampleTail=(
                "# The other way, from phones to iChat:",
                r"#TranslationPattern = ^sip:(.*)@sipdomain\.com$",
                "#TranslationOutput = xmpp:$1@jabber.company.com",
            ),
        ),
    )
    ipAddress: str = _setting(
        _SIP,
        "IPAddress",
        ADDRESS,
        "",
        "The address of this host to use for SIP and media. If left blank all are used; if given, the gateway serves"
        " only the one of IPv4 and IPv6 that it belongs to.",
    )
    advertisedAddress: tuple[str, ...] = _setting(
        _SIP,
        "AdvertisedAddress",
        ADDRESSES,
        (),
        "The public address of a router that hands everything on to this host, port by port (1:1 NAT): hosts in the"
        " Internet are told it for SIP and media, those on private networks are not. One of IPv4, of IPv6, or of each.",
        example="203.0.113.10",
    )
    udpTcpPort: int = _setting(
        _SIP, "UDPTCPPort", PORT, 5070, "Port for SIP over UDP (this version uses no TCP); 0 takes any free one."
    )
    dnsServers: tuple[str, ...] = _setting(
        _SIP, "DNSServers", ADDRESSES, (), "DNS servers to ask. If left blank, those of the operating system."
    )
    sipGatewayIdentity: Party = _setting(
        _SIP,
        "SIPGatewayIdentity",
        PARTY,
        Factory(_gatewayItself, takes_self=True),
        "Who calls, in the From header of calls whose caller is not known. People do not get to see it.",
        default='"iChat-gw" <sip:ichat-gw@JabberComponentName>',
    )
    assertIdentity: bool = _setting(
        _SIP,
        "AssertIdentity",
        SWITCH,
        False,
        "Whether calls to SIP carry the caller in P-Asserted-Identity (RFC 3325) too, even if he does not want to be"
        " shown. For a server that is trusted with that, and takes it away before it lets a call out.",
    )
    outboundProxy: Proxy | None = _setting(
        _SIP,
        "OutboundProxy",
        PROXY,
        None,
        "SIP proxy that all requests are sent to, whatever their address. If left blank they go to the host in the"
        " address. This version reaches it by UDP only.",
    )
    keepAlives: bool = _setting(
        _SIP,
        "KeepAlives",
        SWITCH,
        True,
        "Whether to send empty packets to phones in calls, to keep routers' doors open.",
        served=False,
        harmless=(False,),
    )
    registrationTime: int = _setting(
        _SIP,
        "RegistrationTime",
        whole(0, 10_000_000, "seconds"),
        3600,
        "For how long people with iChat are registered at the SIP server of their translated address; 0 for never.",
        served=False,
        harmless=(0,),
    )
    registrationRetryTime: int = _setting(
        _SIP,
        "RegistrationRetryTime",
        whole(1, 10_000_000, "seconds"),
        120,
        "How long to wait after a registration that failed.",
        served=False,
    )
    iChatProceedingTimeout: int = _setting(
        _CALLS,
        "IChatProceedingTimeout",
        whole(100, 600_000, "milliseconds"),
        5000,
        "How long a called iChat user may take to be found. After that the phone hears that he is not there.",
    )
    ringingTimeout: int = _setting(
        _CALLS, "RingingTimeout", whole(1, 3600, "seconds"), 180, "How long a call may ring before it is given up."
    )
    iChatInviteTimeout: int = _setting(
        _CALLS,
        "IChatInviteTimeout",
        whole(1, 600, "seconds"),
        30,
        "How long an iChat that has been told that its call was answered may take to open its media.",
    )
    allowedSIPPeers: tuple[Network, ...] = _setting(
        _CALLS,
        "AllowedSIPPeers",
        NETWORKS,
        PRIVATE,
        "The hosts whose calls are taken: addresses and networks. The word private stands for loopback, private and"
        " link-local addresses, any for all the world. Calls from elsewhere are answered 403. An OutboundProxy that is"
        " given as an address is always allowed, and so are iChats, which answer calls of ours.",
        default="private",
        example="private, 203.0.113.7",
    )
    allowedXMPPDomains: tuple[str, ...] = _setting(
        _CALLS,
        "AllowedXMPPDomains",
        DOMAINS,
        (),
        "The domains whose iChat users may call phones. If left blank, only that of which JabberComponentName is a"
        " part.",
        default="",
        example="jabber.company.com, example.org",
    )
    maxCalls: int = _setting(
        _CALLS,
        "MaxCalls",
        whole(0, 100_000),
        0,
        "The most calls at a time; further ones are refused. 0 for as many as there are media ports for.",
    )
    mediaRelayPortRangeMin: int = _setting(
        _CALLS,
        "MediaRelayPortRangeMin",
        whole(1, 65535),
        8000,
        "First port of the media relay. A call takes four: an even one and the next for either party.",
    )
    mediaRelayPortRangeMax: int = _setting(
        _CALLS, "MediaRelayPortRangeMax", whole(1, 65535), 9999, "Last port of the media relay."
    )
    alwaysRelayIChatMedia: bool = _setting(
        _CALLS,
        "AlwaysRelayIChatMedia",
        SWITCH,
        True,
        "Whether media of calls with iChat pass through the gateway, as in this version they always do.",
        served=False,
    )
    codecIdFilterList: tuple[int, ...] = _setting(
        _CALLS,
        "CodecIdFilterList",
        PAYLOAD_TYPES,
        (3,),
        "Payload types of codecs that are taken out of offers. The default, 3 (GSM), does not work between iChat and"
        " some phones. Several lines add up; a blank one takes out nothing.",
    )
    preferIPv6: bool = _setting(
        _CALLS,
        "PreferIPv6",
        SWITCH,
        False,
        "Whether to choose an IPv6 address of an iChat, or of a host that is looked up, that has both kinds.",
    )
    skipFirstIChatAddress: bool = _setting(
        _CALLS,
        "SkipFirstIChatAddress",
        SWITCH,
        False,
        "Whether to pass over the first address that an iChat gives, for tests of the others.",
    )
    logLevel: str = _setting(
        _LOG,
        "LogLevel",
        choice(*LEVELS),
        "INFO",
        "How much is logged. STACK is DEBUG and every message in full.",
    )
    logFilename: str = _setting(
        _LOG,
        "LogFilename",
        FILE,
        "",
        "File to log to. If left blank the log goes where twistd sends it: to the standard output or to twistd.log, or"
        " where its option --logfile says.",
    )
    logFileMaxLines: int = _setting(
        _LOG,
        "LogFileMaxLines",
        whole(0, 100_000_000, "lines"),
        50000,
        "After how many lines a new log file is started; 50000 lines are some 5 MB. The old ones are kept as"
        " LogFilename.1 to LogFilename.5, .1 being the newest. 0 for never.",
    )
    tlsPort: int = _setting(_TLS, "TLSPort", PORT, 5071, "Port for SIP over TLS.", served=False)
    tlsDomain: str = _setting(
        _TLS,
        "TLSDomain",
        DOMAIN,
        "",
        "Domain of this server in its certificate.",
        served=False,
        aliases=("TLSDomainName",),
    )
    tlsCertificate: str = _setting(_TLS, "TLSCertificate", FILE, "", "Certificate of this server, PEM.", served=False)
    tlsPrivateKey: str = _setting(_TLS, "TLSPrivateKey", FILE, "", "Private key of the certificate, PEM.", served=False)
    tlsPrivateKeyPassPhrase: str = _setting(
        _TLS, "TLSPrivateKeyPassPhrase", TEXT, "", "Pass phrase of the private key.", served=False, secret=True
    )
    tlsDHParamsFilename: str = _setting(
        _TLS, "TLSDHParamsFilename", FILE, "", "Diffie-Hellman parameters, PEM.", served=False
    )

    @classmethod
    def load(
        cls, path: str | None, overrides: Iterable[tuple[str, str]] = (), environ: Mapping[str, str] | None = None
    ) -> tuple[Settings, list[str]]:
        """
        Read the settings: the command line comes before the environment, this before the file.

        @param path: the configuration file, or C{None} for none.
        @param overrides: names, in any case, and values from the command line, in order.
        @param environ: may hold secrets, as C{ICHATGW_} and the name in capitals.
        @return: the settings, and warnings for the log.
        @raise ConfigError: if the gateway cannot start with them; the text has a line for each problem.
        """
        reader = Reader(TABLE)
        if path is not None:
            reader.take(readFile(path, reader))
        reader.take(environmentEntries(TABLE, environ or {}))
        reader.take(Entry("command line", name, value) for name, value in overrides)
        settings = cls(**reader.values)
        for attributes, expected in _conflicts(settings):
            blamed = next(attribute for attribute in attributes if attribute in reader.entries)
            reader.wrong(reader.entries[blamed], expected)
        for setting in TABLE:
            if setting.required and setting.attribute not in reader.values and setting.name not in reader.faulty:
                reader.problems.append(f"{path or 'settings'}: {setting.name} is missing: {setting.help}")
        if reader.problems:
            raise ConfigError("\n".join(reader.problems))
        return settings, [*reader.warnings, *_doubts(settings)]


def _conflicts(settings: Settings) -> Iterator[tuple[tuple[str, ...], str]]:
    """Settings that exclude each other: the attributes, the one to blame first, and what it should be."""
    least = settings.mediaRelayPortRangeMin + settings.mediaRelayPortRangeMin % 2 + 3
    if settings.mediaRelayPortRangeMax < least:
        expected = f"a range with room for a call, which takes four ports: MediaRelayPortRangeMax at least {least}"
        yield ("mediaRelayPortRangeMax", "mediaRelayPortRangeMin"), expected
    families = [":" in address for address in settings.advertisedAddress]
    if len(set(families)) != len(families):
        yield ("advertisedAddress",), "at most one address of IPv4 and one of IPv6"


def _doubts(settings: Settings) -> Iterator[str]:
    """What is possible, but hardly meant."""
    if settings.outboundProxy is not None and settings.outboundProxy.transport != "udp":
        yield f"OutboundProxy: {settings.outboundProxy.transport} is not used by this version, UDP is"
    if 0 in settings.codecIdFilterList:
        yield "CodecIdFilterList: without 0 (PCMU) no call with iChat can have sound"
    if not settings.translationRules:
        yield "TranslationPattern: there are no translation rules, so every call will be refused"


def _about(attribute: Attribute[Any]) -> Iterator[Setting]:
    """The settings behind an attribute, with what only the finished class knows."""
    for setting in attribute.metadata["about"]:
        default = setting.default
        if not default and attribute.default not in (NOTHING, None, "", ()):
            default = setting.kind.show(attribute.default)
        yield evolve(setting, attribute=attribute.name, default=default)


TABLE: tuple[Setting, ...] = tuple(setting for attribute in fields(Settings) for setting in _about(attribute))


def main(arguments: list[str]) -> int:
    """Write what is made from the table."""
    writers = {"sample": configdoc.sample, "rst": configdoc.rst}
    if len(arguments) != 1 or arguments[0] not in writers:
        sys.stderr.write("Usage: python -m ichatgw.config sample|rst\n")
        return 2
    sys.stdout.write(writers[arguments[0]](TABLE))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
