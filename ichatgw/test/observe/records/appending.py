"""
A reactor whose processes append records, when the test says so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from twisted.internet.error import ProcessTerminated
from twisted.internet.interfaces import IReactorProcess
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zope.interface import implementer

from ichatgw.observe.records.appender import Appender


class AppendingProcess:
    """
    What runs beside the gateway.

    @ivar protocol: hears what it says.
    @ivar input: where it is told what to write.
    @ivar isOver: it was told that no more comes.
    @ivar isClosed: it cannot be told any more.
    """

    def __init__(self, protocol: Any, input: int) -> None:
        self.protocol = protocol
        self.input = os.dup(input)
        os.set_blocking(self.input, False)
        self.appender = Appender()
        self.isOver = self.isClosed = False

    def work(self) -> None:
        """Read and write what has come."""
        with suppress(BlockingIOError):
            while data := os.read(self.input, 1 << 16):
                self.appender.take(data)
            self.isOver = True
        for told in self.appender.flush():
            self.protocol.outReceived(json.dumps(told).encode() + b"\n")

    def close(self) -> None:
        """It reads no more."""
        self.isClosed = True
        os.close(self.input)

    def end(self) -> None:
        """It is killed."""
        self.close()
        self.protocol.processEnded(Failure(ProcessTerminated(signal=9)))


@implementer(IReactorProcess)
class AppendingReactor(MemoryReactorClock):
    """
    @ivar processes: that were begun.
    @ivar refusals: what is raised instead of beginning the next ones.
    """

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[AppendingProcess] = []
        self.refusals: list[OSError] = []

    def spawnProcess(  # noqa: PLR0913 -- as Twisted has it
        self,
        processProtocol: Any,
        executable: bytes | str,
        args: Sequence[bytes | str] = (),
        env: Mapping[Any, Any] | None = None,
        path: bytes | str | None = None,
        uid: int | None = None,
        gid: int | None = None,
        usePTY: bool = False,
        childFDs: Mapping[int, int | str] | None = None,
    ) -> Any:
        """See C{IReactorProcess}."""
        if self.refusals:
            raise self.refusals.pop(0)
        assert childFDs is not None
        input = childFDs[0]
        assert isinstance(input, int)
        self.processes.append(AppendingProcess(processProtocol, input))
        return self.processes[-1]

    def work(self) -> None:
        """Have the latest write what it was given."""
        self.processes[-1].work()
