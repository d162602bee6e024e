"""A package for whole pages: the files of two networks side by side, without a name twice."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ocrm55 import boards, resources
from ocrm55.errors import InputError
from ocrm55.package import page, sources
from ocrm55.package.compiled import Compiled
from ocrm55.package.write import Order, files
from tests.unit.package.hand_made import artifact

THRESHOLDS = {"pixel": 0.2, "box": 0.4, "unclip": 1.4, "candidates": 1000}


@pytest.fixture
def order(tmp_path: Path, models: Path) -> Order:
    recognizer = Compiled.read(artifact(tmp_path / "recognizer"))
    return Order(
        recognizer,
        boards.find().memories,
        models / "samples" / "digit.png",
        detector=page.Detector.read(detector(tmp_path / "detector")),
        page=models / "calibration_pages" / "page_00.jpg",
    )


def detector(folder: Path) -> Path:
    """An artifact like the recognizer's, under another name, with another kernel."""
    artifact(folder, prefix="ocrm55_det", thresholds=THRESHOLDS, kernels=["copy"], arena_bytes=1000, labels=[])
    for path in [*(folder / "src").glob("*.[ch]"), folder / "include" / "ocrm55_net.h"]:
        path.write_text(
            path.read_text().replace("ocrm55_net", "ocrm55_det").replace("ocrm55_detwork", "ocrm55_network")
        )
    (folder / "include" / "ocrm55_net.h").rename(folder / "include" / "ocrm55_det.h")
    return folder


def test_both_networks_keep_their_files(order: Order) -> None:
    texts = files(order)
    alone = sources.files(order.compiled)
    assert {name: texts[name] for name in alone if name != "include/ocrm55.h"} == {
        name: text for name, text in alone.items() if name != "include/ocrm55.h"
    }
    model = texts["src/detector_model.c"]
    assert '#include "detector_operators.h"' in model and '#include "detector_weights.h"' in model
    assert '#include "ocrm55_det.h"' in model and "ocrm55_det_conv(arena" in model
    assert "ocrm55_det_conv" in texts["src/detector_operators_conv.c"]
    assert "ocrm55_det_weight_words" in texts["src/detector_weights.c"]
    assert {"src/kernel_add.c", "src/kernel_copy.c", "include/ocrm55_det.h"} <= set(texts)


def test_the_pages_c_is_taken_as_it_is(order: Order) -> None:
    texts, folder = files(order), resources.folder("firmware") / "tasks" / "page"
    own = sorted(folder.glob("*.[ch]"))
    assert len(own) > 15
    for path in own:
        place = "include" if path.name.startswith("ocrm55_") else "src"
        assert texts[f"{place}/{path.name}"] == path.read_text(encoding="utf-8")


def test_every_include_is_there(order: Order) -> None:
    """But for files that a hand-made artifact lacks."""
    texts = files(order)
    names = {path.partition("/")[2] for path in texts if path.startswith(("src/", "include/"))}
    wanted = {
        name
        for path, text in texts.items()
        if path.endswith((".c", ".h"))
        for name in re.findall(r'#include "(?:\.\./include/)?(.+)"', text)
    }
    assert wanted - names <= {"picture.h", "page.h", "labels.h", "FreeRTOS.h", "queue.h", "task.h"}


def test_header_cmake_and_options_say_what_there_is(order: Order) -> None:
    texts = files(order)
    header = texts["include/ocrm55.h"]
    assert "#define OCRM55_DETECTOR ocrm55_det\n" in header
    assert "#define OCRM55_PAGE_ARENA_BYTES 1008\n" in header
    assert '#include "ocrm55_page.h"' in header
    options = texts["src/page_options.c"]
    for line in (".threshold = 51,", ".least_score = 26214,", ".unclip = 358,", ".padding = {104, 116, 124},"):
        assert line in options
    header = (resources.folder("firmware") / "tasks" / "page" / "ocrm55_page.h").read_text(encoding="utf-8")
    struct = header.partition("struct ocrm55_page_options {")[2].partition("};")[0]
    fields = re.findall(r"^ +uint\d+_t (\w+)", struct, re.M)
    assert re.findall(r"^ +\.(\w+) = ", options, re.M) == fields and "squeeze" in fields
    assert "src/detector_model.c" in texts["CMakeLists.txt"] and "ocrm55_page_example" in texts["CMakeLists.txt"]
    assert "#define PAGE_HEIGHT 320" in texts["examples/page.h"] or "#define PAGE_WIDTH 320" in texts["examples/page.h"]


def test_without_a_detector_nothing_of_pages_is_there(order: Order) -> None:
    texts = files(replace(order, detector=None, page=None))
    assert not [path for path in texts if "page" in path or "detector" in path]
    assert "PAGE" not in texts["include/ocrm55.h"] + texts["CMakeLists.txt"]


@pytest.mark.parametrize("compiler", ["gcc", "clang-19"])
def test_the_example_and_the_pages_c_compile_strictly(order: Order, compiler: str, tmp_path: Path) -> None:
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not installed")
    texts = files(order)
    for path, text in texts.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    header = "extern const struct ocrm55_network {0};\n"
    (tmp_path / "include/ocrm55_det.h").write_text('#include "ocrm55_network.h"\n' + header.format("ocrm55_det"))
    recognizer = "extern const struct ocrm55_recognizer ocrm55_net_recognizer;\n"
    (tmp_path / "include/ocrm55_net.h").write_text('#include "ocrm55_recognize.h"\n' + recognizer)
    network = (resources.folder("firmware") / "include" / "ocrm55_network.h").read_text()
    (tmp_path / "include/ocrm55_network.h").write_text(network)
    pages = [path.name for path in (resources.folder("firmware") / "tasks" / "page").glob("*.c")]
    words = [compiler, "-std=c11", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-O2", "-Iinclude", "-fsyntax-only"]
    done = subprocess.run(
        [*words, "examples/page.c", "src/page_options.c", *(f"src/{name}" for name in pages)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_recognizer_is_no_detector(order: Order) -> None:
    with pytest.raises(InputError, match="is no text detector"):
        page.Detector.read(order.compiled.folder)
