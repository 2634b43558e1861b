# -*- test-case-name: ichatgw.test.check.test_faults,ichatgw.test.check.asking.test_sipexchange -*-
"""
What checks ask: this host, and the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from twisted.internet.defer import Deferred
from zope.interface import Interface

from ichatgw.errors import GatewayError
from ichatgw.model import TransportAddress
from ichatgw.sip.transport.target import Target

Make = Callable[[TransportAddress], bytes]
"""Makes a SIP request of the address that it is sent from."""

Accepts = Callable[[bytes], bool]
"""Is this message the final response to the request?"""


class Unreachable(GatewayError):
    """
    A server does not answer.

    @ivar isSilent: nothing came at all; else the far host has refused.
    """

    def __init__(self, why: str, isSilent: bool = False) -> None:
        super().__init__(why)
        self.isSilent = isSilent


class IHost(Interface):
    """This host, as the system tells."""

    def now() -> datetime:
        """The clock on the wall, in UTC."""

    def tryPort(kind: str, host: str, port: int) -> None:
        """
        Take a port, and give it back.

        @param kind: C{udp} or C{tcp}.
        @param host: an IP literal.
        @raise OSError: if it cannot be had.
        """

    def fileLimit() -> int:
        """How many files a process may open, when it has raised its own limit; 0 for any number."""

    def systemPorts() -> tuple[int, int]:
        """The first and the last port that the system gives to programs that do not mind which; 0 and 0 if unknown."""

    def reservedPorts() -> str:
        """The ports among them that it gives to none, as Linux writes it: C{8000-9999,12345}."""

    def room(path: str) -> int:
        """
        Octets that are free where a file is, or will be.

        @raise OSError: if that is not known.
        """

    def databaseFault(path: str) -> Deferred[str]:
        """
        What is broken in a database of SQLite, which is only read.

        @return: fires with that in words, empty if nothing is, or if that cannot be told within some seconds.  Never
            fails.
        """

    def versions() -> Mapping[str, str]:
        """The versions of Python and of the libraries, by name; empty text for one that is not installed."""

    def sippyFault() -> str:
        """
        What is doubtful about the sippy that is installed; empty if nothing is.

        @raise ConfigError: if it cannot be used.
        """


class INetwork(Interface):
    """The network.  What it is asked for comes within some seconds."""

    def status() -> Deferred[Mapping[str, object] | None]:
        """What a gateway that runs with this configuration says of itself; C{None} if none answers.  Never fails."""

    def login(host: str, port: int, name: str, secret: str) -> Deferred[str]:
        """
        Log in to an XMPP server as a component, and leave at once.

        @param host: an IP literal.
        @return: fires with what is wrong, empty if nothing is.  Never fails.
        """

    def exchange(target: Target, make: Make, accepts: Accepts) -> Deferred[bytes]:
        """
        Send a SIP request.

        @return: fires with the message that C{accepts} takes, or fails with L{Unreachable}.
        """

    def reached(server: TransportAddress, isStream: bool) -> Deferred[None]:
        """
        Try whether something listens there: connect and go, or send an empty datagram.

        @param isStream: TCP, else UDP, of which silence says nothing.
        @return: fails with L{Unreachable}.
        """

    def asked(server: TransportAddress, name: str) -> Deferred[None]:
        """
        Ask one name server for a name.  Whatever it answers, it answers.

        @return: fails with L{Unreachable}.
        """

    def seen(server: TransportAddress) -> Deferred[TransportAddress]:
        """
        Ask a STUN server where it sees us.

        @return: fails with L{Unreachable}.
        """
