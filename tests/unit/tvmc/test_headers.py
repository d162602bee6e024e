"""inputs.h, outputs.h and labels.h: read back by a C compiler, they hold what the host computes."""

from __future__ import annotations

import subprocess
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
