"""The float pipeline of the host, with a detector that calls bright pixels text, and a recognizer that counts."""

import math
from dataclasses import dataclass

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from ocrm55.evaluation import page_host
from ocrm55.normalisation import Normalisation

pytest.importorskip("paddlex")
LEVELS = Normalisation((0.5,) * 3, (0.5,) * 3, 1 / 255)
CHARSET = ("", "n", "w")


@dataclass(frozen=True)
class Thresholds:
    pixel: float = 0.3
    box: float = 0.6
    unclip: float = 1.5
    candidates: int = 1000


def network(
    nodes: list[onnx.NodeProto], shapes: tuple[list[object], list[object]], constants: dict[str, np.ndarray]
) -> bytes:
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in zip("xy", shapes, strict=True)
    ]
    tensors = [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


def bright() -> bytes:
    """The probability of a pixel is that of being bright."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["m", "twenty"], ["s"]),
        helper.make_node("Sigmoid", ["s"], ["y"]),
    ]
    return network(nodes, ([1, 3, "h", "w"], [1, 1, "h", "w"]), {"twenty": np.array(20, np.float32)})


def says(width: int, letter: int) -> bytes:
    """A recognizer for lines of this width that always reads one letter, whatever it sees."""
    table = np.zeros((1, width // 8, len(CHARSET)), np.float32)
    table[0, :, 0] = 1
    table[0, 20] = np.eye(len(CHARSET))[letter]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[0, 1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["m", "zero"], ["n"]),
        helper.make_node("Add", ["table", "n"], ["y"]),
    ]
    constants = {"zero": np.array(0, np.float32), "table": table}
    return network(nodes, ([1, 3, 48, width], [1, width // 8, len(CHARSET)]), constants)


def spec(size: tuple[int, int]) -> page_host.HostSpec:
    recognizers = {320: says(320, 1), 640: says(640, 2)}
    return page_host.HostSpec({"inference.onnx": bright()}, LEVELS, Thresholds(), recognizers, CHARSET, 48, size)


def test_boxes_grow_as_db_says_and_long_lines_go_to_the_wide_network() -> None:
    page = np.zeros((240, 400, 3), np.uint8)
    page[40:60, 50:130] = 255
    page[120:135, 20:380] = 255
    reader = spec((640, 640)).open()
    lines, scale = reader.read(page)
    reader.close()
    assert scale == 1
    assert len(lines) == 2
    for (left, top, right, bottom), text in (((50, 40, 129, 59), "n"), ((20, 120, 379, 134), "w")):
        grown = (right - left) * (bottom - top) * 1.5 / (2 * (right - left + bottom - top))
        line = next(line for line in lines if line.text == text)
        wanted = (left - grown, top - grown, right + grown, bottom + grown)
        np.testing.assert_allclose([*line.corners.min(0), *line.corners.max(0)], wanted, atol=1.01)


def test_a_page_is_scaled_down_and_its_boxes_up_again() -> None:
    page = np.zeros((600, 1000, 3), np.uint8)
    page[200:260, 100:700] = 255
    reader = spec((320, 320)).open()
    (line,), scale = reader.read(page)
    reader.close()
    assert scale == pytest.approx(0.32)
    assert line.corners.min(0) == pytest.approx((100 - 41, 200 - 41), abs=8)
    assert line.corners.max(0) == pytest.approx((700 + 41, 260 + 41), abs=8)


def test_an_input_has_multiples_of_32_and_the_page_at_its_upper_left() -> None:
    page = np.full((100, 250, 3), 255, np.uint8)
    tensor, (rows, columns) = page_host.detector_input(page, (64, 128), LEVELS)
    assert (rows, columns) == (round(100 * 128 / 250), 128)
    assert tensor.shape == (1, 3, 32 * math.ceil(rows / 32), 128)
    assert (tensor[:, :, :rows, :columns] == 1).all()
    assert (tensor[:, :, rows:] == 0).all()
    assert page_host.detector_input(page, (640, 640), LEVELS)[1] == (100, 250), "a small page is not scaled up"


def test_nothing_found() -> None:
    reader = spec((320, 320)).open()
    assert reader.read(np.zeros((50, 50, 3), np.uint8))[0] == []
    reader.close()
