"""
Orders come as lines of JSON on the standard input, C{[name, argument...]}; the first one is C{["start", {...}]}.  News
go out as lines of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from ichatgw.test.interop.aioclient.client import Client


def tell(event: str, **about: Any) -> None:
    """One line."""
    sys.stdout.write(json.dumps({"event": event, **about}) + "\n")
    sys.stdout.flush()


async def main() -> None:
    """Take orders until there are no more."""
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    client: Client | None = None
    async for line in orders:
        name, *arguments = json.loads(line)
        if name == "start":
            client = Client(tell, *arguments)
            client.start()
        elif name == "statistics" and client is not None:
            tell("statistics", **await client.statistics())
        else:
            getattr(client, name)(*arguments)


asyncio.run(main())
