"""Paddle to ONNX with static shapes, cleaned until only the network's own arithmetic is left."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper, version_converter

from ocrm55 import files, temporary
from ocrm55.compiler.onnx_graph import bounds, entrance, inference
from ocrm55.compiler.onnx_graph.graph import drop_left_out, inputs_of
from ocrm55.errors import InputError, Ocrm55Error, ToolchainError, UnsupportedError, first_line
from ocrm55.export import apart
from ocrm55.export.constants import evaluate
from ocrm55.export.paddle_folder import PaddleFolder
from ocrm55.inference import OnnxNetwork, softmax

OPSET = 17
OTHER_WIDTH = 64  # pixels more, to see which sizes depend on the width
MOST_SIZES = 1024  # values of a constant that may be sizes
MOST_ROUNDS = 20  # of folding constants
TOLERANCE = 1e-3  # largest difference of a probability from Paddle; rounding gives 1e-5, with random weights 1e-4


def to_onnx(
    model: PaddleFolder,
    destination: Path,
    input_shape: Sequence[int],
    *,
    check_output: Callable[[Sequence[int]], None] | None = None,
    with_softmax: bool = False,
    check: bool = True,
    look: Callable[[Path], None] | None = None,
) -> Path:
    """Convert a Paddle inference model folder to an ONNX file with one static shape, opset 17.

    input_shape: the image's, [1, channels, height, width].
    Batch normalisation and additions of a bias are folded into the convolution before them. Shape arithmetic is
    removed. Operators and tensors are named after their weights.
    check_output: raises InputError for a shape of the output that the task does not know, whatever the program says of
    its own shapes. with_softmax: the network ends with logits and gets the softmax that makes them probabilities.
    `check` compares ONNX Runtime with Paddle on one image of noise and refuses a difference over TOLERANCE.
    look: is given the ONNX file before that, and may raise.

    Raises InputError for a model that cannot be converted, ToolchainError when paddle2onnx fails or the check does.
    """
    graph = static_graph(model.program, model.parameters, {None: input_shape})
    if check_output is not None:
        check_output([dimension.dim_value for dimension in graph.graph.output[0].type.tensor_type.shape.dim])
    if with_softmax:
        graph = _with_softmax(graph)
    with files.atomic_file(destination) as staging:
        onnx.save(graph, str(staging))
        if look is not None:
            look(staging)
        if check:
            difference = largest_difference(model, staging, input_shape, with_softmax)
            if not difference <= TOLERANCE:
                raise ToolchainError(
                    f"the ONNX model differs from Paddle by {difference:.2e}, more than {TOLERANCE:.0e}.",
                    ["ocrm55 doctor, to see whether the versions of paddle2onnx and onnxruntime are the pinned ones"],
                )
    return Path(destination)


def _with_softmax(model: onnx.ModelProto) -> onnx.ModelProto:
    graph = model.graph
    output, last = graph.output[0].name, graph.node[-1]
    logits = f"{output}.logits"
    for node in graph.node:
        node.output[:] = [logits if name == output else name for name in node.output]
        node.input[:] = [logits if name == output else name for name in node.input]
    graph.node.append(onnx.helper.make_node("Softmax", [logits], [output], f"{last.name}/softmax", axis=-1))
    return inference.infer_shapes(model, data_prop=True)


def static_graph(program: Path, parameters: Path, shapes: Mapping[str | None, Sequence[int]]) -> onnx.ModelProto:
    """Any Paddle program as a cleaned ONNX model.

    shapes: the static shapes of inputs, by name; None stands for the only input, whatever its name. Any other input
    keeps its shape in the program.
    """
    return _static(converted(program, parameters), shapes)


def _static(model: onnx.ModelProto, shapes: Mapping[str | None, Sequence[int]]) -> onnx.ModelProto:
    """A model with static inputs, cleaned. Reshapes stay right for other widths where the model's width is open.

    A model that computes sizes from sizes has them as constants once its input is static. The sizes of a second width
    say which of them depend on it.
    """
    fixed = _cleaned(model, shapes)
    shape = shapes.get(None, ())
    if len(shape) == 4 and _leaves_width_open(model) and any(True for _ in _closed_reshapes(fixed)):
        with suppress(Ocrm55Error):  # a width that the model does not take
            _open_reshapes(fixed, _cleaned(model, {None: [*shape[:3], shape[3] + OTHER_WIDTH]}))
    return fixed


def _cleaned(model: onnx.ModelProto, shapes: Mapping[str | None, Sequence[int]]) -> onnx.ModelProto:
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    _fix_inputs(copied, shapes)
    return _Cleaner(copied).clean()


def _leaves_width_open(model: onnx.ModelProto) -> bool:
    dimensions = inputs_of(model.graph)[0].type.tensor_type.shape.dim
    return len(dimensions) == 4 and dimensions[3].dim_value < 1


def _closed_reshapes(model: onnx.ModelProto) -> Iterator[tuple[onnx.NodeProto, onnx.TensorProto]]:
    """The reshapes to sizes of which none is left open, and the constants that hold these."""
    constants = {each.name: each for each in model.graph.initializer}
    for node in model.graph.node:
        found = constants.get(node.input[1]) if node.op_type == "Reshape" else None
        if found is not None and (numpy_helper.to_array(found) >= 0).all():
            yield node, found


def _open_reshapes(model: onnx.ModelProto, wider: onnx.ModelProto) -> None:
    """Leave the one size of a reshape open that a wider input changes."""
    others = {node.name: numpy_helper.to_array(sizes) for node, sizes in _closed_reshapes(wider)}
    for node, constant in list(_closed_reshapes(model)):
        sizes = numpy_helper.to_array(constant)
        other = others.get(node.name)
        if other is not None and other.shape == sizes.shape and (other != sizes).sum() == 1:
            opened = np.where(other != sizes, -1, sizes).astype(np.int64)
            constant.CopyFrom(numpy_helper.from_array(opened, constant.name))


def static_file(path: Path, input_shape: Sequence[int]) -> onnx.ModelProto:
    """An ONNX file as a cleaned model for images of one shape, of opset OPSET at least.

    Raises InputError for a file that is no valid model, UnsupportedError for operators that are not known.
    """
    model = _static(entrance.read(path), {None: input_shape})
    if next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), OPSET) < OPSET:
        try:
            model = version_converter.convert_version(model, OPSET)
        except Exception as trouble:  # the converter, written in C++, raises classes of its own
            raise InputError(
                f"{path} cannot be converted to ONNX opset {OPSET}: {first_line(trouble)}.", ["export the model again"]
            ) from trouble
        model = _Cleaner(model).clean()
    if not model.graph.node:
        raise UnsupportedError(
            f"the output of {path} is its input or a constant: nothing to compile.", ["export the model again"]
        )
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as trouble:  # where the shape of an output cannot be told, for one
        raise InputError(
            f"{path} is no valid ONNX model once it is static: {first_line(trouble)}.", ["export the model again"]
        ) from trouble
    bounds.check(model)
    return model


def file_to_onnx(
    source: Path,
    destination: Path,
    input_shape: Sequence[int],
    *,
    check_output: Callable[[Sequence[int]], None],
    with_softmax: bool = False,
    look: Callable[[Path], None] | None = None,
) -> Path:
    """Convert an ONNX file to one with one static shape, as `to_onnx` does with a Paddle model; raises as it does.

    ONNX Runtime runs both on one image of noise.
    """
    graph = static_file(source, input_shape)
    check_output([dimension.dim_value for dimension in graph.graph.output[0].type.tensor_type.shape.dim])
    if with_softmax:
        graph = _with_softmax(graph)
    with files.atomic_file(destination) as staging:
        onnx.save(graph, str(staging))
        if look is not None:
            look(staging)
        truth = OnnxNetwork(source).run(noise(input_shape))
        found = OnnxNetwork(staging).run(noise(input_shape))
        difference = float(np.abs(found - (softmax(truth) if with_softmax else truth)).max())
        if not difference <= TOLERANCE:
            raise InputError(
                f"{source} and its simplified form differ by {difference:.2e}, or their outputs are no numbers.",
                ["export or copy the model again"],
            )
    return Path(destination)


def noise(input_shape: Sequence[int]) -> np.ndarray:
    """An image of noise in [-1, 1], float32, always the same."""
    return np.random.default_rng(0).uniform(-1, 1, input_shape).astype(np.float32)


def largest_difference(
    model: PaddleFolder, onnx_path: Path, input_shape: Sequence[int], with_softmax: bool = False
) -> float:
    """Largest difference of an output between Paddle and ONNX Runtime on one image of noise in [-1, 1].

    with_softmax: the ONNX file has a softmax that `to_onnx` added, and Paddle's program has none.
    Raises InputError when Paddle cannot run the model, or when its outputs are no numbers.
    """
    tensor = noise(input_shape)
    truth = _paddle_output(model, tensor)
    if not np.isfinite(truth).all():
        raise InputError(
            f"{model.directory} has outputs that are no numbers: its weights are damaged.",
            ["export or copy the model again"],
        )
    found = OnnxNetwork(onnx_path).run(tensor)
    return float(np.abs(found - (softmax(truth) if with_softmax else truth)).max())


def _paddle_output(model: PaddleFolder, tensor: np.ndarray) -> np.ndarray:
    """Paddle's output for a tensor, computed in a process of its own, because a damaged model can end the process."""
    with temporary.folder() as folder:
        source, result = folder / "tensor.npy", folder / "output.npy"
        np.save(source, tensor)
        words = [str(path) for path in (model.program, model.parameters, source, result)]
        done = apart.run("Paddle", "ocrm55.export.paddle_process", words)
        if done.returncode != 0 or not result.is_file():
            raise InputError(
                f"Paddle cannot run {model.directory}: {apart.last_words(done)}.", ["export or copy the model again"]
            )
        return np.load(result)


