# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
Kamailio: a SIP registrar and proxy, with digest authentication.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ichatgw.test.e2e.programs.program import Program, ProgramFailed
from ichatgw.test.e2e.support.moment import until
from ichatgw.test.e2e.support.ports import Ports, isOpen

DOMAIN = "sip.test"

_CONFIGURATION = """\
#!KAMAILIO
{flags}
debug=2
log_stderror=yes
fork=yes
children=2
tcp_children=2
tcp_connection_lifetime=3700
auto_aliases=no
alias="{domain}"
{listen}
mhomed=0
dns=no
rev_dns=no
use_dns_cache=off
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
loadmodule "auth.so"
loadmodule "nathelper.so"
#!ifdef WITH_TLS
loadmodule "tls.so"
modparam("tls", "config", "{directory}/tls.cfg")
#!endif
modparam("usrloc", "db_mode", 0)
modparam("registrar", "max_expires", 3600)
modparam("nathelper|registrar", "received_avp", "$avp(RECEIVED)")
modparam("rr", "enable_full_lr", 1)
request_route {{
  xlog("L_NOTICE", "REQUEST $rm $ru from $fu at $proto:$si:$sp\\n");
  if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
  if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
  if (!is_method("ACK")) t_check_trans();
  if (has_totag()) {{
    if (loose_route()) {{ if (is_gruu()) lookup("location"); t_relay(); exit; }}
    if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
    sl_send_reply("404", "Not Here"); exit;
  }}
  if ($Rp == {moved}) {{
    if (is_method("REGISTER")) append_to_reply("Contact: <sip:{place}>\\r\\n");
    else append_to_reply("Contact: <sip:$rU@{place}>\\r\\n");
    xlog("L_NOTICE", "LED $rm ON\\n");
    sl_send_reply("302", "Moved Temporarily"); exit;
  }}
  remove_hf("Route");
  if (is_method("REGISTER")) {{
#!ifdef WITH_LOGIN
    if (!pv_www_authenticate("{domain}", "{password}$au", "0")) {{
      if ($au != $null) xlog("L_NOTICE", "WRONG PASSWORD of $tU\\n");
      www_challenge("{domain}", "1"); exit;
    }}
    if ($au != $tU) {{ sl_send_reply("403", "Forbidden"); exit; }}
    consume_credentials();
#!endif
    if (is_present_hf("Expires") && $hdr(Expires) != "0" && $(hdr(Expires){{s.int}}) < {least}) {{
      append_to_reply("Min-Expires: {least}\\r\\n"); sl_send_reply("423", "Interval Too Brief"); exit;
    }}
    fix_nated_register();
    if (!save("location")) {{ sl_reply_error(); exit; }}
    xlog("L_NOTICE", "SAVED $tU for $hdr(Expires) s at $ct\\n");
    exit;
  }}
#!ifdef WITH_LOGIN
  if ($fd == "{domain}") {{
    if (!pv_proxy_authenticate("{domain}", "{password}$au", "0")) {{ proxy_challenge("{domain}", "1"); exit; }}
    consume_credentials();
  }}
#!endif
  if (is_method("INVITE")) record_route();
  if (!lookup("location")) {{ sl_send_reply("404", "Not Found"); exit; }}
  if (!t_relay()) sl_reply_error();
}}
"""

_TLS = """\
[server:default]
method = TLSv1.2+
private_key = {key}
certificate = {certificate}
ca_list = {authority}
verify_certificate = no
require_certificate = no
[client:default]
method = TLSv1.2+
private_key = {key}
certificate = {certificate}
ca_list = {authority}
verify_certificate = yes
require_certificate = yes
"""


def password(user: str) -> str:
    """What C{user} logs in with."""
    return f"{_PASSWORD}{user}"


_PASSWORD = "secret-of-"


