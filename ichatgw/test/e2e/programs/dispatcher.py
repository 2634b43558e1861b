# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Kamailio in front of several gateways: it asks each by OPTIONS how it is, and sends calls to the first that is well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ichatgw.test.e2e.programs.kamailio import KamailioProgram, modulePath
from ichatgw.test.e2e.support.ports import Ports

_CONFIGURATION = """\
#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=2
disable_tcp=yes
auto_aliases=no
listen=udp:127.0.0.1:{port}
dns=no
rev_dns=no
mpath="{modules}"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "dispatcher.so"
modparam("dispatcher", "list_file", "{directory}/dispatcher.list")
modparam("dispatcher", "ds_ping_interval", 1)
modparam("dispatcher", "ds_probing_mode", 1)
modparam("dispatcher", "ds_probing_threshold", 1)
modparam("dispatcher", "ds_inactive_threshold", 1)
modparam("dispatcher", "ds_ping_reply_codes", "class=2")
request_route {{
  if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
  if (!is_method("ACK")) t_check_trans();
  if (has_totag()) {{
    if (loose_route()) {{ t_relay(); exit; }}
    if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
    sl_send_reply("404", "Not Here"); exit;
  }}
  record_route();
  if (!ds_select_dst("1", "8")) {{ sl_send_reply("480", "No Gateway"); exit; }}
  xlog("L_NOTICE", "DISPATCHED to $dp\\n");
  t_relay();
}}
"""


class Dispatcher(KamailioProgram):
    """
    @ivar port: where it listens for SIP over UDP.
    @param gateways: the ports of the gateways on this host, the one to be preferred first.
    """

    transport = "udp"

    def __init__(self, reactor: Any, directory: Path, ports: Ports, gateways: Iterable[int]) -> None:
        self.port = ports.take()
        directory = directory.absolute()
        directory.mkdir(parents=True)
        lines = [f"1 sip:127.0.0.1:{port} 0 {9 - number}" for number, port in enumerate(gateways)]
        (directory / "dispatcher.list").write_text("\n".join([*lines, ""]))
        configuration = _CONFIGURATION.format(port=self.port, directory=directory, modules=modulePath())
        super().__init__(reactor, "kamailio", directory, configuration)

    @property
    def chosen(self) -> int:
        """The port of the gateway that the last call was sent to; 0 if there was none."""
        found = re.findall(r"DISPATCHED to (\d+)", self.program.output)
        return int(found[-1]) if found else 0
