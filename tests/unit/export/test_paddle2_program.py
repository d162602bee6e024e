"""Shapes of programs of Paddle 2, which Paddle itself wrote, and files that are no program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ocrm55.errors import InputError
from ocrm55.export import paddle2_program

WRITE = """
import sys
import paddle

with paddle.pir_utils.OldIrGuard():
    paddle.enable_static()
    x = paddle.static.data("x", [-1, 3, 48, -1], "float32")
    y = paddle.nn.functional.softmax(paddle.nn.Conv2D(3, 101, (48, 8), 8)(x).squeeze(2).transpose([0, 2, 1]), -1)
    executor = paddle.static.Executor(paddle.CPUPlace())
    executor.run(paddle.static.default_startup_program())
    paddle.static.save_inference_model(sys.argv[1], [x], [y, x], executor)
"""


def test_shapes_of_inputs_and_outputs(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", WRITE, tmp_path / "net"], check=True, capture_output=True, timeout=120)
    inputs, outputs = paddle2_program.shapes(tmp_path / "net.pdmodel")
    assert inputs == [[-1, 3, 48, -1]]
    assert outputs == [[-1, -1, 101], [-1, 3, 48, -1]]


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x0a\x00", b"\x0a" + b"\xff" * 9 + b"\x01"])
def test_what_is_no_program(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.pdmodel").write_bytes(content)
    with pytest.raises(InputError, match="not a Paddle 2 program, or is cut short"):
        paddle2_program.shapes(tmp_path / "net.pdmodel")


def test_an_endless_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "net.pdmodel").open("wb") as file:
        file.truncate(paddle2_program.MOST_BYTES + 1)
    with pytest.raises(InputError, match="more than 268,435,456 bytes"):
        paddle2_program.shapes(tmp_path / "net.pdmodel")
