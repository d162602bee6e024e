"""The page of `ocrm55 live` in Chromium, by Playwright: a label before the camera, pictures, a line, who computes."""

from __future__ import annotations

import base64
import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ocrm55 import stages
from ocrm55.commands.page_options import page_options
from ocrm55.live import cost, program
from ocrm55.simulators import fvp
from tests.target import live_page
from tests.target.live_page import PATIENCE_S, TEXT, Log, Server

pytest.importorskip("starlette", reason="the extra `live` is not installed")
from ocrm55.live.server import MOST_TABS

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
    programs = program.prepare(page_options(stages.Options(build_dir=build_dir), "bundled", "320x320"))
    cost.measure(programs)  # the server would do it beside the first frames
    found = Server(programs)
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


def test_a_picture_is_dropped_on_the_page_or_pasted(server: Server, browser: Any) -> None:
    with opened(server, browser) as page:
        data = page.evaluate_handle(_DROP, base64.b64encode(png(TEXT)).decode())
        page.dispatch_event("#drop", "drop", {"dataTransfer": data})
        reads(page, TEXT)
        assert page.get_attribute("#view", "aria-label") == "Picture with 1 line of text"
        data = page.evaluate_handle(_DROP, base64.b64encode(png(METER)).decode())
        page.evaluate("data => dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }))", data)
        reads(page, METER)


def test_the_cost_stands_beside_the_picture(server: Server, browser: Any) -> None:
    log = Log()
    with opened(server, browser, log) as page:
        choose(page, TEXT)
        api.expect(page.locator("#news")).to_have_text("Since the last frame: 1 new.")

        def again() -> dict[str, Any]:
            count = len(log.answers)
            page.set_input_files("#picture-file", {"name": "a.png", "mimeType": "image/png", "buffer": png(TEXT)})
            live_page.wait(page, lambda: len(log.answers) > count, "no answer")
            return log.answers[-1]

        live_page.wait(page, lambda: "board" in again(), "QEMU counted nothing")
        fast = again()
        assert fast["readings"] == 0  # a still picture costs a detection
        api.expect(page.locator("#board")).to_have_text(re.compile(r"\d+ ms . \d+ ms"))
        assert page.text_content("#instructions") == f"{fast['board']['instructions']:,}"
        assert re.fullmatch(r"[\d.]+ here · [\d.]+ board", page.text_content("#rates"))
        assert re.fullmatch(r"[\d.]+ (ms|s)", page.text_content("#machine"))
        assert 0 < float(page.get_attribute("#arena", "value")) < 1
        assert re.match(r"arena [\d,]+ of [\d,]+ bytes", page.text_content("#arena-text"))
        page.fill("#clock", "200")
        page.locator("#clock").blur()
        slow = again()["board"]
        assert slow["instructions"] == fast["board"]["instructions"]
        assert slow["milliseconds"] == pytest.approx([2 * each for each in fast["board"]["milliseconds"]], abs=0.2)
        api.expect(page.locator("#news")).to_have_text("Since the last frame: nothing.")


def test_a_frame_is_proved_on_the_page(server: Server, browser: Any) -> None:
    with opened(server, browser) as page:
        choose(page, TEXT)
        page.click("#prove")
        api.expect(page.locator("#proof")).to_contain_text("The same bits: ")
        api.expect(page.locator("#halt")).to_be_hidden()
        assert "hash " in page.text_content("#uart")
        page.click("#prove")
        api.expect(page.locator("#uart")).to_contain_text("ocrm55 ")
        page.click("#halt")
        api.expect(page.locator("#status")).to_have_text("the run was stopped.")
        api.expect(page.locator("#proof")).to_have_text("Not proved: the run was stopped.")


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


def test_a_simulator_speaks_while_it_runs_and_can_be_stopped(server: Server, browser: Any) -> None:
    log = Log()
    with opened(server, browser, log) as page:
        choose(page, TEXT)
        log.answers.clear()
        page.select_option("#engine", "qemu")
        api.expect(page.locator("#uart")).to_contain_text("ocrm55 ")  # its first line, in the box that opened
        page.click("#halt")
        api.expect(page.locator("#status")).to_have_text("the run was stopped.")
        assert log.uart.startswith("ocrm55 ")
        assert not log.answers
        api.expect(page.locator("#halt")).to_be_hidden()
        page.click("#ask")  # and it reads again
        live_page.wait(page, lambda: log.answers, "the second run was not answered")
        reads(page, TEXT)
        assert log.uart.count("exit status 0") == 1


