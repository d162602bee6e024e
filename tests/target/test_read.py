"""Whole pages on QEMU: a drawn page is read right, each step equals the host, and bad frames have defined ends."""

from __future__ import annotations

import base64
import json
import re
import struct
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrm55 import stages
from ocrm55.commands.page_options import page_options
from ocrm55.errors import TargetError
from ocrm55.evaluation import page_verification
from ocrm55.page import host, program, read
from ocrm55.page.program import PreparedPage
from ocrm55.page.reading import Page
from ocrm55.report import page_statistics
from ocrm55.simulators import find_simulator
from ocrm55.simulators.base import Request
from ocrm55.simulators.frames import Frame, checksum, frame
from ocrm55.tasks.page import whole

LINES = [("Corner Bakery", 20, 24), ("Rye bread", 70, 24), ("4.50", 70, 330), ("Total 12.75", 120, 24)]
TEXT = "Corner Bakery\nRye bread  4.50\nTotal 12.75"
MOST_BESIDE_NETWORKS = 0.03  # of a page's instructions

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


def draw(path: Path, colours: bool = False) -> Path:
    """A page of four texts in Pillow's own font."""
    sheet = Image.new("RGB", (440, 180), (250, 246, 235) if colours else (250, 250, 250))
    pen, letters = ImageDraw.Draw(sheet), ImageFont.load_default(34)
    for text, top, left in LINES:
        pen.text((left, top), text, (20, 20, 90) if colours else (20, 20, 20), font=letters)
    sheet.save(path)
    return path


@pytest.fixture(scope="module")
def prepared(build_dir: Path) -> PreparedPage:
    return program.prepare(page_options(stages.Options(build_dir=build_dir), "bundled", "320x320"))


@pytest.fixture(scope="module")
def fast(build_dir: Path) -> PreparedPage:
    return program.prepare(page_options(stages.Options(build_dir=build_dir, source="fast"), "bundled", "320x320"))


def pages(paths: list[Path], prepared: PreparedPage, pixels: str = "auto", **how: bool) -> list[Page]:
    return read.pages(read.run(read.load(paths, pixels), prepared, find_simulator("qemu"), **how))


def run(frames: list[Frame], prepared: PreparedPage) -> list:
    return list(find_simulator("qemu").run(Request(prepared.elf, frames=frames, timeout_s=600)).pages)


def beside_networks(page: Page) -> float:
    """The share of a page's instructions that neither network takes."""
    work = page_statistics.page_work(page.work)
    return sum(count for name, count in work.items() if name not in page_statistics.NETWORKS) / sum(work.values())


def test_a_drawn_page_is_read_right(prepared: PreparedPage, tmp_path: Path) -> None:
    grey, colour = draw(tmp_path / "grey.png"), draw(tmp_path / "colour.png", colours=True)
    turned = tmp_path / "turned.png"
    cv2.imwrite(str(turned), cv2.rotate(cv2.imread(str(grey)), cv2.ROTATE_180))
    found = pages([grey, colour, turned], prepared, stats=True)
    assert [page.text for page in found] == [TEXT] * 3
    for line, (_, top, left) in zip(found[0].lines, LINES, strict=True):
        bounds = line.bounds
        assert abs(bounds[0] - left) < 12 and top - 8 < bounds[1] and bounds[3] < top + 52, line
        assert line.score > 0.9
    assert [line.turned for line in found[2].lines] == [2] * 4
    for page in found:
        assert page.scratch_bytes and page.scratch_bytes < 100_000
    assert beside_networks(found[1]) <= MOST_BESIDE_NETWORKS, found[1].work


def test_every_step_equals_the_host(prepared: PreparedPage, tmp_path: Path) -> None:
    path = draw(tmp_path / "page.png", colours=True)
    for pixels in ("gray8", "rgb565", "rgb888", "bgr888", "yuyv"):
        pictures = read.load([path], pixels)
        compared = page_verification.compare(pictures, prepared, find_simulator("qemu"))
        assert [(each.boxes, each.differs) for each in compared] == [(4, None)]


