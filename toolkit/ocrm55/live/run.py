"""Start the server: what it knows of the networks, its address, and counts from QEMU while it already serves."""

from __future__ import annotations

import shutil
import socket
import threading
from pathlib import Path

import uvicorn

from ocrm55 import console
from ocrm55.artifact import Artifact
from ocrm55.errors import InputError, Ocrm55Error
from ocrm55.live import cost
from ocrm55.live.cost import Rates
from ocrm55.live.engine import MOST_BYTES, Engine
from ocrm55.live.program import Programs
from ocrm55.live.server import Live, application
from ocrm55.live.session import Session
from ocrm55.simulators import fvp as fvps
from ocrm55.simulators import qemu


def live_of(programs: Programs, fvp: Path | None = None) -> Live:
    """What the server shows. Its estimate of the board begins when QEMU has counted, in a thread of its own."""
    recognizer, detector = (Artifact.read(each.artifact) for each in (programs.page.recognizer, programs.page.detector))
    placement, board = programs.page.placement, programs.options.recognizer.board
    known: list[Rates] = []

    def count() -> None:
        try:
            known.append(cost.measure(programs))
        except Ocrm55Error as trouble:
            console.note(f"the board's time is not estimated: {trouble.sentence}")

    if shutil.which(qemu.PROGRAM):
        threading.Thread(target=count, daemon=True).start()
    there = ["native", *(["qemu"] if shutil.which(qemu.PROGRAM) else []), "onnx"]
    there += ["fvp"] if "fvp" in board.machines and fvps.locate(fvp) is not None else []
    about = {
        "recognizer": recognizer.name,
        "detector": detector.name,
        "size": f"{detector.image_size[1]} x {detector.image_size[0]} {recognizer.precision}",
        "board": board.name,
        "arena": placement.arena_bytes,
        "memory": placement.regions["arena"].size,
        "region": placement.regions["arena"].name,
        "engines": there,
    }
    labels, steps = tuple(recognizer.labels), recognizer.steps

    def session(engine: Engine) -> Session:
        return _Counted(engine, labels, steps, counted=known)

    return Live(Engine(programs, fvp), session, about)


class _Counted(Session):
    """A session that knows the board's rates as soon as somebody does."""

    def __init__(self, engine: Engine, labels: tuple[str, ...], steps: int, *, counted: list[Rates]) -> None:
        super().__init__(engine, labels, steps)
        self._counted = counted

    def step(self, data: bytes) -> dict[str, object]:
        self.rates = self._counted[0] if self._counted else None
        return super().step(data)


def serve(programs: Programs, host: str, port: int, fvp: Path | None = None) -> None:
    """Serve until a signal comes. Raises InputError for a place where nobody can listen."""
    live = live_of(programs, fvp)
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as trouble:
        raise InputError(f"{host}:{port} cannot be listened on: {trouble.strerror}.", ["--port 0"]) from trouble
    except (ValueError, TypeError) as trouble:  # no name that a computer can have
        raise InputError(f"`{host[:80]}` is no name of a computer.", ["--host 127.0.0.1"]) from trouble
    port = listening.getsockname()[1]
    live.takes_numbers = host in ("", "0.0.0.0", "::")
    name = socket.gethostname() if live.takes_numbers else f"[{host}]" if ":" in host else host
    if live.takes_numbers or name not in live.hosts:  # a computer may call itself localhost
        live.hosts = [*live.hosts, name, socket.gethostname()]
        console.warning(f"everybody who reaches {host} and knows the address sees the page.")
    console.result(f"http://{'localhost' if host == '127.0.0.1' else name}:{port}/{live.token}/")
    settings = uvicorn.Config(
        application(live),
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_max_size=MOST_BYTES,
        ws_max_queue=4,
        limit_concurrency=64,
        timeout_graceful_shutdown=3,
    )
    with listening:
        uvicorn.Server(settings).run(sockets=[listening])
