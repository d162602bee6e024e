"""inputs.h, outputs.h and labels.h: read back by a C compiler, they hold what the host computes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ocrm55 import cli
from ocrm55.errors import InputError, UnsupportedError
from ocrm55.tasks.recognizer import image
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.tvmc import headers
from tests.unit.tvmc.mlf import WARNINGS, small_network, unpack

PROGRAM = """
#include <stdio.h>
#include "inputs.h"
#include "outputs.h"
#include "labels.h"
int main(void) {
    fwrite(input, sizeof *input, input_len, stdout);
    fwrite(output, sizeof *output, output_len, stdout);
    for (size_t i = 0; i < sizeof labels / sizeof *labels; ++i) printf("%s\\n", labels[i]);
    return 0;
}
"""


def read_back(folder: Path) -> bytes:
    (folder / "main.c").write_text(PROGRAM)
    words = ["gcc", "-std=c99", *WARNINGS, "-I", folder / "include", folder / "main.c", "-o", folder / "main"]
    subprocess.run(words, check=True)
    return subprocess.run([folder / "main"], check=True, capture_output=True).stdout


def test_headers_hold_the_image_and_the_labels(tmp_path: Path, models: Path) -> None:
    picture = models / "samples" / "word_short.png"
    done = CliRunner().invoke(cli.app, ["headers", str(picture), "--out", str(tmp_path / "include")])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "include").iterdir()) == ["inputs.h", "labels.h", "outputs.h"]
    text = read_back(tmp_path)
    values = np.frombuffer(text[: 4 * 3 * 48 * 320], np.float32).reshape(1, 3, 48, 320)
    np.testing.assert_array_equal(values, image.to_tensor(picture))
    rest = text[4 * 3 * 48 * 320 :]
    assert not any(rest[: 4 * 40 * 97])
    assert rest[4 * 40 * 97 :].decode().split("\n")[:-1] == load_charset()


def test_sizes_of_an_archive(tmp_path: Path, models: Path) -> None:
    archive = unpack(tmp_path, small_network()).folder / "net.tar"
    assert headers.read_library(archive) == headers.Interface(9, 14, 35)
    arguments = [str(models / "samples" / "digit.png"), "--library", str(archive), "--out", str(tmp_path / "include")]
    done = CliRunner().invoke(cli.app, ["headers", *arguments])
    assert done.exit_code == 0, done.output
    assert f"const size_t input_len = {3 * 9 * 14};" in (tmp_path / "include" / "inputs.h").read_text()
    assert "const size_t output_len = 35;" in (tmp_path / "include" / "outputs.h").read_text()


def test_labels_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text('cat \nthe "big" dog\\\n???/\nKäse\n', encoding="utf-8")
    names = headers.read_labels(tmp_path / "labels.txt")
    assert names == ["cat", 'the "big" dog\\', "???/", "Käse"]
    text = headers.labels_header(names, headers.SECTION)
    assert '__attribute__((section(".data.tvm"), aligned(16)))' in text
    (tmp_path / "main.c").write_text(f"#include <stdio.h>\n{text}int main(void) {{ return puts(labels[3]) < 0; }}\n")
    words = ["gcc", *WARNINGS, "-x", "c", tmp_path / "main.c", "-o", tmp_path / "main"]
    subprocess.run(words, check=True)
    assert subprocess.run([tmp_path / "main"], check=True, capture_output=True).stdout.decode() == "Käse\n"


def test_wrong_input(tmp_path: Path) -> None:
    (tmp_path / "some.tar").write_bytes(b"no archive")
    for path in (tmp_path / "some.tar", tmp_path / "gone.tar"):
        with pytest.raises(InputError):
            headers.read_library(path)
    with pytest.raises(InputError, match="no text file"):
        headers.read_labels(tmp_path)
    with pytest.raises(InputError, match="no name of a section"):
        headers.write(tmp_path, None, ["a"], headers.Interface(), '"; evil')


def test_model_that_takes_no_image(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Softmax", ["x"], ["y"], axis=-1)],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, 8])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    assert isinstance(model, onnx.ModelProto)
    with pytest.raises(UnsupportedError, match="takes float32"):
        headers.read_library(unpack(tmp_path, model).folder / "net.tar")


def archive_of(path: Path, content: bytes, mode: str = "w", **entry: object) -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        member = tarfile.TarInfo("./metadata.json")
        member.size = len(content)
        for name, value in entry.items():
            setattr(member, name, value)
        archive.addfile(member, io.BytesIO(content))
    return path


def described(shape: object = (1, 3, 48, 320), result: object = (1, 40, 97), dtype: object = "float32") -> bytes:
    main = {"inputs": {"x": {"dtype": dtype, "shape": shape}}, "outputs": {"y": {"dtype": dtype, "shape": result}}}
    return json.dumps({"modules": {"m": {"memory": {"functions": {"main": [main]}}}}}).encode()


def test_an_archive_as_these_tests_write_it_is_read(tmp_path: Path) -> None:
    assert headers.read_library(archive_of(tmp_path / "a.tar", described())) == headers.Interface(48, 320, 3880)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        b"{}",
        b"[]",
        b'{"modules": [1]}',
        b'{"modules": {}}',
        b'{"modules": {"m": 1}}',
        b"not json",
        b"\xff\xfe",
        described(result=[-5]),
        described(result=[10**12]),
        described(result=[1 << 20, 1 << 20]),
        described(result=[1.5]),
        described(result=["4"]),
        described(result=None),
        described(shape=[1, 3, -48, 320]),
        described(shape=[1, 3, 0, 320]),
        described(shape=[1, 3, 48, 10**9]),
        described(shape=[1, 3, True, 320]),
        described(shape={}),
        described(dtype=["float32"]),
        described(dtype="x" * 10_000),
    ],
)
def test_an_archive_of_a_stranger_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    with pytest.raises((InputError, UnsupportedError)) as refused:
        headers.read_library(archive_of(tmp_path / "a.tar", content))
    assert len(refused.value.sentence) < 600


def test_archives_that_are_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tar")
    (tmp_path / "text.tar").write_text("text")
    (tmp_path / "empty.tar").write_bytes(b"")
    cut = archive_of(tmp_path / "cut.tar", described())
    cut.write_bytes(cut.read_bytes()[:600])
    archive_of(tmp_path / "loop.tar", b"", type=tarfile.SYMTYPE, linkname="./metadata.json")
    archive_of(tmp_path / "hard.tar", b"", type=tarfile.LNKTYPE, linkname="./metadata.json")
    archive_of(tmp_path / "fifo.tar", b"", type=tarfile.FIFOTYPE)
    archive_of(tmp_path / "packed.tar", bytes(1 << 20), "w:gz")
    for path in (*sorted(tmp_path.glob("*.tar")), tmp_path, Path("/dev/zero")):
        with pytest.raises(InputError, match="is no archive"):
            headers.read_library(path)


@pytest.mark.parametrize("option", ["--outputs", "--height", "--width"])
def test_sizes_that_no_recognizer_has(option: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli.app, ["headers", option, "1000000000000", "--out", str(tmp_path / "include")])
    assert done.exit_code == InputError.exit_code
    assert not (tmp_path / "include").exists()


def test_labels_that_no_line_can_hold(tmp_path: Path) -> None:
    for text in ("a\n\x1b[31m\n", "a\u2028b\n"):
        (tmp_path / "labels.txt").write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=r"line \d of .* is no label: it has U\+"):
            headers.read_labels(tmp_path / "labels.txt")
