"""Several widths of input in one program. Most words need fewer than 320 columns, and work is proportional to columns.

Weights, scales and tables do not depend on the width, and kernels take it as a number. So there is one straight line of
operators, printed once. Some numbers depend on the width, such as rows of a matrix, or a tensor's place in the arena.
The line reads them from a table with an entry for each width. A width costs these entries, under a kilobyte. Its
results equal those of a program for that width alone to the last bit, from the same quantisation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx
from onnx import shape_inference

from ocrm55.compiler.memory.planner import ALIGN, MemoryPlan
from ocrm55.compiler.operators import variants
from ocrm55.compiler.operators.program import Function, Program
from ocrm55.compiler.widths.padding import TAIL
from ocrm55.errors import InputError, Ocrm55Error, UnsupportedError


@dataclass(frozen=True)
class Fit:
    """The network for images of one width, lowered, emitted and placed like any other program.

    width: columns of the widest image that it takes; its input has some more, for padding.
    """

    width: int
    program: Program
    plan: MemoryPlan

    @property
    def columns(self) -> int:
        return self.program.input_size[2]

    @property
    def steps(self) -> int:
        return self.program.output.shape[-2]


def check(widths: Sequence[int], model: onnx.ModelProto) -> None:
    """Check that the widest is the model's own width: the model was quantised there, and longer images are squeezed to
    it.
    """
    full = model_width(model)
    if widths[-1] != full:
        raise InputError(
            f"the widest of the widths is {widths[-1]} and the model's input has {full} columns.",
            [f"end --widths with {full}"],
        )
    if len(widths) > 1 and widths[-2] + TAIL > full:
        raise InputError(
            f"{widths[-2]} columns and {TAIL} of padding are more than the full width, {full}.",
            [f"leave {widths[-2]} out of --widths"],
        )


def model_width(model: onnx.ModelProto) -> int:
    return int(model.graph.input[0].type.tensor_type.shape.dim[3].dim_value)


def narrowest(widths: Sequence[int], columns: int) -> int:
    """The width at which the firmware reads an image of `columns` first."""
    return next((width for width in widths if columns <= width), widths[-1])


def at_width(model: onnx.ModelProto, width: int) -> onnx.ModelProto:
    """The same network, same weights and scales, for images of another width: an input of TAIL columns more.

    padding.shorten makes the lowered program shorter. Raises UnsupportedError if the model has a fixed width.
    """
    return model if width == model_width(model) else of_columns(model, width + TAIL)


def of_columns(model: onnx.ModelProto, columns: int) -> onnx.ModelProto:
    """The same network for an input of other columns. Raises UnsupportedError if the model has a fixed width."""
    narrow = onnx.ModelProto()
    narrow.CopyFrom(model)
    narrow.graph.input[0].type.tensor_type.shape.dim[3].dim_value = columns
    narrow.graph.output[0].type.tensor_type.ClearField("shape")
    del narrow.graph.value_info[:]
    try:
        inferred = shape_inference.infer_shapes(narrow, strict_mode=True, data_prop=True)
    except onnx.shape_inference.InferenceError as trouble:
        raise _fixed(columns) from trouble
    shapes = [[d.dim_value for d in m.graph.output[0].type.tensor_type.shape.dim] for m in (model, inferred)]
    expected = [*shapes[0][:-2], shapes[0][-2] * columns // model_width(model), shapes[0][-1]]
    if shapes[1] != expected:
        raise _fixed(columns)
    return inferred


def _fixed(width: int) -> UnsupportedError:
    return UnsupportedError(
        f"the model cannot be compiled for {width} columns: its own width is written into its shapes.",
        ["leave --widths out", "export the model again with a width that may change"],
    )


def share(fits: Sequence[Fit]) -> list[Fit]:
    """Make one program of several: the last one, the widest's. Its functions then serve all of them.

    Every plan gets the same arena: the largest, and behind it the bytes that keep the choice.
    """
    if len(fits) == 1:
        return list(fits)
    widest = fits[-1].program
    for fit in fits[:-1]:
        _check_same(fit, widest)
    names = {operator.function for operator in widest.steps}
    for name in names:
        widest.functions[name] = _for_all([fit.program.functions[name] for fit in fits])
    size = -(-max(fit.plan.arena_bytes for fit in fits) // ALIGN) * ALIGN + ALIGN
    return [replace(fit, plan=replace(fit.plan, arena_bytes=size)) for fit in fits]


def _check_same(fit: Fit, widest: Program) -> None:
    """Check that the calls and their arguments are the same. Weights are equal, or the first of the widest's if those
    repeat.

    Some weights have one value for each step, such as the scale of attention's products. There zeros fill up the last
    vector. The full width's values at these places are multiplied with nothing.
    """
    both = list(zip(fit.program.steps, widest.steps, strict=False))
    same = len(fit.program.steps) == len(widest.steps) and all(
        (a.function, a.arguments, [w.name for w in a.workspaces])
        == (b.function, b.arguments, [w.name for w in b.workspaces])
        for a, b in both
    )
    if not same:
        raise UnsupportedError(
            f"at {fit.width} columns the network becomes other operators than at full width.",
            ["leave --arena-limit out", "leave --widths out"],
        )
    for tensor in fit.program.weights():
        ours, theirs = tensor.data, widest.tensors[tensor.name].data
        assert ours is not None and theirs is not None
        values, others = ours.reshape(-1), theirs.reshape(-1)
        used = max(len(np.trim_zeros(values, "b")), len(values) - 3)
        if not others.tobytes().startswith(values[:used].tobytes()):
            raise Ocrm55Error(f"{tensor.name} depends on the width of the input")


def _for_all(functions: Sequence[Function]) -> Function:
    """One C function for all widths. Numbers that differ come from tables, by the parameter `fit`."""
    joined = variants.joined(functions)
    if joined is None:
        raise UnsupportedError(
            f"{functions[-1].name} is other code at another width, so that the widths cannot share it.",
            ["leave --arena-limit out", "leave --widths out"],
        )
    return joined
