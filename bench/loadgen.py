"""
The load for C{bench/calls.py}: SIP callers, SIP phones, an XMPP server and its iChats, all in one plain select loop, so
that the generator costs less than what it measures.

It speaks just enough of each protocol for calls that go well.
"""

from __future__ import annotations

import heapq
import re
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from attrs import define, field
from secure import Plain, Secure

from ichatgw.ichat.connectdata import AddressRecord, encode
from ichatgw.model import TransportAddress

HOST = "127.0.0.1"
COMPONENT = "gw.bench.example"
DOMAIN = "bench.example"
USERS = 400
GIVE_UP = 8.0

_SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)
_HEADER = re.compile(r"^(via|from|to|call-id|cseq|record-route):\s*(.*)$", re.I | re.M)
_CONTACT = re.compile(r"^Contact: *([^\r\n]*)", re.I | re.M)
_PROBE = re.compile(r"<presence (?=[^>]*type='probe')[^>]*to='u(\d+)@")
_ATTRIBUTE = {name: re.compile(rf"<iq[^>]*\b{name}=['\"]([^'\"]*)['\"]") for name in ("to", "from", "id")}


@define(eq=False)
class Attempt:
    """One call of the generator."""

    user: str
    begun: float
    hold: float
    answered: float | None = None


@define(eq=False)
class Results:
    """What a run has seen; times in seconds."""

    setups: list[float] = field(factory=list)
    failed: int = 0
    finished: int = 0


