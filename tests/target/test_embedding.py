"""Several models in one program: in turn, in steps side by side, stopped anywhere, and a page, with the same bits."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from ocrm55 import stages
from ocrm55.artifact import Artifact
from ocrm55.compiler.options import CompileOptions
from ocrm55.package import page
from ocrm55.pictures import read_image
from ocrm55.tasks.recognizer import image
from tests import networks
from tests.target import test_package
from tests.target.programs import require
from tests.target.test_package import Read
from tests.target.test_two_networks import read, readings

MAIN = Path(__file__).parent / "embedded" / "several.c"
PICTURES = ("word_camel", "digit")

pytestmark = [pytest.mark.slow, pytest.mark.qemu]


@dataclass(frozen=True)
class Several:
    """Packages of the two recognizers, the second with a detector; the folder of headers; what they read in turn."""

    packages: list[Path]
    headers: Path
    wanted: list[Read]


@pytest.fixture(scope="module")
def several(build_dir: Path, tmp_path_factory: pytest.TempPathFactory, models: Path) -> Several:
    folder = tmp_path_factory.mktemp("several")
    sources = [str(networks.RECIPES["small_plain"].write(folder / "small_plain")), "fast"]
    chosen = CompileOptions(stepwise=True, decoder="greedy")
    options = [stages.Options(build_dir=build_dir, source=source, compile=chosen) for source in sources]
    artifacts = [Artifact.read(stages.compiled(each).artifact) for each in options]
    text, rows, wanted = "#include <stdint.h>\n", "", []
    for number, name in enumerate(PICTURES):
        for which, artifact in enumerate(artifacts):
            pixels = image.resize(read_image(models / "samples" / f"{name}.png"), *artifact.image_size)
            numbers = ",".join(map(str, pixels.reshape(-1).tolist()))
            text += f"static const uint8_t pixels_{which}_{number}[] = {{{numbers}}};\n"
            rows += f"    {{pixels_{which}_{number}, {pixels.shape[1]}}},\n"
            wanted.append(read(artifact, pixels))
    text += f"static const struct {{ const uint8_t *pixels; int32_t width; }} pictures[] = {{\n{rows}}};\n"
    (folder / "pictures.h").write_text(text)
    (folder / "page.h").write_text("#include <stdint.h>\n" + page.picture(models / "calibration_pages" / "page_00.jpg"))
    others = (["--prefix", "ocrm55_small_plain"], ["--prefix", "reader", "--detector", "bundled", "--size", "256x256"])
    common = ["--stepwise", "--decoder", "greedy"]
    packages = [
        test_package.package(
            folder / f"package_{which}", build_dir, "--source", sources[which], *common, *others[which]
        )
        for which in range(2)
    ]
    return Several(packages, folder, wanted)


def run(several: Several, compiler: str, folder: Path) -> str:
    flags = "" if compiler == "gcc" else "-mcpu=cortex-m55"
    others = [f"-DMORE={several.packages[0]}", "-DLIBRARIES=reader;ocrm55_small_plain", f"-DMAIN={MAIN}"]
    how = {"how": "subdirectory", "target": "bare_own", "others": others}
    built = test_package.build(several.packages[1], several.headers, folder, flags, compiler, **how)
    words = [*([] if compiler == "gcc" else test_package.QEMU), built / "bare_own"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, f"exit status {done.returncode}: {done.stdout}{done.stderr}"
    if compiler != "gcc":
        check_once(built / "bare_own")
    return done.stdout + done.stderr


def check_once(program: Path) -> None:
    """Kernels and decoders that both packages bring are in the program once."""
    listed = test_package.command(["arm-none-eabi-nm", program]).split("\n")
    names = [found[1] for line in listed if (found := re.fullmatch(r"[0-9a-f]+ [TR] (ocrm55_\w+)", line))]
    assert len(names) == len(set(names)) and {"ocrm55_recognize", "ocrm55_pointwise_s8", "ocrm55_page_crop"} <= set(
        names
    )


@pytest.fixture(scope="module")
def on_host(several: Several, tmp_path_factory: pytest.TempPathFactory) -> str:
    require("gcc", "cmake", "ninja")
    return run(several, "gcc", tmp_path_factory.mktemp("host") / "build")


def test_on_this_machine(several: Several, on_host: str) -> None:
    found = readings("\n".join(line for line in on_host.splitlines() if not line.startswith("line ")))
    assert [(each.hash, each.text) for each in found] == [(each.hash, each.text) for each in several.wanted]
    assert [each.score for each in found] == pytest.approx([each.score for each in several.wanted], abs=1e-7)
    assert len(re.findall("^line ", on_host, re.M)) > 3


@pytest.mark.parametrize("compiler", ["arm-none-eabi-gcc", "clang-19"])
def test_on_the_board(compiler: str, several: Several, on_host: str, tmp_path: Path) -> None:
    require(compiler)
    assert run(several, compiler, tmp_path / "build") == on_host
