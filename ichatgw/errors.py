# -*- test-case-name: ichatgw.test.calls.test_call -*-
"""
The exceptions of the gateway.  They have one root class, so that an adapter can catch all of them at once.
"""

from __future__ import annotations

from ichatgw.model import EndReason


class GatewayError(Exception):
    """The root of all our errors."""


class ConfigError(GatewayError):
    """The configuration says something we cannot do.  The text is for the administrator's eyes."""


class NeedsRestart(ConfigError):
    """What the configuration says is right, but cannot begin while the gateway runs."""


class MalformedError(GatewayError):
    """A far end sent something that is not what it should be.  Caught once, at the adapter."""


class CallError(GatewayError):
    """
    A call cannot go on.

    @cvar reason: what both parties are told.
    @cvar cause: the cause of Q.850, if it says more than the reason.
    """

    reason = EndReason.FAILED
    cause: int | None = None


class NoRoute(CallError):
    """No translation rule matches the called address."""

    reason = EndReason.NOT_FOUND


class NoCommonCodec(CallError):
    """The two parties share no codec (or the offer holds no audio we can carry)."""

    reason = EndReason.INCOMPATIBLE


class Congested(CallError):
    """The gateway has no room for another call: no media port, no call slot."""

    reason = EndReason.CONGESTED


class NoLink(CallError):
    """The server by which the callee is reached is not connected now."""

    reason = EndReason.NO_LINK


class OutOfReach(CallError):
    """A party wants its media where we cannot send it: at an IPv6 address, say, and we have none."""

    reason = EndReason.INCOMPATIBLE
    cause = 58


class Refused(CallError):
    """A policy of ours refuses the call."""

    reason = EndReason.FORBIDDEN
