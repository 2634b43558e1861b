# -*- test-case-name: ichatgw.test.command.test_gateway -*-
"""
Asks the running gateway, at its socket.
"""

from __future__ import annotations

import json
import os
import socket
import stat
from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from attrs import frozen

from ichatgw.config.reading.reader import DEFAULT_FILE, Reader, readFile
from ichatgw.control.place import LONGEST, NAME, NONE
from ichatgw.control.protocol import Order, orderLine
from ichatgw.errors import ConfigError
from ichatgw.runtime.steps import atOnce

RUN_DIRECTORY = "/run/ichatgw"
"""What C{etc/ichatgw.service} has C{systemd} make."""

ANSWER_TIMEOUT = 30.0
"""Seconds in which the gateway has to say something."""

_PIECE = 65536


@frozen
class Told:
    """
    What the gateway has said.

    @ivar data: its last line.
    @ivar items: those before.
    """

    data: dict[str, Any]
    items: list[Any]


def takesPlace(parser: ArgumentParser) -> None:
    """Let a command say where the gateway is."""
    parser.set_defaults(socket=None, config=None)
    for name, metavar, about in (
        ("--socket", "PATH", "the socket of the gateway (ControlSocket); if not given, it is looked for"),
        ("--config", "FILE", f"the configuration that names it; if not given, {DEFAULT_FILE} here"),
    ):
        parser.add_argument(name, metavar=metavar, default=SUPPRESS, help=about)


def ask(arguments: Namespace, order: str, **words: str) -> Told:
    """
    Have the gateway carry out an order.

    @raise ConfigError: if it cannot, or is not there.
    """
    path = os.path.abspath(pathOf(arguments.socket, arguments.config))
    told = Told({}, [])
    try:
        for line in _lines(path, orderLine(Order(order, words))):
            said = json.loads(line)
            if "error" in said:
                raise ConfigError(said["error"])
            if "done" in said:
                told.data.update(said["done"])
                return told
            told.items.append(said["item"])
    except (FileNotFoundError, ConnectionRefusedError):
        raise ConfigError(_nobody(path)) from None
    except PermissionError:
        raise ConfigError(f"you may not connect to {path}: be the user as whom the gateway runs, or root") from None
    except TimeoutError:
        raise ConfigError(f"the gateway at {path} has said nothing for {ANSWER_TIMEOUT:.0f} s: see its log") from None
    except (OSError, ValueError, TypeError, KeyError) as problem:
        raise ConfigError(f"what listens at {path} does not answer as a gateway does: {problem}") from None
    raise ConfigError(f"the gateway at {path} has closed the connection: see its log")


def _nobody(path: str) -> str:
    """Why no gateway listens there, and what to do."""
    other = "name its ControlSocket by --socket, or its configuration by --config"
    try:
        isSocket = stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        return f"no gateway listens at {path}: is it running? If so {other}"
    if not isSocket:
        return f"{path} is no socket of a gateway: {other}"
    return f"no gateway listens at {path} any more: it was killed; start it. If one is running {other}"


def _lines(path: str, order: bytes) -> Iterator[bytes]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_TIMEOUT)
        connection.connect(path)
        with suppress(BrokenPipeError, ConnectionResetError):  # it has said already that it takes no order
            connection.sendall(order + b"\n")
        rest = b""
        while piece := connection.recv(_PIECE):
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines


def pathOf(given: str | None, config: str | None) -> str:
    """
    Where the gateway's socket should be.

    @raise ConfigError: if that cannot be one, or the configuration says that there is none, or cannot be read.
    """
    if given is not None:
        if not 0 < len(os.fsencode(given)) <= LONGEST:
            raise ConfigError(f"--socket: the path of a socket has 1 to {LONGEST} octets: name its ControlSocket")
        return given
    if config is not None and not os.path.exists(config):
        raise ConfigError(f"there is no {config}: name the configuration by --config, or the socket by --socket")
    file = config or DEFAULT_FILE
    if os.path.exists(file):
        path = _configured(file)
        if path == NONE:
            raise ConfigError(f"the gateway of {file} has no socket: take ControlSocket = {NONE} out of it")
        if path:
            return path
    places = [os.path.join(folder, NAME) for folder in ("", os.path.dirname(config or ""), RUN_DIRECTORY)]
    return next(filter(os.path.exists, places), places[-1] if os.path.isdir(RUN_DIRECTORY) else places[0])


def _configured(file: str) -> str:
    """C{ControlSocket} of a configuration; empty if it is not set."""
    # The table knows all parts of the gateway, whose import takes longer than all else here.
    from ichatgw.config.settings import TABLE

    reader = Reader(TABLE)
    atOnce(reader.take(readFile(file, reader)))
    path: str = reader.values.get("controlSocket", "")
    return path
