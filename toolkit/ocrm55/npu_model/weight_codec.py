"""Vela's codec of weights, in a process of its own: where a stream is damaged, the codec ends its process."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrm55.errors import ToolchainError

SECONDS = 60  # of a processor: millions of weights take one
_ROOM, _ROOM_A_WEIGHT = 256 << 20, 64  # bytes of memory: of the codec's numbers, and of Python's objects of them


def decoded(stream: bytes, most: int) -> NDArray[np.int16] | None:
    """The weights of a stream; None where it is damaged or holds more than `most`.

    Raises ToolchainError without ethos-u-vela, or where no process can be started.
    """
    codec = _codec()
    reader, writer = os.pipe()
    try:
        child = os.fork()
    except OSError as trouble:
        os.close(reader)
        os.close(writer)
        raise ToolchainError(f"No process can be started for Vela's codec: {trouble.strerror}.") from trouble
    if child == 0:
        _decode(codec.decode, stream, most, writer)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb") as pipe:
            data = pipe.read()
    except BaseException:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    _, status = os.waitpid(child, 0)
    return np.frombuffer(data, np.int16) if status == 0 else None


def _decode(decode: Callable[[bytearray], Any], stream: bytes, most: int, writer: int) -> None:
    """The child: write the weights and end. Nothing of the parent runs on in it, and the codec prints to nobody."""
    status = 1
    try:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        _limit_memory(_ROOM + _ROOM_A_WEIGHT * most)
        weights = decode(bytearray(stream))
        if len(weights) <= most:
            with os.fdopen(writer, "wb") as pipe:
                pipe.write(np.array(weights, np.int16).tobytes())
            status = 0
    finally:
        os._exit(status)


def _limit_memory(room: int) -> None:
    """Let the process take `room` bytes more than it has; where nobody says what it has, there is no limit."""
    with suppress(OSError, ValueError):
        has = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (has + room, hard))


def _codec() -> Any:
    try:
        from ethosu import mlw_codec
    except ImportError as missing:
        raise ToolchainError(
            "Weight streams are decoded by ethos-u-vela, which is not installed.", ["pip install 'ocrm55[npu]'"]
        ) from missing
    return mlw_codec
