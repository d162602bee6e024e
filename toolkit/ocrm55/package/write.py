"""Write a package: the library's C, build descriptions, an example, a README and the licence; whole or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocrm55 import __version__, resources
from ocrm55.boards import MemoryMap
from ocrm55.errors import InputError, OutputError
from ocrm55.files import atomic_directory, read_text
from ocrm55.files import check_place as check_writable
from ocrm55.package import manifests, measure, page, sources
from ocrm55.package.compiled import Compiled
from ocrm55.package.measure import Run
from ocrm55.package.page import Detector
from ocrm55.page.program import check_output
from ocrm55.pictures import read_image
from ocrm55.tasks.recognizer import image

VENDOR = "ocrm55"
_PROJECTS = (
    *("zephyr/module.yml", "zephyr/Kconfig", "zephyr/CMakeLists.txt", "zephyr/weights.ld"),
    *("zephyr/sample/CMakeLists.txt", "zephyr/sample/prj.conf", "zephyr/sample/sample.yaml"),
    *("csolution/recognizer.csolution.yml", "csolution/example.cproject.yml", "csolution/stdout.c"),
    "zephyr/sample/src/main.c",
    *("zephyr/sample/boards/mps3_corstone300_an547.overlay", "zephyr/sample/boards/mps3_corstone300_an547.conf"),
    *("zephyr/sample/boards/mps3_an547.overlay", "zephyr/sample/boards/mps3_an547.conf"),
)
_EXAMPLES = ["camera", "uart", "task"]  # main programs; examples/main.c reads a picture
_STACK_WORDS = 2048  # of the task
_ANOTHER = ["choose another folder with --out"]


@dataclass(frozen=True)
class Order:
    """The contents of a package. picture: an image file for the example. run: the figures of a run on the simulator,
    or None. detector, page: of a package for pages, and the image file of its example. url: the folder on the web that
    the CMSIS pack is downloaded from, with a slash at its end; empty for none. weights: None for weights in the C, or
    the number of the image that they become.
    """

    compiled: Compiled
    board: MemoryMap
    picture: Path
    run: Run | None = None
    detector: Detector | None = None
    page: Path | None = None
    url: str = ""
    weights: int | None = None


def check_url(text: str) -> str:
    """The address of a folder, with a slash at its end. Raises InputError for something else; empty stays empty."""
    if text and not re.fullmatch(r"https?://[\w.~:/@%+-]+", text):
        raise InputError(f"`{text[:80]}` is no address of a folder.", ["--url https://example.org/packs/"])
    return f"{text.rstrip('/')}/" if text else ""


def check_place(destination: Path, replace: bool) -> Path:
    """The folder to write, as an absolute path. Raises OutputError if it holds files that ocrm55 did not write."""
    try:
        place = destination.resolve()
        above = next(folder for folder in place.parents if folder.exists())
        if place.exists() and not place.is_dir():
            raise OutputError(f"{destination} is a file where a folder is to be written.", _ANOTHER)
    except OSError as trouble:  # a name that is too long, or below a folder without permission
        raise OutputError(f"{destination} cannot be written: {trouble.strerror}.", _ANOTHER) from trouble
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise OutputError(f"{destination} cannot be written: {above} is no folder that may be written to.", _ANOTHER)
    if not place.is_dir():
        check_writable(place)
        return place
    if not any(place.iterdir()):
        return place
    if not replace:
        raise OutputError(f"{destination} is not empty.", [*_ANOTHER, "--replace, where it is an older package"])
    try:
        ours = set(json.loads(read_text(place / "metadata.json"))["package"])
    except (InputError, OSError, ValueError, KeyError, TypeError, RecursionError) as trouble:
        raise OutputError(f"{destination} is not empty, and no package that ocrm55 wrote.", _ANOTHER) from trouble
    found = (path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_symlink() or not path.is_dir())
    if strange := sorted(set(found) - ours):
        raise OutputError(
            f"{destination} holds {strange[0]}, which ocrm55 did not write.", [*_ANOTHER, "move the file elsewhere"]
        )
    return place


def write(order: Order, destination: Path, *, replace: bool = False) -> Path:
    """Write the package. Raises OutputError when the place cannot be written, InputError for a broken picture."""
    place = check_place(destination, replace)
    texts = files(order)
    with atomic_directory(place) as folder:
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        images = weight_images(order)
        for path, data in images.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(data)
        shutil.copyfile(resources.folder("firmware").parent / "LICENSE", folder / "LICENSE")
        alone = not order.compiled.libraries  # what calls CMSIS-NN does not build without it
        sizes = measure.library(folder, order.compiled.prefix) if order.run is not None and alone else None
        readme = sources.render("README.md.j2", **_values(order), sizes=sizes, run=order.run)
        (folder / "README.md").write_text(readme, encoding="utf-8")
        listed = sorted([*texts, *images, "LICENSE", "README.md", "metadata.json"])
        metadata = json.dumps({**order.compiled.values, "package": listed}, indent=2) + "\n"
        (folder / "metadata.json").write_text(metadata, encoding="utf-8")
    return place


def files(order: Order) -> dict[str, str]:
    """The text files of the package by their path in it, without README.md and metadata.json."""
    apart = order.weights is not None
    texts = sources.files(order.compiled, apart=apart)
    if order.detector is not None:
        check_output(order.compiled)
        texts = page.files(order.detector, texts, apart=apart)
    step = order.run.step if order.run is not None else 0
    texts["include/ocrm55.h"] = sources.header(order.compiled, order.detector, apart=apart, step=step)
    compiled = sorted(path for path in texts if path.endswith(".c"))
    headers = sorted(path for path in texts if path.startswith("include/"))
    programs = ["xip"] if apart else [] if order.compiled.npu else _EXAMPLES
    values = {**_values(order), "sources": compiled, "headers": headers}
    values["programs"] = [f"examples/{name}.c" for name in programs]
    texts |= {f"examples/{name}.c": sources.render(f"{name}.c.j2", **values) for name in programs}
    if order.compiled.npu:
        texts["examples/npu_port.c"] = sources.render("npu_port.c.j2", **values)
    if order.page is not None:
        texts["examples/page.c"] = sources.render("page.c.j2", **values)
        texts["examples/page.h"] = page.picture(order.page)
    modules = [*_PROJECTS, *(["zephyr/npu_port.c", "zephyr/npu_driver.c"] if order.compiled.npu else [])]
    texts |= {path: sources.render(f"{path}.j2", **values) for path in modules}
    if order.url:
        texts[f"{VENDOR}.pidx"] = sources.render("pack.pidx.j2", **values)
    picture = _picture(order)
    if not (order.compiled.npu or order.compiled.libraries or apart):
        texts |= manifests.files(values, texts, picture)
    return texts | {
        "CMakeLists.txt": sources.render("CMakeLists.txt.j2", **values),
        "ocrm55-config.cmake": sources.render("ocrm55-config.cmake.j2", **values),
        f"{VENDOR}.{values['pack']}.pdsc": sources.render("recognizer.pdsc.j2", **values),
        "recognizer.clayer.yml": sources.render("recognizer.clayer.yml.j2", **values),
        "examples/main.c": sources.render("main.c.j2", **values),
        "examples/picture.h": picture,
        "examples/board.ld": sources.render("board.ld.j2", **values),
    }


def weight_images(order: Order) -> dict[str, bytes]:
    """The images of weights by their path in the package, where weights are no C."""
    if order.weights is None:
        return {}
    networks = [order.compiled, *([order.detector] if order.detector else [])]
    return {f"weights/{each.prefix}.bin": sources.image(each, order.weights) for each in networks}


def _values(order: Order) -> dict[str, Any]:
    release = re.match(r"\d+\.\d+\.\d+", __version__)
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", order.compiled.name)
    return {
        "model": order.compiled,
        "board": order.board,
        "places": _places(order),
        "hot_bytes": order.compiled.hot_bytes,
        "arena_bytes": order.compiled.arena_room,
        "picture": order.picture.name,
        "detector": order.detector,
        "url": order.url,
        "page": order.page.name if order.page is not None else None,
        "apart": order.weights is not None,
        "stack_words": _STACK_WORDS,
        "vendor": VENDOR,
        "pack": f"{name}-{order.compiled.precision}",
        "release": release[0] if release else "0.0.0",
    }


def _places(order: Order) -> dict[str, str]:
    """The region of each part: the compiler's choice, else that of the board's memory map."""
    places = dict(order.board.placement)
    for what in ("arena", "weights", "hot_weights"):
        places[what] = order.compiled.region_of(what) or places[what]
    if order.compiled.far_bytes:  # a library has one section for them and the others, which may miss the nearer memory
        places["weights"] = order.board.placement["weights"]
    return places


def _picture(order: Order) -> str:
    height, widest = order.compiled.image_size
    pixels = image.resize(read_image(order.picture), height, widest)
    numbers = [f"{value}," for value in pixels.reshape(-1).tolist()]
    rows = [" ".join(numbers[start : start + 24]) for start in range(0, len(numbers), 24)]
    return sources.render("picture.h.j2", picture=order.picture.name, height=height, width=pixels.shape[1], rows=rows)
