from collections.abc import Callable

from typing_extensions import Self

unquote: Callable[[str], str]
quote: Callable[..., str]

class SipURL:
    scheme: str
    username: str | None
    userparams: list[str]
    password: str | None
    host: str
    port: int | None
    headers: dict[str, str] | None
    usertype: str | None
    transport: str | None
    ttl: int | None
    maddr: str | None
    method: str | None
    tag: str | None
    other: list[str]
    lr: bool
    written: str | None  # ours
    stated: tuple[object, ...]  # ours
    def __init__(
        self,
        url: str | None = None,
        username: str | None = None,
        password: str | None = None,
        host: str | None = None,
        port: int | None = None,
        headers: dict[str, str] | None = None,
        usertype: str | None = None,
        transport: str | None = None,
        ttl: int | None = None,
        maddr: str | None = None,
        method: str | None = None,
        tag: str | None = None,
        other: list[str] | None = None,
        userparams: list[str] | None = None,
        lr: bool = False,
        relaxedparser: bool = False,
        scheme: str = "sip",
    ) -> None: ...
    def localStr(self, local_addr: tuple[tuple[str, int], str] | None = None) -> str: ...
    def getCopy(self) -> Self: ...
    def getHost(self) -> str: ...
    def getPort(self) -> int: ...
    def getAddr(self) -> tuple[str, int]: ...
    def getTAddr(self) -> tuple[tuple[str, int], str]: ...
