"""The server of `ocrm55 live`: a secret in the address, one origin, bounded frames, and defined ends for the rest."""

from __future__ import annotations

import contextlib
import io
import json
import secrets
import socket as socket_module
import threading
import time
from collections.abc import Iterator
from math import nan
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from ocrm55.errors import InputError, TargetError

pytest.importorskip("starlette", reason="the extra `live` is not installed")
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from ocrm55.live import server
from ocrm55.live.engine import LONGEST, Answer, pixels_of
from ocrm55.live.server import MOST_TABS, Live, application
from ocrm55.live.session import Session, Settings, message_of, settings_of
from ocrm55.simulators.listener import Listener

TOKEN = "secret"
ORIGIN = {"origin": "http://localhost"}
ADDRESS = f"ws://localhost/{TOKEN}/socket"


class Engine:
    """Reads the size of each frame; fails where that is 13 x 13."""

    def follow(self, pixels: np.ndarray, tracker: object) -> Answer:
        height, width = pixels.shape[:2]
        if (width, height) == (13, 13):
            raise TargetError("the native program failed: it ended.")
        corners = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
        line = {"number": 1, "corners": corners, "text": f"<b>{width}", "score": 0.9 if width > 1 else nan}
        return Answer([line], 0.01, [1], readings=[])

    def whole(self, pixels: np.ndarray, name: str, listener: Listener) -> Answer:
        """Says a line, and goes on until it is stopped."""
        listener.heard("image 1/1\n")
        self.ended = listener.stop.wait(30)
        listener.heard("half of a li")
        listener.check()
        return Answer([], 0.01)

    def prove(self, pixels: np.ndarray, listener: object) -> dict[str, Any]:
        return {"same": True, "lines": 3, "hashes": 2, "apart": None, "uart": "image 1/1"}

    def close(self) -> None:
        pass


@pytest.fixture
def live() -> Live:
    engine: Any = Engine()
    return Live(engine, lambda each: Session(each, ("", "a", "b"), 40), {"board": "corstone300"}, TOKEN)


@pytest.fixture
def client(live: Live) -> Iterator[TestClient]:
    with TestClient(application(live), base_url="http://localhost") as found:
        yield found


def jpeg(width: int = 32, height: int = 16, kind: str = "JPEG") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(data, kind)
    return data.getvalue()


def test_the_page_and_its_files_are_strict(client: TestClient) -> None:
    for name, kind in (("", "text/html"), ("live.js", "text/javascript"), ("live.css", "text/css")):
        answer = client.get(f"/{TOKEN}/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "http://" not in answer.text  # nothing comes from elsewhere
        assert "https://" not in answer.text


def test_the_page_makes_no_html_of_texts(client: TestClient) -> None:
    assert "innerHTML" not in client.get(f"/{TOKEN}/live.js").text
    assert "onclick=" not in client.get(f"/{TOKEN}/").text


@pytest.mark.parametrize("path", ["/", "/other/", f"/{TOKEN}x/", f"/{TOKEN}/server.py", f"/{TOKEN}/..%2fserver.py"])
def test_other_addresses_are_nothing(path: str, client: TestClient) -> None:
    assert client.get(path).status_code == 404


def test_a_foreign_name_that_leads_here_gets_nothing(client: TestClient) -> None:
    assert client.get(f"/{TOKEN}/", headers={"host": "evil.example"}).status_code == 404


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("ws://localhost/wrong/socket", ORIGIN),
        (ADDRESS, {"origin": "http://evil.example"}),
        (ADDRESS, {"origin": "null"}),
        (ADDRESS, {"origin": "http://localhost:99"}),
        (ADDRESS, {}),
    ],
)
def test_a_foreign_socket_is_refused(address: str, headers: dict[str, str], client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(address, headers=headers):
        pass


def test_a_frame_is_answered(client: TestClient) -> None:
    with client.websocket_connect(ADDRESS, headers=ORIGIN) as socket:
        assert socket.receive_json() == {"type": "about", "board": "corstone300"}
        socket.send_bytes(jpeg())
        answer = socket.receive_json()
    assert answer["type"] == "frame"
    assert answer["lines"][0]["text"] == "<b>32"
    assert answer["size"] == [32, 16]


def test_a_score_that_is_no_number_is_null(client: TestClient) -> None:
    with client.websocket_connect(ADDRESS, headers=ORIGIN) as socket:
        socket.receive_json()
        socket.send_bytes(jpeg(1, 16))
        assert '"score": null' in socket.receive_text()


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8\xff", jpeg()[:-40], b"GIF89a" + bytes(50), bytes(5000), jpeg(4097, 1)]
)
def test_a_broken_frame_is_a_sentence_and_the_next_one_is_read(data: bytes, client: TestClient) -> None:
    with client.websocket_connect(ADDRESS, headers=ORIGIN) as socket:
        socket.receive_json()
        socket.send_bytes(data)
        assert socket.receive_json()["type"] == "error"
        socket.send_bytes(jpeg())
        assert socket.receive_json()["type"] == "frame"


