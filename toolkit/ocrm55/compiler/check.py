"""The last look at a compilation: the lowered program against ONNX Runtime, operator by operator, on three pictures.

Every operator gets ONNX Runtime's own inputs, so that one rounding more or less in an early layer does not hide what a
late one does. A wrong order of bytes, a lost border or a wrong zero point changes most of an operator's outputs by many
steps; other roundings change few of them by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx
from onnx import helper

from ocrm55 import console
from ocrm55.compiler import accelerator_check
from ocrm55.compiler.memory.planner import MemoryPlan
from ocrm55.compiler.operators.int8.elementwise import SumInt8, SumUpsampled
from ocrm55.compiler.operators.int8.pool import AveragePool
from ocrm55.compiler.operators.program import Operator, Program
from ocrm55.compiler.quantization import calibration
from ocrm55.compiler.reference.int8 import stripes
from ocrm55.compiler.reference.int8.network import IntegerReference
from ocrm55.errors import InputError, MiscompiledError
from ocrm55.normalisation import Normalisation

# Tables know their argument to a fraction of a step: with 1024 entries 8 % of the outputs were seen one step off.
MOST_OFF, MOST_FAR_OFF = 0.3, 0.002  # shares of an operator's outputs: by a step, by more
FEW = 3  # outputs that may be off whatever the share: an operator may have one
HALF_TOLERANCE = 1e-6  # of a factor of a sum: float32's rounding of scales
OUTPUT_TOLERANCE = 2e-3  # of the largest output, where it is float32


@dataclass(frozen=True)
class Difference:
    """An operator whose outputs differ. off, far: shares that differ by a step of int8, and by more."""

    layer: str
    kind: str
    off: float
    far: float


def pictures(height: int, width: int) -> list[np.ndarray]:
    """Three pictures, uint8 [height, width, 3], always the same: noise, a soft slope with strokes, and a narrow one."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    columns, rows = np.arange(width), np.arange(height)[:, None]
    slope = (96 + 96 * np.sin(columns / 9.0) + 63 * np.cos(rows / 5.0))[..., None] * [1.0, 0.9, 0.8]
    slope[:, (columns // 3) % 7 == 0] = 8
    narrow = noise[:, : max(1, width // 3)]
    return [noise, np.clip(slope, 0, 255).astype(np.uint8), narrow]


@np.errstate(all="ignore")  # what does not fit saturates, or is found
def check_int8(
    program: Program, model: onnx.ModelProto, normalisation: Normalisation, plan: MemoryPlan | None = None
) -> None:
    """Raise MiscompiledError where a lowered int8 program computes something else than its QDQ model.

    program: of the widest input. model: the QDQ model that it was lowered from; normalisation: of its input. plan: of
    the program; without it an accelerator's part is compared as the operators that it stands for only.
    """
    _, height, width = program.input_size
    reference = IntegerReference(program)
    chosen = pictures(height, width)
    tensors = [normalisation.tensor(pixels, height, width) for pixels in chosen]
    check_tensors(program, model, tensors, lambda place: reference.input_of(chosen[place]), plan)


@np.errstate(all="ignore")
def check_tensors(
    program: Program,
    model: onnx.ModelProto,
    chosen: Sequence[np.ndarray],
    image_of: Callable[[int], np.ndarray],
    plan: MemoryPlan | None = None,
) -> None:
    """As `check_int8` does, on inputs of any kind as the model takes them; image_of: the program's, by its place."""
    plain, session = _in_parts(program), _Watched(model)
    accelerated = 0 if plan is None else accelerator_check.pictures(program, len(chosen))
    if plan is not None:
        accelerator_check.check_weights(program, plan)
    with console.progress("comparing with ONNX Runtime", len(chosen)) as bar:
        for place, tensor in enumerate(chosen):
            values = session.run(tensor)
            watched, image = IntegerReference(plain), image_of(place)
            differences = _differences(watched, values, image)
            if differences:
                raise MiscompiledError(_sentence(differences), _TRIES)
            if plan is not None and place < accelerated:
                accelerator_check.check(program, plan, watched.tensors)
            reference = IntegerReference(plain)
            if program.segments and not stripes.agrees(plain, reference, image):
                raise MiscompiledError("the program computes other numbers in stripes of rows.", _TRIES)
            bar.advance(bar.task_ids[0])


_TRIES = ["--precision float32", "report the model: this is a fault of ocrm55", "--no-check, to look at the C"]


def _sentence(differences: list[Difference]) -> str:
    first = differences[0]
    others = f", and {len(differences) - 1} operators more" if len(differences) > 1 else ""
    return (
        f"the compiled program computes other numbers than the model: {first.kind} of layer {first.layer} is off in "
        f"{first.off:.1%} of its outputs, and by more than a step in {first.far:.1%}{others}."
    )


def _in_parts(program: Program) -> Program:
    """The program with every operator that an accelerator made of others in its parts."""
    operators: list[Operator] = []
    tensors = dict(program.tensors)
    for operator in program.operators:
        operators += operator.spec.parts or [operator]
        tensors = {**operator.spec.part_tensors, **tensors}
    return replace(program, operators=operators, tensors=tensors)


def check_numbers(output: np.ndarray) -> None:
    """Raise InputError where a model's own output, as ONNX Runtime computes it, has infinities or no numbers."""
    if not np.isfinite(output).all():
        raise InputError(
            "the model itself gives infinite values or no numbers (NaN) for a picture.",
            ["train or export the model again", "--no-check, to compile it as it is"],
        )


class _Watched:
    """A QDQ model in ONNX Runtime, with every quantised tensor an output."""

    def __init__(self, model: onnx.ModelProto) -> None:
        import onnxruntime

        watched = onnx.ModelProto()
        watched.CopyFrom(model)
        types = {each.name: each.type.tensor_type.elem_type for each in model.graph.value_info}
        nodes = [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
        self._names = [node.output[0] for node in nodes]
        # By the names that lowering gives to what it makes of them.
        self._layers = [(node.name or node.output[0]).removesuffix(".quantize") for node in nodes]
        for name in self._names:
            kind = types.get(name, onnx.TensorProto.INT8)
            watched.graph.output.append(helper.make_tensor_value_info(name, kind, None))
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                watched.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as trouble:  # of classes that its extension raises
            raise calibration.not_run(trouble) from trouble
        self._output = model.graph.output[0].name

    def run(self, tensor: np.ndarray) -> dict[str, np.ndarray]:
        """Every quantised tensor by the name of its layer, and the output under `""`."""
        wanted = [*self._names, self._output]
        try:
            values = self._session.run(wanted, {self._session.get_inputs()[0].name: tensor})
        except Exception as trouble:
            raise calibration.not_run(trouble) from trouble
        check_numbers(values[-1])
        return dict(zip(self._layers, values, strict=False)) | {"": values[-1]}


def _differences(reference: IntegerReference, values: dict[str, np.ndarray], image: np.ndarray) -> list[Difference]:
    program = reference.program
    known = {
        name: _signed(value)
        for name, source in program.sources.items()
        if source in values and program.tensors[name].view_of is None
        if (value := _that_are_read(program, name, values[source])) is not None
    }
    reference.tensors = {t.name: t.data for t in program.tensors.values() if t.data is not None}
    reference.tensors[program.input.name] = image
    found: list[Difference] = []
    whole = [program.storage(operator.outputs[0]) for operator in program.operators]  # several may write its parts
    complete = {name: place for place, name in enumerate(whole)}
    coarse = {name for operator, name in zip(program.operators, whole, strict=True) if _rounds_coarsely(operator)}
    for place, (operator, name) in enumerate(zip(program.operators, whole, strict=True)):
        reference.step(operator)
        if name in known and complete[name] == place:
            result = reference.tensors[name]
            order = program.orders.get(name)
            wanted = _in_our_order(known[name], result) if order is None else _reordered(known[name], order, result)
            found += _compared(operator, result, wanted, coarse=name in coarse)
            reference.tensors[name] = wanted
    output = reference.tensors[program.output.name].astype(np.float64)
    if (given := program.output.quantization) is not None and program.output.dtype == "int8":
        output = (output - given.zero_point) * given.step
    wanted = values[""].reshape(output.shape).astype(np.float64)  # the output is in the model's order
    tolerance = OUTPUT_TOLERANCE * max(1.0, float(np.abs(wanted).max()))
    wrong = float((~(np.abs(output - wanted) <= tolerance + _step(program))).mean())  # NaN is wrong, too
    if wrong > MOST_FAR_OFF + FEW / output.size:
        found.append(Difference(program.output.layer, "output", wrong, wrong))
    return found


def _that_are_read(program: Program, name: str, value: np.ndarray) -> np.ndarray | None:
    """ONNX's value without the rows that nobody reads, which ours may leave out; None where its order is not known."""
    tensor, order = program.tensors[name], program.orders.get(name)
    if order is not None:
        return value if order.size == value.size and int(order.max()) < tensor.size else None
    if value.size == tensor.size:
        return value
    if value.ndim != 4 or len(tensor.shape) != 4:
        return None
    rows = value[:, :, : tensor.shape[1]]
    return rows if (rows.shape[0], *rows.shape[2:], rows.shape[1]) == tuple(tensor.shape) else None


def _compared(operator: Operator, result: np.ndarray, wanted: np.ndarray, *, coarse: bool) -> list[Difference]:
    """coarse: whether one of those that wrote the result rounds coarsely."""
    off = np.abs(result.reshape(-1).astype(np.int32) - wanted.reshape(-1).astype(np.int32))
    few = FEW / off.size
    shares = float((off > 0).mean()), float((off > 1).mean())
    if (shares[0] <= MOST_OFF + few or coarse) and shares[1] <= MOST_FAR_OFF + few:
        return []
    return [Difference(operator.layer, operator.kind, *shares)]


def _rounds_coarsely(operator: Operator) -> bool:
    """Whether any output may be a step off: means and some sums are often halves, and an entry of a table may cover a
    whole step.
    """
    epilogue = getattr(operator.spec, "epilogue", None)
    if isinstance(operator.spec, SumInt8 | SumUpsampled) and _gives_halves(operator.spec):
        return True
    return isinstance(operator.spec, AveragePool) or (epilogue is not None and epilogue.activation == "table16")


def _gives_halves(spec: SumInt8 | SumUpsampled) -> bool:
    """Whether many results of a sum are halves, as with one scale of both sides and twice that of the sum: ONNX Runtime
    rounds them to even, kernels up.
    """
    gains = np.abs(np.array([spec.step_a, spec.step_b]) / spec.step_y)
    eighths = np.abs(8 * gains - np.rint(8 * gains)) <= 8 * HALF_TOLERANCE
    return bool(eighths.all() and (np.abs(gains - np.rint(gains)) > HALF_TOLERANCE).any())


def _step(program: Program) -> float:
    """What one step of the output stands for; 0 where it never was quantised."""
    steps = [t.quantization.step for t in program.tensors.values() if t.quantization and t.role == "output"]
    return max(steps, default=0.0)


def _signed(value: np.ndarray) -> np.ndarray:
    """uint8 as the int8 that the compiler makes of it."""
    return (value.astype(np.int16) - 128).astype(np.int8) if value.dtype == np.uint8 else value


def _reordered(value: np.ndarray, order: np.ndarray, result: np.ndarray) -> np.ndarray:
    """ONNX's value in the order of ours, and our own result where the value leaves out elements."""
    wanted = result.reshape(-1).copy()
    wanted[order.reshape(-1)] = value.reshape(-1)
    return wanted.reshape(result.shape)


def _in_our_order(value: np.ndarray, result: np.ndarray) -> np.ndarray:
    """ONNX's value in the order of ours, where an image has its channels last.

    A value of four axes may be an image or an attention's; of the two orders it is the one that fits the result.
    """
    while value.ndim > 4 and value.shape[0] == 1:  # ONNX Runtime gives as many axes as the slopes of a PRelu have
        value = value[0]
    orders = [value.reshape(result.shape)]
    if value.ndim == 4:
        orders.append(value.transpose(0, 2, 3, 1).reshape(result.shape))
    return min(orders, key=lambda each: float(np.abs(each.astype(np.float64) - result).mean()))
