"""Run pointwise layers in chunks of pixels, so that the output may lie over the input. This saves bytes of arena.

A pointwise convolution needs a pixel's input only for that pixel's output. In chunks, it may write
a chunk where the inputs of earlier chunks were. Input and output then share their bytes, except for a shift of one
chunk. Depthwise layers run in place anyway, so whole stages of the network fit into the bytes of one tensor.

The sums are the same. So are the instructions, except for the additional calls. The traffic grows: each chunk reads the
layer's weights again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ocrm55.compiler.memory.planner import round_up
from ocrm55.compiler.operators.program import Operator, Overlap, Program
from ocrm55.compiler.operators.stripes import find

TILE = 4  # pixels that a kernel works on together
CHUNK_BYTES = (65536, 32768, 16384, 12288, 8192, 6144, 4096, 2048, 1024)  # tried in this order


@dataclass(frozen=True)
class _Shape:
    """Pixels of a layer, bytes of a pixel before and after it, pixels of a chunk."""

    pixels: int
    before: int
    after: int
    chunk: int

    def forwards(self) -> int:
        """The least distance of the input's start behind the output's start, if chunks go from first to last.

        A chunk's output must end before the chunk's own inputs begin.
        """
        return round_up(max((first + size) * self.after - first * self.before for first, size in self._chunks()))

    def backwards(self) -> int:
        """The least distance of the output's start behind the input's start, if chunks go from last to first.

        A chunk's output must begin behind the chunk's own inputs.
        """
        return round_up(max((first + size) * self.before - first * self.after for first, size in self._chunks()))

    def _chunks(self) -> Iterator[tuple[int, int]]:
        """First pixel and number of pixels of each chunk."""
        for first in range(0, self.pixels, self.chunk):
            yield first, min(self.chunk, self.pixels - first)


@dataclass
class _Chain:
    """Bytes that layers share one after the other, counted from the start of the first."""

    low: int
    high: int

    def cost(self, start: int, size: int) -> int:
        """The bytes of the chain with one more tensor."""
        return max(self.high, start + size) - min(self.low, start)

    def add(self, start: int, size: int) -> None:
        self.low, self.high = min(self.low, start), max(self.high, start + size)


def apply(program: Program, chunk_bytes: int, least_bytes: int) -> None:
    """Make the pointwise layers overlap whose input and output together exceed `least_bytes`.

    A chunk has about `chunk_bytes` of input. The layers that share bytes take the direction that needs fewer bytes.
    """
    places: dict[str, tuple[_Chain, int]] = {}  # tensor -> its shared bytes, and its start in them
    for operator in program.steps:
        if find(program.segments, operator.outputs[0]) is not None:
            continue
        spec, image, output = operator.spec, operator.inputs[0], operator.outputs[0]
        if spec.pixelwise is None or not _may_overlap(program, operator, least_bytes):
            if spec.in_place and image in places:
                places[output] = places[image]
            continue
        pixels, before, after = spec.pixelwise
        chunk = max(chunk_bytes // before // TILE * TILE, TILE)
        shape = _Shape(pixels, before, after, chunk)
        chain, start = places.get(image, (_Chain(0, program.tensors[image].bytes), 0))
        size = program.tensors[output].bytes
        low, high = start - shape.forwards(), start + shape.backwards()
        backwards = chain.cost(high, size) < chain.cost(low, size)
        begin = high if backwards else low
        chain.add(begin, size)
        places[output] = chain, begin
        operator.overlap = Overlap(image, begin - start)
        operator.spec = spec.in_chunks(chunk, backwards)


def _may_overlap(program: Program, operator: Operator, least_bytes: int) -> bool:
    """Whether this operator is the only reader of a tensor of its own, and writes one of its own."""
    image, output = program.tensors[operator.inputs[0]], program.tensors[operator.outputs[0]]
    readers = [other for other in program.operators if image.name in other.inputs]
    own = image.view_of is None and output.view_of is None and image.role == "activation" and len(readers) == 1
    return own and output.dtype == "int8" and image.bytes + output.bytes > least_bytes


def reread_bytes(program: Program) -> int:
    """Bytes of weights that are read again because layers run in chunks."""
    return sum(operator.spec.reread_bytes for operator in program.steps)
