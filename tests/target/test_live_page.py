"""The page of `ocrm55 live` in Chromium, by Playwright: a label before the camera, pictures, a line, who computes."""

from __future__ import annotations

import base64
import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrm55 import stages
from ocrm55.commands.page_options import page_options
from ocrm55.live import program
from tests.target import live_page
from tests.target.live_page import PATIENCE_S, TEXT, Log, Server

pytest.importorskip("starlette", reason="the extra `live` is not installed")
api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.qemu]

METER = "048213.7"
# Gives the page a picture as a mouse does that drops a file; the picture comes in base64.
_DROP = """text => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(atob(text), c => c.charCodeAt(0))], "a.png", { type: "image/png" }));
  return data;
}"""


@pytest.fixture(scope="module")
def server(build_dir: Path) -> Iterator[Server]:
    live_page.browser_program()
    found = Server(program.prepare(page_options(stages.Options(build_dir=build_dir), "bundled", "320x320")))
    yield found
    found.close()


@pytest.fixture(scope="module")
def browser(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    film = tmp_path_factory.mktemp("film") / "label.y4m"
    live_page.write_film(film)
    api.expect.set_options(timeout=1000 * PATIENCE_S)
    with live_page.chromium(film) as found:
        yield found


@contextlib.contextmanager
def opened(server: Server, browser: Any, log: Log | None = None, **options: Any) -> Iterator[Any]:
    """A page of the server; options: of the browser's context. What its scripts complain of fails the test."""
    context = browser.new_context(viewport={"width": 900, "height": 700}, permissions=["camera"], **options)
    page, wrong = context.new_page(), []
    page.set_default_timeout(1000 * PATIENCE_S)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    if log is not None:
        log.watch(page)
    with contextlib.closing(context):
        page.goto(server.address)
        api.expect(page.locator("#about")).to_contain_text(" on ")
        yield page
    assert not wrong


def drawn(text: str) -> Image.Image:
    """A line of text on a sheet."""
    image = Image.new("RGB", (480, 160), (244, 242, 235))
    ImageDraw.Draw(image).text((100, 50), text, (25, 25, 30), font=ImageFont.load_default(44))
    return image


def png(text: str) -> bytes:
    """A line of text on a sheet, as PNG."""
    file = io.BytesIO()
    drawn(text).save(file, "PNG")
    return file.getvalue()


def choose(page: Any, text: str) -> None:
    """Choose a picture of a text, and wait until the page has the text."""
    page.set_input_files("#picture-file", {"name": "a.png", "mimeType": "image/png", "buffer": png(text)})
    reads(page, text)


def reads(page: Any, text: str) -> None:
    """Wait until the page has one line of text."""
    api.expect(page.locator("#lines .text")).to_have_text([text])


def test_a_label_is_read_when_it_comes_followed_while_it_moves_and_gone_when_it_leaves(
    server: Server, browser: Any
) -> None:
    log, shown = Log(), server.shown
    with opened(server, browser, log) as page:
        shown.clear()
        page.click("#camera")
        live_page.wait(page, server.saw_it_leave, "the label did not come and leave")
        first = shown.index(True)
        left = shown.index(False, first)
        live_page.wait(page, lambda: len(log.answers) > left, "a frame was not answered")
    texts = log.texts
    assert not any(texts[:first])
    # In frames, for a machine under load sends fewer: a bar of two seconds is four frames at two a second.
    assert [TEXT] in texts[first : first + 3], texts[first : first + 3]
    assert set(map(tuple, texts[first + 2 : left])) == {(TEXT,)}, texts[first : left + 1]
    assert len({line["number"] for answer in log.answers[first + 2 : left] for line in answer["lines"]}) == 1
    assert texts[left] == []


def test_a_picture_is_dropped_on_the_page(server: Server, browser: Any) -> None:
    with opened(server, browser) as page:
        data = page.evaluate_handle(_DROP, base64.b64encode(png(TEXT)).decode())
        page.dispatch_event("#drop", "drop", {"dataTransfer": data})
        reads(page, TEXT)
        assert page.get_attribute("#view", "aria-label") == "Picture with 1 lines of text"


def test_a_lost_connection_comes_back_and_a_killed_tab_takes_nothing_along(server: Server, browser: Any) -> None:
    with opened(server, browser) as page:
        choose(page, TEXT)
        with page.expect_event("websocket"):
            server.drop_connections()
        api.expect(page.locator("#status")).to_have_text("")
        choose(page, METER)
        with opened(server, browser) as other:
            live_page.wait(page, lambda: server.live.tabs == 2, "the server does not know its tabs")
            with contextlib.suppress(api.Error), other.expect_event("crash"):
                other.goto("chrome://crash")
            live_page.wait(page, lambda: server.live.tabs == 1, "the server still counts the killed tab")
        choose(page, TEXT)


def test_one_line_is_said_once_and_only_where_it_fits(server: Server, browser: Any, tmp_path: Path) -> None:
    film = tmp_path / "meter.webm"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter_fourcc(*"VP80"), 10, (480, 160))  # type: ignore[attr-defined]
    for text in ("no meter", METER):
        for _ in range(30):
            writer.write(np.ascontiguousarray(np.asarray(drawn(text))[:, :, ::-1]))
    writer.release()
    log = Log()
    with opened(server, browser, log) as page:
        page.click("#one summary")
        for field, value in (("rx", "18"), ("ry", "25"), ("rw", "50"), ("rh", "50"), ("pattern", r"\d{6}\.\d")):
            page.fill(f"#{field}", value)
        page.check("#one-on")
        page.set_input_files("#video-file", film)
        api.expect(page.locator("#said .text")).to_have_text([METER])
        page.click("#stop")
    fits = {line["text"]: answer["fits"] for answer in log.answers for line in answer["lines"]}
    assert fits[METER]
    assert not fits.get("no meter", False)


def test_the_page_says_who_computes(server: Server, browser: Any) -> None:
    log = Log()
    with opened(server, browser, log) as page:
        choose(page, TEXT)
        for engine in ("onnx", "qemu"):
            page.select_option("#engine", engine)
            live_page.wait(page, lambda: log.answers[-1]["engine"] == engine, f"no answer of {engine}")  # noqa: B023
            reads(page, TEXT)
        assert TEXT in page.text_content("#uart")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(scheme: str, server: Server, browser: Any) -> None:
    axe = pytest.importorskip("axe_core_python.sync_playwright", reason="axe-core-python is not installed")
    with opened(server, browser, color_scheme=scheme, bypass_csp=True) as page:
        choose(page, TEXT)
        page.click("#one summary")
        found = axe.Axe().run(page)
        assert len(found["passes"]) > 20
        assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
