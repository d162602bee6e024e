"""`ocrm55 live` with its real programs: a page is read over the socket, followed, and proved on QEMU."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrm55 import stages
from ocrm55.commands.page_options import page_options
from ocrm55.errors import TargetError
from ocrm55.live import cost, program
from ocrm55.live.program import Programs
from ocrm55.live.service import Service
from ocrm55.page import demo, video
from ocrm55.simulators.frames import Frame, frame
from ocrm55.tasks.page.boxes import Box
from tests import yardstick
from tests.target import live_run

pytest.importorskip("starlette", reason="the extra `live` is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


@pytest.fixture(scope="module")
def programs(build_dir: Path) -> Programs:
    return program.prepare(page_options(stages.Options(build_dir=build_dir), "bundled", "320x320"))


@pytest.fixture
def service(programs: Programs) -> Iterator[Service]:
    found = Service(programs.service)
    yield found
    found.close()


def receipt() -> np.ndarray:
    return np.ascontiguousarray(demo.draw()[:, :, ::-1])


def test_a_page_is_read_followed_and_proved(programs: Programs) -> None:
    from starlette.testclient import TestClient

    from ocrm55.live import run
    from ocrm55.live.server import application

    live = run.live_of(programs)
    data = io.BytesIO()
    Image.fromarray(demo.draw()).save(data, "PNG")
    origin = {"origin": "http://localhost"}
    with (
        TestClient(application(live), base_url="http://localhost") as client,
        client.websocket_connect(f"ws://localhost/{live.token}/socket", headers=origin) as socket,
    ):
        assert socket.receive_json()["arena"] > 0
        for readings in (19, 0):  # the second frame is the same: it costs a detection
            socket.send_bytes(data.getvalue())
            answer = socket.receive_json()
            assert answer["readings"] == readings
            texts = [line["text"] for line in answer["lines"]]
            assert len(texts) == 19
            assert {"Corner Bakery", "Tel. 0117 496 0234", "22.00"} <= set(texts)
        socket.send_text('{"type": "prove"}')
        answers = [socket.receive_json()]
        while answers[-1]["type"] == "uart":
            answers.append(socket.receive_json())
        proof = answers.pop()
        assert proof["type"] == "proof"
        assert proof["same"], proof["apart"]
        assert "".join(answer["text"] for answer in answers).startswith(proof["uart"].rstrip("\n"))
        assert proof["hashes"] > 19


def test_the_service_reads_what_the_program_for_pages_reads(programs: Programs, service: Service) -> None:
    from ocrm55.page import read
    from ocrm55.simulators import find_simulator

    given = frame(receipt(), "bgr888")
    boxes = service.find(given)
    ((_, run),) = read.run([read.Picture(Path("page"), given.width, given.height, given)], programs.page,
                           find_simulator("native"))  # fmt: skip
    said = [(box.corners, box.text, f"{box.score:.6f}") for box in run.pages[0].boxes]
    answers = [(box.corners, service.read(box)) for box in boxes]
    assert said == [(corners, text, f"{score:.6f}") for corners, (text, score, _) in answers]


def test_a_region_is_read_without_a_detection(service: Service) -> None:
    given = frame(receipt(), "bgr888")
    box, *_ = service.find(given)
    text = service.read(box)
    service.find(Frame(np.zeros((8, 24), np.uint8), 8, "bgr888"))
    service.hold(given)
    assert service.read(box) == text


def test_frames_and_boxes_of_any_kind_end_well(service: Service) -> None:
    rows = np.zeros((8, 24), np.uint8)
    assert service.read(Box(((0, 0), (9, 0), (9, 9), (0, 9))))[0] == ""  # before any frame
    for width in (1, 8, 9, 1 << 30, 0, -5):
        service.find(Frame(rows, width, "bgr888"))
        for corners in ((0, 0, 1, 1), (1 << 30, 0, -(1 << 30), 5), (-(1 << 31), (1 << 31) - 1, 0, 0)):
            left, top, right, bottom = corners
            service.read(Box(((left, top), (right, top), (right, bottom), (left, bottom))))
    assert service.find(frame(receipt(), "bgr888"))


def test_a_service_that_was_killed_is_a_sentence_and_starts_again(service: Service) -> None:
    given = frame(receipt(), "bgr888")
    first = service.find(given)
    process = service._running()
    process.kill()
    process.wait()
    with pytest.raises(TargetError, match="the native program failed"):
        service.find(given)
    assert service.find(given) == first


def test_memory_does_not_grow_and_a_frame_costs_little(programs: Programs) -> None:
    """`python -m tests.target.live_run` does it with a thousand frames."""
    pytest.importorskip("websockets", reason="the extra `live` is not installed")
    cost.measure(programs)  # the server would do it beside the first frames
    seen = live_run.run(programs.options.recognizer.build_dir, 60)
    assert seen.growth < 6 << 20  # a frame's pixels that stay would be 18 MB
    assert 15 < seen.read < 60  # 18 texts come or change, and lines that only move are not read again
    assert seen.busy_read == pytest.approx(2, abs=0.2)
    assert {"Meter 12 213", "7010.4"} <= set(seen.texts)
    # Half a second of one core at the most, where tests/yardstick.py takes 0.03.
    assert seen.busy_seconds < 16 * yardstick.seconds()


def test_the_board_is_estimated_by_counts(programs: Programs) -> None:
    rates = cost.measure(programs)
    assert 20e6 < rates.detection < 300e6
    assert 50e3 < rates.column < 2e6
    low, high = cost.milliseconds(rates.instructions([]), 400)
    assert 0 < low < high


@pytest.mark.parametrize(("simulator", "every"), [("native", 2), ("qemu", 4)])
def test_a_video_is_read(simulator: str, every: int, programs: Programs, tmp_path: Path) -> None:
    film = tmp_path / "meter.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter_fourcc(*"MJPG"), 10, (480, 160))  # type: ignore[attr-defined]
    for number in range(5):
        sheet = Image.new("RGB", (480, 160), (244, 242, 235))
        ImageDraw.Draw(sheet).text((30 + 4 * number, 50), "Meter 48 213", (25, 25, 30), font=ImageFont.load_default(40))
        writer.write(np.ascontiguousarray(np.asarray(sheet)[:, :, ::-1]))
    writer.release()
    words = ["read", "--video", film, "--every", every, "--simulator", simulator, "--json"]
    words += ["--draw", tmp_path / "read.mp4"]
    words += ["--build-dir", programs.options.recognizer.build_dir]
    done = subprocess.run(
        [sys.executable, "-m", "ocrm55", *map(str, words)], capture_output=True, text=True, check=True, timeout=600
    )
    values = [json.loads(line) for line in done.stdout.splitlines()]
    numbers = list(range(0, 5, every))
    assert [(value["frame"], value["text"]) for value in values] == [(each, "Meter 48 213") for each in numbers]
    with video.opened(tmp_path / "read.mp4") as found:
        assert [len(part) for part in found.parts()] == [len(numbers)]
