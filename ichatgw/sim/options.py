# -*- test-case-name: ichatgw.test.sim.test_options -*-
"""
The command line of C{python -m ichatgw.sim}.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Mapping

from ichatgw.model import TransportAddress
from ichatgw.sim.ichat.profile import PROFILES, Action
from ichatgw.sim.jingle.callee import Pickup
from ichatgw.sim.jingle.profile import CLIENT_PROFILES
from ichatgw.sim.media.rtp import KEYS

COMMANDS = ("ichat", "jingle", "phone", "router")
PASSWORD_VARIABLE = "ICHATGW_SIM_PASSWORD"

_EXAMPLES = f"""
examples:
  {PASSWORD_VARIABLE}=... python -m ichatgw.sim --jid scott@jabber.example --call 100
  python -m ichatgw.sim --jid scott@jabber.example --password-file pw --answer --duration 5
  python -m ichatgw.sim jingle --jid juliet@jabber.example --password-file pw --call 100 --profile conversations
  python -m ichatgw.sim phone --call sip:scott@192.0.2.10:5070
  python -m ichatgw.sim phone --answer --bind 192.0.2.20 --port 5060

Without a command it is the iChat.  The exit code is 0 only if the call went through and the tone was heard (with
--decline or --reject: if the call came and was turned away).
"""


def parse(arguments: list[str], environment: Mapping[str, str] = os.environ) -> Namespace:
    """
    @return: the options; C{command} is one of L{COMMANDS}.
    """
    if not arguments or (arguments[0] not in COMMANDS and arguments[0] not in ("-h", "--help")):
        arguments = ["ichat", *arguments]
    parser = ArgumentParser("python -m ichatgw.sim", epilog=_EXAMPLES, formatter_class=RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", metavar="ichat | jingle | phone | router", required=True)
    ichat = commands.add_parser("ichat", help="log in to an XMPP server as an iChat (this is the default)")
    jingle = commands.add_parser("jingle", help="log in to an XMPP server as a client of today, which speaks Jingle")
    phone = commands.add_parser("phone", help="be a SIP phone")
    router = commands.add_parser("router", help="be an XMPP server for one component, with iChats inside")
    _addIChat(ichat)
    _addJingle(jingle)
    _addPhone(phone)
    _addRouter(router)
    options = parser.parse_args(arguments)
    if options.command in ("ichat", "jingle"):
        _complete(ichat if options.command == "ichat" else jingle, options)
    if options.command != "phone":
        options.password = _password(parser, options, environment)
    return options


def _addIChat(parser: ArgumentParser) -> None:
    _addClient(parser)
    how = [each.value for each in Action if each not in (Action.ACCEPT, Action.COUNTER)]
    parser.add_argument("--decline", choices=how, nargs="?", const="decline", help="with --answer: turn it away, so")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="leopard", help="(default: leopard)")
    parser.add_argument("--port", type=int, help="UDP port (default: 16402, or the next free one below)")
    _addCommon(parser)


def _addJingle(parser: ArgumentParser) -> None:
    _addClient(parser)
    how = [each.value for each in Pickup if each is not Pickup.ACCEPT]
    parser.add_argument("--decline", choices=how, nargs="?", const="decline", help="with --answer: turn it away, so")
    parser.add_argument(
        "--profile",
        "--guise",
        choices=sorted(CLIENT_PROFILES),
        default="conversations",
        help="(default: conversations)",
    )
    parser.add_argument("--keys", type=keys, help="press these keys after a second: 0-9, *, #, A-D")
    _addCommon(parser)


def _addClient(parser: ArgumentParser) -> None:
    parser.add_argument("--jid", required=True, help="who to be: user@domain, perhaps with /resource")
    _addPassword(parser, "of the account")
    parser.add_argument("--server", type=place, help="HOST[:PORT] of the server (default: the JID's domain, 5222)")
    parser.add_argument("--tls", choices=("require", "try", "off"), default="require", help="(default: require)")
    parser.add_argument("--ca", default="", metavar="FILE", help="certificate of the authority to trust")
    parser.add_argument("--insecure", action="store_true", help="take any certificate")
    parser.add_argument("--component", help="the gateway's name (default: ichat-gw. and the JID's domain)")
    parser.add_argument("--control", help="the gateway's control address (default: control@ and the component)")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--call", metavar="NUMBER", help="call NUMBER, or NUMBER@COMPONENT")
    what.add_argument("--answer", action="store_true", help="wait for a call and answer it")
    parser.add_argument("--bind", default="", metavar="ADDRESS", help="our address (default: that towards the server)")


def _addPhone(parser: ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--call", metavar="URI", help="call this SIP URI")
    what.add_argument("--answer", action="store_true", help="wait for a call and answer it")
    parser.add_argument("--reject", type=int, metavar="CODE", help="with --answer: refuse with this SIP code")
    parser.add_argument("--bind", default="127.0.0.1", metavar="ADDRESS", help="our address (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="UDP port for SIP (default: any)")
    parser.add_argument("--proxy", type=place, help="IP-ADDRESS[:PORT] to send the call to, whatever the URI says")
    parser.add_argument("--user", default="phone", help="the user part of our address (default: phone)")
    _addCommon(parser)


def _addRouter(parser: ArgumentParser) -> None:
    parser.add_argument("--component", required=True, help="the component's domain")
    _addPassword(parser, "of the component")
    parser.add_argument("--users", default="chat.example", help="the users' domain (default: chat.example)")
    parser.add_argument("--listen", type=place, default=("127.0.0.1", 5275), help="(default: 127.0.0.1:5275)")
    parser.add_argument(
        "--ichat", action="append", default=[], metavar="USER", help="an iChat that answers; may repeat"
    )
    parser.add_argument(
        "--jingle", action="append", default=[], metavar="USER", help="a Jingle client that answers; may repeat"
    )


def _addPassword(parser: ArgumentParser, whose: str) -> None:
    parser.add_argument("--password", help=f"the password {whose}; others on this machine can see it here, so rather:")
    parser.add_argument("--password-file", metavar="FILE", help=f"a file with it (or the variable {PASSWORD_VARIABLE})")


def _addCommon(parser: ArgumentParser) -> None:
    parser.add_argument("--tone", type=int, default=440, metavar="HZ", help="what to say (default: 440)")
    parser.add_argument("--expect", type=int, metavar="HZ", help="what to listen for (default: as --tone)")
    parser.add_argument("--duration", type=float, default=10.0, metavar="S", help="how long to talk (default: 10 s)")
    parser.add_argument("--wait", type=float, default=60.0, metavar="S", help="how long to wait for it (default: 60 s)")


def _complete(parser: ArgumentParser, options: Namespace) -> None:
    """What follows from the other options."""
    user, at, domain = options.jid.partition("/")[0].rpartition("@")
    if not user or not domain:
        parser.error(f"--jid: {options.jid!r} is not user@domain")
    if options.decline and not options.answer:
        parser.error("--decline goes with --answer")
    control = options.control or ""
    options.component = options.component or control.rpartition("@")[2] or f"ichat-gw.{domain}"
    options.control = control or f"control@{options.component}"
    host, port = options.server or (domain, 0)
    options.server = host, port or 5222
    if options.call and "@" not in options.call:
        options.call = f"{options.call}@{options.component}"


def _password(parser: ArgumentParser, options: Namespace, environment: Mapping[str, str]) -> str:
    if options.password_file:
        try:
            with open(options.password_file, encoding="utf-8") as file:
                return file.readline().rstrip("\r\n")
        except OSError as error:
            parser.error(f"--password-file: {error}")
    password: str | None = options.password or environment.get(PASSWORD_VARIABLE)
    if not password:
        parser.error(f"no password: use --password-file, {PASSWORD_VARIABLE} or --password")
    return password


def keys(text: str) -> str:
    """Keys of a telephone."""
    if not text or any(key not in KEYS for key in text.upper()):
        raise ArgumentTypeError(f"{text!r} are not keys of a telephone")
    return text.upper()


def place(text: str) -> tuple[str, int]:
    """C{HOST}, C{HOST:PORT} or C{[IPv6]:PORT}."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    if not host or (port and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise ArgumentTypeError(f"{text!r} is not HOST[:PORT]")
    return host, int(port or 0)


def address(where: tuple[str, int] | None) -> TransportAddress | None:
    """The same as an address; only of an IP literal."""
    return None if where is None else TransportAddress(where[0], where[1] or 5060)