class KamailioProgram:
    """
    One Kamailio, whatever it is for.

    @ivar port: where it listens for SIP; one that is open there has started.
    @param configuration: the whole file.
    """

    port: int
    transport = "tcp"
    """Over what C{port} is open."""

    def __init__(self, reactor: Any, name: str, directory: Path, configuration: str) -> None:
        self._reactor = reactor
        self._name = name
        (directory / "kamailio.cfg").write_text(configuration)
        # -DD stays in the foreground, -E logs to the standard error.
        arguments = ["kamailio", "-DD", "-E", "-f", "kamailio.cfg", "-Y", str(directory), "-m", "64", "-M", "8"]
        self.program = Program(reactor, name, arguments, directory)

    async def start(self) -> None:
        """Fires when it serves."""
        self.program.start()
        await until(self._reactor, self._isUp, f"{self._name} listening on {self.port}", 15)
        if self.program.status is not None:
            raise ProgramFailed(f"{self._name} does not start\n{self.program.output[-1500:]}")

    def _isUp(self) -> bool:
        isListening = isOpen(self.port, self.transport, listening=self.transport == "tcp")
        return isListening or self.program.status is not None

    async def stop(self) -> None:
        """End it."""
        await self.program.stop(5.0)


class Kamailio(KamailioProgram):
    """
    @ivar port: where it listens for SIP over UDP and TCP; C{securePort} over TLS, if it has a certificate.
    @ivar formerPort: where it listens over UDP to lead all on to C{port}, by 302.
    @param login: users have to log in.
    @param least: it registers nobody for less than so many seconds.
    @param certificate: the files of its certificate, its key, and of the authority that it trusts.
    """

    def __init__(
        self,
        reactor: Any,
        directory: Path,
        ports: Ports,
        host: str = "127.0.0.1",
        *,
        domain: str = DOMAIN,
        login: bool = True,
        least: int = 1,
        certificate: tuple[str, str, str] | None = None,
    ) -> None:
        directory = directory.absolute()
        self.host = host
        self.port = ports.take(3)
        self.securePort = self.port + 1
        self.formerPort = self.port + 2
        directory.mkdir(parents=True)
        shown = f"[{host}]" if ":" in host else host
        listen = [f"listen={kind}:{shown}:{self.port}" for kind in ("udp", "tcp")]
        listen.append(f"listen=udp:{shown}:{self.formerPort}")
        flags = ["#!define WITH_LOGIN"] if login else []
        if certificate is not None:
            flags += ["#!define WITH_TLS"]
            listen += [f"listen=tls:{shown}:{self.securePort}", "enable_tls=yes"]
            words = dict(zip(("certificate", "key", "authority"), certificate, strict=True))
            (directory / "tls.cfg").write_text(_TLS.format(**words))
        super().__init__(
            reactor,
            "kamailio",
            directory,
            _CONFIGURATION.format(
                flags="\n".join(flags),
                listen="\n".join(listen),
                domain=domain,
                password=_PASSWORD,
                least=least,
                moved=self.formerPort,
                place=f"{shown}:{self.port}",
                directory=directory,
                modules=modulePath(),
            ),
        )

    async def saved(self, user: str, seconds: int | None = None, patience: float = 10.0) -> None:
        """Fires when it has registered a user (for 0 seconds: taken off), past times included."""
        await self.program.said(f"SAVED {user} for {'(?!0 )' if seconds is None else f'{seconds} '}", patience)

    def saves(self, user: str) -> list[str]:
        """For how long it has registered a user, each time."""
        words = (line.partition(f"SAVED {user} for ")[2] for line in self.program.output.splitlines())
        return [word.split()[0] for word in words if word]


def loading(*modules: str) -> str:
    """The lines of a configuration that load these."""
    return "\n".join([f'mpath="{modulePath()}"', *(f'loadmodule "{name}.so"' for name in modules)])


def modulePath() -> str:
    """Debian keeps the modules below a directory named after the machine's kind."""
    return next(
        (f"{path}/" for path in sorted(Path("/usr/lib").glob("*/kamailio/modules"))), "/usr/lib/kamailio/modules/"
    )
