# -*- test-case-name: ichatgw.test.check.test_faults,ichatgw.test.check.test_sipanswers -*-
"""
The link to the XMPP server: is it found, and does it take us as its component?

Who logs in a second time under the name of a component can throw the first one off, or take half of its stanzas
(ejabberd).  So the state of a gateway that runs is taken from itself, and nothing is tried if one may run.
"""

from __future__ import annotations

from ichatgw.check.finding import Tell, error, ok, warning
from ichatgw.check.given import Given
from ichatgw.check.lookup import addressesOf
from ichatgw.check.ports import isOurs
from ichatgw.net.dns import Unanswered

SUBJECT, DNS = "XMPP link", "DNS"

MAX_ADDRESSES = 3
"""So many addresses of the server are tried, as it may take ten seconds at each."""

_REMEDIES = (
    ("not-authorized", "it refuses the password", "set JabberComponentPassword to the secret that the server has"),
    (
        "host-unknown",
        "it has no component {name}",
        "declare that component there, or correct JabberComponentName",
    ),
    (
        "conflict",
        "another program is connected to it as {name}",
        "stop that one, or name another component by JabberComponentName",
    ),
    (
        "invalid-namespace",
        "it expects clients on port {port}",
        "set JabberComponentPort to the port for components, mostly 5347 or 5275",
    ),
    ("refused", "nothing listens on port {port}", "start the server, or correct JabberComponentPort"),
    (
        "no answer",
        "no answer from port {port}",
        "see whether a firewall stands between, and whether JabberServer is right",
    ),
)
_OTHER = "see the log of the XMPP server, and whether JabberComponentPort is that for components"


async def look(given: Given, tell: Tell) -> None:
    """Log in, unless a gateway has done that."""
    settings = given.settings
    name, port = settings.jabberComponentName.lower(), settings.jabberComponentPort
    where = f"{settings.jabberServer}:{port}"
    _rights(given, tell)
    if given.status is not None:
        state = str(given.status.get("link"))
        if state == "up":
            tell(ok(SUBJECT, f"the running gateway is linked to {where} as {name}"))
        else:
            tell(error(SUBJECT, f"the running gateway has no link to {where}: {state}", _remedy(state)))
        return
    try:
        hosts = await addressesOf(given.records, settings.jabberServer)
    except Unanswered as problem:
        what = f"the name servers do not say where JabberServer {settings.jabberServer} is: {problem}"
        tell(error(DNS, what, "see /etc/resolv.conf, or set DNSServers"))
        return
    if not hosts:
        what = f"JabberServer {settings.jabberServer} has no address"
        tell(error(DNS, what, "correct the name, or add it to the DNS or /etc/hosts"))
        return
    if not isOurs(given):
        what = "not tried, as another program has the SIP port, perhaps a gateway that must keep its link"
        remedy = "run this as the gateway's user, name its ControlSocket by --socket, or stop that program"
        tell(warning(SUBJECT, what, remedy))
        return
    trouble = ""
    for host in hosts[:MAX_ADDRESSES]:
        trouble = await given.network.login(host, port, name, settings.jabberComponentPassword)
        if not trouble:
            tell(ok(SUBJECT, f"{where} takes {name}"))
            return
    told = next((words for key, words, _ in _REMEDIES if key in trouble), trouble).format(name=name, port=port)
    tell(error(SUBJECT, f"{where}: {told}", _remedy(trouble)))


def _remedy(trouble: str) -> str:
    return next((remedy for key, _, remedy in _REMEDIES if key in trouble), _OTHER)


def _rights(given: Given, tell: Tell) -> None:
    """May any user call at all?"""
    settings = given.settings
    above = settings.jabberComponentName.partition(".")[2]
    if not above and not settings.allowedXMPPDomains:
        what = f"JabberComponentName {settings.jabberComponentName} is part of no domain, so no user may call"
        tell(warning(SUBJECT, what, "name the domains of the users by AllowedXMPPDomains"))