def converted(program: Path, parameters: Path) -> onnx.ModelProto:
    """A Paddle program converted by paddle2onnx, without folding. Raises as `to_onnx` does.

    It runs in a process of its own, because paddle2onnx prints from C++ and may end the process.
    """
    with temporary.folder() as folder:
        output = folder / "model.onnx"
        arguments = [str(program), str(parameters), str(output), str(OPSET)]
        done = apart.run("paddle2onnx", "ocrm55.export.paddle2onnx_process", arguments)
        if done.returncode != 0 or not output.is_file():
            reason = _reason(done.stdout + done.stderr) or f"it ended with exit status {done.returncode}"
            if "No module named" in reason:
                raise ToolchainError(f"paddle2onnx cannot be used: {reason}.", ["ocrm55 doctor"])
            raise InputError(
                f"paddle2onnx cannot convert {program}: {reason}", ["export the model again with `ocrm55 export`"]
            )
        model = onnx.load(str(output))
    known = {"", *(each.name for each in [*model.graph.input, *model.graph.initializer])}
    for node in model.graph.node:
        lacking = [name for name in node.input if name not in known]
        if lacking:  # paddle2onnx does not complain about weights that it cannot find
            raise InputError(
                f"{parameters} lacks the weights {lacking[0]}; it is cut short or of another model.",
                ["export the model again with `ocrm55 export`"],
            )
        known.update(node.output)
    return model