class Load:
    """
    @ivar gateway: where the gateway listens for SIP.
    """

    def __init__(self, gateway: tuple[str, int], folder: Path) -> None:
        self.gateway = gateway
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._serial = 0
        self._attempts: dict[str, Attempt] = {}
        self.results = Results()
        self.online = False
        self._caller = self._udp(self._onCaller)
        self._phone = self._udp(self._onPhone)
        self.phonePort = self._phone.getsockname()[1]
        self.secure = Secure(folder, self._selector)
        self.secure.listen(self._reply)
        self.plain = Plain(gateway, self._selector)
        self.plain.listen(self._reply)
        blob = encode([AddressRecord("en0", TransportAddress(HOST, self.phonePort))])
        self._accept = (
            "<query xmlns='apple:iq:vc:response'><response>0</response>"
            f"<connectData>\n{blob}</connectData><responseData>1</responseData>"
            "<VCProtocolVersion>1</VCProtocolVersion></query></iq>"
        )
        listener = socket.create_server((HOST, 0))
        self.xmppPort = listener.getsockname()[1]
        self._listener = listener
        self._stream: socket.socket | None = None
        self._pending = ""
        self._unsent = b""
        self._selector.register(listener, selectors.EVENT_READ, self._onConnect)

    def close(self) -> None:
        """Close all sockets."""
        for key in list(self._selector.get_map().values()):
            self._selector.unregister(key.fileobj)
            key.fileobj.close()  # type: ignore[union-attr]

    def later(self, delay: float, action: Callable[[], None]) -> None:
        """Do it C{delay} seconds from now."""
        self._count += 1
        heapq.heappush(self._timers, (time.monotonic() + delay, self._count, action))

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Turn the loop."""
        end = time.monotonic() + seconds
        while not until() and (now := time.monotonic()) < end:
            while self._timers and self._timers[0][0] <= now:
                heapq.heappop(self._timers)[2]()
            wait = min(end, self._timers[0][0] if self._timers else end) - time.monotonic()
            for key, _ in self._selector.select(max(0.0, wait)):
                key.data()

    def calls(self, prefix: str, rate: float, seconds: float, hold: float) -> Results:
        """
        Place C{rate} calls a second for C{seconds}, each ended by the caller C{hold} seconds after its answer.

        @param prefix: C{u} calls iChats, C{p} calls phones, C{c} and C{s} call phones over TCP and TLS from phones that
            speak these.
        """
        self.results = Results()
        started = time.monotonic()
        total = int(rate * seconds)
        for number in range(total):
            self.later(
                started + number / rate - time.monotonic(), partial(self._begin, f"{prefix}{number % USERS}", hold)
            )
        self.run(seconds + hold + GIVE_UP, lambda: self.results.finished + self.results.failed >= total)
        return self.results

    def _udp(self, onReadable: Callable[[socket.socket], None]) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        opened.bind((HOST, 0))
        opened.setblocking(False)
        self._selector.register(opened, selectors.EVENT_READ, lambda: onReadable(opened))
        return opened

    # The callers.

    def _begin(self, user: str, hold: float) -> None:
        self._serial += 1
        callId = f"{self._serial}.{id(self)}"
        self._attempts[callId] = Attempt(user, time.monotonic(), hold)
        self._send(callId, "INVITE", 1, f"<sip:{user}@{HOST}>", _SDP)
        self.later(GIVE_UP, partial(self._giveUp, callId))

    def _giveUp(self, callId: str) -> None:
        attempt = self._attempts.get(callId)
        if attempt is not None and attempt.answered is None:
            del self._attempts[callId]
            self.results.failed += 1

    def _send(self, callId: str, method: str, cseq: int, to: str, body: str = "") -> None:
        user = self._attempts[callId].user
        kinds: dict[str, Secure | Plain] = {"s": self.secure, "c": self.plain}
        streams = kinds.get(user[0])
        link = None if streams is None else streams.connect(self._heard)
        via = {"s": "TLS", "c": "TCP"}.get(user[0], "UDP")
        port = self._caller.getsockname()[1] if link is None else link.port
        contentType = "Content-Type: application/sdp\r\n" if body else ""
        serial = callId.partition(".")[0]
        request = (
            f"{method} sip:{user}@{HOST}:{self.gateway[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/{via} {HOST}:{port};branch=z9hG4bK{method}{callId};rport\r\nMax-Forwards: 70\r\n"
            f"From: <sip:c{serial}@{HOST}>;tag={serial}\r\nTo: {to}\r\nCall-ID: {callId}\r\n"
            f"CSeq: {cseq} {method}\r\nContact: <sip:c@{HOST}:{port}>\r\n{contentType}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
        if link is None:
            self._caller.sendto(request, self.gateway)
        else:
            link.send(request)

    def _onCaller(self, opened: socket.socket) -> None:
        for text in _datagrams(opened):
            self._heard(text)

    def _heard(self, text: str) -> None:
        headers = {name.lower(): value.strip() for name, value in _HEADER.findall(text)}
        attempt = self._attempts.get(headers.get("call-id", ""))
        if attempt is None or not text.startswith("SIP/2.0"):
            return
        code, callId = int(text[8:11]), headers["call-id"]
        if headers["cseq"].endswith("BYE"):
            if code >= 200:
                del self._attempts[callId]
                self.results.finished += 1
        elif code >= 200:
            self._send(callId, "ACK", 1, headers["to"])
            if attempt.answered is None:
                self._answered(callId, attempt, code, headers["to"])

    def _answered(self, callId: str, attempt: Attempt, code: int, to: str) -> None:
        attempt.answered = time.monotonic()
        if code >= 300:
            del self._attempts[callId]
            self.results.failed += 1
            return
        self.results.setups.append(attempt.answered - attempt.begun)
        self.later(attempt.hold, partial(self._send, callId, "BYE", 2, to))

    # The phones, and the iChats, which are phones too once they have been asked over XMPP.

    def _onPhone(self, opened: socket.socket) -> None:
        for text in _datagrams(opened):
            reply = self._reply(text)
            if reply is not None:
                opened.sendto(reply, self.gateway)

    def _reply(self, text: str) -> bytes | None:
        method = text.partition(" ")[0]
        if method == "REGISTER":
            return self._ok(text, "", registers=True).encode()
        return self._ok(text, _SDP if method == "INVITE" else "").encode() if method in ("INVITE", "BYE") else None

    def _ok(self, request: str, body: str, registers: bool = False) -> str:
        place = str(self.phonePort)
        if "SIP/2.0/TLS" in request:
            place = f"{self.secure.phonePort};transport=tls"
        elif "SIP/2.0/TCP" in request:
            place = f"{self.plain.phonePort};transport=tcp"
        lines = []
        for name, value in _HEADER.findall(request):
            value = value.strip()
            if name.lower() == "to" and "tag=" not in value:
                value += ";tag=p"
            lines.append(f"{name}: {value}\r\n")
        contentType = "Content-Type: application/sdp\r\n" if body else ""
        contact = f"<sip:user@{HOST}:{place}>"
        if registers:
            contact = f"{_CONTACT.findall(request)[0].partition('>')[0]}>;expires=3600"
        return (
            f"SIP/2.0 200 OK\r\n{''.join(lines)}Contact: {contact}\r\n{contentType}"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )

    # The XMPP server.

    def _onConnect(self) -> None:
        stream, _ = self._listener.accept()
        stream.setblocking(False)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = stream
        self._selector.register(stream, selectors.EVENT_READ, self._onStream)

    def _onStream(self) -> None:
        assert self._stream is not None
        received = self._stream.recv(1 << 20).decode("utf-8", "replace")
        if not received:
            self._selector.unregister(self._stream)
            self._stream.close()
            self.online = False
            return
        self._pending += received
        if not self.online:
            self._handshake()
            return
        stanzas = self._pending.split("</iq>")
        self._pending = stanzas.pop()[-20000:]
        self._probed(received)
        for stanza in stanzas:
            if "apple:iq:vc:request" in stanza:
                kind, rest = "type='set' id='r'", f">{self._accept}"
            elif "urn:xmpp:ping" in stanza:
                kind, rest = f"type='result' id='{_attribute(stanza, 'id')}'", "/>"
            else:
                continue
            to, from_ = _attribute(stanza, "to"), _attribute(stanza, "from")
            self._stream.sendall(f"<iq {kind} from='{to}' to='{from_}'{rest}".encode())

    def presences(self, first: int, count: int) -> None:
        """Let so many users come online."""
        self._write("".join(presence(n) for n in range(first, first + count)))

    def subscribe(self, first: int, count: int) -> None:
        """Let so many users subscribe."""
        users = range(first, first + count)
        self._write(
            "".join(f"<presence type='subscribe' from='u{n}@{DOMAIN}' to='control@{COMPONENT}'/>" for n in users)
        )

    def cut(self) -> None:
        """Lose the link."""
        assert self._stream is not None
        self._selector.unregister(self._stream)
        self._stream.close()
        self._stream, self.online, self._pending, self._unsent = None, False, "", b""

    def _write(self, text: str) -> None:
        """Write now, and the rest when the gateway has read that."""
        self._unsent += text.encode()
        self._flush()

    def _flush(self) -> None:
        if self._stream is None or not self._unsent:
            return
        with suppress(BlockingIOError):
            self._unsent = self._unsent[self._stream.send(self._unsent) :]
        if self._unsent:
            self.later(0.001, self._flush)

    def _probed(self, text: str) -> None:
        """Users who are asked for their presence are there."""
        self._write("".join(presence(int(number)) for number in _PROBE.findall(text)))

    def _handshake(self) -> None:
        assert self._stream is not None
        if "<handshake" in self._pending:
            self._pending = ""
            self.online = True
            self._write("<handshake/>" + "".join(presence(n) for n in range(USERS)))
        elif "<stream:stream" in self._pending:
            self._stream.sendall(
                b"<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept'"
                b" xmlns:stream='http://etherx.jabber.org/streams' id='1' from='" + COMPONENT.encode() + b"'>"
            )
            self._pending = ""


def presence(number: int) -> str:
    """That of an iChat."""
    return (
        f"<presence from='u{number}@{DOMAIN}/iChat' to='control@{COMPONENT}'><priority>0</priority>"
        "<c xmlns='http://jabber.org/protocol/caps' node='apple:ichat:caps' ver='388'"
        " ext='avcap avavail audio'/></presence>"
    )


def _attribute(text: str, name: str) -> str:
    """Of the IQ that C{text} ends with."""
    found = _ATTRIBUTE[name].search(text[text.rindex("<iq") :])
    return found[1] if found else ""


def _datagrams(opened: socket.socket) -> list[str]:
    found = []
    for _ in range(64):
        try:
            found.append(opened.recv(65535).decode("utf-8", "replace"))
        except BlockingIOError:
            break
    return found
