"""Fuzzer of ONNX models: mutated small ones through the entrance, and those that pass it on to a lowered program."""

from collections.abc import Iterator
from unittest import mock

from tests.fuzz import protobufs
from tests.fuzz.one_sentence import attempt, fuzz, scratch

_GRAPH, _LOWERING = "ocrm55.compiler.onnx_graph", "ocrm55.compiler.lowering"
MODULES = [
    *(
        f"{_GRAPH}.{name}"
        for name in ("entrance", "inference", "bounds", "graph", "folding", "windows", "uint8", "frontend")
    ),
    *(f"{_LOWERING}.{name}" for name in ("flat", "activations", "float32", "legalise")),
    *(f"{_LOWERING}.int8.{name}" for name in ("walk", "builder", "convolution", "elementwise", "moves", "pool")),
]
_FILE = scratch() / "model.onnx"


def _compile() -> None:
    from ocrm55.compiler import pipeline
    from ocrm55.compiler.onnx_graph import bounds, entrance
    from ocrm55.compiler.options import CompileOptions

    few = {"MOST_OPERATORS": 40, "MOST_VALUES": 1 << 16}  # what a fuzzer can compile some times a second
    with mock.patch.multiple(entrance, **few), mock.patch.object(bounds, "MOST_VALUES", few["MOST_VALUES"]):
        model = entrance.read(_FILE)
        quantised = any(node.op_type == "QuantizeLinear" for node in model.graph.node)
        options = CompileOptions(precision="int8" if quantised else "float32")
        pipeline.check_interface(pipeline.to_program(model, options))


def one_input(data: bytes) -> None:
    _FILE.write_bytes(data)
    attempt(_compile)


def mutate(data: bytes, most: int, seed: int) -> bytes:
    import onnx

    return protobufs.mutated(data, onnx.ModelProto, most, seed)


def seeds() -> Iterator[bytes]:
    """Small networks of all kinds of operators, in float32 and in int8."""
    from tests.random_networks import trial
    from tests.random_networks.networks import STYLES, case

    for style in STYLES:
        for number in range(6):
            model = trial.quantised(case(number, style)).SerializeToString()
            if len(model) <= 8000:
                yield model


if __name__ == "__main__":
    fuzz(one_input, MODULES, mutate)
