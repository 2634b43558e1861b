# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Kamailio as a carrier of several machines: a core, which registers, keeps flows apart (RFC 5626), takes one registration
for many numbers (RFC 6140) and knows mailboxes (RFC 3842); and edges before it, which clients talk to.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest

from ichatgw.model import TransportAddress
from ichatgw.test.e2e.programs.kamailio import KamailioProgram, loading, modulePath
from ichatgw.test.e2e.programs.provider import ACCOUNT, NUMBERS, PASSWORD, REALM
from ichatgw.test.e2e.support.ports import Ports

FLOW_TIMER = 5
"""Seconds between keepalives that the core wants."""

SUBSCRIPTION = 12
"""Seconds for which it grants a subscription."""

_TABLES = ("version", "presentity", "active_watchers", "watchers", "xcap")
_TEXT_TABLES = Path("/usr/share/kamailio/dbtext/kamailio")

_BOTH = ["kex", "tm", "outbound", "sl", "rr", "pv", "maxfwd", "textops", "siputils", "xlog", "stun"]
_CORE_MODULES = [*_BOTH, *["usrloc", "registrar", "auth", "db_text", "presence", "presence_mwi"]]

_CORE = """\
#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=2
auto_aliases=no
listen=udp:127.0.0.1:{port}
dns=no
{modules}
modparam("tm", "fr_timer", 1500)
modparam("tm", "contacts_avp", "tm_contacts")
modparam("tm", "contact_flows_avp", "tm_contact_flows")
modparam("usrloc", "db_mode", 0)
modparam("registrar", "max_expires", 600)
modparam("registrar", "use_path", 1)
modparam("registrar", "outbound_mode", 1)
modparam("registrar", "flow_timer", {timer})
modparam("presence", "db_url", "text://{directory}/db")
modparam("presence", "server_address", "sip:127.0.0.1:{port}")
modparam("presence", "max_expires", {subscription})
modparam("presence", "expires_offset", 0)
request_route {{
  xlog("L_NOTICE", "REQUEST $rm $ru from $fu by port $sp\\n");
  force_rport();
  if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
  if (is_method("OPTIONS") && !has_totag()) {{ sl_send_reply("200", "OK"); exit; }}
  if (is_method("CANCEL|ACK") && !has_totag()) {{ if (t_check_trans()) t_relay(); exit; }}
  if (is_method("PUBLISH")) {{ t_newtran(); handle_publish(); t_release(); exit; }}
  if (is_method("SUBSCRIBE")) {{
    if (!has_totag()) route(LOGIN);
    xlog("L_NOTICE", "SUBSCRIBED $rU for $hdr(Expires) s\\n");
    t_newtran(); handle_subscribe(); t_release(); exit;
  }}
  if (has_totag()) {{ if (loose_route() || uri != myself) t_relay(); else sl_send_reply("404", "Not here"); exit; }}
  if (is_method("REGISTER")) {{
    if (!pv_www_authenticate("{realm}", "{password}", "0")) {{ www_challenge("{realm}", "1"); exit; }}
    if ($au != "{account}") {{ sl_send_reply("403", "Forbidden"); exit; }}
    if ($hdr(Require) =~ "gin" && !($ct =~ "bnc" && !($ct =~ "@"))) {{ sl_send_reply("400", "Bad bnc"); exit; }}
    if (!save("location")) {{ sl_reply_error(); exit; }}
    xlog("L_NOTICE", "SAVED $tU for $hdr(Expires) s with $hdr(Require) at $ct\\n");
    exit;
  }}
  record_route();
  if ($rU =~ "^({numbers})$") {{
    $var(number) = $rU;
    $ru = "sip:{account}@127.0.0.1:{port}";
    if (!lookup("location")) {{ sl_send_reply("480", "Not registered"); exit; }}
    if ($ru =~ ";bnc") {{ subst_uri('/;bnc//'); $rU = $var(number); }}
    t_load_contacts(); t_next_contacts(); t_on_branch_failure("FLOW"); t_relay(); exit;
  }}
  route(LOGIN);
  remove_hf("Route");
  xlog("L_NOTICE", "CALLED $rU by $fU by port $sp at $ct supporting $hdr(Supported)\\n");
  $du = "sip:{phone}"; t_relay();
}}
route[LOGIN] {{
  if (!pv_proxy_authenticate("{realm}", "{password}", "0")) {{ proxy_challenge("{realm}", "1"); exit; }}
  consume_credentials();
}}
event_route[tm:branch-failure:FLOW] {{
  if (t_next_contact_flow()) {{ xlog("L_NOTICE", "NEXT FLOW\\n"); t_on_branch_failure("FLOW"); t_relay(); }}
}}
"""

_EDGE_MODULES = [*_BOTH, "path"]

_EDGE = """\
#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=2
auto_aliases=no
listen=udp:127.0.0.1:{port}
dns=no
{modules}
request_route {{
  xlog("L_NOTICE", "REQUEST $rm $ru from $fu by port $sp\\n");
  force_rport();
  if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
  if (is_method("OPTIONS") && uri == myself) {{ sl_send_reply("200", "OK"); exit; }}
  if (is_method("CANCEL|ACK") && !has_totag()) {{ if (t_check_trans()) t_relay(); exit; }}
  if (is_method("REGISTER")) {{ remove_hf("Route"); add_path(); t_relay(); exit; }}
  if (loose_route()) {{
    if (is_method("INVITE|SUBSCRIBE")) record_route();
    if ($sp == {core}) t_on_failure("FLOW");
    t_relay(); exit;
  }}
  if (uri != myself) {{  # its only route was that to us
    if (is_method("INVITE|SUBSCRIBE") && !has_totag()) record_route();
    remove_hf("Route"); t_relay(); exit;
  }}
  sl_send_reply("404", "Not here");
}}
failure_route[FLOW] {{
  if (t_branch_timeout() && !t_branch_replied()) t_reply("430", "Flow Failed");
}}
"""


def requireModules() -> None:
    """@raise SkipTest: if Kamailio has no modules for flows or mailboxes here."""
    if not all((Path(modulePath()) / f"{each}.so").exists() for each in ("outbound", "presence_mwi")):
        raise SkipTest("not installed: kamailio-outbound-modules kamailio-presence-modules")


class Core(KamailioProgram):
    """
    @ivar port: where it listens for SIP over UDP.
    @param phone: where the phone is that plays the world.
    """

    transport = "udp"

    def __init__(self, reactor: Any, directory: Path, ports: Ports, phone: TransportAddress) -> None:
        self.port = ports.take()
        directory = directory.absolute()
        (directory / "db").mkdir(parents=True)
        for table in _TABLES:
            shutil.copy(_TEXT_TABLES / table, directory / "db" / table)
        words = {"realm": REALM, "account": ACCOUNT, "password": PASSWORD, "numbers": "|".join(NUMBERS)}
        configuration = _CORE.format(
            port=self.port,
            modules=loading(*_CORE_MODULES),
            directory=directory,
            timer=FLOW_TIMER,
            phone=phone,
            subscription=SUBSCRIPTION,
            **words,
        )
        super().__init__(reactor, "core", directory, configuration)


class Edge(KamailioProgram):
    """
    @ivar port: where it listens for SIP over UDP.
    @param core: where the core is.
    """

    transport = "udp"

    def __init__(self, reactor: Any, directory: Path, ports: Ports, core: int) -> None:
        self.port = ports.take()
        directory = directory.absolute()
        directory.mkdir(parents=True)
        super().__init__(
            reactor, directory.name, directory, _EDGE.format(port=self.port, core=core, modules=loading(*_EDGE_MODULES))
        )
