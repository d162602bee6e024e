"""`ocrm55 profile` and `ocrm55 report` as commands, on one sample, against the artifact and the ELF."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ocrm55 import cli, elf, stages
from ocrm55.compiler.options import CompileOptions

pytestmark = [pytest.mark.slow, pytest.mark.qemu]

# One 1x1 convolution by hand, float32: 128 x 128 weights, 128 biases, 128 channels of 12 x 160 before and after.
LAYER = "backbone.block_list.4._pointwise_conv._conv"
WEIGHT_BYTES = 4 * (128 * 128 + 128)
TENSOR_BYTES = 4 * 128 * 12 * 160
LAYER_MACS = 128 * 128 * 12 * 160


@pytest.fixture(scope="module")
def options(build_dir: Path) -> stages.Options:
    return stages.Options(build_dir=build_dir, compile=CompileOptions(precision="float32"))


def run(*words: str) -> str:
    done = CliRunner().invoke(cli.app, list(words))
    assert done.exit_code == 0, done.output
    return done.stdout


def test_profile(options: stages.Options, models: Path, tmp_path: Path) -> None:
    sample, out = models / "samples" / "digit.png", tmp_path / "out"
    where = ("--precision", "float32", "--build-dir", str(options.build_dir), "--out", str(out))
    shown = run("profile", str(sample), "--sort", "instructions", *where)
    metadata = json.loads((stages.compiled(options).artifact / "metadata.json").read_text())
    values = json.loads((out / "profile.json").read_text())
    layers, total = values["layers"], values["instructions"]["inference"]

    assert [layer["name"] for layer in layers] == [operator["name"] for operator in metadata["operators"]]
    assert sum(layer["macs"] for layer in layers) == metadata["macs"] == values["totals"]["macs"]
    assert sum(layer["instructions"] for layer in layers) == pytest.approx(total, rel=1e-3)
    assert f"{total:,} instructions" in shown
    # Padding between weights is not a layer's.
    assert 0 <= metadata["weight_bytes"] - values["totals"]["weight_bytes"] < 16 * len(layers)

    (layer,) = [layer for layer in layers if layer["name"] == LAYER]
    assert (layer["weight_bytes"], layer["input_bytes"], layer["output_bytes"]) == (
        WEIGHT_BYTES,
        TENSOR_BYTES,
        TENSOR_BYTES,
    )
    assert (layer["macs"], layer["bound_cycles"]) == (LAYER_MACS, LAYER_MACS // 2)
    for picture in ("instructions", "intensity", "memory", "arena"):
        ET.parse(out / f"{picture}.svg")
    drawn = (out / "memory.svg").read_text()
    for section in elf.read_sections(stages.prepare(options).elf):
        assert f"{section.size:,}" in drawn


def test_report(build_dir: Path, models: Path, samples: dict[Path, str], tmp_path: Path) -> None:
    sample, out = models / "samples" / "ampersand.png", tmp_path / "report.html"
    assert run("report", str(sample), "--build-dir", str(build_dir), "--out", str(out)).strip() == str(out)
    page = out.read_text(encoding="utf-8")
    assert samples[sample].replace("&", "&amp;") in page
    metadata = json.loads((stages.compiled(stages.Options(build_dir=build_dir)).artifact / "metadata.json").read_text())
    assert metadata["precision"] == "int8"  # without --precision
    for words in (f"{metadata['macs']:,}", f"{metadata['arena_bytes']:,}", "QEMU", "apache-tvm", "ampersand.png"):
        assert words in page
    assert "<script" not in page