def test_the_fast_recognizer_reads_the_same(prepared: PreparedPage, fast: PreparedPage, tmp_path: Path) -> None:
    """For a third of the instructions of recognition, each step as the host has it."""
    paths = [draw(tmp_path / "page.png")]
    usual, found = (pages(paths, each, stats=True)[0] for each in (prepared, fast))
    assert found.text == usual.text == TEXT
    of_usual, of_fast = (page_statistics.page_work(page.work)["recognise"] for page in (usual, found))
    assert of_fast < of_usual / 3
    assert beside_networks(found) <= MOST_BESIDE_NETWORKS, found.work
    (compared,) = page_verification.compare(read.load(paths, "bgr888"), fast, find_simulator("qemu"))
    assert compared.differs is None


def test_a_step_that_differs_is_named(prepared: PreparedPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = read.load([draw(tmp_path / "page.png")])
    simulator = find_simulator("qemu")
    monkeypatch.setattr(whole.lines, "read", lambda *_, **__: whole.Line([], 0.0, 1))
    assert page_verification.compare(pictures, prepared, simulator)[0].differs == "the crops of box 1"
    monkeypatch.setattr(host.order, "ordered", lambda boxes: boxes[::-1])
    assert page_verification.compare(pictures, prepared, simulator)[0].differs == "the place or the score of box 1"


def test_rows_may_lie_further_apart(prepared: PreparedPage, tmp_path: Path) -> None:
    plain = frame(cv2.imread(str(draw(tmp_path / "page.png"))))
    wide = Frame(np.pad(plain.rows, ((0, 0), (0, 37)), constant_values=0), plain.width, plain.format)
    first, second = run([plain, wide], prepared)
    assert first.boxes == second.boxes
    assert len(first.boxes) == 4


def test_frames_without_text_have_no_boxes_or_some(prepared: PreparedPage) -> None:
    chance = np.random.default_rng(0)
    stripes = np.repeat(np.tile(np.array([[0], [255]], np.uint8), (100, 200)), 3, axis=1).reshape(200, 200, 3)
    odd = [
        np.zeros((1, 1, 3), np.uint8),
        np.full((200, 300, 3), 255, np.uint8),
        chance.integers(0, 256, (120, 160, 3), dtype=np.uint8),
        stripes,
        np.full((1, 2000, 3), 128, np.uint8),
        np.full((2000, 1, 3), 128, np.uint8),
    ]
    found = run([frame(pixels) for pixels in odd], prepared)
    assert [len(page.boxes) for page in (found[0], found[1], found[4], found[5])] == [0] * 4
    for page in found:
        assert all(0 <= box.score <= 1 for box in page.boxes)


def ocrm55(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ocrm55", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)


def wrong_files() -> dict[str, bytes]:
    """Files that no host of ours writes -> a part of the firmware's sentence."""
    good = bytearray(b"OCRF" + bytes(12) + struct.pack("<IIIII", 4, 1, 4, 0, 4) + b"abcd")
    struct.pack_into("<III", good, 4, 2, 1, checksum(bytes(good[16:])))

    def record(*words: int) -> bytes:
        body = struct.pack("<IIIII", *words) + b"abcd"
        return b"OCRF" + struct.pack("<III", 2, 1, checksum(body)) + body

    return {
        "its header alone has 16": bytes(good[:10]),
        "is damaged": bytes(good[:30]),
        "frame 1 is cut off: 4 bytes are left of 8": record(8, 1, 8, 0, 8),
        "is 8193 pixels wide": record(8193, 1, 8193, 0, 4),
        "is 0 pixels high": record(4, 0, 4, 0, 4),
        "has pixels of format 7": record(4, 1, 4, 7, 4),
        "has rows 3 bytes apart": record(4, 1, 3, 0, 3),
        "bytes of pixels": record(4, 1, 4, 0, 5),
        "it does not begin with OCRF": b"JPEG" + bytes(good[4:]),
        "it holds no frames": b"OCRF" + struct.pack("<III", 2, 0, 0),
    }


@pytest.mark.parametrize("sentence", wrong_files())
def test_a_damaged_file_ends_in_one_sentence(
    sentence: str, prepared: PreparedPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = wrong_files()[sentence]
    monkeypatch.setattr("ocrm55.simulators.base.ocrf", lambda _: content)
    with pytest.raises(TargetError, match=r"the firmware failed: the file of frames images\.bin") as caught:
        run([frame(np.zeros((1, 4, 3), np.uint8))], prepared)
    assert sentence in str(caught.value)


def test_the_command(build_dir: Path, prepared: PreparedPage, tmp_path: Path) -> None:
    page, blank = draw(tmp_path / "page.png"), tmp_path / "blank.png"
    Image.new("L", (300, 200), 255).save(blank)
    common = ["--build-dir", str(build_dir), "--simulator", "qemu"]
    files = ["--draw", str(tmp_path / "d.png"), "--hocr", str(tmp_path / "p.hocr"), "--alto", str(tmp_path / "p.xml")]
    done = ocrm55("read", str(page), *files, *common)
    assert (done.returncode, done.stdout) == (0, f"{TEXT}\n"), done.stderr
    assert "one arena of" in done.stderr
    assert {"d.png", "p.hocr", "p.xml"} <= {path.name for path in tmp_path.iterdir()}
    done = ocrm55("read", str(blank), str(page), "--json", *common)
    assert done.returncode == 0
    values = json.loads(done.stdout)
    assert [len(each["lines"]) for each in values] == [0, 4]
    assert "no text was found" in done.stderr
    done = ocrm55("run-fvp", "--page", str(page), *common)
    assert done.stdout.count("\nbox ") == 4 and done.stdout.endswith("exit status 0\n")
    done = ocrm55("verify", "--page", str(page), *common)
    assert done.stdout.endswith("1 of 1 bit for bit\n"), done.stderr


def test_the_report_shows_each_stage(build_dir: Path, prepared: PreparedPage, tmp_path: Path) -> None:
    """The page with its boxes, the map over it, a crop with its alignment for each line, costs by stage, memory."""
    out = tmp_path / "page.html"
    page = draw(tmp_path / "page.png")
    done = ocrm55(
        "report", "--page", str(page), "--build-dir", str(build_dir), "--simulator", "qemu", "--out", str(out)
    )
    assert done.returncode == 0, done.stderr
    text = out.read_text()
    cards = re.findall(r'<article class="card">.*?</article>', text, re.S)
    assert [re.search(r'<p class="text">(.*?)</p>', card)[1] for card in cards] == [line for line, *_ in LINES]  # type: ignore[index]
    assert all("<svg" in card for card in cards)
    pictures = [base64.b64decode(found) for found in re.findall(r'<img src="data:image/\w+;base64,([^"]+)"', text)]
    assert len(pictures) == 2
    drawn, over = (cv2.imdecode(np.frombuffer(each, np.uint8), cv2.IMREAD_COLOR).astype(int) for each in pictures)
    assert drawn.shape[1] > drawn.shape[0], "page and texts side by side"
    assert (over[..., 2] - over[..., 0] > 60).mean() > 0.02, "red where text is"
    for stage in ("resize", "detect", "boxes", "crop", "recognise", "decode"):
        assert re.search(rf"<td>{stage}</td><td class=\"n\">[\d,]+</td>", text), stage


def test_compile_says_where_both_networks_lie(build_dir: Path, prepared: PreparedPage) -> None:
    done = ocrm55("compile", "--detector", "bundled", "--build-dir", str(build_dir))
    assert done.returncode == 0, done.stderr
    unfolded = " ".join(done.stdout.split())  # folded where COLUMNS says how wide the output is
    assert unfolded.endswith(f"both networks: {prepared.placement.words}")
    for network in (prepared.recognizer, prepared.detector):
        assert f"\n{network.artifact}\n" in done.stdout


def test_one_arena_serves_both_networks(prepared: PreparedPage) -> None:
    listing = subprocess.run(["arm-none-eabi-size", "-A", prepared.elf], capture_output=True, text=True, check=True)
    size = next(int(row.split()[1]) for row in listing.stdout.splitlines() if row.startswith(".ocrm55.arena"))
    assert size == prepared.placement.arena_bytes
