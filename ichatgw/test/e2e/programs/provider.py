# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Kamailio as a provider: an account that registers, numbers that lead to it, and a world to which it calls.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ichatgw.model import TransportAddress
from ichatgw.test.e2e.programs.kamailio import KamailioProgram, modulePath
from ichatgw.test.e2e.support.ports import Ports
from ichatgw.test.support.configs import DOCS, block

ACCOUNT, PASSWORD, REALM = "trunk1", "pw-of-trunk1", "provider.test"
NUMBERS = ("4930100", "4930101")

_CONFIGURATION = """\
#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=2
tcp_children=2
auto_aliases=no
listen=udp:{host}:{port}
listen=tcp:{host}:{port}
dns=no
mpath="{modules}"
loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "path.so"
loadmodule "auth.so"
loadmodule "nathelper.so"
modparam("usrloc", "db_mode", 0)
modparam("registrar", "max_expires", 600)
modparam("registrar", "min_expires", 60)
modparam("registrar", "use_path", 1)
modparam("nathelper|registrar", "received_avp", "$avp(RECEIVED)")
request_route {{
  xlog("L_NOTICE", "REQUEST $rm $ru from $fu\\n");
  force_rport();
  if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
  if (is_method("OPTIONS") && !has_totag()) {{ sl_send_reply("200", "OK"); exit; }}
  if (is_method("CANCEL|ACK") && !has_totag()) {{ if (t_check_trans()) t_relay(); exit; }}
  if (has_totag()) {{
    if (loose_route() || uri != myself) {{
      if (is_gruu()) lookup("location");
      handle_ruri_alias(); t_relay();
    }} else sl_send_reply("404", "Not here");
    exit;
  }}
  if (is_method("REGISTER")) {{
    if (!pv_www_authenticate("{realm}", "{password}", "0")) {{ www_challenge("{realm}", "1"); exit; }}
    if ($au != "{account}" || $tU != "{account}") {{ sl_send_reply("403", "Forbidden"); exit; }}
    append_to_reply("Service-Route: <sip:{host}:{port};lr>\\r\\n");
    fix_nated_register();
    if (!save("location")) {{ sl_reply_error(); exit; }}
    xlog("L_NOTICE", "SAVED $tU for $hdr(Expires) s at $ct\\n");
    exit;
  }}
  record_route();
  t_on_reply("BACK");
  if (nat_uac_test("1")) add_contact_alias();
{incoming}
  if (!pv_proxy_authenticate("{realm}", "{password}", "0")) {{ proxy_challenge("{realm}", "1"); exit; }}
  consume_credentials();
  remove_hf("Route");
  xlog("L_NOTICE", "CALLED $rU by $fU as $hdr(P-Preferred-Identity) at $ct\\n");
  $du = "sip:{phone}"; t_relay();
}}
onreply_route[BACK] {{ if (nat_uac_test("1")) add_contact_alias(); }}
"""

_INCOMING = """\
  if ($rU =~ "^({numbers})$") {{
    $var(number) = $rU;
    $ru = "sip:{account}@{host}:{port}";
    if (!lookup("location")) {{ sl_send_reply("480", "Not registered"); exit; }}
    {place}
    t_relay(); exit;
  }}
"""


def recipe() -> str:
    """How C{docs/trunks.rst} has Kamailio send calls for numbers to an account: with those of the test."""
    text = block((DOCS / "trunks.rst").read_text("utf-8"), "**Kamailio**")
    return text.replace("493012345[01]", f"({'|'.join(NUMBERS)})").replace("4930123456", ACCOUNT)


class Provider(KamailioProgram):
    """
    @ivar port: where it listens for SIP over UDP and TCP.
    @param phone: where the phone is that plays the world.
    @param host: the address to listen at.
    @param inRequestURI: whether the number that is called takes the place of the account in the Contact; else it is
        nowhere but in To.
    @param incoming: what it does with calls to its numbers, as lines of its configuration, if that is something else.
    """

    def __init__(
        self,
        reactor: Any,
        directory: Path,
        ports: Ports,
        phone: TransportAddress,
        *,
        host: str = "127.0.0.1",
        inRequestURI: bool = False,
        incoming: str = "",
    ) -> None:
        self.host = host
        self.port = ports.take()
        directory = directory.absolute()
        directory.mkdir(parents=True)
        super().__init__(
            reactor,
            "provider",
            directory,
            _CONFIGURATION.format(
                port=self.port,
                modules=modulePath(),
                realm=REALM,
                account=ACCOUNT,
                password=PASSWORD,
                host=host,
                incoming=incoming
                or _INCOMING.format(
                    numbers="|".join(NUMBERS),
                    account=ACCOUNT,
                    host=host,
                    port=self.port,
                    place="$rU = $var(number);" if inRequestURI else "",
                ),
                phone=phone,
            ),
        )

    async def registered(self) -> None:
        """Fires when its account is registered."""
        await self.program.said(f"SAVED {ACCOUNT} for 600")
