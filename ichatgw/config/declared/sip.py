# -*- test-case-name: ichatgw.test.config.test_settings,ichatgw.test.config.reading.test_kinds -*-
"""
Settings of SIP: addresses, names, proxies and registrations.
"""

from __future__ import annotations

from attrs import Factory, frozen

from ichatgw.config.declared.declare import PORT, setting
from ichatgw.config.declared.xmpp import XMPPSettings
from ichatgw.config.reading.kinds import (
    ADDRESS,
    ADDRESSES,
    ALGORITHMS,
    NAME_SERVERS,
    PARTY,
    PROXY,
    READABLE,
    SWITCH,
    Proxy,
    choice,
    whole,
)
from ichatgw.config.reading.reader import Reload
from ichatgw.model import Party, TransportAddress
from ichatgw.xmpp.presence.staying import Who

_SIP = "SIP"

REQUEST_URI, TO = "Request-URI", "To"


def _gatewayItself(settings: XMPPSettings) -> Party:
    return Party(f"sip:ichat-gw@{settings.jabberComponentName}", "iChat-gw")


@frozen(kw_only=True, slots=False)
class SIPSettings:
    """What the administrator has decided about SIP: addresses, names, proxies and registrations."""

    ipAddress: str = setting(
        _SIP,
        "IPAddress",
        ADDRESS,
        "",
        "The address of this host to use for SIP and media. If left blank all are used; if given, the gateway serves"
        " only the one of IPv4 and IPv6 that it belongs to.",
    )
    advertisedAddress: tuple[str, ...] = setting(
        _SIP,
        "AdvertisedAddress",
        ADDRESSES,
        (),
        "The public address of a router that hands everything on to this host, port by port (1:1 NAT): hosts in the"
        " Internet are told it for SIP and media, those on private networks are not. One of IPv4, of IPv6, or of each.",
        example="203.0.113.10",
    )
    udpTcpPort: int = setting(_SIP, "UDPTCPPort", PORT, 5070, "Port for SIP over UDP and TCP; 0 takes any free one.")
    dnsServers: tuple[TransportAddress, ...] = setting(
        _SIP,
        "DNSServers",
        NAME_SERVERS,
        (),
        "DNS servers to ask instead of those of the operating system, in this order; 192.0.2.53:5353 stands for a port"
        " of its own.",
    )
    sipGatewayIdentity: Party = setting(
        _SIP,
        "SIPGatewayIdentity",
        PARTY,
        Factory(_gatewayItself, takes_self=True),
        "Who calls, in the From header of calls whose caller is not known. People do not get to see it.",
        default='"iChat-gw" <sip:ichat-gw@JabberComponentName>',
    )
    assertIdentity: bool = setting(
        _SIP,
        "AssertIdentity",
        SWITCH,
        False,
        "Whether calls to SIP carry the caller in P-Asserted-Identity (RFC 3325) too, even one that does not"
        " want to be shown. For a server that is trusted with that, and takes it away before it lets a call out.",
    )
    connectedIdentity: str = setting(
        _SIP,
        "ConnectedIdentity",
        choice("no", "answers", "changes"),
        "answers",
        "Whether phones and servers that call are told who is at the other end, by an asserted identity (RFC 3325): no;"
        " answers (in 180, 183 and 200); or changes (also by UPDATE when the party changes within the call, to those"
        " that allow it). Providers of trunks are told nothing. See docs/names.rst.",
        reload=Reload.NEW_CALLS,
    )
    calledParty: str = setting(
        _SIP,
        "CalledParty",
        choice(REQUEST_URI, TO),
        REQUEST_URI,
        "Where an arriving call says who is called: in its Request-URI (RFC 3261), or in To, as ichat-gw read it. With"
        " To, ring groups, aliases and forwarding of the servers before us do not work, and a caller behind a proxy may"
        " write there what the proxy would never let it call: where rules lead from SIP to SIP, at your cost.",
        reload=Reload.NEW_CALLS,
    )
    outboundProxy: Proxy | None = setting(
        _SIP,
        "OutboundProxy",
        PROXY,
        None,
        "SIP proxy that all requests are sent to, whatever their address. If left blank they go to the host in the"
        " address. A sips: address, or ;transport=tcp or tls, says how it is reached.",
    )
    keepAlives: bool = setting(
        _SIP,
        "KeepAlives",
        SWITCH,
        True,
        "Whether to send empty packets to phones in calls and to SIP servers where people are registered, to keep"
        " routers' doors open: every 30 seconds over UDP, every 180 seconds over TCP and TLS.",
        reload=Reload.AT_ONCE,
    )
    registrationTime: int = setting(
        _SIP,
        "RegistrationTime",
        whole(0, 10_000_000, "seconds"),
        3600,
        "For how long XMPP users are registered at the SIP server of their translated address; 0 for never. See"
        " RegisterUsers.",
    )
    registerUsers: str = setting(
        _SIP,
        "RegisterUsers",
        choice(*(each.value for each in Who)),
        Who.ONLINE.value,
        "Which users are registered at the SIP servers of their translated addresses: online (those who have subscribed"
        " to something on the gateway, while a client of theirs that takes calls is online), subscribed (all who have"
        " subscribed: a call wakes clients that sleep) or phone book (also those whom the phone book has). At the start"
        " they are registered some at a time, see RegistrationsPerSecond.",
        reload=Reload.AT_ONCE,
    )
    subscribeMailboxes: bool = setting(
        _SIP,
        "SubscribeMailboxes",
        SWITCH,
        False,
        "Whether the mailbox of each user who is registered is subscribed to (RFC 3842): that of the address at which"
        " the user is. For servers that tell nobody unasked. TrunkMailbox is the same for a trunk.",
    )
    registrationRetryTime: int = setting(
        _SIP,
        "RegistrationRetryTime",
        whole(1, 10_000_000, "seconds"),
        120,
        "How long to wait after a registration that failed, if the registrar does not say.",
    )
    registrationsPerSecond: int = setting(
        _SIP,
        "RegistrationsPerSecond",
        whole(1, 10_000),
        50,
        "How many registrations are sent in a second at most, so that many people who come at once flood no registrar.",
    )
    sipCredentials: str = setting(
        _SIP,
        "SIPCredentials",
        READABLE,
        "",
        "File with the passwords for SIP servers that ask us to log in, for registrations and calls. Each line is an"
        " address (user@domain) or a domain, the name to log in with (- for that of the user), and the password.",
        reload=Reload.AT_ONCE,
    )
    sipUsers: str = setting(
        _SIP,
        "SIPUsers",
        READABLE,
        "",
        "File with the phones that may call from elsewhere than AllowedSIPPeers after they have logged in. Each line is"
        " a name and a password.",
        reload=Reload.AT_ONCE,
    )
    digestAlgorithms: tuple[str, ...] = setting(
        _SIP,
        "DigestAlgorithms",
        ALGORITHMS,
        ("SHA-256", "MD5"),
        "By what the phones of SIPUsers may prove that they know the password, the best first. There are phones that"
        " know MD5 only and give up when it is not the first; if you have such, MD5 has to stand alone here, or first.",
        reload=Reload.AT_ONCE,
    )