def test_a_failing_program_is_a_sentence(client: TestClient) -> None:
    with client.websocket_connect(ADDRESS, headers=ORIGIN) as socket:
        socket.receive_json()
        socket.send_bytes(jpeg(13, 13))
        answer = socket.receive_json()
        assert answer == {"type": "error", "sentence": "the native program failed: it ended.", "dropped": 0}


def test_a_frame_that_is_too_large_ends_the_socket(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_BYTES", 1000)
    with client.websocket_connect(ADDRESS, headers=ORIGIN) as socket:
        socket.receive_json()
        socket.send_bytes(bytes(1001))
        with pytest.raises(WebSocketDisconnect) as ended:
            socket.receive_json()
    assert ended.value.code == 1009


@pytest.mark.parametrize(
    "text",
    ["", "no json", "[]", "null", '{"type": "exec"}', "[" * 4000, '{"type": "settings", "engine": "sh"}', "x" * 5000]
    + [json.dumps({"type": "settings", **each}) for each in ({"clock": "a"}, {"region": [1]}, {"allow": 3})],
)
def test_rubbish_is_a_sentence(text: str, client: TestClient) -> None:
    with client.websocket_connect(ADDRESS, headers=ORIGIN) as socket:
        socket.receive_json()
        socket.send_text(text)
        assert socket.receive_json()["type"] == "error"
        socket.send_bytes(jpeg())
        assert socket.receive_json()["type"] == "frame"


def test_a_flood_ends_the_socket(client: TestClient) -> None:
    with client.websocket_connect(ADDRESS, headers=ORIGIN) as socket:
        socket.receive_json()
        for _ in range(200):
            socket.send_text("{")
        with pytest.raises(WebSocketDisconnect) as ended:
            while True:
                socket.receive_json()
    assert ended.value.code == 1008


def test_tabs_are_counted_and_a_lost_one_makes_room(client: TestClient, live: Live) -> None:
    live.tabs = MOST_TABS - 1
    with client.websocket_connect(ADDRESS, headers=ORIGIN) as first:
        first.receive_json()
        with client.websocket_connect(ADDRESS, headers=ORIGIN) as more:
            with pytest.raises(WebSocketDisconnect) as refused:
                more.receive_json()
            assert refused.value.code == 1013  # of which the page says that there are too many
        assert live.tabs == MOST_TABS
    live.tabs = MOST_TABS - 1
    with client.websocket_connect(ADDRESS, headers=ORIGIN) as again:
        assert again.receive_json()["type"] == "about"


class _Slow(Session):
    """Takes a while to change settings; of a frame it says under which clock it was read."""

    def change(self, settings: Settings) -> None:
        time.sleep(0.2)
        super().change(settings)

    def step(self, data: bytes) -> dict[str, Any]:
        return {"type": "frame", "clock": self.settings.clock}


def test_no_frame_overtakes_settings(live: Live, client: TestClient) -> None:
    live.session = lambda engine: _Slow(engine, ("", "a", "b"), 40)
    with client.websocket_connect(ADDRESS, headers=ORIGIN) as socket:
        socket.receive_json()
        socket.send_text('{"type": "settings", "clock": 100}')
        time.sleep(0.1)  # the server is at it
        socket.send_text('{"type": "settings", "clock": 200}')
        socket.send_bytes(jpeg())
        assert socket.receive_json()["clock"] == 200


class _Late(Session):
    """Takes its time for a frame, until a stop was taken; counts the frames."""

    taken: ClassVar[list[int]] = []

    def step(self, data: bytes) -> dict[str, Any]:
        assert self.listener.stop.wait(30)
        self.taken.append(len(data))
        return {"type": "frame", "bytes": len(data)}


def test_a_slower_reader_drops_frames_and_queues_none(live: Live, client: TestClient) -> None:
    live.session = lambda engine: _Late(engine, ("", "a", "b"), 40)
    _Late.taken.clear()
    frames = [bytes(number) for number in range(1, 21)]
    with client.websocket_connect(ADDRESS, headers=ORIGIN) as socket:
        socket.receive_json()
        for data in frames:
            socket.send_bytes(data)
        socket.send_text('{"type": "stop"}')  # which the server takes behind the frames
        answers = [socket.receive_json()]
        while answers[-1]["bytes"] != 20:  # the newest frame is never the one that is dropped
            answers.append(socket.receive_json())
    assert len(answers) <= 2  # of the first that found nothing before it, and of the newest
    assert sum(answer["dropped"] for answer in answers) == 20 - len(answers)
    assert len(_Late.taken) == len(answers)


class _Loud(Session):
    """Answers with a megabyte that cannot be compressed."""

    steps_taken: ClassVar[list[int]] = []
    words = secrets.token_hex(1 << 20)

    def step(self, data: bytes) -> dict[str, Any]:
        self.steps_taken.append(1)
        return {"type": "frame", "uart": self.words}


@contextlib.contextmanager
def served(live: Live) -> Iterator[Any]:
    """A real server in a thread, and a socket of its page; both end with the block."""
    uvicorn = pytest.importorskip("uvicorn")
    connect = pytest.importorskip("websockets.sync.client").connect
    listening = socket_module.create_server(("127.0.0.1", 0))
    there = f"127.0.0.1:{listening.getsockname()[1]}"
    serving = uvicorn.Server(uvicorn.Config(application(live), log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=serving.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    address = f"ws://{there}/{TOKEN}/socket"
    with connect(address, origin=f"http://{there}", max_queue=1, max_size=None) as socket:  # type: ignore[arg-type]
        yield socket
        serving.should_exit = True
        thread.join(30)
        socket.close_socket()  # it may never have read, and closes no other way
    listening.close()
    assert not thread.is_alive()


def test_who_does_not_read_keeps_nothing_in_the_server(live: Live) -> None:
    """With a real server and socket: answers wait for the reader, and no frame is computed meanwhile."""
    live.session = lambda engine: _Loud(engine, ("", "a", "b"), 40)
    _Loud.steps_taken.clear()
    with served(live) as socket:
        for _ in range(40):
            socket.send(jpeg())
            time.sleep(0.05)
        assert 1 <= len(_Loud.steps_taken) < 15, "40 answers would be 80 MB"


def test_a_server_that_ends_ends_its_runs(live: Live) -> None:
    engine: Any = live.engine
    with served(live) as socket:
        socket.recv()
        socket.send('{"type": "settings", "engine": "qemu"}')
        socket.send(jpeg())
        assert json.loads(socket.recv())["type"] == "uart"
    assert engine.ended  # by the stop, and not by its own end after half a minute


def test_what_a_simulator_says_comes_at_once_and_it_can_be_stopped(client: TestClient, live: Live) -> None:
    with client.websocket_connect(ADDRESS, headers=ORIGIN) as socket:
        socket.receive_json()
        socket.send_text('{"type": "settings", "engine": "qemu"}')
        for _ in range(2):  # a stop is for one run
            socket.send_bytes(jpeg())
            assert socket.receive_json() == {"type": "uart", "text": "image 1/1\n"}  # the run goes on
            socket.send_text('{"type": "stop"}')
            assert socket.receive_json() == {"type": "uart", "text": "half of a li"}
            assert socket.receive_json()["sentence"] == "the run was stopped."


def test_a_stop_is_also_for_what_waits_behind_the_run(client: TestClient) -> None:
    with client.websocket_connect(ADDRESS, headers=ORIGIN) as socket:
        socket.receive_json()
        socket.send_text('{"type": "settings", "engine": "qemu"}')
        socket.send_bytes(jpeg())
        assert socket.receive_json()["type"] == "uart"  # it runs
        for message in ('{"type": "prove"}', '{"type": "stop"}'):
            socket.send_bytes(jpeg())
            socket.send_text(message)
        answers = [socket.receive_json() for _ in range(4)]
        assert answers[0] == {"type": "uart", "text": "half of a li"}
        assert [each.get("sentence") for each in answers[1:]] == ["the run was stopped."] * 3
        socket.send_bytes(jpeg())
        assert socket.receive_json() == {"type": "uart", "text": "image 1/1\n"}  # the next one is not stopped
        socket.send_text('{"type": "stop"}')


class _Watched(Live):
    """Notes what is done in the thread for slow work."""

    slow: ClassVar[list[Any]] = []

    def compute(self, work: Any, *, slow: bool = False) -> Any:
        if slow:
            self.slow.append(*work.args)
        return super().compute(work, slow=slow)


def test_only_a_proof_is_slow_and_not_settings_that_have_the_word() -> None:
    engine: Any = Engine()
    _Watched.slow.clear()
    wishes = ['{"type": "settings", "allow": "prove"}', r'{"type": "pro\u0076e"}']
    live = _Watched(engine, lambda each: Session(each, ("", *"prove"), 40), {}, TOKEN)
    with (
        TestClient(application(live), base_url="http://localhost") as client,
        client.websocket_connect(ADDRESS, headers=ORIGIN) as socket,
    ):
        socket.receive_json()
        for wish in wishes:
            socket.send_text(wish)
            socket.send_bytes(jpeg())
            assert socket.receive_json()["type"] in ("frame", "proof", "error")
        socket.receive_json()
    assert _Watched.slow == wishes[1:]


def test_settings_that_come_often_push_no_wish_out(live: Live, client: TestClient) -> None:
    live.session = lambda engine: _Slow(engine, ("", "a", "b"), 40)
    with client.websocket_connect(ADDRESS, headers=ORIGIN) as socket:
        socket.receive_json()
        for message in ("settings", "prove", *["settings"] * 5):
            socket.send_text(f'{{"type": "{message}"}}')
        assert socket.receive_json()["sentence"] == "there was no frame yet."


def test_a_tab_that_is_gone_ends_its_run(client: TestClient, live: Live) -> None:
    engine: Any = live.engine
    with client.websocket_connect(ADDRESS, headers=ORIGIN) as socket:
        socket.receive_json()
        socket.send_text('{"type": "settings", "engine": "qemu"}')
        socket.send_bytes(jpeg())
        assert socket.receive_json()["type"] == "uart"
    end = time.monotonic() + 20
    while not hasattr(engine, "ended") and time.monotonic() < end:
        time.sleep(0.05)
    assert engine.ended


def test_a_stop_without_a_run_is_no_error(client: TestClient) -> None:
    with client.websocket_connect(ADDRESS, headers=ORIGIN) as socket:
        socket.receive_json()
        socket.send_text('{"type": "stop"}')
        socket.send_bytes(jpeg())
        assert socket.receive_json()["type"] == "frame"


def test_a_proof_needs_a_frame(client: TestClient) -> None:
    with client.websocket_connect(ADDRESS, headers=ORIGIN) as socket:
        socket.receive_json()
        socket.send_text('{"type": "prove"}')
        assert socket.receive_json()["sentence"] == "there was no frame yet."
        socket.send_bytes(jpeg())
        socket.receive_json()
        socket.send_text('{"type": "prove"}')
        assert socket.receive_json()["same"] is True


def test_a_4k_frame_is_made_smaller() -> None:
    assert pixels_of(jpeg(3840, 2160)).shape == (LONGEST * 2160 // 3840, LONGEST, 3)
    assert pixels_of(jpeg(20, 10, "PNG")).shape == (10, 20, 3)


def test_numbers_stay_within_bounds() -> None:
    value = message_of('{"type": "settings", "clock": 1e9, "region": [0.9, 0, 1, -1], "threshold": 7}')
    found = settings_of(value)
    assert found.clock == 2000
    assert found.threshold == 1
    assert found.region == pytest.approx((0.9, 0, 0.1, 0.001))
    with pytest.raises(InputError):
        settings_of({"clock": float("nan")})
