"""A server of `ocrm55 live` in a thread, Debian's Chromium, and the films that its fake camera shows."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrm55.live.engine import Engine
from ocrm55.live.program import Programs
from ocrm55.live.session import Session

TEXT = "Meter 48 213"
SIZE = (480, 360)  # pixels of a film
FILM_RATE = 5  # frames a second
BEFORE, STILL, MOVES, AFTER = 8, 6, 24, 12  # frames of the film: nothing, a label, one that moves and turns, nothing
PATIENCE_S = 240  # for what takes seconds: the cores may have much else to do
_WALL, _CARD, _INK = (70, 92, 80), (244, 242, 235), (25, 25, 30)


def browser_program() -> str:
    """The program of Chromium or Chrome. Skips the test, saying why, where there is none."""
    for name in ("chromium", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("neither chromium nor google-chrome is installed")


def sheet(number: int) -> np.ndarray:
    """Frame of the film, uint8 [height, width, 3] RGB: a label comes, lies still, moves, turns to and fro, leaves."""
    image = Image.new("RGB", SIZE, _WALL)
    at = number - BEFORE
    if 0 <= at < STILL + MOVES:
        label = Image.new("RGBA", (330, 90), _CARD)
        ImageDraw.Draw(label).text((24, 20), TEXT, _INK, font=ImageFont.load_default(44))
        moved = max(0, at - STILL)
        turned = label.rotate(6 * np.sin(moved / 4), expand=True, resample=Image.Resampling.BICUBIC)
        image.paste(turned, (20 + 4 * moved, round(110 + 40 * np.sin(moved / 6))), turned)
    noise = np.random.default_rng(number).normal(0, 2, (SIZE[1], SIZE[0], 3))
    return np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)


def write_film(path: Path) -> None:
    """Write the film as YUV4MPEG2, as Chromium's fake camera takes it."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{SIZE[0]} H{SIZE[1]} F{FILM_RATE}:1 Ip A1:1 C420jpeg\n".encode())
        for number in range(BEFORE + STILL + MOVES + AFTER):
            file.write(b"FRAME\n" + cv2.cvtColor(sheet(number), cv2.COLOR_RGB2YUV_I420).tobytes())


def shows_label(frame: bytes) -> bool:
    """Whether a frame that the page sent, a JPEG, shows the label: its bright card, of 330 x 90 pixels."""
    grey = cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_GRAYSCALE)
    return bool((grey > 180).mean() > 0.5 * 330 * 90 / (SIZE[0] * SIZE[1]))


@dataclass
class Log:
    """The answers that a page got for its frames. uart: what a simulator said before an answer came."""

    answers: list[dict[str, Any]] = field(default_factory=list)
    uart: str = ""

    def watch(self, page: Any) -> None:
        """Listen to the page's sockets, before it is opened."""
        page.on("websocket", lambda channel: channel.on("framereceived", lambda data: self._take(json.loads(data))))

    def _take(self, answer: dict[str, Any]) -> None:
        if answer["type"] == "frame":
            self.answers.append(answer)
        elif answer["type"] == "uart":
            self.uart += answer["text"]

    @property
    def texts(self) -> list[list[str]]:
        """Of each answer."""
        return [[line["text"] for line in answer["lines"]] for answer in self.answers]


class Server:
    """A server in a thread. address: of its page. shown: of each frame that came, whether it shows the label."""

    def __init__(self, programs: Programs, fvp: Path | None = None) -> None:
        import uvicorn

        from ocrm55.live import run
        from ocrm55.live.server import application

        self.live = run.live_of(programs, fvp)
        self.shown: list[bool] = []  # told here: Chromium tells nobody what a page sends as a Blob
        self._session, self.live.session = self.live.session, self._watched
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://localhost:{self._listening.getsockname()[1]}/{self.live.token}/"
        settings = uvicorn.Config(application(self.live), log_level="error", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listening]}, daemon=True)
        self._thread.start()

    def _watched(self, engine: Engine) -> Session:
        session = self._session(engine)
        step = session.step

        def watched(data: bytes) -> dict[str, Any]:
            self.shown.append(shows_label(data))
            return step(data)

        session.step = watched  # type: ignore[method-assign]
        return session

    def saw_it_leave(self) -> bool:
        """Whether a frame showed the label, and a later one did not."""
        return True in self.shown and False in self.shown[self.shown.index(True) :]

    def drop_connections(self) -> None:
        """Cut every connection, as a network that breaks does."""
        for connection in list(self._server.server_state.connections):
            loop = connection.loop  # type: ignore[union-attr]
            loop.call_soon_threadsafe(connection.transport.abort)  # type: ignore[union-attr]

    def close(self) -> None:
        """End it."""
        self._server.should_exit = True
        self._thread.join(30)
        self._listening.close()


@contextlib.contextmanager
def chromium(film: Path) -> Iterator[Any]:
    """A headless Chromium whose camera shows a film."""
    from playwright.sync_api import sync_playwright

    words = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    words += [f"--use-file-for-fake-video-capture={film}"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_program(), args=words)
        yield browser
        browser.close()


def wait(page: Any, condition: Any, what: str) -> None:
    """Until a condition of this side holds, while the page's events are taken. Fails after PATIENCE_S."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, what
        page.wait_for_timeout(100)
