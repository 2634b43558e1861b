# -*- test-case-name: ichatgw.test.config.test_settings,ichatgw.test.config.reading.test_kinds -*-
"""
Settings of the XMPP server, who has subscribed, and the translation rules.
"""

from __future__ import annotations

from attrs import frozen

from ichatgw.config.declared.declare import rules, setting
from ichatgw.config.reading.kinds import DOMAIN, FILE, HOST, NODE, TEXT, Kind, whole
from ichatgw.config.reading.reader import OUTPUT, PATTERN, Reload, Setting

_XMPP = "XMPP server"
_RULES = "Translation rules"


@frozen(kw_only=True, slots=False)
class XMPPSettings:
    """What the administrator has decided about the XMPP server, who has subscribed, and the translation rules."""

    jabberServer: str = setting(
        _XMPP,
        "JabberServer",
        HOST,
        "",
        "Host name or IP address of the XMPP server.",
        required=True,
        example="localhost",
    )
    jabberComponentName: str = setting(
        _XMPP,
        "JabberComponentName",
        DOMAIN,
        "",
        "Name of the gateway as an external component (XEP-0114) of the XMPP server, as configured there. Users"
        " reach phones as number@JabberComponentName.",
        required=True,
        example="ichat-gw.jabber.company.com",
    )
    jabberComponentPassword: str = setting(
        _XMPP,
        "JabberComponentPassword",
        TEXT,
        "",
        "Password of the component, as configured on the XMPP server.",
        required=True,
        secret=True,
        example="change-me",
        reload=Reload.NEW_CONNECTIONS,
    )
    jabberComponentPort: int = setting(
        _XMPP, "JabberComponentPort", whole(1, 65535), 5275, "Port of the XMPP server for external components."
    )
    jabberServerPingDuration: int = setting(
        _XMPP,
        "JabberServerPingDuration",
        whole(1, 86400, "seconds"),
        60,
        "Time between two pings that keep the link to the XMPP server alive. More than 29 counts as 29, so that a dead"
        " link is noticed within 40 seconds.",
    )
    jabberControlUsername: str = setting(
        _XMPP,
        "JabberControlUsername",
        NODE,
        "control",
        "The part before the @ of the control user. Users add JabberControlUsername@JabberComponentName to their"
        " contacts, so that the gateway may see whether they are there and call them.",
    )
    subscriptionDatabase: str = setting(
        _XMPP,
        "SubscriptionDatabase",
        FILE,
        "ichat-gw.sqlite",
        "File that remembers who has subscribed. It is made if it is not there, and then takes over the file"
        " ichat-gw.userdb of the older ichat-gw, if that stands beside it. none keeps subscriptions in memory only.",
    )
    callDatabase: str = setting(
        _XMPP,
        "CallDatabase",
        FILE,
        "",
        "File that remembers the calls that are up, so that phones and clients are told of the end after the next"
        " start, if the gateway was killed or has crashed. If left blank, that of SubscriptionDatabase with -calls"
        " after its name. none keeps nothing.",
    )
    translationRules: tuple[tuple[str, str], ...] = rules(
        Setting(
            _RULES,
            PATTERN,
            "",
            Kind(str, "a regular expression in the syntax of Perl (PCRE2)"),
            "What a called address looks like: xmpp:number@JabberComponentName if a user calls, sip:user@host if"
            " a phone does, or tel:+4930123 or urn:service:sos if it calls by that (a number that no rule knows as"
            " tel: is also looked for as sip:number@tel.invalid). It is searched for in the address; write ^ and $"
            " to match all of it. TranslationPattern and TranslationOutput stand in pairs, as many as are needed;"
            " the first pattern that matches decides, and a call to an address that none matches is refused. Rules"
            " on the command line replace those of the file.",
            reload=Reload.NEW_CALLS,
            example=r"^xmpp:(.*)@ichat-gw\.jabber\.company\.com$",
        ),
        Setting(
            _RULES,
            OUTPUT,
            "",
            Kind(str, "an address that starts with sip:, sips: or xmpp:"),
            "The address to call instead, for the TranslationPattern before it. $1 to $9 stand for what the brackets of"
            " the pattern matched. An address that starts with xmpp: is called by Jingle or on iChat, any other by"
            " SIP.",
            reload=Reload.NEW_CALLS,
            example="sip:$1@sipdomain.com",
            sampleTail=(
                "# The other way, from phones to users:",
                r"#TranslationPattern = ^sip:(.*)@sipdomain\.com$",
                "#TranslationOutput = xmpp:$1@jabber.company.com",
            ),
        ),
    )
