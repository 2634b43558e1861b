# -*- test-case-name: ichatgw.test.e2e.suite -*-
"""
A home network behind a NAT, made of network namespaces: the Internet is where the test runs, and the gateway sees it
through a router that masquerades, and forgets flows that are silent.

The gateway also has a wire to the test by itself, for XMPP and for the media of its users.
"""

from __future__ import annotations

import os
import shutil
import subprocess

from attrs import define, field
from twisted.trial.unittest import SkipTest

PROVIDERS = ("198.51.100.1", "198.51.100.3")
"""Addresses in the Internet."""

PHONE = "198.51.100.5"
ROUTER = "198.51.100.2"
OFFICE = "10.78.2.1"
"""Where the gateway finds the XMPP server."""

_INSIDE = "10.78.1.2"
_TIMEOUTS = ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream")


@define(eq=False)
class NATNetwork:
    """
    @ivar silence: seconds after which the router forgets a flow of UDP.
    """

    silence: int
    _names: tuple[str, str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._names = f"igw{os.getpid()}r", f"igw{os.getpid()}h"

    @property
    def within(self) -> tuple[str, ...]:
        """The command that runs another one where the gateway is."""
        return ("ip", "netns", "exec", self._names[1])

    def start(self) -> None:
        """
        Make it.

        @raise SkipTest: if this system does not let us; the text says what is missing.
        """
        for command in ("ip", "iptables"):
            if shutil.which(command) is None:
                raise SkipTest(f"apt-get install {'iproute2' if command == 'ip' else command}")
        if os.geteuid() != 0:
            raise SkipTest("network namespaces want root")
        try:
            self._make()
        except subprocess.CalledProcessError as problem:
            self.stop()
            raise SkipTest(f"no network namespaces: {' '.join(problem.cmd)}: {problem.stderr.decode()[:200]}") from None

    def _make(self) -> None:
        router, home = self._names
        for name in self._names:
            _run("ip", "netns", "add", name)
            _run("ip", "-n", name, "link", "set", "lo", "up")
        self._wire("igw-wan", "", [f"{each}/24" for each in (*PROVIDERS, PHONE)], "wan", router, [f"{ROUTER}/24"])
        self._wire("lan", router, ["10.78.1.1/24"], "uplink", home, [f"{_INSIDE}/24"])
        self._wire("igw-office", "", [f"{OFFICE}/24"], "office", home, ["10.78.2.2/24"])
        _run("ip", "-n", home, "route", "add", "default", "via", "10.78.1.1")
        inRouter = ("ip", "netns", "exec", router)
        _run(*inRouter, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        _run(*inRouter, "iptables", "-t", "nat", "-A", "POSTROUTING", "-o", "wan", "-j", "MASQUERADE")
        for name in _TIMEOUTS:
            _run(*inRouter, "sysctl", "-qw", f"net.netfilter.{name}={self.silence}")

    def _wire(self, one: str, at: str, addresses: list[str], other: str, there: str, others: list[str]) -> None:
        """Two ends of a wire; an end is in a namespace, or where we are."""
        here = ("ip", "-n", at) if at else ("ip",)
        _run(*here, "link", "add", one, "type", "veth", "peer", "name", other, "netns", there)
        for command, name, all_ in ((here, one, addresses), (("ip", "-n", there), other, others)):
            for address in all_:
                _run(*command, "addr", "add", address, "dev", name)
            _run(*command, "link", "set", name, "up")

    def stop(self) -> None:
        """Take it away; its wires go with it."""
        for name in self._names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
