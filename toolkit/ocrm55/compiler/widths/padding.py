"""Padding that a narrow input need not compute: far from the image, its values are always the same.

A narrow input is read like the full input, whose padding has hundreds of columns. Of these columns:

- Up to the first operator in which all columns meet (the mean of a squeeze-and-excite), SEEN are computed. The columns
  beyond are known at compile time: they are what the network makes of an empty image. They are put behind the tensor
  for windows that reach there.
- From that operator on, values depend on the image, and TAIL columns are computed. They begin as those constants, so
  the last of them looks like all further columns of the full width. It stands for them wherever all columns meet, and
  windows that reach beyond read it again.

Two things are lost: the image's own trace on padding beyond SEEN, and the last few columns of the full width, which see
its border. docs/widths.md has the figures. At full width nothing is added, and the calls are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ocrm55.compiler.operators.int8.moves import ExtendColumns
from ocrm55.compiler.operators.program import Operator, Overlap, Program, Tensor

SEEN = 2  # columns of padding, in pixels of the input
TAIL = 24  # the same from the first mean on: three steps of the output


def steady_columns(full: Program) -> dict[str, np.ndarray]:
    """The values of a lowered program's image tensors far from image and border: int8 [height, channels], by name.

    full: the program for full width; there an empty image has such columns.
    """
    from ocrm55.compiler.reference.int8.network import IntegerReference

    reference = IntegerReference(full)
    reference.run(reference.input_of(np.zeros((full.input.shape[1], 0, 3), np.uint8)))
    images = {name: values for name, values in reference.tensors.items() if _is_image(full.tensors[name])}
    return {name: np.ascontiguousarray(image[0, :, image.shape[2] // 2]) for name, image in images.items()}


def _is_image(tensor: Tensor) -> bool:
    return tensor.role == "activation" and tensor.dtype == "int8" and len(tensor.shape) == 4


def shorten(program: Program, steady: Mapping[str, np.ndarray], width: int, full: int) -> None:
    """Change a lowered program of `width` + TAIL columns, or of the `full` width, as said above.

    steady: of steady_columns. Programs of all widths get the same operators over tensors of the same names.
    """
    _Shortening(program, steady, width, full).run()
    _let_last_column_stand_for_all(program, width + TAIL if width < full else full, full)


@dataclass
class _Shortening:
    """columns: of the tensors before the first mean, and of the same tensors from there on.
    extended: tensor before the first mean -> the tensor with its padding behind it.
    """

    program: Program
    steady: Mapping[str, np.ndarray]
    width: int
    full: int
    columns: dict[str, tuple[int, int]] = field(default_factory=dict)
    extended: dict[str, str] = field(default_factory=dict)
    operators: list[Operator] = field(default_factory=list)

    @property
    def narrow(self) -> bool:
        return self.width < self.full

    def run(self) -> None:
        self._resize(self.program.input, self.width + SEEN if self.narrow else self.full)
        for operator in self.program.operators:
            self._put_padding_behind(operator)
            self.operators.append(operator)
        self.program.operators = self.operators

    def _put_padding_behind(self, operator: Operator) -> None:
        """Give the operator the columns that it needs to the right of its inputs; add the operators that make them."""
        spec, image, output = operator.spec, operator.inputs[0], self.program.tensors[operator.outputs[0]]
        before_mean = image in self.columns and _is_image(output) and output.view_of is None
        stride = spec.column_stride
        if before_mean and stride is not None:
            columns = self.columns[image][0]
            self._resize(output, -(-columns // stride) if self.narrow else output.shape[2])
            operator.spec = spec.with_columns(columns, output.shape[2], output.size)
            if image != self.program.input.name:  # its padding is zero, like its border
                self._widen(operator, self.steady[image])
        else:
            operator.inputs = [self._whole(name) if name in self.columns else name for name in operator.inputs]
            self._widen(operator, None)

    def _resize(self, tensor: Tensor, columns: int) -> None:
        self.columns[tensor.name] = columns, tensor.shape[2]
        tensor.shape = (*tensor.shape[:2], columns, tensor.shape[3])

    def _widen(self, operator: Operator, beyond: np.ndarray | None) -> None:
        """Columns behind the input of a convolution, as many as its windows reach there."""
        reached = operator.spec.columns_beyond
        if reached is None:
            return
        more = reached if self.narrow else 0
        operator.inputs[0] = self._extend(operator.inputs[0], more, beyond, operator.layer)
        operator.spec = operator.spec.widened(more)

    def _whole(self, name: str) -> str:
        """A tensor before the first mean, in the form for the operators after it."""
        if name not in self.extended:
            before, after = self.columns[name]
            self.extended[name] = self._extend(name, after - before, self.steady[name], f"{name}.padding")
        return self.extended[name]

    def _extend(self, name: str, more: int, beyond: np.ndarray | None, layer: str) -> str:
        image = self.program.tensors[name]
        _, height, width, channels = image.shape
        shape = (1, height, width + more, channels)
        wider = Tensor(f"{name}_extended", shape, image.dtype, "activation", layer, quantization=image.quantization)
        inputs = [name]
        if beyond is not None:
            weight = Tensor(f"{name}_beyond", beyond.shape, "int8", "weight", layer, beyond)
            inputs.append(self.program.add(weight).name)
        operator = Operator(layer, layer, ExtendColumns(height, width, channels, more), inputs, [wider.name])
        operator.outputs = [self.program.add(wider).name]
        if image.view_of is None:  # rows may move up where they lie
            operator.overlap = Overlap(name, 0)
        self.operators.append(operator)
        return wider.name


def _let_last_column_stand_for_all(program: Program, columns: int, full: int) -> None:
    """Count the last column for all further columns of the full width, in means and in attention.

    columns: of an input with the padding that these operators see.
    """
    steps = program.output.shape[-2]
    for operator in program.operators:
        operator.spec = operator.spec.with_last_column_for_all(steps, columns, full) or operator.spec
