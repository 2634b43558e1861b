# -*- test-case-name: ichatgw.test.xmpp.link.test_trial -*-
"""
One login to the XMPP server as its component (XEP-0114), to see whether it would take us.
"""

from __future__ import annotations

from typing import Any

import ichatgw.xmpp.link.wokkelcompat  # noqa: F401  (before wokkel)

# isort: split
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.error import TimeoutError as ConnectTimeout

from ichatgw.net.names import endpointAt
from ichatgw.runtime.turns import Turns
from ichatgw.xmpp.link.component import CLOSE_TIMEOUT, StreamFactory
from ichatgw.xmpp.link.stream import ComponentStream

SILENCE = "no answer"


def tryLogin(
    reactor: Any, turns: Turns, host: str, port: int, name: str, secret: str, patience: float
) -> Deferred[str]:
    """
    Log in, and leave at once.  No stanza is answered.

    @param host: an IP literal.
    @param patience: seconds that the connection, and then the login, may take.
    @return: fires with why that failed, in words; empty if it did not.  Never fails.
    """
    return Deferred.fromCoroutine(_tryLogin(reactor, turns, host, port, name, secret, patience))


async def _tryLogin(reactor: Any, turns: Turns, host: str, port: int, name: str, secret: str, patience: float) -> str:
    factory = StreamFactory(lambda: ComponentStream(turns, name, secret, 0.0, lambda user: False))
    stream: Any = None
    try:
        stream = await endpointAt(reactor, host, port).connect(factory).addTimeout(patience, reactor)
        await stream.ready.addTimeout(patience, reactor)
    except (TimeoutError, ConnectTimeout, ConnectingCancelledError):
        if stream is not None:
            stream.giveUp(SILENCE)
        return SILENCE
    except Exception as problem:
        return str(problem) or type(problem).__name__
    stream.close(CLOSE_TIMEOUT)
    await stream.lost
    return ""
