"""The files of a package, from a hand-made artifact: names, sizes, places, and what is said when it is not written."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from ocrm55 import boards, cli, resources
from ocrm55.errors import InputError, OutputError
from ocrm55.package import measure, sources
from ocrm55.package.compiled import Compiled
from ocrm55.package.measure import Run
from ocrm55.package.write import Order, check_place, write
from tests import metadata_rows as rows
from tests.unit.package.hand_made import MODEL_C, artifact, metadata
from tests.unit.package.pack_rules import faults


@pytest.fixture
def order(tmp_path: Path, models: Path) -> Order:
    return Order(
        Compiled.read(artifact(tmp_path / "artifact")), boards.find().memories, models / "samples" / "digit.png"
    )


def test_generated_files_are_taken_as_they_are(order: Order) -> None:
    files = sources.files(order.compiled)
    assert files["src/model.c"] == MODEL_C
    assert files["src/operators_conv.c"].endswith('#include "operators.h"\nvoid ocrm55_net_conv(uint8_t *x) {}\n')
    assert files["include/ocrm55_net.h"] == "/* ocrm55_net */\n"
    assert files["include/ocrm55_network.h"] == "/* ocrm55_network */\n"


def test_hand_written_files_are_taken_as_they_are(order: Order) -> None:
    files, firmware = sources.files(order.compiled), resources.folder("firmware")
    for path, own in (
        ("src/recognize.c", "tasks/recognizer/recognize.c"),
        ("include/ocrm55_recognize.h", "tasks/recognizer/ocrm55_recognize.h"),
        ("src/ctc.c", "tasks/recognizer/ctc.c"),
        ("src/ocrm55_kernels.h", "kernels/ocrm55_kernels.h"),
    ):
        assert files[path] == (firmware / own).read_text()


def test_weights_are_the_bytes_of_the_artifact(order: Order) -> None:
    text = sources.files(order.compiled)["src/weights.c"]
    hot, others = text.split("ocrm55_net_weight_words")[:2]
    words = [re.findall(r"0x([0-9a-f]{8})", part) for part in (hot, others)]
    data = [b"".join(int(word, 16).to_bytes(4, "little") for word in part) for part in words]
    assert data == [bytes(range(16)), bytes(range(16, 48))]


def test_header_tells_sizes(order: Order) -> None:
    header = sources.files(order.compiled)["include/ocrm55.h"]
    values = dict(re.findall(r"^#define (\w+) (\d+)$", header, re.M))
    # 4 steps of at most 2 bytes, and the zero.
    assert values["OCRM55_TEXT_BYTES"] == "9"
    assert (values["OCRM55_IMAGE_HEIGHT"], values["OCRM55_IMAGE_WIDTH"]) == ("48", "320")
    assert (values["OCRM55_ARENA_BYTES"], values["OCRM55_CLASSES"]) == ("64", "3")


def test_a_package_says_all_its_files(order: Order, tmp_path: Path) -> None:
    out = write(order, tmp_path / "out")
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert found == set(json.loads((out / "metadata.json").read_text())["package"])
    assert {"LICENSE", "README.md", "CMakeLists.txt", "include/ocrm55.h", "src/kernel_add.c"} <= found
    assert "src/inputs.h" not in found
    built = set(re.findall(r"^  (src/\S+)$", (out / "CMakeLists.txt").read_text(), re.M))
    assert built == {path for path in found if path.startswith("src/") and path.endswith(".c")}


def test_a_text_with_bars_stays_in_its_cell(order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "library", lambda *_: None)
    run = Run("a|b.png", "x|y", "QEMU", 1, 2, 3, 4)
    write(replace(order, run=run), tmp_path / "package")
    text = (tmp_path / "package" / "README.md").read_text(encoding="utf-8")
    (row,) = (line for line in text.splitlines() if line.startswith("| instructions"))
    assert row.replace("\\|", "").count("|") == 3


def test_another_board_s_memories_are_in_the_linker_script(tmp_path: Path, models: Path) -> None:
    regions = [{"name": name, "origin": hex(at), "bytes": 1 << 20} for name, at in (("MRAM", 0), ("SRAM0", 1 << 28))]
    places = dict.fromkeys(boards.PLACED, "SRAM0") | {"code": "MRAM", "weights": "MRAM"}
    board = tmp_path / "board.json"
    board.write_text(json.dumps({"board": "b", "regions": regions, "placement": places, "stack_bytes": 4096}))
    compiled = Compiled.read(artifact(tmp_path / "artifact", placement={}))
    out = write(Order(compiled, boards.read_memories(board), models / "samples" / "digit.png"), tmp_path / "out")
    script = (out / "examples" / "board.ld").read_text()
    assert "MRAM : ORIGIN = 0x00000000, LENGTH = 1048576" in script
    assert "{ *(.rodata.ocrm55.weights) } > MRAM" in script
    assert "{ *(.bss.ocrm55.arena) } > SRAM0" in script
    assert "hot" not in script


def test_same_artifact_gives_the_same_bytes(order: Order, tmp_path: Path) -> None:
    first, second = (write(order, tmp_path / name) for name in ("first", "second"))
    for path in first.rglob("*"):
        assert path.is_dir() or path.read_bytes() == (second / path.relative_to(first)).read_bytes()


@pytest.mark.parametrize("there", ["file", "folder with a file", "below a file", "too long"])
def test_places_that_are_not_ours(there: str, tmp_path: Path) -> None:
    place = tmp_path / "out"
    if there == "folder with a file":
        place.mkdir()
        (place / "precious.c").write_text("precious")
    elif there == "too long":
        place = tmp_path / ("x" * 300)
    else:
        place.write_text("precious")
        place = place / "below" if there == "below a file" else place
    before = sorted(tmp_path.rglob("*"))
    done = CliRunner().invoke(cli.app, ["package", "--out", str(place), "--build-dir", str(tmp_path / "build")])
    assert done.exit_code == OutputError.exit_code
    assert done.output.count("error:") == 1
    assert sorted(tmp_path.rglob("*")) == before  # said before anything is compiled


def test_replaces_only_what_it_wrote(order: Order, tmp_path: Path) -> None:
    out = write(order, tmp_path / "out")
    with pytest.raises(OutputError, match="not empty"):
        check_place(out, replace=False)
    assert write(order, out, replace=True) == out
    (out / "src" / "mine.c").write_text("mine")
    with pytest.raises(OutputError, match=r"src/mine\.c"):
        write(order, out, replace=True)
    (out / "metadata.json").unlink()
    with pytest.raises(OutputError, match="no package"):
        write(order, out, replace=True)
    assert (out / "src" / "mine.c").read_text() == "mine"


def test_full_disk_leaves_nothing(order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(tmp_path.rglob("*"))
    real = Path.write_text

    def full(path: Path, text: str, *arguments: Any, **options: Any) -> int:
        if path.name == "weights.c":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, text, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write(order, tmp_path / "out")
    assert sorted(tmp_path.rglob("*")) == before


def test_artifacts_that_cannot_be_packaged(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        Compiled.read(tmp_path)
    old = artifact(tmp_path / "old")
    values = metadata()
    del values["labels"]
    (old / "metadata.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match="older"):
        Compiled.read(old)


def test_an_npu_s_package_has_its_driver_and_asks_for_a_board(tmp_path: Path, models: Path) -> None:
    npu = rows.npu([rows.region("region_0", command_bytes=100, weight_bytes=200)])
    folder = artifact(tmp_path / "artifact", npu=npu, arena_bytes=80)
    regions_c = '#include "npu_regions.h"\n#include "weights.h"\n'
    (folder / "src" / "npu_regions.c").write_text(regions_c)
    out = write(
        Order(Compiled.read(folder), boards.find().memories, models / "samples" / "digit.png"), tmp_path / "out"
    )
    assert (out / "src" / "npu_regions.c").read_text() == regions_c
    assert '#define OCRM55_WEIGHTS_SECTION ".rodata.ocrm55.weights"' in (out / "src" / "weights.h").read_text()
    header = (out / "include" / "ocrm55.h").read_text()  # whole lines of the cache
    assert re.search(r"OCRM55_ARENA_BYTES 96\n#define OCRM55_ARENA_ALIGN 32", header)
    assert faults(out) == []
    wanted = re.findall(r"\bocrm55_npu_port_\w+(?=\()", (out / "include" / "ocrm55_npu_port.h").read_text())
    given = (out / "examples" / "npu_port.c").read_text()
    assert len(wanted) >= 7
    assert all(re.search(rf"^[a-z].*{name}\(", given, re.M) for name in wanted)


@pytest.mark.skipif(not shutil.which("cmake"), reason="needs cmake")
def test_a_library_that_is_missing_is_named(tmp_path: Path, models: Path) -> None:
    compiled = Compiled.read(artifact(tmp_path / "artifact", libraries=["cmsis-nn"]))
    out = write(Order(compiled, boards.find().memories, models / "samples" / "digit.png"), tmp_path / "out")
    assert "Link CMSIS-NN" in (out / "README.md").read_text()
    configure = ["cmake", "-S", str(out), "-B", str(tmp_path / "build")]
    done = subprocess.run(configure, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "this recognizer calls CMSIS-NN and there is no target cmsis-nn" in " ".join(done.stderr.split())


@pytest.mark.parametrize("content", ["[" * 100_000, '{"package": [["x"]]}', None])
def test_a_folder_whose_list_is_damaged_is_not_replaced(content: str | None, tmp_path: Path) -> None:
    """None: a pipe, which nobody writes to."""
    place = tmp_path / "metadata.json"
    if content is None:
        os.mkfifo(place)
    else:
        place.write_text(content)
    with pytest.raises(OutputError, match="no package that ocrm55 wrote"):
        check_place(tmp_path, replace=True)


def test_a_link_to_a_folder_is_a_stranger_s(tmp_path: Path) -> None:
    place, elsewhere = tmp_path / "package", tmp_path / "elsewhere"
    place.mkdir()
    elsewhere.mkdir()
    (place / "metadata.json").write_text('{"package": ["metadata.json"]}')
    check_place(place, replace=True)
    (place / "link").symlink_to(elsewhere)
    with pytest.raises(OutputError, match="holds link, which ocrm55 did not write"):
        check_place(place, replace=True)
