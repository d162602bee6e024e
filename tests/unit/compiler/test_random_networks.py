"""Random networks, and small ones in which such networks found faults: compiled, run under sanitizers, compared."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest

from tests.random_networks import trial
from tests.random_networks.networks import Case, case
from tests.random_networks.programs import Builder
from tests.unit.compiler.onnx_networks import network

COUNT, FIRST = 200, 1
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return Builder(tmp_path_factory.mktemp("random-networks"))


@pytest.mark.slow
def test_random_networks(builder: Builder) -> None:
    results = list(trial.run((case(FIRST + number) for number in range(COUNT)), builder))
    wrong = [f"{each.seed} {each.style}: {each.reason}" for each in results if each.kind == "wrong"]
    assert wrong == [], "python -m tests.random_networks --count 1 --seed SEED --style STYLE tries one of them"
    kinds = Counter((each.style, each.kind) for each in results)
    assert kinds["float32", "refused"] == 0
    assert sum(count for (_, kind), count in kinds.items() if kind == "right") >= COUNT // 2


def weights(*shape: int) -> np.ndarray:
    return RNG.normal(0, 1 / np.sqrt(max(1, np.prod(shape[1:]))), shape).astype(np.float32)


BORDER = {"pads": [1, 1, 1, 1]}
HEAD = [
    ("AveragePool", ["z"], "p", {"kernel_shape": [8, 1]}),
    ("Squeeze", ["p", "two"], "q", {}),
    ("Transpose", ["q"], "t", {"perm": [0, 2, 1]}),
    ("MatMul", ["t", "head"], "m", {}),
    ("Softmax", ["m"], "y", {"axis": -1}),
]


def recognizer(channels: int, *nodes: tuple, **constants: np.ndarray) -> onnx.ModelProto:
    """A network on images of 8x12 whose nodes write `z` with these channels, and a head of five classes."""
    given = {"two": np.array([2]), "head": weights(channels, 5), "w0": weights(4, 3, 3, 3), **constants}
    first = [("Conv", ["x", "w0"], "a", BORDER), ("Relu", ["a"], "b", {})]
    return network([1, 3, 8, 12], [*first, *nodes, *HEAD], given, [1, 12, 5])


FOUND = {
    "a concatenation in front of a depthwise convolution": recognizer(
        10,
        ("Conv", ["b", "w1"], "c", {}),
        ("HardSwish", ["c"], "d", {}),
        ("Concat", ["b", "d"], "e", {"axis": 1}),
        ("Conv", ["e", "wd"], "z", {**BORDER, "group": 10}),
        w1=weights(6, 4, 1, 1),
        wd=weights(10, 1, 3, 3),
    ),
    "a concatenation of a concatenation": recognizer(
        11,
        ("Conv", ["b", "w1"], "c", {}),
        ("Concat", ["b", "c"], "d", {"axis": 1}),
        ("MaxPool", ["b"], "e", {**BORDER, "kernel_shape": [3, 3]}),
        ("Concat", ["e", "d"], "z", {"axis": 1}),
        w1=weights(3, 4, 1, 1),
    ),
    "several groups": recognizer(8, ("Conv", ["b", "w1"], "z", {"group": 2}), w1=weights(8, 2, 1, 1)),
    "two outputs for each channel": recognizer(
        8, ("Conv", ["b", "w1"], "z", {**BORDER, "group": 4}), w1=weights(8, 1, 3, 3)
    ),
    **{
        f"a depthwise window of {rows}x{columns}": recognizer(
            4,
            ("Conv", ["b", "w1"], "z", {"group": 4, "auto_pad": "SAME_LOWER"}),
            w1=weights(4, 1, rows, columns),
        )
        for rows, columns in ((1, 1), (1, 3), (2, 2), (4, 2), (5, 1), (5, 5))
    },
    "borders that follow the size": recognizer(
        5, ("Conv", ["b", "w1"], "z", {"auto_pad": "SAME_LOWER"}), w1=weights(5, 4, 2, 4)
    ),
    "another slope of a hard-sigmoid": recognizer(
        4, ("Conv", ["b", "w1"], "c", {}), ("HardSigmoid", ["c"], "z", {}), w1=weights(4, 4, 1, 1)
    ),
    "a sum of parts": recognizer(
        4,
        ("Slice", ["a", "one", "three", "axis"], "c", {}),
        ("Slice", ["a", "two", "four", "axis"], "d", {}),
        ("Conv", ["c", "w1"], "e", {}),
        ("Add", ["e", "d"], "f", {}),
        ("Conv", ["f", "w2"], "z", {}),
        one=np.array([1]), three=np.array([3]), four=np.array([4]), axis=np.array([1]),
        w1=weights(2, 2, 1, 1), w2=weights(4, 2, 1, 1),
    ),
    "a pool of the input": recognizer(
        4, ("MaxPool", ["x"], "c", {**BORDER, "kernel_shape": [3, 3]}), ("Conv", ["c", "w1"], "z", {}),
        w1=weights(4, 3, 1, 1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("style", ["float32", "fused", "unfused", "everywhere"])
@pytest.mark.parametrize("name", FOUND)
def test_what_was_found(name: str, style: str, builder: Builder) -> None:
    (result,) = trial.run([Case(0, style, FOUND[name])], builder)
    assert (result.kind, result.reason) == ("right", "")


@pytest.mark.parametrize(
    ("seed", "style", "kind", "reason"),
    [
        # Parts of one tensor by a table and by a copy: the table's may be a step off.
        (400403, "fused", "right", ""),
        # A swish of small values: a table down to -10 had entries of two steps.
        (401722, "fused", "right", ""),
        # A product grows to infinity in the model itself, and a softmax makes no number of it.
        (90093, "float32", "refused", "the model itself gives infinite values or no numbers (NaN) for a picture."),
    ],
)
def test_networks_that_were_misjudged(seed: int, style: str, kind: str, reason: str, builder: Builder) -> None:
    (result,) = trial.run([case(seed, style)], builder)
    assert (result.kind, result.reason) == (kind, reason)


def test_an_output_that_is_a_part_has_its_own_bytes(builder: Builder) -> None:
    ends = {"from": np.array([5]), "to": np.array([7]), "axis": np.array([2])}
    nodes = [
        ("Relu", ["x"], "a", {}),
        ("Slice", ["a", *ends], "b", {}),
        ("Reshape", ["b", "shape"], "y", {}),
    ]
    constants = {**ends, "shape": np.array([2, 12])}
    (result,) = trial.run([Case(0, "float32", network([1, 1, 8, 12], nodes, constants, [2, 12]))], builder)
    assert (result.kind, result.reason) == ("right", "")


def test_no_result_takes_the_place_of_a_constant(builder: Builder) -> None:
    nodes = [
        ("GlobalAveragePool", ["x"], "a", {}),
        ("Mul", ["c", "a"], "b", {}),
        ("Sigmoid", ["b"], "y", {}),
    ]
    model = network([1, 3, 4, 4], nodes, {"c": weights(1, 3, 1, 1)}, [1, 3, 1, 1])
    (result,) = trial.run([Case(0, "float32", model)], builder)
    assert (result.kind, result.reason) == ("right", "")
