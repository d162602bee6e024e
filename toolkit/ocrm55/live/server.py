"""The server: one page, its files and a WebSocket, below an address that holds a secret."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ocrm55 import plain_json
from ocrm55.errors import InputError, Ocrm55Error
from ocrm55.live.engine import MOST_BYTES, Engine, sentence
from ocrm55.live.session import Session, message_of, settings_of
from ocrm55.simulators.listener import Listener, stopped

_FILES = {
    "": ("index.html", "text/html"),
    "live.js": ("live.js", "text/javascript"),
    "live.css": ("live.css", "text/css"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=()",
}
MOST_TABS = 8
_MESSAGES_A_SECOND = 60
_MOST_UART = 1 << 18  # characters that wait for a slow reader; the answer has all
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_POLICY, _TOO_BIG, _LATER = 1008, 1009, 1013  # codes of a closed socket


@dataclass
class Live:
    """What the server shows. about: of the networks and the board, for the page. hosts: names in addresses.

    takes_numbers: whether an address may also name this computer by any IP number, as where it listens on all of them.
    """

    engine: Engine
    session: Callable[[Engine], Session]
    about: dict[str, Any]
    token: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    hosts: Sequence[str] = _LOOPBACK
    takes_numbers: bool = False
    tabs: int = 0
    # A thread for native frames, and one for what takes seconds, so that it keeps no camera waiting. They live as long
    # as the server: a process ends with the thread that began it.
    worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "native"))
    slow_worker: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "slow"))

    def compute(self, work: Callable[[], Any], *, slow: bool = False) -> Awaitable[Any]:
        """Run it in one of the two threads."""
        return asyncio.get_running_loop().run_in_executor(self.slow_worker if slow else self.worker, work)

    def knows(self, token: str, host: str) -> bool:
        """Whether an address has the secret, and a name that is ours: another's name may lead here, too."""
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        is_ours = name in self.hosts or (self.takes_numbers and _is_number(name))
        return secrets.compare_digest(token.encode(), self.token.encode()) and is_ours


