"""A pass over the lowered program: rows that nobody reads are not computed."""

from __future__ import annotations

from dataclasses import replace

from ocrm55.compiler.operators.int8.convolution import Convolution, Depthwise
from ocrm55.compiler.operators.int8.elementwise import Lookup
from ocrm55.compiler.operators.int8.pool import AveragePool
from ocrm55.compiler.operators.program import Operator, Program


def drop_unread_rows(program: Program) -> None:
    """Shorten convolutions whose last rows a pooling layer leaves out: 2x2 over three rows reads two of them.

    The pooling layer may be a depthwise convolution; a look-up in front of it is shortened too.
    """
    for reader in program.operators:
        spec = reader.spec
        if not isinstance(spec, AveragePool | Depthwise):
            continue
        above = spec.pads[0] if isinstance(spec, Depthwise) else 0
        read = (spec.output_height - 1) * spec.strides[0] + spec.kernel[0] - above
        writers = _writers(program, reader)
        if not writers or read >= spec.height:
            continue
        reader.spec = replace(spec, height=read)
        for writer in writers:
            tensor = program.tensors[writer.outputs[0]]
            tensor.shape = (1, read, *tensor.shape[2:])
            if isinstance(writer.spec, Lookup):
                writer.spec = replace(writer.spec, count=tensor.size)
            else:
                assert isinstance(writer.spec, Convolution)
                writer.spec = replace(writer.spec, output_height=read)


def _writers(program: Program, reader: Operator) -> list[Operator]:
    """The look-up and the convolution that make what `reader` alone reads; none where it is anything else."""
    found: list[Operator] = []
    while True:
        image = (found[-1] if found else reader).inputs[0]
        writer = next((o for o in program.operators if image in o.outputs), None)
        if writer is None or sum(image in o.inputs for o in program.operators) > 1:
            return []
        found.append(writer)
        if isinstance(writer.spec, Convolution):
            return found
        if not isinstance(writer.spec, Lookup):
            return []
