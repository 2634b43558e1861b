# -*- test-case-name: ichatgw.test.gateway.matrix.test_interop -*-
"""
A network of our own, for the programs of a run and for nobody else.

WebRTC stacks take no candidate of the loopback interface, so there has to be another one.  C{unshare} gives the run a
network, a list of mounts and a list of processes of its own; when the run is over they are gone, with all that still
runs in them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

HOSTS = tuple(f"10.77.0.{number}" for number in range(1, 5))
"""The addresses of the network; the gateway has the second one, phones and servers the first."""

HOSTS6 = tuple(f"fd00:77::{number}" for number in range(1, 5))

PBX, PBX_GATEWAY = "192.0.2.10", "192.0.2.20"
"""What the recipes in the documentation call a PBX and the gateway."""

INSIDE = "ICHATGW_INTEROP_INSIDE"
"""The environment variable that says that we are there."""

_NAMES = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n10.77.0.1 xmpp.test gw.xmpp.test\n"


def enter(arguments: Sequence[str]) -> None:
    """Become this module's program again, inside; never returns."""
    asUser = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = ["unshare", *asUser, "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    command += [sys.executable, "-m", "ichatgw.test.interop", *arguments]
    os.execvpe(command[0], command, {**os.environ, INSIDE: "1"})


def furnish() -> None:
    """Make the interfaces, and say which names there are."""
    _ip("link", "set", "lo", "up")
    # One end of the pair is enough; not every kernel has the dummy device.
    _ip("link", "add", "d0", "type", "veth", "peer", "name", "d1")
    for device in ("d0", "d1"):
        _ip("link", "set", device, "up")
    for host in (*HOSTS, PBX, PBX_GATEWAY):
        _ip("addr", "add", f"{host}/24", "dev", "d0")
    for host in HOSTS6:
        _ip("-6", "addr", "add", f"{host}/64", "dev", "d0", "nodad")
    # libwebrtc asks the routing table for its own address.
    _ip("route", "add", "default", "dev", "d0")
    _ip("-6", "route", "add", "default", "dev", "d0")
    with TemporaryDirectory() as directory:
        _cover("/etc/hosts", Path(directory, "hosts"), _NAMES)
        _cover("/etc/resolv.conf", Path(directory, "resolv.conf"), "nameserver 127.0.0.53\n")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def _cover(place: str, file: Path, text: str) -> None:
    """A mount keeps a file that has no name any more."""
    file.write_text(text)
    subprocess.run(["mount", "--bind", str(file.absolute()), os.path.realpath(place)], check=True)