def _reason(printed: str) -> str:
    """The line of paddle2onnx's output that says what went wrong, without colours and log prefix."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip() for line in printed.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"not supported|\[ERROR\]", line)] or lines[-1:]
    return re.sub(r"^.*\[ERROR\](\[Paddle2ONNX\])?\s*", "", telling[0]) if telling else ""


def _fix_inputs(model: onnx.ModelProto, shapes: Mapping[str | None, Sequence[int]]) -> None:
    """Give the inputs their static shapes and drop constants among them, and every shape that was inferred before."""
    inputs = inputs_of(model.graph)
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    inputs = list(model.graph.input)
    for name, shape in shapes.items():
        known = [each for each in inputs if name in (None, each.name)]
        if len(known) != 1:
            names = ", ".join(f"`{each.name}`" for each in inputs)
            if name is None:
                raise InputError(f"the model has {len(inputs)} inputs, not one: {names or 'all are constants'}.")
            raise InputError(f"the model has no input `{name}`; its inputs are {names}.")
        dimensions = known[0].type.tensor_type.shape.dim
        if len(dimensions) != len(shape):
            raise InputError(f"`{known[0].name}` has {len(dimensions)} dimensions, not {len(shape)}.")
        for dimension, size in zip(dimensions, shape, strict=True):
            dimension.dim_value = int(size)
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]


class _Cleaner:
    """Rewrites a converted graph step by step; every step leaves a graph that computes the same."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.nodes = list(model.graph.node)
        for node in self.nodes:
            drop_left_out(node)
        self.constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
        self.inputs = [each.name for each in model.graph.input]
        self.outputs = [each.name for each in model.graph.output]
        self._added = 0

    def clean(self) -> onnx.ModelProto:
        self._fold_constants(shapes={})
        self._drop_identities()
        # Shapes are known once the graph is written back with its static input; then Shape operators fold as well.
        # Each round lets more shapes be inferred; a network needs two or three.
        for _ in range(MOST_ROUNDS):
            before = len(self.nodes)
            self._fold_constants(self._infer_shapes())
            self._drop_identities()
            if len(self.nodes) == before:
                break
        self._fold_biases()
        self._fold_batch_norms()
        self._drop_unused()
        self._name_by_layers()
        return self._write()

    def _fold_constants(self, shapes: dict[str, list[int]]) -> None:
        """Compute everything that depends on constants only, and Shape of tensors whose shape is known."""
        kept = []
        for node in self.nodes:
            if node.op_type == "Shape" and node.input[0] in shapes:
                self.constants[node.output[0]] = np.array(shapes[node.input[0]], dtype=np.int64)
            elif all(name == "" or name in self.constants for name in node.input):
                inputs = {name: self.constants[name] for name in node.input if name}
                values = evaluate(node, inputs, self.model)
                self._bound(sum(v.size for v in values) - sum(v.size for v in inputs.values()))
                self.constants.update(zip(node.output, values, strict=True))
            else:
                self._give_axes(node)
                kept.append(node)
        self.nodes = kept

    def _bound(self, more: int) -> None:
        """Count the values by which results of operators outnumber their inputs, and refuse too many of all."""
        self._added += max(more, 0)
        bounds.check_added(self._added, ["export the model again"])

    def _give_axes(self, node: onnx.NodeProto) -> None:
        """Paddle 2 has no tensors without an axis: constants that are concatenated have one."""
        for index, name in enumerate(node.input if node.op_type == "Concat" else []):
            if name in self.constants and self.constants[name].ndim == 0:
                node.input[index] = f"{name}.of_one"
                self.constants[node.input[index]] = self.constants[name].reshape(1)

    def _drop_identities(self) -> None:
        """Remove Identity, x + 0 and x * 1, which paddle2onnx writes for casts and for Paddle's `scale`."""
        renamed: dict[str, str] = {}
        kept = []
        for node in self.nodes:
            for index, name in enumerate(node.input):
                node.input[index] = renamed.get(name, name)
            if node.output[0] not in self.outputs and (same := self._passes_through(node)) is not None:
                renamed[node.output[0]] = same
            else:
                kept.append(node)
        self.nodes = kept

    def _passes_through(self, node: onnx.NodeProto) -> str | None:
        if node.op_type == "Identity":
            return node.input[0]
        neutral = {"Add": 0, "Mul": 1}.get(node.op_type)
        if neutral is None:
            return None
        for value, other in ((node.input[0], node.input[1]), (node.input[1], node.input[0])):
            constant = self.constants.get(other)
            if constant is not None and constant.size == 1 and constant.ndim <= 1 and constant.item() == neutral:
                return value
        return None

    def _has_parameters(self, node: onnx.NodeProto) -> bool:
        """Whether all that a layer reads besides its image is constant."""
        return all(name in self.constants for name in node.input[1:])

    def _consumers(self) -> Counter[str]:
        return Counter([name for node in self.nodes for name in node.input] + self.outputs)

    def _fold_batch_norms(self) -> None:
        """Conv, BatchNormalization -> Conv: scale the filters, move the rest into the bias (computed in float64)."""
        producers = {node.output[0]: node for node in self.nodes}
        consumers = self._consumers()
        kept = []
        for node in self.nodes:
            conv = producers.get(node.input[0]) if node.op_type == "BatchNormalization" else None
            constant = conv is not None and self._has_parameters(conv) and self._has_parameters(node)
            if conv is None or conv.op_type != "Conv" or not constant or consumers[conv.output[0]] != 1:
                kept.append(node)
                continue
            scale, shift, mean, variance = (self.constants[name].astype(np.float64) for name in node.input[1:5])
            epsilon = next((each.f for each in node.attribute if each.name == "epsilon"), 1e-5)
            factor = scale / np.sqrt(variance + epsilon)
            weight = self.constants[conv.input[1]].astype(np.float64)
            bias = self.constants[conv.input[2]].astype(np.float64) if len(conv.input) > 2 else 0.0
            self._set_filter(
                conv, node, weight * factor.reshape(-1, *[1] * (weight.ndim - 1)), (bias - mean) * factor + shift
            )
            conv.output[0] = node.output[0]
        self.nodes = kept

    def _fold_biases(self) -> None:
        """Conv, Add of one number a channel -> Conv with a bias."""
        producers = {node.output[0]: node for node in self.nodes}
        consumers = self._consumers()
        kept = []
        for node in self.nodes:
            conv = producers.get(node.input[0]) if node.op_type == "Add" else None
            addend = self.constants.get(node.input[1]) if conv is not None else None
            foldable = conv is not None and conv.op_type == "Conv" and self._has_parameters(conv)
            if conv is None or addend is None or not foldable or consumers[conv.output[0]] != 1:
                kept.append(node)
                continue
            weight = self.constants[conv.input[1]]
            if addend.size != weight.shape[0] or addend.shape[-3:] != (weight.shape[0], 1, 1):
                kept.append(node)
                continue
            bias = self.constants[conv.input[2]] if len(conv.input) > 2 else np.float32(0)
            self._set_filter(conv, node, weight, addend.reshape(-1) + bias)
            conv.output[0] = node.output[0]
        self.nodes = kept

    def _set_filter(self, conv: onnx.NodeProto, folded: onnx.NodeProto, weight: np.ndarray, bias: np.ndarray) -> None:
        """Give a convolution these, under names that no other operator reads. folded: what they stand for as well."""
        read = {name for node in self.nodes if node is not conv and node is not folded for name in node.input}
        layer = _layer(conv.input[1])
        while f"{layer}.weight" in read or f"{layer}.bias" in read:  # convolutions may share their weights
            layer += "_"
        names = [conv.input[0], f"{layer}.weight", f"{layer}.bias"]
        self.constants[names[1]] = weight.astype(np.float32)
        self.constants[names[2]] = bias.astype(np.float32)
        del conv.input[:]
        conv.input.extend(names)

    def _drop_unused(self) -> None:
        """Remove operators and constants that nobody reads, from the end to the start."""
        wanted = set(self.outputs)
        kept = []
        for node in reversed(self.nodes):
            if wanted.intersection(node.output):
                kept.append(node)
                wanted.update(node.input)
        self.nodes = kept[::-1]
        self.constants = {name: value for name, value in self.constants.items() if name in wanted}

    def _name_by_layers(self) -> None:
        """Name an operator after its weight, or after the layer that fed it last: `backbone.conv1._conv/hardswish`."""
        # For each tensor: the number and the layer of the operator that writes it.
        layers: dict[str, tuple[int, str]] = dict.fromkeys(self.inputs, (-1, "input"))
        renamed: dict[str, str] = {}
        taken: Counter[str] = Counter()
        for number, node in enumerate(self.nodes):
            weights = [name for name in node.input if name in self.constants and _layer(name) != name]
            if weights:
                layer = label = _layer(weights[0])
            else:
                layer = max((layers[name] for name in node.input if name in layers), default=(-1, "input"))[1]
                label = f"{layer}/{node.op_type.lower()}"
            taken[label] += 1
            node.name = label if taken[label] == 1 else f"{label}.{taken[label]}"
            for index, name in enumerate(node.output):
                layers[name] = (number, layer)
                if name not in self.outputs:
                    renamed[name] = node.name if index == 0 else f"{node.name}:{index}"
            for index, name in enumerate(node.input):
                if name in self.constants and not name.startswith(f"{layer}."):
                    renamed.setdefault(name, f"{node.name}:constant{index}")
        for node in self.nodes:
            node.input[:] = [renamed.get(name, name) for name in node.input]
            node.output[:] = [renamed.get(name, name) for name in node.output]
        self.constants = {renamed.get(name, name): value for name, value in self.constants.items()}

    def _infer_shapes(self) -> dict[str, list[int]]:
        """Shapes of all tensors that are static, by name."""
        inferred = self._written(lambda value: value.size <= MOST_SIZES or value.dtype.kind != "f")
        shapes = {}
        for value in [*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output]:
            sizes = [each.dim_value for each in value.type.tensor_type.shape.dim]
            if value.type.tensor_type.HasField("shape") and all(sizes):
                shapes[value.name] = sizes
        return shapes

    def _write(self) -> onnx.ModelProto:
        return self._written(lambda _: True)

    def _written(self, holds: Callable[[np.ndarray], bool]) -> onnx.ModelProto:
        """The graph as a model with inferred shapes. holds: whether it has a constant's values; else an input instead,
        since weights decide no shapes and take long to pass on.
        """
        graph = self.model.graph
        held = {name: value for name, value in self.constants.items() if holds(value)}
        others = [
            onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
            for name, value in self.constants.items()
            if name not in held
        ]
        result = onnx.helper.make_model(
            onnx.helper.make_graph(
                self.nodes,
                "recognizer",
                [*graph.input, *others],
                graph.output,
                [numpy_helper.from_array(np.asarray(value, order="C"), name) for name, value in held.items()],
            ),
            opset_imports=self.model.opset_import,
            ir_version=self.model.ir_version,
            producer_name="ocrm55",
        )
        return inference.infer_shapes(result, data_prop=True)


def _layer(weight: str) -> str:
    """`backbone.conv1._conv.weight` -> `backbone.conv1._conv`; PaddleOCR's `conv2d_0.w_0` -> `conv2d_0`."""
    return weight.removesuffix(".weight").removesuffix(".w_0")