def application(live: Live) -> Starlette:
    """The ASGI application."""

    async def file(request: Request) -> Response:
        name = request.path_params.get("name", "")
        known = live.knows(request.path_params["token"], request.headers.get("host", ""))
        if not known or name not in _FILES:
            return PlainTextResponse("There is no such page.\n", 404, headers=_HEADERS)
        path, kind = _FILES[name]
        return Response((Path(__file__).parent / "page" / path).read_bytes(), media_type=kind, headers=_HEADERS)

    async def socket(websocket: WebSocket) -> None:
        host = websocket.headers.get("host", "")
        origin = urlsplit(websocket.headers.get("origin", ""))
        if not live.knows(websocket.path_params["token"], host) or origin.netloc != host:
            await websocket.close(_POLICY)
            return
        if live.tabs >= MOST_TABS:
            await websocket.accept()  # so that the page learns the code, and says why
            await websocket.close(_LATER)
            return
        live.tabs += 1
        try:
            await websocket.accept()
            await _Tab(live, websocket).serve()
        finally:
            live.tabs -= 1

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await live.compute(live.engine.close)
        for worker in (live.worker, live.slow_worker):
            worker.shutdown(wait=False, cancel_futures=True)

    routes = [
        Route("/{token}/", file),
        Route("/{token}/{name}", file),
        WebSocketRoute("/{token}/socket", socket),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


class _Tab:
    """The socket of one tab: a task takes what comes, one answers the newest frame, one tells a simulator's UART."""

    def __init__(self, live: Live, socket: WebSocket) -> None:
        self._live, self._socket = live, socket
        self._session = live.session(live.engine)
        self._session.listener = Listener(self._heard)
        self._loop = asyncio.get_running_loop()
        self._uart, self._uart_came, self._sending = "", asyncio.Event(), asyncio.Lock()
        self._frame: tuple[bytes, int] | None = None  # and the number of stops before it
        self._wishes: dict[str, tuple[str, int]] = {}  # by kind: newer settings stand for older ones
        self._stops = 0
        self._dropped = 0
        self._news = asyncio.Event()
        self._window = (time.monotonic(), 0)

    async def serve(self) -> None:
        await self._send({"type": "about", **self._live.about})
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._answer)
            tasks.start_soon(self._tell)
            try:
                await self._take()
            finally:
                self._stop()  # a run for a tab that is gone ends with it
            tasks.cancel_scope.cancel()

    async def _take(self) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                message = await self._socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                if self._too_often():
                    await self._socket.close(_POLICY)
                    return
                if (data := message.get("bytes")) is not None:
                    if len(data) > MOST_BYTES:
                        await self._socket.close(_TOO_BIG)
                        return
                    self._dropped += self._frame is not None
                    self._frame = data, self._stops
                elif (kind := _kind_of(text := message.get("text") or "")) == "stop":
                    self._stop()  # now, and not behind what it stops
                else:
                    self._wishes.pop(kind, None)
                    self._wishes[kind] = text, self._stops
                self._news.set()

    async def _answer(self) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await self._news.wait()
                self._news.clear()
                while self._wishes:  # also those that come meanwhile: a frame behind them is read as they say
                    kind = next(iter(self._wishes))
                    text, stops = self._wishes.pop(kind)
                    await self._say(partial(self._wish, text), stops, slow=kind == "prove")
                taken, self._frame = self._frame, None
                if taken is not None:
                    frame, stops = taken
                    await self._say(partial(self._session.step, frame), stops, slow=self._session.settings.is_slow)

    def _stop(self) -> None:
        """End the run that goes on, and begin none of those that wait."""
        self._stops += 1
        self._session.listener.stop.set()

    async def _say(self, work: Callable[[], dict[str, Any] | None], stops: int, *, slow: bool) -> None:
        """Answer with what `work` gives, or with its error in a sentence. stops: how many came before it was asked."""
        try:
            if slow and stops < self._stops:
                raise stopped()
            if slow:
                self._session.listener.stop.clear()
            answer = await self._live.compute(work, slow=slow)
        except Ocrm55Error as trouble:
            answer = {"type": "error", "sentence": sentence(trouble)}
        await self._flush()  # what came before the end, also where the run was stopped
        if answer is not None:
            dropped, self._dropped = self._dropped, 0
            await self._send({**answer, "dropped": dropped})

    def _heard(self, text: str) -> None:
        """Called by a run's thread."""
        with contextlib.suppress(RuntimeError):  # the server ends
            self._loop.call_soon_threadsafe(self._hear, text)

    def _hear(self, text: str) -> None:
        self._uart = (self._uart + text)[-_MOST_UART:]
        self._uart_came.set()

    async def _tell(self) -> None:
        """The UART as it comes; what comes while the socket is slow is sent together."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await self._uart_came.wait()
                self._uart_came.clear()
                await self._flush()

    async def _flush(self) -> None:
        text, self._uart = self._uart, ""
        if text:
            await self._send({"type": "uart", "text": text})

    async def _send(self, value: dict[str, Any]) -> None:
        async with self._sending:
            await self._socket.send_text(plain_json.line(value))  # a browser reads no NaN

    def _wish(self, text: str) -> dict[str, Any] | None:
        message = message_of(text)
        if message["type"] == "prove":
            return self._session.prove()
        self._session.change(settings_of(message))
        return None

    def _too_often(self) -> bool:
        begun, count = self._window
        now = time.monotonic()
        self._window = (now, 1) if now - begun >= 1 else (begun, count + 1)
        return self._window[1] > _MESSAGES_A_SECOND


def _is_number(name: str) -> bool:
    """Whether it is an IP number: no name that somebody else lets lead here."""
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _kind_of(text: str) -> str:
    """What a message is: settings, a wish, or an empty text for anything else."""
    try:
        return str(message_of(text)["type"])
    except InputError:
        return ""
