"""An int8 TFLite file under construction: tensors of a program, and what stands between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ocrm55.compiler.operators.int8.convolution import Convolution
from ocrm55.compiler.operators.program import Operator, Program, Quantization
from ocrm55.compiler.targets.ethos_u.region import Region
from ocrm55.errors import Ocrm55Error
from ocrm55.npu_model.tflite_writer import TFLiteWriter

Shape = tuple[int, int, int, int]
Table = npt.NDArray[np.int8]
NONE, RELU = 0, 1  # TFLite's ActivationFunctionType
# The nominal scale if a convolution's channels differ in scale; only ratios of scales enter the arithmetic.
NOMINAL = 2.0**-5
NEAR = 1  # steps that Vela's rounding of a table may be off ours


@dataclass(frozen=True)
class Image:
    """An int8 tensor of the file, [1, rows, columns, channels]."""

    index: int
    shape: Shape
    quantization: Quantization


@dataclass(frozen=True, eq=False)
class StandIn:
    """An operator that Vela reads in the place of a table (lookup_tables.py).

    made: the table that Vela makes of it, wanted: the one to replace it; 256 entries, that of -128 first.
    """

    made: Table
    wanted: Table

    def is_like(self, table: Table, steps: int = NEAR) -> bool:
        return bool(np.abs(self.made.astype(int) - table).max() <= steps)


class File:
    """The file under construction. images: tensor of the program -> tensor of the file.

    stand_ins: what Vela reads for functions by their tables (lookup_tables.py); None in LiteRT's file.
    """

    def __init__(self, program: Program, region: Region, stand_ins: list[StandIn] | None = None) -> None:
        self.program = program
        self.region = region
        self.stand_ins = stand_ins
        self.writer = TFLiteWriter()
        self.images: dict[str, Image] = {}
        self.parts: dict[str, dict[int, Image]] = {}

    def tensor(self, name: str, shape: Shape | None = None) -> Image:
        """Add a tensor of the program."""
        tensor = self.program.tensors[name]
        quantization = tensor.quantization
        if quantization is None and tensor.view_of is not None:
            quantization = self.program.tensors[tensor.view_of].quantization
        if quantization is None:
            quantization = Quantization(NOMINAL, self._zero_point(name))
        self.images[name] = self.new(name, shape or four(tensor.shape), quantization)
        return self.images[name]

    def _zero_point(self, name: str) -> int:
        """The scales of a tensor whose channels differ in scale; a convolution wrote it."""
        specs = [o.spec for o in self.region.operators if name in o.outputs]
        return next((s.epilogue.zero_point for s in specs if isinstance(s, Convolution)), 0)

    def new(self, name: str, shape: Shape, quantization: Quantization) -> Image:
        index = self.writer.tensor(name, shape, np.int8, quantization.step, quantization.zero_point)
        return Image(index, shape, quantization)

    def constant(self, name: str, data: np.ndarray, scale: Any = 0.0, axis: int = 0) -> int:
        return self.writer.tensor(name, data.shape, data.dtype, scale, 0, data=data, axis=axis)

    def same(self, name: str, value: int, quantization: Quantization) -> int:
        """One int8 number that is compared with all of an image of this quantization."""
        data = np.full((1, 1, 1, 1), value, np.int8)
        return self.writer.tensor(
            name, data.shape, np.int8, quantization.step, quantization.zero_point, data=data, axis=0
        )

    def weights(self, operator: Operator) -> list[np.ndarray]:
        found = [self.program.tensors[name] for name in operator.inputs]
        return [tensor.data for tensor in found if tensor.role == "weight" and tensor.data is not None]

    def image(self, name: str, shape: Shape) -> Image:
        """A tensor under its reader's shape, without the rows that the reader leaves out."""
        image = self.images[name]
        if image.shape == shape:
            return image
        rows, wanted = image.shape, shape
        if rows[2:] == wanted[2:] and wanted[1] < rows[1]:
            cut = self.new(f"{name}_rows", shape, image.quantization)
            begin, size = (self.constant(f"{name}_{what}", np.asarray(v, np.int32))
                           for what, v in (("begin", (0, 0, 0, 0)), ("size", shape)))  # fmt: skip
            self.writer.operator("SLICE", [image.index, begin, size], [cut.index], "SliceOptions")
            return cut
        if np.prod(rows) != np.prod(wanted):
            raise Ocrm55Error(f"{name} is {rows}, its reader wants {wanted}")
        moved = self.new(f"{name}_reshaped", shape, image.quantization)
        to = self.constant(f"{name}_shape", np.asarray(shape, np.int32))
        self.writer.operator("RESHAPE", [image.index, to], [moved.index], "ReshapeOptions", NewShape=list(shape))
        return moved

    def write_output(self, operator: Operator, shape: Shape) -> Image:
        """The tensor that an operator writes; a part of a wider tensor joins the other parts."""
        name = operator.outputs[0]
        tensor = self.program.tensors[name]
        stored = four(tensor.shape)
        image = self.tensor(name, stored if np.prod(stored) == np.prod(shape) and stored[3] == shape[3] else shape)
        if image.shape != shape:
            raise Ocrm55Error(f"{name} is {image.shape}, its writer gives {shape}")
        if tensor.view_of is not None:
            self.join(tensor.view_of, tensor.view_offset, image)
        return image

    def join(self, whole: str, first: int, part: Image) -> None:
        """Note a part of a concatenation; the last one completes it."""
        parts = self.parts.setdefault(whole, {})
        parts[first] = part
        shape = four(self.program.tensors[whole].shape)
        if sum(p.shape[3] for p in parts.values()) == shape[3]:
            result = self.tensor(whole)
            ordered = [parts[first].index for first in sorted(parts)]
            self.writer.operator(
                "CONCATENATION", ordered, [result.index], "ConcatenationOptions", Axis=3, FusedActivationFunction=NONE
            )


def four(shape: tuple[int, ...]) -> Shape:
    """A shape with four axes."""
    rows = (1,) * (4 - len(shape)) + shape
    return rows[0], rows[1], rows[2], rows[3]