def test_an_fvp_computes_where_there_is_one(
    server: Server, browser: Any, build_dir: Path, fvp_stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a program that takes the FVP's command line and refuses what the FVP would not take."""
    with opened(server, browser) as page:
        there = page.locator("#engine option").evaluate_all("all => all.map(each => each.value)")
        assert ("fvp" in there) == (fvp.locate() is not None)
    options = page_options(stages.Options(build_dir=build_dir), "bundled", "320x320")
    with contextlib.closing(Server(program.prepare(options), fvp_stand_in)) as second:
        log = Log()
        with opened(second, browser, log) as page:
            choose(page, TEXT)
            page.select_option("#engine", "fvp")
            live_page.wait(page, lambda: log.answers[-1]["engine"] == "fvp", "no answer of the FVP")
            reads(page, TEXT)
            assert TEXT in page.text_content("#uart")
            assert "Fast Models" not in page.text_content("#uart")  # the model's own words
            assert "telnetterminal" not in log.uart


def test_five_tabs_have_answers_of_their_own(server: Server, browser: Any) -> None:
    texts = [f"Meter {number} 213" for number in range(41, 46)]
    with contextlib.ExitStack() as stack:
        pages = [stack.enter_context(opened(server, browser)) for _ in texts]
        live_page.wait(pages[0], lambda: server.live.tabs == 5, "the server does not know its tabs")
        for page, text in zip(pages, texts, strict=True):  # nobody waits for the one before
            page.set_input_files("#picture-file", {"name": "a.png", "mimeType": "image/png", "buffer": png(text)})
        for page, text in zip(pages, texts, strict=True):
            reads(page, text)
        pages[1].select_option("#engine", "onnx")  # a setting of one tab
        for page, text in zip(pages, texts, strict=True):
            page.click("#clock")
            reads(page, text)
        assert [page.input_value("#engine") for page in pages] == ["native", "onnx", "native", "native", "native"]
    with opened(server, browser) as page:
        live_page.wait(page, lambda: server.live.tabs == 1, "the server still counts closed tabs")
        server.live.tabs = MOST_TABS
        context = browser.new_context()
        with contextlib.closing(context):
            late = context.new_page()
            late.goto(server.address)
            api.expect(late.locator("#status")).to_contain_text("There are too many tabs of this page.")
            server.live.tabs = 1
            api.expect(late.locator("#about")).to_contain_text(" on ")  # it came in when there was room


def test_a_large_picture_is_read_and_a_broken_one_is_a_sentence(server: Server, browser: Any) -> None:
    large = io.BytesIO()
    drawn(TEXT).resize((3840, 1280), Image.Resampling.LANCZOS).crop((0, 0, 3840, 2160)).save(large, "JPEG")
    with opened(server, browser) as page:
        choose(page, METER)
        page.set_input_files("#picture-file", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": large.getvalue()})
        reads(page, TEXT)
        broken = {"name": "a.png", "mimeType": "image/png", "buffer": png(METER)[:100]}
        page.set_input_files("#picture-file", broken)
        api.expect(page.locator("#status")).to_have_text("This is no picture that the browser can read.")
        choose(page, METER)
        api.expect(page.locator("#status")).to_have_text("")


def test_the_keyboard_alone_reaches_and_works_everything(server: Server, browser: Any) -> None:
    with opened(server, browser) as page:
        page.keyboard.press("Tab")
        reached = []
        focused = "document.activeElement.id || document.activeElement.tagName"
        while (name := page.evaluate(focused)) not in ["BODY", *reached]:  # behind the last one is the browser's own
            reached.append(name)
            if name == "SUMMARY":
                page.keyboard.press("Enter")  # what is inside follows
            outlined = "e => getComputedStyle(e.closest('label.button') || e).outlineStyle"
            assert page.locator(":focus").evaluate(outlined) == "solid", name
            page.keyboard.press("Tab")
        wanted = page.evaluate(
            """() => [...document.querySelectorAll("button, input, select, summary, [tabindex='0']")]
            .filter(each => each.checkVisibility() && !each.disabled).map(each => each.id || each.tagName)"""
        )
        assert set(wanted) <= set(reached)
        with page.expect_file_chooser() as chosen:  # a press of the element itself brings back the page's own focus
            page.locator("#picture-file").press("Enter")
        chosen.value.set_files({"name": "a.png", "mimeType": "image/png", "buffer": png(TEXT)})
        reads(page, TEXT)
        page.locator("#engine").press("End")
        assert page.input_value("#engine") == "onnx"
        page.locator("#one-on").press("Space")
        assert page.is_checked("#one-on")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_cut_off(scheme: str, server: Server, browser: Any) -> None:
    axe = pytest.importorskip("axe_core_python.sync_playwright", reason="axe-core-python is not installed")
    with opened(server, browser, color_scheme=scheme, bypass_csp=True) as page:
        choose(page, TEXT)
        page.click("#one summary")
        for width in (400, 800, 1600):
            page.set_viewport_size({"width": width, "height": 900})
            found = axe.Axe().run(page)
            assert len(found["passes"]) > 20
            assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            # What was read stands on the first screen, larger than the rest.
            place = page.locator("#lines .text").bounding_box()
            assert place["y"] + place["height"] < 900
            assert float(page.locator("#lines .text").evaluate("e => parseFloat(getComputedStyle(e).fontSize)")) > 20
