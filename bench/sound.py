"""
The sound of many calls through the gateway, for C{bench/mixed.py}: sets the calls up, and lets C{bench/sound.c} talk.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from attrs import frozen

HOST = "127.0.0.1"
REALTIME = 10
"""The priority of the generator, so that it is not late itself; only as root."""

_PORT = re.compile(r"^m=audio (\d+)", re.MULTILINE)


@frozen
class Heard:
    """
    What a run has come to; delays in milliseconds.

    @ivar gap: the longest time without a packet at one party.
    @ivar fewest: the fewest packets that one party heard in a second.
    @ivar late: by how much the generator itself was late at most.
    """

    sent: int
    received: int
    p50: float
    p99: float
    worst: float
    gap: float
    fewest: int
    late: float

    @classmethod
    def parse(cls, line: str) -> Heard:
        """A line of the generator."""
        sent, received, p50, p99, worst, gap, fewest, late = map(int, line.split())
        return cls(sent, received, p50 / 1000, p99 / 1000, worst / 1000, gap, fewest, late / 1000)


def compiled(folder: Path, source: str) -> Path:
    """
    A program of C{bench/}, or a library to be loaded before others, compiled into C{folder}.

    @raise SystemExit: if there is no compiler.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("a C compiler is needed: apt-get install gcc libc6-dev")
    made = folder / source.partition(".")[0]
    kind = ["-shared", "-fPIC", "-ldl"] if source == "slowsync.c" else []
    subprocess.run([compiler, "-O2", "-o", made, Path(__file__).with_name(source), *kind], check=True)
    return made


class Sound:
    """The generator at work; C{parties} are pairs of a port of its own and one of the relay."""

    def __init__(self, program: Path, parties: list[tuple[int, int]], core: int) -> None:
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        os.sched_setaffinity(self._process.pid, {core})
        with suppress(OSError):
            os.sched_setscheduler(self._process.pid, os.SCHED_FIFO, os.sched_param(REALTIME))
        for own, relay in parties:
            self._say(f"{own} {relay}")
        self._say("")
        if int(self._hear()) != len(parties):
            raise RuntimeError("the generator has not understood")

    def start(self, seconds: float) -> None:
        """Begin to talk."""
        self._say(f"run {seconds}")

    def result(self) -> Heard:
        """Wait for the end, and say what was heard."""
        return Heard.parse(self._hear())

    def close(self) -> None:
        """It ends."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


class Talkers:
    """
    Callers and callees of calls that stay up, one call after the other, each in some lines of SIP over UDP.

    @ivar gateway: where it listens for SIP.
    """

    def __init__(self, gateway: tuple[str, int]) -> None:
        self.gateway = gateway
        self._caller, self._callee = (self._open() for _ in range(2))
        self.calleePort = self._callee.getsockname()[1]

    @staticmethod
    def _open() -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind((HOST, 0))
        opened.settimeout(5)
        return opened

    def call(self, number: int, ports: tuple[int, int]) -> tuple[int, int]:
        """
        Set up a call.

        @param ports: of the caller's and the callee's sound.
        @return: those of the gateway for them.
        """
        callId = f"talk{number}@{HOST}"
        invite = self._request("INVITE", callId, number, f"<sip:t{number}@{HOST}>", ports[0])
        self._caller.sendto(invite, self.gateway)
        asked = self._await(self._callee, "INVITE ", callId=None)
        forCallee = int(_PORT.findall(asked)[0])
        self._callee.sendto(self._ok(asked, ports[1]), self.gateway)
        answer = self._await(self._caller, "SIP/2.0 200", callId)
        to = re.search(r"^To: *(.*)$", answer, re.MULTILINE | re.IGNORECASE)
        assert to is not None
        self._caller.sendto(self._request("ACK", callId, number, to[1].strip(), None), self.gateway)
        return int(_PORT.findall(answer)[0]), forCallee

    def _await(self, opened: socket.socket, begin: str, callId: str | None) -> str:
        while True:
            text = opened.recv(65535).decode("utf-8", "replace")
            if text.startswith(begin) and (callId is None or callId in text):
                return text

    def _request(self, method: str, callId: str, number: int, to: str, port: int | None) -> bytes:
        body = "" if port is None else sdp(port)
        own = self._caller.getsockname()[1]
        contentType = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} sip:t{number}@{HOST}:{self.gateway[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {HOST}:{own};branch=z9hG4bK{method}{number};rport\r\nMax-Forwards: 70\r\n"
            f"From: <sip:talker{number}@{HOST}>;tag={number}\r\nTo: {to}\r\nCall-ID: {callId}\r\nCSeq: 1 {method}\r\n"
            f"Contact: <sip:talker{number}@{HOST}:{own}>\r\n{contentType}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def _ok(self, request: str, port: int) -> bytes:
        lines = []
        for line in request.split("\r\n\r\n")[0].split("\r\n")[1:]:
            name = line.partition(":")[0].lower()
            if name in ("via", "from", "call-id", "cseq", "record-route"):
                lines.append(line)
            elif name == "to":
                lines.append(line + ";tag=callee")
        body = sdp(port)
        return (
            "SIP/2.0 200 OK\r\n" + "\r\n".join(lines) + f"\r\nContact: <sip:t@{HOST}:{self.calleePort}>\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def answer(self) -> None:
        """Take no part any more: what comes now (session timers, BYE at the end) is answered by nobody."""
        self._caller.close()
        self._callee.close()


def sdp(port: int) -> str:
    """A description of audio at C{port}."""
    return (
        f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"
        "a=rtpmap:0 PCMU/8000\r\n"
    )
